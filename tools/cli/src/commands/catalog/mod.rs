//! `pilaster catalog …`.

mod columns;
mod namespaces;
mod partitions;
mod tables;
mod usage;

pub(crate) use columns::column_listing;

use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use pilaster::storage::catalog::TableEntry;

/// What there is: namespaces, tables, partitions, columns, disk usage
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    Namespaces(namespaces::Namespaces),
    Tables(tables::Tables),
    Partitions(partitions::Partitions),
    Columns(columns::Columns),
    Usage(usage::Usage),
}

impl Catalog {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Catalog::Namespaces(verb) => verb.run(context),
            Catalog::Tables(verb) => verb.run(context),
            Catalog::Partitions(verb) => verb.run(context),
            Catalog::Columns(verb) => verb.run(context),
            Catalog::Usage(verb) => verb.run(context),
        }
    }
}

/// Which tables a listing is about.
#[derive(Args, Debug)]
pub(crate) struct Selection {
    /// Only tables of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Only this table
    #[arg(long, value_name = "NAME", requires = "namespace")]
    table: Option<String>,
}

impl Selection {
    /// The tables selected: a table that was named must exist; of others those without a schema are told and left out.
    fn tables(&self, context: &Context) -> Result<Vec<TableEntry>, Failure> {
        let catalog = context.catalog()?;
        if let (Some(namespace), Some(table)) = (&self.namespace, &self.table) {
            return Ok(vec![catalog.table(namespace, table)?]);
        }
        let mut tables = Vec::new();
        for listing in catalog.tables_of(self.namespace.as_deref())? {
            if listing.has_schema {
                tables.push(catalog.table(&listing.namespace, &listing.table)?);
            } else {
                let (namespace, table) = (listing.namespace, listing.table);
                context.say(&format!("{namespace}.{table} has data but no deployed schema and is left out"));
            }
        }
        Ok(tables)
    }
}
