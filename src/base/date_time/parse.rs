//! Reads date-times: ISO-8601 as machines write it, and the form with a zone's short name.

use super::calendar::{Civil, civil_from_wide, days_from_date, days_of_month, narrow, wide_from_civil};
use super::zone::{Zone, ZoneCursor};
use super::{DAY, SECOND};
use crate::base::{Error, Result};

/// Reads `yyyy-mm-ddThh:mm:ss[.f{1,9}]Z`, a space allowed for `T`; none for every other form and outside of the range.
///
/// The form that data files are full of: no allocation, some 10 ns.
#[inline]
pub fn parse_iso_utc(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let mut digits = Digits { wrong: false };
    let year = digits.two(head[0], head[1]) * 100 + digits.two(head[2], head[3]);
    let month = digits.two(head[5], head[6]);
    let day = digits.two(head[8], head[9]);
    let hour = digits.two(head[11], head[12]);
    let minute = digits.two(head[14], head[15]);
    let second = digits.two(head[17], head[18]);
    let marks = head[4] == b'-' && head[7] == b'-' && head[13] == b':' && head[16] == b':';
    // Inside these years no sum below can overflow.
    let fits = (1678..=2261).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if digits.wrong || !marks || (head[10] != b'T' && head[10] != b' ') || !fits {
        return None;
    }
    let (year, month, day) = (year as i32, month as u8, day as u8);
    if day == 0 || (day > 28 && day > days_of_month(year, month)) {
        return None;
    }
    let fraction = match rest {
        [b'Z'] => 0,
        [b'.', middle @ .., b'Z'] => fraction(middle)?,
        _ => return None,
    };
    let seconds = i64::from(hour * 3_600 + minute * 60 + second);
    Some(days_from_date(year, month, day) * DAY + seconds * SECOND + i64::from(fraction))
}

/// Reads a date-time in any of our forms.
///
/// `yyyy-mm-dd`, then optionally `T` or a space and `hh:mm[:ss[.f{1,9}]]` (also `h:mm`; `24:00` is the end of the day), then a zone: `Z`, `+hh:mm` (also
/// `+hh`, `+hhmm`, `+hh:mm:ss`, after a space, then optionally `[Area/City]`), or a space and a zone's name. Without a zone it is on the wall clock of `zone`, and an error where there is none. A time that
/// the clock skips shifts forward; of one shown twice it is the earlier.
pub fn parse_date_time(text: &str, zone: Option<&Zone>) -> Result<i64> {
    if let Some(nanos) = parse_iso_utc(text.as_bytes()) {
        return Ok(nanos);
    }
    let mut cursor = zone.map(Zone::cursor);
    parse_with(text, cursor.as_mut())
}

/// As [`parse_date_time`] with a cursor that outlives the call, for columns.
pub fn parse_with(text: &str, zone: Option<&mut ZoneCursor>) -> Result<i64> {
    let refuse = |why: &str| {
        let shown: String = text.chars().take(60).collect();
        Error::parse(format!("{shown:?} is not a date-time: {why}"))
            .hint("such as 2017-08-25T04:00:00.071175597Z, 2017-08-25T04:00:00-04:00 or 2017-08-25T04:00:00 NY")
    };
    let (civil, rest) = civil(text.as_bytes()).map_err(refuse)?;
    let instant = match rest {
        [] => match zone {
            Some(zone) => zone.instant(&civil),
            None => return Err(refuse("it has no time zone")),
        },
        [b'Z'] => narrow(wide_from_civil(&civil)),
        [b'+' | b'-', ..] | [b' ', b'+' | b'-', ..] => {
            let (offset, rest) =
                offset(rest.trim_ascii_start()).ok_or_else(|| refuse("the offset is not of the form +hh:mm"))?;
            if !rest.is_empty() {
                let name = rest.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
                let name = name.ok_or_else(|| refuse("something follows the offset"))?;
                named(name)?;
            }
            narrow(wide_from_civil(&civil) - i128::from(offset) * i128::from(SECOND))
        }
        [b' ', name @ ..] => match zone {
            Some(zone) if zone.zone().name().as_bytes() == name => zone.instant(&civil),
            _ => named(name)?.instant(&civil),
        },
        _ => return Err(refuse("something follows it")),
    };
    instant.ok_or_else(|| refuse("it is outside of 1677-09-21 to 2262-04-11"))
}

/// True for a text that names a time of day, not only a date: what tells a date-time column from one of dates.
pub fn has_time(text: &str) -> bool {
    matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', b'0'..=b'9', ..])
}

/// True for a date-time that says its own zone.
pub fn has_zone(text: &str) -> bool {
    civil(text.as_bytes()).is_ok_and(|(_, rest)| !rest.is_empty())
}

fn named(name: &[u8]) -> Result<Zone> {
    Zone::named(std::str::from_utf8(name).unwrap_or("?"))
}

