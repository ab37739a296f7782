//! Constants of the language.

use crate::value::ScriptValue;
use pilaster::base::nulls;

/// A number that can be written in a table of constants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constant {
    /// An int.
    Int(i64),
    /// A float.
    Float(f64),
}

impl Constant {
    /// As a value of a script.
    pub(crate) fn value(self) -> ScriptValue {
        match self {
            Constant::Int(value) => ScriptValue::Int(value),
            Constant::Float(value) => ScriptValue::Float(value),
        }
    }
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3600 * SECOND;

/// Lengths of time in nanoseconds; a year has 365 days.
pub(super) const TIME: &[(&str, Constant)] = &[
    ("MICRO", Constant::Int(1_000)),
    ("MILLI", Constant::Int(1_000_000)),
    ("SECOND", Constant::Int(SECOND)),
    ("MINUTE", Constant::Int(60 * SECOND)),
    ("HOUR", Constant::Int(3600 * SECOND)),
    ("DAY", Constant::Int(DAY)),
    ("WEEK", Constant::Int(7 * DAY)),
    ("YEAR", Constant::Int(365 * DAY)),
];

/// The values that stand for null in columns of each type.
pub(super) const NULLS: &[(&str, Constant)] = &[
    ("NULL_BYTE", Constant::Int(nulls::NULL_BYTE as i64)),
    ("NULL_SHORT", Constant::Int(nulls::NULL_SHORT as i64)),
    ("NULL_CHAR", Constant::Int(nulls::NULL_CHAR as i64)),
    ("NULL_INT", Constant::Int(nulls::NULL_INT as i64)),
    ("NULL_LONG", Constant::Int(nulls::NULL_LONG)),
    ("NULL_FLOAT", Constant::Float(nulls::NULL_FLOAT as f64)),
    ("NULL_DOUBLE", Constant::Float(nulls::NULL_DOUBLE)),
];
