//! Files to intraday locations, all or nothing.
//!
//! [`csv`] reads delimited text and [`json`] JSON Lines into chunks, in parallel and in bounded memory; they know no table. Other formats come as a [`RecordReader`]. `plan` says which field becomes which column,
//! `append` commits rows as they come instead. `rows` makes the table's rows of a file's, `partitions` spreads them over column partitions, `staging` holds them out of sight until all of them are there.
//!
//! Invariants: while an import runs, and after one that failed, readers see what they saw before it. Rows appear all at one instant, those of replaced partitions a whole
//! partition at a time. After a power cut all of an import is there or nothing of it, whatever its [`Durability`]; how soon that is all of it is what the durability says.

mod append;
pub mod csv;
#[cfg(test)]
mod durability_test;
mod follow;
mod input;
pub mod json;
mod ledger;
mod partitions;
mod plan;
mod propose;
mod reading;
#[cfg(test)]
mod real_data_test;
mod rows;
mod sample;
mod staging;
#[cfg(test)]
mod tests;
mod transform;

pub use append::{AppendOptions, AppendReport, append_csv, append_rows};
pub use csv::{CsvInput, CsvOptions, FieldTarget, ReadLimits, ReadProgress, ReadSummary, RowError};
pub use follow::{FollowFormat, follow_file};
pub use input::{ImportInput, Rejects};
pub(in crate::storage) use ledger::{LEDGER_FILE, LEDGER_LOCK, note_removal};
pub use partitions::PARTITIONS_MAX;
pub use propose::{propose_csv, propose_json, propose_sampled};
pub use reading::{RecordReader, Rows};
pub use sample::ColumnSample;
pub(in crate::storage) use staging::restore_replaced;
pub use transform::{Compile, Computation, Compute, Transform};

use self::csv::Dialect;
use self::ledger::{Batch, Counts, Ledger};
use self::partitions::{Published, Sink};
use self::plan::Plan;
use self::rows::RowMaker;
use super::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions};
use super::location::LocationKey;
use super::read_stats::ReadStats;
use super::schema::ImportMapping;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnType, Error, ErrorKind, Result, TableDefinition};
use crate::io::FileSystem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What an import does with rows that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ImportMode {
    /// It refuses partitions that have rows.
    #[default]
    Safe,
    /// It adds to them.
    Append,
    /// It puts the new rows in their place, once all of them are there.
    Replace,
}

impl ImportMode {
    /// The mode of a word.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "safe" => Ok(ImportMode::Safe),
            "append" => Ok(ImportMode::Append),
            "replace" => Ok(ImportMode::Replace),
            _ => {
                Err(Error::invalid(format!("unknown import mode {name:?}")).hint("the modes are safe, append, replace"))
            }
        }
    }
}

/// Which column partitions the rows go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionTarget {
    /// All of them to this one. A partitioning column in the file must say the same.
    Value(String),
    /// Each to the one that this column of the file names; a name of the file's, or the table's partitioning column.
    Column(String),
    /// Each to the one that is computed of its other values: the transform of this name in [`ImportOptions::transforms`].
    Computed(String),
}

/// What an import is told.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What to do with rows that are there already.
    pub mode: ImportMode,
    /// Fields and records that may fail: the field becomes null, the record is left out. One more fails the import.
    pub errors_max: u64,
    /// Columns that are computed of others, in place of a field.
    pub transforms: Vec<Transform>,
    /// Types of fields of the file that are not the table's, for transforms that read them.
    pub field_types: Vec<(String, ColumnType)>,
    /// Takes the records that are passed over, so that they can be imported once they are mended. A record with a bad field is left out then.
    pub rejects: Option<Rejects>,
    /// A name that is applied once to a source: of two imports of the same name the second does nothing, whether the first was told to have succeeded or not.
    pub batch_id: Option<String>,
    /// How the text is read. [`CsvOptions::for_mapping`] starts with what a schema says. Of formats that are no text, nulls and zone count alone.
    pub csv: CsvOptions,
    /// Where the values of columns come from, if not from the field of the same name.
    pub mapping: Option<ImportMapping>,
    /// Which column partitions the rows go to.
    pub partition: PartitionTarget,
    /// The internal partition: who writes the rows.
    pub source: String,
    /// True to take a column that the file lacks for null; else it is an error.
    pub lenient: bool,
    /// When the rows become safe from a power cut, which before that takes all of them. [`Durability::Commit`]: before they are visible. [`Durability::Interval`]: those
    /// read so far so often while the file is read, the rest before the import ends. [`Durability::None`]: when the system writes them, or the next writer of the partition
    /// makes its own rows durable; a power cut may leave a new partition without rows. The import then waits for names, not for rows.
    ///
    /// Rows that [`PartitionTarget::Column`] spreads, and those that take the place of others, are durable before they are visible whatever this says: that they appear
    /// together, and that the others are not lost, rests on it.
    pub durability: Durability,
}

