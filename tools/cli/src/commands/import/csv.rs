//! `pilaster import csv`.

use crate::commands::csv_flags::CsvFlags;
use crate::commands::durability;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::Progress;
use clap::{Args, ValueEnum};
use pilaster::base::Error;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{external, interrupt};
use pilaster::storage::import::{ImportMode, PartitionTarget};
use pilaster::storage::intraday::Durability;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Import delimited text into intraday partitions
///
/// Each file is imported whole or not at all: nothing is visible before the whole file was read. gzip and Zstandard are unpacked. Several files are
/// imported one after the other, until one fails.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster import csv --namespace LearnDeephaven --table StockTrades --partition 2017-08-25 trades.csv.gz")]
pub(crate) struct Csv {
    /// Files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// The column partition that all rows go to
    #[arg(long, value_name = "VALUE", conflicts_with = "partition_column")]
    partition: Option<String>,
    /// The column of the file that says which column partition a row goes to; the table's partitioning column if neither is given
    #[arg(long, value_name = "COL")]
    partition_column: Option<String>,
    /// The internal partition: who writes the rows
    #[arg(long, value_name = "NAME", default_value = "import")]
    source: String,
    /// What to do where a partition has rows already
    #[arg(long, value_enum, default_value_t = Mode::Safe)]
    mode: Mode,
    /// When rows become safe from a power cut, which before that takes all of them: commit (before they are visible), interval or interval:MS (every 200 or
    /// MS ms those read so far, the rest before the import ends), none (when the system writes them, or the next writer of the partition makes its own
    /// durable). Rows that are spread over partitions, and those that replace others, are durable before they are visible in any case
    #[arg(long, value_name = "LEVEL", default_value = "commit", value_parser = durability::parse)]
    durability: Durability,
    /// Fields and records that may fail: the field becomes null, the record is left out
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_errors: u64,
    /// Columns that the file lacks are null
    #[arg(long)]
    lenient: bool,
    /// The schema's import mapping of this name
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
    #[command(flatten)]
    text: CsvFlags,
}

/// What to do where a partition has rows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Refuse
    Safe,
    /// Add to them
    Append,
    /// Put the new rows in their place
    Replace,
}

impl Csv {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        context.warn_of_network(table.root());
        let target = match (&self.partition, &self.partition_column) {
            (Some(value), _) => Some(PartitionTarget::Value(value.clone())),
            (None, Some(column)) => Some(PartitionTarget::Column(column.clone())),
            (None, None) => None,
        };
        if self.mode == Mode::Replace && self.partition.is_none() && self.files.len() > 1 {
            // Two files with rows of one partition: the second would take the place of the first.
            let error =
                Error::invalid("replacing the partitions that several files name could lose rows of the first ones");
            return Err(error.hint("import one file at a time, or into one --partition").into());
        }
        let mut options = table.csv_import_options(self.mapping.as_deref(), target)?;
        self.text.apply(&mut options.csv)?;
        options.mode = match self.mode {
            Mode::Safe => ImportMode::Safe,
            Mode::Append => ImportMode::Append,
            Mode::Replace => ImportMode::Replace,
        };
        options.source = self.source.clone();
        options.errors_max = self.max_errors;
        options.lenient = self.lenient;
        options.durability = self.durability;

        let mut partitions: BTreeMap<String, u64> = BTreeMap::new();
        let (mut rows, mut durable_rows, mut bytes, mut error_count, mut errors) = (0, 0, 0, 0, Vec::new());
        for (at, file) in self.files.iter().enumerate() {
            let name = file.display().to_string();
            let input = external::open(file)?.into();
            let bar = Progress::start(context.quiet(), &format!("importing {name}"), Some(0));
            let report = table.import_csv(input, &options, &|now| {
                bar.phase("", now.consumed_bytes, now.size_bytes.unwrap_or(now.consumed_bytes));
                interrupt::check()
            });
            drop(bar);
            let report = report.map_err(|error| match at {
                0 => error,
                _ => error.context(format!("{} imported before", counted(at as u64, "file"))),
            })?;
            for error in &report.errors {
                context.say(&format!("{name}: {error}"));
                errors.push(json!(format!("{name}: {error}")));
            }
            if !report.ignored_columns.is_empty() {
                context.say(&format!(
                    "{name}: columns that the table does not have: {}",
                    report.ignored_columns.join(", ")
                ));
            }
            if !report.filled_columns.is_empty() {
                context.say_more(&format!(
                    "{name}: columns that the file does not have: {}",
                    report.filled_columns.join(", ")
                ));
            }
            rows += report.rows;
            durable_rows += report.durable_rows;
            bytes += report.bytes_read;
            error_count += report.error_count;
            // What is left of the errors allowed; the files share them.
            options.errors_max = self.max_errors.saturating_sub(error_count);
            for (partition, count) in report.partitions {
                *partitions.entry(partition).or_default() += count;
            }
            if self.partition.is_some() {
                // The partition has the rows of the first file now.
                options.mode = ImportMode::Append;
            }
        }
        let seconds = stopwatch.elapsed_seconds();
        let listed: Vec<Value> =
            partitions.iter().map(|(value, rows)| json!({"column_partition": value, "rows": rows})).collect();
        let outcome = Outcome::default()
            .with("rows", rows)
            .with("durable_rows", durable_rows)
            .with("durability", if durable_rows == rows { "durable" } else { "visible" })
            .with("bytes", bytes)
            .with("seconds", seconds)
            .with("partitions", listed)
            .with("errors", error_count)
            .with("first_errors", errors);
        let place = match partitions.keys().next() {
            Some(only) if partitions.len() == 1 => format!("partition {only}"),
            _ => counted(partitions.len() as u64, "partition"),
        };
        let sentence = format!(
            "imported {} from {} into {place} of {} in {seconds:.2} s{}{}",
            counted(rows, "row"),
            human_bytes(bytes),
            table.schema().full_name(),
            if durable_rows == rows { "" } else { ", visible and not yet durable" },
            if error_count > 0 { format!(", {} passed over", counted(error_count, "error")) } else { String::new() },
        );
        context.print_outcome(&outcome, &sentence)
    }
}
