//! `whereIn`, `whereNotIn`: rows whose key is, or is not, among the keys of another table.
//!
//! Null matches null, NaN matches NaN, the two zeros match each other. Repeated keys on the right change nothing.

use super::super::column_source::{self, ColumnSource};
use super::super::grouper::{self, KeySet, as_key};
use super::super::{Table, Version};
use super::filter::select_rows;
use super::{join, split_names};
use crate::base::{Error, Primitive, Result};
use crate::memory::object_order::key_texts;
use crate::memory::{Chunk, SymbolCode};
use std::sync::Arc;

impl Table {
    /// The rows whose key is in `right`. Columns are given as `Name` or `Left=Right`; their types must be the same.
    pub fn where_in(&self, right: &Table, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("whereIn", || join(columns), || self.where_key("whereIn", right, &split_names(columns), true))
    }

    /// The rows whose key is not in `right`.
    pub fn where_not_in(&self, right: &Table, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("whereNotIn", || join(columns), || self.where_key("whereNotIn", right, &split_names(columns), false))
    }

    fn where_key(&self, name: &str, right: &Table, columns: &[&str], wanted: bool) -> Result<Table> {
        let (left_keys, right_keys) = self.matched_columns(name, right, columns)?;
        let version = self.version()?;
        let sources =
            left_keys.iter().map(|&at| as_key(&version.columns[at], &version.rows)).collect::<Result<Vec<_>>>()?;
        let keys = keys_of(right.version()?, &right_keys, &sources)?;
        let rows = select_rows(&version.rows, |piece, selected| {
            let chunks = sources.iter().map(|c| column_source::read(&**c, piece)).collect::<Result<Vec<_>>>()?;
            keys.select(&chunks, piece.len() as usize, wanted, selected);
            Ok(())
        })?;
        self.with_rows(rows)
    }

    /// Positions of the columns that match each other, on the left and on the right: at least one pair, of equal types.
    pub(crate) fn matched_columns(
        &self,
        operation: &str,
        right: &Table,
        columns: &[&str],
    ) -> Result<(Vec<usize>, Vec<usize>)> {
        if columns.is_empty() {
            return Err(Error::invalid(format!("{operation} needs a column to match")));
        }
        let mut pairs = (Vec::new(), Vec::new());
        for column in columns {
            let (mine, its) = column.split_once('=').unwrap_or((column, column));
            // `==` is accepted, as in filters.
            let (mine, its) = (mine.trim(), its.trim_start_matches('=').trim());
            let left_at = self.position(mine)?;
            let right_at = right.position(its).map_err(|e| e.context(format!("{operation}: the right table")))?;
            let left_type = self.definition().columns()[left_at].column_type;
            let right_type = right.definition().columns()[right_at].column_type;
            if left_type != right_type {
                return Err(Error::type_mismatch(format!(
                    "{operation}: {mine} is {left_type} and {its} on the right is {right_type}"
                ))
                .hint("cast one of them with updateView before"));
            }
            pairs.0.push(left_at);
            pairs.1.push(right_at);
        }
        Ok(pairs)
    }
}

/// The distinct keys of a table, strings in the codes of the columns that they will be looked up from. Keys with strings that those
/// columns have not are left out.
fn keys_of(right: &Version, keys: &[usize], left: &[Arc<dyn ColumnSource>]) -> Result<KeySet> {
    let first = grouper::summarize(right, keys)?.first;
    let mut known = vec![true; first.len()];
    let mut chunks = Vec::with_capacity(keys.len());
    for (&key, left) in keys.iter().zip(left) {
        let source = &right.columns[key];
        let mut chunk = Chunk::with_capacity(source.column_type(), first.len());
        source.gather(&first, &mut chunk)?;
        if source.column_type() != left.column_type() {
            // The left side's are keys as texts too.
            chunk = key_texts(&chunk)?;
        }
        if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, left.symbols()?) {
            for (code, known) in strings.codes.iter_mut().zip(&mut known) {
                let Some(text) = strings.symbols.get(*code) else { continue };
                let found = symbols.find(text);
                *known &= found.is_some();
                *code = found.unwrap_or(SymbolCode::NULL);
            }
            strings.symbols = symbols;
        }
        chunks.push(chunk);
    }
    let kept: Vec<u32> = (0..).zip(known).filter(|(_, known)| *known).map(|(at, _)| at).collect();
    let chunks: Vec<Chunk> = chunks.iter().map(|chunk| chunk.take(&kept)).collect();
    let mut set = KeySet::new(left)?;
    set.add(&chunks, kept.len());
    Ok(set)
}
