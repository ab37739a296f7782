//! Runs of elements: what a value of variable width is in a chunk.
//!
//! Values are *views*: each says where its elements lie in a run that the chunk's values share, in any order, overlapping or not.
//! Taking, cutting and repeating values copies views alone.

use crate::base::{Primitive, Result};
use std::ops::Range;

/// Where the elements of a value lie; [`Slice::NULL`] is no value. An empty slice is a value without elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    /// Position of the first element.
    pub start: u64,
    /// How many elements there are.
    pub len: u64,
}

impl Slice {
    /// The elements of a range.
    pub fn of(range: Range<usize>) -> Self {
        Slice { start: range.start as u64, len: range.len() as u64 }
    }

    /// Positions of the elements; none for null.
    pub fn range(self) -> Range<usize> {
        if self.is_null() { 0..0 } else { self.start as usize..self.end() as usize }
    }

    /// Position behind the last element.
    fn end(self) -> u64 {
        self.start + self.len
    }
}

impl Primitive for Slice {
    const NULL: Self = Slice { start: u64::MAX, len: 0 };
    const WIDTH: usize = 16;
    fn is_null(self) -> bool {
        self.start == u64::MAX
    }
    fn put_le(self, bytes: &mut [u8]) {
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.len.to_le_bytes());
    }
    fn get_le(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        Slice { start: word(0), len: word(8) }
    }
}

