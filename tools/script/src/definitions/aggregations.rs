//! What `by` and `aggBy` take: `AggSum` and its kind.

use crate::definition::{Call, Definition, Failure};
use crate::handle::Handle;
use crate::value::ScriptValue;
use pilaster::engine::operation::aggregate::{Aggregate, Aggregation};

/// An aggregation of columns alone.
macro_rules! of_columns {
    ([$($name:literal),*], $aggregation:expr) => {
        Definition {
            names: &[$($name),*],
            parameters: &["*cols"],
            run: |call| made(call, $aggregation, 0),
        }
    };
}

/// What the module `agg` of Deephaven Core calls the functions here.
pub(super) const CORE_NAMES: &[(&str, &str)] = &[
    ("sum_", "AggSum"),
    ("abs_sum", "AggAbsSum"),
    ("avg", "AggAvg"),
    ("min_", "AggMin"),
    ("max_", "AggMax"),
    ("std", "AggStd"),
    ("var", "AggVar"),
    ("median", "AggMed"),
    ("first", "AggFirst"),
    ("last", "AggLast"),
    ("unique", "AggUnique"),
    ("count_", "AggCount"),
    ("count_where", "AggCountWhere"),
    ("count_distinct", "AggCountDistinct"),
    ("distinct", "AggDistinct"),
    ("group", "AggGroup"),
    ("formula", "AggFormula"),
    ("pct", "AggPct"),
    ("weighted_avg", "AggWAvg"),
    ("weighted_sum", "AggWSum"),
    ("sorted_first", "AggSortedFirst"),
    ("sorted_last", "AggSortedLast"),
];

/// All functions.
pub(super) const FUNCTIONS: &[Definition] = &[
    of_columns!(["AggSum"], Aggregation::Sum),
    of_columns!(["AggAbsSum"], Aggregation::AbsSum),
    of_columns!(["AggAvg"], Aggregation::Average),
    of_columns!(["AggMin"], Aggregation::Min),
    of_columns!(["AggMax"], Aggregation::Max),
    of_columns!(["AggStd"], Aggregation::StandardDeviation),
    of_columns!(["AggVar"], Aggregation::Variance),
    of_columns!(["AggMed"], Aggregation::Median),
    of_columns!(["AggFirst"], Aggregation::First),
    of_columns!(["AggLast"], Aggregation::Last),
    of_columns!(["AggUnique"], Aggregation::Unique),
    of_columns!(["AggCount"], Aggregation::Count),
    of_columns!(["AggCountDistinct"], Aggregation::CountDistinct { nulls: false }),
    of_columns!(["AggCountDistinctNulls"], Aggregation::CountDistinct { nulls: true }),
    of_columns!(["AggArray", "AggGroup"], Aggregation::Group),
    of_columns!(["AggDistinct"], Aggregation::Distinct { nulls: false }),
    of_columns!(["AggDistinctNulls"], Aggregation::Distinct { nulls: true }),
    Definition {
        names: &["AggFormula"],
        parameters: &["formula", "formula_param", "*cols"],
        run: |call| {
            let (formula, parameter) = (call.text(0)?.to_owned(), call.text(1)?.to_owned());
            made(call, Aggregation::Formula { formula, parameter }, 2)
        },
    },
    Definition {
        names: &["AggCountWhere"],
        parameters: &["col", "*filters"],
        run: |call| {
            let filters = call.strings(1)?.into_iter().map(|(_, text)| text.to_owned()).collect();
            let aggregate = Aggregate::new(Aggregation::CountWhere(filters), &[call.text(0)?]);
            Ok(ScriptValue::Handle(Handle::Aggregates(vec![aggregate])))
        },
    },
    Definition { names: &["AggPct"], parameters: &["percentile", "*cols"], run: |call| percentile(call, false) },
    Definition { names: &["AggPctAvg"], parameters: &["percentile", "*cols"], run: |call| percentile(call, true) },
    Definition {
        names: &["AggWAvg"],
        parameters: &["wcol", "*cols"],
        run: |call| made(call, Aggregation::WeightedAverage(call.text(0)?.to_owned()), 1),
    },
    Definition {
        names: &["AggWSum"],
        parameters: &["wcol", "*cols"],
        run: |call| made(call, Aggregation::WeightedSum(call.text(0)?.to_owned()), 1),
    },
    Definition {
        names: &["AggSortedFirst"],
        parameters: &["order_by", "*cols"],
        run: |call| made(call, Aggregation::SortedFirst(call.names_at(0)?), 1),
    },
    Definition {
        names: &["AggSortedLast"],
        parameters: &["order_by", "*cols"],
        run: |call| made(call, Aggregation::SortedLast(call.names_at(0)?), 1),
    },
    Definition {
        names: &["AggCombo"],
        parameters: &["*aggs"],
        run: |call| Ok(ScriptValue::Handle(Handle::Aggregates(aggregates(call, 0, usize::MAX)?))),
    },
];

/// An aggregation of the columns from an argument on.
fn made(call: &Call<'_>, aggregation: Aggregation, from: usize) -> Result<ScriptValue, Failure> {
    let columns = call.names(from)?;
    if columns.is_empty() {
        return Err(call.wrong(from, "a column"));
    }
    Ok(ScriptValue::Handle(Handle::Aggregates(vec![Aggregate::new(aggregation, &columns)])))
}

/// In Java's order, `AggPct(0.25, "P=V")`; a truth value after the number asks for the mean of two values in the middle.
fn percentile(call: &Call<'_>, average: bool) -> Result<ScriptValue, Failure> {
    let share = call.number(0)?;
    match call.argument(1) {
        Some(ScriptValue::Bool(average)) => made(call, Aggregation::Percentile { share, average: *average }, 2),
        _ => made(call, Aggregation::Percentile { share, average }, 1),
    }
}

/// The aggregations among the arguments from one on and before another, lists of them included.
pub(super) fn aggregates(call: &Call<'_>, from: usize, end: usize) -> Result<Vec<Aggregate>, Failure> {
    let mut all = Vec::new();
    for (at, value) in call.rest(from).filter(|(at, _)| *at < end) {
        let items = match value {
            ScriptValue::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        for item in items {
            match item {
                ScriptValue::Handle(Handle::Aggregates(some)) => all.extend(some.iter().cloned()),
                _ => return Err(call.wrong(at, "an aggregation, as AggSum makes")),
            }
        }
    }
    Ok(all)
}

/// Whether an argument is an aggregation or a list of them.
pub(super) fn is_aggregates(value: &ScriptValue) -> bool {
    match value {
        ScriptValue::Handle(Handle::Aggregates(_)) => true,
        ScriptValue::List(items) => items.first().is_some_and(is_aggregates),
        _ => false,
    }
}
