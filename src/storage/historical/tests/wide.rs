//! Merges through runs of what is large: values of a megabyte, hundreds of thousands of groups, symbol tables that do not fit into memory.

use super::external::contents;
use super::*;
use crate::base::SymbolUse;
use crate::io::SimulatedFileSystem;

const MEGABYTE: usize = 1 << 20;

fn fixture_of(
    sources: &[Arc<dyn Location>],
    definition: &TableDefinition,
    storages: usize,
    options: MergeOptions,
) -> Result<(Fixture, MergeReport)> {
    let fixture = Fixture::over(Arc::new(SimulatedFileSystem::new(1)));
    let storages = (0..storages).map(|n| fixture.storage(&format!("s{n}"))).collect();
    let options = MergeOptions { storages, threads: 2, ..options };
    let report = fixture.merge_with(sources, definition, &["Id".to_string()], &options, &|_| Ok(()))?;
    Ok((fixture, report))
}

#[test]
fn values_of_a_megabyte_go_through_runs() {
    let column = |name: &str, type_name: &str| ColumnDefinition::new(name, type_name.parse().unwrap());
    let mut text = column("Text", "String");
    text.symbol = SymbolUse::None;
    let list = vec![
        column("Date", "String").of_kind(ColumnKind::Partitioning),
        column("Sym", "String").of_kind(ColumnKind::Grouping),
        column("Id", "DateTime"),
        text,
        column("Bytes", "Blob"),
        column("Levels", "long[]"),
        column("Small", "String"),
    ];
    let definition = TableDefinition::new(list).unwrap();
    // Ids descend, so that merged order is far from that of arrival; the last source lacks a column, one has no rows and one a single row.
    let source = |name: &str, ids: std::ops::Range<i32>, without: &str| {
        let of = |column: &ColumnDefinition| {
            let value = |id: i32| match column.name.as_str() {
                _ if id % 5 == 4 && column.name != "Id" => Value::Null,
                "Sym" => Value::string(["B", "A", "C"][id as usize % 3]),
                "Id" => Value::DateTime(i64::from(-id)),
                "Text" => Value::string(&format!("{id:08}").repeat(MEGABYTE / 8)),
                "Bytes" => Value::Blob(vec![id as u8; MEGABYTE + id as usize].into()),
                "Levels" => {
                    Value::array(ColumnType::Long, (0..MEGABYTE as i64 / 64).map(|n| Value::Long(n * i64::from(id))))
                }
                _ => Value::string(&format!("tag {}", id % 2)),
            };
            let values: Vec<Value> = ids.clone().map(value).collect();
            Chunk::from_values(column.column_type, &values).unwrap()
        };
        let columns = definition.stored().filter(|column| column.name != without);
        let columns: Vec<(&str, Chunk)> = columns.map(|column| (column.name.as_str(), of(column))).collect();
        Rows::of(name, &columns)
    };
    let sources = [source("a", 0..5, ""), source("b", 5..5, ""), source("c", 5..6, ""), source("d", 6..9, "Bytes")];
    let in_memory = fixture_of(&sources, &definition, 4, MergeOptions::default()).unwrap();
    let runs = MergeOptions { run_rows_max: Some(2), ..MergeOptions::default() };
    let through_runs = fixture_of(&sources, &definition, 4, runs).unwrap();
    assert_eq!((in_memory.1.runs, through_runs.1.runs), (0, 5));
    assert!(contents(&in_memory.0) == contents(&through_runs.0));
    let storages: Vec<_> = (0..4).map(|n| through_runs.0.storage(&format!("s{n}"))).collect();
    let handles = through_runs.0.table(storages).handles().unwrap();
    let mut found: Vec<Vec<String>> =
        handles.iter().flat_map(|handle| rows(&*handle.open().unwrap(), &definition)).collect();
    let mut expected = sorted_model(&sources, &definition, &["Sym", "Id"]);
    found.sort();
    expected.sort();
    assert!(found == expected);
    // No row at all, and one.
    for (ids, count) in [(0..0, 0), (7..8, 1)] {
        let options = MergeOptions { run_rows_max: Some(1), allow_empty: true, ..MergeOptions::default() };
        let (_, report) = fixture_of(&[source("a", ids, "")], &definition, 3, options).unwrap();
        assert_eq!((report.rows, report.storages.len()), (count, 3));
    }
}

