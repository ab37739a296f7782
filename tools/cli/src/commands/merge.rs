//! `pilaster merge`.

use super::{script, validate};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::{Bars, Progress};
use crate::size;
use clap::Args;
use pilaster::base::Error;
use pilaster::engine::QueryLimits;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{interrupt, machine};
use pilaster::session::{Database, key_formula, rows_for_partition};
use pilaster::storage::catalog::{ChainReport, MergeChain, TableEntry};
use pilaster::storage::historical::{MergeOptions, MergeProgress};
use pilaster::storage::validation::ValidationProgress;
use pilaster_script::{Options, ScriptValue};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Merge intraday partitions into history
///
/// Groups, sorts and encodes the rows of all sources of a column partition and publishes them at one instant. The intraday rows stay unless
/// they are to be deleted, which happens after publication. With --validate a version is published only if all checks hold. May be cut off at any
/// instant and run again: what is merged already is not merged twice.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pilaster merge --namespace LearnDeephaven --table StockQuotes --partition 2017-08-25 --memory 2GiB\n  pilaster merge --namespace LearnDeephaven --table StockQuotes --partition 2017-08-25 --from-script cleaned.py --result Cleaned --force"
)]
pub(crate) struct Merge {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Column partitions
    #[arg(long, value_name = "VALUE", required = true, num_args = 1..)]
    partition: Vec<String>,
    /// The most memory to use, such as 2GiB; a quarter of the machine's if not given. Rows beyond it go through sorted runs on disk
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<u64>,
    /// Threads to use; one a core if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Column partitions to merge at a time; they share memory and threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    parallel: usize,
    /// Say what would be merged, in how many runs, within how much memory and into which storages, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Compare the new version with the rows that were merged, and check the schema's rules, before it is published; exit code 1 if something does not hold
    #[arg(long)]
    validate: bool,
    /// Remove the intraday partitions once their rows are published, and valid if that is checked
    #[arg(long)]
    delete_intraday: bool,
    /// Replace what was merged before; refused where that would lose rows whose intraday partitions are gone
    #[arg(long, conflicts_with = "incremental")]
    force: bool,
    /// Add the rows that came since the last merge to what was merged before
    #[arg(long)]
    incremental: bool,
    /// With --force: give up merged rows whose intraday partitions are gone
    #[arg(long, requires = "force")]
    discard_merged: bool,
    /// Merge the result of this script into the one partition given, instead of intraday rows; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["incremental", "delete_intraday", "parallel"])]
    from_script: Option<PathBuf>,
    /// With --from-script: the variable to merge instead of the last value
    #[arg(long, value_name = "NAME", requires = "from_script")]
    result: Option<String>,
}

impl Merge {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        let mut options = MergeOptions {
            memory_bytes: self.memory.unwrap_or(0),
            threads: self.threads,
            force: self.force,
            incremental: self.incremental,
            discard_merged: self.discard_merged,
            dry_run: self.dry_run,
            key_compiler: Some(key_formula::compiler(table.root().time_zone()?)),
            ..MergeOptions::default()
        };
        let at_a_time = self.parallel.clamp(1, self.partition.len());
        if at_a_time > 1 {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
            let threads = if self.threads == 0 { cores } else { self.threads };
            options.memory_bytes = options.memory_bytes() / at_a_time as u64;
            options.threads = (threads / at_a_time).max(1);
        }
        let reports = match &self.from_script {
            Some(script) => vec![self.merge_script(script, &table, &options, context)],
            None => self.merge_all(&table, &options, at_a_time, context),
        };
        let (mut rows, mut before, mut bytes, mut runs, mut failed, mut partitions) = (0, 0, 0, 0, 0, Vec::new());
        for (partition, report) in self.partition.iter().zip(reports) {
            let ChainReport { merge, validation, removed } = report?;
            let published = merge.is_some() && !self.dry_run;
            let mut outcome = json!({"column_partition": partition, "published": published, "removed": removed});
            if let Some(merge) = merge {
                rows += merge.rows;
                before += if merge.already { merge.rows } else { 0 };
                bytes += merge.bytes;
                runs += merge.runs;
                outcome["rows"] = merge.rows.into();
                outcome["already"] = merge.already.into();
                outcome["without_grouping_index"] = merge.ungrouped.clone().into();
                if let Some(column) = &merge.ungrouped {
                    context.say(&format!(
                        "{partition}: {column} has too many values for a grouping index within this memory: filters on it look at zone maps and rows"
                    ));
                }
                let (rows, size) = (counted(merge.rows, "row"), human_bytes(merge.bytes));
                if self.dry_run {
                    let names: Vec<&str> = merge.storages.iter().map(|(name, _)| name.as_str()).collect();
                    let memory = options.memory_bytes();
                    outcome["plan"] = json!({"runs": merge.runs, "memory_bytes": memory, "storages": names});
                    let how = match (merge.already, merge.runs) {
                        (true, _) => "merged before, nothing to do".to_owned(),
                        (_, 0) => format!("in memory, within {}", human_bytes(memory)),
                        (_, runs) => format!("through {}, within {}", counted(runs, "run"), human_bytes(memory)),
                    };
                    context.say(&format!("{partition}: {rows} {how}, into {}", names.join(", ")));
                } else {
                    let what = if merge.already { " merged before" } else { "" };
                    context.say_more(&format!("{partition}: {rows}{what} in {size}"));
                }
            }
            if let Some(found) = &validation {
                failed += validate::print_failures(partition, found, context);
                outcome["checks"] = validate::outcome_of(partition, found)["checks"].take();
            }
            partitions.push(outcome);
        }
        let seconds = stopwatch.elapsed_seconds();
        let outcome = Outcome::default()
            .with("rows", rows)
            .with("bytes", bytes)
            .with("seconds", seconds)
            .with("runs", runs)
            .with("peak_memory_bytes", machine::peak_memory_bytes())
            .with("partitions", partitions)
            .with("errors", failed);
        let name = table.schema().full_name();
        let did = if self.dry_run { "would merge" } else { "merged" };
        let mut sentence =
            format!("{did} {} of {name} into {} in {seconds:.2} s", counted(rows, "row"), human_bytes(bytes));
        if before > 0 {
            sentence += &format!("; {} had been merged before", counted(before, "row"));
        }
        if failed > 0 {
            sentence += &format!("; {} failed, so nothing new was published or removed", counted(failed, "check"));
        }
        context.print_outcome(&outcome, &sentence)?;
        if failed > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    /// Merges all partitions, so many at a time; their reports in order. What fails does not stop the others.
    fn merge_all(
        &self,
        table: &TableEntry,
        options: &MergeOptions,
        at_a_time: usize,
        context: &Context,
    ) -> Vec<Result<ChainReport, Failure>> {
        let (next, bars) = (AtomicUsize::new(0), Bars::default());
        let reports: Vec<OnceLock<_>> = self.partition.iter().map(|_| OnceLock::new()).collect();
        let quiet = context.quiet();
        let work = || {
            loop {
                let at = next.fetch_add(1, Relaxed);
                let (Some(partition), Some(report)) = (self.partition.get(at), reports.get(at)) else { break };
                let _ = report.set(self.merge_one(
                    table,
                    partition,
                    options,
                    &bars.start(quiet, &format!("merging {partition}"), Some(0)),
                ));
            }
        };
        std::thread::scope(|scope| (0..at_a_time).for_each(|_| drop(scope.spawn(work))));
        let gone = || Err(Error::invalid("the partition was not merged"));
        reports.into_iter().map(|report| report.into_inner().unwrap_or_else(gone).map_err(Failure::from)).collect()
    }

