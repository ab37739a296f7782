//! The proleptic Gregorian calendar in UTC: days, fields and nanoseconds, without a zone and without allocation.

use super::{DAY, HOUR, MINUTE, SECOND};

/// A date and time of day on a wall clock; which clock is for the caller to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// Year, 1677 to 2262 for what a date-time can hold.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Nanosecond of the second, 0 to 999,999,999.
    pub nanosecond: u32,
}

impl Civil {
    /// Monday 1 to Sunday 7.
    pub fn day_of_week(&self) -> u8 {
        ((days_from_date(self.year, self.month, self.day) + 3).rem_euclid(7) + 1) as u8
    }

    /// The first of January is 1.
    pub fn day_of_year(&self) -> u16 {
        (days_from_date(self.year, self.month, self.day) - days_from_date(self.year, 1, 1) + 1) as u16
    }

    /// Nanoseconds since midnight on the same clock.
    pub fn nanos_of_day(&self) -> i64 {
        i64::from(self.hour) * HOUR
            + i64::from(self.minute) * MINUTE
            + i64::from(self.second) * SECOND
            + i64::from(self.nanosecond)
    }

    /// True where every field is in its range and the month has the day.
    pub fn is_valid(&self) -> bool {
        (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_of_month(self.year, self.month)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.nanosecond < SECOND as u32
    }
}

/// True for years with a 29th of February.
#[inline]
pub fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month (1 to 12) of a year.
#[inline]
pub fn days_of_month(year: i32, month: u8) -> u8 {
    match month {
        2 => 28 + is_leap_year(year) as u8,
        // Thirty days have the even months to July and the odd ones after.
        _ => 30 + ((month + (month >> 3)) & 1),
    }
}

/// Days since 1970-01-01 of a date. The year is taken to begin in March, so that the leap day is its last.
#[inline]
pub fn days_from_date(year: i32, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_of_year = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_of_year + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a day since 1970-01-01: year, month, day.
#[inline]
pub fn date_from_days(days: i64) -> (i32, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097) as u32;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_year + 2) / 5 + 1;
    let month = if month_of_year < 10 { month_of_year + 3 } else { month_of_year - 9 };
    let year = i64::from(year_of_era) + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// Fields of an instant on the UTC clock. Null is no instant: callers test for it before.
#[inline]
pub fn civil_from_nanos(nanos: i64) -> Civil {
    civil_from_wide(i128::from(nanos))
}

/// Fields of nanoseconds that may lie beyond the range of a date-time by a zone's offset.
pub(super) fn civil_from_wide(nanos: i128) -> Civil {
    // Wide division is slow and needed only within a day of the range's ends.
    let (days, rest) = match i64::try_from(nanos) {
        Ok(nanos) => (nanos.div_euclid(DAY), nanos.rem_euclid(DAY) as u64),
        Err(_) => (nanos.div_euclid(i128::from(DAY)) as i64, nanos.rem_euclid(i128::from(DAY)) as u64),
    };
    let (year, month, day) = date_from_days(days);
    let seconds = (rest / SECOND as u64) as u32;
    Civil {
        year,
        month,
        day,
        hour: (seconds / 3_600) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        nanosecond: (rest % SECOND as u64) as u32,
    }
}

/// The instant of valid fields on the UTC clock; none outside of the range of a date-time.
#[inline]
pub fn nanos_from_civil(civil: &Civil) -> Option<i64> {
    narrow(wide_from_civil(civil))
}

/// Nanoseconds of valid fields, for any year.
#[inline]
pub(super) fn wide_from_civil(civil: &Civil) -> i128 {
    i128::from(days_from_date(civil.year, civil.month, civil.day)) * i128::from(DAY) + i128::from(civil.nanos_of_day())
}

/// Wide nanoseconds as a date-time; none outside of its range, which leaves out the null.
#[inline]
pub(super) fn narrow(nanos: i128) -> Option<i64> {
    i64::try_from(nanos).ok().filter(|&nanos| nanos != i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn months_have_their_days() {
        let expected = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (at, days) in expected.into_iter().enumerate() {
            assert_eq!(days_of_month(2023, at as u8 + 1), days);
        }
        for (year, leap) in [(1900, false), (2000, true), (2024, true), (2100, false)] {
            assert_eq!(days_of_month(year, 2) == 29, leap, "{year}");
        }
    }

    #[test]
    fn every_day_of_the_range_agrees_with_jiff() {
        let mut date = jiff::civil::date(1677, 9, 21);
        for days in days_from_date(1677, 9, 21)..=days_from_date(2262, 4, 12) {
            let (year, month, day) = (i32::from(date.year()), date.month() as u8, date.day() as u8);
            assert_eq!(date_from_days(days), (year, month, day));
            assert_eq!(days_from_date(year, month, day), days);
            let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0 };
            assert_eq!(civil.day_of_week() as i8, date.weekday().to_monday_one_offset());
            assert_eq!(civil.day_of_year() as i16, date.day_of_year());
            date = date.tomorrow().unwrap();
        }
    }

    proptest! {
        #[test]
        fn fields_and_nanoseconds_are_one_thing(nanos in i64::MIN + 1..) {
            let civil = civil_from_nanos(nanos);
            prop_assert!(civil.is_valid());
            prop_assert_eq!(nanos_from_civil(&civil), Some(nanos));
        }
    }
}
