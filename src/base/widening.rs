//! Which types a column may change to while its stored values stay as they are: those that have each of them, exactly.

use super::{BigDecimal, BigInt, ColumnType, Value};

impl ColumnType {
    /// True where each value of this type is a value of `to` too, nulls being nulls; false for the type itself. It holds from the first to
    /// the last of several steps if it holds for each.
    ///
    /// Integers and floats widen to types that have all their values: not `long` to `double`, nor `int` to `float`, which would round. Integers
    /// widen to numbers of any length, a `char` to a text of one unit, arrays of numbers with their elements.
    pub fn widens_to(self, to: ColumnType) -> bool {
        use ColumnType::{Array, BigDecimal, BigInteger, Byte, Char, Double, Float, Int, Long, Short, String};
        match (self, to) {
            (Byte, Short | Int | Long | Float | Double | BigInteger | BigDecimal)
            | (Short, Int | Long | Float | Double | BigInteger | BigDecimal)
            | (Int, Long | Double | BigInteger | BigDecimal)
            | (Long, BigInteger | BigDecimal)
            | (Float, Double)
            | (BigInteger, BigDecimal)
            | (Char, String) => true,
            (Array(from), Array(to)) => {
                from.depth() == to.depth() && from.scalar() != Char && from.scalar().widens_to(to.scalar())
            }
            _ => false,
        }
    }
}

impl Value {
    /// The same value as one of a type that its own widens to, or has; null stays null. None where it does not widen.
    pub fn widened(&self, to: ColumnType) -> Option<Value> {
        let from = match self.column_type() {
            None => return Some(Value::Null),
            Some(from) if from == to => return Some(self.clone()),
            Some(from) => from,
        };
        if !from.widens_to(to) {
            return None;
        }
        let integer = |value: i64| -> Option<Value> {
            Some(match to {
                ColumnType::Short => Value::Short(value as i16),
                ColumnType::Int => Value::Int(value as i32),
                ColumnType::Long => Value::Long(value),
                ColumnType::Float => Value::Float(value as f32),
                ColumnType::Double => Value::Double(value as f64),
                ColumnType::BigInteger => Value::big_integer(value),
                ColumnType::BigDecimal => Value::big_decimal(BigDecimal::new(BigInt::from(value), 0)),
                _ => return None,
            })
        };
        match self {
            Value::Byte(value) => integer((*value).into()),
            Value::Short(value) => integer((*value).into()),
            Value::Int(value) => integer((*value).into()),
            Value::Long(value) => integer(*value),
            Value::Float(value) => Some(Value::Double(f64::from(*value))),
            Value::BigInteger(value) => Some(Value::big_decimal(BigDecimal::new((**value).clone(), 0))),
            Value::Char(unit) => Some(Value::string(&String::from_utf16_lossy(&[*unit]))),
            Value::Array { values, .. } => {
                let element = to.element()?;
                let values = values.iter().map(|value| value.widened(element)).collect::<Option<Vec<_>>>()?;
                Some(Value::array(element, values))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_and_lead_nowhere_back() {
        let all: Vec<ColumnType> = ColumnType::all().collect();
        for &a in &all {
            assert!(!a.widens_to(a), "{a}");
            for &b in all.iter().filter(|b| a.widens_to(**b)) {
                assert!(!b.widens_to(a), "{a} and {b}");
                assert!(all.iter().all(|c| !b.widens_to(*c) || a.widens_to(*c)), "{a} over {b}");
            }
        }
    }

    #[test]
    fn only_exact_steps_are_taken() {
        use ColumnType::{
            BigDecimal, BigInteger, Boolean, Byte, Char, DateTime, Double, Float, Int, Long, Short, String,
        };
        let numbers = [Byte, Short, Int, Long, Float, Double, BigInteger, BigDecimal];
        let wider = |from: ColumnType| numbers.into_iter().filter(|to| from.widens_to(*to)).collect::<Vec<_>>();
        assert_eq!(wider(Byte), [Short, Int, Long, Float, Double, BigInteger, BigDecimal]);
        assert_eq!(wider(Short), [Int, Long, Float, Double, BigInteger, BigDecimal]);
        assert_eq!(wider(Int), [Long, Double, BigInteger, BigDecimal]);
        assert_eq!(wider(Long), [BigInteger, BigDecimal]);
        assert_eq!(wider(Float), [Double]);
        assert_eq!(wider(Double), []);
        assert_eq!(wider(BigInteger), [BigDecimal]);
        for (from, to) in [(Long, DateTime), (DateTime, Long), (Boolean, Byte), (Char, Int), (Int, String)] {
            assert!(!from.widens_to(to), "{from} to {to}");
        }
        let array = |t: ColumnType| t.array().unwrap();
        assert!(Char.widens_to(String) && !array(Char).widens_to(array(String)));
        assert!(array(array(Int)).widens_to(array(array(Long))));
        assert!(!array(Int).widens_to(array(array(Long))) && !array(Int).widens_to(Long));
        assert_eq!(Value::Long(1).widened(Int), None);
        assert_eq!(Value::Int(1).widened(Int), Some(Value::Int(1)));
        assert_eq!(Value::Null.widened(Int), Some(Value::Null));
        let ints = Value::array(Int, [Value::Int(-1), Value::Null]);
        assert_eq!(ints.widened(array(Long)), Some(Value::array(Long, [Value::Long(-1), Value::Null])));
    }
}
