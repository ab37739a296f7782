//! Combined aggregations against a model of loops.

use super::super::super::Table;
use super::super::super::formula::QueryScope;
use super::super::super::testing::{COLUMNS, Model, NONE, Rows, models, shown, table_of};
use super::super::model_tests::{compare, key_sets, tables};
use super::{Aggregate, Aggregation};
use crate::base::{ColumnType, Value};
use proptest::prelude::*;
use std::cmp::Ordering;

/// What an aggregation makes of the rows of a group, a column at a position.
fn expected(aggregation: &Aggregation, model: &Model, rows: &Rows, at: usize) -> Value {
    let values: Vec<&Value> = rows.iter().map(|row| &row[at]).collect();
    let mut present: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
    let distinct = |values: &[&Value]| {
        let mut distinct: Vec<Value> = Vec::new();
        for value in values {
            if !distinct.iter().any(|known| compare(known, value).is_eq()) {
                distinct.push((*value).clone());
            }
        }
        distinct
    };
    let is_nan = |value: &Value| {
        matches!(value, Value::Double(v) if v.is_nan()) || matches!(value, Value::Float(v) if v.is_nan())
    };
    // Rule 81: as null, NaN is left out where nulls are.
    let numbers: Vec<&Value> = present.iter().copied().filter(|value| !is_nan(value)).collect();
    let by = |names: &[String], a: &Vec<Value>, b: &Vec<Value>| {
        let order = names.iter().map(|name| compare(&a[model.position(name)], &b[model.position(name)]));
        order.fold(Ordering::Equal, Ordering::then)
    };
    match aggregation {
        Aggregation::First => values[0].clone(),
        Aggregation::Last => values[values.len() - 1].clone(),
        Aggregation::Unique => match &distinct(&numbers)[..] {
            [one] => one.clone(),
            _ => Value::Null,
        },
        Aggregation::CountDistinct { nulls } => match distinct(if *nulls { &values } else { &numbers }).len() {
            0 => Value::Null,
            count => Value::Long(count as i64),
        },
        Aggregation::Group => Value::array(model.columns[at].1, values.into_iter().cloned()),
        Aggregation::Distinct { nulls } => {
            let mut distinct = distinct(if *nulls { &values } else { &numbers });
            distinct.sort_by(compare);
            if distinct.is_empty() { Value::Null } else { Value::array(model.columns[at].1, distinct) }
        }
        Aggregation::SortedFirst(names) => rows.iter().min_by(|a, b| by(names, a, b)).unwrap()[at].clone(),
        Aggregation::SortedLast(names) => rows.iter().max_by(|a, b| by(names, a, b)).unwrap()[at].clone(),
        Aggregation::Percentile { share, .. } => {
            if present.is_empty() {
                return Value::Null;
            }
            if let Some(nan) = present.iter().find(|value| is_nan(value)) {
                return (*nan).clone();
            }
            present.sort_by(|a, b| compare(a, b));
            present[((present.len() - 1) as f64 * share + 0.5).floor() as usize].clone()
        }
        other => panic!("{other:?} is not modelled"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rules 79 to 83 and 87, all in one call.
    #[test]
    fn combined_aggregations(model in models(), keys in key_sets(), share in prop::sample::select(vec![0.0, 0.1, 0.25, 0.5, 0.9, 1.0])) {
        let kinds = [
            Aggregation::First,
            Aggregation::Last,
            Aggregation::Unique,
            Aggregation::CountDistinct { nulls: false },
            Aggregation::CountDistinct { nulls: true },
            Aggregation::SortedFirst(vec!["D".into()]),
            Aggregation::SortedLast(vec!["S".into(), "H".into()]),
            Aggregation::Percentile { share, average: false },
            Aggregation::Group,
            Aggregation::Distinct { nulls: false },
            Aggregation::Distinct { nulls: true },
        ];
        let name = |kind: usize, column: &str| format!("X{kind}{column}");
        let aggregates: Vec<Aggregate> = kinds
            .iter()
            .enumerate()
            .map(|(kind, aggregation)| {
                let columns: Vec<String> = COLUMNS.iter().map(|(column, _)| format!("{}={column}", name(kind, column))).collect();
                Aggregate::new(aggregation.clone(), &columns)
            })
            .chain([Aggregate::new(Aggregation::Count, &["N"])])
            .collect();
        let mut columns: Vec<(String, ColumnType)> = keys.iter().map(|key| model.columns[model.position(key)].clone()).collect();
        for (kind, aggregation) in kinds.iter().enumerate() {
            columns.extend(COLUMNS.iter().map(|(column, t)| {
                let result = match aggregation {
                    Aggregation::CountDistinct { .. } => ColumnType::Long,
                    Aggregation::Group | Aggregation::Distinct { .. } => t.array().unwrap(),
                    _ => *t,
                };
                (name(kind, column), result)
            }));
        }
        columns.push(("N".into(), ColumnType::Long));
        let row = |(mut key, rows): (Vec<Value>, Rows)| {
            for aggregation in &kinds {
                key.extend((0..COLUMNS.len()).map(|at| expected(aggregation, &model, &rows, at)));
            }
            key.push(Value::Long(rows.len() as i64));
            key
        };
        let rows = model.groups(&keys).into_iter().map(row).collect();
        let expected = Model { columns, rows };
        for table in tables(&model) {
            let result = table.agg_by(&aggregates, &keys, &QueryScope::default()).unwrap();
            // Of equal zeros any may stand.
            let zeros = |rows: Vec<String>| rows.into_iter().map(|row| row.replace("-0.0", "0.0")).collect::<Vec<_>>();
            prop_assert_eq!(zeros(shown(&result)), zeros(expected.shown()));
        }
    }

    /// Rule 84.
    #[test]
    fn weights(model in models()) {
        let number = |value: &Value| match value {
            Value::Int(v) => Some(f64::from(*v)),
            Value::Long(v) => Some(*v as f64),
            Value::Double(v) => Some(*v),
            Value::Null => None,
            other => panic!("{other:?}"),
        };
        for table in tables(&model) {
            let table = table.select(&["S", "I", "L", "D"], &QueryScope::default()).unwrap();
            let (average, sum) = (table.wavg_by("I", &["S"]).unwrap(), table.wsum_by("I", &["S"]).unwrap());
            prop_assert_eq!(average.column_names().join(" "), "S L D");
            let types: Vec<ColumnType> = sum.definition().columns().iter().map(|c| c.column_type).collect();
            prop_assert_eq!(types, [ColumnType::String, ColumnType::Long, ColumnType::Double]);
            let (averages, sums) = (average.read_column("D").unwrap(), sum.read_column("L").unwrap());
            for (row, (_, rows)) in model.groups(&["S"]).into_iter().enumerate() {
                let pairs = |name: &str| {
                    let (weight, value) = (model.position("I"), model.position(name));
                    let pair = move |row: &Vec<Value>| match (number(&row[weight]), number(&row[value])) {
                        (_, Some(value)) if !value.is_finite() => Some((0.0, f64::NAN)),
                        (weight, value) => weight.zip(value),
                    };
                    rows.iter().filter_map(pair).collect::<Vec<_>>()
                };
                let doubles = pairs("D");
                let expected = doubles.iter().map(|(w, v)| w * v).sum::<f64>() / doubles.iter().map(|(w, _)| w).sum::<f64>();
                match averages.value(row) {
                    Value::Null => prop_assert!(doubles.is_empty()),
                    Value::Double(found) => prop_assert!(
                        found == expected || found.is_nan() && expected.is_nan() || (found - expected).abs() <= 1e-9 * expected.abs(),
                        "{found} is not {expected}"
                    ),
                    other => panic!("{other:?}"),
                }
                let longs = rows.iter().filter_map(|row| match (&row[model.position("I")], &row[model.position("L")]) {
                    (Value::Int(w), Value::Long(v)) => Some(i64::from(*w).wrapping_mul(*v)),
                    _ => None,
                });
                let expected = longs.fold(None, |sum: Option<i64>, v| Some(sum.unwrap_or(0).wrapping_add(v)));
                let expected = expected.filter(|sum| *sum != i64::MIN).map_or(Value::Null, Value::Long);
                prop_assert_eq!(sums.value(row), expected);
            }
        }
    }
}

#[test]
fn counts_of_rows_that_pass() {
    let table = Table::empty_table(10).unwrap().update(&["K=i%3", "V=i"], &QueryScope::default()).unwrap();
    let aggregates = [
        Aggregate::new(Aggregation::CountWhere(vec!["V>3".into(), "V<9".into()]), &["N"]),
        Aggregate::new(Aggregation::Sum, &["V"]),
        Aggregate::new(Aggregation::Average, &["A=V"]),
    ];
    let scope = QueryScope::default();
    for table in [table.clone(), table.filter(&["true", "V>=0"], &scope).unwrap()] {
        let result = table.agg_by(&aggregates, &["K"], &scope).unwrap();
        assert_eq!(shown(&result), ["K N V A", "0 1 18 4.5", "1 2 12 4.0", "2 2 15 5.0"]);
    }
    let all = table.agg_by(&aggregates[..1], NONE, &scope).unwrap();
    assert_eq!(shown(&all), ["N", "5"]);
    let none = table.head(0).unwrap().agg_by(&aggregates, NONE, &scope).unwrap();
    assert_eq!(shown(&none), ["N V A"]);
}

#[test]
fn odd_aggregations_are_refused() {
    let table = Table::empty_table(1).unwrap().update(&["K=i", "V=i", "S=`x`"], &QueryScope::default()).unwrap();
    for (aggregates, expected) in [
        (vec![], "aggBy needs an aggregation"),
        (vec![Aggregate::new(Aggregation::Sum, &["Nope"])], "no column Nope"),
        (vec![Aggregate::new(Aggregation::Sum, &["A=V", "A=V"])], "aggBy: two columns would be named A"),
        (vec![Aggregate::new(Aggregation::Sum, &["K=V"])], "aggBy: two columns would be named K"),
        (vec![Aggregate::new(Aggregation::Sum, &["S"])], "aggBy: column S is of type String, which has no sum"),
        (
            vec![Aggregate::new(Aggregation::WeightedAverage("S".into()), &["V"])],
            "aggBy: column S is of type String, which has no weighted average",
        ),
        (
            vec![Aggregate::new(Aggregation::Percentile { share: 1.5, average: false }, &["V"])],
            "the percentile 1.5 is not between 0 and 1",
        ),
        (vec![Aggregate::new(Aggregation::Count, &["1N"])], "the column name \"1N\""),
    ] {
        let error = table.agg_by(&aggregates, &["K"], &QueryScope::default()).unwrap_err();
        assert!(
            error.message().contains(expected) || expected.contains("1N") && error.message().contains("1N"),
            "{error}"
        );
    }
}

#[test]
fn weights_and_values_of_any_length() {
    let big = |text: &str| Value::big_decimal(text.parse().unwrap());
    let table = table_of(&[
        ("K", ColumnType::Int, [1, 1, 1, 2, 3].map(Value::Int).to_vec()),
        ("P", ColumnType::BigDecimal, vec![big("1.5"), big("4"), Value::Null, big("2"), big("7")]),
        ("N", ColumnType::BigInteger, [9, 1, 1, 1, 1].map(Value::big_integer).to_vec()),
        ("F", ColumnType::Double, [0.5, 1.0, 1.0, 1.0, 2.0].map(Value::Double).to_vec()),
        ("W", ColumnType::Long, vec![Value::Long(1), Value::Long(3), Value::Long(9), Value::Long(0), Value::Null]),
    ]);
    let rows = |table: Table| shown(&table).split_off(1);
    let view = |names: &[&str]| table.view(names, &QueryScope::default()).unwrap();
    // Exact beside integers; an average by nothing is null, and so is one of no pairs.
    assert_eq!(rows(view(&["K", "P", "W"]).wavg_by("W", &["K"]).unwrap()), ["1 3.375", "2 null", "3 null"]);
    assert_eq!(rows(view(&["K", "P", "W"]).wsum_by("W", &["K"]).unwrap()), ["1 13.5", "2 0", "3 null"]);
    assert_eq!(rows(view(&["K", "N", "W"]).wsum_by("W", &["K"]).unwrap()), ["1 21", "2 0", "3 null"]);
    // As double beside floats; as weights, too.
    assert_eq!(rows(view(&["K", "F", "N"]).wavg_by("N", &["K"]).unwrap())[2], "3 2.0");
    assert_eq!(rows(view(&["K", "W", "P"]).wsum_by("P", &["K"]).unwrap()), ["1 13.5", "2 0", "3 null"]);
    let combined = [Aggregate::new(Aggregation::WeightedAverage("W".into()), &["A=P"])];
    assert_eq!(rows(table.agg_by(&combined, &["K"], &QueryScope::default()).unwrap()), ["1 3.375", "2 null", "3 null"]);
    let meta = view(&["K", "N", "W"]).wsum_by("W", &["K"]).unwrap();
    assert_eq!(meta.definition().columns()[1].column_type, ColumnType::BigInteger);
}
