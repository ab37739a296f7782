//! Every operation against a naive model: rows of values, loops, and the rules written down once more, differently.

use super::super::Table;
use super::super::testing::{Model, NONE, Rows, models, show, shown};
use crate::base::{ColumnType, Value};
use proptest::prelude::*;
use std::cmp::Ordering;

/// Rule 57: null, -Infinity …, the zeros alike, … Infinity, NaN.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    let float = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.partial_cmp(&b).unwrap(),
    };
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::String(a), Value::String(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        (Value::Float(a), Value::Float(b)) => float(f64::from(*a), f64::from(*b)),
        (Value::Double(a), Value::Double(b)) => float(*a, *b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (a, b) => integer(a).cmp(&integer(b)),
    }
}

fn integer(value: &Value) -> i128 {
    match value {
        Value::Char(v) => i128::from(*v),
        Value::Byte(v) => i128::from(*v),
        Value::Short(v) => i128::from(*v),
        Value::Int(v) => i128::from(*v),
        Value::Long(v) | Value::DateTime(v) => i128::from(*v),
        Value::Boolean(v) => i128::from(*v),
        other => panic!("{other:?} is no integer"),
    }
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        other => integer(other) as f64,
    }
}

impl Model {
    pub(super) fn shown(&self) -> Vec<String> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        std::iter::once(names.join(" ")).chain(self.rows.iter().map(|row| show(row.iter().cloned()))).collect()
    }

    fn with_rows(&self, rows: Rows) -> Model {
        Model { columns: self.columns.clone(), rows }
    }

    fn sorted(&self, keys: &[&str], descending: bool) -> Model {
        let mut rows = self.rows.clone();
        rows.sort_by(|a, b| {
            let by = |key: &&str| compare(&a[self.position(key)], &b[self.position(key)]);
            let order = keys.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        });
        self.with_rows(rows)
    }

    /// Rules 70 and 71: groups in order of first appearance, as (key, rows).
    pub(super) fn groups(&self, keys: &[&str]) -> Vec<(Vec<Value>, Rows)> {
        let mut groups: Vec<(Vec<Value>, Rows)> = Vec::new();
        for row in &self.rows {
            let key: Vec<Value> = keys.iter().map(|key| row[self.position(key)].clone()).collect();
            let same = |other: &[Value]| key.iter().zip(other).all(|(a, b)| compare(a, b).is_eq());
            match groups.iter_mut().find(|(other, _)| same(other)) {
                Some((_, rows)) => rows.push(row.clone()),
                None => groups.push((key, vec![row.clone()])),
            }
        }
        groups
    }

    /// One row a group: the keys, then what `of` makes of the values of each other column.
    fn by(&self, keys: &[&str], of: impl Fn(ColumnType, Vec<Value>) -> (ColumnType, Value)) -> Model {
        let others: Vec<usize> =
            (0..self.columns.len()).filter(|at| !keys.contains(&self.columns[*at].0.as_str())).collect();
        let mut columns: Vec<(String, ColumnType)> =
            keys.iter().map(|key| self.columns[self.position(key)].clone()).collect();
        columns.extend(others.iter().map(|&at| {
            let (name, column_type) = &self.columns[at];
            (name.clone(), of(*column_type, Vec::new()).0)
        }));
        let row = |(mut key, rows): (Vec<Value>, Rows)| {
            key.extend(
                others.iter().map(|&at| of(self.columns[at].1, rows.iter().map(|row| row[at].clone()).collect()).1),
            );
            key
        };
        Model { columns, rows: self.groups(keys).into_iter().map(row).collect() }
    }

    /// The table without columns of some types.
    fn without(&self, types: &[ColumnType], keys: &[&str]) -> Model {
        let kept: Vec<usize> = (0..self.columns.len())
            .filter(|&at| keys.contains(&self.columns[at].0.as_str()) || !types.contains(&self.columns[at].1))
            .collect();
        Model {
            columns: kept.iter().map(|&at| self.columns[at].clone()).collect(),
            rows: self.rows.iter().map(|row| kept.iter().map(|&at| row[at].clone()).collect()).collect(),
        }
    }
}

fn present(values: Vec<Value>) -> Vec<Value> {
    values.into_iter().filter(|value| !value.is_null()).collect()
}

