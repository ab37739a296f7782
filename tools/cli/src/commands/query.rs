//! `pilaster query`.

use super::script;
use crate::args;
use crate::context::Context;
use crate::failure::Failure;
use crate::size;
use clap::Args;
use pilaster::base::Error;
use pilaster::engine::QueryLimits;
use pilaster::io::{FileSystem, RealFileSystem, clock::Stopwatch, external, machine};
use pilaster::session::Database;
use pilaster::session::output::{self, Format, TextOptions};
use pilaster_formats::{ExportFormat, ExportOptions, export};
use pilaster_script::{Options, ScriptValue};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Rows that the form for people shows.
const SHOWN_ROWS: u64 = 20;

/// Run a script and print its last value
///
/// Scripts are Starlark with the habits of Python: `db.t(namespace, table)` are historical rows, `db.i(namespace, table)` intraday ones.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pilaster query -e 'db.t(\"LearnDeephaven\",\"EODPrices\").where(\"ImportDate=`2017-11-01`\").head(10)'\n  pilaster query report.py --result Best -o best.csv\n  pilaster query - --timing < report.py"
)]
pub(crate) struct Query {
    /// A file with a script; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "expression", conflicts_with = "expression")]
    file: Option<PathBuf>,
    /// The script itself
    #[arg(short = 'e', long = "expression", value_name = "SCRIPT")]
    expression: Option<String>,
    /// Print this variable instead of the last value
    #[arg(long, value_name = "NAME")]
    result: Option<String>,
    /// Write to this file instead of standard output; in the format that its name ends with if no other is given: .csv, .json, .jsonl, .parquet, .arrow
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The most rows of a table to print; 20 with --format table, all otherwise
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// Tell on standard error what each operation cost: rows, milliseconds, what was read
    #[arg(long)]
    timing: bool,
    /// Stop the script, and the writing of its result, after this many seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Stop the script when it has taken this much memory, such as 2GiB; three quarters of the machine's otherwise
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<u64>,
    /// Let the script write files with writeCsv, into this directory and those below it, which exist; nowhere without
    #[arg(long, value_name = "DIR")]
    allow_write: Option<PathBuf>,
}

