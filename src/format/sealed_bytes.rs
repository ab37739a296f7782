//! Sealed bytes: the text and other bytes of a column's values, one after the other, in blocks. Layout in `README.md`; writer and reader here.
//!
//! **Invariants:** every byte of the file is under a checksum; all blocks but the last hold [`BLOCK_BYTES`], so where a byte lies is a
//! division; a block's checksum is verified before its first byte leaves it, once a handle.

use super::encoding::{BytesBlock, Codec, Encoding, Lane, encode_bytes_block};
use super::header::{self, FileKind, HEADER_BYTES};
use crate::base::{Error, Result};
use crate::memory::Marks;
use bytes::Bytes;
use std::ops::Range;

/// The format version written.
pub const VERSION: u16 = 1;
/// Bytes of a block before compression.
pub const BLOCK_BYTES: usize = 128 << 10;
/// Header, bytes of a block, checksum.
pub const HEAD_BYTES: usize = 32;
/// One entry of the block index.
pub const ENTRY_BYTES: usize = 24;
/// Bytes in all, offset of the index, block count, checksums.
pub const TAIL_BYTES: usize = 32;
const _: () = assert!(HEADER_BYTES + 16 == HEAD_BYTES);

/// What the index says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesEntry {
    /// Where the block starts in the file.
    pub offset: u64,
    /// Its bytes there.
    pub size_bytes: u32,
    /// CRC-32 of them.
    pub checksum: u32,
    /// Plain or zstd.
    pub encoding: Encoding,
}

/// An encoded block; the offset is the writer's to fill in.
#[derive(Debug)]
pub struct EncodedBytes {
    bytes: Vec<u8>,
    content_bytes: usize,
    entry: BytesEntry,
}

/// Encodes 1 to [`BLOCK_BYTES`] bytes as the codec says.
pub fn encode_block(content: &[u8], codec: Codec) -> EncodedBytes {
    let mut bytes = Vec::new();
    let encoding = encode_bytes_block(content, codec, &mut bytes);
    let entry = BytesEntry { offset: 0, size_bytes: bytes.len() as u32, checksum: crc32fast::hash(&bytes), encoding };
    EncodedBytes { bytes, content_bytes: content.len(), entry }
}

/// Puts a file together; the caller writes the bytes it is given, in order.
#[derive(Debug)]
pub struct SealedBytesWriter {
    entries: Vec<BytesEntry>,
    offset: u64,
    content_bytes: u64,
}

impl SealedBytesWriter {
    /// A writer and the first bytes of the file.
    pub fn new() -> (Self, Vec<u8>) {
        let mut head = header::encode(FileKind::SealedBytes, VERSION).to_vec();
        (BLOCK_BYTES as u32).write_le(&mut head);
        0u64.write_le(&mut head);
        crc32fast::hash(&head).write_le(&mut head);
        (SealedBytesWriter { entries: Vec::new(), offset: HEAD_BYTES as u64, content_bytes: 0 }, head)
    }

    /// Takes the next block and gives its bytes back. Panics if the block before was not full.
    pub fn push(&mut self, block: EncodedBytes) -> Vec<u8> {
        assert!(self.content_bytes.is_multiple_of(BLOCK_BYTES as u64), "only the last block may be short");
        self.entries.push(BytesEntry { offset: self.offset, ..block.entry });
        self.offset += block.bytes.len() as u64;
        self.content_bytes += block.content_bytes as u64;
        block.bytes
    }

