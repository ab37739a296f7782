//! `pilaster catalog columns`.

use super::Selection;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use pilaster::base::ColumnType;
use pilaster::storage::schema::{TableSchema, kind_name};
use serde_json::{Value, json};

const COLUMNS: [&str; 8] = ["namespace", "table", "column", "type", "kind", "symbol", "codec", "doc"];

/// List the columns of tables
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster catalog columns --namespace LearnDeephaven --table StockQuotes")]
pub(crate) struct Columns {
    #[command(flatten)]
    selection: Selection,
}

impl Columns {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut listing = Listing::new(&COLUMNS);
        for table in self.selection.tables(context)? {
            add(&mut listing, table.schema());
        }
        context.print(&listing)
    }
}

/// The columns of one table.
pub(crate) fn column_listing(schema: &TableSchema) -> Listing {
    let mut listing = Listing::new(&COLUMNS);
    add(&mut listing, schema);
    listing
}

fn add(listing: &mut Listing, schema: &TableSchema) {
    for column in &schema.columns {
        let symbol = match column.column_type {
            ColumnType::String => json!(column.symbol.name()),
            _ => Value::Null,
        };
        listing.row([
            json!(schema.namespace),
            json!(schema.table),
            json!(column.name),
            json!(column.column_type.name()),
            json!(kind_name(column.kind)),
            symbol,
            json!(column.codec.name()),
            json!(column.doc),
        ]);
    }
}
