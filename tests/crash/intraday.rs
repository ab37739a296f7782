//! Power cuts at every call of an intraday writer.

use crate::trace::{FileSystemHandle, Step, Trace, columns, verify};
use pilaster::io::SimulatedFileSystem;
use pilaster::io::clock::Stopwatch;
use pilaster::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use pilaster::storage::intraday::Durability;

/// A writer that grows its dictionary, fills checksum blocks, dies and comes back.
const HISTORY: [Step; 16] = {
    use Step::*;
    [
        Commit(1),
        Commit(3),
        Wait(10),
        Append(4),
        Commit(40),
        Sync,
        Commit(2),
        Reopen,
        Commit(5),
        Commit(9),
        Append(7),
        Reopen,
        Wait(500),
        Commit(120),
        Close,
        Commit(1),
    ]
};

/// Counts of a walk through crash states.
#[derive(Debug, Default)]
struct Walk {
    points: usize,
    states: usize,
    violations: Vec<String>,
    seconds: f64,
}

/// What a walk does at each state.
#[derive(Clone, Copy)]
struct Depth {
    /// Every so many-th call is a crash point.
    stride: usize,
    /// Crash states at a point where there are too many to visit all.
    limit: usize,
    /// In every so many-th state the writer that goes on is cut off too, at every call.
    again_every: usize,
    again_limit: usize,
}

/// Recovers from the crash states of a history.
fn walk(fs: &SimulatedFileSystem, trace: &Trace, durability: Durability, column_count: usize, depth: Depth) -> Walk {
    let mut walk = Walk::default();
    let watch = Stopwatch::start();
    for at in (0..=fs.log_len()).step_by(depth.stride) {
        walk.points += 1;
        let promised = trace.promised(at);
        let killed = verify(&fs.kill_at(at), &trace.segments, column_count);
        if !killed.as_ref().is_ok_and(|rows| *rows >= promised.rows && trace.is_boundary(at, *rows)) {
            walk.violations.push(format!("killed after {at} calls: {killed:?}, {promised:?}"));
        }
        for state in fs.crash_states_up_to(at, depth.limit) {
            walk.states += 1;
            if let Err(violation) = recover(&state.fs, trace, at, durability, column_count) {
                walk.violations.push(format!("{violation}; {state}"));
                continue;
            }
            if walk.states % depth.again_every == 0 {
                recover_twice(&state.fs, trace, at, durability, column_count, depth, &mut walk);
            }
        }
    }
    walk.seconds = watch.elapsed_seconds();
    walk
}

/// Reads, appends and reads again in one state.
fn recover(
    fs: &SimulatedFileSystem,
    trace: &Trace,
    at: usize,
    durability: Durability,
    column_count: usize,
) -> Result<(), String> {
    let promised = trace.promised(at);
    let segments = &trace.segments;
    let rows = verify(fs, segments, column_count).map_err(|error| format!("not readable: {error}"))?;
    if rows < promised.durable_rows {
        return Err(format!("{rows} rows of {} promised", promised.durable_rows));
    }
    if !trace.is_boundary(at, rows) {
        return Err(format!("{rows} rows, which no commit had"));
    }
    if fs.log_len() != 0 {
        return Err(format!("reading changed something: {:?}", fs.log()));
    }
    let mut next = Trace::after(segments, rows);
    next.run(fs, fs, durability, column_count, &[Step::Commit(6), Step::Sync])
        .map_err(|e| format!("not writable: {e}"))?;
    // Whatever comes now, the rows are there.
    let again =
        verify(&fs.power_cut(), &next.segments, column_count).map_err(|e| format!("not readable again: {e}"))?;
    if again == rows + 6 { Ok(()) } else { Err(format!("{again} rows after appending 6 to {rows}")) }
}

/// Cuts the power again while the writer that recovered goes on.
fn recover_twice(
    crashed: &SimulatedFileSystem,
    trace: &Trace,
    at: usize,
    durability: Durability,
    column_count: usize,
    depth: Depth,
    walk: &mut Walk,
) {
    // A writer went on in `crashed` already; begin where the crash left it.
    let segments = &trace.segments;
    let fs = crashed.kill_at(0);
    let rows = verify(&fs, segments, column_count).unwrap_or(0);
    let mut next = Trace::after(segments, rows);
    next.run(&fs, &fs, durability, column_count, &[Step::Commit(6), Step::Sync]).unwrap();
    let promised = trace.promised(at).durable_rows;
    for again in 0..=fs.log_len() {
        for state in fs.crash_states_up_to(again, depth.again_limit) {
            walk.states += 1;
            match verify(&state.fs, &next.segments, column_count) {
                Ok(found) if found >= promised.max(next.promised(again).durable_rows) => {
                    // What came back after the first crash without a promise may go with the second, back to a commit of the first life.
                    if !next.is_boundary(again, found) && !trace.is_boundary(at, found) {
                        walk.violations.push(format!("crash {at}, then: {found} rows, which no commit had; {state}"));
                    }
                }
                other => walk.violations.push(format!("crash {at}, then: {other:?} of {promised}; {state}")),
            }
        }
    }
}

