//! Rows and bytes of partitions: the part of the catalog that opens them.
//!
//! Damage in one partition is that partition's error and no one else's.

use super::table::{PartitionEntry, TableEntry};
use crate::base::Result;
use crate::io::FileSystem;
use crate::storage::location::{Location, TableKind};
use crate::storage::read_stats::ReadStats;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// What a partition's committed version holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionStatistics {
    /// Rows that readers see.
    pub row_count: u64,
    /// Rows that a power cut cannot take; all of them in history.
    pub durable_row_count: u64,
    /// Bytes of its files.
    pub size_bytes: u64,
}

/// Partitions of one kind of a table, added up.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Partitions: locations, that is column partitions times sources or storages.
    pub partition_count: u64,
    /// The least column partition.
    pub first_partition: Option<String>,
    /// The greatest column partition.
    pub last_partition: Option<String>,
    /// Rows that readers see.
    pub row_count: u64,
    /// Bytes of all files.
    pub size_bytes: u64,
    /// Partitions that could not be opened and are not counted in rows and bytes.
    pub damaged_count: u64,
}

impl TableEntry {
    /// Rows and bytes of partitions, in their order. Opens them, on all cores.
    pub fn statistics(&self, partitions: &[PartitionEntry]) -> Vec<Result<PartitionStatistics>> {
        partitions.par_iter().map(|partition| self.partition_statistics(partition)).collect()
    }

    /// The partitions of a kind, added up. Opens them.
    pub fn usage(&self, kind: TableKind) -> Result<UsageTotals> {
        let partitions = self.partitions_of(kind)?;
        let value = |partition: &PartitionEntry| partition.key.column_partition.to_string();
        let mut totals = UsageTotals {
            partition_count: partitions.len() as u64,
            first_partition: partitions.first().map(value),
            last_partition: partitions.last().map(value),
            ..UsageTotals::default()
        };
        for statistics in self.statistics(&partitions) {
            match statistics {
                Ok(one) => {
                    totals.row_count += one.row_count;
                    totals.size_bytes += one.size_bytes;
                }
                Err(_) => totals.damaged_count += 1,
            }
        }
        Ok(totals)
    }

    fn partition_statistics(&self, partition: &PartitionEntry) -> Result<PartitionStatistics> {
        match partition.kind {
            TableKind::Historical => self.historical_statistics(partition),
            TableKind::Intraday | TableKind::User => self.intraday_statistics(partition),
        }
    }

    fn intraday_statistics(&self, partition: &PartitionEntry) -> Result<PartitionStatistics> {
        let handle = self.intraday_handle(partition.key.clone(), &Arc::new(ReadStats::default()))?;
        let location = handle.open_intraday()?;
        let directory = self.intraday_directory(&partition.key)?;
        Ok(PartitionStatistics {
            row_count: location.row_count(),
            durable_row_count: location.durable_row_count(),
            size_bytes: file_bytes(&**self.root().fs(), &directory)?,
        })
    }
}

/// Bytes of the files in a directory; files that go away meanwhile do not count.
fn file_bytes(fs: &dyn FileSystem, directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs.list(directory)?.iter().filter(|entry| !entry.is_dir) {
        bytes += fs.metadata(&directory.join(&entry.name))?.map_or(0, |found| found.size_bytes);
    }
    Ok(bytes)
}
