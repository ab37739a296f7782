//! Merges rows that are nowhere yet, such as a query's result, into a column partition of a table.
//!
//! They are taken once, as they come, into an unpublished intraday location beside the version in the making; from there it is the merge of any
//! source. Its directory is no version that anybody names: whoever is cut off leaves it to the next merge of the partition, which removes it.
//!
//! Invariant: rows that somebody else merged are replaced only if the options say so, and lost only if they say that too; a result that fails to come
//! to its end is not published.

use super::merge::ChainReport;
use super::table::TableEntry;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, Error, ErrorKind, Result};
use crate::format::location_record::{PublishedRecord, SourceRecord};
use crate::io::{self, LockKind};
use crate::memory::Chunk;
use crate::storage::historical::merge::ProgressCallback;
use crate::storage::historical::{
    LOCK_FILE, MergeOptions, MergeReport, MergeRequest, PartitionLock, merge_locked, staging_directory,
};
use crate::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions};
use crate::storage::layout;
use crate::storage::location::{Location, LocationKey};
use crate::storage::schema::Validation;
use crate::storage::validation::ValidationProgress;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The source of rows that came from a query, in what is published. No intraday source can have such a name.
pub(super) const QUERY_SOURCE: &str = "(query)";

/// Takes rows: a chunk for each stored column of the table, in its order, all of one length.
pub type RowTaker<'a> = &'a mut dyn FnMut(&[Chunk]) -> Result<()>;

/// Hands over all rows, a run at a time; whatever it holds open goes when it ends.
pub type RowProducer<'a> = Box<dyn FnOnce(RowTaker<'_>) -> Result<()> + 'a>;

