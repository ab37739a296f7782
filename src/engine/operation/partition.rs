//! `byExternal`: a table for each key, which can be asked for by its key, worked on one by one, and put together again.

use super::super::Table;
use super::super::grouper::{self, Assignment};
use super::joined;
use crate::base::{Error, Result, Value};
use crate::memory::row_set::RowSetBuilder;
use crate::memory::{Chunk, RowSet};

/// The tables of the keys of one table, in order of their first appearance.
#[derive(Clone, Debug)]
pub struct TableMap {
    key_names: Vec<String>,
    keys: Vec<Vec<Value>>,
    tables: Vec<Table>,
    /// The table without rows, for its columns.
    empty: Table,
}

impl Table {
    /// A table for each key, with all columns and the rows of the key in their order. Null is a key. Shares the columns; costs the grouping and a
    /// row set a key.
    pub fn partition_by(&self, keys: &[impl AsRef<str>]) -> Result<TableMap> {
        let positions = self.key_positions(keys)?;
        if positions.is_empty() {
            return Err(Error::invalid(format!("byExternal({}) needs a column", joined(keys))));
        }
        let version = self.version()?;
        let groups = grouper::group(version, &positions)?;
        let mut rows: Vec<RowSetBuilder> = Vec::new();
        rows.resize_with(groups.count, RowSetBuilder::default);
        match &groups.assignment {
            Assignment::Rows(ids) => {
                version.rows.iter().zip(ids).for_each(|(key, &group)| rows[group as usize].push(key));
            }
            Assignment::Runs(runs) => {
                runs.iter().for_each(|run| rows[run.group as usize].push_range(run.keys.clone()));
            }
        }
        let columns = positions
            .iter()
            .map(|&at| {
                let source = &version.columns[at];
                let mut chunk = Chunk::with_capacity(source.column_type(), groups.count);
                source.gather(&groups.first, &mut chunk)?;
                Ok(chunk)
            })
            .collect::<Result<Vec<Chunk>>>()?;
        Ok(TableMap {
            key_names: positions.iter().map(|&at| self.definition().columns()[at].name.clone()).collect(),
            keys: (0..groups.count).map(|group| columns.iter().map(|chunk| chunk.value(group)).collect()).collect(),
            tables: rows.into_iter().map(|rows| self.with_rows(rows.finish())).collect::<Result<_>>()?,
            empty: self.with_rows(RowSet::empty())?,
        })
    }
}

impl TableMap {
    /// The columns of the keys.
    pub fn key_names(&self) -> &[String] {
        &self.key_names
    }

    /// The keys, one value a column, in order of first appearance.
    pub fn keys(&self) -> &[Vec<Value>] {
        &self.keys
    }

    /// The tables of the keys, in the same order.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table of a key; none if there is no such key. Numbers of other types are compared by value.
    pub fn get(&self, key: &[Value]) -> Option<&Table> {
        let same = |known: &Vec<Value>| known.len() == key.len() && known.iter().zip(key).all(|(a, b)| is_same(a, b));
        self.keys.iter().position(same).map(|at| &self.tables[at])
    }

    /// The results of an operation on each table.
    pub fn map(&self, operation: impl Fn(&Table) -> Result<Table>) -> Result<TableMap> {
        let of = |(table, key): (&Table, &Vec<Value>)| {
            operation(table).map_err(|error| error.context(format!("the table of {:?}", key)))
        };
        Ok(TableMap {
            key_names: self.key_names.clone(),
            keys: self.keys.clone(),
            tables: self.tables.iter().zip(&self.keys).map(of).collect::<Result<_>>()?,
            empty: operation(&self.empty)?,
        })
    }

    /// The rows of all tables, one table after the other.
    pub fn merge(&self) -> Result<Table> {
        if self.tables.is_empty() { Ok(self.empty.clone()) } else { Table::merge(&self.tables) }
    }
}

fn is_same(known: &Value, wanted: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Byte(v) => Some(f64::from(*v)),
        Value::Short(v) => Some(f64::from(*v)),
        Value::Int(v) => Some(f64::from(*v)),
        Value::Float(v) => Some(f64::from(*v)),
        Value::Double(v) => Some(*v),
        _ => None,
    };
    let long = |value: &Value| match value {
        Value::Byte(v) => Some(i64::from(*v)),
        Value::Short(v) => Some(i64::from(*v)),
        Value::Int(v) => Some(i64::from(*v)),
        Value::Long(v) => Some(*v),
        _ => None,
    };
    match (known, wanted) {
        (Value::Char(unit), Value::String(text)) => text.encode_utf16().eq([*unit]),
        (a, b) => match ((long(a), long(b)), (number(a), number(b))) {
            ((Some(a), Some(b)), _) => a == b,
            (_, (Some(a), Some(b))) => a == b || a.is_nan() && b.is_nan(),
            _ => a == b,
        },
    }
}
