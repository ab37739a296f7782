//! What a location promises, tried on a real directory: values, visibility, refusals.

mod background;
mod bounds;
mod crash;
mod damage;
mod group;
mod journal;
mod kinds;
mod model;
mod table_columns;

use super::*;
use crate::base::limits::LARGE_SYMBOLS_BYTES_MAX;
use crate::base::{ColumnDefinition, ColumnType, Error, ErrorKind, Result, SymbolUse, Value};
use crate::io::{FileSystem, RealFileSystem};
use crate::memory::Chunk;
use crate::storage::{ColumnRegion, Location, LocationHandle, LocationKey, ReadStats};
use std::path::Path;
use std::sync::Arc;

const DIRECTORY: &str = "intraday/Market/Trade/feed/2017-08-25";

fn directory() -> &'static Path {
    Path::new(DIRECTORY)
}

fn root() -> (tempfile::TempDir, Arc<dyn FileSystem>) {
    let root = tempfile::tempdir().unwrap();
    let fs = RealFileSystem::open(root.path()).unwrap();
    (root, fs)
}

fn columns(list: &[(&str, ColumnType)]) -> Vec<ColumnDefinition> {
    list.iter().map(|(name, column_type)| ColumnDefinition::new(*name, *column_type)).collect()
}

/// The types of fixed width.
fn stored_types() -> impl Iterator<Item = ColumnType> {
    ColumnType::SCALARS.into_iter().filter(|t| !t.is_object())
}

fn every_type() -> Vec<ColumnDefinition> {
    stored_types().map(|t| ColumnDefinition::new(format!("C{}", t.code()), t)).collect()
}

fn options(durability: Durability) -> WriterOptions {
    WriterOptions { durability }
}

fn writer(fs: &Arc<dyn FileSystem>, columns: &[ColumnDefinition]) -> IntradayWriter {
    IntradayWriter::open(fs.clone(), directory(), columns, options(Durability::None)).unwrap()
}

fn key() -> LocationKey {
    LocationKey { column_partition: "2017-08-25".into(), internal_partition: "feed".into() }
}

fn open(fs: &Arc<dyn FileSystem>) -> Result<Arc<IntradayLocation>> {
    IntradayHandle::new(fs.clone(), directory().to_path_buf(), key(), Arc::new(ReadStats::default())).open_intraday()
}

/// All values of a column, read in pieces and row by row, which must agree.
fn read(location: &IntradayLocation, name: &str) -> Result<Vec<Value>> {
    let Some(region) = location.region(name)? else { return Ok(Vec::new()) };
    let rows = region.row_count();
    let mut filled = Chunk::new(region.column_type());
    region.fill(0..rows / 3, &mut filled)?;
    region.fill(rows / 3..rows, &mut filled)?;
    let mut gathered = Chunk::new(region.column_type());
    region.gather(&(0..rows).collect::<Vec<_>>(), &mut gathered)?;
    let symbols = region.symbols()?;
    let values = |mut chunk: Chunk| {
        if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, &symbols) {
            strings.symbols = symbols.clone();
        }
        (0..chunk.len()).map(|at| chunk.value(at)).collect::<Vec<_>>()
    };
    let (filled, gathered) = (values(filled), values(gathered));
    assert!(same(&filled, &gathered));
    Ok(filled)
}

/// Equal to the bit, so that NaN equals itself and zero has a sign.
fn same(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Value::Double(x), Value::Double(y)) => x.to_bits() == y.to_bits(),
            (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits(),
            (x, y) => x == y,
        })
}

fn check(location: &IntradayLocation, name: &str, expected: &[Value]) {
    let found = read(location, name).unwrap();
    assert!(same(&found, expected), "{name}: {found:?}, not {expected:?}");
}

fn longs(values: impl IntoIterator<Item = i64>) -> Vec<Value> {
    values.into_iter().map(Value::Long).collect()
}

/// A row number for each row, its name, whether it is even, and text of its own: enough to tell every row from every other.
fn numbered() -> Vec<ColumnDefinition> {
    let mut list = columns(&[("Row", ColumnType::Long), ("Name", ColumnType::String), ("Even", ColumnType::Boolean)]);
    list.push(ColumnDefinition::new("Note", ColumnType::String).with_symbol(SymbolUse::None));
    list
}

