//! Encodings of a block: up to 65,536 values of one type to bytes and back, losslessly, each vector of 1,024 on its own.
//!
//! One file an encoding; [`choose`] measures the data and takes the smallest that the [`Codec`] allows. All of them see values as
//! [`Lane`]s, their bits. Bit-packed encodings decode a vector of 1,024 rows on its own, entropy coders a piece of 4,096. Decoders trust no
//! byte: what does not hold together is an error, never a panic. (That the bytes are the ones written is for checksums to tell, one
//! structure up.)

mod bounds;
mod bytes;
pub mod choose;
mod codec;
pub mod constant;
pub mod decimal;
pub mod dictionary;
mod exceptions;
pub mod frame;
pub mod lane;
pub mod pco;
pub mod pieces;
pub mod plain;
pub mod run_length;
mod totals;
pub mod zstd;

pub use bounds::VectorBounds;
pub use bytes::{BytesBlock, BytesReader, encode_bytes_block};
pub use choose::{encode_block, encode_block_as, encode_block_with};
pub use codec::Codec;
pub use lane::{Encodable, Lane, Vector};

use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use decimal::DecimalBlock;
use dictionary::DictionaryBlock;
use frame::Frame;
use pco::PcoBlock;
use run_length::Runs;
use std::ops::Range;
use zstd::ZstdBlock;

/// From so many rows within a vector it is decoded as a whole: picking one costs about a quarter of that, or summing up to it.
const PICKED_ROWS: usize = 4;

/// How a block is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Values as they are.
    Plain,
    /// One value.
    Constant,
    /// Runs of equal values.
    RunLength,
    /// Frame of reference, bit-packed, in a common unit.
    Frame,
    /// The same over the differences of neighbours.
    Delta,
    /// Codes into the block's distinct values.
    Dictionary,
    /// Floats as decimal digits.
    Decimal,
    /// Numbers in entropy-coded bins.
    Pco,
    /// Bytes, compressed.
    Zstd,
}

impl Encoding {
    /// All of them, in the order of their codes.
    pub const ALL: [Encoding; 9] = [
        Encoding::Plain,
        Encoding::Constant,
        Encoding::RunLength,
        Encoding::Frame,
        Encoding::Delta,
        Encoding::Dictionary,
        Encoding::Decimal,
        Encoding::Pco,
        Encoding::Zstd,
    ];

    /// The number in files; never reused, zero is never written.
    pub const fn code(self) -> u8 {
        match self {
            Encoding::Plain => 1,
            Encoding::Constant => 2,
            Encoding::RunLength => 3,
            Encoding::Frame => 4,
            Encoding::Delta => 5,
            Encoding::Dictionary => 6,
            Encoding::Decimal => 7,
            Encoding::Pco => 8,
            Encoding::Zstd => 9,
        }
    }

    /// The encoding of a code, none for one that this build does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.code() == code)
    }

    /// True where a block may know the bounds of its vectors ([`Block::bounds`]).
    pub const fn has_bounds(self) -> bool {
        !matches!(self, Encoding::Plain | Encoding::Pco | Encoding::Zstd)
    }

    /// The word in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Plain => "plain",
            Encoding::Constant => "constant",
            Encoding::RunLength => "run-length",
            Encoding::Frame => "frame",
            Encoding::Delta => "delta",
            Encoding::Dictionary => "dictionary",
            Encoding::Decimal => "decimal",
            Encoding::Pco => "pco",
            Encoding::Zstd => "zstd",
        }
    }
}

/// An encoded block, opened over its bytes: rows of one type, addressed from 0.
#[derive(Debug)]
pub struct Block<'a, T: Encodable> {
    rows: usize,
    content: Content<'a, T::Lane>,
}

