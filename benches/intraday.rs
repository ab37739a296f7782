//! What an intraday location costs: bulk appends against copying the same bytes, a commit of one row, a reader's next look, and a scan.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pilaster::base::{ColumnDefinition, ColumnType};
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Durability, IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::{ColumnRegion, LocationKey, ReadStats};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

/// Rows of a bulk append and of the chunks it comes in, as an import would.
const ROWS: usize = 1 << 20;
const CHUNK_ROWS: usize = 1 << 16;
const DIRECTORY: &str = "intraday/Market/Quotes/feed/2017-08-25";

fn columns() -> Vec<ColumnDefinition> {
    use ColumnType::*;
    let types = [String, DateTime, Double, Double, Int, Int, String, Char, Boolean, Long];
    types.iter().enumerate().map(|(at, t)| ColumnDefinition::new(format!("Column{at}"), *t)).collect()
}

fn row_bytes() -> usize {
    columns().iter().map(|column| column.column_type.width()).sum()
}

fn chunks(rows: usize) -> Vec<Chunk> {
    let symbols: Vec<std::string::String> = (0..rows).map(|row| format!("SYM{}", row * 7 % 500)).collect();
    let column = |column: ColumnDefinition| match column.column_type {
        ColumnType::String => Chunk::strings(symbols.iter().map(|symbol| Some(symbol.as_str()))).unwrap(),
        ColumnType::DateTime => Chunk::DateTime((0..rows as i64).map(|row| 1_503_619_200_000_000_000 + row).collect()),
        ColumnType::Double => Chunk::Double((0..rows).map(|row| row as f64 / 100.0).collect()),
        ColumnType::Int => Chunk::Int((0..rows as i32).collect()),
        ColumnType::Long => Chunk::Long((0..rows as i64).collect()),
        ColumnType::Char => Chunk::Char(vec![65; rows]),
        ColumnType::Boolean => Chunk::Boolean(vec![true.into(); rows]),
        other => Chunk::nulls(other, rows),
    };
    columns().into_iter().map(column).collect()
}

fn root() -> (tempfile::TempDir, Arc<dyn FileSystem>) {
    let root = tempfile::tempdir().unwrap();
    let fs = RealFileSystem::open(root.path()).unwrap();
    (root, fs)
}

fn writer(fs: &Arc<dyn FileSystem>) -> IntradayWriter {
    let options = WriterOptions { durability: Durability::None };
    IntradayWriter::open(fs.clone(), Path::new(DIRECTORY), &columns(), options).unwrap()
}

fn handle(fs: &Arc<dyn FileSystem>) -> IntradayHandle {
    let key = LocationKey { column_partition: "2017-08-25".into(), internal_partition: "feed".into() };
    IntradayHandle::new(fs.clone(), DIRECTORY.into(), key, Arc::new(ReadStats::default()))
}

fn bulk(criterion: &mut Criterion) {
    let chunk = chunks(CHUNK_ROWS);
    let bytes = (ROWS * row_bytes()) as u64;
    let mut group = criterion.benchmark_group("bulk");
    group.sample_size(10).throughput(Throughput::Bytes(bytes));
    group.bench_function("append 1 Mi rows of 10 columns", |bencher| {
        bencher.iter_batched_ref(
            root,
            |(_root, fs)| {
                let mut writer = writer(fs);
                for _ in 0..ROWS / CHUNK_ROWS {
                    writer.append(&chunk).unwrap();
                }
                writer.commit().unwrap();
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("copy the same bytes", |bencher| {
        let source = vec![1u8; bytes as usize];
        let mut target = vec![0u8; bytes as usize];
        bencher.iter(|| black_box(&mut target).copy_from_slice(black_box(&source)));
    });
    group.bench_function("write the same bytes to one file", |bencher| {
        let source = vec![1u8; 1 << 20];
        bencher.iter_batched_ref(
            root,
            |(_root, fs)| {
                let file = fs.open(Path::new("file"), pilaster::io::OpenMode::CreateNew).unwrap();
                for at in (0..bytes).step_by(source.len()) {
                    file.write_all_at(&source, at).unwrap();
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn commits(criterion: &mut Criterion) {
    let (_root, fs) = root();
    let mut writer = writer(&fs);
    let row = chunks(1);
    criterion.bench_function("append and commit one row of 10 columns", |bencher| {
        bencher.iter(|| {
            writer.append(&row).unwrap();
            writer.commit().unwrap()
        });
    });
    criterion.bench_function("the same, seen by a reader", |bencher| {
        let mut location = handle(&fs).open_intraday().unwrap();
        bencher.iter(|| {
            writer.append(&row).unwrap();
            writer.commit().unwrap();
            location = location.refresh().unwrap().unwrap();
        });
    });
    criterion.bench_function("look for a commit in vain", |bencher| {
        let location = handle(&fs).open_intraday().unwrap();
        bencher.iter(|| location.refresh().unwrap().is_none());
    });
}

fn reads(criterion: &mut Criterion) {
    let (_root, fs) = root();
    let mut writer = writer(&fs);
    let chunk = chunks(CHUNK_ROWS);
    for _ in 0..ROWS / CHUNK_ROWS {
        writer.append(&chunk).unwrap();
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    criterion.bench_function("open a location", |bencher| bencher.iter(|| handle(&fs).open_intraday().unwrap()));
    let mut group = criterion.benchmark_group("scan a double column");
    group.throughput(Throughput::Bytes(ROWS as u64 * 8));
    let mut out = Chunk::with_capacity(ColumnType::Double, ROWS);
    let mut fill = |region: &dyn ColumnRegion| {
        out.clear();
        region.fill(0..ROWS as u64, &mut out).unwrap();
    };
    group.bench_function("first, verifying", |bencher| {
        bencher.iter(|| fill(&*handle(&fs).open_intraday().unwrap().region("Column2").unwrap().unwrap()));
    });
    group.bench_function("again", |bencher| {
        let region = handle(&fs).open_intraday().unwrap().region("Column2").unwrap().unwrap();
        bencher.iter(|| fill(&*region));
    });
    group.finish();
}

criterion_group!(benches, bulk, commits, reads);
criterion_main!(benches);
