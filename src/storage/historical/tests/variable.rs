//! Columns of variable width through a merge: values, order, the form that is chosen, what reading costs, damage.

use super::*;
use crate::base::{StringSet, SymbolUse};
use crate::io::OpenMode;
use crate::io::simulated::SimulatedFileSystem;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

fn definition() -> TableDefinition {
    let column = |(name, type_name): (&str, &str)| ColumnDefinition::new(name, type_name.parse().unwrap());
    let mut list: Vec<ColumnDefinition> = [
        ("Date", "String"),
        ("Sym", "String"),
        ("Row", "long"),
        ("Note", "String"),
        ("Big", "BigInteger"),
        ("Price", "BigDecimal"),
        ("Tags", "StringSet"),
        ("Body", "Blob"),
        ("Legs", "int[]"),
        ("Names", "String[]"),
        ("Words", "String[]"),
        ("Deep", "Blob[][][]"),
    ]
    .map(column)
    .into();
    list[0].kind = ColumnKind::Partitioning;
    list[1].kind = ColumnKind::Grouping;
    list[3].symbol = SymbolUse::None;
    list[9].symbol = SymbolUse::Table;
    list[10].symbol = SymbolUse::None;
    TableDefinition::new(list).unwrap()
}

/// The value of a row of a column of [`definition`], which its number decides.
fn value(column: &ColumnDefinition, row: i64) -> Value {
    fn of(column_type: ColumnType, n: i64) -> Value {
        if n % 5 == 4 {
            return Value::Null;
        }
        match column_type {
            ColumnType::Int => Value::Int(n as i32),
            ColumnType::String => {
                Value::string(&format!("{:.*}", (n % 4) as usize * 3, format!("\u{1F600}é{n}, text")))
            }
            ColumnType::BigInteger => Value::big_integer(i128::from(n) << 70),
            ColumnType::BigDecimal => Value::big_decimal(format!("{n}.125").parse().unwrap()),
            ColumnType::StringSet => {
                Value::StringSet(StringSet::new(["b", "a", ""][..(n % 4).min(3) as usize].iter().copied()))
            }
            ColumnType::Blob => Value::Blob(vec![n as u8; (n % 6) as usize].into()),
            column_type => {
                let element = column_type.element().unwrap();
                Value::array(element, (0..n % 4).map(|at| of(element, n + at * 3)))
            }
        }
    }
    match column.name.as_str() {
        "Sym" => Value::string(["b", "a", "c"][(row % 3) as usize]),
        "Row" => Value::Long(row),
        _ => of(column.column_type, row),
    }
}

fn source(name: &str, rows: Range<i64>) -> Arc<dyn Location> {
    let definition = definition();
    let column = |column: &ColumnDefinition| {
        let values: Vec<Value> = rows.clone().map(|row| value(column, row)).collect();
        Chunk::from_values(column.column_type, &values).unwrap()
    };
    let columns: Vec<(&str, Chunk)> = definition.stored().map(|c| (c.name.as_str(), column(c))).collect();
    Rows::of(name, &columns)
}

/// Every value of a location is the one that its row number decides.
fn check(location: &dyn Location) {
    let rows = location.row_count();
    let Chunk::Long(numbers) = location.column("Row").unwrap().unwrap().read(0..rows).unwrap() else { unreachable!() };
    for column in definition().stored() {
        let region = location.column(&column.name).unwrap().unwrap();
        let all = region.read(0..rows).unwrap();
        let mut some = Chunk::new(column.column_type);
        let picked: Vec<u64> = (0..rows).rev().step_by(7).chain([0, 0, rows - 1]).collect();
        region.gather(&picked, &mut some).unwrap();
        if let (Chunk::String(strings), Some(symbols)) = (&mut some, region.symbols().unwrap()) {
            strings.symbols = symbols;
        }
        for (at, &number) in numbers.iter().enumerate() {
            assert_eq!(all.value(at), value(column, number), "{} {number}", column.name);
        }
        for (at, &row) in picked.iter().enumerate() {
            assert_eq!(some.value(at), all.value(row as usize), "{} {row}", column.name);
        }
        let nulls: u64 = region.zones().unwrap().iter().map(|zone| zone.null_count).sum();
        assert_eq!(nulls, (0..rows as usize).filter(|&at| all.is_null(at)).count() as u64, "{}", column.name);
    }
}

#[test]
fn values_of_variable_width_are_merged_in_order() {
    let fixture = Fixture::new();
    let sources = [source("a", 0..500), source("b", 500..501), source("c", 501..700)];
    let report = fixture
        .merge_with(&sources, &definition(), &["Row".to_string()], &MergeOptions::default(), &|_| Ok(()))
        .unwrap();
    assert_eq!((report.rows, report.groups), (700, 3));
    let location = fixture.open();
    check(&*location);
    let symbols = |name: &str| location.column(name).unwrap().unwrap().leaf_symbols().unwrap();
    assert!(symbols("Note").is_none() && symbols("Words").is_none() && symbols("Names").unwrap().is_sorted());
    // And once more, spread over two storages.
    let storages = vec![fixture.storage("x"), fixture.storage("y")];
    let options = MergeOptions { storages: storages.clone(), force: true, ..MergeOptions::default() };
    fixture.merge_with(&sources, &definition(), &["Row".to_string()], &options, &|_| Ok(())).unwrap();
    let parts = fixture.table(storages).handles().unwrap();
    let parts: Vec<Arc<dyn Location>> = parts.iter().map(|handle| handle.open().unwrap()).collect();
    assert_eq!(parts.iter().map(|part| part.row_count()).sum::<u64>(), 700);
    parts.iter().filter(|part| part.row_count() > 0).for_each(|part| check(&**part));
}

