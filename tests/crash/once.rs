//! F1, F24: what is applied exactly once. Imports with a name, tried again whenever they were cut off, also where a merge has published and removed their rows meanwhile; and files that
//! are followed, by whoever goes on after a crash.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the followed file is the user's, on the real file system"
)]

use crate::imports::{DATES, SOURCE, TABLE, definition};
use crate::mistaken::{Mistake, MistakenFileSystem};
use crate::walk::{Depth, History, Walk, expect_no_violation, in_order, walk};
use pilaster::base::{ColumnType, Error, Result};
use pilaster::io::faulty::CallKind;
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::catalog::{MergeChain, TableEntry};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::{
    AppendOptions, CsvInput, FollowFormat, ImportMode, ImportOptions, PartitionTarget, follow_file,
};
use pilaster::storage::intraday::{Durability, IntradayLocation};
use pilaster::storage::location::LocationHandle;
use pilaster::storage::{Catalog, Location, LocationKey, Root, RootConfig, schema};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCHEMA: &str = r#"namespace = "Market"
table = "Orders"
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Id", type = "long" },
]
"#;

/// What is done, in this order, and from the beginning again after each crash.
const WORKS: [Work; 9] = [
    Work::Batch("a", ImportMode::Append, [0..4, 100..103]),
    Work::Batch("b", ImportMode::Append, [10..13, 0..0]),
    Work::Merge(0),
    Work::Batch("c", ImportMode::Append, [20..22, 0..0]),
    // As many rows as it takes the place of.
    Work::Batch("d", ImportMode::Replace, [0..0, 30..33]),
    Work::Merge(1),
    Work::Batch("a", ImportMode::Append, [0..4, 100..103]),
    Work::Batch("e", ImportMode::Append, [40..41, 42..43]),
    Work::Merge(0),
];

#[derive(Clone, Debug)]
enum Work {
    /// An import of the name, with the identifiers that each partition gets.
    Batch(&'static str, ImportMode, [Range<i64>; 2]),
    /// Merges a partition and removes its intraday rows.
    Merge(usize),
}

/// The identifiers in history and in the intraday rows of each partition, in order.
type Seen = [[Vec<i64>; 2]; 2];

fn final_ids() -> [Vec<i64>; 2] {
    [vec![0, 1, 2, 3, 10, 11, 12, 20, 21, 40], vec![30, 31, 32, 42]]
}

/// Somebody who works until everything is done.
struct Batches {
    /// Which identifiers were acknowledged at which call, by partition.
    acknowledged: Vec<(usize, usize, Range<i64>)>,
    /// When all was done; none if it never was.
    done: Option<usize>,
}

impl Batches {
    fn prepared() -> SimulatedFileSystem {
        let fs = SimulatedFileSystem::new(1);
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        Root::create_in(handle, RootConfig::new("UTC").expect("a known zone")).expect("an empty directory");
        schema::deploy(&fs, SCHEMA, Path::new("orders.toml"), false).expect("a valid schema");
        fs.power_cut()
    }

