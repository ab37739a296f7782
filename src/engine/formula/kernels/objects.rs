//! Comparisons of values of variable width.

use super::super::node::Kernel;
use super::super::operand::Operand;
use super::super::predicate::Comparison;
use crate::base::Boolean;
use crate::memory::{Chunk, object_order};

/// Compares values of one type: numbers by value, null lowest; sets and bytes for equality.
pub(super) fn compare(comparison: Comparison) -> Kernel {
    Box::new(move |operands, len| {
        let (a, b) = (&operands[0], &operands[1]);
        let row_of = |operand: &Operand<'_>, row: usize| if operand.constant { 0 } else { row };
        let test = |row: usize| {
            let (i, j) = (row_of(a, row), row_of(b, row));
            let order = match (&*a.chunk, &*b.chunk) {
                (Chunk::Object(a), Chunk::Object(b)) => match (a.bytes_of(i), b.bytes_of(j)) {
                    (Some(x), Some(y)) => object_order::compare(a.object_type, x, y),
                    (x, y) => x.is_some().cmp(&y.is_some()),
                },
                (a, b) => a.is_null(i).cmp(&b.is_null(j)).reverse(),
            };
            Boolean::from(comparison.holds(Some(order)))
        };
        let rows = if a.constant && b.constant { 1 } else { len };
        Ok(Chunk::Boolean((0..rows).map(test).collect()))
    })
}

/// `isNull(x)`.
pub(super) fn is_null() -> Kernel {
    Box::new(|operands, _| {
        let chunk = &operands[0].chunk;
        Ok(Chunk::Boolean((0..chunk.len()).map(|at| Boolean::from(chunk.is_null(at))).collect()))
    })
}