impl TableEntry {
    /// Merges rows that `rows` hands over and publishes them as a column partition, validated before where that is asked for.
    ///
    /// Errs with `AlreadyExists` where something is published and the options do not say `force`; where rows would be lost that were merged from
    /// intraday locations which are gone, unless they say `discard_merged`. Takes as much disk as the rows need intraday while it runs, memory as
    /// any merge. With `dry_run` the rows are taken, counted and forgotten.
    pub fn merge_rows(
        &self,
        column_partition: &str,
        rows: RowProducer<'_>,
        options: &MergeOptions,
        validate: Option<(&Validation, ValidationProgress<'_>)>,
        progress: ProgressCallback<'_>,
    ) -> Result<ChainReport> {
        names::check(NameKind::ColumnPartition, column_partition)?;
        if options.incremental {
            return Err(Error::invalid("rows of a query are not added to what was merged before")
                .hint("let the query give all rows, and replace"));
        }
        let schema = self.schema();
        let (fs, directory) = (self.root().fs(), layout::historical_table(&schema.namespace, &schema.table)?);
        let lock = PartitionLock::take(fs, &directory, column_partition)?;
        let published = lock.published()?;
        if let Some(published) = &published {
            self.may_replace(column_partition, published, options)
                .map_err(|error| error.context(schema.full_name()))?;
        }
        let options = self.with_schema(column_partition, options)?;
        lock.collect_garbage(&options.storages);
        let (staging_fs, place) = staging_directory(&options.storages, column_partition, fs.now_ns());
        let staged = (|| {
            let kept = Staged::take(&staging_fs, &place, column_partition, schema.definition.stored(), rows)?;
            self.publish_rows(&lock, column_partition, &kept, &options, validate, progress)
        })();
        let removed = io::remove_tree(&*staging_fs, &place);
        if published.is_none() && !matches!(&staged, Ok(report) if report.merge.is_some() && !options.dry_run) {
            // Goes if nothing else is in it.
            let _ = place.parent().map(|partition| staging_fs.remove_dir(partition));
        }
        let report = staged.map_err(|error| error.context(schema.full_name()))?;
        removed?;
        if !options.dry_run {
            lock.collect_garbage(&options.storages);
        }
        Ok(report)
    }

    /// Refuses to replace what is published, or to lose rows, without being told to.
    fn may_replace(&self, column_partition: &str, published: &PublishedRecord, options: &MergeOptions) -> Result<()> {
        if !options.force {
            let message = format!("partition {column_partition} has been merged, {} rows", published.row_count());
            return Err(Error::new(ErrorKind::AlreadyExists, message).hint("merge with --force to replace it"));
        }
        if options.discard_merged {
            return Ok(());
        }
        let present = self.present(column_partition)?;
        let is_lost = |source: &&SourceRecord| {
            source.row_count > 0 && source.name != QUERY_SOURCE && !present.iter().any(|one| one.continues(source))
        };
        match published.sources.iter().find(is_lost) {
            None => Ok(()),
            Some(SourceRecord { name, row_count, .. }) => {
                let message = format!(
                    "replacing {column_partition} may lose rows: {row_count} of source {name} are not intraday any more"
                );
                Err(Error::new(ErrorKind::AlreadyExists, message)
                    .hint("if the query has them, --force --discard-merged replaces what is published"))
            }
        }
    }

    fn publish_rows(
        &self,
        lock: &PartitionLock,
        column_partition: &str,
        staged: &Staged,
        options: &MergeOptions,
        validate: Option<(&Validation, ValidationProgress<'_>)>,
        progress: ProgressCallback<'_>,
    ) -> Result<ChainReport> {
        let schema = self.schema();
        let sources = [staged.location.clone() as Arc<dyn Location>];
        let row_count = staged.location.row_count();
        if row_count == 0 && !options.allow_empty {
            return Err(Error::not_found(format!("the query gave no rows for partition {column_partition}")));
        }
        let provenance = [SourceRecord {
            name: QUERY_SOURCE.to_owned(),
            row_count,
            location: staged.location.record().map_or([0; 16], |record| record.location),
            rollbacks: 0,
            // Nothing of it stays to be removed.
            retired: true,
        }];
        let request = MergeRequest {
            fs: self.root().fs(),
            table_directory: &layout::historical_table(&schema.namespace, &schema.table)?,
            column_partition,
            sources: &sources,
            definition: &schema.definition,
            sort_columns: &schema.sort_columns,
            provenance: &provenance,
        };
        let found = Mutex::new(None);
        let merge: Option<MergeReport> = merge_locked(lock, request, options, progress, &|version| {
            self.check_version(column_partition, validate, Some(&sources), version, &found)
        })?;
        let validation = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(ChainReport { merge, validation, removed: 0 })
    }
}

/// Rows that were taken, in a location that no catalog knows.
struct Staged {
    location: Arc<IntradayLocation>,
    /// Keeps the directory from being taken for an old version.
    _lock: Box<dyn io::LockGuard>,
}

impl Staged {
    /// Takes all rows; nothing of them is durable.
    fn take<'a>(
        fs: &Arc<dyn io::FileSystem>,
        place: &Path,
        column_partition: &str,
        columns: impl Iterator<Item = &'a ColumnDefinition>,
        rows: RowProducer<'_>,
    ) -> Result<Self> {
        fs.create_dir_all(place)?;
        let lock = fs.try_lock(&place.join(LOCK_FILE), LockKind::Shared)?;
        let lock = lock.ok_or_else(|| {
            Error::new(ErrorKind::Locked, "the directory for the rows is taken").at_path(&fs.display(place))
        })?;
        let columns: Vec<ColumnDefinition> = columns.cloned().collect();
        let directory = place.join("rows");
        let options = WriterOptions { durability: Durability::None };
        let mut writer = IntradayWriter::open(fs.clone(), &directory, &columns, options)?;
        rows(&mut |chunks| {
            io::interrupt::check()?;
            writer.append(chunks)
        })?;
        writer.commit()?;
        writer.discard();
        let key = LocationKey { column_partition: column_partition.into(), internal_partition: QUERY_SOURCE.into() };
        let location = IntradayLocation::open(fs.clone(), &directory, key, Arc::default())?;
        Ok(Staged { location, _lock: lock })
    }
}
