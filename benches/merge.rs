//! How fast rows are merged into history: read from memory, ordered, encoded, written and synced.
//!
//! `cargo bench --bench merge`; two million quotes of 200 symbols as they arrive, seven columns, all cores. Prints bytes a row and what was chosen.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, Result, TableDefinition};
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::{Chunk, Symbols};
use pilaster::storage::historical::{HistoricalTable, MergeOptions, MergeRequest, merge};
use pilaster::storage::{ColumnRegion, GroupingIndex, Location, LocationKey};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const ROWS: usize = 2_000_000;
const SYMBOLS: usize = 200;

#[derive(Debug)]
struct Quotes {
    key: LocationKey,
    columns: Vec<(&'static str, Arc<Column>)>,
}

#[derive(Debug)]
struct Column(Chunk);

impl Location for Quotes {
    fn key(&self) -> &LocationKey {
        &self.key
    }
    fn row_count(&self) -> u64 {
        ROWS as u64
    }
    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        let found = self.columns.iter().find(|(column, _)| *column == name);
        Ok(found.map(|(_, column)| column.clone() as Arc<dyn ColumnRegion>))
    }
    fn grouping(&self, _: &str) -> Result<Option<Arc<GroupingIndex>>> {
        Ok(None)
    }
    fn sort_columns(&self) -> &[String] {
        &[]
    }
}

impl ColumnRegion for Column {
    fn column_type(&self) -> ColumnType {
        self.0.column_type()
    }
    fn row_count(&self) -> u64 {
        self.0.len() as u64
    }
    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        let rows = rows.start as usize..rows.end as usize;
        match (&self.0, &mut *out) {
            (Chunk::String(from), Chunk::String(out)) => out.codes.extend_from_slice(&from.codes[rows]),
            (from, out) => out.append(from, rows)?,
        }
        Ok(())
    }
    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        rows.iter().try_for_each(|&row| self.fill(row..row + 1, out))
    }
    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(match &self.0 {
            Chunk::String(strings) => Some(strings.symbols.clone()),
            _ => None,
        })
    }
}

fn quotes() -> Quotes {
    let mut state = 7u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let names: Vec<String> = (0..SYMBOLS).map(|at| format!("S{at:04}")).collect();
    let mut cents: Vec<i64> = (0..SYMBOLS as i64).map(|at| 2_000 + 117 * at).collect();
    let mut time = 1_503_667_800_000_000_000i64;
    let (mut syms, mut times, mut bids, mut asks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut bid_sizes, mut ask_sizes, mut exchanges) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let sym = (next(SYMBOLS as u64) * next(SYMBOLS as u64) / SYMBOLS as u64) as usize;
        time += 1_000 * next(30_000) as i64;
        cents[sym] += next(3) as i64 - 1;
        syms.push(Some(names[sym].as_str()));
        times.push(time);
        bids.push(cents[sym] as f64 / 100.0);
        asks.push((cents[sym] + 1 + next(3) as i64) as f64 / 100.0);
        bid_sizes.push(100 * (1 + next(9)) as i32);
        ask_sizes.push(100 * (1 + next(9)) as i32);
        exchanges.push(u16::from(b"ABCNPQTZ"[next(8) as usize]));
    }
    let column = |name, chunk| (name, Arc::new(Column(chunk)));
    Quotes {
        key: LocationKey { column_partition: "2017-08-25".into(), internal_partition: "bench".into() },
        columns: vec![
            column("Sym", Chunk::strings(syms).unwrap()),
            column("Timestamp", Chunk::DateTime(times)),
            column("Bid", Chunk::Double(bids)),
            column("Ask", Chunk::Double(asks)),
            column("BidSize", Chunk::Int(bid_sizes)),
            column("AskSize", Chunk::Int(ask_sizes)),
            column("Exchange", Chunk::Char(exchanges)),
        ],
    }
}

fn merges(c: &mut Criterion) {
    let source = quotes();
    let columns = source.columns.iter().map(|(name, column)| {
        let kind = if *name == "Sym" { ColumnKind::Grouping } else { ColumnKind::Normal };
        ColumnDefinition::new(*name, column.0.column_type()).of_kind(kind)
    });
    let definition = TableDefinition::new(columns.collect()).unwrap();
    let sources: [Arc<dyn Location>; 1] = [Arc::new(source)];
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
    let table_directory = Path::new("historical/Bench/Quotes");
    let request = MergeRequest {
        fs: &fs,
        table_directory,
        column_partition: "2017-08-25",
        sources: &sources,
        definition: &definition,
        sort_columns: &["Timestamp".to_string()],
        provenance: &[],
    };
    let options = MergeOptions { force: true, ..MergeOptions::default() };
    let mut group = c.benchmark_group("merge");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("quotes, grouped and sorted", |b| {
        b.iter(|| merge(request, &options, &|_| Ok(())).unwrap());
    });
    group.finish();
    let table = HistoricalTable::new(fs.clone(), table_directory, Vec::new(), Arc::default());
    for usage in table.usage("2017-08-25").unwrap() {
        let bytes = usage.total_bytes() as f64 / ROWS as f64;
        println!(
            "{:10} {bytes:6.3} bytes a row of {}: {}",
            usage.name,
            usage.column_type.width(),
            usage.encoding_mix()
        );
    }
}

criterion_group!(benches, merges);
criterion_main!(benches);
