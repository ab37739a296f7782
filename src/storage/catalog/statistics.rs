//! Rows and bytes of partitions: the part of the catalog that opens them.
//!
//! Damage in one partition is that partition's error and no one else's.

use super::table::{PartitionEntry, TableEntry};
use crate::base::{Error, Result};
use crate::io::FileSystem;
use crate::storage::intraday::{IntradayHandle, IntradayLocation, open_together};
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
        // Those of the intraday partitions are counts as of one instant.
        let (intraday, others): (Vec<usize>, Vec<usize>) =
            (0..partitions.len()).partition(|&at| partitions[at].kind != TableKind::Historical);
        let mut all: Vec<Option<Result<PartitionStatistics>>> = partitions.iter().map(|_| None).collect();
        let others: Vec<_> =
            others.into_par_iter().map(|at| (at, self.historical_statistics(&partitions[at]))).collect();
        let intraday_partitions: Vec<&PartitionEntry> = intraday.iter().map(|&at| &partitions[at]).collect();
        let found = intraday.into_iter().zip(self.intraday_statistics(&intraday_partitions));
        for (at, statistics) in others.into_iter().chain(found) {
            all[at] = Some(statistics);
        }
        all.into_iter().flatten().collect()
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

    fn intraday_statistics(&self, partitions: &[&PartitionEntry]) -> Vec<Result<PartitionStatistics>> {
        let stats = Arc::new(ReadStats::default());
        let handles: Result<Vec<_>> =
            partitions.iter().map(|partition| self.intraday_handle(partition.key.clone(), &stats)).collect();
        let handles = match handles {
            Ok(handles) => handles,
            Err(error) => {
                let again = |_: &&PartitionEntry| Err(Error::new(error.kind(), error.message().to_string()));
                return partitions.iter().map(again).collect();
            }
        };
        let fs = &**self.root().fs();
        let count = |(opened, handle): (Result<Arc<IntradayLocation>>, &IntradayHandle)| {
            let location = opened?;
            Ok(PartitionStatistics {
                row_count: location.row_count(),
                durable_row_count: location.durable_row_count(),
                size_bytes: file_bytes(fs, handle.directory())?,
            })
        };
        open_together(&handles).into_par_iter().zip(&handles).map(count).collect()
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
