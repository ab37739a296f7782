//! Merge: the rows of intraday locations, grouped, sorted and encoded into a new version, published at one instant.
//!
//! The order is computed once, from the key columns; then one column after the other is read, gathered in that order block by block,
//! encoded and written. Until publication nothing is visible, and on any failure what was written is removed.
//!
//! **Invariant:** every file of the new version, its directories and its record are durable before the published record names them.

use super::order::{self, Key};
use super::publish::{self, LOCATION_FILE, LOCK_FILE};
use super::source::{self, Gatherer, read_column};
use super::variable::{self, ColumnPlace};
use super::{StorageDirectory, grouping};
use crate::base::limits::BLOCK_ROWS;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, ColumnKind, Error, ErrorKind, Result, TableDefinition};
use crate::format::encoding::{Codec, Encodable, Lane};
use crate::format::location_record::{
    ColumnRecord, FileRecord, LocationRecord, PublishedRecord, PublishedStorage, SourceRecord,
};
use crate::format::sealed_column::{EncodedBlock, SealedColumnWriter, encode_block};
use crate::format::{grouping as grouping_format, record, sealed_symbols};
use crate::io::{self, FileSystem, OpenMode};
use crate::memory::Chunk;
use crate::storage::Location;
use crate::with_fixed_values;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a merge works.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// The most memory to use, in bytes; 0 for no bound. A merge that would need more is refused with `Limit`.
    pub memory_bytes: u64,
    /// Threads to use; 0 for one a core.
    pub threads: usize,
    /// Replaces what is published; without it a published partition is an error of kind `AlreadyExists`.
    pub force: bool,
    /// Publishes a partition without rows where the sources have none; without it that is an error of kind `NotFound`.
    pub allow_empty: bool,
    /// How columns are encoded, by their names; balanced where one is not named.
    pub codecs: BTreeMap<String, Codec>,
    /// Where the rows go, spread by the value of the first grouping column, or row by row where there is none; the table's own
    /// directory if empty.
    pub storages: Vec<StorageDirectory>,
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
    /// Groups of the first grouping column; 0 if there is none.
    pub groups: u64,
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
    /// The columns to write: all but the partitioning one. The grouping ones come first in the order of rows.
    pub definition: &'a TableDefinition,
    /// By which rows are sorted within a group.
    pub sort_columns: &'a [String],
}

/// Merges intraday locations into a new version of a column partition and publishes it.
///
/// Rows are ordered by the grouping columns (nulls first, strings by UTF-16 code unit), then by the sort columns, ascending with nulls
/// first and NaN last, and rows of equal keys as they arrived, source after source. Old versions stay until no reader has them open.
/// Errs with `Locked` while another merge of the partition runs, and where the options say.
pub fn merge(request: MergeRequest<'_>, options: &MergeOptions, progress: ProgressCallback<'_>) -> Result<MergeReport> {
    let MergeRequest { fs, table_directory, column_partition, sources, definition, sort_columns } = request;
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
    let job =
        Merge { fs, table_directory, column_partition, sources, definition, sort_columns, options, storages, progress };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
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
    sort_columns: &'a [String],
    options: &'a MergeOptions,
    storages: &'a [StorageDirectory],
    progress: ProgressCallback<'a>,
}

