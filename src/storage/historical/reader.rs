//! Readers of published versions: handles that open lazily, locations that keep their version until dropped.
//!
//! **Invariant:** all locations that handles of one partition open while any of them is alive are of one version, so that rows spread over
//! storages are seen together or not at all.

use super::publish::{LOCATION_FILE, LOCK_FILE};
use super::region::SealedRegion;
use super::{HistoricalTable, StorageDirectory};
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, Result};
use crate::format::column_form::ColumnForm;
use crate::format::grouping;
use crate::format::location_record::{LocationRecord, PublishedRecord, PublishedStorage};
use crate::format::record;
use crate::io::{self, FileSystem, LockGuard, LockKind};
use crate::memory::Chunk;
use crate::storage::{ColumnRegion, GroupingIndex, Location, LocationHandle, LocationKey, ReadStats};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// How often opening follows a publication that overtook it.
const ATTEMPTS: usize = 100;

/// The handles of a partition, one a storage.
pub(super) fn handles(table: &HistoricalTable, column_partition: &str) -> Vec<Arc<dyn LocationHandle>> {
    let partition = Arc::new(Partition { table: table.clone(), name: column_partition.into(), open: Mutex::default() });
    let mut names: Vec<&str> = table.storages.iter().map(|storage| storage.name.as_str()).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|storage| {
            let key = LocationKey { column_partition: partition.name.clone(), internal_partition: storage.into() };
            Arc::new(HistoricalHandle { key, partition: partition.clone() }) as Arc<dyn LocationHandle>
        })
        .collect()
}

/// A location of a partition that may be published.
#[derive(Debug)]
pub struct HistoricalHandle {
    key: LocationKey,
    partition: Arc<Partition>,
}

impl LocationHandle for HistoricalHandle {
    fn key(&self) -> &LocationKey {
        &self.key
    }

    fn open(&self) -> Result<Arc<dyn Location>> {
        let together = self.partition.open()?;
        together.version.stats.locations_opened.fetch_add(1, Relaxed);
        let shared = HistoricalLocation::shared(&self.key, together.version.clone());
        self.partition.table.kept.iter().for_each(|kept| kept.keep(&shared, |_| false));
        Ok(Arc::new(HistoricalLocation {
            key: self.key.clone(),
            version: shared.version.clone(),
            index: shared.index,
            columns: shared.columns.clone(),
            _together: Some(together),
        }))
    }
}

/// What the handles of a partition share.
#[derive(Debug)]
struct Partition {
    table: HistoricalTable,
    name: Arc<str>,
    open: Mutex<Weak<Together>>,
}

/// What the locations that handles of a partition opened hold, and nothing else does: as long as one lives, others are of its version.
#[derive(Debug)]
struct Together {
    version: Arc<Version>,
}

impl Partition {
    fn open(&self) -> Result<Arc<Together>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(together) = open.upgrade() {
            return Ok(together);
        }
        let version = match self.kept()? {
            Some(location) => location.version.clone(),
            None => Version::open(&self.table, &self.name)?,
        };
        let together = Arc::new(Together { version });
        *open = Arc::downgrade(&together);
        Ok(together)
    }

    /// A location that the session has kept open in the version that is published now.
    fn kept(&self) -> Result<Option<Arc<HistoricalLocation>>> {
        let Some(kept) = &self.table.kept else { return Ok(None) };
        let published = self.table.published(&self.name)?;
        let is_current = |location: &HistoricalLocation| {
            let version = &location.version;
            version.published == published && !version.is_damaged.load(Relaxed)
        };
        let is_of = |location: &HistoricalLocation| location.is_of(&self.table.table_directory, &self.name);
        kept.let_go(|location| is_of(location) && !is_current(location));
        Ok(kept.find(is_of))
    }
}

/// A published version, held against removal.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) locations: Vec<StoredLocation>,
    pub(super) stats: Arc<ReadStats>,
    /// What named it; none for files that are not published.
    published: Option<PublishedRecord>,
    /// The table's directory.
    table_directory: PathBuf,
    /// Set where reading met damage: files that were repaired since must be opened anew.
    pub(super) is_damaged: AtomicBool,
    /// Its locations that are open, by storage.
    open: Mutex<Vec<Weak<HistoricalLocation>>>,
}

