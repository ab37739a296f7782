//! `updateBy`: columns computed from the rows before (or around) each row of the same key. Rows and their order stay.
//!
//! Rows are put in order of their groups once; every operation walks the groups, on all cores, and its results are put back in row order. Nulls
//! are skipped: a running value goes on, a window of nulls alone gives null.

use super::super::column_source::{self, ColumnSource, MemoryColumn, RankedColumn};
use super::super::{Table, Version};
use super::columns::check_new_names;
use super::{joined, split_names};
use crate::base::{ColumnDefinition, ColumnType, Error, Result};
use crate::memory::Chunk;
use std::collections::HashMap;
use std::sync::Arc;

mod compute;
mod order;
mod rolling;
mod scan;
#[cfg(test)]
mod tests;
pub(super) mod values;
mod window;

use order::GroupOrder;

/// An operation of `updateBy`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum UpdateOperation {
    /// The sum so far: long for integers, double for floats.
    CumulativeSum,
    /// The product so far: long for integers, double for floats.
    CumulativeProduct,
    /// The least value so far, of any type but String and boolean; NaN stays if it comes first.
    CumulativeMin,
    /// The greatest value so far.
    CumulativeMax,
    /// The last value that is not null, of any type.
    Fill,
    /// The difference to the row before, of the column's type; long nanoseconds for DateTime.
    Delta(DeltaMode),
    /// A statistic of all rows so far whose weight decays, as double. Null and NaN keep the value.
    Exponential(Exponential, Decay),
    /// A statistic of a window of rows.
    Rolling(Rolling, Window),
}

/// What a delta is where there is no row before, or its value is null. A null has no delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaMode {
    /// Null.
    NullDominates,
    /// The value itself.
    ValueDominates,
    /// Zero.
    ZeroDominates,
}

/// Exponential moving statistics: after each row `left` of the state is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exponential {
    /// `left * average + (1 - left) * value`.
    Average,
    /// `left * sum + value`.
    Sum,
    /// The lesser one of `left * least` and the value.
    Min,
    /// The greater one of `left * greatest` and the value.
    Max,
    /// The square root of a variance that decays like the average; NaN for the first value.
    Deviation,
}

/// How fast the past loses its weight.
#[derive(Clone, Debug, PartialEq)]
pub enum Decay {
    /// By rows: `exp(-1 / ticks)` a row.
    Ticks(f64),
    /// By time: `exp(-elapsed / nanos)`; the column of times, which do not go back.
    Time(String, i64),
}

/// Statistics of windows.
#[derive(Clone, Debug, PartialEq)]
pub enum Rolling {
    /// Long for integers, double for floats.
    Sum,
    /// Double; of floats that of their sum as a float.
    Average,
    /// Of the column's type, Strings too.
    Min,
    /// Of the column's type, Strings too.
    Max,
    /// Double.
    Product,
    /// How many values are not null, as long; of any type.
    Count,
    /// The sample standard deviation, double; NaN for one value.
    Deviation,
    /// The average weighted by a column, double.
    WeightedAverage(String),
    /// The values as an array, of any type; empty for a window without rows.
    Group,
}

/// Which rows a window holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// `reverse` rows that end with the row itself, and `forward` rows after it. Negative numbers move the ends to the other side; both together
    /// are not below 0.
    Ticks(i64, i64),
    /// The rows at most `reverse` nanoseconds before and `forward` after, ends included; the column of times, which do not go back. Both together
    /// are not below 0.
    Time(String, i64, i64),
}

/// One operation of columns, `Name` (which is replaced) or `New=Old`; without columns of all that are no keys and that it has a meaning for.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateBy {
    /// What is computed.
    pub operation: UpdateOperation,
    /// Of which columns.
    pub columns: Vec<String>,
}

impl UpdateBy {
    /// An operation of columns.
    pub fn new(operation: UpdateOperation, columns: &[impl AsRef<str>]) -> Self {
        UpdateBy { operation, columns: split_names(columns).into_iter().map(str::to_owned).collect() }
    }
}

