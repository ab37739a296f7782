//! Texts in a schema whose type a column decides: bounds, allowed values, defaults.

use crate::base::array_text::{self, DateTimeText};
use crate::base::date_time::format_iso;
use crate::base::text::{self, DateTimeReader};
use crate::base::{ColumnType, Result, Value};

/// Reads a value of a type, as bounds and defaults of a schema are written. Sentinels are refused: they would be null. Date-times name their zone.
pub fn value(column_type: ColumnType, text: &str) -> Result<Value> {
    text::parse_value(text, column_type, &mut DateTimeReader::default())
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
        Value::BigDecimal(number) => number.to_string(),
        Value::BigInteger(number) => number.to_string(),
        other => {
            let mut text = Vec::new();
            array_text::write_element(other, DateTimeText::Iso, &mut text);
            String::from_utf8_lossy(&text).trim_matches('"').to_string()
        }
    }
}
