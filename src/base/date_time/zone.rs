//! Time zones: Deephaven's short names and those of the IANA database, offsets of instants, instants of wall clocks.

use super::calendar::{Civil, civil_from_wide, narrow, wide_from_civil};
use super::{DAY, SECOND};
use crate::base::names::nearest_hint;
use crate::base::{Error, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Short names and what they stand for.
const ALIASES: [(&str, &str); 25] = [
    ("NY", "America/New_York"),
    ("ET", "America/New_York"),
    ("MN", "America/Chicago"),
    ("CT", "America/Chicago"),
    ("MT", "America/Denver"),
    ("PT", "America/Los_Angeles"),
    ("HI", "Pacific/Honolulu"),
    ("BT", "America/Sao_Paulo"),
    ("KR", "Asia/Seoul"),
    ("HK", "Asia/Hong_Kong"),
    ("JP", "Asia/Tokyo"),
    ("AT", "America/Halifax"),
    ("NF", "America/St_Johns"),
    ("AL", "America/Anchorage"),
    ("IN", "Asia/Kolkata"),
    ("CE", "Europe/Berlin"),
    ("SG", "Asia/Singapore"),
    ("LON", "Europe/London"),
    ("MOS", "Europe/Moscow"),
    ("SHG", "Asia/Shanghai"),
    ("CH", "Europe/Zurich"),
    ("NL", "Europe/Amsterdam"),
    ("TW", "Asia/Taipei"),
    ("SYD", "Australia/Sydney"),
    ("UTC", "UTC"),
];

/// The short names that are printed for their zones' long names too.
const PRINTED: [&str; 7] = ["NY", "CT", "MT", "PT", "HK", "JP", "LON"];

/// A time zone with the name under which it is printed. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    time_zone: TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Zone { name: Arc::from("UTC"), time_zone: TimeZone::UTC }
    }

    /// The zone of a short name (`NY`, `JP`, `LON`, …), of the IANA database (`America/New_York`, `UTC`), or `Z`.
    ///
    /// Short names are upper case; IANA names match without case. The database is the system's, else the one built in.
    pub fn named(name: &str) -> Result<Self> {
        if name == "Z" || name == "UTC" {
            return Ok(Self::utc());
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let long = alias.map_or(name, |(_, long)| long);
        let time_zone = TimeZone::get(long).map_err(|_| {
            let shown: String = name.chars().take(40).collect();
            let error = Error::parse(format!("unknown time zone {shown:?}"));
            let hint = nearest_hint(&shown, ALIASES.iter().flat_map(|(alias, long)| [*alias, *long]));
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        let printed = match (alias, time_zone.iana_name()) {
            (Some((alias, _)), _) => alias,
            (None, Some(iana)) => ALIASES
                .iter()
                .find(|(alias, long)| *long == iana && PRINTED.contains(alias))
                .map_or(iana, |(alias, _)| alias),
            (None, None) => name,
        };
        Ok(Zone { name: Arc::from(printed), time_zone })
    }

    /// The name as printed after a date-time: a short name where there is one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True for UTC itself.
    pub fn is_utc(&self) -> bool {
        self.time_zone == TimeZone::UTC
    }

    /// Nanoseconds that the wall clock is ahead of UTC at an instant. Asks the database: columns use [`Zone::cursor`].
    pub fn offset(&self, nanos: i64) -> i64 {
        i64::from(self.time_zone.to_offset(timestamp(nanos)).seconds()) * SECOND
    }

    /// What the wall clock shows at an instant. Asks the database: columns use [`Zone::cursor`].
    pub fn civil(&self, nanos: i64) -> Civil {
        civil_from_wide(i128::from(nanos) + i128::from(self.offset(nanos)))
    }

    /// The instant at which the wall clock shows valid fields; none outside of the range of a date-time.
    ///
    /// A time that the clock skips shifts forward by the gap; of one that it shows twice it is the earlier.
    pub fn instant(&self, civil: &Civil) -> Option<i64> {
        if self.is_utc() {
            return narrow(wide_from_civil(civil));
        }
        let (year, month, day) = (i16::try_from(civil.year).ok()?, civil.month as i8, civil.day as i8);
        let (hour, minute, second) = (civil.hour as i8, civil.minute as i8, civil.second as i8);
        let local = jiff::civil::DateTime::new(year, month, day, hour, minute, second, civil.nanosecond as i32).ok()?;
        narrow(self.time_zone.to_ambiguous_timestamp(local).compatible().ok()?.as_nanosecond())
    }

    /// Remembers the offset of the last instant and how long it holds: O(1) without the database for runs of near instants.
    pub fn cursor(&self) -> ZoneCursor {
        ZoneCursor { zone: self.clone(), from: 0, until: 0, offset: 0 }
    }
}

/// Offsets and wall clocks of one zone for a column of instants. One a thread.
#[derive(Clone, Debug)]
pub struct ZoneCursor {
    zone: Zone,
    /// The offset holds for instants from here…
    from: i64,
    /// …to before here.
    until: i64,
    offset: i64,
}

impl ZoneCursor {
    /// The zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Nanoseconds that the wall clock is ahead of UTC at an instant.
    #[inline]
    pub fn offset(&mut self, nanos: i64) -> i64 {
        if nanos < self.from || nanos >= self.until {
            self.seek(nanos);
        }
        self.offset
    }

    /// What the wall clock shows at an instant.
    #[inline]
    pub fn civil(&mut self, nanos: i64) -> Civil {
        let offset = self.offset(nanos);
        match nanos.checked_add(offset) {
            Some(local) => super::civil_from_nanos(local),
            None => civil_from_wide(i128::from(nanos) + i128::from(offset)),
        }
    }

    /// Start of the local day of an instant, as an instant; none outside of the range of a date-time.
    pub fn start_of_day(&mut self, nanos: i64) -> Option<i64> {
        let civil = self.civil(nanos);
        self.instant(&Civil { hour: 0, minute: 0, second: 0, nanosecond: 0, ..civil })
    }

    /// As [`Zone::instant`].
    #[inline]
    pub fn instant(&mut self, civil: &Civil) -> Option<i64> {
        let local = wide_from_civil(civil);
        if let Some(guess) = narrow(local - i128::from(self.offset)) {
            // Two days from a change of the clock nothing is skipped or shown twice.
            let inside = guess.saturating_sub(2 * DAY) >= self.from && guess.saturating_add(2 * DAY) < self.until;
            if inside {
                return Some(guess);
            }
        }
        let instant = self.zone.instant(civil)?;
        self.offset(instant);
        Some(instant)
    }

    #[cold]
    fn seek(&mut self, nanos: i64) {
        let at = timestamp(nanos);
        let zone = &self.zone.time_zone;
        self.offset = self.zone.offset(nanos);
        let edge = |transition: Option<jiff::tz::TimeZoneTransition<'_>>, open: i64| {
            transition.and_then(|t| narrow(t.timestamp().as_nanosecond())).unwrap_or(open)
        };
        self.until = edge(zone.following(at).next(), i64::MAX);
        // `preceding` is exclusive: one nanosecond on, so that a change exactly at the instant counts.
        self.from = edge(zone.preceding(timestamp(nanos.saturating_add(1))).next(), i64::MIN);
        if nanos >= self.until || nanos < self.from {
            (self.from, self.until) = (nanos, nanos.saturating_add(1));
        }
    }
}

fn timestamp(nanos: i64) -> Timestamp {
    // Every i64 of nanoseconds lies within jiff's years -9999 to 9999.
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_found_and_printed_short() {
        for (given, printed) in [
            ("NY", "NY"),
            ("ET", "ET"),
            ("America/New_York", "NY"),
            ("europe/london", "LON"),
            ("America/Chicago", "CT"),
            ("Europe/Berlin", "Europe/Berlin"),
            ("UTC", "UTC"),
            ("Z", "UTC"),
        ] {
            assert_eq!(Zone::named(given).unwrap().name(), printed, "{given}");
        }
        assert_eq!(Zone::named("Europe/Paris").unwrap().name(), "Europe/Paris");
        for (alias, _) in ALIASES {
            assert_eq!(Zone::named(alias).unwrap().name(), alias);
        }
        for bad in ["", "XX", "ny", "../../etc/passwd", "America/Nowhere", "a\0b"] {
            assert!(Zone::named(bad).is_err(), "{bad:?}");
        }
        assert!(Zone::named("America/New_Yrk").unwrap_err().to_string().contains("America/New_York"));
    }

    proptest! {
        #[test]
        fn a_cursor_agrees_with_the_database(
            start in -9_000_000_000i64..9_000_000_000,
            steps in proptest::collection::vec(-40_000_000i64..40_000_000, 1..40),
            at in 0..ALIASES.len(),
        ) {
            let zone = Zone::named(ALIASES[at].0).unwrap();
            let mut cursor = zone.cursor();
            let mut seconds = start;
            for step in steps {
                seconds = (seconds + step).clamp(-9_000_000_000, 9_000_000_000);
                let nanos = seconds * SECOND + 7;
                prop_assert_eq!(cursor.offset(nanos), zone.offset(nanos));
                let civil = cursor.civil(nanos);
                prop_assert_eq!(civil, zone.civil(nanos));
                prop_assert_eq!(cursor.instant(&civil), zone.instant(&civil));
            }
        }
    }
}
