//! Bounds of runs of rows: they hold for every value, are found out once, and go over to later versions.

#![expect(clippy::disallowed_methods, reason = "damages a file behind the library's back")]

use super::*;
use crate::base::Primitive;
use crate::format::commit::{BLOCK_BYTES, BitBounds, BlockSum, SUM_BYTES};
use crate::format::encoding::{Encodable, Lane};
use crate::memory::Others;
use crate::with_fixed_values;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

/// Rows of a type with nulls, NaN and edges among them, the first of them `from`.
fn mixed(column_type: ColumnType, from: usize, count: usize) -> Chunk {
    let pick = |row: usize| (row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % 211;
    let values: Vec<Value> = (from..from + count)
        .map(|row| match (pick(row), column_type) {
            (0, _) => Value::Null,
            (1, ColumnType::Double) => Value::Double(f64::NAN),
            (2, ColumnType::Double) => Value::Double(f64::NEG_INFINITY),
            (1, ColumnType::Float) => Value::Float(f32::NAN),
            (n, ColumnType::Boolean) => Value::Boolean(n % 2 == 0),
            (n, ColumnType::Byte) => Value::Byte(n as i8),
            (n, ColumnType::Short) => Value::Short(n as i16 - 100),
            (n, ColumnType::Char) => Value::Char(n as u16 + 32),
            (n, ColumnType::Int) => Value::Int(n as i32 * 7 - 500),
            (n, ColumnType::Long) => Value::Long((row / 1_000 + n) as i64),
            (n, ColumnType::DateTime) => Value::DateTime((row * 1_000 + n) as i64),
            (n, ColumnType::Float) => Value::Float(n as f32 / 4.0 - 9.0),
            (n, ColumnType::Double) => Value::Double(n as f64 / 4.0 - 9.0),
            (n, _) => Value::string(&format!("s{n}")),
        })
        .collect();
    Chunk::from_values(column_type, &values).unwrap()
}

/// A value as a number, strings by their codes; none for null.
fn number(chunk: &Chunk, at: usize) -> Option<f64> {
    fn place<T: Encodable>(value: T) -> Option<f64> {
        let lane = value.to_lane().xor(T::ORDER).widen();
        (!value.is_null()).then(|| (i128::from(lane) - i128::from(T::ORDER.widen())) as f64)
    }
    match chunk {
        Chunk::Float(values) => (!values[at].is_null()).then(|| f64::from(values[at])),
        Chunk::Double(values) => (!values[at].is_null()).then(|| values[at]),
        chunk => with_fixed_values!(chunk, values => place(values[at]), else unreachable!()),
    }
}

/// Every run's values lie between its bounds, and the runs cover the rows.
fn check_bounds(region: &IntradayRegion, rows: Range<u64>) {
    let bounds = region.bounds(rows.clone()).unwrap().unwrap();
    assert_eq!(bounds.ends.last().copied().unwrap_or(rows.start), rows.end);
    let mut start = rows.start;
    for (run, &end) in bounds.ends.iter().enumerate() {
        let mut chunk = Chunk::new(region.column_type());
        region.fill(start..end, &mut chunk).unwrap();
        let others = bounds.others[run];
        let (least, greatest) = (number(&bounds.least, run), number(&bounds.greatest, run));
        for at in 0..chunk.len() {
            let holds = match number(&chunk, at) {
                None => others.null,
                Some(value) if value.is_nan() => others.nan,
                Some(value) => least.is_some_and(|least| least <= value) && greatest.is_some_and(|most| value <= most),
            };
            assert!(holds, "row {} of {region:?}: {least:?} to {greatest:?}, {others:?}", start + at as u64);
        }
        start = end;
    }
}

#[test]
fn bounds_hold_for_every_type_and_range() {
    for column_type in stored_types() {
        let (_root, fs) = root();
        let columns = columns(&[("A", column_type)]);
        let mut writer = writer(&fs, &columns);
        // Three full blocks and a rest, whatever the width.
        let rows = 3 * BLOCK_BYTES as usize / column_type.width() + 100;
        writer.append(&[mixed(column_type, 0, rows)]).unwrap();
        writer.commit().unwrap();
        let location = open(&fs).unwrap();
        let region = location.region("A").unwrap().unwrap();
        let rows = rows as u64;
        for range in [0..rows, 1..rows - 1, rows - 50..rows, rows / 2..rows / 2 + 1, 7..7] {
            check_bounds(&region, range);
        }
        assert!(region.bounds(0..rows + 1).is_err());
        // Less than a block has none.
        let (_root, fs) = root();
        let mut writer = self::writer(&fs, &columns);
        writer.append(&[mixed(column_type, 0, 100)]).unwrap();
        writer.commit().unwrap();
        assert!(open(&fs).unwrap().region("A").unwrap().unwrap().bounds(0..100).unwrap().is_none());
    }
}

/// Values read to know the bounds of all blocks of times that are their row numbers.
fn read_for_bounds(location: &IntradayLocation, stats: &ReadStats) -> u64 {
    let before = stats.values_read.load(Relaxed);
    let region = location.region("Time").unwrap().unwrap();
    let bounds = region.bounds(0..location.row_count()).unwrap().unwrap();
    let (Chunk::DateTime(least), Chunk::DateTime(greatest)) = (&bounds.least, &bounds.greatest) else { unreachable!() };
    assert!(least.iter().zip(0..).all(|(value, block)| *value == block * 8_192), "{least:?}");
    assert!(greatest.iter().zip(&bounds.ends).all(|(value, end)| *value as u64 == end - 1), "{greatest:?}");
    stats.values_read.load(Relaxed) - before
}

fn append(writer: &mut IntradayWriter, rows: Range<i64>) {
    writer.append(&[Chunk::DateTime(rows.collect())]).unwrap();
    writer.commit().unwrap();
}

#[test]
fn bounds_of_full_blocks_are_stored() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("Time", ColumnType::DateTime)]));
    for batch in 0..200 {
        append(&mut writer, batch * 100..(batch + 1) * 100);
    }
    let stats = Arc::<ReadStats>::default();
    let handle = IntradayHandle::new(fs.clone(), directory().to_path_buf(), key(), stats.clone());
    let location = handle.open_intraday().unwrap();
    assert_eq!(read_for_bounds(&location, &stats), 20_000 - 2 * 8_192);
    assert_eq!(read_for_bounds(&location, &stats), 0);
    append(&mut writer, 20_000..50_000);
    let later = location.refresh().unwrap().unwrap();
    assert_eq!(read_for_bounds(&later, &stats), 50_000 - 6 * 8_192);
    assert_eq!((read_for_bounds(&later, &stats), read_for_bounds(&location, &stats)), (0, 0));
}

