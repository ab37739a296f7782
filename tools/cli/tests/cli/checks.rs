//! `inspect`, `verify` and `repair` on a root that is good, and on one that is not.

use crate::run::Sandbox;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A root with the partition intraday and in history.
fn merged() -> Sandbox {
    let sandbox = Sandbox::with_rows();
    sandbox.succeed(&["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"]);
    sandbox
}

/// The one directory in a directory.
fn only(directory: PathBuf) -> PathBuf {
    let mut entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.is_dir()).unwrap_or_else(|| panic!("{}", directory.display()))
}

fn intraday(sandbox: &Sandbox) -> PathBuf {
    only(only(sandbox.root().join("intraday/Market/Trades")))
}

fn historical(sandbox: &Sandbox) -> PathBuf {
    only(sandbox.root().join("historical/Market/Trades/main/2017-08-25"))
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_string()
}

#[test]
fn a_good_root_verifies_with_figures() {
    let sandbox = merged();
    let report = sandbox.json(&["verify"]);
    assert_eq!(report["rows"], 6);
    assert_eq!(report["values"], 18);
    assert_eq!(report["locations"], 2);
    assert_eq!(report["errors"], 0);
    assert_eq!(report["problems"], Value::Array(vec![]));
    assert!(report["bytes"].as_u64().unwrap() > 20_000 && report["files"].as_u64().unwrap() > 8, "{report}");
    assert!(report["seconds"].is_number());
    let ran = sandbox.succeed(&[
        "verify",
        "--namespace",
        "Market",
        "--table",
        "Trades",
        "--partition",
        "2017-08-25",
        "--threads",
        "1",
    ]);
    assert!(ran.out.is_empty() && ran.err.contains("verified 18 values in 2 locations"), "{ran:?}");
    assert!(ran.err.contains("no damage, nothing left over"), "{ran:?}");
    // Paths: a part of the root, one location, a copy of one elsewhere.
    for (path, rows) in [
        (text(&sandbox.root()), 6),
        (text(&sandbox.root().join("historical/Market")), 3),
        ("intraday/Market/Trades".to_string(), 3),
        (text(&intraday(&sandbox)), 3),
        (text(&historical(&sandbox)), 3),
    ] {
        assert_eq!(sandbox.json(&["verify", &path])["rows"], rows, "{path}");
    }
    for from in [intraday(&sandbox), historical(&sandbox)] {
        let copy = sandbox.root().parent().unwrap().join(from.file_name().unwrap());
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        assert_eq!(sandbox.json(&["verify", &text(&copy)])["rows"], 3);
    }
    for arguments in [
        &["verify", "--namespace", "Nowhere"][..],
        &["verify", "nowhere"],
        &["verify", "schemas"],
        &["verify", "--partition", "1999-01-01"],
    ] {
        let ran = sandbox.run(arguments);
        assert!(ran.code == 1 && ran.err.starts_with("error: "), "{ran:?}");
    }
    assert_eq!(sandbox.run(&["verify", "intraday", "--namespace", "Market"]).code, 2);
}

