//! Merge: the rows of intraday locations, grouped, sorted and encoded into a new version, published at one instant.
//!
//! The order is computed once, from the key columns; then one column after the other is read, gathered in that order block by block,
//! encoded and written: `in_memory` where keys, order and one column fit the bound, else `external`, through sorted runs on disk. Until
//! publication nothing is visible, and on any failure what was written is removed.
//!
//! **Invariant:** every file of the new version, its directories and its record are durable before the published record names them.

use super::column_files::ColumnPlace;
use super::publish::{self, LOCATION_FILE, LOCK_FILE, PartitionLock};
use super::reader::HistoricalLocation;
use super::spread::{KeyCompiler, Spread};
use super::work::{self, Progress, Work};
use super::{StorageDirectory, external, in_memory};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, ColumnKind, Error, ErrorKind, Result, TableDefinition};
use crate::format::encoding::Codec;
use crate::format::location_record::{ColumnRecord, LocationRecord, PublishedRecord, PublishedStorage, SourceRecord};
use crate::format::record;
use crate::io::{self, FileSystem, OpenMode};
use crate::storage::{Location, LocationKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The least memory that a merge is content with, in bytes.
pub const MEMORY_BYTES_MIN: u64 = 64 << 20;
/// What the directory of a merge's runs has behind the version's name.
const RUNS_SUFFIX: &str = "-runs";

/// How a merge works.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// The most memory to use, in bytes, [`MEMORY_BYTES_MIN`] at least; 0 for a quarter of the machine's. A merge that would need more goes
    /// through sorted runs on disk, which take as much space as the merged partition and a bit more while it runs.
    pub memory_bytes: u64,
    /// Threads to use; 0 for one a core.
    pub threads: usize,
    /// Replaces what is published. Without it a published partition that lacks rows is an error of kind `AlreadyExists`.
    pub force: bool,
    /// Adds to what is published the rows that it lacks: the new version has the rows of both. For merges through the catalog.
    pub incremental: bool,
    /// With `force`: replaces also rows of which the intraday locations are gone, which loses them. For merges through the catalog.
    pub discard_merged: bool,
    /// Finds out what is to be done and does none of it: the report says rows, runs and storages.
    pub dry_run: bool,
    /// Publishes a partition without rows where the sources have none; without it that is an error of kind `NotFound`.
    pub allow_empty: bool,
    /// How columns are encoded, by their names; balanced where one is not named.
    pub codecs: BTreeMap<String, Codec>,
    /// Where the rows go, spread as [`MergeOptions::spread`] says; the table's own directory if empty.
    pub storages: Vec<StorageDirectory>,
    /// Which row goes to which storage. Merges through the catalog take it from the schema.
    pub spread: Spread,
    /// Compiles the schema's `key_formula`, for merges through the catalog.
    pub key_compiler: Option<KeyCompiler>,
    /// The most rows to order at once; more go through sorted runs on disk however much memory there is. None for as many as memory allows.
    pub run_rows_max: Option<u64>,
}

impl MergeOptions {
    /// The bound on memory that holds: the one that was set, or a quarter of the machine's.
    pub fn memory_bytes(&self) -> u64 {
        let bytes = if self.memory_bytes == 0 { io::machine::memory_bytes() / 4 } else { self.memory_bytes };
        bytes.max(MEMORY_BYTES_MIN)
    }

    /// Threads that the bound on memory leaves room for.
    fn threads(&self) -> usize {
        let wanted = if self.threads == 0 { rayon::current_num_threads() } else { self.threads };
        wanted.min((self.memory_bytes() / (4 * work::THREAD_BYTES)).max(1) as usize)
    }
}

/// How far a merge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeProgress {
    /// What it does now.
    pub phase: MergePhase,
    /// Values done of this phase: rows times columns.
    pub values_done: u64,
    /// Values of this phase in all.
    pub values_total: u64,
    /// Bytes written so far.
    pub bytes_written: u64,
}

/// What a merge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergePhase {
    /// Reads the key columns.
    Reading,
    /// Finds the order of the rows.
    Sorting,
    /// Encodes and writes column after column.
    Writing,
    /// Makes the version current.
    Publishing,
}

