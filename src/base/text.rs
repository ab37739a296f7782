//! Values as text: the kernels that read a field of a CSV file into a typed value, and the forms in which we write values.
//!
//! Reading is exact: a number out of its type's range, or equal to the value that stands for null, is refused rather than
//! changed. Surrounding spaces and what means null are the caller's business.

mod date_times;
mod number_style;
mod numbers;

pub use date_times::{DateTimeForm, DateTimeReader, EpochUnit};
pub use number_style::NumberStyle;
pub use numbers::write_integer;

use super::array_text::{DateTimeText, parse_array, parse_base64, parse_set, write_base64, write_element};
use super::big_decimal::parse_integer;
use super::date_time;
use super::{Boolean, ColumnType, Error, Primitive, Result, Value};
use std::io::Write;

/// Why a text is not a value of the type wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is of another form.
    NotOfType,
    /// It is a number that the type cannot hold.
    OutOfRange,
    /// It is the number that stands for null in this type.
    Reserved,
}

impl Refusal {
    /// The error for a text (shown in part) and the type wanted.
    pub fn error(self, text: &[u8], wanted: ColumnType) -> Error {
        let text = String::from_utf8_lossy(text);
        let shown: String = text.chars().take(60).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        let article = if wanted == ColumnType::Int { "an" } else { "a" };
        match self {
            Refusal::NotOfType => Error::parse(format!("{shown:?}{more} is not {article} {wanted}")),
            Refusal::OutOfRange => Error::parse(format!("{shown:?}{more} is out of the range of {wanted}")),
            Refusal::Reserved => Error::parse(format!("{shown:?}{more} stands for null in {article} {wanted} column"))
                .hint(match wanted {
                    ColumnType::Byte | ColumnType::Short | ColumnType::Int => "a wider type can hold it",
                    _ => "leave the field empty if null is meant",
                }),
        }
    }
}

/// A primitive that can be read from text.
pub trait FromText: Primitive {
    /// The value of a whole text, without surrounding spaces.
    fn from_text(text: &[u8]) -> Result<Self, Refusal>;
}

macro_rules! integer_from_text {
    ($($t:ty),*) => {$(
        impl FromText for $t {
            #[inline]
            fn from_text(text: &[u8]) -> Result<Self, Refusal> {
                let wide = long_from_text(text)?;
                let value = <$t>::try_from(wide).map_err(|_| Refusal::OutOfRange)?;
                if value.is_null() { Err(Refusal::Reserved) } else { Ok(value) }
            }
        }
    )*};
}
integer_from_text!(i8, i16, i32, i64);

macro_rules! float_from_text {
    ($t:ty, $exact_digits_max:expr, $powers:expr) => {
        impl FromText for $t {
            #[inline]
            fn from_text(text: &[u8]) -> Result<Self, Refusal> {
                // A mantissa and a power of ten that are both exact give the correctly rounded quotient in one division.
                if let Some((negative, mantissa, scale)) = short_decimal(text) {
                    if mantissa <= $exact_digits_max && scale < $powers.len() {
                        let value = mantissa as $t / $powers[scale];
                        return Ok(if negative { -value } else { value });
                    }
                }
                let value: $t = short_text(text).and_then(|text| text.parse().ok()).ok_or(Refusal::NotOfType)?;
                if value.is_null() {
                    return Err(Refusal::Reserved);
                }
                // Digits that give infinity are a number too large; the words `inf` and `Infinity` are meant.
                if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
                    return Err(Refusal::OutOfRange);
                }
                Ok(value)
            }
        }
    };
}
float_from_text!(f64, 1 << 53, POWERS_F64);
float_from_text!(f32, 1 << 24, POWERS_F32);

const POWERS_F64: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
const POWERS_F32: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

impl FromText for Boolean {
    /// `true` or `false`, whatever the case.
    #[inline]
    fn from_text(text: &[u8]) -> Result<Self, Refusal> {
        if text.eq_ignore_ascii_case(b"true") {
            Ok(Boolean::TRUE)
        } else if text.eq_ignore_ascii_case(b"false") {
            Ok(Boolean::FALSE)
        } else {
            Err(Refusal::NotOfType)
        }
    }
}

impl FromText for u16 {
    /// Exactly one character of the basic plane.
    #[inline]
    fn from_text(text: &[u8]) -> Result<Self, Refusal> {
        if let [byte @ 0..0x80] = text {
            return Ok(u16::from(*byte));
        }
        let text = std::str::from_utf8(text).map_err(|_| Refusal::NotOfType)?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(c), None) => {
                let unit = u16::try_from(u32::from(c)).map_err(|_| Refusal::OutOfRange)?;
                if unit.is_null() { Err(Refusal::Reserved) } else { Ok(unit) }
            }
            _ => Err(Refusal::NotOfType),
        }
    }
}

