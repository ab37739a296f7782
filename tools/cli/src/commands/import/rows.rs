//! What the import of any format is told, and the work.

use crate::commands::import::columns::ColumnFlags;
use crate::commands::{append, durability};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::Progress;
use clap::{Args, ValueEnum};
use pilaster::base::Error;
use pilaster::engine::formula::QueryScope;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{external, interrupt};
use pilaster::storage::catalog::TableEntry;
use pilaster::storage::import::{
    AppendOptions, FollowFormat, ImportInput, ImportMode, ImportOptions, PartitionTarget, Rejects,
};
use pilaster::storage::intraday::Durability;
use pilaster::storage::schema::ImportFormat;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Which files go where, and how.
#[derive(Args, Debug)]
pub(crate) struct RowFlags {
    /// Files; - is standard input; a name with * or ? that the shell left alone stands for the files that fit
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
    /// A formula that says which column partition a row goes to, of the table's columns and the file's fields
    #[arg(long, value_name = "FORMULA", conflicts_with_all = ["partition", "partition_column"])]
    partition_formula: Option<String>,
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
    /// With --max-errors: write the records that are passed over to this file, as they stand, so that they can be imported once they are mended; a record with a bad
    /// field is left out then instead of having null there. csv and json only
    #[arg(long, value_name = "FILE", requires = "max_errors")]
    rejects: Option<PathBuf>,
    /// Columns that the file lacks are null
    #[arg(long)]
    lenient: bool,
    /// The schema's import mapping of this name
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
    /// A name that is applied once: of two imports with the same one into a source the second does nothing, also where nobody knows whether the first succeeded. The last 1,000 are
    /// remembered
    #[arg(long, value_name = "ID")]
    batch_id: Option<String>,
    /// Keep appending the records that are written to the file, until Ctrl-C; started again, it goes on where it ended or was killed, each record exactly once. One plain file; csv
    /// and json only
    #[arg(long, conflicts_with_all = ["mode", "batch_id", "rejects"])]
    follow: bool,
    /// With --follow: the most milliseconds from a record to its commit
    #[arg(long, value_name = "MS", default_value_t = 200, requires = "follow", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    latency: u64,
    #[command(flatten)]
    columns: ColumnFlags,
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

/// Changes options as the flags of a format say.
type Apply<'a> = &'a dyn Fn(&mut ImportOptions) -> Result<(), Failure>;

impl RowFlags {
    /// Imports the files, which `open` opens.
    pub(crate) fn run(
        mut self,
        context: &Context,
        format: ImportFormat,
        apply: Apply<'_>,
        open: &dyn Fn(&Path) -> Result<ImportInput, Failure>,
    ) -> Result<(), Failure> {
        let mut files = Vec::new();
        for file in &self.files {
            files.extend(external::expand(file)?);
        }
        self.files = files;
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        context.warn_of_network(table.root());
        let target = match (&self.partition, &self.partition_column) {
            (Some(value), _) => Some(PartitionTarget::Value(value.clone())),
            (None, Some(column)) => Some(PartitionTarget::Column(column.clone())),
            // What the formula says takes its place.
            (None, None) => self.partition_formula.clone().map(PartitionTarget::Computed),
        };
        if self.mode == Mode::Replace && self.partition.is_none() && self.files.len() > 1 {
            // Two files with rows of one partition: the second would take the place of the first.
            let error =
                Error::invalid("replacing the partitions that several files name could lose rows of the first ones");
            return Err(error.hint("import one file at a time, or into one --partition").into());
        }
        let mut options = table.import_options(format, self.mapping.as_deref(), target)?;
        apply(&mut options)?;
        let scope = QueryScope { zone: table.root().time_zone()?, ..QueryScope::default() };
        self.columns.apply(format, self.partition_formula.as_deref(), &scope, &mut options)?;
        // One for all files, so that the header comes once.
        let rejects = self.rejects.as_deref().map(|path| Rejected::create(path, format)).transpose()?;
        options.rejects = rejects.as_ref().map(Rejected::sink);
        options.mode = match self.mode {
            Mode::Safe => ImportMode::Safe,
            Mode::Append => ImportMode::Append,
            Mode::Replace => ImportMode::Replace,
        };
        options.source = self.source.clone();
        options.errors_max = self.max_errors;
        options.lenient = self.lenient;
        options.durability = self.durability;

        options.batch_id = self.batch_id.clone();
        if self.follow {
            return self.follow(context, format, &table, options);
        }
        if self.batch_id.is_some() && self.files.len() > 1 {
            return Err(Error::invalid("a batch id names the import of one file")
                .hint("give each file an id of its own")
                .into());
        }

        let mut partitions: BTreeMap<String, u64> = BTreeMap::new();
        let mut repeated = false;
        let (mut rows, mut durable_rows, mut bytes, mut error_count, mut errors) = (0, 0, 0, 0, Vec::new());
        for (at, file) in self.files.iter().enumerate() {
            let name = file.display().to_string();
            let input = open(file)?;
            let bar = Progress::start(context.quiet(), &format!("importing {name}"), Some(0));
            let report = table.import(input, &options, &|now| {
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
                    listed_names(&report.ignored_columns)
                ));
            }
            if !report.filled_columns.is_empty() {
                context.say_more(&format!(
                    "{name}: columns that the file does not have: {}",
                    listed_names(&report.filled_columns)
                ));
            }
            repeated |= report.repeated;
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
        options.rejects = None;
        if let Some(rejects) = rejects {
            rejects.finish()?;
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
            .with("repeated", repeated)
            .with("errors", error_count)
            .with("first_errors", errors);
        if repeated {
            let sentence = format!("nothing to do: the batch was imported before, with {}", counted(rows, "row"));
            return context.print_outcome(&outcome, &sentence);
        }
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

/// The first of many names.
fn listed_names(names: &[String]) -> String {
    const MOST: usize = 20;
    let first = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

impl RowFlags {
    fn follow(
        &self,
        context: &Context,
        format: ImportFormat,
        table: &TableEntry,
        import: ImportOptions,
    ) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let form = match format {
            ImportFormat::Csv => FollowFormat::Csv,
            ImportFormat::Json => FollowFormat::Json,
            other => return Err(Error::invalid(format!("{} files do not grow by records", other.name())).into()),
        };
        let [file] = self.files.as_slice() else {
            return Err(Error::invalid("one file is followed at a time").into());
        };
        let options = AppendOptions { durability: import.durability, latency_ms: self.latency, import };
        context.say_more(&format!("following {}", file.display()));
        let report = table.follow((file, form), &options, &mut |_| Ok(()))?;
        append::print_report(
            context,
            &file.display().to_string(),
            "followed",
            &table.schema().full_name(),
            report,
            stopwatch,
        )
    }
}

/// The file of records that were passed over.
struct Rejected {
    path: PathBuf,
    file: Arc<Mutex<external::Output>>,
}

impl Rejected {
    fn create(path: &Path, format: ImportFormat) -> Result<Self, Failure> {
        if !matches!(format, ImportFormat::Csv | ImportFormat::Json) {
            return Err(Error::invalid(format!("records of {} files cannot be put aside", format.name()))
                .hint("--max-errors alone makes bad values null")
                .into());
        }
        let file = external::create(path)?;
        Ok(Rejected { path: path.to_path_buf(), file: Arc::new(Mutex::new(file)) })
    }

    fn sink(&self) -> Rejects {
        let (file, path) = (self.file.clone(), self.path.clone());
        Rejects::new(move |bytes: &[u8]| {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = bytes.last().is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
            let written = file.write_all(bytes).and_then(|()| if ended { Ok(()) } else { file.write_all(b"\n") });
            written.map_err(|error| Error::io("write", &path, error))
        })
    }

    fn finish(self) -> Result<(), Failure> {
        match Arc::into_inner(self.file) {
            Some(file) => Ok(file.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?),
            None => Err(Error::invalid("the file of rejected records is still in use").at_path(&self.path).into()),
        }
    }
}
