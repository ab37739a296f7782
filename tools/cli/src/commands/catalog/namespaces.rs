//! `pilaster catalog namespaces`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use serde_json::json;

/// List the namespaces
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster catalog namespaces")]
pub(crate) struct Namespaces;

impl Namespaces {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut listing = Listing::new(&["namespace", "tables"]);
        for entry in context.catalog()?.namespaces()? {
            listing.row([json!(entry.namespace), json!(entry.table_count)]);
        }
        context.print(&listing)
    }
}
