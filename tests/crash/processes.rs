//! F2, F14 and F16: real processes that die, race and stop. The test binary runs itself again as a child.

use crate::imports::{self, content};
use crate::merges::{Merges, State, Work};
use crate::rows::{chunks, columns};
use crate::trace::{Shared, directory, verify};
use crate::walk::History;
use pilaster::base::{Error, ErrorKind, Result};
use pilaster::io::clock::Stopwatch;
use pilaster::io::random::SplitMix64;
use pilaster::io::{FileSystem, RealFileSystem, SimulatedFileSystem};
use pilaster::storage::import::{CsvInput, ImportMode, ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const ROLE: &str = "PILASTER_CRASH_ROLE";
const ROOT: &str = "PILASTER_CRASH_ROOT";
const SEED: &str = "PILASTER_CRASH_SEED";

/// What a child does; it says `ack <number>` when work is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// Appends rows, committed at a level that the seed chooses.
    Append,
    /// Appends rows, each commit durable.
    AppendDurably,
    /// Imports over the rows of the last import.
    Import,
    /// Appends and merges.
    Merge,
    /// Merges, validates and deletes, partition after partition.
    Chain,
    /// Merges one query's result after the other into the same partition.
    Result,
    /// Tries to become the writer when told so.
    Race,
    /// Imports hostile text in little memory.
    Hostile,
    /// Imports into many partitions with as many descriptors as the seed says.
    ImportWithFew,
    /// Reads many partitions with as many.
    QueryWithFew,
}

/// A child at work; killed when dropped.
pub(crate) struct Worker {
    child: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
    stdin: ChildStdin,
}

impl Worker {
    pub(crate) fn start(role: Role, root: &Path, seed: u64) -> Self {
        Self::start_under(&[], role, root, seed)
    }

    /// As the child of a program, such as a tracer, with its arguments; none for ours.
    pub(crate) fn start_under(program: &[&str], role: Role, root: &Path, seed: u64) -> Self {
        let this = std::env::current_exe().expect("tests have a path");
        let mut command = match program {
            [] => Command::new(this),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(this);
                command
            }
        };
        command.args(["processes::child", "--exact", "--nocapture", "--test-threads", "1"]);
        command
            .env(ROLE, format!("{role:?}"))
            .env(ROOT, root)
            .env(SEED, seed.to_string())
            .env("RAYON_NUM_THREADS", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a process more");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let stdin = child.stdin.take().expect("it is piped");
        Worker { child, lines, stdin }
    }

    /// The next thing that it says, without the words of the test harness; none at its end.
    pub(crate) fn next_line(&mut self, word: &str) -> Option<String> {
        loop {
            let line = self.lines.next()?.ok()?;
            // The harness writes the name of the test without an end of line before the first of ours.
            if let Some(at) = line.find(word) {
                return Some(line[at + word.len()..].to_string());
            }
        }
    }

    pub(crate) fn next_ack(&mut self) -> Option<u64> {
        self.next_line("ack ")?.trim().parse().ok()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush()).expect("the child listens");
    }

    /// Kills it now. What it had acknowledged last.
    pub(crate) fn kill(mut self, mut last: u64) -> u64 {
        self.child.kill().expect("the child lives");
        while let Some(ack) = self.next_ack() {
            last = ack;
        }
        last
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test by itself: what children do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let root = std::env::var(ROOT).expect("the parent says where");
    let seed: u64 = std::env::var(SEED).expect("the parent says").parse().expect("a number");
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(Path::new(&root)).expect("the directory is there");
    // Errors are the parent's business: some are provoked.
    let result = match role.as_str() {
        "Append" => {
            append(fs, [Durability::None, Durability::Interval(2), Durability::Commit][(seed % 3) as usize], seed)
        }
        "AppendDurably" => append(fs, Durability::Commit, seed),
        "Import" => import(&fs, seed),
        "Merge" => merge(&fs),
        "Chain" => loop {
            if let Err(error) = crate::chains::work(&fs, crate::chains::PARTITIONS, &ack) {
                break Err(error);
            }
        },
        "Result" => (seed..).try_for_each(|number| crate::results::merge(&fs, number).map(|()| ack(number))),
        "Race" => race(&fs),
        "Hostile" => crate::hostile::import(&fs, seed),
        "ImportWithFew" => crate::limits::import_with_few(&fs, seed),
        "QueryWithFew" => crate::limits::query_with_few(&fs, seed),
        _ => unreachable!("{role}"),
    };
    if let Err(error) = result {
        println!("\nfailed {:?} {error}", error.kind());
    }
}

