//! The rules of the language one by one, by their numbers in the project's list of semantics.

use super::super::Table;
use super::super::formula::QueryScope;
use super::super::testing::{NONE, shown, table_of};
use super::aggregate::{Aggregate, Aggregation};
use crate::base::ColumnType::{Boolean, Char, DateTime, Double, Float, Int, Long, Short, String as Text};
use crate::base::{Result, Value};

fn ints(values: &[i32]) -> Vec<Value> {
    values.iter().map(|&v| if v == i32::MIN { Value::Null } else { Value::Int(v) }).collect()
}

fn texts(values: &[&str]) -> Vec<Value> {
    values.iter().map(|v| if *v == "null" { Value::Null } else { Value::string(v) }).collect()
}

const NULL: i32 = i32::MIN;

/// `A` 3 1 null 2 5, `B` 1 1 2 2 3, `K` a b a null b.
fn small() -> Table {
    table_of(&[
        ("A", Int, ints(&[3, 1, NULL, 2, 5])),
        ("B", Int, ints(&[1, 1, 2, 2, 3])),
        ("K", Text, texts(&["a", "b", "a", "null", "b"])),
    ])
}

fn scope() -> QueryScope {
    QueryScope::default()
}

/// Names, then rows, lines separated by `;`, as [`shown`] shows them.
fn check(table: Result<Table>, expected: &str) {
    let table = table.unwrap();
    assert_eq!(shown(&table).join(";"), expected);
}

fn fails(table: Result<Table>, part: &str) {
    let message = match table {
        Ok(table) => panic!("no error but {:?}", shown(&table)),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(part), "{message:?} does not contain {part:?}");
}

#[test]
fn formulas_see_the_columns_to_their_left() {
    let t = Table::empty_table(3).unwrap();
    let s = scope();
    // Rule 15.
    check(t.update(&["A=i", "B=A*2", "A=A+100", "D=A"], &s), "A B D;100 0 100;101 2 101;102 4 102");
    check(t.update_view(&["A=i", "B=A*2", "A=A+100", "D=A"], &s), "A B D;100 0 100;101 2 101;102 4 102");
    check(t.lazy_update(&["A=i", "B=A*2", "A=A+100", "D=A"], &s), "A B D;100 0 100;101 2 101;102 4 102");
    check(small().head(1).unwrap().select(&["A=B", "B=A"], &s), "A B;1 1");
    check(small().head(1).unwrap().view(&["A=B", "B=A"], &s), "A B;1 1");
    check(small().head(1).unwrap().select(&["A=B+0", "B=A"], &s), "A B;1 1");
    // Rule 16: a redefined column keeps its place, its type may change.
    check(small().head(2).unwrap().update(&["A=A+1L"], &s), "A B K;4 1 \"a\";2 1 \"b\"");
    assert_eq!(small().update(&["A=A+1L"], &s).unwrap().definition().columns()[0].column_type, Long);
    // Rule 62.
    check(small().head(1).unwrap().view(&["A", "A"], &s), "A;3");
    check(small().head(1).unwrap().view(&["A", "B", "A=B+5"], &s), "A B;6 1");
    assert_eq!(small().view(NONE, &s).unwrap().column_names(), ["A", "B", "K"]);
    assert_eq!(small().select(NONE, &s).unwrap().column_names(), ["A", "B", "K"]);
    // Rule 63.
    assert_eq!(small().update(&["Z=A", "B=K"], &s).unwrap().column_names(), ["A", "B", "K", "Z"]);
    fails(small().view(&["Nope"], &s), "Nope");
    fails(small().view(&["a=A", "b=a+c"], &s), "c");
    fails(small().select(&["1x=A"], &s), "1x");
}

