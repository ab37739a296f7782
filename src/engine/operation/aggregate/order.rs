//! Least and greatest values. NaN in a group makes the result NaN; of values that compare equal the first stays.

use super::super::sort::symbol_ranks;
use super::accumulate::{Accumulator, Fold, Folded, Ids, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive, Result};
use crate::io::vectorized;
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use std::any::Any;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

struct Extreme<T> {
    greatest: bool,
    column_type: ColumnType,
    value: PhantomData<T>,
}

/// The best value so far; null before the first.
#[derive(Clone, Copy)]
struct Best<T: Primitive>(T);

impl<T: Primitive> Default for Best<T> {
    fn default() -> Self {
        Best(T::NULL)
    }
}

impl<T: Values> Fold for Extreme<T> {
    type Value = T;
    type State = Best<T>;

    fn add(&self, state: &mut Best<T>, value: T) {
        let best = state.0;
        let unordered = |value: T| value.partial_cmp(&value).is_none();
        if value.is_null() || unordered(best) {
            return;
        }
        let better = if self.greatest { value > best } else { value < best };
        if better || best.is_null() || unordered(value) {
            state.0 = value;
        }
    }

    fn add_run(&self, state: &mut Best<T>, values: &[T]) {
        let found = if self.greatest { extreme_of::<T, true>(values) } else { extreme_of::<T, false>(values) };
        match found {
            Some(best) => self.add(state, best),
            None => values.iter().for_each(|&value| self.add(state, value)),
        }
    }

    fn merge(&self, state: &mut Best<T>, later: Best<T>) {
        self.add(state, later.0);
    }

    fn finish(&self, states: &[Best<T>]) -> Chunk {
        T::chunk(states.iter().map(|best| best.0).collect(), self.column_type)
    }
}

/// Lanes of a run: the best of each is found on its own, so that the machine compares several at once.
const LANES: usize = 16;

/// The best of a run of values, of equal ones the first; none where there is a NaN, or nulls alone, or too few for lanes.
fn extreme_of<T: Values, const GREATEST: bool>(values: &[T]) -> Option<T> {
    let (blocks, rest) = values.as_chunks::<LANES>();
    if blocks.len() < 2 {
        return None;
    }
    let unordered = |value: T| value.partial_cmp(&value).is_none();
    let first = values.iter().copied().find(|&value| !value.is_null() && !unordered(value))?;
    let better = |value: T, best: T| if GREATEST { value > best } else { value < best };
    let (lanes, odd) = vectorized(
        #[inline(always)]
        || {
            let (mut lanes, mut odd) = ([first; LANES], [false; LANES]);
            for block in blocks {
                for at in 0..LANES {
                    let value = block[at];
                    odd[at] |= unordered(value);
                    let is_better = better(value, lanes[at]) & !value.is_null();
                    lanes[at] = if is_better { value } else { lanes[at] };
                }
            }
            (lanes, odd)
        },
    );
    if odd.contains(&true) || rest.iter().any(|&value| unordered(value)) {
        return None;
    }
    let present = lanes.into_iter().chain(rest.iter().copied().filter(|value| !value.is_null()));
    let best = present.fold(first, |best, value| if better(value, best) { value } else { best });
    // Of the two zeros, which are equal, the lanes do not tell which came first.
    let zero = T::get_le(&[0; 8]);
    if best == zero { values.iter().copied().find(|&value| value == zero) } else { Some(best) }
}

/// Least or greatest strings: codes compared by the rank of their symbol, 0 before the first.
struct ExtremeSymbol {
    greatest: bool,
    symbols: Arc<Symbols>,
    ranks: Arc<Vec<u32>>,
    best: Vec<u32>,
}

impl ExtremeSymbol {
    fn add_rank(&mut self, group: u32, rank: u32) {
        let best = &mut self.best[group as usize];
        if rank != 0 && (*best == 0 || if self.greatest { rank > *best } else { rank < *best }) {
            *best = rank;
        }
    }
}

impl Accumulator for ExtremeSymbol {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        let Chunk::String(strings) = &chunks[0] else { return };
        let ranks = self.ranks.clone();
        let rank = |code: SymbolCode| ranks.get(code.index()).copied().unwrap_or(0);
        for (at, &code) in strings.codes[range].iter().enumerate() {
            self.add_rank(ids.group(at), rank(code));
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            (0..).zip(&later.best).for_each(|(group, &rank)| self.add_rank(group, rank));
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        let mut of_rank = vec![SymbolCode::NULL; self.ranks.len() + 1];
        (0..).zip(self.ranks.iter()).for_each(|(code, &rank)| of_rank[rank as usize] = SymbolCode(code));
        let codes = self.best.iter().map(|&rank| of_rank[rank as usize]).collect();
        Ok(Chunk::String(StringChunk { codes, symbols: self.symbols }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Least or greatest values of any type; strings come with their one symbol table.
pub(super) fn extreme(
    column_type: ColumnType,
    symbols: Option<Arc<Symbols>>,
    groups: usize,
    greatest: bool,
) -> Box<dyn Accumulator> {
    for_type!(column_type, T => Folded::boxed(Extreme::<T> { greatest, column_type, value: PhantomData }, groups), String => {
        let symbols = symbols.unwrap_or_else(|| Arc::new(Symbols::empty()));
        let ranks = Arc::new(symbol_ranks(&symbols));
        Box::new(ExtremeSymbol { greatest, symbols, ranks, best: vec![0; groups] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Runs, whose values are compared side by side, against one value after the other.
        #[test]
        fn the_best_of_a_run_is_that_of_its_values(
            picks in prop::collection::vec(0usize..12, 0..120),
            usual in 0usize..12,
            greatest in any::<bool>(),
        ) {
            let values = [usual as f64, f64::NULL, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, -3.5, 2.5, 2.5, 1e300, f64::NAN, -1e-300];
            // NaN now and then: among many values there would always be one.
            let values: Vec<f64> = picks.iter().map(|&at| values[if at == 10 && usual != 7 { 0 } else { at }]).collect();
            let fold = Extreme::<f64> { greatest, column_type: ColumnType::Double, value: PhantomData };
            let (mut alone, mut together) = (Best::default(), Best::default());
            values.iter().for_each(|&value| fold.add(&mut alone, value));
            fold.add_run(&mut together, &values);
            prop_assert_eq!(alone.0.to_bits(), together.0.to_bits(), "{:?}", values);
            let fold = Extreme::<u16> { greatest, column_type: ColumnType::Char, value: PhantomData };
            let values: Vec<u16> = picks.iter().map(|&at| if at == 3 { u16::NULL } else { at as u16 * 5_000 }).collect();
            let (mut alone, mut together) = (Best::default(), Best::default());
            values.iter().for_each(|&value| fold.add(&mut alone, value));
            fold.add_run(&mut together, &values);
            prop_assert_eq!(alone.0, together.0, "{:?}", values);
        }
    }
}
