//! Golden files of format version 1 in `testdata/format/v1`: they read back, today's writers write them again, and damaged ones are refused in
//! the words that stand beside them.
//!
//! ```text
//! root/          a small root: every stored type, text with and without symbol table, commits of one location and of several, records beside their slots, a journal, a merged partition
//! intraday.csv   its rows, as they must read back
//! historical.csv
//! encodings/     a sealed column for every encoding and type that has it, its values in <name>.csv
//! damaged/       files in place of one of the root's; errors.txt names each, the file it replaces, and the error
//! ```
//! Once a format version is released its files are never edited. Until then `PILASTER_BLESS=1` writes them anew.
#![expect(clippy::disallowed_methods, reason = "tests read and bless their own data")]

use crate::group::{wide_columns, wide_row};
use crate::reading::{Scope, read};
use crate::sample::{COMMITTED, LOCATION, Sample, files_below, put, table};
use bytes::Bytes;
use pilaster::base::{ColumnDefinition, ColumnType, Value};
use pilaster::engine::Table;
use pilaster::format::commit::slot::{DecodedSlot, PAGE_BYTES, SLOT_COUNT, decode, encode, encode_head, slot_offset};
use pilaster::format::encoding::{Codec, Encoding};
use pilaster::format::journal::MAGIC;
use pilaster::format::location_record::{LocationRecord, PublishedRecord};
use pilaster::format::sealed_column::{SealedColumn, SealedColumnWriter, encode_chunk};
use pilaster::io::FileSystem;
use pilaster::memory::Chunk;
use pilaster::session::output::{Format, TextOptions, write_table};
use pilaster::storage::intraday::{Durability, GroupWriter, IntradayWriter, WriterOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/format/v1")
}

fn is_blessing() -> bool {
    std::env::var_os("PILASTER_BLESS").is_some()
}

/// The expected content of a golden file, or the new one if it is being blessed.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = directory().join(name);
    if is_blessing() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The root as today's writers write it: the sample, a source that commits to two partitions at once, and one whose records do not fit their slots, with a journal.
fn written() -> Arc<dyn FileSystem> {
    let fs = Sample::new(7, true).copy();
    let table = table(&fs).unwrap();
    let rows = Table::of_source(table.intraday(Arc::default()));
    let columns: Vec<ColumnDefinition> = table.schema().definition.stored().cloned().collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = GroupWriter::open(fs.clone(), Path::new("intraday/Ns/T/group"), &columns, options).unwrap();
    for rows_of in [0..3, 3..5] {
        for partition in ["2017-08-28", "2017-08-29"] {
            writer.append(partition, rows.read(&names, rows_of.clone()).unwrap()).unwrap();
        }
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let place = Path::new("intraday/Ns/T/wide/2017-08-30");
    let mut writer = IntradayWriter::open(fs.clone(), place, &wide_columns(), options).unwrap();
    for number in 0..3 {
        writer.append(&wide_row(number)).unwrap();
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    fs
}

/// The files of a root without locks, which have no content.
fn files(fs: &Arc<dyn FileSystem>) -> Vec<(String, Vec<u8>)> {
    let mut files = files_below(&**fs, Path::new(""));
    files.retain(|(_, bytes)| !bytes.is_empty());
    files
}

/// The golden root, in memory.
fn golden_root() -> Arc<dyn FileSystem> {
    let fs: Arc<dyn FileSystem> = Arc::new(pilaster::io::SimulatedFileSystem::new(1));
    let top = directory().join("root");
    let mut pending = vec![top.clone()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                put(&*fs, path.strip_prefix(&top).unwrap().to_str().unwrap(), &std::fs::read(&path).unwrap());
            }
        }
    }
    fs
}

fn csv_of(table: &Table) -> Vec<u8> {
    let mut out = Vec::new();
    write_table(table, Format::Csv, &TextOptions::default(), &mut out).unwrap();
    out
}

/// The content of a record of history without the identities of intraday locations, and without what follows them; none for other files.
fn without_identity(path: &str, bytes: &[u8]) -> Option<String> {
    if path.contains("/.published/") {
        let mut record = PublishedRecord::decode(bytes).ok()?;
        record.sources.iter_mut().for_each(|source| source.location = [0; 16]);
        record.storages.iter_mut().for_each(|storage| storage.seal = 0);
        return Some(format!("{record:?}"));
    }
    if path.starts_with("historical") && path.ends_with("/location") {
        let mut record = LocationRecord::decode(bytes).ok()?;
        record.sources.iter_mut().for_each(|source| source.location = [0; 16]);
        return Some(format!("{record:?}"));
    }
    None
}

