//! Files to intraday locations.
//!
//! [`csv`] reads delimited text into chunks, in parallel and in bounded memory; it knows no table.

pub mod csv;
