//! What lies below a root: locations to verify, and everything else that should not be there.

use super::{Collector, Guard, Problem, Scope, Subject};
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use crate::format::group::GROUP_FILE;
use crate::io::{self, DirEntry, FileSystem, LockKind};
use crate::storage::historical::{HistoricalTable, StorageDirectory, leftovers};
use crate::storage::import::{LEDGER_FILE, LEDGER_LOCK};
use crate::storage::intraday::{GROUP_LOCK, LOCK_FILE, verify_group};
use crate::storage::{LocationKey, Root, TableKind, TableSchema, layout, schema};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Directories that imports and removals work in, and the lock that says that they do.
const WORKING: [(&str, &str, &str); 3] = [
    (".import-", "import.lock", "what an import left that did not end"),
    (".removed-", LOCK_FILE, "a location whose removal did not end"),
    (super::repair::STAGING, LOCK_FILE, "what a repair left that did not end"),
];

/// One piece of work.
#[derive(Debug)]
pub(super) enum Unit {
    /// An intraday location.
    Intraday { directory: PathBuf, key: LocationKey, schema: Option<Arc<TableSchema>> },
    /// A published partition, in one storage or all.
    Historical {
        table: HistoricalTable,
        partition: String,
        storage: Option<String>,
        schema: Option<Arc<TableSchema>>,
        subject: Subject,
    },
}

/// Lists all units of a scope; what should not be there goes to `out`.
pub(super) fn units(root: &Arc<Root>, scope: &Scope, out: &Collector<'_>) -> Result<Vec<Unit>> {
    let walk = Walk { root, fs: &**root.fs(), scope, out };
    let mut units = Vec::new();
    if scope.is_everything() {
        walk.top()?;
    }
    let schemas = walk.schemas()?;
    for (namespace, table) in walk.tables(&schemas)? {
        let schema = schemas.get(&(namespace.clone(), table.clone())).cloned().flatten();
        if scope.has_kind(TableKind::Intraday) {
            walk.intraday(&namespace, &table, schema.as_ref(), &mut units)?;
        }
        if scope.has_kind(TableKind::Historical) {
            walk.historical(&namespace, &table, schema.as_ref(), &mut units)?;
        }
    }
    Ok(units)
}

type Schemas = BTreeMap<(String, String), Option<Arc<TableSchema>>>;

struct Walk<'a> {
    root: &'a Arc<Root>,
    fs: &'a dyn FileSystem,
    scope: &'a Scope,
    out: &'a Collector<'a>,
}

