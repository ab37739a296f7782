//! Generates, imports and merges the demo's tables, and tells what it does.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{counted, human_bytes};
use crate::progress::Progress;
use pilaster::base::Error;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{external, interrupt};
use pilaster::session::demo::{self, DemoOptions, IMPORT_DATES, NAMESPACE, QUOTES_DATE, TABLES};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::csv::{CsvInput, CsvOptions};
use pilaster::storage::import::{ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::schema::{self, ImportFormat};
use pilaster::storage::{Catalog, Root, layout};
use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Where the generated files lie below the root.
const CSV_DIRECTORY: &str = "csv";

/// What was made.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) partitions: u64,
}

/// Fills a fresh root.
pub(super) fn build(
    root: &Arc<Root>,
    directory: &Path,
    options: &DemoOptions,
    context: &Context,
) -> Result<Built, Failure> {
    for table in TABLES {
        schema::deploy(&**root.fs(), table.schema, Path::new(table.table), false)?;
    }
    context.say(&format!("deployed the schemas of {} in {NAMESPACE}", TABLES.map(|table| table.table).join(", ")));
    generate(root, directory, options, context)?;
    let catalog = Catalog::open(root.clone());
    let mut built = Built::default();
    for table in TABLES {
        let dates = if table.table.starts_with("EOD") { &IMPORT_DATES[..] } else { &[QUOTES_DATE] };
        let imported = import(&catalog, directory, table.table, dates, context)?;
        let bytes = merge(&catalog, table.table, dates, context)?;
        built.rows += imported;
        built.bytes += bytes;
        built.partitions += dates.len() as u64;
    }
    Ok(built)
}

/// The file of a table and a partition.
fn csv_file(directory: &Path, table: &str, date: &str) -> PathBuf {
    directory.join(CSV_DIRECTORY).join(format!("{table}-{date}.csv"))
}

fn generate(root: &Root, directory: &Path, options: &DemoOptions, context: &Context) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let progress = Progress::start(context.quiet(), "generating", None);
    root.fs().create_dir_all(Path::new(CSV_DIRECTORY))?;
    let files = Files::default();
    let quotes = files.create(&csv_file(directory, "StockQuotes", QUOTES_DATE))?;
    let trades = files.create(&csv_file(directory, "StockTrades", QUOTES_DATE))?;
    let (quote_rows, trade_rows) = demo::quotes_and_trades(options, quotes, trades)?;
    let rows = demo::end_of_day(options, |table, date| files.create(&csv_file(directory, table, date)))?;
    let bytes = files.finish()?;
    drop(progress);
    context.say(&format!(
        "simulated {} and {} of {QUOTES_DATE}, and {} of closing prices and summaries: {} of CSV in {:.1} s",
        counted(quote_rows, "quote"),
        counted(trade_rows, "trade"),
        counted(rows * 2, "row"),
        human_bytes(bytes),
        stopwatch.elapsed_seconds()
    ));
    Ok(())
}

/// The files being written: put in place together, when all are complete.
#[derive(Default)]
struct Files(RefCell<Vec<SharedFile>>);

#[derive(Clone)]
struct SharedFile {
    output: Rc<RefCell<external::Output>>,
    bytes: Rc<RefCell<u64>>,
}

impl Files {
    fn create(&self, path: &Path) -> Result<Box<dyn Write>, Error> {
        let file = SharedFile { output: Rc::new(RefCell::new(external::create(path)?)), bytes: Rc::default() };
        self.0.borrow_mut().push(file.clone());
        Ok(Box::new(file))
    }

    /// Puts all files in place; gives their bytes.
    fn finish(self) -> Result<u64, Error> {
        let mut bytes = 0;
        for file in self.0.into_inner() {
            bytes += *file.bytes.borrow();
            // Whoever wrote it is done and has dropped its share.
            if let Ok(output) = Rc::try_unwrap(file.output) {
                output.into_inner().finish()?;
            }
        }
        Ok(bytes)
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.output.borrow_mut().write(bytes)?;
        *self.bytes.borrow_mut() += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.borrow_mut().flush()
    }
}

