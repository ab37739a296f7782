//! The bytes of values that have no fixed width: one encoding a value, in memory and in files alike.
//!
//! | type | bytes |
//! |---|---|
//! | `BigInteger` | two's complement, big-endian, as few bytes as hold it; zero is one byte |
//! | `BigDecimal` | the scale as little-endian i32, then the unscaled value as a `BigInteger` |
//! | `StringSet` | for each text, in ascending order of UTF-16 code units: little-endian u32 length, UTF-8 |
//! | `Blob` | the bytes themselves |
//!
//! **Invariant:** a value has one encoding, so that equal bytes are equal values (decimals of another scale are other values); decoding
//! refuses every other run of bytes.

use super::limits::BIG_NUMBER_BYTES_MAX;
use super::{BigDecimal, BigInt, ColumnType, Error, Result, StringSet, Value, utf16};
use std::sync::Arc;

/// Appends the bytes of a value; nothing for null and for values of other types. Errs for numbers and texts that are too long.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::BigInteger(value) => encode_integer(value, out)?,
        Value::BigDecimal(value) => {
            out.extend_from_slice(&value.scale().to_le_bytes());
            encode_integer(value.unscaled(), out)?;
        }
        Value::StringSet(set) => {
            for text in set.iter() {
                let length = u32::try_from(text.len()).map_err(|_| Error::limit("a text of a set is too long"))?;
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        Value::Blob(bytes) => out.extend_from_slice(bytes),
        _ => {}
    }
    Ok(())
}

/// The value of bytes from anywhere; errs for bytes that [`encode`] does not make, and for types of fixed width.
pub fn decode(column_type: ColumnType, bytes: &[u8]) -> Result<Value> {
    Ok(match column_type {
        ColumnType::BigInteger => Value::BigInteger(Arc::new(decode_integer(bytes)?)),
        ColumnType::BigDecimal => Value::BigDecimal(Arc::new(decode_decimal(bytes)?)),
        ColumnType::StringSet => Value::StringSet(decode_set(bytes)?),
        ColumnType::Blob => Value::Blob(Arc::from(bytes)),
        other => return Err(Error::type_mismatch(format!("values of type {other} are not runs of bytes"))),
    })
}

/// The integer of its bytes.
pub fn decode_integer(bytes: &[u8]) -> Result<BigInt> {
    let minimal = match bytes {
        [] => false,
        [0x00, next, ..] => *next >= 0x80,
        [0xFF, next, ..] => *next < 0x80,
        _ => true,
    };
    if !minimal || bytes.len() > BIG_NUMBER_BYTES_MAX {
        return Err(Error::corrupt(format!("{} bytes are not the shortest form of an integer", bytes.len())));
    }
    Ok(BigInt::from_signed_bytes_be(bytes))
}

/// The decimal of its bytes.
pub fn decode_decimal(bytes: &[u8]) -> Result<BigDecimal> {
    match bytes {
        [a, b, c, d, unscaled @ ..] => {
            Ok(BigDecimal::new(decode_integer(unscaled)?, i32::from_le_bytes([*a, *b, *c, *d])))
        }
        _ => Err(Error::corrupt(format!("{} bytes are no decimal number", bytes.len()))),
    }
}

/// The set of its bytes.
pub fn decode_set(bytes: &[u8]) -> Result<StringSet> {
    let mut texts: Vec<&str> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let refuse = || Error::corrupt(format!("{} bytes are no set of texts", bytes.len()));
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(refuse)?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(refuse)?;
        let text = std::str::from_utf8(text).map_err(|_| refuse())?;
        if texts.last().is_some_and(|last| utf16::compare(last, text).is_ge()) {
            return Err(Error::corrupt("the texts of a set are not in ascending order"));
        }
        texts.push(text);
        rest = after;
    }
    Ok(StringSet::new(texts))
}

