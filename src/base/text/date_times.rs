//! Date-times as the fields of files have them: literals, counts of units since the epoch, and patterns.

use super::{Refusal, long_from_text, short_text};
use crate::base::Primitive;
use crate::base::date_time::{self, Civil, ZoneCursor};
use std::sync::Arc;

/// What a plain number means in a date-time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EpochUnit {
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch.
    Micros,
    /// Nanoseconds since the epoch.
    Nanos,
}

impl EpochUnit {
    /// Nanoseconds of the unit.
    pub const fn nanos(self) -> i64 {
        match self {
            EpochUnit::Seconds => date_time::SECOND,
            EpochUnit::Millis => date_time::MILLI,
            EpochUnit::Micros => date_time::MICRO,
            EpochUnit::Nanos => 1,
        }
    }
}

/// How the date-times of a column are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DateTimeForm {
    /// The forms of [`date_time::parse_date_time`].
    #[default]
    Iso,
    /// A number of units since the epoch, with or without a fraction; or as [`DateTimeForm::Iso`].
    Epoch(EpochUnit),
    /// A pattern in strftime's letters, such as `%d/%m/%Y %H:%M:%S%.f`, and nothing else. A date alone is its midnight.
    Pattern(Arc<str>),
}

/// Reads the date-times of one column. One a thread.
#[derive(Clone, Debug, Default)]
pub struct DateTimeReader {
    zone: Option<ZoneCursor>,
    form: DateTimeForm,
}

impl DateTimeReader {
    /// A reader of a form. Texts without a zone are on the wall clock of `zone`, and refused if there is none.
    pub fn new(zone: Option<&date_time::Zone>, form: DateTimeForm) -> Self {
        DateTimeReader { zone: zone.map(date_time::Zone::cursor), form }
    }

    /// A reader of another form on the same clock.
    pub fn with_form(&self, form: DateTimeForm) -> Self {
        DateTimeReader { zone: self.zone.clone(), form }
    }

    /// The instant that a text names.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Result<i64, Refusal> {
        match date_time::parse_iso_utc(text) {
            Some(nanos) if !matches!(self.form, DateTimeForm::Pattern(_)) => Ok(nanos),
            _ => self.read_other(text),
        }
    }

    /// The instant of a time on the wall clock of the zone, given as if it were UTC; none without a zone, and where it has no instant.
    pub fn instant_of_local(&mut self, nanos: i64) -> Option<i64> {
        let zone = self.zone.as_mut()?;
        zone.instant(&date_time::civil_from_nanos(nanos)).filter(|nanos| !nanos.is_null())
    }

    fn read_other(&mut self, text: &[u8]) -> Result<i64, Refusal> {
        match &self.form {
            DateTimeForm::Epoch(unit) => match epoch_from_text(text, *unit) {
                Err(Refusal::NotOfType) => {}
                known => return known,
            },
            DateTimeForm::Pattern(pattern) => {
                let pattern = pattern.clone();
                return self.read_pattern(text, &pattern);
            }
            DateTimeForm::Iso => {}
        }
        let text = short_text(text).ok_or(Refusal::NotOfType)?;
        date_time::parse::parse_with(text, self.zone.as_mut()).map_err(|_| Refusal::NotOfType)
    }

    fn read_pattern(&mut self, text: &[u8], pattern: &str) -> Result<i64, Refusal> {
        let text = short_text(text).ok_or(Refusal::NotOfType)?;
        let parsed = jiff::fmt::strtime::parse(pattern, text).map_err(|_| Refusal::NotOfType)?;
        let nanos = match parsed.to_timestamp() {
            Ok(timestamp) => i64::try_from(timestamp.as_nanosecond()).ok(),
            Err(_) => {
                let midnight = || parsed.to_date().map(|date| date.at(0, 0, 0, 0));
                let local = parsed.to_datetime().or_else(|_| midnight()).map_err(|_| Refusal::NotOfType)?;
                let civil = Civil {
                    year: i32::from(local.year()),
                    month: local.month() as u8,
                    day: local.day() as u8,
                    hour: local.hour() as u8,
                    minute: local.minute() as u8,
                    second: local.second() as u8,
                    nanosecond: local.subsec_nanosecond() as u32,
                };
                self.zone.as_mut().ok_or(Refusal::NotOfType)?.instant(&civil)
            }
        };
        nanos.filter(|nanos| !nanos.is_null()).ok_or(Refusal::OutOfRange)
    }
}

