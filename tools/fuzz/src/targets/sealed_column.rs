//! Sealed columns: whole files with every checksum recomputed, and one hostile block of any encoding in a file that is right.

use super::{Target, checksum, put, seal_header};
use bytes::Bytes;
use pilaster::base::{ColumnType, Value};
use pilaster::format::encoding::Codec;
use pilaster::format::header::FileKind;
use pilaster::format::sealed_column::{
    ENTRY_BYTES, HEAD_BYTES, SealedColumn, SealedColumnWriter, TAIL_BYTES, encode_chunk,
};
use pilaster::memory::{Chunk, Symbols};

pub(super) const TARGET: Target = Target { name: "sealed_column", run, dictionary: &[], seeds };

/// First byte 0: the rest is a file. Otherwise: type, encoding, rows (2), flags, least and greatest value (8 each), then the block.
fn run(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    if kind == 0 {
        read(rest.to_vec());
        read(sealed(rest));
    } else if let Some(file) = with_block(rest) {
        read(file);
    }
}

/// Opens a file and reads it in every way.
fn read(file: Vec<u8>) {
    let Ok(column) = SealedColumn::open(Bytes::from(file)) else { return };
    let (column_type, rows) = (column.column_type(), column.row_count());
    let _ = column.verify();
    for entry in column.entries() {
        if let Some((min, max)) = entry.range {
            let _ = (column.value_of(min, Some(&Symbols::empty())), column.value_of(max, None));
        }
    }
    let mut whole = Chunk::new(column_type);
    let filled = column.fill(0..rows, &mut whole).is_ok();
    // Rows backwards and twice, over the ends of vectors.
    let picked: Vec<u64> = (0..rows).rev().step_by(97).chain([rows / 2, rows / 2]).filter(|&row| row < rows).collect();
    let mut gathered = Chunk::new(column_type);
    let read = column.gather(&picked, &mut gathered).is_ok();
    let mut part = Chunk::new(column_type);
    let middle = rows / 3..rows - rows / 3;
    let partly = column.fill(middle.clone(), &mut part).is_ok();
    // What a forged block means is nobody's business; how many rows there are is.
    for (ok, chunk, rows) in
        [(filled, &whole, rows), (read, &gathered, picked.len() as u64), (partly, &part, middle.end - middle.start)]
    {
        assert!(!ok || chunk.len() as u64 == rows, "{} rows in place of {rows}", chunk.len());
        let _ = ok.then(|| (0..chunk.len().min(64)).map(|at| chunk.value(at)).collect::<Vec<_>>());
    }
}

/// The file with its magic and all checksums made right, blocks as the index has them.
fn sealed(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    if file.len() < HEAD_BYTES + TAIL_BYTES {
        return file;
    }
    seal_header(&mut file, FileKind::SealedColumn);
    let head = checksum(&file[..HEAD_BYTES - 4]);
    put(&mut file, HEAD_BYTES - 4, &head);
    let tail = file.len() - TAIL_BYTES;
    let number = |bytes: &[u8], width: usize| (0..width).rev().fold(0u64, |n, at| n << 8 | u64::from(bytes[at]));
    let index = number(&file[tail + 8..], 8).min(tail as u64) as usize;
    for entry in (index..tail.saturating_sub(ENTRY_BYTES - 1)).step_by(ENTRY_BYTES) {
        let (from, size) = (number(&file[entry..], 8), number(&file[entry + 8..], 4));
        let block =
            from.checked_add(size).and_then(|end| file.get(usize::try_from(from).ok()?..usize::try_from(end).ok()?));
        if let Some(sum) = block.map(checksum) {
            put(&mut file, entry + 20, &sum);
        }
    }
    let index_sum = checksum(&file[index..tail]);
    put(&mut file, tail + 20, &index_sum);
    let seal = checksum(&file[tail..tail + 28]);
    put(&mut file, tail + 28, &seal);
    file
}

/// A right file around one hostile block.
fn with_block(input: &[u8]) -> Option<Vec<u8>> {
    let (head, block) = input.split_at_checked(21)?;
    let types = ColumnType::SCALARS;
    let column_type = types[usize::from(head[0]) % types.len()];
    let rows = u64::from(u16::from_le_bytes([head[2], head[3]])) + 1;
    let (_, mut file) = SealedColumnWriter::new(column_type);
    let offset = file.len() as u64;
    file.extend_from_slice(block);
    file.resize(file.len().next_multiple_of(8), 0);
    let size = file.len() as u64 - offset;
    let index_at = file.len() as u64;
    for number in [offset, size | rows << 32] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&head[5..21]);
    file.extend_from_slice(&[head[1], head[4] & 7, 0, 0, 0, 0, 0, 0]);
    for number in [rows, index_at, 1, u64::from(column_type.code())] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    Some(sealed(&file))
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for column_type in [ColumnType::Int, ColumnType::Long, ColumnType::Double, ColumnType::Boolean, ColumnType::Char] {
        for (at, chunk) in series(column_type).into_iter().enumerate() {
            // The small codecs have encodings of their own.
            let codec = if at % 2 == 0 { Codec::Fastest } else { Codec::Smallest };
            let (mut writer, mut file) = SealedColumnWriter::new(column_type);
            let block = encode_chunk(&chunk, 0..chunk.len(), codec);
            file.extend_from_slice(&writer.push(block));
            let index = file.len();
            let (end, _) = writer.finish();
            let entry = end[..ENTRY_BYTES].to_vec();
            let at = ColumnType::SCALARS.iter().position(|&t| t == column_type).unwrap_or_default() as u8;
            let mut alone = vec![1, at, entry[40], 0, 0, entry[41]];
            alone[3..5].copy_from_slice(&((chunk.len() - 1) as u16).to_le_bytes());
            alone.extend_from_slice(&entry[24..40]);
            alone.extend_from_slice(&file[HEAD_BYTES..index]);
            file.extend_from_slice(&end);
            seeds.extend([alone, [&[0], &file[..]].concat()]);
        }
    }
    seeds.retain(|seed| seed.len() < 6_000);
    seeds
}

/// Rows that suit each encoding: equal, in runs, narrow, ascending, few values, decimals, anything.
fn series(column_type: ColumnType) -> Vec<Chunk> {
    let make = |rows: i64, number: &dyn Fn(i64) -> i64| {
        let value = |row: i64| match (column_type, number(row)) {
            (_, n) if n % 501 == 500 => Value::Null,
            (ColumnType::Int, n) => Value::Int(n as i32),
            (ColumnType::Long, n) => Value::Long(n),
            (ColumnType::Double, n) => Value::Double(n as f64 / 100.0),
            (ColumnType::Boolean, n) => Value::Boolean(n % 3 == 0),
            (_, n) => Value::Char((n & 0xfff) as u16),
        };
        let values: Vec<Value> = (0..rows).map(value).collect();
        Chunk::from_values(column_type, &values).expect("the values are of the type")
    };
    vec![
        make(40, &|_| 7),
        make(1_500, &|row| row / 100),
        make(1_100, &|row| row * 17 % 64),
        make(1_200, &|row| 1_000_000 + row * 250 + row % 3),
        make(1_030, &|row| [5, 900_000_000_000, -3, 77][row as usize % 4]),
        make(200, &|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64)),
        make(300, &|row| if row % 50 == 9 { i64::MAX / 3 } else { row % 20 }),
    ]
}
