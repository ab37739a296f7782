//! Formulas and filters against the loops that one would write by hand for them, a chunk at a time over a million rows.
//!
//! `cargo bench --bench formula`. Beside each case stands its plain loop, so that the ratio can be read off one run.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pilaster::base::ColumnType;
use pilaster::base::limits::CHUNK_ROWS;
use pilaster::engine::formula::{
    Filter, Formula, Input, NoWholeColumns, Positions, QueryScope, compile_filter, compile_select,
};
use pilaster::memory::{Chunk, StringChunk, SymbolTableBuilder};
use std::hint::black_box;
use std::sync::Arc;

const ROWS: usize = 1 << 20;
const SYMBOLS: usize = 2_000;

struct Data {
    bid: Vec<Chunk>,
    ask: Vec<Chunk>,
    size: Vec<Chunk>,
    sym: Vec<Chunk>,
}

/// The same pseudo-random numbers each run.
fn data() -> Data {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut builder = SymbolTableBuilder::new();
    let codes: Vec<_> = (0..SYMBOLS).map(|n| builder.intern(&format!("SYM{n}")).expect("room")).collect();
    let symbols = Arc::new(builder.finish());
    let mut data = Data { bid: Vec::new(), ask: Vec::new(), size: Vec::new(), sym: Vec::new() };
    for _ in 0..ROWS / CHUNK_ROWS {
        data.bid.push(Chunk::Double((0..CHUNK_ROWS).map(|_| (next() % 20_000) as f64 / 100.0).collect()));
        data.ask.push(Chunk::Double((0..CHUNK_ROWS).map(|_| (next() % 20_000) as f64 / 100.0).collect()));
        data.size.push(Chunk::Int((0..CHUNK_ROWS).map(|_| (next() % 1_000) as i32).collect()));
        let codes = (0..CHUNK_ROWS).map(|_| codes[next() as usize % SYMBOLS]).collect();
        data.sym.push(Chunk::String(StringChunk { codes, symbols: symbols.clone() }));
    }
    data
}

fn schema() -> Vec<(&'static str, ColumnType)> {
    vec![
        ("Bid", ColumnType::Double),
        ("Ask", ColumnType::Double),
        ("Size", ColumnType::Int),
        ("Sym", ColumnType::String),
    ]
}

fn chunks(data: &Data, names: &[String]) -> Vec<Vec<Chunk>> {
    let column = |name: &str| match name {
        "Bid" => &data.bid,
        "Ask" => &data.ask,
        "Size" => &data.size,
        _ => &data.sym,
    };
    (0..ROWS / CHUNK_ROWS).map(|at| names.iter().map(|name| column(name)[at].clone()).collect()).collect()
}

fn input(columns: &[Chunk]) -> Input<'_> {
    let positions = Positions::Range(0);
    Input { len: CHUNK_ROWS, columns, positions, keys: positions, arrays: &NoWholeColumns }
}

fn run_filter(filter: &Filter, chunks: &[Vec<Chunk>]) -> usize {
    let mut selected = Vec::with_capacity(CHUNK_ROWS);
    let mut count = 0;
    for columns in chunks {
        selected.clear();
        filter.evaluate(&input(columns), &mut selected).expect("a filter that cannot fail");
        count += selected.len();
    }
    count
}

fn run_formula(formula: &Formula, chunks: &[Vec<Chunk>]) -> usize {
    chunks.iter().map(|columns| black_box(formula.evaluate(&input(columns)).expect("cannot fail")).len()).sum()
}

fn filters(criterion: &mut Criterion) {
    let data = data();
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(ROWS as u64));
    for text in [
        "Bid>100",
        "Bid>100 && Bid<101",
        "Sym=`SYM7`",
        "Sym in `SYM1`,`SYM2`,`SYM3`",
        "Sym.startsWith(`SYM1`)",
        "Size%10=3",
        "Ask-Bid>1.5",
    ] {
        let filter = compile_filter(text, &schema(), &QueryScope::default()).expect("a filter");
        let chunks = chunks(&data, filter.inputs());
        group.bench_function(BenchmarkId::new("ours", text), |b| b.iter(|| run_filter(&filter, &chunks)));
    }
    group.bench_function(BenchmarkId::new("loop", "Bid>100"), |b| {
        b.iter(|| {
            let mut selected: Vec<u32> = Vec::with_capacity(CHUNK_ROWS);
            let mut count = 0;
            for chunk in &data.bid {
                let Chunk::Double(values) = chunk else { continue };
                selected.clear();
                for (at, &value) in values.iter().enumerate() {
                    if value > 100.0 {
                        selected.push(at as u32);
                    }
                }
                count += selected.len();
            }
            count
        })
    });
    group.bench_function(BenchmarkId::new("loop", "Sym=`SYM7`"), |b| {
        b.iter(|| {
            let mut selected: Vec<u32> = Vec::with_capacity(CHUNK_ROWS);
            let mut count = 0;
            for chunk in &data.sym {
                let Chunk::String(strings) = chunk else { continue };
                let wanted = strings.symbols.find("SYM7");
                selected.clear();
                for (at, &code) in strings.codes.iter().enumerate() {
                    if Some(code) == wanted {
                        selected.push(at as u32);
                    }
                }
                count += selected.len();
            }
            count
        })
    });
    group.finish();
}

fn formulas(criterion: &mut Criterion) {
    let data = data();
    let mut group = criterion.benchmark_group("formula");
    group.throughput(Throughput::Elements(ROWS as u64));
    for text in
        ["R=Bid*Ask+Bid", "R=Size*Bid", "R=Size+1", "R=Bid/Ask", "R=Bid>Ask ? Bid : Ask", "R=Sym.length()", "R=Sym+`x`"]
    {
        let formula = compile_select(text, &schema(), &QueryScope::default()).expect("a formula");
        let chunks = chunks(&data, formula.inputs());
        group.bench_function(BenchmarkId::new("ours", text), |b| b.iter(|| run_formula(&formula, &chunks)));
    }
    group.bench_function(BenchmarkId::new("loop", "R=Bid*Ask+Bid"), |b| {
        b.iter(|| {
            let mut rows = 0;
            for (bid, ask) in data.bid.iter().zip(&data.ask) {
                let (Chunk::Double(bid), Chunk::Double(ask)) = (bid, ask) else { continue };
                let null = -f64::MAX;
                let one = |(&b, &a): (&f64, &f64)| if a == null || b == null { null } else { b * a + b };
                rows += black_box(bid.iter().zip(ask).map(one).collect::<Vec<f64>>()).len();
            }
            rows
        })
    });
    group.finish();
}

criterion_group!(benches, filters, formulas);
criterion_main!(benches);
