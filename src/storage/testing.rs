//! Locations in memory, for tests of what reads locations.

use crate::base::{ColumnType, Result};
use crate::memory::{Chunk, Symbols};
use crate::storage::{ColumnRegion, GroupingIndex, Location, LocationKey};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The partition that they are of.
pub(super) const PARTITION: &str = "2017-08-25";

/// A location in memory.
#[derive(Debug)]
pub(super) struct Rows {
    key: LocationKey,
    row_count: u64,
    columns: BTreeMap<String, Chunk>,
}

#[derive(Debug)]
struct RowsColumn(Chunk);

impl Rows {
    /// A location of a source, or storage, with these columns.
    pub(super) fn of(source: &str, columns: &[(&str, Chunk)]) -> Arc<dyn Location> {
        let key = LocationKey { column_partition: PARTITION.into(), internal_partition: source.into() };
        let row_count = columns.first().map_or(0, |(_, chunk)| chunk.len() as u64);
        assert!(columns.iter().all(|(_, chunk)| chunk.len() as u64 == row_count));
        let columns = columns.iter().map(|(name, chunk)| (name.to_string(), chunk.clone())).collect();
        Arc::new(Rows { key, row_count, columns })
    }
}

impl Location for Rows {
    fn key(&self) -> &LocationKey {
        &self.key
    }
    fn row_count(&self) -> u64 {
        self.row_count
    }
    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        Ok(self.columns.get(name).map(|chunk| Arc::new(RowsColumn(chunk.clone())) as Arc<dyn ColumnRegion>))
    }
    fn grouping(&self, _: &str) -> Result<Option<Arc<GroupingIndex>>> {
        Ok(None)
    }
    fn sort_columns(&self) -> &[String] {
        &[]
    }
}

impl ColumnRegion for RowsColumn {
    fn column_type(&self) -> ColumnType {
        self.0.column_type()
    }
    fn row_count(&self) -> u64 {
        self.0.len() as u64
    }
    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        if let (Chunk::String(from), Chunk::String(out)) = (&self.0, &mut *out)
            && from.symbols.is_distinct()
        {
            out.codes.extend_from_slice(&from.codes[rows.start as usize..rows.end as usize]);
            return Ok(());
        }
        out.append(&self.0, rows.start as usize..rows.end as usize)
    }
    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        let chunk = self.0.take(&rows.iter().map(|&row| row as u32).collect::<Vec<_>>());
        RowsColumn(chunk).fill(0..rows.len() as u64, out)
    }
    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        match &self.0 {
            Chunk::String(strings) if strings.symbols.is_distinct() => Ok(Some(strings.symbols.clone())),
            _ => Ok(None),
        }
    }
}
