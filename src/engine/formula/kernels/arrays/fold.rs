//! Array functions that give one value: sums, extremes, counts, searches.

use super::super::super::node::Kernel;
use super::super::super::operand::Cell;
use super::super::super::order::Ordered;
use super::super::cast::Number;
use super::{Arrays, each};
use crate::base::{Boolean, Primitive};
use crate::memory::{Chunk, Slice};
use std::collections::HashSet;

/// A function of each array's elements.
pub(in super::super::super) fn fold<T: Cell, R: Cell>(f: impl Fn(&[T]) -> R + Send + Sync + 'static) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let elements = arrays.elements::<T>();
        let mut last: Option<(Slice, R)> = None;
        let value = |_: usize, slice: Slice| match last {
            Some((known, value)) if known == slice => value,
            _ => {
                let value = f(&elements[slice.range()]);
                last = Some((slice, value));
                value
            }
        };
        Ok(R::chunk(each(arrays, len, R::NULL, value)))
    })
}

/// A function of a scalar beside each array's elements; of a null array it is `null`.
pub(in super::super::super) fn fold_with<S: Cell, T: Cell, R: Cell>(
    null: R,
    f: impl Fn(S, &[T]) -> R + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |operands, len| {
        let scalar = operands[0].lane::<S>();
        let arrays = Arrays::of(&operands[1]);
        let elements = arrays.elements::<T>();
        Ok(R::chunk(each(arrays, len, null, |row, slice| f(scalar.get(row), &elements[slice.range()]))))
    })
}

/// The sum as long, wrapping; null without values.
pub(in super::super::super) fn sum_long<T: Number>(values: &[T]) -> i64 {
    let mut any = false;
    let sum = values.iter().filter(|v| !v.is_null()).fold(0i64, |sum, v| {
        any = true;
        sum.wrapping_add(v.to_long())
    });
    if any { sum } else { i64::NULL }
}

/// The sum as double; null without values.
pub(in super::super::super) fn sum_double<T: Number>(values: &[T]) -> f64 {
    let mut any = false;
    let sum = values.iter().filter(|v| !v.is_null()).fold(0.0, |sum, v| {
        any = true;
        sum + v.to_double()
    });
    if any { sum } else { f64::NULL }
}

/// The product as long, wrapping; null without values.
pub(in super::super::super) fn product_long<T: Number>(values: &[T]) -> i64 {
    let present = || values.iter().filter(|v| !v.is_null());
    present().next().map_or(i64::NULL, |_| present().fold(1i64, |product, v| product.wrapping_mul(v.to_long())))
}

/// The product as double, without a sign where a factor is zero; null without values.
pub(in super::super::super) fn product_double<T: Number>(values: &[T]) -> f64 {
    let present = || values.iter().filter(|v| !v.is_null()).map(|v| v.to_double());
    let product = present().fold(1.0, |product, v| product * v);
    match present().next() {
        None => f64::NULL,
        Some(_) if product == 0.0 && present().any(|v| v == 0.0) => 0.0,
        Some(_) => product,
    }
}

/// Least or greatest value: nulls are skipped, a NaN wins.
pub(in super::super::super) fn extreme<T: Cell + Ordered>(values: &[T], greatest: bool) -> T {
    extreme_at(values, greatest).map_or(T::NULL, |at| values[at])
}

/// `indexOfMax` and `indexOfMin`: null without values, and where one is NaN.
pub(in super::super::super) fn index_of_extreme<T: Cell + Ordered>(values: &[T], greatest: bool) -> i64 {
    extreme_at(values, greatest).filter(|&at| !values[at].is_nan()).map_or(i64::NULL, |at| at as i64)
}

/// Position of the least or greatest value, the first of equal ones, or of the first NaN.
fn extreme_at<T: Cell + Ordered>(values: &[T], greatest: bool) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (at, &value) in values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
        if value.is_nan() {
            return Some(at);
        }
        best = match best {
            Some(known) if greatest && values[known].key() >= value.key() => Some(known),
            Some(known) if !greatest && values[known].key() <= value.key() => Some(known),
            _ => Some(at),
        };
    }
    best
}

/// How many values satisfy a test, nulls aside.
pub(in super::super::super) fn count_where<T: Cell>(values: &[T], test: impl Fn(T) -> bool) -> i64 {
    values.iter().filter(|v| !v.is_null() && test(**v)).count() as i64
}

/// `count(array)` of elements of any type.
pub(in super::super::super) fn count() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let values = &arrays.chunk.values;
        let count = |_: usize, slice: Slice| slice.range().filter(|&at| !values.is_null(at)).count() as i64;
        Ok(Chunk::Long(each(arrays, len, i64::NULL, count)))
    })
}

/// Positions of the first of each distinct value in order, the zeros being two; nulls where `nulls`.
pub(in super::super::super) fn distinct_at<T: Cell + Ordered>(values: &[T], nulls: bool) -> Vec<usize> {
    let mut seen = HashSet::new();
    let new = |&at: &usize| (nulls || !values[at].is_null()) && seen.insert(values[at].element_key());
    (0..values.len()).filter(new).collect()
}

/// The position of a value, null where it does not occur.
pub(in super::super::super) fn first_index<T: Cell + Ordered>(value: T, values: &[T]) -> i64 {
    values.iter().position(|v| v.is_same(value)).map_or(i64::NULL, |at| at as i64)
}

/// Whether a value occurs; NaN does not.
pub(in super::super::super) fn contains<T: Cell + Ordered>(value: T, values: &[T]) -> Boolean {
    Boolean::from(values.iter().any(|v| v.is_same(value)))
}

/// A function of a text beside each array's texts.
fn with_text<R: Cell>(null: R, f: impl Fn(Option<usize>) -> R + Send + Sync + 'static) -> Kernel {
    Box::new(move |operands, len| {
        let wanted = operands[0].texts();
        let arrays = Arrays::of(&operands[1]);
        let Chunk::String(strings) = &*arrays.chunk.values else { unreachable!("texts were checked") };
        let find = |row: usize, slice: Slice| {
            let text = wanted.get(row);
            f(slice.range().position(|at| strings.get(at) == text))
        };
        Ok(R::chunk(each(arrays, len, null, find)))
    })
}

/// [`contains`] of texts.
pub(in super::super::super) fn contains_text() -> Kernel {
    with_text(Boolean::FALSE, |found| Boolean::from(found.is_some()))
}

/// [`first_index`] of texts.
pub(in super::super::super) fn index_of_text() -> Kernel {
    with_text(i64::NULL, |found| found.map_or(i64::NULL, |at| at as i64))
}
