//! Sealed columns: header, encoded blocks, block index, tail. Layout in `README.md`; writer and reader here.
//!
//! **Invariants:** every byte of the file is under a checksum; all blocks but the last have [`BLOCK_ROWS`] rows, so a row's block is a
//! division; a block's checksum is verified before its first value is decoded, once a handle.

use super::column_form::End;
use super::encoding::{self, Block, Codec, Encodable, Encoding, Lane, VectorBounds};
use super::header::{self, FileKind, HEADER_BYTES};
use super::read_ahead::ReadAhead;
use crate::base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use crate::base::{ColumnType, Error, Primitive, Result, Value};
use crate::memory::{Chunk, Marks, Symbols};
use crate::with_fixed_values;
use bytes::Bytes;
use std::ops::Range;

/// The format version written and read.
pub const VERSION: u16 = 1;
/// Header, column type, block rows, vector rows, checksum.
pub const HEAD_BYTES: usize = 32;
/// One entry of the block index.
pub const ENTRY_BYTES: usize = 48;
/// Row count, offset of the index, block count, checksums.
pub const TAIL_BYTES: usize = 32;
const _: () = assert!(HEADER_BYTES + 16 == HEAD_BYTES);

const HAS_RANGE: u8 = 1;
const HAS_NAN: u8 = 2;
const ASCENDING: u8 = 4;

/// What the index says of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockEntry {
    /// Where the block starts in the file; a multiple of eight.
    pub offset: u64,
    /// Its bytes, padding to a multiple of eight included.
    pub size_bytes: u32,
    /// Its rows.
    pub row_count: u32,
    /// How many of them are null.
    pub null_count: u32,
    /// CRC-32 of its bytes.
    pub checksum: u32,
    /// Lanes of the least and greatest value that is neither null nor NaN; none if there is no such value.
    pub range: Option<(u64, u64)>,
    /// How it is encoded.
    pub encoding: Encoding,
    /// True if a NaN is among the values.
    pub has_nan: bool,
    /// True if no value is less than the one before it; nulls are least, NaN greatest.
    pub ascending: bool,
}

/// An encoded block with its statistics.
#[derive(Debug)]
pub struct EncodedBlock {
    bytes: Vec<u8>,
    entry: BlockEntry,
}

/// What the index says of a block's values, whatever its bytes: the zone map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockStatistics {
    /// See [`BlockEntry::null_count`].
    pub null_count: u32,
    /// See [`BlockEntry::range`].
    pub range: Option<(u64, u64)>,
    /// See [`BlockEntry::has_nan`].
    pub has_nan: bool,
    /// See [`BlockEntry::ascending`].
    pub ascending: bool,
}

/// Encodes 1 to 65,536 values as the codec says.
pub fn encode_block<T: Encodable>(values: &[T], codec: Codec) -> EncodedBlock {
    let mut bytes = Vec::new();
    let encoding = encoding::encode_block_with(values, codec, &mut bytes);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let BlockStatistics { null_count, range, has_nan, ascending } = statistics(values);
    let entry = BlockEntry {
        offset: 0,
        size_bytes: bytes.len() as u32,
        row_count: values.len() as u32,
        null_count,
        checksum: crc32fast::hash(&bytes),
        range,
        encoding,
        has_nan,
        ascending,
    };
    EncodedBlock { bytes, entry }
}

/// The statistics of a block's values, as a writer computes them.
pub fn statistics<T: Encodable>(values: &[T]) -> BlockStatistics {
    let bounds = VectorBounds::of_slice(values);
    let lane = |value: T| value.to_lane().widen();
    BlockStatistics {
        null_count: values.iter().filter(|value| value.is_null()).count() as u32,
        range: (!bounds.least.is_null()).then(|| (lane(bounds.least), lane(bounds.greatest))),
        has_nan: bounds.others.nan,
        ascending: values.windows(2).all(|pair| !follows(pair[0], pair[1])),
    }
}

