//! Every encoding over adversarial series: what goes in comes out, by every way in.

use super::*;
use crate::base::Boolean;
use crate::base::limits::BLOCK_ROWS;
use crate::memory::SymbolCode;
use proptest::prelude::*;

mod totals;

/// A small deterministic generator, so that long series need no proptest tree.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const INTEGER_KINDS: u64 = 11;

fn integers(kind: u64, count: usize, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let mut last = 1_503_648_000_000_000_000i64;
    let extremes = [i64::MIN, i64::MAX, 0, -1, i64::MIN + 1, 1];
    (0..count)
        .map(|row| match kind {
            0 => 42,
            1 => (row / 700) as i64,
            2 => {
                last += 1_000_000 * random.below(2_000) as i64;
                last
            }
            3 => {
                last += random.below(1_000_000) as i64;
                if row % 2_500 == 2_499 { 1_503_648_000_000_000_000 } else { last }
            }
            4 => random.next() as i64,
            5 => extremes[random.below(6) as usize],
            6 => {
                if random.below(3) == 0 {
                    i64::MIN
                } else {
                    5 * random.below(100) as i64
                }
            }
            7 => {
                if random.below(100) == 0 {
                    random.next() as i64
                } else {
                    100 * random.below(5) as i64
                }
            }
            8 => {
                if random.below(400) == 0 {
                    i64::MIN
                } else {
                    row as i64 * 1_000
                }
            }
            9 => i64::MIN,
            _ => {
                if row % 2 == 0 {
                    i64::MIN
                } else {
                    i64::MAX
                }
            }
        })
        .collect()
}

const FLOAT_KINDS: u64 = 8;

fn floats(kind: u64, count: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    let mut cents = 25_510i64;
    let odd = [
        f64::NAN,
        -0.0,
        0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -f64::MAX,
        f64::MIN_POSITIVE,
        f64::from_bits(0x7FF8_0000_0000_BEEF),
    ];
    (0..count)
        .map(|_| {
            cents += random.below(7) as i64 - 3;
            match kind {
                0 => cents as f64 / 100.0,
                1 => f64::from_bits(random.next()),
                2 => odd[random.below(8) as usize],
                3 => {
                    if random.below(50) == 0 {
                        odd[random.below(8) as usize]
                    } else {
                        cents as f64 / 10_000.0
                    }
                }
                4 => random.below(1_000_000) as f64,
                5 => {
                    if random.below(2) == 0 {
                        -f64::MAX
                    } else {
                        cents as f64 / 100.0
                    }
                }
                6 => random.below(1 << 40) as f64 / 1e7,
                _ => -1.5e300,
            }
        })
        .collect()
}

fn bits<T: Encodable>(values: &[T]) -> Vec<T::Lane> {
    values.iter().map(|value| value.to_lane()).collect()
}

fn check_block<T: Encodable>(encoding: Encoding, bytes: &[u8], values: &[T], seed: u64) {
    let block = Block::<T>::parse(encoding, bytes, values.len()).unwrap();
    let mut out = vec![T::NULL];
    block.fill(0..values.len(), &mut out).unwrap();
    assert!(bits(&out[1..]) == bits(values), "{encoding:?} of {} rows", values.len());
    let mut random = Random(seed);
    for _ in 0..4 {
        let a = random.below(values.len() as u64 + 1) as usize;
        let b = random.below(values.len() as u64 + 1) as usize;
        let rows = a.min(b)..a.max(b);
        out.clear();
        block.fill(rows.clone(), &mut out).unwrap();
        assert!(bits(&out) == bits(&values[rows.clone()]), "{encoding:?} rows {rows:?}");
        totals::check_totals(&block, values, rows);
    }
    // Many rows of a vector, then each alone.
    for count in [200, 3] {
        let picks: Vec<u64> = (0..count.min(values.len())).map(|_| random.below(values.len() as u64) + 7).collect();
        out.clear();
        block.gather(&picks, 7, &mut out).unwrap();
        let expected = picks.iter().map(|&row| values[row as usize - 7].to_lane());
        assert!(bits(&out).into_iter().eq(expected), "{encoding:?} gather");
    }
    // A row of a piece costs the piece.
    let alone = if matches!(encoding, Encoding::Pco | Encoding::Zstd) { 6 } else { 300 };
    for row in (0..values.len()).step_by(1 + values.len() / alone) {
        out.clear();
        block.gather(&[row as u64], 0, &mut out).unwrap();
        assert!(out[0].to_lane() == values[row].to_lane(), "{encoding:?} row {row}");
    }
    for (index, vector) in values.chunks(crate::base::limits::VECTOR_ROWS).enumerate() {
        let (known, found) = (block.bounds(index).unwrap(), VectorBounds::of(vector.iter().copied()));
        assert!(
            known.is_none_or(|known| known.contain(&found)),
            "{encoding:?} vector {index}: {known:?}, not {found:?}"
        );
    }
    totals::check_totals(&block, values, 0..values.len());
    let read = block.read_bytes(0..values.len()).unwrap();
    assert!(
        read <= bytes.len() as u64 || encoding == Encoding::RunLength,
        "{encoding:?} reads {read} of {}",
        bytes.len()
    );
    assert!(block.fill(0..values.len() + 1, &mut out).is_err());
    assert!(block.gather(&[values.len() as u64], 0, &mut out).is_err());
}