#[test]
fn positions_are_those_of_the_table_that_the_formula_was_added_to() {
    let s = scope();
    // Rule 51: one call counts in its source, a later one in what is left.
    check(small().filter(&["B=2", "i%2==0"], &s).unwrap().view(&["B", "K"], &s), "B K;2 \"a\"");
    check(small().filter(&["B=2"], &s).unwrap().filter(&["i%2==1"], &s).unwrap().view(&["K"], &s), "K;null");
    check(small().filter(&["B>1", "A_[i-1]==1"], &s).unwrap().view(&["B"], &s), "B;2");
    let positions = small().update_view(&["P=i", "L=ii"], &s).unwrap().filter(&["A>2"], &s).unwrap();
    check(positions.view(&["A", "P", "L"], &s), "A P L;3 0 0;5 4 4");
    // Rule 91: outside is null.
    check(small().view(&["A", "Before=A_[i-1]"], &s), "A Before;3 null;1 3;null 1;2 null;5 2");
    check(
        small()
            .filter(&["B!=1"], &s)
            .unwrap()
            .update(&["Before=A_[i-1]", "N=Before_[i-1]"], &s)
            .unwrap()
            .view(&["Before", "N"], &s),
        "Before N;null null;null null;2 null",
    );
}

#[test]
fn filters_run_from_left_to_right_and_know_null() {
    let s = scope();
    // Rules 25 to 27, 37, 50, 52.
    check(small().filter(&["A<3"], &s).unwrap().view(&["A"], &s), "A;1;null;2");
    check(small().filter(&["A>=3"], &s).unwrap().view(&["A"], &s), "A;3;5");
    check(small().filter(&["K!=`a`"], &s).unwrap().view(&["K"], &s), "K;\"b\";null;\"b\"");
    check(small().filter(&["K in `a`, null"], &s).unwrap().view(&["K"], &s), "K;\"a\";\"a\";null");
    check(small().filter(&["A==null"], &s).unwrap().view(&["B"], &s), "B;2");
    check(small().filter(NONE, &s).unwrap().view(&["B"], &s), "B;1;1;2;2;3");
    // Rule 55: at once, also without a row.
    let empty = small().head(0).unwrap();
    fails(empty.filter(&["a>1"], &s), "A");
    fails(empty.filter(&["A+1"], &s), "true or false");
    fails(empty.filter(&["A>"], &s), "filter");
}

#[test]
fn keys_of_another_table() {
    // Rule 56.
    let right = table_of(&[("K", Text, texts(&["null", "b", "zz", "b"])), ("A", Int, ints(&[1, 5, 1, NULL]))]);
    check(small().where_in(&right, &["K"]), "A B K;1 1 \"b\";2 2 null;5 3 \"b\"");
    check(small().where_not_in(&right, &["K"]), "A B K;3 1 \"a\";null 2 \"a\"");
    check(small().where_in(&right, &["K", "A"]), "A B K;5 3 \"b\"");
    check(small().where_in(&right, &["B=A"]), "A B K;3 1 \"a\";1 1 \"b\"");
    let none = right.head(0).unwrap();
    check(small().where_in(&none, &["K"]), "A B K");
    assert_eq!(shown(&small().where_not_in(&none, &["K"]).unwrap()), shown(&small()));
    fails(small().where_in(&right, &["A=K"]), "A is int and K on the right is String");
    let floats = |values: &[f64]| table_of(&[("D", Double, values.iter().map(|&v| Value::Double(v)).collect())]);
    check(floats(&[f64::NAN, -0.0, 1.0]).where_in(&floats(&[0.0, f64::NAN]), &["D"]), "D;NaN;-0.0");
}

