//! Values of variable width out of levels: the same for intraday and for history, which differ in how a level is read.
//!
//! **Invariant:** what comes out is valid: slices lie within their items, text is UTF-8, objects decode. Whoever implements [`Levels`] has
//! checked that ends do not decrease and stay within the next level.

use crate::base::limits::VALUE_BYTES_MAX;
use crate::base::{ColumnType, Error, Primitive, Result, object_bytes};
use crate::format::column_form::{ColumnForm, END_BYTES, End};
use crate::memory::{ArrayChunk, Chunk, ObjectChunk, Slice};
use std::ops::Range;
use std::sync::Arc;

/// Access to the levels of a column by entry.
pub(super) trait Levels {
    /// The form.
    fn form(&self) -> ColumnForm;
    /// Appends the items of the entries of a level that holds ends, none for null.
    fn ends(&self, level: usize, entries: &[Range<u64>], out: &mut Vec<Option<Range<u64>>>) -> Result<()>;
    /// The values of entries of the last level, which holds no bytes; strings with their table.
    fn values(&self, entries: &[Range<u64>]) -> Result<Chunk>;
    /// Appends bytes of the last level, which holds bytes.
    fn bytes(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<()>;
    /// The error with the file of the last level.
    fn place(&self, error: Error) -> Error;
}

/// The values of rows.
pub(super) fn read(levels: &dyn Levels, rows: &[Range<u64>]) -> Result<Chunk> {
    read_level(levels, levels.form().column_type, 0, rows)
}

/// Bytes that the values of rows take in memory, about. Reads ends, nothing else.
pub(super) fn weigh(levels: &dyn Levels, rows: &[Range<u64>]) -> Result<u64> {
    let form = levels.form();
    let mut entries = rows.to_vec();
    let mut weight = 0u64;
    for level in 0..=form.depth() {
        let count = entries.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        weight = weight.saturating_add(count.saturating_mul(form.width(level) as u64));
        if level < form.depth() {
            let mut items = Vec::new();
            levels.ends(level, &entries, &mut items)?;
            entries = lay_out(&items).1;
        }
    }
    Ok(weight)
}

fn read_level(levels: &dyn Levels, column_type: ColumnType, level: usize, entries: &[Range<u64>]) -> Result<Chunk> {
    if level == levels.form().depth() {
        return levels.values(entries);
    }
    let mut items = Vec::new();
    levels.ends(level, entries, &mut items)?;
    let (slices, ranges) = lay_out(&items);
    if let Some(element) = column_type.element() {
        let values = Arc::new(read_level(levels, element, level + 1, &ranges)?);
        return Ok(Chunk::Array(ArrayChunk { slices, values }));
    }
    let mut bytes = Vec::new();
    levels.bytes(&ranges, &mut bytes)?;
    let pieces = slices.iter().map(|slice| (!slice.is_null()).then(|| &bytes[slice.range()]));
    if column_type.is_object() {
        for piece in pieces.flatten() {
            check_object(column_type, piece).map_err(|error| levels.place(error))?;
        }
        return Ok(Chunk::Object(ObjectChunk { object_type: column_type, slices, bytes: Arc::new(bytes) }));
    }
    let mut chunk = Chunk::new(ColumnType::String);
    if let Chunk::String(strings) = &mut chunk {
        let mut texts = strings.texts()?;
        texts.reserve(slices.len(), bytes.len());
        for piece in pieces {
            let text = piece.map(std::str::from_utf8).transpose();
            texts.push(text.map_err(|_| levels.place(Error::corrupt("a text is not UTF-8")))?)?;
        }
    }
    Ok(chunk)
}

/// Refuses bytes that are no value of a type.
pub(super) fn check_object(column_type: ColumnType, bytes: &[u8]) -> Result<()> {
    match column_type {
        ColumnType::Blob => Ok(()),
        column_type => object_bytes::decode(column_type, bytes).map(drop),
    }
}

/// Where items lie once they are read one after the other, and what is to be read for that.
fn lay_out(items: &[Option<Range<u64>>]) -> (Vec<Slice>, Vec<Range<u64>>) {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    let slices = items.iter().map(|item| {
        let Some(range) = item else { return Slice::NULL };
        let start = at;
        at += (range.end - range.start) as usize;
        if !range.is_empty() {
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range.clone()),
            }
        }
        Slice::of(start..at)
    });
    (slices.collect(), ranges)
}

