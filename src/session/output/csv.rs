//! CSV as `base::text` defines it: what `import csv` reads back as the same values.

use super::{emit, write_pieces};
use crate::base::Result;
use crate::base::text::{write_csv_text, write_csv_value};
use crate::engine::Table;
use crate::memory::Chunk;
use std::io::Write;

/// Writes a header and all rows. A table without columns has one empty record a row and an empty header.
pub(super) fn write(table: &Table, out: &mut dyn Write) -> Result<()> {
    let mut buffer = Vec::new();
    for (at, name) in table.column_names().into_iter().enumerate() {
        if at > 0 {
            buffer.push(b',');
        }
        write_csv_text(name, b',', &mut buffer);
    }
    buffer.push(b'\n');
    emit(out, &buffer)?;
    write_pieces(table, out, |_, columns, rows, text| {
        for row in 0..rows {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                write_field(column, row, text);
            }
            text.push(b'\n');
        }
    })
}

pub(super) fn write_field(column: &Chunk, row: usize, out: &mut Vec<u8>) {
    match column {
        Chunk::String(strings) => {
            if let Some(text) = strings.get(row) {
                write_csv_text(text, b',', out);
            }
        }
        other => write_csv_value(&other.value(row), b',', out),
    }
}
