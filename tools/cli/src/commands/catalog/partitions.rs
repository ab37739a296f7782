//! `pilaster catalog partitions`.

use super::Selection;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use serde_json::json;

/// List partitions with their rows and sizes
///
/// Exits with 1 if a partition is damaged; the listing says which, and why.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster catalog partitions --namespace LearnDeephaven --table StockQuotes --kind historical"
)]
pub(crate) struct Partitions {
    #[command(flatten)]
    selection: Selection,
    /// Only one kind
    #[arg(long, value_parser = ["intraday", "historical"])]
    kind: Option<String>,
    /// Only this column partition
    #[arg(long, value_name = "VALUE")]
    partition: Option<String>,
    /// Only names: open no partition, leave the numbers null
    #[arg(long)]
    names_only: bool,
}

impl Partitions {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut listing = Listing::new(&[
            "namespace",
            "table",
            "kind",
            "internal_partition",
            "column_partition",
            "rows",
            "durable_rows",
            "bytes",
            "error",
        ]);
        let mut damaged = false;
        for table in self.selection.tables(context)? {
            let mut partitions = table.partitions()?;
            partitions.retain(|partition| {
                self.kind.as_ref().is_none_or(|kind| kind == partition.kind.name())
                    && self.partition.as_ref().is_none_or(|value| **value == *partition.key.column_partition)
            });
            let statistics = if self.names_only { Vec::new() } else { table.statistics(&partitions) };
            for (at, partition) in partitions.iter().enumerate() {
                let (counts, error) = match statistics.get(at) {
                    Some(Ok(counts)) => (Some(counts), None),
                    Some(Err(error)) => (None, Some(error.to_string())),
                    None => (None, None),
                };
                damaged |= error.is_some();
                listing.row([
                    json!(table.schema().namespace),
                    json!(table.schema().table),
                    json!(partition.kind.name()),
                    json!(&*partition.key.internal_partition),
                    json!(&*partition.key.column_partition),
                    json!(counts.map(|counts| counts.row_count)),
                    json!(counts.map(|counts| counts.durable_row_count)),
                    json!(counts.map(|counts| counts.size_bytes)),
                    json!(error),
                ]);
            }
        }
        context.print(&listing)?;
        if damaged { Err(Failure::Told) } else { Ok(()) }
    }
}
