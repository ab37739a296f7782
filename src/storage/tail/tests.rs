//! Every committed row once, in order, and never another in its place.

use super::*;
use crate::base::{ColumnDefinition, ColumnType};
use crate::io::{RealFileSystem, SimulatedFileSystem};
use crate::storage::intraday::{Durability, GroupWriter, IntradayWriter, WriterOptions, remove_location};

const SOON: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(30);

fn table() -> &'static Path {
    Path::new("intraday/Market/Trade")
}

fn place(source: &str, partition: &str) -> PathBuf {
    table().join(source).join(partition)
}

fn columns() -> Vec<ColumnDefinition> {
    vec![ColumnDefinition::new("N", ColumnType::Long), ColumnDefinition::new("Text", ColumnType::String)]
}

fn rows(range: Range<i64>) -> Vec<Chunk> {
    let texts: Vec<String> = range.clone().map(|n| format!("t{}", n % 5)).collect();
    vec![Chunk::Long(range.collect()), Chunk::strings(texts.iter().map(|text| Some(text.as_str()))).unwrap()]
}

fn writer(fs: &Arc<dyn FileSystem>, source: &str, partition: &str, durability: Durability) -> IntradayWriter {
    IntradayWriter::open(fs.clone(), &place(source, partition), &columns(), WriterOptions { durability }).unwrap()
}

fn tailer(fs: &Arc<dyn FileSystem>, start: TailStart) -> Tailer {
    Tailer::open(fs.clone(), table(), TailSelection::default(), start).unwrap()
}

/// The events as words; the values of rows are checked: they are their numbers.
fn said(events: Vec<TailEvent>) -> Vec<String> {
    let word = |event| match event {
        TailEvent::Rows(rows) => {
            let Chunk::Long(numbers) = rows.location().column("N").unwrap().unwrap().read(rows.rows()).unwrap() else {
                unreachable!()
            };
            assert!(numbers.iter().zip(rows.rows()).all(|(n, row)| *n == row as i64));
            format!("{} {}..{}", rows.key(), rows.rows().start, rows.rows().end)
        }
        TailEvent::Removed(key) => format!("{key} removed"),
        TailEvent::RolledBack { key, error } => {
            assert_eq!(error.kind(), ErrorKind::RolledBack);
            format!("{key} rolled back")
        }
    };
    events.into_iter().map(word).collect()
}

fn append(writer: &mut IntradayWriter, range: Range<i64>) {
    writer.append(&rows(range)).unwrap();
    writer.commit().unwrap();
}

#[test]
fn rows_come_once_from_where_one_wants() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let mut early = tailer(&fs, TailStart::Start);
    assert!(early.next(SOON).unwrap().is_empty());
    let mut a = writer(&fs, "feed", "a", Durability::None);
    let mut b = writer(&fs, "feed", "b", Durability::None);
    append(&mut a, 0..3);
    append(&mut b, 0..2);
    assert_eq!(said(early.next(SOON).unwrap()), ["feed/a 0..3", "feed/b 0..2"]);
    assert!(early.next(SOON).unwrap().is_empty());
    for (start, expected) in [
        (TailStart::Start, vec!["feed/a 0..3", "feed/b 0..2"]),
        (TailStart::End, vec![]),
        (TailStart::LastRows(1), vec!["feed/b 1..2"]),
        (TailStart::LastRows(3), vec!["feed/a 2..3", "feed/b 0..2"]),
        (TailStart::LastRows(100), vec!["feed/a 0..3", "feed/b 0..2"]),
        (TailStart::At(early.position()), vec![]),
    ] {
        let mut tailer = tailer(&fs, start.clone());
        assert_eq!(said(tailer.next(SOON).unwrap()), expected, "{start:?}");
    }
    let position = early.position();
    let mut end = tailer(&fs, TailStart::End);
    append(&mut b, 2..4);
    append(&mut b, 4..5);
    let mut c = writer(&fs, "other", "a", Durability::None);
    append(&mut c, 0..1);
    let expected = ["other/a 0..1", "feed/b 2..5"];
    let sorted = |mut words: Vec<String>| {
        words.sort_by(|a, b| b.cmp(a));
        words
    };
    assert_eq!(sorted(said(early.next(SOON).unwrap())), expected);
    assert_eq!(sorted(said(end.next(SOON).unwrap())), expected);
    let text = position.to_string();
    let mut resumed = tailer(&fs, TailStart::At(text.parse().unwrap()));
    // What was not given is not behind the position.
    assert_eq!(resumed.position().locations.values().map(|at| at.rows).collect::<Vec<_>>(), [3, 0, 2]);
    assert_eq!(sorted(said(resumed.next(SOON).unwrap())), expected);
    assert_eq!(resumed.position(), early.position());
    let selection = TailSelection { source: Some("feed".into()), column_partition: Some("a".into()) };
    let mut selected = Tailer::open(fs.clone(), table(), selection, TailStart::Start).unwrap();
    assert_eq!(said(selected.next(SOON).unwrap()), ["feed/a 0..3"]);
}

