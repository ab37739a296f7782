//! Runs the command in a root of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A table with a partition of its own, a grouping column, a time, a number.
pub(crate) const SCHEMA: &str = r#"namespace = "Market"
table = "Trades"
sort = ["Time"]
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "Sym"
type = "String"
kind = "grouping"
[[columns]]
name = "Time"
type = "DateTime"
[[columns]]
name = "Size"
type = "int"
"#;

/// Three rows of it.
pub(crate) const TRADES: &str = "Sym,Time,Size
IBM,2017-08-25T09:30:00Z,100
AAPL,2017-08-25T09:30:01Z,200
IBM,2017-08-25T09:30:02Z,
";

/// A directory with a root in `root` and files of the test's beside it.
pub(crate) struct Sandbox {
    directory: TempDir,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    /// An initialised root with the schema deployed.
    pub(crate) fn with_table() -> Self {
        Self::with_schema(SCHEMA)
    }

    /// An initialised root with this schema deployed.
    pub(crate) fn with_schema(schema: &str) -> Self {
        let sandbox = Self::empty();
        let schema = sandbox.file("Table.toml", schema);
        sandbox.succeed(&["init"]);
        sandbox.succeed(&["schema", "deploy", &schema]);
        sandbox
    }

    /// A root whose partition 2017-08-25 was imported.
    pub(crate) fn with_rows() -> Self {
        let sandbox = Self::with_table();
        let csv = sandbox.file("trades.csv", TRADES);
        sandbox.succeed(&[
            "import",
            "csv",
            "--namespace",
            "Market",
            "--table",
            "Trades",
            "--partition",
            "2017-08-25",
            &csv,
        ]);
        sandbox
    }

    /// Nothing but a directory; in memory if the system has a place for that, since these tests make many small files durable.
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Sandbox { directory: directory.unwrap() }
    }

    /// Writes a file beside the root; gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// The command, with the root named.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilaster"));
        command.args(arguments).env("PILASTER_ROOT", self.root()).env_remove("COLUMNS").stdin(Stdio::null());
        command.current_dir(self.directory.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs and expects success.
    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran
    }

    /// The standard output of a run, as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.succeed(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// Every file below the root with its content, but for locks.
    pub(crate) fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.root(), &mut found);
        found.sort();
        found
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn collect(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if !path.to_str().unwrap().contains("lock") {
            let content = std::fs::read(&path).unwrap();
            found.push((path, content));
        }
    }
}
