//! Columns go in and come out; every flipped bit shows; statistics are those of the values.

use super::*;
use crate::memory::{StringChunk, SymbolCode};
use std::sync::Arc;

fn write(chunk: &Chunk) -> (Vec<u8>, u32) {
    let (mut writer, mut bytes) = SealedColumnWriter::new(chunk.column_type());
    let mut at = 0;
    while at < chunk.len() {
        let end = (at + BLOCK_ROWS).min(chunk.len());
        bytes.extend(writer.push(encode_chunk(chunk, at..end, Codec::Balanced)));
        at = end;
    }
    let (tail, seal) = writer.finish();
    bytes.extend(tail);
    (bytes, seal)
}

fn open(bytes: &[u8]) -> Result<SealedColumn> {
    SealedColumn::open(Bytes::copy_from_slice(bytes))
}

/// Every value's bits.
fn lanes(chunk: &Chunk) -> Vec<u64> {
    fn of<T: Encodable>(values: &[T]) -> Vec<u64> {
        values.iter().map(|value| value.to_lane().widen()).collect()
    }
    with_fixed_values!(chunk, values => of(values), else unreachable!())
}

fn chunk_of(column_type: ColumnType, rows: usize) -> Chunk {
    fn values<T: Encodable>(rows: usize, out: &mut Vec<T>) {
        for row in 0..rows as u64 {
            let lane = T::Lane::truncate((row / 3).wrapping_mul(row % 7) % 100);
            out.push(if row % 11 == 0 { T::NULL } else { T::from_lane(lane) });
        }
    }
    let mut chunk = Chunk::new(column_type);
    with_fixed_values!(&mut chunk, out => values(rows, out), else unreachable!());
    chunk
}

#[test]
fn all_types_and_lengths_round_trip() {
    for column_type in ColumnType::SCALARS.into_iter().filter(|t| !t.is_object()) {
        for rows in [0, 1, 1023, 1024, 1025, 65_535, 65_536, 65_537, 131_077] {
            if rows > 2000 && !matches!(column_type, ColumnType::Long | ColumnType::Double | ColumnType::String) {
                continue;
            }
            let chunk = chunk_of(column_type, rows);
            let (bytes, seal) = write(&chunk);
            let column = open(&bytes).unwrap();
            assert_eq!((column.column_type(), column.row_count(), column.seal()), (column_type, rows as u64, seal));
            column.verify().unwrap();
            let mut out = Chunk::new(column_type);
            column.fill(0..rows as u64, &mut out).unwrap();
            let expected = lanes(&chunk);
            assert!(lanes(&out) == expected, "{column_type} {rows}");
            let picks: Vec<u64> = (0..rows as u64).step_by(997).chain((0..rows as u64).rev().step_by(5003)).collect();
            out.clear();
            column.gather(&picks, &mut out).unwrap();
            assert!(lanes(&out).iter().zip(&picks).all(|(lane, &row)| *lane == expected[row as usize]));
            assert_eq!(out.len(), picks.len());
            for start in [0, 1, 1000, 65_530, 65_536] {
                let range = start.min(rows as u64)..(start + 1030).min(rows as u64);
                out.clear();
                column.fill(range.clone(), &mut out).unwrap();
                assert!(lanes(&out) == expected[range.start as usize..range.end as usize], "{column_type} {range:?}");
            }
            assert!(column.fill(0..rows as u64 + 1, &mut out).is_err());
            assert!(column.gather(&[rows as u64], &mut out).is_err());
            let other = if column_type == ColumnType::Int { ColumnType::Long } else { ColumnType::Int };
            assert!(column.fill(0..0, &mut Chunk::new(other)).is_err());
        }
    }
}

#[test]
fn few_rows_read_little_of_a_vector() {
    let mut seed = 1u64;
    let values: Vec<i64> = (0..BLOCK_ROWS)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 40) as i64
        })
        .collect();
    let (bytes, _) = write(&Chunk::Long(values));
    let column = open(&bytes).unwrap();
    let mut out = Chunk::new(ColumnType::Long);
    assert_eq!(column.gather(&[70, 71, 5], &mut out).unwrap(), 3 * 8);
    assert_eq!(column.gather(&[70, 71, 5, 900, 12, 6], &mut out).unwrap(), 24 * 128);
    assert_eq!(column.fill(1023..1025, &mut out).unwrap(), 2 * 24 * 128);
}

