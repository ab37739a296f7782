//! Functions of date-times: fields on a wall clock, text, and conversions to counts since the epoch.

use super::super::node::Kernel;
use super::super::operand::{Cell, Operand, as_date_time, map1, map2};
use super::super::predicate::Comparison;
use super::Named;
use super::text::build;
use crate::base::date_time::calendar::days_of_month;
use crate::base::date_time::{
    Civil, DAY, HOUR, MICRO, MILLI, MINUTE, Period, SECOND, Zone, ZoneCursor, format_date, parse::parse_with,
    write_zoned,
};
use crate::base::{Boolean, Error, ErrorKind, Primitive, Result};
use crate::memory::Chunk;

/// The int fields of a wall clock.
pub(in super::super) const FIELDS: Named<fn(&Civil) -> i32> = &[
    ("year", |c| c.year),
    ("yearOfCentury", |c| c.year % 100),
    ("monthOfYear", |c| c.month.into()),
    ("month", |c| c.month.into()),
    ("dayOfMonth", |c| c.day.into()),
    ("day", |c| c.day.into()),
    ("dayOfWeek", |c| c.day_of_week().into()),
    ("dayOfWeekValue", |c| c.day_of_week().into()),
    ("dayOfYear", |c| c.day_of_year().into()),
    ("hourOfDay", |c| c.hour.into()),
    ("hour", |c| c.hour.into()),
    ("minuteOfDay", |c| (c.nanos_of_day() / MINUTE) as i32),
    ("minuteOfHour", |c| c.minute.into()),
    ("minute", |c| c.minute.into()),
    ("secondOfDay", |c| (c.nanos_of_day() / SECOND) as i32),
    ("secondOfMinute", |c| c.second.into()),
    ("second", |c| c.second.into()),
    ("millisOfDay", |c| (c.nanos_of_day() / MILLI) as i32),
    ("millisOfSecond", |c| (i64::from(c.nanosecond) / MILLI) as i32),
    ("nanosOfMilli", |c| (i64::from(c.nanosecond) % MILLI) as i32),
    ("microsOfMilli", |c| ((i64::from(c.nanosecond) % MILLI + MICRO / 2) / MICRO) as i32),
];

/// The long fields of a wall clock.
pub(in super::super) const LONG_FIELDS: Named<fn(&Civil) -> i64> = &[
    ("nanosOfDay", Civil::nanos_of_day),
    ("nanosOfSecond", |c| i64::from(c.nanosecond)),
    ("microsOfSecond", |c| i64::from(c.nanosecond) / MICRO),
];

/// The counts since the epoch; all floor, but microseconds truncate, as in Deephaven.
pub(in super::super) const COUNTS: Named<fn(i64) -> i64> = &[
    ("nanos", |t| t),
    ("epochNanos", |t| t),
    ("millis", |t| t.div_euclid(MILLI)),
    ("epochMillis", |t| t.div_euclid(MILLI)),
    ("micros", |t| t / MICRO),
    ("epochMicros", |t| t / MICRO),
    ("seconds", |t| t.div_euclid(SECOND)),
    ("epochSeconds", |t| t.div_euclid(SECOND)),
];

/// Lengths of time in another unit, whole.
pub(in super::super) const CONVERSIONS: Named<fn(i64) -> Option<i64>> = &[
    ("secondsToNanos", |n| n.checked_mul(SECOND)),
    ("millisToNanos", |n| n.checked_mul(MILLI)),
    ("microsToNanos", |n| n.checked_mul(MICRO)),
    ("nanosToSeconds", |n| Some(n / SECOND)),
    ("nanosToMillis", |n| Some(n / MILLI)),
    ("nanosToMicros", |n| Some(n / MICRO)),
];

/// A conversion of [`CONVERSIONS`]; null gives null.
pub(in super::super) fn convert(f: fn(i64) -> Option<i64>) -> Kernel {
    Box::new(move |operands, len| {
        let lane = operands[0].lane::<i64>();
        let beyond = || Error::new(ErrorKind::Evaluation, "a length of time beyond the range of a long");
        let value = |row: usize| match lane.get(row) {
            null if null.is_null() => Ok(null),
            value => f(value).ok_or_else(beyond),
        };
        Ok(Chunk::Long((0..len).map(value).collect::<Result<_>>()?))
    })
}

