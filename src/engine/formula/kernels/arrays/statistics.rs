//! Averages, deviations, medians, percentiles and weighted sums of arrays.

use super::super::super::node::Kernel;
use super::super::super::operand::Cell;
use super::super::super::order::Ordered;
use super::super::cast::Number;
use super::{Arrays, each};
use crate::base::{Error, ErrorKind, Primitive, Result};
use crate::memory::{Chunk, Slice};

fn present<T: Number>(values: &[T]) -> impl Iterator<Item = f64> + '_ {
    values.iter().filter(|v| !v.is_null()).map(|v| v.to_double())
}

/// The mean; null without values.
pub(in super::super::super) fn average<T: Number>(values: &[T]) -> f64 {
    let (count, sum) = present(values).fold((0u64, 0.0), |(count, sum), v| (count + 1, sum + v));
    if count == 0 { f64::NULL } else { sum / count as f64 }
}

/// The mean of absolute values; null without values.
pub(in super::super::super) fn absolute_average<T: Number>(values: &[T]) -> f64 {
    let (count, sum) = present(values).fold((0u64, 0.0), |(count, sum), v| (count + 1, sum + v.abs()));
    if count == 0 { f64::NULL } else { sum / count as f64 }
}

/// The sample variance: null without values, NaN of one.
pub(in super::super::super) fn variance<T: Number>(values: &[T]) -> f64 {
    let mean = average(values);
    let (count, sum) = present(values).fold((0u64, 0.0), |(n, sum), v| (n + 1, sum + (v - mean) * (v - mean)));
    match count {
        0 => f64::NULL,
        1 => f64::NAN,
        // Squares beyond the range of a double tell nothing.
        _ if sum.is_infinite() => f64::NAN,
        count => sum / (count - 1) as f64,
    }
}

/// The sample standard deviation.
pub(in super::super::super) fn deviation<T: Number>(values: &[T]) -> f64 {
    let variance = variance(values);
    if variance.is_null() { variance } else { variance.sqrt() }
}

/// The standard error: the deviation over the root of the count.
pub(in super::super::super) fn standard_error<T: Number>(values: &[T]) -> f64 {
    let deviation = deviation(values);
    if deviation.is_null() { deviation } else { deviation / (present(values).count() as f64).sqrt() }
}

/// The t statistic: the mean over the standard error.
pub(in super::super::super) fn t_statistic<T: Number>(values: &[T]) -> f64 {
    let mean = average(values);
    if mean.is_null() { mean } else { mean / standard_error(values) }
}

/// The median as double, the mean of the middle two (of floats as a float) where their number is even; NaN if there is one.
pub(in super::super::super) fn median<T: Number>(values: &[T]) -> f64 {
    let mut sorted: Vec<f64> = present(values).collect();
    if sorted.is_empty() {
        return f64::NULL;
    }
    if sorted.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let mean = if low == high { high + 0.0 } else { low / 2.0 + high / 2.0 };
    if T::IS_FLOAT { f64::from(mean as f32) } else { mean }
}

/// `percentile(p, array)`: the value at place `p` of the sorted ones, no interpolation; nulls are skipped, a NaN wins.
pub(in super::super::super) fn percentile<T: Cell + Ordered>() -> Kernel {
    fn one<T: Cell + Ordered>(p: f64, values: &[T]) -> Result<T> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::new(
                ErrorKind::Evaluation,
                format!("percentile({p}): the first argument is from 0 to 1"),
            ));
        }
        let mut sorted: Vec<T> = values.iter().copied().filter(|v| !v.is_null()).collect();
        sorted.sort_unstable_by_key(|v| v.element_key());
        if let Some(&last) = sorted.last().filter(|last| last.is_nan()) {
            return Ok(last);
        }
        let place = (sorted.len().saturating_sub(1)) as f64 * p;
        Ok(sorted.get((place + 0.5).floor() as usize).copied().unwrap_or(T::NULL))
    }
    Box::new(|operands, len| {
        let p = operands[0].lane::<f64>();
        let arrays = Arrays::of(&operands[1]);
        let elements = arrays.elements::<T>();
        let value = |row: usize, slice: Slice| one(p.get(row), &elements[slice.range()]);
        let rows = (0..len).map(|row| match arrays.get(row) {
            slice if slice.is_null() => Ok(T::NULL),
            slice => value(row, slice),
        });
        Ok(T::chunk(rows.collect::<Result<Vec<T>>>()?))
    })
}

/// A function of pairs of elements of two arrays, both as doubles: NaN where there is one, otherwise pairs with a null are left out. Errs where
/// lengths differ.
pub(in super::super::super) fn of_pairs(f: fn(&mut dyn Iterator<Item = (f64, f64)>) -> f64) -> Kernel {
    Box::new(move |operands, len| {
        let (a, b) = (Arrays::of(&operands[0]), Arrays::of(&operands[1]));
        let (x, y) = (a.elements::<f64>(), b.elements::<f64>());
        for row in 0..len {
            let (left, right) = (a.get(row), b.get(row));
            if !left.is_null() && !right.is_null() && left.len != right.len {
                return Err(unequal(left.len, right.len));
            }
        }
        let value = |row: usize, left: Slice| {
            let right = b.get(row);
            if right.is_null() {
                return f64::NULL;
            }
            if x[left.range()].iter().chain(&y[right.range()]).any(|v| v.is_nan()) {
                return f64::NAN;
            }
            let pairs = x[left.range()].iter().copied().zip(y[right.range()].iter().copied());
            f(&mut pairs.filter(|(x, y)| !x.is_null() && !y.is_null()))
        };
        Ok(Chunk::Double(each(a, len, f64::NULL, value)))
    })
}

