//! Merges a column partition of a table: finds its intraday locations, hands them to [`historical::merge`](crate::storage::historical::merge()), and removes them
//! where that is asked for.
//!
//! Invariant: an intraday location is removed only while its writer is locked out, and only if each of its rows was merged.

use super::table::TableEntry;
use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::storage::historical::merge::ProgressCallback;
use crate::storage::historical::{self, MergeOptions, MergeReport, MergeRequest, StorageDirectory};
use crate::storage::intraday;
use crate::storage::layout;
use crate::storage::location::{Location, LocationKey, TableKind};
use std::sync::Arc;

impl TableEntry {
    /// Merges all sources of a column partition and publishes the result, into the root's storages where the options name none. The
    /// intraday locations stay unless `delete_intraday`. `NotFound`, with the nearest partitions, where there are none of that value.
    pub fn merge(
        &self,
        column_partition: &str,
        options: &MergeOptions,
        delete_intraday: bool,
        progress: ProgressCallback<'_>,
    ) -> Result<MergeReport> {
        names::check(NameKind::ColumnPartition, column_partition)?;
        let all = self.intraday_keys()?;
        let keys: Vec<&LocationKey> = all.iter().filter(|key| *key.column_partition == *column_partition).collect();
        if keys.is_empty() {
            return Err(self.no_partition(column_partition, TableKind::Intraday, &all));
        }
        let stats = Arc::default();
        let mut sources: Vec<Arc<dyn Location>> = Vec::with_capacity(keys.len());
        for key in &keys {
            sources.push(self.intraday_handle((*key).clone(), &stats)?.open_intraday()?);
        }
        let (namespace, table) = (&self.schema().namespace, &self.schema().table);
        let mut options = options.clone();
        if options.storages.is_empty() {
            options.storages = StorageDirectory::of_root(self.root(), namespace, table)?;
        }
        let schema = self.schema();
        for column in &schema.columns {
            options.codecs.entry(column.name.clone()).or_insert(column.codec);
        }
        let request = MergeRequest {
            fs: self.root().fs(),
            table_directory: &layout::historical_table(namespace, table)?,
            column_partition,
            sources: &sources,
            definition: &schema.definition,
            sort_columns: &schema.sort_columns,
        };
        let report =
            historical::merge(request, &options, progress).map_err(|error| error.context(schema.full_name()))?;
        if delete_intraday {
            for source in &sources {
                self.remove_merged(&**source).map_err(|error| {
                    error
                        .context("the rows are merged, but the intraday partition stays")
                        .hint("delete it when its writer is done")
                })?;
            }
        }
        Ok(report)
    }

    /// Removes an intraday location if it still has just the rows that were merged.
    fn remove_merged(&self, merged: &dyn Location) -> Result<()> {
        let directory = self.intraday_directory(merged.key())?;
        intraday::remove_location_if(&**self.root().fs(), &directory, &|| {
            let now = self.intraday_handle(merged.key().clone(), &Arc::default())?.open_intraday()?;
            if now.row_count() == merged.row_count() {
                return Ok(());
            }
            let (rows, before) = (now.row_count(), merged.row_count());
            let message = format!("location {} has {rows} rows, {before} were merged", merged.key());
            Err(Error::new(ErrorKind::Locked, message).hint("merge again with --force"))
        })
    }
}
