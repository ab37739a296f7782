//! Sealed columns: head, tail, block index, and blocks decoded one by one, each as far as its own bytes allow.

use super::walk::{Check, Walk};
use super::{CHECKED_BYTES_MAX, View, row_fields, type_name, verdict, version_check};
use crate::base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use crate::base::{ColumnType, Error, Result};
use crate::format::encoding::{Block, Encodable, Encoding, Lane};
use crate::format::header::{FileKind, HEADER_BYTES};
use crate::format::sealed_column::{ENTRY_BYTES, HEAD_BYTES, TAIL_BYTES};
use crate::memory::{Chunk, Symbols};
use crate::with_fixed_values;
use std::ops::Range;

/// Values shown of a block that is asked for.
const SAMPLE_ROWS: u64 = 16;

/// Everything after the header.
pub(super) fn column(walk: &mut Walk<'_>, view: &View, symbols: Option<&Symbols>) {
    walk.enter("head");
    let at = HEADER_BYTES as u64;
    let code = walk.number(at, 1, "column type");
    if let Some(code) = code {
        match type_name(code) {
            Some(name) => walk.explain(at, name),
            None => walk.judge(at, false, || "unknown".into()),
        }
    }
    if let Some(content) = walk.number(at + 1, 1, "content") {
        walk.explain(at + 1, if content == 1 { "ends" } else { "values" });
        walk.judge(at + 1, content <= 1, || "unknown".into());
    }
    walk.zeros(at + 2, 2, "zero");
    for (offset, name, expected) in [(4, "rows of a block", BLOCK_ROWS), (8, "rows of a vector", VECTOR_ROWS)] {
        if let Some(found) = walk.number(at + offset, 4, name) {
            walk.judge(at + offset, found == expected as u64, || format!("found {found}, supported {expected}"));
        }
    }
    walk.checksum(at + 12, 0..at + 12, "checksum of bytes 0 to 27");
    let Some(index) = tail(walk, code) else { return };
    let column_type = code.and_then(|code| ColumnType::from_code(u8::try_from(code).ok()?));
    let version_known = walk.peek(10, 2) == Some(u64::from(FileKind::SealedColumn.version()));
    blocks(walk, &index, column_type.filter(|_| version_known), view, symbols);
}

/// Where the block index lies.
struct Index {
    at: u64,
    blocks: u64,
    rows: u64,
}

fn tail(walk: &mut Walk<'_>, type_code: Option<u64>) -> Option<Index> {
    walk.enter("tail");
    let Some(at) = walk.len().checked_sub(TAIL_BYTES as u64).filter(|at| *at >= HEAD_BYTES as u64) else {
        let size = walk.len();
        walk.field(size, 0, "tail", "", Check::Bad(format!("the file ends after {size} bytes, before its tail")));
        return None;
    };
    let rows = walk.number(at, 8, "rows")?;
    let index_at = walk.number(at + 8, 8, "offset of the block index")?;
    let blocks = walk.number(at + 16, 4, "blocks")?;
    walk.judge(at + 16, rows.div_ceil(BLOCK_ROWS as u64) == blocks, || format!("{rows} rows have another count"));
    let fits = index_at >= HEAD_BYTES as u64
        && blocks.checked_mul(ENTRY_BYTES as u64).and_then(|bytes| bytes.checked_add(index_at)) == Some(at);
    walk.judge(at + 8, fits, || format!("{blocks} entries from there do not end at the tail"));
    walk.checksum(at + 20, index_at..at.max(index_at), "checksum of the block index");
    if let Some(found) = walk.number(at + 24, 4, "column type") {
        walk.judge(at + 24, Some(found) == type_code, || "not that of the head".into());
    }
    walk.checksum(at + 28, at..at + 28, "checksum of the 28 bytes before: the column's seal");
    if !fits {
        walk.enter("block index");
        walk.field(index_at, 0, "blocks", "", Check::Bad("cannot be found: the tail does not say where".into()));
        return None;
    }
    Some(Index { at: index_at, blocks, rows })
}

