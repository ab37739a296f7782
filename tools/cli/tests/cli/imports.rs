//! Files as people have them: dialects, encodings, archives, names that do not fit, rows that are wrong, imports that are tried again.

use crate::run::Sandbox;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

const TABLE: [&str; 4] = ["--namespace", "Market", "--table", "Trades"];

fn import<'a>(format: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["import", format][..], &TABLE, more].concat()
}

/// The rows of a partition as `sym size` words.
fn rows(sandbox: &Sandbox, partition: &str) -> String {
    let script = format!("db.i(\"Market\",\"Trades\").where(\"Date=`{partition}`\").view(\"Sym\",\"Size\")");
    let out = sandbox.succeed(&["query", "--format", "csv", "-e", &script]).out;
    out.lines().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_dialect_is_read_as_it_is_written() {
    let sandbox = Sandbox::with_table();
    let cases: &[(&str, &[&str], &str)] = &[
        // RFC 4180 with everything in it: quotes, doubled quotes, line ends within, CRLF, no line end at the end.
        (
            "rfc4180",
            &["--dialect", "rfc4180"],
            "Sym,Time,Size\r\n\"a,\"\"b\"\"\r\nc\",2017-08-25T09:30:00Z,1\r\n(null),,\r\n\"\",,2",
        ),
        (
            "excel",
            &["--dialect", "excel"],
            "\u{feff}Sym,Time,Size\r\n\"a,\"\"b\"\"\r\nc\",2017-08-25T09:30:00Z,1\r\n,,\r\n\"\",,2\r\n",
        ),
        (
            "trim",
            &["--dialect", "trim"],
            "Sym , Time, Size\n  \"a,\"\"b\"\"\r\nc\" , 2017-08-25T09:30:00Z , 1 \n (null) ,  , \n \"\" ,, 2\n",
        ),
        (
            "tdf",
            &["--dialect", "tdf"],
            "Sym\tTime\tSize\n\"a,\"\"b\"\"\r\nc\"\t2017-08-25T09:30:00Z\t1\n\t\t\n\"\"\t\t2\n",
        ),
        (
            "mysql",
            &["--dialect", "mysql"],
            "Sym\tTime\tSize\na,\"b\"\\r\\nc\t2017-08-25T09:30:00Z\t1\n\\N\t\\N\t\\N\n\\\\\t\\N\t2\n",
        ),
        ("bpipe", &["--dialect", "bpipe"], "Sym|Time|Size\n\"a,\"\"b\"\"\r\nc\"|2017-08-25T09:30:00Z|1\n||\n\"\"||2\n"),
        (
            "own",
            &["--delimiter", ";", "--quote", "'", "--comment", "#"],
            "#x\nSym;Time;Size\n'a,\"b\"\r\nc';2017-08-25T09:30:00Z;1\n#y\n;;\n'';;2\n",
        ),
        (
            "plain",
            &["--quote", "", "--escape", "\\"],
            "Sym,Time,Size\na\\,\"b\"\\r\\nc,2017-08-25T09:30:00Z,1\n(null),,\n\\ ,,2\n",
        ),
    ];
    for (name, flags, text) in cases {
        let file = sandbox.file(name, text);
        let report = sandbox.json(&import("csv", &[&["--partition", name], *flags, &[&file]].concat()));
        assert_eq!(report["rows"], 3, "{name}");
        let script = format!("db.i(\"Market\",\"Trades\").where(\"Date=`{name}`\").view(\"Sym\",\"Time\",\"Size\")");
        let out = sandbox.succeed(&["query", "--format", "csv", "-e", &script]).out;
        let last = match *name {
            "mysql" => "\"\\\"",
            "plain" => "\" \"",
            _ => "\"\"",
        };
        let expected = format!("Sym,Time,Size\n\"a,\"\"b\"\"\r\nc\",2017-08-25T09:30:00.000000000Z,1\n,,\n{last},,2\n");
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn lines_around_encodings_and_archives() {
    let sandbox = Sandbox::with_table();
    let place = |name: &str| sandbox.root().with_file_name(name).to_str().unwrap().to_string();
    let text = "Sym,Time,Size\nnaïve,,1\nB,,2\n";
    let wide = |text: &str, mark: bool| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let framed = format!("made by x\n\n{text}total,,3\nend\n");
    for (name, bytes, flags) in [
        ("latin", latin, &["--encoding", "latin1"][..]),
        ("marked", wide(text, true), &[]),
        ("wide", wide(text, false), &["--encoding", "utf-16le"]),
        ("framed", framed.into_bytes(), &["--skip-lines", "2", "--skip-footer-lines", "2"]),
        ("mac", text.replace('\n', "\r").into_bytes(), &[]),
    ] {
        std::fs::write(place(name), bytes).unwrap();
        sandbox.succeed(&import("csv", &[&["--partition", name], flags, &[&place(name)]].concat()));
        assert_eq!(rows(&sandbox, name), "naïve,1 B,2", "{name}");
    }
    // Standard input, and a pattern that no shell has seen.
    let mut child = sandbox
        .command(&import("csv", &["--partition", "in", "-"]))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rows(&sandbox, "in"), "naïve,1 B,2");
    for name in ["p1.csv", "p2.csv"] {
        sandbox.file(name, &format!("Sym,Time,Size\n{name},,7\n"));
    }
    sandbox.succeed(&import("csv", &["--partition", "glob", "p[0-9].csv"]));
    assert_eq!(rows(&sandbox, "glob"), "p1.csv,7 p2.csv,7");
}

#[test]
fn a_schema_says_how_the_files_of_a_vendor_are_written() {
    let sandbox = Sandbox::with_table();
    let schema = std::fs::read_to_string(sandbox.root().join("schemas/Market/Trades.toml")).unwrap();
    let vendor = "dialect = \"tdf\"\nquote = \"'\"\nescape = \"~\"\ncomment = \"#\"\nskip_lines = 1\nskip_footer_lines = 1\npad_short_rows = true\nencoding = \"latin1\"\nfield_names = [\"Sym\", \"Time\", \"Size\"]\n";
    let told = format!("{schema}\n[[import]]\nformat = \"csv\"\nname = \"vendor\"\n{vendor}");
    sandbox.succeed(&["schema", "deploy", "--force", &sandbox.file("Trades.toml", &told)]);
    let text = "made by x\nticker\tat\tcount\n'na\u{ef}ve'\t\t1\n# none\nB~'C\nend\n";
    let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let file = sandbox.root().with_file_name("vendor.txt");
    std::fs::write(&file, latin).unwrap();
    let file = file.to_str().unwrap();
    sandbox.succeed(&import("csv", &["--partition", "v", "--mapping", "vendor", file]));
    assert_eq!(rows(&sandbox, "v"), "naïve,1 B'C,");
    for (key, said) in [
        ("quote = \"''\"", "quote must be one character"),
        ("escape = \",\"", "the escape cannot be ',': it is the delimiter already"),
        ("dialect = \"xls\"", "unknown file format"),
        ("encoding = \"ebcdic\"", "unknown encoding"),
        ("skip_lines = -1", "must be a count"),
        ("skip_line = 1", "no key \"skip_line\""),
    ] {
        let told = format!("{schema}\n[[import]]\nformat = \"csv\"\nname = \"w\"\n{key}\n");
        let checked = sandbox.run(&["schema", "check", &sandbox.file("W.toml", &told)]);
        assert!(checked.code == 1 && checked.out.contains(said), "{key}: {} {}", checked.out, checked.err);
    }
}

#[test]
fn columns_come_from_other_fields_constants_and_formulas() {
    let sandbox = Sandbox::with_table();
    let file = sandbox
        .file("x.csv", "ticker,px,when,cents,day\nA,,2017-08-25T09:30:00Z,250,1\nB,3,2017-08-26T09:30:00Z,199,2\n");
    let flags = ["--rename", "Sym=ticker", "--rename", "Time=when", "--rename", "Size=px", "--default", "Size=-1"];
    sandbox.succeed(&import("csv", &[&["--partition", "a"], &flags[..], &[&file]].concat()));
    assert_eq!(rows(&sandbox, "a"), "A,-1 B,3");
    let flags = [
        "--constant",
        "Sym=X",
        "--rename",
        "Time=when",
        "--field-type",
        "cents=long",
        "--transform",
        "Size=(int)(cents/100)",
    ];
    sandbox.succeed(&import("csv", &[&["--partition", "b"], &flags[..], &[&file]].concat()));
    assert_eq!(rows(&sandbox, "b"), "X,2 X,1");
    // Each row's partition computed of the file's fields, and of the table's columns.
    let formula =
        ["--rename", "Time=when", "--transform", "Sym=ticker+`!`", "--lenient", "--partition-formula", "`day`+day"];
    sandbox.succeed(&import("csv", &[&formula[..], &[&file]].concat()));
    assert_eq!((rows(&sandbox, "day1"), rows(&sandbox, "day2")), ("A!,".to_string(), "B!,".to_string()));
    for (flags, expected) in [
        (["--transform", "Size=`x`+ticker"], "it gives String, the column is int"),
        (["--transform", "Nope=1"], "no column Nope"),
        (["--transform", "Size=nope+1"], "nope"),
        (["--transform", "Sym=ticker_[i-1]"], "cannot speak of others"),
        (["--constant", "Size=x"], "column Size"),
        (["--rename", "Sym"], "not of the form"),
    ] {
        let ran = sandbox.run(&import("csv", &[&["--partition", "c", "--lenient"], &flags[..], &[&file]].concat()));
        assert!(ran.code == 1 && ran.err.contains(expected), "{flags:?}: {}", ran.err);
    }
}

#[test]
fn records_that_are_passed_over_can_be_imported_once_they_are_mended() {
    let sandbox = Sandbox::with_table();
    let file = sandbox.file("x.csv", "Sym,Time,Size\nA,,1\nB,,oops\nC\n\"D\nd\",,x\nE,,5");
    let ran = sandbox.run(&import("csv", &["--partition", "p", "--max-errors", "2", "--rejects", "bad.csv", &file]));
    assert!(
        ran.code == 1
            && ran.err.contains("more than 2 errors")
            && ran.err.contains("line 3, column Size: \"oops\" is not an int"),
        "{}",
        ran.err
    );
    let bad = sandbox.root().with_file_name("bad.csv");
    assert!(!bad.exists(), "a failed import leaves no rejects");
    let report =
        sandbox.json(&import("csv", &["--partition", "p", "--max-errors", "3", "--rejects", "bad.csv", &file]));
    assert_eq!((&report["rows"], &report["errors"]), (&json!(2), &json!(3)));
    assert_eq!(std::fs::read_to_string(&bad).unwrap(), "Sym,Time,Size\nB,,oops\nC\n\"D\nd\",,x\n");
    let mended =
        std::fs::read_to_string(&bad).unwrap().replace("oops", "2").replace("C\n", "C,,3\n").replace(",x", ",4");
    let mended = sandbox.file("mended.csv", &mended);
    sandbox.succeed(&import("csv", &["--partition", "p", "--mode", "append", &mended]));
    let all = "db.i(\"Market\",\"Trades\").view(\"Size\").sort(\"Size\")";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", all]).out, "Size\n1\n2\n3\n4\n5\n");
    // JSON alike; without the flag a bad field is null in a row that stays.
    let lines =
        sandbox.file("x.jsonl", "{\"Sym\":\"A\",\"Time\":null,\"Size\":1}\n{\"Sym\":\"B\",\"Size\":\"x\"}\noops\n");
    let report =
        sandbox.json(&import("json", &["--partition", "j", "--max-errors", "9", "--rejects", "bad.jsonl", &lines]));
    assert_eq!((&report["rows"], &report["errors"]), (&json!(1), &json!(2)));
    assert_eq!(
        std::fs::read_to_string(sandbox.root().with_file_name("bad.jsonl")).unwrap(),
        "{\"Sym\":\"B\",\"Size\":\"x\"}\noops\n"
    );
    sandbox.succeed(&import("json", &["--partition", "k", "--max-errors", "9", &lines]));
    assert_eq!(rows(&sandbox, "k"), "A,1 B,");
}

#[test]
fn a_field_that_no_object_has_is_an_error_unless_told_otherwise() {
    let sandbox = Sandbox::with_table();
    let file = sandbox
        .file("x.jsonl", "{\"sym\":\"A\",\"q\":{\"size\":3}}\n{\"sym\":\"B\",\"Time\":\"2017-08-25T09:30:00Z\"}\n");
    let ran = sandbox.run(&import("json", &["--partition", "p", &file]));
    assert!(ran.code == 1 && ran.err.contains("column Size is in no record of the file"), "{}", ran.err);
    assert!(!sandbox.root().join("intraday/Market/Trades/import").exists());
    sandbox.succeed(&import("json", &["--partition", "p", "--rename", "Size=q.size", &file]));
    assert_eq!(rows(&sandbox, "p"), "A,3 B,");
}

#[test]
fn a_batch_is_applied_once() {
    let sandbox = Sandbox::with_table();
    let file = sandbox.file("x.csv", "Sym,Time,Size\nA,,1\nB,,2\n");
    let arguments = import("csv", &["--partition", "p", "--mode", "append", "--batch-id", "monday 1", &file]);
    for repeated in [false, true, true] {
        let report = sandbox.json(&arguments);
        assert_eq!((&report["rows"], &report["repeated"]), (&json!(2), &json!(repeated)));
    }
    assert_eq!(rows(&sandbox, "p"), "A,1 B,2");
    sandbox.succeed(&import("csv", &["--partition", "p", "--mode", "append", "--batch-id", "monday 2", &file]));
    assert_eq!(rows(&sandbox, "p"), "A,1 B,2 A,1 B,2");
    // What a process that died leaves behind tells by the counts whether its rows are in.
    let ledger = sandbox.root().join("intraday/Market/Trades/import/.imports");
    assert!(ledger.is_file());
    sandbox.succeed(&["verify"]);
    let ran = sandbox.run(&import("csv", &["--partition", "p", "--batch-id", "", &file]));
    assert!(ran.code == 1 && ran.err.contains("a batch id has"), "{}", ran.err);
    let text = std::fs::read_to_string(&ledger).unwrap().replace("monday 1", "monday 3");
    std::fs::write(&ledger, text).unwrap();
    let ran = sandbox.run(&arguments);
    assert!(ran.code == 1 && ran.err.contains("checksum"), "{}", ran.err);
}

#[test]
fn five_thousand_partitions_in_one_pass() {
    let sandbox = Sandbox::with_table();
    let mut text = "Day,Sym,Time,Size\n".to_string();
    for row in 0..10_000 {
        text += &format!("d{:04},S{},,{row}\n", row * 7 % 5_000, row % 3);
    }
    let file = sandbox.file("x.csv", &text);
    let limit = if cfg!(debug_assertions) { "1024" } else { "256" };
    let command = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
    let arguments = import("csv", &["--partition-column", "Day", "--format", "json", &file]);
    let output = std::process::Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_pilaster")])
        .args(&arguments)
        .env("PILASTER_ROOT", sandbox.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["rows"].as_u64(), report["partitions"].as_array().unwrap().len()), (Some(10_000), 5_000));
    let script = "db.i(\"Market\",\"Trades\").view(\"Size\").sumBy()";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", script]).out, "Size\n49995000\n");
}