impl ImportOptions {
    /// Safe, strict and durable, from commas and a header, as source `import`.
    pub fn new(partition: PartitionTarget) -> Self {
        ImportOptions {
            mode: ImportMode::Safe,
            errors_max: 0,
            transforms: Vec::new(),
            field_types: Vec::new(),
            rejects: None,
            batch_id: None,
            csv: CsvOptions::default(),
            mapping: None,
            partition,
            source: "import".to_string(),
            lenient: false,
            durability: Durability::Commit,
        }
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Rows read.
    pub rows: u64,
    /// Bytes of the unpacked text that were read.
    pub bytes: u64,
    /// Bytes of the file that were read, as it lies on disk.
    pub consumed_bytes: u64,
    /// Bytes of the file as it lies on disk; none where unknown.
    pub size_bytes: Option<u64>,
    /// Errors passed over.
    pub errors: u64,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// Rows imported.
    pub rows: u64,
    /// Those of them that a power cut cannot take: all, or with [`Durability::None`] possibly none.
    pub durable_rows: u64,
    /// Bytes of the unpacked text.
    pub bytes_read: u64,
    /// The first errors passed over, in the order of the file.
    pub errors: Vec<RowError>,
    /// How many there were.
    pub error_count: u64,
    /// The column partitions and how many rows each got, in order.
    pub partitions: Vec<(String, u64)>,
    /// True where nothing was done, since the batch was applied before; the rows are those of then.
    pub repeated: bool,
    /// Columns of the file that the table does not have.
    pub ignored_columns: Vec<String>,
    /// Columns of the table that the file does not have and that are null or constant.
    pub filled_columns: Vec<String>,
}

/// Imports one stream of delimited text; see [`import_rows`].
pub fn import_csv(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    input: CsvInput,
    options: &ImportOptions,
    progress: &dyn Fn(ImportProgress) -> Result<()>,
) -> Result<ImportReport> {
    import_rows(fs, table_directory, definition, input.into(), options, progress)
}

/// Imports one stream into intraday locations below `table_directory` (`intraday/<namespace>/<table>`), all rows as durable at the end as
/// [`ImportOptions::durability`] says.
///
/// Nothing is visible before everything was read. Several partitions then appear at one instant; those that take the place of others that have rows do so
/// one after the other, each whole. `progress` is called
/// often and stops the import by an error. Errs with `AlreadyExists` where safe mode finds rows, with `Parse` for what the text is not,
/// with `Invalid` where columns do not match.
pub fn import_rows(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    input: ImportInput,
    options: &ImportOptions,
    progress: &dyn Fn(ImportProgress) -> Result<()>,
) -> Result<ImportReport> {
    names::check(NameKind::InternalPartition, &options.source)?;
    let (size_bytes, consumed) = (input.size_bytes, input.consumed_bytes.clone());
    let has_header = input.has_header(options);
    let reader = input.open(definition, options)?;
    let name = reader.name().to_string();
    let header = has_header.then(|| header_line(reader.names(), reader.dialect(), &options.csv.dialect));
    let plan = Plan::new(definition, &*reader, options).map_err(|error| error.at_path(Path::new(&name)))?;
    let destination = Destination {
        fs: fs.clone(),
        directory: table_directory.join(&options.source),
        columns: definition.stored().cloned().collect(),
        mode: options.mode,
        durability: options.durability,
    };
    let source = destination.directory.clone();
    if let Some(id) = &options.batch_id
        && let Some(rows) = applied_before(&destination, id)?
    {
        // What the one that died left behind; a later import would find it too.
        let _ = staging::sweep(&**fs, &source);
        return Ok(ImportReport { rows, durable_rows: rows, repeated: true, ..ImportReport::default() });
    }
    let mut sink = Sink::open(destination, &options.partition)?;
    let maker = RowMaker::new(&plan, &options.partition, &name);
    let reject = options.rejects.as_ref().map(|rejects| |record: &[u8]| rejects.take(header.as_deref(), record));
    let limits = ReadLimits {
        errors_max: options.errors_max,
        row_width: plan.columns.len(),
        tick: None,
        reject: reject.as_ref().map(|reject| reject as _),
    };
    let mut tick = |ReadProgress { rows, bytes, errors }| {
        progress(ImportProgress { rows, bytes, consumed_bytes: consumed.load(Relaxed), size_bytes, errors })
    };
    let mut each = |rows| maker.make(rows, &mut |partition, chunks| sink.append(partition, chunks));
    let summary = reader.read(&plan.targets, limits, &mut each, &mut tick)?;
    if summary.progress.rows > 0 {
        plan.check_seen(&summary.seen).map_err(|error| error.at_path(Path::new(&name)))?;
    }
    tick(summary.progress)?;
    if let Some(id) = &options.batch_id {
        sink.complete()?;
        let rows = summary.progress.rows;
        Ledger::update(&**fs, &source, |ledger| {
            let partitions = sink.expected(&Counts::of(fs, &source, ledger))?;
            ledger.put_batch(Batch { id: id.clone(), rows, at_ns: fs.now_ns(), done: false, partitions });
            Ok(())
        })?;
    }
    let Published { partitions, durable } = sink.publish()?;
    let rows = partitions.iter().map(|(_, rows)| rows).sum();
    if let Some(id) = &options.batch_id {
        finish_batch(&**fs, &source, id)?;
    }
    Ok(ImportReport {
        rows,
        durable_rows: if durable { rows } else { 0 },
        bytes_read: summary.progress.bytes,
        errors: summary.errors,
        error_count: summary.progress.errors,
        partitions,
        repeated: false,
        ignored_columns: plan.ignored,
        filled_columns: plan.filled,
    })
}

/// How many rows a batch of the name brought, if it was applied.
fn applied_before(destination: &Destination, id: &str) -> Result<Option<u64>> {
    ledger::check_id(id)?;
    let ledger = Ledger::load(&*destination.fs, &destination.directory)?;
    let Some(batch) = ledger.batches.iter().find(|batch| batch.id == id) else { return Ok(None) };
    if !batch.done {
        if !batch.is_applied(&Counts::of(&destination.fs, &destination.directory, &ledger))? {
            return Ok(None);
        }
        finish_batch(&*destination.fs, &destination.directory, id)?;
    }
    Ok(Some(batch.rows))
}

fn finish_batch(fs: &dyn FileSystem, source: &Path, id: &str) -> Result<()> {
    Ledger::update(fs, source, |ledger| {
        for batch in ledger.batches.iter_mut().filter(|batch| batch.id == id) {
            batch.done = true;
            batch.partitions.clear();
        }
        Ok(())
    })
}

/// Names as the first record of a text of the dialect; behind a line that says its delimiter where that is not the one to be expected.
fn header_line(names: &[String], dialect: Option<Dialect>, expected: &Dialect) -> Vec<u8> {
    let Dialect { delimiter, quote, escape, .. } = dialect.unwrap_or(*expected);
    let mut line = Vec::new();
    if delimiter != expected.delimiter {
        line.extend_from_slice(&[b's', b'e', b'p', b'=', delimiter, b'\n']);
    }
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            line.push(delimiter);
        }
        let special = |byte: u8| {
            matches!(byte, b'\n' | b'\r' | b' ' | b'\t')
                || byte == delimiter
                || Some(byte) == quote
                || Some(byte) == escape
        };
        match quote.filter(|_| name.bytes().any(special) || name.is_empty()) {
            Some(quote) => {
                line.push(quote);
                for byte in name.bytes() {
                    if byte == quote || Some(byte) == escape {
                        line.push(byte);
                    }
                    line.push(byte);
                }
                line.push(quote);
            }
            None => line.extend_from_slice(name.as_bytes()),
        }
    }
    line.push(b'\n');
    line
}

