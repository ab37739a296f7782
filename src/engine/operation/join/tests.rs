//! Joins against a model of loops: every pair of rows is compared.

use super::super::super::Table;
use super::super::super::testing::{COLUMNS, FakeSource, Model, NONE, Rows, models, shown, table_of};
use super::super::model_tests::{compare, tables};
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Value};
use proptest::prelude::*;

/// The right table's columns have an R before their names; keys are listed as pairs.
fn right_of(model: &Model) -> Model {
    let columns = model.columns.iter().map(|(name, t)| (format!("R{name}"), *t)).collect();
    Model { columns, rows: model.rows.clone() }
}

fn pairs(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| format!("{key}=R{key}")).collect()
}

/// For each left row the positions of the right rows with the same key.
fn matches(left: &Model, right: &Model, keys: &[&str]) -> Vec<Vec<usize>> {
    let same = |a: &[Value], b: &[Value]| {
        keys.iter().all(|key| compare(&a[left.position(key)], &b[right.position(&format!("R{key}"))]).is_eq())
    };
    let of = |row: &Vec<Value>| (0..right.rows.len()).filter(|&at| same(row, &right.rows[at])).collect();
    left.rows.iter().map(of).collect()
}

/// The left rows with the right rows chosen for them, if any.
fn beside(left: &Model, right: &Model, chosen: impl Iterator<Item = (usize, Option<usize>)>) -> Model {
    let columns = left.columns.iter().chain(&right.columns).cloned().collect();
    let nulls = vec![Value::Null; right.columns.len()];
    let row = |(left_at, right_at): (usize, Option<usize>)| {
        let added = right_at.map_or(&nulls, |at| &right.rows[at]);
        left.rows[left_at].iter().chain(added).cloned().collect()
    };
    Model { columns, rows: chosen.map(row).collect() }
}

/// A table in three partitions, grouped by S in each, and its rows as they lie there.
fn stored(model: &Model) -> (Table, Model) {
    let columns = COLUMNS.iter().map(|(name, t)| {
        let kind = if *name == "S" { ColumnKind::Grouping } else { ColumnKind::Normal };
        ColumnDefinition::new(*name, *t).of_kind(kind)
    });
    let third = model.rows.len() / 3;
    let parts: [Rows; 3] =
        [model.rows[..third].to_vec(), model.rows[third..2 * third].to_vec(), model.rows[2 * third..].to_vec()];
    let [a, b, c] = parts;
    let partitions = [("2020-01-01", "0", a), ("2020-01-02", "0", b), ("2020-01-03", "0", c)];
    let table = FakeSource::new(columns.collect(), &partitions, |_, _| false).table().drop_columns(&["Date"]).unwrap();
    let rows = table.row_count().unwrap();
    let chunks = table.read(&table.column_names(), 0..rows).unwrap();
    let rows = (0..rows as usize).map(|row| chunks.iter().map(|chunk| chunk.value(row)).collect()).collect();
    (table, Model { columns: model.columns.clone(), rows })
}

/// All the ways in which a pair of tables may lie, with the models of their rows.
fn ways(left: &Model, right: &Model) -> Vec<((Table, Model), (Table, Model))> {
    let renames: Vec<String> = left.columns.iter().map(|(name, _)| format!("R{name}={name}")).collect();
    let as_right = |(table, model): (Table, Model)| (table.rename_columns(&renames).unwrap(), right_of(&model));
    let mut ways = Vec::new();
    for (mine, its) in tables(left).into_iter().zip(tables(right).into_iter().rev()) {
        ways.push(((mine, left.clone()), as_right((its, right.clone()))));
    }
    ways.push((stored(left), as_right(stored(right))));
    ways.push((stored(left), as_right((right.table(), right.clone()))));
    ways.push(((left.table(), left.clone()), as_right(stored(right))));
    ways
}

fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    let names: Vec<&'static str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    prop_oneof![
        Just(vec!["S"]),
        prop::sample::subsequence(names.clone(), 0..=1),
        prop::sample::subsequence(names, 2..=3)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rules 98, 100 and 104.
    #[test]
    fn join_gives_every_pair(left in models(), right in models(), keys in keys()) {
        for ((mine, left), (its, right)) in ways(&left, &right) {
            let chosen = matches(&left, &right, &keys).into_iter().enumerate();
            let chosen = chosen.flat_map(|(at, rows)| rows.into_iter().map(move |row| (at, Some(row))));
            let joined = mine.join(&its, &pairs(&keys), NONE).unwrap();
            prop_assert_eq!(shown(&joined), beside(&left, &right, chosen).shown());
        }
    }

    /// Rules 98, 100, 101 and 102.
    #[test]
    fn natural_and_exact_join_find_the_one_match(left in models(), right in models(), keys in keys()) {
        for ((mine, left), (its, right)) in ways(&left, &right) {
            let found = matches(&left, &right, &keys);
            let on = pairs(&keys);
            let natural = mine.natural_join(&its, &on, NONE);
            let exact = mine.exact_join(&its, &on, NONE);
            prop_assert_eq!(natural.is_ok(), found.iter().all(|rows| rows.len() <= 1));
            prop_assert_eq!(exact.is_ok(), found.iter().all(|rows| rows.len() == 1));
            let chosen = || found.iter().map(|rows| rows.first().copied()).enumerate();
            if let Ok(natural) = natural {
                prop_assert_eq!(shown(&natural), beside(&left, &right, chosen()).shown());
            }
            if let Ok(exact) = exact {
                prop_assert_eq!(shown(&exact), beside(&left, &right, chosen()).shown());
            }
            // Without repeats on the right there is always a result, with holes; what comes of it behaves like any table.
            let names: Vec<String> = keys.iter().map(|key| format!("R{key}")).collect();
            let once = its.first_by(&names).unwrap().move_columns_up(&right.columns.iter().map(|(name, _)| name).collect::<Vec<_>>()).unwrap();
            let natural = mine.natural_join(&once, &on, NONE).unwrap();
            let expected = beside(&left, &right, chosen());
            prop_assert_eq!(shown(&natural), expected.shown());
            let reversed = Model { columns: expected.columns.clone(), rows: expected.rows.iter().rev().cloned().collect() };
            prop_assert_eq!(shown(&natural.reverse().unwrap()), reversed.shown());
            prop_assert_eq!(shown(&natural.reverse().unwrap().reverse().unwrap()), expected.shown());
        }
    }

    /// Rule 103.
    #[test]
    fn left_join_gives_all_matches_as_arrays(left in models(), right in models(), keys in keys()) {
        for ((mine, left), (its, right)) in ways(&left, &right) {
            let joined = mine.left_join(&its, &pairs(&keys), NONE).unwrap();
            let found = matches(&left, &right, &keys);
            let mut columns = left.columns.clone();
            let is_key = |name: &str| keys.iter().any(|key| name == format!("R{key}"));
            let added = |(name, t): &(String, ColumnType)| if is_key(name) { *t } else { t.array().unwrap() };
            columns.extend(right.columns.iter().map(|column| (column.0.clone(), added(column))));
            let row = |(mine, found): (&Vec<Value>, &Vec<usize>)| {
                let arrays = right.columns.iter().enumerate().map(|(at, (name, t))| match found.first() {
                    None => Value::Null,
                    Some(&first) if is_key(name) => right.rows[first][at].clone(),
                    Some(_) => Value::array(*t, found.iter().map(|&row| right.rows[row][at].clone())),
                });
                mine.iter().cloned().chain(arrays).collect()
            };
            let expected = Model { columns, rows: left.rows.iter().zip(&found).map(row).collect() };
            prop_assert_eq!(shown(&joined), expected.shown());
            let reversed = joined.reverse().unwrap().reverse().unwrap();
            prop_assert_eq!(shown(&reversed), expected.shown());
        }
    }

    /// Rules 105 to 107.
    #[test]
    fn as_of_joins_take_the_nearest_row(left in models(), right in models(), keys in keys(), stamp in prop::sample::select(&COLUMNS[..])) {
        let stamp = stamp.0;
        let keys: Vec<&str> = keys.into_iter().filter(|key| *key != stamp).collect();
        for ((mine, left), (its, right)) in ways(&left, &right) {
            let (mine_at, its_at) = (left.position(stamp), right.position(&format!("R{stamp}")));
            for (operator, reverse) in [(">=", false), (">", false), ("<=", true), ("<", true)] {
                let mut on = pairs(&keys);
                on.push(format!("{stamp}{operator}R{stamp}"));
                let chosen = matches(&left, &right, &keys).into_iter().enumerate().map(|(at, rows)| {
                    let fits = |row: &usize| {
                        let order = compare(&left.rows[at][mine_at], &right.rows[*row][its_at]);
                        match operator {
                            ">=" => order.is_ge(),
                            ">" => order.is_gt(),
                            "<=" => order.is_le(),
                            _ => order.is_lt(),
                        }
                    };
                    let stamp = |row: &usize| &right.rows[*row][its_at];
                    let fitting = rows.into_iter().filter(fits);
                    // max_by takes the last of equal rows, min_by the first.
                    let best = if reverse {
                        fitting.min_by(|a, b| compare(stamp(a), stamp(b)))
                    } else {
                        fitting.max_by(|a, b| compare(stamp(a), stamp(b)))
                    };
                    (at, best)
                });
                let expected = beside(&left, &right, chosen);
                let joined = if reverse { mine.raj(&its, &on, NONE) } else { mine.aj(&its, &on, NONE) };
                prop_assert_eq!(shown(&joined.unwrap()), expected.shown(), "{}", on.join(","));
            }
        }
    }
}

