//! Pilaster: an on-disk columnar store with a partition catalog for time series, and the query engine that reads it live.
//!
//! The library is built in floors, each a module that imports lower ones only (`tests/floors.rs` proves it):
//!
//! | floor | module | is |
//! |---|---|---|
//! | F6 | [`session`] | the database a script sees: `db.i`, `db.t` |
//! | F5 | [`engine`] | tables, column sources, formulas, operations |
//! | F4 | [`storage`] | schemas, catalog, locations, intraday and historical, import |
//! | F3 | [`mod@format`] | bytes to structures and back, without a file handle |
//! | F2 | [`io`] | the only place with system calls, mapped files, clocks and `unsafe` |
//! | F1 | [`memory`] | chunks, row sets, symbols, kernels |
//! | F0 | [`base`] | types, nulls, date-times, names, limits, errors |

pub mod base;
pub mod engine;
pub mod format;
pub mod io;
pub mod memory;
pub mod session;
pub mod storage;