#[derive(Debug)]
enum Content<'a, L: Lane> {
    Plain(&'a [u8]),
    Constant(L),
    RunLength(Runs<'a, L>),
    Frame(Frame<'a, L>),
    Dictionary(DictionaryBlock<'a, L>),
    Decimal(DecimalBlock<'a, L>),
    Pieces(PieceBlock<'a, L>),
}

/// What decodes in pieces of several vectors.
#[derive(Debug)]
enum PieceBlock<'a, L: Lane> {
    Pco(Box<PcoBlock<'a, L>>),
    Zstd(ZstdBlock<'a>),
}

impl<'a, T: Encodable> Block<'a, T> {
    /// Looks at headers and sizes; O(1), in pco also the tables of the chunk. Errs of kind `Corrupt` where they do not fit `rows` rows of
    /// the type.
    pub fn parse(encoding: Encoding, bytes: &'a [u8], rows: usize) -> Result<Self> {
        let null = T::NULL.to_lane();
        let content = match encoding {
            Encoding::Plain => Content::Plain(plain::parse::<T::Lane>(bytes, rows)?),
            Encoding::Constant => Content::Constant(constant::decode(bytes)?),
            Encoding::RunLength => Content::RunLength(Runs::parse(bytes, rows)?),
            Encoding::Frame | Encoding::Delta => Content::Frame(Frame::parse(bytes, rows, null)?),
            Encoding::Dictionary => Content::Dictionary(DictionaryBlock::parse(bytes, rows)?),
            Encoding::Decimal if T::FLOAT => Content::Decimal(DecimalBlock::parse(bytes, rows, null)?),
            Encoding::Pco => Content::Pieces(PieceBlock::Pco(Box::new(PcoBlock::parse::<T>(bytes, rows)?))),
            Encoding::Zstd => Content::Pieces(PieceBlock::Zstd(ZstdBlock::of_lanes::<T::Lane>(bytes, rows)?)),
            Encoding::Decimal => return Err(Error::corrupt("a decimal block in a column that has no floats")),
        };
        Ok(Block { rows, content })
    }

    /// Looks at what reading one row does not, and without which another row's value would be read: that runs end after one another. Once a block
    /// is enough. O(runs).
    pub fn check_order(&self) -> Result<()> {
        if let Content::RunLength(runs) = &self.content { runs.check() } else { Ok(()) }
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Encoded bytes that the values of a range of rows are read from, roughly for run lengths and dictionaries.
    pub fn read_bytes(&self, rows: Range<usize>) -> Result<u64> {
        self.check(rows.end)?;
        let unit = self.unit_rows();
        (rows.start / unit..rows.end.div_ceil(unit)).map(|index| self.unit_bytes(index)).sum()
    }

    /// Rows that are decoded at once, a power of two: a vector, or a piece of several.
    fn unit_rows(&self) -> usize {
        match &self.content {
            Content::Pieces(pieces) => pieces.piece_rows(),
            _ => VECTOR_ROWS,
        }
    }

    fn unit_bytes(&self, index: usize) -> Result<u64> {
        Ok(match &self.content {
            Content::Plain(_) => (frame::vector_range(index, self.rows).len() * T::Lane::BYTES) as u64,
            Content::Constant(_) => 0,
            Content::RunLength(_) => (T::Lane::BYTES + 2) as u64,
            Content::Frame(frame) => frame.vector_bytes(index)?,
            Content::Dictionary(dictionary) => dictionary.vector_bytes(index)?,
            Content::Decimal(decimal) => decimal.vector_bytes(index)?,
            Content::Pieces(pieces) => pieces.stored_bytes(index)?,
        })
    }

    /// Decodes the vector or piece of that number into `out`, whose content is replaced, down to the row at least. What lies past the
    /// last row of the block has no meaning.
    fn decode_unit(&self, index: usize, row: usize, out: &mut Vec<T::Lane>) -> Result<()> {
        let pieces = match &self.content {
            Content::Pieces(pieces) => pieces,
            content => {
                out.resize(VECTOR_ROWS, T::Lane::ZERO);
                let Some(vector) = out.first_chunk_mut::<VECTOR_ROWS>() else { return Ok(()) };
                return self.decode_vector(content, index, vector);
            }
        };
        pieces.decode(index, row % pieces.piece_rows() + 1, out)
    }

    fn decode_vector(&self, content: &Content<'_, T::Lane>, index: usize, out: &mut Vector<T::Lane>) -> Result<()> {
        match content {
            Content::Plain(bytes) => plain::decode_vector(bytes, index, out),
            Content::Constant(value) => out.fill(*value),
            Content::RunLength(runs) => runs.decode_vector(index, self.rows, out)?,
            Content::Frame(frame) => frame.decode_vector(index, out)?,
            Content::Dictionary(dictionary) => dictionary.decode_vector(index, out)?,
            Content::Decimal(decimal) => decimal.decode_vector(index, out)?,
            Content::Pieces(_) => {}
        }
        Ok(())
    }

    /// Appends the values of a range of rows, which must lie within the block. Decodes each vector or piece touched once.
    pub fn fill(&self, rows: Range<usize>, out: &mut Vec<T>) -> Result<()> {
        self.check(rows.end)?;
        out.reserve(rows.len());
        match &self.content {
            Content::Constant(value) => out.resize(out.len() + rows.len(), T::from_lane(*value)),
            Content::RunLength(runs) => runs.fill(rows, T::from_lane, out)?,
            Content::Plain(bytes) => {
                let lanes = T::Lane::slice_of(&bytes[rows.start * T::Lane::BYTES..rows.end * T::Lane::BYTES]);
                out.extend(lanes.iter().map(|&lane| T::from_lane(lane)));
            }
            _ => {
                let (unit, mut lanes) = (self.unit_rows(), Vec::new());
                let mut at = rows.start;
                while at < rows.end {
                    let index = at / unit;
                    let end = ((index + 1) * unit).min(rows.end);
                    if end - at == VECTOR_ROWS && self.fill_vector(index, out)? {
                        at = end;
                        continue;
                    }
                    self.decode_unit(index, end - 1, &mut lanes)?;
                    let lanes = &lanes[at % unit..at % unit + (end - at)];
                    out.extend(lanes.iter().map(|&lane| T::from_lane(lane)));
                    at = end;
                }
            }
        }
        Ok(())
    }

    /// Appends a whole vector, decoded in its place; false where that is not possible, and nothing was appended.
    fn fill_vector(&self, index: usize, out: &mut Vec<T>) -> Result<bool> {
        if let Content::Pieces(_) = self.content {
            return Ok(false);
        }
        let start = out.len();
        // Zeros are filled in twice as fast as nulls; they are overwritten at once.
        out.resize(start + VECTOR_ROWS, T::from_lane(T::Lane::ZERO));
        if let Some(vector) = T::lanes_mut(&mut out[start..]).and_then(|lanes| lanes.first_chunk_mut::<VECTOR_ROWS>()) {
            self.decode_vector(&self.content, index, vector)?;
            return Ok(true);
        }
        out.truncate(start);
        Ok(false)
    }

    /// Appends the values of rows in their order, repeats allowed, each given as its distance from `first`. Of vectors that few rows lie in
    /// the values are picked one by one where the encoding lets them; others, and pieces, are decoded, again when rows leave them and come
    /// back. Returns the encoded bytes that were read.
    pub fn gather(&self, rows: &[u64], first: u64, out: &mut Vec<T>) -> Result<u64> {
        let unit = self.unit_rows();
        let (shift, mask) = (unit.trailing_zeros(), unit - 1);
        let (mut lanes, mut scratch) = (Vec::new(), Vec::new());
        let position = |row: u64| row.wrapping_sub(first) as usize;
        let mut bytes = 0;
        let mut decoded = usize::MAX;
        let mut rest = rows;
        while let Some(&row) = rest.first() {
            let index = position(row) >> shift;
            let count = rest.iter().take_while(|row| position(**row) >> shift == index).count();
            let (own, later) = rest.split_at(count);
            rest = later;
            let last = own.iter().fold(0, |last, &row| last.max(position(row)));
            self.check(last.saturating_add(1))?;
            if index != decoded && count <= PICKED_ROWS {
                let picked = out.len();
                for &row in own {
                    if let Some(lane) = self.pick(position(row))? {
                        bytes += T::Lane::BYTES as u64;
                        out.push(T::from_lane(lane));
                    } else if let Some(lane) = self.pick_sum(position(row), &mut scratch)? {
                        bytes += self.unit_bytes(index)?;
                        out.push(T::from_lane(lane));
                    }
                }
                // All of them, or none.
                if out.len() > picked {
                    continue;
                }
            }
            // A piece of which only the front was needed so far is decoded again.
            if index != decoded || lanes.len() <= last & mask {
                self.decode_unit(index, last, &mut lanes)?;
                bytes += self.unit_bytes(index)?;
                decoded = index;
            }
            let Some(lanes) = lanes.get(..=last & mask) else {
                return Err(Error::corrupt(format!("row {last} is not in its piece")));
            };
            out.extend(own.iter().map(|&row| T::from_lane(lanes[position(row) & mask])));
        }
        Ok(bytes)
    }

    /// The lane of one row without its vector's others; none where they are needed for it.
    fn pick(&self, row: usize) -> Result<Option<T::Lane>> {
        match &self.content {
            Content::Plain(bytes) => Ok(bytes.get(row * T::Lane::BYTES..).map(T::Lane::read_le)),
            Content::Constant(value) => Ok(Some(*value)),
            Content::RunLength(runs) => Ok(runs.pick(row)),
            Content::Frame(frame) => frame.pick(row),
            Content::Dictionary(dictionary) => dictionary.pick(row),
            Content::Decimal(decimal) => decimal.pick(row),
            Content::Pieces(_) => Ok(None),
        }
    }

    /// The lane of one row where it is a sum over those before it in its vector, none where it is not. `scratch` is overwritten.
    fn pick_sum(&self, row: usize, scratch: &mut Vec<T::Lane>) -> Result<Option<T::Lane>> {
        scratch.resize(VECTOR_ROWS, T::Lane::ZERO);
        let Some(scratch) = scratch.first_chunk_mut::<VECTOR_ROWS>() else { return Ok(None) };
        match &self.content {
            Content::Frame(frame) => frame.pick_sum(row, scratch),
            Content::Decimal(decimal) => decimal.pick_sum(row, scratch),
            _ => Ok(None),
        }
    }

    fn check(&self, end: usize) -> Result<()> {
        if end > self.rows {
            return Err(Error::corrupt(format!("row {} of a block of {}", end - 1, self.rows)));
        }
        Ok(())
    }
}

impl<L: Lane> PieceBlock<'_, L> {
    fn piece_rows(&self) -> usize {
        match self {
            PieceBlock::Pco(block) => block.piece_rows(),
            PieceBlock::Zstd(block) => block.piece_bytes() / L::BYTES,
        }
    }

    fn stored_bytes(&self, index: usize) -> Result<u64> {
        match self {
            PieceBlock::Pco(block) => block.stored_bytes(index),
            PieceBlock::Zstd(block) => block.stored_bytes(index),
        }
    }

    fn decode(&self, index: usize, count: usize, out: &mut Vec<L>) -> Result<()> {
        match self {
            PieceBlock::Pco(block) => block.decode_piece(index, count, out),
            PieceBlock::Zstd(block) => {
                let mut bytes = Vec::new();
                block.decode_piece(index, &mut bytes)?;
                out.clear();
                out.extend_from_slice(&L::slice_of(&bytes));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
