//! What is wrong gets a clear message and exit code 1, and leaves nothing behind.

use crate::run::{Ran, Sandbox, TRADES};
use std::process::Stdio;

/// Runs and expects exit code 1, the error and hint given (`*` stands for anything), and the root as it was.
#[track_caller]
fn check(sandbox: &Sandbox, arguments: &[&str], expected: &str) {
    let before = sandbox.content();
    let ran = sandbox.run(arguments);
    assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
    assert_eq!(ran.out, "", "{arguments:?}");
    assert!(matches(&ran.err, expected), "{arguments:?} gave\n{}expected\n{expected}", ran.err);
    assert!(sandbox.content() == before, "{arguments:?} changed the root");
}

/// True if the lines of a text are those of a pattern, in which `*` stands for anything.
fn matches(text: &str, pattern: &str) -> bool {
    let lines = |text: &str| text.trim_end().lines().map(str::to_string).collect::<Vec<_>>();
    let (text, pattern) = (lines(text), lines(pattern));
    text.len() == pattern.len()
        && text.iter().zip(&pattern).all(|(line, pattern)| {
            let mut rest = line.as_str();
            let mut parts = pattern.split('*');
            let first = parts.next().unwrap_or_default();
            let starts = rest.strip_prefix(first).map(|after| rest = after).is_some();
            let found = starts && parts.all(|part| rest.find(part).map(|at| rest = &rest[at + part.len()..]).is_some());
            found && (pattern.ends_with('*') || rest.is_empty())
        })
}

fn import<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["import", "csv", "--namespace", "Market", "--table", "Trades"], more].concat()
}

#[test]
fn files_that_cannot_be_read() {
    let sandbox = Sandbox::with_table();
    let into = ["--partition", "2017-08-25"];
    let check = |name: &str, content: &str, expected: &str| {
        let file = sandbox.file(name, content);
        check(&sandbox, &import(&[&into[..], &[file.as_str()]].concat()), expected);
    };
    check("columns.csv", "Sym,Time,Size\nIBM,2017-08-25T09:30:00Z,1\nIBM,2017-08-25T09:30:00Z\n", COLUMN_COUNT);
    check("value.csv", "Sym,Time,Size\nIBM,2017-08-25T09:30:00Z,1\nIBM,2017-08-25T09:30:00Z,many\n", VALUE);
    check("missing.csv", "Sym,Time\nIBM,2017-08-25T09:30:00Z\n", MISSING_COLUMN);
    check("quote.csv", "Sym,Time,Size\n\"IBM,2017-08-25T09:30:00Z,1\n", OPEN_QUOTE);
    check("empty.csv", "", EMPTY);
    check("gone.csv.gz", "\u{1f}", EMPTY_OF_COLUMNS);
    crate::bad_input::check(&sandbox, &import(&[&into[..], &["nothing.csv"]].concat()), NO_FILE);
}

const COLUMN_COUNT: &str = "error: Market.Trades: *columns.csv: line 3 *2 fields*3*\nhint: *";
const VALUE: &str = "error: Market.Trades: *value.csv: line 3, column Size: *\"many\"*int*\nhint: *--max-errors*";
const MISSING_COLUMN: &str = "error: Market.Trades: *missing.csv: *Size*\nhint: *";
const OPEN_QUOTE: &str = "error: Market.Trades: *quote.csv: line 2, column Sym: *quote*";
const EMPTY: &str = "error: Market.Trades: *empty.csv: *empty*";
const EMPTY_OF_COLUMNS: &str =
    "error: Market.Trades: *gone.csv.gz: columns Sym, Time, Size are not in the file\nhint: *";
const NO_FILE: &str = "error: nothing.csv: could not open*No such file*";

#[test]
fn names_that_do_not_exist() {
    let sandbox = Sandbox::with_rows();
    let csv = sandbox.file("trades.csv", TRADES);
    let check = |arguments: &[&str], expected: &str| check(&sandbox, arguments, expected);
    let no_namespace = "error: no namespace Markt\nhint: the nearest is Market";
    check(&["import", "csv", "--namespace", "Markt", "--table", "Trades", "--partition", "x", &csv], no_namespace);
    check(&["catalog", "tables", "--namespace", "Markt"], no_namespace);
    let no_table = "error: no table Trade in namespace Market\nhint: the nearest is Trades";
    check(&["import", "csv", "--namespace", "Market", "--table", "Trade", "--partition", "x", &csv], no_table);
    check(&["catalog", "columns", "--namespace", "Market", "--table", "Trade"], no_table);
    check(
        &["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-26"],
        "error: no intraday partition 2017-08-26 in Market.Trades\nhint: the nearest is 2017-08-25",
    );
    let outside = "error: \"../x\" cannot be a *: character '.' is not allowed there; allowed are *";
    check(&["import", "csv", "--namespace", "../x", "--table", "Trades", "--partition", "x", &csv], outside);
    check(&["merge", "--namespace", "Market", "--table", "../x", "--partition", "x"], outside);
    check(
        &["merge", "--namespace", "Market", "--table", "Trades", "--partition", "../x"],
        "error: \"../x\" cannot be a partition value: *",
    );
    check(&import(&["--partition", "../x", &csv]), "error: *\"../x\" cannot be a partition value: *");
    check(
        &import(&["--partition", "2017-08-28", "--source", "../x", &csv]),
        "error: *\"../x\" cannot be an internal partition: *",
    );
    check(&["catalog", "tables", "--namespace", "../x"], outside);
    check(
        &["schema", "show", "--namespace", "Market", "--table", "trades"],
        "error: no schema of Market.trades is deployed\nhint: the nearest is Trades",
    );
}

