//! What `updateBy` takes: `CumSum` and its kind.

use crate::definition::{Call, Definition, Failure};
use crate::handle::Handle;
use crate::value::ScriptValue;
use pilaster::base::Error;
use pilaster::base::date_time::parse_duration;
use pilaster::engine::operation::update_by::{
    Decay, DeltaMode, Exponential, Rolling, UpdateBy, UpdateOperation, Window,
};

macro_rules! of_columns {
    ([$($name:literal),*], $operation:expr) => {
        Definition { names: &[$($name),*], parameters: &["*cols"], run: |call| made(call, $operation, 0) }
    };
}

macro_rules! exponential {
    ([$($name:literal),*], [$($timed:literal),*], $kind:expr) => {
        [
            Definition {
                names: &[$($name),*],
                parameters: &["decay_ticks", "*cols"],
                run: |call| made(call, UpdateOperation::Exponential($kind, by_ticks(call)?), 1),
            },
            Definition {
                names: &[$($timed),*],
                parameters: &["ts_col", "decay_time", "*cols"],
                run: |call| {
                    let decay = Decay::Time(call.text(0)?.to_owned(), positive(call, 1)?);
                    made(call, UpdateOperation::Exponential($kind, decay), 2)
                },
            },
        ]
    };
}

macro_rules! rolling {
    ([$($name:literal),*], [$($timed:literal),*], $kind:expr) => {
        [
            Definition {
                names: &[$($name),*],
                parameters: &["rev_ticks", "fwd_ticks", "*cols"],
                run: |call| made(call, UpdateOperation::Rolling($kind, ticks(call)?), 2),
            },
            Definition {
                names: &[$($timed),*],
                parameters: &["ts_col", "rev_time", "fwd_time", "*cols"],
                run: |call| made(call, UpdateOperation::Rolling($kind, times(call)?), 3),
            },
        ]
    };
}

/// All functions.
pub(super) const FUNCTIONS: &[&[Definition]] = &[
    &[
        of_columns!(["CumSum"], UpdateOperation::CumulativeSum),
        of_columns!(["CumProd"], UpdateOperation::CumulativeProduct),
        of_columns!(["CumMin"], UpdateOperation::CumulativeMin),
        of_columns!(["CumMax"], UpdateOperation::CumulativeMax),
        of_columns!(["Fill", "ForwardFill"], UpdateOperation::Fill),
        of_columns!(["Delta"], UpdateOperation::Delta(DeltaMode::NullDominates)),
        Definition { names: &["DeltaMode"], parameters: &["mode", "*cols"], run: delta },
        Definition {
            names: &["RollingWAvg", "RollingWAvgTick"],
            parameters: &["rev_ticks", "fwd_ticks", "wcol", "*cols"],
            run: |call| {
                let kind = Rolling::WeightedAverage(call.text(2)?.to_owned());
                made(call, UpdateOperation::Rolling(kind, ticks(call)?), 3)
            },
        },
        Definition {
            names: &["RollingWAvgTime"],
            parameters: &["ts_col", "rev_time", "fwd_time", "wcol", "*cols"],
            run: |call| {
                let kind = Rolling::WeightedAverage(call.text(3)?.to_owned());
                made(call, UpdateOperation::Rolling(kind, times(call)?), 4)
            },
        },
    ],
    &exponential!(["Ema", "EmaTick"], ["EmaTime"], Exponential::Average),
    &exponential!(["Ems", "EmsTick"], ["EmsTime"], Exponential::Sum),
    &exponential!(["EmMin", "EmminTick"], ["EmMinTime", "EmminTime"], Exponential::Min),
    &exponential!(["EmMax", "EmmaxTick"], ["EmMaxTime", "EmmaxTime"], Exponential::Max),
    &exponential!(["EmStd", "EmstdTick"], ["EmStdTime", "EmstdTime"], Exponential::Deviation),
    &rolling!(["RollingSum", "RollingSumTick"], ["RollingSumTime"], Rolling::Sum),
    &rolling!(["RollingAvg", "RollingAvgTick"], ["RollingAvgTime"], Rolling::Average),
    &rolling!(["RollingMin", "RollingMinTick"], ["RollingMinTime"], Rolling::Min),
    &rolling!(["RollingMax", "RollingMaxTick"], ["RollingMaxTime"], Rolling::Max),
    &rolling!(["RollingProd", "RollingProdTick"], ["RollingProdTime"], Rolling::Product),
    &rolling!(["RollingCount", "RollingCountTick"], ["RollingCountTime"], Rolling::Count),
    &rolling!(["RollingStd", "RollingStdTick"], ["RollingStdTime"], Rolling::Deviation),
    &rolling!(["RollingGroup", "RollingGroupTick"], ["RollingGroupTime"], Rolling::Group),
];

fn made(call: &Call<'_>, operation: UpdateOperation, from: usize) -> Result<ScriptValue, Failure> {
    Ok(ScriptValue::Handle(Handle::Updates(vec![UpdateBy::new(operation, &call.names(from)?)])))
}

fn delta(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let mode = match call.text(0)? {
        "NullDominates" => DeltaMode::NullDominates,
        "ValueDominates" => DeltaMode::ValueDominates,
        "ZeroDominates" => DeltaMode::ZeroDominates,
        _ => return Err(call.wrong(0, "NullDominates, ValueDominates or ZeroDominates")),
    };
    made(call, UpdateOperation::Delta(mode), 1)
}

fn ticks(call: &Call<'_>) -> Result<Window, Failure> {
    Ok(Window::Ticks(call.int(0)?, call.int(1)?))
}

fn times(call: &Call<'_>) -> Result<Window, Failure> {
    Ok(Window::Time(call.text(0)?.to_owned(), nanos(call, 1)?, nanos(call, 2)?))
}

fn by_ticks(call: &Call<'_>) -> Result<Decay, Failure> {
    match call.number(0)? {
        ticks if ticks > 0.0 => Ok(Decay::Ticks(ticks)),
        _ => Err(call.wrong(0, "a number above 0")),
    }
}

/// A length of time: nanoseconds, or text such as `PT00:01:00` or `PT1M`.
fn nanos(call: &Call<'_>, at: usize) -> Result<i64, Failure> {
    match call.argument(at) {
        Some(ScriptValue::Int(nanos)) => Ok(*nanos),
        Some(ScriptValue::Text(text)) => parse_duration(text).map_err(|error| Failure { error, argument: Some(at) }),
        _ => Err(call.wrong(at, "a length of time, as \"PT1M\" or a number of nanoseconds")),
    }
}

fn positive(call: &Call<'_>, at: usize) -> Result<i64, Failure> {
    match nanos(call, at)? {
        nanos if nanos > 0 => Ok(nanos),
        _ => Err(Failure { error: Error::invalid("the time of decay is not above 0"), argument: Some(at) }),
    }
}

/// The operations in one argument, a list or one.
pub(super) fn updates(call: &Call<'_>, at: usize) -> Result<Vec<UpdateBy>, Failure> {
    let items = match call.argument(at) {
        Some(ScriptValue::List(items)) => items.as_slice(),
        Some(other) => std::slice::from_ref(other),
        None => &[],
    };
    let mut all = Vec::new();
    for item in items {
        match item {
            ScriptValue::Handle(Handle::Updates(some)) => all.extend(some.iter().cloned()),
            _ => return Err(call.wrong(at, "operations, as CumSum makes")),
        }
    }
    Ok(all)
}