/// The value of one text; for single values, columns use the kernels. The empty text is the empty string, and no value of any other type.
pub fn parse_value(text: &str, wanted: ColumnType, date_times: &mut DateTimeReader) -> Result<Value> {
    parse_text(text.as_bytes(), wanted, date_times).map_err(|refusal| refusal.error(text.as_bytes(), wanted))
}

/// The value of the bytes of one text of any type: what a field of a CSV file holds, without its quotes.
pub fn parse_text(bytes: &[u8], wanted: ColumnType, date_times: &mut DateTimeReader) -> Result<Value, Refusal> {
    let text = || std::str::from_utf8(bytes).map_err(|_| Refusal::NotOfType);
    match wanted {
        ColumnType::String => text().map(Value::string),
        ColumnType::Char => u16::from_text(bytes).map(Value::Char),
        ColumnType::Boolean => Boolean::from_text(bytes).map(|value| Value::Boolean(value == Boolean::TRUE)),
        ColumnType::Byte => i8::from_text(bytes).map(Value::Byte),
        ColumnType::Short => i16::from_text(bytes).map(Value::Short),
        ColumnType::Int => i32::from_text(bytes).map(Value::Int),
        ColumnType::Long => i64::from_text(bytes).map(Value::Long),
        ColumnType::Float => f32::from_text(bytes).map(Value::Float),
        ColumnType::Double => f64::from_text(bytes).map(Value::Double),
        ColumnType::DateTime => date_times.read(bytes).map(Value::DateTime),
        ColumnType::BigInteger => parse_integer(text()?).map(Value::big_integer).ok_or(Refusal::NotOfType),
        ColumnType::BigDecimal => text()?.parse().map(Value::big_decimal).map_err(|_| Refusal::NotOfType),
        ColumnType::StringSet => parse_set(bytes).map(Value::StringSet),
        ColumnType::Blob => parse_base64(bytes).map(|bytes| Value::Blob(bytes.into())).ok_or(Refusal::NotOfType),
        ColumnType::Array(array) => parse_array(bytes, array.element(), date_times),
    }
}

/// Appends a value as a CSV field: null is nothing at all, the empty string `""`; floats have the fewest digits that read back
/// the same; date-times are ISO-8601 with nine digits and `Z`; numbers of any length are those of Java; arrays and sets are as in
/// [`super::array_text`], bytes are base64. A field is quoted where reading it back needs that.
pub fn write_csv_value(value: &Value, delimiter: u8, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) => write_csv_text(text, delimiter, out),
        Value::Char(unit) => {
            let c = char::from_u32(u32::from(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
            write_csv_text(c.encode_utf8(&mut [0; 4]), delimiter, out);
        }
        Value::StringSet(_) | Value::Array { .. } => {
            let mut text = Vec::new();
            write_element(value, DateTimeText::Iso, &mut text);
            write_csv_text(&String::from_utf8_lossy(&text), delimiter, out);
        }
        Value::Blob(bytes) => {
            let mut text = Vec::new();
            write_base64(bytes, &mut text);
            write_csv_text(&String::from_utf8_lossy(&text), delimiter, out);
        }
        scalar => write_scalar(scalar, out),
    }
}

/// Appends a number, truth value or date-time as CSV and arrays have it; nothing for other values.
pub(super) fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    match value {
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Byte(value) => write_integer(i64::from(*value), out),
        Value::Short(value) => write_integer(i64::from(*value), out),
        Value::Int(value) => write_integer(i64::from(*value), out),
        Value::Long(value) => write_integer(*value, out),
        Value::Float(value) => write_float(f64::from(*value), &format_args!("{value:?}"), out),
        Value::Double(value) if numbers::write_short_decimal(*value, out) => {}
        Value::Double(value) => write_float(*value, &format_args!("{value:?}"), out),
        Value::DateTime(nanos) => date_time::write_iso(*nanos, out),
        Value::BigDecimal(value) => drop(write!(out, "{value}")),
        Value::BigInteger(value) => drop(write!(out, "{value}")),
        Value::Null
        | Value::String(_)
        | Value::Char(_)
        | Value::StringSet(_)
        | Value::Blob(_)
        | Value::Array { .. } => {}
    }
}