/// The statistics of a chunk's values, strings as their codes; none for values of variable width.
pub fn chunk_statistics(chunk: &Chunk) -> Option<BlockStatistics> {
    with_fixed_values!(chunk, values => Some(statistics(values)), else None)
}

fn unsupported(column_type: ColumnType) -> Error {
    Error::type_mismatch(format!("columns of type {column_type} have no blocks of their own"))
}

/// Encodes 1 to 65,536 ends of values of variable width. Their statistics are those of the values: nulls alone are known.
pub fn encode_ends(ends: &[End], codec: Codec) -> EncodedBlock {
    let lanes: Vec<i64> = ends.iter().map(|end| end.0 as i64).collect();
    let codec = if let Codec::Encoding(_) = codec { Codec::Balanced } else { codec };
    let EncodedBlock { bytes, mut entry } = encode_block(&lanes, codec);
    entry.null_count = ends.iter().filter(|end| end.is_null()).count() as u32;
    entry.range = None;
    entry.ascending = false;
    EncodedBlock { bytes, entry }
}

/// Encodes a range of a chunk's values; strings as their codes.
pub fn encode_chunk(chunk: &Chunk, rows: Range<usize>, codec: Codec) -> EncodedBlock {
    with_fixed_values!(chunk, values => encode_block(&values[rows], codec), else unreachable!("blocks of variable width"))
}

/// Puts a sealed column together; the caller writes the bytes it is given, in order.
#[derive(Debug)]
pub struct SealedColumnWriter {
    column_type: ColumnType,
    entries: Vec<BlockEntry>,
    offset: u64,
    row_count: u64,
}

impl SealedColumnWriter {
    /// A writer and the first bytes of the file.
    pub fn new(column_type: ColumnType) -> (Self, Vec<u8>) {
        Self::with_content(column_type, false)
    }

    /// A writer of blocks of [`encode_ends`].
    pub fn of_ends() -> (Self, Vec<u8>) {
        Self::with_content(ColumnType::Long, true)
    }

    fn with_content(column_type: ColumnType, ends: bool) -> (Self, Vec<u8>) {
        let mut head = header::encode(FileKind::SealedColumn, VERSION).to_vec();
        head.extend_from_slice(&[column_type.code(), u8::from(ends), 0, 0]);
        head.extend_from_slice(&(BLOCK_ROWS as u32).to_le_bytes());
        head.extend_from_slice(&(VECTOR_ROWS as u32).to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        let offset = HEAD_BYTES as u64;
        (SealedColumnWriter { column_type, entries: Vec::new(), offset, row_count: 0 }, head)
    }

    /// The column's type.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Takes the next block and gives its bytes back. Panics if the block before had less than [`BLOCK_ROWS`] rows.
    pub fn push(&mut self, block: EncodedBlock) -> Vec<u8> {
        assert!(self.row_count.is_multiple_of(BLOCK_ROWS as u64), "only the last block may be short");
        self.entries.push(BlockEntry { offset: self.offset, ..block.entry });
        self.offset += block.bytes.len() as u64;
        self.row_count += u64::from(block.entry.row_count);
        block.bytes
    }

    /// The last bytes of the file, and the seal by which a location record names it.
    pub fn finish(self) -> (Vec<u8>, u32) {
        let mut bytes = Vec::with_capacity(self.entries.len() * ENTRY_BYTES + TAIL_BYTES);
        self.entries.iter().for_each(|entry| entry.write(&mut bytes));
        let entries_checksum = crc32fast::hash(&bytes);
        let tail = bytes.len();
        bytes.extend_from_slice(&self.row_count.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&entries_checksum.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.column_type.code()).to_le_bytes());
        let seal = crc32fast::hash(&bytes[tail..]);
        bytes.extend_from_slice(&seal.to_le_bytes());
        (bytes, seal)
    }
}

