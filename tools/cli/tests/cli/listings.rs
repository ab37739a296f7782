//! Listings and outcomes as scripts read them.

use crate::run::{Sandbox, TRADES};
use serde_json::json;

#[test]
fn a_table_from_schema_to_history() {
    let sandbox = Sandbox::with_rows();
    let merge = ["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"];
    let merged = sandbox.json(&merge);
    assert_eq!((merged["rows"].as_u64(), merged["errors"].as_u64()), (Some(3), Some(0)), "{merged}");
    let partition = json!({"column_partition": "2017-08-25", "rows": 3, "already": false, "published": true, "removed": 0, "without_grouping_index": null});
    assert_eq!(merged["partitions"], json!([partition]));
    assert!(merged["bytes"].as_u64().unwrap() > 0 && merged["seconds"].as_f64().unwrap() > 0.0);

    let mut partitions = sandbox.json(&["catalog", "partitions"]);
    for partition in partitions.as_array_mut().unwrap() {
        assert!(partition["bytes"].as_u64().unwrap() > 0);
        partition["bytes"] = json!(0);
    }
    let expected = |kind: &str, internal: &str| {
        json!({"namespace": "Market", "table": "Trades", "kind": kind, "internal_partition": internal,
            "column_partition": "2017-08-25", "rows": 3, "durable_rows": 3, "bytes": 0, "error": null})
    };
    assert_eq!(partitions, json!([expected("intraday", "import"), expected("historical", "main")]));
    let names = sandbox.json(&["catalog", "partitions", "--names-only", "--kind", "historical"]);
    assert_eq!((names[0]["rows"].is_null(), names.as_array().unwrap().len()), (true, 1));
    assert_eq!(sandbox.json(&["catalog", "partitions", "--partition", "2017-08-26"]), json!([]));

    assert_eq!(sandbox.json(&["catalog", "namespaces"]), json!([{"namespace": "Market", "tables": 1}]));
    assert_eq!(
        sandbox.json(&["catalog", "tables"]),
        json!([{"namespace": "Market", "table": "Trades", "schema": true, "intraday": true, "historical": true}])
    );
    let usage = sandbox.json(&["catalog", "usage", "--totals"]);
    assert_eq!((usage[0]["rows"].as_u64(), usage[1]["kind"].as_str()), (Some(3), Some("historical")));
    assert_eq!(
        sandbox.succeed(&["catalog", "columns", "--format", "csv"]).out,
        "namespace,table,column,type,kind,symbol,codec,doc\n\
         Market,Trades,Date,String,partitioning,,balanced,\"\"\n\
         Market,Trades,Sym,String,grouping,,balanced,\"\"\n\
         Market,Trades,Time,DateTime,normal,,balanced,\"\"\n\
         Market,Trades,Size,int,normal,,balanced,\"\"\n"
    );
    assert_eq!(sandbox.succeed(&["catalog", "namespaces"]).out, "namespace  tables\nMarket          1\n");

    sandbox.succeed(&[&merge[..], &["--force", "--delete-intraday"]].concat());
    assert_eq!(sandbox.json(&["catalog", "partitions"])[0]["kind"], "historical");
}

/// Each codec that a schema may ask for is merged, read back and told of.
#[test]
fn usage_tells_how_columns_are_encoded() {
    let mut csv = String::from("Sym,Time,Size\n");
    for row in 0..6_000u64 {
        let micros = row * row * 37 % 1_000_000;
        csv += &format!("S{},2017-08-25T10:{:02}:00.{micros:06}Z,{}\n", row % 3, row / 100, row * row * 7_919 % 8_000);
    }
    let mut answers = Vec::new();
    let mut sizes = Vec::new();
    for (codec, expected) in [
        ("fastest", "frame 100%"),
        ("balanced", "frame 100%"),
        ("smallest", "zstd 100%"),
        ("raw", "plain 100%"),
        ("bit_packed", "frame 100%"),
        ("dictionary", "dictionary 100%"),
        ("delta", "delta 100%"),
        ("pco", "pco 100%"),
        ("zstd", "zstd 100%"),
        // No block of it is constant: as balanced.
        ("constant", "frame 100%"),
    ] {
        let schema = format!("{}codec = \"{codec}\"\n", crate::run::SCHEMA);
        let sandbox = Sandbox::with_schema(&schema);
        let file = sandbox.file("trades.csv", &csv);
        let table = ["--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"];
        sandbox.succeed(&[&["import", "csv"], &table[..], &[&file]].concat());
        sandbox.succeed(&[&["merge"], &table[..]].concat());
        let usage = sandbox.json(&[&["catalog", "usage"], &table[..]].concat());
        let column = |kind: &str, name: &str| {
            let mut rows = usage.as_array().unwrap().iter();
            rows.find(|row| row["kind"] == kind && row["column"] == name).cloned().unwrap()
        };
        let size = column("historical", "Size");
        assert_eq!((size["encodings"].as_str(), size["codec"].as_str()), (Some(expected), Some(codec)), "{size}");
        assert_eq!((size["rows"].as_u64(), size["nulls"].as_u64()), (Some(6_000), Some(0)), "{size}");
        let ratio = 24_000.0 / size["bytes"].as_f64().unwrap();
        assert!((size["ratio"].as_f64().unwrap() - ratio).abs() < 0.006, "{size}");
        assert!((size["bytes_per_value"].as_f64().unwrap() - 4.0 / ratio).abs() < 0.0006, "{size}");
        sizes.push((codec, size["bytes"].as_u64().unwrap()));
        let sym = column("historical", "Sym");
        assert_eq!((sym["symbols"].as_u64(), sym["type"].as_str()), (Some(3), Some("String")), "{sym}");
        assert!(sym["symbol_bytes"].as_u64().unwrap() > 40 && sym["grouping_bytes"].as_u64().unwrap() > 40, "{sym}");
        let before = column("intraday", "Size");
        assert_eq!((before["encodings"].as_str(), before["bytes"].as_u64()), (Some("plain 100%"), Some(24_000)));
        assert!(before["nulls"].is_null(), "{before}");
        let script = "db.t(\"Market\",\"Trades\").sort(\"Sym\",\"Time\",\"Size\")";
        answers.push(sandbox.succeed(&["query", "-e", script, "--format", "csv"]).out);
        assert_eq!(sandbox.json(&["catalog", "usage", "--partition", "2017-08-26"]), json!([]));
    }
    assert!(answers[0].lines().count() == 6_001 && answers.windows(2).all(|pair| pair[0] == pair[1]));
    let of = |codec: &str| sizes.iter().find(|(name, _)| *name == codec).unwrap().1;
    assert!(of("smallest") <= of("balanced") && of("balanced") <= of("fastest"), "{sizes:?}");
    assert!(of("smallest") <= of("zstd") && of("fastest") < of("raw"), "{sizes:?}");
}

