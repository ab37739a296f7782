//! Merges through runs on disk: the same bytes as merges in memory, nothing left over.

use super::spread::spreads;
use super::*;
use crate::base::SymbolUse;
use crate::io::{OpenMode, SimulatedFileSystem};
use std::collections::BTreeMap;

pub(super) fn definition() -> TableDefinition {
    let column = |(name, type_name): (&str, &str)| ColumnDefinition::new(name, type_name.parse().unwrap());
    let mut list: Vec<ColumnDefinition> = [
        ("Date", "String"),
        ("Sym", "String"),
        ("Venue", "char"),
        ("Time", "DateTime"),
        ("Kind", "String"),
        ("Price", "double"),
        ("Size", "int"),
        ("Flag", "Boolean"),
        ("Note", "String"),
        ("Exact", "BigDecimal"),
        ("Levels", "double[]"),
        ("Names", "String[]"),
    ]
    .map(column)
    .into();
    list[0].kind = ColumnKind::Partitioning;
    list[1].kind = ColumnKind::Grouping;
    list[2].kind = ColumnKind::Grouping;
    list[8].symbol = SymbolUse::None;
    list[11].symbol = SymbolUse::Table;
    TableDefinition::new(list).unwrap()
}

/// Rows that a seed decides, some of them null; `without` is a column that the source does not have.
pub(super) fn source(name: &str, rows: usize, seed: u64, without: Option<&str>) -> Arc<dyn Location> {
    let mut state = seed | 1;
    let mut next = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut of = |column: &ColumnDefinition| -> Value {
        if next(9) == 0 {
            return Value::Null;
        }
        match (column.name.as_str(), column.column_type) {
            ("Sym", _) => Value::string(["SPY", "AAPL", "", "\u{1F600}", "\u{FFFD}", "B"][next(6) as usize]),
            ("Venue", _) => Value::Char(65 + next(3) as u16),
            ("Time", _) => Value::DateTime(next(40) as i64),
            ("Kind" | "Note", _) => Value::string(&"xyz".repeat(next(4) as usize)),
            (_, ColumnType::Double) => Value::Double([f64::NAN, 0.0, -0.0, 1.5][next(4) as usize]),
            (_, ColumnType::Int) => Value::Int(next(1000) as i32),
            (_, ColumnType::Boolean) => Value::Boolean(next(2) == 0),
            (_, ColumnType::BigDecimal) => Value::big_decimal(format!("{}.25", next(99)).parse().unwrap()),
            (_, array) => {
                let element = array.element().unwrap();
                let item = |n: u64| match element {
                    ColumnType::String => Value::string(["a", "bb", ""][n as usize % 3]),
                    _ => Value::Double(n as f64),
                };
                Value::array(element, (0..next(4)).map(|n| item(n + seed)))
            }
        }
    };
    let definition = definition();
    let columns = definition.stored().filter(|column| Some(column.name.as_str()) != without);
    let columns: Vec<(&str, Chunk)> = columns
        .map(|column| {
            let values: Vec<Value> = (0..rows).map(|_| of(column)).collect();
            (column.name.as_str(), Chunk::from_values(column.column_type, &values).unwrap())
        })
        .collect();
    Rows::of(name, &columns)
}

/// The files of a table by their paths without the version, but for records and locks, which name times.
pub(super) fn contents(fixture: &Fixture) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fixture.files() {
        if path.contains(".published") || path.ends_with("location") {
            continue;
        }
        let file = fixture.fs.open(Path::new(&path), OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.size().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.remove(parts.len() - 2);
        found.insert(parts.join("/"), bytes);
    }
    found
}

pub(super) fn merged(
    sources: &[Arc<dyn Location>],
    sort: &[&str],
    (storages, spread): (usize, Spread),
    run_rows_max: Option<u64>,
) -> Fixture {
    let fixture = Fixture::over(Arc::new(SimulatedFileSystem::new(1)));
    let storages: Vec<StorageDirectory> = (0..storages).map(|n| fixture.storage(&format!("s{n}"))).collect();
    let options = MergeOptions { storages, spread, run_rows_max, allow_empty: true, ..MergeOptions::default() };
    let sort: Vec<String> = sort.iter().map(|name| name.to_string()).collect();
    fixture.merge_with(sources, &definition(), &sort, &options, &|_| Ok(())).unwrap();
    fixture
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn runs_make_the_same_files_as_memory(
        rows in proptest::collection::vec(0usize..120, 1..4),
        seed in 1u64..1_000_000,
        run_rows in 1u64..150,
        storages in 1usize..6,
        spread in 0usize..5,
        sorted in 0usize..3,
        without in 0usize..13,
    ) {
        let definition = definition();
        let without = definition.stored().nth(without).map(|column| column.name.clone());
        let sources: Vec<Arc<dyn Location>> = rows
            .iter()
            .enumerate()
            .map(|(at, &rows)| {
                let without = without.as_deref().filter(|_| at == 1);
                source(&format!("s{at}"), rows, seed + at as u64 * 77, without)
            })
            .collect();
        let sort = &["Time", "Kind"][..sorted];
        let spread = || (storages, spreads().swap_remove(spread));
        let in_memory = contents(&merged(&sources, sort, spread(), None));
        let through_runs = contents(&merged(&sources, sort, spread(), Some(run_rows)));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(names(&in_memory), names(&through_runs));
        for (name, bytes) in &in_memory {
            prop_assert!(through_runs[name] == *bytes, "{} differs", name);
        }
    }
}

#[test]
fn rows_without_a_key_stay_in_order_through_runs() {
    let plain = TableDefinition::new(vec![ColumnDefinition::new("Row", ColumnType::Long)]).unwrap();
    let source = |name: &str, rows: std::ops::Range<i64>| Rows::of(name, &[("Row", Chunk::Long(rows.collect()))]);
    let sources = [source("a", 0..100), source("b", 100..100), source("c", 100..1000)];
    let fixture = Fixture::new();
    let options = MergeOptions { run_rows_max: Some(64), ..MergeOptions::default() };
    fixture.merge_with(&sources, &plain, &[], &options, &|_| Ok(())).unwrap();
    let location = fixture.open();
    let rows = location.column("Row").unwrap().unwrap().read(0..1000).unwrap();
    let Chunk::Long(rows) = rows else { unreachable!() };
    assert_eq!(rows, (0..1000).collect::<Vec<i64>>());
}

#[test]
fn an_interrupted_merge_through_runs_leaves_nothing() {
    let sources = [source("a", 300, 5, None)];
    let options = MergeOptions { run_rows_max: Some(64), ..MergeOptions::default() };
    for phase in [MergePhase::Reading, MergePhase::Sorting, MergePhase::Writing, MergePhase::Publishing] {
        let fixture = Fixture::new();
        let stop =
            |at: MergeProgress| if at.phase == phase { Err(crate::base::Error::invalid("enough")) } else { Ok(()) };
        let error = fixture.merge_with(&sources, &definition(), &[], &options, &stop).unwrap_err();
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!(fixture.files(), Vec::<String>::new(), "{phase:?}");
    }
}
