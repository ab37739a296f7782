//! Power cuts after every call and errors in every call: what was acknowledged as durable is there, nothing that was not written is, and the
//! location opens and goes on by itself.

use super::*;
use crate::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use crate::io::random::SplitMix64;
use crate::io::simulated::{CrashState, SimulatedFileSystem};

/// Crash states after a call: all of a few, `limit` of many.
pub(super) fn states(fs: &SimulatedFileSystem, at: usize, limit: usize) -> Vec<CrashState> {
    let all = fs.crash_states(at, limit);
    match all.unit_count() {
        // So many are all visited, whatever the limit: `tests/crash` does that, in minutes.
        6..=11 => {
            let mut random = SplitMix64::new(at as u64);
            (0..limit).map(|_| fs.crash_image(at, &mut random)).collect()
        }
        _ => all.collect(),
    }
}

/// What a workload did, so that any of its crash states can be judged.
struct History {
    fs: SimulatedFileSystem,
    /// Length of the log before a commit or sync, the rows it was to leave.
    begun: Vec<(usize, u64)>,
    /// Length of the log after it, what it acknowledged.
    acknowledged: Vec<(usize, Commit)>,
}

impl History {
    fn new(seed: u64) -> Self {
        History { fs: SimulatedFileSystem::new(seed), begun: vec![(0, 0)], acknowledged: vec![(0, Commit::default())] }
    }

    fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.fs.clone())
    }

    fn step(&mut self, rows: u64, work: impl FnOnce() -> Result<Commit>) {
        self.begun.push((self.fs.log_len(), rows));
        let commit = work().unwrap();
        self.acknowledged.push((self.fs.log_len(), commit));
    }

    /// Checks states after every call; how many that were.
    fn check(&self, columns: &[ColumnDefinition], limit: usize) -> usize {
        let mut count = 0;
        for at in 0..=self.fs.log_len() {
            let durable =
                self.acknowledged.iter().filter(|(log, _)| *log <= at).map(|(_, c)| c.durable_rows).max().unwrap();
            let possible: Vec<u64> = self.begun.iter().filter(|(log, _)| *log <= at).map(|(_, rows)| *rows).collect();
            for state in states(&self.fs, at, limit) {
                let checked = std::panic::catch_unwind(|| check_state(&state.fs, columns, durable, &possible));
                assert!(checked.is_ok(), "{state}\nafter call {at} of\n{}", self.fs.log().join("\n"));
                count += 1;
            }
        }
        count
    }
}

fn check_state(state: &SimulatedFileSystem, columns: &[ColumnDefinition], durable: u64, possible: &[u64]) {
    let fs: Arc<dyn FileSystem> = Arc::new(state.clone());
    let look = || match open(&fs) {
        Ok(location) => {
            assert!(location.refresh().unwrap().is_none(), "records that did not hold are not believed later");
            check_numbered(&location).unwrap()
        }
        Err(error) if error.is_not_found() => 0,
        Err(error) => panic!("{error}"),
    };
    let rows = look();
    assert!(rows >= durable && possible.contains(&rows), "{rows} rows; {durable} durable; possible {possible:?}");
    assert_eq!((look(), state.log_len()), (rows, 0), "recovery is repeatable and writes nothing");
    let mut writer = IntradayWriter::open(fs.clone(), directory(), columns, options(Durability::None)).unwrap();
    assert_eq!(writer.row_count(), rows);
    writer.append(&numbered_rows(rows as i64..rows as i64 + 3)).unwrap();
    assert_eq!(writer.commit().unwrap().rows, rows + 3);
    assert_eq!(look(), rows + 3);
    assert_eq!(writer.sync().unwrap().durable_rows, rows + 3);
    let fs: Arc<dyn FileSystem> = Arc::new(state.power_cut());
    assert_eq!(check_numbered(&open(&fs).unwrap()).unwrap(), rows + 3);
}

fn open_writer(history: &History, columns: &[ColumnDefinition], durability: Durability) -> IntradayWriter {
    IntradayWriter::open(history.shared(), directory(), columns, options(durability)).unwrap()
}

/// Appends and commits up to each of `ends`; every third commit is followed by a sync, every fourth by another writer.
fn workload(durability: Durability, columns: &[ColumnDefinition], ends: &[i64], seed: u64) -> History {
    let mut history = History::new(seed);
    let mut writer = open_writer(&history, columns, durability);
    let mut from = 0;
    for (step, &to) in ends.iter().enumerate() {
        writer.append(&numbered_rows(from..to)).unwrap();
        history.step(to as u64, || writer.commit());
        if step % 3 == 2 {
            history.step(to as u64, || writer.sync());
        }
        if step % 4 == 3 {
            // Rows of a writer that never commits them.
            writer.append(&numbered_rows(900..907)).unwrap();
            drop(writer);
            writer = open_writer(&history, columns, durability);
        }
        from = to;
    }
    history.step(from as u64, || writer.close());
    history
}

