//! `pilaster export`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted};
use clap::{Args, ValueEnum};
use pilaster::base::Error;
use pilaster::base::Value;
use pilaster::engine::Table;
use pilaster::engine::formula::{QueryScope, ScopeValue};
use pilaster::io::clock::Stopwatch;
use pilaster::io::{external, machine};
use pilaster::session::Database;
use pilaster::session::output::{Format, TextOptions};
use pilaster::storage::TableKind;
use pilaster_formats::export::{Compression, export, export_partitioned};
use pilaster_formats::{ExportFormat, ExportOptions};
use pilaster_script::{Options, ScriptValue};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Write a table, or the result of a query, to files
///
/// A file appears under its name complete or not at all, a directory too. All column types and nulls come back the same by `import` of the same format. Rows are written as they
/// are read: memory does not grow with the table.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pilaster export --namespace LearnDeephaven --table StockQuotes --partition 2017-08-25 -o quotes.parquet
  pilaster export --namespace LearnDeephaven --table StockQuotes --partition-by Date -o quotes --to parquet
  pilaster export -e 'db.t(\"LearnDeephaven\",\"EODPrices\").head(10)' -o prices.arrow")]
pub(crate) struct Export {
    /// The table's namespace
    #[arg(long, value_name = "NAME", required_unless_present = "expression")]
    namespace: Option<String>,
    /// The table
    #[arg(long, value_name = "NAME", required_unless_present = "expression")]
    table: Option<String>,
    /// A script whose last value, a table, is written instead of a stored table
    #[arg(short = 'e', long = "expression", value_name = "SCRIPT", conflicts_with_all = ["namespace", "table", "kind", "partitions"])]
    expression: Option<String>,
    /// History or the intraday rows; history if there is any and this is not given
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only these column partitions
    #[arg(long = "partition", value_name = "VALUE", num_args = 1..)]
    partitions: Vec<String>,
    /// Only rows that a filter takes; may be repeated
    #[arg(long = "where", value_name = "FILTER")]
    filters: Vec<String>,
    /// Only these columns, in this order
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,
    /// The file, or with --partition-by the directory, to write; - is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// The format; what the end of the file's name says if not given, or csv
    #[arg(long = "to", value_enum, value_name = "FORMAT")]
    to: Option<FileFormat>,
    /// A directory with a file for each value of this column: OUT/COL=VALUE/part-0.parquet
    #[arg(long, value_name = "COL")]
    partition_by: Option<String>,
    /// How Parquet and Arrow are packed; Parquet by zstd and Arrow not at all if not given
    #[arg(long, value_enum)]
    compression: Option<Packing>,
    /// Rows of a row group of Parquet
    #[arg(long, value_name = "N", default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    row_group_rows: u64,
}

/// Which of the table's rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Merged rows
    Historical,
    /// Rows as they were appended
    Intraday,
}

