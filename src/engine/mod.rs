//! Floor 5: tables, column sources, formulas and operations.
//!
//! A [`Table`] is a row set plus named column sources. Operations (`operation/`) share what they can: `where` shares the
//! columns, `view` adds formulas, `sort` adds a redirection. Every version of a table is an immutable snapshot. Each
//! operation is written as a kernel over a [`Version`] and a row set, so that a live table can run the same kernel on the
//! rows of a cycle.
//!
//! Of storage the engine knows locations, their columns and the counters of reading; nothing of files.

pub mod column_source;
pub mod formula;
pub mod grouper;
pub mod limits;
pub mod operation;
pub mod source_table;
pub mod table;
pub mod timing;

mod evaluate;
mod parallel;
#[cfg(test)]
mod source_tests;
#[cfg(test)]
pub(crate) mod testing;

pub use column_source::ColumnSource;
pub use limits::QueryLimits;
pub use table::{Attributes, Table, Version};
pub use timing::{OperationRecord, Timing};
