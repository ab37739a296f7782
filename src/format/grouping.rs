//! Grouping indices: where the rows of each value of a grouping column lie.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 16 | [`header`] |
//! | 16 | 1 | type of the column |
//! | 17 | 7 | zero |
//! | 24 | 8 | number of groups |
//! | 32 | 8 a group | first row of each group |
//! | then | 8 | row count |
//! | then | 8 a group | value of each group: its bits in the low bytes, codes for strings |
//! | then | 4 | CRC-32 of all before: the seal |

use super::encoding::{Encodable, Lane};
use super::header::{self, FileKind};
use crate::base::{ColumnType, Error, Result};
use crate::memory::Chunk;
use crate::with_fixed_values;

/// The format version written and read.
pub const VERSION: u16 = 1;
const HEAD_BYTES: usize = 32;

/// The bytes of an index, and their seal. `starts` has one more entry than `values`.
pub fn encode(values: &Chunk, starts: &[u64]) -> (Vec<u8>, u32) {
    let mut bytes = header::encode(FileKind::Grouping, VERSION).to_vec();
    bytes.extend_from_slice(&[values.column_type().code(), 0, 0, 0, 0, 0, 0, 0]);
    (values.len() as u64).write_le(&mut bytes);
    starts.iter().for_each(|start| start.write_le(&mut bytes));
    fn lanes<T: Encodable>(values: &[T], out: &mut Vec<u8>) {
        values.iter().for_each(|value| value.to_lane().widen().write_le(out));
    }
    with_fixed_values!(values, values => lanes(values, &mut bytes), else unreachable!("a grouping column of variable width"));
    let seal = crc32fast::hash(&bytes);
    seal.write_le(&mut bytes);
    (bytes, seal)
}

/// Reads an index of a column of `row_count` rows: values (codes without a table for strings), starts, seal. O(groups).
pub fn decode(bytes: &[u8], column_type: ColumnType, row_count: u64) -> Result<(Chunk, Vec<u64>, u32)> {
    header::check(bytes, FileKind::Grouping, VERSION..=VERSION)?;
    let Some(content) = bytes.len().checked_sub(4).filter(|end| *end >= HEAD_BYTES).map(|end| &bytes[..end]) else {
        return Err(Error::corrupt(format!("the grouping index ends after {} bytes", bytes.len())));
    };
    let seal = u32::read_le(&bytes[content.len()..]);
    let computed = crc32fast::hash(content);
    if computed != seal {
        return Err(Error::corrupt(format!("the grouping index has the checksum {computed:08x}, not {seal:08x}"))
            .at_offset(content.len() as u64));
    }
    let groups = u64::read_le(&bytes[24..]);
    let fits =
        groups.checked_mul(16).and_then(|size| size.checked_add(HEAD_BYTES as u64 + 8)) == Some(content.len() as u64);
    if !fits || bytes[16] != column_type.code() {
        return Err(Error::corrupt(format!("{groups} groups of values of type {} do not fit the file", bytes[16]))
            .at_offset(16));
    }
    let (starts, lanes) = content[HEAD_BYTES..].split_at((groups as usize + 1) * 8);
    let starts: Vec<u64> = starts.chunks_exact(8).map(u64::read_le).collect();
    let ascend = starts.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascend || starts.first() != Some(&0) || starts.last() != Some(&row_count) {
        return Err(
            Error::corrupt(format!("the groups do not cover {row_count} rows in order")).at_offset(HEAD_BYTES as u64)
        );
    }
    fn values_of<T: Encodable>(lanes: &[u8], out: &mut Vec<T>) {
        out.extend(lanes.chunks_exact(8).map(|lane| T::from_lane(T::Lane::truncate(u64::read_le(lane)))));
    }
    let mut values = Chunk::with_capacity(column_type, groups as usize);
    let column_type = values.column_type();
    with_fixed_values!(&mut values, values => values_of(lanes, values), else {
        return Err(Error::corrupt(format!("a grouping column of type {column_type}")).at_offset(16));
    });
    Ok((values, starts, seal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_round_trip_and_damage_shows() {
        for (values, starts) in [
            (Chunk::Long(vec![i64::MIN, -5, 7]), vec![0, 3, 4, 9]),
            (Chunk::Double(vec![-0.5]), vec![0, 1]),
            (Chunk::Char(vec![]), vec![0]),
        ] {
            let row_count = starts[starts.len() - 1];
            let (bytes, seal) = encode(&values, &starts);
            let read = |bytes: &[u8]| decode(bytes, values.column_type(), row_count);
            let (found, found_starts, found_seal) = read(&bytes).unwrap();
            assert_eq!((format!("{found:?}"), found_starts, found_seal), (format!("{values:?}"), starts.clone(), seal));
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&damaged).unwrap_err().is_corrupt(), "bit {bit}");
            }
            for length in 0..bytes.len() {
                assert!(read(&bytes[..length]).unwrap_err().is_corrupt(), "length {length}");
            }
            assert!(decode(&bytes, values.column_type(), row_count + 1).is_err());
            assert!(decode(&bytes, ColumnType::Boolean, row_count).is_err());
        }
    }
}