fn ints(values: &[i32]) -> Vec<Value> {
    values.iter().map(|&value| Value::Int(value)).collect()
}

/// Rules 98, 99, 107 and 108: which columns come of which arguments.
#[test]
fn columns_of_joins() {
    let left = table_of(&[
        ("K", ColumnType::Int, ints(&[1])),
        ("T", ColumnType::Int, ints(&[5])),
        ("V", ColumnType::Int, ints(&[7])),
    ]);
    let right = table_of(&[
        ("K", ColumnType::Int, ints(&[1])),
        ("T", ColumnType::Int, ints(&[4])),
        ("R", ColumnType::Int, ints(&[4])),
        ("W", ColumnType::Int, ints(&[8])),
    ]);
    let names = |table: crate::base::Result<Table>| match table {
        Ok(table) => table.column_names().join(" "),
        Err(error) => error.message().to_string(),
    };
    for (on, add, expected) in [
        (&["K"][..], &["W"][..], "K T V W"),
        (&["K"], &["X=W, Y=K"], "K T V X Y"),
        (&["K"], &["W", "R"], "K T V W R"),
        (&["K", "V=W"], &["R"], "K T V R"),
        (&["K"], &[], "naturalJoin: column T is in both tables"),
        (&["K"], &["T"], "naturalJoin: column T is in both tables"),
        (&["K", "T"], &[], "K T V R W"),
        (&["K=W"], &["RK=K"], "K T V RK"),
        (&["K=R"], &["R", "R=W"], "naturalJoin: two columns would be named R"),
        (&["K"], &["Z=W+1"], "no column W+1"),
        (&["K"], &["1Z=W"], "the column name \"1Z\" begins with '1'"),
        (&["K=Nope"], &[], "no column Nope"),
    ] {
        let found = names(left.natural_join(&right, on, add));
        assert!(
            found == expected || on.is_empty() || add == ["1Z=W"] && found.contains("1Z"),
            "{on:?} {add:?}: {found}"
        );
    }
    for (on, add, expected) in [
        ("K, T", &["W"][..], "K T V W"),
        ("K, T", &[], "K T V R W"),
        ("K, T", &["RT=T"], "K T V RT"),
        ("K, T>=R", &["W"], "K T V R W"),
        ("K, T>=R", &["W", "R"], "K T V R W"),
        ("K, T>=R", &["A=R"], "K T V A"),
        ("K, V>=T", &["W"], "K T V W"),
        ("K, V>=T", &[], "K T V R W"),
        ("K, T<R", &["W"], "aj: T<R compares with <"),
        ("", &["W"], "aj needs a column that says when, after the keys"),
    ] {
        assert_eq!(names(left.aj(&right, &[on], add)), expected, "{on} {add:?}");
    }
    let long = table_of(&[("K", ColumnType::Long, vec![Value::Long(1)])]);
    assert_eq!(names(left.join(&long, &["K"], NONE)), "join: K is int and K on the right is long");
}