    fn run(fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem) -> Result<Self> {
        let mut batches = Batches { acknowledged: Vec::new(), done: None };
        for work in WORKS {
            match work {
                Work::Batch(id, mode, ids) => {
                    import(fs, id, mode, &ids)?;
                    // What takes the place of other rows ends the promise for these.
                    if mode == ImportMode::Append {
                        let news = ids.into_iter().enumerate().filter(|(_, ids)| !ids.contains(&100));
                        batches.acknowledged.extend(news.map(|(at, ids)| (log.log_len(), at, ids)));
                    }
                }
                Work::Merge(at) => merge(fs, DATES[at])?,
            }
        }
        batches.done = Some(log.log_len());
        Ok(batches)
    }
}

fn table(fs: &Arc<dyn FileSystem>) -> Result<TableEntry> {
    Catalog::open(Arc::new(Root::open_in(fs.clone())?)).table("Market", "Orders")
}

fn import(fs: &Arc<dyn FileSystem>, id: &str, mode: ImportMode, ids: &[Range<i64>; 2]) -> Result<()> {
    let mut text = String::from("Date,Id\n");
    for (date, ids) in DATES.iter().zip(ids) {
        for id in ids.clone() {
            writeln!(text, "{date},{id}").expect("memory takes it");
        }
    }
    let options = ImportOptions {
        mode,
        batch_id: Some(id.to_string()),
        ..ImportOptions::new(PartitionTarget::Column("Date".into()))
    };
    let input = CsvInput::new("orders.csv", Box::new(std::io::Cursor::new(text)));
    table(fs)?.import_csv(input, &options, &|_| Ok(())).map(drop)
}

fn merge(fs: &Arc<dyn FileSystem>, partition: &str) -> Result<()> {
    let chain = MergeChain { validate: None, delete_intraday: true };
    let options = MergeOptions { threads: 1, incremental: true, ..MergeOptions::default() };
    match table(fs)?.merge_chain(partition, &options, chain, &|_| Ok(())) {
        // Nothing was imported yet.
        Err(error) if error.is_not_found() => Ok(()),
        answer => answer.map(drop),
    }
}

fn ids_of(location: &dyn Location) -> Result<Vec<i64>> {
    let rows = location.row_count();
    if rows == 0 {
        return Ok(Vec::new());
    }
    let region = location.column("Id")?.ok_or_else(|| Error::corrupt("column Id is gone"))?;
    match region.read(0..rows)? {
        Chunk::Long(ids) => Ok(ids),
        _ => Err(Error::corrupt("column Id has another type")),
    }
}

impl History for Batches {
    type View = Seen;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Seen> {
        let table = table(fs)?;
        let history = table.historical_table(Arc::default())?;
        let mut seen = Seen::default();
        for (at, date) in DATES.into_iter().enumerate() {
            if history.published(date)?.is_some() {
                for handle in history.partition_handles(date) {
                    seen[0][at].extend(ids_of(&*handle.open()?)?);
                }
            }
            let key = LocationKey { column_partition: date.into(), internal_partition: "import".into() };
            match table.intraday_handle(key, &Arc::default())?.open() {
                Err(error) if error.is_not_found() => {}
                answer => seen[1][at] = ids_of(&*answer?)?,
            }
        }
        seen.iter_mut().flatten().for_each(|ids| ids.sort_unstable());
        Ok(seen)
    }

    fn judge(&self, at: usize, view: &Seen, _killed: bool) -> Result<(), String> {
        for ids in view.iter().flatten() {
            if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(format!("rows are there twice: {view:?}"));
            }
        }
        for (_, partition, ids) in self.acknowledged.iter().filter(|(then, ..)| *then <= at) {
            for id in ids.clone() {
                if !view.iter().any(|kind| kind[*partition].contains(&id)) {
                    return Err(format!("row {id} was acknowledged and is gone: {view:?}"));
                }
            }
        }
        if self.done.is_some_and(|done| at >= done) {
            for (partition, expected) in final_ids().into_iter().enumerate() {
                let mut all = [view[0][partition].clone(), view[1][partition].clone()].concat();
                all.sort_unstable();
                if all != expected {
                    return Err(format!("all is done, and partition {partition} has {all:?}, not {expected:?}"));
                }
            }
        }
        Ok(())
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, _view: &Seen) -> Result<Self> {
        Batches::run(fs, log)
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let names = fs.list(Path::new("intraday/Market/Orders/import"))?.into_iter().map(|entry| entry.name);
        Ok(names.filter(|name| name.starts_with(".import-") || name.starts_with(".removed-")).collect())
    }
}

const BATCH_DEPTH: Depth = Depth {
    stride: 1,
    limit: 6,
    go_on_every: 7,
    again_every: 997,
    again_limit: 1,
    killed_every: 41,
    until_noticed: false,
};

fn batches(mistake: Option<Mistake>) -> Walk {
    in_order(|| {
        let fs = Batches::prepared();
        let plain: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let handle = match mistake {
            Some(mistake) => Arc::new(MistakenFileSystem::new(&fs, mistake)),
            None => plain,
        };
        match Batches::run(&handle, &fs) {
            Ok(batches) => walk(&fs, &batches, Depth { until_noticed: mistake.is_some(), ..BATCH_DEPTH }),
            Err(error) => Walk { violations: vec![error.to_string()], ..Walk::default() },
        }
    })
}

