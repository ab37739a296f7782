//! Date-times: nanoseconds since the epoch as `i64`, their text forms and their zones.
//!
//! [`calendar`] is the arithmetic of days and fields, [`mod@parse`] and [`mod@format`] are the text forms, [`zone`] the time zones. Whatever
//! is in UTC uses our own arithmetic and allocates nothing; only zones ask the time zone database.
//!
//! Invariants: a date-time is between 1677-09-21T00:12:43.145224193Z and 2262-04-11T23:47:16.854775807Z; `i64::MIN` is null and never the
//! result of parsing.

pub mod calendar;
mod duration;
pub mod format;
pub mod parse;
pub mod zone;

pub use calendar::{Civil, civil_from_nanos, nanos_from_civil};
pub use duration::{Period, parse_duration, parse_period};
pub use format::{format_date, format_instant, format_iso, format_zoned, write_instant, write_iso, write_zoned};
pub use parse::{parse_date_time, parse_iso_utc};
pub use zone::{Zone, ZoneCursor};

/// Nanoseconds of a microsecond.
pub const MICRO: i64 = 1_000;
/// Nanoseconds of a millisecond.
pub const MILLI: i64 = 1_000_000;
/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds of a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;
/// Nanoseconds of a week.
pub const WEEK: i64 = 7 * DAY;
/// Nanoseconds of a year of 365 days, as the query language counts.
pub const YEAR: i64 = 365 * DAY;
