//! `pilaster catalog usage`.

use super::Selection;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use pilaster::storage::TableKind;
use serde_json::json;

/// Add up rows and bytes of tables
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster catalog usage --format csv")]
pub(crate) struct Usage {
    #[command(flatten)]
    selection: Selection,
}

impl Usage {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
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
            for kind in [TableKind::Intraday, TableKind::Historical] {
                let usage = table.usage(kind)?;
                if usage.partition_count == 0 {
                    continue;
                }
                damaged += usage.damaged_count;
                let per_row = (usage.row_count > 0).then(|| {
                    let ratio = usage.size_bytes as f64 / usage.row_count as f64;
                    (ratio * 100.0).round() / 100.0
                });
                listing.row([
                    json!(table.schema().namespace),
                    json!(table.schema().table),
                    json!(kind.name()),
                    json!(usage.partition_count),
                    json!(usage.first_partition),
                    json!(usage.last_partition),
                    json!(usage.row_count),
                    json!(usage.size_bytes),
                    json!(per_row),
                    json!(usage.damaged_count),
                ]);
            }
        }
        context.print(&listing)?;
        if damaged > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}
