//! From an operation and its columns to the values of a result column.

use super::order::GroupOrder;
use super::scan::NO_PLACE;
use super::values::{doubles, from_doubles, from_longs, longs, order_bits, present};
use super::window::Reach;
use super::{Columns, Decay, Planned, Rolling, UpdateOperation, Window, rolling, scan};
use crate::base::{ColumnType, Primitive, Result};
use crate::engine::Table;
use crate::engine::operation::sort::OrderBits;
use crate::memory::{ArrayChunk, Chunk, Slice};
use std::ops::Range;
use std::sync::Arc;

impl Table {
    /// The values of a result column, in row order.
    pub(super) fn computed(&self, one: &Planned<'_>, columns: &mut Columns<'_>) -> Result<Chunk> {
        columns.read(one.input)?;
        for (name, _) in one.operation.helpers() {
            columns.read(self.position(name.trim())?)?;
        }
        let chunk = self.in_group_order(one, columns)?;
        Ok(columns.order.restore(chunk))
    }

    fn in_group_order(&self, one: &Planned<'_>, columns: &Columns<'_>) -> Result<Chunk> {
        let (order, input) = (&columns.order, &columns.read[&one.input]);
        let nan = match input.column_type() {
            ColumnType::Float | ColumnType::Double => Some(f64::NAN.order_bits()),
            _ => None,
        };
        let is_floating = input.column_type().is_floating();
        match one.operation {
            UpdateOperation::CumulativeSum | UpdateOperation::CumulativeProduct => {
                let is_sum = *one.operation == UpdateOperation::CumulativeSum;
                if is_floating {
                    let values = doubles(input, 0..input.len());
                    let scan = if is_sum { scan::sums_of_doubles } else { scan::products_of_doubles };
                    by_doubles(order, |rows, out| {
                        scan(&values[rows], out);
                        Ok(())
                    })
                } else {
                    let values = longs(input, 0..input.len());
                    let scan = if is_sum { scan::sums_of_longs } else { scan::products_of_longs };
                    by_longs(order, |rows, out| {
                        scan(&values[rows], out);
                        Ok(())
                    })
                }
            }
            UpdateOperation::CumulativeMin | UpdateOperation::CumulativeMax => {
                let greatest = *one.operation == UpdateOperation::CumulativeMax;
                let bits = order_bits(input);
                by_places(order, input, |rows: Range<usize>, out| {
                    scan::extremes(&bits[rows.clone()], rows.start, greatest, nan, out);
                    Ok(())
                })
            }
            UpdateOperation::Fill => {
                let present = present(input);
                by_places(order, input, |rows: Range<usize>, out| {
                    scan::fill(&present[rows.clone()], rows.start, out);
                    Ok(())
                })
            }
            UpdateOperation::Delta(mode) => {
                if is_floating {
                    let values = doubles(input, 0..input.len());
                    let all = order.for_each_group(f64::NULL, |rows, out| {
                        scan::deltas(&values[rows], *mode, 0.0, |a, b| a - b, out);
                        Ok(())
                    })?;
                    return Ok(from_doubles(one.result, all));
                }
                let values = longs(input, 0..input.len());
                let is_char = one.result == ColumnType::Char;
                let minus = |a: i64, b: i64| match a.wrapping_sub(b) {
                    // The last code is null in Deephaven Core.
                    difference if is_char && difference as u16 == u16::MAX => i64::NULL,
                    difference => difference,
                };
                let all = order.for_each_group(i64::NULL, |rows, out| {
                    scan::deltas(&values[rows], *mode, 0, minus, out);
                    Ok(())
                })?;
                Ok(from_longs(one.result, all))
            }
            UpdateOperation::Exponential(kind, decay) => {
                let values = doubles(input, 0..input.len());
                let times = match decay {
                    Decay::Time(column, _) => columns.longs(self.position(column.trim())?),
                    Decay::Ticks(_) => Vec::new(),
                };
                by_doubles(order, |rows: Range<usize>, out| {
                    let first = rows.start;
                    if matches!(decay, Decay::Time(..)) {
                        super::window::check_times(&times[rows.clone()])?;
                    }
                    let left = |before: usize, at: usize| match decay {
                        Decay::Ticks(ticks) => Some((-1.0 / ticks).exp()),
                        Decay::Time(_, nanos) => {
                            let (before, at) = (times[first + before], times[first + at]);
                            if before.is_null() || at.is_null() {
                                return None;
                            }
                            Some((-(at.wrapping_sub(before) as f64) / *nanos as f64).exp())
                        }
                    };
                    scan::exponential(*kind, &values[rows], left, out);
                    Ok(())
                })
            }
            UpdateOperation::Rolling(kind, window) => self.rolled(kind, window, input, columns, nan),
        }
    }

