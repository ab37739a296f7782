//! Medians: the values of each group are kept, then the middle is selected. A NaN in the group makes the result NaN.

use super::super::sort::{OrderBits, symbol_ranks};
use super::accumulate::{Accumulator, Ids, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive};
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

/// A type whose even number of values has a middle between two.
trait Middle: Values + OrderBits {
    /// True for NaN.
    fn poisons(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// The result for the two middle values; they are the same where the number is odd.
    fn column(middles: Vec<Option<(Self, Self)>>, column_type: ColumnType) -> Chunk;
}

fn upper<T: Values>(middles: Vec<Option<(T, T)>>, column_type: ColumnType) -> Chunk {
    T::chunk(middles.into_iter().map(|middle| middle.map_or(T::NULL, |(_, upper)| upper)).collect(), column_type)
}

macro_rules! upper_middle {
    ($($t:ty),*) => {$(
        impl Middle for $t {
            fn column(middles: Vec<Option<(Self, Self)>>, column_type: ColumnType) -> Chunk {
                upper(middles, column_type)
            }
        }
    )*};
}
upper_middle!(i8, i16, u16, Boolean);

impl Middle for i32 {
    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        let mean = |(a, b): (i32, i32)| (f64::from(a) + f64::from(b)) / 2.0;
        Chunk::Double(middles.into_iter().map(|middle| middle.map_or(f64::NULL, mean)).collect())
    }
}

impl Middle for i64 {
    fn column(middles: Vec<Option<(Self, Self)>>, column_type: ColumnType) -> Chunk {
        if column_type == ColumnType::DateTime {
            return upper(middles, column_type);
        }
        let mean = |(a, b): (i64, i64)| (i128::from(a) + i128::from(b)) as f64 / 2.0;
        Chunk::Double(middles.into_iter().map(|middle| middle.map_or(f64::NULL, mean)).collect())
    }
}

/// The mean of two middle values that does not overflow and keeps infinities. A zero is positive, whichever came first.
fn mean(a: f64, b: f64) -> f64 {
    if a == b { a + 0.0 } else { a / 2.0 + b / 2.0 }
}

impl Middle for f32 {
    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        let mean = |(a, b): (f32, f32)| mean(f64::from(a), f64::from(b)) as f32;
        Chunk::Float(middles.into_iter().map(|middle| middle.map_or(f32::NULL, mean)).collect())
    }
}

impl Middle for f64 {
    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        Chunk::Double(middles.into_iter().map(|middle| middle.map_or(f64::NULL, |(a, b)| mean(a, b))).collect())
    }
}

/// The values that are not null, with their groups.
struct Median<T> {
    column_type: ColumnType,
    groups: usize,
    values: Vec<T>,
    ids: Vec<u32>,
}

impl<T: Middle> Accumulator for Median<T> {
    fn add(&mut self, ids: Ids<'_>, chunk: &Chunk, range: Range<usize>) {
        for (at, &value) in T::of(chunk)[range].iter().enumerate().filter(|(_, value)| !value.is_null()) {
            self.values.push(value);
            self.ids.push(match ids {
                Ids::All(group) => group,
                Ids::Each(groups) => groups[at],
            });
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            self.values.extend_from_slice(&later.values);
            self.ids.extend_from_slice(&later.ids);
        }
    }

    fn finish(self: Box<Self>) -> Chunk {
        let mut middles = middles(self.groups, &self.ids, &self.values);
        for (&group, &value) in self.ids.iter().zip(&self.values).filter(|(_, value)| value.poisons()) {
            middles[group as usize] = Some((value, value));
        }
        T::column(middles, self.column_type)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The two middle values of each group, in order of [`OrderBits`].
fn middles<T: Copy + OrderBits>(groups: usize, ids: &[u32], values: &[T]) -> Vec<Option<(T, T)>> {
    let mut starts = vec![0usize; groups + 1];
    ids.iter().for_each(|&id| starts[id as usize + 1] += 1);
    for group in 0..groups {
        starts[group + 1] += starts[group];
    }
    let Some(&any) = values.first() else { return vec![None; groups] };
    let mut next = starts.clone();
    let mut sorted = vec![any; values.len()];
    for (&id, &value) in ids.iter().zip(values) {
        sorted[next[id as usize]] = value;
        next[id as usize] += 1;
    }
    let middle = |group: usize, sorted: &mut [T]| {
        let own = &mut sorted[starts[group]..starts[group + 1]];
        let count = own.len();
        if count == 0 {
            return None;
        }
        let (below, upper, _) = own.select_nth_unstable_by_key(count / 2, |value| value.order_bits());
        let upper = *upper;
        let lower = if count % 2 == 1 { None } else { below.iter().copied().max_by_key(|value| value.order_bits()) };
        Some((lower.unwrap_or(upper), upper))
    };
    (0..groups).map(|group| middle(group, &mut sorted)).collect()
}

/// The rank of a symbol as a value.
#[derive(Clone, Copy)]
struct Rank(u32);

impl OrderBits for Rank {
    fn order_bits(self) -> u64 {
        u64::from(self.0)
    }
}

struct MedianSymbol {
    groups: usize,
    symbols: Arc<Symbols>,
    ranks: Vec<u32>,
    values: Vec<Rank>,
    ids: Vec<u32>,
}

impl Accumulator for MedianSymbol {
    fn add(&mut self, ids: Ids<'_>, chunk: &Chunk, range: Range<usize>) {
        let Chunk::String(strings) = chunk else { return };
        for (at, code) in strings.codes[range].iter().enumerate() {
            if let Some(&rank) = self.ranks.get(code.index()) {
                self.values.push(Rank(rank));
                self.ids.push(match ids {
                    Ids::All(group) => group,
                    Ids::Each(groups) => groups[at],
                });
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            self.values.extend_from_slice(&later.values);
            self.ids.extend_from_slice(&later.ids);
        }
    }

    fn finish(self: Box<Self>) -> Chunk {
        let mut of_rank = vec![SymbolCode::NULL; self.ranks.len() + 1];
        (0..).zip(&self.ranks).for_each(|(code, &rank)| of_rank[rank as usize] = SymbolCode(code));
        let middles = middles(self.groups, &self.ids, &self.values).into_iter();
        let codes = middles.map(|m| m.map_or(SymbolCode::NULL, |(_, upper)| of_rank[upper.0 as usize])).collect();
        Chunk::String(StringChunk { codes, symbols: self.symbols })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Medians of any type; strings come with their one symbol table.
pub(super) fn median(column_type: ColumnType, symbols: Option<Arc<Symbols>>, groups: usize) -> Box<dyn Accumulator> {
    for_type!(column_type, T => {
        Box::new(Median::<T> { column_type, groups, values: Vec::new(), ids: Vec::new() })
    }, String => {
        let symbols = symbols.unwrap_or_else(|| Arc::new(Symbols::empty()));
        let ranks = symbol_ranks(&symbols);
        Box::new(MedianSymbol { groups, symbols, ranks, values: Vec::new(), ids: Vec::new() })
    })
}