/// The text of a row of [`numbered_rows`].
fn note(row: i64) -> Option<String> {
    match row % 5 {
        1 => None,
        3 => Some(String::new()),
        _ => Some(format!("note é {row}")),
    }
}

/// Strings that are not looked for in each other.
fn texts(values: impl Iterator<Item = Option<String>>) -> Chunk {
    let mut chunk = Chunk::new(ColumnType::String);
    let Chunk::String(strings) = &mut chunk else { unreachable!() };
    let mut texts = strings.texts().unwrap();
    values.for_each(|text| texts.push(text.as_deref()).unwrap());
    chunk
}

fn numbered_rows(rows: std::ops::Range<i64>) -> Vec<Chunk> {
    let names: Vec<String> = rows.clone().map(|row| format!("n{}", row % 7)).collect();
    vec![
        Chunk::Long(rows.clone().collect()),
        Chunk::strings(names.iter().map(|name| Some(name.as_str()))).unwrap(),
        Chunk::Boolean(rows.clone().map(|row| (row % 2 == 0).into()).collect()),
        texts(rows.map(note)),
    ]
}

/// The rows are those of [`numbered_rows`] from 0 on: their count, or why they could not be read.
fn check_numbered(location: &IntradayLocation) -> Result<u64> {
    let rows = location.row_count();
    if location.record().is_none() {
        return Ok(rows);
    }
    let filled = |name: &str| -> Result<(Chunk, Arc<IntradayRegion>)> {
        let region = location.region(name)?.unwrap();
        let mut chunk = Chunk::new(region.column_type());
        region.fill(0..rows, &mut chunk)?;
        Ok((chunk, region))
    };
    let (Chunk::Long(numbers), _) = filled("Row")? else { unreachable!() };
    let (Chunk::String(names), region) = filled("Name")? else { unreachable!() };
    let (Chunk::Boolean(even), _) = filled("Even")? else { unreachable!() };
    let (Chunk::String(notes), _) = filled("Note")? else { unreachable!() };
    assert!(notes.iter().eq((0..rows as i64).map(note).collect::<Vec<_>>().iter().map(|note| note.as_deref())));
    let texts: Vec<String> = (0..7).map(|n| format!("n{n}")).collect();
    let symbols = region.symbols()?.unwrap();
    let symbols: Vec<&str> = symbols.iter().collect();
    assert_eq!((numbers.len() as u64, names.codes.len() as u64, even.len() as u64), (rows, rows, rows));
    for (row, ((number, code), even)) in numbers.into_iter().zip(names.codes).zip(even).enumerate() {
        assert!(
            number == row as i64 && symbols[code.index()] == texts[row % 7] && even.get() == Some(row % 2 == 0),
            "row {row}"
        );
    }
    Ok(rows)
}

