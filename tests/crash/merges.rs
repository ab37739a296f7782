//! F1, merges: first merge, others, into one storage or two, retirement of the intraday rows, deletion of the history.
//!
//! At every instant each row is in the intraday locations or in the published version, and the version is whole.

use crate::rows::{columns, fill, sym, verify_rows};
use crate::walk::{Depth, History, Ledger, expect_no_violation, in_order, walk};
use pilaster::base::{Error, Result};
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::memory::Chunk;
use pilaster::storage::historical::{self, HistoricalTable, MergeOptions, StorageDirectory};
use pilaster::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions, remove_location};
use pilaster::storage::{Catalog, Location, LocationKey, Root, RootConfig, Storage, schema};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DATE: &str = "2017-08-25";
const HISTORY_DIRECTORY: &str = "historical/Market/Quotes";
const SOURCES: [&str; 2] = ["feed", "late"];
const SCHEMA: &str = r#"namespace = "Market"
table = "Quotes"
sort = ["Price"]
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String", kind = "grouping" },
  { name = "Price", type = "double" },
  { name = "Size", type = "int" },
]
"#;

/// Rows of each source that are intraday, and those of each that the published version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) intraday: [u64; 2],
    pub(crate) merged: Option<[u64; 2]>,
}

/// One step of a partition's life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// More rows of a source, durable.
    Append(usize, u64),
    Merge,
    /// A merge after which the intraday rows go.
    Retire,
    /// The intraday rows of a source go, if they have not gone yet.
    Remove(usize),
    /// The history goes.
    Delete,
}

pub(crate) const HISTORY: [Work; 6] = {
    use Work::*;
    [Merge, Append(0, 10), Merge, Append(1, 1), Retire, Delete]
};

/// A partition with two sources.
#[derive(Debug)]
pub(crate) struct Merges {
    ledger: Ledger<State>,
    /// What versions hold, found once: `[feed, late]` by their sum, and the rows in order.
    expected: RefCell<HashMap<[u64; 2], Vec<Row>>>,
    known: RefCell<HashMap<u64, [u64; 2]>>,
}

type Row = (Option<String>, f64, i32);

impl Merges {
    /// A root with intraday rows, all of it durable; the log begins after that.
    pub(crate) fn begin(storages: usize) -> (SimulatedFileSystem, Self) {
        let fs = SimulatedFileSystem::new(1);
        let merges = Self::lay_out(&(Arc::new(fs.clone()) as Arc<dyn FileSystem>), &fs, storages);
        (fs.kill(), Self::after(*merges.ledger.last()))
    }

    /// Makes a root with intraday rows in an empty directory.
    pub(crate) fn lay_out(fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, storages: usize) -> Self {
        let mut config = RootConfig::new("UTC").expect("a known zone");
        if storages > 1 {
            config.storages.push(Storage { name: "second".into(), directory: "second".into() });
        }
        Root::create_in(fs.clone(), config).expect("an empty directory");
        schema::deploy(&**fs, SCHEMA, Path::new("quotes.toml"), false).expect("a valid schema");
        let mut merges = Self::after(State { intraday: [0, 0], merged: None });
        merges.run(fs, log, &[Work::Append(0, 25), Work::Append(1, 5)]).expect("a disk without faults");
        merges
    }

    pub(crate) fn after(state: State) -> Self {
        let merges = Merges { ledger: Ledger::new(state), expected: RefCell::default(), known: RefCell::default() };
        merges.know(state);
        merges
    }

    /// Works until something fails. `log` tells the length of the simulated log.
    pub(crate) fn run(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, works: &[Work]) -> Result<()> {
        works.iter().try_for_each(|work| self.work(fs, log, *work))
    }

