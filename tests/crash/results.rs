//! F24: rows that a query gives, merged into a partition in place of what was there, cut off at every call and at random instants.
//!
//! The protocol that holds at every instant: `db.t` has the partition as one query gave it, whole, the last one that was acknowledged or the one at
//! work; what is left of one that was cut off is no version, and the next one removes it.

use crate::chains::{SCHEMA, table};
use pilaster::base::{Error, Result};
use pilaster::io::faulty::{Failure, Fault, FaultyFileSystem};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::catalog::RowTaker;
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::schema::Validation;
use pilaster::storage::{Root, RootConfig, Storage, schema};
use std::path::Path;
use std::sync::Arc;

const DATE: &str = "2017-08-25";
/// Where versions lie.
const PLACES: [&str; 2] = ["historical/Market/Orders/main/2017-08-25", "second/Market/Orders/second/2017-08-25"];

/// A root of two storages without rows.
pub(crate) fn prepare(fs: &Arc<dyn FileSystem>) -> Result<()> {
    let mut config = RootConfig::new("UTC")?;
    config.storages.push(Storage { name: "second".into(), directory: "second".into() });
    Root::create_in(fs.clone(), config)?;
    schema::deploy(&**fs, SCHEMA, Path::new("orders.toml"), false).map(drop)
}

/// The ids that the query of a number gives: how many there are tells its number.
fn ids(number: u64) -> Vec<i64> {
    (0..20 + number as i64).map(|at| number as i64 * 1_000 + at).collect()
}

/// Merges what the query of a number gives, in place of what is there.
pub(crate) fn merge(fs: &Arc<dyn FileSystem>, number: u64) -> Result<()> {
    let (rules, progress) = (Validation::default(), |_, _| Ok(()));
    let options = MergeOptions { threads: 1, force: true, run_rows_max: Some(16), ..MergeOptions::default() };
    let rows = Box::new(move |take: RowTaker<'_>| {
        ids(number).chunks(9).try_for_each(|ids| {
            let syms = Chunk::strings(ids.iter().map(|id| Some(["A", "B", "C", "D"][*id as usize % 4])))?;
            take(&[syms, Chunk::Long(ids.to_vec())])
        })
    });
    let report = table(fs)?.merge_rows(DATE, rows, &options, Some((&rules, &progress)), &|_| Ok(()))?;
    match report.validation {
        Some(found) if found.passed() => Ok(()),
        found => Err(Error::corrupt(format!("what was merged is not valid: {found:?}"))),
    }
}

/// The number of the query whose rows are there; 0 for none.
pub(crate) fn found(fs: &Arc<dyn FileSystem>) -> Result<u64> {
    let history = table(fs)?.historical_table(Arc::default())?;
    if history.published(DATE)?.is_none() {
        return Ok(0);
    }
    let mut rows = Vec::new();
    for handle in history.partition_handles(DATE) {
        let location = handle.open()?;
        let Some(region) = location.column("Id")? else { continue };
        match region.read(0..location.row_count())? {
            Chunk::Long(ids) => rows.extend(ids),
            other => return Err(Error::corrupt(format!("ids of type {}", other.column_type()))),
        }
    }
    rows.sort_unstable();
    let number = rows.first().map_or(0, |id| *id as u64 / 1_000);
    if rows == ids(number) { Ok(number) } else { Err(Error::corrupt(format!("half of a result: {rows:?}"))) }
}

/// One version and nothing else is left.
fn is_tidy(fs: &dyn FileSystem) -> bool {
    PLACES.iter().all(|place| fs.list(Path::new(place)).is_ok_and(|entries| entries.len() == 1))
}

fn begin() -> SimulatedFileSystem {
    let simulated = SimulatedFileSystem::new(4);
    prepare(&(Arc::new(simulated.clone()) as Arc<dyn FileSystem>)).expect("a disk without faults");
    simulated.kill()
}

#[test]
fn fault_f24_results_are_published_whole_in_every_crash() {
    let simulated = begin();
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    let mut acknowledged = vec![0];
    for number in 1..=2 {
        simulated.advance_ns(1_000);
        merge(&fs, number).expect("a disk without faults");
        acknowledged.push(simulated.log_len());
    }
    let (mut states, mut finished) = (0, 0);
    for at in 0..=simulated.log_len() {
        let last = acknowledged.iter().rposition(|length| *length <= at).unwrap_or(0) as u64;
        for state in simulated.crash_states_up_to(at, 3) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            let number = found(&fs).unwrap_or_else(|error| panic!("{error} after {state}"));
            assert!((last..=last + 1).contains(&number), "{number}, {last} was acknowledged, after {state}");
            states += 1;
            if states % 40 == 0 {
                state.fs.advance_ns(1_000_000);
                merge(&fs, 7).unwrap_or_else(|error| panic!("{error} going on after {state}"));
                assert_eq!(found(&fs).expect("readable"), 7, "{state}");
                assert!(is_tidy(&*fs), "{state}");
                finished += 1;
            }
        }
    }
    assert!(states > 300 && finished > 7, "{states} {finished}");
    println!("F24  merge of results, twice: {states} crash states, {finished} gone on from, 0 violations");
}

#[test]
fn fault_f24_results_that_fail_are_merged_again() {
    let mut calls = 0;
    for index in (0..).step_by(7) {
        let simulated = begin();
        let faulty = Arc::new(FaultyFileSystem::simulated(&simulated));
        let fs: Arc<dyn FileSystem> = faulty.clone();
        merge(&fs, 1).expect("nothing fails yet");
        faulty.arm(Fault { index, ..Fault::once([Failure::NoSpace, Failure::Io][index as usize % 2]) });
        let worked = merge(&fs, 2);
        if faulty.disarm() == 0 {
            worked.expect("nothing failed");
            break;
        }
        let number = found(&fs).unwrap_or_else(|error| panic!("call {index}: {error}"));
        assert!(number == 2 || worked.is_err() && number == 1, "call {index}: {number}");
        simulated.advance_ns(1_000);
        merge(&fs, 3).unwrap_or_else(|error| panic!("going on after call {index}: {error}"));
        assert!(found(&fs).expect("readable") == 3 && is_tidy(&*fs), "call {index}");
        calls += 1;
    }
    assert!(calls > 10, "{calls}");
    println!("F24  the same with an error at one of {calls} calls, and again: 0 violations");
}
