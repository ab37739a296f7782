//! Durable commits by the journal: what they cost, what is read out of it after a power cut, and that rot in it is told.

use super::*;
use crate::format::journal::{ALIGN, JOURNAL_FILE};
use crate::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use crate::io::simulated::SimulatedFileSystem;
use crate::io::{LockKind, OpenMode};

fn durable_writer(fs: &Arc<dyn FileSystem>, columns: &[ColumnDefinition]) -> IntradayWriter {
    IntradayWriter::open(fs.clone(), directory(), columns, options(Durability::Commit)).unwrap()
}

/// Rows 0, 1, … by commits of one each. The first one of a writer does not go through the journal.
fn commits(fs: &SimulatedFileSystem, rows: i64) -> IntradayWriter {
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let mut writer = durable_writer(&shared, &numbered());
    for row in 0..rows {
        writer.append(&numbered_rows(row..row + 1)).unwrap();
        assert_eq!(writer.commit().unwrap().durable_rows, row as u64 + 1);
    }
    writer
}

fn syncs(fs: &SimulatedFileSystem, from: usize) -> usize {
    fs.log()[from..].iter().filter(|call| call.contains("sync")).count()
}

fn journal_bytes(fs: &dyn FileSystem) -> u64 {
    fs.metadata(&directory().join(JOURNAL_FILE)).unwrap().map_or(0, |found| found.size_bytes)
}

#[test]
fn a_durable_commit_of_fifty_columns_is_one_sync() {
    let fs = SimulatedFileSystem::new(1);
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let names: Vec<String> = (0..50).map(|number| format!("Column{number}")).collect();
    let wide: Vec<_> = names.iter().map(|name| ColumnDefinition::new(name.clone(), ColumnType::Long)).collect();
    let rows = |count: usize| vec![Chunk::Long(vec![7; count]); 50];
    let mut writer = durable_writer(&shared, &wide);
    for _ in 0..2 {
        writer.append(&rows(1)).unwrap();
        writer.commit().unwrap();
    }
    for count in [1, 100] {
        let before = fs.log_len();
        writer.append(&rows(count)).unwrap();
        writer.commit().unwrap();
        assert_eq!(syncs(&fs, before), 1, "{:#?}", &fs.log()[before..]);
    }
    let before = fs.log_len();
    assert_eq!(writer.commit().unwrap(), Commit { rows: 103, durable_rows: 103 });
    assert_eq!(fs.log_len(), before, "nothing to commit costs nothing");
    // What costs by its bytes goes to the column files at once.
    writer.append(&rows(3_000)).unwrap();
    assert_eq!(writer.commit().unwrap().durable_rows, 3_103);
    assert!(syncs(&fs, before) > 50);
    let cut: Arc<dyn FileSystem> = Arc::new(fs.power_cut());
    assert_eq!(open(&cut).unwrap().row_count(), 3_103);
    drop(writer);
}

#[test]
fn a_full_journal_begins_anew_and_grows() {
    let fs = SimulatedFileSystem::new(2);
    let mut writer = commits(&fs, 2);
    let first = journal_bytes(&fs);
    let mut grown = first;
    for row in 2..60 {
        writer.append(&numbered_rows(row..row + 1)).unwrap();
        writer.commit().unwrap();
        grown = journal_bytes(&fs);
        let cut: Arc<dyn FileSystem> = Arc::new(fs.power_cut());
        let location = open(&cut).unwrap();
        assert_eq!(check_numbered(&location).unwrap(), row as u64 + 1);
        assert_eq!(location.durable_row_count(), row as u64 + 1);
        assert!(location.rejected().iter().all(|rejection| rejection.slot < 4));
    }
    assert!(grown > first && grown <= 4 << 20, "{first} {grown}");
    drop(writer);
}

/// A power cut may take every byte that was not synced; readers see the rows before a writer has put them back, and go on afterwards.
#[test]
fn readers_need_no_writer_after_a_power_cut() {
    let fs = SimulatedFileSystem::new(3);
    drop(commits(&fs, 9));
    let cut = fs.power_cut();
    let shared: Arc<dyn FileSystem> = Arc::new(cut.clone());
    let location = open(&shared).unwrap();
    assert_eq!((check_numbered(&location).unwrap(), cut.log_len()), (9, 0));
    assert!(location.refresh().unwrap().is_none());
    let mut writer = writer(&shared, &numbered());
    assert!(location.refresh().unwrap().is_none());
    writer.append(&numbered_rows(9..11)).unwrap();
    writer.commit().unwrap();
    let next = location.refresh().unwrap().unwrap();
    assert_eq!(check_numbered(&next).unwrap(), 11);
    // Not durable: another power cut may take the two, and nothing else.
    let again: Arc<dyn FileSystem> = Arc::new(cut.power_cut());
    assert_eq!(check_numbered(&open(&again).unwrap()).unwrap(), 9);
    writer.close().unwrap();
    let again: Arc<dyn FileSystem> = Arc::new(cut.power_cut());
    assert_eq!(check_numbered(&open(&again).unwrap()).unwrap(), 11);
}

