//! `updateBy` against a model that looks at all rows of a window for each row.

use super::super::super::Table;
use super::super::super::formula::QueryScope;
use super::super::super::testing::{Model, NONE, models, shown, table_of};
use super::super::model_tests::{compare, key_sets, tables};
use super::{Decay, DeltaMode, Exponential, Rolling, UpdateBy, UpdateOperation, Window};
use crate::base::{ColumnType, Value};
use proptest::prelude::*;

fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Byte(v) => f64::from(*v),
        Value::Short(v) => f64::from(*v),
        Value::Int(v) => f64::from(*v),
        Value::Long(v) => *v as f64,
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        _ => return None,
    })
}

/// Text of a result that is a number, rounded so far that the order of additions does not matter.
fn text(value: &Value) -> String {
    match number(value) {
        Some(value) if value.is_finite() && value != 0.0 => format!("{value:.6e}"),
        Some(0.0) => "0".into(),
        Some(value) => value.to_string(),
        None => format!("{value:?}"),
    }
}

fn present<'a>(values: &[&'a Value]) -> Vec<&'a Value> {
    values.iter().copied().filter(|value| !value.is_null()).collect()
}

/// What a statistic of a window of values is.
fn statistic(kind: &Rolling, values: &[&Value]) -> String {
    let values = present(values);
    if *kind == Rolling::Count {
        return text(&Value::Long(values.len() as i64));
    }
    if values.is_empty() {
        return "Null".into();
    }
    let nan = values.iter().find(|value| number(value).is_some_and(f64::is_nan));
    let numbers: Vec<f64> = values.iter().filter_map(|value| number(value)).collect();
    let count = numbers.len() as f64;
    let is_floating = matches!(values[0], Value::Float(_) | Value::Double(_));
    let exact: i128 = if is_floating { 0 } else { values.iter().map(|value| integer(value)).sum() };
    match kind {
        Rolling::Sum if is_floating => text(&Value::Double(numbers.iter().sum())),
        Rolling::Sum => match exact as i64 {
            i64::MIN => "Null".into(),
            sum => text(&Value::Long(sum)),
        },
        Rolling::Average if matches!(values[0], Value::Float(_)) => {
            text(&Value::Double(f64::from(numbers.iter().sum::<f64>() as f32) / count))
        }
        Rolling::Average if is_floating => text(&Value::Double(numbers.iter().sum::<f64>() / count)),
        Rolling::Average => text(&Value::Double(exact as f64 / count)),
        Rolling::Product => text(&Value::Double(numbers.iter().product::<f64>())),
        Rolling::Min | Rolling::Max => match nan {
            Some(nan) => text(nan),
            None => {
                let least = values.iter().min_by(|a, b| compare(a, b));
                let greatest = values.iter().max_by(|a, b| compare(a, b));
                text(if *kind == Rolling::Min { least.unwrap() } else { greatest.unwrap() })
            }
        },
        other => panic!("{other:?} is not modelled"),
    }
}

fn integer(value: &Value) -> i128 {
    match value {
        Value::Byte(v) => i128::from(*v),
        Value::Short(v) => i128::from(*v),
        Value::Int(v) => i128::from(*v),
        Value::Long(v) => i128::from(*v),
        other => panic!("{other:?}"),
    }
}

