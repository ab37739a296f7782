//! The aggregations that fold the values of a group into one value: their result types and accumulators.

use super::accumulate::Accumulator;
use super::percentile::{Place, percentile};
use super::{big, big_weighted, distinct, moments, order, sum, weighted};
use crate::base::{ColumnType, Result};
use crate::engine::column_source::ColumnSource;
use crate::engine::formula::weighted_type;
use std::sync::Arc;

/// What is computed of one or two columns by group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kernel {
    Sum,
    AbsSum,
    Average,
    Min,
    Max,
    Variance,
    StandardDeviation,
    Percentile(Place),
    /// Counts nulls too, or not.
    CountDistinct {
        nulls: bool,
    },
    /// Of the values (first input) and their weights.
    WeightedAverage,
    WeightedSum,
}

/// The median, as a percentile.
pub(super) const MEDIAN: Kernel = Kernel::Percentile(Place { share: 0.5, average: true });

impl Kernel {
    /// The type of the result for inputs of types; none where the aggregation has no meaning.
    pub(super) fn result_type(self, inputs: &[ColumnType]) -> Option<ColumnType> {
        use ColumnType::{Boolean, Byte, Char, Double, Float, Int, Long, Short};
        let is_number = |input: &ColumnType| matches!(input, Byte | Short | Int | Long | Char | Float | Double);
        let input = *inputs.first()?;
        match self {
            Kernel::CountDistinct { .. } => Some(Long),
            Kernel::WeightedAverage | Kernel::WeightedSum if inputs.iter().any(|input| input.is_big()) => {
                weighted_type(inputs, self == Kernel::WeightedAverage)
            }
            _ if input.is_big() => match self {
                Kernel::Average => Some(ColumnType::BigDecimal),
                Kernel::Variance | Kernel::StandardDeviation => Some(Double),
                _ => Some(input),
            },
            _ if input.is_object() || matches!(input, ColumnType::Array(_)) => None,
            Kernel::Min | Kernel::Max => Some(input),
            Kernel::Sum | Kernel::AbsSum => match input {
                Byte | Short | Int | Long | Char => Some(Long),
                Boolean => Some(Long),
                Float | Double => Some(input),
                _ => None,
            },
            Kernel::Average | Kernel::Variance | Kernel::StandardDeviation => is_number(&input).then_some(Double),
            Kernel::Percentile(Place { average: true, .. }) if matches!(input, Int | Long) => Some(Double),
            Kernel::Percentile(_) => Some(input),
            Kernel::WeightedAverage => inputs.iter().all(is_number).then_some(Double),
            Kernel::WeightedSum => {
                let is_floating = inputs.iter().any(|input| input.is_floating());
                inputs.iter().all(is_number).then_some(if is_floating { Double } else { Long })
            }
        }
    }

    /// What a column that has no such result lacks.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Kernel::Sum | Kernel::AbsSum => "sum",
            Kernel::Average => "average",
            Kernel::WeightedAverage => "weighted average",
            Kernel::WeightedSum => "weighted sum",
            Kernel::Min | Kernel::Max | Kernel::Percentile(_) => "order that aggregations know",
            _ => "variance",
        }
    }

    /// Whether parts of the rows can be accumulated on their own and united; otherwise the states hold all values.
    pub(super) fn is_mergeable(self) -> bool {
        !matches!(self, Kernel::Percentile(_) | Kernel::CountDistinct { .. })
    }

    /// Whether it asks only which values are equal: columns of variable width come as codes then.
    pub(super) fn takes_keys(self) -> bool {
        matches!(self, Kernel::CountDistinct { .. })
    }

    /// The same of numbers of any length.
    fn of_big(self) -> Option<big::Of> {
        Some(match self {
            Kernel::Sum => big::Of::Sum,
            Kernel::AbsSum => big::Of::AbsSum,
            Kernel::Average => big::Of::Average,
            Kernel::Min => big::Of::Min,
            Kernel::Max => big::Of::Max,
            Kernel::Variance => big::Of::Variance,
            Kernel::StandardDeviation => big::Of::StandardDeviation,
            Kernel::Percentile(place) => big::Of::Percentile(place),
            Kernel::CountDistinct { .. } | Kernel::WeightedAverage | Kernel::WeightedSum => return None,
        })
    }

    /// Fresh states of groups. The types have a result, and strings have one symbol table each.
    pub(super) fn accumulator(self, inputs: &[Arc<dyn ColumnSource>], groups: usize) -> Result<Box<dyn Accumulator>> {
        let source = &inputs[0];
        let input = source.column_type();
        if matches!(self, Kernel::WeightedAverage | Kernel::WeightedSum) {
            let types: Vec<ColumnType> = inputs.iter().map(|input| input.column_type()).collect();
            if let Some(result) = self.result_type(&types).filter(|result| result.is_big()) {
                return Ok(big_weighted::of(self == Kernel::WeightedAverage, result, groups));
            }
        }
        if let (true, Some(of)) = (input.is_big(), self.of_big()) {
            return Ok(big::of(of, input, groups));
        }
        Ok(match self {
            Kernel::Sum => sum::sum(input, groups, false),
            Kernel::AbsSum => sum::sum(input, groups, true),
            Kernel::Average => sum::average(input, groups),
            Kernel::Min => order::extreme(input, source.symbols()?, groups, false),
            Kernel::Max => order::extreme(input, source.symbols()?, groups, true),
            Kernel::Variance => moments::variance(input, groups, false),
            Kernel::StandardDeviation => moments::variance(input, groups, true),
            Kernel::Percentile(place) => percentile(input, source.symbols()?, groups, place),
            Kernel::CountDistinct { nulls } => distinct::count(groups, nulls),
            Kernel::WeightedAverage => weighted::average(groups),
            Kernel::WeightedSum => {
                let is_floating = inputs.iter().any(|input| input.column_type().is_floating());
                weighted::sum(groups, is_floating)
            }
        })
    }
}
