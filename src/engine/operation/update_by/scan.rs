//! Operations that carry one state through the rows of a group: cumulative ones, fill, deltas, exponential moving statistics.

use super::{DeltaMode, Exponential};
use crate::base::Primitive;

/// The place of a row that there is none of.
pub(super) const NO_PLACE: u32 = u32::MAX;

/// Sums of longs, which wrap; nulls carry the running value.
pub(super) fn sums_of_longs(values: &[i64], out: &mut [i64]) {
    fold(values, out, |sum, value| sum.wrapping_add(value));
}

/// Sums of doubles.
pub(super) fn sums_of_doubles(values: &[f64], out: &mut [f64]) {
    fold(values, out, |sum, value| sum + value);
}

/// Products of longs, which wrap.
pub(super) fn products_of_longs(values: &[i64], out: &mut [i64]) {
    fold(values, out, |product, value| product.wrapping_mul(value));
}

/// Products of doubles.
pub(super) fn products_of_doubles(values: &[f64], out: &mut [f64]) {
    fold(values, out, |product, value| product * value);
}

fn fold<T: Primitive>(values: &[T], out: &mut [T], add: impl Fn(T, T) -> T) {
    let mut running: Option<T> = None;
    for (out, &value) in out.iter_mut().zip(values) {
        if !value.is_null() {
            running = Some(running.map_or(value, |running| add(running, value)));
        }
        *out = running.unwrap_or(T::NULL);
    }
}

/// The places (from `first` on) of the least or greatest values so far. `nan` are the bits of NaN, which stays if it comes first and is
/// passed over later.
pub(super) fn extremes(bits: &[u64], first: usize, greatest: bool, nan: Option<u64>, out: &mut [u32]) {
    let mut best: Option<(u64, u32)> = None;
    for (at, (out, &bits)) in out.iter_mut().zip(bits).enumerate() {
        if bits != 0 {
            let better = match best {
                None => true,
                Some((best, _)) if Some(best) == nan || Some(bits) == nan => false,
                Some((best, _)) => {
                    if greatest {
                        bits > best
                    } else {
                        bits < best
                    }
                }
            };
            if better {
                best = Some((bits, (first + at) as u32));
            }
        }
        *out = best.map_or(NO_PLACE, |(_, place)| place);
    }
}

/// The places (from `first` on) of the last values that are not null.
pub(super) fn fill(present: &[bool], first: usize, out: &mut [u32]) {
    let mut last = NO_PLACE;
    for (at, (out, &present)) in out.iter_mut().zip(present).enumerate() {
        if present {
            last = (first + at) as u32;
        }
        *out = last;
    }
}

/// Differences to the row before.
pub(super) fn deltas<T: Primitive>(values: &[T], mode: DeltaMode, zero: T, minus: impl Fn(T, T) -> T, out: &mut [T]) {
    let mut before = T::NULL;
    for (out, &value) in out.iter_mut().zip(values) {
        *out = match (value.is_null(), before.is_null(), mode) {
            (true, _, _) | (_, true, DeltaMode::NullDominates) => T::NULL,
            (_, true, DeltaMode::ValueDominates) => value,
            (_, true, DeltaMode::ZeroDominates) => zero,
            _ => minus(value, before),
        };
        before = value;
    }
}

/// Exponential moving statistics. `decay` says what is left of the state after the time since the row that last changed it; rows of null
/// or NaN, and those that `decay` has no answer for, keep it. Before the first there is none: null, or NaN for a deviation.
pub(super) fn exponential(
    kind: Exponential,
    values: &[f64],
    decay: impl Fn(usize, usize) -> Option<f64>,
    out: &mut [f64],
) {
    let mut last: Option<usize> = None;
    let (mut state, mut variance) = (f64::NULL, f64::NAN);
    for (at, &value) in values.iter().enumerate() {
        if !value.is_null() && !value.is_nan() {
            match last {
                None => {
                    if decay(at, at).is_some() {
                        state = value;
                        last = Some(at);
                    }
                }
                Some(before) => {
                    if let Some(left) = decay(before, at) {
                        if kind == Exponential::Deviation {
                            let apart = value - state;
                            let known = if variance.is_nan() { 0.0 } else { variance };
                            variance = left * (known + (1.0 - left) * apart * apart);
                        }
                        state = match kind {
                            Exponential::Average | Exponential::Deviation => left * state + (1.0 - left) * value,
                            Exponential::Sum => left * state + value,
                            Exponential::Min => (left * state).min(value),
                            Exponential::Max => (left * state).max(value),
                        };
                        last = Some(at);
                    }
                }
            }
        }
        out[at] = match (last, kind) {
            (_, Exponential::Deviation) => variance.sqrt(),
            (None, _) => f64::NULL,
            _ => state,
        };
    }
}
