//! Appends batches over several column partitions of a source: each becomes visible at one instant, and durable as a whole.

use super::{GroupSession, each};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, Error, ErrorKind, Result};
use crate::format::column_form::ColumnForm;
use crate::format::commit::{ColumnFile, GroupReference};
use crate::io::FileSystem;
use crate::memory::Chunk;
use crate::storage::intraday::writer::{check_chunks, is_due, settle_location};
use crate::storage::intraday::{Commit, Durability, IntradayWriter, WriterOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that stay open between commits; locations beyond are opened anew by each commit that they take part in.
const OPEN_FILES_MAX: usize = 256;

/// Appends rows to the column partitions of one source. Dropping it forgets what was not committed.
///
/// Rows of a batch are kept in memory until [`GroupWriter::commit`]. After an error of a write or sync nothing more is written, and what the
/// failed commit left is given up by whoever writes next.
#[derive(Debug)]
pub struct GroupWriter {
    fs: Arc<dyn FileSystem>,
    /// The directory of the source.
    source: PathBuf,
    columns: Vec<ColumnDefinition>,
    options: WriterOptions,
    /// None before the first commit and after a failure.
    session: Option<GroupSession>,
    open: BTreeMap<String, IntradayWriter>,
    open_max: usize,
    /// Committed, not durable, and not open.
    lagging: BTreeSet<String>,
    batch: BTreeMap<String, Vec<Vec<Chunk>>>,
    batch_rows: u64,
    committed: Commit,
    last_sync_ns: i64,
    poison: Option<String>,
}

/// A location that takes part in a commit.
struct Part {
    partition: String,
    writer: Option<IntradayWriter>,
    /// Whether it stays open.
    keep: bool,
    pieces: Vec<Vec<Chunk>>,
}

impl GroupWriter {
    /// A writer of the locations in `source` (`intraday/<namespace>/<table>/<source>`), each a directory named by its column partition. `columns`
    /// are the stored columns, without the partitioning one. Opens nothing yet: other writers are met at the first commit.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        source: &Path,
        columns: &[ColumnDefinition],
        options: WriterOptions,
    ) -> Result<Self> {
        let files: usize = columns.iter().map(|column| ColumnFile::of(ColumnForm::of(column)).count()).sum();
        Ok(GroupWriter {
            source: source.to_path_buf(),
            columns: columns.to_vec(),
            options,
            session: None,
            open: BTreeMap::new(),
            open_max: (OPEN_FILES_MAX / (files + 2)).max(1),
            lagging: BTreeSet::new(),
            batch: BTreeMap::new(),
            batch_rows: 0,
            committed: Commit::default(),
            last_sync_ns: fs.now_ns(),
            poison: None,
            fs,
        })
    }

    /// Adds rows to the batch: for a column partition, one chunk a column, in the order of the columns, all of one length. Refused as a whole if
    /// they do not fit. Nothing is written yet.
    pub fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        self.check_alive()?;
        names::check(NameKind::ColumnPartition, partition)?;
        let rows = check_chunks(&self.columns, &chunks).map_err(|e| e.at_path(&self.fs.display(&self.source)))?;
        if rows > 0 {
            self.batch.entry(partition.to_string()).or_default().push(chunks);
            self.batch_rows += rows as u64;
        }
        Ok(())
    }

    /// Rows appended since the last commit.
    pub fn batch_rows(&self) -> u64 {
        self.batch_rows
    }

    /// Makes all appended rows visible at once, in all partitions; with [`Durability::Commit`] durable before. Gives the rows that this
    /// writer has committed, and how many of them are durable. `Locked` where another writer has one of the locations, or appends to several
    /// partitions of this source; nothing is committed then, and this writer is done.
    pub fn commit(&mut self) -> Result<Commit> {
        self.check_alive()?;
        let done = self.commit_batch();
        self.poison_on_error(done)?;
        if self.is_sync_due() { self.sync() } else { Ok(self.committed) }
    }

    /// Makes all committed rows durable.
    pub fn sync(&mut self) -> Result<Commit> {
        self.check_alive()?;
        let done = self.make_durable();
        self.poison_on_error(done)?;
        Ok(self.committed)
    }

    /// [`GroupWriter::sync`] where [`Durability::Interval`] says so.
    pub fn sync_if_due(&mut self) -> Result<Commit> {
        if self.is_sync_due() { self.sync() } else { self.check_alive().map(|()| self.committed) }
    }

    /// Rows that this writer has committed, and how many of them are durable.
    pub fn published(&self) -> Commit {
        self.committed
    }

    /// Makes all committed rows durable and gives the locations up. Rows that were appended and not committed are forgotten.
    pub fn close(mut self) -> Result<Commit> {
        self.sync()?;
        self.open.clear();
        match self.session.take() {
            Some(session) => session.end().map(|()| self.committed),
            None => Ok(self.committed),
        }
    }

    fn check_alive(&self) -> Result<()> {
        match &self.poison {
            None => Ok(()),
            Some(cause) => Err(Error::new(ErrorKind::Poisoned, format!("the writer failed before: {cause}"))
                .at_path(&self.fs.display(&self.source))
                .hint("open the partitions again; rows that were not committed have to be appended again")),
        }
    }

    fn poison_on_error<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.poison = Some(error.to_string());
            // Their locks go, so that others can settle what is left.
            self.open.clear();
            self.session = None;
        }
        result
    }

    fn is_sync_due(&self) -> bool {
        self.committed.durable_rows < self.committed.rows
            && is_due(self.options.durability, self.last_sync_ns, self.fs.now_ns())
    }

    fn commit_batch(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.session.is_none() {
            self.session = Some(GroupSession::begin(&self.fs, &self.source)?);
        }
        let durable = self.options.durability == Durability::Commit;
        let parts = self.parts();
        let Some(session) = &mut self.session else { return Ok(()) };
        let group = session.next();
        let (fs, source, columns) = (&self.fs, &self.source, &self.columns);
        let work = |part: Part| prepare(fs, source, columns, part, group, durable);
        // Without waits for the disk threads would cost more than they save.
        let prepared = match durable || parts.iter().any(|part| part.writer.is_none()) {
            true => each(parts, work)?,
            false => parts.into_iter().map(work).collect::<Result<Vec<_>>>()?,
        };
        match durable {
            true => session.publish_durably()?,
            false => session.publish()?,
        }
        self.committed.rows += std::mem::take(&mut self.batch_rows);
        if durable {
            self.committed.durable_rows = self.committed.rows;
        }
        for Part { partition, writer, .. } in prepared {
            match writer {
                Some(mut writer) => {
                    if durable {
                        writer.copy_record()?;
                    }
                    self.lagging.remove(&partition);
                    self.open.insert(partition, writer);
                }
                None if durable => {}
                None => drop(self.lagging.insert(partition)),
            }
        }
        Ok(())
    }

    /// The locations of the batch, with their writers as far as they are open. Others are closed where there would be too many.
    fn parts(&mut self) -> Vec<Part> {
        let batch = std::mem::take(&mut self.batch);
        let others: Vec<String> = self.open.keys().filter(|open| !batch.contains_key(*open)).cloned().collect();
        let mut room = self.open_max.saturating_sub(batch.len());
        for other in others {
            match room {
                0 => {
                    self.open.remove(&other);
                    if self.committed.durable_rows < self.committed.rows {
                        self.lagging.insert(other);
                    }
                }
                _ => room -= 1,
            }
        }
        let open = &mut self.open;
        let parts = batch.into_iter().enumerate().map(|(at, (partition, pieces))| {
            let writer = open.remove(&partition);
            Part { partition, writer, keep: at < self.open_max, pieces }
        });
        parts.collect()
    }

    fn make_durable(&mut self) -> Result<()> {
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.is_durable() {
            return Ok(());
        }
        let open = std::mem::take(&mut self.open).into_iter().map(|(partition, writer)| (partition, Some(writer)));
        let lagging = std::mem::take(&mut self.lagging).into_iter();
        let lagging: Vec<_> = lagging.map(|partition| (partition, None)).collect();
        let (fs, source) = (&self.fs, &self.source);
        let synced =
            each(
                open.chain(lagging).collect(),
                |(partition, writer): (String, Option<IntradayWriter>)| match writer {
                    Some(mut writer) => writer.sync().map(|_| Some((partition, writer))),
                    None => settle_location(fs, &source.join(partition)).map(|()| None),
                },
            )?;
        session.publish_durably()?;
        self.open = synced.into_iter().flatten().collect();
        self.committed.durable_rows = self.committed.rows;
        self.last_sync_ns = self.fs.now_ns();
        Ok(())
    }
}

fn prepare(
    fs: &Arc<dyn FileSystem>,
    source: &Path,
    columns: &[ColumnDefinition],
    part: Part,
    group: GroupReference,
    durable: bool,
) -> Result<Part> {
    let Part { partition, writer, keep, pieces } = part;
    let mut writer = match writer {
        Some(writer) => writer,
        None => IntradayWriter::open_member(fs.clone(), &source.join(&partition), columns)?,
    };
    pieces.iter().try_for_each(|chunks| writer.append(chunks))?;
    writer.prepare(group, durable)?;
    Ok(Part { partition, writer: keep.then_some(writer), keep, pieces: Vec::new() })
}
