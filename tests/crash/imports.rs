//! F1, imports: partitions appear whole, in every mode, and go as a whole.

use crate::mistaken::{Mistake, MistakenFileSystem};
use crate::rows::fill;
use crate::walk::{Depth, History, Ledger, Walk, expect_no_violation, in_order, walk};
use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result, TableDefinition};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::import::{CsvInput, ImportMode, ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions, remove_location};
use pilaster::storage::{Location, LocationKey};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const TABLE: &str = "intraday/Market/Trades";
pub(crate) const SOURCE: &str = "import";
pub(crate) const DATES: [&str; 2] = ["2017-08-25", "2017-08-26"];

/// What a partition holds: which imports, in order, with how many rows each. Empty also where there is none.
type Content = Vec<(u64, u64)>;

/// Both partitions.
pub(crate) type Dates = [Content; 2];

/// One import or deletion.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Of so many rows a partition, 0 to leave it out; the date column says which partition a row belongs to.
    ByColumn(ImportMode, [u64; 2]),
    /// Of so many rows into one partition.
    Into(ImportMode, usize, u64),
    /// Two durable commits of so many rows each by a writer, which goes on in what imports made.
    ByWriter(usize, u64),
    Remove(usize),
}

/// Each way into a location: new, appended in place, appended by copy, exchanged; and the way out.
pub(crate) fn history() -> Vec<Work> {
    use ImportMode::*;
    use Work::*;
    vec![
        ByColumn(Safe, [5, 3]),
        Into(Append, 0, 4),
        ByColumn(Append, [2, 6]),
        ByColumn(Replace, [3, 3]),
        Into(Replace, 0, 7),
        Remove(1),
        Into(Safe, 1, 2),
    ]
}

/// A source into which one import after the other went.
#[derive(Debug)]
pub(crate) struct Imports {
    ledger: Ledger<Dates>,
    /// The number of the next import.
    number: u64,
}

impl Imports {
    pub(crate) fn new() -> Self {
        Imports { ledger: Ledger::new(Dates::default()), number: 1 }
    }

    /// Works until something fails. `log` tells the length of the simulated log.
    pub(crate) fn run(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, works: &[Work]) -> Result<()> {
        works.iter().try_for_each(|work| self.work(fs, log, work))
    }

    fn work(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, work: &Work) -> Result<()> {
        let (mode, target, rows) = match *work {
            Work::Remove(at) => {
                let mut next = self.ledger.last().clone();
                next[at].clear();
                self.ledger.begin(log.log_len(), next);
                remove_location(&**fs, &directory(at))?;
                self.ledger.acknowledge(log.log_len());
                return Ok(());
            }
            Work::ByWriter(at, rows) => return self.append(fs, log, at, rows),
            Work::ByColumn(mode, rows) => (mode, PartitionTarget::Column("Date".into()), rows),
            Work::Into(mode, at, rows) => {
                let mut both = [0, 0];
                both[at] = rows;
                (mode, PartitionTarget::Value(DATES[at].into()), both)
            }
        };
        let number = self.number;
        self.number += 1;
        // Partitions appear one after the other.
        for at in (0..2).filter(|at| rows[*at] > 0) {
            let mut next = self.ledger.last().clone();
            if mode == ImportMode::Replace {
                next[at].clear();
            }
            next[at].push((number, rows[at]));
            self.ledger.begin(log.log_len(), next);
        }
        let options = ImportOptions { mode, source: SOURCE.into(), ..ImportOptions::new(target) };
        let input = CsvInput::new("trades.csv", Box::new(std::io::Cursor::new(csv(number, rows))));
        import_csv(fs, Path::new(TABLE), &definition(), input, &options, &|_| Ok(()))?;
        self.ledger.acknowledge(log.log_len());
        Ok(())
    }