#[test]
fn rot_in_the_journal_is_told() {
    let fs = SimulatedFileSystem::new(4);
    drop(commits(&fs, 6));
    // Rows 1 to 5 are in records 0 to 4.
    for (record, rows, told) in [(0, 1, true), (1, 2, true), (3, 4, true), (4, 5, false)] {
        for at in [0, 13, 50, 70, 79, 90, 300] {
            let cut = fs.power_cut();
            let shared: Arc<dyn FileSystem> = Arc::new(cut.clone());
            let journal = shared.open(&directory().join(JOURNAL_FILE), OpenMode::Write).unwrap();
            let mut byte = [0];
            journal.read_exact_at(&mut byte, record * ALIGN + at).unwrap();
            journal.write_all_at(&[byte[0] ^ 4], record * ALIGN + at).unwrap();
            let location = open(&shared).unwrap();
            assert_eq!(check_numbered(&location).unwrap(), rows, "record {record}, byte {at}");
            let lost = location.rejected().iter().find(|rejection| rejection.slot == 4);
            assert_eq!(lost.is_some(), told, "record {record}, byte {at}: {:?}", location.rejected());
            assert!(lost.is_none_or(|lost| lost.error.is_corrupt() && lost.error.path().is_some()));
            // The next writer's records tell readers of it.
            let mut writer = durable_writer(&shared, &numbered());
            writer.append(&numbered_rows(rows as i64..rows as i64 + 1)).unwrap();
            writer.commit().unwrap();
            let next = open(&shared).unwrap();
            assert_eq!((next.record().unwrap().rollbacks > 0, next.row_count()), (told, rows + 1));
        }
    }
}

/// A repair keeps what readers see, and nobody is told of the damage any more.
#[test]
fn a_repair_ends_what_rot_in_the_journal_began() {
    let fs = SimulatedFileSystem::new(10);
    drop(commits(&fs, 6));
    let cut = fs.power_cut();
    let shared: Arc<dyn FileSystem> = Arc::new(cut.clone());
    let journal = shared.open(&directory().join(JOURNAL_FILE), OpenMode::Write).unwrap();
    journal.write_all_at(&[1; 64], 2 * ALIGN + 100).unwrap();
    let location = open(&shared).unwrap();
    assert_eq!((check_numbered(&location).unwrap(), location.rejected().len()), (3, 1));
    assert_eq!(renew::renew(&shared, directory()).unwrap(), Commit { rows: 3, durable_rows: 3 });
    for fs in [cut.clone(), cut.power_cut()] {
        let shared: Arc<dyn FileSystem> = Arc::new(fs);
        let location = open(&shared).unwrap();
        assert_eq!((check_numbered(&location).unwrap(), location.rejected().len()), (3, 0));
        assert!(location.record().unwrap().rollbacks > 0, "readers that had more rows are told");
    }
}

/// The journal has the ends of files. What lost more than its end is damaged, for readers and for writers.
#[test]
fn files_that_end_before_the_journal_begins_are_damaged() {
    let fs = SimulatedFileSystem::new(9);
    drop(commits(&fs, 5));
    for column in ["Row.dat", "Name.sym.bytes"] {
        let cut: Arc<dyn FileSystem> = Arc::new(fs.power_cut());
        cut.open(&directory().join(column), OpenMode::Write).unwrap().set_size(0).unwrap();
        let error = check_numbered(&open(&cut).unwrap()).unwrap_err();
        assert!(error.is_corrupt() && error.path().is_some_and(|path| path.ends_with(column)), "{error:?}");
        let error = IntradayWriter::open(cut, directory(), &numbered(), options(Durability::Commit)).err().unwrap();
        assert!(error.is_corrupt() && error.path().is_some_and(|path| path.ends_with(column)), "{error:?}");
    }
}