/// Date, time and what follows them.
fn civil(text: &[u8]) -> std::result::Result<(Civil, &[u8]), &'static str> {
    let form = "it does not begin with yyyy-mm-dd";
    let (head, rest) = text.split_first_chunk::<10>().ok_or(form)?;
    let mut digits = Digits { wrong: head[4] != b'-' || head[7] != b'-' };
    let year = digits.two(head[0], head[1]) * 100 + digits.two(head[2], head[3]);
    let month = digits.two(head[5], head[6]);
    let day = digits.two(head[8], head[9]);
    if digits.wrong {
        return Err(form);
    }
    let mut civil =
        Civil { year: year as i32, month: month as u8, day: day as u8, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let mut rest = rest;
    let hour = match rest {
        [b'T' | b' ', h1 @ b'0'..=b'9', h2, b':', after @ ..] => Some((*h1, *h2, after)),
        [b'T' | b' ', h2 @ b'0'..=b'9', b':', after @ ..] => Some((b'0', *h2, after)),
        _ => None,
    };
    if let Some((h1, h2, [m1, m2, after @ ..])) = hour {
        civil.hour = digits.two(h1, h2) as u8;
        civil.minute = digits.two(*m1, *m2) as u8;
        rest = after;
        if let [b':', s1, s2, after @ ..] = rest {
            civil.second = digits.two(*s1, *s2) as u8;
            rest = after;
            if let [b'.', after @ ..] = rest {
                let count = after.iter().take_while(|c| c.is_ascii_digit()).count();
                civil.nanosecond = fraction(&after[..count]).ok_or("the fraction has not one to nine digits")?;
                rest = &after[count..];
            }
        }
        if digits.wrong {
            return Err("the time is not of the form hh:mm:ss");
        }
    }
    let next_day = civil.hour == 24 && (civil.minute, civil.second, civil.nanosecond) == (0, 0, 0);
    if next_day {
        civil.hour = 0;
    }
    if !civil.is_valid() {
        return Err("there is no such date or time");
    }
    if next_day {
        civil = civil_from_wide(wide_from_civil(&civil) + i128::from(DAY));
    }
    Ok((civil, rest))
}

/// Seconds of `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`, and what follows.
fn offset(text: &[u8]) -> Option<(i32, &[u8])> {
    let (&sign, rest) = text.split_first()?;
    let mut digits = Digits { wrong: false };
    let (h1, h2, minutes, seconds, rest) = match rest {
        [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] => (h1, h2, digits.two(*m1, *m2), digits.two(*s1, *s2), rest),
        [h1, h2, b':', m1, m2, rest @ ..] => (h1, h2, digits.two(*m1, *m2), 0, rest),
        [h1, h2, m1 @ b'0'..=b'9', m2, rest @ ..] => (h1, h2, digits.two(*m1, *m2), 0, rest),
        [h1, h2, rest @ ..] => (h1, h2, 0, 0, rest),
        _ => return None,
    };
    let hours = digits.two(*h1, *h2);
    if digits.wrong || hours > 25 || minutes > 59 || seconds > 59 {
        return None;
    }
    let total = (hours * 3_600 + minutes * 60 + seconds) as i32;
    Some((if sign == b'-' { -total } else { total }, rest))
}

/// Nanoseconds of one to nine digits after the point.
#[inline]
fn fraction(text: &[u8]) -> Option<u32> {
    const SCALE: [u32; 10] = [0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    let mut number = 0u32;
    let mut wrong = false;
    for &c in text {
        let digit = c.wrapping_sub(b'0');
        wrong |= digit > 9;
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit));
    }
    (!wrong).then(|| number * SCALE[text.len()])
}

struct Digits {
    wrong: bool,
}