    fn append(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, at: usize, rows: u64) -> Result<()> {
        let options = WriterOptions { durability: Durability::Commit };
        let table = definition();
        let mut writer = IntradayWriter::open(fs.clone(), &directory(at), &table.columns()[1..], options)?;
        for _ in 0..2 {
            let tags: Vec<i64> = (0..rows).map(|row| tag(self.number, row)).collect();
            let syms: Vec<String> = tags.iter().map(|&tag| sym(tag)).collect();
            let prices = tags.iter().map(|&tag| price(tag)).collect();
            let syms = Chunk::strings(syms.iter().map(|sym| Some(sym.as_str())))?;
            writer.append(&[syms, Chunk::Long(tags), Chunk::Double(prices)])?;
            let mut next = self.ledger.last().clone();
            next[at].push((self.number, rows));
            self.number += 1;
            self.ledger.begin(log.log_len(), next);
            writer.commit()?;
            self.ledger.acknowledge(log.log_len());
        }
        Ok(())
    }

    fn after(&self, view: &Dates) -> Self {
        Imports { ledger: Ledger::new(view.clone()), number: self.number }
    }
}

impl History for Imports {
    type View = Dates;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Dates> {
        Ok([content(fs, 0)?, content(fs, 1)?])
    }

    fn judge(&self, at: usize, view: &Dates, _killed: bool) -> Result<(), String> {
        self.ledger.judge(at, view)
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &Dates) -> Result<Self> {
        let mut next = self.after(view);
        next.run(fs, log, &[Work::ByColumn(ImportMode::Append, [1, 0]), Work::Into(ImportMode::Replace, 1, 2)])?;
        Ok(next)
    }

    fn judge_between(&self, at: usize, next: &Self, then: usize, view: &Dates) -> Result<(), String> {
        self.ledger.judge_between(at, &next.ledger, then, view, |view| view.to_vec())
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let names = fs.list(&Path::new(TABLE).join(SOURCE))?.into_iter().map(|entry| entry.name);
        // The group file stays: it says which of the imports over several partitions count.
        let stays = |name: &str| matches!(name, ".group" | ".group.lock");
        Ok(names.filter(|name| name.starts_with('.') && !stays(name)).collect())
    }
}

fn directory(at: usize) -> PathBuf {
    Path::new(TABLE).join(SOURCE).join(DATES[at])
}

pub(crate) fn definition() -> TableDefinition {
    TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Sym", ColumnType::String),
        ColumnDefinition::new("Tag", ColumnType::Long),
        ColumnDefinition::new("Price", ColumnType::Double),
    ])
    .expect("the names are valid")
}

/// The tag tells import and row; the other columns follow from it.
fn tag(import: u64, row: u64) -> i64 {
    (import * 10_000 + row) as i64
}

fn sym(tag: i64) -> String {
    format!("I{}S{}", tag / 10_000, tag % 3)
}

fn price(tag: i64) -> f64 {
    tag as f64 * 0.25
}

pub(crate) fn csv(import: u64, rows: [u64; 2]) -> String {
    let mut text = String::from("Date,Sym,Tag,Price\n");
    for (date, rows) in DATES.iter().zip(rows) {
        for tag in (0..rows).map(|row| tag(import, row)) {
            writeln!(text, "{date},{},{tag},{}", sym(tag), price(tag)).expect("memory takes it");
        }
    }
    text
}

