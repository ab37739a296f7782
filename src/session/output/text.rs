//! The form for people: aligned columns, numbers to the right, a line that says how much there is.

use super::{emit, for_each_chunk};
use crate::base::array_text::{DateTimeText, write_element};
use crate::base::date_time::{self, Zone};
use crate::base::text::write_csv_value;
use crate::base::{ColumnType, Result, Value};
use crate::engine::Table;
use crate::memory::Chunk;
use std::fmt::Write as _;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// How much of a table is shown.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Rows shown; all without.
    pub rows_max: Option<u64>,
    /// Columns of the terminal; table columns beyond it are named in a note instead. No limit without.
    pub width: Option<usize>,
    /// The zone that date-times are shown in; ISO-8601 in UTC without.
    pub zone: Option<Zone>,
    /// Whether what is no value may be dimmed with terminal codes.
    pub styled: bool,
}

impl Default for TextOptions {
    /// Twenty rows, any width, UTC, plain.
    fn default() -> Self {
        TextOptions { rows_max: Some(20), width: None, zone: None, styled: false }
    }
}

/// Terminal columns of a cell; what is longer is cut.
const CELL_WIDTH_MAX: usize = 64;
/// What null looks like.
const NULL: &str = "(null)";
/// Between columns.
const GAP: usize = 2;

/// Writes the first rows, and how many there are where that is not seen.
pub(super) fn write(table: &Table, options: &TextOptions, out: &mut dyn Write) -> Result<()> {
    let row_count = table.row_count()?;
    let shown = options.rows_max.unwrap_or(u64::MAX).min(row_count);
    if options.rows_max.is_none() && row_count > MEASURED_ROWS_MAX {
        return write_measured(table, row_count, options, out);
    }
    let mut columns = columns(table);
    for_each_chunk(table, shown, |chunks, rows| {
        for (column, chunk) in columns.iter_mut().zip(chunks) {
            column.cells.extend((0..rows).map(|row| cell(chunk, row, options.zone.as_ref())));
        }
        Ok(())
    })?;
    columns.iter_mut().for_each(Column::fit);
    let fitting = fitting(&columns, options.width);
    emit(out, header(&columns[..fitting], options).as_bytes())?;
    emit(out, rows(&columns[..fitting], shown as usize, options).as_bytes())?;
    emit(out, note(&columns[fitting..], shown, row_count).as_bytes())
}

/// Rows whose cells are held to measure them before anything is written.
const MEASURED_ROWS_MAX: u64 = 100_000;

/// Writes all rows of a long table with widths measured on its beginning: later cells may push a line out of its columns.
fn write_measured(table: &Table, row_count: u64, options: &TextOptions, out: &mut dyn Write) -> Result<()> {
    let mut columns = columns(table);
    let mut fitting = None;
    for_each_chunk(table, row_count, |chunks, count| {
        for (column, chunk) in columns.iter_mut().zip(chunks) {
            column.cells.clear();
            column.cells.extend((0..count).map(|row| cell(chunk, row, options.zone.as_ref())));
        }
        let shown = match fitting {
            Some(shown) => shown,
            None => {
                columns.iter_mut().for_each(Column::fit);
                let shown = self::fitting(&columns, options.width);
                emit(out, header(&columns[..shown], options).as_bytes())?;
                *fitting.insert(shown)
            }
        };
        emit(out, rows(&columns[..shown], count, options).as_bytes())
    })?;
    emit(out, note(&columns[fitting.unwrap_or(0)..], row_count, row_count).as_bytes())
}

struct Column {
    name: String,
    right: bool,
    width: usize,
    /// Texts; none for null.
    cells: Vec<Option<String>>,
}

impl Column {
    fn fit(&mut self) {
        let cells = self.cells.iter().map(|cell| cell.as_deref().unwrap_or(NULL).width());
        self.width = cells.chain([self.name.width()]).max().unwrap_or(0);
    }
}

fn columns(table: &Table) -> Vec<Column> {
    let column = |definition: &crate::base::ColumnDefinition| Column {
        name: printable(&definition.name),
        right: definition.column_type.is_numeric(),
        width: 0,
        cells: Vec::new(),
    };
    table.definition().columns().iter().map(column).collect()
}

