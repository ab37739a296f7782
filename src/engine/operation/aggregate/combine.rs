//! `aggBy` and `by(AggCombo(…))`: several aggregations of one grouping.

use super::super::super::column_source::{ColumnSource, NO_ROW, redirect, redirect_or_null};
use super::super::super::formula::QueryScope;
use super::super::super::grouper::{self, Assignment, Groups, Summary};
use super::super::super::{Table, Version};
use super::super::by::{Order, arrays_in, arrays_of};
use super::super::columns::check_new_names;
use super::super::split_names;
use super::kernel::{Kernel, MEDIAN};
use super::percentile::Place;
use super::{in_memory, pick, run};
use crate::base::{ColumnDefinition, ColumnType, Error, Result};
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

/// What is computed of the values of a column in a group. Nulls are skipped where nothing else is said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Aggregation {
    /// See [`Table::sum_by`].
    Sum,
    /// See [`Table::abs_sum_by`].
    AbsSum,
    /// See [`Table::avg_by`].
    Average,
    /// See [`Table::min_by`].
    Min,
    /// See [`Table::max_by`].
    Max,
    /// See [`Table::var_by`].
    Variance,
    /// See [`Table::std_by`].
    StandardDeviation,
    /// See [`Table::median_by`].
    Median,
    /// The value at a share (0 to 1) of the way from the least to the greatest, rounded half up to a value that there is; with `average` the mean of
    /// two values (of types that have one) where the way ends in their middle. NaN if there is one.
    Percentile {
        /// 0 for the least value, 1 for the greatest.
        share: f64,
        /// Whether the middle of two values is their mean.
        average: bool,
    },
    /// The first row's value, null or not.
    First,
    /// The last row's value, null or not.
    Last,
    /// The value of the row that is first in the order of columns; of equal rows the first.
    SortedFirst(Vec<String>),
    /// The value of the row that is last in the order of columns; of equal rows the last.
    SortedLast(Vec<String>),
    /// How many distinct values there are, null if none; null and NaN are values only if asked for.
    CountDistinct {
        /// Whether null is a value.
        nulls: bool,
    },
    /// The distinct values in ascending order, as an array; null if there are none. Null and NaN are values only if asked for.
    Distinct {
        /// Whether null is a value.
        nulls: bool,
    },
    /// All values in row order, nulls too, as an array.
    Group,
    /// The value of a formula that sees the array of all values under a name.
    Formula {
        /// The formula.
        formula: String,
        /// The name of the array in it.
        parameter: String,
    },
    /// The only distinct value; null if there are several, and for NaN.
    Unique,
    /// See [`Table::wavg_by`]; the column of weights.
    WeightedAverage(String),
    /// See [`Table::wsum_by`]; the column of weights.
    WeightedSum(String),
    /// How many rows there are. Its columns are names of results.
    Count,
    /// How many rows pass all filters. Its columns are names of results.
    CountWhere(Vec<String>),
}

/// One aggregation of columns: `Name`, or `New=Old`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub aggregation: Aggregation,
    /// Of which columns, and under which names.
    pub columns: Vec<String>,
}

impl Aggregate {
    /// An aggregation of columns.
    pub fn new(aggregation: Aggregation, columns: &[impl AsRef<str>]) -> Self {
        Aggregate { aggregation, columns: split_names(columns).into_iter().map(str::to_owned).collect() }
    }
}

/// How a result column comes to be.
enum How {
    Kernel(Kernel, Vec<usize>),
    First(usize),
    Last(usize),
    SortedEnd { column: usize, by: Vec<usize>, last: bool },
    Unique(usize),
    Distinct { column: usize, nulls: bool },
    Group(usize),
    Formula { column: usize, formula: String, parameter: String },
    Count,
    CountWhere(Vec<String>),
}

impl How {
    /// Whether the ends and sizes of groups are enough.
    fn needs_rows(&self) -> bool {
        !matches!(self, How::First(_) | How::Last(_) | How::Count)
    }
}

struct Wanted {
    definition: ColumnDefinition,
    how: How,
}

impl Table {
    /// Several aggregations by group: a row a group with the keys, then the results in the order given. Two results of one name are an
    /// error. `scope` is what filters see.
    pub fn agg_by(&self, aggregates: &[Aggregate], keys: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        let text = || {
            let one = |aggregate: &Aggregate| format!("{:?} {}", aggregate.aggregation, aggregate.columns.join(","));
            format!("{}; {}", aggregates.iter().map(one).collect::<Vec<_>>().join(", "), super::joined(keys))
        };
        self.run("aggBy", text, || {
            let keys = self.key_positions(keys)?;
            let wanted = self.wanted(aggregates, scope)?;
            let key_names = keys.iter().map(|&at| self.definition().columns()[at].name.as_str());
            check_new_names("aggBy", key_names.chain(wanted.iter().map(|one| one.definition.name.as_str())))?;
            let version = self.version()?;
            let (summary, sources) = if wanted.iter().any(|one| one.how.needs_rows()) {
                let groups = grouper::group(version, &keys)?;
                let summary = summary_of(version, &groups, &wanted);
                let sources = self.results(version, &wanted, &summary, Some(&groups), scope)?;
                (summary, sources)
            } else {
                let summary = grouper::summarize(version, &keys)?;
                let sources = self.results(version, &wanted, &summary, None, scope)?;
                (summary, sources)
            };
            let definitions = wanted.into_iter().map(|one| one.definition);
            self.of_groups(version, &keys, summary.first, definitions.zip(sources).collect())
        })
    }

