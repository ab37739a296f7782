//! Rows of a table that never ends: written as they come, each on a line of its own.

use super::text::{cell, printable};
use super::{Format, csv, emit, json};
use crate::base::date_time::Zone;
use crate::base::text::write_csv_text;
use crate::base::{Result, TableDefinition};
use crate::memory::Chunk;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: usize = 2;

/// Writes rows as they come: aligned columns under a header (as wide as what came so far), CSV with a header, or a JSON object a line.
#[derive(Debug)]
pub struct RowWriter {
    format: Format,
    zone: Option<Zone>,
    names: Vec<String>,
    keys: Vec<Vec<u8>>,
    right: Vec<bool>,
    widths: Vec<usize>,
    begun: bool,
}

impl RowWriter {
    /// For rows of these columns. Date-times of aligned columns are shown in the zone.
    pub fn new(definition: &TableDefinition, format: Format, zone: Option<Zone>) -> Self {
        let names: Vec<String> = definition.columns().iter().map(|column| column.name.clone()).collect();
        RowWriter {
            format,
            zone,
            keys: names.iter().map(|name| json::key(name)).collect(),
            right: definition.columns().iter().map(|column| column.column_type.is_numeric()).collect(),
            widths: names.iter().map(|name| printable(name).width()).collect(),
            names,
            begun: false,
        }
    }

    /// Writes rows, one chunk a column, after the header if they are the first.
    pub fn write(&mut self, columns: &[Chunk], out: &mut dyn Write) -> Result<()> {
        let rows = columns.first().map_or(0, Chunk::len);
        let mut buffer = Vec::new();
        match self.format {
            Format::Json | Format::JsonLines => {
                for row in 0..rows {
                    json::write_object(&self.keys, columns, row, &mut buffer);
                    buffer.push(b'\n');
                }
            }
            Format::Csv => {
                self.csv_header(&mut buffer);
                for row in 0..rows {
                    for (at, column) in columns.iter().enumerate() {
                        if at > 0 {
                            buffer.push(b',');
                        }
                        csv::write_field(column, row, &mut buffer);
                    }
                    buffer.push(b'\n');
                }
            }
            Format::Table => self.aligned(columns, rows, &mut buffer),
        }
        self.begun = true;
        emit(out, &buffer)
    }

    /// Writes the header where no row did: what CSV of no rows is.
    pub fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        let mut buffer = Vec::new();
        if self.format == Format::Csv {
            self.csv_header(&mut buffer);
        }
        self.begun = true;
        emit(out, &buffer)
    }

    fn csv_header(&self, buffer: &mut Vec<u8>) {
        if self.begun {
            return;
        }
        for (at, name) in self.names.iter().enumerate() {
            if at > 0 {
                buffer.push(b',');
            }
            write_csv_text(name, b',', buffer);
        }
        buffer.push(b'\n');
    }

    fn aligned(&mut self, columns: &[Chunk], rows: usize, buffer: &mut Vec<u8>) {
        let cells: Vec<Vec<String>> = (columns.iter())
            .map(|column| (0..rows).map(|row| cell(column, row, self.zone.as_ref()).unwrap_or_default()).collect())
            .collect();
        for (width, cells) in self.widths.iter_mut().zip(&cells) {
            *width = cells.iter().map(|cell| cell.width()).fold(*width, usize::max);
        }
        if !self.begun {
            let names: Vec<String> = self.names.iter().map(|name| printable(name)).collect();
            self.line(names.iter().map(String::as_str), buffer);
            let rules: Vec<String> = self.widths.iter().map(|width| "-".repeat(*width)).collect();
            self.line(rules.iter().map(String::as_str), buffer);
        }
        for row in 0..rows {
            self.line(cells.iter().map(|cells| cells[row].as_str()), buffer);
        }
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, buffer: &mut Vec<u8>) {
        let mut text = String::new();
        for (at, cell) in cells.enumerate() {
            let pad = " ".repeat(self.widths[at].saturating_sub(cell.width()));
            if at > 0 {
                text.push_str(&" ".repeat(GAP));
            }
            match self.right[at] {
                true => text.extend([pad.as_str(), cell]),
                false => text.extend([cell, pad.as_str()]),
            }
        }
        buffer.extend_from_slice(text.trim_end().as_bytes());
        buffer.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ColumnDefinition, ColumnType};

    #[test]
    fn rows_are_lines_in_three_formats() {
        let columns = [ColumnDefinition::new("Sym", ColumnType::String), ColumnDefinition::new("N", ColumnType::Int)];
        let definition = TableDefinition::new(columns.to_vec()).unwrap();
        let written = |format: Format| {
            let mut writer = RowWriter::new(&definition, format, None);
            let mut out = Vec::new();
            for (sym, n) in [("a", 1), ("a,b\"\n", 23456), ("", 7)] {
                let n = if n == 7 { crate::base::Value::Null } else { crate::base::Value::Int(n) };
                let n = Chunk::from_values(ColumnType::Int, &[n]).unwrap();
                writer.write(&[Chunk::strings([Some(sym)]).unwrap(), n], &mut out).unwrap();
            }
            writer.finish(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Format::Csv), "Sym,N\na,1\n\"a,b\"\"\n\",23456\n\"\",\n");
        assert_eq!(
            written(Format::Json),
            "{\"Sym\":\"a\",\"N\":1}\n{\"Sym\":\"a,b\\\"\\n\",\"N\":23456}\n{\"Sym\":\"\",\"N\":null}\n"
        );
        let aligned = written(Format::Table);
        assert!(aligned.starts_with("Sym  N\n---  -\na    1\n") && aligned.lines().count() == 5, "{aligned}");
        let mut out = Vec::new();
        RowWriter::new(&definition, Format::Csv, None).finish(&mut out).unwrap();
        assert_eq!(out, b"Sym,N\n");
    }
}
