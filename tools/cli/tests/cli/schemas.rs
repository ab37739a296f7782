//! Schemas from elsewhere, and schemas that change.

use crate::run::Sandbox;

#[test]
fn columns_are_added_without_rewriting_and_contradictions_refused() {
    let sandbox = Sandbox::with_rows();
    let evolve = |more: &[&str]| {
        sandbox.run(&[&["schema", "evolve", "--namespace", "Market", "--table", "Trades"], more].concat())
    };
    let dry = evolve(&["--add", "Venue=String", "--sort", "Time,Size", "--dry-run"]);
    assert!(
        dry.code == 0 && dry.out.contains("name = \"Venue\"") && dry.out.contains("sort = [\"Time\", \"Size\"]"),
        "{dry:?}"
    );
    let done =
        evolve(&["--add", "Venue=String", "--add", "Fee=double", "--doc", "Fee=in cents", "--codec", "Fee=smallest"]);
    assert!(done.code == 0 && done.err.contains("Market.Trades: column Venue (String) is added"), "{done:?}");
    let script = "db.i(\"Market\",\"Trades\").view(\"Sym\",\"Venue\",\"Fee\").head(1)";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", script]).out, "Sym,Venue,Fee\nIBM,,\n");
    for (flags, expected) in [
        (["--type", "Size=short"], "column Size is int in stored data, short in the new schema"),
        (["--type", "Size=float"], "`schema evolve --drop COL --add COL=TYPE` begins a column anew"),
        (["--rename", "Size=Sym"], "has a column Sym already"),
        (["--restore", "Size"], "has dropped no column with files called Size"),
        (["--drop", "Nope"], "no column Nope"),
        (["--add", "Sym=int"], "has a column Sym already"),
        (["--add", "X=nope"], "nope"),
        (["--kind", "Nope=grouping"], "no column Nope"),
        (["--codec", "Fee=nope"], "unknown codec"),
        (["--sort", "Nope"], "Nope"),
    ] {
        let ran = evolve(&flags);
        assert!(ran.code == 1 && ran.err.contains(expected), "{flags:?}: {}", ran.err);
    }
    assert_eq!(evolve(&[]).code, 1);
}

#[test]
fn columns_are_renamed_widened_dropped_and_restored_over_stored_rows() {
    let sandbox = Sandbox::with_rows();
    let evolve = |more: &[&str]| {
        let ran = sandbox.run(&[&["schema", "evolve", "--namespace", "Market", "--table", "Trades"], more].concat());
        assert_eq!(ran.code, 0, "{more:?}: {}", ran.err);
        ran.err
    };
    let query = |script: &str| sandbox.succeed(&["query", "--format", "csv", "-e", script]).out;
    sandbox.succeed(&["merge", "--namespace", "Market", "--table", "Trades", "--partition", "2017-08-25"]);
    let before = query("db.t(\"Market\",\"Trades\").view(\"Sym\",\"Size\")");
    let told = evolve(&["--rename", "Size=Shares", "--type", "Shares=long"]);
    assert!(told.contains("column Size is renamed to Shares") && told.contains("widened from int to long"), "{told}");
    for kind in ["i", "t"] {
        let rows = query(&format!("db.{kind}(\"Market\",\"Trades\").view(\"Sym\",\"Shares\")"));
        assert_eq!(rows.len(), before.len() + 2, "{rows}");
        let meta = query(&format!("db.{kind}(\"Market\",\"Trades\").getMeta().where(\"Name=`Shares`\")"));
        assert!(meta.contains("Shares,long"), "{meta}");
    }
    assert!(
        query("db.t(\"Market\",\"Trades\").view(\"Sym\",\"Shares\")").ends_with(before.split_once('\n').unwrap().1)
    );
    // What was stored never shows as the new column's, whatever its type.
    let told = evolve(&["--drop", "Shares", "--add", "Size=long", "--add", "Shares=String"]);
    assert!(told.contains("is dropped") && told.contains("its files are called Size$2"), "{told}");
    assert_eq!(query("db.t(\"Market\",\"Trades\").where(\"!isNull(Size) || !isNull(Shares)\")").lines().count(), 1);
    sandbox.succeed(&["verify"]);
    let usage = sandbox.succeed(&["catalog", "usage", "--format", "csv"]).out;
    assert!(usage.contains("Size (dropped)"), "{usage}");
    // Back again, by the name of its files.
    evolve(&["--drop", "Size", "--restore", "Size"]);
    let rows = query("db.t(\"Market\",\"Trades\").view(\"Sym\",\"Size\")");
    assert_eq!(rows, before);
    // A deployment lists the same, and a plan changes nothing.
    let shown = sandbox.succeed(&["schema", "show", "--namespace", "Market", "--table", "Trades"]).out;
    let renamed = shown.replace("name = \"Size\"", "name = \"Lots\"\nrenamed_from = [\"Size\"]");
    let file = sandbox.file("trades.toml", &renamed);
    let plan = sandbox.succeed(&["schema", "deploy", "--dry-run", "--format", "json", &file]).out;
    assert!(plan.contains("column Size is renamed to Lots"), "{plan}");
    assert_eq!(query("db.t(\"Market\",\"Trades\").view(\"Sym\",\"Size\")"), before);
    assert_eq!(sandbox.succeed(&["schema", "deploy", "--format", "json", &file]).out, plan);
    assert_eq!(query("db.t(\"Market\",\"Trades\").view(\"Sym\",\"Size=Lots\")"), before);
}

