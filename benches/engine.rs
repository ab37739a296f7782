//! Operations of the engine on a few million rows in memory, each beside a plain loop over slices that does the same.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pilaster::engine::Table;
use pilaster::engine::formula::QueryScope;
use pilaster::memory::{Chunk, SymbolCode};
use std::hint::black_box;

const ROWS: usize = 4_000_000;
const SYMBOLS: usize = 4_000;

const NO_KEYS: &[&str] = &[];
/// No columns named: all of them.
const ALL: &[&str] = &[];

/// A seeded sequence, good enough to scatter rows.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

struct Quotes {
    table: Table,
    codes: Vec<SymbolCode>,
    bids: Vec<f64>,
}

fn quotes() -> Quotes {
    let mut sequence = Sequence(42);
    let names: Vec<String> = (0..SYMBOLS).map(|at| format!("S{at}")).collect();
    let symbols = Chunk::strings((0..ROWS).map(|_| Some(names[sequence.next() as usize % SYMBOLS].as_str())));
    let Ok(Chunk::String(strings)) = symbols else { panic!("{SYMBOLS} symbols fit a table") };
    let bids: Vec<f64> = (0..ROWS).map(|_| (sequence.next() % 100_000) as f64 / 100.0).collect();
    let sizes: Vec<i32> = (0..ROWS).map(|_| (sequence.next() % 1_000) as i32).collect();
    let codes = strings.codes.clone();
    let table = Table::new_table(vec![
        ("Sym".into(), Chunk::String(strings)),
        ("Bid".into(), Chunk::Double(bids.clone())),
        ("Size".into(), Chunk::Int(sizes)),
    ]);
    Quotes { table: table.expect("columns of equal length"), codes, bids }
}

fn operations(c: &mut Criterion) {
    let Quotes { table, codes, bids } = quotes();
    let scope = QueryScope::default();
    let done = |table: pilaster::base::Result<Table>| {
        let table = table.expect("the operation fits the table");
        black_box(table.row_count().expect("memory can be read"))
    };
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);

    group.bench_function("where Bid>900", |b| b.iter(|| done(table.filter(&["Bid>900"], &scope))));
    group.bench_function("where Bid>900, loop", |b| {
        b.iter(|| {
            let rows: Vec<u32> = (0..).zip(&bids).filter(|(_, bid)| **bid > 900.0).map(|(at, _)| at).collect();
            black_box(rows.len())
        })
    });
    group.bench_function("where Sym=`S77`", |b| b.iter(|| done(table.filter(&["Sym=`S77`"], &scope))));
    group.bench_function("where Bid*2>Size+1700", |b| b.iter(|| done(table.filter(&["Bid*2>Size+1700"], &scope))));

    let two = table.view(&["Sym", "Bid"], &scope).expect("both are columns");
    group.bench_function("avgBy Sym", |b| b.iter(|| done(two.avg_by(&["Sym"]))));
    group.bench_function("avgBy Sym, loop", |b| {
        b.iter(|| {
            let mut sums = vec![(0.0, 0u64); SYMBOLS];
            for (code, bid) in codes.iter().zip(&bids) {
                let (sum, count) = &mut sums[code.index()];
                *sum += bid;
                *count += 1;
            }
            black_box(sums)
        })
    });
    group.bench_function("lastBy Sym", |b| b.iter(|| done(table.last_by(&["Sym"]))));
    group.bench_function("lastBy Sym, loop", |b| {
        b.iter(|| {
            let mut last = vec![0u32; SYMBOLS];
            (0..).zip(&codes).for_each(|(at, code)| last[code.index()] = at);
            black_box(last)
        })
    });
    group.bench_function("countBy Sym, Size", |b| b.iter(|| done(table.count_by("N", &["Sym", "Size"]))));

    // One group, as the ranges of a grouping column are: values are compared and added side by side.
    let one = table.view(&["Bid"], &scope).expect("it is a column");
    group.bench_function("maxBy, all rows", |b| b.iter(|| done(one.max_by(NO_KEYS))));
    group.bench_function("maxBy, loop", |b| b.iter(|| black_box(bids.iter().copied().fold(0.0, f64::max))));
    group.bench_function("sumBy, all rows", |b| b.iter(|| done(one.sum_by(NO_KEYS))));
    group.bench_function("sumBy, loop", |b| b.iter(|| black_box(bids.iter().sum::<f64>())));

    let quotes = table.view(&["Stamp=ii*3", "Bid"], &scope).and_then(|table| table.select(ALL, &scope));
    let trades = table.head(ROWS as i64 / 4).and_then(|table| table.view(&["Stamp=ii*13"], &scope));
    let (quotes, trades) = (quotes.expect("both are columns"), trades.expect("it is a formula"));
    group.bench_function("aj, a quarter of the rows", |b| b.iter(|| done(trades.aj(&quotes, &["Stamp"], &["Bid"]))));
    group.bench_function("aj, loop", |b| {
        let right: Vec<i64> = (0..ROWS as i64).map(|row| row * 3).collect();
        b.iter(|| {
            let mut at = 0;
            let find = |left: i64| {
                while at < right.len() && right[at] <= left {
                    at += 1;
                }
                at as u64 - 1
            };
            black_box((0..ROWS as i64 / 4).map(|row| row * 13).map(find).collect::<Vec<u64>>())
        })
    });

    group.bench_function("sort Bid", |b| b.iter(|| done(table.sort(&["Bid"]))));
    group.bench_function("sort Bid, loop", |b| {
        b.iter_batched(
            || bids.iter().copied().zip(0..).collect::<Vec<(f64, u32)>>(),
            |mut rows| {
                rows.sort_by(|a, b| a.0.total_cmp(&b.0));
                black_box(rows)
            },
            BatchSize::LargeInput,
        )
    });
    group.bench_function("sort Sym, Bid", |b| b.iter(|| done(table.sort(&["Sym", "Bid"]))));
    group.bench_function("update X=Bid*Size", |b| b.iter(|| done(table.update(&["X=Bid*Size"], &scope))));
    group.finish();
}

criterion_group!(benches, operations);
criterion_main!(benches);
