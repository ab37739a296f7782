//! `lastBy`, `sumBy`, `avgBy` and their kind: one row a group, in order of first appearance, key columns first.
//!
//! Rows are grouped once, then every column is run through one typed kernel. Without keys all rows are one group, and an
//! empty table gives no row. Nulls are skipped; a group of nulls alone gives null.

use super::super::column_source::{ColumnSource, MemoryColumn, redirect};
use super::super::grouper::{self, Assignment, Groups, Summary, with_one_table};
use super::super::{Table, Version, parallel};
use super::{joined, split_names};
use crate::base::limits::CHUNK_ROWS;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result};
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

mod accumulate;
mod median;
mod moments;
mod order;
mod sum;

use accumulate::{Accumulator, Ids};

/// Rows that are accumulated on their own before the results are united, where there are few groups.
const PARTIAL_ROWS: u64 = parallel::rows_in_use(1 << 20);
/// Beyond this many groups one accumulation runs over all rows: partial results would cost more than they save.
const PARTIAL_GROUPS_MAX: usize = if cfg!(test) { 5 } else { 1 << 16 };

/// What is computed of each column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregation {
    Sum,
    AbsSum,
    Average,
    Min,
    Max,
    Variance,
    StandardDeviation,
    Median,
}

impl Aggregation {
    const fn operation(self) -> &'static str {
        match self {
            Aggregation::Sum => "sumBy",
            Aggregation::AbsSum => "absSumBy",
            Aggregation::Average => "avgBy",
            Aggregation::Min => "minBy",
            Aggregation::Max => "maxBy",
            Aggregation::Variance => "varBy",
            Aggregation::StandardDeviation => "stdBy",
            Aggregation::Median => "medianBy",
        }
    }

    /// The type of the result for a column of a type; none where the aggregation has no meaning.
    pub(crate) const fn result_type(self, input: ColumnType) -> Option<ColumnType> {
        use ColumnType::{Boolean, Byte, Char, Double, Float, Int, Long, Short};
        match self {
            _ if input.is_object() || matches!(input, ColumnType::Array(_)) => None,
            Aggregation::Min | Aggregation::Max => Some(input),
            Aggregation::Sum | Aggregation::AbsSum => match input {
                Byte | Short | Int | Long | Char => Some(Long),
                Boolean => Some(Long),
                Float | Double => Some(input),
                _ => None,
            },
            Aggregation::Average | Aggregation::Variance | Aggregation::StandardDeviation => match input {
                Byte | Short | Int | Long | Char | Float | Double => Some(Double),
                _ => None,
            },
            Aggregation::Median => match input {
                Int | Long => Some(Double),
                other => Some(other),
            },
        }
    }

    fn accumulator(self, source: &dyn ColumnSource, groups: usize) -> Result<Box<dyn Accumulator>> {
        let input = source.column_type();
        Ok(match self {
            Aggregation::Sum => sum::sum(input, groups, false),
            Aggregation::AbsSum => sum::sum(input, groups, true),
            Aggregation::Average => sum::average(input, groups),
            Aggregation::Min => order::extreme(input, source.symbols()?, groups, false),
            Aggregation::Max => order::extreme(input, source.symbols()?, groups, true),
            Aggregation::Variance => moments::variance(input, groups, false),
            Aggregation::StandardDeviation => moments::variance(input, groups, true),
            Aggregation::Median => median::median(input, source.symbols()?, groups),
        })
    }
}