/// For each row the positions of the rows of its group, and its own place among them.
fn places(model: &Model, keys: &[&str]) -> Vec<(Vec<usize>, usize)> {
    let same = |a: &[Value], b: &[Value]| {
        keys.iter().all(|key| compare(&a[model.position(key)], &b[model.position(key)]).is_eq())
    };
    let of = |(at, row): (usize, &Vec<Value>)| {
        let group: Vec<usize> = (0..model.rows.len()).filter(|&other| same(&model.rows[other], row)).collect();
        let place = group.iter().position(|&other| other == at).unwrap();
        (group, place)
    };
    model.rows.iter().enumerate().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Rules 121, 122 and 124.
    #[test]
    fn every_row_sees_its_window(
        model in models(),
        keys in key_sets(),
        reverse in -3i64..6,
        reach in 0i64..9,
        kind in prop::sample::select(vec![Rolling::Sum, Rolling::Average, Rolling::Min, Rolling::Max, Rolling::Product, Rolling::Count]),
    ) {
        let forward = reach - reverse;
        // Columns of keys are taken as values too, under other names.
        let columns = ["B", "H", "I", "L", "F", "D"];
        let renamed: Vec<String> = columns.iter().map(|name| format!("X{name}={name}")).collect();
        let rolling = UpdateBy::new(UpdateOperation::Rolling(kind.clone(), Window::Ticks(reverse, forward)), &renamed);
        let filled: Vec<String> = model.columns.iter().map(|(name, _)| format!("F{name}={name}")).collect();
        let fill = UpdateBy::new(UpdateOperation::Fill, &filled);
        let cumulated = |name: &str, operation| UpdateBy::new(operation, &[format!("{name}I=I"), format!("{name}D=D")]);
        let (sums, mins) = (cumulated("S", UpdateOperation::CumulativeSum), cumulated("M", UpdateOperation::CumulativeMin));
        let delta = cumulated("E", UpdateOperation::Delta(DeltaMode::ValueDominates));
        let places = places(&model, &keys);
        for table in tables(&model) {
            let result = table.update_by(&[rolling.clone(), fill.clone(), sums.clone(), mins.clone(), delta.clone()], &keys).unwrap();
            prop_assert_eq!(shown(&result.select(&model.columns.iter().map(|(name, _)| name).collect::<Vec<_>>(), &QueryScope::default()).unwrap()), model.shown());
            let read = |name: String| result.read_column(&name).unwrap();
            for column in columns {
                let (found, at) = (read(format!("X{column}")), model.position(column));
                for (row, (group, place)) in places.iter().enumerate() {
                    let window = (*place as i64 - reverse + 1)..=(*place as i64 + forward);
                    let inside: Vec<&Value> =
                        group.iter().enumerate().filter(|(at, _)| window.contains(&(*at as i64))).map(|(_, &other)| &model.rows[other][at]).collect();
                    prop_assert_eq!(text(&found.value(row)), statistic(&kind, &inside), "{} row {}", column, row);
                }
            }
            for (column, at) in model.columns.iter().map(|(name, _)| (name, model.position(name))) {
                let found = read(format!("F{column}"));
                for (row, (group, place)) in places.iter().enumerate() {
                    let last = group[..=*place].iter().rev().map(|&other| &model.rows[other][at]).find(|value| !value.is_null());
                    prop_assert_eq!(format!("{:?}", found.value(row)), format!("{:?}", last.unwrap_or(&Value::Null)));
                }
            }
            for column in ["I", "D"] {
                let at = model.position(column);
                let (sums, mins, deltas) = (read(format!("S{column}")), read(format!("M{column}")), read(format!("E{column}")));
                for (row, (group, place)) in places.iter().enumerate() {
                    let so_far: Vec<&Value> = group[..=*place].iter().map(|&other| &model.rows[other][at]).collect();
                    prop_assert_eq!(text(&sums.value(row)), statistic(&Rolling::Sum, &so_far));
                    // Rule 77: NaN counts only where it comes first.
                    let present = present(&so_far);
                    let is_nan = |value: &&&Value| number(value).is_some_and(f64::is_nan);
                    let least = match present.first().filter(is_nan) {
                        Some(nan) => Some(*nan),
                        None => present.iter().filter(|value| !is_nan(value)).min_by(|a, b| compare(a, b)).copied(),
                    };
                    prop_assert_eq!(text(&mins.value(row)), text(least.unwrap_or(&Value::Null)));
                    let (value, before) = (so_far[*place], place.checked_sub(1).map_or(&Value::Null, |before| so_far[before]));
                    let delta = match (value, before) {
                        (Value::Null, _) => Value::Null,
                        (value, Value::Null) => value.clone(),
                        (Value::Int(a), Value::Int(b)) => match a.wrapping_sub(*b) {
                            i32::MIN => Value::Null,
                            delta => Value::Int(delta),
                        },
                        (Value::Double(a), Value::Double(b)) => Value::Double(a - b),
                        other => panic!("{other:?}"),
                    };
                    prop_assert_eq!(text(&deltas.value(row)), text(&delta));
                }
            }
        }
    }
}

fn doubles(values: &[Option<f64>]) -> Vec<Value> {
    values.iter().map(|value| value.map_or(Value::Null, Value::Double)).collect()
}

