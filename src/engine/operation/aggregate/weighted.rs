//! Weighted averages and sums. A pair of a value and a weight counts where neither is null; NaN beside a null makes the result NaN all the same,
//! and so does infinity.

use super::super::update_by::values::{doubles, longs};
use super::accumulate::{Accumulator, Ids};
use crate::base::{BigDecimal, Primitive, Result, Value};
use crate::memory::Chunk;
use std::any::Any;
use std::ops::Range;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    count: u64,
    weights: f64,
    products: f64,
}

/// Sums of doubles: an average, or the sum itself.
struct Weighted {
    average: bool,
    states: Vec<State>,
}

impl Accumulator for Weighted {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        let (values, weights) = (numbers(&chunks[0], range.clone()), numbers(&chunks[1], range));
        let counted = |v: f64| if v.is_infinite() { f64::NAN } else { v };
        for (at, (value, weight)) in values.into_iter().zip(weights).enumerate() {
            let (value, weight) = (counted(value), counted(weight));
            if !value.is_null() && !weight.is_null() || value.is_nan() || weight.is_nan() {
                let state = &mut self.states[ids.group(at) as usize];
                state.count += 1;
                state.weights += weight;
                state.products += value * weight;
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        let Some(later) = later.as_any().downcast_ref::<Self>() else { return };
        for (state, later) in self.states.iter_mut().zip(&later.states) {
            state.count += later.count;
            state.weights += later.weights;
            state.products += later.products;
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        let average = self.average;
        let of = |state: &State| match (state.count, average) {
            (0, _) => f64::NULL,
            (_, true) => state.products / state.weights,
            (_, false) => state.products,
        };
        Ok(Chunk::Double(self.states.iter().map(of).collect()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Sums of longs, which wrap.
struct WeightedLong {
    states: Vec<Option<i64>>,
}

impl Accumulator for WeightedLong {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        let (values, weights) = (longs(&chunks[0], range.clone()), longs(&chunks[1], range));
        for (at, (value, weight)) in values.into_iter().zip(weights).enumerate() {
            if !value.is_null() && !weight.is_null() {
                let state = &mut self.states[ids.group(at) as usize];
                *state = Some(state.unwrap_or(0).wrapping_add(value.wrapping_mul(weight)));
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        let Some(later) = later.as_any().downcast_ref::<Self>() else { return };
        for (state, later) in self.states.iter_mut().zip(&later.states) {
            *state = match (*state, *later) {
                (Some(a), Some(b)) => Some(a.wrapping_add(b)),
                (a, b) => a.or(b),
            };
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        Ok(Chunk::Long(self.states.iter().map(|state| state.unwrap_or(i64::NULL)).collect()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Numbers of any length as doubles too.
fn numbers(chunk: &Chunk, range: Range<usize>) -> Vec<f64> {
    if !chunk.column_type().is_big() {
        return doubles(chunk, range);
    }
    let number = |at: usize| match chunk.value(at) {
        Value::BigDecimal(number) => number.to_double(),
        Value::BigInteger(number) => BigDecimal::new((*number).clone(), 0).to_double(),
        _ => f64::NULL,
    };
    range.map(number).collect()
}

/// Averages of values (first input) by weights.
pub(super) fn average(groups: usize) -> Box<dyn Accumulator> {
    Box::new(Weighted { average: true, states: vec![State::default(); groups] })
}

/// Sums of values by weights, in double or long.
pub(super) fn sum(groups: usize, is_floating: bool) -> Box<dyn Accumulator> {
    if is_floating {
        Box::new(Weighted { average: false, states: vec![State::default(); groups] })
    } else {
        Box::new(WeightedLong { states: vec![None; groups] })
    }
}
