//! What durability, checksums and encodings cost: each against the least that this machine can do, measured in turns and printed as ratios of one run.
//!
//! `cargo bench --bench costs`; with `TMPDIR` on the disk that is meant. Times are medians. Without `--bench` it only shows that it works.

use pilaster::base::limits::BLOCK_ROWS;
use pilaster::base::{ColumnDefinition, ColumnType};
use pilaster::format::encoding::{Block, Codec, Encodable, Encoding, encode_block_as};
use pilaster::format::sealed_column::{SealedColumn, SealedColumnWriter, encode_chunk};
use pilaster::io::clock::Stopwatch;
use pilaster::io::{File, FileSystem, OpenMode, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::check::{self, Scope, VerifyOptions};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::intraday::{Durability, IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::{Catalog, ColumnRegion, Location, LocationKey, ReadStats, Root, RootConfig, TableKind, schema};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

const DIRECTORY: &str = "intraday/Bench/Wide/feed/2017-08-25";

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    durable_commits(if full { 300 } else { 3 });
    checksums(if full { 21 } else { 1 }, if full { 1 << 22 } else { 1 << 17 });
    verifying(if full { 5 } else { 1 }, if full { 1 << 22 } else { 1 << 17 });
    scans(if full { 201 } else { 1 });
}

/// Runs both in turns; the medians in microseconds.
fn in_turns(rounds: usize, mut one: impl FnMut(), mut other: impl FnMut()) -> (f64, f64) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (side, work) in [&mut one as &mut dyn FnMut(), &mut other].into_iter().enumerate() {
            let watch = Stopwatch::start();
            work();
            times[side].push(watch.elapsed_seconds() * 1e6);
        }
    }
    let [one, other] = times.map(|mut side| {
        side.sort_by(f64::total_cmp);
        side[side.len() / 2]
    });
    (one, other)
}

fn disk() -> (tempfile::TempDir, Arc<dyn FileSystem>) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let fs = RealFileSystem::open(root.path()).expect("its file system");
    (root, fs)
}

fn noise() -> impl FnMut(u64) -> u64 {
    let mut state = 7u64;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    }
}

/// A durable commit of a batch against writing as many bytes to the end of one file and syncing that.
fn durable_commits(rounds: usize) {
    println!("durable commit                          commit     one file       ratio");
    for (columns, rows) in [(20, 1), (20, 100), (20, 1_000), (50, 1), (50, 100), (50, 1_000)] {
        let (_root, fs) = disk();
        let definitions: Vec<_> =
            (0..columns).map(|n| ColumnDefinition::new(format!("Column{n}"), ColumnType::Long)).collect();
        let options = WriterOptions { durability: Durability::Commit };
        let mut writer = IntradayWriter::open(fs.clone(), Path::new(DIRECTORY), &definitions, options).unwrap();
        let batch = vec![Chunk::Long((0..rows).collect()); columns];
        let file = fs.open(Path::new("file"), OpenMode::CreateNew).unwrap();
        let bytes = vec![7u8; columns * rows as usize * 8];
        let mut at = 0;
        for _ in 0..2 {
            writer.append(&batch).unwrap();
            writer.commit().unwrap();
        }
        let (commit, least) = in_turns(
            rounds,
            || {
                writer.append(&batch).unwrap();
                assert_eq!(writer.commit().unwrap().rows, writer.published().durable_rows);
            },
            || {
                append_durably(&*file, &bytes, at);
                at += bytes.len() as u64;
            },
        );
        let what = format!("{columns} columns, {rows} rows");
        println!("  {what:30} {commit:10.0} us {least:9.0} us {:11.2}", commit / least);
    }
}

fn append_durably(file: &dyn File, bytes: &[u8], at: u64) {
    file.write_all_at(bytes, at).unwrap();
    file.sync().unwrap();
}