/// Records that do not go on from the newest durable record mean nothing, whole as they are.
#[test]
fn left_over_records_are_not_replayed() {
    let fs = SimulatedFileSystem::new(5);
    let writer = commits(&fs, 6);
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let path = directory().join(JOURNAL_FILE);
    let mut old = vec![0; journal_bytes(&fs) as usize];
    shared.open(&path, OpenMode::Read).unwrap().read_exact_at(&mut old, 0).unwrap();
    writer.close().unwrap();
    let mut writer = durable_writer(&shared, &numbered());
    for row in 6..8 {
        writer.append(&numbered_rows(row..row + 1)).unwrap();
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let cut = fs.power_cut();
    let shared: Arc<dyn FileSystem> = Arc::new(cut);
    shared.open(&path, OpenMode::Write).unwrap().write_all_at(&old, 0).unwrap();
    let location = open(&shared).unwrap();
    assert_eq!((check_numbered(&location).unwrap(), location.rejected().len()), (8, 0));
}

/// Who appends holds the lock: a commit that is in the journal and in no slot is one that is about to be made visible, or failed.
#[test]
fn commits_under_way_are_not_seen_and_dead_ones_are_finished() {
    let fs = SimulatedFileSystem::new(6);
    let writer = commits(&fs, 4);
    // The writer dies between the sync of the journal and the live slot.
    let log = fs.log();
    let synced = log.iter().rposition(|call| call.contains("sync") && call.contains(JOURNAL_FILE)).unwrap() + 1;
    drop(writer);
    let dead = fs.kill_at(synced);
    let shared: Arc<dyn FileSystem> = Arc::new(dead.clone());
    let path = directory().join(super::super::LOCK_FILE);
    let held = shared.try_lock(&path, LockKind::Exclusive).unwrap().unwrap();
    assert_eq!(check_numbered(&open(&shared).unwrap()).unwrap(), 3);
    drop(held);
    assert_eq!(check_numbered(&open(&shared).unwrap()).unwrap(), 4);
    // After a power cut the lock says nothing: the record is as durable as any.
    let cut: Arc<dyn FileSystem> = Arc::new(fs.power_cut());
    let held = cut.try_lock(&path, LockKind::Exclusive).unwrap().unwrap();
    assert_eq!(check_numbered(&open(&cut).unwrap()).unwrap(), 4);
    drop(held);
    // The next writer goes on from it, and has made it durable by the time that it is open.
    let next = writer_of(&shared);
    assert_eq!(next.published(), Commit { rows: 4, durable_rows: 4 });
    assert_eq!(check_numbered(&open(&shared).unwrap()).unwrap(), 4);
    drop(next);
    let cut: Arc<dyn FileSystem> = Arc::new(dead.power_cut());
    let location = open(&cut).unwrap();
    assert_eq!((check_numbered(&location).unwrap(), location.record().unwrap().rollbacks), (4, 0));
}

fn writer_of(fs: &Arc<dyn FileSystem>) -> IntradayWriter {
    durable_writer(fs, &numbered())
}

/// A sync of the journal that fails: nobody on the machine sees the commit, and after a power cut it is there or not.
#[test]
fn a_commit_whose_sync_failed_is_not_seen() {
    let fs = SimulatedFileSystem::new(7);
    drop(commits(&fs, 3));
    let faulty = FaultyFileSystem::simulated(&fs);
    let shared: Arc<dyn FileSystem> = Arc::new(faulty.clone());
    let mut writer = writer_of(&shared);
    for row in 3..5 {
        writer.append(&numbered_rows(row..row + 1)).unwrap();
        writer.commit().unwrap();
    }
    faulty.arm(Fault { kind: Some(CallKind::Sync), path_end: JOURNAL_FILE, ..Fault::once(Failure::Io) });
    writer.append(&numbered_rows(5..6)).unwrap();
    assert!(writer.commit().is_err());
    assert_eq!(faulty.disarm(), 1);
    assert!(writer.commit().is_err(), "it does nothing more");
    drop(writer);
    let location = open(&shared).unwrap();
    assert_eq!((check_numbered(&location).unwrap(), location.rejected().len()), (5, 0));
    for state in fs.crash_states_up_to(fs.log_len(), 60) {
        let cut: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
        assert!((5..=6).contains(&check_numbered(&open(&cut).unwrap()).unwrap()), "{state}");
    }
    let mut writer = writer_of(&shared);
    assert_eq!(writer.row_count(), 5);
    writer.append(&numbered_rows(5..7)).unwrap();
    writer.commit().unwrap();
    let cut: Arc<dyn FileSystem> = Arc::new(fs.power_cut());
    assert_eq!(check_numbered(&open(&cut).unwrap()).unwrap(), 7);
}

/// Readers follow a writer through commits, checkpoints and new writers, and never lose a row or meet one twice.
#[test]
fn readers_follow_across_checkpoints() {
    let fs = SimulatedFileSystem::new(8);
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let mut writer = commits(&fs, 1);
    let mut location = open(&shared).unwrap();
    for row in 1..70 {
        writer.append(&numbered_rows(row..row + 1)).unwrap();
        match row % 9 {
            3 => drop(writer.commit().and_then(|_| writer.sync()).unwrap()),
            _ => drop(writer.commit().unwrap()),
        }
        if row % 11 == 5 {
            drop(writer);
            writer = writer_of(&shared);
        }
        location = location.refresh().unwrap().expect("a row was committed");
        assert_eq!(check_numbered(&location).unwrap(), row as u64 + 1);
        assert_eq!(check_numbered(&open(&shared).unwrap()).unwrap(), row as u64 + 1);
    }
}
