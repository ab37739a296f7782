//! One cell, boxed in an enum: for literals, keys and printing, never for columns.

use super::ColumnType;
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

    /// Makes a string value.
    pub fn string(text: &str) -> Self {
        Value::String(Arc::from(text))
    }
}
