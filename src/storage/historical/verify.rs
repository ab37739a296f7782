//! Verifying published partitions: every file, and everything that one file says of another.

use super::column_files::extension;
use super::order::Key;
use super::publish::{self, LOCATION_FILE, LOCK_FILE};
use super::reader::{HistoricalLocation, StoredLocation, Version};
use super::region::SealedRegion;
use super::{HistoricalTable, StorageDirectory};
use crate::base::limits::{BLOCK_ROWS, RECORD_BYTES_MAX};
use crate::base::{ColumnKind, ColumnType, Error, Result};
use crate::format::location_record::{LocationRecord, PublishedRecord, PublishedStorage};
use crate::format::sealed_column::chunk_statistics;
use crate::io::{self, FileSystem, LockKind};
use crate::memory::Chunk;
use crate::storage::findings::{Collector, Guard, Problem, Subject, against_schema, check_distinct, check_sorted};
use crate::storage::{ColumnRegion, GroupingIndex, Location, LocationKey, TableSchema};
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Problems told of one column; the others are like them.
const COLUMN_PROBLEMS_MAX: usize = 20;

/// Verifies what is published of a partition in all its storages, or in the one named. Errs only when the work is to end.
pub(in crate::storage) fn verify_partition(
    table: &HistoricalTable,
    column_partition: &str,
    storage: Option<&str>,
    schema: Option<&TableSchema>,
    subject: &Subject,
    out: &Collector<'_>,
) -> Result<()> {
    let damage = |error: &Error| {
        out.add(Problem::damage(error, subject.clone()).with_hint(
            "merge the partition again from its intraday rows with --force, or see what `pilaster repair` would do",
        ));
    };
    let published = match publish::read_published(&*table.fs, &table.table_directory, column_partition) {
        Ok(Some(published)) => published,
        Ok(None) => return Ok(()),
        Err(error) => {
            damage(&error);
            return Ok(());
        }
    };
    out.add_files(1, 0);
    let entries = published.storages.iter().filter(|entry| storage.is_none_or(|wanted| wanted == entry.name));
    for entry in entries {
        match lock(table, column_partition, &published, entry) {
            Ok(Some(stored)) => {
                if let Some(error) = odd_size(&stored, entry) {
                    damage(&error);
                }
                Verification {
                    stored: Arc::new(Version::of_one(stored, table.stats.clone())),
                    column_partition,
                    schema,
                    subject,
                    out,
                }
                .run()?;
            }
            // Published anew meanwhile: the version that was opened is no longer there to be verified; the new one is.
            Ok(None) => return verify_partition(table, column_partition, storage, schema, subject, out),
            Err(error) => damage(&error),
        }
    }
    Ok(())
}

/// Verifies a version's directory by itself, without what published it.
pub(in crate::storage) fn verify_directory(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    out: &Collector<'_>,
) -> Result<()> {
    let open = || -> Result<StoredLocation> {
        let path = directory.join(LOCATION_FILE);
        let lock = fs.try_lock(&directory.join(LOCK_FILE), LockKind::Shared)?;
        let lock =
            lock.ok_or_else(|| Error::corrupt("the version is being removed").at_path(&fs.display(directory)))?;
        let bytes = io::read_small(&**fs, &path, RECORD_BYTES_MAX)?;
        let record = LocationRecord::decode(&bytes).map_err(|error| error.at_path(&fs.display(&path)))?;
        Ok(StoredLocation {
            storage: String::new(),
            fs: fs.clone(),
            directory: directory.into(),
            record,
            _lock: Some(lock),
        })
    };
    match open() {
        Ok(stored) => {
            let version = Arc::new(Version::of_one(stored, Arc::default()));
            let verification =
                Verification { stored: version, column_partition: "", schema: None, subject: &Subject::Other, out };
            verification.run()
        }
        Err(error) => {
            out.add(Problem::damage(&error.at_path(&fs.display(directory)), Subject::Other));
            Ok(())
        }
    }
}

/// A storage's share of a version, held against removal; none where another version was published meanwhile.
fn lock(
    table: &HistoricalTable,
    column_partition: &str,
    published: &PublishedRecord,
    entry: &PublishedStorage,
) -> Result<Option<StoredLocation>> {
    match Version::lock_location(table, column_partition, entry) {
        Ok(stored) => Ok(Some(stored)),
        Err(error) => match publish::read_published(&*table.fs, &table.table_directory, column_partition)? {
            Some(now) if now == *published => Err(error),
            _ => Ok(None),
        },
    }
}

