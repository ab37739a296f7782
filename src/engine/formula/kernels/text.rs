//! Text made of values.

use super::super::node::Kernel;
use super::super::operand::Operand;
use crate::base::date_time::format_instant;
use crate::base::java_text::{write_double, write_float};
use crate::base::{Boolean, ColumnType};
use crate::memory::Chunk;
use std::fmt::Write;

/// `+` of values of these types, at least one of them a String: each as Java prints it.
pub(in super::super) fn concatenate(types: Vec<ColumnType>) -> Kernel {
    Box::new(move |operands, len| {
        let mut text = String::new();
        let rows = (0..len).map(|row| {
            text.clear();
            for (operand, &column_type) in operands.iter().zip(&types) {
                write_value(operand, column_type, row, &mut text);
            }
            text.clone()
        });
        let texts: Vec<String> = rows.collect();
        Chunk::strings(texts.iter().map(|text| Some(text.as_str())))
    })
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
            out.push_str(&String::from_utf16_lossy(&[operand.lane::<u16>().get(row)]));
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
    };
}
