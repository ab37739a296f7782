//! Rows that one process appends while others read: whole batches, in order, and at the latest when the import has ended.
//!
//! Every row checks itself: its second column is three times its number, its third the number as text.

use crate::run::{Ran, Sandbox};
use pilaster::base::Value;
use pilaster::session::Database;
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

const SCHEMA: &str = r#"namespace = "Market"
table = "Live"
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "N"
type = "long"
[[columns]]
name = "Triple"
type = "long"
[[columns]]
name = "Text"
type = "String"
"#;

const BATCH_ROWS: u64 = 300;
const BATCHES: u64 = 12;
const IMPORT: [&str; 10] =
    ["import", "csv", "--namespace", "Market", "--table", "Live", "--partition", "d", "--mode", "append"];
const QUERY: &str = "db.i('Market', 'Live').where('Date=`d`')";

/// The rows of a batch as CSV.
fn batch(number: u64) -> String {
    let row = |n: u64| format!("{n},{},{n}\n", 3 * n);
    let rows = (number * BATCH_ROWS..(number + 1) * BATCH_ROWS).map(row);
    std::iter::once("N,Triple,Text\n".to_string()).chain(rows).collect()
}

/// Rows that a query of its own process finds, all of them checked.
fn rows_of_query(sandbox: &Sandbox) -> u64 {
    let printed = sandbox.succeed(&["query", "-e", QUERY, "--format", "csv"]).out;
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("Date,N,Triple,Text"));
    let mut rows = 0;
    for line in lines {
        assert_eq!(line, format!("d,{rows},{},{rows}", 3 * rows));
        rows += 1;
    }
    rows
}

/// Rows that a query in this process finds, all of them checked.
fn rows_in_process(database: &Database) -> u64 {
    let table = database.i("Market", "Live").unwrap();
    let rows = table.row_count().unwrap();
    let columns = table.read(&["N", "Triple", "Text"], 0..rows).unwrap();
    assert!(columns.iter().all(|column| column.len() as u64 == rows));
    for n in 0..rows as i64 {
        let expected = [Value::Long(n), Value::Long(3 * n), Value::string(&n.to_string())];
        let row: Vec<Value> = columns.iter().map(|column| column.value(n as usize)).collect();
        assert_eq!(row, expected);
    }
    rows
}

/// Looks until all batches are there; gives how many different states there were.
#[track_caller]
fn look(ended: &AtomicU64, rows: impl Fn() -> u64) -> usize {
    let mut seen = vec![0];
    loop {
        let at_least = ended.load(Ordering::SeqCst) * BATCH_ROWS;
        let now = rows();
        let last = seen[seen.len() - 1];
        assert!(now.is_multiple_of(BATCH_ROWS), "{now} rows are not whole batches");
        assert!(now >= last, "{now} rows after {last}");
        assert!(now >= at_least, "{now} rows, but imports of {at_least} had ended");
        if now > last {
            seen.push(now);
        }
        if at_least == BATCHES * BATCH_ROWS {
            assert_eq!(now, at_least);
            return seen.len();
        }
    }
}

#[test]
fn queries_beside_imports_see_whole_batches() {
    let sandbox = Sandbox::with_schema(SCHEMA);
    let database = Database::open(&sandbox.root()).unwrap();
    let ended = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let processes = scope.spawn(|| look(&ended, || rows_of_query(&sandbox)));
        let in_process = scope.spawn(|| look(&ended, || rows_in_process(&database)));
        for number in 0..BATCHES {
            let csv = sandbox.file("batch.csv", &batch(number));
            sandbox.succeed(&[&IMPORT[..], &[&csv]].concat());
            ended.store(number + 1, Ordering::SeqCst);
        }
        // At the least nothing and everything.
        assert!(processes.join().unwrap() >= 2);
        assert!(in_process.join().unwrap() >= 2);
    });
}

#[test]
fn an_import_in_progress_shows_nothing_and_its_end_everything() {
    let sandbox = Sandbox::with_schema(SCHEMA);
    let database = Database::open(&sandbox.root()).unwrap();
    let csv = sandbox.file("batch.csv", &batch(0));
    sandbox.succeed(&[&IMPORT[..], &[&csv]].concat());
    let before = database.i("Market", "Live").unwrap();
    assert_eq!(before.row_count().unwrap(), BATCH_ROWS);

    // It cannot end before its input does.
    let mut import = sandbox.command(&[&IMPORT[..], &["-"]].concat());
    let mut import = import.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = import.stdin.take().unwrap();
    let text = batch(1);
    let (first, second) = text.split_at(text.len() / 2);
    input.write_all(first.as_bytes()).unwrap();
    input.flush().unwrap();
    assert_eq!((rows_of_query(&sandbox), rows_in_process(&database)), (BATCH_ROWS, BATCH_ROWS));
    input.write_all(second.as_bytes()).unwrap();
    drop(input);
    let ran = Ran::of(import.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((rows_of_query(&sandbox), rows_in_process(&database)), (2 * BATCH_ROWS, 2 * BATCH_ROWS));
    // A table is what it was when its rows were first asked for.
    assert_eq!(before.row_count().unwrap(), BATCH_ROWS);
    assert_eq!(before.read_column("N").unwrap().len() as u64, BATCH_ROWS);
}
