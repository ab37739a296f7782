//! Array functions by the order of elements: ranks, and sorted, extreme and distinct objects.
//!
//! Elements stay where they are: positions are ordered, so that texts are never copied before the result is picked.

use super::super::super::node::Kernel;
use super::super::super::operand::Cell;
use super::super::super::order::{Ordered, compare_values};
use super::super::cast::with_number;
use super::{Arrays, NOWHERE, each, pick};
use crate::base::{Boolean, Primitive};
use crate::memory::symbols::compare_utf16;
use crate::memory::{ArrayChunk, Chunk, Slice};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

type Comparator<'a> = Box<dyn Fn(usize, usize) -> Ordering + 'a>;

/// The order of the elements at two positions: null first, `-0.0` before `0.0`, NaN last, texts by UTF-16 unit.
fn comparator(values: &Chunk) -> Comparator<'_> {
    fn of<T: Cell + Ordered>(values: &Chunk) -> Comparator<'_> {
        let values = T::slice(values);
        Box::new(move |a, b| values[a].element_key().cmp(&values[b].element_key()))
    }
    match values {
        Chunk::String(texts) => Box::new(move |a, b| match (texts.get(a), texts.get(b)) {
            (Some(a), Some(b)) => compare_utf16(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }),
        Chunk::Boolean(_) => of::<Boolean>(values),
        _ => with_number!(values.column_type(), T => of::<T>(values), else {
            Box::new(|a, b| compare_values(&values.value(a), &values.value(b)).unwrap_or(Ordering::Equal))
        }),
    }
}

/// `rank(array)`: the places of the elements in ascending order, equal ones as they stand.
pub(in super::super::super) fn rank() -> Kernel {
    Box::new(|operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let compare = comparator(&arrays.chunk.values);
        let mut places: Vec<i32> = Vec::new();
        let mut slices = Vec::with_capacity(len);
        for row in 0..len {
            let slice = arrays.get(row);
            if slice.is_null() {
                slices.push(Slice::NULL);
                continue;
            }
            let mut positions: Vec<usize> = slice.range().collect();
            positions.sort_by(|&a, &b| compare(a, b));
            let start = places.len();
            places.extend(positions.iter().map(|at| (at - slice.range().start) as i32));
            super::check_room(places.len())?;
            slices.push(Slice::of(start..places.len()));
        }
        Ok(Chunk::Array(ArrayChunk { slices, values: Arc::new(Chunk::Int(places)) }))
    })
}

/// `sortObj` and `sortDescendingObj`: null first, and the reverse.
pub(in super::super::super) fn sorted_objects(descending: bool) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let compare = comparator(&arrays.chunk.values);
        pick(arrays, len, |_, slice, positions| {
            let start = positions.len();
            positions.extend(slice.range());
            positions[start..].sort_by(|&a, &b| compare(a, b));
            if descending {
                positions[start..].reverse();
            }
            true
        })
    })
}

/// `minObj` and `maxObj`: nulls are skipped.
pub(in super::super::super) fn extreme_object(greatest: bool) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let values = &arrays.chunk.values;
        let compare = comparator(values);
        let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
        let best = |_: usize, slice: Slice| {
            let present = slice.range().filter(|&at| !values.is_null(at));
            present.reduce(|best, at| if compare(at, best) == wanted { at } else { best }).unwrap_or(NOWHERE)
        };
        Ok(values.take_or_null(&each(arrays, len, NOWHERE, best)))
    })
}

/// `distinctObj` of texts, in first-seen order; with nulls where `nulls`.
pub(in super::super::super) fn distinct_texts(nulls: bool) -> Kernel {
    Box::new(move |operands, len| {
        let arrays = Arrays::of(&operands[0]);
        let Chunk::String(texts) = &*arrays.chunk.values else { unreachable!("texts were checked") };
        pick(arrays, len, |_, slice, positions| {
            let mut seen = HashSet::new();
            positions
                .extend(slice.range().filter(|&at| (nulls || texts.get(at).is_some()) && seen.insert(texts.get(at))));
            true
        })
    })
}

/// `subVectorByPositions(positions)` with positions as longs: null elements outside.
pub(in super::super::super) fn by_positions() -> Kernel {
    Box::new(|operands, len| {
        let (arrays, places) = (Arrays::of(&operands[0]), Arrays::of(&operands[1]));
        let wanted = places.elements::<i64>();
        pick(arrays, len, |row, slice, positions| {
            let list = places.get(row);
            positions.extend(wanted[list.range()].iter().map(|&at| match u64::try_from(at) {
                Ok(at) if at < slice.len => (slice.start + at) as usize,
                _ => NOWHERE,
            }));
            !list.is_null()
        })
    })
}
