//! `pilaster merge`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use crate::progress::Progress;
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
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
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

/// Bytes of a text such as `512MiB`, `2GiB`, `1.5GB` or `1000`.
fn parse_size(text: &str) -> Result<u64, String> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("unknown unit {unit:?}; sizes are such as 512MiB or 2GiB")),
    };
    let number: f64 = number.parse().map_err(|_| "not a size; sizes are such as 512MiB or 2GiB".to_string())?;
    let bytes = number * scale as f64;
    if (1.0..=1e18).contains(&bytes) { Ok(bytes as u64) } else { Err("out of range".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1000", 1_000), ("2GiB", 2 << 30), ("1.5 KiB", 1_536), ("3mb", 3_000_000), ("1T", 1 << 40)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1.2.3", "2 parsecs", "1e9", "0", "99999999TiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
