//! Rows from a stream into intraday locations, as they come: small commits instead of one at the end.
//!
//! **Invariants:** what is acknowledged are the first rows of the stream, in its order. When the stream fails or the user stops it, everything that was read whole before
//! is committed.

use super::csv::{CsvInput, CsvProgress, CsvReader, ReadLimits, RowError};
use super::plan::Plan;
use super::rows::RowMaker;
use super::{ImportOptions, PartitionTarget};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, Error, ErrorKind, Result, TableDefinition};
use crate::io::clock::Stopwatch;
use crate::io::{FileSystem, interrupt};
use crate::memory::Chunk;
use crate::storage::intraday::{Commit, Durability, GroupWriter, IntradayWriter, WriterOptions};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Rows that are collected before they are committed, whatever the latency: bounds memory.
const BATCH_ROWS_MAX: u64 = 256 << 10;
/// How long after Ctrl-C what is on its way may still arrive.
const GRACE: Duration = Duration::from_millis(500);

/// What an appending is told.
#[derive(Clone, Debug)]
pub struct AppendOptions {
    /// How the text becomes rows, and where they go; the mode does not count.
    pub import: ImportOptions,
    /// When rows become durable.
    pub durability: Durability,
    /// The most milliseconds between the arrival of a row and its commit, from 1.
    pub latency_ms: u64,
}

/// What an appending did.
#[derive(Debug, Default)]
pub struct AppendReport {
    /// Rows committed, and how many of them are durable: all, unless the last sync failed.
    pub committed: Commit,
    /// Commits.
    pub commits: u64,
    /// Bytes of text read.
    pub bytes_read: u64,
    /// The first errors passed over, in the order of the stream.
    pub errors: Vec<RowError>,
    /// How many there were.
    pub error_count: u64,
    /// Column partitions and how many rows each got, in order.
    pub partitions: Vec<(String, u64)>,
    /// Why it ended before the stream did; the rows above are committed all the same.
    pub stopped: Option<Error>,
}

/// Appends the rows of a stream to intraday locations below `table_directory` (`intraday/<namespace>/<table>`), committing those that have come at the latest after
/// the latency. Several partitions take part in one commit. `acknowledge` is called after each commit, and when older rows became durable.
///
/// A stream without a byte has no rows. Errs where nothing could be begun; what comes later is in [`AppendReport::stopped`].
pub fn append_csv(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    mut input: CsvInput,
    options: &AppendOptions,
    acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
) -> Result<AppendReport> {
    let import = &options.import;
    names::check(NameKind::InternalPartition, &import.source)?;
    if let PartitionTarget::Value(partition) = &import.partition {
        names::check(NameKind::ColumnPartition, partition)?;
    }
    let columns: Vec<ColumnDefinition> = definition.stored().cloned().collect();
    let source = table_directory.join(&import.source);
    let name = input.name.clone();
    let mut first = [0];
    let begun = loop {
        match input.reader.read(&mut first) {
            Ok(count) => break count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(crate::io::external::read_error(Path::new(&name), error)),
        }
    };
    if begun == 0 {
        return Ok(AppendReport::default());
    }
    input.reader = Box::new(std::io::Cursor::new(first).chain(input.reader));
    let mut csv = import.csv.clone();
    csv.as_it_comes = true;
    let reader = CsvReader::open(input, &csv)?;
    let plan = Plan::new(definition, &reader, import).map_err(|error| error.at_path(Path::new(&name)))?;
    let maker = RowMaker::new(&plan, &import.partition, &name);
    // After all that may be wrong with the stream's head: opening makes the location's directory.
    let writer = Writer::open(fs, &source, &columns, &import.partition, options.durability)?;
    let latency = Duration::from_millis(options.latency_ms.max(1));
    let step = match options.durability {
        Durability::Interval(ms) => latency.min(Duration::from_millis(ms.max(1))) / 2,
        _ => latency / 2,
    };
    let limits = ReadLimits { errors_max: import.errors_max, row_width: plan.columns.len(), tick: Some(step) };
    let appender = Mutex::new(Appender {
        writer,
        waiting: None,
        waiting_rows: 0,
        undurable: None,
        options,
        half: latency / 2,
        report: AppendReport::default(),
        acknowledge,
        stopped: None,
    });
    let lock = || appender.lock().unwrap_or_else(PoisonError::into_inner);
    let mut each = |rows| maker.make(rows, &mut |partition, chunks| lock().append(partition, chunks));
    let mut tick = |progress: CsvProgress| lock().tick(progress);
    let read = reader.read(&plan.targets, limits, &mut each, &mut tick);
    let mut appender = appender.into_inner().unwrap_or_else(PoisonError::into_inner);
    let ended = match read {
        Ok(summary) => {
            appender.report.errors = summary.errors;
            appender.report.error_count = summary.progress.errors;
            appender.report.bytes_read = summary.progress.bytes;
            None
        }
        Err(error) => Some(error),
    };
    let last = appender.commit();
    let mut report = appender.report;
    report.stopped = match (last, appender.writer.close()) {
        // The writer's own failure is the cause of what followed.
        (Err(error), _) => Some(ended.filter(|e| e.kind() == error.kind()).unwrap_or(error)),
        (Ok(()), Err(error)) => Some(ended.unwrap_or(error)),
        (Ok(()), Ok(committed)) => {
            if committed != report.committed {
                report.committed = committed;
                (appender.acknowledge)(committed)?;
            }
            ended
        }
    };
    Ok(report)
}