/// Where the rows of an import go.
struct Destination {
    fs: Arc<dyn FileSystem>,
    /// `intraday/<namespace>/<table>/<source>`.
    directory: std::path::PathBuf,
    columns: Vec<crate::base::ColumnDefinition>,
    mode: ImportMode,
    durability: Durability,
}

impl Destination {
    /// How many rows a column partition has; none where there is no such location.
    fn row_count(&self, partition: &str) -> Result<Option<u64>> {
        match self.open(&self.directory.join(partition), partition) {
            Ok(location) => Ok(Some(crate::storage::Location::row_count(&*location))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has the location that a writer makes known as the successor of the one that it will replace, if there is one.
    fn succeed(&self, partition: &str, writer: &mut IntradayWriter) -> Result<()> {
        match self.open(&self.directory.join(partition), partition) {
            Err(error) if error.is_not_found() => Ok(()),
            answer => {
                answer?.record().into_iter().for_each(|record| writer.take_place_of(record.location));
                Ok(())
            }
        }
    }

    /// A location for reading.
    fn open(&self, directory: &Path, partition: &str) -> Result<Arc<IntradayLocation>> {
        let source = self.directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key = LocationKey { column_partition: partition.into(), internal_partition: source.into() };
        IntradayLocation::open(self.fs.clone(), directory, key, Arc::<ReadStats>::default())
    }

    /// Refuses a partition that has rows in safe mode.
    fn check_safe(&self, partition: &str) -> Result<()> {
        match self.row_count(partition)? {
            Some(rows) if rows > 0 && self.mode == ImportMode::Safe => {
                let message = format!("partition {partition} has {rows} rows already");
                Err(Error::new(ErrorKind::AlreadyExists, message)
                    .at_path(&self.fs.display(&self.directory.join(partition)))
                    .hint("--mode append adds to them, --mode replace puts the new ones in their place"))
            }
            _ => Ok(()),
        }
    }

    /// How the writer of a single partition behaves.
    fn writer_options(&self) -> WriterOptions {
        WriterOptions { durability: self.durability }
    }

    /// True if the import may end before its rows are durable, where nothing else depends on them.
    fn may_end_early(&self) -> bool {
        self.durability == Durability::None
    }
}
