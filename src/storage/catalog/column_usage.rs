//! What each column of a table takes, added up over partitions: the part of the catalog that opens every column file's index.

use super::table::{PartitionEntry, TableEntry};
use crate::base::Result;
use crate::format::commit::{ColumnFile, ColumnState};
use crate::format::encoding::Encoding;
use crate::storage::historical::ColumnUsage;
use crate::storage::historical::usage::EncodingUsage;
use crate::storage::location::{Location, TableKind};
use crate::storage::read_stats::ReadStats;
use rayon::prelude::*;
use std::sync::Arc;

/// Columns of one kind of a table, added up.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ColumnTotals {
    /// The columns of the schema that some partition stores, in the schema's order, then those that only partitions know.
    pub columns: Vec<ColumnUsage>,
    /// Partitions that could not be opened and are not counted.
    pub damaged_count: u64,
}

impl TableEntry {
    /// What each column takes in the partitions of a kind, or in those of one value of the partitioning column. Opens them, on all
    /// cores; reads no values.
    pub fn column_usage(&self, kind: TableKind, column_partition: Option<&str>) -> Result<ColumnTotals> {
        let mut partitions = self.partitions_of(kind)?;
        partitions.retain(|partition| column_partition.is_none_or(|value| value == &*partition.key.column_partition));
        if kind == TableKind::Historical {
            // Its usage is that of all storages together.
            partitions.dedup_by(|one, other| one.key.column_partition == other.key.column_partition);
        }
        let usages: Vec<Result<Vec<ColumnUsage>>> =
            partitions.par_iter().map(|partition| self.partition_columns(partition)).collect();
        let mut totals = ColumnTotals::default();
        for usage in usages {
            match usage {
                Ok(columns) => columns.into_iter().for_each(|column| totals.add(self.as_defined(column))),
                Err(_) => totals.damaged_count += 1,
            }
        }
        let place = |usage: &ColumnUsage| self.schema().columns.iter().position(|column| column.name == usage.name);
        totals.columns.sort_by_key(|usage| place(usage).unwrap_or(usize::MAX));
        Ok(totals)
    }

    /// What a column takes, by the name and type that the schema gives it.
    fn as_defined(&self, mut usage: ColumnUsage) -> ColumnUsage {
        match self.schema().definition.stored_column(&usage.name) {
            Some(column) => (usage.name, usage.column_type) = (column.name.clone(), column.column_type),
            // Its name may be that of another column by now.
            None => usage.name.push_str(" (dropped)"),
        }
        usage
    }

    fn partition_columns(&self, partition: &PartitionEntry) -> Result<Vec<ColumnUsage>> {
        let stats = Arc::new(ReadStats::default());
        if partition.kind == TableKind::Historical {
            return self.historical_table(stats)?.usage(&partition.key.column_partition);
        }
        let location = self.intraday_handle(partition.key.clone(), &stats)?.open_intraday()?;
        let rows = location.row_count();
        Ok(location.record().iter().flat_map(|record| &record.columns).map(|column| stored(column, rows)).collect())
    }
}

impl ColumnTotals {
    fn add(&mut self, usage: ColumnUsage) {
        match self.columns.iter_mut().find(|mine| mine.name == usage.name) {
            Some(mine) => mine.add(&usage),
            None => self.columns.push(usage),
        }
    }
}

/// What an intraday column takes, by its commit record: values as they are, and a checksum a block.
fn stored(column: &ColumnState, row_count: u64) -> ColumnUsage {
    let (mut size_bytes, mut plain_bytes, mut item_bytes, mut symbol_bytes) = (0, 0, 0, 0);
    for (file, state) in column.files() {
        match file {
            ColumnFile::Data => plain_bytes += state.size,
            ColumnFile::Values(_) => item_bytes += state.size,
            ColumnFile::Sums | ColumnFile::ValueSums(_) => size_bytes += state.size,
            ColumnFile::SymbolEnds | ColumnFile::SymbolText => symbol_bytes += state.size,
        }
    }
    plain_bytes += item_bytes;
    size_bytes += plain_bytes;
    let encoding = EncodingUsage { encoding: Encoding::Plain, blocks: 1, size_bytes };
    ColumnUsage {
        name: column.name.clone(),
        column_type: column.column_type(),
        row_count,
        null_count: None,
        size_bytes,
        plain_bytes,
        item_bytes,
        symbol_bytes,
        symbol_count: column.symbol_count(),
        grouping_bytes: 0,
        ungrouped_rows: row_count,
        encodings: if row_count > 0 { vec![encoding] } else { Vec::new() },
    }
}
