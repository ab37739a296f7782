//! The one writer of an intraday location.
//!
//! Rows go through [`IntradayWriter::append`] into the column files beyond their committed sizes, become visible together by
//! [`IntradayWriter::commit`], which writes one live slot, and durable by [`IntradayWriter::sync`], which syncs the files and then
//! writes and syncs one durable slot.
//!
//! **Invariants:** a slot is written only after the bytes it speaks of, a durable slot only after they were synced; the record that
//! recovery would choose is never the one being overwritten; after a failed write or sync nothing is written any more.

mod journaled;
mod opening;

pub(crate) use opening::carry_group;
pub(super) use opening::settle_location;

use super::append_file::AppendFile;
use super::column_writer::ColumnWriter;
use super::group::confirm;
use super::identity::new_identity;
use super::journal::JournalWriter;
use super::symbol_writer::check_sizes;
use super::sync_files::sync_files;
use super::tails::Tails;
use crate::base::{ColumnDefinition, Error, ErrorKind, Result};
use crate::format::column_form::ColumnForm;
use crate::format::commit::slot::{self, COMMIT_FILE_BYTES, DURABLE_SLOTS, EncodedSlot, LIVE_SLOTS, PAGE_BYTES};
use crate::format::commit::{COMMIT_FILE, ColumnFile, ColumnState, CommitRecord, GroupReference};
use crate::io::{File, FileSystem, LockGuard, OpenMode, create_dir_durable, is_temporary, publish};
use crate::memory::Chunk;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Appends of fewer values are worked on by one thread: waking others would cost more.
const PARALLEL_VALUES: usize = 64 << 10;

/// When rows become safe from a power cut. They are visible, and safe from the death of a process, with every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the writer is closed or asked to [`IntradayWriter::sync`].
    None,
    /// As `None`, and with the first commit, or call of [`IntradayWriter::sync_if_due`], that comes so many milliseconds after the last time.
    Interval(u64),
    /// With every commit, before it becomes visible: one write and one sync, whatever the number of columns, unless a commit has more than
    /// a mebibyte.
    Commit,
}

/// How a writer behaves.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// When rows become durable; every 200 ms by default.
    pub durability: Durability,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions { durability: Durability::Interval(200) }
    }
}

impl std::fmt::Debug for IntradayWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IntradayWriter({}, {} rows)", self.directory.display(), self.rows)
    }
}

/// Who opened a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A writer of its own.
    Alone,
    /// The holder of the group file's lock, for commits over several locations.
    Member,
}

/// What readers see, and what a power cut leaves them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Committed rows.
    pub rows: u64,
    /// Those of them that are durable.
    pub durable_rows: u64,
}

/// Appends rows to one location. Dropping it forgets what was not committed.
pub struct IntradayWriter {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    options: WriterOptions,
    role: Role,
    definitions: Vec<ColumnDefinition>,
    columns: Vec<ColumnWriter>,
    /// Rows appended, committed or not.
    rows: u64,
    /// The last commit: of this writer, or what it found. None before the first.
    record: Option<CommitRecord>,
    /// True while the columns are not those of the record.
    columns_changed: bool,
    epoch: u64,
    /// Rollbacks that the next record tells of, and the rows that the last one kept.
    rollbacks: (u64, u64),
    live_slot: usize,
    durable_slot: usize,
    commit_file: Option<Arc<dyn File>>,
    journal: JournalWriter,
    /// The version of the last record that was committed by the journal.
    journaled_version: Option<(u64, u64)>,
    /// The ends of column files that a power cut took, written before anything else is.
    tails: Option<Arc<Tails>>,
    /// The newest durable record that this writer found, slot and version; written again before anything depends on it.
    found_durable: Option<(usize, (u64, u64))>,
    /// The version of the newest record that is known to be durable.
    durable_version: Option<(u64, u64)>,
    /// True once the directory was synced.
    names_durable: bool,
    last_sync_ns: i64,
    poison: Option<String>,
    /// The identity of the location whose place a new one is to take.
    place_of: Option<[u8; 16]>,
    _lock: Box<dyn LockGuard>,
}

