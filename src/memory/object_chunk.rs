//! Numbers of any length, sets and bytes: values that are runs of bytes, in the encoding of [`object_bytes`].

use super::slice::{Slice, append_slices};
use crate::base::{ColumnType, Error, Primitive, Result, Value, object_bytes};
use std::ops::Range;
use std::sync::Arc;

/// Values of one of the types of [`ColumnType::is_object`] as views of one run of bytes, shared among chunks.
///
/// **Invariant:** a slice that is not null lies within `bytes`. What it holds need not be valid: bytes come from files.
#[derive(Clone, Debug)]
pub struct ObjectChunk {
    /// The type of the values.
    pub object_type: ColumnType,
    /// Where the bytes of each value lie.
    pub slices: Vec<Slice>,
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
}

impl ObjectChunk {
    /// No values of a type.
    pub fn new(object_type: ColumnType, capacity: usize) -> Self {
        ObjectChunk { object_type, slices: Vec::with_capacity(capacity), bytes: Arc::new(Vec::new()) }
    }

    /// The bytes of a value, none for null; panics beyond the end, as a slice does.
    pub fn bytes_of(&self, index: usize) -> Option<&[u8]> {
        let slice = self.slices[index];
        (!slice.is_null()).then(|| &self.bytes[slice.range()])
    }

    /// The bytes of each value in order, none for null.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> + '_ {
        (0..self.slices.len()).map(|index| self.bytes_of(index))
    }

    /// A value; errs where its bytes are none.
    pub fn decode(&self, index: usize) -> Result<Value> {
        self.bytes_of(index).map_or(Ok(Value::Null), |bytes| object_bytes::decode(self.object_type, bytes))
    }

    /// Appends the bytes of one value, or null.
    pub fn push_bytes(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            self.slices.push(Slice::NULL);
            return;
        };
        let own = self.own_bytes();
        let start = own.len();
        own.extend_from_slice(bytes);
        self.slices.push(Slice::of(start..start + bytes.len()));
    }

    /// Appends a value of the type; errs for one that is too long.
    pub(super) fn push(&mut self, value: &Value) -> Result<()> {
        let own = self.own_bytes();
        let start = own.len();
        let result = object_bytes::encode(value, own);
        if result.is_err() {
            own.truncate(start);
        }
        let slice = Slice::of(start..own.len());
        result.map(|()| self.slices.push(slice))
    }

    /// Appends values of a chunk of the same type. Shares its bytes where this one has no values yet or the same bytes; else copies those that
    /// are needed.
    pub(super) fn append(&mut self, other: &ObjectChunk, range: Range<usize>) -> Result<()> {
        if self.object_type != other.object_type {
            return Err(Error::type_mismatch(format!(
                "values of type {} do not go into a chunk of type {}",
                other.object_type, self.object_type
            )));
        }
        if self.bytes.is_empty() && self.slices.iter().all(|slice| slice.is_null()) || self.slices.is_empty() {
            self.bytes = other.bytes.clone();
        }
        let from = &other.slices[range];
        if Arc::ptr_eq(&self.bytes, &other.bytes) {
            self.slices.extend_from_slice(from);
            return Ok(());
        }
        self.own_bytes();
        let (bytes, slices) = (Arc::make_mut(&mut self.bytes), &mut self.slices);
        append_slices(from, slices, |range| {
            let start = bytes.len();
            bytes.extend_from_slice(&other.bytes[range]);
            Ok(start)
        })
    }

    pub(super) fn clear(&mut self) {
        self.slices.clear();
        match Arc::get_mut(&mut self.bytes) {
            Some(bytes) => bytes.clear(),
            None => self.bytes = Arc::new(Vec::new()),
        }
    }

    /// The bytes to append to. Where others share them, only those that this chunk needs are copied.
    fn own_bytes(&mut self) -> &mut Vec<u8> {
        if Arc::get_mut(&mut self.bytes).is_none() {
            let mut bytes = Vec::new();
            let mut slices = Vec::with_capacity(self.slices.len());
            let copied = append_slices(&self.slices, &mut slices, |range| {
                let start = bytes.len();
                bytes.extend_from_slice(&self.bytes[range]);
                Ok(start)
            });
            debug_assert!(copied.is_ok(), "copying bytes does not fail");
            self.slices = slices;
            self.bytes = Arc::new(bytes);
        }
        Arc::make_mut(&mut self.bytes)
    }
}
