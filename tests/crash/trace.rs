//! The history of one intraday location, and what its writers promised when.

use crate::rows::{Segments, chunks, verify_rows};
use crate::walk::History;
use pilaster::base::{ColumnDefinition, Result};
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::storage::intraday::{Commit, Durability, IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::{LocationKey, ReadStats};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn directory() -> &'static Path {
    Path::new("intraday/Market/Quotes/feed/2017-08-25")
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

/// A file system that has handles already.
pub(crate) struct Shared(pub(crate) Arc<dyn FileSystem>);

impl FileSystemHandle for Shared {
    fn handle(&self) -> Arc<dyn FileSystem> {
        self.0.clone()
    }
}

/// Reads the location as a new process would: its rows, all of which have been compared with what was written, or what is wrong.
pub(crate) fn verify(
    fs: &dyn FileSystemHandle,
    directory: &Path,
    segments: &Segments,
    columns: &[ColumnDefinition],
) -> Result<u64> {
    let key = LocationKey { column_partition: "2017-08-25".into(), internal_partition: "feed".into() };
    let handle = IntradayHandle::new(fs.handle(), directory.to_path_buf(), key, Arc::new(ReadStats::default()));
    match handle.open_intraday() {
        Err(error) if error.is_not_found() => Ok(0),
        answer => verify_rows(&*answer?, segments, columns),
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
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) durability: Durability,
    pub(crate) segments: Segments,
    /// Before each commit: the log's length and the rows that it makes visible.
    begun: Vec<(usize, u64)>,
    /// After each call: the log's length, and what the writer said.
    promised: Vec<(usize, Commit)>,
    writer: u64,
}

impl Trace {
    /// A location that is not there yet.
    pub(crate) fn new(columns: Vec<ColumnDefinition>, durability: Durability) -> Self {
        Trace { columns, durability, segments: Vec::new(), begun: vec![(0, 0)], promised: Vec::new(), writer: 1 }
    }

    /// Goes on after what was recovered.
    pub(crate) fn after(&self, rows: u64) -> Self {
        let mut segments = self.segments.clone();
        segments.retain(|(start, _)| *start < rows);
        let writer = segments.last().map_or(1, |(_, writer)| writer + 1);
        // What was read after a crash is on the disk, so that another crash has nothing to take.
        let found = Commit { rows, durable_rows: rows };
        // A record of the first life whose rows were lost holds again once the same rows are written again.
        let mut begun = vec![(0, rows)];
        begun.extend(self.begun.iter().filter(|(_, earlier)| *earlier > rows).map(|(_, earlier)| (0, *earlier)));
        let (columns, durability) = (self.columns.clone(), self.durability);
        Trace { columns, durability, segments, begun, promised: vec![(0, found)], writer }
    }

    /// Runs the steps until one fails. `log` tells the length of the simulated log.
    pub(crate) fn run(&mut self, fs: &dyn FileSystemHandle, log: &SimulatedFileSystem, steps: &[Step]) -> Result<()> {
        let (columns, durability) = (self.columns.clone(), self.durability);
        let open = || IntradayWriter::open(fs.handle(), directory(), &columns, WriterOptions { durability });
        let mut writer = open()?;
        let mut rows = writer.row_count();
        self.take_over(rows);
        for step in steps {
            match *step {
                Step::Append(count) => {
                    writer.append(&chunks(&columns, rows..rows + count, self.writer))?;
                    rows += count;
                }
                Step::Commit(count) => {
                    writer.append(&chunks(&columns, rows..rows + count, self.writer))?;
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

    /// The most that a writer of this history said to be durable.
    pub(crate) fn acknowledged(&self) -> u64 {
        let said = self.promised.iter().filter(|(length, _)| *length > 0);
        said.map(|(_, commit)| commit.durable_rows).max().unwrap_or(0)
    }

    /// Whether `rows` is what some commit begun by then made visible: no more, and no part of one.
    pub(crate) fn is_boundary(&self, at: usize, rows: u64) -> bool {
        rows == 0 || self.begun.iter().any(|(length, begun)| *length <= at && *begun == rows)
    }
}

impl History for Trace {
    type View = u64;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<u64> {
        verify(&Shared(fs.clone()), directory(), &self.segments, &self.columns)
    }

    fn judge(&self, at: usize, rows: &u64, killed: bool) -> Result<(), String> {
        let promised = self.promised(at);
        let least = if killed { promised.rows } else { promised.durable_rows };
        if *rows < least {
            return Err(format!("{rows} rows of {least} promised"));
        }
        if self.is_boundary(at, *rows) { Ok(()) } else { Err(format!("{rows} rows, which no commit had")) }
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, rows: &u64) -> Result<Self> {
        let mut next = self.after(*rows);
        next.run(&Shared(fs.clone()), log, &[Step::Commit(6), Step::Sync])?;
        Ok(next)
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let names = fs.list(directory())?.into_iter().map(|entry| entry.name);
        Ok(names.filter(|name| is_temporary(name)).collect())
    }
}
