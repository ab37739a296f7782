//! The operations of the query language, as methods of [`Table`](super::Table), one file a noun.
//!
//! Each is a check of its arguments against the table's definition, then a kernel over a [`Version`](super::Version).

pub mod aggregate;
pub mod by;
pub mod columns;
pub mod distinct;
pub mod filter;
mod filter_scan;
pub mod head_tail;
pub mod join;
pub mod merge;
pub mod meta;
pub mod partition;
pub mod select;
pub mod sort;
pub mod ungroup;
pub mod update_by;
pub mod where_in;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod rule_tests;

/// Column names as users list them: several in one text are separated by commas.
pub(crate) fn split_names(names: &[impl AsRef<str>]) -> Vec<&str> {
    names.iter().flat_map(|name| name.as_ref().split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Text of arguments for the log.
pub(crate) fn joined(arguments: &[impl AsRef<str>]) -> String {
    arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