impl Table {
    /// The last row of each group.
    pub fn last_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("lastBy", || joined(keys), || self.row_by(keys, |groups| groups.last))
    }

    /// The first row of each group.
    pub fn first_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("firstBy", || joined(keys), || self.row_by(keys, |groups| groups.first))
    }

    /// The sum of every other column by group: long for integers and char, the number of true for boolean, the column's type for
    /// floats. Long sums wrap. Other types are an error.
    pub fn sum_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Sum, keys)
    }

    /// The sum of absolute values, with the types of [`Table::sum_by`].
    pub fn abs_sum_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::AbsSum, keys)
    }

    /// The mean of every other column by group, as double; the columns must be numeric.
    pub fn avg_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Average, keys)
    }

    /// The least value by group, of any type; NaN if there is one.
    pub fn min_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Min, keys)
    }

    /// The greatest value by group, of any type; NaN if there is one.
    pub fn max_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Max, keys)
    }

    /// The sample standard deviation by group; NaN for a single value.
    pub fn std_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::StandardDeviation, keys)
    }

    /// The sample variance by group; NaN for a single value.
    pub fn var_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Variance, keys)
    }

    /// The median by group: double for int and long and the mean of the middle two where their number is even, the same for floats;
    /// other types keep theirs and take the upper one. NaN if there is one.
    pub fn median_by(&self, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.aggregated(Aggregation::Median, keys)
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
                self.of_groups(version, &keys, first, vec![(count, Chunk::Long(sizes))])
            },
        )
    }

    fn aggregated(&self, aggregation: Aggregation, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            aggregation.operation(),
            || joined(keys),
            || {
                let keys = self.key_positions(keys)?;
                let mut results = Vec::new();
                for (at, column) in self.definition().columns().iter().enumerate().filter(|(at, _)| !keys.contains(at))
                {
                    let result =
                        aggregation.result_type(column.column_type).ok_or_else(|| no_meaning(aggregation, column))?;
                    results.push((at, ColumnDefinition::new(column.name.as_str(), result)));
                }
                let version = self.version()?;
                let groups = grouper::group(version, &keys)?;
                let values = parallel::map(&results, |(at, _)| {
                    aggregate(aggregation, &version.columns[*at], &version.rows, &groups)
                })?;
                let columns = results.into_iter().map(|(_, column)| column).zip(values).collect();
                self.of_groups(version, &keys, groups.first, columns)
            },
        )
    }

    fn row_by(&self, keys: &[impl AsRef<str>], rows: impl FnOnce(Summary) -> Vec<u64>) -> Result<Table> {
        let keys = self.key_positions(keys)?;
        let version = self.version()?;
        let row_keys = rows(grouper::summarize(version, &keys)?);
        let order = self.keys_first(&keys);
        let definitions = order.iter().map(|&at| normal(&self.definition().columns()[at])).collect();
        let columns: Vec<_> = order.iter().map(|&at| version.columns[at].clone()).collect();
        let rows = RowSet::flat(row_keys.len() as u64);
        self.with_version(definitions, Version { rows, columns: redirect(&columns, row_keys) })
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

    /// A row a group: its keys, as they first appeared, then columns of values.
    fn of_groups(
        &self,
        version: &Version,
        keys: &[usize],
        first: Vec<u64>,
        values: Vec<(ColumnDefinition, Chunk)>,
    ) -> Result<Table> {
        let key_columns: Vec<_> = keys.iter().map(|&at| version.columns[at].clone()).collect();
        let rows = RowSet::flat(first.len() as u64);
        let mut columns = redirect(&key_columns, first);
        let mut definitions: Vec<_> = keys.iter().map(|&at| normal(&self.definition().columns()[at])).collect();
        for (definition, chunk) in values {
            definitions.push(definition);
            columns.push(Arc::new(MemoryColumn::new(chunk)?));
        }
        self.with_version(definitions, Version { rows, columns })
    }
}

/// The column as one of a derived table, which has no partitions.
fn normal(column: &ColumnDefinition) -> ColumnDefinition {
    column.clone().of_kind(ColumnKind::Normal)
}

fn no_meaning(aggregation: Aggregation, column: &ColumnDefinition) -> Error {
    let operation = aggregation.operation();
    Error::type_mismatch(format!(
        "{operation}: column {} is of type {}, which has no {}",
        column.name,
        column.column_type,
        {
            match aggregation {
                Aggregation::Sum | Aggregation::AbsSum => "sum",
                Aggregation::Average => "average",
                _ => "variance",
            }
        }
    ))
    .hint(format!("leave it out with dropColumns(\"{}\") or view before, or make it a key", column.name))
}

/// One value a group of one column.
fn aggregate(
    aggregation: Aggregation,
    source: &Arc<dyn ColumnSource>,
    rows: &RowSet,
    groups: &Groups,
) -> Result<Chunk> {
    let source = with_one_table(source, rows)?;
    let piece_rows =
        if groups.count <= PARTIAL_GROUPS_MAX && aggregation != Aggregation::Median { PARTIAL_ROWS } else { u64::MAX };
    let partials = parallel::map_pieces_of(rows, piece_rows, |first, piece| {
        let mut accumulator = aggregation.accumulator(&*source, groups.count)?;
        add_rows(&mut *accumulator, &*source, first, piece, &groups.assignment)?;
        Ok(accumulator)
    })?;
    let mut partials = partials.into_iter();
    let mut all = match partials.next() {
        Some(first) => first,
        None => aggregation.accumulator(&*source, groups.count)?,
    };
    partials.for_each(|partial| all.merge(&*partial));
    Ok(all.finish())
}

/// Adds rows of the table, of which the first has position `first`, chunk by chunk.
fn add_rows(
    accumulator: &mut dyn Accumulator,
    source: &dyn ColumnSource,
    first: u64,
    rows: &RowSet,
    assignment: &Assignment,
) -> Result<()> {
    let mut chunk = Chunk::with_capacity(source.column_type(), 4 * CHUNK_ROWS);
    match assignment {
        Assignment::Rows(ids) => {
            let mut at = first as usize;
            for piece in rows.chunks(4 * CHUNK_ROWS as u64) {
                chunk.clear();
                source.fill(&piece, &mut chunk)?;
                accumulator.add(Ids::Each(&ids[at..at + chunk.len()]), &chunk, 0..chunk.len());
                at += chunk.len();
            }
        }
        Assignment::Runs(runs) => {
            let mut at = runs.partition_point(|run| rows.first().is_some_and(|key| run.keys.end <= key));
            for piece in rows.chunks(4 * CHUNK_ROWS as u64) {
                chunk.clear();
                source.fill(&piece, &mut chunk)?;
                let mut done = 0;
                for range in piece.ranges() {
                    let mut key = range.start;
                    while key < range.end {
                        while runs[at].keys.end <= key {
                            at += 1;
                        }
                        let end = range.end.min(runs[at].keys.end);
                        let count = (end - key) as usize;
                        accumulator.add(Ids::All(runs[at].group), &chunk, done..done + count);
                        done += count;
                        key = end;
                    }
                }
            }
        }
    }
    Ok(())
}