/// A single thread, so that the calls come in the same order each time.
pub(crate) fn in_order<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work)
}

fn run(durability: Durability, column_count: usize, steps: &[Step], depth: Depth) -> Walk {
    in_order(|| {
        let fs = SimulatedFileSystem::new(1);
        let mut trace = Trace::new();
        trace.run(&fs, &fs, durability, column_count, steps).unwrap();
        walk(&fs, &trace, durability, column_count, depth)
    })
}

fn expect_no_violation(name: &str, walk: &Walk, states_min: usize) {
    let (points, states, violations) = (walk.points, walk.states, walk.violations.len());
    println!("{name}: {points} crash points, {states} states, {violations} violations, {:.1} s", walk.seconds);
    assert!(
        walk.violations.is_empty(),
        "{name}: {} violations, the first: {:#?}",
        walk.violations.len(),
        &walk.violations[..1]
    );
    assert!(walk.states >= states_min, "{name}: {} states", walk.states);
}

const DEPTH: Depth = Depth { stride: 1, limit: 60, again_every: 400, again_limit: 3 };

#[test]
fn rows_committed_durably_survive_every_crash() {
    expect_no_violation("commit", &run(Durability::Commit, columns(0).len(), &HISTORY, DEPTH), 4_500);
}

#[test]
fn rows_synced_at_times_survive_every_crash() {
    expect_no_violation("interval", &run(Durability::Interval(10), columns(0).len(), &HISTORY, DEPTH), 4_500);
}

#[test]
fn rows_synced_on_demand_survive_every_crash() {
    expect_no_violation("none", &run(Durability::None, columns(0).len(), &HISTORY, DEPTH), 4_500);
}

/// So many columns that the commit record needs side files.
#[test]
fn wide_tables_survive_every_crash() {
    let steps = [Step::Commit(2), Step::Commit(3), Step::Reopen, Step::Commit(4)];
    let depth = Depth { stride: 7, limit: 4, again_every: usize::MAX, again_limit: 0 };
    expect_no_violation("wide", &run(Durability::Commit, 110, &steps, depth), 400);
}

/// Disks that say they synced and did not: each kind of sync that the writer makes is missed by some state, so none is there for nothing,
/// and the walk finds what goes wrong without it.
#[test]
fn every_sync_is_needed_and_missed() {
    let violations = |kind: CallKind, path_end: &'static str| {
        in_order(|| {
            let simulated = SimulatedFileSystem::new(1);
            let fs = FaultyFileSystem::simulated(&simulated);
            fs.arm(Fault { kind: Some(kind), path_end, ..Fault::for_ever(Failure::Lie) });
            let mut trace = Trace::new();
            let steps = [Step::Commit(1), Step::Commit(30), Step::Reopen, Step::Commit(20)];
            trace.run(&fs, &simulated, Durability::Commit, columns(0).len(), &steps).unwrap();
            assert!(fs.disarm() > 0, "{kind:?} {path_end} is never called");
            let depth = Depth { stride: 1, limit: 60, again_every: usize::MAX, again_limit: 0 };
            let walk = walk(&simulated, &trace, Durability::Commit, columns(0).len(), depth);
            println!("without {kind:?} of …{path_end}: {} of {} states", walk.violations.len(), walk.states);
            walk.violations.len()
        })
    };
    for path_end in ["", "commit", "Price.dat", "Sym.dat"] {
        assert!(violations(CallKind::Sync, path_end) > 0, "{path_end}");
    }
    assert!(violations(CallKind::SyncDir, "") > 0);
}

#[test]
fn a_history_is_the_same_each_time() {
    let log = || {
        in_order(|| {
            let fs = SimulatedFileSystem::new(1);
            Trace::new().run(&fs, &fs, Durability::Commit, 3, &HISTORY).unwrap();
            assert!(fs.handle().list(crate::trace::directory()).unwrap().len() > 5);
            fs.log()
        })
    };
    assert_eq!(log(), log());
}
