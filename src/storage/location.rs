//! Locations: one internal partition of one column partition of one table, as the engine sees it.

use super::region::ColumnRegion;
use super::widened;
use crate::base::{ColumnDefinition, ColumnType, Error, Result, TableDefinition};
use crate::memory::{Chunk, append_widened};
use rayon::prelude::*;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Arc;

/// Which of a table's two lives a location belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableKind {
    /// Written by a source, growing: `db.i`.
    Intraday,
    /// Merged and sealed: `db.t`.
    Historical,
    /// Written by a user's query.
    User,
}

impl TableKind {
    /// The word in listings.
    pub const fn name(self) -> &'static str {
        match self {
            TableKind::Intraday => "intraday",
            TableKind::Historical => "historical",
            TableKind::User => "user",
        }
    }
}

/// Names a location. Ordered as rows are: column partition first, then internal partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationKey {
    /// Value of the partitioning column.
    pub column_partition: Arc<str>,
    /// Source (intraday) or storage (historical).
    pub internal_partition: Arc<str>,
}

impl fmt::Display for LocationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.internal_partition, self.column_partition)
    }
}

/// The locations of one table, as discovered; nothing of them has been opened.
pub trait LocationSource: Debug + Send + Sync {
    /// Namespace of the table.
    fn namespace(&self) -> &str;
    /// Name of the table.
    fn table(&self) -> &str;
    /// Its columns, the partitioning one included.
    fn definition(&self) -> &Arc<TableDefinition>;
    /// The locations there are now, in key order. Lists directories, opens no file of a location.
    fn locations(&self) -> Result<Vec<Arc<dyn LocationHandle>>>;
    /// Opens locations of the table as of one instant: of what was committed to several of them at once, all is seen or nothing. An error
    /// of one is the error of all. Opens on all cores.
    fn open_together(&self, handles: &[&Arc<dyn LocationHandle>]) -> Result<Vec<Arc<dyn Location>>> {
        let open = |handle: &&Arc<dyn LocationHandle>| {
            handle.open().map_err(|error| error.context(format!("location {}", handle.key())))
        };
        match handles {
            [one] => Ok(vec![open(one)?]),
            _ => handles.par_iter().map(open).collect(),
        }
    }
}

/// A location that may be opened.
pub trait LocationHandle: Debug + Send + Sync {
    /// Its name.
    fn key(&self) -> &LocationKey;
    /// Opens the version that is committed now. An intraday location that has no commit yet has no rows.
    fn open(&self) -> Result<Arc<dyn Location>>;
}

/// One committed version of a location. It stays as it is, and readable, until dropped.
pub trait Location: Debug + Send + Sync {
    /// Its name.
    fn key(&self) -> &LocationKey;
    /// How many rows the version has.
    fn row_count(&self) -> u64;
    /// A column by the name of its files, as it is stored; none where there are none. Opens the file at first use.
    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>>;
    /// Where the rows of each value of a grouping column lie; none where the location is not grouped by it.
    fn grouping(&self, column: &str) -> Result<Option<Arc<GroupingIndex>>>;
    /// The columns by which rows are sorted within a group, in order, by the names of their files; empty if unsorted.
    fn sort_columns(&self) -> &[String];
    /// A column as the table's definition has it now: found by the name of its files, its values as ones of the definition's type where that
    /// is wider. None where the location does not have it, which reads as nulls; an error of kind `Type` where its values are none of the
    /// definition's type. Costs no more than [`Location::column`] where nothing is to be converted.
    fn column_as(&self, column: &ColumnDefinition) -> Result<Option<Arc<dyn ColumnRegion>>> {
        let Some(stored) = self.column(column.stored_name())? else { return Ok(None) };
        let found = stored.column_type();
        if let Some(region) = widened::region(stored, column.column_type) {
            return Ok(Some(region));
        }
        let (name, wanted, key) = (&column.name, column.column_type, self.key());
        Err(Error::type_mismatch(format!(
            "column {name} is {found} in location {key} and {wanted} in the table's definition"
        ))
        .hint("deploy a schema with the stored type, or import the partition again"))
    }
    /// [`Location::grouping`] by a column of the table's definition, with values of its type.
    fn grouping_as(&self, column: &ColumnDefinition) -> Result<Option<Arc<GroupingIndex>>> {
        match self.grouping(column.stored_name())? {
            Some(index) => index.widened(column.column_type),
            None => Ok(None),
        }
    }
}

/// Which consecutive rows carry which value of a grouping column.
#[derive(Clone, Debug)]
pub struct GroupingIndex {
    /// The distinct values in the order in which their rows lie; null may be one of them. Codes of the column's own symbol table.
    pub values: Chunk,
    /// First row of each value; one more for the end. Ascending, from 0 to the row count.
    pub starts: Vec<u64>,
}

impl GroupingIndex {
    /// How many values there are.
    pub fn group_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The same index of the values as ones of a type; none where that is not one by whose indices rows are found.
    fn widened(self: Arc<Self>, column_type: ColumnType) -> Result<Option<Arc<Self>>> {
        if self.values.column_type() == column_type {
            return Ok(Some(self));
        }
        // Codes would have to be those of the widened column's own table.
        if !column_type.is_numeric() {
            return Ok(None);
        }
        let mut values = Chunk::with_capacity(column_type, self.values.len());
        append_widened(&self.values, &mut values)?;
        Ok(Some(Arc::new(GroupingIndex { values, starts: self.starts.clone() })))
    }

    /// The rows of a value, by its position in [`GroupingIndex::values`].
    pub fn rows(&self, group: usize) -> Range<u64> {
        self.starts[group]..self.starts[group + 1]
    }
}
