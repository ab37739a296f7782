//! Texts in a schema whose type a column decides: bounds, allowed values, defaults.

use crate::base::date_time::{format_iso, parse_date_time};
use crate::base::nulls::Primitive;
use crate::base::{ColumnType, Error, Result, Value};
use std::str::FromStr;

/// Reads a value of a type. Sentinels are refused: they would be null.
pub(super) fn value(column_type: ColumnType, text: &str) -> Result<Value> {
    let refuse = || Error::parse(format!("{text:?} is not a {column_type}"));
    fn number<T: FromStr + Primitive>(text: &str) -> Option<T> {
        text.parse().ok().filter(|value: &T| !value.is_null())
    }
    match column_type {
        ColumnType::String => Some(Value::string(text)),
        ColumnType::Char => {
            let mut units = text.encode_utf16();
            units.next().filter(|_| units.next().is_none()).filter(|unit| !unit.is_null()).map(Value::Char)
        }
        ColumnType::Boolean => text.parse().ok().map(Value::Boolean),
        ColumnType::Byte => number(text).map(Value::Byte),
        ColumnType::Short => number(text).map(Value::Short),
        ColumnType::Int => number(text).map(Value::Int),
        ColumnType::Long => number(text).map(Value::Long),
        ColumnType::Float => number(text).map(Value::Float),
        ColumnType::Double => number(text).map(Value::Double),
        ColumnType::DateTime => return parse_date_time(text, None).map(Value::DateTime),
    }
    .ok_or_else(refuse)
}

/// The text that [`value`] reads as the value; empty for null.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.to_string(),
        Value::Char(unit) => String::from_utf16_lossy(&[*unit]),
        Value::Boolean(truth) => truth.to_string(),
        Value::Byte(number) => number.to_string(),
        Value::Short(number) => number.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::DateTime(nanos) => format_iso(*nanos),
    }
}