impl Query {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        if self.memory.is_none() {
            machine::keep_freed_memory();
        }
        let (name, script) = self.script()?;
        let database = self.database(context)?;
        let stopwatch = Stopwatch::start();
        let format = match (context.chosen_format(), &self.output) {
            (Some(chosen), _) => file_format(chosen),
            (None, Some(path)) => ExportFormat::of_file(path).unwrap_or(ExportFormat::Text(Format::Table)),
            (None, None) => ExportFormat::Text(Format::Table),
        };
        // What programs read must not be mixed with what the script says.
        let talks = format != ExportFormat::Text(Format::Table) && self.output.is_none();
        let print =
            move |text: &str| if talks { eprintln!("{text}") } else { drop(writeln!(std::io::stdout(), "{text}")) };
        let limits = Arc::new(self.limits());
        let output_directory = match &self.allow_write {
            Some(directory) => Some(RealFileSystem::open(directory)? as Arc<dyn FileSystem>),
            None => None,
        };
        let options =
            Options { file_name: &name, limits: limits.clone(), print: &print, output_directory, ..Options::default() };
        let outcome = pilaster_script::run(&script, database.clone(), options).map_err(|error| {
            if database.is_none() && error.to_string().contains("`db`") {
                context.say("there is no root here, so there is no db: --root DIR or PILASTER_ROOT names one");
            }
            Failure::script(&error)
        })?;
        let value = script::chosen(outcome, self.result.as_deref())?;
        // What is computed while it is written is the query's too.
        let written = limits.enter(|| match &self.output {
            Some(path) => self.write_file(path, &value, format),
            None => self.write_standard_output(&value, format),
        });
        if let (Some(database), ScriptValue::Table(table)) = (&database, &value)
            && written.is_ok()
            && table.row_count()? == 0
        {
            for note in database.timing().notes() {
                context.say(&format!("note: {note}"));
            }
        }
        if let Some(database) = database.filter(|_| self.timing) {
            print_timing(&database, &stopwatch);
        }
        written
    }

    fn limits(&self) -> QueryLimits {
        let limits = QueryLimits::default();
        let limits = self.timeout.map(Duration::from_secs).into_iter().fold(limits, QueryLimits::with_time);
        self.memory.into_iter().fold(limits, QueryLimits::with_memory)
    }

    /// The script's name in messages, and its text.
    fn script(&self) -> Result<(String, String), Failure> {
        let path = match (&self.expression, &self.file) {
            (Some(script), _) => return Ok(("-e".to_owned(), script.clone())),
            (None, Some(path)) => path,
            (None, None) => return Err(Error::invalid("a FILE or -e SCRIPT is needed").into()),
        };
        script::read(path)
    }

    /// The root's database; none where no root was named and there is none here: scripts can do without.
    fn database(&self, context: &Context) -> Result<Option<Arc<Database>>, Failure> {
        let root = match context.root() {
            Ok(root) => root,
            Err(Failure::Work(error)) if error.is_not_found() && context.named_root().is_none() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let database = Database::of_root(root)?;
        Ok(Some(Arc::new(if self.timing { database.with_timing() } else { database })))
    }

    fn write_standard_output(&self, value: &ScriptValue, format: ExportFormat) -> Result<(), Failure> {
        let is_terminal = std::io::stdout().is_terminal();
        let width = if is_terminal { comfy_table::Table::new().width().map(usize::from) } else { None };
        let rows_max = Some(self.max_rows.unwrap_or(SHOWN_ROWS));
        let options = TextOptions { rows_max, width, styled: is_terminal, ..TextOptions::default() };
        let out = BufWriter::with_capacity(1 << 16, std::io::stdout());
        self.write(value, format, &options, out).map(drop)
    }

    fn write_file(&self, path: &Path, value: &ScriptValue, format: ExportFormat) -> Result<(), Failure> {
        let options = TextOptions { rows_max: self.max_rows, ..TextOptions::default() };
        let out = external::create(path)?;
        Ok(self.write(value, format, &options, out)?.finish()?)
    }

    fn write<W: Write + Send>(
        &self,
        value: &ScriptValue,
        format: ExportFormat,
        options: &TextOptions,
        mut out: W,
    ) -> Result<W, Failure> {
        match (value, format) {
            (ScriptValue::Table(table), ExportFormat::Text(format @ Format::Table)) => {
                output::write_table(table, format, options, &mut out)?;
            }
            (ScriptValue::Table(table), format) => {
                let head;
                let table = match self.max_rows {
                    Some(rows) => {
                        head = table.head(i64::try_from(rows).unwrap_or(i64::MAX))?;
                        &head
                    }
                    None => table,
                };
                return Ok(export(table, format, &ExportOptions::default(), out)?);
            }
            (value, ExportFormat::Text(Format::Json | Format::JsonLines)) => writeln!(out, "{}", to_json(value))?,
            (ScriptValue::None, ExportFormat::Text(_)) => {}
            (value, ExportFormat::Text(_)) => writeln!(out, "{value}")?,
            (value, _) => {
                return Err(Error::invalid(format!("the result is {value}, and only tables are written so")).into());
            }
        }
        out.flush()?;
        Ok(out)
    }
}

/// How a table is written that the user wants so.
fn file_format(format: args::Format) -> ExportFormat {
    match format {
        args::Format::Table => ExportFormat::Text(Format::Table),
        args::Format::Csv => ExportFormat::Text(Format::Csv),
        args::Format::Json => ExportFormat::Text(Format::Json),
        args::Format::Jsonl => ExportFormat::Text(Format::JsonLines),
        args::Format::Parquet => ExportFormat::Parquet,
        args::Format::Arrow => ExportFormat::Arrow,
        args::Format::ArrowStream => ExportFormat::ArrowStream,
    }
}

/// A value that is no table, as JSON; what JSON has no form for is its text.
fn to_json(value: &ScriptValue) -> serde_json::Value {
    match value {
        ScriptValue::None => serde_json::Value::Null,
        ScriptValue::Bool(value) => (*value).into(),
        ScriptValue::Int(value) => (*value).into(),
        ScriptValue::Float(value) if value.is_finite() => (*value).into(),
        ScriptValue::List(items) => items.iter().map(to_json).collect(),
        other => other.to_string().into(),
    }
}

/// Writes the log of operations and the sums to standard error.
fn print_timing(database: &Database, stopwatch: &Stopwatch) {
    for record in database.timing().records() {
        eprintln!("{record}");
    }
    let counts = database.stats().counts();
    eprintln!(
        "total: {:.3} ms, {} locations and {} files opened, {} values ({} bytes) read",
        stopwatch.elapsed_seconds() * 1e3,
        counts.locations_opened,
        counts.files_opened,
        counts.values_read,
        counts.bytes_read
    );
}
