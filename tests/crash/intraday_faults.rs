//! Errors in every call of an intraday writer and reader: no false acknowledgement, and the next writer works.

use crate::intraday::in_order;
use crate::trace::{Step, Trace, verify};
use pilaster::base::{ErrorKind, Result};
use pilaster::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use pilaster::io::random::SplitMix64;
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::storage::intraday::Durability;

const COLUMN_COUNT: usize = 3;
const STEPS: [Step; 5] = [Step::Commit(2), Step::Commit(30), Step::Reopen, Step::Commit(9), Step::Sync];

fn run(
    fs: &FaultyFileSystem,
    simulated: &SimulatedFileSystem,
    trace: &mut Trace,
    durability: Durability,
) -> Result<()> {
    trace.run(fs, simulated, durability, COLUMN_COUNT, &STEPS)
}

/// What must hold after a fault, once the disk works again.
fn check_after(
    simulated: &SimulatedFileSystem,
    trace: &Trace,
    durability: Durability,
    random: &mut SplitMix64,
    what: &str,
) {
    let at = simulated.log_len();
    let promised = trace.promised(at);
    // Readers keep what was committed.
    let rows = verify(simulated, &trace.segments, COLUMN_COUNT).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(rows >= promised.rows && trace.is_boundary(at, rows), "{what}: {rows} rows, {promised:?}");
    // What was promised is on the disk, whatever the failed sync lost.
    for _ in 0..3 {
        let state = simulated.crash_image(at, random);
        let found = verify(&state.fs, &trace.segments, COLUMN_COUNT).unwrap_or_else(|e| panic!("{what}: {e}; {state}"));
        assert!(found >= promised.durable_rows && trace.is_boundary(at, found), "{what}: {found} rows; {state}");
    }
    // The next writer goes on in the same page cache, and what it promises is on the disk too: the rows before its own included.
    let mut next = Trace::after(&trace.segments, rows);
    next.run(simulated, simulated, durability, COLUMN_COUNT, &[Step::Commit(7), Step::Sync, Step::Close])
        .unwrap_or_else(|error| panic!("{what}: the next writer: {error}"));
    for state in [simulated.power_cut(), simulated.crash_image(simulated.log_len(), random).fs] {
        let found = verify(&state, &next.segments, COLUMN_COUNT).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found, rows + 7, "{what}");
    }
    let left = simulated.list(crate::trace::directory()).unwrap();
    assert!(!left.iter().any(|entry| is_temporary(&entry.name)), "{what}: {left:?}");
}

/// Every call fails in turn; how many faults struck.
fn sweep(durability: Durability, failure: Failure, for_ever: bool, kind: Option<CallKind>) -> u64 {
    let mut random = SplitMix64::new(1);
    for index in 0.. {
        let simulated = SimulatedFileSystem::new(index);
        let fs = FaultyFileSystem::simulated(&simulated);
        fs.arm(Fault { index, for_ever, kind, ..Fault::once(failure) });
        let mut trace = Trace::new();
        let result = run(&fs, &simulated, &mut trace, durability);
        let what = format!("{durability:?} {failure:?} {kind:?} call {index}, for ever: {for_ever}");
        let fired = fs.disarm();
        if fired == 0 {
            result.unwrap_or_else(|error| panic!("{what}: {error}"));
            // Every call before this one was struck.
            return index;
        }
        if let Err(error) = result {
            let expected = if failure == Failure::Io { ErrorKind::Io } else { ErrorKind::NoSpace };
            assert_eq!(error.kind(), expected, "{what}: {error}");
            assert!(error.path().is_some(), "{what}: {error}");
        }
        check_after(&simulated, &trace, durability, &mut random, &what);
    }
    unreachable!("a run without a fault ends the sweep")
}

#[test]
fn no_call_can_fail_unnoticed() {
    in_order(|| {
        let mut struck = 0;
        for durability in [Durability::Commit, Durability::None] {
            for failure in [Failure::Io, Failure::NoSpace, Failure::ShortWrite] {
                for for_ever in [false, true] {
                    struck += sweep(durability, failure, for_ever, None);
                }
            }
            for kind in [CallKind::Sync, CallKind::SyncDir] {
                struck += sweep(durability, Failure::Io, false, Some(kind));
            }
        }
        println!("{struck} faults");
        assert!(struck > 1_000, "{struck}");
    });
}

#[test]
fn a_disk_that_fills_and_is_freed_again_and_again_loses_nothing() {
    in_order(|| {
        let simulated = SimulatedFileSystem::new(1);
        let fs = FaultyFileSystem::simulated(&simulated);
        let mut random = SplitMix64::new(9);
        let mut trace = Trace::new();
        let mut rows = 0;
        for cycle in 0..50 {
            fs.arm(Fault { index: random.below(60), ..Fault::for_ever(Failure::NoSpace) });
            let result = run(&fs, &simulated, &mut trace, Durability::Commit);
            fs.disarm();
            let promised = trace.promised(simulated.log_len());
            let found = verify(&simulated, &trace.segments, COLUMN_COUNT).unwrap();
            assert!(found >= promised.durable_rows, "cycle {cycle}: {result:?}");
            rows = found;
            trace = Trace::after(&trace.segments, found);
        }
        assert!(rows > 100, "{rows}");
        assert_eq!(verify(&simulated.power_cut(), &trace.segments, COLUMN_COUNT).unwrap(), rows);
    });
}

#[test]
fn readers_get_an_error_or_the_rows() {
    in_order(|| {
        let simulated = SimulatedFileSystem::new(1);
        let mut trace = Trace::new();
        trace.run(&simulated, &simulated, Durability::None, COLUMN_COUNT, &STEPS[..4]).unwrap();
        let rows = verify(&simulated, &trace.segments, COLUMN_COUNT).unwrap();
        for index in 0.. {
            let fs = FaultyFileSystem::simulated(&simulated);
            fs.arm(Fault { index, ..Fault::once(Failure::Io) });
            match verify(&fs, &trace.segments, COLUMN_COUNT) {
                Ok(found) => assert_eq!(found, rows, "call {index}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "call {index}: {error}"),
            }
            if fs.disarm() == 0 {
                assert!(index > 10, "{index}");
                return;
            }
        }
    });
}