/// Nanoseconds of a count of units; digits behind the point must not go beyond nanoseconds.
fn epoch_from_text(text: &[u8], unit: EpochUnit) -> Result<i64, Refusal> {
    let point = text.iter().position(|&c| c == b'.');
    let (whole, fraction) = point.map_or((text, &[][..]), |at| (&text[..at], &text[at + 1..]));
    let count = i128::from(long_from_text(whole)?);
    let digits_max = unit.nanos().ilog10() as usize;
    let digits = fraction.iter().rposition(|&c| c != b'0').map_or(0, |last| last + 1);
    if digits > digits_max || (point.is_some() && fraction.is_empty()) || !fraction.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::NotOfType);
    }
    let behind = fraction[..digits].iter().fold(0, |sum, c| sum * 10 + i128::from(c - b'0'));
    let behind = behind * 10i128.pow((digits_max - digits) as u32);
    let signed = if whole.first() == Some(&b'-') { -behind } else { behind };
    let nanos = i64::try_from(count * i128::from(unit.nanos()) + signed).map_err(|_| Refusal::OutOfRange)?;
    if nanos.is_null() { Err(Refusal::Reserved) } else { Ok(nanos) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::date_time::Zone;

    #[test]
    fn date_times_of_every_form() {
        let ny = Zone::named("NY").unwrap();
        let pattern = |text: &str| DateTimeForm::Pattern(Arc::from(text));
        let epoch = DateTimeForm::Epoch;
        for (form, text, expected) in [
            (DateTimeForm::Iso, "2017-08-25T04:00:00", Ok(1_503_648_000_000_000_000)),
            (DateTimeForm::Iso, "1503648000", Err(Refusal::NotOfType)),
            (epoch(EpochUnit::Seconds), "1503648000.071175597", Ok(1_503_648_000_071_175_597)),
            (epoch(EpochUnit::Seconds), "-0.5", Ok(-500_000_000)),
            (epoch(EpochUnit::Seconds), "-1", Ok(-1_000_000_000)),
            (epoch(EpochUnit::Seconds), "1.", Err(Refusal::NotOfType)),
            (epoch(EpochUnit::Seconds), "9223372037", Err(Refusal::OutOfRange)),
            (epoch(EpochUnit::Millis), "1.500", Ok(1_500_000)),
            (epoch(EpochUnit::Micros), "1.0005", Err(Refusal::NotOfType)),
            (epoch(EpochUnit::Nanos), "7", Ok(7)),
            (epoch(EpochUnit::Nanos), "-9223372036854775808", Err(Refusal::Reserved)),
            (epoch(EpochUnit::Nanos), "1970-01-01T00:00:00.5Z", Ok(500_000_000)),
            (pattern("%d/%m/%Y %H:%M:%S%.f"), "25/08/2017 04:00:00.5", Ok(1_503_648_000_500_000_000)),
            (pattern("%Y%m%d"), "20170825", Ok(1_503_633_600_000_000_000)),
            (pattern("%Y-%m-%dT%H:%M:%S%z"), "2017-08-25T04:00:00-0400", Ok(1_503_648_000_000_000_000)),
            (pattern("%d/%m/%Y"), "2017-08-25T08:00:00Z", Err(Refusal::NotOfType)),
            (pattern("%d/%m/%Y"), "01/01/9000", Err(Refusal::OutOfRange)),
        ] {
            assert_eq!(DateTimeReader::new(Some(&ny), form.clone()).read(text.as_bytes()), expected, "{form:?} {text}");
        }
    }
}
