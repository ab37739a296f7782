//! Locations: one internal partition of one column partition of one table, as the engine sees it.

use super::region::ColumnRegion;
use crate::base::{Result, TableDefinition};
use crate::memory::Chunk;
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
    /// A column; none where the location has no file of that name, which reads as nulls. Opens the file at first use.
    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>>;
    /// Where the rows of each value of a grouping column lie; none where the location is not grouped by it.
    fn grouping(&self, column: &str) -> Result<Option<Arc<GroupingIndex>>>;
    /// The columns by which rows are sorted within a group, in order; empty if unsorted.
    fn sort_columns(&self) -> &[String];
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

    /// The rows of a value, by its position in [`GroupingIndex::values`].
    pub fn rows(&self, group: usize) -> Range<u64> {
        self.starts[group]..self.starts[group + 1]
    }
}
