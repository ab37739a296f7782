//! Date-times whose date ends with the year, `25/08/2017 09:30:00`: whether the day or the month comes first is told by numbers above twelve, if there are any.

use super::candidates::Trend;
use crate::base::text::{DateTimeForm, DateTimeReader};
use std::sync::Arc;

/// What the texts of a column so far allow.
#[derive(Clone, Debug, Default)]
pub(in crate::storage::import) enum DayMonth {
    /// There was none.
    #[default]
    Unseen,
    /// All are of a form.
    Form(Box<Form>),
    /// One is of no such form.
    Not,
}

/// The two readings of a form, with the day first and with the month first.
#[derive(Clone, Debug)]
pub(in crate::storage::import) struct Form {
    readings: [Reading; 2],
}

#[derive(Clone, Debug)]
struct Reading {
    pattern: Arc<str>,
    reader: DateTimeReader,
    possible: bool,
    times: Trend<i64>,
}

/// What came of it.
pub(in crate::storage::import) enum Order<'a> {
    /// Every text is a time by this pattern only; the run of these times.
    Told(&'a str, &'a Trend<i64>),
    /// Every text is one by either of the patterns.
    Open(&'a str, &'a str),
    /// They are none.
    None,
}

impl DayMonth {
    /// Looks at a text that is no date-time by itself; `date_times` has the zone.
    pub(super) fn add(&mut self, text: &[u8], date_times: &DateTimeReader) {
        if let DayMonth::Unseen = self {
            *self = match patterns(text) {
                Some(patterns) => DayMonth::Form(Box::new(Form {
                    readings: patterns.map(|pattern| {
                        let pattern: Arc<str> = pattern.into();
                        let reader = date_times.with_form(DateTimeForm::Pattern(pattern.clone()));
                        Reading { pattern, reader, possible: true, times: Trend::default() }
                    }),
                })),
                None => DayMonth::Not,
            };
        }
        let DayMonth::Form(form) = self else { return };
        for reading in form.readings.iter_mut().filter(|reading| reading.possible) {
            match reading.reader.read(text) {
                Ok(nanos) => reading.times.add(nanos),
                Err(_) => reading.possible = false,
            }
        }
        self.settle();
    }

    /// A text is of another form.
    pub(super) fn rule_out(&mut self) {
        *self = DayMonth::Not;
    }

    /// Adds what is known of the texts that follow.
    pub(super) fn merge(&mut self, later: DayMonth) {
        match (&mut *self, later) {
            (_, DayMonth::Unseen) | (DayMonth::Not, _) => {}
            (DayMonth::Unseen, later) => *self = later,
            (_, DayMonth::Not) => *self = DayMonth::Not,
            (DayMonth::Form(mine), DayMonth::Form(its)) => {
                for (mine, its) in mine.readings.iter_mut().zip(its.readings) {
                    mine.possible &= its.possible && mine.pattern == its.pattern;
                    mine.times.merge(its.times);
                }
                self.settle();
            }
        }
    }

    /// What all texts together say.
    pub(in crate::storage::import) fn order(&self) -> Order<'_> {
        let DayMonth::Form(form) = self else { return Order::None };
        match &form.readings {
            [day, month] if day.possible && month.possible => Order::Open(&day.pattern, &month.pattern),
            [one, other] => {
                let told = if one.possible { one } else { other };
                Order::Told(&told.pattern, &told.times)
            }
        }
    }

    fn settle(&mut self) {
        if let DayMonth::Form(form) = self
            && form.readings.iter().all(|reading| !reading.possible)
        {
            *self = DayMonth::Not;
        }
    }
}

/// The patterns by which a text may be a time, with the day first and with the month first; none where its form is another. A date alone is none.
fn patterns(text: &[u8]) -> Option<[String; 2]> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= 40)?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(text);
    let sign = text[first..].chars().next().filter(|c| matches!(c, '/' | '.' | '-'))?;
    let rest = &text[first + 1..];
    let second = digits(rest);
    let rest = rest[second..].strip_prefix(sign)?;
    let between = rest.get(4..)?.chars().next().filter(|c| matches!(c, ' ' | 'T'))?;
    if !(1..=2).contains(&first) || !(1..=2).contains(&second) || digits(rest) != 4 {
        return None;
    }
    let time = &rest[5..];
    let half =
        time.get(time.len().checked_sub(2)?..).filter(|half| ["AM", "PM"].iter().any(|h| h.eq_ignore_ascii_case(half)));
    let body = half.map_or(time, |half| &time[..time.len() - half.len()]);
    let (hour, half) = match half {
        Some(_) if body.ends_with(' ') => ("%I", " %p"),
        Some(_) => ("%I", "%p"),
        None => ("%H", ""),
    };
    let seconds = match body.matches(':').count() {
        1 => "",
        2 => ":%S%.f",
        _ => return None,
    };
    let pattern = |a: &str, b: &str| format!("{a}{sign}{b}{sign}%Y{between}{hour}:%M{seconds}{half}");
    Some([pattern("%d", "%m"), pattern("%m", "%d")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::date_time::Zone;

    #[test]
    fn orders_are_told_by_numbers_above_twelve() {
        let check = |texts: &str, expected: &str| {
            let utc = Zone::utc();
            let reader = DateTimeReader::new(Some(&utc), DateTimeForm::Iso);
            let texts: Vec<&str> = texts.split('|').collect();
            let said = |all: &DayMonth| match all.order() {
                Order::Told(pattern, times) => {
                    assert!(times.range().is_some());
                    pattern.to_string()
                }
                Order::Open(one, other) => format!("{one} or {other}"),
                Order::None => String::new(),
            };
            // The same wherever the texts are cut.
            for cut in 0..=texts.len() {
                let mut parts = [DayMonth::default(), DayMonth::default()];
                for (at, text) in texts.iter().enumerate() {
                    parts[usize::from(at >= cut)].add(text.as_bytes(), &reader);
                }
                let [mut all, later] = parts;
                all.merge(later);
                assert_eq!(said(&all), expected, "{texts:?} cut at {cut}");
            }
        };
        check("25/08/2017 09:30:00|01/02/2017 10:00:00.5", "%d/%m/%Y %H:%M:%S%.f");
        check("1/2/2017 9:30|8/25/2017 10:00", "%m/%d/%Y %H:%M");
        check("25.08.2017 09:30:00", "%d.%m.%Y %H:%M:%S%.f");
        check("8-25-2017T09:30:00", "%m-%d-%YT%H:%M:%S%.f");
        check("8/25/2017 9:30:00 PM|8/26/2017 12:00:01 am", "%m/%d/%Y %I:%M:%S%.f %p");
        check("8/25/2017 9:30PM", "%m/%d/%Y %I:%M%p");
        check("01/02/2017 09:30:00", "%d/%m/%Y %H:%M:%S%.f or %m/%d/%Y %H:%M:%S%.f");
        check("25/08/2017 09:30:00|08/25/2017 09:30:00", "");
        check("25/08/2017 09:30:00|25/08/2017", "");
        check("25/08/2017", "");
        check("32/08/2017 09:30:00", "");
        check("25/08/17 09:30:00", "");
        check("x", "");
        check("1/2/2017 é:30", "");
    }
}
