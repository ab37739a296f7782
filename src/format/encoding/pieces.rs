//! Pieces: what the entropy coders of this module have in common. A block is cut into pieces that are compressed one by one, and a
//! directory says where each of them ends, so that a row costs the decoding of one piece.

use super::lane::Lane;
use crate::base::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

/// Rows of a piece. On ticks, sizes are 2 % above those of a block compressed as a whole; with 1,024 rows they would be 6 % (pco) and
/// 11 % (zstd) above.
pub const PIECE_ROWS: usize = 4_096;

/// Puts a block of pieces together: space for the directory first, then piece after piece.
pub(super) struct PieceWriter {
    /// Where the directory starts in the buffer.
    directory: usize,
    /// Where the pieces start.
    first: usize,
    done: usize,
}

impl PieceWriter {
    /// Leaves space for the ends of `count` pieces.
    pub(super) fn new(count: usize, out: &mut Vec<u8>) -> Self {
        let directory = out.len();
        out.resize(directory + 4 * count, 0);
        PieceWriter { directory, first: out.len(), done: 0 }
    }

    /// Takes bytes that belong to no piece but stand before them.
    pub(super) fn skip_to(&mut self, out: &[u8]) {
        self.first = out.len();
    }

    /// Takes all bytes since the last call as the next piece.
    pub(super) fn end_piece(&mut self, out: &mut [u8]) {
        let end = (out.len() - self.first) as u32;
        let at = self.directory + 4 * self.done;
        out[at..at + 4].copy_from_slice(&end.to_le_bytes());
        self.done += 1;
    }
}

/// The pieces of a block.
#[derive(Clone, Debug)]
pub(super) struct Pieces<'a> {
    ends: Cow<'a, [u32]>,
    bytes: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// Looks at the size of the directory, which is at the start of `bytes`. `between` bytes stand after it.
    pub(super) fn parse(bytes: &'a [u8], count: usize, between: usize) -> Result<Self> {
        let start = count.checked_mul(4).and_then(|size| size.checked_add(between)).filter(|&at| at <= bytes.len());
        let Some(start) = start else {
            return Err(Error::corrupt(format!("a directory of {count} pieces in {} bytes", bytes.len())));
        };
        Ok(Pieces { ends: u32::slice_of(&bytes[..4 * count]), bytes: &bytes[start..] })
    }

    /// The compressed bytes of a piece.
    pub(super) fn get(&self, index: usize) -> Result<&'a [u8]> {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).map_or(usize::MAX, |&end| end as usize),
        };
        let end = self.ends.get(index).map_or(0, |&end| end as usize);
        self.bytes.get(start..end).ok_or_else(|| {
            Error::corrupt(format!("piece {index} lies from {start} to {end} of {} bytes", self.bytes.len()))
        })
    }
}

/// Rows of a piece in a block.
pub(super) fn piece_range(index: usize, piece_rows: usize, rows: usize) -> Range<usize> {
    (index * piece_rows).min(rows)..((index + 1) * piece_rows).min(rows)
}
