//! T1 and T2: CSV to intraday storage, intraday storage to history.

use crate::Arguments;
use crate::day::{self, Day, NAMESPACE, QUOTES, TRADES};
use crate::report::{self, emit};
use pilaster::base::Result;
use pilaster::io::{clock::Stopwatch, external};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::PartitionTarget;
use pilaster::storage::{Catalog, Root, RootConfig, schema};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Imports the quotes, timed until they are durable; then the trades.
pub(crate) fn ingest(arguments: &Arguments) -> Result<()> {
    let day = Day::read(arguments)?;
    report::fresh(&arguments.store)?;
    let root = Arc::new(Root::create(&arguments.store, RootConfig::new("UTC")?)?);
    for (table, columns) in [("StockQuotes", &QUOTES[..]), ("StockTrades", &TRADES[..])] {
        schema::deploy(&**root.fs(), &day::schema(table, columns), Path::new(table), false)?;
    }
    let catalog = Catalog::open(root);
    report::reset_peak();
    let stopwatch = Stopwatch::start();
    let rows = import(&catalog, "StockQuotes", &arguments.data.join("quotes.csv"), &day.date)?;
    let seconds = stopwatch.elapsed_seconds();
    // An import is durable when it returns; there is nothing left to sync.
    let peak = report::peak_bytes();
    let (bytes, files) = report::usage(&arguments.store.join("intraday"))?;
    emit(
        &json!({"task": "T1", "times": [seconds], "nosync": [seconds], "rows": rows, "bytes": bytes, "files": files, "peak_rss": peak}),
    );
    import(&catalog, "StockTrades", &arguments.data.join("trades.csv"), &day.date)?;
    Ok(())
}

/// Imports a file into a partition; gives the rows.
pub(crate) fn import(catalog: &Catalog, table: &str, file: &Path, partition: &str) -> Result<u64> {
    let entry = catalog.table(NAMESPACE, table)?;
    let options = entry.csv_import_options(None, Some(PartitionTarget::Value(partition.to_owned())))?;
    Ok(entry.import_csv(external::open(file)?.into(), &options, &|_| Ok(()))?.rows)
}

/// Merges the quotes, timed until they are durable; then the trades.
pub(crate) fn merge(arguments: &Arguments) -> Result<()> {
    let day = Day::read(arguments)?;
    let catalog = Catalog::open(Arc::new(Root::open(&arguments.store)?));
    let options = MergeOptions { threads: arguments.threads, force: true, ..MergeOptions::default() };
    report::reset_peak();
    let stopwatch = Stopwatch::start();
    let merged = catalog.table(NAMESPACE, "StockQuotes")?.merge(&day.date, &options, false, &|_| Ok(()))?;
    let seconds = stopwatch.elapsed_seconds();
    let peak = report::peak_bytes();
    let (bytes, files) = report::usage(&arguments.store.join("historical").join(NAMESPACE).join("StockQuotes"))?;
    emit(
        &json!({"task": "T2", "times": [seconds], "nosync": [seconds], "rows": merged.rows, "bytes": bytes, "files": files, "peak_rss": peak}),
    );
    catalog.table(NAMESPACE, "StockTrades")?.merge(&day.date, &options, false, &|_| Ok(()))?;
    Ok(())
}
