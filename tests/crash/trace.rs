//! Rows that tell where they come from, a history of a location, and the promises that every recovery is held to.

use pilaster::base::{ColumnDefinition, ColumnType, Error, Result};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Commit, Durability, IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::{Location, LocationKey, ReadStats};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn directory() -> &'static Path {
    Path::new("intraday/Market/Quotes/feed/2017-08-25")
}

/// The columns: a dictionary that grows, a wide value and a narrow one; then as many more as asked for.
pub(crate) fn columns(further: usize) -> Vec<ColumnDefinition> {
    let mut columns = vec![
        ColumnDefinition::new("Sym", ColumnType::String),
        ColumnDefinition::new("Price", ColumnType::Double),
        ColumnDefinition::new("Size", ColumnType::Int),
    ];
    columns.extend((0..further).map(|number| ColumnDefinition::new(format!("Extra{number}"), ColumnType::Byte)));
    columns
}

/// Row `row` as writer number `writer` writes it: no two writers write the same, so that remains of one are not taken for the other's rows.
fn sym(row: u64, writer: u64) -> Option<String> {
    (row % 11 != 3).then(|| format!("W{writer}S{}", row * row % (4 + row / 8)))
}

fn price(row: u64, writer: u64) -> f64 {
    row as f64 * 0.25 + writer as f64 * 1e6
}

fn size(row: u64, writer: u64) -> i32 {
    (row * 7 + writer * 1_000_000) as i32
}

fn extra(row: u64, writer: u64, column: usize) -> i8 {
    (row + writer * 5 + column as u64 * 3) as i8 & 0x7f
}

fn chunks(rows: Range<u64>, writer: u64, column_count: usize) -> Vec<Chunk> {
    let syms: Vec<Option<String>> = rows.clone().map(|row| sym(row, writer)).collect();
    let mut chunks = vec![
        Chunk::strings(syms.iter().map(Option::as_deref)).unwrap(),
        Chunk::Double(rows.clone().map(|row| price(row, writer)).collect()),
        Chunk::Int(rows.clone().map(|row| size(row, writer)).collect()),
    ];
    let further = 0..column_count - 3;
    chunks.extend(further.map(|column| Chunk::Byte(rows.clone().map(|row| extra(row, writer, column)).collect())));
    chunks
}

/// Which writer wrote the rows from where on, in order.
pub(crate) type Segments = Vec<(u64, u64)>;

/// Reads the location as a new process would: its rows, all of which have been compared with what was written, or what is wrong.
pub(crate) fn verify(fs: &dyn FileSystemHandle, segments: &Segments, column_count: usize) -> Result<u64> {
    let fs = fs.handle();
    let key = LocationKey { column_partition: "2017-08-25".into(), internal_partition: "feed".into() };
    let handle = IntradayHandle::new(fs, directory().to_path_buf(), key, Arc::new(ReadStats::default()));
    let location = match handle.open_intraday() {
        Err(error) if error.is_not_found() => return Ok(0),
        answer => answer?,
    };
    let rows = location.row_count();
    if rows == 0 {
        return Ok(0);
    }
    let writer = |row: u64| segments.iter().rfind(|(start, _)| *start <= row).map_or(0, |(_, writer)| *writer);
    let read = |name: &str| -> Result<Chunk> {
        let region = location.column(name)?.ok_or_else(|| Error::corrupt(format!("column {name} is gone")))?;
        let mut chunk = Chunk::new(region.column_type());
        region.fill(0..rows, &mut chunk)?;
        if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, region.symbols()?) {
            strings.symbols = symbols;
        }
        Ok(chunk)
    };
    let same = |name: &str, equal: bool| match equal {
        true => Ok(()),
        false => Err(Error::corrupt(format!("column {name} has values that were never written so"))),
    };
    if let Chunk::String(strings) = read("Sym")? {
        let expected = (0..rows).map(|row| sym(row, writer(row)));
        same("Sym", expected.eq(strings.iter().map(|text| text.map(str::to_owned))))?;
    }
    let prices = matches!(read("Price")?, Chunk::Double(found)
        if found.iter().copied().eq((0..rows).map(|row| price(row, writer(row)))));
    same("Price", prices)?;
    let sizes = matches!(read("Size")?, Chunk::Int(found)
        if found.iter().copied().eq((0..rows).map(|row| size(row, writer(row)))));
    same("Size", sizes)?;
    for column in 0..column_count - 3 {
        let name = format!("Extra{column}");
        let extras = matches!(read(&name)?, Chunk::Byte(found)
            if found.iter().copied().eq((0..rows).map(|row| extra(row, writer(row), column))));
        same(&name, extras)?;
    }
    Ok(rows)
}

