//! The columns of a location: which may be added, changed or left out, and how many there may be.

use super::*;

#[test]
fn columns_may_be_added_but_not_changed_or_dropped() {
    let (_root, fs) = root();
    let one = columns(&[("A", ColumnType::Long)]);
    let mut first = writer(&fs, &one);
    first.append(&[Chunk::Long((0..10_000).collect())]).unwrap();
    first.commit().unwrap();
    first.close().unwrap();
    let more = columns(&[("S", ColumnType::String), ("A", ColumnType::Long), ("B", ColumnType::Int)]);
    let mut second = writer(&fs, &more);
    let old = open(&fs).unwrap();
    let rows = |from: i64| {
        [Chunk::strings([Some("x"), None]).unwrap(), Chunk::Long(vec![from, from + 1]), Chunk::Int(vec![7, 8])]
    };
    second.append(&rows(10_000)).unwrap();
    second.commit().unwrap();
    second.sync().unwrap();
    second.append(&rows(10_002)).unwrap();
    second.commit().unwrap();
    let location = old.refresh().unwrap().unwrap();
    check(&location, "A", &longs(0..10_004));
    let padded = |values: [Value; 4]| [vec![Value::Null; 10_000], values.to_vec()].concat();
    check(&location, "B", &padded([7, 8, 7, 8].map(Value::Int)));
    check(&location, "S", &padded([Value::string("x"), Value::Null, Value::string("x"), Value::Null]));
    assert!(location.region("B").unwrap().unwrap().mapped().is_none());
    assert!(old.column("B").unwrap().is_none());
    drop(second);
    for (columns, kind, part) in [
        (
            columns(&[("S", ColumnType::String), ("A", ColumnType::Double), ("B", ColumnType::Int)]),
            ErrorKind::Type,
            "column A has type long in the location and type double in the table",
        ),
        (one, ErrorKind::Invalid, "the location has a column S that the table lacks"),
        (columns(&[("A", ColumnType::Long), ("A", ColumnType::Long)]), ErrorKind::Invalid, "defined twice"),
        (columns(&[("../A", ColumnType::Long)]), ErrorKind::Invalid, "cannot be a column name"),
    ] {
        let error = IntradayWriter::open(fs.clone(), directory(), &columns, WriterOptions::default()).err().unwrap();
        assert!(error.kind() == kind && error.to_string().contains(part), "{error}");
    }
    check(&open(&fs).unwrap(), "A", &longs(0..10_004));
}

#[test]
fn a_column_added_without_rows_is_there() {
    let (_root, fs) = root();
    let mut first = writer(&fs, &columns(&[("A", ColumnType::Byte)]));
    first.append(&[Chunk::Byte(vec![1, 2])]).unwrap();
    first.commit().unwrap();
    drop(first);
    let mut second = writer(&fs, &columns(&[("A", ColumnType::Byte), ("S", ColumnType::String)]));
    second.commit().unwrap();
    second.close().unwrap();
    check(&open(&fs).unwrap(), "S", &[Value::Null, Value::Null]);
}

#[test]
fn a_location_without_rows_takes_any_columns() {
    let (_root, fs) = root();
    // An import that failed halfway, by its schema's fault.
    let mut first = writer(&fs, &columns(&[("A", ColumnType::String), ("B", ColumnType::Int)]));
    first.append(&[Chunk::strings([Some("x")]).unwrap(), Chunk::Int(vec![1])]).unwrap();
    first.discard();
    assert_eq!(open(&fs).unwrap().row_count(), 0);
    let mut second = writer(&fs, &columns(&[("A", ColumnType::Long), ("C", ColumnType::String)]));
    second.append(&[Chunk::Long(vec![5]), Chunk::strings([Some("y")]).unwrap()]).unwrap();
    second.commit().unwrap();
    second.close().unwrap();
    let location = open(&fs).unwrap();
    check(&location, "A", &longs([5]));
    check(&location, "C", &[Value::string("y")]);
    assert!(location.column("B").unwrap().is_none());
}

#[test]
fn many_columns_go_into_side_files() {
    let (_root, fs) = root();
    let wide: Vec<ColumnDefinition> =
        (0..300).map(|n| ColumnDefinition::new(format!("Column{n}"), ColumnType::Int)).collect();
    for round in 0..5 {
        let mut writer = writer(&fs, &wide);
        assert_eq!(writer.row_count(), round * 3);
        for _ in 0..3 {
            writer.append(&(0..300).map(|n| Chunk::Int(vec![n])).collect::<Vec<_>>()).unwrap();
            writer.commit().unwrap();
        }
        if round % 2 == 0 {
            writer.close().unwrap();
        }
        let location = open(&fs).unwrap();
        assert!(location.rejected().is_empty());
        check(&location, "Column299", &vec![Value::Int(299); round as usize * 3 + 3]);
    }
    let names: Vec<String> = fs.list(directory()).unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(["commit.0", "commit.1", "commit.2", "commit.3"].iter().all(|name| names.iter().any(|n| n == name)));
}
