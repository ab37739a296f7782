//! Merges of several partitions, plans, and chains that are run again.

use crate::run::{Sandbox, TRADES};

const MERGE: [&str; 5] = ["merge", "--namespace", "Market", "--table", "Trades"];
const DAYS: [&str; 3] = ["2017-08-25", "2017-08-26", "2017-08-27"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_table();
    let csv = sandbox.file("trades.csv", TRADES);
    for day in DAYS {
        sandbox.succeed(&["import", "csv", "--namespace", "Market", "--table", "Trades", "--partition", day, &csv]);
    }
    sandbox
}

#[test]
fn partitions_are_planned_merged_together_and_merged_once() {
    let sandbox = sandbox();
    let merge = |more: &[&str]| sandbox.json(&[&MERGE[..], &["--partition"], &DAYS, more].concat());
    let planned = merge(&["--dry-run", "--delete-intraday", "--memory", "100MiB"]);
    assert_eq!((&planned["rows"], &planned["bytes"]), (&9.into(), &0.into()));
    assert_eq!(planned["partitions"][0]["published"], false);
    assert_eq!(planned["partitions"][2]["plan"]["storages"][0], "main");
    assert_eq!(
        (&planned["partitions"][1]["plan"]["runs"], &planned["partitions"][1]["plan"]["memory_bytes"]),
        (&0.into(), &(100u64 << 20).into())
    );
    let kinds = |kind: &str| sandbox.json(&["catalog", "partitions", "--kind", kind]).as_array().unwrap().len();
    assert_eq!((kinds("intraday"), kinds("historical")), (3, 0));
    for already in [false, true] {
        let merged = merge(&["--parallel", "2", "--validate", "--delete-intraday"]);
        assert_eq!((&merged["rows"], &merged["errors"]), (&9.into(), &0.into()));
        let partitions = merged["partitions"].as_array().unwrap();
        assert!(partitions.iter().all(|one| one["already"] == already && one["published"] == true), "{merged}");
        assert_eq!((kinds("intraday"), kinds("historical")), (0, 3));
    }
}

const QUOTES: &str = r#"namespace = "Market"
table = "Trades"
sort = ["Time"]
key_formula = "Size / 100 == 1 ? `main` : `second`"
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String", kind = "grouping" },
  { name = "Time", type = "DateTime" },
  { name = "Size", type = "int" },
]
"#;

/// Gives the root of a sandbox a second storage, as a person would: by hand.
fn add_storage(sandbox: &Sandbox) {
    let file = sandbox.root().join("pilaster.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let unsealed: Vec<&str> = text.lines().filter(|line| !line.contains("delete this line")).collect();
    let mut text = unsealed.join("\n");
    text += "\n\"second\" = \"second\"\n";
    std::fs::write(&file, text).unwrap();
}

#[test]
fn a_key_formula_spreads_rows_over_storages() {
    let sandbox = sandbox();
    add_storage(&sandbox);
    let good = sandbox.file("Good.toml", QUOTES);
    let bad = sandbox.file("Bad.toml", &QUOTES.replace("Size / 100 == 1 ?", "Size / 100 == Sise ?"));
    let checked = sandbox.run(&["schema", "check", &bad, "--format", "json"]);
    let problems: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.code, &problems[0]["line"], &problems[0]["column"]), (1, &4.into(), &30.into()), "{problems}");
    assert_eq!(
        (&problems[0]["problem"], &problems[0]["hint"]),
        (&"unknown column Sise".into(), &"the nearest are Size, Time".into())
    );
    let refused = sandbox.run(&["schema", "deploy", &bad]);
    assert!(refused.code == 1 && refused.err.contains("line 4, column 30: unknown column Sise"), "{}", refused.err);
    sandbox.succeed(&["schema", "check", &good]);
    sandbox.succeed(&["schema", "deploy", &good]);
    let dropped = sandbox.run(&["schema", "evolve", "--namespace", "Market", "--table", "Trades", "--drop", "Size"]);
    assert!(dropped.code == 1 && dropped.err.contains("unknown column Size"), "{}", dropped.err);
    let merged = sandbox.json(&[&MERGE[..], &["--partition", DAYS[0]]].concat());
    assert_eq!(merged["rows"], 3);
    let listed = sandbox.json(&["catalog", "partitions", "--kind", "historical"]);
    let rows: Vec<(&str, u64)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["internal_partition"].as_str().unwrap(), one["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("main", 1), ("second", 2)]);
    // What cannot be computed here is a remark, not a schema that cannot be deployed.
    let file = |formula: &str| {
        sandbox.file(
            "T.schema",
            &format!(
                "<Table namespace=\"Market\" name=\"T\"><Partitions keyFormula=\"{formula}\"/><Column name=\"Sym\" dataType=\"String\"/></Table>"
            ),
        )
    };
    let taken =
        sandbox.succeed(&["schema", "from-deephaven", &file("Sym.hashCode() % __NUM_WRITABLE_PARTITIONS__")]).out;
    assert!(taken.contains("\nkey_formula = \"Sym.hashCode() % __NUM_WRITABLE_PARTITIONS__\"\n"), "{taken}");
    let left = sandbox.succeed(&["schema", "from-deephaven", &file("com.acme.Keys.of(Sym)")]).out;
    assert!(
        !left.contains("\nkey_formula")
            && left.contains("# Its rows were spread")
            && left.contains("com.acme.Keys.of(Sym)"),
        "{left}"
    );
}

