//! History: sealed versions of column partitions, written by [`merge()`], published at one instant, read lazily.
//!
//! ```text
//! <table directory>/.published/<column partition>                          which version is current: its locations, one a storage
//! <table directory>/.published/.lock-<column partition>                    held by who merges
//! <storage's table directory>/<storage>/<column partition>/<version>/
//!     location  lock  <Column>.col  <Column>.sym  <Column>.grp
//! ```
//! **Invariants:** what a published record names is complete and durable before the record is; a version is removed only after another
//! was published, and only while no reader holds the shared lock in it; nothing in a version changes once it is published.

mod column_files;
mod external;
mod grouping;
mod in_memory;
mod items;
pub mod merge;
mod order;
mod part;
mod publish;
pub mod reader;
mod region;
mod remains;
mod restore;
mod source;
mod spread;
pub mod usage;
mod verify;
mod work;

pub(in crate::storage) use merge::merge_locked;
pub use merge::{MergeOptions, MergePhase, MergeProgress, MergeReport, MergeRequest, merge};
pub(in crate::storage) use order::order_of;
pub(in crate::storage) use part::LocationPart;
pub use publish::remove_partition;
pub(in crate::storage) use publish::{LOCK_FILE, PartitionLock};
pub(in crate::storage) use remains::Remains;
pub(in crate::storage) use restore::Restoration;
pub use spread::{BY_FIRST_GROUPING_COLUMN, Compile, KeyCompiler, KeyFormula, SINGLE, Spread, single_number};
pub use usage::ColumnUsage;
pub(in crate::storage) use verify::{leftovers, verify_directory, verify_partition};

use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use crate::format::location_record::PublishedRecord;
use crate::io::{self, FileSystem};
use crate::storage::root::DEFAULT_STORAGE;
use crate::storage::{KeptOpen, LocationHandle, ReadStats, Root, Storage, layout};
use reader::HistoricalLocation;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the locations of one storage lie for one table, perhaps on another device.
#[derive(Clone, Debug)]
pub struct StorageDirectory {
    /// The storage, an internal partition.
    pub name: String,
    /// The tree that it is in.
    pub fs: Arc<dyn FileSystem>,
    /// The table's directory there; locations lie in `<name>/<column partition>/<version>` below it.
    pub table_directory: PathBuf,
}

impl StorageDirectory {
    /// The storage that lies in the table's own directory.
    pub fn default_of(fs: &Arc<dyn FileSystem>, table_directory: &Path) -> Self {
        StorageDirectory { name: DEFAULT_STORAGE.into(), fs: fs.clone(), table_directory: table_directory.into() }
    }

    /// The storages of a root for one table, in the order of their names.
    pub fn of_root(root: &Root, namespace: &str, table: &str) -> Result<Vec<Self>> {
        names::check(NameKind::Namespace, namespace)?;
        names::check(NameKind::Table, table)?;
        let mut storages: Vec<&Storage> = root.config().storages.iter().collect();
        storages.sort_by(|a, b| a.name.cmp(&b.name));
        let directory = |storage: &Storage| StorageDirectory {
            name: storage.name.clone(),
            fs: root.fs().clone(),
            table_directory: storage.directory.join(namespace).join(table),
        };
        Ok(storages.into_iter().map(directory).collect())
    }

    /// Where the versions of a partition lie.
    fn partition_directory(&self, column_partition: &str) -> PathBuf {
        self.table_directory.join(&self.name).join(column_partition)
    }
}

/// The historical partitions of one table. Holds no file open.
#[derive(Clone, Debug)]
pub struct HistoricalTable {
    fs: Arc<dyn FileSystem>,
    table_directory: PathBuf,
    storages: Arc<[StorageDirectory]>,
    stats: Arc<ReadStats>,
    kept: Option<Arc<KeptOpen<HistoricalLocation>>>,
}

