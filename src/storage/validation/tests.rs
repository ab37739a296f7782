//! Each check against tables that pass it and tables that do not.

use super::*;
use crate::base::{ColumnDefinition, ColumnType, Value};
use crate::memory::Chunk;
use crate::storage::schema::{CountRule, RangeRule, SetRule};
use crate::storage::testing::Rows;

fn table() -> TableDefinition {
    TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Time", ColumnType::Long),
        ColumnDefinition::new("Bid", ColumnType::Double),
    ])
    .unwrap()
}

fn rows(name: &str, rows: &[(Option<&str>, i64, f64)]) -> Arc<dyn Location> {
    let columns = [
        ("Sym", Chunk::strings(rows.iter().map(|row| row.0)).unwrap()),
        ("Time", Chunk::Long(rows.iter().map(|row| row.1).collect())),
        ("Bid", Chunk::Double(rows.iter().map(|row| row.2).collect())),
    ];
    Rows::of(name, &columns)
}

fn run(intraday: Option<&[Arc<dyn Location>]>, history: &[Arc<dyn Location>], rules: &Validation) -> ValidationReport {
    let request =
        ValidationRequest { intraday, history, definition: &table(), sort_columns: &["Time".to_owned()], rules };
    validate(&request, &|_, _| Ok(())).unwrap()
}

/// Names of the checks that failed, with their violations.
fn failed(report: &ValidationReport) -> Vec<(&str, u64)> {
    let failed = report.checks.iter().filter(|check| check.violations > 0);
    failed.map(|check| (check.name.as_str(), check.violations)).collect()
}

const A: Option<&str> = Some("A");
const B: Option<&str> = Some("B");
const NULL: f64 = crate::base::nulls::NULL_DOUBLE;

#[test]
fn the_same_rows_in_another_order_pass() {
    let sources = [rows("s1", &[(B, 2, 1.5), (A, 1, f64::NAN)]), rows("s2", &[(None, 9, NULL), (B, 1, -0.0)])];
    let history = [rows("main", &[(None, 9, NULL), (A, 1, f64::NAN), (B, 1, -0.0), (B, 2, 1.5)])];
    let report = run(Some(&sources), &history, &Validation::default());
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.rows, 4);
    assert!(run(Some(&[]), &[], &Validation::default()).passed());
}

#[test]
fn rows_that_differ_are_found_and_shown() {
    let sources = [rows("s", &[(A, 1, 1.0), (A, 2, 2.0), (B, 3, 3.0)])];
    let check = |history: &[(Option<&str>, i64, f64)], expected: &[(&str, u64)], first: &str| {
        let report = run(Some(&sources), &[rows("main", history)], &Validation::default());
        assert_eq!(failed(&report), expected);
        let example = report.checks.iter().find(|check| check.name == "same rows").unwrap().examples.first();
        assert_eq!(example.map(|example| example.what.as_str()), Some(first));
    };
    // Each column has its values, but they are not together in one row.
    check(&[(A, 1, 2.0), (A, 2, 1.0), (B, 3, 3.0)], &[("same rows", 4)], "missing in history: Sym=A, Time=1, Bid=1.0");
    check(
        &[(A, 1, 1.0), (A, 2, 2.0)],
        &[
            ("row count", 1),
            ("same values: Sym", 1),
            ("same values: Time", 1),
            ("same values: Bid", 1),
            ("same rows", 1),
        ],
        "missing in history: Sym=B, Time=3, Bid=3.0",
    );
    check(
        &[(A, 1, 1.0), (A, 1, 1.0), (B, 3, 3.0)],
        &[("same values: Time", 1), ("same values: Bid", 1), ("same rows", 2)],
        "missing in history: Sym=A, Time=2, Bid=2.0",
    );
    // Zero and minus zero are equal numbers, but not what was merged.
    let zero = [rows("s", &[(A, 1, 0.0)])];
    assert!(!run(Some(&zero), &[rows("main", &[(A, 1, -0.0)])], &Validation::default()).passed());
}