impl Walk<'_> {
    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        match self.fs.list(path) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            answer => answer,
        }
    }

    fn stray(&self, path: &Path, what: &str, subject: Subject) {
        self.out.add(Problem::stray(self.fs.display(path), what, subject));
    }

    /// An entry that is neither a directory of a valid name nor anything else of ours.
    fn unknown(&self, path: PathBuf, is_dir: bool) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_dir && io::is_temporary(name) {
            let subject = Subject::Leftover { path: path.clone(), guard: Guard::Age };
            self.stray(&path, "an unfinished file", subject);
        } else if is_dir {
            self.stray(&path, "no table or partition can have this name", Subject::Other);
        } else {
            self.stray(&path, "no file belongs here", Subject::Other);
        }
    }

    /// The names of a kind in a directory; others are told of, but for the file that deployments lock.
    fn directories(&self, path: &Path, kind: NameKind) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in self.list(path)? {
            if path == Path::new(layout::SCHEMAS) && entry.name == schema::LOCK_FILE && !entry.is_dir {
                continue;
            }
            if entry.is_dir && names::check(kind, &entry.name).is_ok() {
                found.push(entry.name);
            } else {
                self.unknown(path.join(&entry.name), entry.is_dir);
            }
        }
        Ok(found)
    }

    /// The root's own file was read when the root was opened; what is beside it may be the user's.
    fn top(&self) -> Result<()> {
        self.out.add_files(1, self.fs.metadata(Path::new(layout::ROOT_FILE))?.map_or(0, |found| found.size_bytes));
        for entry in self.list(Path::new(""))?.iter().filter(|entry| !entry.is_dir && io::is_temporary(&entry.name)) {
            self.unknown(entry.name.clone().into(), false);
        }
        Ok(())
    }

    /// The deployed schemas; none for one that cannot be read.
    fn schemas(&self) -> Result<Schemas> {
        let mut schemas = Schemas::new();
        let top = Path::new(layout::SCHEMAS);
        for namespace in self.directories(top, NameKind::Namespace)? {
            for entry in self.list(&top.join(&namespace))? {
                let path = top.join(&namespace).join(&entry.name);
                let table = entry
                    .name
                    .strip_suffix(".toml")
                    .filter(|name| !entry.is_dir && names::check(NameKind::Table, name).is_ok());
                let Some(table) = table else {
                    if self.scope.is_everything() {
                        self.unknown(path, entry.is_dir);
                    }
                    continue;
                };
                if !self.scope.has_table(&namespace, table) {
                    continue;
                }
                let size = self.fs.metadata(&path)?.map_or(0, |found| found.size_bytes);
                self.out.add_files(1, size);
                let loaded = match schema::load(self.fs, &namespace, table) {
                    Ok(Some(schema)) => Some(Arc::new(schema)),
                    Ok(None) => continue,
                    Err(error) => {
                        let problem = Problem::damage(&error.at_path(&self.fs.display(&path)), Subject::Other);
                        self.out.add(problem.with_hint("`pilaster schema deploy FILE --force` replaces it"));
                        None
                    }
                };
                schemas.insert((namespace.clone(), table.to_string()), loaded);
            }
        }
        Ok(schemas)
    }

    /// The tables of the scope: those with a schema, and those with a directory, which need one.
    fn tables(&self, schemas: &Schemas) -> Result<BTreeSet<(String, String)>> {
        let mut tables: BTreeSet<(String, String)> = BTreeSet::new();
        let mut tops: Vec<PathBuf> = vec![layout::INTRADAY.into(), layout::HISTORICAL.into()];
        tops.extend(self.root.config().storages.iter().map(|storage| storage.directory.clone()));
        tops.sort();
        tops.dedup();
        for top in tops {
            for namespace in self.directories(&top, NameKind::Namespace)? {
                for table in self.directories(&top.join(&namespace), NameKind::Table)? {
                    if self.scope.has_table(&namespace, &table) {
                        tables.insert((namespace.clone(), table));
                    }
                }
            }
        }
        for (namespace, table) in &tables {
            if !schemas.contains_key(&(namespace.clone(), table.clone())) {
                let path = layout::schema_file(namespace, table)?;
                let error = Error::not_found(format!("{namespace}.{table} has data but no deployed schema"));
                let problem = Problem::damage(&error.at_path(&self.fs.display(&path)), Subject::Other);
                self.out.add(problem.with_hint("`pilaster schema deploy FILE` deploys one"));
            }
        }
        tables.extend(schemas.keys().cloned());
        Ok(tables)
    }

    fn intraday(
        &self,
        namespace: &str,
        table: &str,
        schema: Option<&Arc<TableSchema>>,
        units: &mut Vec<Unit>,
    ) -> Result<()> {
        let directory = layout::intraday_table(namespace, table)?;
        for source in self.directories(&directory, NameKind::InternalPartition)? {
            if !self.scope.has_internal(&source) {
                continue;
            }
            let source_directory = directory.join(&source);
            for entry in self.list(&source_directory)?.into_iter().filter(|entry| !is_own(&entry.name)) {
                let path = source_directory.join(&entry.name);
                if entry.is_dir && names::check(NameKind::ColumnPartition, &entry.name).is_ok() {
                    if self.scope.has_partition(&entry.name) {
                        self.expect(self.fs, &path)?;
                        let key = LocationKey {
                            column_partition: entry.name.as_str().into(),
                            internal_partition: source.as_str().into(),
                        };
                        units.push(Unit::Intraday { directory: path, key, schema: schema.cloned() });
                    }
                } else if entry.name == GROUP_FILE && !entry.is_dir {
                    verify_group(self.fs, &source_directory, self.out);
                } else if entry.name.starts_with(GROUP_FILE) && io::is_temporary(&entry.name) {
                    let guard = Guard::Lock(source_directory.join(GROUP_LOCK));
                    self.stray(&path, "an unfinished file", Subject::Leftover { path: path.clone(), guard });
                } else if let Some((_, lock, what)) = WORKING.iter().find(|(start, ..)| entry.name.starts_with(start)) {
                    self.working(path, lock, what)?;
                } else {
                    self.unknown(path, entry.is_dir);
                }
            }
        }
        Ok(())
    }

    /// A directory that somebody works in, or no longer does.
    fn working(&self, path: PathBuf, lock: &str, what: &str) -> Result<()> {
        let lock = path.join(lock);
        let held =
            self.fs.metadata(&lock)?.is_some() && !matches!(self.fs.try_lock(&lock, LockKind::Shared), Ok(Some(_)));
        if !held {
            self.stray(&path, what, Subject::Leftover { path: path.clone(), guard: Guard::Lock(lock) });
        }
        Ok(())
    }

    fn historical(
        &self,
        namespace: &str,
        table: &str,
        schema: Option<&Arc<TableSchema>>,
        units: &mut Vec<Unit>,
    ) -> Result<()> {
        let directory = layout::historical_table(namespace, table)?;
        let storages = StorageDirectory::of_root(self.root, namespace, table)?;
        let history = HistoricalTable::new(self.root.fs().clone(), &directory, storages.clone(), Arc::default());
        let mut partitions: BTreeSet<String> = history.partitions()?.into_iter().collect();
        for partition in partitions.iter().filter(|partition| self.scope.has_partition(partition)) {
            for storage in storages.iter().filter(|storage| self.scope.has_internal(&storage.name)) {
                let versions = storage.table_directory.join(&storage.name).join(partition);
                for entry in self.list(&versions)?.iter().filter(|entry| entry.is_dir) {
                    self.expect(&*storage.fs, &versions.join(&entry.name))?;
                }
            }
            units.push(Unit::Historical {
                table: history.clone(),
                partition: partition.clone(),
                storage: self.scope.internal_partition.clone(),
                schema: schema.cloned(),
                subject: Subject::Partition {
                    table_directory: directory.clone(),
                    namespace: namespace.into(),
                    table: table.into(),
                    column_partition: partition.clone(),
                },
            });
        }
        for storage in storages.iter().filter(|storage| self.scope.has_internal(&storage.name)) {
            let there = self.directories(&storage.table_directory.join(&storage.name), NameKind::ColumnPartition)?;
            partitions.extend(there);
            for partition in partitions.iter().filter(|partition| self.scope.has_partition(partition)) {
                leftovers(&history, partition, storage, self.out)?;
            }
        }
        self.published(&history.published_directory(), &directory)?;
        self.foreign(namespace, table, &storages)
    }

    /// Unfinished records among the published ones.
    fn published(&self, published: &Path, table_directory: &Path) -> Result<()> {
        for entry in self.list(published)? {
            let path = published.join(&entry.name);
            if io::is_temporary(&entry.name) && !entry.is_dir {
                let partition = entry.name.split(".tmp-").next().unwrap_or_default().to_string();
                let guard = Guard::Partition { table_directory: table_directory.into(), column_partition: partition };
                self.stray(&path, "an unfinished file", Subject::Leftover { path: path.clone(), guard });
            } else if entry.is_dir
                || !entry.name.starts_with(".lock-") && names::check(NameKind::ColumnPartition, &entry.name).is_err()
            {
                self.unknown(path, entry.is_dir);
            }
        }
        Ok(())
    }

    /// Directories of storages that the root's file does not name.
    fn foreign(&self, namespace: &str, table: &str, storages: &[StorageDirectory]) -> Result<()> {
        let mut directories: Vec<PathBuf> = storages.iter().map(|storage| storage.table_directory.clone()).collect();
        directories.push(layout::historical_table(namespace, table)?);
        directories.sort();
        directories.dedup();
        for directory in directories {
            for entry in self.list(&directory)?.into_iter().filter(|entry| entry.name != ".published") {
                let path = directory.join(&entry.name);
                if !entry.is_dir || names::check(NameKind::InternalPartition, &entry.name).is_err() {
                    self.unknown(path, entry.is_dir);
                } else if !storages.iter().any(|storage| storage.name == entry.name) {
                    self.stray(&path, "a storage that pilaster.toml does not name", Subject::Other);
                }
            }
        }
        Ok(())
    }

    /// Tells how many bytes a location has.
    fn expect(&self, fs: &dyn FileSystem, directory: &Path) -> Result<()> {
        let entries = match fs.list(directory) {
            Err(error) if error.is_not_found() => return Ok(()),
            answer => answer?,
        };
        for entry in entries.iter().filter(|entry| !entry.is_dir) {
            let found = fs.metadata(&directory.join(&entry.name)).ok().flatten();
            self.out.expect_bytes(found.map_or(0, |found| found.size_bytes));
        }
        Ok(())
    }
}

/// Files of a source that hold no rows.
fn is_own(name: &str) -> bool {
    [GROUP_LOCK, LEDGER_FILE, LEDGER_LOCK].contains(&name)
}
