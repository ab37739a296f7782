//! Source tables: they give what the same rows in memory give, and read no more than they must.

use super::Table;
use super::formula::QueryScope;
use super::testing::{COLUMNS, FakeSource, Model, NONE, Rows, models, shown};
use super::timing::Timing;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Value};
use crate::storage::read_stats::ReadCounts;
use proptest::prelude::*;
use std::sync::Arc;

/// `Sym` grouping, `Price`, `Size`: `partitions` days of `symbols` symbols with `rows` rows each.
fn quotes(partitions: usize, symbols: usize, rows: usize) -> Arc<FakeSource> {
    let columns = vec![
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Price", ColumnType::Double),
        ColumnDefinition::new("Size", ColumnType::Int),
    ];
    let day = |day: usize| {
        let row = |at: usize| {
            let sym = Value::string(&format!("S{}", (at + day) % symbols));
            vec![sym, Value::Double(at as f64 / 4.0), Value::Int((at * day) as i32)]
        };
        (0..symbols * rows).map(row).collect::<Rows>()
    };
    let days: Vec<(String, Rows)> = (0..partitions).map(|at| (format!("2017-08-{at:03}"), day(at))).collect();
    let days: Vec<(&str, &str, Rows)> = days.iter().map(|(name, rows)| (name.as_str(), "0", rows.clone())).collect();
    FakeSource::new(columns, &days, |_, _| false)
}

/// A stored table of a random one: its rows in partitions, some without column `I`, and the same rows in memory.
fn stored(model: &Model, grouping: Option<&str>) -> (Table, Table) {
    let kind = |name: &str| if Some(name) == grouping { ColumnKind::Grouping } else { ColumnKind::Normal };
    let columns = COLUMNS.map(|(name, column_type)| ColumnDefinition::new(name, column_type).of_kind(kind(name)));
    let cut = |from: usize, to: usize| {
        let count = model.rows.len();
        model.rows[from.min(count)..to.min(count)].to_vec()
    };
    let partitions = [
        ("b", "1", cut(30, 99)),
        ("a", "0", cut(0, 12)),
        ("a", "1", cut(12, 25)),
        ("a2", "0", cut(25, 25)),
        ("b", "0", cut(25, 30)),
    ];
    let missing = |date: &str, column: &str| date == "a" && column == "I" && grouping != Some("I");
    let source = FakeSource::new(columns.to_vec(), &partitions, missing);
    let table = source.table();
    let names = table.column_names();
    let count = table.row_count().unwrap();
    let chunks = table.read(&names, 0..count).unwrap();
    let memory = names.iter().map(|name| name.to_string()).zip(chunks).collect();
    (source.table(), Table::new_table(memory).unwrap())
}

