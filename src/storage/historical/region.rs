//! A column of a historical location: its files are mapped at first use, its blocks verified at first touch.

use super::items::SealedLevel;
use super::reader::{StoredLocation, Version, form};
use crate::base::limits::BLOCK_ROWS;
use crate::base::{ColumnType, Error, Primitive, Result, Value};
use crate::format::column_form::ColumnForm;
use crate::format::sealed_column::SealedColumn;
use crate::format::sealed_symbols;
use crate::io::{self, OpenMode, vectorized};
use crate::memory::{Bounds, Chunk, SymbolCode, Symbols, Totals};
use crate::storage::items::ranges_of;
use crate::storage::{ColumnRegion, ReadStats, Zone};
use bytes::Bytes;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

/// A sealed column that opens when it is read.
#[derive(Debug)]
pub(super) struct SealedRegion {
    pub(super) version: Arc<Version>,
    location: usize,
    pub(super) column: usize,
    pub(super) form: ColumnForm,
    sealed: OnceLock<SealedColumn>,
    /// The levels of the form beyond the first.
    pub(super) levels: Vec<OnceLock<SealedLevel>>,
    symbols: OnceLock<Arc<Symbols>>,
    zones: OnceLock<Vec<Zone>>,
}

impl SealedRegion {
    /// The region of a column by its position in the location's record. Opens nothing.
    pub(super) fn new(version: Arc<Version>, location: usize, column: usize) -> Option<Self> {
        let form = form(version.locations.get(location)?, column)?;
        Some(SealedRegion {
            version,
            location,
            column,
            form,
            sealed: OnceLock::new(),
            levels: (0..form.depth()).map(|_| OnceLock::new()).collect(),
            symbols: OnceLock::new(),
            zones: OnceLock::new(),
        })
    }

    /// The sealed column, opened and checked against the location's record.
    pub(super) fn sealed(&self) -> Result<&SealedColumn> {
        if let Some(sealed) = self.sealed.get() {
            return Ok(sealed);
        }
        let stored = self.stored();
        let record = &stored.record.columns[self.column];
        let path = self.path("col");
        let bytes = open_file(stored, &path, record.file.size_bytes, &self.version.stats)
            .map_err(|error| self.version.damaged(error))?;
        let sealed = SealedColumn::open(bytes).map_err(|error| self.place(error))?;
        let ends = self.form.depth() > 0;
        let column_type = if ends { ColumnType::Long } else { self.form.column_type };
        let found = (sealed.seal(), sealed.row_count(), sealed.column_type(), sealed.is_ends());
        let expected = (record.file.seal, stored.record.row_count, column_type, ends);
        if found != expected {
            return Err(Error::corrupt(format!(
                "the column is not the one that the location record names: seal, rows and type are {found:x?}, not {expected:x?}"
            ))
            .at_path(&stored.fs.display(&path)));
        }
        Ok(self.sealed.get_or_init(|| sealed))
    }

    pub(super) fn stored(&self) -> &StoredLocation {
        &self.version.locations[self.location]
    }

    pub(super) fn path(&self, extension: &str) -> PathBuf {
        let stored = self.stored();
        stored.directory.join(format!("{}.{extension}", stored.record.columns[self.column].name))
    }

    fn place(&self, error: Error) -> Error {
        self.version.damaged(error.at_path(&self.stored().fs.display(&self.path("col"))))
    }

    /// Counts what was read, and refuses codes without a string among the values from `first` on.
    fn account(&self, first: usize, bytes: u64, out: &Chunk) -> Result<()> {
        self.version.stats.add_read((out.len() - first) as u64, bytes);
        if let (Chunk::String(strings), Some(symbols)) = (out, self.symbols()?) {
            check_codes(&strings.codes[first..], symbols.len()).map_err(|e| self.place(e))?;
        }
        Ok(())
    }
}

impl ColumnRegion for SealedRegion {
    fn column_type(&self) -> ColumnType {
        self.form.column_type
    }

    fn row_count(&self) -> u64 {
        self.stored().record.row_count
    }

    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        if self.form.depth() > 0 {
            return self.read_items(&[rows], out);
        }
        let first = out.len();
        let bytes = self.sealed()?.fill(rows, out).map_err(|e| self.place(e))?;
        self.account(first, bytes, out)
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        if self.form.depth() > 0 {
            return self.read_items(&ranges_of(rows.iter().copied()), out);
        }
        let first = out.len();
        let bytes = self.sealed()?.gather(rows, out).map_err(|e| self.place(e))?;
        self.account(first, bytes, out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if self.form.depth() > 0 { Ok(None) } else { self.leaf_symbols() }
    }