#[test]
fn fault_f19_golden_roots_are_read_and_written() {
    let now = written();
    if is_blessing() {
        let _ = std::fs::remove_dir_all(directory().join("root"));
        files(&now).iter().for_each(|(path, bytes)| drop(golden(&format!("root/{path}"), bytes)));
    }
    let old = golden_root();
    let table = table(&old).unwrap();
    let tables = [
        ("intraday", Table::of_source(table.intraday(Arc::default()))),
        ("historical", Table::of_source(table.historical(Arc::default()).unwrap())),
    ];
    for (name, table) in &tables {
        let found = csv_of(table);
        assert_eq!(
            String::from_utf8(golden(&format!("{name}.csv"), &found)).unwrap(),
            String::from_utf8(found).unwrap(),
            "{name}"
        );
    }
    // Today's writers make the same bytes. Identities are drawn at random, and checksums follow them.
    let (old, now) = (files(&old), files(&now));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&old), names(&now));
    let (mut same, mut same_but_identity) = (0, 0);
    for ((path, old), (_, now)) in old.iter().zip(&now) {
        if old == now {
            same += 1;
        } else {
            if let (Some(old), Some(now)) = (without_identity(path, old), without_identity(path, now)) {
                assert_eq!(old, now, "{path}");
                continue;
            }
            assert!(
                path.starts_with("intraday") && (old.starts_with(b"PILASTER") || old.starts_with(&MAGIC)),
                "{path} is written otherwise than it was"
            );
            assert_eq!(old.len(), now.len(), "{path}");
            if path.ends_with("/commit") {
                assert_eq!(records(old), records(now), "{path}");
            }
            same_but_identity += 1;
        }
    }
    // A record is written as the bytes that it was read from.
    let commit = &old.iter().find(|(path, _)| *path == format!("{LOCATION}/commit")).unwrap().1;
    let location = commit[16..32].try_into().unwrap();
    assert_eq!(commit[..PAGE_BYTES], encode_head(location));
    let mut slots = 0;
    for slot in 0..SLOT_COUNT {
        let page = &commit[slot_offset(slot) as usize..][..PAGE_BYTES];
        if let DecodedSlot::Record(record) = decode(page, slot, location).unwrap() {
            assert_eq!(encode(&record, slot).page, page, "slot {slot}");
            assert!(COMMITTED.contains(&record.row_count) || record.row_count == 0);
            slots += 1;
        }
    }
    println!(
        "fault_f19_golden_roots: {same} files are written byte for byte, {same_but_identity} but for their identity, {slots} commit records"
    );
    assert!(same > 40 && slots == SLOT_COUNT);
}

/// The records of a commit file without what is drawn at random.
fn records(commit: &[u8]) -> Vec<String> {
    let location: [u8; 16] = commit[16..32].try_into().unwrap();
    let page = |slot| &commit[slot_offset(slot) as usize..][..PAGE_BYTES];
    let record = |slot| match decode(page(slot), slot, location).unwrap() {
        DecodedSlot::Record(mut record) => {
            record.location = [0; 16];
            let group = record.group.take().is_some();
            format!("{record:?} {group}")
        }
        // What is beside it is a file of its own.
        DecodedSlot::Aside(aside) => format!("{} bytes aside", aside.side_file_bytes()),
        DecodedSlot::Empty => "empty".into(),
    };
    (0..SLOT_COUNT).map(record).collect()
}

/// Values of a type that an encoding can carry in less than their plain bytes: of two vectors and a bit, nulls among them.
fn series(encoding: Encoding, column_type: ColumnType) -> Vec<Value> {
    let number = |row: i64| match encoding {
        Encoding::Constant => 42,
        Encoding::RunLength => row / 300,
        Encoding::Delta => 1_000_000 + row * 250 + row % 3,
        Encoding::Dictionary => [5, 900_001, -3, 77][row as usize % 4],
        Encoding::Plain => row.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64),
        _ => row * 17 % 1_000,
    };
    let value = |row: i64| match column_type {
        _ if row % 401 == 400 && encoding != Encoding::Constant => Value::Null,
        ColumnType::Int => Value::Int(number(row) as i32),
        ColumnType::Long => Value::Long(number(row)),
        ColumnType::Short => Value::Short(number(row) as i16),
        ColumnType::DateTime => Value::DateTime(1_503_667_800_000_000_000 + number(row) * 1_000_000),
        ColumnType::Float => Value::Float(number(row) as f32 / 4.0),
        _ => Value::Double(number(row) as f64 / 100.0),
    };
    (0..2_100).map(value).collect()
}

