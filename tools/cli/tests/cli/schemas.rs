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
        (["--drop", "Size"], "column Size (int) is removed"),
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
