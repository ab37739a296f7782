//! Conversions between number types and char, as Java's casts: integers wrap, floats truncate and saturate, NaN becomes 0.

use super::super::node::Kernel;
use super::super::operand::{Cell, map1};
use crate::base::nulls::NULL_CHAR;
use crate::base::{BigDecimal, ColumnType, Value};

/// A number or char that converts to every other as Java's cast does, null not regarded.
pub(in super::super) trait Number: Cell + Default {
    /// Whether the type is `float`, whose means are floats.
    const IS_FLOAT: bool;

    fn to_byte(self) -> i8;
    fn to_short(self) -> i16;
    fn to_char(self) -> u16;
    fn to_int(self) -> i32;
    fn to_long(self) -> i64;
    fn to_float(self) -> f32;
    fn to_double(self) -> f64;
    /// The value where it is no longer of this type: a null char is another unit there.
    fn outside(self) -> Self {
        self
    }
}

/// The unit that a char has in texts and as a number: for null Deephaven's, U+FFFF.
#[inline]
pub(in super::super) fn outside(unit: u16) -> u16 {
    if unit == NULL_CHAR { FOREIGN_NULL_CHAR } else { unit }
}

/// The null char of Deephaven; ours is one below, since every unit but that is one that text may have.
const FOREIGN_NULL_CHAR: u16 = 0xFFFF;

macro_rules! numbers {
    ($($t:ty: $through:ty $(, by $outside:ident)?;)*) => {$(
        impl Number for $t {
            const IS_FLOAT: bool = std::mem::size_of::<$t>() == 4 && (0.5 as $t) != (0 as $t);

            // Narrow types are reached through int where the source is a float.
            #[inline]
            fn to_byte(self) -> i8 {
                self as $through as i8
            }
            #[inline]
            fn to_short(self) -> i16 {
                self as $through as i16
            }
            #[inline]
            fn to_char(self) -> u16 {
                let unit = self as $through as u16;
                if unit == FOREIGN_NULL_CHAR { NULL_CHAR } else { unit }
            }
            #[inline]
            fn to_int(self) -> i32 {
                self as i32
            }
            #[inline]
            fn to_long(self) -> i64 {
                self as i64
            }
            #[inline]
            fn to_float(self) -> f32 {
                self as f32
            }
            #[inline]
            fn to_double(self) -> f64 {
                self as f64
            }
            $(#[inline]
            fn outside(self) -> Self {
                $outside(self)
            })?
        }
    )*};
}
numbers!(i8: i8; i16: i16; u16: u16, by outside; i32: i32; i64: i64; f32: i32; f64: i32;);

/// Runs an expression with `$T` standing for the Rust type of a number type or char.
macro_rules! with_number {
    ($column_type:expr, $T:ident => $body:expr, else $other:expr) => {
        match $column_type {
            $crate::base::ColumnType::Byte => {
                type $T = i8;
                $body
            }
            $crate::base::ColumnType::Short => {
                type $T = i16;
                $body
            }
            $crate::base::ColumnType::Char => {
                type $T = u16;
                $body
            }
            $crate::base::ColumnType::Int => {
                type $T = i32;
                $body
            }
            $crate::base::ColumnType::Long | $crate::base::ColumnType::DateTime => {
                type $T = i64;
                $body
            }
            $crate::base::ColumnType::Float => {
                type $T = f32;
                $body
            }
            $crate::base::ColumnType::Double => {
                type $T = f64;
                $body
            }
            _ => $other,
        }
    };
}

pub(in super::super) use with_number;

