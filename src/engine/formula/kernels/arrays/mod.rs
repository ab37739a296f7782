//! Kernels over arrays: one pass over the elements of a chunk's arrays, whatever rows they belong to.
//!
//! A null array gives null. Rows that show the same elements one after the other, as those of `Col_` do, are computed once.

mod collect;
mod fold;
mod map;
mod order;
mod statistics;

pub(in super::super) use collect::*;
pub(in super::super) use fold::*;
pub(in super::super) use map::*;
pub(in super::super) use order::*;
pub(in super::super) use statistics::*;

use super::super::node::Kernel;
use super::super::operand::{Cell, Operand};
use super::text;
use crate::base::{ColumnType, Error, ErrorKind, Primitive, Result};
use crate::memory::{ArrayChunk, Chunk, Slice};
use std::sync::Arc;

/// Elements that an array made by a formula may have in one chunk of rows.
const ELEMENTS_MAX: usize = 1 << 28;
/// Position of no element.
const NOWHERE: usize = usize::MAX;

/// The arrays of an operand, one a row or one for all.
#[derive(Clone, Copy)]
pub(in super::super) struct Arrays<'a> {
    pub(in super::super) chunk: &'a ArrayChunk,
    constant: bool,
}

impl<'a> Arrays<'a> {
    pub(in super::super) fn of(operand: &'a Operand<'_>) -> Self {
        match &*operand.chunk {
            Chunk::Array(chunk) => Arrays { chunk, constant: operand.constant },
            other => unreachable!("an array was checked, a {} came", other.column_type()),
        }
    }

    #[inline]
    pub(in super::super) fn get(&self, row: usize) -> Slice {
        self.chunk.slices[if self.constant { 0 } else { row }]
    }

    fn elements<T: Cell>(&self) -> &'a [T] {
        T::slice(&self.chunk.values)
    }
}

/// One value a row of the elements' positions; null for null.
fn each<R: Copy>(arrays: Arrays<'_>, len: usize, null: R, mut f: impl FnMut(usize, Slice) -> R) -> Vec<R> {
    (0..len)
        .map(|row| match arrays.get(row) {
            slice if slice.is_null() => null,
            slice => f(row, slice),
        })
        .collect()
}

/// Arrays of any elements from the positions that `f` appends for each row; false makes the row null.
fn pick(arrays: Arrays<'_>, len: usize, mut f: impl FnMut(usize, Slice, &mut Vec<usize>) -> bool) -> Result<Chunk> {
    let mut positions = Vec::new();
    let mut lengths = Vec::with_capacity(len);
    for row in 0..len {
        let start = positions.len();
        let slice = arrays.get(row);
        let present = !slice.is_null() && f(row, slice, &mut positions);
        lengths.push(present.then_some(positions.len() - start));
        check_room(positions.len())?;
    }
    Ok(Chunk::Array(ArrayChunk::from_lengths(arrays.chunk.values.take_or_null(&positions), lengths)))
}

fn check_room(elements: usize) -> Result<()> {
    if elements <= ELEMENTS_MAX {
        return Ok(());
    }
    Err(Error::limit(format!("arrays of more than {ELEMENTS_MAX} elements in one step of a formula"))
        .hint("an array function of a whole column that gives arrays makes one for each row: use it on by()'s arrays"))
}

fn index(operand: &Operand<'_>, row: usize) -> i64 {
    operand.lane::<i64>().get(row)
}

/// `array[index]` and `nth(index, array)`: null outside.
pub(in super::super) fn element() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let at = |row: usize, slice: Slice| match u64::try_from(index(&operands[1], row)) {
            Ok(index) if index < slice.len => (slice.start + index) as usize,
            _ => NOWHERE,
        };
        Ok(arrays.chunk.values.take_or_null(&each(arrays, len, NOWHERE, at)))
    })
}

/// The last element, null of an empty array.
pub(in super::super) fn last() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let at = |_: usize, slice: Slice| if slice.len == 0 { NOWHERE } else { (slice.start + slice.len - 1) as usize };
        Ok(arrays.chunk.values.take_or_null(&each(arrays, len, NOWHERE, at)))
    })
}

/// How many elements there are, as int (`length`) or long (`size()`).
pub(in super::super) fn size(long: bool) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        Ok(match long {
            true => Chunk::Long(each(arrays, len, i64::NULL, |_, slice| slice.len as i64)),
            false => Chunk::Int(each(arrays, len, i32::NULL, |_, slice| slice.len as i32)),
        })
    })
}

