//! Functions on text and numbers that Python has and Starlark does not.

use crate::definition::{Call, Definition, Failure};
use crate::number_format;
use crate::value::ScriptValue;
use pilaster::base::Error;

/// Bare functions.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition { names: &["format"], parameters: &["value", "spec?"], run: format },
    Definition { names: &["sum"], parameters: &["values", "start?"], run: sum },
    Definition { names: &["pow"], parameters: &["base", "exponent"], run: pow },
    Definition { names: &["round"], parameters: &["number", "digits?"], run: round },
];

/// The functions of `urllib.parse`.
pub(super) const URL_FUNCTIONS: &[Definition] = &[
    Definition { names: &["quote"], parameters: &["text", "safe?"], run: quote },
    Definition { names: &["unquote"], parameters: &["text"], run: unquote },
];

/// The functions of `uri`.
pub(super) const URI_FUNCTIONS: &[Definition] = &[Definition {
    names: &["resolve"],
    parameters: &["uri"],
    run: |call| {
        let error = Error::invalid(format!("cannot reach {}: no worker is connected", call.text(0)?))
            .hint("tables of this root are db.t(namespace, table) and db.i(namespace, table)");
        Err(Failure { error, argument: Some(0) })
    },
}];

fn format(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let spec = if call.argument(1).is_some() { call.text(1)? } else { "" };
    let value = call.argument(0).unwrap_or(&ScriptValue::None);
    let text = number_format::format(value, spec).map_err(|error| Failure { error, argument: Some(1) })?;
    Ok(ScriptValue::Text(text))
}

fn sum(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let Some(ScriptValue::List(items)) = call.argument(0) else { return Err(call.wrong(0, "a list of numbers")) };
    let start = call.argument(1).cloned().unwrap_or(ScriptValue::Int(0));
    items.iter().try_fold(start, |sum, item| match (&sum, item) {
        (ScriptValue::Int(a), ScriptValue::Int(b)) => {
            a.checked_add(*b).map(ScriptValue::Int).ok_or_else(|| Error::limit("the sum does not fit 64 bits").into())
        }
        (ScriptValue::Int(a), ScriptValue::Float(b)) => Ok(ScriptValue::Float(*a as f64 + b)),
        (ScriptValue::Float(a), ScriptValue::Int(b)) => Ok(ScriptValue::Float(a + *b as f64)),
        (ScriptValue::Float(a), ScriptValue::Float(b)) => Ok(ScriptValue::Float(a + b)),
        _ => Err(call.wrong(0, "a list of numbers")),
    })
}

/// An int for ints where it fits 64 bits.
fn pow(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    if let (Some(ScriptValue::Int(base)), Some(ScriptValue::Int(exponent @ 0..))) = (call.argument(0), call.argument(1))
    {
        let power = u32::try_from(*exponent).ok().and_then(|exponent| base.checked_pow(exponent));
        return power.map(ScriptValue::Int).ok_or_else(|| {
            Error::limit(format!("{base} to the power of {exponent} does not fit 64 bits"))
                .hint("write the base as a float")
                .into()
        });
    }
    Ok(ScriptValue::Float(call.number(0)?.powf(call.number(1)?)))
}

/// Half to even, as Python does.
fn round(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    if let Some(ScriptValue::Int(value)) = call.argument(0) {
        return Ok(ScriptValue::Int(*value));
    }
    let number = call.number(0)?;
    if matches!(call.argument(1), None | Some(ScriptValue::None)) {
        let whole = number.round_ties_even();
        if whole.is_finite() && whole.abs() < i64::MAX as f64 {
            return Ok(ScriptValue::Int(whole as i64));
        }
        return Err(Failure {
            error: Error::limit(format!("{number} has no whole number of 64 bits")),
            argument: Some(0),
        });
    }
    let digits = call.int(1)?;
    match usize::try_from(digits) {
        // The decimal text rounds the exact value, as Python does.
        Ok(digits) => Ok(ScriptValue::Float(format!("{number:.*}", digits.min(400)).parse().unwrap_or(number))),
        Err(_) => {
            let unit = 10f64.powi(i32::try_from(-digits).unwrap_or(i32::MAX));
            Ok(ScriptValue::Float((number / unit).round_ties_even() * unit))
        }
    }
}

fn quote(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let safe = if call.argument(1).is_some() { call.text(1)? } else { "/" };
    let mut out = String::new();
    for byte in call.text(0)?.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || byte.is_ascii() && safe.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(ScriptValue::Text(out))
}

fn unquote(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let text = call.text(0)?.as_bytes();
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|hex| text[at] == b'%' && hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(hex) => {
                out.extend(u8::from_str_radix(hex, 16));
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    Ok(ScriptValue::Text(String::from_utf8_lossy(&out).into_owned()))
}
