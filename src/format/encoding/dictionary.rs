//! A dictionary of the block's distinct values, and a frame of 16-bit codes into it.

use super::frame::{self, Frame, Layout, Shape, pad};
use super::lane::{Lane, Vector};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::borrow::Cow;

const HEADER_BYTES: usize = 8;
/// More distinct values than this do not pay: the dictionary alone would be an eighth of the block.
pub const DISTINCT_MAX: usize = 8_192;
/// Dictionaries that a byte can index.
const SMALL: usize = 256;
const CODE_SHAPE: Shape<u16> = Shape { order: 0, null: None };
const CODE_LAYOUT: Layout<u16> = Layout { delta: false, unit: 1 };

/// The distinct values of a block and each row's code.
pub struct Dictionary<L> {
    values: Vec<L>,
    codes: Vec<u16>,
}

impl<L: Lane> Dictionary<L> {
    /// Collects the distinct values; none if there are more than [`DISTINCT_MAX`].
    ///
    /// Codes go by value, which keeps a vector's codes close together where values are, or by frequency, which leaves the rare
    /// ones to exceptions: whichever is smaller.
    pub fn of(values: &[L], order: L, vectors: &[usize]) -> Option<Self> {
        let mut found: HashMap<L, u16, FixedState> = HashMap::with_capacity_and_hasher(256, FixedState::default());
        let mut distinct: Vec<(L, u32)> = Vec::new();
        let mut first_codes = Vec::with_capacity(values.len());
        let mut last: Option<(L, u16)> = None;
        for &value in values {
            let next = distinct.len();
            let code = match last {
                Some((same, code)) if same == value => code,
                _ => *found.entry(value).or_insert(next as u16),
            };
            last = Some((value, code));
            if usize::from(code) == next {
                if next == DISTINCT_MAX {
                    return None;
                }
                distinct.push((value, 0));
            }
            distinct[usize::from(code)].1 += 1;
            first_codes.push(code);
        }
        let mut ranked: Vec<u16> = (0..distinct.len() as u16).collect();
        ranked.sort_unstable_by_key(|&code| distinct[usize::from(code)].0.xor(order));
        let by_value = Self::ranked(&distinct, &first_codes, &ranked);
        ranked.sort_by_key(|&code| std::cmp::Reverse(distinct[usize::from(code)].1));
        let by_frequency = Self::ranked(&distinct, &first_codes, &ranked);
        let cost = |dictionary: &Self| frame::estimate(&dictionary.codes, CODE_SHAPE, CODE_LAYOUT, vectors);
        Some(if cost(&by_frequency) < cost(&by_value) { by_frequency } else { by_value })
    }

    fn ranked(distinct: &[(L, u32)], first_codes: &[u16], ranked: &[u16]) -> Self {
        let mut rank_of = vec![0u16; distinct.len()];
        ranked.iter().enumerate().for_each(|(rank, &code)| rank_of[usize::from(code)] = rank as u16);
        Dictionary {
            values: ranked.iter().map(|&code| distinct[usize::from(code)].0).collect(),
            codes: first_codes.iter().map(|&code| rank_of[usize::from(code)]).collect(),
        }
    }

    /// Bytes of the encoded block, by looking at the vectors given.
    pub fn estimate(&self, vectors: &[usize]) -> u64 {
        (HEADER_BYTES + self.values.len() * L::BYTES) as u64
            + frame::estimate(&self.codes, CODE_SHAPE, CODE_LAYOUT, vectors)
    }

    /// Appends the block.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let base = out.len();
        out.extend_from_slice(&(self.values.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        self.values.iter().for_each(|value| value.write_le(out));
        pad(out, base);
        frame::encode(&self.codes, CODE_SHAPE, CODE_LAYOUT, out);
    }
}

/// A dictionary block over its bytes.
#[derive(Debug)]
pub struct DictionaryBlock<'a, L: Lane> {
    values: Cow<'a, [L]>,
    codes: Frame<'a, u16>,
}

impl<'a, L: Lane> DictionaryBlock<'a, L> {
    /// Looks at the sizes.
    pub fn parse(bytes: &'a [u8], rows: usize) -> Result<Self> {
        if bytes.len() < HEADER_BYTES {
            return Err(Error::corrupt(format!("dictionary block has {} bytes", bytes.len())));
        }
        let count = u32::read_le(bytes) as usize;
        let values_end = HEADER_BYTES + count * L::BYTES;
        let codes_start = values_end.next_multiple_of(8);
        if count > DISTINCT_MAX || codes_start > bytes.len() {
            return Err(Error::corrupt(format!("dictionary of {count} values in a block of {} bytes", bytes.len())));
        }
        let values = L::slice_of(&bytes[HEADER_BYTES..values_end]);
        Ok(DictionaryBlock { values, codes: Frame::parse(&bytes[codes_start..], rows, 0)? })
    }

    /// Encoded bytes that a vector's values are read from, the dictionary left out.
    pub fn vector_bytes(&self, index: usize) -> Result<u64> {
        self.codes.vector_bytes(index)
    }

    /// The lane of one row.
    pub fn pick(&self, row: usize) -> Result<Option<L>> {
        let Some(code) = self.codes.pick(row)? else { return Ok(None) };
        match self.values.get(usize::from(code)) {
            Some(&value) => Ok(Some(value)),
            None => Err(Error::corrupt(format!("code {code} in a dictionary of {} values", self.values.len()))),
        }
    }

    /// Values that all of a vector's are among; none where they are more than `limit`.
    pub fn within(&self, index: usize, limit: usize) -> Result<Option<&[L]>> {
        let Some((least, greatest, _)) = self.codes.bounds(index, 0)? else { return Ok(None) };
        let (least, end) = (usize::from(least), (usize::from(greatest) + 1).min(self.values.len()));
        Ok(if end.saturating_sub(least) <= limit { self.values.get(least..end) } else { None })
    }

    /// Decodes a vector. Errs on codes beyond the dictionary.
    pub fn decode_vector(&self, index: usize, out: &mut Vector<L>) -> Result<()> {
        let mut codes = [0u16; VECTOR_ROWS];
        self.codes.decode_vector(index, &mut codes)?;
        let most = codes.iter().fold(0, |most, &code| most.max(code));
        let Some(values) = self.values.get(..=usize::from(most)) else {
            return Err(Error::corrupt(format!("code {most} in a dictionary of {} values", self.values.len())));
        };
        if values.len() <= SMALL {
            // A table of a constant size needs no look at each code.
            let mut table = [L::ZERO; SMALL];
            table[..values.len()].copy_from_slice(values);
            for (lane, &code) in out.iter_mut().zip(&codes) {
                *lane = table[usize::from(code as u8)];
            }
        } else {
            for (lane, &code) in out.iter_mut().zip(&codes) {
                *lane = values[usize::from(code)];
            }
        }
        Ok(())
    }
}