    /// Checks names and types.
    fn wanted(&self, aggregates: &[Aggregate], scope: &QueryScope) -> Result<Vec<Wanted>> {
        if aggregates.is_empty() {
            return Err(Error::invalid("aggBy needs an aggregation"));
        }
        let mut wanted = Vec::new();
        for aggregate in aggregates {
            let columns = self.definition().columns();
            for text in &aggregate.columns {
                let (name, input) =
                    text.split_once('=').map_or((text.trim(), text.trim()), |(n, i)| (n.trim(), i.trim()));
                let (column_type, how) = match &aggregate.aggregation {
                    Aggregation::Count => (ColumnType::Long, How::Count),
                    Aggregation::CountWhere(filters) => (ColumnType::Long, How::CountWhere(filters.clone())),
                    Aggregation::Formula { formula, parameter } => {
                        let column = self.position(input)?;
                        let none = arrays_of(&[self.version()?.columns[column].clone()], Vec::new(), Vec::new());
                        let result = self.formula_of_arrays(none, 0, name, formula, parameter, scope)?;
                        let (formula, parameter) = (formula.clone(), parameter.clone());
                        (result.column_type(), How::Formula { column, formula, parameter })
                    }
                    of_column => {
                        let at = self.position(input)?;
                        self.how(of_column, at, columns[at].column_type)?
                    }
                };
                wanted.push(Wanted { definition: ColumnDefinition::new(name, column_type), how });
            }
        }
        Ok(wanted)
    }

    fn how(&self, aggregation: &Aggregation, at: usize, column_type: ColumnType) -> Result<(ColumnType, How)> {
        let kernel = |kernel: Kernel, inputs: Vec<usize>| {
            Ok((self.result_type("aggBy", kernel, &inputs)?, How::Kernel(kernel, inputs)))
        };
        match aggregation {
            Aggregation::Sum => kernel(Kernel::Sum, vec![at]),
            Aggregation::AbsSum => kernel(Kernel::AbsSum, vec![at]),
            Aggregation::Average => kernel(Kernel::Average, vec![at]),
            Aggregation::Min => kernel(Kernel::Min, vec![at]),
            Aggregation::Max => kernel(Kernel::Max, vec![at]),
            Aggregation::Variance => kernel(Kernel::Variance, vec![at]),
            Aggregation::StandardDeviation => kernel(Kernel::StandardDeviation, vec![at]),
            Aggregation::Median => kernel(MEDIAN, vec![at]),
            Aggregation::Percentile { share, average } => {
                if !(0.0..=1.0).contains(share) {
                    return Err(Error::invalid(format!("the percentile {share} is not between 0 and 1")));
                }
                kernel(Kernel::Percentile(Place { share: *share, average: *average }), vec![at])
            }
            Aggregation::CountDistinct { nulls } => kernel(Kernel::CountDistinct { nulls: *nulls }, vec![at]),
            Aggregation::WeightedAverage(weight) => {
                kernel(Kernel::WeightedAverage, vec![at, self.position(weight.trim())?])
            }
            Aggregation::WeightedSum(weight) => kernel(Kernel::WeightedSum, vec![at, self.position(weight.trim())?]),
            Aggregation::First => Ok((column_type, How::First(at))),
            Aggregation::Last => Ok((column_type, How::Last(at))),
            Aggregation::Unique => Ok((column_type, How::Unique(at))),
            Aggregation::Distinct { nulls } => Ok((column_type.array()?, How::Distinct { column: at, nulls: *nulls })),
            Aggregation::Group => Ok((column_type.array()?, How::Group(at))),
            Aggregation::SortedFirst(by) | Aggregation::SortedLast(by) => {
                let last = matches!(aggregation, Aggregation::SortedLast(_));
                Ok((column_type, How::SortedEnd { column: at, by: self.positions(&split_names(by))?, last }))
            }
            Aggregation::Count | Aggregation::CountWhere(_) | Aggregation::Formula { .. } => {
                Err(Error::invalid("not an aggregation of a column alone"))
            }
        }
    }

    /// The column that a formula makes of a column of `count` arrays.
    fn formula_of_arrays(
        &self,
        arrays: Vec<Arc<dyn ColumnSource>>,
        count: usize,
        name: &str,
        formula: &str,
        parameter: &str,
        scope: &QueryScope,
    ) -> Result<Arc<dyn ColumnSource>> {
        let definitions = arrays.iter().map(|column| ColumnDefinition::new(parameter, column.column_type())).collect();
        let each = self.with_version(definitions, Version { rows: RowSet::flat(count as u64), columns: arrays })?;
        Ok(each.update(&[format!("{name}={formula}")], scope)?.column(name)?.clone())
    }

