//! Going back: which version of a damaged partition could be published instead, and the steps of taking a damaged one out of use.
//!
//! **Invariant:** a version is published again only if every storage of the table has its share of it, every file of it verifies, and its rows
//! are all those that were merged.

use super::HistoricalTable;
use super::publish::{self, LOCATION_FILE, LOCK_FILE};
use super::verify::verify_directory;
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::format::location_record::{LocationRecord, PublishedRecord, PublishedStorage};
use crate::format::record;
use crate::io::{self, LockGuard, LockKind};
use crate::storage::findings::{Collector, Severity};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is published of a partition, and what could be.
#[derive(Debug)]
pub(in crate::storage) struct Restoration {
    /// The record that is published; none if it cannot be read.
    pub(in crate::storage) published: Option<PublishedRecord>,
    /// A complete version to publish in its place.
    pub(in crate::storage) previous: Option<PublishedRecord>,
    /// The directories of all versions, each with its version's name.
    pub(in crate::storage) directories: Vec<(String, PathBuf)>,
}

impl HistoricalTable {
    /// The right to change what is published of a partition; `Locked` while it is merged.
    pub(in crate::storage) fn lock(&self, column_partition: &str) -> Result<Box<dyn LockGuard>> {
        publish::lock_partition(&*self.fs, &self.table_directory, column_partition)
    }

    /// Where the published record of a partition lies.
    pub(in crate::storage) fn record_path(&self, column_partition: &str) -> PathBuf {
        publish::published_directory(&self.table_directory).join(column_partition)
    }

    /// Looks for a version to go back to. Reads all versions that are there.
    pub(in crate::storage) fn restoration(&self, column_partition: &str) -> Result<Restoration> {
        let published = match self.published(column_partition) {
            Ok(published) => published,
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let mut directories = Vec::new();
        let mut versions = BTreeSet::new();
        for storage in self.storages.iter() {
            let directory = storage.partition_directory(column_partition);
            let entries = match storage.fs.list(&directory) {
                Err(error) if error.is_not_found() => continue,
                answer => answer?,
            };
            for entry in entries.into_iter().filter(|entry| entry.is_dir) {
                directories.push((entry.name.clone(), directory.join(&entry.name)));
                versions.insert((std::cmp::Reverse(generation(&entry.name)), entry.name));
            }
        }
        let generation_now = published.as_ref().map(|record| record.generation);
        let named = |version: &str| published.iter().flat_map(|r| &r.storages).any(|entry| entry.version == version);
        let mut previous = None;
        for (std::cmp::Reverse(generation), version) in versions {
            // What is newer than the published version was never published: nobody was told of its rows.
            let older = generation_now.is_none_or(|now| generation.is_some_and(|found| found < now));
            if older && !named(&version) && generation.is_some() {
                previous = self.complete(column_partition, &version, generation_now.max(generation))?;
                if previous.is_some() {
                    break;
                }
            }
        }
        Ok(Restoration { published, previous, directories })
    }

    /// The record that would publish a version, if all of it is there and verifies.
    fn complete(
        &self,
        column_partition: &str,
        version: &str,
        generation: Option<u64>,
    ) -> Result<Option<PublishedRecord>> {
        let mut storages = Vec::new();
        let mut merged: Option<u64> = None;
        let mut provenance = Vec::new();
        for storage in self.storages.iter() {
            let directory = storage.partition_directory(column_partition).join(version);
            let bytes = match io::read_small(&*storage.fs, &directory.join(LOCATION_FILE), RECORD_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            let Ok(record) = LocationRecord::decode(&bytes) else { return Ok(None) };
            let sources = record.sources.iter().fold(0, |sum: u64, source| sum.saturating_add(source.row_count));
            if merged.is_some_and(|merged| merged != sources) {
                return Ok(None);
            }
            merged = Some(sources);
            provenance = record.sources.clone();
            let progress = |_, _| io::interrupt::check();
            let found = Collector::new(&progress);
            verify_directory(&storage.fs, &directory, &found)?;
            if found.into_problems().0.iter().any(|problem| problem.severity == Severity::Damage) {
                return Ok(None);
            }
            storages.push(PublishedStorage {
                name: storage.name.clone(),
                version: version.to_owned(),
                row_count: record.row_count,
                size_bytes: record.size_bytes().saturating_add(bytes.len() as u64),
                seal: record::seal(&bytes),
            });
        }
        let record = PublishedRecord {
            generation: generation.unwrap_or(0).saturating_add(1),
            published_ns: self.fs.now_ns(),
            storages,
            sources: provenance,
        };
        Ok((merged == Some(record.row_count())).then_some(record))
    }

    /// Makes a version current that [`HistoricalTable::restoration`] found. The caller holds the partition's lock.
    pub(in crate::storage) fn publish_again(&self, column_partition: &str, record: &PublishedRecord) -> Result<()> {
        publish::publish(&*self.fs, &self.table_directory, column_partition, record)
    }

    /// The right to take a version's directory away; an error of kind `Locked` while a reader has it open.
    pub(in crate::storage) fn lock_version(&self, directory: &Path) -> Result<Option<Box<dyn LockGuard>>> {
        let lock = directory.join(LOCK_FILE);
        // A version without a lock file was never complete, and no reader opens it.
        if self.fs.metadata(&lock)?.is_none() {
            return Ok(None);
        }
        match self.fs.try_lock(&lock, LockKind::Exclusive)? {
            Some(guard) => Ok(Some(guard)),
            None => Err(Error::new(ErrorKind::Locked, "readers have the version open")
                .at_path(&self.fs.display(directory))
                .hint("repair again when they are done")),
        }
    }
}

/// The number in a version's name: `v7-…` is the seventh.
fn generation(version: &str) -> Option<u64> {
    version.strip_prefix('v')?.split('-').next()?.parse().ok()
}