    fn rolled(
        &self,
        kind: &Rolling,
        window: &Window,
        input: &Chunk,
        columns: &Columns<'_>,
        nan: Option<u64>,
    ) -> Result<Chunk> {
        let order = &columns.order;
        let times = match window {
            Window::Time(column, ..) => columns.longs(self.position(column.trim())?),
            Window::Ticks(..) => Vec::new(),
        };
        let reach = match window {
            Window::Ticks(reverse, forward) => Reach::Ticks { reverse: *reverse, forward: *forward },
            Window::Time(_, reverse, forward) => Reach::Time { times: &times, reverse: *reverse, forward: *forward },
        };
        let or_null = |value: f64, count: u64| if count == 0 { f64::NULL } else { value };
        let is_floating = input.column_type().is_floating();
        match kind {
            Rolling::Group => {
                let slices = order.for_each_group(Slice::NULL, |rows: Range<usize>, out| {
                    for (out, window) in out.iter_mut().zip(reach.windows(rows.clone())?) {
                        if let Some(window) = window {
                            *out = Slice::of(rows.start + window.start..rows.start + window.end);
                        }
                    }
                    Ok(())
                })?;
                Ok(Chunk::Array(ArrayChunk { slices, values: Arc::new(input.clone()) }))
            }
            Rolling::Count => {
                let present = present(input);
                by_longs(order, |rows: Range<usize>, out| {
                    rolling::roll(
                        &rolling::Counts(&present[rows.clone()]),
                        &reach.windows(rows)?,
                        i64::NULL,
                        |count| count,
                        out,
                    );
                    Ok(())
                })
            }
            Rolling::Sum if !is_floating => {
                let values = longs(input, 0..input.len());
                by_longs(order, |rows: Range<usize>, out| {
                    let sum = |(sum, count): (i128, u64)| if count == 0 { i64::NULL } else { sum as i64 };
                    rolling::roll(&rolling::Longs(&values[rows.clone()]), &reach.windows(rows)?, i64::NULL, sum, out);
                    Ok(())
                })
            }
            Rolling::Average if !is_floating => {
                let values = longs(input, 0..input.len());
                by_doubles(order, |rows: Range<usize>, out| {
                    let mean = |(sum, count): (i128, u64)| or_null(sum as f64 / count as f64, count);
                    rolling::roll(&rolling::Longs(&values[rows.clone()]), &reach.windows(rows)?, f64::NULL, mean, out);
                    Ok(())
                })
            }
            Rolling::Min | Rolling::Max => {
                let (bits, greatest) = (order_bits(input), *kind == Rolling::Max);
                by_places(order, input, |rows: Range<usize>, out| {
                    let combine = rolling::Extremes { bits: &bits[rows.clone()], greatest, nan };
                    let first = rows.start;
                    let place = |(bits, at): (u64, usize)| if bits == 0 { NO_PLACE } else { (first + at) as u32 };
                    rolling::roll(&combine, &reach.windows(rows)?, NO_PLACE, place, out);
                    Ok(())
                })
            }
            Rolling::Sum | Rolling::Average => {
                let (values, is_sum) = (doubles(input, 0..input.len()), *kind == Rolling::Sum);
                by_doubles(order, |rows: Range<usize>, out| {
                    let mean = |sum: f64, count: u64| match input.column_type() {
                        // As precise as a sum of the values.
                        ColumnType::Float => f64::from(sum as f32) / count as f64,
                        _ => sum / count as f64,
                    };
                    let of = |(sum, count): (f64, u64)| or_null(if is_sum { sum } else { mean(sum, count) }, count);
                    rolling::roll(&rolling::Doubles(&values[rows.clone()]), &reach.windows(rows)?, f64::NULL, of, out);
                    Ok(())
                })
            }
            Rolling::Product => {
                let values = doubles(input, 0..input.len());
                by_doubles(order, |rows: Range<usize>, out| {
                    // A zero among the values makes a positive one.
                    let of = |(product, count): (f64, u64)| or_null(if product == 0.0 { 0.0 } else { product }, count);
                    rolling::roll(&rolling::Products(&values[rows.clone()]), &reach.windows(rows)?, f64::NULL, of, out);
                    Ok(())
                })
            }
            Rolling::Deviation => {
                let values = doubles(input, 0..input.len());
                by_doubles(order, |rows: Range<usize>, out| {
                    let of = |(count, _, squares): (f64, f64, f64)| match count {
                        0.0 => f64::NULL,
                        1.0 => f64::NAN,
                        count => (squares / (count - 1.0)).sqrt(),
                    };
                    rolling::roll(&rolling::Moments(&values[rows.clone()]), &reach.windows(rows)?, f64::NULL, of, out);
                    Ok(())
                })
            }
            Rolling::WeightedAverage(weight) => {
                let values = doubles(input, 0..input.len());
                let weights = columns.doubles(self.position(weight.trim())?);
                by_doubles(order, |rows: Range<usize>, out| {
                    let combine = rolling::Weighted { values: &values[rows.clone()], weights: &weights[rows.clone()] };
                    let of = |(weights, products, count): (f64, f64, u64)| or_null(products / weights, count);
                    rolling::roll(&combine, &reach.windows(rows)?, f64::NULL, of, out);
                    Ok(())
                })
            }
        }
    }
}

/// Longs that `kernel` computes by group.
fn by_longs(order: &GroupOrder, kernel: impl Fn(Range<usize>, &mut [i64]) -> Result<()> + Sync) -> Result<Chunk> {
    Ok(Chunk::Long(order.for_each_group(i64::NULL, kernel)?))
}

/// Doubles that `kernel` computes by group.
fn by_doubles(order: &GroupOrder, kernel: impl Fn(Range<usize>, &mut [f64]) -> Result<()> + Sync) -> Result<Chunk> {
    Ok(Chunk::Double(order.for_each_group(f64::NULL, kernel)?))
}

/// Values of `input` at the places that `kernel` computes by group, null at [`NO_PLACE`].
fn by_places(
    order: &GroupOrder,
    input: &Chunk,
    kernel: impl Fn(Range<usize>, &mut [u32]) -> Result<()> + Sync,
) -> Result<Chunk> {
    let mut places = order.for_each_group(NO_PLACE, kernel)?;
    let null = input.len() as u32;
    places.iter_mut().filter(|place| **place == NO_PLACE).for_each(|place| *place = null);
    let mut values = input.clone();
    values.push_nulls(1);
    Ok(values.take(&places))
}