/// What reading cost.
fn cost(source: &FakeSource, work: impl FnOnce() -> Table) -> (Vec<String>, ReadCounts) {
    let before = source.stats.counts();
    let table = work();
    table.row_count().unwrap();
    let counts = source.stats.counts().since(before);
    (shown(&table), counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn stored_tables_behave_as_in_memory(
        model in models(),
        grouping in prop::option::of(prop::sample::select(vec!["S", "I", "Z", "D"])),
        key in prop::sample::select(vec!["Date", "S", "I", "Z", "D", "T"]),
    ) {
        let (table, memory) = stored(&model, grouping);
        let same = |of: &dyn Fn(&Table) -> Table| assert_eq!(shown(&of(&table)), shown(&of(&memory)));
        let keys = [key];
        same(&|t| t.clone());
        same(&|t| t.sort(&keys).unwrap());
        same(&|t| t.sort_descending(&[key, "S"]).unwrap().head(7).unwrap());
        same(&|t| t.reverse().unwrap());
        same(&|t| t.last_by(&keys).unwrap());
        same(&|t| t.first_by(&keys).unwrap());
        same(&|t| t.last_by(&[key, "Date"]).unwrap());
        same(&|t| t.count_by("N", &keys).unwrap());
        same(&|t| t.min_by(&keys).unwrap());
        same(&|t| t.max_by(&keys).unwrap());
        same(&|t| t.median_by(&keys).unwrap());
        same(&|t| t.tail(13).unwrap().last_by(&keys).unwrap());
        same(&|t| t.tail(13).unwrap().min_by(&keys).unwrap());
        same(&|t| t.head_by(2, &keys).unwrap());
        let numbers = |t: &Table| t.drop_columns(&["S", "C", "Z", "T", "Date"].map(|c| if c == key { "B" } else { c })).unwrap();
        if key != "Date" {
            same(&|t| numbers(t).sum_by(&keys).unwrap());
            same(&|t| numbers(t).avg_by(&keys).unwrap());
        }
        let scope = QueryScope::default();
        same(&|t| t.select_distinct(&keys, &scope).unwrap());
        same(&|t| t.rename_columns(&["X=S"]).unwrap().drop_columns(&["T"]).unwrap());
        same(&|t| Table::merge(&[t.clone(), memory.head(3).unwrap()]).unwrap().last_by(&["S"]).unwrap());
    }
}

#[test]
fn last_and_first_by_a_grouping_column_read_the_ends_of_ranges() {
    let source = quotes(3, 5, 20);
    let (rows, counts) = cost(&source, || source.table().last_by(&["Sym"]).unwrap());
    assert_eq!(rows.len(), 6);
    // Grouping read the indices alone; five rows of four columns are read to show the result, of which one has no file.
    assert_eq!((counts.locations_opened, counts.values_read), (3, 0));
    let before = source.stats.counts();
    shown(&source.table().first_by(&["Sym"]).unwrap());
    assert_eq!(source.stats.counts().since(before).values_read, 5 * 3);
}

#[test]
fn distinct_grouping_and_partitioning_values_read_no_column() {
    let source = quotes(4, 5, 20);
    let scope = QueryScope::default();
    let (rows, counts) = cost(&source, || source.table().select_distinct(&["Sym"], &scope).unwrap());
    assert_eq!(rows, ["Sym", "\"S0\"", "\"S1\"", "\"S2\"", "\"S3\"", "\"S4\""]);
    assert_eq!(counts.values_read, 0);
    let (rows, counts) = cost(&source, || source.table().select_distinct(&["Date"], &scope).unwrap());
    assert_eq!((rows.len(), counts.values_read, counts.files_opened), (5, 0, 0));
}

#[test]
fn aggregations_by_a_grouping_column_do_not_read_it() {
    let source = quotes(2, 5, 20);
    let (_, counts) = cost(&source, || source.table().drop_columns(&["Date"]).unwrap().avg_by(&["Sym"]).unwrap());
    assert_eq!(counts.values_read, 2 * 100 * 2);
}

#[test]
fn nothing_is_opened_by_changes_of_columns() {
    let source = quotes(2, 2, 2);
    let table = source.table().drop_columns(&["Size"]).unwrap().rename_columns(&["P=Price"]).unwrap();
    let table = table.move_columns_up(&["P"]).unwrap();
    assert_eq!(table.column_names(), ["P", "Date", "Sym"]);
    assert_eq!(table.get_meta().unwrap().row_count().unwrap(), 3);
    assert_eq!(source.stats.counts(), ReadCounts::default());
    assert_eq!(table.row_count().unwrap(), 8);
    assert_eq!(table.sort(NONE).unwrap().row_count().unwrap(), 8);
    assert_eq!(source.stats.counts().locations_opened, 2);
}

#[test]
fn operations_are_logged() {
    let source = quotes(3, 2, 2);
    let timing = Arc::new(Timing::new(Some(source.stats.clone())));
    let table = source.table().with_timing(timing.clone());
    table.last_by(&["Sym"]).unwrap().head(1).unwrap();
    let records = timing.records();
    let names: Vec<&str> = records.iter().map(|record| record.name).collect();
    assert_eq!(names, ["open", "lastBy", "head"]);
    assert_eq!(
        (records[0].locations, records[0].rows_out, records[0].reads.locations_opened),
        (Some((3, 3)), Some(12), 3)
    );
    assert_eq!((records[1].rows_in, records[1].rows_out), (None, Some(2)));
    assert!(records[1].to_string().starts_with("lastBy(Sym): ? -> 2 rows, "), "{}", records[1]);
}