#[test]
fn the_result_of_a_script_is_merged_into_a_partition() {
    let sandbox = sandbox();
    let script = sandbox.file(
        "clean.py",
        "All = db.i('Market', 'Trades').where('Date=`2017-08-25`')\nClean = All.where('!isNull(Size)').updateView('Size=(short)(Size+1)')\nOther = All.view('Date=`2017-08-26`', 'Sym')\nprint('told')\nAll.countBy('N')\n",
    );
    let day = ["--partition", DAYS[0]];
    let merge = |more: &[&str]| sandbox.run(&[&MERGE[..], &day, &["--from-script", &script], more].concat());
    for (flags, expected) in [
        (&[][..], "Market.Trades has no column N"),
        (&["--result", "Cleaned"], "the script has no variable Cleaned\nhint: the nearest is Clean"),
        (&["--result", "Other"], "a row has \"2017-08-26\" as Date, not \"2017-08-25\""),
        (&["--result", "Clean", "--partition", "2017-08-26"], "one partition"),
    ] {
        let ran = merge(flags);
        assert!(ran.code == 1 && ran.err.contains(expected), "{flags:?}: {}", ran.err);
    }
    assert_eq!(merge(&["--incremental"]).code, 2);
    assert_eq!(sandbox.json(&["catalog", "partitions", "--kind", "historical"]), serde_json::json!([]));
    let planned = merge(&["--result", "Clean", "--dry-run", "--format", "json"]);
    let outcome: serde_json::Value = serde_json::from_str(&planned.out).unwrap();
    assert!(outcome["partitions"][0]["published"] == false && planned.err.contains("told"), "{planned:?}");
    let merged = merge(&["--result", "Clean", "--validate", "--format", "json"]);
    let outcome: serde_json::Value = serde_json::from_str(&merged.out).unwrap();
    assert_eq!((&outcome["rows"], &outcome["errors"]), (&2.into(), &0.into()), "{merged:?}");
    let rows = |kind: &str| {
        let query = format!("db.{kind}('Market', 'Trades').where('Date=`2017-08-25`').view('Sym', 'Size')");
        sandbox.succeed(&["query", "--format", "csv", "-e", &query]).out
    };
    assert_eq!(rows("t"), "Sym,Size\nAAPL,201\nIBM,101\n");
    assert_eq!(rows("i").lines().count(), 4);
    let again = merge(&["--result", "Clean"]);
    assert!(
        again.code == 1 && again.err.contains("has been merged, 2 rows\nhint: merge with --force"),
        "{}",
        again.err
    );
    // A script may read what it replaces: sizes go up by one each time.
    let script = sandbox.file(
        "again.py",
        "db.t('Market', 'Trades').where('Date=`2017-08-25`').dropColumns('Date').update('Size=Size+1')",
    );
    sandbox.succeed(&[&MERGE[..], &day, &["--from-script", &script, "--force"]].concat());
    assert_eq!(rows("t"), "Sym,Size\nAAPL,202\nIBM,102\n");
    let versions = sandbox.root().join("historical/Market/Trades/main/2017-08-25").read_dir().unwrap();
    assert_eq!(versions.count(), 1);
    let wrong = sandbox.file("wrong.py", "db.t('Market', 'Trades').view('Sym', 'Size=Size*1.5')");
    let ran = sandbox.run(&[&MERGE[..], &day, &["--from-script", &wrong, "--force"]].concat());
    assert!(ran.code == 1 && ran.err.contains("column Size is int, and that of the query is double"), "{}", ran.err);
}
