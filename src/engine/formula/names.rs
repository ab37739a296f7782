//! Names that formulas know without being told: constants, zones, classes.

use crate::base::date_time::{DAY, HOUR, MICRO, MILLI, MINUTE, SECOND, WEEK, YEAR, Zone};
use crate::base::{Result, Value};

/// The classes whose static methods and constants can be called, by their last name.
const CLASSES: [&str; 17] = [
    "BinSearch",
    "Math",
    "StrictMath",
    "Integer",
    "Long",
    "Short",
    "Byte",
    "Float",
    "Double",
    "Boolean",
    "Character",
    "String",
    "QueryConstants",
    "DBTimeUtils",
    "DateTimeUtils",
    "DBTimeZone",
    "Objects",
];

/// True for the path of a known class: `Math`, `java.lang.Math`.
pub(super) fn is_class(path: &[&str]) -> bool {
    let Some((last, packages)) = path.split_last() else { return false };
    CLASSES.contains(last) && packages.iter().all(|part| part.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The value of a constant such as `NULL_INT`, `SECOND`, `Math.PI`. A null constant is typed, so it comes as its sentinel.
pub(super) fn constant(name: &str) -> Option<Value> {
    let (class, plain) = match name.rsplit_once('.') {
        None => ("", name),
        Some((class, plain)) => (class.rsplit('.').next().unwrap_or(class), plain),
    };
    if !class.is_empty() {
        match (class, plain) {
            ("Math" | "StrictMath", "PI") => return Some(Value::Double(std::f64::consts::PI)),
            ("Math" | "StrictMath", "E") => return Some(Value::Double(std::f64::consts::E)),
            ("Integer", "MAX_VALUE") => return Some(Value::Int(i32::MAX)),
            ("Integer", "MIN_VALUE") => return Some(Value::Int(i32::MIN)),
            ("Long", "MAX_VALUE") => return Some(Value::Long(i64::MAX)),
            ("Long", "MIN_VALUE") => return Some(Value::Long(i64::MIN)),
            ("Short", "MAX_VALUE") => return Some(Value::Short(i16::MAX)),
            ("Short", "MIN_VALUE") => return Some(Value::Short(i16::MIN)),
            ("Byte", "MAX_VALUE") => return Some(Value::Byte(i8::MAX)),
            ("Byte", "MIN_VALUE") => return Some(Value::Byte(i8::MIN)),
            ("Double", "MAX_VALUE") => return Some(Value::Double(f64::MAX)),
            ("Double", "MIN_VALUE") => return Some(Value::Double(5e-324)),
            ("Double", "NaN") => return Some(Value::Double(f64::NAN)),
            ("Double", "POSITIVE_INFINITY") => return Some(Value::Double(f64::INFINITY)),
            ("Double", "NEGATIVE_INFINITY") => return Some(Value::Double(f64::NEG_INFINITY)),
            ("Float", "MAX_VALUE") => return Some(Value::Float(f32::MAX)),
            ("Float", "MIN_VALUE") => return Some(Value::Float(1e-45)),
            ("Float", "NaN") => return Some(Value::Float(f32::NAN)),
            ("Float", "POSITIVE_INFINITY") => return Some(Value::Float(f32::INFINITY)),
            ("Float", "NEGATIVE_INFINITY") => return Some(Value::Float(f32::NEG_INFINITY)),
            // Whatever is found of several, the lowest is one.
            ("BinSearch", "BS_ANY") => return Some(Value::Int(0)),
            ("BinSearch", "BS_HIGHEST") => return Some(Value::Int(1)),
            ("BinSearch", "BS_LOWEST") => return Some(Value::Int(2)),
            ("QueryConstants" | "DBTimeUtils" | "DateTimeUtils", _) => {}
            _ => return None,
        }
    }
    Some(match plain {
        "NULL_BYTE" => Value::Byte(i8::MIN),
        "NULL_SHORT" => Value::Short(i16::MIN),
        "NULL_CHAR" => Value::Char(crate::base::nulls::NULL_CHAR),
        "NULL_INT" => Value::Int(i32::MIN),
        "NULL_LONG" => Value::Long(i64::MIN),
        "NULL_FLOAT" => Value::Float(-f32::MAX),
        "NULL_DOUBLE" => Value::Double(-f64::MAX),
        // The least and greatest numbers that are not null.
        "MIN_BYTE" => Value::Byte(i8::MIN + 1),
        "MAX_BYTE" => Value::Byte(i8::MAX),
        "MIN_SHORT" => Value::Short(i16::MIN + 1),
        "MAX_SHORT" => Value::Short(i16::MAX),
        "MIN_CHAR" => Value::Char(0),
        "MAX_CHAR" => Value::Char(crate::base::nulls::NULL_CHAR - 1),
        "MIN_INT" => Value::Int(i32::MIN + 1),
        "MAX_INT" => Value::Int(i32::MAX),
        "MIN_LONG" => Value::Long(i64::MIN + 1),
        "MAX_LONG" => Value::Long(i64::MAX),
        "MIN_FLOAT" | "NEG_INFINITY_FLOAT" => Value::Float(f32::NEG_INFINITY),
        "MAX_FLOAT" | "POS_INFINITY_FLOAT" => Value::Float(f32::INFINITY),
        "MIN_FINITE_FLOAT" => Value::Float((-f32::MAX).next_up()),
        "MAX_FINITE_FLOAT" => Value::Float(f32::MAX),
        "MIN_POS_FLOAT" => Value::Float(1e-45),
        "NAN_FLOAT" => Value::Float(f32::NAN),
        "MIN_DOUBLE" | "NEG_INFINITY_DOUBLE" => Value::Double(f64::NEG_INFINITY),
        "MAX_DOUBLE" | "POS_INFINITY_DOUBLE" | "Infinity" => Value::Double(f64::INFINITY),
        "MIN_FINITE_DOUBLE" => Value::Double((-f64::MAX).next_up()),
        "MAX_FINITE_DOUBLE" => Value::Double(f64::MAX),
        "MIN_POS_DOUBLE" => Value::Double(5e-324),
        "NAN_DOUBLE" | "NaN" => Value::Double(f64::NAN),
        "PI" => Value::Double(std::f64::consts::PI),
        "E" => Value::Double(std::f64::consts::E),
        "MICRO" => Value::Long(MICRO),
        "MILLI" => Value::Long(MILLI),
        "SECOND" => Value::Long(SECOND),
        "MINUTE" => Value::Long(MINUTE),
        "HOUR" => Value::Long(HOUR),
        "DAY" => Value::Long(DAY),
        "WEEK" => Value::Long(WEEK),
        "YEAR" | "YEAR_365" => Value::Long(YEAR),
        // 365.2425 days.
        "YEAR_AVG" => Value::Long(31_556_952 * SECOND),
        _ => return None,
    })
}

/// The zone of `TZ_NY` and its like; none for other names, an error for a `TZ_` that is no zone.
pub(super) fn zone(name: &str) -> Option<Result<Zone>> {
    name.strip_prefix("TZ_").map(Zone::named)
}

/// The UTF-16 unit of a text that is one; escapes as in Java.
pub(super) fn character(text: &str) -> Option<u16> {
    let plain = match text.strip_prefix('\\') {
        Some("n") => "\n",
        Some("t") => "\t",
        Some("r") => "\r",
        Some("0") => "\0",
        Some(escaped @ ("'" | "\\" | "\"" | "`")) => escaped,
        Some(_) | None => text,
    };
    let mut units = plain.encode_utf16();
    match (units.next(), units.next()) {
        (Some(unit), None) => Some(unit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_characters() {
        assert!(is_class(&["Math"]) && is_class(&["java", "lang", "Math"]));
        assert!(!is_class(&["Bid"]) && !is_class(&["Bid", "Math"]) && !is_class(&[]));
        assert_eq!(character("a"), Some(97));
        assert_eq!(character("\\n"), Some(10));
        assert_eq!(character("\\"), Some(92));
        assert_eq!((character(""), character("ab"), character("😀")), (None, None, None));
    }
}