    /// The last bytes of the file, and the seal by which a location record names it.
    pub fn finish(self) -> (Vec<u8>, u32) {
        let mut bytes = Vec::with_capacity(self.entries.len() * ENTRY_BYTES + TAIL_BYTES);
        for entry in &self.entries {
            entry.offset.write_le(&mut bytes);
            entry.size_bytes.write_le(&mut bytes);
            entry.checksum.write_le(&mut bytes);
            bytes.extend_from_slice(&[entry.encoding.code(), 0, 0, 0, 0, 0, 0, 0]);
        }
        let entries_checksum = crc32fast::hash(&bytes);
        let tail = bytes.len();
        self.content_bytes.write_le(&mut bytes);
        self.offset.write_le(&mut bytes);
        (self.entries.len() as u32).write_le(&mut bytes);
        entries_checksum.write_le(&mut bytes);
        0u32.write_le(&mut bytes);
        let seal = crc32fast::hash(&bytes[tail..]);
        seal.write_le(&mut bytes);
        (bytes, seal)
    }
}

/// Sealed bytes opened over the file, mapped or not.
#[derive(Debug)]
pub struct SealedBytes {
    bytes: Bytes,
    content_bytes: u64,
    seal: u32,
    entries: Vec<BytesEntry>,
    /// One bit a block: its checksum held.
    verified: Marks,
}

impl SealedBytes {
    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks head, tail and index, not the blocks. O(blocks).
    pub fn open(bytes: Bytes) -> Result<Self> {
        header::check(&bytes, FileKind::SealedBytes, VERSION..=VERSION)?;
        let size = bytes.len();
        if size < HEAD_BYTES + TAIL_BYTES {
            return Err(Error::corrupt(format!("the sealed bytes end after {size} bytes")).at_offset(size as u64));
        }
        let head = &bytes[..HEAD_BYTES];
        check_sum("head", &head[..28], u32::read_le(&head[28..]), 0)?;
        if u32::read_le(&head[16..]) != BLOCK_BYTES as u32 || head[20..28] != [0; 8] {
            let found = u32::read_le(&head[16..]);
            return Err(Error::corrupt(format!("the blocks have {found} bytes")).at_offset(16));
        }
        let tail_at = size - TAIL_BYTES;
        let tail = &bytes[tail_at..];
        let seal = u32::read_le(&tail[28..]);
        check_sum("tail", &tail[..28], seal, tail_at)?;
        let (content_bytes, index_at) = (u64::read_le(tail), u64::read_le(&tail[8..]));
        let (count, index_checksum) = (u32::read_le(&tail[16..]) as usize, u32::read_le(&tail[20..]));
        let fits = index_at.checked_add(count as u64 * ENTRY_BYTES as u64) == Some(tail_at as u64)
            && content_bytes.div_ceil(BLOCK_BYTES as u64) == count as u64
            && index_at >= HEAD_BYTES as u64
            && u32::read_le(&tail[24..]) == 0;
        if !fits {
            let what =
                format!("{content_bytes} bytes in {count} blocks, their index at {index_at}, do not fit the file");
            return Err(Error::corrupt(what).at_offset(tail_at as u64));
        }
        let index = &bytes[index_at as usize..tail_at];
        check_sum("block index", index, index_checksum, index_at as usize)?;
        let mut entries = Vec::with_capacity(count);
        let mut offset = HEAD_BYTES as u64;
        for (number, entry) in index.chunks_exact(ENTRY_BYTES).enumerate() {
            let entry_at = index_at + (number * ENTRY_BYTES) as u64;
            let entry = read_entry(entry).map_err(|e| e.at_offset(entry_at))?;
            if entry.offset != offset {
                let what = format!("block {number} starts at {}, not at {offset}", entry.offset);
                return Err(Error::corrupt(what).at_offset(entry_at));
            }
            offset += u64::from(entry.size_bytes);
            entries.push(entry);
        }
        if offset != index_at {
            return Err(Error::corrupt(format!("the blocks end at {offset}, their index starts at {index_at}"))
                .at_offset(index_at));
        }
        let verified = Marks::new(count);
        Ok(SealedBytes { bytes, content_bytes, seal, entries, verified })
    }

    /// Bytes in all, before compression.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// The checksum by which a location record names this very file.
    pub fn seal(&self) -> u32 {
        self.seal
    }