fn encode_integer(value: &BigInt, out: &mut Vec<u8>) -> Result<()> {
    if value.bits() >= 8 * BIG_NUMBER_BYTES_MAX as u64 {
        return Err(Error::limit(format!("a number has more than {BIG_NUMBER_BYTES_MAX} bytes")));
    }
    match i64::try_from(value) {
        Ok(small) => {
            let bytes = small.to_be_bytes();
            let sign_bits = (small ^ (small >> 63)).leading_zeros();
            // A byte is left out where it and the next bit are the sign alone.
            out.extend_from_slice(&bytes[(sign_bits as usize - 1) / 8..]);
        }
        Err(_) => out.extend_from_slice(&value.to_signed_bytes_be()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes).unwrap();
        bytes
    }

    fn integer(text: &str) -> Value {
        Value::BigInteger(Arc::new(text.parse().unwrap()))
    }

    fn decimal(text: &str) -> Value {
        Value::BigDecimal(Arc::new(text.parse().unwrap()))
    }

    #[test]
    fn bytes_of_values() {
        let set = |texts: &[&str]| Value::StringSet(StringSet::new(texts.iter().copied()));
        for (value, expected) in [
            (integer("0"), &[0][..]),
            (integer("127"), &[0x7F]),
            (integer("128"), &[0, 0x80]),
            (integer("-1"), &[0xFF]),
            (integer("-128"), &[0x80]),
            (integer("-129"), &[0xFF, 0x7F]),
            (integer("65536"), &[1, 0, 0]),
            (integer("9223372036854775807"), &[0x7F, 255, 255, 255, 255, 255, 255, 255]),
            (integer("18446744073709551616"), &[1, 0, 0, 0, 0, 0, 0, 0, 0]),
            (decimal("1.50"), &[2, 0, 0, 0, 0, 150]),
            (decimal("-1E+3"), &[0xFD, 0xFF, 0xFF, 0xFF, 0xFF]),
            (set(&[]), &[]),
            (set(&["b", "", "a"]), &[0, 0, 0, 0, 1, 0, 0, 0, b'a', 1, 0, 0, 0, b'b']),
            (Value::Blob(Arc::from([0, 255])), &[0, 255]),
        ] {
            let bytes = encoded(&value);
            assert_eq!(bytes, expected, "{value:?}");
            assert_eq!(decode(value.column_type().unwrap(), &bytes).unwrap(), value);
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        use ColumnType::*;
        for (column_type, bytes) in [
            (BigInteger, &[][..]),
            (BigInteger, &[0, 0]),
            (BigInteger, &[0, 0x7F]),
            (BigInteger, &[0xFF, 0x80]),
            (BigDecimal, &[1, 2, 3]),
            (BigDecimal, &[1, 0, 0, 0]),
            (StringSet, &[1, 0, 0, 0]),
            (StringSet, &[255, 255, 255, 255, 1]),
            (StringSet, &[1, 0, 0, 0, 0xFF]),
            (StringSet, &[1, 0, 0, 0, b'b', 1, 0, 0, 0, b'a']),
            (StringSet, &[1, 0, 0, 0, b'a', 1, 0, 0, 0, b'a']),
        ] {
            assert!(decode(column_type, bytes).unwrap_err().is_corrupt(), "{column_type} {bytes:?}");
        }
        assert!(decode(BigInteger, &vec![1; BIG_NUMBER_BYTES_MAX + 1]).is_err());
        assert!(decode(Int, &[1]).is_err());
        let huge = Value::BigInteger(Arc::new(BigInt::from(1) << (8 * BIG_NUMBER_BYTES_MAX)));
        assert!(encode(&huge, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn one_value_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..20), t in 10usize..14) {
            let column_type = ColumnType::SCALARS[t];
            if let Ok(value) = decode(column_type, &bytes) {
                prop_assert_eq!(encoded(&value), bytes);
            }
        }

        #[test]
        fn integers_round_trip(value in any::<i128>(), shift in 0u32..128) {
            let value = Value::BigInteger(Arc::new(BigInt::from(value >> shift)));
            prop_assert_eq!(decode(ColumnType::BigInteger, &encoded(&value)).unwrap(), value);
        }
    }
}
