//! What a `.sum` file keeps of a full block of data: its checksum, and between which values those of the block lie.

use super::SUM_BYTES;
use crate::base::{Error, Result};
use crate::format::encoding::{Encodable, Lane, VectorBounds};
use crate::memory::Others;

const KEPT: u8 = 1;
const NULL: u8 = 2;
const NAN: u8 = 4;

/// An entry of a `.sum` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSum {
    /// Of the block's bytes.
    pub checksum: u32,
    /// Bounds of its values; none where its entries are no values, and where its writer did not see all of it.
    pub bounds: Option<BitBounds>,
}

/// Bounds of values as their bits, whatever their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitBounds {
    /// The least value's bits; those of null where there is none but nulls and NaN.
    pub least: u64,
    /// The greatest value's.
    pub greatest: u64,
    /// What may be there besides.
    pub others: Others,
}

impl BitBounds {
    /// Of bounds of a type.
    pub fn of<T: Encodable>(bounds: VectorBounds<T>) -> Self {
        let bits = |value: T| value.to_lane().widen();
        BitBounds { least: bits(bounds.least), greatest: bits(bounds.greatest), others: bounds.others }
    }

    /// As bounds of the type that they were made of; of another type they mean nothing.
    pub fn of_type<T: Encodable>(self) -> VectorBounds<T> {
        let value = |bits: u64| T::from_lane(T::Lane::truncate(bits));
        VectorBounds { least: value(self.least), greatest: value(self.greatest), others: self.others }
    }
}

impl BlockSum {
    /// The entry's bytes.
    pub fn to_bytes(self) -> [u8; SUM_BYTES as usize] {
        let mut bytes = [0; SUM_BYTES as usize];
        bytes[..4].copy_from_slice(&self.checksum.to_le_bytes());
        if let Some(BitBounds { least, greatest, others }) = self.bounds {
            let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
            bytes[4] = KEPT | flag(others.null, NULL) | flag(others.nan, NAN);
            bytes[8..16].copy_from_slice(&least.to_le_bytes());
            bytes[16..].copy_from_slice(&greatest.to_le_bytes());
        }
        bytes
    }

    /// Reads an entry. Errs of kind `Corrupt` where it is none.
    pub fn read(bytes: &[u8; SUM_BYTES as usize]) -> Result<Self> {
        let checksum = u32::read_le(bytes);
        let (flags, least, greatest) = (bytes[4], u64::read_le(&bytes[8..]), u64::read_le(&bytes[16..]));
        let is_kept = flags & KEPT != 0;
        let is_plain = flags <= KEPT | NULL | NAN && bytes[5..8] == [0; 3];
        if !is_plain || !is_kept && (flags, least, greatest) != (0, 0, 0) {
            return Err(Error::corrupt(format!("what is kept of a block begins with the flags {:02x?}", &bytes[4..8])));
        }
        let others = Others { null: flags & NULL != 0, nan: flags & NAN != 0 };
        Ok(BlockSum { checksum, bounds: is_kept.then_some(BitBounds { least, greatest, others }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip_and_others_are_refused() {
        let bounds = |values: &[f64]| Some(BitBounds::of(VectorBounds::of_slice(values)));
        for bounds in [None, bounds(&[1.5, -0.0]), bounds(&[f64::NAN, -f64::MAX]), bounds(&[f64::INFINITY, f64::NAN])] {
            let sum = BlockSum { checksum: 0x0102_0304, bounds };
            let bytes = sum.to_bytes();
            assert_eq!((BlockSum::read(&bytes).unwrap(), bytes[..4].to_vec()), (sum, vec![4, 3, 2, 1]));
            for at in 4..8 {
                let mut other = bytes;
                other[at] |= 8;
                assert!(BlockSum::read(&other).is_err(), "byte {at}");
            }
        }
        let mut without = BlockSum { checksum: 7, bounds: None }.to_bytes();
        without[20] = 1;
        assert!(BlockSum::read(&without).is_err());
        let codes = VectorBounds::of_slice(&[3i8, -4]);
        assert_eq!(BitBounds::of(codes).of_type::<i8>(), codes);
    }
}
