//! Arrays: values that are runs of elements of one chunk.

use super::Chunk;
use super::slice::{Slice, append_slices};
use crate::base::{ColumnType, Error, Primitive, Result, Value};
use std::ops::Range;
use std::sync::Arc;

/// Arrays as views of one run of elements, shared among chunks.
///
/// **Invariant:** a slice that is not null lies within `values`. Not all elements need to belong to a value.
#[derive(Clone, Debug)]
pub struct ArrayChunk {
    /// Where the elements of each value lie.
    pub slices: Vec<Slice>,
    /// The elements, whose type nests at most two levels deep.
    pub values: Arc<Chunk>,
}

impl ArrayChunk {
    /// No arrays, of elements of a type.
    pub fn new(element: ColumnType, capacity: usize) -> Self {
        ArrayChunk { slices: Vec::with_capacity(capacity), values: Arc::new(Chunk::new(element)) }
    }

    /// Arrays of these lengths that lie one after the other; null where there is no length.
    pub fn from_lengths(values: Chunk, lengths: impl IntoIterator<Item = Option<usize>>) -> Self {
        let mut start = 0;
        let slice = |length: Option<usize>| match length {
            None => Slice::NULL,
            Some(length) => {
                let from = start;
                start += length;
                Slice::of(from..start)
            }
        };
        let slices = lengths.into_iter().map(slice).collect();
        ArrayChunk { slices, values: Arc::new(values) }
    }

    /// Positions of the elements of all values, one after the other.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.slices.iter().flat_map(|slice| slice.range())
    }

    /// Type of the elements.
    pub fn element(&self) -> ColumnType {
        self.values.column_type()
    }

    /// How many elements the values have, null being none.
    pub fn element_count(&self) -> u64 {
        self.slices.iter().filter(|slice| !slice.is_null()).fold(0, |sum: u64, slice| sum.saturating_add(slice.len))
    }

    /// The same arrays, their elements one after the other and no others: what a writer stores. Null has no elements.
    pub fn compact(&self) -> Result<ArrayChunk> {
        let mut values = Chunk::new(self.element());
        let mut slices = Vec::with_capacity(self.slices.len());
        for slice in &self.slices {
            let start = values.len();
            if slice.is_null() {
                slices.push(*slice);
                continue;
            }
            values.append(&self.values, slice.range())?;
            slices.push(Slice::of(start..values.len()));
        }
        Ok(ArrayChunk { slices, values: Arc::new(values) })
    }

    pub(super) fn value(&self, index: usize) -> Value {
        let slice = self.slices[index];
        if slice.is_null() {
            return Value::Null;
        }
        Value::array(self.element(), slice.range().map(|at| self.values.value(at)))
    }

    /// Appends one array; elements must be of the element type or null.
    pub(super) fn push(&mut self, elements: &[Value]) -> Result<()> {
        let more = Chunk::from_values(self.element(), elements)?;
        let values = self.own_values()?;
        let start = values.len();
        values.append(&more, 0..more.len())?;
        let slice = Slice::of(start..values.len());
        self.slices.push(slice);
        Ok(())
    }

    /// Appends values of a chunk of the same element type. Shares its elements where this one has no values yet or the same elements; else
    /// copies those that are needed.
    pub(super) fn append(&mut self, other: &ArrayChunk, range: Range<usize>) -> Result<()> {
        if self.element() != other.element() {
            let (mine, its) = (self.element(), other.element());
            return Err(Error::type_mismatch(format!("arrays of {its} do not go into a chunk of arrays of {mine}")));
        }
        if self.slices.iter().all(|slice| slice.is_null()) && self.values.is_empty() || self.slices.is_empty() {
            self.values = other.values.clone();
        }
        let from = &other.slices[range];
        if Arc::ptr_eq(&self.values, &other.values) {
            self.slices.extend_from_slice(from);
            return Ok(());
        }
        self.own_values()?;
        let (values, slices) = (&mut self.values, &mut self.slices);
        let values = Arc::get_mut(values).ok_or_else(|| Error::invalid("elements are shared"))?;
        append_slices(from, slices, |range| {
            let start = values.len();
            values.append(&other.values, range)?;
            Ok(start)
        })
    }

    pub(super) fn clear(&mut self) {
        self.slices.clear();
        match Arc::get_mut(&mut self.values) {
            Some(values) => values.clear(),
            None => self.values = Arc::new(Chunk::new(self.element())),
        }
    }

    /// The elements to append to. Where others share them, only those that this chunk needs are copied.
    pub(crate) fn own_values(&mut self) -> Result<&mut Chunk> {
        if Arc::get_mut(&mut self.values).is_none() {
            let mut values = Chunk::new(self.element());
            let mut slices = Vec::new();
            append_slices(&self.slices, &mut slices, |range| {
                let start = values.len();
                values.append(&self.values, range)?;
                Ok(start)
            })?;
            *self = ArrayChunk { slices, values: Arc::new(values) };
        }
        Arc::get_mut(&mut self.values).ok_or_else(|| Error::invalid("elements are shared"))
    }
}
