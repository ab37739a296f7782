//! Floor 3: bytes on disk to structures and back. Opens no file; every structure is checked before it is believed.
#![doc = include_str!("README.md")]

pub mod column_form;
pub mod commit;
pub mod encoding;
pub mod group;
pub mod grouping;
pub mod header;
pub mod inspect;
pub mod journal;
pub mod location_record;
mod page;
mod read_ahead;
pub mod record;
mod sealed_bounds;
pub mod sealed_bytes;
pub mod sealed_column;
pub mod sealed_symbols;
mod sealed_totals;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod version_test;