impl MergePhase {
    /// The word on a progress bar.
    pub const fn name(self) -> &'static str {
        match self {
            MergePhase::Reading => "reading",
            MergePhase::Sorting => "sorting",
            MergePhase::Writing => "writing",
            MergePhase::Publishing => "publishing",
        }
    }
}

/// What a merge did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeReport {
    /// Rows merged.
    pub rows: u64,
    /// Bytes of all files of the version.
    pub bytes: u64,
    /// Columns written.
    pub columns: usize,
    /// Groups of the first grouping column, counted in each storage; 0 if there is none.
    pub groups: u64,
    /// The first grouping column, where a storage has rows and no index of its values: they were too many for the memory allowed.
    pub ungrouped: Option<String>,
    /// Sorted runs that the rows went through on disk; 0 where they were merged in memory.
    pub runs: u64,
    /// True if nothing was to be done: what is published has all of these rows.
    pub already: bool,
    /// The directory name of the version.
    pub version: String,
    /// How often the partition has been published, this time included.
    pub generation: u64,
    /// Rows in each storage.
    pub storages: Vec<(String, u64)>,
}

/// Asked between blocks; an error ends the merge and leaves nothing behind.
pub type ProgressCallback<'a> = &'a (dyn Fn(MergeProgress) -> Result<()> + Sync);

/// What is merged, and where to.
#[derive(Clone, Copy)]
pub struct MergeRequest<'a> {
    /// The tree that the table's history is in.
    pub fs: &'a Arc<dyn FileSystem>,
    /// The table's directory there: `historical/<Namespace>/<Table>`.
    pub table_directory: &'a Path,
    /// The partition to publish.
    pub column_partition: &'a str,
    /// Opened intraday locations, in key order.
    pub sources: &'a [Arc<dyn Location>],
    /// The columns to write: all but the partitioning one, whatever types the sources have them in that widen to these. The grouping ones come first
    /// in the order of rows.
    pub definition: &'a TableDefinition,
    /// By which rows are sorted within a group.
    pub sort_columns: &'a [String],
    /// What the published record says that the rows are from; the sources by their names if empty.
    pub provenance: &'a [SourceRecord],
}

/// Merges locations into a new version of a column partition and publishes it.
///
/// Rows are ordered by the grouping columns (nulls first, strings by UTF-16 code unit), then by the sort columns, ascending with nulls
/// first and NaN last, and rows of equal keys as they arrived, source after source. Old versions stay until no reader has them open.
/// Errs with `Locked` while another merge of the partition runs, and where the options say.
pub fn merge(request: MergeRequest<'_>, options: &MergeOptions, progress: ProgressCallback<'_>) -> Result<MergeReport> {
    check_partition(request.column_partition)?;
    let lock = PartitionLock::take(request.fs, request.table_directory, request.column_partition)?;
    if let Some(published) = lock.published()?
        && !options.force
    {
        let (rows, partition) = (published.row_count(), request.column_partition);
        let message = format!("partition {partition} has been merged, {rows} rows");
        return Err(Error::new(ErrorKind::AlreadyExists, message).hint("merge with --force to replace it"));
    }
    let merged = merge_locked(&lock, request, options, progress, &|_| Ok(true))?;
    merged.ok_or_else(|| Error::new(ErrorKind::Cancelled, "the merge was given up"))
}

/// Looks at the locations of a version before it is published; false gives it up.
pub(in crate::storage) type VersionCheck<'a> = &'a (dyn Fn(&[Arc<dyn Location>]) -> Result<bool> + Sync);