#[test]
fn bounds_that_no_writer_could_store_are_found_out_once() {
    let (_root, fs) = root();
    let columns = columns(&[("Time", ColumnType::DateTime)]);
    let mut first = writer(&fs, &columns);
    append(&mut first, 0..10_000);
    first.close().unwrap();
    // Goes on in the middle of the second block, of which it has not seen the beginning.
    let mut second = writer(&fs, &columns);
    append(&mut second, 10_000..20_000);
    let stats = Arc::<ReadStats>::default();
    let handle = IntradayHandle::new(fs.clone(), directory().to_path_buf(), key(), stats.clone());
    let location = handle.open_intraday().unwrap();
    assert_eq!(read_for_bounds(&location, &stats), 20_000 - 8_192);
    append(&mut second, 20_000..50_000);
    let later = location.refresh().unwrap().unwrap();
    assert_eq!(read_for_bounds(&later, &stats), 50_000 - 6 * 8_192);
    assert_eq!((read_for_bounds(&later, &stats), read_for_bounds(&location, &stats)), (0, 0));
    later.region("Time").unwrap().unwrap().verify_column().unwrap();
}

#[test]
fn rows_before_a_column_are_null_and_damage_is_told() {
    let (root, fs) = root();
    let mut first = writer(&fs, &columns(&[("A", ColumnType::Long)]));
    first.append(&[Chunk::Long((0..10_000).collect())]).unwrap();
    first.commit().unwrap();
    first.close().unwrap();
    let mut second = writer(&fs, &columns(&[("A", ColumnType::Long), ("B", ColumnType::Int)]));
    second.append(&[Chunk::Long((0..40_000).collect()), Chunk::Int((0..40_000).collect())]).unwrap();
    second.commit().unwrap();
    second.close().unwrap();
    let region = open(&fs).unwrap().region("B").unwrap().unwrap();
    check_bounds(&region, 0..50_000);
    check_bounds(&region, 9_000..9_999);
    check_bounds(&region, 9_999..10_001);
    let nulls = region.bounds(0..20_000).unwrap().unwrap();
    assert_eq!((nulls.ends[0], nulls.others[0]), (10_000, Others { null: true, nan: false }));
    assert_eq!(nulls.others[1], Others::default());

    let path = root.path().join(DIRECTORY).join("A.dat");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[70_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let region = open(&fs).unwrap().region("A").unwrap().unwrap();
    check_bounds(&region, 0..8_000);
    let error = region.bounds(0..9_000).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("checksum"), "{error}");
}

/// Bounds that somebody stored wrongly leave rows out: `verify` tells.
#[test]
fn verifying_compares_stored_bounds_with_the_values() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("Time", ColumnType::DateTime)]));
    append(&mut writer, 0..8_192);
    writer.close().unwrap();
    let location = open(&fs).unwrap();
    let state = location.record().unwrap().columns[0].clone();
    let path = directory().join("Time.sum");
    let entry: [u8; SUM_BYTES as usize] = crate::io::read_small(&*fs, &path, 1 << 10).unwrap().try_into().unwrap();
    let kept = BlockSum::read(&entry).unwrap();
    let bounds = kept.bounds.unwrap();
    assert_eq!((bounds.least, bounds.greatest), (0, 8_191));
    let verified = |bounds: Option<BitBounds>| {
        let bytes = BlockSum { bounds, ..kept }.to_bytes();
        fs.open(&path, crate::io::OpenMode::Write).unwrap().write_all_at(&bytes, 0).unwrap();
        let mut state = state.clone();
        state.files[1].checksum = crc32fast::hash(&bytes);
        IntradayRegion::open(&fs, directory(), &state, 8_192, &Arc::default(), None).unwrap().verify_column()
    };
    verified(Some(bounds)).unwrap();
    verified(None).unwrap();
    // Wider than they need be.
    verified(Some(BitBounds { greatest: 9_000, ..bounds })).unwrap();
    for wrong in [BitBounds { least: 1, ..bounds }, BitBounds { greatest: 8_190, ..bounds }] {
        let error = verified(Some(wrong)).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains("outside of the bounds"), "{error}");
    }
}