impl UpdateOperation {
    /// The type of the result for a column of a type; none where the operation has no meaning.
    fn result_type(&self, input: ColumnType) -> Option<ColumnType> {
        use ColumnType::{Byte, Char, DateTime, Double, Float, Int, Long, Short};
        let is_number = input.is_integer() || input.is_floating();
        // Characters count as their units, booleans as 1 and 0.
        let is_like_number = is_number || input == Char;
        let is_addend = is_like_number || input == ColumnType::Boolean;
        let wide = if input.is_floating() { Double } else { Long };
        match self {
            UpdateOperation::CumulativeSum => is_addend.then_some(wide),
            UpdateOperation::CumulativeProduct => is_number.then_some(wide),
            UpdateOperation::Rolling(Rolling::Sum, _) => is_addend.then_some(wide),
            UpdateOperation::Rolling(Rolling::Average | Rolling::Deviation, _) => is_addend.then_some(Double),
            UpdateOperation::Fill => Some(input),
            UpdateOperation::Rolling(Rolling::Count, _) => Some(Long),
            UpdateOperation::Rolling(Rolling::Group, _) => input.array().ok(),
            UpdateOperation::CumulativeMin
            | UpdateOperation::CumulativeMax
            | UpdateOperation::Rolling(Rolling::Min | Rolling::Max, _) => {
                let is_ordered =
                    matches!(input, Byte | Short | Int | Long | Char | Float | Double | DateTime | ColumnType::String);
                is_ordered.then_some(input)
            }
            UpdateOperation::Delta(_) if input == DateTime => Some(Long),
            UpdateOperation::Delta(_) => is_like_number.then_some(input),
            UpdateOperation::Exponential(..) | UpdateOperation::Rolling(..) => is_like_number.then_some(Double),
        }
    }

    /// The name that scripts give it.
    fn name(&self) -> String {
        let (kind, by_time) = match self {
            UpdateOperation::CumulativeSum => ("CumSum", false),
            UpdateOperation::CumulativeProduct => ("CumProd", false),
            UpdateOperation::CumulativeMin => ("CumMin", false),
            UpdateOperation::CumulativeMax => ("CumMax", false),
            UpdateOperation::Fill => ("Fill", false),
            UpdateOperation::Delta(_) => ("Delta", false),
            UpdateOperation::Exponential(kind, decay) => (
                match kind {
                    Exponential::Average => "Ema",
                    Exponential::Sum => "Ems",
                    Exponential::Min => "EmMin",
                    Exponential::Max => "EmMax",
                    Exponential::Deviation => "EmStd",
                },
                matches!(decay, Decay::Time(..)),
            ),
            UpdateOperation::Rolling(kind, window) => (
                match kind {
                    Rolling::Sum => "RollingSum",
                    Rolling::Average => "RollingAvg",
                    Rolling::Min => "RollingMin",
                    Rolling::Max => "RollingMax",
                    Rolling::Product => "RollingProd",
                    Rolling::Count => "RollingCount",
                    Rolling::Deviation => "RollingStd",
                    Rolling::WeightedAverage(_) => "RollingWAvg",
                    Rolling::Group => "RollingGroup",
                },
                matches!(window, Window::Time(..)),
            ),
        };
        format!("{kind}{}", if by_time { "Time" } else { "" })
    }

