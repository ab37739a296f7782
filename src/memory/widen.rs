//! Values as those of a wider type: what old locations store, as the table's definition has it now.

use super::{ArrayChunk, Chunk, ObjectChunk};
use crate::base::{ColumnType, Error, Primitive, Result};
use std::sync::Arc;

/// Appends the values of `from` to `out`, whose type theirs must widen to ([`ColumnType::widens_to`]) by more than text; nulls stay nulls.
/// Numbers of fixed width cost a pass over them, those of any length one allocation each.
pub fn append_widened(from: &Chunk, out: &mut Chunk) -> Result<()> {
    /// One arm for each pair of types.
    macro_rules! pairs {
        ($($a:ident => $($b:ident)*;)*) => {
            match (from, &mut *out) {
                $($((Chunk::$a(from), Chunk::$b(out)) => {
                    convert(from, out);
                    return Ok(());
                })*)*
                _ => {}
            }
        };
    }
    pairs! {
        Byte => Short Int Long Float Double;
        Short => Int Long Float Double;
        Int => Long Double;
        Float => Double;
    }
    let (old, new) = (from.column_type(), out.column_type());
    match (from, &mut *out) {
        (Chunk::Array(arrays), Chunk::Array(_)) if old.widens_to(new) => {
            let mut values = Chunk::with_capacity(element(new), arrays.values.len());
            append_widened(&arrays.values, &mut values)?;
            let arrays = ArrayChunk { slices: arrays.slices.clone(), values: Arc::new(values) };
            let count = arrays.slices.len();
            out.append(&Chunk::Array(arrays), 0..count)
        }
        (from, Chunk::Object(objects)) if old.widens_to(new) => append_objects(from, objects),
        _ => Err(Error::type_mismatch(format!("values of type {old} are not values of type {new}"))),
    }
}

fn convert<A: Primitive, B: Primitive + From<A>>(from: &[A], out: &mut Vec<B>) {
    out.extend(from.iter().map(|&value| if value.is_null() { B::NULL } else { B::from(value) }));
}

fn element(array: ColumnType) -> ColumnType {
    array.element().unwrap_or(array)
}

fn append_objects(from: &Chunk, out: &mut ObjectChunk) -> Result<()> {
    for at in 0..from.len() {
        if from.is_null(at) {
            out.push_bytes(None);
            continue;
        }
        match from.value(at).widened(out.object_type) {
            Some(value) if !value.is_null() => out.push(&value)?,
            _ => return Err(Error::corrupt("a number of any length is damaged")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;

    /// Edges of each type, its null among them.
    fn edges(column_type: ColumnType) -> Chunk {
        match column_type {
            ColumnType::Byte => Chunk::Byte(vec![i8::NULL, i8::MIN + 1, -1, 0, 1, i8::MAX]),
            ColumnType::Short => Chunk::Short(vec![i16::NULL, i16::MIN + 1, -1, 0, 1, i16::MAX, i8::MIN.into()]),
            ColumnType::Int => Chunk::Int(vec![i32::NULL, i32::MIN + 1, -1, 0, 1, i32::MAX, i16::MIN.into()]),
            ColumnType::Long => Chunk::Long(vec![i64::NULL, i64::MIN + 1, -1, 0, i64::MAX, i32::MIN.into()]),
            ColumnType::Float => Chunk::Float(vec![
                f32::NULL,
                f32::MAX,
                f32::MIN_POSITIVE,
                f32::from_bits(1),
                -0.0,
                0.0,
                0.1,
                f32::INFINITY,
                f32::NEG_INFINITY,
            ]),
            other => {
                let numbers = ["0", "-1", "170141183460469231731687303715884105728"];
                let value = |text: &&str| Value::big_integer(crate::base::big_decimal::parse_integer(text).unwrap());
                let values: Vec<Value> = numbers.iter().map(value).chain([Value::Null]).collect();
                Chunk::from_values(other, &values).unwrap()
            }
        }
    }

    #[test]
    fn every_widening_is_exact_at_the_edges() {
        use ColumnType::{BigDecimal, BigInteger, Byte, Double, Float, Int, Long, Short};
        let mut pairs = 0;
        for from in [Byte, Short, Int, Long, Float, BigInteger] {
            let values = edges(from);
            for to in
                [Short, Int, Long, Float, Double, BigInteger, BigDecimal].into_iter().filter(|to| from.widens_to(*to))
            {
                pairs += 1;
                let mut out = Chunk::nulls(to, 1);
                append_widened(&values, &mut out).unwrap();
                assert_eq!(out.len(), values.len() + 1, "{from} to {to}");
                for at in 0..values.len() {
                    let (old, new) = (values.value(at), out.value(at + 1));
                    assert_eq!(Some(&new), old.widened(to).as_ref(), "{from} to {to}");
                    // The text of an integer says it independently; a double shows more digits of the same float.
                    match (from, &new) {
                        (_, Value::Null) => assert_eq!(old, Value::Null),
                        (Float, Value::Double(new)) => {
                            let Value::Float(old) = old else { unreachable!() };
                            assert_eq!((*new as f32).to_bits(), old.to_bits());
                        }
                        (_, Value::Float(new)) => assert_eq!(integer(&old), *new as i64),
                        (_, Value::Double(new)) => assert_eq!(integer(&old), *new as i64),
                        _ => assert_eq!(digits(&old), digits(&new), "{from} to {to}"),
                    }
                }
            }
        }
        assert_eq!(pairs, 7 + 6 + 4 + 2 + 1 + 1);
        let mut out = Chunk::new(Double);
        append_widened(&Chunk::Float(vec![f32::NAN]), &mut out).unwrap();
        assert!(matches!(out.value(0), Value::Double(nan) if nan.is_nan()));
    }

    #[test]
    fn arrays_widen_with_their_elements() {
        let array = |element: ColumnType| element.array().unwrap();
        let ints = Value::array(ColumnType::Int, [Value::Int(i32::MAX), Value::Null]);
        let nested = array(array(ColumnType::Int));
        let rows = [Value::array(array(ColumnType::Int), [ints.clone(), Value::Null]), Value::Null, ints.clone()];
        for (from, to, rows) in [
            (nested, array(array(ColumnType::Double)), &rows[..2]),
            (array(ColumnType::Int), array(ColumnType::BigInteger), &rows[1..]),
        ] {
            let chunk = Chunk::from_values(from, rows).unwrap();
            let mut out = Chunk::new(to);
            append_widened(&chunk, &mut out).unwrap();
            append_widened(&chunk, &mut out).unwrap();
            let expected: Vec<Value> = rows.iter().chain(rows).map(|value| value.widened(to).unwrap()).collect();
            assert_eq!((0..out.len()).map(|at| out.value(at)).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_does_not_widen_is_refused() {
        use ColumnType::{Boolean, DateTime, Double, Int, Long, String};
        for (from, to) in [(Long, Int), (Long, Double), (DateTime, Long), (Boolean, Int), (Int, String), (Int, Int)] {
            assert!(append_widened(&Chunk::nulls(from, 1), &mut Chunk::new(to)).is_err(), "{from} to {to}");
        }
    }

    fn integer(value: &Value) -> i64 {
        digits(value).parse().unwrap()
    }

    fn digits(value: &Value) -> String {
        match value {
            Value::Byte(v) => v.to_string(),
            Value::Short(v) => v.to_string(),
            Value::Int(v) => v.to_string(),
            Value::Long(v) => v.to_string(),
            Value::BigInteger(v) => v.to_string(),
            Value::BigDecimal(v) => v.to_string(),
            other => unreachable!("{other:?}"),
        }
    }
}