/// One storage's share of a version.
#[derive(Debug)]
pub(super) struct StoredLocation {
    pub(super) storage: String,
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) directory: PathBuf,
    pub(super) record: LocationRecord,
    /// Keeps the version from being removed.
    pub(super) _lock: Option<Box<dyn LockGuard>>,
}

impl Version {
    /// A version of one location, which nothing need have published.
    pub(super) fn of_one(stored: StoredLocation, stats: Arc<ReadStats>) -> Self {
        Version {
            locations: vec![stored],
            stats,
            published: None,
            table_directory: PathBuf::new(),
            is_damaged: AtomicBool::new(false),
            open: Mutex::default(),
        }
    }

    /// Opens what is published now. `NotFound` if nothing is.
    pub(super) fn open(table: &HistoricalTable, column_partition: &str) -> Result<Arc<Self>> {
        let mut before: Option<(PublishedRecord, Error)> = None;
        for _ in 0..ATTEMPTS {
            let Some(published) = table.published(column_partition)? else {
                return Err(Error::not_found(format!("no historical partition {column_partition}")));
            };
            table.stats.files_opened.fetch_add(1, Relaxed);
            // What is missing although nothing newer was published is not a race but damage.
            if let Some((record, error)) = before
                && record == published
            {
                return Err(error);
            }
            match Self::lock(table, column_partition, &published) {
                Ok(locations) => {
                    return Ok(Arc::new(Version {
                        locations,
                        stats: table.stats.clone(),
                        published: Some(published),
                        table_directory: table.table_directory.clone(),
                        is_damaged: AtomicBool::new(false),
                        open: Mutex::default(),
                    }));
                }
                Err(error) => before = Some((published, error)),
            }
        }
        Err(before.map_or_else(|| Error::corrupt("no version could be opened"), |(_, error)| error))
    }

    fn lock(
        table: &HistoricalTable,
        column_partition: &str,
        published: &PublishedRecord,
    ) -> Result<Vec<StoredLocation>> {
        published.storages.iter().map(|entry| Self::lock_location(table, column_partition, entry)).collect()
    }

    /// Notes that reading met an error.
    pub(super) fn damaged(&self, error: Error) -> Error {
        self.is_damaged.store(true, Relaxed);
        error
    }

    pub(super) fn lock_location(
        table: &HistoricalTable,
        column_partition: &str,
        entry: &PublishedStorage,
    ) -> Result<StoredLocation> {
        let storage: &StorageDirectory = table.storage(&entry.name)?;
        let directory = storage.partition_directory(column_partition).join(&entry.version);
        let missing = |what: &str| {
            Error::corrupt(format!("the published version {} {what}", entry.version))
                .at_path(&storage.fs.display(&directory))
        };
        let lock = match storage.fs.try_lock(&directory.join(LOCK_FILE), LockKind::Shared) {
            Err(error) if error.is_not_found() => return Err(missing("is missing")),
            answer => answer?.ok_or_else(|| missing("is being removed"))?,
        };
        let path = directory.join(LOCATION_FILE);
        let bytes = match io::read_small(&*storage.fs, &path, RECORD_BYTES_MAX) {
            Err(error) if error.is_not_found() => return Err(missing("has no location record")),
            answer => answer?,
        };
        table.stats.files_opened.fetch_add(1, Relaxed);
        let record = LocationRecord::decode(&bytes).map_err(|e| e.at_path(&storage.fs.display(&path)))?;
        if record::seal(&bytes) != entry.seal || record.row_count != entry.row_count {
            return Err(Error::corrupt(format!(
                "the location record has {} rows and the checksum {:08x}; published were {} and {:08x}",
                record.row_count,
                record::seal(&bytes),
                entry.row_count,
                entry.seal
            ))
            .at_path(&storage.fs.display(&path)));
        }
        Ok(StoredLocation { storage: entry.name.clone(), fs: storage.fs.clone(), directory, record, _lock: Some(lock) })
    }
}

/// A location of a published version.
#[derive(Debug)]
pub struct HistoricalLocation {
    key: LocationKey,
    version: Arc<Version>,
    /// Which of the version's locations this is; none where the storage has no row of the partition.
    index: Option<usize>,
    columns: Arc<[Column]>,
    _together: Option<Arc<Together>>,
}

#[derive(Debug)]
struct Column {
    region: Arc<SealedRegion>,
    grouping: OnceLock<Arc<GroupingIndex>>,
}

