//! Random histories of a location against a vector, and a reader that follows a writer in another thread.

use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Commit,
    Sync,
    Reopen,
    Close,
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..40).prop_map(Step::Append),
        1 => (8_000usize..9_000).prop_map(Step::Append),
        4 => Just(Step::Commit),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::Close),
        2 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..40)
}

fn durabilities() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::None), Just(Durability::Interval(1)), Just(Durability::Commit)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_history_leaves_the_committed_rows(steps in steps(), durability in durabilities()) {
        let (_root, fs) = root();
        let open_writer = || IntradayWriter::open(fs.clone(), directory(), &numbered(), options(durability)).unwrap();
        let mut writer = open_writer();
        let mut reader = open(&fs).unwrap();
        let (mut committed, mut appended) = (0i64, 0i64);
        for step in steps {
            match step {
                Step::Append(rows) => {
                    writer.append(&numbered_rows(appended..appended + rows as i64)).unwrap();
                    appended += rows as i64;
                }
                Step::Commit => {
                    let commit = writer.commit().unwrap();
                    committed = appended;
                    prop_assert_eq!(commit.rows, committed as u64);
                    prop_assert!(durability != Durability::Commit || commit.durable_rows == commit.rows);
                }
                Step::Sync => prop_assert_eq!(writer.sync().unwrap(), Commit { rows: committed as u64, durable_rows: committed as u64 }),
                Step::Reopen | Step::Close => {
                    if matches!(step, Step::Close) {
                        writer.close().unwrap();
                    } else {
                        drop(writer);
                    }
                    writer = open_writer();
                    appended = committed;
                    prop_assert_eq!(writer.row_count(), committed as u64);
                }
                Step::Look => {
                    if let Some(next) = reader.refresh().unwrap() {
                        reader = next;
                    }
                    prop_assert_eq!(check_numbered(&reader).unwrap(), committed as u64);
                }
            }
        }
        let location = open(&fs).unwrap();
        prop_assert!(location.rejected().is_empty());
        prop_assert_eq!(check_numbered(&location).unwrap(), committed as u64);
    }
}

#[test]
fn a_reader_beside_a_writer_sees_whole_commits_only() {
    let (_root, fs) = root();
    let done = Arc::new(AtomicBool::new(false));
    let mut writer = writer(&fs, &numbered());
    let reader = {
        let (fs, done) = (fs.clone(), done.clone());
        std::thread::spawn(move || {
            let mut location = open(&fs).unwrap();
            let (mut versions, mut opened) = (0, 0);
            loop {
                let last = done.load(Ordering::Acquire);
                if let Some(next) = location.refresh().unwrap() {
                    assert!(next.row_count() > location.row_count() || location.record().is_none());
                    // Every commit of the writer has a multiple of 100 rows, so anything else is half a commit.
                    assert_eq!(next.row_count() % 100, 0);
                    location = next;
                    versions += 1;
                }
                // The first look must see something too, with a check of what is not durable.
                opened += u64::from(open(&fs).unwrap().row_count() >= location.row_count());
                let region = location.region("Row").unwrap();
                if let Some(region) = region.filter(|region| region.row_count() > 0) {
                    let rows = region.row_count();
                    let mut out = Chunk::new(ColumnType::Long);
                    region.fill(rows - 100..rows, &mut out).unwrap();
                    assert_eq!(out.value(99), Value::Long(rows as i64 - 1));
                }
                if last {
                    return (versions, opened, check_numbered(&location).unwrap());
                }
            }
        })
    };
    for commit in 0..400 {
        for part in 0..4 {
            let from = commit * 100 + part * 25;
            writer.append(&numbered_rows(from..from + 25)).unwrap();
        }
        writer.commit().unwrap();
        if commit % 50 == 0 {
            writer.sync().unwrap();
        }
    }
    done.store(true, Ordering::Release);
    let (versions, opened, rows) = reader.join().unwrap();
    assert_eq!(rows, 40_000);
    assert!(versions > 0 && opened > 0);
}
