//! One cell, boxed in an enum: for literals, keys and printing, never for columns.

use super::{ArrayType, BigDecimal, BigInt, ColumnType, StringSet};
use std::sync::Arc;

/// A single value with its type; [`Value::Null`] carries none.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value, of any type.
    Null,
    /// Text.
    String(Arc<str>),
    /// UTF-16 code unit.
    Char(u16),
    /// Truth value.
    Boolean(bool),
    /// 8-bit integer.
    Byte(i8),
    /// 16-bit integer.
    Short(i16),
    /// 32-bit integer.
    Int(i32),
    /// 64-bit integer.
    Long(i64),
    /// 32-bit float.
    Float(f32),
    /// 64-bit float.
    Double(f64),
    /// Nanoseconds since the epoch.
    DateTime(i64),
    /// Decimal number of any length.
    BigDecimal(Arc<BigDecimal>),
    /// Integer of any length.
    BigInteger(Arc<BigInt>),
    /// Distinct texts.
    StringSet(StringSet),
    /// Opaque bytes.
    Blob(Arc<[u8]>),
    /// Values in a row.
    Array {
        /// Type of the values; at most [`ArrayType::DEPTH_MAX`] levels in all.
        element: ColumnType,
        /// Each of that type or null.
        values: Arc<[Value]>,
    },
}

impl Value {
    /// The type, or none for null.
    pub fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Value::Null => return None,
            Value::String(_) => ColumnType::String,
            Value::Char(_) => ColumnType::Char,
            Value::Boolean(_) => ColumnType::Boolean,
            Value::Byte(_) => ColumnType::Byte,
            Value::Short(_) => ColumnType::Short,
            Value::Int(_) => ColumnType::Int,
            Value::Long(_) => ColumnType::Long,
            Value::Float(_) => ColumnType::Float,
            Value::Double(_) => ColumnType::Double,
            Value::DateTime(_) => ColumnType::DateTime,
            Value::BigDecimal(_) => ColumnType::BigDecimal,
            Value::BigInteger(_) => ColumnType::BigInteger,
            Value::StringSet(_) => ColumnType::StringSet,
            Value::Blob(_) => ColumnType::Blob,
            Value::Array { element, .. } => ColumnType::Array(ArrayType::of(*element)?),
        })
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer of any length.
    pub fn big_integer(value: impl Into<BigInt>) -> Self {
        Value::BigInteger(Arc::new(value.into()))
    }

    /// A decimal number.
    pub fn big_decimal(value: BigDecimal) -> Self {
        Value::BigDecimal(Arc::new(value))
    }

    /// An array of values of one type.
    pub fn array(element: ColumnType, values: impl IntoIterator<Item = Value>) -> Self {
        Value::Array { element, values: values.into_iter().collect() }
    }

    /// Makes a string value.
    pub fn string(text: &str) -> Self {
        Value::String(Arc::from(text))
    }
}