/// A format of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    /// A header and a line a row
    Csv,
    /// One object a line
    Jsonl,
    /// One array of objects
    Json,
    /// Apache Parquet
    Parquet,
    /// Arrow IPC, a file
    Arrow,
    /// Arrow IPC, a stream
    ArrowStream,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Packing {
    Zstd,
    Snappy,
    Lz4,
    None,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        machine::keep_freed_memory_of(64 << 20);
        let stopwatch = Stopwatch::start();
        let database = match context.root() {
            Ok(root) => Some(Arc::new(Database::of_root(root)?)),
            Err(_) if self.expression.is_some() && context.named_root().is_none() => None,
            Err(failure) => return Err(failure),
        };
        let scope = database.as_ref().map_or_else(QueryScope::default, |database| database.query_scope());
        let table = self.table(context, database, &scope)?;
        let format = self.format();
        let options = ExportOptions {
            compression: self.compression.map(|packing| match packing {
                Packing::Zstd => Compression::Zstd,
                Packing::Snappy => Compression::Snappy,
                Packing::Lz4 => Compression::Lz4,
                Packing::None => Compression::None,
            }),
            row_group_rows: usize::try_from(self.row_group_rows).unwrap_or(usize::MAX),
            text: TextOptions::default(),
        };
        let mut parts = Vec::new();
        let rows = match &self.partition_by {
            Some(column) => {
                parts = export_partitioned(&table, column, format, &options, &self.output, &scope)?;
                parts.iter().map(|(_, rows)| rows).sum()
            }
            None if self.output == Path::new("-") => {
                // Data alone goes to standard output.
                export(&table, format, &options, std::io::stdout())?;
                return Ok(());
            }
            None => {
                let file = external::create(&self.output)?;
                export(&table, format, &options, file)?.finish()?;
                table.row_count()?
            }
        };
        let seconds = stopwatch.elapsed_seconds();
        let listed: Vec<serde_json::Value> =
            parts.iter().map(|(value, rows)| json!({"column_partition": value, "rows": rows})).collect();
        let outcome = Outcome::default()
            .with("rows", rows)
            .with("seconds", seconds)
            .with("output", self.output.display().to_string())
            .with("peak_memory_bytes", machine::peak_memory_bytes())
            .with("partitions", listed);
        let files = if self.partition_by.is_some() {
            format!(" in {}", counted(parts.len() as u64, "file"))
        } else {
            String::new()
        };
        context.print_outcome(
            &outcome,
            &format!("wrote {} to {}{files} in {seconds:.2} s", counted(rows, "row"), self.output.display()),
        )
    }

    fn table(&self, context: &Context, database: Option<Arc<Database>>, scope: &QueryScope) -> Result<Table, Failure> {
        let mut table = match (&self.expression, &self.namespace, &self.table, database) {
            (Some(script), _, _, database) => {
                let outcome = pilaster_script::run(script, database, Options { file_name: "-e", ..Options::default() })
                    .map_err(|error| Failure::script(&error))?;
                match outcome.value {
                    ScriptValue::Table(table) => table,
                    other => {
                        return Err(Error::invalid(format!("the script's last value is {other}, not a table")).into());
                    }
                }
            }
            (None, Some(namespace), Some(name), Some(database)) => {
                let entry = database.catalog().table(namespace, name)?;
                let historical = match self.kind {
                    Some(kind) => matches!(kind, Kind::Historical),
                    None => !entry.partitions_of(TableKind::Historical)?.is_empty(),
                };
                context.say_more(if historical { "from history" } else { "from intraday rows" });
                if historical { database.t(namespace, name)? } else { database.i(namespace, name)? }
            }
            _ => return Err(Error::invalid("--namespace and --table, or -e SCRIPT, say what to write").into()),
        };
        if !self.partitions.is_empty() {
            let column = table.definition().partitioning().map(|column| column.name.clone());
            let column = column.ok_or_else(|| Error::invalid("the table has no partitioning column"))?;
            let mut scope = scope.clone();
            let values = self.partitions.iter().map(|value| Value::string(value)).collect();
            scope.variables.insert("partition_values".to_string(), ScopeValue::List(values));
            table = table.filter(&[format!("{column} in partition_values")], &scope)?;
        }
        if !self.filters.is_empty() {
            table = table.filter(&self.filters, scope)?;
        }
        if !self.columns.is_empty() {
            table = table.view(&self.columns, scope)?;
        }
        Ok(table)
    }

    fn format(&self) -> ExportFormat {
        match self.to {
            Some(FileFormat::Csv) => ExportFormat::Text(Format::Csv),
            Some(FileFormat::Jsonl) => ExportFormat::Text(Format::JsonLines),
            Some(FileFormat::Json) => ExportFormat::Text(Format::Json),
            Some(FileFormat::Parquet) => ExportFormat::Parquet,
            Some(FileFormat::Arrow) => ExportFormat::Arrow,
            Some(FileFormat::ArrowStream) => ExportFormat::ArrowStream,
            None => ExportFormat::of_file(&self.output).unwrap_or(ExportFormat::Text(Format::Csv)),
        }
    }
}
