//! Rows from a stream into intraday locations, as they come: small commits instead of one at the end.
//!
//! **Invariants:** what is acknowledged are the first rows of the stream, in its order. When the stream fails or the user stops it, everything that was read whole before
//! is committed.

use super::ImportInput;
use super::csv::{CsvInput, ReadLimits, ReadProgress, RowError};
use super::partitions::{PARTITIONS_MAX, too_many_partitions};
use super::plan::Plan;
use super::reading::Rows;
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

/// Is told how far the stream is in, before a commit makes it so.
pub(super) trait Checkpoints: Send {
    /// The writer is open, and nothing is committed yet.
    fn begin(&mut self) -> Result<()>;
    /// So many rows of this run are about to be visible, and all records before the offset are in.
    fn before_commit(&mut self, rows: u64, offset: u64) -> Result<()>;
    /// This is visible and durable now.
    fn committed(&mut self, committed: Commit);
    /// All is visible and durable, and nothing more comes.
    fn end(&mut self) -> Result<()>;
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
    input: CsvInput,
    options: &AppendOptions,
    acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
) -> Result<AppendReport> {
    append_rows(fs, table_directory, definition, input.into(), options, acknowledge)
}

/// As [`append_csv`], of any format.
pub fn append_rows(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    input: ImportInput,
    options: &AppendOptions,
    acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
) -> Result<AppendReport> {
    append_with(fs, table_directory, definition, input, options, acknowledge, None)
}

/// As [`append_rows`], with somebody who remembers how far it came.
pub(super) fn append_with<'a>(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    mut input: ImportInput,
    options: &'a AppendOptions,
    acknowledge: &'a mut (dyn FnMut(Commit) -> Result<()> + Send),
    mut checkpoints: Option<&'a mut (dyn Checkpoints + 'a)>,
) -> Result<AppendReport> {
    let import = &options.import;
    names::check(NameKind::InternalPartition, &import.source)?;
    if let PartitionTarget::Value(partition) = &import.partition {
        names::check(NameKind::ColumnPartition, partition)?;
    }
    let columns: Vec<ColumnDefinition> = definition.stored().cloned().collect();
    let source = table_directory.join(&import.source);
    let mut import = import.clone();
    import.csv.as_it_comes = true;
    let import = &import;
    if let Some(text) = input.text() {
        // Waits for the first byte, so that a stream without one has no rows instead of no header.
        let mut first = [0];
        let begun = loop {
            match text.reader.read(&mut first) {
                Ok(count) => break count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(crate::io::external::read_error(Path::new(&text.name), error)),
            }
        };
        if begun == 0 {
            return Ok(AppendReport::default());
        }
        let rest = std::mem::replace(&mut text.reader, Box::new(std::io::empty()));
        text.reader = Box::new(std::io::Cursor::new(first).chain(rest));
    }
    let reader = input.open(definition, import)?;
    let name = reader.name().to_string();
    let plan = Plan::new(definition, &*reader, import).map_err(|error| error.at_path(Path::new(&name)))?;
    let maker = RowMaker::new(&plan, &import.partition, &name);
    // After all that may be wrong with the stream's head: opening makes the location's directory.
    let writer = Writer::open(fs, &source, &columns, &import.partition, options.durability)?;
    if let Some(checkpoints) = &mut checkpoints {
        checkpoints.begin()?;
    }
    let latency = Duration::from_millis(options.latency_ms.max(1));
    let step = match options.durability {
        Durability::Interval(ms) => latency.min(Duration::from_millis(ms.max(1))) / 2,
        _ => latency / 2,
    };
    let limits =
        ReadLimits { errors_max: import.errors_max, row_width: plan.columns.len(), tick: Some(step), reject: None };
    let appender = Mutex::new(Appender {
        writer,
        waiting: None,
        waiting_rows: 0,
        undurable: None,
        options,
        half: latency / 2,
        report: AppendReport::default(),
        acknowledge,
        checkpoints,
        appended: 0,
        in_piece: false,
        offset: None,
        stopped: None,
    });
    let lock = || appender.lock().unwrap_or_else(PoisonError::into_inner);
    let mut each = |rows: Rows| {
        // No commit within a piece: what is before its end is in or not.
        let mut appender = lock();
        let offset = rows.end_offset();
        appender.in_piece = true;
        maker.make(rows, &mut |partition, chunks| appender.append(partition, chunks))?;
        appender.piece_ended(offset)
    };
    let mut tick = |progress: ReadProgress| lock().tick(progress);
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
    let mut checkpoints = appender.checkpoints.take();
    let mut report = appender.report;
    report.stopped = match (last, appender.writer.close()) {
        // The writer's own failure is the cause of what followed.
        (Err(error), _) => Some(ended.filter(|e| e.kind() == error.kind()).unwrap_or(error)),
        (Ok(()), Err(error)) => Some(ended.unwrap_or(error)),
        (Ok(()), Ok(committed)) => {
            if let Some(checkpoints) = &mut checkpoints {
                checkpoints.end()?;
            }
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
            PartitionTarget::Column(_) | PartitionTarget::Computed(_) => {
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
    checkpoints: Option<&'a mut (dyn Checkpoints + 'a)>,
    /// Rows appended, committed or not.
    appended: u64,
    /// True while only some rows of a piece may be in the writer.
    in_piece: bool,
    /// Behind the last record of the text that was appended or passed over.
    offset: Option<u64>,
    /// Since when the user wants it to stop.
    stopped: Option<Stopwatch>,
}

impl Appender<'_> {
    fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        let rows = chunks.first().map_or(0, Chunk::len) as u64;
        let place = self.report.partitions.binary_search_by(|(name, _)| name.as_str().cmp(partition));
        if place.is_err() && self.report.partitions.len() >= PARTITIONS_MAX {
            return Err(too_many_partitions());
        }
        self.writer.append(partition, chunks)?;
        self.waiting.get_or_insert_with(Stopwatch::start);
        self.waiting_rows += rows;
        self.appended += rows;
        match place {
            Ok(at) => self.report.partitions[at].1 += rows,
            Err(at) => self.report.partitions.insert(at, (partition.to_string(), rows)),
        }
        Ok(())
    }

    /// All rows of a piece are in the writer.
    fn piece_ended(&mut self, offset: Option<u64>) -> Result<()> {
        self.offset = offset;
        self.in_piece = false;
        if self.waiting_rows >= BATCH_ROWS_MAX { self.commit() } else { Ok(()) }
    }

    /// Called every half latency at the latest, so that a row waits for two halves at most.
    fn tick(&mut self, progress: ReadProgress) -> Result<()> {
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
        if self.checkpoints.is_some() && self.in_piece {
            // Half a piece has no place in the file that could be told.
            return Err(Error::invalid("the rows of a piece could not be appended"));
        }
        if self.waiting.take().is_none() {
            return Ok(());
        }
        self.waiting_rows = 0;
        if let (Some(checkpoints), Some(offset)) = (&mut self.checkpoints, self.offset) {
            checkpoints.before_commit(self.appended, offset)?;
        }
        let committed = self.writer.commit()?;
        self.report.commits += 1;
        self.acknowledged(committed)
    }

    fn acknowledged(&mut self, committed: Commit) -> Result<()> {
        self.report.committed = committed;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.committed(committed);
        }
        if committed.durable_rows == committed.rows {
            self.undurable = None;
        } else {
            self.undurable.get_or_insert_with(Stopwatch::start);
        }
        (self.acknowledge)(committed)
    }
}
