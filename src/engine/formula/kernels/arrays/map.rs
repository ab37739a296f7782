//! Array functions that give arrays: running sums and extremes, sorting, distinct values.

use super::super::super::node::Kernel;
use super::super::super::operand::{Cell, as_date_time};
use super::super::super::order::Ordered;
use super::super::cast::Number;
use super::{Arrays, check_room};
use crate::base::{ColumnType, Primitive};
use crate::memory::{ArrayChunk, Chunk, Slice};
use std::sync::Arc;

/// A function that appends the elements of each array's result; `result` is their type.
pub(in super::super::super) fn map<T: Cell, R: Cell>(
    result: ColumnType,
    f: impl Fn(&[T], &mut Vec<R>) + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let elements = arrays.elements::<T>();
        let mut out = Vec::new();
        let mut slices = Vec::with_capacity(len);
        let mut last: Option<(Slice, Slice)> = None;
        for row in 0..len {
            let slice = arrays.get(row);
            let made = match last {
                _ if slice.is_null() => Slice::NULL,
                Some((known, made)) if known == slice => made,
                _ => {
                    let start = out.len();
                    f(&elements[slice.range()], &mut out);
                    check_room(out.len())?;
                    Slice::of(start..out.len())
                }
            };
            last = Some((slice, made));
            slices.push(made);
        }
        let values = R::chunk(out);
        let values = if result == ColumnType::DateTime { as_date_time(values) } else { values };
        Ok(Chunk::Array(ArrayChunk { slices, values: Arc::new(values) }))
    })
}

/// A running fold: nulls carry the value so far, leading ones stay null.
pub(in super::super::super) fn running<T: Cell, R: Cell>(
    values: &[T],
    out: &mut Vec<R>,
    f: impl Fn(Option<R>, T) -> R,
) {
    let mut so_far = None;
    out.extend(values.iter().map(|&value| {
        if !value.is_null() {
            so_far = Some(f(so_far, value));
        }
        so_far.unwrap_or(R::NULL)
    }));
}

/// `cumsum` of integers.
pub(in super::super::super) fn sums_long<T: Number>(values: &[T], out: &mut Vec<i64>) {
    running(values, out, |sum, v| sum.unwrap_or(0i64).wrapping_add(v.to_long()));
}

/// `cumsum` of floats.
pub(in super::super::super) fn sums_double<T: Number>(values: &[T], out: &mut Vec<f64>) {
    running(values, out, |sum, v| sum.unwrap_or(0.0) + v.to_double());
}

/// `cumprod` of integers.
pub(in super::super::super) fn products_long<T: Number>(values: &[T], out: &mut Vec<i64>) {
    running(values, out, |product, v| product.unwrap_or(1i64).wrapping_mul(v.to_long()));
}

/// `cumprod` of floats.
pub(in super::super::super) fn products_double<T: Number>(values: &[T], out: &mut Vec<f64>) {
    running(values, out, |product, v| product.unwrap_or(1.0) * v.to_double());
}

/// `cummin`, `cummax`: a NaN stays, `-0.0` is below `0.0`.
pub(in super::super::super) fn extremes<T: Cell + Ordered>(values: &[T], out: &mut Vec<T>, greatest: bool) {
    running(values, out, |best: Option<T>, v| match best {
        Some(best) if best.is_nan() => best,
        Some(best) if !v.is_nan() && (best.total_key() < v.total_key()) != greatest => best,
        _ => v,
    });
}

/// `sort`, `sortDescending`: null first, `-0.0` before `0.0`, NaN last, and the reverse.
pub(in super::super::super) fn sorted<T: Cell + Ordered>(values: &[T], out: &mut Vec<T>, descending: bool) {
    let start = out.len();
    out.extend_from_slice(values);
    out[start..].sort_unstable_by_key(|v| v.element_key());
    if descending {
        out[start..].reverse();
    }
}

/// `distinct`: first-seen order.
pub(in super::super::super) fn distinct<T: Cell + Ordered>(values: &[T], out: &mut Vec<T>, nulls: bool) {
    out.extend(super::distinct_at(values, nulls).into_iter().map(|at| values[at]));
}
