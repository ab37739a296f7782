//! Comparing values of variable width by their bytes, without decoding where that is possible.

use super::ObjectChunk;
use super::{ArrayChunk, Chunk};
use crate::base::array_text::{DateTimeText, write_element};
use crate::base::{ColumnType, Result, Value, object_bytes};
use std::cmp::Ordering;

/// Compares the bytes of two values of one type: numbers by value, sets and blobs text by text and byte by byte. Damaged bytes sort as bytes.
pub fn compare(object_type: ColumnType, a: &[u8], b: &[u8]) -> Ordering {
    match object_type {
        _ if a == b => Ordering::Equal,
        ColumnType::BigInteger => compare_integers(a, b),
        ColumnType::BigDecimal => match (a.split_first_chunk::<4>(), b.split_first_chunk::<4>()) {
            (Some((scale, a)), Some((its, b))) if scale == its => compare_integers(a, b),
            _ => match (object_bytes::decode_decimal(a), object_bytes::decode_decimal(b)) {
                (Ok(a), Ok(b)) => a.compare(&b),
                _ => a.cmp(b),
            },
        },
        _ => a.cmp(b),
    }
}

/// Two's complement, big-endian, shortest: sign, then length, then bytes.
fn compare_integers(a: &[u8], b: &[u8]) -> Ordering {
    let negative = |bytes: &[u8]| bytes.first().is_some_and(|first| *first >= 0x80);
    match (negative(a), negative(b)) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, true) => b.len().cmp(&a.len()).then_with(|| a.cmp(b)),
    }
}

/// The values of objects or arrays as texts that are equal exactly where the values are equal keys: decimals by value, whatever their scale; in arrays null
/// equals null, NaN equals NaN and the zeros each other. Other chunks come back as they are.
pub fn key_texts(chunk: &Chunk) -> Result<Chunk> {
    match chunk {
        Chunk::Object(objects) => object_keys(objects),
        Chunk::Array(arrays) => array_keys(arrays),
        other => Ok(other.clone()),
    }
}

fn object_keys(objects: &ObjectChunk) -> Result<Chunk> {
    let key = |bytes: Option<&[u8]>| -> Result<Option<String>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let text = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect();
        if objects.object_type != ColumnType::BigDecimal {
            return Ok(Some(text(bytes)));
        }
        let mut normal = Vec::new();
        let decimal = object_bytes::decode_decimal(bytes)?.normalized();
        object_bytes::encode(&Value::big_decimal(decimal), &mut normal)?;
        Ok(Some(text(&normal)))
    };
    let texts = objects.iter().map(key).collect::<Result<Vec<_>>>()?;
    Chunk::strings(texts.iter().map(Option::as_deref))
}

fn array_keys(arrays: &ArrayChunk) -> Result<Chunk> {
    let mut bytes = Vec::new();
    let mut texts = Vec::with_capacity(arrays.slices.len());
    for index in 0..arrays.slices.len() {
        let value = arrays.value(index);
        bytes.clear();
        write_element(&normal(&value), DateTimeText::EpochNanos, &mut bytes);
        texts.push((!value.is_null()).then(|| String::from_utf8_lossy(&bytes).into_owned()));
    }
    Chunk::strings(texts.iter().map(Option::as_deref))
}

/// Values that are equal keys become the same one.
fn normal(value: &Value) -> Value {
    match value {
        Value::Double(v) => Value::Double(v + 0.0),
        Value::Float(v) => Value::Float(v + 0.0),
        Value::BigDecimal(v) => Value::big_decimal(v.normalized()),
        Value::Array { element, values } => Value::array(*element, values.iter().map(normal)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(column_type: ColumnType, values: &[Value]) -> ObjectChunk {
        let Ok(Chunk::Object(objects)) = Chunk::from_values(column_type, values) else { unreachable!() };
        objects
    }

    #[test]
    fn numbers_compare_by_value() {
        let ascending =
            ["-70000", "-129", "-128", "-1", "0", "1", "127", "128", "255", "256", "70000", "18446744073709551616"];
        let big = ascending.map(|text| Value::big_integer(text.parse::<crate::base::BigInt>().unwrap()));
        let decimal = ascending.map(|text| Value::big_decimal(format!("{text}.0").parse().unwrap()));
        let other_scale = ascending.map(|text| Value::big_decimal(text.parse().unwrap()));
        for (t, a, b) in [
            (ColumnType::BigInteger, &big, &big),
            (ColumnType::BigDecimal, &decimal, &decimal),
            (ColumnType::BigDecimal, &decimal, &other_scale),
        ] {
            let (a, b) = (objects(t, a), objects(t, b));
            for (i, x) in a.iter().flatten().enumerate() {
                for (j, y) in b.iter().flatten().enumerate() {
                    assert_eq!(compare(t, x, y), i.cmp(&j), "{} {}", ascending[i], ascending[j]);
                }
            }
        }
    }

    #[test]
    fn equal_keys_have_equal_texts() {
        let decimal = |text: &str| Value::big_decimal(text.parse().unwrap());
        let doubles = |values: &[f64]| Value::array(ColumnType::Double, values.iter().map(|&v| Value::Double(v)));
        let of = |values: &[Value]| {
            let column_type = values[0].column_type().unwrap();
            let chunk = Chunk::from_values(column_type, values).unwrap();
            let Ok(Chunk::String(keys)) = key_texts(&chunk) else { unreachable!() };
            keys.codes.iter().map(|code| code.0).collect::<Vec<_>>()
        };
        assert_eq!(
            of(&[decimal("1.0"), decimal("1.00"), Value::Null, decimal("10"), decimal("1E+1")]),
            [0, 0, u32::MAX, 1, 1]
        );
        let arrays =
            [doubles(&[0.0, f64::NAN]), doubles(&[-0.0, -f64::NAN]), doubles(&[]), Value::Null, doubles(&[0.0])];
        assert_eq!(of(&arrays), [0, 0, 1, u32::MAX, 2]);
    }
}