#[test]
fn work_that_was_done_before() {
    let sandbox = Sandbox::with_rows();
    let csv = sandbox.file("trades.csv", TRADES);
    check(
        &sandbox,
        &import(&["--partition", "2017-08-25", &csv]),
        "error: Market.Trades: *: partition 2017-08-25 has 3 rows already\nhint: --mode append *--mode replace *",
    );
    let merge = ["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"];
    sandbox.succeed(&merge);
    sandbox.succeed(&merge);
    sandbox.succeed(&import(&["--partition", "2017-08-25", "--mode", "append", &csv]));
    check(
        &sandbox,
        &merge,
        "error: Market.Trades: partition 2017-08-25 has been merged, 3 rows; 3 rows are new\nhint: *--incremental*--force*",
    );
    check(&sandbox, &["init"], "error: *root is a pilaster root already\nhint: *");
}

#[test]
fn roots_and_schemas_that_are_none() {
    let sandbox = Sandbox::empty();
    let none = sandbox.run(&["catalog", "tables"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(matches(&none.err, "error: no pilaster root at *root\nhint: `pilaster init` makes one"), "{none:?}");
    let unnamed = Ran::of(sandbox.command(&["catalog", "tables"]).env_remove("PILASTER_ROOT").output().unwrap());
    assert!(
        matches(&unnamed.err, "error: the current directory is no *\nhint: --root DIR or PILASTER_ROOT *"),
        "{unnamed:?}"
    );

    let sandbox = Sandbox::with_table();
    let bad = sandbox.file("bad.toml", "namespace = \"Market\"\ntable = \"../x\"\nsrt = [\"Time\"]\n");
    let checked = sandbox.run(&["schema", "check", &bad, "--format", "json"]);
    let problems: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.code, problems.as_array().unwrap().len()), (1, 3), "{problems}");
    assert_eq!((problems[1]["line"].as_u64(), problems[2]["hint"].as_str()), (Some(2), Some("the nearest is sort")));
    check(
        &sandbox,
        &["schema", "deploy", &bad],
        "error: *bad.toml: line 1, column 1: the schema has no columns*\nhint: *2 more problems*",
    );
    let other = sandbox.file("other.toml", &crate::run::SCHEMA.replace("\"int\"", "\"short\""));
    let csv = sandbox.file("trades.csv", TRADES);
    sandbox.succeed(&import(&["--partition", "2017-08-25", &csv]));
    check(
        &sandbox,
        &["schema", "deploy", &other],
        "error: Market.Trades has data that the new schema contradicts: column Size is int in stored data, short in the new schema\nhint: a type may only become wider; *--force *",
    );
}

#[test]
fn errors_up_to_a_number_are_passed_over() {
    let sandbox = Sandbox::with_table();
    let csv = sandbox.file("two.csv", "Sym,Time,Size\nIBM,2017-08-25T09:30:00Z,x\nIBM\nIBM,2017-08-25T09:30:00Z,3\n");
    check(
        &sandbox,
        &import(&["--partition", "2017-08-25", "--max-errors", "1", &csv]),
        "error: Market.Trades: more than 1 error*two.csv: line 2, column Size: *\nhint: *",
    );
    let done = sandbox.json(&import(&["--partition", "2017-08-25", "--max-errors", "2", &csv, "-q"]));
    assert_eq!((done["rows"].as_u64(), done["errors"].as_u64()), (Some(2), Some(2)), "{done}");
    assert_eq!(done["first_errors"].as_array().unwrap().len(), 2);
}

#[test]
fn wrong_arguments_are_told_from_failed_work() {
    let sandbox = Sandbox::with_table();
    for arguments in [
        &["no-such-verb"][..],
        &["merge", "--namespace", "Market", "--table", "Trades"],
        &["merge", "--namespace", "M", "--table", "T", "--partition", "x", "--memory", "2 parsecs"],
        &["import", "csv", "--namespace", "M", "--table", "T"],
        &["import", "csv", "--namespace", "M", "--table", "T", "--partition", "a", "--partition-column", "b", "f"],
        &["catalog", "tables", "--format", "xml"],
        &["catalog", "columns", "--table", "T"],
        &[],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::empty();
    let mut child =
        sandbox.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn queries_that_take_more_than_they_may() {
    let sandbox = Sandbox::with_table();
    let more = "error: -e:1:1: the query needs more memory than its limit of 100 MiB; *\n1 | *\n  | *";
    for script in ["emptyTable(1000000000).update('A=ii')", "emptyTable(9000000000000000000).view('A=ii').sort('A')"] {
        check(&sandbox, &["query", "--memory", "100MiB", "-e", script], more);
    }
    let endless = "emptyTable(9000000000000000000)";
    let (in_script, in_result) = (format!("{endless}.where('ii % 7 = 8')"), format!("{endless}.view('A=ii')"));
    check(&sandbox, &["query", "--timeout", "1", "-e", &in_script], "error: -e: the script ran out of time");
    let arguments = ["query", "--timeout", "1", "-o", "result.csv", "-e", &in_result];
    check(&sandbox, &arguments, "error: the query ran out of time");
}
