//! `pilaster catalog usage`.

use super::Selection;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Listing, counted};
use clap::Args;
use pilaster::storage::TableKind;
use serde_json::{Value, json};

const KINDS: [TableKind; 2] = [TableKind::Intraday, TableKind::Historical];

/// What each column takes on disk, and how it is encoded
///
/// Exits with 1 if a partition is damaged and therefore not counted.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pilaster catalog usage --namespace LearnDeephaven --table StockQuotes\n  pilaster catalog usage --totals --format csv"
)]
pub(crate) struct Usage {
    #[command(flatten)]
    selection: Selection,
    /// Only this column partition
    #[arg(long, value_name = "VALUE", conflicts_with = "totals")]
    partition: Option<String>,
    /// Rows and bytes of whole tables instead of columns
    #[arg(long)]
    totals: bool,
}

impl Usage {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let (listing, damaged) = if self.totals { self.totals(context)? } else { self.columns(context)? };
        context.print(&listing)?;
        if damaged > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    fn columns(&self, context: &Context) -> Result<(Listing, u64), Failure> {
        let mut listing = Listing::new(&[
            "namespace",
            "table",
            "kind",
            "column",
            "type",
            "codec",
            "rows",
            "nulls",
            "encodings",
            "bytes_per_value",
            "ratio",
            "bytes",
            "symbols",
            "symbol_bytes",
            "grouping_bytes",
        ]);
        let mut damaged = 0;
        for table in self.selection.tables(context)? {
            let schema = table.schema();
            for kind in KINDS {
                let totals = table.column_usage(kind, self.partition.as_deref())?;
                if totals.damaged_count > 0 {
                    damaged += totals.damaged_count;
                    let (count, kind) = (totals.damaged_count, kind.name());
                    context.say(&format!("{}: {count} damaged {kind} partitions are not counted", schema.full_name()));
                }
                let first = schema.definition.grouping().next().map(|column| column.name.as_str());
                for usage in &totals.columns {
                    let lacking = usage.ungrouped_rows;
                    if kind == TableKind::Historical && lacking > 0 && first == Some(usage.name.as_str()) {
                        context.say(&format!(
                            "{}: {} of {} have no grouping index of {}, whose values were too many when they were merged",
                            schema.full_name(),
                            lacking,
                            counted(usage.row_count, "historical row"),
                            usage.name
                        ));
                    }
                    listing.row([
                        json!(schema.namespace),
                        json!(schema.table),
                        json!(kind.name()),
                        json!(usage.name),
                        json!(usage.column_type.name()),
                        json!(schema.column(&usage.name).map(|column| column.codec.name())),
                        json!(usage.row_count),
                        json!(usage.null_count),
                        json!(usage.encoding_mix()),
                        rounded(usage.bytes_per_value(), 1_000.0),
                        rounded(usage.ratio(), 100.0),
                        json!(usage.size_bytes),
                        json!(usage.symbol_count),
                        json!(usage.symbol_bytes),
                        json!(usage.grouping_bytes),
                    ]);
                }
            }
        }
        Ok((listing, damaged))
    }

    fn totals(&self, context: &Context) -> Result<(Listing, u64), Failure> {
        let mut listing = Listing::new(&[
            "namespace",
            "table",
            "kind",
            "partitions",
            "first_partition",
            "last_partition",
            "rows",
            "bytes",
            "bytes_per_row",
            "damaged",
        ]);
        let mut damaged = 0;
        for table in self.selection.tables(context)? {
            for kind in KINDS {
                let usage = table.usage(kind)?;
                if usage.partition_count == 0 {
                    continue;
                }
                damaged += usage.damaged_count;
                let per_row = (usage.row_count > 0).then(|| usage.size_bytes as f64 / usage.row_count as f64);
                listing.row([
                    json!(table.schema().namespace),
                    json!(table.schema().table),
                    json!(kind.name()),
                    json!(usage.partition_count),
                    json!(usage.first_partition),
                    json!(usage.last_partition),
                    json!(usage.row_count),
                    json!(usage.size_bytes),
                    rounded(per_row, 100.0),
                    json!(usage.damaged_count),
                ]);
            }
        }
        Ok((listing, damaged))
    }
}

/// A number with as many places as `scale` has zeros.
fn rounded(number: Option<f64>, scale: f64) -> Value {
    json!(number.map(|number| (number * scale).round() / scale))
}