#[test]
fn rows_by_position_and_their_errors() {
    fails(small().head(-1), "negative");
    fails(small().tail(-1), "negative");
    for share in [-0.1, 1.5, f64::NAN] {
        fails(small().head_pct(share), "between 0 and 1");
        fails(small().tail_pct(share), "between 0 and 1");
    }
    // Rule 60: rounded up.
    for (share, rows, expected) in [(0.05, 10, 1), (0.25, 10, 3), (0.5, 7, 4), (0.0, 7, 0), (1.0, 7, 7)] {
        assert_eq!(Table::empty_table(rows).unwrap().head_pct(share).unwrap().row_count().unwrap(), expected);
    }
    for (first, end, expected) in
        [(1, 3, "A;1;null"), (-2, 0, "A;2;5"), (1, -1, "A;1;null;2"), (-3, -1, "A;null;2"), (9, 12, "A")]
    {
        check(small().slice(first, end).unwrap().view(&["A"], &scope()), expected);
    }
    fails(small().slice(3, 1), "ends before");
    fails(small().slice(-1, -3), "ends before");
    // Rule 61.
    fails(small().head_by(0, &["K"]), "0 rows");
    check(small().head_by(1, &["K"]), "K A B;\"a\" 3 1;\"b\" 1 1;null 2 2");
    check(small().tail_by(1, &["K"]), "K A B;\"a\" null 2;\"b\" 5 3;null 2 2");
}

#[test]
fn columns_and_their_errors() {
    // Rules 64 to 66.
    fails(small().rename_columns(&["X=Nope"]), "no column Nope");
    fails(small().rename_columns(&["X=A", "Y=A"]), "repeats");
    fails(small().rename_columns(&["X=A", "X=B"]), "repeats");
    fails(small().rename_columns(&["in=A"]), "reserved");
    assert_eq!(small().rename_columns(&["A=A"]).unwrap().column_names(), ["A", "B", "K"]);
    assert_eq!(small().rename_columns(&["B=A"]).unwrap().column_names(), ["B", "K"]);
    fails(small().drop_columns(&["Nope"]), "no column Nope");
    assert_eq!(small().move_columns(-1, &["K"]).unwrap().column_names(), ["K", "A", "B"]);
    assert_eq!(small().move_columns(0, &["Z=K"]).unwrap().column_names(), ["Z", "A", "B"]);
    assert_eq!(small().move_columns(99, &["A"]).unwrap().column_names(), ["B", "K", "A"]);
    // Rule 59.
    fails(small().sort(&["Nope"]), "no column Nope");
    // Rule 109.
    fails(Table::merge(&[small(), small().drop_columns(&["A"]).unwrap()]), "table 2 has no column A");
    fails(Table::merge(&[small().drop_columns(&["A"]).unwrap(), small()]), "a column A that the first has not");
    fails(Table::merge(&[small(), small().update(&["A=A+1L"], &scope()).unwrap()]), "A is long in table 2 and int");
    fails(Table::merge(&[]), "at least one");
    let uneven =
        vec![("A".into(), crate::memory::Chunk::Int(vec![1])), ("B".into(), crate::memory::Chunk::Int(vec![]))];
    fails(Table::new_table(uneven), "column B has 0 values");
}

