//! Rows become durable in time while nobody calls the writer, and what goes wrong meanwhile is told.

use super::*;
use crate::io::clock::Stopwatch;
use crate::io::simulated::SimulatedFileSystem;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(4);
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// When a test gives up.
const DEADLINE: Duration = Duration::from_secs(60);

fn simulated() -> (SimulatedFileSystem, Arc<dyn FileSystem>) {
    let simulated = SimulatedFileSystem::new(11);
    (simulated.clone(), Arc::new(simulated))
}

fn append<W: RowWriter>(
    writer: &BackgroundSync<W>,
    rows: std::ops::Range<i64>,
    commit: impl FnOnce(&mut W, Vec<Chunk>) -> Result<Commit>,
) -> Result<Commit> {
    writer.with(|writer| commit(writer, numbered_rows(rows)))
}

fn to_one(writer: &mut IntradayWriter, rows: Vec<Chunk>) -> Result<Commit> {
    writer.append(&rows)?;
    writer.commit()
}

fn to_group(writer: &mut GroupWriter, rows: Vec<Chunk>) -> Result<Commit> {
    writer.append("2017-08-25", rows)?;
    writer.commit()
}

fn one(fs: &Arc<dyn FileSystem>, interval: Duration) -> BackgroundSync<IntradayWriter> {
    BackgroundSync::start(writer(fs, &numbered()), interval).unwrap()
}

/// Looks until something holds; no call reaches the writer's own clock.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let stopwatch = Stopwatch::start();
    while !holds() {
        assert!(stopwatch.elapsed() < DEADLINE, "waited too long until {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_silent_feeds_rows_become_durable() {
    let (simulated, fs) = simulated();
    let writer = one(&fs, SOON);
    for last in [3, 5, 9] {
        let first = writer.published().rows as i64;
        append(&writer, first..last, to_one).unwrap();
        wait_until("the rows are durable", || writer.published().durable_rows == last as u64);
        let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
        assert_eq!(check_numbered(&open(&cut).unwrap()).unwrap(), last as u64);
    }
    // With nothing to do it does nothing.
    let calls = simulated.log_len();
    assert_eq!(writer.close().unwrap(), Commit { rows: 9, durable_rows: 9 });
    assert_eq!(simulated.log_len(), calls);
}

#[test]
fn batches_over_partitions_become_durable_too() {
    let (simulated, fs) = simulated();
    let source = directory().parent().unwrap();
    let group = GroupWriter::open(fs.clone(), source, &numbered(), options(Durability::None)).unwrap();
    let writer = BackgroundSync::start(group, SOON).unwrap();
    append(&writer, 0..5, to_group).unwrap();
    wait_until("the batch is durable", || writer.published() == Commit { rows: 5, durable_rows: 5 });
    let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
    assert_eq!(check_numbered(&open(&cut).unwrap()).unwrap(), 5);
    drop(writer);
    // Its locks are gone with it.
    let group = GroupWriter::open(fs, source, &numbered(), options(Durability::None)).unwrap();
    let writer = BackgroundSync::start(group, NEVER).unwrap();
    assert_eq!(append(&writer, 5..6, to_group).unwrap(), Commit { rows: 1, durable_rows: 0 });
    assert_eq!(writer.close().unwrap(), Commit { rows: 1, durable_rows: 1 });
}

#[test]
fn what_it_finds_undurable_becomes_durable() {
    let (_, fs) = simulated();
    let mut before = writer(&fs, &numbered());
    to_one(&mut before, numbered_rows(0..4)).unwrap();
    before.discard();
    let writer = one(&fs, SOON);
    wait_until("the rows of the writer before are durable", || writer.published().durable_rows == 4);
}

#[test]
fn waiting_keeps_nobody_out_and_the_thread_ends_with_the_writer() {
    let (simulated, fs) = simulated();
    let writer = one(&fs, NEVER);
    for row in 0..100 {
        append(&writer, row..row + 1, to_one).unwrap();
    }
    assert_eq!(writer.published(), Commit { rows: 100, durable_rows: 0 });
    // Joins a thread that would wait for a day.
    drop(writer);
    let killed: Arc<dyn FileSystem> = Arc::new(simulated.kill());
    assert_eq!(check_numbered(&open(&killed).unwrap()).unwrap(), 100);
    let writer = one(&fs, NEVER);
    assert_eq!(writer.close().unwrap(), Commit { rows: 100, durable_rows: 100 });
}

#[test]
fn a_failed_sync_is_the_next_calls_error() {
    for close in [false, true] {
        let (simulated, fs) = simulated();
        let writer = one(&fs, SOON);
        append(&writer, 0..3, to_one).unwrap();
        wait_until("the rows are durable", || writer.published().durable_rows == 3);
        simulated.fail_next_sync();
        append(&writer, 3..5, to_one).unwrap();
        wait_until("the sync has failed", || writer.has_failed());
        assert_eq!(writer.published(), Commit { rows: 5, durable_rows: 3 }, "it is never taken for durable");
        if close {
            let error = writer.close().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            continue;
        }
        let error = writer.with(|_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        // Nothing is written any more, not by the thread either.
        let calls = simulated.log_len();
        let error = append(&writer, 5..6, to_one).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(simulated.log_len(), calls);
    }
}

#[test]
fn a_panic_with_the_writer_in_hand_poisons_it() {
    let (_, fs) = simulated();
    let writer = one(&fs, SOON);
    let result = std::thread::scope(|scope| {
        let work = || writer.with(|_| -> Result<()> { panic!("of the test") });
        scope.spawn(work).join()
    });
    assert!(result.is_err());
    assert_eq!(writer.with(|_| Ok(())).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Poisoned);
}
