//! A table of the catalog, and the way to its locations.

use super::discovery;
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result, TableDefinition};
use crate::storage::intraday::{IntradayHandle, IntradayLocation, look_together};
use crate::storage::kept_open::KeptOpen;
use crate::storage::location::{Location, LocationHandle, LocationKey, LocationSource, TableKind};
use crate::storage::read_stats::ReadStats;
use crate::storage::root::Root;
use crate::storage::{layout, schema::TableSchema};
use std::path::PathBuf;
use std::sync::Arc;

/// A table with its schema. Knows nothing of its partitions until asked.
#[derive(Clone, Debug)]
pub struct TableEntry {
    root: Arc<Root>,
    schema: Arc<TableSchema>,
}

/// A partition's name: a location, and which of the table's lives it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionEntry {
    /// Intraday or historical.
    pub kind: TableKind,
    /// Its column and internal partition.
    pub key: LocationKey,
}

impl TableEntry {
    pub(super) fn new(root: Arc<Root>, schema: TableSchema) -> Self {
        TableEntry { root, schema: Arc::new(schema) }
    }

    /// The deployed schema.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// The root it lies below.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The directory of an intraday location.
    pub fn intraday_directory(&self, key: &LocationKey) -> Result<PathBuf> {
        names::check(NameKind::InternalPartition, &key.internal_partition)?;
        names::check(NameKind::ColumnPartition, &key.column_partition)?;
        let table = layout::intraday_table(&self.schema.namespace, &self.schema.table)?;
        Ok(table.join(&*key.internal_partition).join(&*key.column_partition))
    }

    /// The intraday locations as the engine takes them; reads are counted in `stats`.
    pub fn intraday(&self, stats: Arc<ReadStats>) -> Arc<dyn LocationSource> {
        self.intraday_kept(stats, &Arc::default())
    }

    /// The same, for a session that keeps locations open from one query to the next: what a version verified is not verified again in those that
    /// continue it.
    pub fn intraday_kept(
        &self,
        stats: Arc<ReadStats>,
        kept: &Arc<KeptOpen<IntradayLocation>>,
    ) -> Arc<dyn LocationSource> {
        let definition = self.schema.definition.clone();
        Arc::new(IntradayTable { table: self.clone(), definition, stats, kept: kept.clone() })
    }

    /// Names of the intraday locations, in key order. Lists one directory a source.
    pub fn intraday_keys(&self) -> Result<Vec<LocationKey>> {
        let fs = &**self.root.fs();
        let table = layout::intraday_table(&self.schema.namespace, &self.schema.table)?;
        let mut keys = Vec::new();
        for source in discovery::directories(fs, &table, NameKind::InternalPartition)? {
            let internal_partition: Arc<str> = Arc::from(source.as_str());
            for value in discovery::directories(fs, &table.join(source), NameKind::ColumnPartition)? {
                let column_partition = Arc::from(value);
                keys.push(LocationKey { column_partition, internal_partition: internal_partition.clone() });
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// All partitions, in the order of kind, column partition, internal partition. Opens no location.
    pub fn partitions(&self) -> Result<Vec<PartitionEntry>> {
        let mut all = self.partitions_of(TableKind::Intraday)?;
        all.extend(self.partitions_of(TableKind::Historical)?);
        Ok(all)
    }

    /// The partitions of a kind, in the order of column partition, internal partition. Opens no location.
    pub fn partitions_of(&self, kind: TableKind) -> Result<Vec<PartitionEntry>> {
        let keys = match kind {
            TableKind::Intraday => self.intraday_keys()?,
            TableKind::Historical => self.historical_keys()?,
            TableKind::User => Vec::new(),
        };
        Ok(keys.into_iter().map(|key| PartitionEntry { kind, key }).collect())
    }

    /// The handle of an intraday location.
    pub fn intraday_handle(&self, key: LocationKey, stats: &Arc<ReadStats>) -> Result<IntradayHandle> {
        let directory = self.intraday_directory(&key)?;
        Ok(IntradayHandle::new(self.root.fs().clone(), directory, key, stats.clone()))
    }

    /// The error of a column partition that is not there, naming the nearest that are.
    pub fn no_partition<'a>(
        &self,
        wanted: &str,
        kind: TableKind,
        known: impl IntoIterator<Item = &'a LocationKey>,
    ) -> Error {
        let mut values: Vec<&str> = known.into_iter().map(|key| &*key.column_partition).collect();
        values.sort_unstable();
        values.dedup();
        let error = Error::not_found(format!("no {} partition {wanted} in {}", kind.name(), self.schema.full_name()));
        match names::nearest_hint(wanted, values.iter().copied()) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("the table has no {} partitions", kind.name())),
        }
    }
}

/// The intraday locations of a table.
#[derive(Debug)]
struct IntradayTable {
    table: TableEntry,
    definition: Arc<TableDefinition>,
    stats: Arc<ReadStats>,
    kept: Arc<KeptOpen<IntradayLocation>>,
}

impl LocationSource for IntradayTable {
    fn namespace(&self) -> &str {
        &self.table.schema.namespace
    }

    fn table(&self) -> &str {
        &self.table.schema.table
    }

    fn definition(&self) -> &Arc<TableDefinition> {
        &self.definition
    }

    fn locations(&self) -> Result<Vec<Arc<dyn LocationHandle>>> {
        let handle =
            |key| -> Result<Arc<dyn LocationHandle>> { Ok(Arc::new(self.table.intraday_handle(key, &self.stats)?)) };
        let keys = self.table.intraday_keys()?;
        let table = layout::intraday_table(self.namespace(), self.table())?;
        // What was removed meanwhile takes no space any longer.
        let removed = |kept: &IntradayLocation| {
            kept.directory().starts_with(&table) && keys.binary_search(Location::key(kept)).is_err()
        };
        self.kept.let_go(removed);
        keys.into_iter().map(handle).collect()
    }

    fn open_together(&self, handles: &[&Arc<dyn LocationHandle>]) -> Result<Vec<Arc<dyn Location>>> {
        let handle = |handle: &&Arc<dyn LocationHandle>| self.table.intraday_handle(handle.key().clone(), &self.stats);
        let handles = handles.iter().map(handle).collect::<Result<Vec<_>>>()?;
        let before: Vec<_> = handles
            .iter()
            .map(|handle| self.kept.find(|kept: &IntradayLocation| kept.is_of(handle.key(), handle.directory())))
            .collect();
        let opened = look_together(&handles, &before).into_iter().map(|opened| {
            let location = opened?;
            self.kept.keep(&location, |earlier| earlier.is_of(Location::key(&*location), location.directory()));
            Ok(location as Arc<dyn Location>)
        });
        opened.collect()
    }
}
