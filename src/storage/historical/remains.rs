//! What is left of a partition of which some columns are damaged: published again as a version without them.
//!
//! **Invariant:** the new version is a copy of files that verify, and verifies itself before it is published; as after every publication the old one is complete until
//! somebody takes it away.

use super::HistoricalTable;
use super::merge::write_file;
use super::publish::{self, LOCATION_FILE, LOCK_FILE};
use super::verify::verify_directory;
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, Result};
use crate::format::location_record::{ColumnRecord, LocationRecord, PublishedRecord, PublishedStorage};
use crate::format::record;
use crate::io::{self, FileSystem, OpenMode};
use crate::storage::findings::{Collector, Problem, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Bytes copied at once.
const COPY_BYTES: u64 = 8 << 20;

/// A published version, and what of it cannot stay.
#[derive(Debug)]
pub(in crate::storage) struct Remains {
    published: PublishedRecord,
    /// The damaged columns of each storage, with the extensions of their damaged files.
    damaged: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Remains {
    /// What is lost, in words.
    pub(in crate::storage) fn lost(&self) -> Vec<String> {
        let columns = self.damaged.values().flatten();
        let words = columns.map(|(column, files)| match is_grouping_alone(files) {
            true => format!("the groups of {column}"),
            false => column.clone(),
        });
        words.collect::<BTreeSet<String>>().into_iter().collect()
    }
}

impl HistoricalTable {
    /// What would remain of a partition with these problems; none where something else than columns is damaged, or all columns of a storage are.
    pub(in crate::storage) fn remains(
        &self,
        column_partition: &str,
        published: &PublishedRecord,
        problems: &[&Problem],
    ) -> Result<Option<Remains>> {
        let mut damaged: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for problem in problems.iter().filter(|problem| problem.severity == Severity::Damage) {
            let mut place = None;
            for entry in &published.storages {
                let storage = self.storage(&entry.name)?;
                let directory = storage.partition_directory(column_partition).join(&entry.version);
                let file = problem.path.strip_prefix(storage.fs.display(&directory)).ok();
                let name = file.and_then(Path::to_str).filter(|name| !name.contains('/'));
                let parts = name.and_then(|name| name.split_once('.'));
                place = place.or(parts.map(|(column, extension)| (entry, column, extension)));
            }
            let Some((entry, column, extension)) = place else { return Ok(None) };
            let columns = damaged.entry(entry.name.clone()).or_default();
            columns.entry(column.to_string()).or_default().insert(extension.to_string());
        }
        for (storage, columns) in &damaged {
            let Some(entry) = published.storages.iter().find(|entry| entry.name == *storage) else { return Ok(None) };
            let Ok(record) = self.location_record(column_partition, entry) else { return Ok(None) };
            let lost = columns.iter().filter(|(_, files)| !is_grouping_alone(files)).count();
            if columns.keys().any(|column| record.column(column).is_none()) || lost == record.columns.len() {
                return Ok(None);
            }
        }
        Ok((!damaged.is_empty()).then(|| Remains { published: published.clone(), damaged }))
    }

    /// Publishes what remains. Gives the directories of the version before that still are what is published. The caller holds the partition's lock.
    pub(in crate::storage) fn publish_remains(&self, column_partition: &str, remains: Remains) -> Result<Vec<PathBuf>> {
        let Remains { mut published, damaged } = remains;
        published.generation += 1;
        published.published_ns = self.fs.now_ns();
        let version = format!("v{}-{:x}", published.generation, published.published_ns);
        let (mut kept, mut made) = (Vec::new(), Vec::new());
        let mut work = || -> Result<()> {
            for entry in &mut published.storages {
                let storage = self.storage(&entry.name)?;
                let partition = storage.partition_directory(column_partition);
                let Some(columns) = damaged.get(&entry.name) else {
                    kept.push(partition.join(&entry.version));
                    continue;
                };
                made.push((storage.fs.clone(), partition.join(&version)));
                let record = self.location_record(column_partition, entry)?;
                let seal =
                    copy(&storage.fs, &partition.join(&entry.version), &partition.join(&version), record, columns)?;
                *entry = PublishedStorage { name: entry.name.clone(), version: version.clone(), ..seal };
            }
            publish::publish(&*self.fs, &self.table_directory, column_partition, &published)
        };
        if let Err(error) = work() {
            // Unless it was published after all, nobody knows of it, and the next merge would remove it too.
            if !matches!(self.published(column_partition), Ok(Some(now)) if now == published) {
                made.iter().for_each(|(fs, directory)| drop(io::remove_tree(&**fs, directory)));
            }
            return Err(error);
        }
        Ok(kept)
    }

    fn location_record(&self, column_partition: &str, entry: &PublishedStorage) -> Result<LocationRecord> {
        let storage = self.storage(&entry.name)?;
        let path = storage.partition_directory(column_partition).join(&entry.version).join(LOCATION_FILE);
        LocationRecord::decode(&io::read_small(&*storage.fs, &path, RECORD_BYTES_MAX)?)
    }
}

/// Damage in nothing but the grouping index leaves the column as it is.
fn is_grouping_alone(files: &BTreeSet<String>) -> bool {
    files.iter().all(|extension| extension == "grp")
}

/// Copies a location without what is damaged, durably, and verifies the copy. Gives what is published of it, its names aside.
fn copy(
    fs: &std::sync::Arc<dyn FileSystem>,
    from: &Path,
    to: &Path,
    mut record: LocationRecord,
    damaged: &BTreeMap<String, BTreeSet<String>>,
) -> Result<PublishedStorage> {
    fs.create_dir_all(to)?;
    record.columns.retain(|column| damaged.get(&column.name).is_none_or(is_grouping_alone));
    for column in &mut record.columns {
        column.grouping = column.grouping.filter(|_| !damaged.contains_key(&column.name));
        files(column).try_for_each(|name| copy_file(&**fs, &from.join(&name), &to.join(&name)))?;
    }
    // Rows are still in the order of those before the first that is gone.
    let sorted =
        record.sort_columns.iter().take_while(|name| record.columns.iter().any(|column| column.name == **name));
    record.sort_columns = sorted.cloned().collect();
    record.written_ns = fs.now_ns();
    let bytes = record.encode()?;
    write_file(&**fs, &to.join(LOCATION_FILE), &bytes)?;
    write_file(&**fs, &to.join(LOCK_FILE), &[])?;
    fs.sync_dir(to)?;
    io::create_dir_durable(&**fs, to)?;
    let progress = |_, _| io::interrupt::check();
    let found = Collector::new(&progress);
    verify_directory(fs, to, &found)?;
    if let Some(problem) = found.into_problems().0.into_iter().find(|problem| problem.severity == Severity::Damage) {
        return Err(Error::corrupt(format!("what remains is damaged too: {}", problem.what)).at_path(&problem.path));
    }
    Ok(PublishedStorage {
        name: String::new(),
        version: String::new(),
        row_count: record.row_count,
        size_bytes: record.size_bytes().saturating_add(bytes.len() as u64),
        seal: record::seal(&bytes),
    })
}

/// The names of a column's files.
fn files(column: &ColumnRecord) -> impl Iterator<Item = String> + use<> {
    let name = column.name.clone();
    let first = [Some("col"), column.symbols.map(|_| "sym"), column.grouping.map(|_| "grp")].into_iter().flatten();
    let values = (1..=column.values.len()).map(super::column_files::extension);
    first.map(str::to_string).chain(values).map(move |extension| format!("{name}.{extension}"))
}

fn copy_file(fs: &dyn FileSystem, from: &Path, to: &Path) -> Result<()> {
    let (source, target) = (fs.open(from, OpenMode::Read)?, fs.open(to, OpenMode::CreateNew)?);
    let size = source.size()?;
    let mut at = 0;
    while at < size {
        io::interrupt::check()?;
        let mut bytes = vec![0; COPY_BYTES.min(size - at) as usize];
        source.read_exact_at(&mut bytes, at)?;
        target.write_all_at(&bytes, at)?;
        at += bytes.len() as u64;
    }
    target.sync()
}