#[test]
fn batches_over_partitions_come_at_once() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let mut tailer = tailer(&fs, TailStart::Start);
    let options = WriterOptions { durability: Durability::None };
    let mut writer = GroupWriter::open(fs.clone(), &table().join("feed"), &columns(), options).unwrap();
    for batch in 0..3 {
        for partition in ["a", "b"] {
            writer.append(partition, rows(batch..batch + 1)).unwrap();
        }
        assert!(tailer.next(SOON).unwrap().is_empty());
        writer.commit().unwrap();
        let range = format!("{batch}..{}", batch + 1);
        assert_eq!(said(tailer.next(SOON).unwrap()), [format!("feed/a {range}"), format!("feed/b {range}")]);
    }
}

#[test]
fn lost_replaced_and_removed_locations_are_told() {
    let simulated = SimulatedFileSystem::new(1);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    let mut a = writer(&fs, "feed", "a", Durability::None);
    append(&mut a, 0..2);
    a.sync().unwrap();
    append(&mut a, 2..5);
    let mut tail = tailer(&fs, TailStart::Start);
    assert_eq!(said(tail.next(SOON).unwrap()), ["feed/a 0..5"]);
    let position = tail.position();
    // Power cut: three rows are gone, and others take their places.
    let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
    let mut behind = tailer(&cut, TailStart::At(position.clone()));
    assert_eq!(said(behind.next(SOON).unwrap()), ["feed/a rolled back", "feed/a 0..2"]);
    let mut again = writer(&cut, "feed", "a", Durability::None);
    append(&mut again, 2..9);
    let mut filled = tailer(&cut, TailStart::At(position));
    assert_eq!(said(filled.next(SOON).unwrap()), ["feed/a rolled back", "feed/a 0..9"]);
    // What was durable needs no doubt.
    let mut durable = tailer(&fs, TailStart::Start);
    a.sync().unwrap();
    durable.next(SOON).unwrap();
    let position = durable.position();
    let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
    drop(writer(&cut, "feed", "a", Durability::None));
    assert!(tailer(&cut, TailStart::At(position.clone())).next(SOON).unwrap().is_empty());
    // Removed, and made anew.
    drop(a);
    remove_location(&*fs, &place("feed", "a")).unwrap();
    assert_eq!(said(tail.next(SOON).unwrap()), ["feed/a removed"]);
    assert_eq!(said(tailer(&fs, TailStart::At(position.clone())).next(SOON).unwrap()), ["feed/a removed"]);
    let mut a = writer(&fs, "feed", "a", Durability::None);
    append(&mut a, 0..7);
    assert_eq!(said(tail.next(SOON).unwrap()), ["feed/a 0..7"]);
    assert_eq!(said(durable.next(SOON).unwrap()), ["feed/a rolled back", "feed/a 0..7"]);
    assert_eq!(said(tailer(&fs, TailStart::At(position)).next(SOON).unwrap()), ["feed/a rolled back", "feed/a 0..7"]);
}

