//! `by` and `applyToAllBy`: the values of each group as arrays.
//!
//! Arrays are made when a column is first read, all of a column at once: its values once in the order of groups, and a slice a group.

use super::super::column_source::{self, ColumnSource, MemoryColumn, redirect};
use super::super::formula::QueryScope;
use super::super::grouper::{self, Assignment, Groups};
use super::super::{Table, Version, limits};
use super::joined;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result};
use crate::memory::{ArrayChunk, Chunk, RowSet};
use std::sync::{Arc, OnceLock};

/// The name under which a formula of `applyToAllBy` sees each column.
const EACH: &str = "each";

impl Table {
    /// A row a group, in order of first appearance: the keys, then each other column as the array of its values in row order. Without
    /// keys one row; without rows none.
    pub fn by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("by", || joined(keys), || self.arrays_by(keys))
    }

    /// A row a group with the value of a formula for every other column, whose array it sees as `each`: `applyToAllBy("sum(each)", …)`.
    pub fn apply_to_all_by(&self, formula: &str, keys: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "applyToAllBy",
            || format!("{formula}, {}", joined(keys)),
            || {
                let key_count = self.key_positions(keys)?.len();
                let arrays = self.arrays_by(keys)?;
                let Version { rows, columns } = arrays.version()?;
                let mut definitions = arrays.definition().columns().to_vec();
                let mut results = columns.clone();
                for at in key_count..columns.len() {
                    let name = definitions[at].name.clone();
                    let column_type = definitions[at].column_type;
                    let each = Version { rows: rows.clone(), columns: vec![columns[at].clone()] };
                    let each = self.with_version(vec![ColumnDefinition::new(EACH, column_type)], each)?;
                    let result = each.update(&[format!("{name}={formula}")], scope)?;
                    let position = result.position(&name)?;
                    results[at] = result.version()?.columns[position].clone();
                    definitions[at] = result.definition().columns()[position].clone();
                }
                self.with_version(definitions, Version { rows: rows.clone(), columns: results })
            },
        )
    }

    fn arrays_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        let keys = self.key_positions(keys)?;
        let all = self.definition().columns();
        let others: Vec<usize> = (0..all.len()).filter(|at| !keys.contains(at)).collect();
        if others.is_empty() && !keys.is_empty() {
            return Err(Error::invalid("by: every column is a key, none is left for arrays")
                .hint("selectDistinct gives the distinct combinations of values"));
        }
        let normal = |column: &ColumnDefinition| column.clone().of_kind(ColumnKind::Normal);
        let mut definitions: Vec<ColumnDefinition> = keys.iter().map(|&at| normal(&all[at])).collect();
        for &at in &others {
            definitions.push(ColumnDefinition::new(all[at].name.as_str(), all[at].column_type.array()?));
        }
        let version = self.version()?;
        let groups = grouper::group(version, &keys)?;
        let first = groups.first.clone();
        let rows = RowSet::flat(first.len() as u64);
        let key_columns: Vec<_> = keys.iter().map(|&at| version.columns[at].clone()).collect();
        let mut columns = redirect(&key_columns, first);
        let order = Arc::new(Order::of(&groups, &version.rows)?);
        for &at in &others {
            columns.push(arrays_in(version.columns[at].clone(), &version.rows, &order));
        }
        self.with_version(definitions, Version { rows, columns })
    }
}

/// Columns of arrays of the values of `sources` at row keys, as many a row as `sizes` say. They share the keys, and are made when read.
pub(crate) fn arrays_of(
    sources: &[Arc<dyn ColumnSource>],
    keys: Vec<u64>,
    sizes: Vec<usize>,
) -> Vec<Arc<dyn ColumnSource>> {
    let rows = RowSet::flat(keys.len() as u64);
    let order = Arc::new(Order { positions: None, sizes });
    let over = |source| arrays_in(source, &rows, &order);
    redirect(sources, keys).into_iter().map(over).collect()
}

/// A column of arrays of the values at rows in an order, made when it is read.
pub(crate) fn arrays_in(source: Arc<dyn ColumnSource>, rows: &RowSet, order: &Arc<Order>) -> Arc<dyn ColumnSource> {
    Arc::new(ArrayColumn { source, rows: rows.clone(), order: order.clone(), arrays: OnceLock::new() })
}