/// Reading what nobody verified yet against reading it again, and computing the checksums of an append against the append.
fn checksums(rounds: usize, rows: usize) {
    println!("checksums                                with          without       ratio");
    let mut next = noise();
    let chunk = Chunk::Double((0..rows).map(|_| next(u64::MAX) as f64).collect());
    let (mut writer, mut file) = SealedColumnWriter::new(ColumnType::Double);
    for at in (0..rows).step_by(BLOCK_ROWS) {
        let block = encode_chunk(&chunk, at..rows.min(at + BLOCK_ROWS), Codec::Encoding(Encoding::Plain));
        file.extend(writer.push(block));
    }
    file.extend(writer.finish().0);
    let file = bytes::Bytes::from(file);
    let known = SealedColumn::open(file.clone()).unwrap();
    let mut out = [Chunk::with_capacity(ColumnType::Double, rows), Chunk::with_capacity(ColumnType::Double, rows)];
    let [first, second] = &mut out;
    let fill = |column: &SealedColumn, out: &mut Chunk| {
        if let Chunk::Double(values) = out {
            values.clear();
        }
        column.fill(0..rows as u64, out).unwrap();
    };
    let (with, without) =
        in_turns(rounds, || fill(&SealedColumn::open(file.clone()).unwrap(), first), || fill(&known, second));
    show("sealed column, read", with, without);

    let (_root, fs) = disk();
    let columns = [ColumnDefinition::new("Value", ColumnType::Double)];
    let options = WriterOptions { durability: Durability::None };
    let key = || LocationKey { column_partition: "2017-08-25".into(), internal_partition: "feed".into() };
    let mut writer = IntradayWriter::open(fs.clone(), Path::new(DIRECTORY), &columns, options).unwrap();
    let append = |writer: &mut IntradayWriter| {
        writer.append(std::slice::from_ref(&chunk)).unwrap();
        writer.commit().unwrap();
    };
    let raw = fs.open(Path::new("raw"), OpenMode::CreateNew).unwrap();
    let plain = vec![1u8; rows * 8];
    let mut at = 0;
    let (with, without) = in_turns(
        rounds.min(5),
        || append(&mut writer),
        || {
            for piece in plain.chunks(1 << 20) {
                raw.write_all_at(piece, at).unwrap();
                at += piece.len() as u64;
            }
        },
    );
    show("intraday column, append", with, without);
    writer.close().unwrap();
    let open = || {
        let stats = Arc::new(ReadStats::default());
        IntradayHandle::new(fs.clone(), DIRECTORY.into(), key(), stats).open_intraday().unwrap()
    };
    let read = |region: &dyn ColumnRegion| {
        let bytes = region.mapped().expect("mapped");
        black_box(bytes.chunks_exact(8).fold(0u64, |sum, b| sum.wrapping_add(u64::from(b[0]) + u64::from(b[7]))));
    };
    let known = open().column("Value").unwrap().unwrap();
    let (with, without) =
        in_turns(rounds.min(5), || read(&*open().column("Value").unwrap().unwrap()), || read(&*known));
    show("intraday column, read", with, without);
}