/// Appends slices of one run to those of another; `copy` appends a range of the one to the other and says where it begins there.
///
/// Elements are copied once where slices follow each other, and never more than lie between the first and the last.
pub(super) fn append_slices(
    from: &[Slice],
    into: &mut Vec<Slice>,
    mut copy: impl FnMut(Range<usize>) -> Result<usize>,
) -> Result<()> {
    let values = || from.iter().copied().filter(|slice| !slice.is_null() && slice.len > 0);
    let start = values().map(|slice| slice.start).min().unwrap_or(0);
    let end = values().map(Slice::end).max().unwrap_or(0);
    let total = values().fold(0u64, |total, slice| total.saturating_add(slice.len));
    into.reserve(from.len());
    if total >= end - start {
        let shift = copy(start as usize..end as usize)? as u64;
        into.extend(from.iter().map(|slice| match slice {
            slice if slice.is_null() => *slice,
            slice if slice.len == 0 => Slice { start: shift, len: 0 },
            slice => Slice { start: slice.start - start + shift, len: slice.len },
        }));
        return Ok(());
    }
    let mut at = 0;
    while at < from.len() {
        // Values that lie one after the other are copied together.
        let first = from[at];
        let mut end = first.start.wrapping_add(first.len);
        let mut next = at + 1;
        while !first.is_null() && next < from.len() && from[next].start == end && !from[next].is_null() {
            end += from[next].len;
            next += 1;
        }
        if first.is_null() {
            into.push(first);
        } else {
            let shift = copy(first.start as usize..end as usize)? as u64;
            into.extend(
                from[at..next].iter().map(|slice| Slice { start: slice.start - first.start + shift, len: slice.len }),
            );
        }
        at = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ColumnType, Value};
    use crate::memory::{ArrayChunk, Chunk};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn texts(words: &[Option<&[Option<&str>]>]) -> Chunk {
        let text = |text: &Option<&str>| text.map_or(Value::Null, Value::string);
        let array = |words: &[Option<&str>]| Value::array(ColumnType::String, words.iter().map(text));
        let values: Vec<Value> = words.iter().map(|words| words.map_or(Value::Null, array)).collect();
        Chunk::from_values(ColumnType::String.array().unwrap(), &values).unwrap()
    }

    fn values(chunk: &Chunk) -> Vec<Value> {
        (0..chunk.len()).map(|at| chunk.value(at)).collect()
    }

    #[test]
    fn taking_and_appending_of_one_run_share_it() {
        let chunk = texts(&[Some(&[Some("a"), None]), None, Some(&[]), Some(&[Some("b")])]);
        let taken = chunk.take(&[3, 0, 0, 1]);
        let (Chunk::Array(whole), Chunk::Array(part)) = (&chunk, &taken) else { unreachable!() };
        assert!(Arc::ptr_eq(&whole.values, &part.values));
        let mut both = taken.clone();
        both.append(&chunk, 0..4).unwrap();
        let mut fresh = Chunk::new(chunk.column_type());
        fresh.append(&taken, 1..3).unwrap();
        for shared in [&both, &fresh] {
            let Chunk::Array(shared) = shared else { unreachable!() };
            assert!(Arc::ptr_eq(&whole.values, &shared.values));
        }
        assert_eq!(values(&both), [values(&taken), values(&chunk)].concat());
    }

    #[test]
    fn appending_copies_what_is_needed() {
        // Each of a thousand values is the whole run of a thousand elements.
        let whole = Slice::of(0..1_000);
        let elements = Arc::new(Chunk::Int((0..1_000).collect()));
        let wide = Chunk::Array(ArrayChunk { slices: vec![whole; 1_000], values: elements.clone() });
        let mut chunk = Chunk::Array(ArrayChunk { slices: vec![Slice::of(5..7)], values: elements });
        chunk.append(&texts(&[]), 0..0).unwrap_err();
        let other = Chunk::Array(ArrayChunk { slices: vec![Slice::of(0..1)], values: Arc::new(Chunk::Int(vec![-1])) });
        chunk.append(&other, 0..1).unwrap();
        chunk.append(&wide, 0..1_000).unwrap();
        let Chunk::Array(arrays) = &chunk else { unreachable!() };
        assert_eq!(arrays.values.len(), 2 + 1 + 1_000);
        assert_eq!(arrays.slices[..2], [Slice::of(0..2), Slice::of(2..3)]);
        assert_eq!(arrays.compact().unwrap().element_count(), 1_000_003);
    }

    #[test]
    fn many_pieces_are_appended_in_linear_time() {
        // A copy of all that is there for each piece would take minutes.
        let mut chunk = Chunk::new(ColumnType::String.array().unwrap());
        let pieces = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
        for at in 0..pieces {
            let text = at.to_string();
            chunk.append(&texts(&[Some(&[Some(text.as_str()), Some("x")])]), 0..1).unwrap();
        }
        let Chunk::Array(arrays) = &chunk else { unreachable!() };
        assert_eq!((arrays.slices.len(), arrays.values.len()), (pieces, 2 * pieces));
        assert_eq!(chunk.value(777), texts(&[Some(&[Some("777"), Some("x")])]).value(0));
    }

    proptest! {
        #[test]
        fn appending_is_concatenation(
            runs in proptest::collection::vec((proptest::collection::vec((0usize..20, 0usize..8, any::<bool>()), 0..10), any::<bool>()), 1..6),
        ) {
            let blob = |seed: usize| Arc::new((0..30).map(|at| (at + seed) as u8).collect::<Vec<u8>>());
            let mut chunks = (Chunk::new(ColumnType::Blob), Chunk::new(ColumnType::Byte.array().unwrap()));
            let mut expected = Vec::new();
            let mut kept = Vec::new();
            for (seed, (run, share)) in runs.iter().enumerate() {
                let slices: Vec<Slice> = run.iter().map(|&(at, len, null)| if null { Slice::NULL } else { Slice::of(at..at + len) }).collect();
                let bytes = blob(if *share { 0 } else { seed });
                expected.extend(slices.iter().map(|slice| (!slice.is_null()).then(|| bytes[slice.range()].to_vec())));
                let elements = Chunk::Byte(bytes.iter().map(|&b| b as i8).collect());
                let objects = Chunk::Object(crate::memory::ObjectChunk { object_type: ColumnType::Blob, slices: slices.clone(), bytes });
                let arrays = Chunk::Array(ArrayChunk { slices, values: Arc::new(elements) });
                chunks.0.append(&objects, 0..objects.len()).unwrap();
                chunks.1.append(&arrays, 0..arrays.len()).unwrap();
                if *share {
                    // Somebody else holds what was appended so far.
                    kept.push(chunks.clone());
                }
            }
            for (at, expected) in expected.iter().enumerate() {
                let (bytes, array) = (chunks.0.value(at), chunks.1.value(at));
                prop_assert_eq!(bytes, expected.clone().map_or(Value::Null, |b| Value::Blob(b.into())));
                let elements = |b: Vec<u8>| Value::array(ColumnType::Byte, b.into_iter().map(|v| Value::Byte(v as i8)));
                prop_assert_eq!(array, expected.clone().map_or(Value::Null, elements));
            }
        }
    }
}
