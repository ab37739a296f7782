//! What there is below a root: namespaces, tables, partitions. Found by listing directories, so that nothing can disagree with them.
//!
//! A table is what has a deployed schema or a directory with partitions. [`TableEntry`] leads to its locations; [`statistics`] opens them
//! and counts.
//!
//! Invariants: listing names opens no file of a location and writes nothing. Entries whose names are not valid, or start with a dot, do not exist.

mod column_usage;
pub(in crate::storage) mod discovery;
mod history;
mod import;
mod merge;
mod merge_decision;
mod merge_rows;
pub mod statistics;
pub mod table;
mod validate;

pub use column_usage::ColumnTotals;
pub use merge::{ChainReport, MergeChain};
pub use merge_rows::{RowProducer, RowTaker};
pub use statistics::{PartitionStatistics, UsageTotals};
pub use table::{PartitionEntry, TableEntry};

use super::root::Root;
use super::{layout, schema};
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The catalog of a root. Holds no state but the root: every call looks anew.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: Arc<Root>,
}

/// A namespace in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// The name.
    pub namespace: String,
    /// How many tables it has.
    pub table_count: usize,
}

/// A table in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableListing {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub table: String,
    /// True if a schema is deployed.
    pub has_schema: bool,
    /// True if there is a directory of intraday partitions.
    pub has_intraday: bool,
    /// True if there is a directory of historical partitions.
    pub has_historical: bool,
}

impl Catalog {
    /// The catalog of an open root. Reads nothing yet.
    pub fn open(root: Arc<Root>) -> Self {
        Catalog { root }
    }

    /// The root.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// All namespaces that have a table, sorted.
    pub fn namespaces(&self) -> Result<Vec<NamespaceEntry>> {
        let mut entries = Vec::new();
        for namespace in self.namespace_names()? {
            let table_count = self.tables(&namespace)?.len();
            if table_count > 0 {
                entries.push(NamespaceEntry { namespace, table_count });
            }
        }
        Ok(entries)
    }

    /// The tables of a namespace, sorted; none if there is no such namespace.
    pub fn tables(&self, namespace: &str) -> Result<Vec<TableListing>> {
        names::check(NameKind::Namespace, namespace)?;
        let fs = &**self.root.fs();
        let mut tables: BTreeMap<String, TableListing> = BTreeMap::new();
        let mut note = |table: String, mark: fn(&mut TableListing)| {
            let entry = tables.entry(table.clone()).or_insert_with(|| TableListing {
                namespace: namespace.to_string(),
                table,
                has_schema: false,
                has_intraday: false,
                has_historical: false,
            });
            mark(entry);
        };
        for table in schema::tables(fs, namespace)? {
            note(table, |entry| entry.has_schema = true);
        }
        for table in discovery::directories(fs, &Path::new(layout::INTRADAY).join(namespace), NameKind::Table)? {
            note(table, |entry| entry.has_intraday = true);
        }
        for table in discovery::directories(fs, &Path::new(layout::HISTORICAL).join(namespace), NameKind::Table)? {
            note(table, |entry| entry.has_historical = true);
        }
        Ok(tables.into_values().collect())
    }

    /// The tables of all namespaces, sorted, or those of one namespace, which must exist then.
    pub fn tables_of(&self, namespace: Option<&str>) -> Result<Vec<TableListing>> {
        match namespace {
            Some(namespace) => {
                let tables = self.tables(namespace)?;
                if tables.is_empty() { Err(self.no_namespace(namespace)) } else { Ok(tables) }
            }
            None => {
                let mut all = Vec::new();
                for namespace in self.namespace_names()? {
                    all.extend(self.tables(&namespace)?);
                }
                Ok(all)
            }
        }
    }

    /// A table with its schema, or an error that names the nearest namespaces or tables.
    pub fn table(&self, namespace: &str, table: &str) -> Result<TableEntry> {
        names::check(NameKind::Namespace, namespace)?;
        names::check(NameKind::Table, table)?;
        let fs = &**self.root.fs();
        if let Some(schema) = schema::load(fs, namespace, table)? {
            return Ok(TableEntry::new(self.root.clone(), schema));
        }
        let tables = self.tables(namespace)?;
        if tables.is_empty() {
            return Err(self.no_namespace(namespace));
        }
        if tables.iter().any(|entry| entry.table == table) {
            let message = format!("{namespace}.{table} has data but no deployed schema");
            return Err(Error::not_found(message)
                .at_path(&fs.display(&layout::schema_file(namespace, table)?))
                .hint("`pilaster schema deploy FILE` deploys one"));
        }
        let error = Error::not_found(format!("no table {table} in namespace {namespace}"));
        Err(match names::nearest_hint(table, tables.iter().map(|entry| entry.table.as_str())) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    fn no_namespace(&self, namespace: &str) -> Error {
        let error = Error::not_found(format!("no namespace {namespace}"));
        let known = match self.namespaces() {
            Ok(known) => known,
            // Why the namespaces cannot be listed would hide what was asked.
            Err(_) => return error,
        };
        let hint = names::nearest_hint(namespace, known.iter().map(|entry| entry.namespace.as_str()));
        error.hint(hint.unwrap_or_else(|| "there is none yet; `pilaster schema deploy FILE` makes the first".into()))
    }

    fn namespace_names(&self) -> Result<Vec<String>> {
        let fs = &**self.root.fs();
        let mut all = schema::namespaces(fs)?;
        for top in [layout::INTRADAY, layout::HISTORICAL] {
            all.extend(discovery::directories(fs, Path::new(top), NameKind::Namespace)?);
        }
        all.sort();
        all.dedup();
        Ok(all)
    }
}

#[cfg(test)]
mod merge_tests;
#[cfg(test)]
mod tests;
