//! What a merge reads: one column over all source locations, in key order; strings as codes of one sorted table.

use crate::base::{ColumnDefinition, Error, Primitive, Result};
use crate::memory::symbols::compare_utf16;
use crate::memory::{Chunk, StringChunk, SymbolCode, SymbolTableBuilder, Symbols};
use crate::storage::{ColumnRegion, Location};
use std::sync::Arc;

/// Reads all rows of a column, source after source. A source without the column gives nulls. Strings come as codes of a new table
/// that holds the strings in use and no other, in the order of the query language.
pub(super) fn read_column(sources: &[Arc<dyn Location>], column: &ColumnDefinition) -> Result<Chunk> {
    let row_count: u64 = sources.iter().map(|source| source.row_count()).sum();
    let mut chunk = Chunk::with_capacity(column.column_type, row_count as usize);
    let mut tables: Vec<(usize, Arc<Symbols>)> = Vec::new();
    for source in sources {
        let first = chunk.len();
        match source.column(&column.name)? {
            Some(region) => {
                check_type(&*region, column).map_err(|e| e.context(format!("source {}", source.key())))?;
                match (&mut chunk, region.read(0..source.row_count())?) {
                    (Chunk::String(strings), Chunk::String(own)) => {
                        strings.codes.extend_from_slice(&own.codes);
                        tables.push((first, own.symbols));
                    }
                    (chunk, own) if chunk.is_empty() && sources.len() == 1 => *chunk = own,
                    (chunk, own) => chunk.append(&own, 0..own.len())?,
                }
            }
            None => chunk.push_nulls(source.row_count() as usize),
        }
        let read = (chunk.len() - first) as u64;
        if read != source.row_count() {
            return Err(Error::corrupt(format!("column {} gave {read} of {} rows", column.name, source.row_count()))
                .context(format!("source {}", source.key())));
        }
    }
    if let Chunk::String(strings) = &mut chunk {
        sort_codes(strings, &tables)?;
    }
    Ok(chunk)
}

fn check_type(region: &dyn ColumnRegion, column: &ColumnDefinition) -> Result<()> {
    let found = region.column_type();
    if found == column.column_type {
        return Ok(());
    }
    Err(Error::type_mismatch(format!("column {} has the type {found} there, not {}", column.name, column.column_type))
        .hint("import the partition again with the present schema"))
}

/// Translates codes of several tables, each from a row on, to codes of one sorted table.
fn sort_codes(strings: &mut StringChunk, tables: &[(usize, Arc<Symbols>)]) -> Result<()> {
    let end = strings.codes.len();
    let mut builder = SymbolTableBuilder::new();
    // First codes in order of appearance: for each table a map from its codes, null where one is not in use.
    for (number, (first, table)) in tables.iter().enumerate() {
        let rows = *first..tables.get(number + 1).map_or(end, |(next, _)| *next);
        let mut map = vec![SymbolCode::NULL; table.len()];
        for code in strings.codes[rows].iter_mut().filter(|code| !code.is_null()) {
            let Some(known) = map.get_mut(code.index()) else {
                return Err(Error::corrupt(format!("symbol code {} in a table of {} strings", code.0, table.len())));
            };
            if known.is_null() {
                *known = builder.intern(table.get(*code).unwrap_or_default())?;
            }
            *code = *known;
        }
    }
    let appeared = builder.finish();
    let mut order: Vec<SymbolCode> = (0..appeared.len() as u32).map(SymbolCode).collect();
    let text = |code: &SymbolCode| appeared.get(*code).unwrap_or_default();
    order.sort_unstable_by(|a, b| compare_utf16(text(a), text(b)));
    let mut ranks = vec![SymbolCode::NULL; order.len()];
    order.iter().enumerate().for_each(|(rank, code)| ranks[code.index()] = SymbolCode(rank as u32));
    strings.codes.iter_mut().filter(|code| !code.is_null()).for_each(|code| *code = ranks[code.index()]);
    let mut sorted = SymbolTableBuilder::new();
    for code in &order {
        sorted.intern(text(code))?;
    }
    strings.symbols = Arc::new(sorted.finish());
    Ok(())
}