impl HistoricalTable {
    /// The table in `table_directory` (`historical/<Namespace>/<Table>`), its locations in the storages given, or in the
    /// directory itself if none are. What reading costs is added to `stats`. Touches no disk.
    pub fn new(
        fs: Arc<dyn FileSystem>,
        table_directory: &Path,
        mut storages: Vec<StorageDirectory>,
        stats: Arc<ReadStats>,
    ) -> Self {
        if storages.is_empty() {
            storages.push(StorageDirectory::default_of(&fs, table_directory));
        }
        HistoricalTable { fs, table_directory: table_directory.into(), storages: storages.into(), stats, kept: None }
    }

    /// A table of a root, in the storages that the root has. Refuses names that cannot be paths. Touches no disk.
    pub fn of_root(root: &Root, namespace: &str, table: &str, stats: Arc<ReadStats>) -> Result<Self> {
        let directory = layout::historical_table(namespace, table)?;
        Ok(Self::new(root.fs().clone(), &directory, StorageDirectory::of_root(root, namespace, table)?, stats))
    }

    /// The same table, whose locations stay open in `kept` after use.
    #[must_use]
    pub fn keeping(mut self, kept: Arc<KeptOpen<HistoricalLocation>>) -> Self {
        self.kept = Some(kept);
        self
    }

    /// Where the table's published records lie, for those who watch it: `<table directory>/.published`.
    pub fn published_directory(&self) -> PathBuf {
        publish::published_directory(&self.table_directory)
    }

    /// The published column partitions in order; none if the table has no history. Lists one directory.
    pub fn partitions(&self) -> Result<Vec<String>> {
        let entries = match self.fs.list(&publish::published_directory(&self.table_directory)) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            answer => answer?,
        };
        let names = entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name);
        Ok(names.filter(|name| is_partition(name)).collect())
    }

    /// What is published of a partition, none if nothing is. Reads one small file.
    pub fn published(&self, column_partition: &str) -> Result<Option<PublishedRecord>> {
        names::check(NameKind::ColumnPartition, column_partition)?;
        publish::read_published(&*self.fs, &self.table_directory, column_partition)
    }

    /// The handles of all locations, in key order: each storage of each partition. Lists one directory, opens nothing. A storage
    /// that holds no row of a partition opens as a location without rows.
    pub fn handles(&self) -> Result<Vec<Arc<dyn LocationHandle>>> {
        let mut handles = Vec::new();
        for partition in self.partitions()? {
            handles.extend(self.partition_handles(&partition));
        }
        Ok(handles)
    }

    /// The handles of one partition, whether it is published or not; opening says.
    pub fn partition_handles(&self, column_partition: &str) -> Vec<Arc<dyn LocationHandle>> {
        reader::handles(self, column_partition)
    }

    /// What each column of a partition takes, summed over its storages. Opens the index of every column file.
    pub fn usage(&self, column_partition: &str) -> Result<Vec<ColumnUsage>> {
        usage::of_partition(self, column_partition)
    }

    fn storage(&self, name: &str) -> Result<&StorageDirectory> {
        self.storages.iter().find(|storage| storage.name == name).ok_or_else(|| {
            let error =
                Error::not_found(format!("a version was published in the storage {name}, which is not configured"));
            match names::nearest_hint(name, self.storages.iter().map(|s| s.name.as_str())) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }
}

/// Where rows are kept that are merged into a partition and are nowhere else: a directory among the versions, which is removed like one that was never
/// published unless somebody holds the lock file in it.
pub(in crate::storage) fn staging_directory(
    storages: &[StorageDirectory],
    column_partition: &str,
    now_ns: i64,
) -> (Arc<dyn FileSystem>, PathBuf) {
    let first = &storages[0];
    (first.fs.clone(), first.partition_directory(column_partition).join(format!("rows-{now_ns:x}")))
}

/// True for the name of a published partition, false for locks and unfinished files.
fn is_partition(name: &str) -> bool {
    names::check(NameKind::ColumnPartition, name).is_ok() && !io::is_temporary(name)
}

#[cfg(test)]
mod tests;
