//! Tables as text: for terminals, as CSV and as JSON.
//!
//! Everything streams: rows are read some thousand at a time, on all cores, so a table of any length needs the memory of a few runs of them. What is
//! written is the user's data, so the terminal form shows control characters instead of obeying them.

mod csv;
mod json;
mod pieces;
mod rows;
mod text;

pub use pieces::for_each_piece;
pub use rows::RowWriter;
pub use text::TextOptions;

use crate::base::limits::CHUNK_ROWS;
use crate::base::{Error, Result};
use crate::engine::{Table, limits};
use crate::memory::Chunk;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// A header and one record a row: null is an empty field, the empty string `""`.
    Csv,
    /// One array with an object a row.
    Json,
    /// An object a line.
    JsonLines,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "table" => Ok(Format::Table),
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "jsonl" => Ok(Format::JsonLines),
            _ => {
                Err(Error::invalid(format!("unknown format {text:?}"))
                    .hint("the formats are table, csv, json and jsonl"))
            }
        }
    }
}

/// Writes a table. `options` matter for [`Format::Table`] only. An error of the writer is of kind `Io` and has the
/// [`std::io::Error`] as its source, so that a caller can tell a closed pipe.
pub fn write_table(table: &Table, format: Format, options: &TextOptions, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Table => text::write(table, options, out),
        Format::Csv => csv::write(table, out),
        Format::Json => json::write(table, out),
        Format::JsonLines => json::write_lines(table, out),
    }
}

/// Calls `work` with all columns of consecutive runs of the first `rows` rows; with no columns at all, with none for each run.
pub(super) fn for_each_chunk(
    table: &Table,
    rows: u64,
    mut work: impl FnMut(&[Chunk], usize) -> Result<()>,
) -> Result<()> {
    let names = table.column_names();
    let mut at = 0;
    while at < rows {
        limits::check()?;
        let end = rows.min(at + CHUNK_ROWS as u64);
        work(&table.read(&names, at..end)?, (end - at) as usize)?;
        at = end;
    }
    Ok(())
}

/// Rows of text that are made in one go.
const TEXT_ROWS: u64 = 8_192;

/// Writes the text that `make` appends for consecutive runs of all rows, which begin at the position given and have so many rows.
fn write_pieces(
    table: &Table,
    out: &mut dyn Write,
    make: impl Fn(u64, &[Chunk], usize, &mut Vec<u8>) + Sync,
) -> Result<()> {
    let make = |range: std::ops::Range<u64>, chunks: Vec<Chunk>| {
        let mut text = Vec::new();
        make(range.start, &chunks, (range.end - range.start) as usize, &mut text);
        Ok(text)
    };
    for_each_piece(table, table.row_count()?, TEXT_ROWS, make, Vec::len, |text| emit(out, &text))
}

/// Hands bytes to the writer.
fn emit(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(|error| Error::io("write", Path::new("output"), error))
}