#[test]
fn aggregations_and_their_errors() {
    let s = scope();
    check(small().sum_by(&["K"]), "K A B;\"a\" 3 3;\"b\" 6 4;null 2 2");
    check(small().drop_columns(&["K"]).unwrap().avg_by(NONE), "A B;2.75 1.8");
    check(small().count_by("N", &["B", "K"]), "B K N;1 \"a\" 1;1 \"b\" 1;2 \"a\" 1;2 null 1;3 \"b\" 1");
    // Rule 72: no key and no row give no row.
    let empty = small().head(0).unwrap();
    check(empty.count_by("N", NONE), "N");
    check(empty.drop_columns(&["K"]).unwrap().sum_by(NONE), "A B");
    // Rules 73, 74.
    fails(small().avg_by(&["A"]), "avgBy: column K is of type String");
    fails(small().sum_by(&["A"]), "dropColumns(\"K\")");
    fails(small().std_by(&["A"]), "stdBy: column K");
    // Rule 67: no expressions as keys, but in selectDistinct.
    fails(small().last_by(&["X=A"]), "not a column");
    check(small().select_distinct(&["X=B>1"], &s), "X;false;true");
    check(small().select_distinct(NONE, &s).unwrap().view(&["A"], &s), "A;3;1;null;2;5");
    check(small().select_distinct(&["K"], &s), "K;\"a\";\"b\";null");
    fails(small().select_distinct(&["Nope"], &s), "Nope");
    // Rule 76.
    let one = table_of(&[("D", Double, vec![Value::Double(1.0), Value::Null])]);
    check(one.std_by(NONE), "D;NaN");
    check(one.tail(1).unwrap().std_by(NONE), "D;null");
    // Rule 78: byte to char and others keep the type and take the upper one.
    let even = table_of(&[
        ("H", Short, vec![Value::Short(1), Value::Short(4)]),
        ("C", Char, vec![Value::Char(65), Value::Char(66)]),
        ("F", Float, vec![Value::Float(1.0), Value::Float(2.0)]),
        ("T", DateTime, vec![Value::DateTime(1), Value::DateTime(2)]),
        ("Z", Boolean, vec![Value::Boolean(true), Value::Boolean(false)]),
        ("S", Text, texts(&["y", "x"])),
    ]);
    check(even.median_by(NONE), "H C F T Z S;4 '66' 1.5 @2 true \"y\"");
    fails(small().count_by("in", NONE), "reserved");
    // The count may not have the name of a key.
    fails(small().count_by("K", &["K"]), "K is defined twice");
}

#[test]
fn meta_tells_the_columns() {
    check(
        small()
            .head(0)
            .unwrap()
            .get_meta()
            .unwrap()
            .view(&["Name", "DataType", "ColumnType", "IsGrouping", "TableName"], &scope()),
        "Name DataType ColumnType IsGrouping TableName;\"A\" \"int\" \"Normal\" false null;\
         \"B\" \"int\" \"Normal\" false null;\"K\" \"java.lang.String\" \"Normal\" false null",
    );
}

#[test]
fn values_are_computed_as_often_as_promised() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    #[derive(Default)]
    struct Counting(AtomicUsize);
    impl super::super::formula::UserFunction for Counting {
        fn call(&self, arguments: &[Value]) -> Result<Value> {
            self.0.fetch_add(1, Relaxed);
            Ok(arguments[0].clone())
        }
        fn result_type(&self) -> Option<crate::base::ColumnType> {
            Some(Int)
        }
    }
    let function = Arc::new(Counting::default());
    let mut s = scope();
    s.functions.insert("f".into(), function.clone());
    let calls = |table: Table| {
        let before = function.0.load(Relaxed);
        shown(&table);
        shown(&table);
        function.0.load(Relaxed) - before
    };
    let before = function.0.load(Relaxed);
    let updated = small().update(&["X=(int)f(B)"], &s).unwrap();
    assert_eq!(function.0.load(Relaxed) - before, 5);
    assert_eq!(calls(updated), 0);
    assert_eq!(calls(small().update_view(&["X=(int)f(B)"], &s).unwrap()), 10);
    // B has three distinct values, K with it five.
    assert_eq!(calls(small().lazy_update(&["X=(int)f(B)"], &s).unwrap()), 3);
}

#[test]
fn what_select_holds_is_shared_not_copied() {
    let s = scope();
    let table = small().update(&["X=A+1"], &s).unwrap();
    let selected = table.select(&["K", "X"], &s).unwrap();
    let same = |name: &str| std::sync::Arc::ptr_eq(table.column(name).unwrap(), selected.column(name).unwrap());
    assert!(same("K") && same("X"));
    let filtered = table.filter(&["B>1"], &s).unwrap().update(&["Y=X+1"], &s).unwrap().select(&["X", "Y"], &s).unwrap();
    check(Ok(filtered.clone()), "X Y;null null;3 4;6 7");
    assert!(filtered.column("Y").unwrap().symbols().unwrap().is_none());
    assert!(filtered.version().unwrap().rows.is_flat());
}

