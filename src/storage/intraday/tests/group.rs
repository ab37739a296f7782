//! Commits over several partitions: visible at one instant, whole or not at all after any crash, and never in anybody's way.

use super::*;
use crate::format::commit::CommitRecord;
use crate::format::group::GROUP_FILE;
use crate::io::faulty::{Failure, Fault, FaultyFileSystem};
use crate::io::simulated::SimulatedFileSystem;
use std::collections::BTreeSet;

const SOURCE: &str = "intraday/Market/Trade/feed";

fn source() -> &'static Path {
    Path::new(SOURCE)
}

fn day(partition: &str) -> std::path::PathBuf {
    source().join(partition)
}

fn handle(fs: &Arc<dyn FileSystem>, partition: &str) -> IntradayHandle {
    let key = LocationKey { column_partition: partition.into(), internal_partition: "feed".into() };
    IntradayHandle::new(fs.clone(), day(partition), key, Arc::default())
}

fn group_writer(fs: &Arc<dyn FileSystem>, durability: Durability) -> GroupWriter {
    GroupWriter::open(fs.clone(), source(), &numbered(), options(durability)).unwrap()
}

/// Rows of each partition as of one instant, all of them checked; none where there is no such location.
fn look(fs: &Arc<dyn FileSystem>, partitions: &[&str]) -> Vec<u64> {
    let handles: Vec<_> = partitions.iter().map(|partition| handle(fs, partition)).collect();
    let together = open_together(&handles).into_iter().map(|opened| match opened {
        Ok(location) => check_numbered(&location).unwrap(),
        Err(error) if error.is_not_found() => 0,
        Err(error) => panic!("{error}"),
    });
    together.collect()
}

/// As [`look`], one by one: the same rule holds for each.
fn look_alone(fs: &Arc<dyn FileSystem>, partitions: &[&str]) -> Vec<u64> {
    let alone = partitions.iter().map(|partition| match handle(fs, partition).open_intraday() {
        Ok(location) => check_numbered(&location).unwrap(),
        Err(error) if error.is_not_found() => 0,
        Err(error) => panic!("{error}"),
    });
    alone.collect()
}

/// What a history of group commits did, so that any of its crash states can be judged. A batch gives each partition rows of its own number: the
/// batches that a state holds are known from its row counts.
struct GroupHistory {
    fs: SimulatedFileSystem,
    partitions: Vec<&'static str>,
    /// The log before each commit, and the rows of every partition after it.
    begun: Vec<(usize, Vec<u64>)>,
    /// The log after a commit or sync, and the rows of every partition that are durable then.
    durable: Vec<(usize, Vec<u64>)>,
    rows: Vec<u64>,
}

