//! Arrow and Parquet: files of these formats to rows of a table, and tables to files.
//!
//! A satellite: the library knows neither format. [`types`] says which type is which; [`to_arrow`] and [`from_arrow`] turn chunks into arrays and arrays into chunks; [`records`] is the
//! library's `RecordReader` over record batches, which [`parquet_input`] and [`ipc_input`] read; [`mod@export`] writes tables; [`infer`] proposes schemas.
//!
//! **Invariants:** a file of our own reads back as the same values, nulls, NaN and empty texts included: each field carries its type as metadata. Nothing in a file is believed:
//! lengths are bounded before memory is asked for, and what goes wrong in a decoder is an error of the import.

mod batches;
mod expansion;
pub mod export;
pub mod from_arrow;
pub mod infer;
pub mod ipc_input;
mod ipc_slices;
mod parquet_batch;
mod parquet_footer;
pub mod parquet_input;
mod parquet_lanes;
mod parquet_output;
mod parquet_pages;
pub mod records;
#[cfg(test)]
mod tests;
mod thrift;
pub mod to_arrow;
pub mod types;

pub use export::{ExportFormat, ExportOptions, export};
pub use infer::propose;
pub use records::{open, open_memory};