/// An entry of the index, whatever it holds.
struct Entry {
    at: u64,
    offset: u64,
    size_bytes: u64,
    row_count: u64,
    encoding: u64,
}

fn blocks(walk: &mut Walk<'_>, index: &Index, column_type: Option<ColumnType>, view: &View, symbols: Option<&Symbols>) {
    let rows = view.rows_within(index.rows);
    let (mut hidden, mut unchecked, mut checked_bytes) = (0, 0, 0);
    for number in 0..index.blocks {
        let Some(entry) = entry(walk, index, number) else { return };
        let first = number * BLOCK_ROWS as u64;
        let shown = view.shows(number);
        let wanted = overlap(&rows, first..first + entry.row_count);
        let check = if shown || view.all || checked_bytes < CHECKED_BYTES_MAX {
            checked_bytes += entry.size_bytes;
            check_block(walk, index, number, &entry)
        } else {
            unchecked += 1;
            Check::None
        };
        let bad = matches!(check, Check::Bad(_));
        if view.block == Some(number) {
            entry_fields(walk, number, &entry, column_type);
        }
        if shown || bad || !wanted.is_empty() {
            walk.enter(format!("block {number}"));
            let text = summary(walk, &entry, column_type);
            walk.field(entry.offset, entry.size_bytes, "block", text, check);
        } else {
            hidden += 1;
        }
        let sample = if view.block == Some(number) && view.rows.is_none() {
            first..first + entry.row_count.min(SAMPLE_ROWS)
        } else {
            wanted
        };
        if let (Some(column_type), false) = (column_type, sample.is_empty()) {
            values(walk, &entry, column_type, first, sample, symbols);
        }
    }
    walk.enter("block index");
    if hidden > 0 {
        let unchecked = match unchecked {
            0 => "all their checksums hold".to_string(),
            _ => format!("the checksums of {unchecked} were not compared"),
        };
        let text = format!("{hidden} blocks not shown, {unchecked}; --all or --block N shows them");
        walk.field(index.at, 0, "blocks", text, Check::None);
    }
}

fn entry(walk: &Walk<'_>, index: &Index, number: u64) -> Option<Entry> {
    let at = index.at + number * ENTRY_BYTES as u64;
    Some(Entry {
        at,
        offset: walk.peek(at, 8)?,
        size_bytes: walk.peek(at + 8, 4)?,
        row_count: walk.peek(at + 12, 4)?,
        encoding: walk.peek(at + 40, 1)?,
    })
}

fn check_block(walk: &Walk<'_>, index: &Index, number: u64, entry: &Entry) -> Check {
    let rows = (index.rows - number * BLOCK_ROWS as u64).min(BLOCK_ROWS as u64);
    if entry.row_count != rows {
        return Check::Bad(format!("{} rows, not {rows}", entry.row_count));
    }
    let Some(bytes) = walk.bytes_at(entry.offset, entry.size_bytes).filter(|_| entry.offset <= index.at) else {
        return Check::Bad("its bytes are not all there".into());
    };
    let (computed, stored) = (crc32fast::hash(bytes), walk.peek(entry.at + 20, 4).unwrap_or(0));
    match u64::from(computed) == stored {
        true => Check::Ok,
        false => Check::Bad(format!("the checksum is {computed:08x}, not {stored:08x}")),
    }
}

fn summary(walk: &Walk<'_>, entry: &Entry, column_type: Option<ColumnType>) -> String {
    let encoding = encoding_of(entry).map_or("unknown encoding", Encoding::name);
    let nulls = walk.peek(entry.at + 16, 4).unwrap_or(0);
    let flags = walk.peek(entry.at + 41, 1).unwrap_or(0);
    let lane = |at| column_type.zip(walk.peek(entry.at + at, 8)).map(|(t, lane)| lane_shown(t, lane));
    let mut text = format!("{encoding}, {} rows, {nulls} nulls", entry.row_count);
    if let (true, Some(least), Some(greatest)) = (flags & 1 != 0, lane(24), lane(32)) {
        text += &format!(", {least} to {greatest}");
    }
    if flags & 2 != 0 {
        text += ", NaN";
    }
    if flags & 4 != 0 {
        text += ", ascending";
    }
    text
}