    fn merge_one(
        &self,
        table: &TableEntry,
        partition: &str,
        options: &MergeOptions,
        bar: &Progress,
    ) -> pilaster::base::Result<ChainReport> {
        let validating = validation_shown_on(bar);
        let rules = &table.schema().validation;
        let validate = self.validate.then_some((rules, &validating as ValidationProgress<'_>));
        let chain = MergeChain { validate, delete_intraday: self.delete_intraday };
        table.merge_chain(partition, options, chain, &|at| show(bar, at))
    }

    /// Merges the result of a script.
    fn merge_script(
        &self,
        path: &Path,
        table: &TableEntry,
        options: &MergeOptions,
        context: &Context,
    ) -> Result<ChainReport, Failure> {
        let [partition] = &self.partition[..] else {
            return Err(Error::invalid("the result of a script is merged into one partition").into());
        };
        let (name, text) = script::read(path)?;
        let database = Arc::new(Database::of_root(table.root().clone())?);
        let limits = QueryLimits::default();
        let limits = Arc::new(self.memory.into_iter().fold(limits, QueryLimits::with_memory));
        let print = |text: &str| eprintln!("{text}");
        let script = Options { file_name: &name, limits: limits.clone(), print: &print, ..Options::default() };
        let outcome =
            pilaster_script::run(&text, Some(database.clone()), script).map_err(|error| Failure::script(&error))?;
        let result = match script::chosen(outcome, self.result.as_deref())? {
            ScriptValue::Table(result) => result,
            other => return Err(Error::invalid(format!("the script's result is {other}, not a table")).into()),
        };
        let bar = Progress::start(context.quiet(), &format!("merging {partition}"), Some(0));
        let validating = validation_shown_on(&bar);
        let rules = &table.schema().validation;
        let validate = self.validate.then_some((rules, &validating as ValidationProgress<'_>));
        // What is computed while rows are taken is the query's too.
        let merged = limits.enter(|| {
            let rows = rows_for_partition(&result, table, partition, &database.query_scope())?;
            // From here on only the rows hold locations open, so that what they replace can go.
            drop((result, database));
            table.merge_rows(partition, rows, options, validate, &|at| show(&bar, at))
        });
        Ok(merged?)
    }
}

/// Shows how far a merge is; ends it on Ctrl-C.
fn show(bar: &Progress, at: MergeProgress) -> pilaster::base::Result<()> {
    bar.phase(at.phase.name(), at.values_done, at.values_total);
    interrupt::check()
}

fn validation_shown_on(bar: &Progress) -> impl Fn(u64, u64) -> pilaster::base::Result<()> + Sync {
    |done, total| {
        bar.phase("validating", done, total);
        interrupt::check()
    }
}
