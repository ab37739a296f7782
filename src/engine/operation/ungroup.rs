//! `ungroup`: the elements of arrays as rows.

use super::super::column_source::{self, ColumnSource, MemoryColumn, redirect};
use super::super::{Table, Version, limits};
use super::{joined, split_names};
use crate::base::{ColumnDefinition, Error, ErrorKind, Primitive, Result};
use crate::memory::{ArrayChunk, Chunk, RowSet};
use std::sync::Arc;

/// Rows that a table made of arrays may have: more come of one array that stands in many rows.
const ROW_COUNT_MAX: u64 = u32::MAX as u64;

impl Table {
    /// A row for every element of the named array columns (all array columns without names), which expand side by side; other columns are repeated. Rows whose arrays are null or empty vanish. Without array columns the table itself.
    ///
    /// Errs where the arrays of a row differ in length (null counts as empty), and for a named column that is no array.
    pub fn ungroup(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("ungroup", || joined(columns), || self.ungrouped(&split_names(columns)))
    }

    fn ungrouped(&self, names: &[&str]) -> Result<Table> {
        let definitions = self.definition().columns();
        let mut expanded = self.positions(names)?;
        if let Some(&at) = expanded.iter().find(|&&at| definitions[at].column_type.element().is_none()) {
            let column = &definitions[at];
            return Err(Error::type_mismatch(format!(
                "ungroup: column {} is of type {}, no array",
                column.name, column.column_type
            )));
        }
        if names.is_empty() {
            expanded = (0..definitions.len()).filter(|&at| definitions[at].column_type.element().is_some()).collect();
        }
        if expanded.is_empty() {
            return Ok(self.clone());
        }
        let version = self.version()?;
        let mut arrays = Vec::with_capacity(expanded.len());
        for &at in &expanded {
            match column_source::read_all(&*version.columns[at], &version.rows)? {
                Chunk::Array(array) => arrays.push(array),
                other => {
                    return Err(Error::type_mismatch(format!(
                        "an array column gave values of type {}",
                        other.column_type()
                    )));
                }
            }
        }
        let lengths = self.lengths(&expanded, &arrays)?;
        let total = lengths.iter().fold(0u64, |sum, &length| sum.saturating_add(length));
        if total > ROW_COUNT_MAX {
            return Err(Error::limit(format!("ungroup would make {total} rows, the most is {ROW_COUNT_MAX}")));
        }
        limits::require(total, size_of::<u64>())?;
        let mut keys = Vec::with_capacity(total as usize);
        for (key, &length) in version.rows.iter().zip(&lengths) {
            keys.resize(keys.len() + length as usize, key);
        }
        let others: Vec<usize> = (0..definitions.len()).filter(|at| !expanded.contains(at)).collect();
        let sources: Vec<_> = others.iter().map(|&at| version.columns[at].clone()).collect();
        let mut repeated = redirect(&sources, keys).into_iter();
        let mut values = arrays.into_iter();
        let mut columns: Vec<Arc<dyn ColumnSource>> = Vec::with_capacity(definitions.len());
        let mut kinds = Vec::with_capacity(definitions.len());
        for (at, definition) in definitions.iter().enumerate() {
            let element = definition.column_type.element().filter(|_| expanded.contains(&at));
            kinds.push(ColumnDefinition::new(definition.name.as_str(), element.unwrap_or(definition.column_type)));
            if element.is_none() {
                columns.extend(repeated.next());
            } else if let Some(array) = values.next() {
                columns.push(Arc::new(MemoryColumn::new(elements(array))?));
            }
        }
        self.with_version(kinds, Version { rows: RowSet::flat(total), columns })
    }

    /// How many rows each row becomes.
    fn lengths(&self, expanded: &[usize], arrays: &[ArrayChunk]) -> Result<Vec<u64>> {
        let length =
            |array: &ArrayChunk, row: usize| if array.slices[row].is_null() { 0 } else { array.slices[row].len };
        let Some((first, others)) = arrays.split_first() else { return Ok(Vec::new()) };
        let lengths: Vec<u64> = (0..first.slices.len()).map(|row| length(first, row)).collect();
        for (array, &at) in others.iter().zip(&expanded[1..]) {
            if let Some(row) = (0..lengths.len()).find(|&row| length(array, row) != lengths[row]) {
                let name = |at: usize| &self.definition().columns()[at].name;
                let message = format!(
                    "ungroup: array sizes differ in row {row}: {} has {}, {} has {}",
                    name(expanded[0]),
                    lengths[row],
                    name(at),
                    length(array, row)
                );
                return Err(Error::new(ErrorKind::Evaluation, message));
            }
        }
        Ok(lengths)
    }
}

/// The elements of all arrays, one after the other; without a copy where they lie like that.
fn elements(array: ArrayChunk) -> Chunk {
    let mut next = 0;
    let in_order = array.slices.iter().all(|slice| {
        let range = slice.range();
        let follows = range.is_empty() || range.start == next;
        next = if range.is_empty() { next } else { range.end };
        follows
    });
    match Arc::try_unwrap(array.values) {
        Ok(values) if in_order && next == values.len() => values,
        Ok(values) => values.take_or_null(&array.slices.iter().flat_map(|slice| slice.range()).collect::<Vec<_>>()),
        Err(values) if in_order && next == values.len() => (*values).clone(),
        Err(values) => values.take_or_null(&array.slices.iter().flat_map(|slice| slice.range()).collect::<Vec<_>>()),
    }
}