#[test]
fn fault_f1_named_imports_are_applied_once_through_every_crash() {
    let walk = batches(None);
    expect_no_violation("F24", "named imports tried again, merged and removed meanwhile", &walk, 1_000);
}

/// A file that somebody follows. Row `n` of it goes to a partition by its number, or all to one.
struct Followed {
    path: PathBuf,
    by_column: bool,
    durability: Durability,
    /// From which call on so many rows may be there, and must be.
    begun: Vec<(usize, i64)>,
    durable: Vec<(usize, i64)>,
}

impl Followed {
    fn row(number: i64) -> String {
        format!("{},S{},{number},{}\n", DATES[number as usize % 2], number % 3, number as f64 * 0.25)
    }

    /// Rows that the file has, whoever follows it.
    fn rows_in_file(&self) -> i64 {
        let text = std::fs::read_to_string(&self.path).expect("the test's own file");
        text.lines().count() as i64 - 1
    }

    fn write(&self, rows: Range<i64>) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&self.path);
        let text: String = rows.map(Self::row).collect();
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the test's own file");
    }

    /// Follows the file while it grows by some rows at a time, until all of them are in.
    fn run(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, there: i64, steps: &[i64]) -> Result<Self> {
        let mut next = Followed {
            path: self.path.clone(),
            by_column: self.by_column,
            durability: self.durability,
            begun: vec![(0, there)],
            durable: Vec::new(),
        };
        let target = match self.by_column {
            true => PartitionTarget::Column("Date".into()),
            false => PartitionTarget::Value(DATES[0].into()),
        };
        let mut import = ImportOptions { source: SOURCE.into(), ..ImportOptions::new(target) };
        import.mode = ImportMode::Append;
        let options = AppendOptions { import, durability: self.durability, latency_ms: 1 };
        let mut steps = steps.iter();
        let mut all = self.rows_in_file();
        let mut grow = |next: &mut Followed, at: usize| {
            let Some(&more) = steps.next() else { return false };
            next.begun.push((at, all + more));
            self.write(all..all + more);
            all += more;
            true
        };
        grow(&mut next, log.log_len());
        let mut acknowledge = |commit: pilaster::storage::intraday::Commit| {
            next.durable.push((log.log_len(), there + commit.durable_rows as i64));
            let known = next.begun.last().map_or(0, |(_, rows)| *rows);
            // More than known are rows that came twice.
            if there + commit.rows as i64 >= known && !grow(&mut next, log.log_len()) {
                // Another file of its name ends the run.
                let other = self.path.with_extension("next");
                std::fs::copy(&self.path, &other).and_then(|_| std::fs::rename(&other, &self.path)).expect("own file");
            }
            Ok(())
        };
        let file = (self.path.as_path(), FollowFormat::Csv);
        // The partitioning column in the file must say the same as a partition that is given.
        let columns = definition();
        let columns = match self.by_column {
            true => columns,
            false => pilaster::base::TableDefinition::new(columns.stored().cloned().collect())?,
        };
        let report = follow_file(fs, Path::new(TABLE), &columns, file, &options, &mut acknowledge)?;
        match report.stopped {
            Some(error) if error.to_string().contains("another file has taken its name") => Ok(next),
            Some(error) => Err(error),
            None => Err(Error::invalid("the follower ended by itself")),
        }
    }
}