fn ack(number: u64) {
    println!("\nack {number}");
}

fn append(fs: Arc<dyn FileSystem>, durability: Durability, seed: u64) -> Result<()> {
    let mut random = SplitMix64::new(seed);
    let mut writer = IntradayWriter::open(fs, directory(), &columns(0), WriterOptions { durability })?;
    let mut rows = writer.row_count();
    loop {
        let count = 1 + random.below(50);
        writer.append(&chunks(&columns(0), rows..rows + count, 1))?;
        rows += count;
        let commit = writer.commit()?;
        ack(commit.rows);
    }
}

/// Rows of each partition that an import of the loop has.
const IMPORTED: [u64; 2] = [40, 30];

fn import(fs: &Arc<dyn FileSystem>, first: u64) -> Result<()> {
    for number in first.. {
        let target = PartitionTarget::Column("Date".into());
        let options =
            ImportOptions { mode: ImportMode::Replace, source: imports::SOURCE.into(), ..ImportOptions::new(target) };
        let text = std::io::Cursor::new(imports::csv(number, IMPORTED));
        let input = CsvInput::new("trades.csv", Box::new(text));
        import_csv(fs, Path::new(imports::TABLE), &imports::definition(), input, &options, &|_| Ok(()))?;
        ack(number);
    }
    Ok(())
}

fn merge(fs: &Arc<dyn FileSystem>) -> Result<()> {
    let mut merges = merges_with_all_totals();
    merges = Merges::after(merges.look_at(fs)?);
    let log = SimulatedFileSystem::new(1);
    loop {
        merges.run(fs, &log, &[Work::Append(0, 5), Work::Merge])?;
        ack(merges.look_at(fs)?.intraday[0]);
    }
}

fn merges_with_all_totals() -> Merges {
    let merges = Merges::after(State { intraday: [0, 0], merged: None });
    for feed in (25..20_000).step_by(5) {
        merges.know(State { intraday: [0, 0], merged: Some([feed, 5]) });
    }
    merges
}