/// As [`merge`] for whoever has the lock and knows that what is published may be replaced. None, and nothing changed, where `check` gave the
/// version up.
pub(in crate::storage) fn merge_locked(
    _lock: &PartitionLock,
    request: MergeRequest<'_>,
    options: &MergeOptions,
    progress: ProgressCallback<'_>,
    check: VersionCheck<'_>,
) -> Result<Option<MergeReport>> {
    let named = request.definition;
    let Some(stored) = named.as_stored() else { return merge_stored(request, named, options, progress, check) };
    // Files, and the records that name them, know columns by the names that never change.
    let own = |name: &String| named.column(name).map_or(&**name, |column| column.stored_name()).to_string();
    let sort_columns: Vec<String> = request.sort_columns.iter().map(own).collect();
    let codecs = options.codecs.iter().map(|(name, codec)| (own(name), *codec)).collect();
    let request = MergeRequest { definition: &stored, sort_columns: &sort_columns, ..request };
    merge_stored(request, named, &MergeOptions { codecs, ..options.clone() }, progress, check)
}

/// As [`merge_locked`], of columns that are called as their files are; `named` has the names that computations know.
fn merge_stored(
    request: MergeRequest<'_>,
    named: &TableDefinition,
    options: &MergeOptions,
    progress: ProgressCallback<'_>,
    check: VersionCheck<'_>,
) -> Result<Option<MergeReport>> {
    let MergeRequest { fs, table_directory, column_partition, sources, definition, sort_columns, provenance } = request;
    check_partition(column_partition)?;
    for name in sort_columns.iter().chain(definition.grouping().map(|column| &column.name)) {
        let column = definition.require(name)?;
        check_key(column)?;
        if column.kind == ColumnKind::Partitioning {
            return Err(Error::invalid(format!(
                "rows of a partition cannot be sorted by its partitioning column {name}"
            )));
        }
    }
    let own = [StorageDirectory::default_of(fs, table_directory)];
    let storages = if options.storages.is_empty() { &own[..] } else { &options.storages };
    let of_source = |source: &Arc<dyn Location>| SourceRecord {
        name: source.key().internal_partition.to_string(),
        row_count: source.row_count(),
        location: [0; 16],
        rollbacks: 0,
        retired: false,
    };
    let provenance = match provenance {
        [] => sources.iter().map(of_source).collect(),
        given => given.to_vec(),
    };
    let job = Merge {
        fs,
        table_directory,
        column_partition,
        sources,
        definition,
        named,
        sort_columns,
        provenance,
        options,
        storages,
        progress,
        check,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads())
        .build()
        .map_err(|e| Error::limit(format!("could not start threads: {e}")))?;
    pool.install(|| job.run()).map_err(|e| e.context(format!("merge of {column_partition}")))
}

/// Refuses types that rows are not ordered by.
fn check_key(column: &ColumnDefinition) -> Result<()> {
    let (name, column_type) = (&column.name, column.column_type);
    if column_type.is_object() || column_type.element().is_some() {
        return Err(Error::type_mismatch(format!(
            "column {name} has type {column_type}: rows are grouped and sorted by strings and values of fixed width"
        )));
    }
    Ok(())
}

fn check_partition(column_partition: &str) -> Result<()> {
    names::check(NameKind::ColumnPartition, column_partition)?;
    if io::is_temporary(column_partition) {
        return Err(Error::invalid(format!(
            "{column_partition:?} cannot be a partition value: it looks like an unfinished file"
        )));
    }
    Ok(())
}

struct Merge<'a> {
    fs: &'a Arc<dyn FileSystem>,
    table_directory: &'a Path,
    column_partition: &'a str,
    sources: &'a [Arc<dyn Location>],
    definition: &'a TableDefinition,
    /// The same columns by the names that they have now.
    named: &'a TableDefinition,
    sort_columns: &'a [String],
    provenance: Vec<SourceRecord>,
    options: &'a MergeOptions,
    storages: &'a [StorageDirectory],
    progress: ProgressCallback<'a>,
    check: VersionCheck<'a>,
}

