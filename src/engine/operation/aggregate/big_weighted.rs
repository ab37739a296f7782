//! Weighted averages and sums of which values or weights are numbers of any length, the others integers: exact, see [`BigPairs`].

use super::accumulate::{Accumulator, Ids};
use crate::base::{ColumnType, Error, ErrorKind, Result, Value};
use crate::engine::formula::BigPairs;
use crate::memory::Chunk;
use std::any::Any;
use std::ops::Range;

struct BigWeighted {
    average: bool,
    result: ColumnType,
    states: Vec<BigPairs>,
    /// The first thing that went wrong; adding cannot fail.
    error: Option<Error>,
}

/// Fresh states of groups; the result is BigDecimal or BigInteger.
pub(super) fn of(average: bool, result: ColumnType, groups: usize) -> Box<dyn Accumulator> {
    Box::new(BigWeighted { average, result, states: vec![BigPairs::default(); groups], error: None })
}

impl Accumulator for BigWeighted {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        for (at, row) in range.enumerate() {
            let state = &mut self.states[ids.group(at) as usize];
            if let Err(error) = state.add(&chunks[0].value(row), &chunks[1].value(row)) {
                self.error.get_or_insert(error);
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        let Some(later) = later.as_any().downcast_ref::<Self>() else { return };
        if let Some(error) = &later.error {
            self.error.get_or_insert_with(|| Error::new(ErrorKind::Evaluation, error.message().to_owned()));
        }
        for (state, later) in self.states.iter_mut().zip(&later.states) {
            if let Err(error) = state.merge(later) {
                self.error.get_or_insert(error);
            }
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let values = self.states.iter().map(|state| state.value(self.result, self.average));
        Chunk::from_values(self.result, &values.collect::<Result<Vec<Value>>>()?)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