/// The date-times of counts since the epoch, by nanoseconds a count.
pub(in super::super) const FROM_COUNTS: Named<i64> = &[
    ("nanosToTime", 1),
    ("epochNanosToInstant", 1),
    ("microsToTime", MICRO),
    ("epochMicrosToInstant", MICRO),
    ("millisToTime", MILLI),
    ("epochMillisToInstant", MILLI),
    ("secondsToTime", SECOND),
    // The unit follows from the size.
    ("autoEpochToTime", 0),
    ("epochAutoToInstant", 0),
    ("epochSecondsToInstant", SECOND),
];

/// Differences of two date-times, second minus first, by nanoseconds a count: whole counts as long.
pub(in super::super) const LONG_DIFFERENCES: Named<i64> =
    &[("diffNanos", 1), ("diff", 1), ("diffMicros", MICRO), ("diffMillis", MILLI)];

/// Differences of two date-times as double.
pub(in super::super) const DIFFERENCES: Named<i64> = &[
    ("diffSecond", SECOND),
    ("diffSeconds", SECOND),
    ("diffMinute", MINUTE),
    ("diffMinutes", MINUTE),
    ("diffHour", HOUR),
    ("diffHours", HOUR),
    ("diffDay", DAY),
    ("diffDays", DAY),
    ("dayDiff", DAY),
    ("yearDiff", 365 * DAY),
    ("diffYear", 365 * DAY),
    ("diffYears365", 365 * DAY),
    // A year of the calendar on average: 365.2425 days.
    ("diffYearsAvg", 31_556_952 * SECOND),
];

/// A function of the wall clock of a zone; null gives null.
pub(in super::super) fn field<R: Cell>(zone: Zone, f: fn(&Civil) -> R) -> Kernel {
    Box::new(move |operands, _| {
        let mut cursor = zone.cursor();
        Ok(map1(&operands[0], |nanos: i64| if nanos.is_null() { R::NULL } else { f(&cursor.civil(nanos)) }))
    })
}

/// A function of nanoseconds since the epoch; null gives null.
pub(in super::super) fn count(f: fn(i64) -> i64) -> Kernel {
    Box::new(move |operands, _| Ok(map1(&operands[0], |nanos: i64| if nanos.is_null() { nanos } else { f(nanos) })))
}

fn outside() -> Error {
    Error::new(ErrorKind::Evaluation, "a date-time outside of 1677-09-21 to 2262-04-11")
}

/// Microseconds that are taken for such rather than for milliseconds: more than there are milliseconds up to the year 2265.
const MICROS_MIN: u64 = 9_309_341_000_000;

/// The nanoseconds that a count since the epoch counts, told by its size.
fn unit_of(count: i64) -> i64 {
    match count.unsigned_abs() {
        size if size > 1_000 * MICROS_MIN => 1,
        size if size > MICROS_MIN => MICRO,
        size if size > MICROS_MIN / 1_000 => MILLI,
        _ => SECOND,
    }
}

/// A date-time, or a whole number: a count since the epoch.
pub(in super::super) fn moment(text: &str) -> Result<i64> {
    match text.parse::<i64>() {
        Ok(count) if !text.starts_with('+') => {
            count.checked_mul(unit_of(count)).filter(|nanos| !nanos.is_null()).ok_or_else(outside)
        }
        _ => parse_with(text, None),
    }
}

/// Date-times from counts since the epoch.
pub(in super::super) fn from_count(unit: i64) -> Kernel {
    each(move |count| {
        let unit = if unit == 0 { unit_of(count) } else { unit };
        count.checked_mul(unit).filter(|nanos| !nanos.is_null())
    })
}

