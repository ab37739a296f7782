//! Values that storage has computed for it, row by row. Who knows a language of expressions hands a [`Computation`] in; storage knows none.

use crate::base::Result;
use crate::memory::Chunk;
use std::fmt;

/// Computes values row by row.
pub struct Computation {
    /// The names that it reads.
    pub inputs: Vec<String>,
    /// The values of so many rows, of the type asked for, of a chunk for each input.
    pub compute: Compute,
}

/// The kernel of a [`Computation`].
pub type Compute = Box<dyn Fn(&[Chunk], usize) -> Result<Chunk> + Send + Sync>;

impl fmt::Debug for Computation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Computation of {}", self.inputs.join(", "))
    }
}