impl GroupHistory {
    fn new(seed: u64, partitions: &[&'static str]) -> Self {
        let none = vec![0; partitions.len()];
        GroupHistory {
            fs: SimulatedFileSystem::new(seed),
            partitions: partitions.to_vec(),
            begun: vec![(0, none.clone())],
            durable: vec![(0, none.clone())],
            rows: none,
        }
    }

    fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.fs.clone())
    }

    /// Commits so many rows to each partition.
    fn commit(&mut self, writer: &mut GroupWriter, rows: &[u64]) {
        for (at, &count) in rows.iter().enumerate() {
            let from = self.rows[at] as i64;
            if count > 0 {
                writer.append(self.partitions[at], numbered_rows(from..from + count as i64)).unwrap();
            }
            self.rows[at] += count;
        }
        self.begun.push((self.fs.log_len(), self.rows.clone()));
        let commit = writer.commit().unwrap();
        self.note(commit);
    }

    fn note(&mut self, commit: Commit) {
        if commit.durable_rows == commit.rows {
            self.durable.push((self.fs.log_len(), self.rows.clone()));
        }
    }

    /// Checks states after every call; how many that were.
    fn check(&self, limit: usize) -> usize {
        let mut count = 0;
        for at in 0..=self.fs.log_len() {
            let durable = &self.durable.iter().rfind(|(log, _)| *log <= at).unwrap().1;
            let possible: Vec<&Vec<u64>> =
                self.begun.iter().filter(|(log, _)| *log <= at).map(|(_, rows)| rows).collect();
            for state in crash::states(&self.fs, at, limit) {
                let checked = std::panic::catch_unwind(|| self.check_state(&state.fs, durable, &possible));
                assert!(checked.is_ok(), "{state}\nafter call {at} of\n{}", self.fs.log().join("\n"));
                count += 1;
            }
        }
        count
    }

    fn check_state(&self, state: &SimulatedFileSystem, durable: &[u64], possible: &[&Vec<u64>]) {
        let fs: Arc<dyn FileSystem> = Arc::new(state.clone());
        let rows = look(&fs, &self.partitions);
        assert!(possible.contains(&&rows), "{rows:?} is no state that a commit left: {possible:?}");
        assert!(rows.iter().zip(durable).all(|(found, durable)| found >= durable), "{rows:?} of {durable:?}");
        assert_eq!(look_alone(&fs, &self.partitions), rows, "one by one as together");
        assert_eq!(state.log_len(), 0, "looking writes nothing");
        // Somebody goes on, in one partition alone or in all of them.
        let mut after = rows.clone();
        if state.log_len() % 2 == rows[0] as usize % 2 {
            let mut writer =
                IntradayWriter::open(fs.clone(), &day(self.partitions[0]), &numbered(), options(Durability::None))
                    .unwrap();
            assert_eq!(writer.row_count(), rows[0]);
            writer.append(&numbered_rows(rows[0] as i64..rows[0] as i64 + 2)).unwrap();
            writer.commit().unwrap();
            assert_eq!(writer.close().unwrap().durable_rows, rows[0] + 2);
            after[0] += 2;
        }
        let mut writer = group_writer(&fs, Durability::Commit);
        for (partition, rows) in self.partitions.iter().zip(&mut after) {
            writer.append(partition, numbered_rows(*rows as i64..*rows as i64 + 3)).unwrap();
            *rows += 3;
        }
        writer.commit().unwrap();
        assert_eq!(look(&fs, &self.partitions), after);
        let fs: Arc<dyn FileSystem> = Arc::new(state.power_cut());
        assert_eq!(look(&fs, &self.partitions), after, "durable means durable");
    }
}

/// Commits to some of the partitions; some are followed by a sync, some by another writer.
fn workload(durability: Durability, seed: u64) -> GroupHistory {
    let mut history = GroupHistory::new(seed, &["a", "b", "c"]);
    let mut writer = group_writer(&history.shared(), durability);
    for (step, rows) in [[1, 2, 0], [0, 3, 1], [2, 0, 0], [1, 1, 1], [0, 0, 4], [3, 1, 0]].iter().enumerate() {
        history.commit(&mut writer, rows);
        if step == 2 {
            let commit = writer.sync().unwrap();
            history.note(commit);
        }
        if step == 3 {
            drop(writer);
            writer = group_writer(&history.shared(), durability);
        }
    }
    let closed = writer.close().unwrap();
    history.note(closed);
    history
}

#[test]
fn every_power_cut_leaves_whole_commits() {
    let mut count = 0;
    for (seed, durability) in [Durability::None, Durability::Commit, Durability::Interval(0)].into_iter().enumerate() {
        count += workload(durability, seed as u64).check(3);
    }
    assert!(count > 800, "{count}");
}

#[test]
fn every_death_of_a_writer_leaves_whole_commits() {
    for (seed, durability) in [Durability::None, Durability::Commit].into_iter().enumerate() {
        let history = workload(durability, seed as u64);
        for at in (0..=history.fs.log_len()).step_by(2) {
            let killed = history.fs.kill_at(at);
            // Whatever was published stays, for the system goes on.
            let possible: Vec<&Vec<u64>> = history.begun.iter().filter(|(log, _)| *log <= at).map(|(_, r)| r).collect();
            let before = possible.iter().rev().nth(1).map_or_else(|| vec![0; 3], |rows| (*rows).clone());
            history.check_state(&killed, &before, &possible);
        }
    }
}