impl HistoricalLocation {
    /// A location over files that belong to nothing published, such as those of a merge at work. Nothing keeps them from being removed.
    pub(super) fn of_files(
        key: LocationKey,
        fs: &Arc<dyn FileSystem>,
        directory: &Path,
        record: LocationRecord,
    ) -> Arc<Self> {
        let storage = key.internal_partition.to_string();
        let stored = StoredLocation { storage, fs: fs.clone(), directory: directory.into(), record, _lock: None };
        Self::of(key, Arc::new(Version::of_one(stored, Arc::default())))
    }

    /// The location of a version by its name, the one that is open if there is one.
    fn shared(key: &LocationKey, version: Arc<Version>) -> Arc<Self> {
        let mut open = version.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().filter_map(Weak::upgrade).find(|known| known.key == *key) {
            return known;
        }
        let location = Self::of(key.clone(), version.clone());
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&location));
        drop(open);
        location
    }

    /// True for a location of this partition of this table.
    pub(super) fn is_of(&self, table_directory: &Path, column_partition: &str) -> bool {
        *self.key.column_partition == *column_partition && self.version.table_directory == table_directory
    }

    pub(super) fn of(key: LocationKey, version: Arc<Version>) -> Arc<Self> {
        let index = version.locations.iter().position(|location| *location.storage == *key.internal_partition);
        let count = index.map_or(0, |index| version.locations[index].record.columns.len());
        let columns = (0..count)
            .filter_map(|column| SealedRegion::new(version.clone(), index?, column))
            .map(|region| Column { region: Arc::new(region), grouping: OnceLock::new() })
            .collect();
        Arc::new(HistoricalLocation { key, version, index, columns, _together: None })
    }

    fn stored(&self) -> Option<&StoredLocation> {
        self.index.map(|index| &self.version.locations[index])
    }

    /// The column's position among [`HistoricalLocation::columns`], which are in the order of the record.
    fn position(&self, name: &str) -> Option<usize> {
        self.stored()?.record.columns.iter().position(|column| column.name == name)
    }

    fn read_grouping(&self, position: usize) -> Result<Option<Arc<GroupingIndex>>> {
        let (Some(stored), Some(column)) = (self.stored(), self.columns.get(position)) else { return Ok(None) };
        let record = &stored.record.columns[position];
        let Some(file) = record.grouping else { return Ok(None) };
        if let Some(index) = column.grouping.get() {
            return Ok(Some(index.clone()));
        }
        let path = stored.directory.join(format!("{}.grp", record.name));
        let bytes = super::region::open_file(stored, &path, file.size_bytes, &self.version.stats)?;
        let place = |error: Error| self.version.damaged(error.at_path(&stored.fs.display(&path)));
        let decoded = grouping::decode(&bytes, column.region.column_type(), stored.record.row_count);
        let (mut values, starts, seal) = decoded.map_err(place)?;
        if seal != file.seal {
            return Err(place(Error::corrupt(format!(
                "the grouping index has the seal {seal:08x}, not {:08x}",
                file.seal
            ))));
        }
        if let (Chunk::String(strings), Some(symbols)) = (&mut values, column.region.symbols()?) {
            super::region::check_codes(&strings.codes, symbols.len()).map_err(place)?;
            strings.symbols = symbols;
        }
        let index = column.grouping.get_or_init(|| Arc::new(GroupingIndex { values, starts }));
        Ok(Some(index.clone()))
    }
}

impl Location for HistoricalLocation {
    fn key(&self) -> &LocationKey {
        &self.key
    }

    fn row_count(&self) -> u64 {
        self.stored().map_or(0, |stored| stored.record.row_count)
    }

    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        let Some(position) = self.position(name) else { return Ok(None) };
        Ok(self.columns.get(position).map(|column| column.region.clone() as Arc<dyn ColumnRegion>))
    }

    fn grouping(&self, column: &str) -> Result<Option<Arc<GroupingIndex>>> {
        self.position(column).map_or(Ok(None), |position| self.read_grouping(position))
    }

    fn sort_columns(&self) -> &[String] {
        self.stored().map_or(&[], |stored| &stored.record.sort_columns)
    }
}

/// The forms that a record's columns have; what it was decoded from was checked.
pub(super) fn form(stored: &StoredLocation, column: usize) -> Option<ColumnForm> {
    stored.record.columns.get(column).and_then(|record| record.form().ok())
}