/// Appends a text as a CSV field that is read back as the same text, never as null.
pub fn write_csv_text(text: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |c: u8| c == delimiter || matches!(c, b'"' | b'\n' | b'\r' | b'\\');
    let bytes = text.as_bytes();
    let outer_space = |c: Option<&u8>| c.is_none_or(|c| c.is_ascii_whitespace());
    let quoted = outer_space(bytes.first())
        || outer_space(bytes.last())
        || bytes[0] == b'#'
        || text == "(null)"
        || bytes.iter().any(|&c| special(c));
    if !quoted {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &c in bytes {
        if c == b'"' {
            out.push(b'"');
        }
        out.push(c);
    }
    out.push(b'"');
}

fn write_float(value: f64, shortest: &std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else {
        drop(out.write_fmt(*shortest));
    }
}

/// An integer of 64 bits, the null of `long` included: narrower types test their own.
#[inline]
fn long_from_text(text: &[u8]) -> Result<i64, Refusal> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.iter().any(|c| !c.is_ascii_digit()) {
        return Err(Refusal::NotOfType);
    }
    let number =
        |digits: &[u8]| digits.iter().fold(0i64, |sum, c| sum.wrapping_mul(10).wrapping_add(i64::from(c - b'0')));
    if digits.len() <= 18 {
        let number = number(digits);
        return Ok(if negative { -number } else { number });
    }
    let mut sum = 0i64;
    for c in digits {
        let digit = i64::from(c - b'0');
        let next = sum.checked_mul(10).and_then(|s| s.checked_sub(digit));
        sum = next.ok_or(Refusal::OutOfRange)?;
    }
    if negative { Ok(sum) } else { sum.checked_neg().ok_or(Refusal::OutOfRange) }
}

/// Sign, digits as one number and how many of them are behind the point, of a decimal with at most 19 digits.
#[inline]
fn short_decimal(text: &[u8]) -> Option<(bool, u64, usize)> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut mantissa = 0u64;
    let mut point = None;
    for (at, &c) in digits.iter().enumerate() {
        let digit = c.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if c == b'.' && point.is_none() && digits.len() > 1 {
            point = Some(at);
        } else {
            return None;
        }
    }
    Some((negative, mantissa, point.map_or(0, |at| digits.len() - 1 - at)))
}