fn race(fs: &Arc<dyn FileSystem>) -> Result<()> {
    println!("\nready");
    let mut writer = None;
    for line in std::io::stdin().lines() {
        let Ok(line) = line else { break };
        if line != "go" {
            drop(writer.take());
            println!("\nended");
            continue;
        }
        let watch = Stopwatch::start();
        match IntradayWriter::open(fs.clone(), directory(), &columns(0), WriterOptions::default()) {
            Ok(mut won) => {
                let rows = won.row_count();
                won.append(&chunks(&columns(0), rows..rows + 1, 1))?;
                won.commit()?;
                writer = Some(won);
                println!("\nresult won {}", watch.elapsed_ns());
            }
            Err(error) if error.kind() == ErrorKind::Locked => println!("\nresult refused {}", watch.elapsed_ns()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Kills at random instants: after some acknowledgements, and then some microseconds.
fn kill_loop(
    row: &str,
    name: &str,
    role: Role,
    loops: u64,
    prepare: impl Fn(&Path) -> Result<()>,
    check: impl Fn(&Arc<dyn FileSystem>, u64) -> Result<()>,
    seed_of: impl Fn(u64, u64) -> u64,
) {
    let seed = std::env::var("PILASTER_FAULT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut random = SplitMix64::new(seed);
    let watch = Stopwatch::start();
    let mut place = tempfile::tempdir().expect("a directory");
    let (mut last, mut acknowledged) = (0, 0u64);
    for number in 0..loops {
        if number % 50 == 0 {
            place = tempfile::tempdir().expect("a directory");
            prepare(place.path()).expect("a disk without faults");
            last = 0;
        }
        let mut worker = Worker::start(role, place.path(), seed_of(number, last));
        for _ in 0..random.below(4) {
            match worker.next_ack() {
                Some(ack) => (last, acknowledged) = (ack, acknowledged + 1),
                None => panic!("{name}, seed {seed}, loop {number}: the child ended by itself"),
            }
        }
        std::thread::sleep(Duration::from_micros(random.below(6_000)));
        last = worker.kill(last);
        let fs: Arc<dyn FileSystem> = RealFileSystem::open(place.path()).expect("the directory is there");
        check(&fs, last).unwrap_or_else(|error| panic!("{name}, seed {seed}, loop {number}, {last}: {error}"));
    }
    println!(
        "{row:<4} {name}: {loops} kills (seed {seed}, {acknowledged} acknowledgements waited for), 0 violations, {:.1} s",
        watch.elapsed_seconds()
    );
}

fn wrong(what: String) -> Result<()> {
    Err(Error::corrupt(what))
}

#[test]
fn fault_f2_killed_appends_lose_nothing_visible() {
    let check = |fs: &Arc<dyn FileSystem>, last: u64| {
        let rows = verify(&Shared(fs.clone()), directory(), &vec![(0, 1)], &columns(0))?;
        if rows < last { wrong(format!("{rows} rows of {last} acknowledged")) } else { Ok(()) }
    };
    kill_loop("F2", "kill -9 of an append", Role::Append, 250, |_| Ok(()), check, |number, _| number);
}

#[test]
fn fault_f2_killed_imports_are_there_or_not() {
    let check = |fs: &Arc<dyn FileSystem>, last: u64| {
        for (at, rows) in IMPORTED.into_iter().enumerate() {
            let found = content(fs, at)?;
            let whole = [last, last + 1].iter().any(|import| found == [(*import, rows)]);
            if !(whole || (last == 0 && found.is_empty())) {
                return wrong(format!("{found:?} after import {last} was acknowledged"));
            }
        }
        Ok(())
    };
    // Whoever comes next goes on with the next number.
    kill_loop("F2", "kill -9 of an import", Role::Import, 125, |_| Ok(()), check, |_, last| last + 1);
}

#[test]
fn fault_f2_f24_killed_merges_publish_each_row_once() {
    let prepare = |root: &Path| {
        let fs: Arc<dyn FileSystem> = RealFileSystem::open(root)?;
        Merges::lay_out(&fs, &SimulatedFileSystem::new(1), 1);
        Ok(())
    };
    let check = |fs: &Arc<dyn FileSystem>, last: u64| {
        let state = merges_with_all_totals().look_at(fs)?;
        let merged = state.merged.map_or(0, |rows| rows[0]);
        if state.intraday[0] < last || merged < last || merged > state.intraday[0] || state.intraday[1] != 5 {
            return wrong(format!("{state:?} after {last} rows were acknowledged"));
        }
        Ok(())
    };
    kill_loop("F2", "kill -9 of a merge (F24: each row once)", Role::Merge, 125, prepare, check, |number, _| number);
}

#[test]
fn fault_f24_killed_chains_are_run_again() {
    use crate::chains::{PARTITIONS, check, prepare};
    let prepare = |root: &Path| prepare(&(RealFileSystem::open(root)? as Arc<dyn FileSystem>), PARTITIONS);
    let check = |fs: &Arc<dyn FileSystem>, _: u64| check(fs, PARTITIONS);
    kill_loop("F24", "kill -9 of merge, validate, delete", Role::Chain, 300, prepare, check, |number, _| number);
}

#[test]
fn fault_f24_killed_merges_of_results_are_whole_or_not_there() {
    let prepare = |root: &Path| crate::results::prepare(&(RealFileSystem::open(root)? as Arc<dyn FileSystem>));
    let check = |fs: &Arc<dyn FileSystem>, last: u64| {
        let number = crate::results::found(fs)?;
        if (last..=last + 1).contains(&number) {
            Ok(())
        } else {
            wrong(format!("result {number} after {last} was acknowledged"))
        }
    };
    kill_loop("F24", "kill -9 of the merge of a result", Role::Result, 100, prepare, check, |_, last| last + 1);
}

#[test]
fn fault_f14_of_eight_processes_one_becomes_the_writer() {
    let place = tempfile::tempdir().expect("a directory");
    let mut racers: Vec<Worker> = (0..8).map(|seed| Worker::start(Role::Race, place.path(), seed)).collect();
    for racer in &mut racers {
        racer.next_line("ready").expect("it starts");
    }
    let mut slowest_ns = 0;
    for round in 0..100 {
        racers.iter_mut().for_each(|racer| racer.tell("go"));
        let mut winners = 0;
        for racer in &mut racers {
            let result = racer.next_line("result ").expect("it answers");
            let (word, ns) = result.split_once(' ').expect("two words");
            winners += usize::from(word == "won");
            if word == "refused" {
                slowest_ns = slowest_ns.max(ns.trim().parse::<u64>().expect("a number"));
            }
        }
        assert_eq!(winners, 1, "round {round}");
        racers.iter_mut().for_each(|racer| racer.tell("end"));
        for racer in &mut racers {
            racer.next_line("ended").expect("it answers");
        }
    }
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(place.path()).expect("the directory is there");
    assert_eq!(verify(&Shared(fs), directory(), &vec![(0, 1)], &columns(0)).expect("readable"), 100);
    println!(
        "F14  eight processes race for a location: 100 races, one winner each, 700 refused, the slowest in {:.1} ms, 0 violations",
        slowest_ns as f64 / 1e6
    );
    assert!(slowest_ns < 1_000_000_000, "{slowest_ns}");
}

#[test]
fn fault_f16_readers_go_on_while_the_writer_is_stopped() {
    const STOPS: u64 = 200;
    let place = tempfile::tempdir().expect("a directory");
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(place.path()).expect("the directory is there");
    let mut random = SplitMix64::new(16);
    let mut slowest = Duration::ZERO;
    let mut worker = Worker::start(Role::Append, place.path(), 0);
    let acknowledged = AtomicU64::new(worker.next_ack().expect("it starts"));
    std::thread::scope(|scope| {
        let Worker { child, lines, stdin: _stdin } = &mut worker;
        let pid = Pid::from_child(child);
        let acknowledged = &acknowledged;
        scope.spawn(move || {
            let acks = lines.by_ref().map_while(std::io::Result::ok);
            for ack in acks.filter_map(|line| line.strip_prefix("ack ")?.trim().parse().ok()) {
                acknowledged.store(ack, SeqCst);
            }
        });
        for stop in 0..STOPS {
            // Between two stops the writer gets on.
            let before = acknowledged.load(SeqCst);
            while acknowledged.load(SeqCst) == before {
                std::thread::sleep(Duration::from_micros(50));
            }
            std::thread::sleep(Duration::from_micros(random.below(500)));
            kill_process(pid, Signal::STOP).expect("the child lives");
            let least = acknowledged.load(SeqCst);
            let watch = Stopwatch::start();
            let rows = verify(&Shared(fs.clone()), directory(), &vec![(0, 1)], &columns(0)).expect("readable");
            slowest = slowest.max(watch.elapsed());
            assert!(rows >= least, "stop {stop}: {rows} rows of {least} acknowledged");
            kill_process(pid, Signal::CONT).expect("the child lives");
        }
        kill_process(pid, Signal::KILL).expect("the child lives");
    });
    println!(
        "F16  a writer stopped {STOPS} times: readers read everything, the slowest in {:.0} ms, 0 violations",
        slowest.as_secs_f64() * 1e3
    );
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}