impl Merge<'_> {
    fn run(&self) -> Result<Option<MergeReport>> {
        let before = publish::read_published(&**self.fs, self.table_directory, self.column_partition)?;
        let row_count = self.row_count()?;
        if self.options.dry_run {
            return self.plan(row_count, before.map_or(0, |published| published.generation)).map(Some);
        }
        publish::collect_garbage(&**self.fs, self.table_directory, self.column_partition, self.storages);
        let generation = before.as_ref().map_or(0, |published| published.generation) + 1;
        let version = format!("v{generation}-{:x}", self.fs.now_ns());
        let result = self.write(row_count, generation, &version);
        match &result {
            Ok(Some(_)) => {
                publish::collect_garbage(&**self.fs, self.table_directory, self.column_partition, self.storages)
            }
            Ok(None) | Err(_) => self.discard(&version),
        }
        result
    }

    /// Rows of all sources.
    fn row_count(&self) -> Result<u64> {
        let rows = self.sources.iter().try_fold(0u64, |sum, source| sum.checked_add(source.row_count()));
        let rows = rows.ok_or_else(|| Error::limit("more rows than can be counted"))?;
        if rows == 0 && !self.options.allow_empty {
            return Err(Error::not_found(format!("there are no intraday rows of partition {}", self.column_partition)));
        }
        Ok(rows)
    }

    /// The columns that decide the order.
    fn keys(&self) -> impl Iterator<Item = &ColumnDefinition> {
        let sorted = self.sort_columns.iter().filter_map(|name| self.definition.column(name));
        self.definition.grouping().chain(sorted.filter(|column| column.kind != ColumnKind::Grouping))
    }

    fn write(&self, row_count: u64, generation: u64, version: &str) -> Result<Option<MergeReport>> {
        let progress = Progress::to(self.progress);
        let mut targets = Vec::new();
        for storage in self.storages {
            let directory = storage.partition_directory(self.column_partition).join(version);
            storage.fs.create_dir_all(&directory)?;
            targets.push(Target { storage, directory, row_count: 0, columns: Vec::new() });
        }
        let columns: Vec<&ColumnDefinition> = self.definition.stored().collect();
        let keys: Vec<&ColumnDefinition> = self.keys().collect();
        let names = self.storage_names();
        let work = self.work(&columns, &keys, &names, &progress);
        let (groups, runs) = if work.fits_memory(row_count)? {
            (in_memory::write(&work, row_count as u32, &mut targets)?, 0)
        } else {
            let partition = self.storages[0].partition_directory(self.column_partition);
            let directory = partition.join(format!("{version}{RUNS_SUFFIX}"));
            let runs_fs = &self.storages[0].fs;
            let written = external::write(&work, runs_fs, &directory, &mut targets);
            let removed = io::remove_tree(&**runs_fs, &directory);
            let written = written?;
            removed?;
            written
        };
        progress.ask(MergePhase::Publishing, 0, row_count)?;
        let first = self.definition.grouping().next().map(|column| column.name.clone());
        let ungrouped = first.filter(|name| targets.iter().any(|target| target.lacks_index(name)));
        let sealed = targets.into_iter().map(|target| self.seal(target, version)).collect::<Result<Vec<_>>>()?;
        let (storages, locations): (Vec<_>, Vec<_>) = sealed.into_iter().unzip();
        if !(self.check)(&locations)? {
            return Ok(None);
        }
        drop(locations);
        let record =
            PublishedRecord { generation, published_ns: self.fs.now_ns(), storages, sources: self.provenance.clone() };
        publish::publish(&**self.fs, self.table_directory, self.column_partition, &record)?;
        Ok(Some(MergeReport {
            rows: row_count,
            bytes: record.size_bytes(),
            columns: columns.len(),
            groups,
            ungrouped,
            runs,
            already: false,
            version: version.to_owned(),
            generation,
            storages: record.storages.iter().map(|storage| (storage.name.clone(), storage.row_count)).collect(),
        }))
    }

    fn work<'b>(
        &'b self,
        columns: &'b [&'b ColumnDefinition],
        keys: &'b [&'b ColumnDefinition],
        storages: &'b [String],
        progress: &'b Progress<'b>,
    ) -> Work<'b> {
        Work {
            sources: self.sources,
            columns,
            keys,
            grouping_count: self.definition.grouping().count(),
            definition: self.named,
            spread: &self.options.spread,
            storages,
            codecs: &self.options.codecs,
            progress,
            memory_bytes: self.options.memory_bytes(),
            run_rows_max: self.options.run_rows_max,
        }
    }

    fn storage_names(&self) -> Vec<String> {
        self.storages.iter().map(|storage| storage.name.clone()).collect()
    }

    /// What merging would take.
    fn plan(&self, rows: u64, generation: u64) -> Result<MergeReport> {
        let columns: Vec<&ColumnDefinition> = self.definition.stored().collect();
        let keys: Vec<&ColumnDefinition> = self.keys().collect();
        let progress = Progress::silent();
        let names = self.storage_names();
        let work = self.work(&columns, &keys, &names, &progress);
        Ok(MergeReport {
            rows,
            bytes: 0,
            columns: columns.len(),
            groups: 0,
            ungrouped: None,
            runs: if work.fits_memory(rows)? { 0 } else { external::run_count(&work)? },
            already: false,
            version: String::new(),
            generation,
            storages: self.storages.iter().map(|storage| (storage.name.clone(), 0)).collect(),
        })
    }

    /// Writes the record and makes everything of a location durable; opens it.
    fn seal(&self, target: Target<'_>, version: &str) -> Result<(PublishedStorage, Arc<dyn Location>)> {
        let fs = &*target.storage.fs;
        let row_count = target.row_count;
        let location = LocationRecord {
            row_count,
            columns: target.columns,
            sort_columns: self.sort_columns.to_vec(),
            sources: self.provenance.clone(),
            written_ns: fs.now_ns(),
        };
        let bytes = location.encode()?;
        write_file(fs, &target.directory.join(LOCATION_FILE), &bytes)?;
        write_file(fs, &target.directory.join(LOCK_FILE), &[])?;
        fs.sync_dir(&target.directory)?;
        io::create_dir_durable(fs, &target.directory)?;
        let published = PublishedStorage {
            name: target.storage.name.clone(),
            version: version.to_owned(),
            row_count,
            size_bytes: location.size_bytes() + bytes.len() as u64,
            seal: record::seal(&bytes),
        };
        let key = LocationKey {
            column_partition: self.column_partition.into(),
            internal_partition: target.storage.name.as_str().into(),
        };
        Ok((published, HistoricalLocation::of_files(key, &target.storage.fs, &target.directory, location)))
    }

    /// Removes what an unsuccessful merge wrote, unless it was published after all: a failure to make a publication durable leaves it
    /// visible.
    fn discard(&self, version: &str) {
        let published = publish::read_published(&**self.fs, self.table_directory, self.column_partition);
        let names_it = |record: &PublishedRecord| record.storages.iter().any(|storage| storage.version == version);
        if !matches!(&published, Ok(record) if !record.as_ref().is_some_and(names_it)) {
            return;
        }
        for storage in self.storages {
            let directory = storage.partition_directory(self.column_partition);
            let _ = io::remove_tree(&*storage.fs, &directory.join(version));
            if matches!(published, Ok(None)) {
                // Stays if it is not empty.
                let _ = storage.fs.remove_dir(&directory);
            }
        }
    }
}

/// A location in the making.
pub(super) struct Target<'a> {
    pub(super) storage: &'a StorageDirectory,
    pub(super) directory: PathBuf,
    pub(super) row_count: u64,
    pub(super) columns: Vec<ColumnRecord>,
}

impl Target<'_> {
    pub(super) fn place<'b>(&'b self, column: &'b ColumnDefinition) -> ColumnPlace<'b> {
        ColumnPlace { fs: &*self.storage.fs, directory: &self.directory, name: &column.name, durable: true }
    }

    /// True where there are rows and a column has no grouping index.
    fn lacks_index(&self, name: &str) -> bool {
        let is_missing = |column: &ColumnRecord| column.name == name && column.grouping.is_none();
        self.row_count > 0 && self.columns.iter().any(is_missing)
    }
}

/// Writes a new file, durably but for its directory entry; returns its size.
pub(super) fn write_file(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> Result<u64> {
    let file = fs.open(path, OpenMode::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync()?;
    Ok(bytes.len() as u64)
}
