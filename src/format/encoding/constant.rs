//! One value for all rows of a block.

use super::lane::Lane;
use crate::base::{Error, Result};

/// Appends the value.
pub fn encode<L: Lane>(value: L, out: &mut Vec<u8>) {
    value.write_le(out);
}

/// The value of a constant block.
pub fn decode<L: Lane>(bytes: &[u8]) -> Result<L> {
    if bytes.len() < L::BYTES {
        return Err(Error::corrupt(format!("constant block has {} bytes, not {}", bytes.len(), L::BYTES)));
    }
    Ok(L::read_le(bytes))
}