#[inline]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// A text that a general parser may look at: it bounds what a hostile field can cost.
fn short_text(text: &[u8]) -> Option<&str> {
    if text.len() > 4_096 {
        return None;
    }
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::date_time::Zone;
    use proptest::prelude::*;

    fn parse(text: &str, wanted: ColumnType) -> Result<Value> {
        parse_value(text, wanted, &mut DateTimeReader::new(Some(&Zone::utc()), DateTimeForm::Epoch(EpochUnit::Millis)))
    }

    #[test]
    fn texts_that_are_values() {
        use ColumnType::*;
        for (wanted, text, expected) in [
            (String, "", Value::string("")),
            (String, "é,\"", Value::string("é,\"")),
            (Char, "Q", Value::Char(81)),
            (Char, "é", Value::Char(233)),
            (Char, " ", Value::Char(32)),
            (Boolean, "TRUE", Value::Boolean(true)),
            (Boolean, "False", Value::Boolean(false)),
            (Byte, "-127", Value::Byte(-127)),
            (Byte, "+127", Value::Byte(127)),
            (Short, "32767", Value::Short(32767)),
            (Int, "-2147483647", Value::Int(-2147483647)),
            (Int, "007", Value::Int(7)),
            (Long, "9223372036854775807", Value::Long(i64::MAX)),
            (Long, "-9223372036854775807", Value::Long(-i64::MAX)),
            (Long, "0000000000000000000000001", Value::Long(1)),
            (Float, "0.1", Value::Float(0.1)),
            (Float, "16777217", Value::Float(16777216.0)),
            (Float, "3.4028235E38", Value::Float(f32::MAX)),
            (Double, "183.63", Value::Double(183.63)),
            (Double, "-0", Value::Double(-0.0)),
            (Double, "1.", Value::Double(1.0)),
            (Double, ".5", Value::Double(0.5)),
            (Double, "1e-7", Value::Double(1e-7)),
            (Double, "4.9E-324", Value::Double(5e-324)),
            (Double, "1.7976931348623157e308", Value::Double(f64::MAX)),
            (Double, "Infinity", Value::Double(f64::INFINITY)),
            (Double, "-inf", Value::Double(f64::NEG_INFINITY)),
            (DateTime, "1970-01-01T00:00:01Z", Value::DateTime(1_000_000_000)),
            (DateTime, "1970-01-01 00:00:01", Value::DateTime(1_000_000_000)),
            (DateTime, "1000", Value::DateTime(1_000_000_000)),
        ] {
            assert_eq!(parse(text, wanted).unwrap(), expected, "{text} as {wanted}");
        }
        let Value::Double(zero) = parse("-0.0", Double).unwrap() else { unreachable!() };
        assert!(zero.is_sign_negative());
        let Value::Double(nan) = parse("NaN", Double).unwrap() else { unreachable!() };
        assert!(nan.is_nan());
    }

    #[test]
    fn texts_that_are_not() {
        use ColumnType::*;
        for (wanted, text, part) in [
            (Char, "", "is not a char"),
            (Char, "ab", "is not a char"),
            (Char, "😀", "out of the range"),
            (Char, "\u{FFFE}", "stands for null"),
            (Boolean, "yes", "is not a boolean"),
            (Boolean, "1", "is not a boolean"),
            (Byte, "128", "out of the range of byte"),
            (Byte, "-128", "stands for null"),
            (Short, "-32769", "out of the range"),
            (Int, "12x7", "\"12x7\" is not an int"),
            (Int, "", "is not an int"),
            (Int, "-", "is not an int"),
            (Int, "1.0", "is not an int"),
            (Int, " 1", "is not an int"),
            (Int, "2147483648", "out of the range of int"),
            (Int, "-2147483648", "a wider type can hold it"),
            (Long, "9223372036854775808", "out of the range"),
            (Long, "-9223372036854775808", "stands for null"),
            (Long, "99999999999999999999999999", "out of the range"),
            (Float, "1e39", "out of the range"),
            (Float, "-3.4028235e38", "stands for null"),
            (Double, "1e400", "out of the range"),
            (Double, "-1.7976931348623157E308", "stands for null"),
            (Double, ".", "is not a double"),
            (Double, "1,5", "is not a double"),
            (Double, "0x10", "is not a double"),
            (DateTime, "yesterday", "is not a DateTime"),
            (DateTime, "9223372036854775807", "is not a DateTime"),
        ] {
            let message = parse(text, wanted).map(|v| format!("{v:?}")).unwrap_or_else(|e| e.to_string());
            let fits = message.contains(part) || (wanted == DateTime && message.contains("out of the range"));
            assert!(fits, "{text} as {wanted}: {message}");
        }
    }

    #[test]
    fn csv_fields() {
        for (value, expected) in [
            (Value::Null, ""),
            (Value::string(""), "\"\""),
            (Value::string("a b"), "a b"),
            (Value::string(" a"), "\" a\""),
            (Value::string("(null)"), "\"(null)\""),
            (Value::string("a,b\"c\nd"), "\"a,b\"\"c\nd\""),
            (Value::string("#x"), "\"#x\""),
            (Value::Char(44), "\",\""),
            (Value::Char(0xD83D), "\u{FFFD}"),
            (Value::Boolean(true), "true"),
            (Value::Long(-5), "-5"),
            (Value::Double(180.0), "180.0"),
            (Value::Double(0.1 + 0.2), "0.30000000000000004"),
            (Value::Double(1e300), "1e300"),
            (Value::Double(f64::NEG_INFINITY), "-Infinity"),
            (Value::Double(f64::NAN), "NaN"),
            (Value::Float(0.1), "0.1"),
            (Value::DateTime(0), "1970-01-01T00:00:00.000000000Z"),
        ] {
            let mut out = Vec::new();
            write_csv_value(&value, b',', &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{value:?}");
        }
    }

    fn written(value: Value) -> String {
        let mut out = Vec::new();
        write_csv_value(&value, b',', &mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_round_trip(double in any::<f64>(), float in any::<f32>(), long in i64::MIN + 1.., byte in -127i8..) {
            for value in [Value::Double(double), Value::Float(float), Value::Long(long), Value::Byte(byte), Value::DateTime(long)] {
                let wanted = value.column_type().unwrap();
                prop_assert_eq!(parse(&written(value.clone()), wanted).unwrap(), value);
            }
        }

        #[test]
        fn floats_are_those_of_the_standard_library(text in "[+-]?[0-9]{0,20}(\\.[0-9]{0,12})?(e-?[0-9]{1,3})?") {
            let ours = f64::from_text(text.as_bytes()).ok();
            prop_assert_eq!(ours, text.parse::<f64>().ok().filter(|v| v.is_finite()));
            let ours = f32::from_text(text.as_bytes()).ok();
            prop_assert_eq!(ours, text.parse::<f32>().ok().filter(|v| v.is_finite()));
        }

        #[test]
        fn integers_are_those_of_the_standard_library(text in "[+-]?[0-9]{0,20}[x.]?") {
            let value = |v: Option<i64>| v.filter(|v| !v.is_null());
            prop_assert_eq!(i64::from_text(text.as_bytes()).ok(), value(text.parse().ok()));
            prop_assert_eq!(i16::from_text(text.as_bytes()).ok(), text.parse::<i16>().ok().filter(|v| !v.is_null()));
        }
    }
}