/// `subVector(from, to)`, half-open; positions outside are null elements.
pub(in super::super) fn sub_vector() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let bounds = |row| (index(&operands[1], row), index(&operands[2], row));
        let inside = |row: usize, slice: Slice| {
            let (from, to) = bounds(row);
            0 <= from && from <= to && to as u64 <= slice.len
        };
        if (0..len).all(|row| arrays.get(row).is_null() || inside(row, arrays.get(row))) {
            let cut = |row: usize, slice: Slice| {
                let (from, to) = bounds(row);
                Slice { start: slice.start + from as u64, len: (to - from) as u64 }
            };
            let slices = each(arrays, len, Slice::NULL, cut);
            return Ok(Chunk::Array(ArrayChunk { slices, values: arrays.chunk.values.clone() }));
        }
        for row in 0..len {
            let (from, to) = bounds(row);
            if !arrays.get(row).is_null() && (from > to || to.saturating_sub(from) > ELEMENTS_MAX as i64) {
                return Err(Error::new(ErrorKind::Evaluation, format!("subVector({from}, {to}): the end comes first")));
            }
        }
        pick(arrays, len, |row, slice, positions| {
            let (from, to) = bounds(row);
            positions.extend((from..to).map(|at| match u64::try_from(at) {
                Ok(at) if at < slice.len => (slice.start + at) as usize,
                _ => NOWHERE,
            }));
            true
        })
    })
}

/// `reverse(array)`.
pub(in super::super) fn reverse() -> Kernel {
    Box::new(|operands, len| {
        pick(Arrays::of(&operands[0]), len, |_, slice, positions| {
            positions.extend(slice.range().rev());
            true
        })
    })
}

/// `concat(a, b, …)` of arrays of one type; a null counts as empty.
pub(in super::super) fn concat() -> Kernel {
    Box::new(|operands, len| {
        let arrays: Vec<Arrays<'_>> = operands.iter().map(Arrays::of).collect();
        let mut all = Chunk::new(arrays[0].chunk.element());
        let mut shifts = Vec::with_capacity(arrays.len());
        for array in &arrays {
            shifts.push(all.len());
            all.append(&array.chunk.values, 0..array.chunk.values.len())?;
        }
        let mut positions = Vec::new();
        let mut lengths = Vec::with_capacity(len);
        for row in 0..len {
            let start = positions.len();
            for (array, shift) in arrays.iter().zip(&shifts) {
                positions.extend(array.get(row).range().map(|at| at + shift));
            }
            lengths.push(Some(positions.len() - start));
            check_room(positions.len())?;
        }
        Ok(Chunk::Array(ArrayChunk::from_lengths(all.take_or_null(&positions), lengths)))
    })
}

/// `new T[]{a, b, …}`: an array a row of its operands' values, which are of the element type.
pub(in super::super) fn literal(element: ColumnType) -> Kernel {
    Box::new(move |operands, len| {
        let mut all = Chunk::new(element);
        let mut starts = Vec::with_capacity(operands.len());
        for operand in &operands {
            starts.push((all.len(), operand.constant));
            all.append(&operand.chunk, 0..operand.chunk.len())?;
        }
        let place = |row: usize| starts.iter().map(move |&(start, constant)| start + if constant { 0 } else { row });
        let positions: Vec<usize> = (0..len).flat_map(place).collect();
        let lengths = std::iter::repeat_n(Some(starts.len()), len);
        Ok(Chunk::Array(ArrayChunk::from_lengths(all.take_or_null(&positions), lengths)))
    })
}

/// `new T[n]`: zeros, falses or nulls.
pub(in super::super) fn of_length(zero: Chunk) -> Kernel {
    Box::new(move |operands, len| {
        let mut total = 0;
        let mut lengths = Vec::with_capacity(len);
        for row in 0..len {
            let wanted = index(&operands[0], row);
            let length = usize::try_from(wanted)
                .map_err(|_| Error::new(ErrorKind::Evaluation, format!("an array of {wanted} elements")))?;
            total = length.saturating_add(total);
            check_room(total)?;
            lengths.push(Some(length));
        }
        Ok(Chunk::Array(ArrayChunk::from_lengths(zero.take_or_null(&vec![0; total]), lengths)))
    })
}

/// `String.join(separator, texts)`; a null element is `null`, as in Java.
pub(in super::super) fn join() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[1]);
        let (separators, Chunk::String(strings)) = (operands[0].texts(), &*arrays.chunk.values) else {
            unreachable!("texts were checked")
        };
        text::build(len, |row, out| {
            let (Some(separator), slice) = (separators.get(row), arrays.get(row)) else {
                return Err(Error::new(ErrorKind::Evaluation, "null given to String.join()"));
            };
            if slice.is_null() {
                return Err(Error::new(ErrorKind::Evaluation, "null given to String.join()"));
            }
            for (place, at) in slice.range().enumerate() {
                if place > 0 {
                    out.push_str(separator);
                }
                out.push_str(strings.get(at).unwrap_or("null"));
            }
            Ok(true)
        })
    })
}

/// One array for all rows: a whole column.
pub(in super::super) fn whole(values: Arc<Chunk>) -> Chunk {
    Chunk::Array(ArrayChunk { slices: vec![Slice::of(0..values.len())], values })
}