/// Where rows go.
enum Writer {
    /// To one partition that had so many rows before.
    One(Box<IntradayWriter>, u64),
    /// To those that the rows name.
    Many(Box<GroupWriter>),
}

impl Writer {
    fn open(
        fs: &Arc<dyn FileSystem>,
        source: &Path,
        columns: &[ColumnDefinition],
        target: &PartitionTarget,
        durability: Durability,
    ) -> Result<Self> {
        let options = WriterOptions { durability };
        Ok(match target {
            PartitionTarget::Value(partition) => {
                let writer = IntradayWriter::open(fs.clone(), &source.join(partition), columns, options)?;
                let before = writer.row_count();
                Writer::One(Box::new(writer), before)
            }
            PartitionTarget::Column(_) => {
                Writer::Many(Box::new(GroupWriter::open(fs.clone(), source, columns, options)?))
            }
        })
    }

    fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        match self {
            Writer::One(writer, ..) => writer.append(&chunks),
            Writer::Many(writer) => writer.append(partition, chunks),
        }
    }

    fn commit(&mut self) -> Result<Commit> {
        match self {
            Writer::One(writer, before) => writer.commit().map(|commit| since(commit, *before)),
            Writer::Many(writer) => writer.commit(),
        }
    }

    fn sync(&mut self) -> Result<Commit> {
        match self {
            Writer::One(writer, before) => writer.sync().map(|commit| since(commit, *before)),
            Writer::Many(writer) => writer.sync(),
        }
    }

    fn close(self) -> Result<Commit> {
        match self {
            // An opened location without rows stays what it was.
            Writer::One(writer, before) if writer.row_count() == before => {
                writer.discard();
                Ok(Commit::default())
            }
            Writer::One(writer, before) => writer.close().map(|commit| since(commit, before)),
            Writer::Many(writer) => writer.close(),
        }
    }
}

/// The rows that came after those before.
fn since(commit: Commit, before: u64) -> Commit {
    Commit { rows: commit.rows.saturating_sub(before), durable_rows: commit.durable_rows.saturating_sub(before) }
}

/// Takes rows and commits them in time.
struct Appender<'a> {
    writer: Writer,
    /// Since when the oldest row that is not committed waits.
    waiting: Option<Stopwatch>,
    waiting_rows: u64,
    /// Since when the oldest committed row that is not durable waits.
    undurable: Option<Stopwatch>,
    options: &'a AppendOptions,
    half: Duration,
    report: AppendReport,
    acknowledge: &'a mut (dyn FnMut(Commit) -> Result<()> + Send),
    /// Since when the user wants it to stop.
    stopped: Option<Stopwatch>,
}

impl Appender<'_> {
    fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        let rows = chunks.first().map_or(0, Chunk::len) as u64;
        self.writer.append(partition, chunks)?;
        self.waiting.get_or_insert_with(Stopwatch::start);
        self.waiting_rows += rows;
        match self.report.partitions.binary_search_by(|(name, _)| name.as_str().cmp(partition)) {
            Ok(at) => self.report.partitions[at].1 += rows,
            Err(at) => self.report.partitions.insert(at, (partition.to_string(), rows)),
        }
        if self.waiting_rows >= BATCH_ROWS_MAX { self.commit() } else { Ok(()) }
    }

    /// Called every half latency at the latest, so that a row waits for two halves at most.
    fn tick(&mut self, progress: CsvProgress) -> Result<()> {
        self.report.error_count = progress.errors;
        self.report.bytes_read = progress.bytes;
        if self.waiting.is_some_and(|waiting| waiting.elapsed() >= self.half) {
            self.commit()?;
        }
        if let (Durability::Interval(ms), Some(undurable)) = (self.options.durability, self.undurable)
            && undurable.elapsed() >= Duration::from_millis(ms) / 2
        {
            let committed = self.writer.sync()?;
            self.acknowledged(committed)?;
        }
        if interrupt::is_interrupted() && self.stopped.get_or_insert_with(Stopwatch::start).elapsed() > GRACE {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted"));
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.waiting.take().is_none() {
            return Ok(());
        }
        self.waiting_rows = 0;
        let committed = self.writer.commit()?;
        self.report.commits += 1;
        self.acknowledged(committed)
    }

    fn acknowledged(&mut self, committed: Commit) -> Result<()> {
        self.report.committed = committed;
        if committed.durable_rows == committed.rows {
            self.undurable = None;
        } else {
            self.undurable.get_or_insert_with(Stopwatch::start);
        }
        (self.acknowledge)(committed)
    }
}