/// What the published record says of a location against what the location's record says.
fn odd_size(stored: &StoredLocation, entry: &PublishedStorage) -> Option<Error> {
    let record_bytes = stored.record.encode().map_or(0, |bytes| bytes.len() as u64);
    let found = stored.record.size_bytes().saturating_add(record_bytes);
    (found != entry.size_bytes).then(|| {
        Error::corrupt(format!("the files have {found} bytes, published were {}", entry.size_bytes))
            .at_path(&stored.fs.display(&stored.directory))
    })
}

/// Versions and unfinished records that nothing names, of one partition, unless a merge is at work.
pub(in crate::storage) fn leftovers(
    table: &HistoricalTable,
    column_partition: &str,
    storage: &StorageDirectory,
    out: &Collector<'_>,
) -> Result<()> {
    // Without knowing what is current nothing is left over.
    let published = || publish::read_published(&*table.fs, &table.table_directory, column_partition);
    let names = |record: &Option<PublishedRecord>, version: &str| {
        record
            .iter()
            .flat_map(|record| &record.storages)
            .any(|entry| entry.name == storage.name && entry.version == version)
    };
    let Ok(record) = published() else { return Ok(()) };
    let directory = storage.partition_directory(column_partition);
    let entries = match storage.fs.list(&directory) {
        Err(error) if error.is_not_found() => return Ok(()),
        answer => answer?,
    };
    let candidates: Vec<_> = entries.into_iter().filter(|entry| !names(&record, &entry.name)).collect();
    if candidates.is_empty() || is_merging(table, column_partition) {
        return Ok(());
    }
    let Ok(record) = published() else { return Ok(()) };
    let guard =
        Guard::Partition { table_directory: table.table_directory.clone(), column_partition: column_partition.into() };
    for entry in candidates.iter().filter(|entry| !names(&record, &entry.name)) {
        let path = directory.join(&entry.name);
        if storage.fs.metadata(&path)?.is_none() {
            continue;
        }
        let shown = storage.fs.display(&path);
        out.add(match entry.is_dir {
            true => {
                let subject = Subject::Leftover { path, guard: guard.clone() };
                Problem::stray(shown, "a version that is not published", subject).with_hint("the next merge removes it")
            }
            false => Problem::stray(shown, "no file belongs here", Subject::Other),
        });
    }
    Ok(())
}

/// True while somebody has the partition's lock.
fn is_merging(table: &HistoricalTable, column_partition: &str) -> bool {
    let path = publish::published_directory(&table.table_directory).join(format!(".lock-{column_partition}"));
    let exists = table.fs.metadata(&path).is_ok_and(|found| found.is_some());
    exists && !matches!(table.fs.try_lock(&path, LockKind::Shared), Ok(Some(_)))
}

struct Verification<'a> {
    /// A version of this one location.
    stored: Arc<Version>,
    column_partition: &'a str,
    schema: Option<&'a TableSchema>,
    subject: &'a Subject,
    out: &'a Collector<'a>,
}

