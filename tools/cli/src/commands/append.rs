//! `pilaster append`.

use crate::commands::durability::DurabilityFlag;
use crate::commands::text_flags::CsvFlags;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use clap::{Args, ValueEnum};
use pilaster::base::{Error, ErrorKind, Result};
use pilaster::io::clock::Stopwatch;
use pilaster::io::external;
use pilaster::storage::import::{AppendOptions, AppendReport, CsvInput, ImportInput, PartitionTarget};
use pilaster::storage::intraday::Commit;
use pilaster::storage::schema::ImportFormat;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Append rows from standard input as they come
///
/// Reads delimited text, with a header or in the order of the schema (--no-header), JSON Lines or an Arrow stream, and commits the rows that have come at the latest after --latency, however long
/// the input goes on. Rows for several partitions become visible at one instant. At the end of the input, at Ctrl-C and at the first line that cannot be
/// read, everything read whole before is committed and made durable.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  feed | pilaster append --namespace Market --table Trades --partition 2017-08-25 --source feed --ack
  feed | pilaster append --namespace Market --table Trades --input-format json --latency 20")]
pub(crate) struct Append {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// The column partition that all rows go to
    #[arg(long, value_name = "VALUE", conflicts_with = "partition_column")]
    partition: Option<String>,
    /// The column of the input that says which column partition a row goes to; the table's partitioning column if neither is given
    #[arg(long, value_name = "COL")]
    partition_column: Option<String>,
    /// The internal partition: who writes the rows
    #[arg(long, value_name = "NAME", default_value = "append")]
    source: String,
    #[command(flatten)]
    durability: DurabilityFlag,
    /// The most milliseconds from the arrival of a row to its commit
    #[arg(long, value_name = "MS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    latency: u64,
    /// Say after each commit, as a line of JSON on standard error, how many rows are committed and how many of them durable
    #[arg(long)]
    ack: bool,
    /// Fields and records that may fail: the field becomes null, the record is left out
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_errors: u64,
    /// Columns that the input lacks are null
    #[arg(long)]
    lenient: bool,
    /// The schema's import mapping of this name
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
    /// What the input is: csv, json (an object a line) or arrow (an IPC stream)
    #[arg(long, value_enum, default_value_t = InputFormat::Csv)]
    input_format: InputFormat,
    #[command(flatten)]
    text: CsvFlags,
}

/// What comes from standard input.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum InputFormat {
    /// Delimited text
    Csv,
    /// JSON Lines; of the text options null, encoding and time zone count
    Json,
    /// An Arrow IPC stream: the rows of a batch are committed together
    Arrow,
}

impl Append {
    pub(crate) fn run(self, context: &Context) -> std::result::Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        context.warn_of_network(table.root());
        let target = match (self.partition, self.partition_column) {
            (Some(value), _) => Some(PartitionTarget::Value(value)),
            (None, column) => column.map(PartitionTarget::Column),
        };
        let format = match self.input_format {
            InputFormat::Csv => ImportFormat::Csv,
            InputFormat::Json => ImportFormat::Json,
            InputFormat::Arrow => ImportFormat::Arrow,
        };
        let mut import = table.import_options(format, self.mapping.as_deref(), target)?;
        match format {
            ImportFormat::Csv => self.text.apply(&mut import.csv)?,
            _ => self.text.apply_to_json(&mut import.csv)?,
        }
        import.source = self.source;
        import.errors_max = self.max_errors;
        import.lenient = self.lenient;
        let options = AppendOptions { import, durability: self.durability.level(), latency_ms: self.latency };
        let standard_input = Path::new(external::STANDARD_INPUT);
        let input = match format {
            ImportFormat::Csv => CsvInput::from(external::open(standard_input)?).into(),
            ImportFormat::Json => ImportInput::json(external::open(standard_input)?.into()),
            _ => pilaster_formats::open(format, standard_input)?,
        };
        let mut acknowledge = |committed: Commit| -> Result<()> { if self.ack { tell(committed) } else { Ok(()) } };
        let report = table.append(input, &options, &mut acknowledge)?;
        print_report(context, "standard input", "appended", &table.schema().full_name(), report, stopwatch)
    }
}

/// Says what was appended; its failure is the verb's.
pub(crate) fn print_report(
    context: &Context,
    input: &str,
    verb: &str,
    table: &str,
    report: AppendReport,
    stopwatch: Stopwatch,
) -> std::result::Result<(), Failure> {
    for error in &report.errors {
        context.say(&format!("{input}: {error}"));
    }
    let seconds = stopwatch.elapsed_seconds();
    let passed_over = match report.error_count {
        0 => String::new(),
        count => format!(", {} passed over", counted(count, "error")),
    };
    let sentence = format!(
        "{verb} {} from {} to {table} in {seconds:.2} s{passed_over}",
        counted(report.committed.rows, "row"),
        human_bytes(report.bytes_read),
    );
    context.print_outcome(&outcome(&report, input, seconds), &sentence)?;
    report.stopped.map_or(Ok(()), |error| Err(error.into()))
}

/// One line for a commit. Whoever started us may not listen any more, which is not the rows' fault.
pub(crate) fn tell(committed: Commit) -> Result<()> {
    let level = if committed.durable_rows == committed.rows { "durable" } else { "visible" };
    let line = json!({"rows": committed.rows, "durable_rows": committed.durable_rows, "level": level});
    let _ = writeln!(std::io::stderr().lock(), "{line}");
    Ok(())
}

pub(crate) fn outcome(report: &AppendReport, input: &str, seconds: f64) -> Outcome {
    let partitions: Vec<Value> =
        report.partitions.iter().map(|(value, rows)| json!({"column_partition": value, "rows": rows})).collect();
    let errors: Vec<Value> = report.errors.iter().map(|error| json!(format!("{input}: {error}"))).collect();
    let interrupted = report.stopped.as_ref().is_some_and(|error: &Error| error.kind() == ErrorKind::Cancelled);
    Outcome::default()
        .with("rows", report.committed.rows)
        .with("durable_rows", report.committed.durable_rows)
        .with("commits", report.commits)
        .with("bytes", report.bytes_read)
        .with("seconds", seconds)
        .with("partitions", partitions)
        .with("errors", report.error_count)
        .with("first_errors", errors)
        .with("interrupted", interrupted)
}