impl IntradayWriter {
    /// Committed rows.
    pub fn row_count(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.row_count)
    }

    /// Says, before the first commit to a new location, that it is to take the place of the location of this identity.
    pub(in crate::storage) fn take_place_of(&mut self, location: [u8; 16]) {
        self.place_of = Some(location);
    }

    /// Appends rows: one chunk a column, in the order of the columns, all of one length. They are not visible until the next commit.
    ///
    /// Chunks that do not fit are refused as a whole and leave the writer as it was. Strings are given the location's codes; chunks that
    /// share a symbol table are translated by table, not by row.
    pub fn append(&mut self, chunks: &[Chunk]) -> Result<()> {
        self.check_alive()?;
        let rows = check_chunks(&self.definitions, chunks).map_err(|e| e.at_path(&self.fs.display(&self.directory)))?;
        let parallel = rows.saturating_mul(chunks.len()) >= PARALLEL_VALUES;
        self.each_column(chunks, parallel, |_, column, chunk| column.prepare(chunk))?;
        check_sizes(self.columns.iter().map(ColumnWriter::symbol_text_bytes))?;
        if rows == 0 {
            return Ok(());
        }
        // Before any column file: one without a commit file beside it means that the commit file was lost.
        let prepared = self.prepare_commit_file();
        self.poison_on_error(prepared)?;
        let written = self.each_column(chunks, parallel, |fs, column, chunk| column.append(fs, chunk));
        self.poison_on_error(written)?;
        self.rows += rows as u64;
        Ok(())
    }

    /// Makes all appended rows visible at once. Nothing happens where there are none, except that the first commit of a location, even
    /// without rows, makes its columns known.
    pub fn commit(&mut self) -> Result<Commit> {
        self.check_alive()?;
        let committed = self.commit_rows();
        self.poison_on_error(committed)?;
        Ok(self.published())
    }

    /// Writes the record of all appended rows as part of a commit over several locations: nobody sees them before that is published. With
    /// `durable` all of it is synced, the record too. After an error the writer and the whole commit are lost.
    pub(crate) fn prepare(&mut self, group: GroupReference, durable: bool) -> Result<()> {
        self.check_alive()?;
        let prepared = self.prepare_record(group, durable);
        self.poison_on_error(prepared)
    }

    /// After the publication of what was prepared durably: a second copy of the record, as other durable commits have.
    pub(super) fn copy_record(&mut self) -> Result<()> {
        self.check_alive()?;
        let Some(record) = self.record.clone() else { return Ok(()) };
        let copied = self.write_live(&record);
        self.poison_on_error(copied)
    }

    /// Makes all committed rows durable.
    pub fn sync(&mut self) -> Result<Commit> {
        self.check_alive()?;
        let synced = self.make_durable();
        self.poison_on_error(synced)?;
        Ok(self.published())
    }

    /// [`IntradayWriter::sync`] where [`Durability::Interval`] says so. For loops that wait for rows: without rows there are no commits
    /// that would look at the clock.
    pub fn sync_if_due(&mut self) -> Result<Commit> {
        if self.is_sync_due() { self.sync() } else { self.check_alive().map(|()| self.published()) }
    }

    /// Commits the rows once more, as this writer, and makes them durable: a live and a durable slot are written whether or not there is
    /// anything new.
    pub(super) fn renew(&mut self) -> Result<Commit> {
        self.columns_changed = true;
        self.commit()?;
        self.sync()
    }

    /// What readers see now.
    pub fn published(&self) -> Commit {
        let (rows, durable_rows) = self.record.as_ref().map_or((0, 0), |r| (r.row_count, r.durable_row_count));
        Commit { rows, durable_rows }
    }

    /// Makes all committed rows durable, whatever the options, and gives the location up. Rows that were appended and not committed are
    /// forgotten.
    pub fn close(mut self) -> Result<Commit> {
        self.sync()
    }

    /// Forgets rows that were appended and not committed, and gives the location up without waiting for the disk.
    pub fn discard(self) {}

    fn check_alive(&self) -> Result<()> {
        match &self.poison {
            None => Ok(()),
            Some(cause) => Err(Error::new(ErrorKind::Poisoned, format!("the writer failed before: {cause}"))
                .at_path(&self.fs.display(&self.directory))
                .hint("open the location again; rows that were not committed have to be appended again")),
        }
    }

    fn poison_on_error<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }

    fn each_column(
        &mut self,
        chunks: &[Chunk],
        parallel: bool,
        work: impl Fn(&dyn FileSystem, &mut ColumnWriter, &Chunk) -> Result<()> + Sync,
    ) -> Result<()> {
        let fs = &*self.fs;
        if parallel {
            self.columns.par_iter_mut().zip(chunks).try_for_each(|(column, chunk)| work(fs, column, chunk))
        } else {
            self.columns.iter_mut().zip(chunks).try_for_each(|(column, chunk)| work(fs, column, chunk))
        }
    }

    /// The record of all appended rows, their bytes written.
    fn flushed_record(&mut self) -> Result<CommitRecord> {
        self.prepare_commit_file()?;
        let fs = &*self.fs;
        self.columns.iter_mut().try_for_each(|column| column.flush(fs))?;
        let columns = self.columns.iter_mut().map(ColumnWriter::commit).collect();
        Ok(self.next_record(columns))
    }

    fn prepare_record(&mut self, group: GroupReference, durable: bool) -> Result<()> {
        let mut record = self.flushed_record()?;
        record.group = Some(group);
        if !durable {
            self.write_live(&record)?;
        }
        self.record = Some(record);
        self.columns_changed = false;
        if durable { self.make_durable() } else { Ok(()) }
    }

    fn commit_rows(&mut self) -> Result<()> {
        let new_rows = self.record.is_none() || self.columns_changed || self.rows > self.row_count();
        if self.options.durability == Durability::Commit {
            let journaled = self.record.as_ref().map(CommitRecord::version);
            if new_rows && self.commit_to_journal()? || !new_rows && journaled == self.journaled_version {
                return Ok(());
            }
        }
        if new_rows {
            let record = self.flushed_record()?;
            if self.options.durability != Durability::Commit {
                self.write_live(&record)?;
            }
            self.record = Some(record);
            self.columns_changed = false;
        }
        if self.options.durability == Durability::Commit {
            self.make_durable()?;
            if new_rows && let Some(record) = self.record.clone() {
                // A second copy, and the end of whatever a crash left in the live slots.
                self.write_live(&record)?;
            }
        } else if self.is_sync_due() {
            self.make_durable()?;
        }
        Ok(())
    }

    fn next_record(&self, columns: Vec<ColumnState>) -> CommitRecord {
        let last = self.record.as_ref();
        CommitRecord {
            location: last.map_or_else(|| new_identity(self.place_of), |last| last.location),
            epoch: self.epoch,
            generation: last.map_or(0, |last| last.generation.saturating_add(1)),
            rollbacks: self.rollbacks.0,
            rollback_rows: self.rollbacks.1,
            row_count: self.rows,
            durable_row_count: last.map_or(0, |last| last.durable_row_count),
            committed_ns: self.fs.now_ns(),
            // Whoever opened the location saw to it that this commit is durable.
            group: last.and_then(|last| last.group).map(|group| GroupReference { settled: true, ..group }),
            columns,
        }
    }

    /// Makes sure, before the first record of this writer, that there is a commit file and that what it says is durable really is.
    fn prepare_commit_file(&mut self) -> Result<()> {
        if self.commit_file.is_some() {
            return Ok(());
        }
        let path = self.directory.join(COMMIT_FILE);
        if self.record.is_none() {
            self.create_commit_file(&path)?;
            self.commit_file = Some(self.fs.open(&path, OpenMode::Write)?);
            return Ok(());
        }
        let fs = &*self.fs;
        let parent = self.directory.parent().unwrap_or(Path::new(""));
        if self.role == Role::Alone && self.record.as_ref().is_some_and(|r| r.group.is_some_and(|group| !group.settled))
        {
            // The records of this writer say that the rows before them are settled.
            confirm(fs, parent)?;
        }
        if let Some(tails) = self.tails.take() {
            tails.write_to(fs)?;
        }
        self.columns.iter_mut().flat_map(ColumnWriter::files).try_for_each(|file| file.rewrite_delta(fs))?;
        // Whoever made the commit file may have died before its name was durable; column files without it are remains of a location. And
        // whoever made the location elsewhere may have died before the name that brought it here was.
        fs.sync_dir(&self.directory)?;
        fs.sync_dir(parent)?;
        let file = fs.open(&path, OpenMode::Write)?;
        if let Some((found, version)) = self.found_durable {
            // An earlier writer may have failed to sync this slot, so that it stands in memory only; the next durable record
            // overwrites the other one.
            let mut page = vec![0; PAGE_BYTES];
            file.read_exact_at(&mut page, slot::slot_offset(found))?;
            let side_path = self.directory.join(slot::side_file_name(found));
            if fs.metadata(&side_path)?.is_some() {
                let side = fs.open(&side_path, OpenMode::Write)?;
                let mut bytes = vec![0; side.size()? as usize];
                side.read_exact_at(&mut bytes, 0)?;
                side.write_all_at(&bytes, 0)?;
                side.sync()?;
            }
            file.write_all_at(&page, slot::slot_offset(found))?;
            file.sync()?;
            self.durable_version = Some(version);
        }
        self.commit_file = Some(file);
        Ok(())
    }

    /// Publishes a commit file with one durable record of no rows, so that recovery has something to go back to, and takes that for the last
    /// commit.
    fn create_commit_file(&mut self, path: &Path) -> Result<()> {
        let fs = &*self.fs;
        create_dir_durable(fs, &self.directory)?;
        for entry in fs.list(&self.directory)?.iter().filter(|entry| is_temporary(&entry.name)) {
            fs.remove_file(&self.directory.join(&entry.name))?;
        }
        let state = |column: &ColumnDefinition| ColumnState {
            name: column.name.clone(),
            form: ColumnForm::of(column),
            first_row: 0,
            files: ColumnFile::of(ColumnForm::of(column)).map(|_| Default::default()).collect(),
        };
        let mut record = self.next_record(self.definitions.iter().map(state).collect());
        record.row_count = 0;
        let slot = DURABLE_SLOTS[0];
        publish_commit_file(fs, path, &[(slot, &record)])?;
        self.durable_slot = other_durable(slot);
        self.durable_version = Some(record.version());
        self.record = Some(record);
        Ok(())
    }

    fn write_live(&mut self, record: &CommitRecord) -> Result<()> {
        self.write_slot(self.live_slot, record, false)?;
        self.live_slot = LIVE_SLOTS[usize::from(self.live_slot == LIVE_SLOTS[0])];
        Ok(())
    }

    /// Makes the last commit durable; nothing where it is.
    fn make_durable(&mut self) -> Result<()> {
        let Some(version) = self.record.as_ref().map(CommitRecord::version) else { return Ok(()) };
        self.prepare_commit_file()?;
        if self.durable_version == Some(version) {
            return Ok(());
        }
        let mut files: Vec<&mut AppendFile> = self.columns.iter_mut().flat_map(ColumnWriter::files).collect();
        match self.role {
            Role::Alone => sync_files(&mut files)?,
            // Several locations are synced at a time.
            Role::Member => files.iter_mut().try_for_each(|file| file.sync())?,
        }
        // Whoever made the files that were there may not have lived to sync the directory.
        if !self.names_durable || files.iter().any(|file| file.was_created()) {
            self.fs.sync_dir(&self.directory)?;
            self.names_durable = true;
        }
        let Some(mut record) = self.record.clone() else { return Ok(()) };
        record.durable_row_count = record.row_count;
        for state in record.columns.iter_mut().flat_map(|column| &mut column.files) {
            state.durable_size = state.size;
            state.delta_checksum = 0;
        }
        self.write_slot(self.durable_slot, &record, true)?;
        self.columns.iter_mut().flat_map(ColumnWriter::files).for_each(AppendFile::made_durable);
        self.durable_slot = other_durable(self.durable_slot);
        self.durable_version = Some(version);
        self.last_sync_ns = self.fs.now_ns();
        self.record = Some(record);
        Ok(())
    }

    fn write_slot(&self, slot: usize, record: &CommitRecord, durable: bool) -> Result<()> {
        let Some(file) = &self.commit_file else {
            return Err(Error::invalid("the commit file is not open"));
        };
        let EncodedSlot { page, side_file } = slot::encode(record, slot);
        if let Some(bytes) = side_file {
            let side_path = self.directory.join(slot::side_file_name(slot));
            let side = self.fs.open(&side_path, OpenMode::Create)?;
            side.write_all_at(&bytes, 0)?;
            if durable {
                side.sync()?;
                self.fs.sync_dir(&self.directory)?;
            }
        }
        file.write_all_at(&page, slot::slot_offset(slot))?;
        if durable { file.sync() } else { Ok(()) }
    }

    fn is_sync_due(&self) -> bool {
        is_due(self.options.durability, self.last_sync_ns, self.fs.now_ns())
    }
}

