//! `import --follow`: every record of a growing file once, however often the follower dies.
#![expect(clippy::disallowed_types, reason = "the file that grows is the test's own")]

use crate::run::Sandbox;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TABLE: [&str; 4] = ["--namespace", "Market", "--table", "Trades"];

fn follow(sandbox: &Sandbox, format: &str, more: &[&str]) -> Child {
    let arguments = [&["import", format][..], &TABLE, &["--follow", "--latency", "5"], more].concat();
    sandbox.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The numbers of the rows, ascending.
fn sizes(sandbox: &Sandbox) -> Vec<u64> {
    let script = "db.i(\"Market\",\"Trades\").view(\"Size\").sort(\"Size\")";
    let ran = sandbox.run(&["query", "--format", "csv", "-e", script]);
    ran.out.lines().skip(1).map(|line| line.parse().unwrap()).collect()
}

/// Waits until the follower has so many rows in, and ends it in order.
fn finish(sandbox: &Sandbox, mut child: Child, rows: usize) {
    let begun = Instant::now();
    while sizes(sandbox).len() < rows {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} of {rows} rows", sizes(sandbox).len());
        assert!(child.try_wait().unwrap().is_none(), "{:?}", child.wait_with_output());
    }
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(1), "Ctrl-C ends it as everything");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Kills a follower again and again while the file grows, `line` giving its records.
fn killed(rounds: usize, format: &str, head: &str, line: &dyn Fn(usize) -> String, flags: &[&str]) {
    let sandbox = Sandbox::with_table();
    let path = sandbox.file("x", head);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let mut written = 0;
    let mut seed = 20_260_825_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..rounds {
        let mut child = follow(&sandbox, format, &[flags, &[&path]].concat());
        let until = Instant::now() + Duration::from_micros(2_000 + random(60_000));
        while Instant::now() < until {
            let text: String = (0..random(20))
                .map(|_| {
                    written += 1;
                    line(written)
                })
                .collect();
            // In two pieces, so that the follower meets half a record.
            let (first, second) = text.as_bytes().split_at(random(text.len() as u64 + 1) as usize);
            file.write_all(first).unwrap();
            file.write_all(second).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finish(&sandbox, follow(&sandbox, format, &[flags, &[&path]].concat()), written);
    let found = sizes(&sandbox);
    assert!(found.iter().copied().eq(1..=written as u64), "{} rows of {written}", found.len());
    sandbox.succeed(&["verify"]);
}

/// More of them where somebody asks for it.
fn rounds(usual: usize) -> usize {
    std::env::var("PILASTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn a_killed_follower_takes_every_row_of_csv_once() {
    let line = |n: usize| format!("\"S\n{}\",,{n}\n", n % 5);
    killed(rounds(12), "csv", "Sym,Time,Size\n", &line, &["--partition", "p"]);
}

#[test]
fn a_killed_follower_takes_every_object_once_in_many_partitions() {
    let line = |n: usize| format!("{{\"Date\":\"d{}\",\"Sym\":\"S\",\"Size\":{n}}}\n", n % 3);
    killed(rounds(8), "json", "", &line, &["--partition-column", "Date", "--durability", "interval:20"]);
}

#[test]
fn a_follower_goes_on_where_it_ended_and_refuses_other_files() {
    let sandbox = Sandbox::with_table();
    let path = sandbox.file("x.csv", "Sym,Time,Size\nA,,1\nB,,2\nC,,");
    let flags = ["--partition", "p", path.as_str()];
    finish(&sandbox, follow(&sandbox, "csv", &flags), 2);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"3\nD,,4\n").unwrap();
    finish(&sandbox, follow(&sandbox, "csv", &flags), 4);
    assert_eq!(sizes(&sandbox), [1, 2, 3, 4]);
    // An error names the line of the whole file.
    file.write_all(b"E,,x\n").unwrap();
    let output = follow(&sandbox, "csv", &flags).wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && err.contains("line 6, column Size"), "{err}");
    for (content, expected) in [("Sym,Time,Size\nX,,1\n", "another file"), ("Sym,Time,Size\nA,,1\n", "shorter")] {
        std::fs::write(&path, content).unwrap();
        let output = follow(&sandbox, "csv", &flags).wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && (err.contains(expected) || err.contains("another file")), "{err}");
    }
    assert_eq!(sizes(&sandbox), [1, 2, 3, 4]);
}