impl BlockEntry {
    /// What it says of the block's values.
    pub fn statistics(&self) -> BlockStatistics {
        let BlockEntry { null_count, range, has_nan, ascending, .. } = *self;
        BlockStatistics { null_count, range, has_nan, ascending }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (min, max) = self.range.unwrap_or_default();
        out.extend_from_slice(&self.offset.to_le_bytes());
        for field in [self.size_bytes, self.row_count, self.null_count, self.checksum] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&min.to_le_bytes());
        out.extend_from_slice(&max.to_le_bytes());
        let [range, nan, ascending] = [self.range.is_some(), self.has_nan, self.ascending].map(u8::from);
        let flags = (range * HAS_RANGE) | (nan * HAS_NAN) | (ascending * ASCENDING);
        out.extend_from_slice(&[self.encoding.code(), flags, 0, 0, 0, 0, 0, 0]);
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let word = |at: usize| u32::read_le(&bytes[at..]);
        let long = |at: usize| u64::read_le(&bytes[at..]);
        let (code, flags) = (bytes[40], bytes[41]);
        let encoding = Encoding::from_code(code).ok_or_else(|| {
            Error::new(crate::base::ErrorKind::UnknownVersion, format!("a block has the unknown encoding {code}"))
        })?;
        if flags > HAS_RANGE | HAS_NAN | ASCENDING {
            return Err(Error::corrupt(format!("a block has the unknown flags {flags}")));
        }
        Ok(BlockEntry {
            offset: long(0),
            size_bytes: word(8),
            row_count: word(12),
            null_count: word(16),
            checksum: word(20),
            range: (flags & HAS_RANGE != 0).then(|| (long(24), long(32))),
            encoding,
            has_nan: flags & HAS_NAN != 0,
            ascending: flags & ASCENDING != 0,
        })
    }
}

/// A sealed column opened over its bytes, mapped or not.
#[derive(Debug)]
pub struct SealedColumn {
    bytes: Bytes,
    column_type: ColumnType,
    ends: bool,
    row_count: u64,
    seal: u32,
    entries: Vec<BlockEntry>,
    /// One bit a block: its checksum held, and its runs end after one another.
    verified: Marks,
    ahead: ReadAhead,
}

impl SealedColumn {
    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks head, tail and index. O(blocks).
    pub fn open(bytes: Bytes) -> Result<Self> {
        ReadAhead::prepare(&bytes);
        header::check(&bytes, FileKind::SealedColumn, VERSION..=VERSION)?;
        let size = bytes.len();
        if size < HEAD_BYTES + TAIL_BYTES {
            return Err(Error::corrupt(format!("the sealed column ends after {size} bytes")).at_offset(size as u64));
        }
        let head = &bytes[..HEAD_BYTES];
        check_sum("head", &head[..28], u32::read_le(&head[28..]), 0)?;
        let column_type = ColumnType::from_code(head[16])
            .ok_or_else(|| Error::corrupt(format!("the column has the unknown type {}", head[16])).at_offset(16))?;
        let rows = (u32::read_le(&head[20..]), u32::read_le(&head[24..]));
        let ends = head[17] == 1;
        if head[17] > 1 || ends && column_type != ColumnType::Long {
            return Err(Error::corrupt(format!("the column has the unknown content {}", head[17])).at_offset(17));
        }
        if rows != (BLOCK_ROWS as u32, VECTOR_ROWS as u32) || head[18..20] != [0; 2] {
            return Err(Error::corrupt(format!("the column has blocks of {} rows in vectors of {}", rows.0, rows.1))
                .at_offset(20));
        }
        let tail_at = size - TAIL_BYTES;
        let tail = &bytes[tail_at..];
        let seal = u32::read_le(&tail[28..]);
        check_sum("tail", &tail[..28], seal, tail_at)?;
        let (row_count, index_at) = (u64::read_le(tail), u64::read_le(&tail[8..]));
        let (count, index_checksum) = (u32::read_le(&tail[16..]) as usize, u32::read_le(&tail[20..]));
        let fits = index_at.checked_add(count as u64 * ENTRY_BYTES as u64) == Some(tail_at as u64)
            && row_count.div_ceil(BLOCK_ROWS as u64) == count as u64
            && u32::read_le(&tail[24..]) == u32::from(column_type.code())
            && index_at >= HEAD_BYTES as u64;
        if !fits {
            return Err(Error::corrupt(format!(
                "{row_count} rows in {count} blocks, their index at {index_at}, do not fit the file"
            ))
            .at_offset(tail_at as u64));
        }
        let index = &bytes[index_at as usize..tail_at];
        let ahead = ReadAhead::of(&bytes, index);
        check_sum("block index", index, index_checksum, index_at as usize)?;
        let mut entries = Vec::with_capacity(count);
        let mut offset = HEAD_BYTES as u64;
        for (number, entry_bytes) in index.chunks_exact(ENTRY_BYTES).enumerate() {
            let entry_at = index_at + (number * ENTRY_BYTES) as u64;
            let entry = BlockEntry::read(entry_bytes).map_err(|e| e.at_offset(entry_at))?;
            let rows = (row_count - (number * BLOCK_ROWS) as u64).min(BLOCK_ROWS as u64);
            if entry.offset != offset || u64::from(entry.row_count) != rows || entry.null_count > entry.row_count {
                return Err(Error::corrupt(format!("block {number} of {rows} rows does not follow the one before it"))
                    .at_offset(entry_at));
            }
            offset += u64::from(entry.size_bytes);
            entries.push(entry);
        }
        if offset != index_at {
            return Err(Error::corrupt(format!("the blocks end at {offset}, their index starts at {index_at}"))
                .at_offset(index_at));
        }
        let verified = Marks::new(count);
        Ok(SealedColumn { bytes, column_type, ends, row_count, seal, entries, verified, ahead })
    }

