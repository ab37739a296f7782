//! A directory beside the partitions of a source in which new ones are made out of sight, and the step by which they take their places.
//!
//! Its name begins with a dot, so no partition has it and no reader looks into it. Its lock tells imports that run from what is left of dead
//! ones, which the next import removes.

use super::{Destination, ImportMode};
use crate::base::{Error, ErrorKind, Result};
use crate::format::commit::GroupReference;
use crate::io::{FileSystem, LockGuard, LockKind, create_dir_durable, remove_tree};
use crate::memory::Chunk;
use crate::storage::intraday::{
    GroupSession, IntradayWriter, LOCK_FILE, carry_group, each, sweep_group, sweep_removed,
};
use crate::storage::{ColumnRegion, Location};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const PREFIX: &str = ".import-";
const STAGING_LOCK: &str = "import.lock";
/// What the name of a location begins with that gave its place to a new one.
const REPLACED: &str = ".replaced-";
/// Rows copied at once from a staged location to one that has rows.
const COPY_ROWS: u64 = 64 << 10;

/// The directory; removed with everything in it when dropped, unless old rows in it may still be needed.
pub(super) struct Staging {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    /// True where locations lie in it that a power cut may bring back to their place: the next import removes them.
    holds_old: AtomicBool,
    _lock: Box<dyn LockGuard>,
}

impl Staging {
    /// Makes a new one in the directory of a source, and removes those of dead imports.
    pub(super) fn create(destination: &Destination) -> Result<Self> {
        let fs = destination.fs.clone();
        create_dir_durable(&*fs, &destination.directory)?;
        sweep(&*fs, &destination.directory)?;
        // Whoever sweeps may take a directory for dead that has no lock yet; a second one will hardly meet the same fate.
        for _ in 0..8 {
            let directory = destination.directory.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
            fs.create_dir_all(&directory)?;
            if let Ok(Some(lock)) = fs.try_lock(&directory.join(STAGING_LOCK), LockKind::Exclusive) {
                return Ok(Staging { fs, directory, holds_old: AtomicBool::new(false), _lock: lock });
            }
        }
        Err(Error::new(ErrorKind::Locked, "could not make a directory to import into")
            .at_path(&fs.display(&destination.directory)))
    }

    /// Where the new location of a partition is made.
    pub(super) fn location(&self, partition: &str) -> PathBuf {
        self.directory.join(partition)
    }

    /// Lets the staged location of a partition, whose rows are `durable` or not, take its place: as the only one, or in place of an old one, or as more rows of it.
    /// Its name is durable then. Gives whether the rows are: always if they were, and where there was a location before.
    pub(super) fn publish(&self, destination: &Destination, partition: &str, durable: bool) -> Result<bool> {
        let rows = destination.row_count(partition)?;
        match (destination.mode, rows) {
            (_, None) => self.rename(destination, partition).map(|()| durable),
            (ImportMode::Append, Some(1..)) => self.copy(destination, partition).map(|()| true),
            (ImportMode::Safe, Some(1..)) => destination.check_safe(partition).map(|()| durable),
            _ => {
                if !durable {
                    // The other location came to be since the rows were written.
                    let (fs, staged) = (self.fs.clone(), self.location(partition));
                    IntradayWriter::open_member(fs, &staged, &destination.columns)?.close()?;
                }
                self.swap(destination, partition).map(|()| true)
            }
        }
    }