#[test]
fn text_becomes_plain_where_it_hardly_repeats() {
    let column = |symbol| ColumnDefinition::new("Id", ColumnType::String).with_symbol(symbol);
    let ids = |count: usize| {
        let texts: Vec<String> = (0..100_000).map(|row| format!("id-{}", row % count)).collect();
        Rows::of("a", &[("Id", Chunk::strings(texts.iter().map(|text| Some(text.as_str()))).unwrap())])
    };
    for (symbol, count, plain) in [
        (SymbolUse::Auto, 100_000, true),
        (SymbolUse::Auto, 70_000, false),
        (SymbolUse::Auto, 10, false),
        (SymbolUse::Table, 100_000, false),
        (SymbolUse::None, 10, true),
    ] {
        let fixture = Fixture::new();
        let definition = TableDefinition::new(vec![column(symbol)]).unwrap();
        fixture.merge_with(&[ids(count)], &definition, &[], &MergeOptions::default(), &|_| Ok(())).unwrap();
        let region = fixture.open().column("Id").unwrap().unwrap();
        assert_eq!(region.symbols().unwrap().is_none(), plain, "{symbol:?} {count}");
        let chunk = region.read(99_990..100_000).unwrap();
        assert!((0..10).all(|at| chunk.value(at) == Value::string(&format!("id-{}", (99_990 + at) % count))));
        let usage = fixture.table(Vec::new()).usage(PARTITION).unwrap();
        assert_eq!(usage[0].item_bytes > 0, plain);
    }
}

#[test]
fn a_few_rows_of_text_cost_a_few_pieces() {
    let fixture = Fixture::new();
    let text = |row: u64| format!("{:064x}", u128::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    let texts: Vec<String> = (0..200_000).map(text).collect();
    let source = Rows::of("a", &[("Id", Chunk::strings(texts.iter().map(|text| Some(text.as_str()))).unwrap())]);
    let id = ColumnDefinition::new("Id", ColumnType::String).with_symbol(SymbolUse::None);
    let definition = TableDefinition::new(vec![id]).unwrap();
    fixture.merge_with(&[source], &definition, &[], &MergeOptions::default(), &|_| Ok(())).unwrap();
    let stats = Arc::<ReadStats>::default();
    let table = HistoricalTable::new(fixture.fs.clone(), Path::new(TABLE), Vec::new(), stats.clone());
    let location = table.handles().unwrap()[0].open().unwrap();
    let region = location.column("Id").unwrap().unwrap();
    let all = usage_bytes(&fixture);
    let chunk = region.read(123_000..123_100).unwrap();
    assert!((0..100).all(|at| chunk.value(at) == Value::string(&text(123_000 + at as u64))));
    let read = stats.bytes_read.load(Relaxed);
    assert!(read * 20 < all, "{read} of {all} bytes");
}

fn usage_bytes(fixture: &Fixture) -> u64 {
    fixture.table(Vec::new()).usage(PARTITION).unwrap()[0].total_bytes()
}

#[test]
fn what_has_no_order_is_refused() {
    let fixture = Fixture::new();
    for name in ["Legs", "Big"] {
        let error = fixture
            .merge_with(&[source("a", 0..3)], &definition(), &[name.to_string()], &MergeOptions::default(), &|_| Ok(()))
            .unwrap_err();
        assert!(error.to_string().contains(&format!("column {name} has type")), "{error}");
    }
    assert_eq!(fixture.files().len(), 0);
}

/// Each bit of each file of each column: the same values, or an error that names a file.
#[test]
fn every_flipped_bit_of_values_of_variable_width_is_seen() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(5));
    let fixture = Fixture::over(fs.clone());
    let options = MergeOptions { threads: 1, ..MergeOptions::default() };
    fixture.merge_with(&[source("a", 0..6)], &definition(), &["Row".to_string()], &options, &|_| Ok(())).unwrap();
    let read = |name: &str| -> Result<Vec<Value>> {
        let table = HistoricalTable::new(fs.clone(), Path::new(TABLE), Vec::new(), Arc::default());
        let location = table.handles()?[0].open()?;
        let Some(region) = location.column(name)? else { return Ok(Vec::new()) };
        let chunk = region.read(0..region.row_count())?;
        Ok((0..chunk.len()).map(|at| chunk.value(at)).collect())
    };
    let mut count = 0;
    for path in fixture.files() {
        let path = Path::new(&path);
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some((column, extension)) = name.split_once('.') else { continue };
        if ["Sym", "Row"].contains(&column) {
            continue;
        }
        let content = io::read_small(&*fs, path, 1 << 20).unwrap();
        let good = read(column).unwrap();
        let file = fs.open(path, OpenMode::Write).unwrap();
        for at in 0..content.len() {
            // One bit of each byte that a checksum of the file itself covers; every bit of the others, which are few.
            let bits = if at < 32 || at + 32 >= content.len() { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in bits {
                file.write_all_at(&[content[at] ^ 1 << bit], at as u64).unwrap();
                match read(column) {
                    Ok(found) => assert!(found == good, "{column}.{extension} byte {at} bit {bit} gives wrong values"),
                    Err(error) => {
                        assert!(error.is_corrupt() && error.path().is_some(), "{error}");
                        count += 1;
                    }
                }
            }
            file.write_all_at(&content[at..at + 1], at as u64).unwrap();
        }
        for length in [0, 1, 31, content.len() / 2, content.len() - 1] {
            file.set_size(length as u64).unwrap();
            assert!(read(column).unwrap_err().is_corrupt());
            file.write_all_at(&content, 0).unwrap();
        }
    }
    assert!(count > 5_000, "{count}");
}