    /// The type of the values; strings are codes.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// True for ends of values of variable width, as longs; false for values.
    pub fn is_ends(&self) -> bool {
        self.ends
    }

    /// How many rows there are.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// The checksum by which a location record names this very file.
    pub fn seal(&self) -> u32 {
        self.seal
    }

    /// The block index.
    pub fn entries(&self) -> &[BlockEntry] {
        &self.entries
    }

    /// Verifies every block's checksum. Reads all.
    pub fn verify(&self) -> Result<()> {
        (0..self.entries.len()).try_for_each(|block| self.block_bytes(block).map(drop))
    }

    /// Says that a range of rows is about to be read, and nothing after it: its blocks are asked for. A hint that may be wrong.
    pub fn expect(&self, rows: Range<u64>) {
        let block = |row: u64| (row / BLOCK_ROWS as u64) as usize;
        let end = rows.end.min(self.row_count);
        if rows.start < end {
            self.ahead.expect(&self.bytes, &self.entries, block(rows.start)..block(end - 1) + 1);
        }
    }

    /// Appends the values of a range of rows to a chunk of the column's type. Returns the encoded bytes that were read.
    pub fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<u64> {
        if rows.end > self.row_count || rows.start > rows.end {
            return Err(Error::invalid(format!("rows {rows:?} of a column of {}", self.row_count)));
        }
        self.check_type(out)?;
        with_fixed_values!(out, values => self.fill_values(rows, values), else Err(unsupported(self.column_type)))
    }

    /// Appends the values of rows in their order. Returns the encoded bytes that were read.
    pub fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<u64> {
        if let Some(row) = rows.iter().find(|row| **row >= self.row_count) {
            return Err(Error::invalid(format!("row {row} of a column of {}", self.row_count)));
        }
        self.check_type(out)?;
        with_fixed_values!(out, values => self.gather_values(rows, values), else Err(unsupported(self.column_type)))
    }

    /// A lane of a block's range as a value; codes through the symbol table.
    pub fn value_of(&self, lane: u64, symbols: Option<&Symbols>) -> Value {
        let mut chunk = Chunk::new(self.column_type);
        if let Chunk::String(_) = chunk {
            let text = symbols.and_then(|symbols| symbols.get(crate::memory::SymbolCode(lane as u32)));
            return text.map_or(Value::Null, Value::string);
        }
        fn push<T: Encodable>(values: &mut Vec<T>, lane: u64) {
            values.push(T::from_lane(T::Lane::truncate(lane)));
        }
        with_fixed_values!(&mut chunk, values => push(values, lane), else return Value::Null);
        chunk.value(0)
    }