    fn work(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, work: Work) -> Result<()> {
        // Versions are told apart by time, among others.
        log.advance_ns(1_000);
        let mut state = *self.ledger.last();
        match work {
            Work::Append(source, rows) => {
                let from = state.intraday[source];
                state.intraday[source] += rows;
                self.ledger.begin(log.log_len(), state);
                let options = WriterOptions { durability: Durability::Commit };
                let mut writer = IntradayWriter::open(fs.clone(), &directory(source), &columns(0), options)?;
                writer.append(&crate::rows::chunks(&columns(0), from..from + rows, source as u64 + 1))?;
                writer.commit()?;
                writer.close()?;
            }
            Work::Merge | Work::Retire => {
                state.merged = Some(state.intraday);
                self.know(state);
                self.ledger.begin(log.log_len(), state);
                if let Work::Retire = work {
                    for source in 0..2 {
                        state.intraday[source] = 0;
                        self.ledger.begin(log.log_len(), state);
                    }
                }
                let options = MergeOptions { threads: 1, force: true, discard_merged: true, ..MergeOptions::default() };
                let entry = Catalog::open(Arc::new(Root::open_in(fs.clone())?)).table("Market", "Quotes")?;
                entry.merge(DATE, &options, matches!(work, Work::Retire), &|_| Ok(()))?;
            }
            Work::Remove(source) => {
                state.intraday[source] = 0;
                self.ledger.begin(log.log_len(), state);
                match remove_location(&**fs, &directory(source)) {
                    Err(error) if error.is_not_found() => {}
                    answer => answer?,
                }
            }
            Work::Delete => {
                state.merged = None;
                self.ledger.begin(log.log_len(), state);
                let root = Root::open_in(fs.clone())?;
                let storages = StorageDirectory::of_root(&root, "Market", "Quotes")?;
                historical::remove_partition(fs, Path::new(HISTORY_DIRECTORY), DATE, &storages)?;
            }
        }
        self.ledger.acknowledge(log.log_len());
        Ok(())
    }

    pub(crate) fn know(&self, state: State) {
        if let Some(rows) = state.merged {
            self.known.borrow_mut().insert(rows[0] + rows[1], rows);
        }
    }