/// Rules 73 and 75.
fn sum(column_type: ColumnType, values: Vec<Value>, absolute: bool) -> (ColumnType, Value) {
    let values = present(values);
    let result = if column_type.is_floating() { column_type } else { ColumnType::Long };
    if values.is_empty() {
        return (result, Value::Null);
    }
    let value = if column_type.is_floating() {
        let sum = values.iter().map(float).fold(0.0, |sum, v| sum + if absolute { v.abs() } else { v });
        if column_type == ColumnType::Float { Value::Float(sum as f32) } else { Value::Double(sum) }
    } else {
        match values.iter().map(integer).fold(0i128, |sum, v| sum + if absolute { v.abs() } else { v }) as i64 {
            i64::MIN => Value::Null,
            sum => Value::Long(sum),
        }
    };
    (result, value)
}

/// Rules 74 and 75.
fn average(_: ColumnType, values: Vec<Value>) -> (ColumnType, Value) {
    let values = present(values);
    let count = values.len() as f64;
    let mean = match values.first() {
        None => Value::Null,
        Some(Value::Float(_) | Value::Double(_)) => {
            Value::Double(values.iter().map(float).fold(0.0, |sum, v| sum + v) / count)
        }
        Some(_) => Value::Double(values.iter().map(integer).sum::<i128>() as f64 / count),
    };
    (ColumnType::Double, mean)
}

/// Rules 75, 77 and 87.
fn extreme(column_type: ColumnType, values: Vec<Value>, greatest: bool) -> (ColumnType, Value) {
    let is_nan = |value: &Value| matches!(value, Value::Float(_) | Value::Double(_)) && float(value).is_nan();
    let values = present(values);
    let best = values.iter().find(|value| is_nan(value)).cloned().or_else(|| {
        values.into_iter().reduce(|best, value| {
            let order = compare(&value, &best);
            if if greatest { order.is_gt() } else { order.is_lt() } { value } else { best }
        })
    });
    (column_type, best.unwrap_or(Value::Null))
}

/// Rule 78; as measured, a NaN makes the median NaN, as it does the mean.
fn median(column_type: ColumnType, values: Vec<Value>) -> (ColumnType, Value) {
    let mut values = present(values);
    if column_type.is_floating()
        && let Some(nan) = values.iter().find(|value| float(value).is_nan())
    {
        return (column_type, nan.clone());
    }
    let has_negative_zero =
        column_type.is_floating() && values.iter().map(float).any(|value| value == 0.0 && value.is_sign_negative());
    values.sort_by(compare);
    let result =
        if matches!(column_type, ColumnType::Int | ColumnType::Long) { ColumnType::Double } else { column_type };
    let Some(upper) = values.get(values.len() / 2).cloned() else { return (result, Value::Null) };
    let lower = if values.len().is_multiple_of(2) { values[values.len() / 2 - 1].clone() } else { upper.clone() };
    let value = match (&lower, &upper) {
        (Value::Int(a), Value::Int(b)) => Value::Double((f64::from(*a) + f64::from(*b)) / 2.0),
        (Value::Long(a), Value::Long(b)) => Value::Double((i128::from(*a) + i128::from(*b)) as f64 / 2.0),
        (Value::Float(_), _) if compare(&lower, &upper).is_ne() => {
            Value::Float((float(&lower) / 2.0 + float(&upper) / 2.0) as f32)
        }
        (Value::Double(_), _) if compare(&lower, &upper).is_ne() => {
            Value::Double(float(&lower) / 2.0 + float(&upper) / 2.0)
        }
        // Of equal zeros the negative one.
        (Value::Float(0.0), _) => Value::Float(if has_negative_zero { -0.0 } else { 0.0 }),
        (Value::Double(0.0), _) => Value::Double(if has_negative_zero { -0.0 } else { 0.0 }),
        _ => upper,
    };
    (result, value)
}

/// Rule 76, in two passes.
fn deviation(_: ColumnType, values: Vec<Value>) -> (ColumnType, Value) {
    let values: Vec<f64> = present(values).iter().map(float).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let result = match values.len() {
        0 => Value::Null,
        1 => Value::Double(f64::NAN),
        _ => Value::Double(variance.sqrt()),
    };
    (ColumnType::Double, result)
}

/// Both layouts of the table: keys that are positions, and keys that are not.
pub(super) fn tables(model: &Model) -> [Table; 2] {
    [model.table(), model.sparse_table()]
}

pub(super) fn key_sets() -> impl Strategy<Value = Vec<&'static str>> {
    let names = super::super::testing::COLUMNS.map(|(name, _)| name).to_vec();
    prop_oneof![
        Just(Vec::new()),
        prop::sample::subsequence(names.clone(), 1..=3),
        prop::sample::subsequence(names, 1).boxed()
    ]
}