/// Another thread's commits end the wait, wherever they happen.
#[test]
fn waiting_ends_with_a_commit_in_any_partition() {
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
    let mut tail = tailer(&fs, TailStart::Start);
    let (ask, asked) = std::sync::mpsc::channel::<(&str, Range<i64>)>();
    let (tell, told) = std::sync::mpsc::channel();
    let appender = {
        let fs = fs.clone();
        std::thread::spawn(move || {
            let mut writers: BTreeMap<String, IntradayWriter> = BTreeMap::new();
            for (partition, range) in asked {
                let writer = writers
                    .entry(partition.to_string())
                    .or_insert_with(|| writer(&fs, "feed", partition, Durability::None));
                writer.append(&rows(range)).unwrap();
                let stopwatch = Stopwatch::start();
                writer.commit().unwrap();
                tell.send(stopwatch).unwrap();
            }
        })
    };
    let mut micros = Vec::new();
    for round in 0..40i64 {
        for partition in ["a", "b"] {
            ask.send((partition, round..round + 1)).unwrap();
            let events = said(tail.next(LONG).unwrap());
            let since = told.recv().unwrap().elapsed();
            assert_eq!(events, [format!("feed/{partition} {round}..{}", round + 1)]);
            micros.push(since.as_micros());
        }
    }
    drop(ask);
    appender.join().unwrap();
    assert!(!tail.is_polling());
    micros.sort_unstable();
    let median = micros[micros.len() / 2];
    println!("from before the commit to the row in another thread: {median} µs (median of {})", micros.len());
    // A machine that does much else at the time is slower; polling alone would take twice as long at least.
    assert!(median < 10_000, "{median} µs");
}

/// What did not change is not looked at: counted, not timed.
#[test]
fn a_commit_costs_a_look_at_its_own_partition() {
    const PARTITIONS: u64 = 300;
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
    let partition = |n: u64| format!("p{n:03}");
    for n in 0..PARTITIONS {
        append(&mut writer(&fs, "feed", &partition(n), Durability::None), 0..1);
    }
    let mut tail = tailer(&fs, TailStart::End);
    if tail.is_polling() {
        return println!("the system does not tell of changes here");
    }
    assert!(tail.next(SOON).unwrap().is_empty());
    let mut writer = writer(&fs, "feed", &partition(7), Durability::None);
    let (before, watch) = (tail.looks, Stopwatch::start());
    let rounds = 30;
    for round in 1..=rounds {
        append(&mut writer, round..round + 1);
        assert_eq!(said(tail.next(LONG).unwrap()), [format!("feed/p007 {round}..{}", round + 1)]);
    }
    // Everything once a second besides.
    let whole = (watch.elapsed().as_secs() + 1) * PARTITIONS;
    let looks = tail.looks - before;
    println!("{rounds} commits to one of {PARTITIONS} partitions: {looks} looks at locations");
    assert!(looks < whole + rounds as u64 * 20, "{looks} looks");
    // A partition more is found, and one that goes is told of.
    append(&mut self::writer(&fs, "feed", "new", Durability::None), 0..2);
    assert_eq!(said(tail.next(LONG).unwrap()), ["feed/new 0..2"]);
    remove_location(&*fs, &place("feed", "p299")).unwrap();
    assert_eq!(said(tail.next(LONG).unwrap()), ["feed/p299 removed"]);
    // A batch over several partitions comes at once.
    drop(writer);
    let options = WriterOptions { durability: Durability::None };
    let mut group = GroupWriter::open(fs.clone(), &table().join("feed"), &columns(), options).unwrap();
    for batch in 1..20 {
        for n in [3, 100, 200] {
            group.append(&partition(n), rows(batch..batch + 1)).unwrap();
        }
        group.commit().unwrap();
        let range = format!("{batch}..{}", batch + 1);
        let expected = [3, 100, 200].map(|n| format!("feed/{} {range}", partition(n)));
        assert_eq!(said(tail.next(LONG).unwrap()), expected);
    }
}