pub(in super::super::super) fn unequal(a: u64, b: u64) -> Error {
    Error::new(ErrorKind::Evaluation, format!("arrays of {a} and of {b} elements do not go together"))
}

/// The mean of values by weight: null without pairs.
pub(in super::super::super) fn weighted_average(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    let (count, sum, weights) =
        pairs.fold((0u64, 0.0, 0.0), |(count, sum, weights), (v, w)| (count + 1, sum + v * w, weights + w));
    if count == 0 { f64::NULL } else { sum / weights }
}

/// `wsum` of arrays of longs: the sum of products, wrapping; null without a pair that has no null. Errs where lengths differ.
pub(in super::super::super) fn weighted_sum_long() -> Kernel {
    Box::new(|operands, len| {
        let (a, b) = (Arrays::of(&operands[0]), Arrays::of(&operands[1]));
        let (x, y) = (a.elements::<i64>(), b.elements::<i64>());
        let mut sums = Vec::with_capacity(len);
        for row in 0..len {
            let (left, right) = (a.get(row), b.get(row));
            if left.is_null() || right.is_null() {
                sums.push(i64::NULL);
                continue;
            }
            if left.len != right.len {
                return Err(unequal(left.len, right.len));
            }
            let pairs = x[left.range()].iter().zip(&y[right.range()]).filter(|(x, y)| !x.is_null() && !y.is_null());
            let product = |(x, y): (&i64, &i64)| x.wrapping_mul(*y);
            sums.push(pairs.map(product).reduce(i64::wrapping_add).unwrap_or(i64::NULL));
        }
        Ok(Chunk::Long(sums))
    })
}

/// The sum of products: null without pairs.
pub(in super::super::super) fn weighted_sum(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    let (count, sum) = pairs.fold((0u64, 0.0), |(count, sum), (v, w)| (count + 1, sum + v * w));
    if count == 0 { f64::NULL } else { sum }
}

/// Sums over pairs of a value and its weight: of weights, their squares, products, and products with the value again.
fn weighted_moments(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> Option<[f64; 4]> {
    let add = |[w, w2, p, p2]: [f64; 4], (v, x): (f64, f64)| [w + x, w2 + x * x, p + v * x, p2 + v * v * x];
    pairs.fold(None, |sums: Option<[f64; 4]>, pair| Some(add(sums.unwrap_or_default(), pair)))
}

/// `wvar`: the variance by weight, unbiased for weights that say how reliable a value is; null without pairs.
pub(in super::super::super) fn weighted_variance(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    weighted_moments(pairs).map_or(f64::NULL, |[w, w2, p, p2]| (w * p2 - p * p) / (w * w - w2))
}

/// `wstd`: the root of [`weighted_variance`].
pub(in super::super::super) fn weighted_deviation(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    let variance = weighted_variance(pairs);
    if variance.is_null() { variance } else { variance.sqrt() }
}

/// `wste`: the standard error of the average by weight.
pub(in super::super::super) fn weighted_error(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    let pairs: Vec<(f64, f64)> = pairs.collect();
    let deviation = weighted_deviation(&mut pairs.iter().copied());
    weighted_moments(&mut pairs.iter().copied())
        .map_or(f64::NULL, |[weights, squares, ..]| deviation * (squares / weights / weights).sqrt())
}

/// `wtstat`: the average by weight over its standard error.
pub(in super::super::super) fn weighted_t_statistic(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    let pairs: Vec<(f64, f64)> = pairs.collect();
    let average = weighted_average(&mut pairs.iter().copied());
    if average.is_null() { average } else { average / weighted_error(&mut pairs.iter().copied()) }
}

/// Count, means and sums of products of deviations.
fn moments(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> Option<(f64, f64, f64)> {
    let pairs: Vec<(f64, f64)> = pairs.collect();
    let count = pairs.len() as f64;
    let (x, y) = pairs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (x, y) = (x / count, y / count);
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(a, b)| f(a - x, b - y)).sum::<f64>() / count;
    (!pairs.is_empty()).then(|| (sum(&|a, b| a * b), sum(&|a, _| a * a), sum(&|_, b| b * b)))
}

/// The covariance of the population: null without pairs.
pub(in super::super::super) fn covariance(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    moments(pairs).map_or(f64::NULL, |(xy, _, _)| xy)
}

/// The correlation: null without pairs.
pub(in super::super::super) fn correlation(pairs: &mut dyn Iterator<Item = (f64, f64)>) -> f64 {
    moments(pairs).map_or(f64::NULL, |(xy, xx, yy)| xy / (xx * yy).sqrt())
}
