//! Aggregations of BigDecimal and BigInteger: sums and extremes keep the type, averages are BigDecimal of 34 digits at most, deviations double.

use super::accumulate::{Accumulator, Ids};
use super::percentile::Place;
use crate::base::{BigDecimal, BigInt, ColumnType, Error, ErrorKind, Result, Value};
use crate::engine::formula::big_quotient;
use crate::memory::Chunk;
use std::any::Any;
use std::cmp::Ordering;
use std::ops::Range;

/// What is made of the numbers of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Of {
    Sum,
    AbsSum,
    Average,
    Min,
    Max,
    Variance,
    StandardDeviation,
    Percentile(Place),
}

/// What is kept of a group: one number for sums and extremes, all of them where they are needed.
#[derive(Clone, Debug, Default)]
struct State {
    count: u64,
    number: Option<BigDecimal>,
    values: Vec<BigDecimal>,
}

struct Big {
    of: Of,
    column_type: ColumnType,
    states: Vec<State>,
    /// The first thing that went wrong; adding cannot fail.
    error: Option<Error>,
}

/// Fresh states of groups for a column of numbers of any length.
pub(super) fn of(of: Of, column_type: ColumnType, groups: usize) -> Box<dyn Accumulator> {
    Box::new(Big { of, column_type, states: vec![State::default(); groups], error: None })
}

fn plus(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal> {
    let scale = a.scale().max(b.scale());
    Ok(BigDecimal::new(a.unscaled_at(scale)? + b.unscaled_at(scale)?, scale))
}

fn absolute(number: &BigDecimal) -> BigDecimal {
    BigDecimal::new(BigInt::from(number.unscaled().magnitude().clone()), number.scale())
}

impl Big {
    fn take(&mut self, group: usize, number: BigDecimal, count: u64) -> Result<()> {
        let of = self.of;
        let state = &mut self.states[group];
        state.count += count;
        let number = if of == Of::AbsSum { absolute(&number) } else { number };
        state.number = Some(match (state.number.take(), of) {
            (None, _) => number,
            (Some(best), Of::Min) => {
                if number.compare(&best) == Ordering::Less {
                    number
                } else {
                    best
                }
            }
            (Some(best), Of::Max) => {
                if number.compare(&best) == Ordering::Greater {
                    number
                } else {
                    best
                }
            }
            (Some(sum), Of::Sum | Of::AbsSum | Of::Average) => plus(&sum, &number)?,
            (Some(any), _) => {
                state.values.push(number);
                any
            }
        });
        Ok(())
    }

    fn result(of: Of, mut state: State) -> Result<Value> {
        let Some(number) = state.number else { return Ok(Value::Null) };
        if matches!(of, Of::Sum | Of::AbsSum | Of::Min | Of::Max) {
            return Ok(Value::big_decimal(number));
        }
        if of == Of::Average {
            return big_quotient(&number, &BigDecimal::new(state.count.into(), 0)).map(Value::big_decimal);
        }
        state.values.push(number);
        if let Of::Percentile(place) = of {
            state.values.sort_by(BigDecimal::compare);
            let (_, high) = place.of(state.values.len());
            return Ok(Value::big_decimal(state.values.swap_remove(high)));
        }
        let count = state.values.len() as f64;
        if state.values.len() == 1 {
            return Ok(Value::Double(f64::NAN));
        }
        // Distances from the exact mean: their doubles lose nothing that matters.
        let first = state.values[0].clone();
        let sum = state.values[1..].iter().try_fold(first, |sum, value| plus(&sum, value))?;
        let mean = big_quotient(&sum, &BigDecimal::new((state.values.len() as u64).into(), 0))?;
        let opposite = BigDecimal::new(-mean.unscaled(), mean.scale());
        let mut squares = 0.0;
        for value in &state.values {
            squares += plus(value, &opposite)?.to_double().powi(2);
        }
        let variance = squares / (count - 1.0);
        Ok(Value::Double(if of == Of::Variance { variance } else { variance.sqrt() }))
    }
}

impl Accumulator for Big {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        for (at, row) in range.enumerate() {
            let number = match chunks[0].value(row) {
                Value::BigDecimal(number) => (*number).clone(),
                Value::BigInteger(number) => BigDecimal::new((*number).clone(), 0),
                _ => continue,
            };
            if let Err(error) = self.take(ids.group(at) as usize, number, 1) {
                self.error.get_or_insert(error);
            }
        }
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        let Some(later) = later.as_any().downcast_ref::<Self>() else { return };
        if let Some(error) = &later.error {
            self.error.get_or_insert_with(|| Error::new(ErrorKind::Evaluation, error.message().to_owned()));
        }
        for (group, state) in later.states.iter().enumerate() {
            let Some(number) = &state.number else { continue };
            if let Err(error) = self.take(group, number.clone(), state.count) {
                self.error.get_or_insert(error);
            }
            self.states[group].values.extend_from_slice(&state.values);
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Big { of, column_type, states, .. } = *self;
        let result = match of {
            Of::Average => ColumnType::BigDecimal,
            Of::Variance | Of::StandardDeviation => ColumnType::Double,
            _ => column_type,
        };
        let value = |state: State| match Big::result(of, state)? {
            Value::BigDecimal(number) if result == ColumnType::BigInteger => {
                Ok(Value::big_integer(number.to_integer()?))
            }
            value => Ok(value),
        };
        Chunk::from_values(result, &states.into_iter().map(value).collect::<Result<Vec<_>>>()?)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