#[test]
fn many_groups_go_through_runs() {
    let definition = TableDefinition::new(vec![
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Venue", ColumnType::Char).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Id", ColumnType::Long),
    ])
    .unwrap();
    let count = 12_000u64;
    let mix = |row: u64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let syms: Vec<Option<String>> =
        (0..count).map(|row| (row % 10 != 3).then(|| format!("S{}", mix(row) % 9_000))).collect();
    let venues = (0..count).map(|row| if row % 7 == 0 { 0xFFFE } else { 65 + (mix(row) % 3) as u16 });
    let columns = [
        ("Sym", Chunk::strings(syms.iter().map(Option::as_deref)).unwrap()),
        ("Venue", Chunk::Char(venues.collect())),
        ("Id", Chunk::Long((0..count).map(|row| mix(row + 5) as i64).collect())),
    ];
    let sources = [Rows::of("a", &columns)];
    let (in_memory, report) = fixture_of(&sources, &definition, 6, MergeOptions::default()).unwrap();
    assert!(report.groups > 6_000 && report.ungrouped.is_none(), "{report:?}");
    let runs = MergeOptions { run_rows_max: Some(999), ..MergeOptions::default() };
    let (through_runs, report) = fixture_of(&sources, &definition, 6, runs).unwrap();
    assert_eq!((report.runs, report.storages.len()), (13, 6));
    assert!(contents(&in_memory) == contents(&through_runs));
}

#[test]
fn too_many_groups_for_the_memory_have_no_index_and_that_is_said() {
    let definition = TableDefinition::new(vec![
        ColumnDefinition::new("Group", ColumnType::Long).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Id", ColumnType::Int),
    ])
    .unwrap();
    let count = 170_000i64;
    let columns = [("Group", Chunk::Long((0..count).rev().collect())), ("Id", Chunk::Int((0..count as i32).collect()))];
    let sources = [Rows::of("a", &columns)];
    let options =
        MergeOptions { memory_bytes: merge::MEMORY_BYTES_MIN, run_rows_max: Some(60_000), ..MergeOptions::default() };
    let (fixture, report) = fixture_of(&sources, &definition, 1, options).unwrap();
    assert_eq!((report.runs, report.ungrouped.as_deref()), (3, Some("Group")));
    let table = fixture.table(vec![fixture.storage("s0")]);
    let location = table.handles().unwrap()[0].open().unwrap();
    assert!(location.grouping("Group").unwrap().is_none());
    let usage = table.usage(PARTITION).unwrap();
    assert_eq!((usage[0].ungrouped_rows, usage[0].grouping_bytes), (count as u64, 0));
    let (_, report) = fixture_of(&sources, &definition, 1, MergeOptions::default()).unwrap();
    assert_eq!((report.groups, report.ungrouped), (count as u64, None));
}

#[test]
fn strings_whose_table_does_not_fit_stand_in_the_rows() {
    let count = 150_000u64;
    let text = |row: u64| {
        format!(
            "a text of a hundred bytes and some more, so that there is no memory for all, which comes twice and not more often, number {:09}",
            row % (count / 2)
        )
    };
    let texts: Vec<String> = (0..count).map(text).collect();
    let source = Rows::of(
        "a",
        &[
            ("Id", Chunk::Int((0..count as i32).rev().collect())),
            ("Text", Chunk::strings(texts.iter().map(|text| Some(text.as_str()))).unwrap()),
        ],
    );
    let merged = |symbol: SymbolUse, kind: ColumnKind| {
        let mut text = ColumnDefinition::new("Text", ColumnType::String).of_kind(kind);
        text.symbol = symbol;
        let definition = TableDefinition::new(vec![ColumnDefinition::new("Id", ColumnType::Int), text]).unwrap();
        let memory_bytes = merge::MEMORY_BYTES_MIN;
        let options = MergeOptions { memory_bytes, run_rows_max: Some(100_000), ..MergeOptions::default() };
        fixture_of(std::slice::from_ref(&source), &definition, 1, options)
    };
    let (fixture, report) = merged(SymbolUse::Auto, ColumnKind::Normal).unwrap();
    assert_eq!(report.runs, 2);
    let location = fixture.table(vec![fixture.storage("s0")]).handles().unwrap()[0].open().unwrap();
    let region = location.column("Text").unwrap().unwrap();
    assert!(region.symbols().unwrap().is_none());
    let Chunk::String(found) = region.read(0..count).unwrap() else { unreachable!() };
    assert!(found.iter().eq(texts.iter().rev().map(|text| Some(text.as_str()))));
    for (symbol, kind, way_out) in [
        (SymbolUse::Table, ColumnKind::Normal, "symbol = \"none\""),
        (SymbolUse::Auto, ColumnKind::Grouping, "do not group by it"),
    ] {
        let error = merged(symbol, kind).map(drop).unwrap_err();
        assert!(error.kind() == ErrorKind::Limit && error.to_string().contains(way_out), "{error}");
        assert!(error.to_string().contains("allow more with --memory"), "{error}");
    }
}