impl Verification<'_> {
    fn run(&self) -> Result<()> {
        let stored = self.location();
        self.out.add_location(stored.record.row_count);
        self.files();
        // The order of rows spans columns; it is one more piece of work beside them.
        let columns = stored.record.columns.len();
        (0..=columns).into_par_iter().try_for_each(|at| if at < columns { self.column(at) } else { self.order() })
    }

    fn location(&self) -> &StoredLocation {
        &self.stored.locations[0]
    }

    fn damage(&self, error: Error) {
        let stored = self.location();
        let error = error.at_path(&stored.fs.display(&stored.directory));
        self.out.add(Problem::damage(&error, self.subject.clone()).with_hint(
            "merge the partition again from its intraday rows with --force, or see what `pilaster repair` would do",
        ));
    }

    /// The record against the directory: no column twice, no file of nobody's.
    fn files(&self) {
        let stored = self.location();
        let mut known: HashSet<String> = HashSet::from([LOCATION_FILE.to_string(), LOCK_FILE.to_string()]);
        for column in &stored.record.columns {
            let files = [Some(("col", ())), column.symbols.map(|_| ("sym", ())), column.grouping.map(|_| ("grp", ()))];
            let files = files.into_iter().flatten().map(|(extension, ())| extension.to_string());
            for extension in files.chain((1..=column.values.len()).map(extension)) {
                if !known.insert(format!("{}.{extension}", column.name)) {
                    self.damage(Error::corrupt(format!("column {} stands twice in the location record", column.name)));
                }
            }
        }
        self.out.add_files(2, 0);
        match stored.fs.list(&stored.directory) {
            Ok(entries) => {
                for entry in entries.iter().filter(|entry| !known.contains(&entry.name)) {
                    let shown = stored.fs.display(&stored.directory.join(&entry.name));
                    self.out.add(Problem::stray(shown, "the location record does not name this file", Subject::Other));
                }
            }
            Err(error) => self.damage(error),
        }
    }

    fn column(&self, at: usize) -> Result<()> {
        self.out.check()?;
        let stored = self.location();
        let record = &stored.record.columns[at];
        let Some(region) = SealedRegion::new(self.stored.clone(), 0, at) else { return Ok(()) };
        if let Some(problem) = against_schema(self.schema, &record.name, region.column_type(), || {
            stored.fs.display(&stored.directory.join(LOCATION_FILE))
        }) {
            self.out.add(problem);
        }
        let place = |error: Error, extension: &str| {
            let path = stored.directory.join(format!("{}.{extension}", record.name));
            error.context(format!("column {}", record.name)).at_path(&stored.fs.display(&path))
        };
        match region.leaf_symbols() {
            Ok(None) => {}
            Ok(Some(symbols)) => {
                for error in [check_sorted(&symbols), check_distinct(&symbols)].into_iter().filter_map(Result::err) {
                    self.damage(place(error, "sym"));
                }
            }
            Err(error) => self.damage(place(error, "sym")),
        }
        let index = match self.grouping(&record.name) {
            Ok(index) => index,
            Err(error) => {
                self.damage(place(error, "grp"));
                None
            }
        };
        match region.sealed() {
            Ok(_) => self.blocks(&region, index.as_deref(), &place)?,
            Err(error) => self.damage(place(error, "col")),
        }
        for level in 1..=record.values.len() {
            if let Err(error) = region.level(level).and_then(|file| file.verify()) {
                self.damage(place(error, &extension(level)));
            }
        }
        let files =
            1 + record.values.len() as u64 + u64::from(record.symbols.is_some()) + u64::from(record.grouping.is_some());
        self.out.add_files(files, record.size_bytes());
        Ok(())
    }

    fn grouping(&self, column: &str) -> Result<Option<Arc<GroupingIndex>>> {
        let stored = self.location();
        let key = LocationKey {
            column_partition: self.column_partition.into(),
            internal_partition: stored.storage.as_str().into(),
        };
        HistoricalLocation::of(key, self.stored.clone()).grouping(column)
    }

    /// Every block: its checksum, its values, its zone map, and the groups that its rows lie in.
    fn blocks(
        &self,
        region: &SealedRegion,
        index: Option<&GroupingIndex>,
        place: &dyn Fn(Error, &str) -> Error,
    ) -> Result<()> {
        let mut problems = 0;
        let mut tell = |error: Error, extension: &str| {
            problems += 1;
            if problems <= COLUMN_PROBLEMS_MAX {
                self.damage(place(error, extension));
            }
        };
        if let Some(index) = index
            && has_keys(region.column_type())
            && !distinct_values(index)
        {
            tell(Error::corrupt("a value has two groups"), "grp");
        }
        let mut groups = index.map(|index| Groups { index, group: 0 });
        if groups.is_some() && !has_keys(region.column_type()) {
            tell(Error::corrupt("values of this type have no groups"), "grp");
            groups = None;
        }
        let mut values = Chunk::new(region.column_type());
        for (number, entry) in region.sealed()?.entries().iter().enumerate() {
            let start = (number * BLOCK_ROWS) as u64;
            let end = start + u64::from(entry.row_count);
            if region.form.depth() > 0 {
                match region.count_nulls(start..end) {
                    Ok(nulls) if nulls == u64::from(entry.null_count) => {}
                    Ok(nulls) => {
                        let what = format!("block {number}: {nulls} values are null, not {}", entry.null_count);
                        tell(Error::corrupt(what).at_offset(entry.offset), "col");
                    }
                    Err(error) => tell(error, "col"),
                }
                self.out.add_values(end - start)?;
                continue;
            }
            values.clear();
            match region.fill(start..end, &mut values) {
                Ok(()) => {
                    let stored = entry.statistics();
                    if let Some(computed) = chunk_statistics(&values)
                        && stored != computed
                    {
                        let what =
                            format!("block {number}: the zone map says {stored:x?}, its values say {computed:x?}");
                        tell(Error::corrupt(what).at_offset(entry.offset), "col");
                    }
                    if let Err(error) = region.sealed()?.check_bounds(start, &values) {
                        tell(error, "col");
                    }
                    if let Some(row) = groups.as_mut().and_then(|groups| groups.odd_row(start, &values)) {
                        tell(Error::corrupt(format!("row {row} is not of the group that it lies in")), "grp");
                        groups = None;
                    }
                }
                Err(error) => {
                    tell(error, "col");
                    groups = None;
                }
            }
            self.out.add_values(end - start)?;
        }
        if problems > COLUMN_PROBLEMS_MAX {
            self.damage(place(Error::corrupt(format!("{} more problems", problems - COLUMN_PROBLEMS_MAX)), "col"));
        }
        Ok(())
    }

    /// Rows of equal grouping values are sorted by the columns that the record names.
    fn order(&self) -> Result<()> {
        let stored = self.location();
        // Without a schema nobody knows of grouping columns that have no index, within whose values rows are sorted.
        let Some(schema) = self.schema else { return Ok(()) };
        let sorted: Vec<usize> = self.positions(stored.record.sort_columns.iter().map(String::as_str));
        if sorted.len() < stored.record.sort_columns.len() {
            self.damage(Error::corrupt("the location record names a sort column that it has not"));
        }
        if sorted.is_empty() {
            return Ok(());
        }
        let grouped = |name: &str| {
            schema.definition.stored_column(name).is_some_and(|column| column.kind == ColumnKind::Grouping)
        };
        let breakers: Vec<usize> = (0..stored.record.columns.len())
            .filter(|&at| stored.record.columns[at].grouping.is_some() || grouped(&stored.record.columns[at].name))
            .collect();
        let sorted: Vec<usize> = sorted.into_iter().filter(|at| !breakers.contains(at)).collect();
        let mut regions = Vec::new();
        for &at in breakers.iter().chain(&sorted) {
            let Some(region) = SealedRegion::new(self.stored.clone(), 0, at) else { return Ok(()) };
            if !has_keys(region.column_type()) {
                // A merge does not sort by such a column.
                self.damage(Error::corrupt(format!("rows cannot be sorted by {}", stored.record.columns[at].name)));
                return Ok(());
            }
            regions.push(region);
        }
        let mut before: Option<Vec<u64>> = None;
        for start in (0..stored.record.row_count).step_by(BLOCK_ROWS) {
            self.out.check()?;
            let end = stored.record.row_count.min(start + BLOCK_ROWS as u64);
            let mut keys = Vec::with_capacity(regions.len());
            for region in &regions {
                let mut values = Chunk::new(region.column_type());
                if region.fill(start..end, &mut values).is_err() {
                    // The column's own piece of work tells of it.
                    return Ok(());
                }
                keys.push(Key::of(&values));
            }
            let keys = &keys;
            let at_row = |row: u32| move |key: usize| keys[key].get(row);
            let odd = (0..(end - start) as u32).find(|&row| match row.checked_sub(1) {
                Some(above) => descends(breakers.len(), regions.len(), at_row(above), at_row(row)),
                None => before
                    .as_ref()
                    .is_some_and(|before| descends(breakers.len(), regions.len(), |key| before[key], at_row(0))),
            });
            if let Some(row) = odd {
                let (row, columns) = (start + u64::from(row), stored.record.sort_columns.join(", "));
                let what = format!("row {row} sorts before the row above it, which has the same group, by {columns}");
                self.damage(Error::corrupt(what));
                return Ok(());
            }
            before = (end - start).checked_sub(1).map(|last| keys.iter().map(|key| key.get(last as u32)).collect());
        }
        Ok(())
    }

    fn positions<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<usize> {
        let columns = &self.location().record.columns;
        names.filter_map(|name| columns.iter().position(|column| column.name == name)).collect()
    }
}

