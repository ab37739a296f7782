//! A stored column as one of the wider type that the table's definition gives it now: values are converted as they are read.
//!
//! **Invariant:** what is known of the stored values without reading them (zones, symbol tables) is converted like them, or left out;
//! a column that needs no conversion is handed through as it is.

use crate::base::{ColumnType, Error, Primitive, Result};
use crate::memory::{Chunk, SymbolCode, SymbolTableBuilder, Symbols, append_widened};
use crate::storage::region::{ColumnRegion, Zone};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Rows converted together: few enough to stay in a core's cache, and whole vectors of a sealed column.
const PIECE_ROWS: u64 = 8 << 10;
/// Bytes that a number of any length takes beside those that are stored.
const OBJECT_BYTES: u64 = 32;

/// The column as one of a type: itself if it has it, converted where its own widens to it. None where it does not.
pub(super) fn region(stored: Arc<dyn ColumnRegion>, column_type: ColumnType) -> Option<Arc<dyn ColumnRegion>> {
    let found = stored.column_type();
    if found == column_type {
        return Some(stored);
    }
    if !found.widens_to(column_type) {
        return None;
    }
    Some(match column_type {
        ColumnType::String => Arc::new(CharTexts { stored, table: OnceLock::new() }),
        _ => Arc::new(WidenedRegion { stored, column_type, zones: OnceLock::new() }),
    })
}

/// Numbers, and arrays of them.
#[derive(Debug)]
struct WidenedRegion {
    stored: Arc<dyn ColumnRegion>,
    column_type: ColumnType,
    zones: OnceLock<Vec<Zone>>,
}

impl ColumnRegion for WidenedRegion {
    fn column_type(&self) -> ColumnType {
        self.column_type
    }

    fn row_count(&self) -> u64 {
        self.stored.row_count()
    }

    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        let mut values = Chunk::new(self.stored.column_type());
        let mut start = rows.start;
        while start < rows.end {
            // Pieces end where vectors do, so that none is decoded twice.
            let end = rows.end.min((start / PIECE_ROWS + 1) * PIECE_ROWS);
            values.clear();
            self.stored.fill(start..end, &mut values)?;
            append_widened(&values, out)?;
            start = end;
        }
        if rows.start > rows.end { self.stored.fill(rows, &mut values) } else { Ok(()) }
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        let mut values = Chunk::with_capacity(self.stored.column_type(), rows.len());
        self.stored.gather(rows, &mut values)?;
        append_widened(&values, out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(None)
    }

    fn weigh(&self, rows: &[u64]) -> Result<u64> {
        let stored = self.stored.weigh(rows)?;
        let (from, to) = (leaf(self.stored.column_type()), leaf(self.column_type));
        if to.is_object() {
            // No more elements than bytes.
            return Ok(stored.saturating_mul(1 + OBJECT_BYTES));
        }
        Ok(stored.saturating_mul((to.width() / from.width()).max(1) as u64))
    }

    fn reads_in_any_order(&self) -> bool {
        self.stored.reads_in_any_order()
    }

    fn forget(&self) {
        self.stored.forget();
    }

    fn zones(&self) -> Result<&[Zone]> {
        if let Some(zones) = self.zones.get() {
            return Ok(zones);
        }
        let widened = |zone: &Zone| {
            let (min, max) = (zone.min.widened(self.column_type)?, zone.max.widened(self.column_type)?);
            Some(Zone { min, max, ..zone.clone() })
        };
        let zones = match self.column_type.is_numeric() {
            true => self.stored.zones()?.iter().map(widened).collect::<Option<Vec<_>>>(),
            false => None,
        };
        Ok(self.zones.get_or_init(|| zones.unwrap_or_default()))
    }
}

/// The innermost type of arrays.
fn leaf(mut column_type: ColumnType) -> ColumnType {
    while let Some(element) = column_type.element() {
        column_type = element;
    }
    column_type
}

/// Chars as texts of one unit; half of a pair, which no text can have alone, as U+FFFD. The table of the units that occur is made at first
/// use, by reading all of them.
#[derive(Debug)]
struct CharTexts {
    stored: Arc<dyn ColumnRegion>,
    table: OnceLock<UnitTable>,
}

#[derive(Debug)]
struct UnitTable {
    symbols: Arc<Symbols>,
    /// The code of each unit.
    codes: Vec<SymbolCode>,
}

impl CharTexts {
    fn table(&self) -> Result<&UnitTable> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let mut occurs = vec![false; 1 << 16];
        let mut units = Chunk::new(ColumnType::Char);
        for start in (0..self.row_count()).step_by(PIECE_ROWS as usize) {
            units.clear();
            self.stored.fill(start..self.row_count().min(start + PIECE_ROWS), &mut units)?;
            if let Chunk::Char(units) = &units {
                units.iter().for_each(|&unit| occurs[usize::from(unit)] = true);
            }
        }
        let mut builder = SymbolTableBuilder::new();
        let mut codes = vec![SymbolCode::NULL; 1 << 16];
        for unit in (0..=u16::MAX).filter(|&unit| occurs[usize::from(unit)] && !unit.is_null()) {
            codes[usize::from(unit)] = builder.intern(&String::from_utf16_lossy(&[unit]))?;
        }
        Ok(self.table.get_or_init(|| UnitTable { symbols: Arc::new(builder.finish()), codes }))
    }

    /// Appends the codes of the units that `read` appends.
    fn append(&self, out: &mut Chunk, read: impl FnOnce(&mut Chunk) -> Result<()>) -> Result<()> {
        let mut units = Chunk::new(ColumnType::Char);
        read(&mut units)?;
        let table = self.table()?;
        match (&units, out) {
            (Chunk::Char(units), Chunk::String(out)) => {
                out.codes.extend(units.iter().map(|&unit| table.codes[usize::from(unit)]));
                Ok(())
            }
            (_, out) => {
                Err(Error::type_mismatch(format!("texts do not go into a chunk of type {}", out.column_type())))
            }
        }
    }
}

impl ColumnRegion for CharTexts {
    fn column_type(&self) -> ColumnType {
        ColumnType::String
    }

    fn row_count(&self) -> u64 {
        self.stored.row_count()
    }

    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        self.append(out, |units| self.stored.fill(rows, units))
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        self.append(out, |units| self.stored.gather(rows, units))
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(Some(self.table()?.symbols.clone()))
    }

    fn reads_in_any_order(&self) -> bool {
        self.stored.reads_in_any_order()
    }

    fn forget(&self) {
        self.stored.forget();
    }
}
