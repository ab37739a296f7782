//! F17: clocks that jump, go back, stand still or are before the epoch change nothing: the order is that of generations.

use crate::merges::{HISTORY, Merges};
use crate::rows::columns;
use crate::trace::{Step, Trace};
use crate::walk::{History, in_order};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::storage::intraday::Durability;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_503_619_200 * SECOND;

/// What the clock shows at one step and the next, in turn.
const CLOCKS: [(i64, i64); 10] = [
    (NOW, NOW),
    (NOW, NOW + 1),
    (NOW, NOW - 1),
    (NOW, NOW - 3600 * SECOND),
    (NOW, NOW + 400 * 86_400 * SECOND),
    (0, 0),
    (-1, 1),
    (-NOW, NOW),
    (i64::MIN, i64::MAX),
    (i64::MAX, i64::MIN),
];

#[test]
fn fault_f17_clocks_decide_nothing() {
    let mut cases = 0;
    in_order(|| {
        for (one, other) in CLOCKS {
            let fs = SimulatedFileSystem::new(1);
            let mut trace = Trace::new(columns(0), Durability::Interval(10));
            for (number, step) in
                [Step::Commit(3), Step::Commit(5), Step::Sync, Step::Commit(2)].into_iter().enumerate()
            {
                fs.set_now_ns(if number % 2 == 0 { one } else { other });
                let rows = trace.look(&fs).expect("readable");
                trace = trace.after(rows);
                trace.run(&fs, &fs, &[step, Step::Sync]).expect("a disk without faults");
                let found = trace.look(&fs.power_cut()).expect("readable");
                trace.judge(fs.log_len(), &found, false).expect("what was promised");
            }
            assert_eq!(trace.look(&fs).expect("readable"), 10, "{one} {other}");
            cases += 1;

            let (fs, mut merges) = Merges::begin(1);
            let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
            for (number, work) in HISTORY.into_iter().enumerate() {
                fs.set_now_ns(if number % 2 == 0 { one } else { other });
                merges.run(&handle, &fs, &[work]).expect("a disk without faults");
                let found = merges.look(&fs.power_cut()).expect("readable");
                merges.judge(fs.log_len(), &found, false).expect("what was promised");
            }
            cases += 1;
        }
    });
    println!("F17  clocks that jump, go back, stand still: {cases} histories of appends and merges, 0 violations");
    assert_eq!(cases, 20);
}
