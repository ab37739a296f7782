//! Some consecutive rows of a location as a location of their own: what a run of a merge, or the new rows of a source, are read from.

use crate::base::{ColumnType, Error, Result};
use crate::memory::{Chunk, Symbols};
use crate::storage::{ColumnRegion, GroupingIndex, Location, LocationKey};
use std::ops::Range;
use std::sync::Arc;

/// Rows `rows` of a location, numbered from 0. Groupings and zone maps are those of the whole and left out.
#[derive(Debug)]
pub(in crate::storage) struct LocationPart {
    whole: Arc<dyn Location>,
    rows: Range<u64>,
}

impl LocationPart {
    /// The rows, which must lie within the location.
    pub(in crate::storage) fn of(whole: &Arc<dyn Location>, rows: Range<u64>) -> Arc<dyn Location> {
        if rows == (0..whole.row_count()) {
            return whole.clone();
        }
        Arc::new(LocationPart { whole: whole.clone(), rows })
    }
}

impl Location for LocationPart {
    fn key(&self) -> &LocationKey {
        self.whole.key()
    }

    fn row_count(&self) -> u64 {
        self.rows.end - self.rows.start
    }

    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        let region = self.whole.column(name)?;
        Ok(region.map(|whole| Arc::new(RegionPart { whole, rows: self.rows.clone() }) as Arc<dyn ColumnRegion>))
    }

    fn grouping(&self, _: &str) -> Result<Option<Arc<GroupingIndex>>> {
        Ok(None)
    }

    fn sort_columns(&self) -> &[String] {
        &[]
    }
}

/// The column of a [`LocationPart`].
#[derive(Debug)]
struct RegionPart {
    whole: Arc<dyn ColumnRegion>,
    rows: Range<u64>,
}

impl RegionPart {
    fn within(&self, rows: Range<u64>) -> Result<Range<u64>> {
        let count = self.rows.end - self.rows.start;
        if rows.start > rows.end || rows.end > count {
            return Err(Error::invalid(format!("rows {rows:?} of {count}")));
        }
        Ok(rows.start + self.rows.start..rows.end + self.rows.start)
    }

    fn rows_of(&self, rows: &[u64]) -> Result<Vec<u64>> {
        rows.iter().map(|&row| Ok(self.within(row..row.saturating_add(1))?.start)).collect()
    }
}

impl ColumnRegion for RegionPart {
    fn column_type(&self) -> ColumnType {
        self.whole.column_type()
    }

    fn row_count(&self) -> u64 {
        self.rows.end - self.rows.start
    }

    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        self.whole.fill(self.within(rows)?, out)
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        self.whole.gather(&self.rows_of(rows)?, out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.whole.symbols()
    }

    fn leaf_symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.whole.leaf_symbols()
    }

    fn weigh(&self, rows: &[u64]) -> Result<u64> {
        self.whole.weigh(&self.rows_of(rows)?)
    }

    fn forget(&self) {
        self.whole.forget();
    }

    fn reads_in_any_order(&self) -> bool {
        self.whole.reads_in_any_order()
    }
}