    /// Lets the staged locations of several partitions take their places. All of them appear at one instant, and after a power cut all or none; those that take the place of
    /// others that have rows do so one after the other, behind the rest: the records of a location can wait for the number of a commit to be
    /// published, the name of a directory cannot, and the old rows are to be seen until then.
    pub(super) fn publish_all(&self, destination: &Destination, partitions: &[&str]) -> Result<()> {
        if let [alone] = partitions {
            return self.publish(destination, alone, true).map(drop);
        }
        let counts = each(partitions.to_vec(), |partition| Ok((partition, destination.row_count(partition)?)))?;
        let takes_place =
            |rows: &Option<u64>| destination.mode == ImportMode::Replace && rows.is_some_and(|rows| rows > 0);
        let (replaced, together): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, rows)| takes_place(rows));
        if destination.mode == ImportMode::Safe {
            together.iter().try_for_each(|(partition, _)| destination.check_safe(partition))?;
        }
        if !together.is_empty() {
            let mut session = GroupSession::begin(&self.fs, &destination.directory)?;
            let group = session.next();
            if let Err(error) = self.prepare_all(destination, &together, group) {
                // Back out of sight, so that no empty partition is left; what cannot be moved has no rows.
                for (partition, rows) in together {
                    if rows.is_none() {
                        let _ = self.fs.rename(&destination.directory.join(partition), &self.location(partition));
                    }
                }
                // Before their files go: a power cut must not bring back a name that leads to some of them only.
                let moved = self.fs.sync_dir(&destination.directory).and_then(|()| self.fs.sync_dir(&self.directory));
                if moved.is_err() {
                    self.holds_old.store(true, Relaxed);
                }
                return Err(error);
            }
            // Should this fail, readers may see all of it already: nothing may go back then.
            session.publish_durably()?;
            session.end()?;
        }
        replaced.into_iter().try_for_each(|(partition, _)| self.swap(destination, partition))
    }

    /// Makes the rows of all partitions durable where they belong, as a commit that is not published yet.
    fn prepare_all(
        &self,
        destination: &Destination,
        partitions: &[(&str, Option<u64>)],
        group: GroupReference,
    ) -> Result<()> {
        each(partitions.to_vec(), |(partition, rows)| match rows {
            Some(1..) => {
                let place = destination.directory.join(partition);
                let mut writer = IntradayWriter::open_member(self.fs.clone(), &place, &destination.columns)?;
                self.copy_rows(destination, partition, &mut writer)?;
                writer.prepare(group, true)
            }
            rows => {
                carry_group(&*self.fs, &self.location(partition), group)?;
                match rows {
                    None => self.fs.rename(&self.location(partition), &destination.directory.join(partition)),
                    Some(_) => self.swap(destination, partition),
                }
            }
        })?;
        self.fs.sync_dir(&destination.directory)
    }

    fn rename(&self, destination: &Destination, partition: &str) -> Result<()> {
        self.fs.rename(&self.location(partition), &destination.directory.join(partition))?;
        self.fs.sync_dir(&destination.directory)
    }

    /// The two locations change places in one step; where the system cannot do that, the old one goes out of sight first and comes back
    /// if the new one cannot take its place.
    fn swap(&self, destination: &Destination, partition: &str) -> Result<()> {
        let place = destination.directory.join(partition);
        let Some(_lock) = self.fs.try_lock(&place.join(LOCK_FILE), LockKind::Exclusive)? else {
            return Err(Error::new(ErrorKind::Locked, "another writer has the location")
                .at_path(&self.fs.display(&place))
                .hint("wait until it is done, or import under another source name"));
        };
        let staged = self.location(partition);
        self.holds_old.store(true, Relaxed);
        if self.fs.exchange(&staged, &place).is_err() {
            let old = self.directory.join(format!("{REPLACED}{partition}"));
            self.fs.rename(&place, &old)?;
            if let Err(error) = self.fs.rename(&staged, &place) {
                self.fs.rename(&old, &place)?;
                return Err(error);
            }
        }
        // Before the old files go.
        self.fs.sync_dir(&destination.directory)?;
        self.holds_old.store(false, Relaxed);
        Ok(())
    }

    fn copy(&self, destination: &Destination, partition: &str) -> Result<()> {
        let place = destination.directory.join(partition);
        let options = destination.writer_options();
        let mut writer = IntradayWriter::open(self.fs.clone(), &place, &destination.columns, options)?;
        self.copy_rows(destination, partition, &mut writer)?;
        writer.commit()?;
        writer.close().map(drop)
    }

    /// Appends the rows of the staged location of a partition.
    fn copy_rows(&self, destination: &Destination, partition: &str, writer: &mut IntradayWriter) -> Result<()> {
        let from = destination.open(&self.location(partition), partition)?;
        let columns = &destination.columns;
        let regions = columns
            .iter()
            .map(|column| from.column_as(column))
            .collect::<Result<Vec<Option<Arc<dyn ColumnRegion>>>>>()?;
        let rows = from.row_count();
        for start in (0..rows).step_by(COPY_ROWS as usize) {
            let range = start..rows.min(start + COPY_ROWS);
            let chunks = columns
                .iter()
                .zip(&regions)
                .map(|(column, region)| match region {
                    Some(region) => region.read(range.clone()),
                    None => Ok(Chunk::nulls(column.column_type, (range.end - range.start) as usize)),
                })
                .collect::<Result<Vec<Chunk>>>()?;
            writer.append(&chunks)?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next import.
        if !self.holds_old.load(Relaxed) {
            let _ = remove_tree(&*self.fs, &self.directory);
        }
        if let Some(source) = self.directory.parent() {
            // An import that failed leaves no empty source behind; a source with partitions is not empty and stays.
            let _ = self.fs.remove_dir(source);
            if let Some(table) = source.parent() {
                let _ = self.fs.remove_dir(table);
            }
        }
    }
}

/// Removes what dead imports and removals left in the directory of a source.
pub(super) fn sweep(fs: &dyn FileSystem, directory: &Path) -> Result<()> {
    for entry in fs.list(directory)?.iter().filter(|entry| entry.is_dir && entry.name.starts_with(PREFIX)) {
        let left = directory.join(&entry.name);
        if let Ok(Some(_lock)) = fs.try_lock(&left.join(STAGING_LOCK), LockKind::Exclusive) {
            restore_replaced(fs, directory, &left)?;
            // Rows that gave their place to others are in it; that must be durable before they go.
            fs.sync_dir(directory)?;
            remove_tree(fs, &left)?;
        }
    }
    sweep_group(fs, directory)?;
    sweep_removed(fs, directory)
}

/// Brings back locations whose import died after it had put them out of sight and before the new ones took their places.
pub(in crate::storage) fn restore_replaced(fs: &dyn FileSystem, directory: &Path, left: &Path) -> Result<()> {
    for entry in fs.list(left)? {
        if let Some(partition) = entry.name.strip_prefix(REPLACED) {
            let place = directory.join(partition);
            if fs.metadata(&place)?.is_none() {
                fs.rename(&left.join(&entry.name), &place)?;
                fs.sync_dir(directory)?;
            }
        }
    }
    Ok(())
}