/// Rules 101 and 102: the error names the key.
#[test]
fn odd_keys_are_named() {
    let left = table_of(&[
        ("K", ColumnType::String, ["a", "b"].map(Value::string).to_vec()),
        ("N", ColumnType::Int, ints(&[1, 2])),
    ]);
    let right = table_of(&[
        ("K", ColumnType::String, ["b", "b", "c", "c"].map(Value::string).to_vec()),
        ("V", ColumnType::Int, ints(&[1, 2, 3, 4])),
    ]);
    let message = |table: crate::base::Result<Table>| table.unwrap_err().message().to_string();
    assert_eq!(
        message(left.natural_join(&right, &["K"], NONE)),
        "naturalJoin: several rows of the right table have K=`b`"
    );
    assert_eq!(message(left.exact_join(&right, &["K"], NONE)), "exactJoin: no row of the right table has K=`a`");
    assert_eq!(left.head(1).unwrap().natural_join(&right, &["K"], &["V"]).unwrap().row_count().unwrap(), 2 - 1);
    assert_eq!(
        message(left.natural_join(&right, NONE, &["V"])),
        "naturalJoin: several rows of the right table have the same key (there are no key columns)"
    );
}

#[test]
fn a_product_that_is_too_large_is_refused() {
    let many = Table::empty_table(1 << 20).unwrap();
    let error = many.join(&many, NONE, NONE).unwrap_err();
    assert_eq!(error.message(), "join: 1099511627776 pairs of rows match, the most is 1073741824");
}

/// Of a right side that is grouped by the key only the groups of left keys are read, and no key.
#[test]
fn a_grouped_side_is_walked() {
    let row = |symbol: &str, time: i64| vec![Value::string(symbol), Value::DateTime(time), Value::Int(time as i32)];
    let rows: Rows = ["a", "b", "c"].iter().flat_map(|symbol| (0..50).map(move |time| row(symbol, time))).collect();
    let columns = vec![
        ColumnDefinition::new("S", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("T", ColumnType::DateTime),
        ColumnDefinition::new("V", ColumnType::Int),
    ];
    let source = FakeSource::new(columns, &[("2020-01-01", "0", rows)], |_, _| false);
    let left = table_of(&[
        ("S", ColumnType::String, vec![Value::string("b"), Value::string("x")]),
        ("T", ColumnType::DateTime, vec![Value::DateTime(7), Value::DateTime(7)]),
    ]);
    let joined = left.aj(&source.table(), &["S,T"], &["V"]).unwrap();
    let before = source.stats.counts().values_read;
    assert_eq!(shown(&joined), ["S T V", "\"b\" @7 7", "\"x\" @7 null"]);
    assert_eq!(source.stats.counts().values_read - before, 1, "the value, once");
    // 50 stamps of b, and of S what building its index for lookups takes: one value a group.
    assert!(before <= 50 + 3, "{before}");
}