const NOT_SUMMED: &[ColumnType] = &[ColumnType::String, ColumnType::DateTime];
const NOT_AVERAGED: &[ColumnType] = &[ColumnType::String, ColumnType::DateTime, ColumnType::Boolean];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tables_give_their_rows_back(model in models()) {
        for table in tables(&model) {
            prop_assert_eq!(shown(&table), model.shown());
        }
    }

    /// Rules 57 to 59.
    #[test]
    fn sorts_are_stable_and_in_order(model in models(), keys in key_sets()) {
        for table in tables(&model) {
            prop_assert_eq!(shown(&table.sort(&keys).unwrap()), model.sorted(&keys, false).shown());
            let descending = table.sort_descending(&keys).unwrap();
            prop_assert_eq!(shown(&descending), model.sorted(&keys, true).shown());
            let twice = descending.sort(&["L"]).unwrap();
            prop_assert_eq!(shown(&twice), model.sorted(&keys, true).sorted(&["L"], false).shown());
        }
    }

    /// Rule 60.
    #[test]
    fn rows_by_position(model in models(), count in 0usize..70, share in 0.0f64..=1.0) {
        let rows = &model.rows;
        let first = |count: usize| model.with_rows(rows[..count.min(rows.len())].to_vec()).shown();
        let last = |count: usize| model.with_rows(rows[rows.len().saturating_sub(count)..].to_vec()).shown();
        let part = (share * rows.len() as f64).ceil() as usize;
        for table in tables(&model) {
            prop_assert_eq!(shown(&table.head(count as i64).unwrap()), first(count));
            prop_assert_eq!(shown(&table.tail(count as i64).unwrap()), last(count));
            prop_assert_eq!(shown(&table.head_pct(share).unwrap()), first(part));
            prop_assert_eq!(shown(&table.tail_pct(share).unwrap()), last(part));
            prop_assert_eq!(shown(&table.slice(-(count as i64), 0).unwrap()), last(count));
            let reversed = model.with_rows(rows.iter().rev().cloned().collect());
            prop_assert_eq!(shown(&table.reverse().unwrap()), reversed.shown());
        }
    }

    /// Rules 70, 71 and 83.
    #[test]
    fn first_last_and_count_by_group(model in models(), keys in key_sets()) {
        let first = model.by(&keys, |t, values| (t, values.first().cloned().unwrap_or(Value::Null)));
        let last = model.by(&keys, |t, values| (t, values.last().cloned().unwrap_or(Value::Null)));
        let groups = model.groups(&keys);
        for table in tables(&model) {
            prop_assert_eq!(shown(&table.first_by(&keys).unwrap()), first.shown());
            prop_assert_eq!(shown(&table.last_by(&keys).unwrap()), last.shown());
            let counts = table.count_by("N", &keys).unwrap().read_column("N").unwrap();
            let expected: Vec<Value> = groups.iter().map(|(_, rows)| Value::Long(rows.len() as i64)).collect();
            prop_assert_eq!((0..counts.len()).map(|at| counts.value(at)).collect::<Vec<_>>(), expected);
        }
    }

    /// Rule 61.
    #[test]
    fn ends_of_groups(model in models(), keys in key_sets(), count in 1usize..4) {
        let order: Vec<usize> = model.table().keys_first(&keys.iter().map(|key| model.position(key)).collect::<Vec<_>>());
        let ends = |last: bool| {
            let cut = |(group, rows): (Vec<Value>, Rows)| {
                let from = if last { rows.len().saturating_sub(count) } else { 0 };
                let with_key = |mut row: Vec<Value>| {
                    keys.iter().zip(&group).for_each(|(key, value)| row[model.position(key)] = value.clone());
                    row
                };
                rows.into_iter().skip(from).take(count).map(with_key).collect::<Rows>()
            };
            let rows = model.groups(&keys).into_iter().flat_map(cut);
            Model {
                columns: order.iter().map(|&at| model.columns[at].clone()).collect(),
                rows: rows.map(|row| order.iter().map(|&at| row[at].clone()).collect()).collect(),
            }
        };
        for table in tables(&model) {
            prop_assert_eq!(shown(&table.head_by(count as i64, &keys).unwrap()), ends(false).shown());
            prop_assert_eq!(shown(&table.tail_by(count as i64, &keys).unwrap()), ends(true).shown());
        }
    }

    /// Rules 73 to 75, 77, 78, 87.
    #[test]
    fn aggregations(model in models(), keys in key_sets()) {
        let summed = model.without(NOT_SUMMED, &keys);
        for table in tables(&summed) {
            let check = |result: Table, expected: Model| {
                let types: Vec<ColumnType> = result.definition().columns().iter().map(|c| c.column_type).collect();
                let expected_types: Vec<ColumnType> = expected.columns.iter().map(|(_, t)| *t).collect();
                assert_eq!(types, expected_types);
                assert_eq!(shown(&result), expected.shown());
            };
            check(table.sum_by(&keys).unwrap(), summed.by(&keys, |t, v| sum(t, v, false)));
            check(table.abs_sum_by(&keys).unwrap(), summed.by(&keys, |t, v| sum(t, v, true)));
        }
        let averaged = model.without(NOT_AVERAGED, &keys);
        for table in tables(&averaged) {
            prop_assert_eq!(shown(&table.avg_by(&keys).unwrap()), averaged.by(&keys, average).shown());
        }
        for table in tables(&model) {
            prop_assert_eq!(shown(&table.min_by(&keys).unwrap()), model.by(&keys, |t, v| extreme(t, v, false)).shown());
            prop_assert_eq!(shown(&table.max_by(&keys).unwrap()), model.by(&keys, |t, v| extreme(t, v, true)).shown());
            prop_assert_eq!(shown(&table.median_by(&keys).unwrap()), model.by(&keys, median).shown());
        }
    }

    /// Rule 76, to the last bits of the arithmetic.
    #[test]
    fn deviations(model in models(), keys in key_sets()) {
        let numbers = model.without(NOT_AVERAGED, &keys);
        let expected = numbers.by(&keys, deviation);
        for table in tables(&numbers) {
            let result = table.std_by(&keys).unwrap();
            let squares = table.var_by(&keys).unwrap();
            for (at, (name, _)) in expected.columns.iter().enumerate().skip(keys.len()) {
                let (root, square) = (result.read_column(name).unwrap(), squares.read_column(name).unwrap());
                for (row, expected) in expected.rows.iter().enumerate() {
                    let near = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * b.abs();
                    match (&expected[at], root.value(row), square.value(row)) {
                        (Value::Null, root, square) => prop_assert_eq!((root, square), (Value::Null, Value::Null)),
                        (expected, root, square) => {
                            let expected = float(expected);
                            prop_assert!(near(float(&root), expected), "{root:?} is not {expected}");
                            prop_assert!(near(float(&square), expected * expected), "{square:?} is not {expected}²");
                        }
                    }
                }
            }
        }
    }

    /// Rule 109.
    #[test]
    fn merges(a in models(), b in models()) {
        for (left, right) in [(a.table(), b.sparse_table()), (a.sparse_table(), b.table())] {
            let moved = right.move_columns_up(&["D", "S"]).unwrap();
            let merged = Table::merge(&[left, moved, a.table().head(1).unwrap()]).unwrap();
            let rows = a.rows.iter().chain(&b.rows).chain(a.rows.iter().take(1)).cloned().collect();
            let expected = a.with_rows(rows);
            prop_assert_eq!(shown(&merged), expected.shown());
            prop_assert_eq!(shown(&merged.sort(&["S"]).unwrap()), expected.sorted(&["S"], false).shown());
            let last = expected.by(&["S"], |t, values| (t, values.last().cloned().unwrap_or(Value::Null)));
            prop_assert_eq!(shown(&merged.last_by(&["S"]).unwrap()), last.shown());
        }
    }

    /// Rules 64 to 66.
    #[test]
    fn columns_change_places(model in models(), at in -1i64..12) {
        let table = model.table();
        let all = |table: &Table| table.column_names().join("");
        prop_assert_eq!(all(&table.rename_columns(&["S=C", "C=S"]).unwrap()), "CSZBHILFDT");
        prop_assert_eq!(all(&table.rename_columns(&["D=S"]).unwrap()), "DCZBHILFT");
        prop_assert_eq!(all(&table.move_columns_down(&["S", "Z"]).unwrap()), "CBHILFDTSZ");
        let moved = table.move_columns(at, &["T", "S"]).unwrap();
        let mut expected: Vec<char> = "CZBHILFD".chars().collect();
        let place = at.clamp(0, 8) as usize;
        expected.splice(place..place, ['T', 'S']);
        prop_assert_eq!(all(&moved), expected.into_iter().collect::<String>());
        prop_assert_eq!(shown(&moved.move_columns(0, &["S,C,Z,B,H,I,L,F,D,T"]).unwrap()), model.shown());
        let names: Vec<&str> = table.column_names();
        let bare = table.drop_columns(&names).unwrap();
        prop_assert_eq!((bare.row_count().unwrap(), bare.column_names().len()), (model.rows.len() as u64, 0));
        prop_assert!(table.sort(NONE).is_ok());
    }
}
