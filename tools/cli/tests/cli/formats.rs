//! Tables out and in again: every type, through every format.

use crate::every_type::{csv, schema};
use crate::run::Sandbox;
use pilaster::base::{ColumnDefinition, ColumnType};
use pilaster::io::RealFileSystem;
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const TABLE: [&str; 4] = ["--namespace", "Market", "--table", "All"];

/// A root with a table of every type whose partition `p` has so many rows.
fn with_every_type(rows: usize) -> Sandbox {
    let sandbox = Sandbox::with_schema(&schema());
    let file = sandbox.file("all.csv", &csv(0..rows));
    sandbox.succeed(&[&["import", "csv"], &TABLE[..], &["--partition", "p", &file]].concat());
    sandbox
}

fn rows_of(sandbox: &Sandbox, partition: &str) -> String {
    let script = format!("db.i(\"Market\",\"All\").where(\"Date=`{partition}`\").dropColumns(\"Date\").sort(\"Row\")");
    sandbox.succeed(&["query", "--format", "csv", "-e", &script]).out
}

#[test]
fn every_type_comes_back_through_every_format() {
    let sandbox = with_every_type(7);
    sandbox.succeed(&[&["merge"], &TABLE[..], &["--partition", "p"]].concat());
    let expected = csv(0..7);
    for (file, verb, kind) in [
        ("x.csv", "csv", "intraday"),
        ("x.jsonl", "json", "historical"),
        ("x.json", "json", "intraday"),
        ("x.parquet", "parquet", "historical"),
        ("y.parquet", "parquet", "intraday"),
        ("x.arrow", "arrow", "historical"),
        ("x.arrows", "arrow", "intraday"),
    ] {
        let partition = file.replace('.', "-");
        // Without the column that says which partition its rows came from.
        let of = if kind == "intraday" { "i" } else { "t" };
        let script = format!("db.{of}(\"Market\",\"All\").where(\"Date=`p`\").dropColumns(\"Date\")");
        sandbox.succeed(&["export", "-e", &script, "-o", file]);
        sandbox.succeed(&[&["import", verb], &TABLE[..], &["--partition", &partition, file]].concat());
        assert_eq!(rows_of(&sandbox, &partition), expected, "{file}");
        // The file itself says enough for a schema of the same types.
        if matches!(verb, "parquet" | "arrow") {
            let inferred = sandbox.succeed(&["schema", "infer", "--namespace", "N", "--table", "T", file]).out;
            for line in schema().lines().filter(|line| line.starts_with("type = ")) {
                assert!(inferred.contains(line), "{file}: {line}");
            }
        }
    }
    // The whole table, its partitioning column included, by what each row says.
    let out = sandbox.json(&[&["export"], &TABLE[..], &["--kind", "intraday", "-o", "whole.parquet"]].concat());
    assert_eq!(out["rows"], 7 * 8);
    let again = Sandbox::with_schema(&schema());
    let file = sandbox.root().with_file_name("whole.parquet");
    let report = again.json(&[&["import", "parquet"], &TABLE[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(report["partitions"].as_array().unwrap().len(), 8);
    assert_eq!(rows_of(&again, "p"), expected);
}

#[test]
fn a_directory_has_a_file_for_each_value() {
    let sandbox = Sandbox::with_rows();
    let table = ["--namespace", "Market", "--table", "Trades"];
    let report =
        sandbox.json(&[&["export"], &table[..], &["--partition-by", "Sym", "--to", "parquet", "-o", "out"]].concat());
    assert_eq!(report["rows"], 3);
    assert_eq!(report["partitions"][0], serde_json::json!({"column_partition": "IBM", "rows": 2}));
    let directory = sandbox.root().with_file_name("out");
    for name in ["Sym=IBM", "Sym=AAPL"] {
        assert!(directory.join(name).join("part-0.parquet").is_file());
    }
    let ran = sandbox.run(&[&["export"], &table[..], &["--partition-by", "Sym", "-o", "out"]].concat());
    assert!(ran.code == 1 && ran.err.contains("exists already"), "{}", ran.err);
    // By the partitioning column, back by a pattern of files.
    sandbox.succeed(&[&["export"], &table[..], &["--partition-by", "Date", "--to", "jsonl", "-o", "days"]].concat());
    let text = std::fs::read_to_string(sandbox.root().with_file_name("days/Date=2017-08-25/part-0.jsonl")).unwrap();
    assert_eq!(text.lines().next(), Some(r#"{"Sym":"IBM","Time":"2017-08-25T09:30:00.000000000Z","Size":100}"#));
    sandbox.succeed(&[&["import", "json"], &table[..], &["--partition", "again", "days/*/part-?.jsonl"]].concat());
    let count =
        sandbox.succeed(&["query", "--format", "csv", "-e", "db.i(\"Market\",\"Trades\").countBy(\"N\",\"Date\")"]).out;
    assert_eq!(count, "Date,N\n2017-08-25,3\nagain,3\n");
}

#[test]
fn memory_does_not_grow_with_the_table() {
    // A location of 240 MB, all of which would be resident if what is mapped were kept.
    const ROWS: i64 = 1_500_000;
    let columns: Vec<String> = (0..20).map(|at| format!("L{at}")).collect();
    let mut schema = "namespace = \"Market\"\ntable = \"Wide\"\n[[columns]]\nname = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n".to_string();
    for name in &columns {
        schema += &format!("[[columns]]\nname = \"{name}\"\ntype = \"long\"\n");
    }
    let sandbox = Sandbox::with_schema(&schema);
    let fs = RealFileSystem::open(&sandbox.root()).unwrap();
    let definitions: Vec<_> = columns.iter().map(|name| ColumnDefinition::new(name, ColumnType::Long)).collect();
    let options = WriterOptions { durability: Durability::None };
    let mut writer = IntradayWriter::open(fs, Path::new("intraday/Market/Wide/feed/p"), &definitions, options).unwrap();
    for start in (0..ROWS).step_by(50_000) {
        let values: Vec<Chunk> =
            (0..20).map(|at| Chunk::Long((start..start + 50_000).map(|row| row * at).collect())).collect();
        writer.append(&values).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let table = ["--namespace", "Market", "--table", "Wide", "--columns", &columns.join(",")];
    let outcome = sandbox.json(&[&["export"], &table[..], &["-o", "wide.arrow"]].concat());
    assert_eq!(outcome["rows"], ROWS);
    let peak = outcome["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < 220 << 20, "{peak} bytes");
}

#[test]
fn queries_write_every_format() {
    let sandbox = Sandbox::with_rows();
    let script = "db.i(\"Market\",\"Trades\").where(\"Size>100\").view(\"Sym\",\"Double=Size*2\")";
    for (format, expected) in [("jsonl", "{\"Sym\":\"AAPL\",\"Double\":400}\n"), ("csv", "Sym,Double\nAAPL,400\n")] {
        assert_eq!(sandbox.succeed(&["query", "--format", format, "-e", script]).out, expected);
    }
    for (file, magic) in [("q.parquet", b"PAR1"), ("q.arrow", b"ARRO"), ("q.arrows", b"\xff\xff\xff\xff")] {
        sandbox.succeed(&["query", "-e", script, "-o", file]);
        let bytes = std::fs::read(sandbox.root().with_file_name(file)).unwrap();
        assert_eq!(&bytes[..4], magic);
    }
    let ran = sandbox.run(&["query", "--format", "parquet", "-e", "1+1"]);
    assert!(ran.code == 1 && ran.err.contains("only tables"), "{}", ran.err);
    assert_eq!(sandbox.run(&["catalog", "tables", "--format", "parquet"]).code, 2);
}

#[test]
fn streams_of_arrow_come_from_standard_input() {
    let sandbox = Sandbox::with_rows();
    let table = ["--namespace", "Market", "--table", "Trades"];
    let stream = sandbox.command(&[
        "query",
        "--format",
        "arrow-stream",
        "-e",
        "db.i(\"Market\",\"Trades\").dropColumns(\"Date\")",
    ]);
    let stream = { stream }.output().unwrap().stdout;
    for verb in [&["import", "arrow"][..], &["append", "--input-format", "arrow"]] {
        let partition = verb[0];
        let file: &[&str] = if partition == "import" { &["-"] } else { &[] };
        let arguments = [verb, &table[..], &["--partition", partition], file].concat();
        let mut child = sandbox
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&stream).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let count =
        sandbox.succeed(&["query", "--format", "csv", "-e", "db.i(\"Market\",\"Trades\").countBy(\"N\",\"Date\")"]).out;
    assert_eq!(count, "Date,N\n2017-08-25,3\nappend,3\nimport,3\n");
}

#[test]
fn damaged_files_are_errors_and_leave_nothing() {
    let sandbox = with_every_type(50);
    for file in ["x.parquet", "x.arrow", "x.arrows"] {
        sandbox.succeed(&[&["export"], &TABLE[..], &["-o", file]].concat());
        let path = sandbox.root().with_file_name(file);
        let whole = std::fs::read(&path).unwrap();
        let verb = if file.ends_with("parquet") { "parquet" } else { "arrow" };
        // Cut, without its end, with bytes of others in it, something else altogether, empty.
        let mut spoiled = vec![
            whole[..whole.len() / 2].to_vec(),
            whole[..whole.len() - 5].to_vec(),
            b"no such thing\n".to_vec(),
            Vec::new(),
        ];
        for place in 1..8 {
            let mut wrong = whole.clone();
            let at = whole.len() * place / 8;
            wrong[at..(at + 40).min(whole.len())].fill(0xEE);
            spoiled.push(wrong);
        }
        for (at, bytes) in spoiled.iter().enumerate() {
            std::fs::write(&path, bytes).unwrap();
            let ran = sandbox.run(&[&["import", verb], &TABLE[..], &["--source", "bad", file]].concat());
            // Bytes of a value may be changed without anybody noticing: these formats have no checksums there.
            assert!(
                ran.code == 1 && ran.err.contains("error: ") || ran.code == 0 && at >= 1,
                "{file} {at}: {}",
                ran.err
            );
            if ran.code == 1 {
                assert!(!sandbox.root().join("intraday/Market/All/bad").exists(), "{file} {at}");
            } else {
                std::fs::remove_dir_all(sandbox.root().join("intraday/Market/All/bad")).unwrap();
            }
        }
    }
}