    /// The block index.
    pub fn entries(&self) -> &[BytesEntry] {
        &self.entries
    }

    /// Verifies the checksum of every block. Reads the whole file.
    pub fn verify(&self) -> Result<()> {
        (0..self.entries.len()).try_for_each(|block| self.block_bytes(block).map(drop))
    }

    /// Appends ranges of the bytes in their order. Decompresses a piece again only when ranges leave it and come back. Returns the encoded
    /// bytes that were read.
    pub fn read(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<u64> {
        if let Some(range) = ranges.iter().find(|range| range.start > range.end || range.end > self.content_bytes) {
            return Err(Error::corrupt(format!("bytes {range:?} of {}", self.content_bytes)));
        }
        let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        out.reserve(usize::try_from(total).unwrap_or(0));
        let mut bytes_read = 0;
        let mut pieces = ranges.iter().cloned().flat_map(split).peekable();
        while let Some((index, range)) = pieces.next() {
            let size = (self.content_bytes - (index * BLOCK_BYTES) as u64).min(BLOCK_BYTES as u64) as usize;
            let place = |error: Error| error.at_offset(self.entries[index].offset).context(format!("block {index}"));
            let block =
                BytesBlock::parse(self.entries[index].encoding, self.block_bytes(index)?, size).map_err(place)?;
            let mut reader = block.reader();
            reader.read(range, out).map_err(place)?;
            while let Some((_, range)) = pieces.next_if(|(next, _)| *next == index) {
                reader.read(range, out).map_err(place)?;
            }
            bytes_read += reader.read_bytes();
        }
        Ok(bytes_read)
    }

    fn block_bytes(&self, index: usize) -> Result<&[u8]> {
        let entry = self.entries[index];
        let bytes = &self.bytes[entry.offset as usize..entry.offset as usize + entry.size_bytes as usize];
        if !self.verified.has(index) {
            check_sum("block", bytes, entry.checksum, entry.offset as usize)?;
            self.verified.set(index);
        }
        Ok(bytes)
    }
}

/// The blocks that a range touches, and its part of each.
fn split(range: Range<u64>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let block = BLOCK_BYTES as u64;
    let blocks = if range.is_empty() { 0..0 } else { range.start / block..(range.end - 1) / block + 1 };
    blocks.map(move |index| {
        let first = index * block;
        let (start, end) = (range.start.max(first) - first, range.end.min(first + block) - first);
        (index as usize, start as usize..end as usize)
    })
}

fn read_entry(bytes: &[u8]) -> Result<BytesEntry> {
    let encoding = Encoding::from_code(bytes[16]).ok_or_else(|| {
        let what = format!("a block has the unknown encoding {}", bytes[16]);
        Error::new(crate::base::ErrorKind::UnknownVersion, what)
    })?;
    if bytes[17..24] != [0; 7] {
        return Err(Error::corrupt("a block's entry does not end with zeros"));
    }
    let (offset, size_bytes) = (u64::read_le(bytes), u32::read_le(&bytes[8..]));
    Ok(BytesEntry { offset, size_bytes, checksum: u32::read_le(&bytes[12..]), encoding })
}

fn check_sum(what: &str, bytes: &[u8], stored: u32, at: usize) -> Result<()> {
    let computed = crc32fast::hash(bytes);
    if computed == stored {
        return Ok(());
    }
    Err(Error::corrupt(format!("the {what}'s checksum is {computed:08x}, not {stored:08x}")).at_offset(at as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], codec: Codec) -> (Vec<u8>, u32) {
        let (mut writer, mut bytes) = SealedBytesWriter::new();
        for block in content.chunks(BLOCK_BYTES) {
            bytes.extend(writer.push(encode_block(block, codec)));
        }
        let (tail, seal) = writer.finish();
        bytes.extend(tail);
        (bytes, seal)
    }

    fn read_all(bytes: Vec<u8>) -> Result<Vec<u8>> {
        let sealed = SealedBytes::open(Bytes::from(bytes))?;
        let mut out = Vec::new();
        sealed.read(std::slice::from_ref(&(0..sealed.content_bytes())), &mut out)?;
        Ok(out)
    }

    #[test]
    fn ranges_come_back_from_any_blocks() {
        let content: Vec<u8> =
            (0..2 * BLOCK_BYTES + 77).map(|at| b"market order "[at % 13] ^ (at / 50_000) as u8).collect();
        for codec in [Codec::Fastest, Codec::Balanced] {
            let (bytes, seal) = file(&content, codec);
            let sealed = SealedBytes::open(Bytes::from(bytes)).unwrap();
            assert_eq!((sealed.content_bytes(), sealed.seal()), (content.len() as u64, seal));
            let encoding = if codec == Codec::Fastest { Encoding::Plain } else { Encoding::Zstd };
            assert!(
                sealed.entries().len() == 3
                    && sealed.entries().iter().all(|e| e.encoding == encoding || e.size_bytes < 100)
            );
            sealed.verify().unwrap();
            let block = BLOCK_BYTES as u64;
            let ranges = [
                0..0,
                5..9,
                block - 3..block + 3,
                block + 3..block + 4,
                1..2 * block + 77,
                0..1,
                2 * block + 77..2 * block + 77,
            ];
            let mut out = Vec::new();
            sealed.read(&ranges, &mut out).unwrap();
            let expected: Vec<u8> =
                ranges.iter().flat_map(|r| &content[r.start as usize..r.end as usize]).copied().collect();
            assert!(out == expected);
            for odd in [0..2 * block + 78, u64::MAX..u64::MAX, 0..u64::MAX] {
                assert!(sealed.read(&[odd], &mut out).unwrap_err().is_corrupt());
            }
            // A few bytes cost a piece, not a block.
            let few = block + 7..block + 9;
            let bytes = sealed.read(std::slice::from_ref(&few), &mut Vec::new()).unwrap();
            assert!(bytes <= u64::from(sealed.entries()[1].size_bytes) / 2, "{bytes}");
        }
        assert_eq!(read_all(file(&[], Codec::Balanced).0).unwrap(), b"");
    }

    #[test]
    fn every_flipped_bit_and_cut_is_found() {
        let content = "naïve text, ".repeat(20).into_bytes();
        for codec in [Codec::Fastest, Codec::Balanced] {
            let (bytes, _) = file(&content, codec);
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read_all(damaged).unwrap_err().is_corrupt(), "bit {bit}");
            }
            for length in 0..bytes.len() {
                assert!(read_all(bytes[..length].to_vec()).unwrap_err().is_corrupt(), "length {length}");
            }
        }
    }

    /// The offsets of the specification.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let (bytes, seal) = file(b"abc", Codec::Fastest);
        assert_eq!(bytes[..12], *b"PILASTER\x15\0\x01\0");
        assert_eq!(bytes[16..28], *b"\0\0\x02\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes[28..32], crc32fast::hash(&bytes[..28]).to_le_bytes());
        assert_eq!(bytes[32..35], *b"abc");
        assert_eq!(bytes[35..47], *b"\x20\0\0\0\0\0\0\0\x03\0\0\0");
        assert_eq!(bytes[47..51], crc32fast::hash(b"abc").to_le_bytes());
        assert_eq!(bytes[51..59], *b"\x01\0\0\0\0\0\0\0");
        assert_eq!(bytes[59..79], *b"\x03\0\0\0\0\0\0\0\x23\0\0\0\0\0\0\0\x01\0\0\0");
        assert_eq!(bytes[79..83], crc32fast::hash(&bytes[35..59]).to_le_bytes());
        assert_eq!((&bytes[83..87], &bytes[87..91], bytes.len()), (&[0; 4][..], &seal.to_le_bytes()[..], 91));
    }
}