#[test]
fn a_batch_is_nowhere_before_it_is_everywhere() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let partitions = ["a", "b"];
    let mut writer = group_writer(&fs, Durability::None);
    for partition in partitions {
        writer.append(partition, numbered_rows(0..3)).unwrap();
    }
    assert_eq!(look(&fs, &partitions), [0, 0]);
    assert_eq!(writer.commit().unwrap(), Commit { rows: 6, durable_rows: 0 });
    assert_eq!((look(&fs, &partitions), look_alone(&fs, &partitions)), (vec![3, 3], vec![3, 3]));
    writer.append("b", numbered_rows(3..4)).unwrap();
    assert_eq!(look(&fs, &partitions), [3, 3]);
    assert_eq!(writer.commit().unwrap().rows, 7);
    assert_eq!(look(&fs, &partitions), [3, 4]);
    assert_eq!(writer.sync().unwrap(), Commit { rows: 7, durable_rows: 7 });
    assert_eq!(writer.close().unwrap().durable_rows, 7);
    assert!(handle(&fs, "a").open_intraday().unwrap().rejected().is_empty());
}

/// Every call of a commit is a chance for a reader to look: between any two of them all partitions have the batch or none has.
#[test]
fn readers_between_any_two_calls_see_all_or_nothing() {
    for durability in [Durability::None, Durability::Commit] {
        let simulated = SimulatedFileSystem::new(1);
        let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
        let mut writer = group_writer(&fs, durability);
        for batch in 0..3 {
            for partition in ["a", "b", "c"] {
                writer.append(partition, numbered_rows(batch * 2..batch * 2 + 2)).unwrap();
            }
            writer.commit().unwrap();
        }
        let mut seen = BTreeSet::new();
        for at in 0..=simulated.log_len() {
            let fs: Arc<dyn FileSystem> = Arc::new(simulated.kill_at(at));
            let rows = look(&fs, &["a", "b", "c"]);
            assert!(rows.iter().all(|count| *count == rows[0]), "{durability:?} after call {at}: {rows:?}");
            assert_eq!(look_alone(&fs, &["a", "b", "c"]), rows);
            seen.insert(rows[0]);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 2, 4, 6]);
    }
}

#[test]
fn readers_beside_a_writer_never_see_half_a_batch() {
    let (_root, fs) = root();
    let partitions = ["a", "b", "c", "d"];
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = {
        let (fs, done) = (fs.clone(), done.clone());
        std::thread::spawn(move || {
            let (mut looks, mut before) = (0, 0);
            loop {
                let last = done.load(std::sync::atomic::Ordering::Acquire);
                let handles: Vec<_> = partitions.iter().map(|partition| handle(&fs, partition)).collect();
                let rows: Vec<u64> =
                    open_together(&handles).into_iter().map(|l| l.map_or(0, |l| l.row_count())).collect();
                // A batch gives one row to each partition.
                assert!(rows.iter().all(|count| *count == rows[0]), "{rows:?}");
                assert!(rows[0] >= before, "{rows:?} after {before}");
                before = rows[0];
                looks += 1;
                if last {
                    return (looks, before);
                }
            }
        })
    };
    let mut writer = group_writer(&fs, Durability::None);
    for batch in 0..600 {
        for partition in partitions {
            writer.append(partition, numbered_rows(batch..batch + 1)).unwrap();
        }
        writer.commit().unwrap();
        if batch % 100 == 0 {
            writer.sync().unwrap();
        }
    }
    done.store(true, std::sync::atomic::Ordering::Release);
    let (looks, rows) = reader.join().unwrap();
    assert!(looks > 1 && rows == 600, "{looks} {rows}");
}

#[test]
fn one_group_writer_a_source_and_one_writer_a_location() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let mut first = group_writer(&fs, Durability::None);
    first.append("a", numbered_rows(0..1)).unwrap();
    first.commit().unwrap();
    let mut second = group_writer(&fs, Durability::None);
    second.append("b", numbered_rows(0..1)).unwrap();
    let error = second.commit().unwrap_err();
    assert!(error.kind() == ErrorKind::Locked && error.path().is_some(), "{error}");
    assert_eq!(second.commit().unwrap_err().kind(), ErrorKind::Poisoned);
    let open =
        |partition: &str| IntradayWriter::open(fs.clone(), &day(partition), &numbered(), options(Durability::None));
    assert_eq!(open("a").unwrap_err().kind(), ErrorKind::Locked);
    let alone = open("c").unwrap();
    first.append("c", numbered_rows(0..1)).unwrap();
    assert_eq!(first.commit().unwrap_err().kind(), ErrorKind::Locked);
    drop((first, alone));
    // What was published before stays; what failed is nowhere.
    assert_eq!(look(&fs, &["a", "b", "c"]), [1, 0, 0]);
    assert_eq!(open("a").unwrap().row_count(), 1);
}

