//! `validate` on a merged partition: passing, failing with counter-examples, and in the form for programs.

use crate::run::Sandbox;
use serde_json::Value;

const TABLE: [&str; 4] = ["--namespace", "Market", "--table", "Trades"];

fn merged() -> Sandbox {
    let sandbox = Sandbox::with_rows();
    sandbox.succeed(&[&["merge"], &TABLE[..], &["--partition", "2017-08-25"]].concat());
    sandbox
}

fn validate<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["validate"], &TABLE[..], &["--partition", "2017-08-25"], more].concat()
}

#[test]
fn a_merged_partition_is_valid() {
    let sandbox = merged();
    let ran =
        sandbox.succeed(&validate(&["--compare", "--not-null", "Sym", "--range", "Size=1..200", "--rows", "3.."]));
    assert!(
        ran.err.contains("validated 3 rows of Market.Trades") && ran.err.contains("all checks hold"),
        "{}",
        ran.err
    );
    let ran = sandbox.succeed(&validate(&["--format", "json"]));
    let outcome: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&outcome["rows"], &outcome["errors"]), (&3.into(), &0.into()));
    let names: Vec<&str> = outcome["partitions"][0]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"same rows") && names.contains(&"sorted as merged"), "{names:?}");
}

#[test]
fn rules_that_do_not_hold_show_rows() {
    let sandbox = merged();
    let ran = sandbox.run(&validate(&["--not-null", "Size", "--range", "Size=..150", "--unique", "Sym", "-q"]));
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    for line in [
        "2017-08-25: not null: Size: 1 violation",
        "  main/2017-08-25 row 2: null",
        "2017-08-25: in range: Size ..150: 1 violation",
        "  main/2017-08-25 row 0: 200",
        "2017-08-25: unique: Sym: 1 violation",
        "  main/2017-08-25 row 2: IBM again",
    ] {
        assert!(ran.err.lines().any(|found| found == line), "{line:?} in {}", ran.err);
    }
}

#[test]
fn rows_that_came_after_the_merge_are_missing() {
    let sandbox = merged();
    let csv = sandbox.file("more.csv", "Sym,Time,Size\nMSFT,2017-08-25T10:00:00Z,7\n");
    sandbox
        .succeed(&[&["import", "csv"], &TABLE[..], &["--partition", "2017-08-25", "--mode", "append", &csv]].concat());
    let ran = sandbox.run(&validate(&[]));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("row count: 1 violation"), "{}", ran.err);
    assert!(
        ran.err.contains("missing in history: Sym=MSFT, Time=2017-08-25T10:00:00.000000000Z, Size=7"),
        "{}",
        ran.err
    );
}

#[test]
fn what_cannot_be_validated_is_said() {
    let sandbox = Sandbox::with_rows();
    let check = |arguments: &[&str], expected: &str| {
        let ran = sandbox.run(&validate(arguments));
        assert!(ran.code == 1 && ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    };
    check(&[], "no historical partition 2017-08-25");
    sandbox.succeed(&[&["merge"], &TABLE[..], &["--partition", "2017-08-25", "--delete-intraday"]].concat());
    check(&["--compare"], "no intraday partition 2017-08-25");
    check(&["--not-null", "Sise"], "Sise");
    check(&["--range", "Size=a..b"], "a");
    check(&["--range", "Size"], "COL=MIN..MAX");
    check(&["--rows", "5"], "MIN..MAX");
    check(&["--nulls", "Size=many"], "not a count");
    sandbox.succeed(&validate(&["--nulls", "Size=1"]));
}