    /// Columns that are read beside the one it is of.
    fn helpers(&self) -> Vec<(&str, bool)> {
        match self {
            UpdateOperation::Exponential(_, Decay::Time(column, _)) => vec![(column, true)],
            UpdateOperation::Rolling(kind, window) => {
                let weight = match kind {
                    Rolling::WeightedAverage(weight) => Some((weight.as_str(), false)),
                    _ => None,
                };
                let time = match window {
                    Window::Time(column, ..) => Some((column.as_str(), true)),
                    Window::Ticks(..) => None,
                };
                time.into_iter().chain(weight).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// One result column, checked.
struct Planned<'a> {
    name: String,
    result: ColumnType,
    input: usize,
    operation: &'a UpdateOperation,
}

/// The columns read so far, in order of the groups.
struct Columns<'a> {
    version: &'a Version,
    order: GroupOrder,
    read: HashMap<usize, Chunk>,
}

impl Columns<'_> {
    fn read(&mut self, at: usize) -> Result<()> {
        if !self.read.contains_key(&at) {
            let chunk = column_source::read_all(&*self.version.columns[at], &self.version.rows)?;
            self.read.insert(at, self.order.arrange(&chunk));
        }
        Ok(())
    }

    /// The longs of a column that was read.
    fn longs(&self, at: usize) -> Vec<i64> {
        self.read.get(&at).map_or_else(Vec::new, |chunk| values::longs(chunk, 0..chunk.len()))
    }

    /// The doubles of a column that was read.
    fn doubles(&self, at: usize) -> Vec<f64> {
        self.read.get(&at).map_or_else(Vec::new, |chunk| values::doubles(chunk, 0..chunk.len()))
    }
}

impl Table {
    /// This table with columns that operations compute from the rows of the same key: new ones at the end, others in place.
    pub fn update_by(&self, operations: &[UpdateBy], keys: &[impl AsRef<str>]) -> Result<Table> {
        let text = || {
            let one = |update: &UpdateBy| format!("{:?} {}", update.operation, update.columns.join(","));
            format!("{}; {}", operations.iter().map(one).collect::<Vec<_>>().join(", "), joined(keys))
        };
        self.run("updateBy", text, || {
            if operations.is_empty() {
                return Err(Error::invalid("updateBy needs an operation"));
            }
            let keys = self.key_positions(keys)?;
            let planned = self.planned(operations, &keys)?;
            check_new_names("updateBy", planned.iter().map(|one| one.name.as_str()))?;
            let version = self.version()?;
            let mut columns = Columns { version, order: GroupOrder::new(version, &keys)?, read: HashMap::new() };
            let mut definitions = self.definition().columns().to_vec();
            let mut sources = version.columns.clone();
            for one in planned {
                let chunk = self.computed(&one, &mut columns)?;
                let source: Arc<dyn ColumnSource> = Arc::new(MemoryColumn::new(chunk)?);
                let source = RankedColumn::over(&version.rows, source);
                let definition = ColumnDefinition::new(one.name.as_str(), one.result);
                match definitions.iter().position(|column| column.name == one.name) {
                    Some(at) => {
                        definitions[at] = definition;
                        sources[at] = source;
                    }
                    None => {
                        definitions.push(definition);
                        sources.push(source);
                    }
                }
            }
            self.with_version(definitions, Version { rows: version.rows.clone(), columns: sources })
        })
    }

    fn planned<'a>(&self, operations: &'a [UpdateBy], keys: &[usize]) -> Result<Vec<Planned<'a>>> {
        let columns = self.definition().columns();
        let mut planned = Vec::new();
        for UpdateBy { operation, columns: texts } in operations {
            if let UpdateOperation::Rolling(_, Window::Ticks(before, after) | Window::Time(_, before, after)) =
                operation
                && before.saturating_add(*after) < 0
            {
                return Err(Error::invalid("updateBy: a window ends before it begins")
                    .hint("what it reaches back and forward are together at least 0"));
            }
            let mut helpers = Vec::new();
            for (name, is_time) in operation.helpers() {
                let at = self.position(name.trim())?;
                let column_type = columns[at].column_type;
                if is_time && !matches!(column_type, ColumnType::DateTime | ColumnType::Long) {
                    return Err(Error::type_mismatch(format!(
                        "updateBy: column {name} is {column_type}, not a DateTime"
                    )));
                }
                if !is_time && !column_type.is_integer() && !column_type.is_floating() {
                    return Err(Error::type_mismatch(format!(
                        "updateBy: column {name} is {column_type}, not a number"
                    )));
                }
                helpers.push(at);
            }
            if texts.is_empty() {
                let others = columns.iter().enumerate().filter(|(at, _)| !keys.contains(at) && !helpers.contains(at));
                let all = others.filter_map(|(at, column)| {
                    let result = operation.result_type(column.column_type)?;
                    Some(Planned { name: column.name.clone(), result, input: at, operation })
                });
                planned.extend(all);
            }
            for text in texts {
                let (name, input) =
                    text.split_once('=').map_or((text.trim(), text.trim()), |(n, i)| (n.trim(), i.trim()));
                let at = self.position(input)?;
                let column_type = columns[at].column_type;
                let result = operation.result_type(column_type).ok_or_else(|| {
                    Error::type_mismatch(format!(
                        "updateBy: column {input} is {column_type}, of which there is no {}",
                        operation.name()
                    ))
                })?;
                planned.push(Planned { name: name.to_owned(), result, input: at, operation });
            }
        }
        Ok(planned)
    }
}