    /// The result columns. There are groups where one of them needs the rows.
    fn results(
        &self,
        version: &Version,
        wanted: &[Wanted],
        summary: &Summary,
        groups: Option<&Groups>,
        scope: &QueryScope,
    ) -> Result<Vec<Arc<dyn ColumnSource>>> {
        let kernels: Vec<(Kernel, Vec<usize>)> = wanted
            .iter()
            .filter_map(|one| match &one.how {
                How::Kernel(kernel, inputs) => Some((*kernel, inputs.clone())),
                _ => None,
            })
            .collect();
        let mut folded = match groups {
            Some(groups) => run::fold(version, groups, &kernels)?.into_iter(),
            None => Vec::new().into_iter(),
        };
        let is_array = |one: &Wanted| matches!(one.how, How::Group(_) | How::Formula { .. });
        let order = groups
            .filter(|_| wanted.iter().any(is_array))
            .map(|groups| Order::of(groups, &version.rows))
            .transpose()?
            .map(Arc::new);
        let arrays =
            |at: usize| order.as_ref().map(|order| arrays_in(version.columns[at].clone(), &version.rows, order));
        // Columns picked by the same rows share one redirection.
        let mut picked: Vec<(Vec<usize>, bool, Vec<u64>)> = Vec::new();
        let mut sources = Vec::with_capacity(wanted.len());
        for one in wanted {
            let column = |at: usize| std::slice::from_ref(&version.columns[at]);
            let source = match (&one.how, groups) {
                (How::Kernel(..), _) => folded.next().map(in_memory).transpose()?,
                (How::First(at), _) => redirect(column(*at), summary.first.clone()).pop(),
                (How::Last(at), _) => redirect(column(*at), summary.last.clone()).pop(),
                (How::Count, _) => Some(in_memory(Chunk::Long(summary.sizes.clone()))?),
                (How::Unique(at), Some(groups)) => {
                    redirect_or_null(column(*at), pick::unique(version, groups, *at)?).pop()
                }
                (How::SortedEnd { column: at, by, last }, Some(groups)) => {
                    let known = picked.iter().position(|(other, end, _)| other == by && end == last);
                    let known = match known {
                        Some(known) => known,
                        None => {
                            picked.push((by.clone(), *last, pick::sorted_ends(version, groups, by, *last)?));
                            picked.len() - 1
                        }
                    };
                    redirect(column(*at), picked[known].2.clone()).pop()
                }
                (How::CountWhere(filters), Some(groups)) => {
                    Some(in_memory(Chunk::Long(self.count_where(version, groups, filters, scope)?))?)
                }
                (How::Distinct { column: at, nulls }, Some(groups)) => {
                    let (keys, sizes) = pick::distinct(version, groups, *at, *nulls)?;
                    let places =
                        (0..).zip(&sizes).map(|(group, size)| if *size == 0 { NO_ROW } else { group }).collect();
                    redirect_or_null(&arrays_of(column(*at), keys, sizes), places).pop()
                }
                (How::Group(at), _) => arrays(*at),
                (How::Formula { column: at, formula, parameter }, Some(groups)) => {
                    let arrays = arrays(*at).into_iter().collect();
                    let name = &one.definition.name;
                    Some(self.formula_of_arrays(arrays, groups.count, name, formula, parameter, scope)?)
                }
                (_, None) => None,
            };
            sources.push(source.ok_or_else(|| Error::invalid("an aggregation without a result"))?);
        }
        Ok(sources)
    }

    /// How many rows of each group pass filters.
    fn count_where(
        &self,
        version: &Version,
        groups: &Groups,
        filters: &[String],
        scope: &QueryScope,
    ) -> Result<Vec<i64>> {
        let passed = self.filter(filters, scope)?.version()?.rows.clone();
        let mut counts = vec![0i64; groups.count];
        match &groups.assignment {
            Assignment::Rows(ids) => {
                for range in super::super::super::column_source::positions_of(&version.rows, &passed).ranges() {
                    ids[range.start as usize..range.end as usize].iter().for_each(|&id| counts[id as usize] += 1);
                }
            }
            Assignment::Runs(runs) => {
                for run in runs {
                    counts[run.group as usize] += passed.within(run.keys.clone()).len() as i64;
                }
            }
        }
        Ok(counts)
    }
}

/// Ends and sizes of groups, as far as results need them.
fn summary_of(version: &Version, groups: &Groups, wanted: &[Wanted]) -> Summary {
    let mut summary = Summary { first: groups.first.clone(), ..Summary::default() };
    if wanted.iter().any(|one| matches!(one.how, How::Last(_) | How::Count)) {
        summary.last = groups.first.clone();
        summary.sizes = vec![0; groups.count];
        match &groups.assignment {
            Assignment::Rows(ids) => {
                for (key, &id) in version.rows.iter().zip(ids) {
                    summary.last[id as usize] = key;
                    summary.sizes[id as usize] += 1;
                }
            }
            Assignment::Runs(runs) => {
                for run in runs {
                    summary.last[run.group as usize] = run.keys.end - 1;
                    summary.sizes[run.group as usize] += (run.keys.end - run.keys.start) as i64;
                }
            }
        }
    }
    summary
}
