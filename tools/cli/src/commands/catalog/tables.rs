//! `pilaster catalog tables`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use serde_json::json;

/// List the tables
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster catalog tables --namespace LearnDeephaven")]
pub(crate) struct Tables {
    /// Only those of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

impl Tables {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut listing = Listing::new(&["namespace", "table", "schema", "intraday", "historical"]);
        for entry in context.catalog()?.tables_of(self.namespace.as_deref())? {
            listing.row([
                json!(entry.namespace),
                json!(entry.table),
                json!(entry.has_schema),
                json!(entry.has_intraday),
                json!(entry.has_historical),
            ]);
        }
        context.print(&listing)
    }
}