/// Verifying everything on one thread against computing the checksum of as many bytes in memory.
fn verifying(rounds: usize, rows: usize) {
    println!("verify                            bytes GB/s  values GB/s    checksum GB/s   ratio");
    let (_root, fs) = disk();
    let root = Arc::new(Root::create_in(fs, RootConfig::new("UTC").unwrap()).unwrap());
    let column = |name: &str, kind: &str, values: &str| {
        format!("[[columns]]\nname = \"{name}\"\ntype = \"{values}\"\nkind = \"{kind}\"\n")
    };
    let columns = [
        ("Day", "partitioning", "String"),
        ("Time", "normal", "DateTime"),
        ("Price", "normal", "double"),
        ("Size", "normal", "int"),
    ];
    let columns: String = columns.iter().map(|(name, kind, values)| column(name, kind, values)).collect();
    let text = format!("namespace = \"Bench\"\ntable = \"Ticks\"\n{columns}");
    schema::deploy(&**root.fs(), &text, Path::new("t.toml"), false).unwrap();
    let table = Catalog::open(root.clone()).table("Bench", "Ticks").unwrap();
    let stored: Vec<_> = table.schema().definition.stored().cloned().collect();
    let place = Path::new("intraday/Bench/Ticks/feed/2017-08-25");
    let options = WriterOptions { durability: Durability::None };
    let mut writer = IntradayWriter::open(root.fs().clone(), place, &stored, options).unwrap();
    let mut next = noise();
    let (mut time, mut cents) = (1_503_667_800_000_000_000i64, 25_510i64);
    for _ in (0..rows).step_by(BLOCK_ROWS) {
        let times = std::iter::repeat_with(|| {
            time += 1_000_000 * next(2_000) as i64;
            time
        });
        let times: Vec<i64> = times.take(BLOCK_ROWS).collect();
        let prices = std::iter::repeat_with(|| {
            cents += next(7) as i64 - 3;
            cents as f64 / 100.0
        });
        let prices: Vec<f64> = prices.take(BLOCK_ROWS).collect();
        let sizes: Vec<i32> = (0..BLOCK_ROWS).map(|_| if next(10) == 0 { next(10_000) as i32 } else { 100 }).collect();
        writer.append(&[Chunk::DateTime(times), Chunk::Double(prices), Chunk::Int(sizes)]).unwrap();
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    table.merge("2017-08-25", &MergeOptions::default(), false, &|_| Ok(())).unwrap();
    for kind in [TableKind::Intraday, TableKind::Historical] {
        let scope = Scope { kind: Some(kind), ..Scope::default() };
        let verify = || {
            let report = check::verify(&root, &scope, VerifyOptions { threads: 1 }, &|_, _| Ok(())).unwrap();
            assert_eq!(report.problems, []);
            report.figures
        };
        let figures = verify();
        let memory = vec![7u8; figures.bytes as usize];
        let (verified, summed) = in_turns(
            rounds,
            || {
                black_box(verify());
            },
            || {
                black_box(crc32fast::hash(black_box(&memory)));
            },
        );
        let rate = |bytes: u64, micros: f64| bytes as f64 / micros / 1e3;
        // A time, a price and a size a row.
        let (read, sum) = (rate(figures.bytes, verified), rate(figures.bytes, summed));
        let values = rate(figures.rows * 20, verified);
        println!("  {:30} {read:12.2} {values:12.2} {sum:16.1} {:7.3}", kind.name(), read / sum);
    }
}

fn show(what: &str, with: f64, without: f64) {
    println!("  {what:30} {with:10.0} us {without:9.0} us {:11.2}", with / without);
}

/// Decoding a block into a vector against copying the same values into it.
fn scans(rounds: usize) {
    println!("scan of a block of {BLOCK_ROWS} values        bits    decoded GB/s   copied GB/s   ratio   one row");
    let mut next = noise();
    let mut time = 1_503_667_800_000_000_000i64;
    let times: Vec<i64> = std::iter::repeat_with(|| {
        time += 1_000_000 * next(2_000) as i64;
        time
    })
    .take(BLOCK_ROWS)
    .collect();
    let mut next = noise();
    let mut cents = 25_510i64;
    let prices: Vec<f64> = std::iter::repeat_with(|| {
        cents += next(7) as i64 - 3;
        cents as f64 / 100.0
    })
    .take(BLOCK_ROWS)
    .collect();
    let mut next = noise();
    let sizes: Vec<i32> = (0..BLOCK_ROWS).map(|_| if next(10) == 0 { next(10_000) as i32 } else { 100 }).collect();
    let runs: Vec<i32> = (0..BLOCK_ROWS as i32).map(|row| row / 900).collect();
    use Encoding::*;
    for encoding in [Plain, Frame, Delta, Pco, Zstd] {
        scan("times", &times, encoding, rounds);
    }
    for encoding in [Plain, Dictionary, Decimal, Pco, Zstd] {
        scan("prices", &prices, encoding, rounds);
    }
    for encoding in [Plain, Frame, Dictionary, Pco, Zstd] {
        scan("sizes", &sizes, encoding, rounds);
    }
    for encoding in [RunLength, Frame, Pco, Zstd] {
        scan("runs", &runs, encoding, rounds);
    }
    scan("constant", &vec![42i64; BLOCK_ROWS], Constant, rounds);
}

fn scan<T: Encodable>(what: &str, values: &[T], encoding: Encoding, rounds: usize) {
    let mut bytes = Vec::new();
    assert!(encode_block_as(values, encoding, &mut bytes), "{what} as {}", encoding.name());
    let (mut decoded, mut copied) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
    let (decode, copy) = in_turns(
        rounds,
        || {
            decoded.clear();
            let block = Block::<T>::parse(encoding, black_box(&bytes), values.len()).unwrap();
            block.fill(0..values.len(), &mut decoded).unwrap();
            black_box(&decoded);
        },
        || {
            copied.clear();
            copied.extend_from_slice(black_box(values));
            black_box(&copied);
        },
    );
    let mut row = 0;
    let (one_row, _) = in_turns(
        rounds,
        || {
            decoded.clear();
            row = (row + 7_919) % values.len() as u64;
            let block = Block::<T>::parse(encoding, black_box(&bytes), values.len()).unwrap();
            block.gather(&[row], 0, &mut decoded).unwrap();
        },
        || {},
    );
    let size = size_of_val(values) as f64;
    let bits = bytes.len() as f64 * 8.0 / values.len() as f64;
    let what = format!("{what}, {}", encoding.name());
    let (decode_rate, copy_rate) = (size / decode / 1e3, size / copy / 1e3);
    println!("  {what:30} {bits:10.2} {decode_rate:15.1} {copy_rate:13.1} {:7.2} {one_row:6.1} us", decode / copy);
}
