//! `append` and `tail` as processes: rows come out as they go in, whatever ends first.

use crate::run::{Ran, Sandbox};
use pilaster::io::clock::Stopwatch;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

const SCHEMA: &str = r#"namespace = "Market"
table = "Ticks"
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "Sym"
type = "String"
[[columns]]
name = "N"
type = "long"
"#;

const TABLE: [&str; 4] = ["--namespace", "Market", "--table", "Ticks"];

fn sandbox() -> Sandbox {
    Sandbox::with_schema(SCHEMA)
}

/// A running verb with its pipes.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(sandbox: &Sandbox, verb: &str, arguments: &[&str]) -> Self {
        let arguments = [&[verb][..], &TABLE, arguments].concat();
        let mut command = sandbox.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, input, lines }
    }

    fn send(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The next line; waits for it.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn interrupt(&self) {
        let done = std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Closes the input and waits; the rest of what it printed.
    fn end(mut self) -> Ran {
        self.input = None;
        let mut out = String::new();
        self.lines.read_to_string(&mut out).unwrap();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ran { code: self.child.wait().unwrap().code().unwrap_or(-1), out, err }
    }
}

fn append_text(sandbox: &Sandbox, text: &str, arguments: &[&str]) -> Ran {
    let mut running = Running::start(sandbox, "append", &[arguments, &["--format", "json"]].concat());
    running.send(text);
    running.end()
}

fn outcome(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn rows(sandbox: &Sandbox) -> Vec<String> {
    let ran =
        sandbox.succeed(&[&["tail"][..], &TABLE, &["--no-follow", "--from", "start", "--format", "csv"]].concat());
    ran.out.lines().skip(1).map(str::to_string).collect()
}

/// The position that a run of `tail` ended with.
fn position(ran: &Ran) -> String {
    let line = ran.err.lines().find_map(|line| line.strip_prefix("position: "));
    line.unwrap_or_else(|| panic!("{ran:?}")).to_string()
}

#[test]
fn rows_of_an_open_pipe_are_seen_at_once() {
    let sandbox = sandbox();
    let mut tail = Running::start(&sandbox, "tail", &["--format", "csv"]);
    let mut append = Running::start(&sandbox, "append", &["--partition", "d", "--ack", "--latency", "1"]);
    append.send("Sym,N\nIBM,0\n");
    assert_eq!(tail.line(), "Date,Sym,N");
    assert_eq!(tail.line(), "d,IBM,0");
    let mut millis = Vec::new();
    for n in 1..30 {
        let stopwatch = Stopwatch::start();
        append.send(&format!("A{n},{n}\n"));
        assert_eq!(tail.line(), format!("d,A{n},{n}"));
        millis.push(stopwatch.elapsed().as_millis());
    }
    millis.sort_unstable();
    println!("from pipe to pipe through two processes: {} ms (median)", millis[millis.len() / 2]);
    assert!(millis[millis.len() / 2] < 1_000, "{millis:?}");
    // A quoted field whose end has not come, and half a line, wait.
    append.send("\"a\nb\",30\nC,3");
    assert_eq!((tail.line(), tail.line()), ("d,\"a".into(), "b\",30".into()));
    append.send("1\n");
    assert_eq!(tail.line(), "d,C,31");
    let ran = append.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    let acknowledged: Vec<Value> =
        ran.err.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        acknowledged.len() >= 32
            && acknowledged.windows(2).all(|two| two[0]["rows"].as_u64() <= two[1]["rows"].as_u64())
    );
    assert_eq!(acknowledged.last().unwrap()["durable_rows"], 32);
    assert_eq!(acknowledged.last().unwrap()["level"], "durable");
    tail.interrupt();
    let ran = tail.end();
    assert!(ran.code == 1 && ran.err.contains("error: interrupted"), "{ran:?}");
    assert!(position(&ran).starts_with("1;"));
}

#[test]
fn an_idle_writer_makes_rows_durable_in_time() {
    let sandbox = sandbox();
    let mut append = Running::start(&sandbox, "append", &["--partition", "d", "--ack", "--durability", "interval:150"]);
    append.send("Sym,N\n");
    let stderr = append.child.stderr.take().unwrap();
    let mut acknowledged =
        BufReader::new(stderr).lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    for n in 1..4 {
        append.send(&format!("IBM,{n}\n"));
        // Nothing else comes, and the rows become durable all the same.
        loop {
            let acknowledged = acknowledged.next().unwrap();
            assert_eq!(acknowledged["rows"], n);
            if acknowledged["level"] == "durable" {
                break;
            }
            assert_eq!(acknowledged["level"], "visible");
        }
    }
    drop(append.input.take());
    assert!(append.child.wait().unwrap().success());
}

#[test]
fn every_level_is_what_it_says() {
    for (level, commits_durably) in [("none", false), ("interval:3600000", false), ("commit", true)] {
        let sandbox = sandbox();
        let ran = append_text(&sandbox, "Sym,N\na,1\nb,2\n", &["--partition", "d", "--ack", "--durability", level]);
        let first: Value = serde_json::from_str(ran.err.lines().next().unwrap()).unwrap();
        assert_eq!(first["level"] == "durable", commits_durably, "{level}: {ran:?}");
        let outcome = outcome(&ran);
        assert_eq!((&outcome["rows"], &outcome["durable_rows"]), (&2.into(), &2.into()), "the end makes all durable");
    }
    let ran = sandbox().run(&[&["append"][..], &TABLE, &["--durability", "maybe"]].concat());
    assert!(ran.code == 2 && ran.err.contains("interval:MS"), "{ran:?}");
}

#[test]
fn imports_say_which_level_was_reached() {
    let sandbox = sandbox();
    let csv = sandbox.file("rows.csv", "Sym,N\na,1\nb,2\n");
    let dated = sandbox.file("dated.csv", "Date,Sym,N\nx,a,1\ny,b,2\n");
    let levels: [(&[&str], &str, u64); 6] = [
        (&["--partition", "d", &csv], "durable", 2),
        (&["--partition", "e", "--durability", "commit", &csv], "durable", 2),
        (&["--partition", "f", "--durability", "interval:50", &csv], "durable", 2),
        (&["--partition", "g", "--durability", "none", &csv], "visible", 0),
        (&["--partition", "g", "--durability", "none", "--mode", "replace", &csv], "durable", 2),
        (&["--durability", "none", &dated], "durable", 2),
    ];
    for (arguments, level, durable) in levels {
        let ran = sandbox.run(&[&["import", "csv", "--format", "json"][..], &TABLE, arguments].concat());
        let outcome = outcome(&ran);
        let found = (&outcome["rows"], &outcome["durability"], &outcome["durable_rows"]);
        assert_eq!(found, (&2.into(), &level.into(), &durable.into()), "{arguments:?}");
    }
    let more = ["--partition", "g", "--durability", "none", "--mode", "append", &csv];
    let ran = sandbox.run(&[&["import", "csv"][..], &TABLE, &more].concat());
    assert!(ran.code == 0 && ran.err.contains("visible and not yet durable"), "{ran:?}");
    let ran = sandbox.run(&[&["import", "csv"][..], &TABLE, &["--durability", "maybe", &csv]].concat());
    assert!(ran.code == 2 && ran.err.contains("interval:MS"), "{ran:?}");
}

#[test]
fn partitions_of_a_batch_come_together() {
    let sandbox = sandbox();
    let text: String = (0..400).map(|n| format!("p{},S{n},{n}\n", n % 40)).collect();
    let ran = append_text(&sandbox, &format!("Date,Sym,N\n{text}"), &["--durability", "commit"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let outcome = outcome(&ran);
    assert_eq!((&outcome["rows"], &outcome["durable_rows"]), (&400.into(), &400.into()));
    assert_eq!(outcome["partitions"].as_array().unwrap().len(), 40);
    let mut found = rows(&sandbox);
    found.sort_by_key(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap());
    let expected: Vec<String> = text.lines().map(str::to_string).collect();
    assert_eq!(found, expected);
    let query = sandbox.succeed(&["query", "-e", "db.i('Market', 'Ticks').countBy('C')", "--format", "csv"]);
    assert_eq!(query.out, "C\n400\n");
    // A second writer in the same source waits for none of this.
    assert_eq!(append_text(&sandbox, "Date,Sym,N\np1,x,1\nnew,y,2\n", &[]).code, 0);
}

#[test]
fn ends_and_errors_keep_what_was_read_whole() {
    for (text, arguments, code, kept, said) in [
        ("", &[][..], 0, 0, ""),
        ("Sym,N\n", &[], 0, 0, ""),
        ("Sym,N\na,1\nb,2", &[], 0, 2, ""),
        ("a,1\nb,2\n", &["--no-header"], 0, 2, ""),
        ("Sym,N\na,1\nb,x\nc,3\n", &["--max-errors", "1"], 0, 3, "line 3"),
        ("Sym,N\na,1\nb,x\n", &[], 1, 0, "line 3, column N"),
        ("Sym,M\na,1\n", &[], 1, 0, "column N is not in the file"),
        ("Sym,N\na\n", &[], 1, 0, "line 2 has 1 field"),
    ] {
        let sandbox = sandbox();
        let ran = append_text(&sandbox, text, &[&["--partition", "d"], arguments].concat());
        assert!(ran.code == code && ran.err.contains(said), "{text:?}: {ran:?}");
        assert_eq!(rows(&sandbox).len(), kept, "{text:?}");
        if code == 0 {
            assert_eq!(outcome(&ran)["rows"], kept, "{text:?}: {ran:?}");
        }
    }
    let sandbox = sandbox();
    for text in ["", "Sym,N\na,1\n"] {
        let ran = append_text(&sandbox, text, &["--partition", "../x"]);
        assert!(ran.code == 1 && !sandbox.root().join("intraday/Market/x").exists(), "{ran:?}");
    }
}

#[test]
fn a_bad_line_and_ctrl_c_say_what_is_in() {
    let sandbox = sandbox();
    let mut tail = Running::start(&sandbox, "tail", &["--format", "json"]);
    let mut append = Running::start(&sandbox, "append", &["--partition", "d", "--format", "json"]);
    append.send("Sym,N\na,1\n");
    assert_eq!(tail.line(), r#"{"Date":"d","Sym":"a","N":1}"#);
    append.send("b,oops\n");
    let ran = append.end();
    assert!(ran.code == 1 && ran.err.contains("line 3, column N"), "{ran:?}");
    assert_eq!((&outcome(&ran)["rows"], &outcome(&ran)["durable_rows"]), (&1.into(), &1.into()));
    let mut append = Running::start(&sandbox, "append", &["--partition", "d", "--format", "json"]);
    append.send("Sym,N\nb,2\nc,3\nd,");
    assert_eq!(tail.line(), r#"{"Date":"d","Sym":"b","N":2}"#);
    assert_eq!(tail.line(), r#"{"Date":"d","Sym":"c","N":3}"#);
    append.interrupt();
    // The pipe stays open: the signal alone ends it.
    let held = append.input.take();
    let ran = append.end();
    drop(held);
    assert!(ran.code == 1 && ran.err.contains("error: interrupted"), "{ran:?}");
    assert_eq!((&outcome(&ran)["rows"], &outcome(&ran)["interrupted"]), (&2.into(), &true.into()));
    assert_eq!(rows(&sandbox).len(), 3);
    tail.interrupt();
    tail.end();
}

#[test]
fn following_goes_on_where_it_stopped() {
    let sandbox = sandbox();
    let tail = |arguments: &[&str]| {
        sandbox.run(&[&["tail"][..], &TABLE, &["--no-follow", "--format", "csv"], arguments].concat())
    };
    let none = tail(&[]);
    assert_eq!((none.code, none.out.as_str()), (0, "Date,Sym,N\n"));
    append_text(&sandbox, "Sym,N\na,1\nb,2\nc,3\n", &["--partition", "d"]);
    append_text(&sandbox, "Sym,N\nx,1\n", &["--partition", "e", "--source", "other"]);
    assert_eq!(tail(&["-n", "2"]).out, "Date,Sym,N\nd,c,3\ne,x,1\n");
    assert_eq!(tail(&["-n", "2", "--partition", "d"]).out, "Date,Sym,N\nd,b,2\nd,c,3\n");
    assert_eq!(tail(&["--from", "start", "--source", "other"]).out, "Date,Sym,N\ne,x,1\n");
    let end = tail(&["--from", "end"]);
    assert_eq!(end.out, "Date,Sym,N\n");
    let position = position(&end);
    append_text(&sandbox, "Sym,N\nd,4\n", &["--partition", "d"]);
    append_text(&sandbox, "Sym,N\nnew,1\n", &["--partition", "f"]);
    assert_eq!(tail(&["--from", &position]).out, "Date,Sym,N\nd,d,4\nf,new,1\n");
    // The aligned form, for people.
    let ran = sandbox.succeed(&[&["tail"][..], &TABLE, &["--no-follow", "-n", "1"]].concat());
    assert_eq!(ran.out, "Date  Sym  N\n----  ---  -\nf     new  1\n");
    // Replaced rows are no continuation.
    let csv = sandbox.file("new.csv", "Sym,N\nq,9\n");
    sandbox.succeed(
        &[&["import", "csv"][..], &TABLE, &["--partition", "d", "--source", "append", "--mode", "replace", &csv]]
            .concat(),
    );
    let ran = tail(&["--from", &position]);
    assert!(ran.code == 1 && ran.err.contains("was replaced by another one") && ran.err.contains("hint: "), "{ran:?}");
    for bad in ["nowhere", "1;", "2;00"] {
        assert_eq!(tail(&["--from", bad]).code, 2, "{bad}");
    }
    assert_eq!(tail(&["--from", "start", "-n", "1"]).code, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = sandbox();
    let text: String = (0..50_000).map(|n| format!("S{n},{n}\n")).collect();
    append_text(&sandbox, &format!("Sym,N\n{text}"), &["--partition", "d"]);
    let mut tail = Running::start(&sandbox, "tail", &["--from", "start", "--format", "csv"]);
    assert_eq!(tail.line(), "Date,Sym,N");
    let Running { mut child, lines, .. } = tail;
    drop(lines);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(child.wait().unwrap().success() && err.is_empty(), "{err}");
}

#[test]
fn two_writers_of_one_partition_and_a_table_that_is_not_there() {
    let sandbox = sandbox();
    let mut first = Running::start(&sandbox, "append", &["--partition", "d"]);
    let mut tail = Running::start(&sandbox, "tail", &["--format", "csv"]);
    first.send("Sym,N\na,1\n");
    assert_eq!((tail.line(), tail.line()), ("Date,Sym,N".into(), "d,a,1".into()));
    let ran = append_text(&sandbox, "Sym,N\nb,2\n", &["--partition", "d"]);
    assert!(ran.code == 1 && ran.err.contains("another writer has the location"), "{ran:?}");
    assert_eq!(append_text(&sandbox, "Sym,N\nb,2\n", &["--partition", "d", "--source", "other"]).code, 0);
    assert_eq!(tail.line(), "d,b,2");
    assert_eq!(first.end().code, 0);
    tail.interrupt();
    tail.end();
    let ran = sandbox.run(&["tail", "--namespace", "Market", "--table", "Tick", "--no-follow"]);
    assert!(ran.code == 1 && ran.err.contains("Ticks"), "{ran:?}");
}
