//! General compression (zstd): pieces of the values' bytes as they lie, or with bytes of the same significance together.
//!
//! For bytes that are no numbers, see [`BytesBlock`](super::BytesBlock); the layout is the same.

use super::lane::Lane;
use super::pieces::{PIECE_ROWS, PieceWriter, Pieces};
use crate::base::{Error, Result};
use std::cell::RefCell;

/// Shuffle width, three reserved, bytes of a piece, bytes in all.
const HEADER_BYTES: usize = 16;
/// On ticks, level 3 gains nothing over level 1 where zstd is the smallest at all.
const LEVEL: i32 = 1;
/// The most bytes of a piece that a reader takes: what a hostile header can make it allocate.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// Appends lanes, shuffled or not, whichever is smaller. False, and nothing appended, if the library fails.
pub fn encode<L: Lane>(values: &[L], out: &mut Vec<u8>) -> bool {
    let mut bytes = Vec::with_capacity(values.len() * L::BYTES);
    values.iter().for_each(|value| value.write_le(&mut bytes));
    let start = out.len();
    if !encode_bytes(&bytes, PIECE_ROWS * L::BYTES, 0, out) {
        return false;
    }
    if L::BYTES > 1 {
        let mut shuffled = Vec::new();
        let encoded = encode_bytes(&bytes, PIECE_ROWS * L::BYTES, L::BYTES, &mut shuffled);
        if encoded && shuffled.len() < out.len() - start {
            out.truncate(start);
            out.append(&mut shuffled);
        }
    }
    true
}

/// Appends bytes in pieces, shuffled by a width unless that is 0. False, and nothing appended, if the library fails.
pub(super) fn encode_bytes(bytes: &[u8], piece_bytes: usize, shuffle: usize, out: &mut Vec<u8>) -> bool {
    let base = out.len();
    out.extend_from_slice(&[shuffle as u8, 0, 0, 0]);
    out.extend_from_slice(&(piece_bytes as u32).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    let mut writer = PieceWriter::new(bytes.len().div_ceil(piece_bytes), out);
    let packed = bytes.chunks(piece_bytes).all(|piece| {
        let shuffled = if shuffle > 1 { Some(shuffled(piece, shuffle)) } else { None };
        let done = compress(shuffled.as_deref().unwrap_or(piece), out);
        writer.end_piece(out);
        done
    });
    if !packed {
        out.truncate(base);
    }
    packed
}

/// A zstd block over its bytes.
#[derive(Clone, Debug)]
pub struct ZstdBlock<'a> {
    shuffle: usize,
    piece_bytes: usize,
    size: usize,
    pieces: Pieces<'a>,
}

impl<'a> ZstdBlock<'a> {
    /// Looks at header and directory of a block of lanes.
    pub fn of_lanes<L: Lane>(bytes: &'a [u8], rows: usize) -> Result<Self> {
        let block = Self::of_bytes(bytes, rows * L::BYTES)?;
        let piece_rows = block.piece_bytes / L::BYTES;
        if !block.piece_bytes.is_multiple_of(L::BYTES) || !piece_rows.is_power_of_two() {
            return Err(Error::corrupt(format!("a zstd block has pieces of {} bytes", block.piece_bytes)));
        }
        Ok(block)
    }

    /// Looks at header and directory of a block of so many bytes before compression.
    pub fn of_bytes(bytes: &'a [u8], size: usize) -> Result<Self> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(Error::corrupt(format!("a zstd block has {} bytes", bytes.len())));
        };
        let shuffle = usize::from(header[0]);
        let piece_bytes = u32::read_le(&header[4..]) as usize;
        let found = u64::read_le(&header[8..]);
        let widths_fit = matches!(shuffle, 0 | 2 | 4 | 8) && piece_bytes.is_multiple_of(shuffle.max(1));
        if !widths_fit || header[1..4] != [0; 3] || piece_bytes == 0 || piece_bytes > PIECE_BYTES_MAX {
            return Err(Error::corrupt(format!("a zstd block has the header {header:02x?}")));
        }
        if found != size as u64 || !size.is_multiple_of(shuffle.max(1)) {
            return Err(Error::corrupt(format!("a zstd block of {size} bytes says that it has {found}")));
        }
        let pieces = Pieces::parse(&bytes[HEADER_BYTES..], size.div_ceil(piece_bytes), 0)?;
        Ok(ZstdBlock { shuffle, piece_bytes, size, pieces })
    }

    /// Bytes of every piece but the last, before compression.
    pub fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    /// Bytes of a piece as it is stored.
    pub fn stored_bytes(&self, index: usize) -> Result<u64> {
        Ok(self.pieces.get(index)?.len() as u64)
    }

    /// Decompresses a piece into `out`, whose content is replaced.
    pub fn decode_piece(&self, index: usize, out: &mut Vec<u8>) -> Result<()> {
        let start = index.saturating_mul(self.piece_bytes).min(self.size);
        let size = self.piece_bytes.min(self.size - start);
        let stored = self.pieces.get(index)?;
        out.clear();
        if stored.len() == size {
            out.extend_from_slice(stored);
        } else {
            out.reserve(size);
            let done = DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
                Some(decompressor) => decompressor.decompress_to_buffer(stored, out),
                None => Err(std::io::Error::other("no memory for the decompressor")),
            });
            done.map_err(|error| Error::corrupt(format!("zstd piece {index}: {error}")))?;
            if out.len() != size {
                return Err(Error::corrupt(format!("zstd piece {index} has {} bytes, not {size}", out.len())));
            }
        }
        if self.shuffle > 1 {
            *out = unshuffled(out, self.shuffle);
        }
        Ok(())
    }
}

type Compressor = ::zstd::bulk::Compressor<'static>;
type Decompressor = ::zstd::bulk::Decompressor<'static>;

thread_local! {
    // Their tables are large: one a thread, not one a piece.
    static COMPRESSOR: RefCell<Option<Compressor>> = RefCell::new(compressor());
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = RefCell::new(Decompressor::new().ok());
}

/// Frames carry neither size nor checksum: both stand outside.
fn compressor() -> Option<Compressor> {
    let mut compressor = Compressor::new(LEVEL).ok()?;
    compressor.include_contentsize(false).ok()?;
    compressor.include_checksum(false).ok()?;
    Some(compressor)
}

/// Appends a compressed piece, or the bytes themselves where that is no more.
fn compress(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let packed = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok());
    let Some(packed) = packed else { return false };
    out.extend_from_slice(if packed.len() < bytes.len() { &packed } else { bytes });
    true
}

/// The first bytes of all values, then the second ones, and so on.
fn shuffled(bytes: &[u8], width: usize) -> Vec<u8> {
    (0..width).flat_map(|at| bytes.iter().skip(at).step_by(width).copied()).collect()
}

fn unshuffled(bytes: &[u8], width: usize) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    if bytes.is_empty() {
        return out;
    }
    for (at, plane) in bytes.chunks_exact(bytes.len() / width).enumerate() {
        out.iter_mut().skip(at).step_by(width).zip(plane).for_each(|(to, byte)| *to = *byte);
    }
    out
}