/// Any file system that another process can have a handle on.
pub(crate) trait FileSystemHandle {
    fn handle(&self) -> Arc<dyn FileSystem>;
}

impl<F: FileSystem + Clone + 'static> FileSystemHandle for F {
    fn handle(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }
}

/// What a history consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Appends so many rows and commits them.
    Commit(u64),
    /// Appends rows that this commit does not take along.
    Append(u64),
    /// Makes everything durable.
    Sync,
    /// Lets milliseconds pass.
    Wait(i64),
    /// Drops the writer as if its process died, and opens the location again.
    Reopen,
    /// Closes the writer and opens the location again.
    Close,
}

/// A history of one location: what was begun and what was promised at which length of the log.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) segments: Segments,
    /// Before each commit: the log's length and the rows that it makes visible.
    begun: Vec<(usize, u64)>,
    /// After each call: the log's length, and what the writer said.
    promised: Vec<(usize, Commit)>,
    writer: u64,
}

impl Trace {
    /// A location that is not there yet.
    pub(crate) fn new() -> Self {
        Self::after(&Vec::new(), 0)
    }

    /// Goes on after what was recovered.
    pub(crate) fn after(segments: &Segments, rows: u64) -> Self {
        let mut segments = segments.clone();
        segments.retain(|(start, _)| *start < rows);
        let writer = segments.last().map_or(1, |(_, writer)| writer + 1);
        // What was read after a crash is on the disk, so that another crash has nothing to take.
        let found = Commit { rows, durable_rows: rows };
        Trace { segments, begun: vec![(0, rows)], promised: vec![(0, found)], writer }
    }

    /// Runs the steps until one fails. `log` tells the length of the simulated log.
    pub(crate) fn run(
        &mut self,
        fs: &dyn FileSystemHandle,
        log: &SimulatedFileSystem,
        durability: Durability,
        column_count: usize,
        steps: &[Step],
    ) -> Result<()> {
        let columns = columns(column_count - 3);
        let open = || IntradayWriter::open(fs.handle(), directory(), &columns, WriterOptions { durability });
        let mut writer = open()?;
        let mut rows = writer.row_count();
        self.take_over(rows);
        for step in steps {
            match *step {
                Step::Append(count) => {
                    writer.append(&chunks(rows..rows + count, self.writer, column_count))?;
                    rows += count;
                }
                Step::Commit(count) => {
                    writer.append(&chunks(rows..rows + count, self.writer, column_count))?;
                    rows += count;
                    self.begun.push((log.log_len(), rows));
                    let commit = writer.commit()?;
                    assert_eq!(commit.rows, rows);
                    assert!(durability != Durability::Commit || commit.durable_rows == rows);
                    self.promised.push((log.log_len(), commit));
                }
                Step::Sync => {
                    let commit = writer.sync()?;
                    assert_eq!(commit.rows, commit.durable_rows);
                    self.promised.push((log.log_len(), commit));
                }
                Step::Wait(milliseconds) => {
                    log.advance_ns(milliseconds * 1_000_000);
                    let commit = writer.sync_if_due()?;
                    self.promised.push((log.log_len(), commit));
                }
                Step::Reopen | Step::Close => {
                    let visible = writer.published();
                    if matches!(step, Step::Close) {
                        let commit = writer.close()?;
                        self.promised.push((log.log_len(), commit));
                    } else {
                        drop(writer);
                    }
                    writer = open()?;
                    rows = writer.row_count();
                    assert_eq!(rows, visible.rows, "a writer goes on from the last commit");
                    self.writer += 1;
                    self.take_over(rows);
                }
            }
        }
        Ok(())
    }

    fn take_over(&mut self, rows: u64) {
        self.segments.retain(|(start, _)| *start < rows);
        self.segments.push((rows, self.writer));
    }

    /// The most that was promised to survive a power cut after `at` calls, and to survive the death of the process.
    pub(crate) fn promised(&self, at: usize) -> Commit {
        let before = self.promised.iter().filter(|(length, _)| *length <= at);
        before.fold(Commit::default(), |most, (_, commit)| Commit {
            rows: most.rows.max(commit.rows),
            durable_rows: most.durable_rows.max(commit.durable_rows),
        })
    }

    /// Whether `rows` is what some commit begun by then made visible: no more, and no part of one.
    pub(crate) fn is_boundary(&self, at: usize, rows: u64) -> bool {
        rows == 0 || self.begun.iter().any(|(length, begun)| *length <= at && *begun == rows)
    }
}