#[test]
fn every_type_comes_back_with_its_odd_values() {
    use ColumnType::*;
    let text = Value::string;
    let cases: Vec<(ColumnType, Vec<Value>)> = vec![
        (String, vec![text("AAPL"), Value::Null, text(""), text("naïve 🦀"), text("AAPL"), text("a\0b\n\"")]),
        (
            Char,
            vec![Value::Char(0), Value::Null, Value::Char(0xFFFF), Value::Char(0xD800), Value::Null, Value::Char(65)],
        ),
        (
            Boolean,
            [Some(true), None, Some(false), None, Some(true), Some(true)]
                .map(|b| b.map_or(Value::Null, Value::Boolean))
                .into(),
        ),
        (Byte, vec![Value::Byte(-127), Value::Null, Value::Byte(127), Value::Byte(0), Value::Null, Value::Null]),
        (Short, vec![Value::Short(-1), Value::Null, Value::Short(i16::MAX), Value::Null, Value::Null, Value::Short(0)]),
        (
            Int,
            vec![
                Value::Int(i32::MIN + 1),
                Value::Null,
                Value::Int(i32::MAX),
                Value::Int(0),
                Value::Int(1),
                Value::Int(2),
            ],
        ),
        (
            Long,
            vec![
                Value::Long(i64::MIN + 1),
                Value::Null,
                Value::Long(i64::MAX),
                Value::Null,
                Value::Long(0),
                Value::Long(1),
            ],
        ),
        (Float, [f32::NAN, -0.0, f32::INFINITY, f32::MIN_POSITIVE, 0.0, f32::MAX].map(Value::Float).into()),
        (
            Double,
            vec![
                Value::Double(f64::NAN),
                Value::Double(-0.0),
                Value::Null,
                Value::Double(f64::NEG_INFINITY),
                Value::Double(5e-324),
                Value::Double(f64::MAX),
            ],
        ),
        (
            DateTime,
            vec![
                Value::DateTime(0),
                Value::Null,
                Value::DateTime(i64::MAX),
                Value::DateTime(-1),
                Value::Null,
                Value::DateTime(1),
            ],
        ),
    ];
    assert_eq!(cases.len(), stored_types().count());
    let (_root, fs) = root();
    let mut writer = writer(&fs, &every_type());
    let chunks: Vec<Chunk> = cases.iter().map(|(t, values)| Chunk::from_values(*t, values).unwrap()).collect();
    writer.append(&chunks).unwrap();
    assert_eq!(writer.commit().unwrap(), Commit { rows: 6, durable_rows: 0 });
    let nulls: Vec<Chunk> = cases.iter().map(|(t, _)| Chunk::nulls(*t, 2)).collect();
    writer.append(&nulls).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.close().unwrap(), Commit { rows: 8, durable_rows: 8 });
    let location = open(&fs).unwrap();
    assert_eq!((location.row_count(), location.durable_row_count()), (8, 8));
    assert_eq!(location.columns(), every_type());
    for (column_type, mut values) in cases {
        values.extend([Value::Null, Value::Null]);
        let name = format!("C{}", column_type.code());
        check(&location, &name, &values);
        let region = location.region(&name).unwrap().unwrap();
        assert_eq!(region.mapped().unwrap().len(), 8 * column_type.width());
        region.verify_column().unwrap();
        if column_type == String {
            assert_eq!(region.symbols().unwrap().unwrap().len(), 4);
        }
    }
    assert!(location.column("Other").unwrap().is_none());
    assert!(location.grouping("C1").unwrap().is_none() && location.sort_columns().is_empty());
}

#[test]
fn rows_are_seen_by_whole_commits() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &numbered());
    let before = open(&fs).unwrap();
    assert_eq!((before.row_count(), before.columns().len()), (0, 0));
    writer.append(&numbered_rows(0..10)).unwrap();
    assert_eq!(before.refresh().unwrap().unwrap().row_count(), 0);
    writer.commit().unwrap();
    let first = before.refresh().unwrap().unwrap();
    assert_eq!(check_numbered(&first).unwrap(), 10);
    writer.append(&numbered_rows(10..20_000)).unwrap();
    assert!(first.refresh().unwrap().is_none());
    assert_eq!(check_numbered(&open(&fs).unwrap()).unwrap(), 10);
    writer.commit().unwrap();
    assert_eq!(writer.commit().unwrap().rows, 20_000);
    let second = first.refresh().unwrap().unwrap();
    assert_eq!(check_numbered(&second).unwrap(), 20_000);
    assert_eq!(check_numbered(&first).unwrap(), 10);
    assert!(second.refresh().unwrap().is_none());
}

#[test]
fn a_writer_goes_on_where_the_last_one_ended() {
    let (_root, fs) = root();
    // Blocks of 65,536 bytes are left before, at and after their ends.
    let ends = [0, 1, 8_191, 8_192, 8_193, 65_535, 65_536, 70_000, 70_000];
    for (step, pair) in ends.windows(2).enumerate() {
        let mut writer = writer(&fs, &numbered());
        assert_eq!(writer.row_count(), pair[0] as u64);
        writer.append(&numbered_rows(pair[0]..pair[1])).unwrap();
        writer.commit().unwrap();
        writer.append(&numbered_rows(pair[1]..pair[1] + 5)).unwrap();
        match step % 3 {
            0 => drop(writer),
            1 => writer.discard(),
            _ => assert_eq!(writer.close().unwrap().durable_rows, pair[1] as u64),
        }
        let location = open(&fs).unwrap();
        assert_eq!(check_numbered(&location).unwrap(), pair[1] as u64);
        assert_eq!(
            location.region("Name").unwrap().unwrap().symbols().unwrap().unwrap().len().min(7),
            pair[1].min(7) as usize
        );
    }
}

