//! Columns of variable width of every kind: values, versions, what is refused, and their bytes.

use super::*;
use crate::memory::ObjectChunk;

/// A column of each kind of form.
pub(super) fn kinds() -> Vec<ColumnDefinition> {
    let column = |(name, type_name): (&str, &str)| ColumnDefinition::new(name, type_name.parse().unwrap());
    let mut list: Vec<ColumnDefinition> = [
        ("Row", "long"),
        ("Big", "BigInteger"),
        ("Price", "BigDecimal"),
        ("Tags", "StringSet"),
        ("Body", "Blob"),
        ("Legs", "int[]"),
        ("Flags", "boolean[]"),
        ("Names", "String[]"),
        ("Words", "String[]"),
        ("Deep", "Blob[][][]"),
        ("Grid", "double[][]"),
    ]
    .map(column)
    .into();
    list[8].symbol = SymbolUse::None;
    list
}

/// The value of a row of a column of [`kinds`].
pub(super) fn kind_value(column: &ColumnDefinition, row: i64) -> Value {
    let none_or = |modulus: i64, value: Value| if row % modulus == modulus - 1 { Value::Null } else { value };
    let scalar = |column_type: ColumnType, n: i64| match column_type {
        ColumnType::Long => Value::Long(n),
        ColumnType::Int => none_or(7, Value::Int(n as i32)),
        ColumnType::Boolean => none_or(3, Value::Boolean(n % 2 == 0)),
        ColumnType::Double => Value::Double(n as f64 / 3.0),
        ColumnType::String => {
            [Value::Null, Value::string(""), Value::string(&format!("é{}", n % 5))][(n % 3) as usize].clone()
        }
        ColumnType::BigInteger => none_or(4, Value::big_integer(i128::from(n) * i128::from(i64::MAX))),
        ColumnType::BigDecimal => none_or(5, Value::big_decimal(format!("-{n}.50").parse().unwrap())),
        ColumnType::StringSet => {
            let texts = (0..n % 4).map(|at| format!("{at}\u{1F600}")).collect::<Vec<_>>();
            none_or(5, Value::StringSet(crate::base::StringSet::new(texts.iter().map(String::as_str))))
        }
        _ => none_or(3, Value::Blob(vec![n as u8; (n % 3) as usize].into())),
    };
    fn nested(element: ColumnType, row: i64, scalar: &dyn Fn(ColumnType, i64) -> Value) -> Value {
        let value = |n: i64| match element.element() {
            Some(inner) => nested(inner, n, scalar),
            None => scalar(element, n),
        };
        match row % 5 {
            4 => Value::Null,
            count => Value::array(element, (0..count).map(|at| value(row + at))),
        }
    }
    match column.column_type.element() {
        Some(element) => nested(element, row, &scalar),
        None => scalar(column.column_type, row),
    }
}

pub(super) fn kind_rows(columns: &[ColumnDefinition], rows: std::ops::Range<i64>) -> Vec<Chunk> {
    let values = |column: &ColumnDefinition| rows.clone().map(|row| kind_value(column, row)).collect::<Vec<_>>();
    columns.iter().map(|column| Chunk::from_values(column.column_type, &values(column)).unwrap()).collect()
}

/// The rows are those of [`kind_rows`] from 0 on: their count, or why they could not be read.
pub(super) fn check_kinds(location: &IntradayLocation) -> Result<u64> {
    let rows = location.row_count();
    for column in kinds() {
        let Some(region) = location.region(&column.name)? else { continue };
        let chunk = region.read(0..rows)?;
        for row in 0..rows as usize {
            assert_eq!(chunk.value(row), kind_value(&column, row as i64), "{} {row}", column.name);
        }
    }
    Ok(rows)
}

