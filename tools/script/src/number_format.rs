//! Python's format specifications for `{value:,.2f}`: fill, alignment, sign, width, thousands, precision and kind.

use crate::value::ScriptValue;
use pilaster::base::{Error, Result};

/// Characters that a width or a precision may ask for.
const WIDTH_MAX: usize = 1_000;

#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    plus: bool,
    width: usize,
    thousands: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Formats a value; an empty specification gives what `str` gives.
pub(crate) fn format(value: &ScriptValue, text: &str) -> Result<String> {
    let spec = parse(text)?;
    let wrong = || Error::invalid(format!("the format {text:?} does not fit {}", value.type_name()));
    let (body, is_number) = match (value, spec.kind) {
        (ScriptValue::Int(value), None | Some('d')) if spec.precision.is_none() => {
            (thousands(&value.to_string(), &spec), true)
        }
        (ScriptValue::Int(value), Some('x')) => {
            (if *value < 0 { format!("-{:x}", value.unsigned_abs()) } else { format!("{value:x}") }, true)
        }
        (ScriptValue::Int(value), kind) => (float(*value as f64, kind, &spec).ok_or_else(wrong)?, true),
        (ScriptValue::Float(value), kind) => (float(*value, kind, &spec).ok_or_else(wrong)?, true),
        (ScriptValue::Text(text), None | Some('s')) => {
            (text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect(), false)
        }
        (ScriptValue::Bool(value), None | Some('s')) => ((if *value { "True" } else { "False" }).to_owned(), false),
        (ScriptValue::None, None | Some('s')) => ("None".to_owned(), false),
        (ScriptValue::Other { text, .. }, None | Some('s')) => (text.clone(), false),
        _ => return Err(wrong()),
    };
    let body = if is_number && spec.plus && !body.starts_with('-') { format!("+{body}") } else { body };
    let missing = spec.width.saturating_sub(body.chars().count());
    let fill = |count: usize| spec.fill.unwrap_or(' ').to_string().repeat(count);
    Ok(match spec.align.unwrap_or(if is_number { '>' } else { '<' }) {
        '<' => body + &fill(missing),
        '^' => fill(missing / 2) + &body + &fill(missing - missing / 2),
        '=' => {
            let sign = if body.starts_with(['-', '+']) { 1 } else { 0 };
            body[..sign].to_owned() + &fill(missing) + &body[sign..]
        }
        _ => fill(missing) + &body,
    })
}

fn parse(text: &str) -> Result<Spec> {
    let wrong = || Error::parse(format!("unknown format {text:?}")).hint("such as \",.2f\", \">10\", \"05d\"");
    let mut spec = Spec::default();
    let mut rest: Vec<char> = text.chars().collect();
    rest.reverse();
    let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
    if rest.len() > 1 && is_align(&rest[rest.len() - 2]) {
        spec.fill = rest.pop();
    }
    spec.align = rest.pop_if(|c| is_align(c));
    spec.plus = rest.pop_if(|c| matches!(c, '+' | '-' | ' ')) == Some('+');
    if rest.pop_if(|c| *c == '0').is_some() {
        spec.fill.get_or_insert('0');
        spec.align.get_or_insert('=');
    }
    let number = |rest: &mut Vec<char>| {
        let mut value = None;
        while let Some(digit) = rest.last().and_then(|c| c.to_digit(10)) {
            rest.pop();
            value = Some((value.unwrap_or(0usize) * 10 + digit as usize).min(WIDTH_MAX + 1));
        }
        value
    };
    spec.width = number(&mut rest).unwrap_or(0);
    spec.thousands = rest.pop_if(|c| matches!(c, ',' | '_'));
    if rest.pop_if(|c| *c == '.').is_some() {
        spec.precision = Some(number(&mut rest).ok_or_else(wrong)?);
    }
    spec.kind = rest.pop();
    let known = spec.kind.is_none_or(|kind| "dfFeEgG%xs".contains(kind));
    if !rest.is_empty() || !known || spec.width > WIDTH_MAX || spec.precision.is_some_and(|p| p > WIDTH_MAX) {
        return Err(wrong());
    }
    Ok(spec)
}

fn float(value: f64, kind: Option<char>, spec: &Spec) -> Option<String> {
    if value.is_nan() || value.is_infinite() {
        return Some(
            if value.is_nan() {
                "nan"
            } else if value > 0.0 {
                "inf"
            } else {
                "-inf"
            }
            .to_owned(),
        );
    }
    let precision = spec.precision.unwrap_or(6);
    Some(match kind {
        Some('f' | 'F') => thousands(&format!("{value:.precision$}"), spec),
        Some('%') => thousands(&format!("{:.precision$}", value * 100.0), spec) + "%",
        Some('e') => exponent(value, precision),
        Some('E') => exponent(value, precision).to_uppercase(),
        Some('g' | 'G') => general(value, precision.max(1)),
        None if spec.precision.is_some() => general(value, precision.max(1)),
        None => thousands(&format!("{value:?}"), spec),
        _ => return None,
    })
}

/// `1.50e+03`: at least two digits of exponent.
fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

/// The shorter of fixed and exponent form with a number of significant digits.
fn general(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let power: i64 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    if power < -4 || power >= digits as i64 {
        let text = exponent(value, digits - 1);
        let (digits, power) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{power}", trimmed(digits));
    }
    trimmed(&format!("{value:.*}", usize::try_from(digits as i64 - 1 - power).unwrap_or(0)))
}

/// Separates the thousands of the whole part.
fn thousands(text: &str, spec: &Spec) -> String {
    let Some(separator) = spec.thousands else { return text.to_owned() };
    let end = text.find(['.', 'e']).unwrap_or(text.len());
    let start = usize::from(text.starts_with('-'));
    let mut out = text[..start].to_owned();
    for (at, digit) in text[start..end].char_indices() {
        if at > 0 && (end - start - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_python() {
        let int = ScriptValue::Int;
        let float = ScriptValue::Float;
        for (value, spec, expected) in [
            (int(42), "", "42"),
            (int(1234567), ",", "1,234,567"),
            (int(-1234), ",d", "-1,234"),
            (int(42), "05d", "00042"),
            (int(-42), "05", "-0042"),
            (int(255), "x", "ff"),
            (int(5), "+d", "+5"),
            (int(5), ".1f", "5.0"),
            (float(1234.5678), ",.2f", "1,234.57"),
            (float(2.0 / 3.0), ".3f", "0.667"),
            (float(0.5), "%", "50.000000%"),
            (float(1500.0), ".2e", "1.50e+03"),
            (float(0.00001234), "g", "1.234e-05"),
            (float(123456.0), ".3g", "1.23e+05"),
            (float(100.0), "g", "100"),
            (float(1.5), "8.2f", "    1.50"),
            (float(f64::NAN), ".2f", "nan"),
            (ScriptValue::Text("ab".into()), ">5", "   ab"),
            (ScriptValue::Text("ab".into()), "*^6", "**ab**"),
            (ScriptValue::Text("abc".into()), ".2", "ab"),
            (ScriptValue::None, "6", "None  "),
        ] {
            assert_eq!(format(&value, spec).unwrap(), expected, "{value:?} {spec}");
        }
        for (value, spec) in
            [(int(1), "q"), (int(1), "99999999999999"), (float(1.0), "d"), (float(1.0), "."), (ScriptValue::None, "d")]
        {
            assert!(format(&value, spec).is_err(), "{spec}");
        }
    }
}