#[test]
fn statistics_are_those_of_the_values() {
    fn check(chunk: Chunk, nulls: u32, range: Option<(Value, Value)>, has_nan: bool, ascending: bool) {
        let entry = *open(&write(&chunk).0).unwrap().entries().first().unwrap();
        let column = open(&write(&chunk).0).unwrap();
        let symbols =
            if let Chunk::String(strings) = &chunk { strings.symbols.clone() } else { Arc::new(Symbols::empty()) };
        let found =
            entry.range.map(|(min, max)| (column.value_of(min, Some(&symbols)), column.value_of(max, Some(&symbols))));
        assert_eq!(
            (entry.null_count, found, entry.has_nan, entry.ascending),
            (nulls, range, has_nan, ascending),
            "{chunk:?}"
        );
    }
    let long = |min, max| Some((Value::Long(min), Value::Long(max)));
    check(Chunk::Long(vec![i64::MIN, -3, 8, 8]), 1, long(-3, 8), false, true);
    check(Chunk::Long(vec![8, i64::MIN]), 1, long(8, 8), false, false);
    check(Chunk::Long(vec![i64::MIN]), 1, None, false, true);
    let double = |min, max| Some((Value::Double(min), Value::Double(max)));
    check(
        Chunk::Double(vec![-f64::MAX, f64::NEG_INFINITY, 1.5, f64::NAN]),
        1,
        double(f64::NEG_INFINITY, 1.5),
        true,
        true,
    );
    check(Chunk::Double(vec![f64::NAN, 2.0]), 0, double(2.0, 2.0), true, false);
    check(Chunk::Double(vec![f64::NAN]), 0, None, true, true);
    let symbols = match Chunk::strings([Some("a"), Some("b")]).unwrap() {
        Chunk::String(strings) => strings.symbols,
        _ => unreachable!(),
    };
    let codes = |codes: &[u32]| {
        Chunk::String(StringChunk { codes: codes.iter().map(|&c| SymbolCode(c)).collect(), symbols: symbols.clone() })
    };
    check(codes(&[u32::MAX, 0, 1]), 1, Some((Value::string("a"), Value::string("b"))), false, true);
}

#[test]
fn every_flipped_bit_is_an_error() {
    for chunk in
        [Chunk::Long((0..40).map(|v| v * v).collect()), Chunk::Double(vec![1.25, f64::NAN, -0.0]), Chunk::Byte(vec![])]
    {
        let (bytes, _) = write(&chunk);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = open(&damaged).and_then(|column| {
                let mut out = Chunk::new(chunk.column_type());
                column.fill(0..chunk.len() as u64, &mut out)
            });
            assert!(error.unwrap_err().is_corrupt(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).unwrap_err().is_corrupt(), "length {length}");
            let mut zeroed = bytes.clone();
            zeroed[length..].fill(0);
            let read = open(&zeroed).and_then(|column| column.verify());
            assert!(read.is_err() || zeroed == bytes, "zeros from {length}");
        }
    }
}

/// Checksums that hold over runs that do not ascend: no row is read, whichever is asked for.
#[test]
fn runs_out_of_order_are_refused_at_first_touch() {
    let values: Vec<i64> = (0..3_000).map(|row| row / 1_000).collect();
    let (bytes, _) = write(&Chunk::Long(values));
    let entry = open(&bytes).unwrap().entries()[0];
    assert_eq!(entry.encoding, crate::format::encoding::Encoding::RunLength);
    let mut forged = bytes.clone();
    // Three runs: header of 8, three lanes, three ends of two bytes each.
    let ends = entry.offset as usize + 8 + 3 * 8;
    assert_eq!(forged[ends..ends + 2], 999u16.to_le_bytes());
    forged[ends..ends + 2].copy_from_slice(&2_500u16.to_le_bytes());
    let (block, tail) =
        (entry.offset as usize..(entry.offset + u64::from(entry.size_bytes)) as usize, bytes.len() - TAIL_BYTES);
    let sum = crc32fast::hash(&forged[block]).to_le_bytes();
    forged[tail - ENTRY_BYTES + 20..tail - ENTRY_BYTES + 24].copy_from_slice(&sum);
    let index = crc32fast::hash(&forged[tail - ENTRY_BYTES..tail]).to_le_bytes();
    forged[tail + 20..tail + 24].copy_from_slice(&index);
    let seal = crc32fast::hash(&forged[tail..tail + 28]).to_le_bytes();
    forged[tail + 28..].copy_from_slice(&seal);
    let column = open(&forged).unwrap();
    for row in [0, 999, 1_500, 2_999, 0] {
        let error = column.gather(&[row], &mut Chunk::new(ColumnType::Long)).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains("run 1 ends at row 1999"), "{row}: {error}");
    }
    assert!(column.fill(0..3_000, &mut Chunk::new(ColumnType::Long)).unwrap_err().is_corrupt());
}

#[test]
fn the_example_of_the_specification_is_what_is_written() {
    let (bytes, _) = write(&Chunk::Int(vec![7, 7, 7]));
    let mut expected = b"PILASTER\x10\0\x01\0".to_vec();
    expected.extend(crc32fast::hash(&expected).to_le_bytes());
    expected.extend([6, 0, 0, 0, 0, 0, 1, 0, 0, 4, 0, 0]);
    expected.extend(crc32fast::hash(&expected).to_le_bytes());
    let block = [7, 0, 0, 0, 0, 0, 0, 0];
    expected.extend(block);
    let mut entry = [&32u64.to_le_bytes()[..], &8u32.to_le_bytes(), &3u32.to_le_bytes(), &[0; 4]].concat();
    entry.extend(crc32fast::hash(&block).to_le_bytes());
    entry.extend([7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2, HAS_RANGE | ASCENDING, 0, 0, 0, 0, 0, 0]);
    expected.extend(&entry);
    let mut tail = [&3u64.to_le_bytes()[..], &40u64.to_le_bytes(), &1u32.to_le_bytes()].concat();
    tail.extend(crc32fast::hash(&entry).to_le_bytes());
    tail.extend(6u32.to_le_bytes());
    tail.extend(crc32fast::hash(&tail).to_le_bytes());
    expected.extend(tail);
    assert_eq!(bytes, expected);
}
