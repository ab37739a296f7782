//! T13: 2,000 small partitions; opening a table and showing its first rows.

use crate::Arguments;
use crate::day::{self, NAMESPACE, QUOTES};
use crate::report::{self, emit};
use pilaster::base::{Error, Result};
use pilaster::io::clock::Stopwatch;
use pilaster::session::Database;
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use pilaster::storage::{Catalog, Root, RootConfig, schema};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the store of the partitions lies.
fn store(arguments: &Arguments) -> PathBuf {
    arguments.store.join("p")
}

/// Imports and merges `parts/quotes.csv`, which has a column `Date`, one partition a date.
pub(crate) fn build(arguments: &Arguments) -> Result<()> {
    let Some(parts) = &arguments.parts else { return Err(Error::invalid("--parts DIR is needed")) };
    let store = store(arguments);
    report::fresh(&store)?;
    let root = Arc::new(Root::create(&store, RootConfig::new("UTC")?)?);
    schema::deploy(&**root.fs(), &day::schema("Parts", &QUOTES), Path::new("Parts"), false)?;
    let catalog = Catalog::open(root);
    let entry = catalog.table(NAMESPACE, "Parts")?;
    let stopwatch = Stopwatch::start();
    let options = entry.csv_import_options(None, Some(PartitionTarget::Column("Date".into())))?;
    let options = ImportOptions { source: "bench".into(), ..options };
    let input = pilaster::io::external::open(&parts.join("quotes.csv"))?;
    let report = entry.import_csv(input.into(), &options, &|_| Ok(()))?;
    let options = MergeOptions { threads: arguments.threads, ..MergeOptions::default() };
    for (partition, _) in &report.partitions {
        entry.merge(partition, &options, false, &|_| Ok(()))?;
    }
    let seconds = stopwatch.elapsed_seconds();
    let (bytes, files) = report::usage(&store)?;
    emit(&json!({"task": "T13build", "times": [seconds], "bytes": bytes, "files": files}));
    Ok(())
}

/// Opens one partition, then all of them, and shows ten rows.
pub(crate) fn open(arguments: &Arguments) -> Result<()> {
    for (task, root, table) in [("T13a", arguments.store.clone(), "StockQuotes"), ("T13b", store(arguments), "Parts")] {
        let mut times = Vec::new();
        let mut result = json!(null);
        for _ in 0..=arguments.reps {
            let stopwatch = Stopwatch::start();
            let rows = first_rows(&root, table)?;
            times.push(stopwatch.elapsed_seconds());
            result = json!({"rows": rows});
        }
        let first = times.remove(0);
        emit(
            &json!({"task": task, "times": times, "first": first, "result": result, "how": "open the root, head(10), all columns"}),
        );
    }
    Ok(())
}

fn first_rows(root: &Path, table: &str) -> Result<usize> {
    let table = Database::open(root)?.t(NAMESPACE, table)?.head(10)?;
    let names = table.column_names();
    let columns = table.read(&names, 0..10)?;
    Ok(columns.first().map_or(0, pilaster::memory::Chunk::len))
}
