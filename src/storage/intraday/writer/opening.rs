//! Opening a location for writing: what a new writer goes on from.
//!
//! **Invariant:** only commits that the journal alone has are written while a location is opened, as they are; everything else waits for the
//! first append or sync.

use super::super::LOCK_FILE;
use super::super::column_writer::ColumnWriter;
use super::super::group::settle;
use super::super::identity::new_identity;
use super::super::journal::JournalWriter;
use super::super::recovery::{Recovered, recover, recover_locked};
use super::{Durability, IntradayWriter, Role, WriterOptions, other_durable, publish_commit_file};
use crate::base::{ColumnDefinition, Error, ErrorKind, Result, TableDefinition};
use crate::format::commit::slot::{DURABLE_SLOTS, LIVE_SLOTS};
use crate::format::commit::{COMMIT_FILE, ColumnState, CommitRecord, GroupReference};
use crate::io::{FileSystem, LockGuard, LockKind};
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often a location is opened again after what others left was settled.
const SETTLE_ATTEMPTS: usize = 8;
/// How often a lock is asked for: a reader that asks whether there is a writer has it for a moment.
const LOCK_ATTEMPTS: usize = 4;

impl IntradayWriter {
    /// Opens the location in `directory` (relative to the file system's root) for appending, making the directory if it is missing.
    ///
    /// `columns` are the stored columns of the table, without the partitioning one; they are known by the names of their files. Columns that the location does not have yet are
    /// null in its earlier rows. Errs with [`ErrorKind::Locked`] while another writer has the location, with `Type` where a column
    /// has another type there, with `Invalid` where the location has a column that `columns` lack. Reads the symbol tables.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        columns: &[ColumnDefinition],
        options: WriterOptions,
    ) -> Result<Self> {
        let source = directory.parent().unwrap_or(Path::new(""));
        for _ in 0..SETTLE_ATTEMPTS {
            let opened = Self::open_location(fs.clone(), directory, columns, options, Role::Alone);
            match opened.map_err(|e| e.at_path(&fs.display(directory)))? {
                Some(writer) => return Ok(writer),
                // Its lock was given up: whoever settles takes the locks of all locations concerned.
                None => settle(&fs, source)?,
            }
        }
        Err(Error::new(ErrorKind::Locked, "commits over several partitions are being made")
            .at_path(&fs.display(source)))
    }

    /// As [`IntradayWriter::open`], for whoever holds the lock of the source's group file.
    pub(crate) fn open_member(fs: Arc<dyn FileSystem>, directory: &Path, columns: &[ColumnDefinition]) -> Result<Self> {
        let options = WriterOptions { durability: Durability::None };
        let opened = Self::open_location(fs.clone(), directory, columns, options, Role::Member);
        opened
            .and_then(|writer| writer.ok_or_else(|| Error::invalid("a member settles nothing")))
            .map_err(|e| e.at_path(&fs.display(directory)))
    }

    /// None where commits over several locations have to be settled first.
    fn open_location(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        columns: &[ColumnDefinition],
        options: WriterOptions,
        role: Role,
    ) -> Result<Option<Self>> {
        TableDefinition::new(columns.to_vec())?;
        let columns = &columns.iter().map(ColumnDefinition::as_stored).collect::<Vec<_>>()[..];
        fs.create_dir_all(directory)?;
        let lock = lock(&*fs, directory)?;
        let look = recover_locked(&*fs, directory)?;
        if role == Role::Alone && look.unsettled {
            return Ok(None);
        }
        let recovered = look.found;
        let record = recovered.as_ref().map(|recovered| &recovered.record);
        // Without rows there is nothing to keep: the location takes any columns, and their files begin anew.
        let filled = record.filter(|record| record.row_count > 0);
        if let Some(record) = filled {
            check_columns(record, columns)?;
        }
        let rows = record.map_or(0, |record| record.row_count);
        let found_durable = recovered.as_ref().and_then(|recovered| {
            let slot = recovered.newest_durable()?;
            Some((slot, recovered.versions[slot]?))
        });
        let tails = recovered.as_ref().and_then(|recovered| recovered.tails.clone());
        let files = tails.as_ref().map_or_else(|| fs.clone(), |tails| tails.over(fs.clone()));
        let open = |column: &ColumnDefinition| {
            let state = filled.and_then(|record| record.column(&column.name));
            ColumnWriter::open(&*files, directory, column, state, rows)
        };
        let writers: Vec<ColumnWriter> = match role {
            Role::Alone => columns.par_iter().map(open).collect::<Result<_>>()?,
            // Several locations are opened at a time.
            Role::Member => columns.iter().map(open).collect::<Result<_>>()?,
        };
        let stored = record.map_or(&[][..], |record| &record.columns);
        let columns_changed =
            !stored.iter().map(|c| (&c.name, c.column_type())).eq(columns.iter().map(|c| (&c.name, c.column_type)));
        let is_rolled_back = recovered.as_ref().is_some_and(|recovered| !recovered.rejected.is_empty());
        let rollbacks = match &recovered {
            Some(Recovered { record, rejected, .. }) if !rejected.is_empty() => {
                (record.rollbacks + 1, record.row_count)
            }
            Some(Recovered { record, .. }) => (record.rollbacks, record.rollback_rows),
            None => (0, 0),
        };
        let mut writer = IntradayWriter {
            directory: directory.to_path_buf(),
            options,
            role,
            definitions: columns.to_vec(),
            columns: writers,
            rows,
            columns_changed,
            epoch: recovered.as_ref().map_or(1, |recovered| recovered.epoch_max.saturating_add(1)),
            rollbacks,
            live_slot: recovered.as_ref().map_or(0, next_live_slot),
            durable_slot: found_durable.map_or(DURABLE_SLOTS[0], |(slot, _)| other_durable(slot)),
            commit_file: None,
            journal: JournalWriter::default(),
            journaled_version: None,
            tails,
            found_durable,
            durable_version: None,
            names_durable: false,
            last_sync_ns: fs.now_ns(),
            poison: None,
            place_of: None,
            record: recovered.map(|recovered| recovered.record),
            fs,
            _lock: lock,
        };
        // Readers cannot tell commits that only the journal has from those of a writer at work. Where some are lost, the next record tells.
        if writer.tails.is_some() && !is_rolled_back {
            writer.make_durable()?;
        }
        Ok(Some(writer))
    }
}

