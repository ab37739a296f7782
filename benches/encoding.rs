//! How fast each encoding decodes, in bytes of values a second, beside a copy of the same values.
//!
//! `cargo bench --bench encoding`; one thread, blocks of 65,536 values into a reused vector. Each name ends with bits a value.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pilaster::base::limits::BLOCK_ROWS;
use pilaster::format::encoding::{Block, Encodable, Encoding, encode_block, encode_block_as};
use pilaster::memory::Totals;
use std::hint::black_box;

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    }
}

fn measure<T: Encodable>(c: &mut Criterion, what: &str, values: &[T], encoding: Option<Encoding>) {
    let mut bytes = Vec::new();
    let chosen = match encoding {
        Some(encoding) => encode_block_as(values, encoding, &mut bytes).then_some(encoding),
        None => Some(encode_block(values, &mut bytes)),
    };
    let Some(encoding) = chosen else { return };
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(size_of_val(values) as u64));
    let bits = bytes.len() as f64 * 8.0 / values.len() as f64;
    let mut out = Vec::with_capacity(values.len());
    group.bench_function(format!("{what}, {}, {bits:.2} bits", encoding.name()), |b| {
        b.iter(|| {
            out.clear();
            Block::<T>::parse(encoding, black_box(&bytes), values.len())
                .unwrap()
                .fill(0..values.len(), &mut out)
                .unwrap();
            black_box(out.last().copied())
        });
    });
    group.bench_function(format!("{what}, {}, summed as they lie", encoding.name()), |b| {
        b.iter(|| {
            let mut totals = Totals::default();
            let block = Block::<T>::parse(encoding, black_box(&bytes), values.len()).unwrap();
            block.add_totals(0..values.len(), 0, &mut totals).unwrap();
            black_box(totals)
        });
    });
    group.bench_function(format!("{what}, {}, one row", encoding.name()), |b| {
        let mut row = 0;
        b.iter(|| {
            out.clear();
            row = (row + 7_919) % values.len();
            Block::<T>::parse(encoding, black_box(&bytes), values.len())
                .unwrap()
                .gather(&[row as u64], 0, &mut out)
                .unwrap();
            black_box(out.last().copied())
        });
    });
    group.finish();
}

fn encode<T: Encodable>(c: &mut Criterion, what: &str, values: &[T]) {
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Bytes(size_of_val(values) as u64));
    let mut bytes = Vec::new();
    group.bench_function(what, |b| {
        b.iter(|| {
            bytes.clear();
            encode_block(black_box(values), &mut bytes)
        });
    });
    group.finish();
}

fn encodings(c: &mut Criterion) {
    let mut next = random(7);
    let mut time = 1_503_667_800_000_000_000i64;
    let times: Vec<i64> = (0..BLOCK_ROWS)
        .map(|_| {
            time += 1_000_000 * next(2_000) as i64;
            time
        })
        .collect();
    let mut cents = 25_510i64;
    let prices: Vec<f64> = (0..BLOCK_ROWS)
        .map(|_| {
            cents += next(7) as i64 - 3;
            cents as f64 / 100.0
        })
        .collect();
    let holes: Vec<f64> = prices.iter().map(|&price| if next(10) == 0 { -f64::MAX } else { price }).collect();
    let sizes: Vec<i32> = (0..BLOCK_ROWS).map(|_| if next(10) == 0 { next(10_000) as i32 } else { 100 }).collect();
    let exchanges: Vec<u16> = (0..BLOCK_ROWS).map(|_| u16::from(b"ABCNPQTZ"[next(8) as usize])).collect();
    let runs: Vec<i32> = (0..BLOCK_ROWS as i32).map(|row| row / 900).collect();
    let noise: Vec<i64> = (0..BLOCK_ROWS).map(|_| (next(u64::MAX) << 32 ^ next(u64::MAX)) as i64).collect();

    let mut group = c.benchmark_group("copy");
    group.throughput(Throughput::Bytes(size_of_val(&times[..]) as u64));
    let mut out = Vec::with_capacity(BLOCK_ROWS);
    group.bench_function("memcpy, long", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&times));
            black_box(out.last().copied())
        });
    });
    group.finish();

    measure(c, "times in ms", &times, Some(Encoding::Frame));
    measure(c, "times in ms", &times, Some(Encoding::Delta));
    measure(c, "prices", &prices, Some(Encoding::Decimal));
    measure(c, "prices", &prices, Some(Encoding::Dictionary));
    measure(c, "prices, a tenth null", &holes, Some(Encoding::Decimal));
    measure(c, "sizes", &sizes, Some(Encoding::Frame));
    measure(c, "sizes", &sizes, Some(Encoding::Dictionary));
    measure(c, "exchanges", &exchanges, Some(Encoding::Frame));
    measure(c, "exchanges", &exchanges, None);
    measure(c, "sorted codes", &runs, Some(Encoding::RunLength));
    measure(c, "noise", &noise, Some(Encoding::Plain));
    encode(c, "times in ms", &times);
    encode(c, "prices", &prices);
    encode(c, "sizes", &sizes);
    encode(c, "exchanges", &exchanges);
    encode(c, "noise", &noise);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_millis(800));
    targets = encodings
}
criterion_main!(benches);
