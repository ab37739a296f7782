//! F15: readers check sums of everything they see while rows are appended and merged.

use crate::walk::in_order;
use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result, TableDefinition};
use pilaster::io::clock::Stopwatch;
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::historical::{self, HistoricalTable, MergeOptions, MergeRequest};
use pilaster::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions};
use pilaster::storage::{Location, LocationKey};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

const DATE: &str = "2017-08-25";
const INTRADAY: &str = "intraday/Market/Sums/feed/2017-08-25";
const HISTORY: &str = "historical/Market/Sums";
/// Rows that checks read at once.
const BATCH_ROWS: u64 = 64 << 10;

fn definition() -> TableDefinition {
    TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Row", ColumnType::Long),
        ColumnDefinition::new("Odd", ColumnType::Int),
    ])
    .expect("the names are valid")
}

/// Reads all rows of a location, whose sums follow from their number. How many there are.
fn check_sums(location: &dyn Location) -> Result<u64> {
    let rows = location.row_count();
    let (mut sum, mut odd) = (0u128, 0u64);
    for start in (0..rows).step_by(BATCH_ROWS as usize) {
        let range = start..rows.min(start + BATCH_ROWS);
        for name in ["Row", "Odd"] {
            let region = location.column(name)?.ok_or_else(|| Error::corrupt("a column is gone"))?;
            match region.read(range.clone())? {
                Chunk::Long(values) => sum += values.iter().map(|value| *value as u64).sum::<u64>() as u128,
                Chunk::Int(values) => odd += values.iter().map(|value| *value as u64).sum::<u64>(),
                _ => return Err(Error::corrupt("a column has another type")),
            }
        }
    }
    let expected = u128::from(rows) * u128::from(rows.saturating_sub(1)) / 2;
    if (sum, odd) != (expected, rows / 2) {
        return Err(Error::corrupt(format!("{rows} rows have the sums {sum} and {odd}")));
    }
    Ok(rows)
}

fn follow(fs: &Arc<dyn FileSystem>, done: &AtomicBool, read: &AtomicU64) -> Result<()> {
    let key = LocationKey { column_partition: DATE.into(), internal_partition: "feed".into() };
    let mut location = IntradayLocation::open(fs.clone(), Path::new(INTRADAY), key, Arc::default())?;
    let mut last = 0;
    while !done.load(SeqCst) {
        if let Some(next) = location.refresh()? {
            location = next;
        }
        let rows = check_sums(&*location)?;
        if rows < last {
            return Err(Error::corrupt(format!("{rows} rows after {last}")));
        }
        last = rows;
        read.fetch_add(rows, SeqCst);
    }
    Ok(())
}

fn watch_history(fs: &Arc<dyn FileSystem>, done: &AtomicBool, read: &AtomicU64) -> Result<()> {
    let mut last = 0;
    while !done.load(SeqCst) {
        let table = HistoricalTable::new(fs.clone(), Path::new(HISTORY), Vec::new(), Arc::default());
        for handle in table.partition_handles(DATE) {
            let location = match handle.open() {
                Err(error) if error.is_not_found() && last == 0 => continue,
                answer => answer?,
            };
            let rows = check_sums(&*location)?;
            if rows < last {
                return Err(Error::corrupt(format!("{rows} rows after {last}")));
            }
            last = rows;
            read.fetch_add(rows, SeqCst);
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// Row-reads to do: a hundred million where `PILASTER_FAULT_ROWS` says so.
fn wanted() -> u64 {
    std::env::var("PILASTER_FAULT_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(4_000_000)
}

#[test]
fn fault_f15_readers_check_sums_during_appends_and_merges() {
    let place = tempfile::tempdir().expect("a directory");
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(place.path()).expect("the directory is there");
    let definition = definition();
    let columns: Vec<ColumnDefinition> = definition.stored().cloned().collect();
    let options = WriterOptions { durability: Durability::None };
    let mut writer =
        IntradayWriter::open(fs.clone(), Path::new(INTRADAY), &columns, options).expect("the location is free");
    writer.commit().expect("a disk without faults");
    let (done, read) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    let (mut rows, mut commits, mut merges) = (0i64, 0, 0);
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| follow(&fs, &done, &read[0])))
            .chain([scope.spawn(|| watch_history(&fs, &done, &read[1]))])
            .collect();
        let total = || read[0].load(SeqCst) + read[1].load(SeqCst);
        while (total() < wanted() || merges < 5) && readers.iter().all(|reader| !reader.is_finished()) {
            let count = 1 + rows % 977;
            let longs = (rows..rows + count).collect();
            let ints = (rows..rows + count).map(|row| (row % 2) as i32).collect();
            writer.append(&[Chunk::Long(longs), Chunk::Int(ints)]).expect("it fits");
            writer.commit().expect("a disk without faults");
            (rows, commits) = (rows + count, commits + 1);
            if commits % 100 == 0 {
                in_order(|| merge(&fs, &definition)).expect("a disk without faults");
                merges += 1;
            }
        }
        done.store(true, SeqCst);
        for reader in readers {
            reader.join().expect("no panic").expect("every sum is right");
        }
    });
    println!(
        "F15  3 readers of {rows} rows in {commits} commits and 1 of {merges} merged versions: {} and {} rows read, 0 differences, {:.1} s",
        read[0].load(SeqCst),
        read[1].load(SeqCst),
        watch.elapsed_seconds()
    );
    assert!(merges >= 5 && read[1].load(SeqCst) > 0);
}

fn merge(fs: &Arc<dyn FileSystem>, definition: &TableDefinition) -> Result<()> {
    let key = LocationKey { column_partition: DATE.into(), internal_partition: "feed".into() };
    let source: Arc<dyn Location> = IntradayLocation::open(fs.clone(), Path::new(INTRADAY), key, Arc::default())?;
    let request = MergeRequest {
        fs,
        table_directory: Path::new(HISTORY),
        column_partition: DATE,
        sources: &[source],
        definition,
        sort_columns: &[],
        provenance: &[],
    };
    let options = MergeOptions { threads: 1, force: true, ..MergeOptions::default() };
    historical::merge(request, &options, &|_| Ok(())).map(drop)
}
