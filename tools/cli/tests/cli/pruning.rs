//! What a query did not read: `query --timing` counts it, and damage in everything else goes unnoticed.

use crate::run::{Ran, Sandbox};
use std::path::Path;

const SCHEMA: &str = r#"namespace = "Market"
table = "Trades"
sort = ["N"]
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "Sym"
type = "String"
kind = "grouping"
[[columns]]
name = "N"
type = "long"
[[columns]]
name = "Size"
type = "int"
"#;

const PARTITIONS: usize = 200;
/// The partition with many groups.
const GROUPED: usize = 77;
const GROUPS: usize = 60;
const ROWS_OF_GROUP: usize = 50;
/// More would be other partitions' files.
const FILES_OF_LOCATION: u64 = 8;

/// Two hundred partitions with a row each, one of them with sixty groups of fifty rows, their rows interleaved.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_schema(SCHEMA);
    let mut text = String::from("Date,Sym,N,Size\n");
    for partition in (0..PARTITIONS).filter(|partition| *partition != GROUPED) {
        text += &format!("p{partition},G7,{partition},1\n");
    }
    for n in 0..GROUPS * ROWS_OF_GROUP {
        text += &format!("p{GROUPED},G{},{n},{}\n", n % GROUPS, n / GROUPS);
    }
    let csv = sandbox.file("trades.csv", &text);
    let table = ["--namespace", "Market", "--table", "Trades"];
    sandbox.succeed(&[&["import", "csv"], &table[..], &["--partition-column", "Date", &csv]].concat());
    let partitions: Vec<String> = (0..PARTITIONS).map(|partition| format!("p{partition}")).collect();
    let named: Vec<&str> = partitions.iter().flat_map(|partition| ["--partition", partition]).collect();
    sandbox.succeed(&[&["merge"], &table[..], &named].concat());
    sandbox
}

/// What a query read.
#[derive(Debug)]
struct Cost {
    rows: usize,
    locations: u64,
    files: u64,
    values: u64,
}

/// Runs a query that must open the grouped partition only; its cost in all.
#[track_caller]
fn cost(sandbox: &Sandbox, query: &str) -> Cost {
    let ran = sandbox.succeed(&["query", "--timing", "--format", "csv", "-e", query]);
    assert!(ran.err.contains(&format!(", 1 of {PARTITIONS} locations")), "{query}: {}", ran.err);
    assert!(ran.out.lines().skip(1).all(|line| line.starts_with(&format!("p{GROUPED},"))), "{query}");
    let total = ran.err.lines().last().unwrap_or_default().to_string();
    // "total: 1.5 ms, 1 locations and 6 files opened, 150 values (406 bytes) read"
    let before = |word: &str| -> u64 {
        let (text, _) = total.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {total:?}"));
        text.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
    };
    Cost {
        rows: ran.out.lines().count() - 1,
        locations: before("locations and"),
        files: before("files opened"),
        values: before("values ("),
    }
}

/// Overwrites all files of all partitions but one; gives how many. What a source's partitions share is left alone: readers of the one need it.
fn damage_others(directory: &Path) -> usize {
    let mut damaged = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == format!("p{GROUPED}") || name == ".group" {
            continue;
        } else if path.is_dir() {
            damaged += damage_others(&path);
        } else if !name.contains("lock") {
            let length = std::fs::metadata(&path).unwrap().len();
            std::fs::write(&path, vec![0xA5; length as usize]).unwrap();
            damaged += 1;
        }
    }
    damaged
}

#[test]
fn a_query_reads_its_partition_and_its_group_only() {
    let sandbox = sandbox();
    let of_partition = |source: &str| format!("db.{source}('Market', 'Trades').where('Date=`p{GROUPED}`')");
    let of_group = |source: &str| format!("db.{source}('Market', 'Trades').where('Date=`p{GROUPED}`', 'Sym=`G7`')");
    let all_rows = GROUPS * ROWS_OF_GROUP;

    // Everything is there before it is damaged.
    let everything = ["query", "--timing", "--format", "csv", "-e"];
    for source in ["t", "i"] {
        let ran = sandbox.succeed(&[&everything[..], &[&format!("db.{source}('Market', 'Trades')")]].concat());
        assert_eq!(ran.out.lines().count(), 1 + PARTITIONS - 1 + all_rows);
        assert!(ran.err.contains(&format!(", {PARTITIONS} of {PARTITIONS} locations")), "{}", ran.err);
    }
    for part in ["historical", "intraday"] {
        assert!(damage_others(&sandbox.root().join(part)) > PARTITIONS);
    }
    for source in ["t", "i"] {
        let ran: Ran = sandbox.run(&[&everything[..], &[&format!("db.{source}('Market', 'Trades')")]].concat());
        assert_eq!(ran.code, 1, "the damage must be one that a reader notices");
    }

    for source in ["t", "i"] {
        let cost = cost(&sandbox, &of_partition(source));
        assert_eq!((cost.rows, cost.locations), (all_rows, 1), "{cost:?}");
        assert!((4..=FILES_OF_LOCATION).contains(&cost.files), "{cost:?}");
        // Three columns are stored; the partition's value is in its directory's name.
        assert_eq!(cost.values, 3 * all_rows as u64, "{cost:?}");
    }

    let whole = cost(&sandbox, &of_group("t"));
    assert_eq!((whole.rows, whole.locations), (ROWS_OF_GROUP, 1), "{whole:?}");
    assert_eq!(whole.values, 3 * ROWS_OF_GROUP as u64, "{whole:?}");
    assert!(whole.files <= FILES_OF_LOCATION, "{whole:?}");
    let one_column = cost(&sandbox, &format!("{}.view('Date', 'N')", of_group("t")));
    assert_eq!((one_column.rows, one_column.values), (ROWS_OF_GROUP, ROWS_OF_GROUP as u64), "{one_column:?}");
    assert!(one_column.files < whole.files, "{one_column:?} {whole:?}");
    let two_groups = cost(&sandbox, &of_group("t").replace("Sym=`G7`", "Sym in `G7`,`G8`"));
    assert_eq!((two_groups.rows, two_groups.values), (2 * ROWS_OF_GROUP, 6 * ROWS_OF_GROUP as u64), "{two_groups:?}");

    for source in ["t", "i"] {
        let ran = sandbox.succeed(&["query", "-e", &of_partition(source).replace(&format!("p{GROUPED}"), "q77")]);
        assert_eq!(ran.err, "note: no partition of Market.Trades passes; there are 200, from p0 to p99\n");
    }

    // Intraday rows have no index: the group is found by reading its column, and nothing else, in the partition's rows.
    let intraday = cost(&sandbox, &of_group("i"));
    assert_eq!((intraday.rows, intraday.locations), (ROWS_OF_GROUP, 1), "{intraday:?}");
    assert_eq!(intraday.values, (all_rows + 3 * ROWS_OF_GROUP) as u64, "{intraday:?}");
}