/// The fields of an entry in the block index.
fn entry_fields(walk: &mut Walk<'_>, number: u64, entry: &Entry, column_type: Option<ColumnType>) {
    walk.enter(format!("block index entry {number}"));
    walk.number(entry.at, 8, "offset of the block in the file");
    walk.number(entry.at + 8, 4, "its bytes, padding included");
    walk.number(entry.at + 12, 4, "its rows");
    walk.number(entry.at + 16, 4, "its nulls");
    walk.stored_checksum(entry.at + 20, "checksum of its bytes");
    for (at, name) in [(24, "least value"), (32, "greatest value")] {
        let lane = walk.number(entry.at + at, 8, name);
        if let (Some(lane), Some(column_type)) = (lane, column_type) {
            walk.explain(entry.at + at, &lane_shown(column_type, lane));
        }
    }
    walk.number(entry.at + 40, 1, "encoding");
    match encoding_of(entry) {
        Some(encoding) => walk.explain(entry.at + 40, encoding.name()),
        None => version_check(walk, entry.at + 40, entry.encoding as u16, Encoding::ALL.len() as u16),
    }
    walk.number(entry.at + 41, 1, "flags");
    walk.zeros(entry.at + 42, 6, "zero");
}

fn encoding_of(entry: &Entry) -> Option<Encoding> {
    u8::try_from(entry.encoding).ok().and_then(Encoding::from_code)
}

fn lane_shown(column_type: ColumnType, lane: u64) -> String {
    match lane_chunk(column_type, [lane]) {
        values if values.is_empty() => format!("{lane:#x}"),
        values => super::shown(&values, 0, None),
    }
}

/// Lanes as values of a type.
pub(super) fn lane_chunk(column_type: ColumnType, lanes: impl IntoIterator<Item = u64>) -> Chunk {
    fn push<T: Encodable>(values: &mut Vec<T>, lanes: impl Iterator<Item = u64>) {
        values.extend(lanes.map(|lane| T::from_lane(T::Lane::truncate(lane))));
    }
    let mut chunk = Chunk::new(column_type);
    let lanes = lanes.into_iter();
    with_fixed_values!(&mut chunk, values => push(values, lanes), else ());
    chunk
}

fn values(
    walk: &mut Walk<'_>,
    entry: &Entry,
    column_type: ColumnType,
    first: u64,
    rows: Range<u64>,
    symbols: Option<&Symbols>,
) {
    let within = (rows.start - first) as usize..(rows.end - first) as usize;
    match decode(walk, entry, column_type, within) {
        Ok(values) => row_fields(walk, rows.start, &values, symbols, |_| (entry.offset, entry.size_bytes)),
        result => {
            let check = verdict(&result);
            walk.field(entry.offset, entry.size_bytes, "values", "", check);
        }
    }
}

/// Values of a block, damaged or not: what does not hold together is an error.
fn decode(walk: &Walk<'_>, entry: &Entry, column_type: ColumnType, rows: Range<usize>) -> Result<Chunk> {
    fn fill<T: Encodable>(
        values: &mut Vec<T>,
        encoding: Encoding,
        bytes: &[u8],
        count: usize,
        rows: Range<usize>,
    ) -> Result<()> {
        Block::<T>::parse(encoding, bytes, count)?.fill(rows, values)
    }
    let encoding = encoding_of(entry).ok_or_else(|| Error::corrupt(format!("unknown encoding {}", entry.encoding)))?;
    let bytes = walk.bytes_at(entry.offset, entry.size_bytes);
    let bytes = bytes.ok_or_else(|| Error::corrupt("the block's bytes are not all there"))?;
    let count = (entry.row_count as usize).min(BLOCK_ROWS);
    let mut chunk = Chunk::new(column_type);
    let rows = rows.start.min(count)..rows.end.min(count);
    let unknown = || Err(Error::invalid(format!("values of type {column_type} are not shown")));
    with_fixed_values!(&mut chunk, values => fill(values, encoding, bytes, count, rows), else unknown())?;
    Ok(chunk)
}

fn overlap(a: &Range<u64>, b: Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}
