//! What is known of runs of rows without reading their values.

use super::Chunk;
use crate::base::ColumnType;

/// Consecutive runs of rows of one column, each with values that all of its values lie between.
///
/// **Invariants:** as many ends, flags, least and greatest values as there are runs; ends ascend. Values that are neither null nor NaN lie
/// between least and greatest, these included, in the order of the type: that of codes for strings. A run without such values has null
/// for both.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The row after each run; the first run begins where whoever asked said.
    pub ends: Vec<u64>,
    /// A value that none of the run is less than.
    pub least: Chunk,
    /// A value that none of the run is greater than.
    pub greatest: Chunk,
    /// What may be among the values besides.
    pub others: Vec<Others>,
}

/// What may be among the values of a run besides those that lie between its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Nulls.
    pub null: bool,
    /// NaN.
    pub nan: bool,
}

impl Bounds {
    /// No run yet. Strings are codes; values of variable width have no bounds.
    pub fn new(column_type: ColumnType) -> Self {
        Bounds {
            ends: Vec::new(),
            least: Chunk::new(column_type),
            greatest: Chunk::new(column_type),
            others: Vec::new(),
        }
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True where there is no run.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