/// True where the interval since the last sync is over.
pub(super) fn is_due(durability: Durability, last_sync_ns: i64, now_ns: i64) -> bool {
    let Durability::Interval(ms) = durability else { return false };
    // A clock that went back counts as due.
    let elapsed_ns = u64::try_from(now_ns.saturating_sub(last_sync_ns)).unwrap_or(u64::MAX);
    elapsed_ns >= ms.saturating_mul(1_000_000)
}

/// Refuses chunks that are not one a column, of its type and of one length; how many rows they are.
pub(super) fn check_chunks(columns: &[ColumnDefinition], chunks: &[Chunk]) -> Result<usize> {
    if chunks.len() != columns.len() {
        return Err(Error::invalid(format!("{} chunks for {} columns", chunks.len(), columns.len())));
    }
    let rows = chunks.first().map_or(0, Chunk::len);
    for (chunk, column) in chunks.iter().zip(columns) {
        if chunk.column_type() != column.column_type {
            let (name, its, wanted) = (&column.name, chunk.column_type(), column.column_type);
            return Err(Error::type_mismatch(format!("column {name} has type {wanted}, its chunk {its}")));
        }
        if chunk.len() != rows {
            let (name, its, first) = (&column.name, chunk.len(), &columns[0].name);
            return Err(Error::invalid(format!("column {name} has {its} rows, column {first} has {rows}")));
        }
    }
    Ok(rows)
}

/// Replaces the commit file of a location by one with these records.
fn publish_commit_file(fs: &dyn FileSystem, path: &Path, records: &[(usize, &CommitRecord)]) -> Result<()> {
    let location = records.first().map_or([0; 16], |(_, record)| record.location);
    let mut file = slot::encode_head(location);
    file.resize(COMMIT_FILE_BYTES, 0);
    for &(slot, record) in records {
        let EncodedSlot { page, side_file } = slot::encode(record, slot);
        if let Some(side_file) = side_file {
            publish(fs, &path.with_file_name(slot::side_file_name(slot)), &side_file)?;
        }
        let at = slot::slot_offset(slot) as usize;
        file[at..at + PAGE_BYTES].copy_from_slice(&page);
    }
    publish(fs, path, &file)
}

fn other_durable(slot: usize) -> usize {
    DURABLE_SLOTS[usize::from(slot == DURABLE_SLOTS[0])]
}
