//! Floor 6: what a script and the command line work with: the database of a root, tables as text, the demo's data.

pub mod database;
pub mod demo;
#[cfg(test)]
mod evolution_tests;
pub mod output;
mod read_csv;

pub use database::Database;
pub use read_csv::read_csv;
