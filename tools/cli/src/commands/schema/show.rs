//! `pilaster schema show`.

use crate::args::Format;
use crate::commands::catalog::column_listing;
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::storage::schema;
use std::io::Write;

/// Print a deployed schema
///
/// As TOML that `schema deploy` takes back, or as a listing of its columns with --format csv or json.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster schema show --namespace LearnDeephaven --table StockQuotes > StockQuotes.toml"
)]
pub(crate) struct Show {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let root = context.root()?;
        let schema = schema::require(&**root.fs(), &self.namespace, &self.table)?;
        if context.format() == Format::Table {
            std::io::stdout().lock().write_all(schema.to_toml().as_bytes())?;
            return Ok(());
        }
        context.print(&column_listing(&schema))
    }
}
