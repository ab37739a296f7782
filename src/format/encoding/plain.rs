//! Values as they are, little-endian: what does not compress.

use super::frame::vector_range;
use super::lane::{Lane, Vector};
use crate::base::{Error, Result};

/// Appends the lanes.
pub fn encode<L: Lane>(values: &[L], out: &mut Vec<u8>) {
    out.reserve(values.len() * L::BYTES);
    values.iter().for_each(|value| value.write_le(out));
}

/// The bytes of a plain block, cut to its rows.
pub fn parse<L: Lane>(bytes: &[u8], rows: usize) -> Result<&[u8]> {
    bytes
        .get(..rows * L::BYTES)
        .ok_or_else(|| Error::corrupt(format!("plain block of {rows} rows has {} bytes", bytes.len())))
}

/// Copies a vector out.
pub fn decode_vector<L: Lane>(bytes: &[u8], index: usize, out: &mut Vector<L>) {
    let rows = vector_range(index, bytes.len() / L::BYTES);
    let lanes = L::slice_of(&bytes[rows.start * L::BYTES..rows.end * L::BYTES]);
    out[..lanes.len()].copy_from_slice(&lanes);
}