/// Reads a partition and compares every value.
pub(crate) fn content(fs: &Arc<dyn FileSystem>, at: usize) -> Result<Content> {
    let key = LocationKey { column_partition: DATES[at].into(), internal_partition: SOURCE.into() };
    let location = match IntradayLocation::open(fs.clone(), &directory(at), key, Arc::default()) {
        Err(error) if error.is_not_found() => return Ok(Content::new()),
        answer => answer?,
    };
    let read = |name: &str, column_type: ColumnType| {
        let mut chunk = Chunk::new(column_type);
        if location.row_count() > 0 {
            let region = location.column(name)?.ok_or_else(|| Error::corrupt(format!("column {name} is gone")))?;
            fill(&*region, 0..location.row_count(), &mut chunk)?;
        }
        Ok(chunk)
    };
    let (Chunk::Long(tags), Chunk::Double(prices), Chunk::String(syms)) =
        (read("Tag", ColumnType::Long)?, read("Price", ColumnType::Double)?, read("Sym", ColumnType::String)?)
    else {
        return Err(Error::corrupt("columns have other types"));
    };
    let mut content = Content::new();
    for (row, &found) in tags.iter().enumerate() {
        let (import, number) = ((found / 10_000) as u64, (found % 10_000) as u64);
        match content.last_mut() {
            Some((last, count)) if *last == import && *count == number => *count += 1,
            _ if number == 0 => content.push((import, 1)),
            _ => return Err(Error::corrupt(format!("row {row} has the tag {found} after {content:?}"))),
        }
        if prices[row] != price(found) || syms.get(row) != Some(sym(found).as_str()) {
            return Err(Error::corrupt(format!("row {row} has values that were never written so")));
        }
    }
    Ok(content)
}

#[test]
fn fault_f1_imports_appear_whole_after_every_crash() {
    let walk = in_order(|| {
        let fs = SimulatedFileSystem::new(1);
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let mut imports = Imports::new();
        imports.run(&handle, &fs, &history()).expect("a disk without faults");
        walk(
            &fs,
            &imports,
            Depth {
                limit: 36,
                killed_every: 23,
                go_on_every: 61,
                again_every: 1_997,
                again_limit: 2,
                ..Depth::default()
            },
        )
    });
    expect_no_violation("F1", "import in each mode, deletion of a location", &walk, 11_000);
}

/// Imports after which a writer comes, not another import: one that may make a mistake where it goes on from their rows.
struct ThenAppends(Imports, Option<Mistake>);

impl History for ThenAppends {
    type View = Dates;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Dates> {
        self.0.look_at(fs)
    }

    fn judge(&self, at: usize, view: &Dates, killed: bool) -> Result<(), String> {
        self.0.judge(at, view, killed)
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &Dates) -> Result<Self> {
        let handle: Arc<dyn FileSystem> = match self.1 {
            Some(mistake) if !view[0].is_empty() => Arc::new(MistakenFileSystem::around(fs.clone(), log, mistake)),
            _ => fs.clone(),
        };
        let mut next = self.0.after(view);
        next.run(&handle, log, &[Work::ByWriter(0, 3)])?;
        Ok(ThenAppends(next, self.1))
    }

    fn judge_between(&self, at: usize, next: &Self, then: usize, view: &Dates) -> Result<(), String> {
        self.0.judge_between(at, &next.0, then, view)
    }

    /// What a dead import leaves is for the next import.
    fn left_behind(&self, _fs: &dyn FileSystem) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Kills imports after each call, appends durably to what is seen then, and cuts the power.
pub(crate) fn killed_before_a_writer(mistake: Option<Mistake>, depth: Depth) -> Walk {
    use ImportMode::*;
    let fs = SimulatedFileSystem::new(1);
    let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let mut imports = Imports::new();
    let works = [Work::Into(Safe, 0, 4), Work::ByColumn(Append, [2, 3]), Work::Into(Replace, 0, 7)];
    imports.run(&handle, &fs, &works).expect("a disk without faults");
    walk(&fs, &ThenAppends(imports, mistake), Depth { killed_every: 1, again_limit: 3, ..depth })
}

#[test]
fn fault_f5_what_a_killed_import_left_and_a_writer_took_up_survives_every_crash() {
    let depth = Depth { limit: 2, go_on_every: 4, again_every: usize::MAX, ..Depth::default() };
    let walk = in_order(|| killed_before_a_writer(None, depth));
    expect_no_violation("F5", "import killed, then a durable writer, then a power cut", &walk, 4_000);
}
