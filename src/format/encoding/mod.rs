//! Encodings of a block: up to 65,536 values of one type to bytes and back, losslessly, each vector of 1,024 on its own.
//!
//! One file an encoding; [`choose`] measures the data and takes the smallest. All of them see values as [`Lane`]s, their bits. Decoders
//! trust no byte: what does not hold together is an error, never a panic. (That the bytes are the ones written is for checksums to
//! tell, one structure up.)

pub mod choose;
pub mod constant;
pub mod decimal;
pub mod dictionary;
pub mod frame;
pub mod lane;
pub mod plain;
pub mod run_length;

pub use choose::{encode_block, encode_block_as};
pub use lane::{Encodable, Lane, Vector};

use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use decimal::DecimalBlock;
use dictionary::DictionaryBlock;
use frame::Frame;
use run_length::Runs;
use std::ops::Range;

/// From so many rows within a vector it is decoded as a whole: picking one costs about a quarter of that.
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
}

impl Encoding {
    /// All of them, in the order of their codes.
    pub const ALL: [Encoding; 7] = [
        Encoding::Plain,
        Encoding::Constant,
        Encoding::RunLength,
        Encoding::Frame,
        Encoding::Delta,
        Encoding::Dictionary,
        Encoding::Decimal,
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
        }
    }

    /// The encoding of a code, none for one that this build does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.code() == code)
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
}

impl<'a, T: Encodable> Block<'a, T> {
    /// Looks at headers and sizes; O(1). Errs of kind `Corrupt` where they do not fit `rows` rows of the type.
    pub fn parse(encoding: Encoding, bytes: &'a [u8], rows: usize) -> Result<Self> {
        let null = T::NULL.to_lane();
        let content = match encoding {
            Encoding::Plain => Content::Plain(plain::parse::<T::Lane>(bytes, rows)?),
            Encoding::Constant => Content::Constant(constant::decode(bytes)?),
            Encoding::RunLength => Content::RunLength(Runs::parse(bytes, rows)?),
            Encoding::Frame | Encoding::Delta => Content::Frame(Frame::parse(bytes, rows, null)?),
            Encoding::Dictionary => Content::Dictionary(DictionaryBlock::parse(bytes, rows)?),
            Encoding::Decimal if T::FLOAT => Content::Decimal(DecimalBlock::parse(bytes, rows, null)?),
            Encoding::Decimal => return Err(Error::corrupt("a decimal block in a column that has no floats")),
        };
        Ok(Block { rows, content })
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Encoded bytes that a vector's values are read from, roughly for run lengths and dictionaries.
    pub fn vector_bytes(&self, index: usize) -> Result<u64> {
        Ok(match &self.content {
            Content::Plain(_) => (frame::vector_range(index, self.rows).len() * T::Lane::BYTES) as u64,
            Content::Constant(_) => 0,
            Content::RunLength(_) => (T::Lane::BYTES + 2) as u64,
            Content::Frame(frame) => frame.vector_bytes(index)?,
            Content::Dictionary(dictionary) => dictionary.vector_bytes(index)?,
            Content::Decimal(decimal) => decimal.vector_bytes(index)?,
        })
    }

    /// Decodes a vector into lanes; those past the last row have no meaning.
    pub fn decode_vector(&self, index: usize, out: &mut Vector<T::Lane>) -> Result<()> {
        if index * VECTOR_ROWS >= self.rows {
            return Err(Error::corrupt(format!("no vector {index} in a block of {} rows", self.rows)));
        }
        match &self.content {
            Content::Plain(bytes) => plain::decode_vector(bytes, index, out),
            Content::Constant(value) => out.fill(*value),
            Content::RunLength(runs) => runs.decode_vector(index, self.rows, out)?,
            Content::Frame(frame) => frame.decode_vector(index, out)?,
            Content::Dictionary(dictionary) => dictionary.decode_vector(index, out)?,
            Content::Decimal(decimal) => decimal.decode_vector(index, out)?,
        }
        Ok(())
    }

    /// Appends the values of a range of rows, which must lie within the block. Decodes each vector touched once.
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
                let mut vector = [T::Lane::ZERO; VECTOR_ROWS];
                let mut at = rows.start;
                while at < rows.end {
                    let index = at / VECTOR_ROWS;
                    let end = ((index + 1) * VECTOR_ROWS).min(rows.end);
                    self.decode_vector(index, &mut vector)?;
                    let lanes = &vector[at % VECTOR_ROWS..at % VECTOR_ROWS + (end - at)];
                    out.extend(lanes.iter().map(|&lane| T::from_lane(lane)));
                    at = end;
                }
            }
        }
        Ok(())
    }

    /// Appends the values of rows in their order, repeats allowed, each given as its distance from `first`. Of vectors that few rows lie in
    /// the values are picked one by one where the encoding lets them; others are decoded, again when rows leave them and come back.
    /// Returns the encoded bytes that were read.
    pub fn gather(&self, rows: &[u64], first: u64, out: &mut Vec<T>) -> Result<u64> {
        let mut bytes = 0;
        let mut vector = [T::Lane::ZERO; VECTOR_ROWS];
        let mut decoded = usize::MAX;
        for (at, row) in rows.iter().enumerate() {
            let position = row.wrapping_sub(first) as usize;
            self.check(position.saturating_add(1))?;
            let index = position / VECTOR_ROWS;
            if index != decoded {
                let lies_here = |row: &u64| row.wrapping_sub(first) as usize / VECTOR_ROWS == index;
                if !rows.get(at + PICKED_ROWS).is_some_and(lies_here)
                    && let Some(lane) = self.pick(position)?
                {
                    bytes += T::Lane::BYTES as u64;
                    out.push(T::from_lane(lane));
                    continue;
                }
                self.decode_vector(index, &mut vector)?;
                bytes += self.vector_bytes(index)?;
                decoded = index;
            }
            out.push(T::from_lane(vector[position % VECTOR_ROWS]));
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
        }
    }

    fn check(&self, end: usize) -> Result<()> {
        if end > self.rows {
            return Err(Error::corrupt(format!("row {} of a block of {}", end - 1, self.rows)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