/// Imports the files of a table, each into its partition. Gives the rows.
fn import(catalog: &Catalog, directory: &Path, table: &str, dates: &[&str], context: &Context) -> Result<u64, Failure> {
    let stopwatch = Stopwatch::start();
    let entry = catalog.table(NAMESPACE, table)?;
    let schema = entry.schema();
    let table_directory = layout::intraday_table(NAMESPACE, table)?;
    let mut rows = 0;
    for date in dates {
        let progress = Progress::start(context.quiet(), &format!("importing {table} {date}"), Some(0));
        let mapping = schema.import(ImportFormat::Csv, None).cloned();
        let csv = mapping.as_ref().map(CsvOptions::for_mapping).transpose()?.unwrap_or_default();
        let options = ImportOptions {
            csv,
            mapping,
            source: "demo".to_owned(),
            ..ImportOptions::new(PartitionTarget::Value((*date).to_owned()))
        };
        let input = CsvInput::from(external::open(&csv_file(directory, table, date))?);
        let report = import_csv(catalog.root().fs(), &table_directory, &schema.definition, input, &options, &|at| {
            progress.phase("", at.consumed_bytes, at.size_bytes.unwrap_or(0));
            interrupt::check()
        })?;
        rows += report.rows;
    }
    let seconds = stopwatch.elapsed_seconds();
    let plural = if dates.len() == 1 { "partition" } else { "partitions" };
    context.say(&format!(
        "imported {} into {} intraday {plural} of {table} in {seconds:.1} s",
        counted(rows, "row"),
        dates.len()
    ));
    Ok(rows)
}

/// Merges the partitions of a table into history. Gives the bytes.
fn merge(catalog: &Catalog, table: &str, dates: &[&str], context: &Context) -> Result<u64, Failure> {
    let stopwatch = Stopwatch::start();
    let entry = catalog.table(NAMESPACE, table)?;
    let mut bytes = 0;
    for date in dates {
        let progress = Progress::start(context.quiet(), &format!("merging {table} {date}"), Some(0));
        let report = entry.merge(date, &MergeOptions::default(), false, &|at| {
            progress.phase(at.phase.name(), at.values_done, at.values_total);
            interrupt::check()
        })?;
        bytes += report.bytes;
    }
    let grouping: Vec<&str> = entry.schema().definition.grouping().map(|column| column.name.as_str()).collect();
    context.say(&format!(
        "merged them into history, grouped by {} and sorted by {}: {} in {:.1} s",
        grouping.join(", "),
        entry.schema().sort_columns.join(", "),
        human_bytes(bytes),
        stopwatch.elapsed_seconds()
    ));
    Ok(bytes)
}

/// Where everything lies, and what to try next.
pub(super) fn whereabouts(directory: &Path) -> String {
    let root = directory.display();
    format!(
        "\nWhere everything lies
  {root}/pilaster.toml                                  makes it a root
  {root}/csv/                                           the generated files
  {root}/schemas/{NAMESPACE}/                       what columns each table has
  {root}/intraday/{NAMESPACE}/StockQuotes/demo/{QUOTES_DATE}/   rows as they came, a file a column: db.i
  {root}/historical/{NAMESPACE}/StockQuotes/main/{QUOTES_DATE}/ grouped, sorted, encoded, checksummed: db.t

What to try next
  pilaster --root {root} catalog partitions
  pilaster --root {root} catalog usage --namespace {NAMESPACE} --table StockQuotes
  pilaster --root {root} query --timing -e 'db.t(\"{NAMESPACE}\",\"StockTrades\").where(\"Date=`{QUOTES_DATE}`\",\"Sym=`SPY`\").tail(5)'
  pilaster --root {root} query --format csv -o aapl.csv -e 'db.t(\"{NAMESPACE}\",\"StockQuotes\").where(\"Date=`{QUOTES_DATE}`\",\"Sym=`AAPL`\")'
"
    )
}
