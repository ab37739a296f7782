//! Values laid out by position, under the row keys of a table whose keys are not positions.

use super::{ColumnSource, Layout};
use crate::base::{ColumnType, Result};
use crate::memory::{Chunk, RowSet, Symbols};
use std::ops::Range;
use std::sync::Arc;

/// The value of a key is the value of `source` at the key's position in `rows`: what `update` adds to a filtered table.
#[derive(Debug)]
pub struct RankedColumn {
    rows: RowSet,
    source: Arc<dyn ColumnSource>,
}

impl RankedColumn {
    /// A column over the keys of `rows`; `source` has keys 0 to `rows.len()`. Without a layer where keys are positions anyway.
    pub fn over(rows: &RowSet, source: Arc<dyn ColumnSource>) -> Arc<dyn ColumnSource> {
        if rows.is_flat() { source } else { Arc::new(RankedColumn { rows: rows.clone(), source }) }
    }
}

impl ColumnSource for RankedColumn {
    fn column_type(&self) -> ColumnType {
        self.source.column_type()
    }

    fn forget(&self) {
        self.source.forget();
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        self.source.fill(&positions_of(&self.rows, rows), out)
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        let positions: Vec<u64> = keys.iter().map(|&key| self.rows.position_of(key).unwrap_or(u64::MAX)).collect();
        self.source.gather(&positions, out)
    }

    fn layout(&self, rows: &RowSet) -> Layout {
        match self.source.layout(&RowSet::flat(rows.len())) {
            Layout::ByPosition if *rows == self.rows => Layout::Behind(self.source.clone()),
            _ => Layout::Other,
        }
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.source.symbols()
    }
}

/// The positions within `all` of the keys of `some`, a subset.
pub(crate) fn positions_of(all: &RowSet, some: &RowSet) -> RowSet {
    if all == some {
        return RowSet::flat(all.len());
    }
    RowSet::from_ranges(some.ranges().filter_map(|range| position_range(all, range)))
}

/// The positions of a range of consecutive keys that are all in `all`.
fn position_range(all: &RowSet, keys: Range<u64>) -> Option<Range<u64>> {
    let first = all.position_of(keys.start)?;
    Some(first..first + (keys.end - keys.start))
}