/// Rules 122, 123 and 125.
#[test]
fn windows_and_decay_by_time() {
    let second = 1_000_000_000i64;
    let times = [0, 10, 20, 20, 50].map(|at| Value::DateTime(at * second)).to_vec();
    let table = table_of(&[
        ("T", ColumnType::DateTime, times),
        ("V", ColumnType::Double, doubles(&[Some(1.0), None, Some(4.0), Some(2.0), Some(8.0)])),
    ]);
    let rolling = |kind| UpdateOperation::Rolling(kind, Window::Time("T".into(), 15 * second, 0));
    let updates = [
        UpdateBy::new(rolling(Rolling::Sum), &["Sum=V"]),
        UpdateBy::new(rolling(Rolling::Count), &["Count=V"]),
        UpdateBy::new(rolling(Rolling::Deviation), &["Dev=V"]),
        UpdateBy::new(rolling(Rolling::WeightedAverage("V".into())), &["W=V"]),
        UpdateBy::new(UpdateOperation::Delta(DeltaMode::ZeroDominates), &["D=T"]),
    ];
    let result = table.update_by(&updates, NONE).unwrap().drop_columns(&["T", "V"]).unwrap();
    assert_eq!(
        shown(&result),
        [
            "Sum Count Dev W D",
            "1.0 1 NaN 1.0 0",
            "1.0 1 NaN 1.0 10000000000",
            "6.0 2 1.4142135623730951 3.3333333333333335 10000000000",
            "6.0 2 1.4142135623730951 3.3333333333333335 0",
            "8.0 1 NaN 8.0 30000000000",
        ]
    );
    let moving = |kind, decay| UpdateBy::new(UpdateOperation::Exponential(kind, decay), &[format!("{kind:?}=V")]);
    let by_ticks = |kind| moving(kind, Decay::Ticks(2.0));
    let result = table
        .update_by(
            &[
                by_ticks(Exponential::Average),
                by_ticks(Exponential::Sum),
                by_ticks(Exponential::Max),
                by_ticks(Exponential::Deviation),
            ],
            NONE,
        )
        .unwrap();
    let left = (-0.5f64).exp();
    let average = left * 1.0 + (1.0 - left) * 4.0;
    let at = |name: &str, row: usize| result.read_column(name).unwrap().value(row);
    assert_eq!([at("Average", 0), at("Average", 1), at("Average", 2)], [1.0, 1.0, average].map(Value::Double));
    assert_eq!([at("Sum", 2), at("Max", 3)], [left + 4.0, (left * 4.0f64).max(2.0)].map(Value::Double));
    assert_eq!(at("Deviation", 2), Value::Double((left * (1.0 - left) * 9.0).sqrt()));
    assert!(matches!(at("Deviation", 1), Value::Double(value) if value.is_nan()));
    let by_time = table.update_by(&[moving(Exponential::Average, Decay::Time("T".into(), 20 * second))], NONE).unwrap();
    let left = (-1.0f64).exp();
    assert_eq!(by_time.read_column("Average").unwrap().value(2), Value::Double(left * 1.0 + (1.0 - left) * 4.0));
    let error = table.reverse().unwrap().update_by(&updates, NONE).unwrap_err();
    assert_eq!(error.message(), "updateBy: the times of a group go back");
}

/// Rule 120: names, places and types.
#[test]
fn columns_of_update_by() {
    let table = Table::empty_table(4).unwrap().update(&["A=i", "S=`x`", "B=1.5"], &QueryScope::default()).unwrap();
    let sums = UpdateBy::new(UpdateOperation::CumulativeSum, &["A", "C=B"]);
    let result = table.update_by(&[sums, UpdateBy::new(UpdateOperation::CumulativeMax, NONE)], &["S"]);
    assert_eq!(result.unwrap_err().message(), "updateBy: two columns would be named A");
    let result = table.update_by(&[UpdateBy::new(UpdateOperation::CumulativeSum, &["A", "C=B"])], &["S"]).unwrap();
    assert_eq!(shown(&result), ["A S B C", "0 \"x\" 1.5 1.5", "1 \"x\" 1.5 3.0", "3 \"x\" 1.5 4.5", "6 \"x\" 1.5 6.0"]);
    let all = table.update_by(&[UpdateBy::new(UpdateOperation::CumulativeProduct, NONE)], NONE).unwrap();
    assert_eq!(shown(&all)[4], "0 \"x\" 5.0625");
    for (operation, column, expected) in [
        (UpdateOperation::CumulativeSum, "S", "updateBy: column S is String, of which there is no CumSum"),
        (UpdateOperation::CumulativeSum, "Nope", "no column Nope"),
        (
            UpdateOperation::Exponential(Exponential::Average, Decay::Time("A".into(), 1)),
            "B",
            "updateBy: column A is int, not a DateTime",
        ),
        (
            UpdateOperation::Rolling(Rolling::WeightedAverage("S".into()), Window::Ticks(1, 0)),
            "B",
            "updateBy: column S is String, not a number",
        ),
    ] {
        assert_eq!(table.update_by(&[UpdateBy::new(operation, &[column])], NONE).unwrap_err().message(), expected);
    }
    assert!(table.update_by(&[], NONE).is_err());
}