#[test]
fn schemas_of_deephaven_become_ours() {
    let sandbox = Sandbox::empty();
    let file = sandbox.file(
        "Market.Quotes.schema",
        "<Table namespace=\"Market\" name=\"Quotes\" storageType=\"NestedPartitionedOnDisk\">\n<Partitions keyFormula=\"${autobalance_single}\"/>\n\
         <Column name=\"Date\" dataType=\"String\" columnType=\"Partitioning\"/>\n<Column name=\"Sym\" dataType=\"String\" columnType=\"Grouping\"/>\n\
         <Column name=\"Bid\" dataType=\"double\"/>\n<ImportSource type=\"CSV\"><ImportColumn name=\"Bid\" sourceName=\"bid_px\"/></ImportSource></Table>",
    );
    sandbox.succeed(&["schema", "from-deephaven", &file, "--directory", "."]);
    sandbox.succeed(&["init"]);
    sandbox.succeed(&["schema", "deploy", "Market.Quotes.toml"]);
    let csv = sandbox.file("q.csv", "Sym,bid_px\nA,1.5\n");
    sandbox.succeed(&["import", "csv", "--namespace", "Market", "--table", "Quotes", "--partition", "p", &csv]);
    let out = sandbox.succeed(&["query", "--format", "csv", "-e", "db.i(\"Market\",\"Quotes\")"]).out;
    assert_eq!(out, "Date,Sym,Bid\np,A,1.5\n");
    assert_eq!(sandbox.run(&["schema", "from-deephaven", &file, "--directory", "."]).code, 1);
    let bad = sandbox.file("bad.schema", "<Table namespace=\"Market\"\nname=\"Quotes\"><Column/></Table>");
    let ran = sandbox.run(&["schema", "from-deephaven", &bad]);
    assert!(
        ran.code == 1 && ran.err.contains("bad.schema") && ran.err.contains("lacks the attribute name"),
        "{}",
        ran.err
    );
}

#[test]
fn schemas_are_proposed_from_every_format() {
    let sandbox = Sandbox::with_rows();
    let script = "db.i(\"Market\",\"Trades\")";
    for file in ["t.csv", "t.jsonl", "t.parquet", "t.arrow"] {
        sandbox.succeed(&["query", "-e", script, "-o", file]);
        let schema = sandbox.succeed(&["schema", "infer", "--namespace", "N", "--table", "T", file]).out;
        for part in [
            "name = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n",
            "name = \"Sym\"\ntype = \"String\"\nkind = \"grouping\"\n",
            "name = \"Time\"\ntype = \"DateTime\"\n",
            "name = \"Size\"\ntype = \"int\"\n",
            "sort = [\"Time\"]\n",
            "1 null in 3 rows, 2 distinct values",
        ] {
            assert!(schema.contains(part), "{file}: {part}\n{schema}");
        }
    }
}