#[test]
fn fault_f19_golden_encodings_are_read_and_written() {
    use ColumnType::{DateTime, Double, Float, Int, Long, Short};
    let (mut tested, mut missing) = (0, Encoding::ALL.to_vec());
    for (word, encoding, _) in Codec::ENCODINGS {
        for column_type in [Short, Int, Long, DateTime, Float, Double] {
            let codec = Codec::Encoding(encoding);
            // Two types an encoding are enough of the larger ones.
            if !codec.fits(column_type)
                || matches!(encoding, Encoding::Plain | Encoding::Zstd) && !matches!(column_type, Int | Double)
            {
                continue;
            }
            let name = format!("encodings/{word}-{column_type}");
            let chunk = Chunk::from_values(column_type, &series(encoding, column_type)).unwrap();
            let (mut writer, mut now) = SealedColumnWriter::new(column_type);
            now.extend_from_slice(&writer.push(encode_chunk(&chunk, 0..chunk.len(), codec)));
            now.extend_from_slice(&writer.finish().0);
            let found = SealedColumn::open(Bytes::from(now.clone())).unwrap().entries()[0].encoding;
            if found != encoding {
                continue;
            }
            missing.retain(|other| *other != encoding);
            let column = SealedColumn::open(Bytes::from(golden(&format!("{name}.col"), &now))).unwrap();
            let mut read = Chunk::new(column_type);
            column.fill(0..column.row_count(), &mut read).unwrap();
            let csv = csv_of(&Table::new_table(vec![("Value".into(), read)]).unwrap());
            let given = csv_of(&Table::new_table(vec![("Value".into(), chunk)]).unwrap());
            assert!(golden(&format!("{name}.csv"), &given) == csv, "{name} reads back otherwise");
            assert!(golden(&format!("{name}.col"), &now) == now, "{name} is written otherwise");
            tested += 1;
        }
    }
    println!("fault_f19_golden_encodings: {tested} columns are read and written byte for byte; in none: {missing:?}");
    assert!(tested >= 12, "{tested}");
}

type Damage = fn(&mut Vec<u8>);

/// Damaged files: a name, which file of the root, and the damage.
const DAMAGES: [(&str, &str, Damage); 17] = [
    ("commit-empty", "feed/2017-08-25/commit", Vec::clear),
    ("commit-zeros", "feed/2017-08-25/commit", |b| b.fill(0)),
    ("commit-cut", "feed/2017-08-25/commit", |b| b.truncate(4_096)),
    ("commit-end-zeroed", "feed/2017-08-25/commit", |b| b[8_192..].fill(0)),
    ("commit-all-slots-torn", "feed/2017-08-25/commit", |b| (1..5).for_each(|page| b[page * 4_096 + 60] ^= 1)),
    ("commit-of-version-2", "feed/2017-08-25/commit", |b| {
        b[10] = 2;
        let sum = crc32fast::hash(&b[..12]);
        b[12..16].copy_from_slice(&sum.to_le_bytes());
    }),
    ("data-bit", "feed/2017-08-25/C6.dat", |b| b[5] ^= 0x10),
    ("symbols-cut", "feed/2017-08-25/Sym.sym.bytes", |b| b.truncate(3)),
    ("column-bit", "2017-08-24/*/C9.col", |b| b[40] ^= 4),
    ("column-tail-lost", "2017-08-24/*/C9.col", |b| b.truncate(b.len() - 32)),
    ("grouping-zeros", "2017-08-24/*/Sym.grp", |b| b.fill(0)),
    ("location-bit", "2017-08-24/*/location", |b| b[30] ^= 1),
    ("published-empty", ".published/2017-08-24", Vec::clear),
    ("group-slots-torn", "T/group/.group", |b| (1..5).for_each(|page| b[page * 4_096 + 60] ^= 1)),
    ("group-empty", "T/group/.group", Vec::clear),
    ("group-of-version-2", "T/group/.group", |b| {
        b[10] = 2;
        let sum = crc32fast::hash(&b[..12]);
        b[12..16].copy_from_slice(&sum.to_le_bytes());
    }),
    ("schema-bit", "schemas/Ns/T.toml", |b| b[100] ^= 1),
];

#[test]
fn fault_f12_golden_damaged_files() {
    let fs = golden_root();
    let files = files(&fs);
    let mut lines = String::new();
    for (name, place, damage) in DAMAGES {
        let (before, after) = place.split_once('*').unwrap_or(("", place));
        let (path, intact) = files
            .iter()
            .find(|(path, _)| path.contains(before) && path.ends_with(after))
            .unwrap_or_else(|| panic!("no {place}"));
        let mut bytes = intact.clone();
        damage(&mut bytes);
        let bytes = golden(&format!("damaged/{name}"), &bytes);
        put(&*fs, path, &bytes);
        let reading = read(&fs, &Scope::of_file(path));
        let error =
            reading.values().find_map(|value| value.as_ref().err()).unwrap_or_else(|| panic!("{name} was read"));
        assert!(error.is_corrupt(), "{name}: {error}");
        lines += &format!("{name}\n  {path}\n  {}\n", error.to_string().replace("/simulated/", ""));
        put(&*fs, path, intact);
    }
    assert_eq!(String::from_utf8(golden("damaged/errors.txt", lines.as_bytes())).unwrap(), lines);
    println!("fault_f12_golden_damaged_files: {} damaged files, each refused in the words beside it", DAMAGES.len());
}
