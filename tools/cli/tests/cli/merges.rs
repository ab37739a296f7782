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
