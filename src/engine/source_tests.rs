//! Source tables: they give what the same rows in memory give, and read no more than they must.

use super::Table;
use super::formula::QueryScope;
use super::testing::{COLUMNS, FakeSource, Model, NONE, Rows, models, shown};
use super::timing::Timing;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, SymbolUse, Value};
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

/// A stored table of a random one: its rows in partitions, some without column `I`, and the same rows in memory. Strings have symbol
/// tables, none, or none in some locations.
fn stored(model: &Model, grouping: Option<&str>, symbol: SymbolUse) -> (Table, Table) {
    let column = |(name, column_type)| match grouping == Some(name) {
        true => ColumnDefinition::new(name, column_type).of_kind(ColumnKind::Grouping),
        false => ColumnDefinition::new(name, column_type).with_symbol(symbol),
    };
    let columns = COLUMNS.map(column);
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

/// How the strings of [`stored`] tables may lie.
fn symbols() -> impl Strategy<Value = SymbolUse> {
    prop::sample::select(vec![SymbolUse::Auto, SymbolUse::Table, SymbolUse::None])
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
        symbol in symbols(),
        key in prop::sample::select(vec!["Date", "S", "I", "Z", "D", "T"]),
    ) {
        let (table, memory) = stored(&model, grouping, symbol);
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

/// Filters of every kind that something other than the rows can answer.
const FILTERS: &[&str] = &[
    "Date=`a`",
    "Date in `b`, `zz`",
    "Date!=`a`",
    "Date>`a`",
    "Date==`a` || Date==`a2`",
    "S=`b`",
    "S!=`b`",
    "S in `a`, `B`, null",
    "S not in `a`",
    "S icase in `b`",
    "S includes `a`",
    "S>`a`",
    "S<=`B`",
    "isNull(S)",
    "I=1",
    "I<2",
    "I>=2",
    "I!=0",
    "I in 0, 3",
    "I==null",
    "B>0",
    "H<=0",
    "D<0.5",
    "D>=0.0",
    "D>-2.0",
    "D==0",
    "D in NaN, 3.0",
    "D!=0.25",
    "F<0.25",
    "Z=true",
    "Z!=true",
    "T>'1970-01-01T00:00:00 UTC'",
    "I+1>L",
    "L>D || S==`a`",
    "i%3==1",
    "I_[i-1]>0",
    "k>=0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_give_the_same_rows_wherever_the_values_lie(
        model in models(),
        grouping in prop::option::of(prop::sample::select(vec!["S", "I", "Z", "D"])),
        symbol in symbols(),
        filters in prop::collection::vec(prop::sample::select(FILTERS), 1..4),
    ) {
        // On a source table the partition comes before positions are counted: that is another test.
        let counts = |filter: &str| filter.contains("i%") || filter.contains("i-1");
        prop_assume!(!filters.iter().any(|f| f.starts_with("Date")) || !filters.iter().any(|f| counts(f)));
        let scope = QueryScope::default();
        let (table, memory) = stored(&model, grouping, symbol);
        let expected = shown(&memory.filter(&filters, &scope).unwrap());
        prop_assert_eq!(&shown(&table.filter(&filters, &scope).unwrap()), &expected);
        table.row_count().unwrap();
        prop_assert_eq!(&shown(&table.filter(&filters, &scope).unwrap()), &expected, "opened before");
        // No filter is a predicate of one column any more; lists, nulls and (rule 29) zeros mean something else in there.
        let stays = |f: &str| f.contains(" in") || f.contains("null") || f.contains("0.0");
        let general = filters.iter().map(|f| if stays(f) { f.to_string() } else { format!("({f}) && true") });
        let general: Vec<String> = general.collect();
        prop_assert_eq!(&shown(&memory.filter(&general, &scope).unwrap()), &expected, "in general form");
        if !filters.iter().any(|f| counts(f)) {
            let one_by_one = filters.iter().fold(table, |t, f| t.filter(&[f], &scope).unwrap());
            prop_assert_eq!(&shown(&one_by_one), &expected, "one by one");
        }
    }
}

#[test]
fn a_partition_filter_opens_its_partition_alone() {
    let source = quotes(200, 3, 2);
    let scope = QueryScope::default();
    let filter = |filters: &[&str]| source.table().filter(filters, &scope).unwrap();
    for (filters, opened, read) in [
        (&["Date=`2017-08-007`"][..], 1, 0),
        (&["Date=`2017-08-007`", "Sym=`S1`"], 1, 0),
        // The grouping filter runs first and leaves two rows.
        (&["Price>0", "Sym=`S1`", "Date=`2017-08-007`"], 1, 2),
        (&["Date>`2017-08-197` || Date==`2017-08-003`"], 3, 0),
        (&["Date in `2017-08-007`, `2017-08-150`, `2018`"], 2, 0),
        (&["Date=`2018`"], 0, 0),
        (&["Date>=`2017-08-198`", "Date!=`2017-08-199`"], 1, 0),
        (&["Sym=`S1`"], 200, 0),
    ] {
        let before = source.stats.counts();
        let table = filter(filters);
        assert_eq!(source.stats.counts(), before, "{filters:?} opened something before rows were asked for");
        table.row_count().unwrap();
        let counts = source.stats.counts().since(before);
        assert_eq!((counts.locations_opened, counts.values_read), (opened, read), "{filters:?}");
    }
    // In several calls, after changes of columns, the same.
    let before = source.stats.counts();
    let table = source.table().rename_columns(&["Day=Date"]).unwrap().filter(&["Sym in `S0`, `S2`"], &scope).unwrap();
    let table = table.filter(&["Day=`2017-08-003`"], &scope).unwrap().drop_columns(&["Day"]).unwrap();
    assert_eq!(table.row_count().unwrap(), 4);
    assert_eq!(source.stats.counts().since(before).locations_opened, 1);
}

#[test]
fn a_grouping_filter_reads_its_rows_alone() {
    let source = quotes(2, 10, 50);
    let scope = QueryScope::default();
    let table = source.table().filter(&["Date=`2017-08-001`", "Sym=`S3`"], &scope).unwrap();
    let before = source.stats.counts();
    assert_eq!(table.read_column("Price").unwrap().len(), 50);
    assert_eq!(source.stats.counts().since(before).values_read, 50);
    let before = source.stats.counts();
    assert_eq!(table.filter(&["Sym=`none`"], &scope).unwrap().row_count().unwrap(), 0);
    assert_eq!(source.stats.counts().since(before).values_read, 0);
}

#[test]
fn zone_maps_skip_what_cannot_match() {
    let source = quotes(1, 1, 100);
    let scope = QueryScope::default();
    // Prices ascend by a quarter; a zone has four rows, and bounds are known of two. What passes whole is not read.
    for (filter, rows, read) in [
        ("Price>=20.0", 20, 0),
        ("Price>=20.25", 19, 2),
        ("Price=5.25", 1, 2),
        ("Price in 0.0, 24.75", 2, 3),
        ("Price>1e9", 0, 0),
        ("Price!=1.0", 99, 2),
    ] {
        let before = source.stats.counts();
        let table = source.table().filter(&[filter], &scope).unwrap();
        assert_eq!(table.row_count().unwrap(), rows, "{filter}");
        assert_eq!(source.stats.counts().since(before).values_read, read, "{filter}");
    }
}

/// The partition comes first, as for every source table; then positions are counted in what is left.
#[test]
fn positions_of_a_source_table_are_counted_in_the_partitions_that_remain() {
    let source = quotes(3, 2, 2);
    let scope = QueryScope::default();
    let rows = |table: Table| table.row_count().unwrap();
    let day = "Date=`2017-08-001`";
    assert_eq!(rows(source.table().filter(&["i<3", day], &scope).unwrap()), 3);
    // A later call does not overtake positions counted by an earlier one: the first three rows are of another day.
    assert_eq!(rows(source.table().filter(&["i<3"], &scope).unwrap().filter(&[day], &scope).unwrap()), 0);
}

#[test]
fn errors_of_names_come_at_once_and_errors_of_reading_name_the_location() {
    let source = quotes(1, 2, 2);
    let scope = QueryScope::default();
    let message = |table: crate::base::Result<Table>| table.unwrap_err().to_string();
    assert!(message(source.table().filter(&["sym=`A`"], &scope)).contains("Sym"));
    assert!(message(source.table().last_by(&["Syn"])).contains("the nearest is Sym"));
    assert!(message(source.table().avg_by(&["Date"])).contains("avgBy: column Sym is of type String"));
    assert_eq!(source.stats.counts().locations_opened, 0);
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

/// Sums ask for what is known of many rows of one group before they read any.
#[test]
fn sums_of_many_rows_are_taken_as_they_lie() {
    let source = quotes(2, 2, 20);
    let table = source.table().view(&["Sym", "Price", "Size"], &QueryScope::default()).unwrap();
    let ways = |table: &Table| table.explain().unwrap().pop().unwrap().strategy;
    let sums = table.sum_by(&["Sym"]).unwrap();
    assert!(ways(&sums).ends_with("values summed as they are encoded"), "{}", ways(&sums));
    let in_memory = table.select(&["Sym", "Price", "Size"], &QueryScope::default()).unwrap();
    assert_eq!(shown(&sums), shown(&in_memory.sum_by(&["Sym"]).unwrap()));
    assert_eq!(shown(&table.avg_by(&["Sym"]).unwrap()), shown(&in_memory.avg_by(&["Sym"]).unwrap()));
    for other in [table.abs_sum_by(&["Sym"]).unwrap(), table.max_by(&["Sym"]).unwrap()] {
        assert!(!ways(&other).contains("summed"), "{}", ways(&other));
    }
}

#[test]
fn the_stored_table_has_a_name_and_what_comes_of_it_has_none() {
    let source = quotes(1, 2, 2);
    let names = |table: Table| {
        let meta =
            table.get_meta().unwrap().view(&["TableNamespace", "TableName", "ColumnType"], &QueryScope::default());
        shown(&meta.unwrap())[1].clone()
    };
    assert_eq!(names(source.table()), "\"Test\" \"Table\" \"Partitioning\"");
    let day = source.table().filter(&["Date=`2017-08-000`"], &QueryScope::default()).unwrap();
    assert_eq!(names(day), "null null \"Partitioning\"");
    assert_eq!(names(source.table().last_by(&["Date"]).unwrap()), "null null \"Normal\"");
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
    // What a source table had before it was opened is not known, and not shown.
    for (record, start) in
        records.iter().zip(["open(Test.Table): 12 rows, ", "lastBy(Sym): 2 rows, ", "head(1): 2 -> 1 rows, "])
    {
        assert!(record.to_string().starts_with(start), "{record}");
    }
}

#[test]
fn explain_names_ways_and_follows_both_sides() {
    let scope = QueryScope::default();
    let source = quotes(3, 4, 5);
    let table = source.table();
    let lines = |table: &Table| -> Vec<String> {
        let steps = table.explain().unwrap();
        steps.iter().map(|step| format!("{} by {}", step.name, step.strategy)).collect()
    };
    let check = |table: Table, expected: &[&str]| assert_eq!(lines(&table), expected);
    let day = table.filter(&["Date=`2017-08-001`"], &scope).unwrap();
    check(day.clone(), &["where by partition values: 1 of 3 locations", "open by "]);
    let one = table.filter(&["Date>`2017-08-000`", "Sym=`S1`"], &scope).unwrap();
    check(one, &["where by partition values: 2 of 3 locations", "open by grouping ranges in 2"]);
    // A second filter of rows that are known by then.
    let opened = source.table();
    opened.row_count().unwrap();
    check(opened.filter(&["Price=1.25"], &scope).unwrap(), &["where by bounds in 3, rows in 3"]);
    check(source.table().last_by(&["Sym"]).unwrap(), &["open by ", "lastBy by 12 ranges of the grouping"]);
    check(source.table().last_by(&["Date"]).unwrap(), &["open by ", "lastBy by 3 partition values"]);
    let numbers = source.table().view(&["Price", "Size"], &scope).unwrap();
    check(numbers.sum_by(&["Size"]).unwrap(), &["view by ", "open by ", "sumBy by hash of keys"]);
    check(source.table().sort(&["Size"]).unwrap(), &["open by ", "sort by sort of keys"]);
    let left = source.table().tail(6).unwrap();
    let right = source.table().last_by(&["Sym"]).unwrap();
    let joined = left.natural_join(&right, &["Sym"], &["Last=Price"]).unwrap();
    check(
        joined.clone(),
        &[
            "open by ",
            "tail by ",
            "open by ",
            "lastBy by 12 ranges of the grouping",
            "naturalJoin by keys of the right side looked up; hash of keys; 2 ranges of the grouping",
        ],
    );
    // What both sides come of is told once.
    let filtered = joined.filter(&["Size>0"], &scope).unwrap();
    let both = Table::merge(&[filtered, joined.clone()]).unwrap();
    assert_eq!(lines(&both).len(), lines(&joined).len() + 2);
    let as_of = left.aj(&right.sort(&["Size"]).unwrap(), &["Sym", "Size"], &["Other=Price"]).unwrap();
    assert!(lines(&as_of).last().unwrap().ends_with("walk over stamps as they lie"), "{:?}", lines(&as_of));
    let unsorted =
        left.aj(&source.table().sort_descending(&["Price"]).unwrap(), &["Sym", "Price"], &["Other=Size"]).unwrap();
    assert!(lines(&unsorted).last().unwrap().ends_with("walk over sorted stamps"), "{:?}", lines(&unsorted));
    // An operation that fails leaves nothing to the next one.
    assert!(source.table().aj(&right, &["Sym", "Nope"], NONE).is_err());
    check(source.table().sort(&["Size"]).unwrap(), &["open by ", "sort by sort of keys"]);
    let shown = left.explain().unwrap()[0].to_string();
    assert!(!shown.contains(", by "), "{shown}");
}