/// The lock that makes a writer the only one.
fn lock(fs: &dyn FileSystem, directory: &Path) -> Result<Box<dyn LockGuard>> {
    for attempt in 0..LOCK_ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(lock) = fs.try_lock(&directory.join(LOCK_FILE), LockKind::Exclusive)? {
            return Ok(lock);
        }
    }
    Err(Error::new(ErrorKind::Locked, "another writer has the location")
        .hint("wait until it is done, or write under another source name"))
}

/// Makes all rows of a location that nobody reads yet, and that was closed, part of a commit over several locations, durably: it has no rows before that is published.
pub(crate) fn carry_group(fs: &dyn FileSystem, directory: &Path, group: GroupReference) -> Result<()> {
    let Some(found) = recover(fs, directory, None, None)?.found else {
        return Err(Error::not_found("there is nothing to publish").at_path(&fs.display(directory)));
    };
    let mut last = found.record;
    if last.durable_row_count < last.row_count {
        return Err(Error::invalid("the location was not closed").at_path(&fs.display(directory)));
    }
    // Nothing of the commit file before may be taken for a part of this one.
    last.location = new_identity(Some(last.location));
    (last.epoch, last.generation, last.rollbacks, last.rollback_rows) = (1, 1, 0, 0);
    let mut empty = last.clone();
    (empty.generation, empty.row_count, empty.durable_row_count) = (0, 0, 0);
    for column in &mut empty.columns {
        column.first_row = 0;
        column.files.fill(Default::default());
    }
    last.group = Some(group);
    publish_commit_file(fs, &directory.join(COMMIT_FILE), &[(DURABLE_SLOTS[0], &empty), (DURABLE_SLOTS[1], &last)])
}

/// Makes durable what the commit record of a location says, for whoever holds the lock of the source's group file.
pub(in crate::storage::intraday) fn settle_location(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<()> {
    let Some(found) = recover(&**fs, directory, None, None)?.found else { return Ok(()) };
    let columns: Vec<ColumnDefinition> = found.record.columns.iter().map(ColumnState::definition).collect();
    let mut writer = IntradayWriter::open_member(fs.clone(), directory, &columns)?;
    writer.sync().map(drop)
}

/// The live slot that the first commit after recovery overwrites: never the one that was chosen, a broken one first, else the older.
fn next_live_slot(recovered: &Recovered) -> usize {
    let free = LIVE_SLOTS.into_iter().filter(|&slot| slot != recovered.slot);
    free.min_by_key(|&slot| recovered.versions[slot]).unwrap_or(LIVE_SLOTS[0])
}

/// Refuses columns that changed their type or are gone.
fn check_columns(record: &CommitRecord, columns: &[ColumnDefinition]) -> Result<()> {
    let wanted: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    if let Some(gone) = record.columns.iter().find(|column| !wanted.contains(column.name.as_str())) {
        return Err(Error::invalid(format!("the location has a column {} that the table lacks", gone.name))
            .hint("rows of the new schema go to another partition, or to this one under another source name: a merge takes both"));
    }
    for column in columns {
        match record.column(&column.name) {
            Some(found) if found.column_type() != column.column_type => {
                let (name, stored, wanted) = (&column.name, found.column_type(), column.column_type);
                return Err(Error::type_mismatch(format!(
                    "column {name} has type {stored} in the location and type {wanted} in the table"
                ))
                .hint("a column keeps its type within a location; rows of the new type go to another partition, or to this one under another source name: a merge takes both"));
            }
            _ => {}
        }
    }
    Ok(())
}
