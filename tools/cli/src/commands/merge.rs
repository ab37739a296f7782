//! `pilaster merge`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::Progress;
use crate::size;
use clap::Args;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{interrupt, machine};
use pilaster::storage::historical::MergeOptions;
use serde_json::json;

/// Merge intraday partitions into history
///
/// Groups, sorts and encodes the rows of all sources of a column partition and publishes them at one instant. The intraday rows stay.
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
    /// Remove the intraday partitions once their rows are published
    #[arg(long)]
    delete_intraday: bool,
    /// Replace what was merged before
    #[arg(long)]
    force: bool,
}

impl Merge {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        let options = MergeOptions {
            memory_bytes: self.memory.unwrap_or(0),
            threads: self.threads,
            force: self.force,
            ..MergeOptions::default()
        };
        let (mut rows, mut bytes, mut runs, mut partitions) = (0, 0, 0, Vec::new());
        for partition in &self.partition {
            let bar = Progress::start(context.quiet(), &format!("merging {partition}"), Some(0));
            let report = table.merge(partition, &options, self.delete_intraday, &|at| {
                bar.phase(at.phase.name(), at.values_done, at.values_total);
                interrupt::check()
            })?;
            drop(bar);
            rows += report.rows;
            bytes += report.bytes;
            runs += report.runs;
            partitions.push(json!({"column_partition": partition, "rows": report.rows}));
            context.say_more(&format!("{partition}: {} in {}", counted(report.rows, "row"), human_bytes(report.bytes)));
        }
        let seconds = stopwatch.elapsed_seconds();
        let outcome = Outcome::default()
            .with("rows", rows)
            .with("bytes", bytes)
            .with("seconds", seconds)
            .with("runs", runs)
            .with("peak_memory_bytes", machine::peak_memory_bytes())
            .with("partitions", partitions)
            .with("errors", 0);
        let name = table.schema().full_name();
        let sentence =
            format!("merged {} of {name} into {} in {seconds:.2} s", counted(rows, "row"), human_bytes(bytes));
        context.print_outcome(&outcome, &sentence)
    }
}
