//! Text forms of date-times that we write.

use super::calendar::{Civil, civil_from_nanos};
use super::zone::ZoneCursor;
use super::{MICRO, MILLI, Zone};

/// Bytes of `yyyy-mm-ddThh:mm:ss.nnnnnnnnn`.
const LOCAL_BYTES: usize = 29;

/// `2017-08-25T04:00:00.071175597Z`: always nine digits, sorts as text. The form of CSV.
pub fn format_iso(nanos: i64) -> String {
    collect(|out| write_iso(nanos, out))
}

/// Appends [`format_iso`] without allocating.
#[inline]
pub fn write_iso(nanos: i64, out: &mut Vec<u8>) {
    let mut text = [b'Z'; LOCAL_BYTES + 1];
    put_local(&civil_from_nanos(nanos), &mut text);
    out.extend_from_slice(&text);
}

/// As Java prints an `Instant`: `2017-08-25T04:00:00.071175597Z`, the fraction with three, six, nine or no digits.
pub fn format_instant(nanos: i64) -> String {
    collect(|out| write_instant(nanos, out))
}

/// Appends [`format_instant`].
pub fn write_instant(nanos: i64, out: &mut Vec<u8>) {
    let mut text = [0; LOCAL_BYTES + 1];
    let civil = civil_from_nanos(nanos);
    put_local(&civil, &mut text);
    let fraction = i64::from(civil.nanosecond);
    let kept = match fraction {
        0 => 19,
        _ if fraction % MILLI == 0 => 23,
        _ if fraction % MICRO == 0 => 26,
        _ => LOCAL_BYTES,
    };
    out.extend_from_slice(&text[..kept]);
    out.push(b'Z');
}

/// `2017-08-25T04:00:00.071175597 NY`: the wall clock of a zone and its short name, always nine digits.
pub fn format_zoned(nanos: i64, zone: &Zone) -> String {
    collect(|out| write_zoned(nanos, &mut zone.cursor(), out))
}

/// Appends [`format_zoned`].
pub fn write_zoned(nanos: i64, zone: &mut ZoneCursor, out: &mut Vec<u8>) {
    let mut text = [b' '; LOCAL_BYTES + 1];
    put_local(&zone.civil(nanos), &mut text);
    out.extend_from_slice(&text);
    out.extend_from_slice(zone.zone().name().as_bytes());
}

/// `2017-08-25`: the date on the wall clock of a zone.
pub fn format_date(nanos: i64, zone: &Zone) -> String {
    let mut text = [0; LOCAL_BYTES + 1];
    put_local(&zone.civil(nanos), &mut text);
    collect(|out| out.extend_from_slice(&text[..10]))
}

fn collect(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(LOCAL_BYTES + 8);
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[inline]
fn put_local(civil: &Civil, text: &mut [u8; LOCAL_BYTES + 1]) {
    let year = civil.year as u32;
    put_two(text, 0, year / 100);
    put_two(text, 2, year % 100);
    text[4] = b'-';
    put_two(text, 5, u32::from(civil.month));
    text[7] = b'-';
    put_two(text, 8, u32::from(civil.day));
    text[10] = b'T';
    put_two(text, 11, u32::from(civil.hour));
    text[13] = b':';
    put_two(text, 14, u32::from(civil.minute));
    text[16] = b':';
    put_two(text, 17, u32::from(civil.second));
    text[19] = b'.';
    let nanos = civil.nanosecond;
    text[20] = b'0' + (nanos / 100_000_000) as u8;
    put_two(text, 21, nanos / 1_000_000 % 100);
    put_two(text, 23, nanos / 10_000 % 100);
    put_two(text, 25, nanos / 100 % 100);
    put_two(text, 27, nanos % 100);
}

#[inline]
fn put_two(text: &mut [u8; LOCAL_BYTES + 1], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let ny = Zone::named("NY").unwrap();
        let tokyo = Zone::named("JP").unwrap();
        for (nanos, iso, instant, in_new_york, date_in_tokyo) in [
            (
                0,
                "1970-01-01T00:00:00.000000000Z",
                "1970-01-01T00:00:00Z",
                "1969-12-31T19:00:00.000000000 NY",
                "1970-01-01",
            ),
            (
                -1,
                "1969-12-31T23:59:59.999999999Z",
                "1969-12-31T23:59:59.999999999Z",
                "1969-12-31T18:59:59.999999999 NY",
                "1970-01-01",
            ),
            (
                1_503_648_000_071_175_597,
                "2017-08-25T08:00:00.071175597Z",
                "2017-08-25T08:00:00.071175597Z",
                "2017-08-25T04:00:00.071175597 NY",
                "2017-08-25",
            ),
            (
                1_503_673_200_120_000_000,
                "2017-08-25T15:00:00.120000000Z",
                "2017-08-25T15:00:00.120Z",
                "2017-08-25T11:00:00.120000000 NY",
                "2017-08-26",
            ),
            (
                1_503_673_200_120_400_000,
                "2017-08-25T15:00:00.120400000Z",
                "2017-08-25T15:00:00.120400Z",
                "2017-08-25T11:00:00.120400000 NY",
                "2017-08-26",
            ),
            (
                i64::MAX,
                "2262-04-11T23:47:16.854775807Z",
                "2262-04-11T23:47:16.854775807Z",
                "2262-04-11T19:47:16.854775807 NY",
                "2262-04-12",
            ),
            (
                i64::MIN + 1,
                "1677-09-21T00:12:43.145224193Z",
                "1677-09-21T00:12:43.145224193Z",
                "1677-09-20T19:16:41.145224193 NY",
                "1677-09-21",
            ),
        ] {
            assert_eq!(format_iso(nanos), iso);
            assert_eq!(format_instant(nanos), instant);
            assert_eq!(format_zoned(nanos, &ny), in_new_york);
            assert_eq!(format_date(nanos, &tokyo), date_in_tokyo);
        }
    }

    proptest! {
        #[test]
        fn iso_agrees_with_jiff(nanos in i64::MIN + 1..) {
            let theirs = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            prop_assert_eq!(format_iso(nanos), format!("{theirs:.9}"));
        }
    }
}