/// How many columns fit the terminal; at least one.
fn fitting(columns: &[Column], width: Option<usize>) -> usize {
    let Some(width) = width else { return columns.len() };
    let mut used = 0;
    let fits = columns.iter().take_while(|column| {
        used += column.width + if used > 0 { GAP } else { 0 };
        used <= width
    });
    fits.count().max(1).min(columns.len())
}

fn header(columns: &[Column], options: &TextOptions) -> String {
    let mut text = String::new();
    if columns.is_empty() {
        return text;
    }
    line(&mut text, columns, |column| (column.name.as_str(), false), options);
    let rules: Vec<String> = columns.iter().map(|column| "-".repeat(column.width)).collect();
    let _ = writeln!(text, "{}", rules.join(&" ".repeat(GAP)));
    text
}

fn rows(columns: &[Column], count: usize, options: &TextOptions) -> String {
    let mut text = String::new();
    if columns.is_empty() {
        return text;
    }
    for row in 0..count {
        line(
            &mut text,
            columns,
            |column| column.cells[row].as_deref().map_or((NULL, true), |cell| (cell, false)),
            options,
        );
    }
    text
}

/// Appends one line; the cell's flag dims it.
fn line<'a>(
    text: &mut String,
    columns: &'a [Column],
    cell: impl Fn(&'a Column) -> (&'a str, bool),
    options: &TextOptions,
) {
    let start = text.len();
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            text.push_str(&" ".repeat(GAP));
        }
        let (shown, dim) = cell(column);
        let padding = " ".repeat(column.width.saturating_sub(shown.width()));
        let (before, after) = if column.right { (padding.as_str(), "") } else { ("", padding.as_str()) };
        let (on, off) = if dim && options.styled { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let _ = write!(text, "{before}{on}{shown}{off}{after}");
    }
    let end = text.trim_end_matches(' ').len().max(start);
    text.truncate(end);
    text.push('\n');
}

/// The closing line: how many rows, and which columns did not fit.
fn note(left_out: &[Column], shown: u64, row_count: u64) -> String {
    let plural = if row_count == 1 { "" } else { "s" };
    let mut text = match row_count - shown {
        0 => format!("({} row{plural})\n", grouped(row_count)),
        more => format!("(first {} of {} rows, {} more)\n", grouped(shown), grouped(row_count), grouped(more)),
    };
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|column| column.name.as_str()).take(20).collect();
        let dots = if left_out.len() > names.len() { ", …" } else { "" };
        let plural = if left_out.len() == 1 { "" } else { "s" };
        let _ = writeln!(text, "({} more column{plural}: {}{dots})", left_out.len(), names.join(", "));
    }
    text
}

/// A number with separated thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text of a cell, none for null.
pub(super) fn cell(column: &Chunk, row: usize, zone: Option<&Zone>) -> Option<String> {
    if let Chunk::String(strings) = column {
        return strings.get(row).map(|text| cut(printable(text)));
    }
    let text = match column.value(row) {
        Value::Null => return None,
        Value::DateTime(nanos) => match zone {
            Some(zone) => date_time::format_zoned(nanos, zone),
            None => date_time::format_iso(nanos),
        },
        Value::Char(unit) => {
            printable(&char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER).to_string())
        }
        value @ (Value::Array { .. } | Value::StringSet(_)) => {
            let mut bytes = Vec::new();
            write_element(&value, DateTimeText::Iso, &mut bytes);
            cut(printable(&String::from_utf8_lossy(&bytes)))
        }
        value => {
            let mut bytes = Vec::new();
            write_csv_value(&value, b',', &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    debug_assert!(column.column_type() != ColumnType::String);
    Some(text)
}

/// Control characters, and those that turn the direction of text, as escapes.
pub(super) fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return text.to_owned();
    }
    text.chars().map(|c| if harmful(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// At most [`CELL_WIDTH_MAX`] terminal columns.
fn cut(text: String) -> String {
    if text.width() <= CELL_WIDTH_MAX {
        return text;
    }
    let mut width = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            width += c.to_string().width();
            width < CELL_WIDTH_MAX
        })
        .collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_and_escapes() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(printable("a\x1b[2m\né\u{202e}"), "a\\u{1b}[2m\\né\\u{202e}");
        assert_eq!(cut("é".repeat(100)).width(), CELL_WIDTH_MAX);
        assert_eq!(cut("漢".repeat(100)).width(), CELL_WIDTH_MAX - 1, "half a character is none");
    }
}
