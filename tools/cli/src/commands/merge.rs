//! `pilaster merge`.

use super::validate;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::Progress;
use crate::size;
use clap::Args;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{interrupt, machine};
use pilaster::storage::catalog::{ChainReport, MergeChain};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::validation::ValidationProgress;
use serde_json::json;

/// Merge intraday partitions into history
///
/// Groups, sorts and encodes the rows of all sources of a column partition and publishes them at one instant. The intraday rows stay unless
/// they are to be deleted, which happens after publication. With --validate a version is published only if all checks hold. May be cut off at any
/// instant and run again: what is merged already is not merged twice.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster merge --namespace LearnDeephaven --table StockQuotes --partition 2017-08-25 --memory 2GiB"
)]
pub(crate) struct Merge {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Column partitions, one after the other
    #[arg(long, value_name = "VALUE", required = true, num_args = 1..)]
    partition: Vec<String>,
    /// The most memory to use, such as 2GiB; a quarter of the machine's if not given. Rows beyond it go through sorted runs on disk
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<u64>,
    /// Threads to use; one a core if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
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
}

impl Merge {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        let options = MergeOptions {
            memory_bytes: self.memory.unwrap_or(0),
            threads: self.threads,
            force: self.force,
            incremental: self.incremental,
            discard_merged: self.discard_merged,
            ..MergeOptions::default()
        };
        let rules = table.schema().validation.clone();
        let (mut rows, mut bytes, mut runs, mut failed, mut partitions) = (0, 0, 0, 0, Vec::new());
        for partition in &self.partition {
            let bar = Progress::start(context.quiet(), &format!("merging {partition}"), Some(0));
            let validating = |done, total| {
                bar.phase("validating", done, total);
                interrupt::check()
            };
            let validate = self.validate.then_some((&rules, &validating as ValidationProgress<'_>));
            let chain = MergeChain { validate, delete_intraday: self.delete_intraday };
            let report = table.merge_chain(partition, &options, chain, &|at| {
                bar.phase(at.phase.name(), at.values_done, at.values_total);
                interrupt::check()
            });
            drop(bar);
            let ChainReport { merge, validation, removed } = report?;
            let mut outcome = json!({"column_partition": partition, "published": merge.is_some(), "removed": removed});
            if let Some(merge) = merge {
                rows += merge.rows;
                bytes += merge.bytes;
                runs += merge.runs;
                outcome["rows"] = merge.rows.into();
                outcome["already"] = merge.already.into();
                let (rows, size) = (counted(merge.rows, "row"), human_bytes(merge.bytes));
                let what = if merge.already { " merged before" } else { "" };
                context.say_more(&format!("{partition}: {rows}{what} in {size}"));
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
        let mut sentence =
            format!("merged {} of {name} into {} in {seconds:.2} s", counted(rows, "row"), human_bytes(bytes));
        if failed > 0 {
            sentence += &format!("; {} failed, so nothing new was published or removed", counted(failed, "check"));
        }
        context.print_outcome(&outcome, &sentence)?;
        if failed > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}
