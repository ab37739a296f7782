//! F24: the chain merge, publish, validate, delete, cut off at every call and at random instants, and run again.
//!
//! The protocol that holds at every instant: `db.t` has no row of a partition, or all rows of one merge; `db.i` has each source whole until it is
//! gone; a source is gone only once `db.t` has its rows. A row is in both only between publication and deletion, and in `db.t` never twice.

use pilaster::base::{Error, Result};
use pilaster::io::faulty::{Failure, Fault, FaultyFileSystem};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::catalog::{MergeChain, TableEntry};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use pilaster::storage::location::LocationHandle;
use pilaster::storage::schema::Validation;
use pilaster::storage::{Catalog, Location, LocationKey, Root, RootConfig, schema};
use std::path::Path;
use std::sync::Arc;

/// Orders by day and symbol, sorted by id.
pub(crate) const SCHEMA: &str = r#"namespace = "Market"
table = "Orders"
sort = ["Id"]
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String", kind = "grouping" },
  { name = "Id", type = "long" },
]
"#;
/// The first rows of the sources, and those that the feed writes after the first chain.
const FIRST: [(&str, std::ops::Range<i64>); 2] = [("feed", 0..30), ("late", 1_000..1_010)];
const SECOND: (&str, std::ops::Range<i64>) = ("feed", 2_000..2_015);
/// Partitions of a root that processes are killed in.
pub(crate) const PARTITIONS: u64 = 24;

fn first() -> Vec<i64> {
    FIRST.iter().flat_map(|(_, ids)| ids.clone()).collect()
}

fn both() -> Vec<i64> {
    first().into_iter().chain(SECOND.1).collect()
}

fn name(partition: u64) -> String {
    format!("2017-08-{partition:02}")
}

/// The table of that schema.
pub(crate) fn table(fs: &Arc<dyn FileSystem>) -> Result<TableEntry> {
    Catalog::open(Arc::new(Root::open_in(fs.clone())?)).table("Market", "Orders")
}

fn append(fs: &Arc<dyn FileSystem>, source: &str, partition: &str, ids: std::ops::Range<i64>) -> Result<()> {
    let table = table(fs)?;
    let columns: Vec<_> = table.schema().definition.stored().cloned().collect();
    let key = LocationKey { column_partition: partition.into(), internal_partition: source.into() };
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = IntradayWriter::open(fs.clone(), &table.intraday_directory(&key)?, &columns, options)?;
    let syms = Chunk::strings(ids.clone().map(|id| Some(["A", "B", "C"][id as usize % 3])))?;
    writer.append(&[syms, Chunk::Long(ids.collect())])?;
    writer.commit()?;
    writer.close().map(drop)
}

/// A root with partitions of two sources each, all of it durable.
pub(crate) fn prepare(fs: &Arc<dyn FileSystem>, partitions: u64) -> Result<()> {
    Root::create_in(fs.clone(), RootConfig::new("UTC")?)?;
    schema::deploy(&**fs, SCHEMA, Path::new("orders.toml"), false)?;
    for partition in 0..partitions {
        FIRST.into_iter().try_for_each(|(source, ids)| append(fs, source, &name(partition), ids))?;
    }
    Ok(())
}

fn chain(fs: &Arc<dyn FileSystem>, partition: &str) -> Result<()> {
    let (rules, progress) = (Validation::default(), |_, _| Ok(()));
    let chain = MergeChain { validate: Some((&rules, &progress)), delete_intraday: true };
    let options = MergeOptions { threads: 1, incremental: true, run_rows_max: Some(16), ..MergeOptions::default() };
    let report = table(fs)?.merge_chain(partition, &options, chain, &|_| Ok(()))?;
    match report.validation {
        Some(found) if found.passed() => Ok(()),
        found => Err(Error::corrupt(format!("what was merged is not valid: {found:?}"))),
    }
}

/// Everything that is to be done with the partitions, from wherever somebody was cut off. `done` is told of each.
pub(crate) fn work(fs: &Arc<dyn FileSystem>, partitions: u64, done: &dyn Fn(u64)) -> Result<()> {
    for partition in 0..partitions {
        let name = name(partition);
        chain(fs, &name)?;
        let seen = Seen::of(fs, &name)?;
        if seen.history != both() {
            // The new rows are there already if the process died after it wrote them; the chain above has then merged them.
            append(fs, SECOND.0, &name, SECOND.1)?;
            chain(fs, &name)?;
        }
        done(partition);
    }
    Ok(())
}

/// The rows of a partition.
#[derive(Debug, PartialEq)]
struct Seen {
    history: Vec<i64>,
    /// Each source; none if it is gone.
    intraday: [Option<Vec<i64>>; 2],
}