/// True if a row sorts before the one above it: the first `breakers` keys equal, the others less.
fn descends(breakers: usize, count: usize, above: impl Fn(usize) -> u64, row: impl Fn(usize) -> u64) -> bool {
    (0..breakers).all(|key| above(key) == row(key))
        && (breakers..count).map(|key| above(key).cmp(&row(key))).find(|order| order.is_ne()).is_some_and(|o| o.is_gt())
}

/// Walks rows and groups side by side.
struct Groups<'a> {
    index: &'a GroupingIndex,
    group: usize,
}

impl Groups<'_> {
    /// The first row of a piece that has another value than its group; pieces come in row order.
    fn odd_row(&mut self, start: u64, values: &Chunk) -> Option<u64> {
        let (rows, groups) = (Key::of(values), Key::of(&self.index.values));
        (0..values.len() as u32).find_map(|at| {
            let row = start + u64::from(at);
            while self.group + 1 < self.index.group_count() && self.index.starts[self.group + 1] <= row {
                self.group += 1;
            }
            (self.index.group_count() == 0 || rows.get(at) != groups.get(self.group as u32)).then_some(row)
        })
    }
}

/// True for types whose values a merge groups and sorts by.
fn has_keys(column_type: ColumnType) -> bool {
    !matches!(Chunk::new(column_type), Chunk::Object(_) | Chunk::Array(_))
}

fn distinct_values(index: &GroupingIndex) -> bool {
    let keys = Key::of(&index.values);
    let mut seen = HashSet::with_capacity(index.group_count());
    (0..index.values.len() as u32).all(|group| seen.insert(keys.get(group)))
}