#[test]
fn damage_is_listed_with_its_place_and_a_way_out() {
    let sandbox = merged();
    let column = historical(&sandbox).join("Size.col");
    flip(&column, 33);
    let ran = sandbox.run(&["verify", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let [problem] = &report["problems"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(problem["severity"], "damage");
    assert_eq!(problem["path"], text(&column));
    assert_eq!(problem["offset"], 32);
    assert!(problem["problem"].as_str().unwrap().contains("checksum"), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("merge the partition again"), "{problem}");
    let ran = sandbox.run(&["verify"]);
    assert!(ran.code == 1 && ran.out.contains("Size.col") && ran.err.contains("1 damage found"), "{ran:?}");
    let csv = sandbox.run(&["verify", "--format", "csv"]);
    assert!(csv.out.starts_with("severity,path,offset,problem,hint\ndamage,"), "{csv:?}");
    // What is left over is told and is no failure.
    flip(&column, 33);
    std::fs::write(historical(&sandbox).join("Extra.col"), "x").unwrap();
    let report = sandbox.json(&["verify"]);
    assert_eq!((&report["errors"], &report["strays"]), (&Value::from(0), &Value::from(1)));
}

#[test]
fn inspect_shows_files_and_never_writes() {
    let sandbox = merged();
    let commit = text(&intraday(&sandbox).join("commit"));
    let fields = sandbox.json(&["inspect", &commit]);
    let find = |structure: &str, name: &str| -> Value {
        let found = fields.as_array().unwrap().iter().find(|f| f["structure"] == structure && f["field"] == name);
        found.unwrap_or_else(|| panic!("{structure} {name} in {fields}")).clone()
    };
    assert_eq!(find("header", "magic")["value"], "\"PILASTER\"");
    assert_eq!(find("header", "format version")["check"], "OK");
    assert_eq!(find("slot 2 (durable)", "checksum of the slot")["check"], "OK");
    let version = historical(&sandbox);
    let column = text(&version.join("Size.col"));
    let rows = sandbox.json(&["inspect", &column, "--rows", "0..9"]);
    let values: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["structure"] == "rows")
        .map(|f| f["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["200", "100", "null"]);
    let sym = sandbox.succeed(&["inspect", &text(&version.join("Sym.col")), "--block", "0"]);
    assert!(sym.out.contains("code 0 \"AAPL\"") && sym.out.contains("checksum of its bytes"), "{sym:?}");
    let raw = sandbox.succeed(&["inspect", &text(&intraday(&sandbox).join("Sym.dat")), "--rows", "0..3"]);
    assert!(raw.out.contains("code 0 \"IBM\"") && raw.out.contains("committed size"), "{raw:?}");
    for path in [text(&version), text(&intraday(&sandbox)), "schemas/Market/Trades.toml".into(), "pilaster.toml".into()]
    {
        let ran = sandbox.succeed(&["inspect", &path]);
        assert!(ran.out.starts_with("offset  bytes  structure"), "{ran:?}");
    }
    // A damaged file in directories that nobody may write to, and a file cut short.
    flip(Path::new(&commit), 8_192 + 60);
    let cut = version.join("Sym.sym");
    std::fs::write(&cut, &std::fs::read(&cut).unwrap()[..50]).unwrap();
    let before: Vec<_> = std::fs::read_dir(intraday(&sandbox))
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    let mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(intraday(&sandbox), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o555);
    let ran = sandbox.run(&["inspect", &commit]);
    assert!(ran.code == 1 && ran.out.contains("BAD"), "{ran:?}");
    let ran = sandbox.run(&["inspect", &text(&cut)]);
    assert!(ran.code == 1 && ran.out.contains("the file ends before"), "{ran:?}");
    let ran = sandbox.run(&["inspect", &text(&intraday(&sandbox))]);
    assert!(ran.out.contains("readers take"), "{ran:?}");
    mode(0o755);
    let after: Vec<_> = std::fs::read_dir(intraday(&sandbox))
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    assert_eq!(before, after);
    for (path, expected) in [
        ("nowhere", "there is no such file or directory"),
        (&text(&sandbox.root()), "this directory is no location"),
        (&sandbox.file("notes.txt", "hello"), "none of Pilaster's files"),
    ] {
        let ran = sandbox.run(&["inspect", path]);
        assert!(ran.code == 1 && ran.err.contains(expected), "{ran:?}");
    }
    assert_eq!(sandbox.run(&["inspect", &commit, "--rows", "5..5"]).code, 2);
}

#[test]
fn repairs_are_told_first_and_keep_what_they_take() {
    let sandbox = merged();
    let good = sandbox.succeed(&["repair", "--force"]);
    assert!(good.out.is_empty() && good.err.contains("nothing to repair"), "{good:?}");
    let column = historical(&sandbox).join("Size.col");
    flip(&column, 33);
    std::fs::create_dir(intraday(&sandbox).parent().unwrap().join(".removed-1")).unwrap();
    let told = sandbox.run(&["repair"]);
    assert!(told.code == 1 && told.err.contains("2 repairs can be done with --force; nothing was changed"), "{told:?}");
    assert!(
        told.out.contains("take the partition out") && told.out.contains("pilaster merge --namespace Market"),
        "{told:?}"
    );
    assert!(column.exists() && !sandbox.root().join("quarantine").exists());
    let report = sandbox.json(&["repair", "--force"]);
    assert_eq!(
        (&report["repaired"], &report["open"], &report["errors"]),
        (&2.into(), &0.into(), &0.into()),
        "{report}"
    );
    let quarantine = PathBuf::from(report["quarantine"].as_str().unwrap());
    assert!(quarantine.join(column.strip_prefix(sandbox.root()).unwrap()).exists(), "{report}");
    let manifest = std::fs::read_to_string(quarantine.join("manifest.toml")).unwrap();
    assert!(
        manifest.contains("historical/Market/Trades/main/2017-08-25") && manifest.contains("checksum"),
        "{manifest}"
    );
    assert_eq!(sandbox.json(&["verify"])["rows"], 3);
    // The intraday rows make the partition anew.
    sandbox.succeed(&["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"]);
    assert_eq!(sandbox.json(&["verify"])["rows"], 6);
    assert_eq!(sandbox.json(&["catalog", "namespaces"]).as_array().unwrap().len(), 1);
    let again = sandbox.json(&["repair", "--force", "--salvage"]);
    assert_eq!((&again["repaired"], &again["quarantine"]), (&0.into(), &Value::Null));
    for arguments in [&["repair", "nowhere"][..], &["repair", "schemas"], &["repair", "/"]] {
        let ran = sandbox.run(arguments);
        assert!(ran.code == 1 && ran.err.starts_with("error: "), "{ran:?}");
    }
}