/// `D` as written, `N` its positions.
fn doubles(values: &[f64]) -> Table {
    let d = values.iter().map(|&v| Value::Double(v)).collect();
    table_of(&[("D", Double, d), ("N", Int, ints(&(0..values.len() as i32).collect::<Vec<_>>()))])
}

#[test]
fn the_zeros_are_one_key_which_shows_as_its_first_row_has_it() {
    // Rules 29, 71.
    for (values, shown_as) in [([0.0, -0.0], "0.0"), ([-0.0, 0.0], "-0.0")] {
        let t = doubles(&values);
        check(t.last_by(&["D"]), &format!("D N;{shown_as} 1"));
        check(t.first_by(&["D"]), &format!("D N;{shown_as} 0"));
        check(t.max_by(&["D"]), &format!("D N;{shown_as} 1"));
        check(t.tail_by(1, &["D"]), &format!("D N;{shown_as} 1"));
        check(t.head_by(2, &["D"]), &format!("D N;{shown_as} 0;{shown_as} 1"));
        check(t.select_distinct(&["D"], &scope()), &format!("D;{shown_as}"));
        check(t.count_by("C", &["D"]), &format!("D C;{shown_as} 2"));
    }
}

#[test]
fn of_equal_zeros_sorted_aggregations_give_the_negative_one() {
    // Rules 78, 79, 81, 82, in either order of the rows; least and greatest take the first.
    use Aggregation::{Distinct, Max, Median, Min, Percentile, Unique};
    for (values, first) in [([0.0, -0.0], "0.0"), ([-0.0, 0.0], "-0.0")] {
        for (aggregation, expected) in [
            (Distinct { nulls: false }, "[-0.0]"),
            (Median, "-0.0"),
            (Unique, "-0.0"),
            (Percentile { share: 0.0, average: false }, "-0.0"),
            (Percentile { share: 1.0, average: false }, "-0.0"),
            (Min, first),
            (Max, first),
        ] {
            let aggregate = Aggregate::new(aggregation, &["R=D"]);
            check(doubles(&values).agg_by(&[aggregate], NONE, &scope()), &format!("R;{expected}"));
        }
    }
    let median = |values: &[f64]| doubles(values).agg_by(&[Aggregate::new(Median, &["R=D"])], NONE, &scope());
    check(median(&[1.0, -0.0, -1.0]), "R;-0.0");
    check(median(&[1.0, 0.0, -1.0]), "R;0.0");
    check(median(&[1.0, 0.0, -1.0, -0.0]), "R;-0.0");
}

#[test]
fn percentiles_round_half_up_and_averaged_ones_part_the_values() {
    // Rule 79: no value between two, but with an average where as many values lie up to the place as beyond it.
    let of = |count: i32, share: f64, average: bool| {
        let t = table_of(&[("V", Int, (0..count).map(|v| Value::Int(10 * v)).collect())]);
        t.agg_by(&[Aggregate::new(Aggregation::Percentile { share, average }, &["V"])], NONE, &scope())
    };
    for (count, share, plain, average) in [
        (1, 0.5, "0", "0.0"),
        (2, 0.0, "0", "5.0"),
        (2, 0.5, "10", "5.0"),
        (2, 0.95, "10", "5.0"),
        (2, 1.0, "10", "10.0"),
        (3, 0.25, "10", "0.0"),
        (3, 0.75, "20", "10.0"),
        (4, 0.2, "10", "0.0"),
        (4, 0.4, "10", "15.0"),
        (4, 0.6, "20", "15.0"),
        (4, 0.75, "20", "20.0"),
        (5, 0.5, "20", "20.0"),
        (5, 0.7, "30", "20.0"),
        (6, 0.4, "20", "25.0"),
        (10, 0.5, "50", "45.0"),
        (10, 0.9, "80", "80.0"),
        (11, 0.05, "10", "0.0"),
    ] {
        check(of(count, share, false), &format!("V;{plain}"));
        check(of(count, share, true), &format!("V;{average}"));
    }
    // Types without a mean keep theirs.
    let t = table_of(&[("K", Text, texts(&["a", "b"]))]);
    let median = Aggregation::Percentile { share: 0.5, average: true };
    check(t.agg_by(&[Aggregate::new(median, &["K"])], NONE, &scope()), "K;\"b\"");
}