#[test]
fn every_power_cut_leaves_what_was_acknowledged() {
    let ends = [1, 2, 9, 40, 41, 60, 61];
    let mut count = 0;
    for (seed, durability) in [Durability::None, Durability::Commit, Durability::Interval(0)].into_iter().enumerate() {
        count += workload(durability, &numbered(), &ends, seed as u64).check(&numbered(), 12);
    }
    assert!(count > 2_000, "{count}");
}

#[test]
fn power_cuts_around_full_blocks() {
    // The eighth byte of row 8,191 fills the first block of `Row.dat`.
    let history = workload(Durability::None, &numbered(), &[8_190, 8_191, 8_192, 8_193], 7);
    assert!(history.check(&numbered(), 3) > 100);
}

#[test]
fn power_cuts_while_records_lie_aside() {
    let mut wide = numbered();
    wide.extend((0..60).map(|n| ColumnDefinition::new(format!("Column{n}"), ColumnType::Byte)));
    let rows = |rows: std::ops::Range<i64>| {
        let mut chunks = numbered_rows(rows.clone());
        chunks.extend((0..60).map(|_| Chunk::Byte(vec![1; rows.clone().count()])));
        chunks
    };
    let mut history = History::new(3);
    for writers in 0..2 {
        let mut writer = open_writer(&history, &wide, Durability::None);
        for commit in 0..3 {
            let from = writers * 6 + commit * 2;
            writer.append(&rows(from..from + 2)).unwrap();
            history.step(from as u64 + 2, || writer.commit());
        }
        history.step(writers as u64 * 6 + 6, || writer.sync());
    }
    let mut count = 0;
    for at in 0..=history.fs.log_len() {
        let durable =
            history.acknowledged.iter().filter(|(log, _)| *log <= at).map(|(_, c)| c.durable_rows).max().unwrap();
        for state in states(&history.fs, at, 6) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            let found = match open(&fs) {
                Ok(location) => check_numbered(&location).unwrap(),
                Err(error) => {
                    assert!(error.is_not_found(), "{state}: {error}");
                    0
                }
            };
            assert!(found >= durable, "{state}: {found} of {durable}");
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn a_power_cut_after_a_power_cut() {
    let first = workload(Durability::None, &numbered(), &[3, 5, 8, 9], 11);
    let mut count = 0;
    for at in (0..=first.fs.log_len()).step_by(3) {
        for state in states(&first.fs, at, 2) {
            let mut second = History { fs: state.fs, begun: Vec::new(), acknowledged: vec![(0, Commit::default())] };
            let mut writer = open_writer(&second, &numbered(), Durability::None);
            let rows = writer.row_count();
            second.begun.extend(first.begun.iter().map(|(_, rows)| (0, *rows)));
            writer.append(&numbered_rows(rows as i64..rows as i64 + 2)).unwrap();
            second.step(rows + 2, || writer.commit());
            second.step(rows + 2, || writer.sync());
            count += second.check(&numbered(), 2);
        }
    }
    assert!(count > 1_000, "{count}");
}

/// As on Linux: the sync fails once, and the pages it lost count as clean from then on.
#[test]
fn a_failed_sync_is_never_papered_over() {
    for failing in 0..6 {
        let mut history = History::new(failing);
        let mut writer = open_writer(&history, &numbered(), Durability::None);
        writer.append(&numbered_rows(0..4)).unwrap();
        history.step(4, || writer.commit());
        history.step(4, || writer.sync());
        writer.append(&numbered_rows(4..6)).unwrap();
        history.step(6, || writer.commit());
        let faulty = FaultyFileSystem::simulated(&history.fs);
        drop(writer);
        let through: Arc<dyn FileSystem> = Arc::new(faulty.clone());
        let mut writer = IntradayWriter::open(through, directory(), &numbered(), options(Durability::None)).unwrap();
        history.begun.push((history.fs.log_len(), 9));
        faulty.arm(Fault { kind: Some(CallKind::Sync), index: failing, ..Fault::once(Failure::Io) });
        let failed = writer.append(&numbered_rows(6..9)).and_then(|()| writer.commit()).and_then(|_| writer.sync());
        if faulty.disarm() == 0 {
            assert!(failing > 3 && failed.is_ok());
            continue;
        }
        let error = failed.unwrap_err();
        assert!(error.kind() == ErrorKind::Io && error.path().is_some(), "{error:?}");
        for error in [writer.append(&numbered_rows(9..10)).err(), writer.commit().err(), writer.sync().err()] {
            assert_eq!(error.unwrap().kind(), ErrorKind::Poisoned);
        }
        assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Poisoned);
        let mut writer = open_writer(&history, &numbered(), Durability::None);
        let rows = writer.row_count();
        assert!(rows == 6 || rows == 9);
        writer.append(&numbered_rows(rows as i64..rows as i64 + 1)).unwrap();
        history.step(rows + 1, || writer.commit());
        history.step(rows + 1, || writer.sync());
        assert!(history.check(&numbered(), 6) > 100);
    }
}

#[test]
fn an_error_in_any_call_loses_nothing_acknowledged() {
    for failure in [Failure::Io, Failure::NoSpace, Failure::ShortWrite] {
        for for_ever in [false, true] {
            for index in 0.. {
                let simulated = SimulatedFileSystem::new(index);
                let faulty = FaultyFileSystem::simulated(&simulated);
                let through: Arc<dyn FileSystem> = Arc::new(faulty.clone());
                faulty.arm(Fault { index, for_ever, ..Fault::once(failure) });
                let mut last = Commit::default();
                let mut run = || -> Result<()> {
                    for round in 0..2 {
                        let mut writer =
                            IntradayWriter::open(through.clone(), directory(), &numbered(), options(Durability::None))?;
                        for part in 0..2 {
                            let from = round * 6 + part * 3;
                            writer.append(&numbered_rows(from..from + 3))?;
                            last = writer.commit()?;
                        }
                        last = writer.close()?;
                    }
                    Ok(())
                };
                let result = run();
                let struck = faulty.disarm() > 0;
                if let Err(error) = &result {
                    assert!(struck && matches!(error.kind(), ErrorKind::Io | ErrorKind::NoSpace), "{error:?}");
                    assert!(error.path().is_some(), "{error}");
                }
                let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
                let found = match open(&fs) {
                    Ok(location) => check_numbered(&location).unwrap(),
                    Err(error) => {
                        assert!(error.is_not_found(), "{error}");
                        0
                    }
                };
                assert!(found >= last.rows && found % 3 == 0, "{found} {last:?}");
                check_state(&simulated.power_cut(), &numbered(), last.durable_rows, &[0, 3, 6, 9, 12]);
                check_state(&simulated.kill(), &numbered(), last.rows, &[0, 3, 6, 9, 12]);
                if !struck {
                    assert!(index > 50);
                    break;
                }
            }
        }
    }
}

#[test]
fn removing_leaves_all_or_nothing() {
    let history = workload(Durability::Commit, &numbered(), &[3, 6], 5);
    let before = history.fs.log_len();
    remove_location(&history.fs, directory()).unwrap();
    let mut count = 0;
    for at in before..=history.fs.log_len() {
        for state in states(&history.fs, at, 40) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            match open(&fs) {
                Ok(location) => assert_eq!(check_numbered(&location).unwrap(), 6),
                Err(error) => assert!(error.is_not_found(), "{state}: {error}"),
            }
            // Whatever was left behind goes with the next removal beside it.
            drop(IntradayWriter::open(fs.clone(), directory(), &numbered(), options(Durability::None)).unwrap());
            remove_location(&state.fs, directory()).unwrap();
            assert!(fs.list(directory().parent().unwrap()).unwrap().is_empty());
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
    assert!(open(&history.shared()).unwrap_err().is_not_found());
}

#[test]
fn power_cuts_leave_values_of_variable_width_whole() {
    let columns: Vec<ColumnDefinition> = [1, 5, 7, 8, 9].map(|at| kinds::kinds()[at].clone()).into();
    let mut history = History::new(17);
    let mut writer = open_writer(&history, &columns, Durability::None);
    for (step, rows) in [0..2, 2..5, 5..9].into_iter().enumerate() {
        writer.append(&kinds::kind_rows(&columns, rows.clone())).unwrap();
        history.step(rows.end as u64, || writer.commit());
        if step == 1 {
            history.step(rows.end as u64, || writer.sync());
        }
    }
    history.step(9, || writer.close());
    let mut count = 0;
    for at in 0..=history.fs.log_len() {
        let before = |log: usize| log <= at;
        let durable = history.acknowledged.iter().filter(|(log, _)| before(*log)).map(|(_, c)| c.durable_rows).max();
        let possible: Vec<u64> = history.begun.iter().filter(|(log, _)| before(*log)).map(|(_, rows)| *rows).collect();
        for state in states(&history.fs, at, 3) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            let rows = match open(&fs) {
                Ok(location) => kinds::check_kinds(&location).unwrap(),
                Err(error) if error.is_not_found() => 0,
                Err(error) => panic!("{state}: {error}"),
            };
            assert!(Some(rows) >= durable && possible.contains(&rows), "{state}: {rows}, {durable:?}, {possible:?}");
            let mut writer =
                IntradayWriter::open(fs.clone(), directory(), &columns, options(Durability::None)).unwrap();
            writer.append(&kinds::kind_rows(&columns, rows as i64..rows as i64 + 2)).unwrap();
            assert_eq!(writer.commit().unwrap().rows, rows + 2);
            let location = open(&fs).unwrap();
            assert_eq!((kinds::check_kinds(&location).unwrap(), location.columns()), (rows + 2, columns.clone()));
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}