    fn fill_values<T: Encodable>(&self, rows: Range<u64>, out: &mut Vec<T>) -> Result<u64> {
        out.reserve((rows.end - rows.start) as usize);
        let mut bytes = 0;
        let mut at = rows.start;
        while at < rows.end {
            let index = (at / BLOCK_ROWS as u64) as usize;
            let first = (index * BLOCK_ROWS) as u64;
            let entry = self.entries[index];
            let end = rows.end.min(first + u64::from(entry.row_count));
            let block = self.block::<T>(index)?;
            let within = (at - first) as usize..(end - first) as usize;
            if within.len() == entry.row_count as usize {
                bytes += u64::from(entry.size_bytes);
            } else {
                bytes += block.read_bytes(within.clone()).map_err(|e| self.place(index, e))?;
            }
            block.fill(within, out).map_err(|e| self.place(index, e))?;
            at = end;
        }
        Ok(bytes)
    }

    fn gather_values<T: Encodable>(&self, rows: &[u64], out: &mut Vec<T>) -> Result<u64> {
        out.reserve(rows.len());
        let mut bytes = 0;
        let mut rest = rows;
        while let Some(&row) = rest.first() {
            let index = (row / BLOCK_ROWS as u64) as usize;
            let first = (index * BLOCK_ROWS) as u64;
            let here = first..first + BLOCK_ROWS as u64;
            let count = rest.iter().take_while(|row| here.contains(row)).count();
            let (now, later) = rest.split_at(count);
            let block = self.block::<T>(index)?;
            bytes += block.gather(now, first, out).map_err(|e| self.place(index, e))?;
            rest = later;
        }
        Ok(bytes)
    }

    pub(super) fn block<T: Encodable>(&self, index: usize) -> Result<Block<'_, T>> {
        let entry = self.entries[index];
        let bytes = self.block_bytes(index)?;
        let parse = || {
            let block = Block::parse(entry.encoding, bytes, entry.row_count as usize)?;
            if !self.verified.has(index) {
                block.check_order()?;
                self.verified.set(index);
            }
            Ok(block)
        };
        parse().map_err(|e| self.place(index, e))
    }

    /// The bytes of a block, whose checksum is compared unless a value was read from it before.
    fn block_bytes(&self, index: usize) -> Result<&[u8]> {
        let entry = self.entries[index];
        let bytes = &self.bytes[entry.offset as usize..entry.offset as usize + entry.size_bytes as usize];
        if !self.verified.has(index) {
            self.ahead.touch(&self.bytes, &self.entries, index);
            check_sum("block", bytes, entry.checksum, entry.offset as usize)?;
        }
        Ok(bytes)
    }

    fn check_type(&self, out: &Chunk) -> Result<()> {
        if out.column_type() == self.column_type {
            return Ok(());
        }
        Err(Error::type_mismatch(format!(
            "values of type {} do not go into a chunk of type {}",
            self.column_type,
            out.column_type()
        )))
    }

    pub(super) fn place(&self, index: usize, error: Error) -> Error {
        error.at_offset(self.entries[index].offset).context(format!("block {index}"))
    }
}

fn check_sum(what: &str, bytes: &[u8], stored: u32, at: usize) -> Result<()> {
    let computed = crc32fast::hash(bytes);
    if computed == stored {
        return Ok(());
    }
    Err(Error::corrupt(format!("the {what}'s checksum is {computed:08x}, not {stored:08x}")).at_offset(at as u64))
}

fn is_nan<T: PartialOrd>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}

/// True if `a` sorts after `b`: nulls first, NaN last.
fn follows<T: Primitive>(a: T, b: T) -> bool {
    if a.is_null() || is_nan(b) {
        return false;
    }
    b.is_null() || is_nan(a) || a > b
}

#[cfg(test)]
mod tests;