#[test]
fn rows_that_do_not_fit_are_refused_before_anything_is_written() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let mut writer = group_writer(&fs, Durability::None);
    assert_eq!(writer.append("a", vec![Chunk::Long(vec![1])]).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(writer.append("../a", numbered_rows(0..1)).unwrap_err().kind(), ErrorKind::Invalid);
    writer.append("a", numbered_rows(0..1)).unwrap();
    assert_eq!(writer.commit().unwrap().rows, 1);
    assert_eq!(writer.close().unwrap(), Commit { rows: 1, durable_rows: 1 });
}

#[test]
fn many_partitions_need_few_open_files() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let names: Vec<String> = (0..150).map(|n| format!("p{n}")).collect();
    let partitions: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut writer = group_writer(&fs, Durability::None);
    for batch in 0..2 {
        for partition in &partitions {
            writer.append(partition, numbered_rows(batch..batch + 1)).unwrap();
        }
        writer.commit().unwrap();
        // Those that are closed must have let go of their locks, whatever this test's limit is.
        let free = partitions
            .iter()
            .filter(|p| fs.try_lock(&day(p).join(LOCK_FILE), crate::io::LockKind::Exclusive).unwrap().is_some());
        assert!(free.count() > 100);
        // Nobody may take one of them while its rows are not durable.
        let alone = IntradayWriter::open(fs.clone(), &day("p149"), &numbered(), options(Durability::None));
        assert_eq!(alone.unwrap_err().kind(), ErrorKind::Locked);
        assert_eq!(look(&fs, &partitions), vec![batch as u64 + 1; 150]);
    }
    assert_eq!(writer.sync().unwrap(), Commit { rows: 300, durable_rows: 300 });
    drop(writer);
    assert_eq!(look(&fs, &partitions), vec![2; 150]);
}

#[test]
fn an_error_in_any_call_leaves_whole_commits() {
    for (failure, durability) in [(Failure::Io, Durability::Commit), (Failure::NoSpace, Durability::None)] {
        let mut index = 0;
        loop {
            let simulated = SimulatedFileSystem::new(index);
            let faulty = FaultyFileSystem::simulated(&simulated);
            let through: Arc<dyn FileSystem> = Arc::new(faulty.clone());
            faulty.arm(Fault { index, ..Fault::once(failure) });
            let mut last = Commit::default();
            let mut run = || -> Result<()> {
                let mut writer = GroupWriter::open(through.clone(), source(), &numbered(), options(durability))?;
                for batch in 0..2 {
                    for partition in ["a", "b"] {
                        writer.append(partition, numbered_rows(batch * 2..batch * 2 + 2))?;
                    }
                    last = writer.commit()?;
                }
                last = writer.close()?;
                Ok(())
            };
            let result = run();
            let struck = faulty.disarm() > 0;
            let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
            let rows = look(&fs, &["a", "b"]);
            assert!(rows[0] == rows[1] && rows[0] * 2 >= last.rows && rows[0].is_multiple_of(2), "{rows:?} {last:?}");
            let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
            let rows = look(&cut, &["a", "b"]);
            assert!(rows[0] == rows[1] && rows[0] * 2 >= last.durable_rows, "{rows:?} {last:?}");
            let mut writer = group_writer(&cut, Durability::Commit);
            for partition in ["a", "b"] {
                writer.append(partition, numbered_rows(rows[0] as i64..rows[0] as i64 + 1)).unwrap();
            }
            assert_eq!(writer.commit().unwrap().durable_rows, 2);
            if !struck {
                assert!(result.is_ok() && index > 60, "{index}");
                break;
            }
            if let Err(error) = result {
                assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::NoSpace | ErrorKind::Poisoned), "{error:?}");
            }
            index += 1;
        }
    }
}