#[test]
fn strings_that_never_repeat_do_not_fill_memory() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("S", ColumnType::String)]));
    let large = |last: &str| Chunk::strings([Some(("x".repeat(LARGE_SYMBOLS_BYTES_MAX / 4) + last).as_str())]).unwrap();
    for last in ["a", "b", "c"] {
        writer.append(&[large(last)]).unwrap();
    }
    let error = writer.append(&[large("d")]).unwrap_err();
    assert!(error.kind() == ErrorKind::Limit && error.to_string().contains("the distinct long strings"), "{error}");
    // What was appended before stands.
    writer.commit().unwrap();
    assert_eq!(open(&fs).unwrap().row_count(), 3);
}

#[test]
fn strings_of_any_table_get_the_codes_of_the_location() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("S", ColumnType::String)]));
    let mut expected = Vec::new();
    let mut append = |writer: &mut IntradayWriter, texts: &[Option<&str>]| {
        writer.append(&[Chunk::strings(texts.iter().copied()).unwrap()]).unwrap();
        expected.extend(texts.iter().map(|text| text.map_or(Value::Null, Value::string)));
    };
    append(&mut writer, &[Some("b"), Some("a"), None, Some("b")]);
    append(&mut writer, &[Some("a"), Some("c"), Some("")]);
    // A table far longer than the chunk that uses it.
    let texts: Vec<String> = (0..1_000).map(|n| format!("t{n}")).collect();
    let Chunk::String(mut many) = Chunk::strings(texts.iter().map(|t| Some(t.as_str()))).unwrap() else {
        unreachable!()
    };
    many.codes = vec![many.codes[999], many.codes[3], many.codes[999]];
    for _ in 0..2 {
        writer.append(&[Chunk::String(many.clone())]).unwrap();
        expected.extend(["t999", "t3", "t999"].map(Value::string));
    }
    writer.commit().unwrap();
    let location = open(&fs).unwrap();
    check(&location, "S", &expected);
    assert_eq!(
        location.region("S").unwrap().unwrap().symbols().unwrap().unwrap().iter().collect::<Vec<_>>(),
        ["b", "a", "c", "", "t999", "t3"]
    );
    many.codes[0].0 = 1_000;
    let error = writer.append(&[Chunk::String(many)]).unwrap_err();
    assert!(error.to_string().contains("column S") && error.to_string().contains("code 1000 is outside"), "{error}");
    writer.append(&[Chunk::strings([Some("d")]).unwrap()]).unwrap();
    assert_eq!(writer.commit().unwrap().rows, 14);
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let (_root, fs) = root();
    let first = writer(&fs, &numbered());
    let open_second = || IntradayWriter::open(fs.clone(), directory(), &numbered(), WriterOptions::default());
    let error = open_second().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("2017-08-25: another writer has the location"), "{error}");
    assert_eq!(remove_location(&*fs, directory()).unwrap_err().kind(), ErrorKind::Locked);
    first.close().unwrap();
    open_second().unwrap();
}

#[test]
fn chunks_that_do_not_fit_change_nothing() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &numbered());
    let mut short = numbered_rows(0..3);
    short[2].truncate(2);
    let mut other = numbered_rows(0..3);
    other[0] = Chunk::Int(vec![1, 2, 3]);
    for (chunks, part) in [
        (short, "column Even has 2 rows, column Row has 3"),
        (other, "column Row has type long, its chunk int"),
        (numbered_rows(0..3)[..2].to_vec(), "2 chunks for 4 columns"),
    ] {
        let error = writer.append(&chunks).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    writer.append(&numbered_rows(0..3)).unwrap();
    writer.commit().unwrap();
    assert_eq!(check_numbered(&open(&fs).unwrap()).unwrap(), 3);
}

