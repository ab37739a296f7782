//! `whereIn`, `whereNotIn`: rows whose key is, or is not, among the keys of another table.
//!
//! Null matches null, NaN matches NaN, the two zeros match each other. Repeated keys on the right change nothing.

use super::super::Table;
use super::super::column_source;
use super::super::grouper::{self, as_key};
use super::filter::select_rows;
use super::join::Keys;
use super::{joined, split_names};
use crate::base::{Error, Result};

impl Table {
    /// The rows whose key is in `right`. Columns are given as `Name` or `Left=Right`; their types must be the same.
    pub fn where_in(&self, right: &Table, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "whereIn",
            &[right],
            || joined(columns),
            || self.where_key("whereIn", right, &split_names(columns), true),
        )
    }

    /// The rows whose key is not in `right`.
    pub fn where_not_in(&self, right: &Table, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "whereNotIn",
            &[right],
            || joined(columns),
            || self.where_key("whereNotIn", right, &split_names(columns), false),
        )
    }

    fn where_key(&self, name: &str, right: &Table, columns: &[&str], wanted: bool) -> Result<Table> {
        if columns.is_empty() {
            return Err(Error::invalid(format!("{name} needs a column to match")));
        }
        let (left_keys, right_keys) = self.matched_columns(name, right, columns)?;
        let version = self.version()?;
        let sources =
            left_keys.iter().map(|&at| as_key(&version.columns[at], &version.rows)).collect::<Result<Vec<_>>>()?;
        let right = right.version()?;
        let right_columns: Vec<_> = right_keys.iter().map(|&at| right.columns[at].clone()).collect();
        let first = grouper::summarize(right, &right_keys)?.first;
        let keys = Keys::new(&right_columns, &first, &sources)?.set;
        let rows = select_rows(&version.rows, |piece, selected| {
            let chunks = sources.iter().map(|c| column_source::read(&**c, piece)).collect::<Result<Vec<_>>>()?;
            keys.select(&chunks, piece.len() as usize, wanted, selected);
            Ok(())
        })?;
        self.with_rows(rows)
    }
}
