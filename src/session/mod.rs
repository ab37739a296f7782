//! Floor 6: what a script and the command line work with: the database of a root, tables as text, the demo's data.

mod computation;
pub mod database;
pub mod demo;
#[cfg(test)]
mod evolution_tests;
pub mod key_formula;
#[cfg(test)]
mod key_formula_tests;
#[cfg(test)]
mod live_tests;
mod merge_query;
pub mod output;
mod read_csv;
mod write_csv;

pub use computation::computation;
pub use database::Database;
pub use merge_query::rows_for_partition;
pub use read_csv::read_csv;
pub use write_csv::write_csv;