#[test]
fn disorder_is_found() {
    let none = Validation::default();
    let failed_of = |storages: &[Arc<dyn Location>]| {
        failed(&run(None, storages, &none)).iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(failed_of(&[rows("main", &[(A, 2, 0.0), (A, 1, 0.0), (B, 0, 0.0)])]), ["sorted as merged 1"]);
    assert_eq!(
        failed_of(&[rows("main", &[(B, 1, 0.0), (A, 1, 0.0), (B, 2, 0.0)])]),
        ["sorted as merged 1", "lies together: Sym 1"]
    );
    // A formula may spread a group over storages; in each its rows lie together.
    assert!(failed_of(&[rows("one", &[(A, 1, 0.0)]), rows("two", &[(A, 2, 0.0)])]).is_empty());
    assert!(failed_of(&[rows("one", &[(None, 1, 0.0), (B, 1, 0.0)]), rows("two", &[(A, 2, 0.0)])]).is_empty());
    // Across the end of a batch.
    let many: Vec<_> = (0..70_000i64).map(|at| (A, if at == 65_536 { 0 } else { at }, 0.0)).collect();
    let report = run(None, &[rows("main", &many)], &none);
    assert_eq!(failed(&report), [("sorted as merged", 1)]);
    assert_eq!(report.checks[0].examples[0].row, Some(65_536));
    assert_eq!(report.checks[0].examples[0].what, "0 after 65535");
}

#[test]
fn rules_of_columns_are_evaluated() {
    let history = [rows("main", &[(None, 1, 1.0), (A, 1, NULL), (A, 2, f64::NAN), (B, 2, -5.0)])];
    let check = |rules: Validation, expected: &[(&str, u64)], examples: &[&str]| {
        let report = run(None, &history, &rules);
        assert_eq!(failed(&report), expected);
        let shown: Vec<&str> =
            report.checks.iter().flat_map(|check| &check.examples).map(|example| example.what.as_str()).collect();
        assert_eq!(shown, examples);
    };
    let none = Validation::default;
    check(
        Validation { not_null: vec!["Bid".into(), "Sym".into()], ..none() },
        &[("not null: Bid", 1), ("not null: Sym", 1)],
        &["null", "null"],
    );
    let range = |min, max| RangeRule { column: "Bid".into(), min, max };
    let ranges = vec![range(Some(Value::Double(0.0)), None), range(None, Some(Value::Double(7.0)))];
    check(
        Validation { ranges, ..none() },
        &[("in range: Bid 0.0..", 2), ("in range: Bid ..7.0", 1)],
        &["NaN", "-5.0", "NaN"],
    );
    let sets = vec![SetRule { column: "Sym".into(), values: vec![Value::string("A"), Value::string("C")] }];
    check(Validation { sets, ..none() }, &[("in set: Sym", 1)], &["B"]);
    check(Validation { sorted: vec!["Bid".into()], ..none() }, &[], &[]);
    check(Validation { unique: vec!["Time".into()], ..none() }, &[("unique: Time", 2)], &["1 again", "2 again"]);
    check(Validation { unique: vec!["Bid".into()], ..none() }, &[], &[]);
    check(Validation { grouped: vec!["Time".into()], ..none() }, &[], &[]);
    let counts =
        |null_max, distinct_max| CountRule { column: "Sym".into(), null_max, distinct_min: Some(2), distinct_max };
    check(Validation { counts: vec![counts(Some(1), Some(2))], ..none() }, &[], &[]);
    check(Validation { counts: vec![counts(Some(0), None)], ..none() }, &[("counts: Sym", 1)], &["1 nulls, 2 values"]);
    check(Validation { row_count_max: Some(3), ..none() }, &[("row count in bounds", 1)], &["4 rows"]);
    check(Validation { row_count_min: Some(4), ..none() }, &[], &[]);
    let request = Validation { not_null: vec!["Bidd".into()], ..none() };
    let definition = table();
    let request = ValidationRequest {
        intraday: None,
        history: &history,
        definition: &definition,
        sort_columns: &[],
        rules: &request,
    };
    assert!(validate(&request, &|_, _| Ok(())).unwrap_err().to_string().contains("Bidd"));
}

#[test]
fn examples_are_few_and_violations_all() {
    let many: Vec<_> = (0..1_000).map(|at| (A, at, NULL)).collect();
    let report =
        run(None, &[rows("main", &many)], &Validation { not_null: vec!["Bid".into()], ..Validation::default() });
    let check = report.checks.iter().find(|check| check.name == "not null: Bid").unwrap();
    assert_eq!((check.violations, check.examples.len()), (1_000, EXAMPLES_MAX));
    assert_eq!((check.examples[0].location.as_str(), check.examples[7].row), ("main/2017-08-25", Some(7)));
}
