//! Files made to break an import: a clear error or a right result, in bounded memory, and nothing half imported.

use crate::run::{Ran, Sandbox};
use std::process::Command;

/// Imports what a shell command writes, with at most so much address space.
fn piped(sandbox: &Sandbox, command: &str, format: &str, more: &str) -> Ran {
    run_piped(sandbox, command, &format!("import {format} --namespace Market --table Trades {more} -"))
}

fn run_piped(sandbox: &Sandbox, command: &str, verb: &str) -> Ran {
    // Half of it is what threads and allocators reserve and never touch.
    let script = format!("{{ {command}; }} 2>/dev/null | {{ ulimit -v 1048576; exec \"$0\" {verb}; }}");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_pilaster")])
        .env("PILASTER_ROOT", sandbox.root())
        .output()
        .unwrap();
    Ran::of(output)
}

#[test]
fn hostile_texts_are_refused_and_leave_nothing() {
    let sandbox = Sandbox::with_table();
    let head = "printf 'Sym,Time,Size\\n'";
    let endless = "head -c 1000000000 /dev/zero | tr '\\0' x";
    for (name, command, format, expected) in [
        (
            "a field of a gigabyte",
            format!("{head}; printf '\"'; {endless}"),
            "csv",
            "a record has more than 67108864 bytes",
        ),
        ("a line of a gigabyte", format!("{head}; {endless}"), "csv", "a record has more than 67108864 bytes"),
        (
            "an object of a gigabyte",
            format!("printf '{{\"Sym\":\"'; {endless}"),
            "json",
            "a record has more than 67108864 bytes",
        ),
        (
            "a field of 20 megabytes",
            format!("{head}; head -c 20000000 /dev/zero | tr '\\0' x; printf ',,1\\n'"),
            "csv",
            "line 2, column Sym: the field has more than 16777216 bytes",
        ),
        (
            "an open quote",
            format!("{head}; printf 'A,,1\\n\"B,,2\\nC,,3\\n'"),
            "csv",
            "line 3, column Sym: a quote is opened that is never closed",
        ),
        ("a hundred thousand columns", "seq -s, 1 100000".to_string(), "csv", "more than 10000 columns"),
        (
            "ragged rows",
            format!("{head}; printf 'A,,1\\nB\\nC,,3,4\\n'"),
            "csv",
            "line 3 has 1 field, the header has 3",
        ),
        ("bytes that are no text", format!("{head}; printf '\\377\\376\\375,,1\\n'"), "csv", "line 2 is not UTF-8"),
        (
            "a cut gzip file",
            format!("{{ {head}; seq 1 200000 | sed 's/$/,,1/'; }} | gzip -1 | head -c 200000"),
            "csv",
            "the compressed file ends early",
        ),
        (
            "a gigabyte of NUL bytes",
            format!("{head}; head -c 1000000000 /dev/zero"),
            "csv",
            "a record has more than 67108864 bytes",
        ),
        (
            "a bomb of gzip",
            format!("{{ {head}; printf '\"'; {endless}; }} | gzip -1"),
            "csv",
            "a record has more than 67108864 bytes",
        ),
        ("a file of xz", "printf '\\3757zXZ\\0\\0'".to_string(), "csv", "read `xz -dc FILE` from standard input"),
        ("no JSON", "printf 'Sym,Time\\n1,2\\n'".to_string(), "json", "line 1 is no JSON object"),
        (
            "a million brackets",
            "printf '{\"Sym\":'; head -c 1000000 /dev/zero | tr '\\0' '['".to_string(),
            "json",
            "line 1 is no JSON object",
        ),
        (
            "no Arrow",
            "printf 'ARROW1\\0\\0\\377\\377\\377\\377\\377\\377\\377\\177'".to_string(),
            "arrow",
            "a message's description has 2147483647 bytes",
        ),
    ] {
        let ran = piped(&sandbox, &command, format, "--partition p");
        assert!(ran.code == 1 && ran.err.contains(expected), "{name}: {ran:?}");
        assert!(!sandbox.root().join("intraday/Market/Trades/import").exists(), "{name}");
    }
    let many = "printf 'Day,Sym,Time,Size\\n'; seq 1 1000000 | sed 's/$/,A,,1/'";
    let ran = piped(&sandbox, many, "csv", "--partition-column Day");
    assert!(ran.code == 1 && ran.err.contains("more than 20000 partitions"), "{ran:?}");
    assert!(!sandbox.root().join("intraday/Market/Trades/import").exists());
}

#[test]
fn hostile_texts_are_looked_through_in_bounded_memory() {
    let sandbox = Sandbox::with_table();
    let endless = "head -c 1000000000 /dev/zero | tr '\\0' x";
    let infer = "schema infer --namespace Ns --table T --format csv --input-format";
    for (name, command, verb, expected) in [
        ("a field of a gigabyte", format!("printf 'a\n\"'; {endless}"), format!("{infer} csv -"), "a record has more than"),
        ("thousands of columns of one name", "yes a | head -9999 | paste -sd,".into(), format!("{infer} csv -"), ""),
        (
            "names of 15 megabytes",
            "for i in 1 2 3; do printf '{\"'; head -c 15000000 /dev/zero | tr '\\0' x; printf '\":1}\\n'; done".into(),
            format!("{infer} json -"),
            "no line is a JSON object",
        ),
        (
            "a late object of a million keys",
            "yes '{\"a\":1}' | head -300000; printf '{\"a\":1'; seq 1000000 | sed 's/.*/,\"&\":1/' | tr -d '\n'; echo '}'".into(),
            format!("{infer} json -"),
            "the objects have more than 10000 fields",
        ),
    ] {
        let ran = run_piped(&sandbox, &command, &verb);
        assert!(ran.code == i32::from(!expected.is_empty()) && ran.err.contains(expected), "{name}: {ran:?}");
    }
}

#[test]
fn odd_texts_are_read_as_they_stand() {
    let sandbox = Sandbox::with_table();
    // NUL in text, and three kinds of line ends in one file.
    let ran = piped(&sandbox, "printf 'Sym,Time,Size\\r\\nA\\0B,,1\\nC,,2\\rD,,3'", "csv", "--partition p");
    assert_eq!(ran.code, 0, "{ran:?}");
    let out = sandbox
        .succeed(&["query", "--format", "jsonl", "-e", "db.i(\"Market\",\"Trades\").view(\"Sym\",\"Size\")"])
        .out;
    assert_eq!(out, "{\"Sym\":\"A\\u0000B\",\"Size\":1}\n{\"Sym\":\"C\",\"Size\":2}\n{\"Sym\":\"D\",\"Size\":3}\n");
}