/// Rows as ranges of rows that follow each other, in their order.
pub(super) fn ranges_of(rows: impl IntoIterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// The items of ends that follow the end `before`, none for null; an error where one is no end of a value or beyond `count` items.
pub(super) fn items_of(
    mut before: End,
    ends: impl IntoIterator<Item = End>,
    count: u64,
    out: &mut Vec<Option<Range<u64>>>,
) -> Result<()> {
    for end in ends {
        if !follows(before, end) || end.at() > count {
            return Err(Error::corrupt(format!(
                "{:#x} is no end of a value after {:#x}, of {count} items",
                end.0, before.0
            )));
        }
        out.push((!end.is_null()).then(|| before.at()..end.at()));
        before = end;
    }
    Ok(())
}

/// True where an end may come after another one.
pub(super) fn follows(before: End, end: End) -> bool {
    if end.is_null() { end.at() == before.at() } else { end.at() >= before.at() }
}

/// The same values, all elements of arrays one after the other and in use, on every level: what writers store.
pub(super) fn compact(chunk: &Chunk) -> Result<Chunk> {
    let Chunk::Array(arrays) = chunk else { return Ok(chunk.clone()) };
    let ArrayChunk { slices, values } = arrays.compact()?;
    let values = if let Chunk::Array(_) = *values { Arc::new(compact(&values)?) } else { values };
    Ok(Chunk::Array(ArrayChunk { slices, values }))
}

/// Refuses arrays that have more than [`VALUE_BYTES_MAX`] with everything in them. Copies nothing. O(elements) where arrays nest or hold texts, else O(arrays).
pub(super) fn check_weights(chunk: &Chunk) -> Result<()> {
    let Chunk::Array(arrays) = chunk else { return Ok(()) };
    let weights = Weights::of(&arrays.values);
    let heavy = arrays.slices.iter().map(|slice| weights.sum(slice)).find(|weight| *weight > VALUE_BYTES_MAX);
    match heavy {
        None => Ok(()),
        Some(_) => Err(Error::limit(format!(
            "an array of type {} of more than {VALUE_BYTES_MAX} bytes in all",
            chunk.column_type()
        ))
        .hint("spread it over several rows")),
    }
}

/// What the values of a chunk take in levels.
enum Weights {
    /// Each so many bytes.
    Equal(u64),
    /// The sums of those before each value and of all; no value counts for more than what is refused anyway, so that no sum overflows.
    Sums(Vec<u64>),
}

impl Weights {
    fn of(chunk: &Chunk) -> Self {
        let sums = |weights: &mut dyn Iterator<Item = u64>| {
            let mut sum = 0;
            let after = weights.map(|weight| {
                sum += weight.min(VALUE_BYTES_MAX + 1);
                sum
            });
            Weights::Sums(std::iter::once(0).chain(after).collect())
        };
        let end = END_BYTES as u64;
        match chunk {
            Chunk::Array(arrays) => {
                let weights = Weights::of(&arrays.values);
                sums(&mut arrays.slices.iter().map(|slice| end + weights.sum(slice)))
            }
            Chunk::String(strings) => sums(&mut strings.iter().map(|text| end + text.map_or(0, str::len) as u64)),
            Chunk::Object(objects) => {
                sums(&mut objects.slices.iter().map(|slice| end + if slice.is_null() { 0 } else { slice.len }))
            }
            fixed => Weights::Equal(fixed.column_type().width() as u64),
        }
    }

    fn sum(&self, slice: &Slice) -> u64 {
        match self {
            _ if slice.is_null() => 0,
            Weights::Equal(width) => slice.len.saturating_mul(*width),
            Weights::Sums(sums) => {
                let range = slice.range();
                sums[range.end] - sums[range.start]
            }
        }
    }
}

/// The ends of compact arrays whose elements lie behind `base` others.
pub(super) fn ends_of(arrays: &ArrayChunk, base: u64) -> Vec<End> {
    let mut at = base;
    let end = |slice: &Slice| {
        at += if slice.is_null() { 0 } else { slice.len };
        End::new(at, slice.is_null())
    };
    arrays.slices.iter().map(end).collect()
}

/// The bytes of each value that is a run of bytes, none for null; nothing for chunks of other types.
pub(super) fn byte_values(chunk: &Chunk) -> Box<dyn Iterator<Item = Option<&[u8]>> + '_> {
    match chunk {
        Chunk::String(strings) => Box::new(strings.iter().map(|text| text.map(str::as_bytes))),
        Chunk::Object(objects) => Box::new(objects.iter()),
        _ => Box::new(std::iter::empty()),
    }
}