#[test]
fn values_of_variable_width_come_back() {
    let (_root, fs) = root();
    let columns = kinds();
    let mut writer = writer(&fs, &columns);
    for rows in [0..1, 1..3, 3..40, 40..41] {
        writer.append(&kind_rows(&columns, rows)).unwrap();
        writer.commit().unwrap();
    }
    let first = open(&fs).unwrap();
    assert_eq!(check_kinds(&first).unwrap(), 41);
    // Another writer goes on; a reader of the version before is not disturbed.
    drop(writer);
    let mut writer = self::writer(&fs, &columns);
    writer.append(&kind_rows(&columns, 41..3_000)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_eq!(check_kinds(&first).unwrap(), 41);
    let second = first.refresh().unwrap().unwrap();
    assert_eq!((check_kinds(&second).unwrap(), second.columns()), (3_000, columns.clone()));
    for column in &columns {
        let region = second.region(&column.name).unwrap().unwrap();
        region.verify_column().unwrap();
        let mut some = Chunk::new(column.column_type);
        let rows = [2_999, 0, 7, 7, 8, 1_500];
        region.gather(&rows, &mut some).unwrap();
        region.fill(4..6, &mut some).unwrap();
        for (at, row) in rows.into_iter().chain([4, 5]).enumerate() {
            assert_eq!(some.value(at), kind_value(column, row as i64), "{} {row}", column.name);
        }
        assert!(region.weigh(&rows).unwrap() >= 6);
        assert!(region.fill(2_999..3_001, &mut some).is_err() && region.gather(&[3_000], &mut some).is_err());
    }
    assert_eq!(second.region("Names").unwrap().unwrap().leaf_symbols().unwrap().unwrap().len(), 6);
    assert!(second.region("Words").unwrap().unwrap().leaf_symbols().unwrap().is_none());
}

#[test]
fn a_column_that_came_later_is_null_before() {
    let (_root, fs) = root();
    let columns = kinds();
    let mut first = writer(&fs, &columns[..1]);
    first.append(&kind_rows(&columns[..1], 0..3)).unwrap();
    first.commit().unwrap();
    first.close().unwrap();
    let mut second = writer(&fs, &columns);
    second.append(&kind_rows(&columns, 3..6)).unwrap();
    second.commit().unwrap();
    second.close().unwrap();
    let location = open(&fs).unwrap();
    for column in &columns[1..] {
        let region = location.region(&column.name).unwrap().unwrap();
        let expected = |row: i64| if row < 3 { Value::Null } else { kind_value(column, row) };
        let chunk = region.read(1..6).unwrap();
        assert!((1..6).all(|row| chunk.value(row as usize - 1) == expected(row)), "{}", column.name);
        let mut some = Chunk::new(column.column_type);
        region.gather(&[5, 0, 3, 2, 4], &mut some).unwrap();
        assert!([5, 0, 3, 2, 4].iter().enumerate().all(|(at, &row)| some.value(at) == expected(row)));
        region.verify_column().unwrap();
    }
}

#[test]
fn elements_that_no_array_has_are_not_written() {
    let (_root, fs) = root();
    let columns = [kinds()[7].clone()];
    let mut writer = writer(&fs, &columns);
    let all = kind_rows(&columns, 0..10);
    writer.append(&[all[0].take(&[3, 1, 4, 1])]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let region = open(&fs).unwrap().region("Names").unwrap().unwrap();
    let chunk = region.read(0..4).unwrap();
    assert!([3, 1, 4, 1].iter().enumerate().all(|(at, &row)| chunk.value(at) == kind_value(&columns[0], row)));
    let Chunk::Array(arrays) = chunk else { unreachable!() };
    assert_eq!(arrays.values.len(), 5);
}

#[test]
fn what_is_no_value_is_refused() {
    let (_root, fs) = root();
    let columns: Vec<ColumnDefinition> = kinds()[1..2].to_vec();
    let mut writer = writer(&fs, &columns);
    let mut odd = ObjectChunk::new(ColumnType::BigInteger, 1);
    odd.push_bytes(Some(&[0, 0]));
    let error = writer.append(&[Chunk::Object(odd)]).unwrap_err();
    assert!(error.to_string().contains("column Big: not a BigInteger"), "{error}");
    writer.append(&kind_rows(&columns, 0..2)).unwrap();
    assert_eq!(writer.commit().unwrap().rows, 2);
}

/// The example of the specification.
#[test]
fn arrays_have_the_bytes_of_the_specification() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("Legs", "short[][]".parse().unwrap())]));
    let short = |values: &[i16]| Value::array(ColumnType::Short, values.iter().map(|&v| Value::Short(v)));
    let shorts = ColumnType::Short.array().unwrap();
    let rows = [
        Value::array(shorts, [short(&[1, 2]), Value::Null, short(&[])]),
        Value::Null,
        Value::array(shorts, [short(&[3])]),
    ];
    writer.append(&[Chunk::from_values(shorts.array().unwrap(), &rows).unwrap()]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let longs = |name: &str| {
        let bytes = crate::io::read_small(&*fs, &directory().join(name), 1 << 20).unwrap();
        bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(longs("Legs.dat"), [6, 7, 8]);
    assert_eq!(longs("Legs.val"), [4, 5, 4, 6]);
    assert_eq!(crate::io::read_small(&*fs, &directory().join("Legs.val2"), 100).unwrap(), [1, 0, 2, 0, 3, 0]);
}

#[test]
fn text_lies_in_the_rows_where_the_schema_wants_it() {
    let (_root, fs) = root();
    let definition = |symbol| vec![ColumnDefinition::new("Id", ColumnType::String).with_symbol(symbol)];
    let mut writer = writer(&fs, &definition(SymbolUse::None));
    let long = "x".repeat(70_000);
    let values = ["é", "", "null", &long, "é", "\u{1F600}"].map(Value::string);
    let mut rows: Vec<Value> = values.to_vec();
    rows.insert(1, Value::Null);
    rows.push(Value::Null);
    writer.append(&[Chunk::from_values(ColumnType::String, &rows).unwrap()]).unwrap();
    writer.commit().unwrap();
    let first = open(&fs).unwrap();
    check(&first, "Id", &rows);
    // As rows come, in the form that the location has, whatever the schema says by now.
    drop(writer);
    let mut writer = self::writer(&fs, &definition(SymbolUse::Table));
    writer.append(&[texts([Some("a".to_string()), None].into_iter())]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    check(&first, "Id", &rows);
    let second = first.refresh().unwrap().unwrap();
    rows.extend([Value::string("a"), Value::Null]);
    check(&second, "Id", &rows);
    let region = second.region("Id").unwrap().unwrap();
    region.verify_column().unwrap();
    assert!(region.symbols().unwrap().is_none() && region.mapped().is_none());
    assert_eq!(second.columns(), definition(SymbolUse::None));
    let mut some = Chunk::new(ColumnType::String);
    region.gather(&[8, 0, 0, 1, 3, 4], &mut some).unwrap();
    region.fill(2..3, &mut some).unwrap();
    let expected = [8, 0, 0, 1, 3, 4, 2].map(|row: usize| rows[row].clone());
    assert_eq!((0..some.len()).map(|at| some.value(at)).collect::<Vec<_>>(), expected);
    assert!(region.fill(9..11, &mut some).is_err() && region.gather(&[u64::MAX], &mut some).is_err());
    let bytes = |name: &str| crate::io::read_small(&*fs, &directory().join(name), 1 << 20).unwrap();
    // Twice where the text of each row ends, one more where it is null.
    let ends = [2, 2, 2, 6, 70_006, 70_008, 70_012, 70_012, 70_013, 70_013u64];
    let nulls = [1, 7, 9];
    let ends: Vec<u8> =
        (0..).zip(ends).flat_map(|(n, end)| (end << 1 | u64::from(nulls.contains(&n))).to_le_bytes()).collect();
    assert_eq!(bytes("Id.dat"), ends);
    assert_eq!(bytes("Id.val"), format!("énull{long}é\u{1F600}a").as_bytes());
    assert_eq!(bytes("Id.val.sum").len(), crate::format::commit::SUM_BYTES as usize);
}

/// The example of the specification.
#[test]
fn text_has_the_bytes_of_the_specification() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &[ColumnDefinition::new("Id", ColumnType::String).with_symbol(SymbolUse::None)]);
    writer.append(&[texts([Some("é".to_string()), None, Some(String::new())].into_iter())]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let bytes = |name: &str| crate::io::read_small(&*fs, &directory().join(name), 1 << 20).unwrap();
    assert_eq!(bytes("Id.dat"), *b"\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0");
    assert_eq!(bytes("Id.val"), *b"\xc3\xa9");
}

#[test]
fn text_that_is_too_long_is_refused_and_the_writer_goes_on() {
    let (_root, fs) = root();
    let id = vec![ColumnDefinition::new("Id", ColumnType::String).with_symbol(SymbolUse::None)];
    let mut writer = writer(&fs, &id);
    let longest = "y".repeat(crate::base::limits::STRING_BYTES_MAX);
    writer.append(&[texts([Some(longest.clone())].into_iter())]).unwrap();
    let error = writer.append(&[texts([Some(longest.clone() + "y")].into_iter())]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("column Id") && error.to_string().contains("the most is 67108864"), "{error}");
    writer.append(&[texts([None].into_iter())]).unwrap();
    assert_eq!(writer.commit().unwrap().rows, 2);
    let region = open(&fs).unwrap().region("Id").unwrap().unwrap();
    assert!(region.read(0..2).unwrap().value(0) == Value::string(&longest) && region.read(1..2).unwrap().is_null(0));
}

/// Arrays of arrays that share their elements: little in memory, and too much for a file.
#[test]
fn arrays_that_are_too_large_in_all_are_refused_before_they_are_copied() {
    use crate::base::limits::VALUE_BYTES_MAX;
    use crate::memory::{ArrayChunk, Slice};
    let (_root, fs) = root();
    let column = ColumnDefinition::new("Deep", "long[][]".parse().unwrap());
    let mut writer = writer(&fs, &[column]);
    let elements = 1 << 20;
    let deep = |inner_count: usize| {
        let inner = ArrayChunk {
            slices: vec![Slice::of(0..elements); inner_count],
            values: Arc::new(Chunk::Long(vec![7; elements])),
        };
        Chunk::Array(ArrayChunk { slices: vec![Slice::of(0..inner_count)], values: Arc::new(Chunk::Array(inner)) })
    };
    let most = (VALUE_BYTES_MAX / (8 * elements as u64 + 8)) as usize;
    for count in [most + 1, 1_000, 100_000] {
        let error = writer.append(&[deep(count)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("column Deep") && error.to_string().contains("several rows"), "{error}");
    }
    writer.append(&[deep(2)]).unwrap();
    assert_eq!(writer.commit().unwrap().rows, 1);
    // What is read together to verify it is bounded too: one row at a time here.
    let region = open(&fs).unwrap().region("Deep").unwrap().unwrap();
    assert_eq!(region.rows_together(0, 1), 1);
    for _ in 0..5 {
        writer.append(&[deep(2)]).unwrap();
    }
    writer.commit().unwrap();
    let region = open(&fs).unwrap().region("Deep").unwrap().unwrap();
    assert_eq!(region.rows_together(0, 6), 1);
    assert_eq!(region.rows_together(5, 1), 1);
}
