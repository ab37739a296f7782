//! JSON: one array of objects, keys in the order of the columns. `long` is a number in full; `NaN` and the infinities, which JSON
//! has no numbers for, are strings, date-times are ISO-8601 strings; numbers of any length are numbers in full, arrays and sets are arrays, bytes
//! are base64.

use super::{emit, write_pieces};
use crate::base::array_text::write_base64;
use crate::base::text::write_csv_value;
use crate::base::{Result, Value};
use crate::engine::Table;
use crate::memory::Chunk;
use std::io::Write;

/// Writes all rows, an object a line.
pub(super) fn write(table: &Table, out: &mut dyn Write) -> Result<()> {
    let keys: Vec<Vec<u8>> = table.column_names().into_iter().map(key).collect();
    emit(out, b"[")?;
    write_pieces(table, out, |first, columns, rows, text| {
        for row in 0..rows {
            text.extend_from_slice(if first == 0 && row == 0 { b"\n" } else { b",\n" });
            write_object(&keys, columns, row, text);
        }
    })?;
    emit(out, if table.row_count()? == 0 { b"]\n" } else { b"\n]\n" })
}

/// Writes all rows, an object a line and nothing else.
pub(super) fn write_lines(table: &Table, out: &mut dyn Write) -> Result<()> {
    let keys: Vec<Vec<u8>> = table.column_names().into_iter().map(key).collect();
    write_pieces(table, out, |_, columns, rows, text| {
        for row in 0..rows {
            write_object(&keys, columns, row, text);
            text.push(b'\n');
        }
    })
}

/// One row as an object.
pub(super) fn write_object(keys: &[Vec<u8>], columns: &[Chunk], row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (key, column)) in keys.iter().zip(columns).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        write_cell(column, row, out);
    }
    out.push(b'}');
}

/// `"name":`.
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_string(name, &mut out);
    out.push(b':');
    out
}

pub(super) fn write_cell(column: &Chunk, row: usize, out: &mut Vec<u8>) {
    if let Chunk::String(strings) = column {
        return match strings.get(row) {
            Some(text) => write_string(text, out),
            None => out.extend_from_slice(b"null"),
        };
    }
    write_value(&column.value(row), out);
}

/// Recurses no deeper than arrays nest.
fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Char(unit) => {
            let c = char::from_u32(u32::from(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
            write_string(c.encode_utf8(&mut [0; 4]), out);
        }
        Value::String(text) => write_string(text, out),
        Value::Array { values, .. } => write_list(values.iter(), out, write_value),
        Value::StringSet(set) => write_list(set.iter(), out, write_string),
        value => {
            let quoted = match value {
                Value::Float(v) => !v.is_finite(),
                Value::Double(v) => !v.is_finite(),
                Value::DateTime(_) | Value::Blob(_) => true,
                _ => false,
            };
            if quoted {
                out.push(b'"');
            }
            match value {
                Value::Blob(bytes) => write_base64(bytes, out),
                value => write_csv_value(value, b',', out),
            }
            if quoted {
                out.push(b'"');
            }
        }
    }
}

fn write_list<T>(values: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(b']');
}

/// Writes a JSON string with its quotes.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            // Separators that some readers of JSON within JavaScript end a line at.
            '\0'..'\u{20}' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes());
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