fn check<T: Encodable>(values: &[T], seed: u64) {
    for encoding in Encoding::ALL {
        let mut bytes = Vec::new();
        if encode_block_as(values, encoding, &mut bytes) {
            check_block(encoding, &bytes, values, seed);
        } else {
            assert!(bytes.is_empty());
        }
    }
    // What smallest adds was tried above.
    for codec in [Codec::Fastest, Codec::Balanced] {
        let mut bytes = Vec::new();
        let encoding = encode_block_with(values, codec, &mut bytes);
        assert!(bytes.len() <= values.len() * T::WIDTH, "{encoding:?}");
        check_block(encoding, &bytes, values, seed);
    }
}

/// The same series narrowed to every type.
fn check_types(integers: &[i64], floats: &[f64], seed: u64) {
    fn cast<T: Encodable>(integers: &[i64], narrow: impl Fn(i64) -> T, seed: u64) {
        let of = |v: i64| if v == i64::MIN { T::NULL } else { narrow(v) };
        check(&integers.iter().map(|&v| of(v)).collect::<Vec<T>>(), seed);
    }
    check(integers, seed);
    cast(integers, |v| v as i32, seed);
    cast(integers, |v| v as i16, seed);
    cast(integers, |v| v as i8, seed);
    cast(integers, |v| v as u16, seed);
    cast(integers, |v| SymbolCode((v as u32) % 5_000), seed);
    cast(integers, |v| Boolean::from(v % 2 == 0), seed);
    check(floats, seed);
    check(&floats.iter().map(|&v| if v == -f64::MAX { -f32::MAX } else { v as f32 }).collect::<Vec<f32>>(), seed);
}

#[test]
fn all_kinds_and_lengths_round_trip() {
    for count in [1, 2, 1023, 1024, 1025, 5000] {
        for kind in 0..INTEGER_KINDS {
            check_types(&integers(kind, count, kind + 7), &floats(kind % FLOAT_KINDS, count, kind), kind);
        }
    }
}

