//! The historical half of a table: what merges published.

use super::statistics::PartitionStatistics;
use super::table::{PartitionEntry, TableEntry};
use crate::base::{Error, Result, TableDefinition};
use crate::storage::historical::HistoricalTable;
use crate::storage::historical::reader::HistoricalLocation;
use crate::storage::kept_open::KeptOpen;
use crate::storage::location::{LocationHandle, LocationKey, LocationSource};
use crate::storage::read_stats::ReadStats;
use std::sync::Arc;

impl TableEntry {
    /// The published partitions; reads are counted in `stats`. Touches no disk.
    pub fn historical_table(&self, stats: Arc<ReadStats>) -> Result<HistoricalTable> {
        HistoricalTable::of_root(self.root(), &self.schema().namespace, &self.schema().table, stats)
    }

    /// The historical locations as the engine takes them; reads are counted in `stats`.
    pub fn historical(&self, stats: Arc<ReadStats>) -> Result<Arc<dyn LocationSource>> {
        let partitions = self.historical_table(stats)?;
        Ok(Arc::new(HistoricalLocations { table: self.clone(), partitions }))
    }

    /// The same, for a session that keeps locations open from one query to the next.
    pub fn historical_kept(
        &self,
        stats: Arc<ReadStats>,
        kept: &Arc<KeptOpen<HistoricalLocation>>,
    ) -> Result<Arc<dyn LocationSource>> {
        let partitions = self.historical_table(stats)?.keeping(kept.clone());
        Ok(Arc::new(HistoricalLocations { table: self.clone(), partitions }))
    }

    /// Names of the historical locations, in key order: each storage of each published partition, with rows there or without. Lists
    /// one directory.
    pub fn historical_keys(&self) -> Result<Vec<LocationKey>> {
        let handles = self.historical_table(Arc::default())?.handles()?;
        Ok(handles.iter().map(|handle| handle.key().clone()).collect())
    }

    /// Rows and bytes of a published location. Reads the published record, a small file.
    pub(super) fn historical_statistics(&self, partition: &PartitionEntry) -> Result<PartitionStatistics> {
        let value = &*partition.key.column_partition;
        let published = self.historical_table(Arc::default())?.published(value)?;
        let published = published.ok_or_else(|| Error::not_found(format!("no historical partition {value}")))?;
        let share = published.storages.iter().find(|storage| *storage.name == *partition.key.internal_partition);
        let (row_count, size_bytes) = share.map_or((0, 0), |share| (share.row_count, share.size_bytes));
        Ok(PartitionStatistics { row_count, durable_row_count: row_count, size_bytes })
    }
}

/// The historical locations of a table.
#[derive(Debug)]
struct HistoricalLocations {
    table: TableEntry,
    partitions: HistoricalTable,
}

impl LocationSource for HistoricalLocations {
    fn namespace(&self) -> &str {
        &self.table.schema().namespace
    }

    fn table(&self) -> &str {
        &self.table.schema().table
    }

    fn definition(&self) -> &Arc<TableDefinition> {
        &self.table.schema().definition
    }

    fn locations(&self) -> Result<Vec<Arc<dyn LocationHandle>>> {
        self.partitions.handles()
    }
}