/// The rows of a table in the order of their groups.
#[derive(Debug)]
pub(crate) struct Order {
    /// Positions of rows, group by group; none where they are in that order already.
    positions: Option<Vec<usize>>,
    /// How many rows each group has.
    sizes: Vec<usize>,
}

impl Order {
    pub(crate) fn of(groups: &Groups, rows: &RowSet) -> Result<Self> {
        limits::require(rows.len(), size_of::<u32>() + size_of::<usize>())?;
        let ids: Vec<u32> = match &groups.assignment {
            Assignment::Rows(ids) => ids.clone(),
            Assignment::Runs(runs) => {
                let mut ids = Vec::with_capacity(rows.len() as usize);
                for run in runs {
                    ids.resize(ids.len() + (run.keys.end - run.keys.start) as usize, run.group);
                }
                ids
            }
        };
        let mut sizes = vec![0; groups.count];
        ids.iter().for_each(|&id| sizes[id as usize] += 1);
        if ids.is_sorted() {
            return Ok(Order { positions: None, sizes });
        }
        let mut next = Vec::with_capacity(sizes.len());
        let mut start = 0;
        for size in &sizes {
            next.push(start);
            start += size;
        }
        let mut positions = vec![0; ids.len()];
        for (position, &id) in ids.iter().enumerate() {
            let place = &mut next[id as usize];
            positions[*place] = position;
            *place += 1;
        }
        Ok(Order { positions: Some(positions), sizes })
    }

    /// The arrays of a column's values.
    pub(crate) fn arrays(&self, values: Chunk) -> Chunk {
        let values = match &self.positions {
            Some(positions) => values.take_or_null(positions),
            None => values,
        };
        Chunk::Array(ArrayChunk::from_lengths(values, self.sizes.iter().map(|&size| Some(size))))
    }
}

/// The values of each group of a column.
#[derive(Debug)]
struct ArrayColumn {
    source: Arc<dyn ColumnSource>,
    rows: RowSet,
    order: Arc<Order>,
    arrays: OnceLock<MemoryColumn>,
}

impl ArrayColumn {
    fn values(&self) -> Result<&MemoryColumn> {
        if let Some(known) = self.arrays.get() {
            return Ok(known);
        }
        let values = column_source::read_all(&*self.source, &self.rows)?;
        let arrays = MemoryColumn::new(self.order.arrays(values))?;
        Ok(self.arrays.get_or_init(|| arrays))
    }
}

impl ColumnSource for ArrayColumn {
    fn column_type(&self) -> ColumnType {
        // `by` asked for the type of its arrays before it made the column.
        self.source.column_type().array().unwrap_or(self.source.column_type())
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        self.values()?.fill(rows, out)
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        self.values()?.gather(keys, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::engine::testing::{NONE, models, shown};
    use proptest::prelude::*;

    proptest! {
        /// Rows come back group by group, groups in order of first appearance; and groups of arrays as arrays of arrays.
        #[test]
        fn ungroup_undoes_by(model in models(), sparse in any::<bool>()) {
            let table = if sparse { model.sparse_table() } else { model.table() };
            let keys = ["S", "Z"];
            let grouped = table.by(&keys).unwrap();
            let order: Vec<&str> = grouped.column_names();
            let expected = table.move_columns(0, &order).unwrap();
            let groups = table.select_distinct(&keys, &QueryScope::default()).unwrap();
            let mut rows = Vec::new();
            for at in 0..groups.row_count().unwrap() {
                rows.extend(shown(&expected.where_in(&groups.slice(at as i64, at as i64 + 1).unwrap(), &keys).unwrap()).split_off(1));
            }
            let back = grouped.ungroup(NONE).unwrap();
            prop_assert_eq!(&shown(&back)[1..], &rows);
            let twice = grouped.by(&["S"]).unwrap().ungroup(NONE).unwrap().ungroup(NONE).unwrap();
            prop_assert_eq!(twice.row_count().unwrap(), table.row_count().unwrap());
            let sizes = grouped.view(&["N=I.size()"], &QueryScope::default()).unwrap().read_column("N").unwrap();
            let total: i64 = (0..sizes.len()).map(|at| if let Value::Long(n) = sizes.value(at) { n } else { 0 }).sum();
            prop_assert_eq!(total as u64, table.row_count().unwrap());
        }
    }
}
