//! Date-times: the functions of `dbtu` and the methods of the values.

use crate::definition::{Call, Definition, Failure};
use crate::value::ScriptValue;
use pilaster::base::date_time::parse_date_time;
use pilaster::base::{Error, nulls};

/// The functions of `dbtu`, which are also bare.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition { names: &["nanosToTime"], parameters: &["nanos"], run: |call| instant(call, 1) },
    Definition { names: &["microsToTime"], parameters: &["micros"], run: |call| instant(call, 1_000) },
    Definition { names: &["millisToTime"], parameters: &["millis"], run: |call| instant(call, 1_000_000) },
    Definition { names: &["secondsToTime"], parameters: &["seconds"], run: |call| instant(call, 1_000_000_000) },
    Definition {
        names: &["convertDateTime"],
        parameters: &["text"],
        run: |call| {
            let nanos = parse_date_time(call.text(0)?, None);
            Ok(ScriptValue::DateTime(nanos.map_err(|error| Failure { error, argument: Some(0) })?))
        },
    },
    Definition {
        names: &["currentTime"],
        parameters: &[],
        run: |call| match call.query_scope(std::iter::empty())?.clock {
            Some(clock) => Ok(ScriptValue::DateTime(clock())),
            None => Err(Error::invalid("there is no clock here").into()),
        },
    },
    Definition { names: &["nanos"], parameters: &["instant"], run: |call| part(call, 1) },
    Definition { names: &["millis"], parameters: &["instant"], run: |call| part(call, 1_000_000) },
];

/// The methods of date-times.
pub(super) const METHODS: &[Definition] = &[
    Definition { names: &["getNanos"], parameters: &[], run: |call| Ok(ScriptValue::Int(call.date_time()?)) },
    Definition {
        names: &["getMicros"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Int(call.date_time()?.div_euclid(1_000))),
    },
    Definition {
        names: &["getMillis"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Int(call.date_time()?.div_euclid(1_000_000))),
    },
];

/// The instant of a count of units since the epoch.
fn instant(call: &Call<'_>, unit: i64) -> Result<ScriptValue, Failure> {
    let count = call.int(0)?;
    if count == nulls::NULL_LONG {
        return Ok(ScriptValue::None);
    }
    match count.checked_mul(unit) {
        Some(nanos) if nanos != nulls::NULL_LONG => Ok(ScriptValue::DateTime(nanos)),
        _ => Err(Failure {
            error: Error::limit(format!("{count} is outside of the range of a date-time"))
                .hint("date-times go from 1677-09-21 to 2262-04-11"),
            argument: Some(0),
        }),
    }
}

/// The count of units since the epoch of an instant, rounded down.
fn part(call: &Call<'_>, unit: i64) -> Result<ScriptValue, Failure> {
    match call.argument(0) {
        Some(ScriptValue::DateTime(nanos)) => Ok(ScriptValue::Int(nanos.div_euclid(unit))),
        Some(ScriptValue::None) => Ok(ScriptValue::None),
        _ => Err(call.wrong(0, "a DateTime")),
    }
}