#[test]
fn deviations_beyond_the_range_are_nan_and_keys_alone_leave_nothing_to_aggregate() {
    // Rule 76.
    check(doubles(&[f64::MAX / 2.0, 2.5]).drop_columns(&["N"]).unwrap().std_by(NONE), "D;NaN");
    check(doubles(&[f64::MAX / 2.0, 2.5]).drop_columns(&["N"]).unwrap().var_by(NONE), "D;NaN");
    // Rule 88.
    let keys = small().view(&["A", "K"], &scope()).unwrap();
    for table in [keys.last_by(&["A", "K"]), keys.first_by(&["K", "A"]), keys.sum_by(&["A", "K"])] {
        fails(table, "every column is a key");
    }
    check(keys.head(1).unwrap().count_by("N", &["A", "K"]), "A K N;3 \"a\" 1");
}

#[test]
fn keys_of_other_names_are_added_as_they_are() {
    let left = table_of(&[("K", Int, ints(&[1, 2, 9])), ("T", Int, ints(&[5, 5, 5]))]);
    let right =
        table_of(&[("RK", Int, ints(&[1, 1, 2])), ("RT", Int, ints(&[3, 6, 4])), ("V", Text, texts(&["a", "b", "c"]))]);
    // Rule 103.
    check(left.left_join(&right, &["K=RK"], &["V", "RK"]), "K T V RK;1 5 [\"a\",\"b\"] 1;2 5 [\"c\"] 2;9 5 null null");
    check(left.left_join(&right, &["K=RK"], &["Key=RK"]), "K T Key;1 5 1;2 5 2;9 5 null");
    // Rule 107: before the columns asked for, under the name that those give them.
    let on = &["K=RK", "T>=RT"];
    check(left.aj(&right, on, &["V"]), "K T RK RT V;1 5 1 3 \"a\";2 5 2 4 \"c\";9 5 null null null");
    check(left.aj(&right, on, &["V", "RT"]), "K T RK RT V;1 5 1 3 \"a\";2 5 2 4 \"c\";9 5 null null null");
    check(left.aj(&right, on, &["V", "Q=RT"]), "K T RK Q V;1 5 1 3 \"a\";2 5 2 4 \"c\";9 5 null null null");
    check(
        left.raj(&right, &["K=RK", "T<=RT"], &["V"]),
        "K T RK RT V;1 5 1 6 \"b\";2 5 null null null;9 5 null null null",
    );
    let taken = right.rename_columns(&["T=RT"]).unwrap();
    check(left.aj(&taken, &["K=RK", "K>=T"], &["V"]), "K T RK V;1 5 null null;2 5 null null;9 5 null null");
}

#[test]
fn includes_of_several_texts_negates_each() {
    // Rule 53.
    let t = table_of(&[("S", Text, texts(&["la", "l", "x", "null"]))]);
    for (filter, expected) in [
        ("S includes any `l`,`a`", "S;\"la\";\"l\""),
        ("S includes all `l`,`a`", "S;\"la\""),
        ("S not includes any `l`,`a`", "S;\"l\";\"x\""),
        ("S not includes `l`,`a`", "S;\"l\";\"x\""),
        ("S not includes all `l`,`a`", "S;\"x\""),
        ("S icase not includes all `L`,`A`", "S;\"x\""),
        // A character is a text of one.
        ("S='l'", "S;\"l\""),
        ("S!='l'", "S;\"la\";\"x\";null"),
        ("S>'l'", "S;\"la\";\"x\""),
        ("S in 'l',`x`", "S;\"l\";\"x\""),
        ("S not in 'l'", "S;\"la\";\"x\";null"),
    ] {
        check(t.filter(&[filter], &scope()), expected);
    }
}
