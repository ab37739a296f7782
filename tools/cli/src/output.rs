//! How listings and outcomes are printed: aligned for people, CSV and JSON for programs.
//!
//! Invariant: a listing's keys are the same in all formats, in snake_case, and lines are never wrapped.

use crate::args::Format;
use crate::failure::Failure;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use pilaster::base::text::write_csv_text;
use serde_json::{Map, Value};
use std::io::Write;

/// Rows with named columns.
#[derive(Debug)]
pub(crate) struct Listing {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Listing {
    /// An empty listing with these columns.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Listing { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a value for each column.
    pub(crate) fn row<const N: usize>(&mut self, values: [Value; N]) {
        assert_eq!(N, self.columns.len(), "a value for each column");
        self.rows.push(values.into());
    }

    /// Prints the rows; a listing without rows is a header, a header and an empty array.
    pub(crate) fn print(&self, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
        match format {
            Format::Table => self.print_table(out)?,
            Format::Csv => self.print_csv(out)?,
            _ => self.print_json(out)?,
        }
        out.flush()?;
        Ok(())
    }

    fn print_table(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(|value| one_line(&plain(value))));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            if self.rows.iter().any(|row| row[at].is_number()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn print_csv(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.columns.join(","))?;
        let mut line = Vec::new();
        for row in &self.rows {
            line.clear();
            for (at, value) in row.iter().enumerate() {
                if at > 0 {
                    line.push(b',');
                }
                match value {
                    Value::Null => {}
                    Value::String(text) => write_csv_text(text, b',', &mut line),
                    other => write_csv_text(&plain(other), b',', &mut line),
                }
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
        Ok(())
    }

    fn print_json(&self, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(b"[")?;
        for (at, row) in self.rows.iter().enumerate() {
            out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            let object: Map<String, Value> =
                self.columns.iter().map(|name| name.to_string()).zip(row.iter().cloned()).collect();
            serde_json::to_writer(&mut *out, &object)?;
        }
        writeln!(out, "{}]", if self.rows.is_empty() { "" } else { "\n" })
    }
}

/// What a verb that works has done: one object.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    fields: Map<String, Value>,
}

impl Outcome {
    /// Adds a field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_string(), value.into());
        self
    }

    fn print_csv(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        let mut text = names.join(",").into_bytes();
        text.push(b'\n');
        for (at, value) in self.fields.values().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            if !value.is_null() {
                write_csv_text(&plain(value), b',', &mut text);
            }
        }
        text.push(b'\n');
        out.write_all(&text)
    }

    /// Prints the object as one line of JSON, or as a CSV header and line.
    pub(crate) fn print(&self, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
        match format {
            Format::Csv | Format::Table => self.print_csv(out)?,
            _ => {
                serde_json::to_writer(&mut *out, &self.fields).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// A value as people read it: text without quotes, null as nothing, lists separated by blanks.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// The text on one line and without control characters, which would break the alignment or play tricks on a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Bytes in the unit that suits them, for sentences.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A count with separators, for sentences.
pub(crate) fn human_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and a noun in the number that fits it.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", human_count(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(listing: &Listing, format: Format) -> String {
        let mut out = Vec::new();
        listing.print(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn listings_print_in_three_formats() {
        let mut listing = Listing::new(&["name", "rows", "note"]);
        listing.row([json!("Ns"), json!(12), Value::Null]);
        listing.row([json!("a,b\n"), json!(5), json!("")]);
        assert_eq!(printed(&listing, Format::Table), "name  rows  note\nNs      12\na,b      5\n");
        assert_eq!(printed(&listing, Format::Csv), "name,rows,note\nNs,12,\n\"a,b\n\",5,\"\"\n");
        let json: Value = serde_json::from_str(&printed(&listing, Format::Json)).unwrap();
        assert_eq!(json[0], json!({"name": "Ns", "rows": 12, "note": null}));
        let empty = Listing::new(&["name"]);
        assert_eq!(printed(&empty, Format::Json), "[]\n");
        assert_eq!(printed(&empty, Format::Csv), "name\n");
        assert_eq!(printed(&empty, Format::Table), "name\n");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            (human_bytes(1023), human_bytes(1 << 20), counted(1, "row"), counted(1_234_567, "row")),
            ("1023 B".into(), "1.0 MiB".into(), "1 row".into(), "1,234,567 rows".into())
        );
    }
}
