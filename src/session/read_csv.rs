//! `readCsv`: a file of delimited text as a table in memory, its types told by its values.

use crate::base::{Error, Result};
use crate::engine::column_source::concatenate;
use crate::engine::{Table, limits};
use crate::io::external;
use crate::memory::Chunk;
use crate::storage::import::csv::{CsvInput, CsvOptions, CsvReader, Dialect, FieldTarget, ReadLimits, infer_csv};
use std::path::Path;

/// A table of all rows of a file with a header, `delimiter` between its fields. gzip and Zstandard are unpacked. Every value decides its column's type, so the
/// file is read twice: pipes and standard input are errors. Takes twice the memory of the values,
/// and errs where the query may not have that.
pub fn read_csv(path: &Path, delimiter: u8) -> Result<Table> {
    if path == Path::new("-") {
        return Err(Error::invalid("standard input cannot be read twice").hint("save it to a file first"));
    }
    let options = CsvOptions { dialect: Dialect { delimiter, ..Dialect::default() }, ..CsvOptions::default() };
    let open = || external::open(path).map(CsvInput::from);
    let found = infer_csv(vec![open()?], &options, None, &mut limits::check)?;
    let columns = found.columns();
    let targets: Vec<FieldTarget> =
        (0..).zip(&columns).map(|(field, column)| FieldTarget::new(field, &column.name, column.column_type)).collect();
    let row_bytes = columns.iter().map(|column| column.column_type.width()).sum();
    // The values are put together once they are all there.
    limits::require(found.row_count.saturating_mul(2), row_bytes)?;
    let mut parts: Vec<Vec<Chunk>> = vec![Vec::new(); columns.len()];
    let mut each = |rows: crate::storage::import::Rows| {
        parts.iter_mut().zip(rows.chunks).for_each(|(parts, chunk)| parts.push(chunk));
        Ok(())
    };
    CsvReader::open(open()?, &options)?.read(&targets, ReadLimits::default(), &mut each, &mut |_| limits::check())?;
    let chunks = columns
        .into_iter()
        .zip(parts)
        .map(|(column, parts)| Ok((column.name, concatenate(column.column_type, parts)?)));
    Table::new_table(chunks.collect::<Result<_>>()?)
}
