//! Least and greatest values. NaN in a group makes the result NaN; of values that compare equal the first stays.

use super::super::sort::symbol_ranks;
use super::accumulate::{Accumulator, Fold, Folded, Ids, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive, Result};
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

    fn merge(&self, state: &mut Best<T>, later: Best<T>) {
        self.add(state, later.0);
    }

    fn finish(&self, states: &[Best<T>]) -> Chunk {
        T::chunk(states.iter().map(|best| best.0).collect(), self.column_type)
    }
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
