//! Lengths of time as text: `PT00:01:00`, `PT1H30M`, `P1DT0.5S`.

use crate::base::{Error, Result};

const SECOND: i64 = 1_000_000_000;

/// The nanoseconds of a length of time: `P`, days or weeks, then `T` and hours, minutes and seconds, either with letters (`PT1H30M5.5S`) or with
/// colons (`PT01:30:05.5`). A leading minus negates, and so does one before a number what that counts (`PT-10S`), or before colons all that they
/// count. Errs for other text and beyond the range of a long.
pub fn parse_duration(text: &str) -> Result<i64> {
    let parsed = || {
        let (negative, rest) = text.trim().strip_prefix('-').map_or((false, text.trim()), |rest| (true, rest));
        let rest = rest.strip_prefix(['P', 'p'])?;
        let (days, clock) = match rest.find(['T', 't']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let mut nanos = units(days, &[('W', 7 * 86_400 * SECOND), ('D', 86_400 * SECOND)])?;
        let clock_nanos = match clock {
            Some("") => return None,
            Some(clock) if clock.contains(':') => match clock.strip_prefix('-') {
                Some(clock) => -colons(clock)?,
                None => colons(clock)?,
            },
            Some(clock) => units(clock, &[('H', 3_600 * SECOND), ('M', 60 * SECOND), ('S', SECOND)])?,
            None if days.is_empty() => return None,
            None => 0,
        };
        nanos = nanos.checked_add(clock_nanos)?;
        if negative { nanos.checked_neg() } else { Some(nanos) }
    };
    parsed().ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::parse(format!("{shown:?} is no length of time"))
            .hint("it is written as \"PT1M\", \"PT00:00:30\" or \"P1D\"")
    })
}

/// A length of time that may have months, which differ in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Months, twelve a year.
    pub months: i64,
    /// Nanoseconds of everything else; a day has 24 hours.
    pub nanos: i64,
}

/// Reads what formulas write between single quotes for lengths of time: `PT1H30M`, `P1Y2M3DT4H`, the same without the `P` (`1D`, `T5m`), and
/// times of day (`04:30`, `16:00:00.5`), which are the time since midnight. None for other text and beyond the range of a long.
pub fn parse_period(text: &str) -> Option<Period> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let sign = if negative { -1 } else { 1 };
    if rest.contains(':') && !rest.contains('-') && rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(Period { months: 0, nanos: sign * colons(rest)? });
    }
    let rest = rest.strip_prefix(['P', 'p']).unwrap_or(rest);
    let (date, clock) = rest.find(['T', 't']).map_or((rest, None), |at| (&rest[..at], Some(&rest[at..])));
    if date.is_empty() && clock.is_none() {
        return None;
    }
    let end = date.rfind(['Y', 'y', 'M', 'm']).map_or(0, |at| at + 1);
    // In units of a month; seconds are the one unit that may have a fraction.
    let months = units(&date[..end], &[('Y', 12), ('M', 1)])?;
    let fixed = match (&date[end..], clock) {
        ("", None) => 0,
        (days, clock) => parse_duration(&format!("P{days}{}", clock.unwrap_or(""))).ok()?,
    };
    Some(Period { months: sign * months, nanos: sign * fixed })
}

/// Numbers with letters after them, each at most once and in the order of `known`.
fn units(mut text: &str, known: &[(char, i64)]) -> Option<i64> {
    let mut nanos = 0i64;
    let mut left = known;
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let letter = text[end..].chars().next()?.to_ascii_uppercase();
        let at = left.iter().position(|(unit, _)| *unit == letter)?;
        let count = match text[..end].strip_prefix('-') {
            Some(count) => -scaled(count, left[at].1)?,
            None => scaled(&text[..end], left[at].1)?,
        };
        nanos = nanos.checked_add(count)?;
        left = &left[at + 1..];
        text = &text[end + 1..];
    }
    Some(nanos)
}

/// `hh:mm` or `hh:mm:ss.f`.
fn colons(text: &str) -> Option<i64> {
    let mut nanos = 0i64;
    let parts: Vec<&str> = text.split(':').collect();
    let scales = [3_600 * SECOND, 60 * SECOND, SECOND];
    if parts.len() > scales.len() {
        return None;
    }
    for (at, (part, scale)) in parts.iter().zip(scales).enumerate() {
        let part = scaled(part, scale)?;
        if at > 0 && part >= scales[at - 1] {
            return None;
        }
        nanos = nanos.checked_add(part)?;
    }
    Some(nanos)
}

/// A number, with a fraction of up to nine digits where it is of seconds, times a scale.
fn scaled(text: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 || text.ends_with('.') {
        return None;
    }
    if !fraction.is_empty() && scale != SECOND {
        return None;
    }
    let nanos = whole.parse::<i64>().ok()?.checked_mul(scale)?;
    let fraction = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse::<i64>().ok()? };
    nanos.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, expected) in [
            ("PT00:01:00", Some(60 * SECOND)),
            ("PT1M", Some(60 * SECOND)),
            ("PT00:00:30.5", Some(30 * SECOND + SECOND / 2)),
            ("PT01:30", Some(5_400 * SECOND)),
            ("PT1H30M5.000000001S", Some(5_405 * SECOND + 1)),
            ("-PT5S", Some(-5 * SECOND)),
            ("PT-10S", Some(-10 * SECOND)),
            ("PT1M-10S", Some(50 * SECOND)),
            ("-PT-10S", Some(10 * SECOND)),
            ("P-1DT1S", Some(-86_399 * SECOND)),
            ("PT-00:01:30", Some(-90 * SECOND)),
            ("PT--1S", None),
            ("PT00:-1:30", None),
            ("P1D", Some(86_400 * SECOND)),
            ("P1W2DT3H", Some((9 * 86_400 + 3 * 3_600) * SECOND)),
            ("pt0s", Some(0)),
            ("", None),
            ("P", None),
            ("PT", None),
            ("PT5", None),
            ("PT1S1M", None),
            ("PT1.5M", None),
            ("PT.5S", None),
            ("PT5.S", None),
            ("PT1:60", None),
            ("PT1:2:3:4", None),
            ("PTé:é", None),
            ("PTéS", None),
            ("P999999999999D", None),
            ("PT99999999999999999999S", None),
            ("5 seconds", None),
        ] {
            assert_eq!(parse_duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn periods_of_formulas() {
        for (text, expected) in [
            ("PT5M", Some((0, 300 * SECOND))),
            ("T5m", Some((0, 300 * SECOND))),
            ("1D", Some((0, 86_400 * SECOND))),
            ("P1D", Some((0, 86_400 * SECOND))),
            ("2W", Some((0, 14 * 86_400 * SECOND))),
            ("1M", Some((1, 0))),
            ("P1Y2M", Some((14, 0))),
            ("-1Y", Some((-12, 0))),
            ("1Y3DT1H", Some((12, (3 * 86_400 + 3_600) * SECOND))),
            ("04:30", Some((0, 16_200 * SECOND))),
            ("16:00:00.5", Some((0, 57_600 * SECOND + SECOND / 2))),
            ("-00:00:01", Some((0, -SECOND))),
            ("", None),
            ("P", None),
            ("T", None),
            ("1", None),
            ("1X", None),
            ("M", None),
            ("2017-08-25", None),
            ("2017-08-25T09:30", None),
            ("999999999999999999Y", None),
            ("é", None),
        ] {
            let expected = expected.map(|(months, nanos)| Period { months, nanos });
            assert_eq!(parse_period(text), expected, "{text}");
        }
    }
}
