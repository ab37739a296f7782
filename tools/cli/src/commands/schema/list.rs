//! `pilaster schema list`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use pilaster::storage::schema;
use serde_json::{Value, json};

/// List the deployed schemas
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster schema list --format json")]
pub(crate) struct List {
    /// Only those of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let root = context.root()?;
        let fs = &**root.fs();
        let namespaces = match self.namespace {
            Some(namespace) => vec![namespace],
            None => schema::namespaces(fs)?,
        };
        let mut listing = Listing::new(&["namespace", "table", "columns", "partitioning", "grouping", "sort", "error"]);
        let mut damaged = false;
        for namespace in &namespaces {
            for table in schema::tables(fs, namespace)? {
                // One damaged schema must not hide the others.
                match schema::require(fs, namespace, &table) {
                    Ok(schema) => {
                        let definition = &schema.definition;
                        let grouping: Vec<&str> = definition.grouping().map(|column| column.name.as_str()).collect();
                        listing.row([
                            json!(namespace),
                            json!(table),
                            json!(schema.columns.len()),
                            json!(definition.partitioning().map(|column| &column.name)),
                            json!(grouping),
                            json!(schema.sort_columns),
                            Value::Null,
                        ]);
                    }
                    Err(error) => {
                        damaged = true;
                        let null = || Value::Null;
                        listing.row([
                            json!(namespace),
                            json!(table),
                            null(),
                            null(),
                            null(),
                            null(),
                            json!(error.to_string()),
                        ]);
                    }
                }
            }
        }
        context.print(&listing)?;
        if damaged { Err(Failure::Told) } else { Ok(()) }
    }
}
