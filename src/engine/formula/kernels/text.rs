//! Text made of values.

use super::super::node::Kernel;
use super::super::operand::Operand;
use super::cast::outside;
use crate::base::array_text::{DateTimeText, write_element};
use crate::base::date_time::format_instant;
use crate::base::java_text::{write_double, write_float};
use crate::base::limits::STRING_BYTES_MAX;
use crate::base::{Boolean, ColumnType, Error, Primitive, Result};
use crate::memory::{Chunk, StringChunk, SymbolCode, SymbolTableBuilder};
use std::fmt::Write;
use std::sync::Arc;

/// `+` of values of these types, at least one of them a String: each as Java prints it.
pub(in super::super) fn concatenate(types: Vec<ColumnType>) -> Kernel {
    Box::new(move |operands, len| {
        build(len, |row, out| {
            for (operand, &column_type) in operands.iter().zip(&types) {
                write_value(operand, column_type, row, out);
            }
            Ok(true)
        })
    })
}

/// A chunk of texts, each written to a buffer that comes empty; false makes it null.
pub(in super::super) fn build(len: usize, mut write: impl FnMut(usize, &mut String) -> Result<bool>) -> Result<Chunk> {
    let mut builder = SymbolTableBuilder::new();
    let mut codes = Vec::with_capacity(len);
    let mut out = String::new();
    for row in 0..len {
        out.clear();
        let present = write(row, &mut out)?;
        if out.len() > STRING_BYTES_MAX {
            return Err(Error::limit(format!("a text of {} bytes, the most is {STRING_BYTES_MAX}", out.len())));
        }
        codes.push(if present { builder.intern(&out)? } else { SymbolCode::NULL });
    }
    Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(builder.finish()) }))
}

/// Appends one value as Java prints it: a null String as `null`, a null number as the number that stands for it.
pub(in super::super) fn write_value(operand: &Operand<'_>, column_type: ColumnType, row: usize, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match column_type {
        ColumnType::String => {
            out.push_str(operand.texts().get(row).unwrap_or("null"));
            Ok(())
        }
        ColumnType::Char => {
            out.push_str(&String::from_utf16_lossy(&[outside(operand.lane::<u16>().get(row))]));
            Ok(())
        }
        ColumnType::Boolean => {
            out.push_str(match operand.lane::<Boolean>().get(row).get() {
                Some(true) => "true",
                Some(false) => "false",
                None => "null",
            });
            Ok(())
        }
        ColumnType::Byte => write!(out, "{}", operand.lane::<i8>().get(row)),
        ColumnType::Short => write!(out, "{}", operand.lane::<i16>().get(row)),
        ColumnType::Int => write!(out, "{}", operand.lane::<i32>().get(row)),
        ColumnType::Long => write!(out, "{}", operand.lane::<i64>().get(row)),
        ColumnType::Float => {
            write_float(operand.lane::<f32>().get(row), out);
            Ok(())
        }
        ColumnType::Double => {
            write_double(operand.lane::<f64>().get(row), out);
            Ok(())
        }
        ColumnType::DateTime => {
            let nanos = operand.lane::<i64>().get(row);
            out.push_str(&if nanos == i64::MIN { "null".to_string() } else { format_instant(nanos) });
            Ok(())
        }
        _ => {
            let value = operand.chunk.value(if operand.constant { 0 } else { row });
            let mut text = Vec::new();
            write_element(&value, DateTimeText::Iso, &mut text);
            out.push_str(&String::from_utf8_lossy(&text));
            Ok(())
        }
    };
}
