//! Columns of a table that are computed of a file's fields. Who knows a language of expressions hands its compiler in; storage knows none.

use crate::base::{ColumnType, Result};
use crate::memory::Chunk;
pub use crate::storage::computation::{Computation, Compute};
use std::fmt;
use std::sync::Arc;

/// A computed column, or a computed column partition.
#[derive(Clone)]
pub struct Transform {
    /// The column of the table that it makes; or a name of its own, where [`super::PartitionTarget::Computed`] takes it.
    pub column: String,
    /// Compiles it against names and types: the columns of the table, as the fields of the file that they are read from, and the other fields by their legal names, as String unless
    /// [`super::ImportOptions::field_types`] says otherwise. The last argument is the type that it must give.
    pub compile: Compile,
}

/// Makes a computation of what a file has.
pub type Compile = Arc<dyn Fn(&[(String, ColumnType)], ColumnType) -> Result<Computation> + Send + Sync>;

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transform({})", self.column)
    }
}

/// A computation with the targets that it reads.
pub(super) struct Computed {
    pub(super) targets: Vec<usize>,
    pub(super) computation: Computation,
}

impl Computed {
    /// The values of some rows.
    pub(super) fn evaluate(&self, read: &[Chunk], row_count: usize) -> Result<Chunk> {
        let inputs: Vec<Chunk> = self.targets.iter().map(|&at| read[at].clone()).collect();
        (self.computation.compute)(&inputs, row_count)
    }
}