#[test]
fn files_are_written_as_their_names_say() {
    let sandbox = Sandbox::with_rows();
    let written = |name: &str, more: &[&str]| {
        let path = sandbox.file(name, "").to_string();
        let script = "db.i(\"Market\",\"Trades\").view(\"Sym\").head(1)";
        sandbox.succeed(&[&["query", "-e", script, "-o", &path], more].concat());
        std::fs::read_to_string(&path).unwrap()
    };
    let csv = written("one.csv", &[]);
    assert!(csv.starts_with("Sym\n") && csv.lines().count() == 2, "{csv}");
    assert!(written("one.JSON", &[]).starts_with("[\n{\"Sym\":"));
    assert!(written("one.txt", &[]).starts_with("Sym\n---"));
    assert!(written("two.csv", &["--format", "json"]).starts_with('['));
}

#[test]
fn import_modes() {
    let sandbox = Sandbox::with_rows();
    let csv = sandbox.file("more.csv", TRADES);
    let import = |more: &[&str]| {
        let table = ["import", "csv", "--namespace", "Market", "--table", "Trades"];
        sandbox.json(&[&table[..], more, &[&csv]].concat())
    };
    let rows = || {
        let partitions = sandbox.json(&["catalog", "partitions"]);
        partitions.as_array().unwrap().iter().map(|one| one["rows"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(import(&["--partition", "2017-08-25", "--mode", "append"])["rows"], 3);
    assert_eq!(rows(), [6]);
    import(&["--partition", "2017-08-25", "--mode", "replace"]);
    assert_eq!(rows(), [3]);
    import(&["--partition", "2017-08-25", "--source", "other"]);
    assert_eq!(rows(), [3, 3]);
    // Two files are one partition, also in safe mode.
    let done = import(&["--partition", "2017-08-28", &csv]);
    assert_eq!((done["rows"].as_u64(), done["partitions"][0]["rows"].as_u64()), (Some(6), Some(6)), "{done}");
    assert_eq!(rows(), [3, 3, 6]);

    let dated =
        sandbox.file("dated.csv", "Date,Sym,Time,Size\nd1,A,2017-08-25T09:30:00Z,1\nd2,B,2017-08-25T09:30:00Z,2\n");
    let table = ["import", "csv", "--namespace", "Market", "--table", "Trades", &dated];
    let done = sandbox.json(&table);
    assert_eq!(
        done["partitions"],
        json!([{"column_partition": "d1", "rows": 1}, {"column_partition": "d2", "rows": 1}])
    );
}

#[test]
fn schemas_are_inferred_deployed_and_shown() {
    let sandbox = Sandbox::empty();
    sandbox.succeed(&["init", "--time-zone", "UTC"]);
    let mut text = String::from("Date,Ticker,Event Time,Price\n");
    for row in 0..2_000 {
        text += &format!("2017-08-25,T{},2017-08-25T10:{:02}:00Z,{}.5\n", row % 7, row % 60, row);
    }
    let csv = sandbox.file("prices.csv", &text);
    let toml = sandbox.file("unused", "").replace("unused", "Prices.toml");
    let infer = ["schema", "infer", "--namespace", "Market", "--table", "Prices", &csv];
    let columns = sandbox.json(&infer);
    let kinds: Vec<String> = columns
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one["column"].as_str().unwrap(),
                one["type"].as_str().unwrap(),
                one["kind"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        kinds,
        ["Date String partitioning", "Ticker String grouping", "Event_Time DateTime normal", "Price double normal"]
    );
    sandbox.succeed(&[&infer[..], &["-o", &toml]].concat());
    let again = sandbox.run(&[&infer[..], &["-o", &toml]].concat());
    assert_eq!(again.code, 1, "{again:?}");
    sandbox.succeed(&["schema", "check", &toml]);
    let deployed = sandbox.json(&["schema", "deploy", &toml]);
    assert_eq!(deployed, json!([{"namespace": "Market", "table": "Prices", "result": "created", "changes": []}]));
    sandbox.succeed(&["import", "csv", "--namespace", "Market", "--table", "Prices", &csv]);
    assert_eq!(sandbox.json(&["catalog", "partitions"])[0]["rows"], 2_000);
    let shown = sandbox.succeed(&["schema", "show", "--namespace", "Market", "--table", "Prices"]).out;
    let copy = sandbox.file("Copy.toml", &shown);
    sandbox.succeed(&["schema", "check", &copy]);
    assert_eq!(sandbox.json(&["schema", "list"])[0]["sort"], json!(["Event_Time"]));
}
