//! Checksums of values and rows that do not depend on where a value lies: equal values, equal numbers, whatever their symbol codes.
//!
//! 128 bits, so that two different tables of 10^12 rows agree by accident with a chance below 10^-14. They guard against accidents, not malice, and mean
//! nothing outside of the process.

use crate::base::{Primitive, Result};
use crate::format::encoding::{Encodable, Lane};
use crate::memory::{ArrayChunk, Chunk, Slice, StringChunk};
use crate::with_fixed_values;
use std::hash::{BuildHasher, Hasher};

/// The checksum of a value or a row.
pub(super) type Fingerprint = u128;

const SEED: Fingerprint = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
const FACTOR: Fingerprint = 0xD6E8_FEB8_6659_FD93_A5A3_56A4_C2B2_AE35;

/// Takes a value's checksum into that of its row, the next column's after the last one's.
fn mix(row: Fingerprint, value: Fingerprint) -> Fingerprint {
    let mixed = (row.rotate_left(41) ^ value).wrapping_mul(FACTOR);
    mixed ^ (mixed >> 67)
}

fn of_lane(lane: u64) -> Fingerprint {
    mix(mix(SEED, Fingerprint::from(lane)), SEED)
}

fn of_bytes(bytes: &[u8]) -> Fingerprint {
    let half = |seed: u64| {
        let mut hasher = foldhash::quality::FixedState::with_seed(seed).build_hasher();
        hasher.write(bytes);
        hasher.finish()
    };
    Fingerprint::from(half(1)) << 64 | Fingerprint::from(half(2))
}

/// The checksum of each value; of null for every type the same. Values are equal if their bits are, so that the zeros differ.
pub(super) fn values(chunk: &Chunk) -> Result<Vec<Fingerprint>> {
    fn lanes<T: Encodable>(values: &[T]) -> Vec<Fingerprint> {
        values.iter().map(|&v| if v.is_null() { 0 } else { of_lane(v.to_lane().widen()) }).collect()
    }
    fn texts(strings: &StringChunk) -> Vec<Fingerprint> {
        strings.iter().map(|text| text.map_or(0, |text| of_bytes(text.as_bytes()))).collect()
    }
    fn arrays(arrays: &ArrayChunk) -> Result<Vec<Fingerprint>> {
        let elements = values(&arrays.values)?;
        let of = |slice: &Slice| {
            let elements = &elements[slice.range()];
            elements.iter().fold(of_lane(elements.len() as u64), |array, &element| mix(array, element))
        };
        Ok(arrays.slices.iter().map(|slice| if slice.is_null() { 0 } else { of(slice) }).collect())
    }
    Ok(match chunk {
        Chunk::String(strings) => texts(strings),
        Chunk::Object(objects) => objects.iter().map(|bytes| bytes.map_or(0, of_bytes)).collect(),
        Chunk::Array(chunk) => arrays(chunk)?,
        other => with_fixed_values!(other, values => lanes(values), else Vec::new()),
    })
}

/// Takes a column's values into the checksums of rows.
pub(super) fn add_column(chunk: &Chunk, rows: &mut [Fingerprint]) -> Result<()> {
    for (row, value) in rows.iter_mut().zip(values(chunk)?) {
        *row = mix(*row, value);
    }
    Ok(())
}

/// The checksums of rows before the first column.
pub(super) fn start(rows: usize) -> Vec<Fingerprint> {
    vec![SEED; rows]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ColumnType, Value};

    #[test]
    fn values_count_and_codes_do_not() {
        let one = Chunk::strings([Some("a"), None, Some("b")]).unwrap();
        let other = Chunk::strings([Some("b"), Some(""), Some("a"), None]).unwrap();
        let (one, other) = (values(&one).unwrap(), values(&other).unwrap());
        assert_eq!((one[0], one[1], one[2]), (other[2], other[3], other[0]));
        assert!(other[1] != other[3] && other[1] != other[0]);
        let floats = values(&Chunk::Double(vec![0.0, -0.0, f64::NAN, crate::base::nulls::NULL_DOUBLE])).unwrap();
        assert!(floats[0] != floats[1] && floats[2] != 0 && floats[3] == 0);
    }

    #[test]
    fn objects_and_arrays_are_their_content() {
        let array = |values: &[Option<&str>]| {
            Value::array(ColumnType::String, values.iter().map(|text| text.map_or(Value::Null, Value::string)))
        };
        let arrays = [array(&[]), array(&[None]), Value::Null, array(&[Some("a"), Some("b")]), array(&[Some("ab")])];
        let found = values(&Chunk::from_values(ColumnType::String.array().unwrap(), &arrays).unwrap()).unwrap();
        for (at, a) in found.iter().enumerate() {
            assert!(found.iter().enumerate().all(|(other, b)| (a == b) == (at == other)), "{found:?}");
        }
        let blobs = [Value::Blob((*b"").into()), Value::Null, Value::Blob((*b"x").into())];
        let found = values(&Chunk::from_values(ColumnType::Blob, &blobs).unwrap()).unwrap();
        assert!(found[0] != 0 && found[1] == 0 && found[2] != found[0]);
    }

    #[test]
    fn columns_do_not_change_places() {
        let (a, b) = (Chunk::Int(vec![1, 2]), Chunk::Int(vec![2, 1]));
        let of = |columns: &[&Chunk]| {
            let mut rows = start(2);
            columns.iter().for_each(|column| add_column(column, &mut rows).unwrap());
            rows
        };
        assert_ne!(of(&[&a, &b])[0], of(&[&b, &a])[0]);
        assert_eq!(of(&[&a, &b])[0], of(&[&b, &a])[1]);
    }
}
