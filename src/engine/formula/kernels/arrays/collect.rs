//! Kernels that make arrays of single values, or a single value of arrays of any type.

use super::super::super::node::Kernel;
use super::super::super::operand::{Cell, Operand};
use super::super::super::order::Ordered;
use super::super::big_pairs::BigPairs;
use super::{Arrays, NOWHERE, check_room, distinct_at, each, index, statistics};
use crate::base::{ColumnType, Error, ErrorKind, Primitive, Result, Value};
use crate::memory::{ArrayChunk, Chunk, Slice};
use std::collections::HashSet;

/// Which of equal elements a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super::super) enum Choice {
    Lowest,
    Highest,
}

/// `unique(array)`: the one value that all elements have that are not null; null where there are several, for NaN, and without any.
pub(in super::super::super) fn unique<T: Cell + Ordered>() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let elements = arrays.elements::<T>();
        let only = |_: usize, slice: Slice| {
            let own = &elements[slice.range()];
            match distinct_at(own, false)[..] {
                [at] if !own[at].is_nan() => slice.range().start + at,
                _ => NOWHERE,
            }
        };
        Ok(arrays.chunk.values.take_or_null(&each(arrays, len, NOWHERE, only)))
    })
}

/// [`unique`] of texts.
pub(in super::super::super) fn unique_text() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let Chunk::String(strings) = &*arrays.chunk.values else { unreachable!("texts were checked") };
        let only = |_: usize, slice: Slice| {
            let mut seen = HashSet::new();
            let mut first = NOWHERE;
            for at in slice.range() {
                let Some(text) = strings.get(at) else { continue };
                if seen.insert(text) {
                    if first != NOWHERE {
                        return NOWHERE;
                    }
                    first = at;
                }
            }
            first
        };
        Ok(arrays.chunk.values.take_or_null(&each(arrays, len, NOWHERE, only)))
    })
}

/// `repeat(x, n)`: n times the same value; null for a null count.
pub(in super::super::super) fn repeat() -> Kernel {
    Box::new(|operands, len| {
        let mut positions = Vec::new();
        let mut lengths = Vec::with_capacity(len);
        for row in 0..len {
            let count = index(&operands[1], row);
            if count == i64::NULL {
                lengths.push(None);
                continue;
            }
            let count = usize::try_from(count)
                .map_err(|_| Error::new(ErrorKind::Evaluation, format!("a value cannot be repeated {count} times")))?;
            check_room(positions.len().saturating_add(count))?;
            let at = if operands[0].constant { 0 } else { row };
            positions.resize(positions.len() + count, at);
            lengths.push(Some(count));
        }
        Ok(Chunk::Array(ArrayChunk::from_lengths(operands[0].chunk.take_or_null(&positions), lengths)))
    })
}

/// `binSearchIndex(array, key, choice)` in an array that ascends as `sort` has it: the place of the key, or minus the place where it would be,
/// minus one.
pub(in super::super::super) fn binary_search<T: Cell + Ordered>(choice: Choice) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let elements = arrays.elements::<T>();
        let keys = operands[1].lane::<T>();
        let find = |row: usize, slice: Slice| {
            let (own, key) = (&elements[slice.range()], keys.get(row).member_key());
            let low = own.partition_point(|element| element.member_key() < key);
            let high = own.partition_point(|element| element.member_key() <= key);
            match choice {
                _ if low == high => -(low as i32) - 1,
                Choice::Lowest => low as i32,
                Choice::Highest => high as i32 - 1,
            }
        };
        Ok(Chunk::Int(each(arrays, len, i32::NULL, find)))
    })
}

/// `wavg(values, weights)` and `wsum` where one of the arrays has numbers of any length and none floats.
pub(in super::super::super) fn big_weighted(result: ColumnType, average: bool) -> Kernel {
    Box::new(move |operands, len| {
        let (values, weights) = (Arrays::of(&operands[0]), Arrays::of(&operands[1]));
        let of_row = |row: usize| -> Result<Value> {
            let (left, right) = (values.get(row), weights.get(row));
            if left.is_null() || right.is_null() {
                return Ok(Value::Null);
            }
            if left.len != right.len {
                return Err(statistics::unequal(left.len, right.len));
            }
            let mut sums = BigPairs::default();
            for (value, weight) in left.range().zip(right.range()) {
                sums.add(&values.chunk.values.value(value), &weights.chunk.values.value(weight))?;
            }
            sums.value(result, average)
        };
        Chunk::from_values(result, &(0..len).map(of_row).collect::<Result<Vec<_>>>()?)
    })
}

/// Arrays of numbers of any length as arrays of doubles.
pub(in super::super::super) fn big_doubles() -> Kernel {
    Box::new(|operands, _| {
        let Chunk::Array(arrays) = &*operands[0].chunk else { unreachable!("an array was checked") };
        let double = |at: usize| match arrays.values.value(at) {
            Value::BigDecimal(number) => number.to_double(),
            Value::BigInteger(number) => crate::base::BigDecimal::new((*number).clone(), 0).to_double(),
            _ => f64::NULL,
        };
        let values = Chunk::Double((0..arrays.values.len()).map(double).collect());
        Ok(Chunk::Array(ArrayChunk { slices: arrays.slices.clone(), values: std::sync::Arc::new(values) }))
    })
}

/// True where a value is not null.
pub(in super::super::super) fn is_there(operand: &Operand<'_>, row: usize) -> bool {
    !operand.chunk.is_null(if operand.constant { 0 } else { row })
}
