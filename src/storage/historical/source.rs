//! What a merge reads: one column over all source locations, in key order; strings as codes of one sorted table. Columns of variable width
//! are not read as a whole but as they are written, in merged order.

use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Primitive, Result, SymbolUse};
use crate::format::column_form::ColumnForm;
use crate::memory::symbols::compare_utf16;
use crate::memory::{ArrayChunk, Chunk, StringChunk, SymbolCode, SymbolTableBuilder, Symbols};
use crate::storage::items::compact;
use crate::storage::{ColumnRegion, Location};
use std::ops::Range;
use std::sync::Arc;

/// A symbol table of fewer strings is loaded in no time, whether they repeat or not.
const PLAIN_SYMBOLS_MIN: usize = 1 << 16;
/// Rows read together where all are read.
const PIECE_ROWS: usize = 1 << 12;
/// Rows of a column read before the memory behind them is given back.
const READ_ROWS: usize = 1 << 18;

/// Reads all rows of a column, source after source. A source without the column gives nulls. Strings come as codes of a new table
/// that holds the strings in use and no other, in the order of the query language.
pub(super) fn read_column(sources: &[Arc<dyn Location>], column: &ColumnDefinition) -> Result<Chunk> {
    let row_count: u64 = sources.iter().map(|source| source.row_count()).sum();
    let mut chunk = Chunk::with_capacity(column.column_type, row_count as usize);
    let mut tables: Vec<(usize, Arc<Symbols>)> = Vec::new();
    for source in sources {
        let first = chunk.len();
        match source.column_as(column)? {
            Some(region) => {
                for start in (0..source.row_count()).step_by(READ_ROWS) {
                    read_piece(
                        &*region,
                        start..source.row_count().min(start + READ_ROWS as u64),
                        &mut chunk,
                        &mut tables,
                    )?;
                    region.forget();
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

/// Appends rows of a source. Strings come as codes of a table that `tables` names, from the row on where it begins to hold.
fn read_piece(
    region: &dyn ColumnRegion,
    rows: Range<u64>,
    chunk: &mut Chunk,
    tables: &mut Vec<(usize, Arc<Symbols>)>,
) -> Result<()> {
    let (first, Chunk::String(strings)) = (chunk.len(), &mut *chunk) else { return region.fill(rows, chunk) };
    let Chunk::String(own) = region.read(rows)? else {
        return Err(Error::corrupt("strings were read as something else"));
    };
    strings.codes.extend_from_slice(&own.codes);
    if tables.last().is_none_or(|(_, last)| !Arc::ptr_eq(last, &own.symbols)) {
        tables.push((first, own.symbols));
    }
    Ok(())
}

/// The values of some rows of a source; nulls where it lacks the column. Strings come with the source's own table.
pub(super) fn read_rows(source: &dyn Location, column: &ColumnDefinition, rows: Range<u64>) -> Result<Chunk> {
    let Some(region) = source.column_as(column)? else {
        return Ok(Chunk::nulls(column.column_type, (rows.end - rows.start) as usize));
    };
    region.read(rows)
}

/// In which form a column is sealed: as the schema says, or as its values suggest.
pub(super) fn form(sources: &[Arc<dyn Location>], column: &ColumnDefinition) -> Result<ColumnForm> {
    let (table, plain) = (ColumnForm::new(column.column_type, false), ColumnForm::new(column.column_type, true));
    if table == plain || column.symbol == SymbolUse::Table || column.kind == ColumnKind::Grouping {
        return Ok(table);
    }
    if column.symbol == SymbolUse::None {
        return Ok(plain);
    }
    let (mut rows, mut symbols) = (0, 0);
    for source in sources {
        let Some(region) = source.column_as(column)? else { continue };
        let Some(table) = region.leaf_symbols()? else { return Ok(plain) };
        rows += source.row_count();
        symbols += table.len();
    }
    let is_array = column.column_type.element().is_some();
    let repeats = symbols < PLAIN_SYMBOLS_MIN || (symbols as u64).saturating_mul(4) < rows.saturating_mul(3);
    Ok(if is_array || repeats { table } else { plain })
}

/// Bytes that all values of a column take in memory. Reads their lengths.
pub(super) fn weight(sources: &[Arc<dyn Location>], column: &ColumnDefinition) -> Result<u64> {
    let mut weight = 0u64;
    for source in sources {
        let Some(region) = source.column_as(column)? else { continue };
        for start in (0..source.row_count()).step_by(READ_ROWS) {
            let rows: Vec<u64> = (start..source.row_count().min(start + READ_ROWS as u64)).collect();
            weight = weight.saturating_add(region.weigh(&rows)?);
            region.forget();
        }
    }
    Ok(weight)
}

/// Bytes of memory that it takes to unite and sort the symbol tables of a column, those of the sources included.
pub(super) fn symbols_weight(sources: &[Arc<dyn Location>], column: &ColumnDefinition) -> Result<u64> {
    let mut weight = 0u64;
    for source in sources {
        let Some(region) = source.column_as(column)? else { continue };
        let Some(table) = region.leaf_symbols()? else { continue };
        // The text as it is read, as it is united and as it is sorted; ends, a slot to find each string by, its rank, and codes.
        let bytes = 3 * table.text_bytes() as u64 + 44 * table.len() as u64;
        weight = weight.saturating_add(bytes);
    }
    Ok(weight)
}

/// Gathers values of one column from any of the sources' rows, numbered through.
pub(super) struct Gatherer {
    column_type: ColumnType,
    pub(super) form: ColumnForm,
    /// First row of each source and its region; none reads as nulls.
    regions: Vec<(u64, Option<Arc<dyn ColumnRegion>>)>,
    /// The sorted table of the column's strings, if it has one.
    pub(super) symbols: Option<Arc<Symbols>>,
    /// Codes of it for those of the sources' tables, by address; the tables are held by the regions.
    translations: Vec<(Arc<Symbols>, Vec<SymbolCode>)>,
}

impl Gatherer {
    /// Opens the regions; for a form with a symbol table unites and sorts those of the sources.
    pub(super) fn new(sources: &[Arc<dyn Location>], column: &ColumnDefinition, form: ColumnForm) -> Result<Self> {
        let mut regions = Vec::with_capacity(sources.len());
        let mut first = 0;
        for source in sources {
            regions.push((first, source.column_as(column)?));
            first += source.row_count();
        }
        let (symbols, translations) = match form.has_symbols() {
            true => {
                let (symbols, translations) = unite(&regions, first)?;
                (Some(symbols), translations)
            }
            false => (None, Vec::new()),
        };
        Ok(Gatherer { column_type: column.column_type, form, regions, symbols, translations })
    }

    /// Gives values in another form than the sources have them in: strings without a symbol table instead of with one.
    pub(super) fn give(&mut self, form: ColumnForm) {
        if !form.has_symbols() {
            (self.symbols, self.translations) = (None, Vec::new());
        }
        self.form = form;
    }

    /// Gives back the memory behind what was read.
    pub(super) fn forget(&self) {
        self.regions.iter().filter_map(|(_, region)| region.as_ref()).for_each(|region| region.forget());
    }

    /// The type of the values.
    pub(super) fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The values of consecutive rows of one source; strings of a form with symbols as codes of [`Gatherer::symbols`].
    pub(super) fn read(&self, source: usize, rows: Range<u64>) -> Result<Chunk> {
        match &self.regions[source].1 {
            None => Ok(Chunk::nulls(self.column_type, (rows.end - rows.start) as usize)),
            Some(region) => self.translate(region.read(rows)?),
        }
    }

    /// Bytes that the values of ranges of sources' rows take in memory, about.
    pub(super) fn weigh_ranges(&self, ranges: impl Iterator<Item = (usize, Range<u64>)>) -> Result<u64> {
        let mut weight = 0u64;
        for (source, rows) in ranges {
            if let Some(region) = &self.regions[source].1 {
                weight = weight.saturating_add(region.weigh(&rows.collect::<Vec<_>>())?);
            }
        }
        Ok(weight)
    }

    /// Bytes that the values of rows take in memory, about.
    pub(super) fn weigh(&self, rows: &[u32]) -> Result<u64> {
        let mut weight = 0u64;
        self.each_source(rows, |region, own| {
            weight = weight.saturating_add(region.map_or(Ok(0), |region| region.weigh(own))?);
            Ok(())
        })?;
        Ok(weight)
    }

    /// The values of rows in their order, compact; strings of a form with symbols as codes of [`Gatherer::symbols`].
    pub(super) fn gather(&self, rows: &[u32]) -> Result<Chunk> {
        let mut all = Chunk::new(self.column_type);
        let mut places: Vec<u32> = vec![0; rows.len()];
        let mut counts = vec![0u32; self.regions.len()];
        let source_of = |row: u32| self.regions.partition_point(|(first, _)| *first <= u64::from(row)) - 1;
        rows.iter().for_each(|&row| counts[source_of(row)] += 1);
        let mut at = 0;
        for count in &mut counts {
            at += std::mem::replace(count, at);
        }
        for (place, &row) in places.iter_mut().zip(rows) {
            let next = &mut counts[source_of(row)];
            *place = *next;
            *next += 1;
        }
        self.each_source(rows, |region, own| match region {
            Some(region) => {
                let mut chunk = Chunk::new(self.column_type);
                region.gather(own, &mut chunk)?;
                if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, region.symbols()?) {
                    strings.symbols = symbols;
                }
                let chunk = self.translate(chunk)?;
                all.append(&chunk, 0..chunk.len())
            }
            None => {
                all.push_nulls(own.len());
                Ok(())
            }
        })?;
        if !places.is_sorted() {
            all = all.take(&places);
        }
        compact(&all)
    }

    /// Hands over the rows of each source that has some, with the numbers that they have there.
    fn each_source(
        &self,
        rows: &[u32],
        mut work: impl FnMut(Option<&dyn ColumnRegion>, &[u64]) -> Result<()>,
    ) -> Result<()> {
        for (at, (first, region)) in self.regions.iter().enumerate() {
            let end = self.regions.get(at + 1).map_or(u64::MAX, |(next, _)| *next);
            let own = rows.iter().map(|&row| u64::from(row)).filter(|row| (*first..end).contains(row));
            let own: Vec<u64> = own.map(|row| row - first).collect();
            if !own.is_empty() {
                work(region.as_deref(), &own)?;
            }
        }
        Ok(())
    }

    /// The same values with the codes of the united table, on whatever level strings are.
    fn translate(&self, chunk: Chunk) -> Result<Chunk> {
        let Some(symbols) = &self.symbols else { return Ok(chunk) };
        Ok(match chunk {
            Chunk::Array(arrays) => {
                let values = Arc::unwrap_or_clone(arrays.values);
                Chunk::Array(ArrayChunk { slices: arrays.slices, values: Arc::new(self.translate(values)?) })
            }
            Chunk::String(strings) => {
                let known = self.translations.iter().find(|(table, _)| Arc::ptr_eq(table, &strings.symbols));
                let code = |code: &SymbolCode| match known {
                    _ if code.is_null() => Ok(*code),
                    Some((_, map)) => Ok(map.get(code.index()).copied().unwrap_or(SymbolCode::NULL)),
                    None => {
                        let text = strings.symbols.get(*code).unwrap_or_default();
                        symbols.find(text).ok_or_else(|| Error::corrupt("a string is in no symbol table"))
                    }
                };
                let codes = strings.codes.iter().map(code).collect::<Result<_>>()?;
                Chunk::String(StringChunk { codes, symbols: symbols.clone() })
            }
            other => other,
        })
    }
}

/// The sorted table of all strings of some regions, and from the codes of their tables to its own.
#[expect(clippy::type_complexity, reason = "each table beside its codes, nowhere else")]
fn unite(
    regions: &[(u64, Option<Arc<dyn ColumnRegion>>)],
    row_count: u64,
) -> Result<(Arc<Symbols>, Vec<(Arc<Symbols>, Vec<SymbolCode>)>)> {
    let mut builder = SymbolTableBuilder::new();
    let mut tables = Vec::new();
    for (at, (first, region)) in regions.iter().enumerate() {
        let Some(region) = region else { continue };
        if let Some(table) = region.leaf_symbols()? {
            table.iter().try_for_each(|text| builder.intern(text).map(drop))?;
            tables.push((table, &**region));
            region.forget();
            continue;
        }
        let rows = regions.get(at + 1).map_or(row_count, |(next, _)| *next) - first;
        for start in (0..rows).step_by(PIECE_ROWS) {
            let chunk = region.read(start..rows.min(start + PIECE_ROWS as u64))?;
            let mut leaf = &chunk;
            while let Chunk::Array(arrays) = leaf {
                leaf = &arrays.values;
            }
            if let Chunk::String(strings) = leaf {
                strings.iter().try_for_each(|text| builder.intern_option(text).map(drop))?;
            }
        }
    }
    let appeared = builder.finish();
    let (sorted, ranks) = sorted(&appeared)?;
    let translation = |(table, region): (Arc<Symbols>, &dyn ColumnRegion)| {
        let code = |text| appeared.find(text).map_or(SymbolCode::NULL, |code| ranks[code.index()]);
        let codes = table.iter().map(code).collect();
        region.forget();
        (table, codes)
    };
    Ok((Arc::new(sorted), tables.into_iter().map(translation).collect()))
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
    let (sorted, ranks) = sorted(&appeared)?;
    strings.codes.iter_mut().filter(|code| !code.is_null()).for_each(|code| *code = ranks[code.index()]);
    strings.symbols = Arc::new(sorted);
    Ok(())
}

/// The strings of a table in the order of the query language, and the new code of each old one.
fn sorted(appeared: &Symbols) -> Result<(Symbols, Vec<SymbolCode>)> {
    let mut order: Vec<SymbolCode> = (0..appeared.len() as u32).map(SymbolCode).collect();
    let text = |code: &SymbolCode| appeared.get(*code).unwrap_or_default();
    order.sort_unstable_by(|a, b| compare_utf16(text(a), text(b)));
    let mut ranks = vec![SymbolCode::NULL; order.len()];
    order.iter().enumerate().for_each(|(rank, code)| ranks[code.index()] = SymbolCode(rank as u32));
    let mut sorted = SymbolTableBuilder::new();
    for code in &order {
        sorted.intern(text(code))?;
    }
    Ok((sorted.finish(), ranks))
}