    /// The published version, every value of it compared.
    fn merged(&self, fs: &Arc<dyn FileSystem>) -> Result<Option<[u64; 2]>> {
        let storages = ["main", "second"].map(|name| StorageDirectory {
            name: name.into(),
            fs: fs.clone(),
            table_directory: if name == "main" { HISTORY_DIRECTORY } else { "second/Market/Quotes" }.into(),
        });
        let table = HistoricalTable::new(fs.clone(), Path::new(HISTORY_DIRECTORY), storages.into(), Arc::default());
        let Some(published) = table.published(DATE)? else { return Ok(None) };
        let total = published.row_count();
        let Some(rows) = self.known.borrow().get(&total).copied() else {
            return Err(Error::corrupt(format!("{total} rows are published, which no merge had")));
        };
        let mut found = Vec::new();
        for handle in table.partition_handles(DATE) {
            let part = read(&*handle.open()?)?;
            if !part.is_sorted_by(before) {
                return Err(Error::corrupt("rows of a version are out of order"));
            }
            found.extend(part);
        }
        found.sort_by(|a, b| if before(a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
        let mut expected = self.expected.borrow_mut();
        if found == *expected.entry(rows).or_insert_with(|| merged_rows(rows)) {
            Ok(Some(rows))
        } else {
            Err(Error::corrupt("a version has values that were never written so"))
        }
    }
}

impl History for Merges {
    type View = State;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<State> {
        let mut intraday = [0, 0];
        for (source, rows) in intraday.iter_mut().enumerate() {
            let key = LocationKey { column_partition: DATE.into(), internal_partition: SOURCES[source].into() };
            *rows = match IntradayLocation::open(fs.clone(), &directory(source), key, Arc::default()) {
                Err(error) if error.is_not_found() => 0,
                answer => verify_rows(&*answer?, &vec![(0, source as u64 + 1)], &columns(0))?,
            };
        }
        Ok(State { intraday, merged: self.merged(fs)? })
    }

    fn judge(&self, at: usize, view: &State, _killed: bool) -> Result<(), String> {
        self.ledger.judge(at, view)
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &State) -> Result<Self> {
        let mut next = Self::after(*view);
        let whole = view.intraday.iter().all(|rows| *rows > 0);
        let retired = view.merged.is_some() && !whole;
        next.run(
            fs,
            log,
            if retired {
                &[Work::Remove(0), Work::Remove(1), Work::Delete]
            } else {
                &[Work::Append(0, 2), Work::Append(1, 1), Work::Merge]
            },
        )?;
        Ok(next)
    }

    fn judge_between(&self, at: usize, next: &Self, then: usize, view: &State) -> Result<(), String> {
        let parts = |state: &State| {
            vec![(Some(state.intraday[0]), None), (Some(state.intraday[1]), None), (None, state.merged)]
        };
        self.ledger.judge_between(at, &next.ledger, then, view, parts)
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let list = |directory: &Path| match fs.list(directory) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            answer => answer,
        };
        let mut left = Vec::new();
        for place in [format!("{HISTORY_DIRECTORY}/main/{DATE}"), format!("second/Market/Quotes/second/{DATE}")] {
            let versions = list(Path::new(&place))?;
            if versions.len() > 1 {
                left.extend(versions.into_iter().map(|entry| format!("{place}/{}", entry.name)));
            }
        }
        let published = Path::new(HISTORY_DIRECTORY).join(".published");
        left.extend(list(&published)?.into_iter().map(|entry| entry.name).filter(|name| is_temporary(name)));
        Ok(left)
    }
}

fn directory(source: usize) -> PathBuf {
    Path::new("intraday/Market/Quotes").join(SOURCES[source]).join(DATE)
}

/// The order of merged rows: nulls first, then by symbol, then by price.
fn before(a: &Row, b: &Row) -> bool {
    (&a.0, a.1) <= (&b.0, b.1)
}

/// What a version of so many rows of each source holds.
fn merged_rows(counts: [u64; 2]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (writer, count) in (1..).zip(counts) {
        let mut columns = crate::rows::chunks(&columns(0), 0..count, writer).into_iter().skip(1);
        if let (Some(Chunk::Double(prices)), Some(Chunk::Int(sizes))) = (columns.next(), columns.next()) {
            let syms = (0..count).map(|row| sym(row, writer));
            rows.extend(syms.zip(prices).zip(sizes).map(|((sym, price), size)| (sym, price, size)));
        }
    }
    rows.sort_by(|a, b| if before(a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
    rows
}

fn read(location: &dyn Location) -> Result<Vec<Row>> {
    let read = |at: usize| {
        let column = &columns(0)[at];
        let mut chunk = Chunk::new(column.column_type);
        let region = location.column(&column.name)?;
        let region = region.ok_or_else(|| Error::corrupt(format!("column {} is gone", column.name)))?;
        fill(&*region, 0..location.row_count(), &mut chunk)?;
        Ok(chunk)
    };
    if location.row_count() == 0 {
        return Ok(Vec::new());
    }
    match (read(0)?, read(1)?, read(2)?) {
        (Chunk::String(syms), Chunk::Double(prices), Chunk::Int(sizes)) => Ok(syms
            .iter()
            .zip(prices)
            .zip(sizes)
            .map(|((sym, price), size)| (sym.map(str::to_owned), price, size))
            .collect()),
        _ => Err(Error::corrupt("columns have other types")),
    }
}

fn run(storages: usize, limit: usize) -> crate::walk::Walk {
    in_order(|| {
        let (fs, mut merges) = Merges::begin(storages);
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        merges.run(&handle, &fs, &HISTORY).expect("a disk without faults");
        walk(
            &fs,
            &merges,
            Depth { limit, go_on_every: 61, again_every: 1_997, again_limit: 2, killed_every: 23, ..Depth::default() },
        )
    })
}

#[test]
fn fault_f1_merges_are_published_whole_in_every_crash() {
    expect_no_violation("F1", "merge, merge again, retirement, deletion", &run(1, 45), 9_000);
}

#[test]
fn fault_f1_merges_over_storages_are_published_whole_in_every_crash() {
    expect_no_violation("F1", "the same over two storages", &run(2, 22), 7_000);
}