/// The cast from one number type to another; null becomes null if `nulls`, else the sentinel is converted as the number that it is. None where
/// there is no such cast.
pub(in super::super) fn numbers(from: ColumnType, to: ColumnType, nulls: bool) -> Option<Kernel> {
    fn kernel<A: Number, B: Cell>(convert: fn(A) -> B, nulls: bool) -> Kernel {
        Box::new(move |operands, _| {
            Ok(map1(&operands[0], |value: A| if nulls && value.is_null() { B::NULL } else { convert(value.outside()) }))
        })
    }
    fn from_type<A: Number>(to: ColumnType, nulls: bool) -> Option<Kernel> {
        Some(match to {
            ColumnType::Byte => kernel(A::to_byte, nulls),
            ColumnType::Short => kernel(A::to_short, nulls),
            ColumnType::Char => kernel(A::to_char, nulls),
            ColumnType::Int => kernel(A::to_int, nulls),
            ColumnType::Long => kernel(A::to_long, nulls),
            ColumnType::Float => kernel(A::to_float, nulls),
            ColumnType::Double => kernel(A::to_double, nulls),
            _ => return None,
        })
    }
    if from == ColumnType::DateTime {
        return None;
    }
    with_number!(from, A => from_type::<A>(to, nulls), else None)
}

/// A single value as another type: numbers as by the cast, null and equal types as they are; none where there is no way.
pub(in super::super) fn value_to(value: &Value, to: ColumnType) -> Option<Value> {
    fn number<A: Number>(v: A, to: ColumnType) -> Option<Value> {
        Some(match to {
            ColumnType::Byte => Value::Byte(v.to_byte()),
            ColumnType::Short => Value::Short(v.to_short()),
            ColumnType::Char => Value::Char(v.to_char()),
            ColumnType::Int => Value::Int(v.to_int()),
            ColumnType::Long => Value::Long(v.to_long()),
            ColumnType::Float => Value::Float(v.to_float()),
            ColumnType::Double => Value::Double(v.to_double()),
            _ => return None,
        })
    }
    if value.is_null() || value.column_type() == Some(to) {
        return Some(value.clone());
    }
    if let (Value::Array { values, .. }, Some(element)) = (value, to.element()) {
        let values = values.iter().map(|value| value_to(value, element)).collect::<Option<Vec<_>>>()?;
        return Some(Value::array(element, values));
    }
    if to.is_big() || value.column_type().is_some_and(ColumnType::is_big) {
        return big_value_to(value, to);
    }
    match value {
        Value::Byte(v) => number(*v, to),
        Value::Short(v) => number(*v, to),
        Value::Char(v) => number(*v, to),
        Value::Int(v) => number(*v, to),
        Value::Long(v) if to == ColumnType::DateTime => Some(Value::DateTime(*v)),
        Value::Long(v) => number(*v, to),
        Value::Float(v) => number(*v, to),
        Value::Double(v) => number(*v, to),
        _ => None,
    }
}

/// A value from or to a number of any length; none for NaN, infinities and what would be too long.
fn big_value_to(value: &Value, to: ColumnType) -> Option<Value> {
    let integer = |v: i64| BigDecimal::new(v.into(), 0);
    let decimal = match value {
        Value::Byte(v) => integer(i64::from(*v)),
        Value::Short(v) => integer(i64::from(*v)),
        Value::Char(v) => integer(i64::from(*v)),
        Value::Int(v) => integer(i64::from(*v)),
        Value::Long(v) => integer(*v),
        Value::Float(v) => BigDecimal::from_double(f64::from(*v))?,
        Value::Double(v) => BigDecimal::from_double(*v)?,
        Value::BigInteger(v) => BigDecimal::new((**v).clone(), 0),
        Value::BigDecimal(v) => (**v).clone(),
        _ => return None,
    };
    Some(match to {
        ColumnType::BigDecimal => Value::big_decimal(decimal),
        ColumnType::BigInteger => Value::big_integer(decimal.to_integer().ok()?),
        ColumnType::Float => Value::Float(decimal.to_double() as f32),
        ColumnType::Double => Value::Double(decimal.to_double()),
        ColumnType::Long => Value::Long(decimal.to_long()),
        ColumnType::Int => Value::Int(decimal.to_long() as i32),
        ColumnType::Short => Value::Short(decimal.to_long() as i16),
        ColumnType::Byte => Value::Byte(decimal.to_long() as i8),
        ColumnType::Char => Value::Char(decimal.to_long() as u16),
        _ => return None,
    })
}