impl Seen {
    fn of(fs: &Arc<dyn FileSystem>, partition: &str) -> Result<Self> {
        let table = table(fs)?;
        let history = table.historical_table(Arc::default())?;
        let mut ids = Vec::new();
        if history.published(partition)?.is_some() {
            for handle in history.partition_handles(partition) {
                ids.extend(read(&*handle.open()?)?);
            }
        }
        ids.sort_unstable();
        let source = |source: &str| {
            let key = LocationKey { column_partition: partition.into(), internal_partition: source.into() };
            match table.intraday_handle(key, &Arc::default())?.open() {
                Err(error) if error.is_not_found() => Ok(None),
                answer => read(&*answer?).map(Some),
            }
        };
        Ok(Seen { history: ids, intraday: [source(FIRST[0].0)?, source(FIRST[1].0)?] })
    }

    /// What is wrong; nothing if the protocol holds.
    fn judge(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::corrupt(format!("{what}: {self:?}")));
        let merged_first = self.history == first() || self.history == both();
        if !merged_first && !self.history.is_empty() {
            return wrong("history has rows that no merge had, or some of them twice, or not all");
        }
        for (source, (_, ids)) in self.intraday.iter().zip(FIRST) {
            let whole: Vec<i64> = ids.collect();
            match source {
                None if merged_first => {}
                None => return wrong("a source is gone that was not merged"),
                Some(rows) if *rows == whole && self.history != both() => {}
                // The feed's new rows, of which a process that died in its commit has none.
                Some(rows) if merged_first && (rows.is_empty() || *rows == SECOND.1.collect::<Vec<_>>()) => {}
                Some(_) => return wrong("a source has not the rows that it had"),
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.history == both() && self.intraday == [None, None]
    }

    fn is_untouched(&self) -> bool {
        self.history.is_empty() && self.intraday.iter().all(Option::is_some)
    }
}

fn read(location: &dyn Location) -> Result<Vec<i64>> {
    let Some(region) = location.column("Id")? else { return Ok(Vec::new()) };
    match region.read(0..location.row_count())? {
        Chunk::Long(ids) => Ok(ids),
        other => Err(Error::corrupt(format!("ids of type {}", other.column_type()))),
    }
}

/// Checks all partitions: some are done, at most one is worked at, the others are as they were.
pub(crate) fn check(fs: &Arc<dyn FileSystem>, partitions: u64) -> Result<()> {
    let mut before_is_done = true;
    for partition in 0..partitions {
        let seen = Seen::of(fs, &name(partition))?;
        seen.judge().map_err(|error| error.context(name(partition)))?;
        if !before_is_done && !seen.is_untouched() {
            return Err(Error::corrupt(format!(
                "{} was begun before the one before it was done: {seen:?}",
                name(partition)
            )));
        }
        // Behind the first that nobody has begun all were begun by nobody.
        if partition > 0 && !before_is_done && partition % 3 == 0 {
            break;
        }
        before_is_done = seen.is_done();
    }
    Ok(())
}

fn begin() -> SimulatedFileSystem {
    let simulated = SimulatedFileSystem::new(3);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    prepare(&fs, 1).expect("a disk without faults");
    simulated.kill()
}

#[test]
fn fault_f24_chains_hold_their_protocol_in_every_crash() {
    let simulated = begin();
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    work(&fs, 1, &|_| ()).expect("a disk without faults");
    let (mut states, mut finished) = (0, 0);
    for at in 0..=simulated.log_len() {
        for state in simulated.crash_states(at, 4) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            check(&fs, 1).unwrap_or_else(|error| panic!("{error} after {state}"));
            states += 1;
            if states % 40 == 0 {
                work(&fs, 1, &|_| ()).unwrap_or_else(|error| panic!("{error} going on after {state}"));
                let seen = Seen::of(&fs, &name(0)).expect("readable");
                assert!(seen.is_done(), "{seen:?} after {state}");
                finished += 1;
            }
        }
    }
    assert!(states > 400 && finished > 10, "{states} {finished}");
    println!(
        "F24  merge, validate, delete, add, again: {states} crash states, {finished} gone on to the end, 0 violations"
    );
}

#[test]
fn fault_f24_chains_that_fail_are_run_again() {
    let mut calls = 0;
    for index in (0..).step_by(7) {
        let simulated = begin();
        let faulty = Arc::new(FaultyFileSystem::simulated(&simulated));
        let fs: Arc<dyn FileSystem> = faulty.clone();
        faulty.arm(Fault { index, ..Fault::once([Failure::NoSpace, Failure::Io][index as usize % 2]) });
        let worked = work(&fs, 1, &|_| ());
        if faulty.disarm() == 0 {
            worked.expect("nothing failed");
            break;
        }
        check(&fs, 1).unwrap_or_else(|error| panic!("call {index}: {error}"));
        work(&fs, 1, &|_| ()).unwrap_or_else(|error| panic!("going on after call {index}: {error}"));
        let seen = Seen::of(&fs, &name(0)).expect("readable");
        assert!(seen.is_done(), "{seen:?} after call {index}");
        calls += 1;
    }
    println!("F24  the same with an error at one of {calls} calls, and again: 0 violations");
}