#[test]
fn whole_blocks_round_trip() {
    for kind in 0..INTEGER_KINDS {
        check(&integers(kind, BLOCK_ROWS - kind as usize % 2, 3), 5);
    }
    for kind in 0..FLOAT_KINDS {
        check(&floats(kind, BLOCK_ROWS - kind as usize % 2, 3), 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_series_round_trips(
        pieces in prop::collection::vec((0..INTEGER_KINDS, 0..FLOAT_KINDS, 1usize..900), 1..4),
        seed in any::<u64>(),
    ) {
        let mut all = (Vec::new(), Vec::new());
        for (integer_kind, float_kind, count) in pieces {
            all.0.extend(integers(integer_kind, count, seed));
            all.1.extend(floats(float_kind, count, seed));
        }
        check_types(&all.0, &all.1, seed);
    }

    /// Damage that a checksum did not catch: an error or other values, never a panic, never past the buffer.
    #[test]
    fn damaged_blocks_never_panic(
        kind in 0..INTEGER_KINDS,
        rows in 1usize..2_500,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        fn read<T: Encodable>(encoding: Encoding, bytes: &[u8], rows: usize) {
            let mut out = Vec::new();
            if let Ok(block) = Block::<T>::parse(encoding, bytes, rows) {
                let _ = block.fill(0..rows, &mut out);
                let _ = block.gather(&[0, rows as u64 / 2, rows as u64 - 1], 0, &mut out);
                let _ = block.read_bytes(0..rows);
                let _ = block.bounds(rows / 2_000);
                let _ = block.add_totals(0..rows, 0, &mut crate::memory::Totals::default());
            }
        }
        fn damage<T: Encodable>(values: &[T], hits: &[(prop::sample::Index, u8)], cut: prop::sample::Index) {
            for encoding in Encoding::ALL {
                let mut bytes = Vec::new();
                if !encode_block_as(values, encoding, &mut bytes) {
                    continue;
                }
                // Hits near the front, where headers and directories are, and anywhere.
                for (at, value) in hits {
                    let near = bytes.len().min(96);
                    let (front, any) = (at.index(near), at.index(bytes.len()));
                    bytes[front] ^= value;
                    bytes[any] = *value;
                    read::<T>(encoding, &bytes, values.len());
                }
                read::<T>(encoding, &bytes[..cut.index(bytes.len())], values.len());
                for other in Encoding::ALL {
                    read::<T>(other, &bytes, values.len());
                }
            }
        }
        damage(&integers(kind, rows, seed), &hits, cut);
        damage(&integers(kind, rows, seed).iter().map(|&v| v as u16).collect::<Vec<_>>(), &hits, cut);
        damage(&floats(kind % FLOAT_KINDS, rows, seed), &hits, cut);
    }
}

/// Bounds are narrow where it matters: a vector of one price, or of an hour, must not look like one of any.
#[test]
fn bounds_are_narrow() {
    fn check<T: Encodable + std::fmt::Debug>(values: Vec<T>, encoding: Encoding, at: usize, least: T, greatest: T) {
        let mut bytes = Vec::new();
        assert!(encode_block_as(&values, encoding, &mut bytes));
        let block = Block::<T>::parse(encoding, &bytes, values.len()).unwrap();
        let found = block.bounds(at).unwrap().map(|bounds| (bounds.least, bounds.greatest));
        assert_eq!(found, Some((least, greatest)), "{encoding:?}");
    }
    let rising: Vec<i64> = (0..5_000).map(|row| 10 * row).collect();
    check(rising.clone(), Encoding::Delta, 1, 10_240, 20_470);
    // As far as ten bits reach.
    check(rising, Encoding::Frame, 1, 10_240, 20_470);
    let prices: Vec<f64> = (0..5_000).map(|row| 100.0 + f64::from(row / 1_024) + f64::from(row % 4) / 100.0).collect();
    check(prices.clone(), Encoding::Decimal, 2, 102.0, 102.03);
    check(prices, Encoding::Dictionary, 2, 102.0, 102.03);
    let steps: Vec<i32> = (0..5_000).map(|row| row / 600).collect();
    check(steps.clone(), Encoding::RunLength, 1, 1, 3);
    check(steps, Encoding::Dictionary, 1, 1, 4);
    check(vec![SymbolCode(7); 2_000], Encoding::Constant, 1, SymbolCode(7), SymbolCode(7));
    let mut with_null = vec![5i64; 1_500];
    with_null[1_100] = i64::MIN;
    check(with_null.clone(), Encoding::Frame, 0, 5, 5);
    check(with_null, Encoding::Delta, 1, i64::MIN + 1, 5);
}

#[test]
fn choices_suit_the_data() {
    fn check<T: Encodable>(what: &str, values: Vec<T>, expected: Encoding, bits_max: f64) {
        let mut bytes = Vec::new();
        let chosen = encode_block(&values, &mut bytes);
        let bits = bytes.len() as f64 * 8.0 / values.len() as f64;
        assert!(chosen == expected && bits <= bits_max, "{what}: {chosen:?} with {bits:.2} bits a value");
    }
    let n = BLOCK_ROWS;
    check("equal", integers(0, n, 1), Encoding::Constant, 0.01);
    check("sorted codes", (0..n).map(|r| SymbolCode(r as u32 / 900)).collect(), Encoding::RunLength, 0.1);
    check("millisecond times", integers(2, n, 1), Encoding::Delta, 11.35);
    check("times that start again for each symbol", integers(3, n, 1), Encoding::Delta, 20.5);
    check("random bits", integers(4, n, 1), Encoding::Plain, 64.0);
    check("lots of five with nulls", integers(6, n, 1), Encoding::Frame, 7.2);
    check("rare outliers", integers(7, n, 1), Encoding::Dictionary, 4.2);
    check("prices that walk", floats(0, n, 1), Encoding::Decimal, 9.0);
    check("random floats", floats(1, n, 1), Encoding::Plain, 64.0);
    check("few odd floats", floats(2, n, 1), Encoding::Dictionary, 3.2);
    check("half null prices", floats(5, n, 1), Encoding::Decimal, 10.0);
    check(
        "eight chars",
        integers(4, n, 1).iter().map(|v| b"ABCNPQTZ"[(v & 7) as usize] as u16).collect(),
        Encoding::Dictionary,
        3.2,
    );
    check("ids", (0..n as i64).map(|r| 7 + 3 * r).collect(), Encoding::Delta, 0.35);
}

/// Each level has its encodings, a higher one is never larger, and what an encoding cannot carry falls back to balanced.
#[test]
fn codecs_choose_from_what_they_may() {
    fn check<T: Encodable>(values: &[T]) {
        let encode = |codec: Codec| {
            let mut bytes = Vec::new();
            let encoding = encode_block_with(values, codec, &mut bytes);
            check_block(encoding, &bytes, values, 3);
            (encoding, bytes.len())
        };
        use Encoding::*;
        let [fastest, balanced, smallest] = [Codec::Fastest, Codec::Balanced, Codec::Smallest].map(encode);
        assert!([Plain, Constant, RunLength, Frame].contains(&fastest.0), "{fastest:?}");
        assert!(![Pco, Zstd].contains(&balanced.0), "{balanced:?}");
        assert!(smallest.1 <= balanced.1, "{balanced:?} {smallest:?}");
        for encoding in Encoding::ALL {
            let (found, size) = encode(Codec::Encoding(encoding));
            let (mut bytes, plain) = (Vec::new(), values.len() * T::Lane::BYTES);
            let carries = encode_block_as(values, encoding, &mut bytes) && bytes.len() <= plain;
            assert_eq!((found, size), if carries { (encoding, bytes.len()) } else { balanced }, "{encoding:?}");
        }
    }
    for kind in 0..INTEGER_KINDS {
        check(&integers(kind, 9_000, 5));
        check(&floats(kind % FLOAT_KINDS, 5_000, 5));
    }
    check(&[7i64]);
    check(&[f64::NAN]);
}

/// What the documentation promises of the coders: which of them wins where.
#[test]
fn the_smallest_is_taken() {
    fn check<T: Encodable>(what: &str, values: Vec<T>, expected: Encoding, bits_max: f64) {
        let mut bytes = Vec::new();
        let chosen = encode_block_with(&values, Codec::Smallest, &mut bytes);
        let bits = bytes.len() as f64 * 8.0 / values.len() as f64;
        assert!(chosen == expected && bits <= bits_max, "{what}: {chosen:?} with {bits:.2} bits a value");
    }
    let n = BLOCK_ROWS;
    check("equal", integers(0, n, 1), Encoding::Constant, 0.01);
    check("millisecond times", integers(2, n, 1), Encoding::Pco, 11.1);
    check("lots with nulls", integers(6, n, 1), Encoding::Pco, 6.2);
    let quotes = integers(7, 256, 1);
    check("the same again and again", (0..n).map(|row| quotes[row % 256]).collect(), Encoding::Zstd, 1.5);
    check("random bits", integers(4, n, 1), Encoding::Plain, 64.0);
}

/// Bytes that pco 1.1 wrote: what is on disk stays readable whatever version of the library reads it.
#[test]
fn pco_blocks_are_the_ones_in_the_specification() {
    let values: Vec<i64> = (0..5_000).map(|row| 1_000 * row + row % 3).collect();
    let mut bytes = Vec::new();
    assert!(encode_block_as(&values, Encoding::Pco, &mut bytes));
    // Numbers, four vectors a piece, two pieces whose ends are after the metadata's size.
    assert_eq!(bytes[..4], [0, 4, 0, 0]);
    let word = |at: usize| u32::read_le(&bytes[at..]) as usize;
    assert_eq!(16 + word(4) + word(12), bytes.len());
    assert!(word(8) < word(12));
    // Dictionary mode, which would make room for as many values as it says, is refused before the library sees it.
    bytes[16] = bytes[16] & 0xF0 | 4;
    assert!(Block::<i64>::parse(Encoding::Pco, &bytes, values.len()).unwrap_err().is_corrupt());
}