impl Merge<'_> {
    fn run(&self) -> Result<MergeReport> {
        let _lock = publish::lock_partition(&**self.fs, self.table_directory, self.column_partition)?;
        let before = publish::read_published(&**self.fs, self.table_directory, self.column_partition)?;
        if let Some(published) = &before
            && !self.options.force
        {
            let rows = published.row_count();
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("partition {} has been merged, {rows} rows", self.column_partition),
            )
            .hint("merge with --force to replace it"));
        }
        let row_count = self.row_count()?;
        publish::collect_garbage(&**self.fs, self.table_directory, self.column_partition, self.storages);
        let generation = before.as_ref().map_or(0, |published| published.generation) + 1;
        let version = format!("v{generation}-{:x}", self.fs.now_ns());
        let result = self.write(row_count, generation, &version);
        match &result {
            Ok(_) => publish::collect_garbage(&**self.fs, self.table_directory, self.column_partition, self.storages),
            Err(_) => self.discard(&version),
        }
        result
    }

    /// Rows of all sources, if they are few enough for the options.
    fn row_count(&self) -> Result<u32> {
        let rows = self.sources.iter().try_fold(0u64, |sum, source| sum.checked_add(source.row_count()));
        let rows = rows
            .and_then(|rows| u32::try_from(rows).ok())
            .ok_or_else(|| Error::limit(format!("a merge takes at most {} rows", u32::MAX)))?;
        if rows == 0 && !self.options.allow_empty {
            return Err(Error::not_found(format!("there are no intraday rows of partition {}", self.column_partition)));
        }
        let key_bytes: usize = self.keys().map(|column| column.column_type.width().max(4)).sum();
        let widest = self.definition.stored().map(|column| column.column_type.width()).max().unwrap_or(0);
        // Keys, the order with its counterpart while sorting, and one column.
        let needed = u64::from(rows) * (key_bytes + 4 + 16 + widest) as u64;
        if self.options.memory_bytes != 0 && needed > self.options.memory_bytes {
            return Err(Error::limit(format!(
                "merging {rows} rows needs {needed} bytes of memory, {} are allowed",
                self.options.memory_bytes
            ))
            .hint("allow more with --memory"));
        }
        Ok(rows)
    }

    /// The columns that decide the order.
    fn keys(&self) -> impl Iterator<Item = &ColumnDefinition> {
        let sorted = self.sort_columns.iter().filter_map(|name| self.definition.column(name));
        self.definition.grouping().chain(sorted.filter(|column| column.kind != ColumnKind::Grouping))
    }

    fn write(&self, row_count: u32, generation: u64, version: &str) -> Result<MergeReport> {
        let written = AtomicU64::new(0);
        let ask = |phase, values_done, values_total| {
            io::interrupt::check()?;
            (self.progress)(MergeProgress { phase, values_done, values_total, bytes_written: written.load(Relaxed) })
        };
        let key_count = self.keys().count() as u64;
        let mut keys = Vec::new();
        for (done, column) in self.keys().enumerate() {
            ask(MergePhase::Reading, done as u64 * u64::from(row_count), key_count * u64::from(row_count))?;
            keys.push(Key::of(&read_column(self.sources, column)?));
        }
        ask(MergePhase::Sorting, 0, u64::from(row_count))?;
        let rows = order::permutation(row_count, &keys);
        let groups = self.definition.grouping().count();
        let parts = self.spread(rows, (groups > 0).then(|| &keys[0]));
        keys.truncate(groups);
        let columns: Vec<&ColumnDefinition> = self.definition.stored().collect();
        let total = columns.len() as u64 * u64::from(row_count);
        let done = AtomicU64::new(0);
        let mut targets = Vec::new();
        for (storage, rows) in self.storages.iter().zip(parts) {
            let directory = storage.partition_directory(self.column_partition).join(version);
            storage.fs.create_dir_all(&directory)?;
            targets.push(Target { storage, directory, rows, columns: Vec::new() });
        }
        let mut group_count = 0;
        for column in columns {
            let form = source::form(self.sources, column)?;
            if form.depth() > 0 {
                let codec = self.options.codecs.get(&column.name).copied().unwrap_or_default();
                let gatherer = Gatherer::new(self.sources, column, form)?;
                for target in &mut targets {
                    let record = variable::write_column(
                        &target.place(column),
                        &gatherer,
                        &target.rows,
                        codec,
                        &|values, bytes| {
                            written.fetch_add(bytes, Relaxed);
                            ask(MergePhase::Writing, done.fetch_add(values, Relaxed) + values, total)
                        },
                    )?;
                    target.columns.push(record);
                }
                continue;
            }
            let chunk = read_column(self.sources, column)?;
            let codec = self.options.codecs.get(&column.name).copied().unwrap_or_default();
            let position = self.definition.grouping().position(|grouping| grouping.name == column.name);
            for target in &mut targets {
                let (record, groups) =
                    target.write_column(column, codec, &chunk, position.map(|at| &keys[at]), &|values, bytes| {
                        written.fetch_add(bytes, Relaxed);
                        ask(MergePhase::Writing, done.fetch_add(values, Relaxed) + values, total)
                    })?;
                target.columns.push(record);
                if position == Some(0) {
                    group_count += groups;
                }
            }
        }
        ask(MergePhase::Publishing, 0, u64::from(row_count))?;
        let storages = targets.into_iter().map(|target| self.seal(target, version)).collect::<Result<Vec<_>>>()?;
        let record = PublishedRecord { generation, published_ns: self.fs.now_ns(), storages };
        publish::publish(&**self.fs, self.table_directory, self.column_partition, &record)?;
        Ok(MergeReport {
            rows: u64::from(row_count),
            bytes: record.size_bytes(),
            columns: self.definition.stored().count(),
            groups: group_count,
            version: version.to_owned(),
            generation,
            storages: record.storages.iter().map(|storage| (storage.name.clone(), storage.row_count)).collect(),
        })
    }

    /// Divides ordered rows among the storages, each keeping the order: whole groups by their key's hash, rows in turn without groups.
    fn spread(&self, rows: Vec<u32>, grouping: Option<&Key>) -> Vec<Vec<u32>> {
        let count = self.storages.len();
        if count == 1 {
            return vec![rows];
        }
        let mut parts = vec![Vec::with_capacity(rows.len() / count + 1); count];
        for (at, row) in rows.into_iter().enumerate() {
            let part = match grouping {
                Some(key) => crc32fast::hash(&key.get(row).to_le_bytes()) as usize % count,
                None => at % count,
            };
            parts[part].push(row);
        }
        parts
    }

    /// Writes the record and makes everything of a location durable.
    fn seal(&self, target: Target<'_>, version: &str) -> Result<PublishedStorage> {
        let fs = &*target.storage.fs;
        let row_count = target.rows.len() as u64;
        let sources = self.sources.iter().map(|source| SourceRecord {
            name: source.key().internal_partition.to_string(),
            row_count: source.row_count(),
        });
        let location = LocationRecord {
            row_count,
            columns: target.columns,
            sort_columns: self.sort_columns.to_vec(),
            sources: sources.collect(),
            written_ns: fs.now_ns(),
        };
        let bytes = location.encode()?;
        write_file(fs, &target.directory.join(LOCATION_FILE), &bytes)?;
        write_file(fs, &target.directory.join(LOCK_FILE), &[])?;
        fs.sync_dir(&target.directory)?;
        io::create_dir_durable(fs, &target.directory)?;
        Ok(PublishedStorage {
            name: target.storage.name.clone(),
            version: version.to_owned(),
            row_count,
            size_bytes: location.size_bytes() + bytes.len() as u64,
            seal: record::seal(&bytes),
        })
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
struct Target<'a> {
    storage: &'a StorageDirectory,
    directory: PathBuf,
    /// Its rows among those of the sources, in merged order.
    rows: Vec<u32>,
    columns: Vec<ColumnRecord>,
}