#[test]
fn no_rows_and_no_columns_are_something_too() {
    let (_root, fs) = root();
    assert!(open(&fs).unwrap_err().is_not_found());
    let mut none = writer(&fs, &numbered());
    none.append(&numbered_rows(0..0)).unwrap();
    assert_eq!(none.commit().unwrap(), Commit { rows: 0, durable_rows: 0 });
    none.close().unwrap();
    let location = open(&fs).unwrap();
    assert_eq!((location.row_count(), location.columns()), (0, numbered()));
    assert_eq!(check_numbered(&location).unwrap(), 0);
    remove_location(&*fs, directory()).unwrap();
    let mut bare = writer(&fs, &[]);
    bare.append(&[]).unwrap();
    bare.commit().unwrap();
    bare.close().unwrap();
    let location = open(&fs).unwrap();
    assert_eq!((location.row_count(), location.columns().len()), (0, 0));
    drop(writer(&fs, &[]));
}

#[test]
fn rows_become_durable_as_the_options_say() {
    for (durability, durable_rows) in [
        (Durability::None, 0),
        (Durability::Interval(3_600_000), 0),
        (Durability::Interval(0), 4),
        (Durability::Commit, 4),
    ] {
        let (_root, fs) = root();
        let mut writer = IntradayWriter::open(fs.clone(), directory(), &numbered(), options(durability)).unwrap();
        writer.append(&numbered_rows(0..4)).unwrap();
        assert_eq!(writer.commit().unwrap(), Commit { rows: 4, durable_rows }, "{durability:?}");
        assert_eq!(open(&fs).unwrap().durable_row_count(), durable_rows);
        assert_eq!(writer.sync_if_due().unwrap().durable_rows, durable_rows);
        writer.append(&numbered_rows(4..6)).unwrap();
        // Syncing makes durable what is committed, not what is only appended.
        assert_eq!(writer.sync().unwrap(), Commit { rows: 4, durable_rows: 4 });
        writer.commit().unwrap();
        assert_eq!(writer.close().unwrap(), Commit { rows: 6, durable_rows: 6 });
        assert_eq!(check_numbered(&open(&fs).unwrap()).unwrap(), 6);
    }
}

#[test]
fn a_reader_is_told_that_its_location_is_gone() {
    let (_root, fs) = root();
    let mut first = writer(&fs, &numbered());
    first.append(&numbered_rows(0..4)).unwrap();
    first.commit().unwrap();
    drop(first);
    let location = open(&fs).unwrap();
    let unopened = open(&fs).unwrap();
    check_numbered(&location).unwrap();
    remove_location(&*fs, directory()).unwrap();
    assert!(fs.list(directory().parent().unwrap()).unwrap().is_empty());
    assert!(remove_location(&*fs, directory()).unwrap_err().is_not_found());
    let said = |location: &IntradayLocation| -> Error {
        let error = location.refresh().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RolledBack);
        error
    };
    assert!(said(&location).to_string().contains("the location was removed"));
    assert_eq!(check_numbered(&location).unwrap(), 4);
    assert!(unopened.region("Row").unwrap_err().to_string().contains("the file is missing"));
    let mut second = writer(&fs, &numbered());
    assert!(said(&location).to_string().contains("the location was removed"));
    second.append(&numbered_rows(0..9)).unwrap();
    second.commit().unwrap();
    assert!(said(&location).to_string().contains("replaced by another one"));
}

#[test]
fn reading_is_counted() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &numbered());
    writer.append(&numbered_rows(0..10_000)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let stats = Arc::new(ReadStats::default());
    let handle = IntradayHandle::new(fs.clone(), directory().to_path_buf(), key(), stats.clone());
    assert_eq!(handle.key().to_string(), "feed/2017-08-25");
    assert_eq!(stats.counts().files_opened, 0);
    let location = handle.open().unwrap();
    assert_eq!((stats.counts().locations_opened, stats.counts().files_opened), (1, 1));
    let region = location.column("Row").unwrap().unwrap();
    let mut out = Chunk::new(ColumnType::Long);
    region.fill(5..15, &mut out).unwrap();
    region.gather(&[9_999, 0], &mut out).unwrap();
    let counts = stats.counts();
    assert_eq!((counts.files_opened, counts.values_read, counts.bytes_read), (3, 12, 96));
    assert!(region.fill(9_999..10_001, &mut out).is_err());
    assert!(region.gather(&[u64::MAX], &mut out).is_err());
    assert!(region.fill(0..1, &mut Chunk::new(ColumnType::Int)).is_err());
}