#[test]
fn a_lost_or_damaged_group_file_is_an_error_and_never_other_rows() {
    let (_root, fs) = root();
    let mut writer = group_writer(&fs, Durability::None);
    for partition in ["a", "b"] {
        writer.append(partition, numbered_rows(0..5)).unwrap();
    }
    writer.close_after_commit();
    let path = source().join(GROUP_FILE);
    let whole = crate::io::read_small(&*fs, &path, 1 << 20).unwrap();
    let outcome = || {
        let handles = [handle(&fs, "a"), handle(&fs, "b")];
        open_together(&handles).into_iter().chain([handle(&fs, "a").open_intraday()]).collect::<Vec<_>>()
    };
    let put = |bytes: &[u8]| crate::io::publish(&*fs, &path, bytes).unwrap();
    for damaged in [&whole[..0], &whole[..5000], &vec![0; whole.len()][..]] {
        put(damaged);
        for opened in outcome() {
            let error = opened.unwrap_err();
            assert!(error.is_corrupt() && error.path().is_some_and(|path| path.ends_with(GROUP_FILE)), "{error}");
        }
    }
    fs.remove_file(&path).unwrap();
    for opened in outcome() {
        let error = opened.unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains("the group file is missing"), "{error}");
    }
    // Another source's group file says nothing of these records.
    let mut other =
        GroupWriter::open(fs.clone(), Path::new("intraday/Market/Trade/other"), &numbered(), options(Durability::None))
            .unwrap();
    other.append("a", numbered_rows(0..1)).unwrap();
    other.close_after_commit();
    let foreign =
        crate::io::read_small(&*fs, &Path::new("intraday/Market/Trade/other").join(GROUP_FILE), 1 << 20).unwrap();
    put(&foreign);
    for location in outcome().into_iter().flatten() {
        assert!(location.row_count() == 0 && !location.rejected().is_empty());
    }
    // Every single bit.
    put(&whole);
    let file = fs.open(&path, crate::io::OpenMode::Write).unwrap();
    for at in (0..whole.len()).filter(|at| at % 4096 < 110 || at % 512 == 0) {
        file.write_all_at(&[whole[at] ^ 1 << (at % 8)], at as u64).unwrap();
        let rows: Vec<_> =
            outcome().into_iter().map(|opened| opened.map(|location| check_numbered(&location).unwrap())).collect();
        assert!(
            rows.iter().all(|rows| match rows {
                // Of two durable slots the older may be the one that is left: it says that the batch never was.
                Ok(rows) => *rows == 5 || *rows == 0,
                Err(error) => error.is_corrupt(),
            }),
            "{at}: {rows:?}"
        );
        file.write_all_at(&[whole[at]], at as u64).unwrap();
    }
    assert!(outcome().into_iter().all(|opened| opened.unwrap().row_count() == 5));
}

/// Plain commits to a location that took part in commits over several carry what is needed to tell them apart.
#[test]
fn views_hold_across_plain_commits() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    for round in 0..4 {
        let mut writer = group_writer(&fs, Durability::None);
        let rows = look(&fs, &["a", "b"]);
        writer.append("a", numbered_rows(rows[0] as i64..rows[0] as i64 + 2)).unwrap();
        writer.append("b", numbered_rows(rows[1] as i64..rows[1] as i64 + 1)).unwrap();
        writer.close_after_commit();
        let mut alone = IntradayWriter::open(fs.clone(), &day("a"), &numbered(), options(Durability::None)).unwrap();
        alone.append(&numbered_rows(rows[0] as i64 + 2..rows[0] as i64 + 3)).unwrap();
        alone.commit().unwrap();
        let record = |partition: &str| -> CommitRecord {
            handle(&fs, partition).open_intraday().unwrap().record().unwrap().clone()
        };
        let (a, b) = (record("a").group.unwrap(), record("b").group.unwrap());
        assert!(a.number == b.number && a.settled && !b.settled);
        assert_eq!(look(&fs, &["a", "b"]), [3 * (round + 1), round + 1]);
    }
}

impl GroupWriter {
    fn close_after_commit(mut self) {
        self.commit().unwrap();
        self.close().unwrap();
    }
}