impl Target<'_> {
    fn place<'b>(&'b self, column: &'b ColumnDefinition) -> ColumnPlace<'b> {
        ColumnPlace { fs: &*self.storage.fs, directory: &self.directory, name: &column.name }
    }

    /// Writes a column's files; returns its record and the number of groups, 0 without an index. `done` is told values and bytes.
    fn write_column(
        &self,
        column: &ColumnDefinition,
        codec: Codec,
        chunk: &Chunk,
        grouping: Option<&Key>,
        done: &(dyn Fn(u64, u64) -> Result<()> + Sync),
    ) -> Result<(ColumnRecord, u64)> {
        let fs = &*self.storage.fs;
        let path = |extension: &str| self.directory.join(format!("{}.{extension}", column.name));
        let mut symbols = None;
        if let Chunk::String(strings) = chunk {
            let (bytes, seal) = sealed_symbols::encode(strings.symbols.iter())?;
            symbols = Some(FileRecord { size_bytes: write_file(fs, &path("sym"), &bytes)?, seal });
        }
        let mut index = None;
        let mut groups = 0;
        if let Some(starts) = grouping.and_then(|key| grouping::starts(key, &self.rows)) {
            let firsts: Vec<u32> = starts[..starts.len() - 1].iter().map(|&start| self.rows[start as usize]).collect();
            groups = firsts.len() as u64;
            let (bytes, seal) = grouping_format::encode(&chunk.take(&firsts), &starts);
            index = Some(FileRecord { size_bytes: write_file(fs, &path("grp"), &bytes)?, seal });
        }
        let file = fs.open(&path("col"), OpenMode::CreateNew)?;
        let (mut writer, head) = SealedColumnWriter::new(column.column_type);
        file.write_all_at(&head, 0)?;
        let mut offset = head.len() as u64;
        // A batch of blocks is encoded by all threads, then written: memory stays at a few blocks beside the column.
        let batch_rows = BLOCK_ROWS * rayon::current_num_threads().max(1) * 2;
        for batch in self.rows.chunks(batch_rows) {
            let encode = |rows: &[u32]| encode_rows(chunk, rows, codec);
            let blocks: Vec<EncodedBlock> = batch.par_chunks(BLOCK_ROWS).map(encode).collect();
            let start = offset;
            for block in blocks {
                let bytes = writer.push(block);
                file.write_all_at(&bytes, offset)?;
                offset += bytes.len() as u64;
            }
            done(batch.len() as u64, offset - start)?;
        }
        let (tail, seal) = writer.finish();
        file.write_all_at(&tail, offset)?;
        file.sync()?;
        let file = FileRecord { size_bytes: offset + tail.len() as u64, seal };
        let record = ColumnRecord {
            name: column.name.clone(),
            type_code: column.column_type.code(),
            file,
            symbols,
            grouping: index,
            values: Vec::new(),
        };
        Ok((record, groups))
    }
}

/// Gathers rows and encodes them.
fn encode_rows(chunk: &Chunk, rows: &[u32], codec: Codec) -> EncodedBlock {
    fn gather<T: Encodable>(values: &[T], rows: &[u32], codec: Codec) -> EncodedBlock {
        debug_assert!(T::Lane::BYTES == T::WIDTH);
        let gathered: Vec<T> = rows.iter().map(|&row| values[row as usize]).collect();
        encode_block(&gathered, codec)
    }
    with_fixed_values!(chunk, values => gather(values, rows, codec), else unreachable!("a column of variable width"))
}

/// Writes a new file, durably but for its directory entry; returns its size.
pub(super) fn write_file(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> Result<u64> {
    let file = fs.open(path, OpenMode::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync()?;
    Ok(bytes.len() as u64)
}
