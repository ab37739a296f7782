//! Publication: which version of a partition is current, who may change it, and how old ones go.
//!
//! The published record is one small file, replaced by rename; that instant is the publication, however many storages the
//! version lies in. Readers hold a shared lock on a version's lock file; what cannot be locked exclusively is not removed.

use super::StorageDirectory;
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::format::location_record::PublishedRecord;
use crate::io::{self, FileSystem, LockGuard, LockKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The record in a version's directory.
pub(super) const LOCATION_FILE: &str = "location";
/// The file that readers lock in a version's directory.
pub(in crate::storage) const LOCK_FILE: &str = "lock";

/// Where a table's published records lie.
pub(super) fn published_directory(table_directory: &Path) -> PathBuf {
    table_directory.join(".published")
}

/// The published record of a partition, none if it has none. Errs where it is empty or damaged.
pub(super) fn read_published(
    fs: &dyn FileSystem,
    table_directory: &Path,
    column_partition: &str,
) -> Result<Option<PublishedRecord>> {
    let path = published_directory(table_directory).join(column_partition);
    match io::read_small(fs, &path, RECORD_BYTES_MAX) {
        Err(error) if error.is_not_found() => Ok(None),
        answer => PublishedRecord::decode(&answer?).map(Some).map_err(|e| e.at_path(&fs.display(&path))),
    }
}

/// Makes a version current, durably, at one instant. Everything it names must be durable.
pub(super) fn publish(
    fs: &dyn FileSystem,
    table_directory: &Path,
    column_partition: &str,
    record: &PublishedRecord,
) -> Result<()> {
    io::publish(fs, &published_directory(table_directory).join(column_partition), &record.encode()?)
}

/// The right to change what is published of a partition, held until dropped.
pub(in crate::storage) struct PartitionLock {
    fs: Arc<dyn FileSystem>,
    table_directory: PathBuf,
    column_partition: String,
    _guard: Box<dyn LockGuard>,
}

impl PartitionLock {
    /// Takes it; `Locked` if another process or handle has it. The partition's name must be checked.
    pub(in crate::storage) fn take(
        fs: &Arc<dyn FileSystem>,
        table_directory: &Path,
        column_partition: &str,
    ) -> Result<Self> {
        let guard = lock_partition(&**fs, table_directory, column_partition)?;
        let (table_directory, column_partition) = (table_directory.to_path_buf(), column_partition.to_owned());
        Ok(PartitionLock { fs: fs.clone(), table_directory, column_partition, _guard: guard })
    }

    /// What is published; none if nothing is.
    pub(in crate::storage) fn published(&self) -> Result<Option<PublishedRecord>> {
        read_published(&*self.fs, &self.table_directory, &self.column_partition)
    }

    /// Removes versions that are not published, as far as no reader has them open.
    pub(in crate::storage) fn collect_garbage(&self, storages: &[StorageDirectory]) {
        let own = [StorageDirectory::default_of(&self.fs, &self.table_directory)];
        let storages = if storages.is_empty() { &own } else { storages };
        collect_garbage(&*self.fs, &self.table_directory, &self.column_partition, storages);
    }

    /// Publishes the same version again with all of its sources retired, durably.
    pub(in crate::storage) fn retire_sources(&self) -> Result<()> {
        let Some(mut record) = self.published()? else {
            return Err(Error::not_found(format!("nothing of {} is published", self.column_partition)));
        };
        record.sources.iter_mut().for_each(|source| source.retired = true);
        publish(&*self.fs, &self.table_directory, &self.column_partition, &record)
    }
}

/// The right to change what is published of a partition; `Locked` if another process or handle has it.
pub(super) fn lock_partition(
    fs: &dyn FileSystem,
    table_directory: &Path,
    column_partition: &str,
) -> Result<Box<dyn LockGuard>> {
    let directory = published_directory(table_directory);
    io::create_dir_durable(fs, &directory)?;
    let path = directory.join(format!(".lock-{column_partition}"));
    fs.try_lock(&path, LockKind::Exclusive)?.ok_or_else(|| {
        Error::new(ErrorKind::Locked, format!("partition {column_partition} is being merged by another process"))
            .at_path(&fs.display(&path))
            .hint("wait for it to end")
    })
}

/// Removes what no record names: versions that were replaced or never published, and unfinished records. Versions that readers have
/// open stay for the next time. The caller holds the partition's lock. Failures leave things as they are.
pub(super) fn collect_garbage(
    fs: &dyn FileSystem,
    table_directory: &Path,
    column_partition: &str,
    storages: &[StorageDirectory],
) {
    // Without knowing what is current nothing may go, nor while a power cut could bring back an earlier record: whoever published the
    // current one may not have lived to make it durable.
    let Ok(published) = read_published(fs, table_directory, column_partition) else { return };
    if fs.sync_dir(&published_directory(table_directory)).is_err() {
        return;
    }
    for storage in storages {
        let current = published.iter().flat_map(|record| &record.storages).find(|entry| entry.name == storage.name);
        let directory = storage.partition_directory(column_partition);
        let Ok(entries) = storage.fs.list(&directory) else { continue };
        for entry in entries.iter().filter(|entry| entry.is_dir && current.is_none_or(|c| c.version != entry.name)) {
            let _ = remove_version(&*storage.fs, &directory.join(&entry.name));
        }
        if current.is_none() {
            let _ = storage.fs.remove_dir(&directory);
        }
    }
    let directory = published_directory(table_directory);
    let Ok(entries) = fs.list(&directory) else { return };
    let prefix = format!("{column_partition}.");
    for entry in entries.iter().filter(|entry| entry.name.starts_with(&prefix) && io::is_temporary(&entry.name)) {
        let _ = fs.remove_file(&directory.join(&entry.name));
    }
}

/// Deletes a partition's history: first the record, durably, then what it named, as far as no reader has it open.
///
/// Errs with `NotFound` where nothing is published, with `Locked` while it is being merged.
pub fn remove_partition(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    column_partition: &str,
    storages: &[StorageDirectory],
) -> Result<()> {
    crate::base::names::check(crate::base::names::NameKind::ColumnPartition, column_partition)?;
    let directory = published_directory(table_directory);
    let path = directory.join(column_partition);
    if fs.metadata(&path)?.is_none() {
        return Err(Error::not_found(format!("no historical partition {column_partition}")).at_path(&fs.display(&path)));
    }
    let _lock = lock_partition(&**fs, table_directory, column_partition)?;
    fs.remove_file(&path)?;
    fs.sync_dir(&directory)?;
    let own = [StorageDirectory::default_of(fs, table_directory)];
    collect_garbage(&**fs, table_directory, column_partition, if storages.is_empty() { &own } else { storages });
    Ok(())
}

/// Removes a version's directory unless a reader has it open. The record goes first: who opens it meanwhile finds it gone and looks
/// for the published version again.
fn remove_version(fs: &dyn FileSystem, directory: &Path) -> Result<()> {
    let Some(_lock) = fs.try_lock(&directory.join(LOCK_FILE), LockKind::Exclusive)? else { return Ok(()) };
    if fs.metadata(&directory.join(LOCATION_FILE))?.is_some() {
        fs.remove_file(&directory.join(LOCATION_FILE))?;
    }
    for entry in fs.list(directory)?.iter().filter(|entry| entry.name != LOCK_FILE) {
        io::remove_tree(fs, &directory.join(&entry.name))?;
    }
    io::remove_tree(fs, directory)
}