/// Date-times moved by a period: months on a zone's wall clock, where a day that a month does not have becomes its last one; then the rest.
pub(in super::super) fn add_period(zone: Zone, period: Period) -> Kernel {
    Box::new(move |operands, len| {
        let mut cursor = zone.cursor();
        each_with(&operands[0], len, |nanos| {
            let mut civil = cursor.civil(nanos);
            let month = i64::from(civil.year).checked_mul(12)?.checked_add(i64::from(civil.month) - 1)?;
            let month = month.checked_add(period.months)?;
            civil.year = i32::try_from(month.div_euclid(12)).ok().filter(|year| (1677..=2262).contains(year))?;
            civil.month = month.rem_euclid(12) as u8 + 1;
            civil.day = civil.day.min(days_of_month(civil.year, civil.month));
            cursor.instant(&civil)?.checked_add(period.nanos).filter(|nanos| !nanos.is_null())
        })
    })
}

/// The start of the local day.
pub(in super::super) fn midnight(zone: Zone) -> Kernel {
    Box::new(move |operands, len| {
        let mut cursor = zone.cursor();
        each_with(&operands[0], len, |nanos| cursor.start_of_day(nanos))
    })
}

fn each(f: impl Fn(i64) -> Option<i64> + Send + Sync + 'static) -> Kernel {
    Box::new(move |operands, len| each_with(&operands[0], len, &f))
}

fn each_with(operand: &Operand<'_>, len: usize, mut f: impl FnMut(i64) -> Option<i64>) -> Result<Chunk> {
    let lane = operand.lane::<i64>();
    let mut values = Vec::with_capacity(len);
    for row in 0..len {
        let value = lane.get(row);
        values.push(if value.is_null() { value } else { f(value).ok_or_else(outside)? });
    }
    Ok(as_date_time(Chunk::Long(values)))
}

/// The difference of two date-times in units, second minus first.
pub(in super::super) fn difference(unit: i64, whole: bool) -> Kernel {
    Box::new(move |operands, _| {
        let (a, b) = (&operands[0], &operands[1]);
        let nanos = |a: i64, b: i64| (!a.is_null() && !b.is_null()).then(|| b.wrapping_sub(a));
        Ok(if whole {
            map2(a, b, |a: i64, b: i64| nanos(a, b).map_or(i64::NULL, |nanos| nanos / unit))
        } else {
            map2(a, b, |a: i64, b: i64| nanos(a, b).map_or(f64::NULL, |nanos| nanos as f64 / unit as f64))
        })
    })
}

/// `2017-08-25T04:00:00.071175597 NY`.
pub(in super::super) fn format_full(zone: Zone) -> Kernel {
    texts(zone, write_zoned)
}

/// `2017-08-25`.
pub(in super::super) fn format_day(zone: Zone) -> Kernel {
    texts(zone, |nanos, cursor, out| out.extend_from_slice(format_date(nanos, cursor.zone()).as_bytes()))
}

fn texts(zone: Zone, write: fn(i64, &mut ZoneCursor, &mut Vec<u8>)) -> Kernel {
    Box::new(move |operands, len| {
        let lane = operands[0].lane::<i64>();
        let mut cursor = zone.cursor();
        let mut bytes = Vec::new();
        build(len, |row, out| {
            let nanos = lane.get(row);
            if !nanos.is_null() {
                bytes.clear();
                write(nanos, &mut cursor, &mut bytes);
                out.push_str(&String::from_utf8_lossy(&bytes));
            }
            Ok(!nanos.is_null())
        })
    })
}

/// `convertDateTime`: null gives null; text that is no date-time with a zone is an error, or null if `quiet`.
pub(in super::super) fn parse(quiet: bool) -> Kernel {
    Box::new(move |operands, len| {
        let texts = operands[0].texts();
        let mut values = Vec::with_capacity(len);
        for row in 0..len {
            values.push(match texts.get(row).map(moment) {
                None => i64::NULL,
                Some(Ok(nanos)) => nanos,
                Some(Err(_)) if quiet => i64::NULL,
                Some(Err(error)) => return Err(error),
            });
        }
        Ok(as_date_time(Chunk::Long(values)))
    })
}

/// `isBefore` and `isAfter`: false where a side is null.
pub(in super::super) fn order(comparison: Comparison) -> Kernel {
    Box::new(move |operands, _| {
        Ok(map2(&operands[0], &operands[1], |a: i64, b: i64| {
            Boolean::from(!a.is_null() && !b.is_null() && comparison.holds(Some(a.cmp(&b))))
        }))
    })
}