/// Rules 121 and 122 for the types that are no numbers but count as such or have an order, and windows without rows.
#[test]
fn characters_booleans_and_texts() {
    let table = table_of(&[
        ("C", ColumnType::Char, vec![Value::Char(98), Value::Null, Value::Char(97)]),
        ("P", ColumnType::Boolean, vec![Value::Boolean(true), Value::Boolean(false), Value::Null]),
        ("S", ColumnType::String, vec![Value::string("b"), Value::Null, Value::string("a")]),
        ("D", ColumnType::Double, doubles(&[Some(-1.0), Some(0.0), None])),
    ]);
    let ticks = |kind, reverse, forward| UpdateOperation::Rolling(kind, Window::Ticks(reverse, forward));
    for (operation, column, expected) in [
        (UpdateOperation::CumulativeSum, "C", ["98", "98", "195"]),
        (UpdateOperation::CumulativeSum, "P", ["1", "1", "1"]),
        (UpdateOperation::CumulativeMin, "S", ["\"b\"", "\"b\"", "\"a\""]),
        (UpdateOperation::CumulativeMax, "S", ["\"b\"", "\"b\"", "\"b\""]),
        (UpdateOperation::Delta(DeltaMode::ValueDominates), "C", ["'98'", "null", "'97'"]),
        (ticks(Rolling::Sum, 2, 0), "C", ["98", "98", "97"]),
        (ticks(Rolling::Sum, 2, 0), "P", ["1", "1", "0"]),
        (ticks(Rolling::Average, 3, 0), "P", ["1.0", "0.5", "0.5"]),
        (ticks(Rolling::Average, 3, 0), "C", ["98.0", "98.0", "97.5"]),
        (ticks(Rolling::Deviation, 3, 0), "P", ["NaN", "0.7071067811865476", "0.7071067811865476"]),
        (ticks(Rolling::Product, 3, 0), "C", ["98.0", "98.0", "9506.0"]),
        (ticks(Rolling::Product, 3, 0), "D", ["-1.0", "0.0", "0.0"]),
        (ticks(Rolling::Min, 3, 0), "S", ["\"b\"", "\"b\"", "\"a\""]),
        (ticks(Rolling::Max, 1, 1), "S", ["\"b\"", "\"a\"", "\"a\""]),
        (ticks(Rolling::Group, 2, -1), "D", ["[]", "[-1.0]", "[0.0]"]),
        (ticks(Rolling::Sum, 2, -1), "D", ["null", "-1.0", "0.0"]),
        (ticks(Rolling::Count, 2, -1), "D", ["0", "1", "1"]),
    ] {
        let result = table.update_by(&[UpdateBy::new(operation.clone(), &[format!("R={column}")])], NONE).unwrap();
        let result = shown(&result.view(&["R"], &QueryScope::default()).unwrap());
        assert_eq!(result[1..], expected.map(str::to_string), "{operation:?} of {column}");
    }
    for (operation, column, message) in [
        (UpdateOperation::CumulativeMin, "P", "no CumMin"),
        (UpdateOperation::CumulativeProduct, "C", "no CumProd"),
        (ticks(Rolling::Product, 2, 0), "P", "there is no RollingProd"),
        (ticks(Rolling::Sum, -3, 2), "D", "a window ends before it begins"),
    ] {
        let error = table.update_by(&[UpdateBy::new(operation, &[column])], NONE).unwrap_err();
        assert!(error.message().contains(message), "{error}");
    }
}

/// Rule 125: a row without a time changes nothing, and times do not go back.
#[test]
fn decay_by_time_needs_times() {
    let times = |at: [Option<i64>; 4]| at.map(|at| at.map_or(Value::Null, Value::DateTime)).to_vec();
    let values = doubles(&[Some(9.0), Some(1.0), Some(4.0), None]);
    let of = |at, kind| {
        let table = table_of(&[("T", ColumnType::DateTime, times(at)), ("V", ColumnType::Double, values.clone())]);
        let operation = UpdateOperation::Exponential(kind, Decay::Time("T".into(), 10));
        table
            .update_by(&[UpdateBy::new(operation, &["R=V"])], NONE)
            .map(|table| shown(&table.drop_columns(&["T", "V"]).unwrap()))
    };
    let late = [None, Some(0), Some(1_000_000), Some(1_000_001)];
    assert_eq!(of(late, Exponential::Average).unwrap(), ["R", "null", "1.0", "4.0", "4.0"]);
    assert_eq!(of(late, Exponential::Deviation).unwrap(), ["R", "NaN", "NaN", "0.0", "0.0"]);
    let back = of([Some(5), Some(4), None, None], Exponential::Sum).unwrap_err();
    assert_eq!(back.message(), "updateBy: the times of a group go back");
}