impl Digits {
    /// The number of two digits; remembers, instead of branching, that one was none.
    #[inline(always)]
    fn two(&mut self, tens: u8, ones: u8) -> u32 {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        self.wrong |= (tens > 9) | (ones > 9);
        u32::from(tens) * 10 + u32::from(ones)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{format_iso, format_zoned};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_the_instant_it_says() {
        let ny = Zone::named("NY").unwrap();
        for (text, expected) in [
            ("2013-10-07T08:00:00.054000000Z", "2013-10-07T08:00:00.054000000Z"),
            ("2013-10-07 08:00:00.054Z", "2013-10-07T08:00:00.054000000Z"),
            ("2013-10-07T08:00:00Z", "2013-10-07T08:00:00.000000000Z"),
            ("2013-10-07T08:00Z", "2013-10-07T08:00:00.000000000Z"),
            ("2013-10-07Z", "2013-10-07T00:00:00.000000000Z"),
            ("2013-10-07", "2013-10-07T04:00:00.000000000Z"),
            ("2013-10-07T08:00:00", "2013-10-07T12:00:00.000000000Z"),
            ("2013-10-07T08:00:00.5+02:00", "2013-10-07T06:00:00.500000000Z"),
            ("2013-10-07T08:00:00-0430", "2013-10-07T12:30:00.000000000Z"),
            ("2013-10-07T08:00:00+02", "2013-10-07T06:00:00.000000000Z"),
            ("1900-01-01T00:00:00+00:19:32", "1899-12-31T23:40:28.000000000Z"),
            ("2017-08-25T04:00:00-04:00[America/New_York]", "2017-08-25T08:00:00.000000000Z"),
            ("2017-08-25T04:00:00.071175597 NY", "2017-08-25T08:00:00.071175597Z"),
            ("2017-08-25 NY", "2017-08-25T04:00:00.000000000Z"),
            ("2017-08-25T04:00 JP", "2017-08-24T19:00:00.000000000Z"),
            ("2017-08-25 04:00:00 Europe/Paris", "2017-08-25T02:00:00.000000000Z"),
            ("2017-03-12T02:30:00 NY", "2017-03-12T07:30:00.000000000Z"),
            ("2017-11-05T01:30:00 NY", "2017-11-05T05:30:00.000000000Z"),
            ("2017-08-25T24:00:00 NY", "2017-08-26T04:00:00.000000000Z"),
            ("2017-12-31T24:00Z", "2018-01-01T00:00:00.000000000Z"),
            ("2017-08-25T9:30:00 NY", "2017-08-25T13:30:00.000000000Z"),
            ("2017-08-25T09:30:00 +05:00", "2017-08-25T04:30:00.000000000Z"),
            ("2016-02-29T00:00:00Z", "2016-02-29T00:00:00.000000000Z"),
            ("1677-09-21T00:12:43.145224193Z", "1677-09-21T00:12:43.145224193Z"),
            ("2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"),
        ] {
            let nanos = parse_date_time(text, Some(&ny)).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(format_iso(nanos), expected, "{text}");
        }
        assert_eq!(
            format_zoned(parse_date_time("2017-03-12T02:30:00 NY", None).unwrap(), &ny),
            "2017-03-12T03:30:00.000000000 NY"
        );
    }

    #[test]
    fn everything_else_says_why() {
        for (text, part) in [
            ("", "does not begin"),
            ("2017-8-25", "does not begin"),
            ("20170825T000000Z", "does not begin"),
            ("2017-02-29T00:00:00Z", "no such date"),
            ("2017-13-01Z", "no such date"),
            ("2017-08-25T24:00:01Z", "no such date"),
            ("2017-08-25T25:00:00Z", "no such date"),
            ("2017-08-25T9:0:00Z", "hh:mm:ss"),
            ("2017-08-25 +5", "offset"),
            ("2017-08-25T23:59:60Z", "no such date"),
            ("2017-08-25T04:00:00", "no time zone"),
            ("2017-08-25T04:0a:00Z", "hh:mm:ss"),
            ("2017-08-25T04:00:00.Z", "one to nine"),
            ("2017-08-25T04:00:00.1234567890Z", "one to nine"),
            ("2017-08-25T04:00:00Zx", "something follows"),
            ("2017-08-25T", "something follows"),
            ("2017-08-25T04:00:00+2", "offset"),
            ("2017-08-25T04:00:00+02:00x", "follows the offset"),
            ("2017-08-25T04:00:00 XX", "unknown time zone"),
            ("2017-08-25 ", "unknown time zone"),
            ("1677-09-21T00:12:43.145224192Z", "outside"),
            ("2262-04-11T23:47:16.854775808Z", "outside"),
            ("9999-12-31Z", "outside"),
            ("0000-01-01T00:00:00Z", "outside"),
            ("٢٠١٧-08-25", "does not begin"),
        ] {
            let message = parse_date_time(text, None).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn dates_and_times_are_told_apart() {
        for (text, time, zone) in [
            ("2017-08-25", false, false),
            ("2017-08-25 NY", false, true),
            ("2017-08-25T04:00", true, false),
            ("2017-08-25 04:00:00+02:00", true, true),
            ("x", false, false),
        ] {
            assert_eq!((has_time(text), has_zone(text)), (time, zone), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nanos in i64::MIN + 1.., at in 0usize..6) {
            prop_assert_eq!(parse_date_time(&format_iso(nanos), None).unwrap(), nanos);
            prop_assert_eq!(parse_date_time(&super::super::format_instant(nanos), None).unwrap(), nanos);
            let zone = Zone::named(["UTC", "JP", "IN", "HK", "SG", "TW"][at]).unwrap();
            // Without clock changes in our time the text in a zone is as good as the instant.
            let recent = nanos.rem_euclid(2_000_000_000 * SECOND - 631_152_000 * SECOND) + 631_152_000 * SECOND;
            prop_assert_eq!(parse_date_time(&format_zoned(recent, &zone), None).unwrap(), recent);
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:. +\\-\\[\\]NYé]{0,40}") {
            if let Ok(nanos) = parse_date_time(&text, Some(&Zone::utc())) {
                prop_assert!(nanos != i64::MIN);
            }
        }

        #[test]
        fn the_fast_form_agrees_with_jiff(text in "(1[6-9]|2[0-3])[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?Z") {
            // jiff reads second 60 as 59; we refuse it.
            let theirs = text.parse::<jiff::Timestamp>().ok().filter(|_| &text[17..19] != "60");
            let theirs = theirs.and_then(|t| narrow(t.as_nanosecond()));
            prop_assert_eq!(parse_date_time(&text, None).ok(), theirs);
        }
    }
}
