//! `merge`: tables of the same columns, one below the other.

use super::super::column_source::UnionColumn;
use super::super::{ColumnSource, Table, Version};
use crate::base::{ColumnDefinition, Error, Result};
use crate::memory::RowSet;
use std::sync::Arc;

impl Table {
    /// The rows of tables one after the other. All must have the same column names with the same types, in any order; the
    /// result has the first table's order. Without tables an error.
    pub fn merge(tables: &[Table]) -> Result<Table> {
        let [first, others @ ..] = tables else { return Err(Error::invalid("merge needs at least one table")) };
        if others.is_empty() {
            return Ok(first.clone());
        }
        first.run_with(
            "merge",
            &others.iter().collect::<Vec<_>>(),
            || format!("{} tables", tables.len()),
            || {
                let definitions = first.definition().columns();
                others.iter().enumerate().try_for_each(|(at, other)| check_same(first, other, at + 2))?;
                let mut columns: Vec<Arc<dyn ColumnSource>> = Vec::with_capacity(definitions.len());
                for column in definitions {
                    let parts = tables
                        .iter()
                        .map(|table| Ok((table.version()?.rows.clone(), table.column(&column.name)?.clone())))
                        .collect::<Result<Vec<_>>>()?;
                    columns.push(Arc::new(UnionColumn::new(column.column_type, parts)));
                }
                let counts = tables.iter().map(Table::row_count).collect::<Result<Vec<_>>>()?;
                let count = counts.into_iter().try_fold(0u64, u64::checked_add);
                let count = count.ok_or_else(|| Error::limit("the merged table has too many rows"))?;
                let definitions = definitions.iter().map(|c| ColumnDefinition::new(c.name.as_str(), c.column_type));
                first.with_version(definitions.collect(), Version { rows: RowSet::flat(count), columns })
            },
        )
    }
}

fn check_same(first: &Table, other: &Table, number: usize) -> Result<()> {
    let (mine, its) = (first.definition(), other.definition());
    for column in its.columns() {
        match mine.column(&column.name) {
            None => {
                return Err(Error::invalid(format!(
                    "merge: table {number} has a column {} that the first has not",
                    column.name
                )));
            }
            Some(same) if same.column_type != column.column_type => {
                return Err(Error::type_mismatch(format!(
                    "merge: column {} is {} in table {number} and {} in the first",
                    column.name, column.column_type, same.column_type
                ))
                .hint("cast one of them with update before"));
            }
            Some(_) => {}
        }
    }
    match mine.columns().iter().find(|column| its.column(&column.name).is_none()) {
        Some(missing) => Err(Error::invalid(format!("merge: table {number} has no column {}", missing.name))),
        None => Ok(()),
    }
}