    fn weigh(&self, rows: &[u64]) -> Result<u64> {
        match self.form.depth() {
            0 => Ok((rows.len() * self.form.width(0)) as u64),
            _ => self.weigh_items(rows),
        }
    }

    fn leaf_symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if let Some(symbols) = self.symbols.get() {
            return Ok(Some(symbols.clone()));
        }
        let stored = self.stored();
        let Some(file) = stored.record.columns[self.column].symbols else { return Ok(None) };
        let path = self.path("sym");
        let place = |error: Error| self.version.damaged(error.at_path(&stored.fs.display(&path)));
        let bytes = open_file(stored, &path, file.size_bytes, &self.version.stats)
            .map_err(|error| self.version.damaged(error))?;
        let (symbols, seal) = sealed_symbols::open(&bytes).map_err(place)?;
        if seal != file.seal {
            let found = format!("the symbol table has the seal {seal:08x}, not {:08x}", file.seal);
            return Err(place(Error::corrupt(found)));
        }
        Ok(Some(self.symbols.get_or_init(|| Arc::new(symbols)).clone()))
    }

    fn forget(&self) {
        self.sealed.get().into_iter().for_each(|sealed| io::release(sealed.bytes()));
        self.levels.iter().filter_map(OnceLock::get).for_each(SealedLevel::release);
        self.symbols.get().into_iter().flat_map(|symbols| symbols.shared_bytes()).for_each(io::release);
    }

    fn expect(&self, rows: Range<u64>) {
        // Of ends of values it is not known here what lies behind them.
        if self.form.depth() == 0
            && let Ok(sealed) = self.sealed()
        {
            sealed.expect(rows);
        }
    }

    fn bounds(&self, rows: Range<u64>) -> Result<Option<Bounds>> {
        if self.form.depth() > 0 {
            return Ok(None);
        }
        self.sealed()?.bounds(rows).map(Some).map_err(|e| self.place(e))
    }

    fn totals(&self, rows: Range<u64>) -> Result<Totals> {
        if self.form.depth() > 0 {
            return Ok(Totals::unknown(rows));
        }
        let (totals, bytes) = self.sealed()?.totals(rows).map_err(|e| self.place(e))?;
        self.version.stats.add_read(totals.count, bytes);
        Ok(totals)
    }

    fn zones(&self) -> Result<&[Zone]> {
        if let Some(zones) = self.zones.get() {
            return Ok(zones);
        }
        let (sealed, symbols) = (self.sealed()?, self.symbols()?);
        let zones = sealed.entries().iter().enumerate().map(|(number, entry)| {
            let start = (number * BLOCK_ROWS) as u64;
            let value = |lane| sealed.value_of(lane, symbols.as_deref());
            let (min, max) = match entry.range {
                Some((min, max)) => (value(min), value(max)),
                None => (Value::Null, Value::Null),
            };
            Zone {
                rows: start..start + u64::from(entry.row_count),
                null_count: u64::from(entry.null_count),
                min,
                max,
                has_nan: entry.has_nan,
            }
        });
        let zones = zones.collect();
        Ok(self.zones.get_or_init(|| zones))
    }
}

/// Maps a file of a location, which must have the size that the record says.
pub(super) fn open_file(stored: &StoredLocation, path: &Path, size_bytes: u64, stats: &ReadStats) -> Result<Bytes> {
    let file = match stored.fs.open(path, OpenMode::Read) {
        Err(error) if error.is_not_found() => {
            return Err(
                Error::corrupt("a file that the location record names is missing").at_path(&stored.fs.display(path))
            );
        }
        answer => answer?,
    };
    stats.files_opened.fetch_add(1, Relaxed);
    let found = file.size()?;
    if found != size_bytes {
        return Err(Error::corrupt(format!("the file has {found} bytes, the location record says {size_bytes}"))
            .at_path(&stored.fs.display(path))
            .at_offset(found.min(size_bytes)));
    }
    file.map(size_bytes)
}

/// Refuses codes that stand for no string; one pass without a branch a value.
pub(super) fn check_codes(codes: &[SymbolCode], symbol_count: usize) -> Result<()> {
    // Null is the greatest code: one more wraps it to zero, below every other.
    let most = vectorized(
        #[inline(always)]
        || codes.iter().fold(0u32, |most, code| most.max(code.0.wrapping_add(1))),
    );
    if most as usize > symbol_count {
        return Err(Error::corrupt(format!("symbol code {} in a table of {symbol_count} strings", most - 1)));
    }
    const { assert!(SymbolCode::NULL.0 == u32::MAX) }
    Ok(())
}
