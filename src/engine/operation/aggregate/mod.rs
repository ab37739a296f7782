//! `aggBy`, `lastBy`, `sumBy`, `avgBy` and their kind: one row a group, in order of first appearance, key columns first.
//!
//! Rows are grouped once, then every column is read once and run through typed kernels. Without keys all rows are one group, and an
//! empty table gives no row. Nulls are skipped; a group of nulls alone gives null.

use super::super::column_source::{ColumnSource, MemoryColumn, redirect};
use super::super::grouper::{self, Summary};
use super::super::{Table, Version};
use super::{joined, split_names};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result};
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

mod accumulate;
mod big;
mod big_weighted;
mod combine;
mod distinct;
mod kernel;
mod moments;
mod order;
mod percentile;
mod pick;
mod run;
mod sum;
#[cfg(test)]
mod tests;
mod weighted;

pub use combine::{Aggregate, Aggregation};
use kernel::{Kernel, MEDIAN};

impl Table {
    /// The last row of each group.
    pub fn last_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("lastBy", || joined(keys), || self.row_by("lastBy", keys, |groups| groups.last.clone()))
    }

    /// The first row of each group.
    pub fn first_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("firstBy", || joined(keys), || self.row_by("firstBy", keys, |groups| groups.first.clone()))
    }

    /// The sum of every other column by group: long for integers and char, the number of true for boolean, the column's type for
    /// floats. Long sums wrap. Other types are an error.
    pub fn sum_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("sumBy", Kernel::Sum, keys)
    }

    /// The sum of absolute values, with the types of [`Table::sum_by`].
    pub fn abs_sum_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("absSumBy", Kernel::AbsSum, keys)
    }

    /// The mean of every other column by group, as double; the columns must be numeric.
    pub fn avg_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("avgBy", Kernel::Average, keys)
    }

    /// The least value by group, of any type; NaN if there is one.
    pub fn min_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("minBy", Kernel::Min, keys)
    }

    /// The greatest value by group, of any type; NaN if there is one.
    pub fn max_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("maxBy", Kernel::Max, keys)
    }

    /// The sample standard deviation by group; NaN for a single value.
    pub fn std_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("stdBy", Kernel::StandardDeviation, keys)
    }

    /// The sample variance by group; NaN for a single value.
    pub fn var_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("varBy", Kernel::Variance, keys)
    }

    /// The median by group: double for int and long and the mean of the middle two where their number is even, the same for floats;
    /// other types keep theirs and take the upper one. NaN if there is one.
    pub fn median_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated("medianBy", MEDIAN, keys)
    }

    /// The average of every other column by group, weighted by a column, as double. Rows where value or weight is null do not count.
    pub fn wavg_by(&self, weight: &str, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.weighted("wavgBy", Kernel::WeightedAverage, weight, keys)
    }

    /// The sum of every other column by group, each value times its weight: long where both are integers, otherwise double.
    pub fn wsum_by(&self, weight: &str, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.weighted("wsumBy", Kernel::WeightedSum, weight, keys)
    }

    /// The number of rows by group, as long, in a column `name` after the keys.
    pub fn count_by(&self, name: &str, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            "countBy",
            || format!("{name}, {}", joined(keys)),
            || {
                names::check(NameKind::Column, name)?;
                let keys = self.key_positions(keys)?;
                let version = self.version()?;
                let Summary { first, sizes, .. } = grouper::summarize(version, &keys)?;
                let count = ColumnDefinition::new(name, ColumnType::Long);
                self.of_groups(version, &keys, first, vec![(count, in_memory(Chunk::Long(sizes))?)])
            },
        )
    }

    fn aggregated(&self, operation: &'static str, kernel: Kernel, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            operation,
            || joined(keys),
            || {
                let keys = self.key_positions(keys)?;
                self.check_others(operation, keys.len())?;
                let others = (0..self.definition().columns().len()).filter(|at| !keys.contains(at));
                self.folded(operation, kernel, &keys, others.map(|at| vec![at]).collect())
            },
        )
    }

    fn weighted(
        &self,
        operation: &'static str,
        kernel: Kernel,
        weight: &str,
        keys: &[impl AsRef<str>],
    ) -> Result<Table> {
        self.run(
            operation,
            || format!("{weight}, {}", joined(keys)),
            || {
                let keys = self.key_positions(keys)?;
                let weight = self.position(weight.trim())?;
                let columns = 0..self.definition().columns().len();
                let others = columns.filter(|at| *at != weight && !keys.contains(at));
                self.folded(operation, kernel, &keys, others.map(|at| vec![at, weight]).collect())
            },
        )
    }

    /// The results of one kernel for several sets of input columns, each named as its first one.
    fn folded(&self, operation: &str, kernel: Kernel, keys: &[usize], inputs: Vec<Vec<usize>>) -> Result<Table> {
        let name = |inputs: &Vec<usize>| self.definition().columns()[inputs[0]].name.clone();
        let definitions = inputs
            .iter()
            .map(|inputs| Ok(ColumnDefinition::new(name(inputs), self.result_type(operation, kernel, inputs)?)))
            .collect::<Result<Vec<_>>>()?;
        let version = self.version()?;
        let groups = grouper::group(version, keys)?;
        let wanted: Vec<(Kernel, Vec<usize>)> = inputs.into_iter().map(|inputs| (kernel, inputs)).collect();
        let chunks = run::fold(version, &groups, &wanted)?;
        let columns = definitions.into_iter().zip(chunks).map(|(column, chunk)| Ok((column, in_memory(chunk)?)));
        self.of_groups(version, keys, groups.first, columns.collect::<Result<_>>()?)
    }

    /// The type of a kernel's result, or an error that names the column without one.
    fn result_type(&self, operation: &str, kernel: Kernel, inputs: &[usize]) -> Result<ColumnType> {
        let columns = self.definition().columns();
        let types: Vec<ColumnType> = inputs.iter().map(|&at| columns[at].column_type).collect();
        kernel.result_type(&types).ok_or_else(|| {
            let without =
                inputs.iter().find(|&&at| kernel.result_type(&vec![columns[at].column_type; inputs.len()]).is_none());
            let column = &columns[*without.unwrap_or(&inputs[0])];
            Error::type_mismatch(format!(
                "{operation}: column {} is of type {}, which has no {}",
                column.name,
                column.column_type,
                kernel.noun()
            ))
            .hint(format!("leave it out with dropColumns(\"{}\") or view before, or make it a key", column.name))
        })
    }

    fn row_by(
        &self,
        operation: &str,
        keys: &[impl AsRef<str>],
        rows: impl FnOnce(&Summary) -> Vec<u64>,
    ) -> Result<Table> {
        let keys = self.key_positions(keys)?;
        self.check_others(operation, keys.len())?;
        let version = self.version()?;
        let summary = grouper::summarize(version, &keys)?;
        let row_keys = rows(&summary);
        let order = self.keys_first(&keys);
        let definitions = order.iter().map(|&at| normal(&self.definition().columns()[at])).collect();
        let columns: Vec<_> = order.iter().map(|&at| version.columns[at].clone()).collect();
        let rows = RowSet::flat(row_keys.len() as u64);
        let mut columns = redirect(&columns, row_keys);
        // Of the two zeros, which are one key, the group's first row has the one that is shown.
        for (place, _) in order.iter().enumerate().take(keys.len()).filter(|(_, at)| self.is_floating(**at)) {
            let first = redirect(std::slice::from_ref(&version.columns[order[place]]), summary.first.clone());
            columns.splice(place..=place, first);
        }
        self.with_version(definitions, Version { rows, columns })
    }

    /// Errs where there are only keys: nothing is left to aggregate.
    fn check_others(&self, operation: &str, keys: usize) -> Result<()> {
        if keys < self.definition().columns().len() || keys == 0 {
            return Ok(());
        }
        Err(Error::invalid(format!("{operation}: every column is a key, none is left to aggregate"))
            .hint("selectDistinct gives the distinct rows, countBy how many there are of each"))
    }

    pub(crate) fn is_floating(&self, column: usize) -> bool {
        self.definition().columns()[column].column_type.is_floating()
    }

    /// Positions of key columns, each once.
    pub(crate) fn key_positions(&self, keys: &[impl AsRef<str>]) -> Result<Vec<usize>> {
        let names = split_names(keys);
        if let Some(expression) = names.iter().find(|name| name.contains('=')) {
            return Err(Error::invalid(format!("{expression} is not a column"))
                .hint("keys are names of columns; add the column with updateView before"));
        }
        let mut positions = self.positions(&names)?;
        let mut seen = std::collections::HashSet::new();
        positions.retain(|position| seen.insert(*position));
        Ok(positions)
    }

    /// A row a group: its keys, as they first appeared, then other columns.
    fn of_groups(
        &self,
        version: &Version,
        keys: &[usize],
        first: Vec<u64>,
        values: Vec<(ColumnDefinition, Arc<dyn ColumnSource>)>,
    ) -> Result<Table> {
        let key_columns: Vec<_> = keys.iter().map(|&at| version.columns[at].clone()).collect();
        let rows = RowSet::flat(first.len() as u64);
        let mut columns = redirect(&key_columns, first);
        let mut definitions: Vec<_> = keys.iter().map(|&at| normal(&self.definition().columns()[at])).collect();
        for (definition, source) in values {
            definitions.push(definition);
            columns.push(source);
        }
        self.with_version(definitions, Version { rows, columns })
    }
}

fn in_memory(chunk: Chunk) -> Result<Arc<dyn ColumnSource>> {
    Ok(Arc::new(MemoryColumn::new(chunk)?))
}

/// The column as one of a derived table, which has no partitions.
fn normal(column: &ColumnDefinition) -> ColumnDefinition {
    column.clone().of_kind(ColumnKind::Normal)
}