impl History for Followed {
    type View = Vec<i64>;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Vec<i64>> {
        let mut all = Vec::new();
        for date in DATES {
            let key = LocationKey { column_partition: date.into(), internal_partition: SOURCE.into() };
            let place = Path::new(TABLE).join(SOURCE).join(date);
            let location = match IntradayLocation::open(fs.clone(), &place, key, Arc::default()) {
                Err(error) if error.is_not_found() => continue,
                answer => answer?,
            };
            let mut tags = Chunk::new(ColumnType::Long);
            if location.row_count() > 0 {
                let region = location.column("Tag")?.ok_or_else(|| Error::corrupt("column Tag is gone"))?;
                region.fill(0..location.row_count(), &mut tags)?;
            }
            if let Chunk::Long(tags) = tags {
                all.extend(tags);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    fn judge(&self, at: usize, view: &Vec<i64>, _killed: bool) -> Result<(), String> {
        let rows = view.len() as i64;
        if !view.iter().copied().eq(0..rows) {
            return Err(format!("rows are lost or there twice: {view:?}"));
        }
        let most = self.begun.iter().rfind(|(then, _)| *then <= at).map_or(0, |(_, rows)| *rows);
        let least = self.durable.iter().rfind(|(then, _)| *then <= at).map_or(0, |(_, rows)| *rows);
        match (least..=most).contains(&rows) {
            true => Ok(()),
            false => Err(format!("{rows} rows, not {least} to {most}")),
        }
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &Vec<i64>) -> Result<Self> {
        self.run(fs, log, view.len() as i64, &[1])
    }

    fn judge_between(&self, _at: usize, next: &Self, then: usize, view: &Vec<i64>) -> Result<(), String> {
        // What was seen when the processes died need not have been durable.
        let most = next.begun.iter().rfind(|(begun, _)| *begun <= then).map_or(0, |(_, rows)| *rows);
        let rows = view.len() as i64;
        match view.iter().copied().eq(0..rows) && rows <= most {
            true => Ok(()),
            false => Err(format!("rows are lost or there twice: {view:?}")),
        }
    }

    fn left_behind(&self, _fs: &dyn FileSystem) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

fn followed(by_column: bool, durability: Durability, mistake: Option<Mistake>) -> Walk {
    in_order(|| {
        let directory = tempfile::tempdir().expect("a place for a file");
        let path = directory.path().join("orders.csv");
        let header = if by_column { "Date,Sym,Tag,Price\n" } else { "Day,Sym,Tag,Price\n" };
        std::fs::write(&path, header).expect("own file");
        let fs = SimulatedFileSystem::new(1);
        let plain: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let handle = match mistake {
            Some(mistake) => Arc::new(MistakenFileSystem::new(&fs, mistake)),
            None => plain,
        };
        let nobody = Followed { path, by_column, durability, begun: Vec::new(), durable: Vec::new() };
        let depth = Depth {
            stride: 1,
            limit: 6,
            go_on_every: if mistake.is_some() { 1 } else { 11 },
            again_every: usize::MAX,
            again_limit: 1,
            killed_every: if mistake.is_some() { usize::MAX } else { 37 },
            until_noticed: mistake.is_some(),
        };
        match nobody.run(&handle, &fs, 0, &[3, 1, 4]) {
            Ok(history) => walk(&fs, &history, depth),
            Err(error) => Walk { violations: vec![error.to_string()], ..Walk::default() },
        }
    })
}

#[test]
fn fault_f1_followed_files_are_in_once_through_every_crash() {
    for (by_column, durability) in [(false, Durability::Commit), (true, Durability::Commit), (false, Durability::None)]
    {
        let walk = followed(by_column, durability, None);
        let what = if by_column { "over two partitions" } else { "into one" };
        expect_no_violation("F1", &format!("a file followed {what}, {durability:?}"), &walk, 150);
    }
}

#[test]
fn fault_f1_mistakes_with_what_is_remembered_are_noticed() {
    use CallKind::*;
    type Try = fn(Mistake) -> Walk;
    let follow: Try = |mistake| followed(false, Durability::Commit, Some(mistake));
    let import: Try = |mistake| batches(Some(mistake));
    let mistakes: [(&str, Mistake, Try); 4] = [
        ("the position of a follower is not synced", Mistake::Omit((Sync, ".imports")), follow),
        ("the position is written behind the rows", Mistake::Late((Rename, ".imports"), (Write, "/commit")), follow),
        ("the record of batches is not synced", Mistake::Omit((Sync, ".imports")), import),
        ("the record of batches is written over", Mistake::InPlace(".imports"), import),
    ];
    for (what, mistake, run) in mistakes {
        let walk = run(mistake);
        println!("F1   seeded mistake: {what}: {}", if walk.violations.is_empty() { "MISSED" } else { "noticed" });
        assert!(!walk.violations.is_empty(), "nobody noticed that {what}, in {} states", walk.states);
    }
}
