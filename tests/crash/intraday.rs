//! F1, appends: power cuts at every call of an intraday writer, with dictionaries that grow and columns of every kind.

use crate::rows::columns;
use crate::trace::{Step, Trace};
use crate::walk::{Depth, expect_no_violation, in_order, walk};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::storage::intraday::Durability;

/// A writer that grows its dictionary, dies and comes back.
pub(crate) const HISTORY: [Step; 16] = {
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

fn run(durability: Durability, further: usize, steps: &[Step], depth: Depth) -> crate::walk::Walk {
    in_order(|| {
        let fs = SimulatedFileSystem::new(1);
        let mut trace = Trace::new(columns(further), durability);
        trace.run(&fs, &fs, steps).expect("a disk without faults");
        walk(&fs, &trace, depth)
    })
}

#[test]
fn fault_f1_rows_committed_durably_survive_every_crash() {
    let depth = Depth { limit: 150, again_every: 399, killed_every: 5, ..Depth::default() };
    expect_no_violation("F1", "append, durability commit", &run(Durability::Commit, 0, &HISTORY, depth), 13_000);
}

#[test]
fn fault_f1_rows_synced_at_times_survive_every_crash() {
    let depth = Depth { limit: 150, again_every: 399, killed_every: 5, ..Depth::default() };
    let walk = run(Durability::Interval(10), 0, &HISTORY, depth);
    expect_no_violation("F1", "append, durability interval", &walk, 12_000);
}

#[test]
fn fault_f1_rows_synced_on_demand_survive_every_crash() {
    let depth = Depth { limit: 150, again_every: 399, killed_every: 5, ..Depth::default() };
    expect_no_violation("F1", "append, durability none", &run(Durability::None, 0, &HISTORY, depth), 11_000);
}

#[test]
fn fault_f1_columns_of_every_kind_survive_every_crash() {
    use Step::*;
    let steps = [Commit(2), Commit(60), Sync, Append(3), Reopen, Commit(30), Commit(1)];
    let depth = Depth { limit: 24, again_every: 499, ..Depth::default() };
    let walk = run(Durability::Interval(10), 12, &steps, depth);
    expect_no_violation("F1", "append, columns of all kinds", &walk, 2_500);
}

/// So many columns that the commit record needs side files.
#[test]
fn fault_f1_wide_tables_survive_every_crash() {
    let steps = [Step::Commit(2), Step::Commit(3), Step::Reopen, Step::Commit(4)];
    let depth = Depth {
        stride: 7,
        limit: 4,
        go_on_every: 4,
        again_every: usize::MAX,
        killed_every: 70,
        again_limit: 1,
        ..Depth::default()
    };
    expect_no_violation("F1", "append, 110 columns", &run(Durability::Commit, 107, &steps, depth), 400);
}

/// F5: mostly second crashes, in the recovery from the first and the work after it.
#[test]
fn fault_f5_a_crash_during_recovery_changes_nothing() {
    use Step::*;
    let steps = [Commit(2), Commit(30), Sync, Commit(7), Reopen, Commit(4)];
    let depth = Depth { limit: 16, go_on_every: usize::MAX, again_every: 8, again_limit: 8, ..Depth::default() };
    let walk = run(Durability::None, 0, &steps, depth);
    assert!(walk.states_again > 8_000, "{walk:?}");
    expect_no_violation("F5", "append, cut off again while going on", &walk, 9_000);
}

#[test]
fn a_history_is_the_same_each_time() {
    let log = || {
        in_order(|| {
            let fs = SimulatedFileSystem::new(1);
            Trace::new(columns(0), Durability::Commit).run(&fs, &fs, &HISTORY).expect("a disk without faults");
            assert!(fs.list(crate::trace::directory()).expect("it was made").len() > 5);
            fs.log()
        })
    };
    assert_eq!(log(), log());
}
