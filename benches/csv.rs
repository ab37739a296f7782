//! Delimited text: how fast it is read, typed and imported, beside counting its line ends, which is as fast as any reader can be.
//!
//! `cargo bench --bench csv`; the text is 1,000,000 quotes of eight columns, about 75 bytes a line.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pilaster::base::text::{DateTimeForm, DateTimeReader};
use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, TableDefinition};
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::storage::import::csv::{CsvReader, FieldTarget, ReadLimits, infer_csv};
use pilaster::storage::import::{CsvInput, CsvOptions, ImportMode, ImportOptions, PartitionTarget, import_csv};
use std::fmt::Write;
use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

const ROWS: u64 = 1_000_000;
const COLUMNS: [(&str, ColumnType); 8] = [
    ("Date", ColumnType::String),
    ("Sym", ColumnType::String),
    ("ExchangeTimestamp", ColumnType::DateTime),
    ("Bid", ColumnType::Double),
    ("BidSize", ColumnType::Int),
    ("Ask", ColumnType::Double),
    ("AskSize", ColumnType::Int),
    ("Exchange", ColumnType::String),
];

/// Quotes of 40 symbols in time order, from a fixed seed.
fn quotes(quoted: bool) -> Vec<u8> {
    let mut text = COLUMNS.map(|(name, _)| name).join(",") + "\n";
    let mut random = 88_172_645_463_325_252u64;
    let mut nanos = 1_503_648_000_000_000_000i64;
    for _ in 0..ROWS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        nanos += (random % 40_000_000) as i64;
        let sym = ["AAPL", "SPY", "VMW", "IBM", "BAC", "MSFT", "GE", "T"][(random >> 8) as usize % 8];
        let suffix = (random >> 16) % 5;
        let cents = 5_000 + (random >> 24) % 20_000;
        let (bid_size, ask_size) = ((random >> 40) % 50 * 100, (random >> 48) % 50 * 100);
        let exchange = b"NQPZBYK"[(random >> 56) as usize % 7] as char;
        let time = pilaster::base::date_time::format_iso(nanos);
        let mark = if quoted { "\"" } else { "" };
        let (bid, ask) = (cents as f64 / 100.0, (cents + 1) as f64 / 100.0);
        let _ = writeln!(
            text,
            "2017-08-25,{mark}{sym}{suffix}{mark},{time},{bid},{bid_size},{ask},{ask_size},{mark}{exchange}{mark}"
        );
    }
    text.into_bytes()
}

fn input(text: &Arc<Vec<u8>>) -> CsvInput {
    struct Shared(Arc<Vec<u8>>, usize);
    impl std::io::Read for Shared {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let mut rest = Cursor::new(&self.0[self.1..]);
            let count = rest.read(buffer)?;
            self.1 += count;
            Ok(count)
        }
    }
    CsvInput::new("quotes.csv", Box::new(Shared(text.clone(), 0)))
}

fn targets(options: &CsvOptions) -> Vec<FieldTarget> {
    let date_times = DateTimeReader::new(options.zone.as_ref(), DateTimeForm::Iso);
    let target = |(at, (name, column_type)): (usize, &(&str, ColumnType))| FieldTarget {
        date_times: date_times.clone(),
        ..FieldTarget::new(at, *name, *column_type)
    };
    COLUMNS.iter().enumerate().map(target).collect()
}

fn read(text: &Arc<Vec<u8>>) -> u64 {
    let options = CsvOptions::default();
    let reader = CsvReader::open(input(text), &options).unwrap();
    let mut rows = 0;
    let mut each = |piece: pilaster::storage::import::Rows| {
        rows += piece.row_count as u64;
        black_box(&piece.chunks);
        Ok(())
    };
    reader.read(&targets(&options), ReadLimits::default(), &mut each, &mut |_| Ok(())).unwrap();
    rows
}

fn import(text: &Arc<Vec<u8>>, fs: &Arc<dyn FileSystem>) -> u64 {
    let columns = COLUMNS.iter().map(|(name, column_type)| {
        let kind = if *name == "Date" { ColumnKind::Partitioning } else { ColumnKind::Normal };
        ColumnDefinition::new(*name, *column_type).of_kind(kind)
    });
    let definition = TableDefinition::new(columns.collect()).unwrap();
    let mut options = ImportOptions::new(PartitionTarget::Value("2017-08-25".to_string()));
    options.mode = ImportMode::Replace;
    let table = Path::new("intraday/Bench/Quotes");
    import_csv(fs, table, &definition, input(text), &options, &|_| Ok(())).unwrap().rows
}

fn benches(criterion: &mut Criterion) {
    let plain = Arc::new(quotes(false));
    let quoted = Arc::new(quotes(true));
    let mut group = criterion.benchmark_group("csv");
    group.sample_size(10);
    group.throughput(Throughput::BytesDecimal(plain.len() as u64));
    group.bench_function("count line ends", |b| b.iter(|| memchr::memchr_iter(b'\n', black_box(&plain)).count()));
    group.bench_function("copy", |b| b.iter(|| black_box(Vec::clone(&plain))));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    group.bench_function("read, one thread", |b| b.iter(|| one.install(|| assert_eq!(read(&plain), ROWS))));
    group.bench_function("read", |b| b.iter(|| assert_eq!(read(&plain), ROWS)));
    group.bench_function("read, quoted", |b| b.iter(|| assert_eq!(read(&quoted), ROWS)));
    group.bench_function("infer", |b| {
        b.iter(|| infer_csv(vec![input(&plain)], &CsvOptions::default(), None, &mut || Ok(())).unwrap())
    });
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
    group.bench_function("import, durable", |b| b.iter(|| assert_eq!(import(&plain, &fs), ROWS)));
    group.finish();
}

criterion_group!(csv, benches);
criterion_main!(csv);
