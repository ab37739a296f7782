//! Imports that end in the middle, by Ctrl-C or by death: nothing of them is visible, and the next one works.

use crate::run::{Ran, Sandbox, TRADES};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

const IMPORT: [&str; 8] = ["import", "csv", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"];

/// Starts an import of standard input and feeds it until rows lie on disk. It waits for more then, so it is in progress for sure.
fn started(sandbox: &Sandbox, mode: &str) -> (Child, ChildStdin) {
    let before = column_bytes(sandbox);
    let mut child = sandbox
        .command(&[&IMPORT[..], &["--mode", mode, "-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let rows = "IBM,2017-08-25T09:30:00Z,100\n".repeat(10_000);
    input.write_all(b"Sym,Time,Size\n").unwrap();
    while column_bytes(sandbox) <= before {
        // Returns when all but what a pipe holds was taken.
        input.write_all(rows.as_bytes()).unwrap();
    }
    (child, input)
}

/// Bytes of all columns, also of those that readers do not see.
fn column_bytes(sandbox: &Sandbox) -> u64 {
    let files = files(&sandbox.root().join("intraday")).into_iter();
    let columns = files.filter(|path| path.extension().is_some_and(|extension| extension == "dat"));
    columns.filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum()
}

/// All files below a directory that may change meanwhile.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files of a root, by name.
fn names(sandbox: &Sandbox) -> Vec<PathBuf> {
    let root = sandbox.root();
    let mut names: Vec<PathBuf> =
        files(&root).iter().map(|path| path.strip_prefix(&root).unwrap().to_path_buf()).collect();
    names.sort();
    names
}

/// Waits for the end of a process that must end by itself: its input is open, and it gets no second signal.
#[track_caller]
fn ended(mut child: Child) -> Ran {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it goes on after the signal: {:?}", Ran::of(child.wait_with_output().unwrap()));
        }
        std::thread::yield_now();
    }
    Ran::of(child.wait_with_output().unwrap())
}

/// After which a process hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Imports three rows in safe mode into a table without rows, and finds these and no trace of another import.
#[track_caller]
fn check_next_import_works(sandbox: &Sandbox) {
    assert_eq!(sandbox.json(&["catalog", "partitions"]), serde_json::json!([]));
    let rows = ["query", "--format", "csv", "-e", "db.i('Market', 'Trades').view('Date', 'Sym', 'Size')"];
    assert_eq!(sandbox.succeed(&rows).out, "Date,Sym,Size\n");
    let csv = sandbox.file("trades.csv", TRADES);
    sandbox.succeed(&[&IMPORT[..], &[&csv]].concat());
    let expected = "Date,Sym,Size\n2017-08-25,IBM,100\n2017-08-25,AAPL,200\n2017-08-25,IBM,\n";
    assert_eq!(sandbox.succeed(&rows).out, expected);
    assert_eq!(names(sandbox), names(&Sandbox::with_rows()), "something is left of the other import");
}

#[test]
fn an_interrupted_import_leaves_nothing() {
    for name in ["-INT", "-TERM"] {
        let sandbox = Sandbox::with_table();
        let before = sandbox.content();
        // The input stays open: nobody types another line after Ctrl-C.
        let (child, input) = started(&sandbox, "safe");
        signal(&child, name);
        let ran = ended(child);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert_eq!(ran.err, "error: Market.Trades: interrupted\n");
        assert!(sandbox.content() == before, "the import left something");
        drop(input);
        check_next_import_works(&sandbox);
    }
}

#[test]
fn a_killed_import_is_invisible_and_the_next_one_removes_it() {
    let sandbox = Sandbox::with_table();
    let (mut child, _input) = started(&sandbox, "safe");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(column_bytes(&sandbox) > 0, "it was not in the middle");
    check_next_import_works(&sandbox);
}

#[test]
fn rows_that_were_there_outlive_interrupted_imports() {
    for (mode, name) in [("append", "-INT"), ("append", "-KILL"), ("replace", "-INT"), ("replace", "-KILL")] {
        let sandbox = Sandbox::with_rows();
        let (child, _input) = started(&sandbox, mode);
        signal(&child, name);
        ended(child);
        assert_eq!(sandbox.json(&["catalog", "partitions"])[0]["rows"], 3, "{mode} {name}");
        let csv = sandbox.file("trades.csv", TRADES);
        sandbox.succeed(&[&IMPORT[..], &["--mode", mode, &csv]].concat());
        let sizes = ["query", "--format", "csv", "-e", "db.i('Market', 'Trades').view('Size')"];
        let expected = ["Size\n", &"100\n200\n\n".repeat(if mode == "append" { 2 } else { 1 })].concat();
        assert_eq!(sandbox.succeed(&sizes).out, expected, "{mode} {name}");
        assert_eq!(names(&sandbox), names(&Sandbox::with_rows()), "{mode} {name}");
    }
}

#[test]
fn ctrl_c_before_any_input() {
    let sandbox = Sandbox::with_table();
    let before = sandbox.content();
    for arguments in [&[&IMPORT[..], &["-"]].concat()[..], &["query", "-"]] {
        let mut command = sandbox.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        wait_until_it_reads(&child);
        signal(&child, "-INT");
        let ran = ended(child);
        assert_eq!((ran.code, ran.err.ends_with("interrupted\n")), (1, true), "{ran:?}");
        assert!(sandbox.content() == before);
        drop(input);
    }
}

/// Waits until a thread of the process sleeps and Ctrl-C has its handler.
fn wait_until_it_reads(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    loop {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let handled = u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << 1 != 0;
        if handled && text.contains("State:\tS") {
            return;
        }
        std::thread::yield_now();
    }
}
