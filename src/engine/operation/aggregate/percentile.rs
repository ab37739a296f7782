//! Medians and percentiles: the values of each group are kept, then one (or the two around the place) is selected. A NaN in the group makes
//! the result NaN. The two zeros are one value, which is the negative one if the group has it.

use super::super::sort::{OrderBits, symbol_ranks};
use super::accumulate::{Accumulator, Ids, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive, Result};
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

/// Which of the ascending values of a group is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// 0 for the least, 1 for the greatest.
    pub(super) share: f64,
    /// Whether the mean of the two values is taken where the place parts the values into halves (of the types that have a mean).
    pub(super) average: bool,
}

impl Place {
    /// The place, rounded half up, and the same again. Where a mean is wanted the place is rounded down, and it is those on both sides of the
    /// middle if as many values lie up to the place as beyond it.
    pub(super) fn of(self, count: usize) -> (usize, usize) {
        let exact = (count - 1) as f64 * self.share;
        if self.average {
            let lower = (exact.floor() as usize).min(count - 1);
            return (lower, lower + usize::from(2 * (lower + 1) == count));
        }
        let place = ((exact + 0.5).floor() as usize).min(count - 1);
        (place, place)
    }
}

/// A type whose even number of values has a middle between two.
trait Middle: Values + OrderBits {
    /// True for NaN.
    fn poisons(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// Whether the type has a mean of two values.
    fn has_mean(column_type: ColumnType) -> bool {
        column_type.is_floating() || matches!(column_type, ColumnType::Int | ColumnType::Long)
    }

    /// The value that stands for those of a group that are equal to one.
    fn among(self, _group: &[Self]) -> Self {
        self
    }

    /// The means of two values each. They are the same where the number is odd.
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
    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        let mean = |(a, b): (i64, i64)| (i128::from(a) + i128::from(b)) as f64 / 2.0;
        Chunk::Double(middles.into_iter().map(|middle| middle.map_or(f64::NULL, mean)).collect())
    }
}

/// The mean of two middle values that does not overflow and keeps infinities.
fn mean(a: f64, b: f64) -> f64 {
    if a == b { a } else { a / 2.0 + b / 2.0 }
}

impl Middle for f32 {
    fn among(self, group: &[Self]) -> Self {
        if self == 0.0 && group.iter().any(|v| *v == 0.0 && v.is_sign_negative()) { -0.0 } else { self }
    }

    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        let mean = |(a, b): (f32, f32)| mean(f64::from(a), f64::from(b)) as f32;
        Chunk::Float(middles.into_iter().map(|middle| middle.map_or(f32::NULL, mean)).collect())
    }
}

impl Middle for f64 {
    fn among(self, group: &[Self]) -> Self {
        if self == 0.0 && group.iter().any(|v| *v == 0.0 && v.is_sign_negative()) { -0.0 } else { self }
    }

    fn column(middles: Vec<Option<(Self, Self)>>, _: ColumnType) -> Chunk {
        Chunk::Double(middles.into_iter().map(|middle| middle.map_or(f64::NULL, |(a, b)| mean(a, b))).collect())
    }
}

/// The values that are not null, with their groups.
struct Percentile<T> {
    place: Place,
    column_type: ColumnType,
    groups: usize,
    values: Vec<T>,
    ids: Vec<u32>,
}

impl<T: Middle> Accumulator for Percentile<T> {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        for (at, &value) in T::of(&chunks[0])[range].iter().enumerate().filter(|(_, value)| !value.is_null()) {
            self.values.push(value);
            self.ids.push(ids.group(at));
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            self.values.extend_from_slice(&later.values);
            self.ids.extend_from_slice(&later.ids);
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        let average = self.place.average && T::has_mean(self.column_type);
        let place = Place { average, ..self.place };
        let mut middles = select(self.groups, &self.ids, &self.values, place, |value, group| value.among(group));
        for (&group, &value) in self.ids.iter().zip(&self.values).filter(|(_, value)| value.poisons()) {
            middles[group as usize] = Some((value, value));
        }
        Ok(if average { T::column(middles, self.column_type) } else { upper(middles, self.column_type) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The values at a place of each group and just below it, in order of [`OrderBits`]; the same where the place is that of one value.
/// Of values that are equal `among` picks one.
fn select<T: Copy + OrderBits>(
    groups: usize,
    ids: &[u32],
    values: &[T],
    place: Place,
    among: impl Fn(T, &[T]) -> T,
) -> Vec<Option<(T, T)>> {
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
    let of = |group: usize, sorted: &mut [T]| {
        let own = &mut sorted[starts[group]..starts[group + 1]];
        if own.is_empty() {
            return None;
        }
        let (low, high) = place.of(own.len());
        let (below, value, _) = own.select_nth_unstable_by_key(high, |value| value.order_bits());
        let value = *value;
        let lower = if low == high { None } else { below.iter().copied().max_by_key(|value| value.order_bits()) };
        let lower = lower.unwrap_or(value);
        Some((among(lower, own), among(value, own)))
    };
    (0..groups).map(|group| of(group, &mut sorted)).collect()
}

/// The rank of a symbol as a value.
#[derive(Clone, Copy)]
struct Rank(u32);

impl OrderBits for Rank {
    fn order_bits(self) -> u64 {
        u64::from(self.0)
    }
}

struct PercentileSymbol {
    place: Place,
    groups: usize,
    symbols: Arc<Symbols>,
    ranks: Vec<u32>,
    values: Vec<Rank>,
    ids: Vec<u32>,
}

impl Accumulator for PercentileSymbol {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        let Chunk::String(strings) = &chunks[0] else { return };
        for (at, code) in strings.codes[range].iter().enumerate() {
            if let Some(&rank) = self.ranks.get(code.index()) {
                self.values.push(Rank(rank));
                self.ids.push(ids.group(at));
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            self.values.extend_from_slice(&later.values);
            self.ids.extend_from_slice(&later.ids);
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        let mut of_rank = vec![SymbolCode::NULL; self.ranks.len() + 1];
        (0..).zip(&self.ranks).for_each(|(code, &rank)| of_rank[rank as usize] = SymbolCode(code));
        let place = Place { average: false, ..self.place };
        let middles = select(self.groups, &self.ids, &self.values, place, |value, _| value).into_iter();
        let codes = middles.map(|m| m.map_or(SymbolCode::NULL, |(_, upper)| of_rank[upper.0 as usize])).collect();
        Ok(Chunk::String(StringChunk { codes, symbols: self.symbols }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Percentiles of any type; strings come with their one symbol table.
pub(super) fn percentile(
    column_type: ColumnType,
    symbols: Option<Arc<Symbols>>,
    groups: usize,
    place: Place,
) -> Box<dyn Accumulator> {
    for_type!(column_type, T => {
        Box::new(Percentile::<T> { place, column_type, groups, values: Vec::new(), ids: Vec::new() })
    }, String => {
        let symbols = symbols.unwrap_or_else(|| Arc::new(Symbols::empty()));
        let ranks = symbol_ranks(&symbols);
        Box::new(PercentileSymbol { place, groups, symbols, ranks, values: Vec::new(), ids: Vec::new() })
    })
}
