//! `selectDistinct`: the combinations of values that occur, in order of first appearance.

use super::super::column_source::redirect;
use super::super::formula::QueryScope;
use super::super::{Table, Version, grouper};
use super::joined;
use crate::base::{ColumnDefinition, Result};
use crate::memory::RowSet;

impl Table {
    /// The distinct combinations of columns, which may be formulas; without any, of all columns. Null is a value, NaN is one value,
    /// and the two zeros are the one that came first.
    ///
    /// Of a partitioning or grouping column of historical locations no row is read.
    pub fn select_distinct(&self, columns: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "selectDistinct",
            || joined(columns),
            || {
                let table = if columns.is_empty() { self.clone() } else { self.view(columns, scope)? };
                let keys: Vec<usize> = (0..table.definition().columns().len()).collect();
                let version = table.version()?;
                let first = grouper::summarize(version, &keys)?.first;
                let definitions = table.definition().columns().iter();
                let definitions = definitions.map(|c| ColumnDefinition::new(c.name.as_str(), c.column_type)).collect();
                let rows = RowSet::flat(first.len() as u64);
                table.with_version(definitions, Version { rows, columns: redirect(&version.columns, first) })
            },
        )
    }
}
