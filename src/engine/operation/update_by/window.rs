//! Windows of rows around each row of a group, by number of rows or by time. Both ends of consecutive windows never go back.

use crate::base::{Error, ErrorKind, Primitive, Result};
use std::ops::Range;

/// Where the window of a row begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    /// From `reverse - 1` rows before the row to `forward` rows after it.
    Ticks { reverse: i64, forward: i64 },
    /// The rows whose time lies at most `reverse` nanoseconds before and `forward` after the row's; both may be negative.
    Time { times: &'a [i64], reverse: i64, forward: i64 },
}

impl Reach<'_> {
    /// The window of each row of a group, of which `rows` is the range in the order of groups, relative to its start. None for a row
    /// without a time.
    pub(super) fn windows(self, rows: Range<usize>) -> Result<Vec<Option<Range<usize>>>> {
        let count = rows.len();
        match self {
            Reach::Ticks { reverse, forward } => {
                let limit = |at: i64| at.clamp(0, count as i64) as usize;
                let of = |at: usize| {
                    let start = limit((at as i64).saturating_sub(reverse).saturating_add(1));
                    let end = limit((at as i64).saturating_add(forward).saturating_add(1));
                    Some(start..end.max(start))
                };
                Ok((0..count).map(of).collect())
            }
            Reach::Time { times, reverse, forward } => by_time(&times[rows], reverse, forward),
        }
    }
}

/// Errs where the times of a group go back; nulls are passed over.
pub(super) fn check_times(times: &[i64]) -> Result<()> {
    let mut latest = i64::NULL;
    for &time in times.iter().filter(|time| !time.is_null()) {
        if time < latest {
            return Err(Error::new(ErrorKind::Evaluation, "updateBy: the times of a group go back")
                .hint("sort the table by time before"));
        }
        latest = time;
    }
    Ok(())
}

fn by_time(times: &[i64], reverse: i64, forward: i64) -> Result<Vec<Option<Range<usize>>>> {
    check_times(times)?;
    let (mut start, mut end) = (0, 0);
    let mut windows = Vec::with_capacity(times.len());
    for &time in times {
        if time.is_null() {
            windows.push(None);
            continue;
        }
        let (first, last) = (time.saturating_sub(reverse), time.saturating_add(forward));
        // Rows without a time lie in the window of their neighbours as places, and are left out as values.
        while start < times.len() && (times[start].is_null() || times[start] < first) {
            start += 1;
        }
        end = end.max(start);
        while end < times.len() && (times[end].is_null() || times[end] <= last) {
            end += 1;
        }
        windows.push(Some(start..end.max(start)));
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_what_they_say() {
        let ticks = |reverse, forward| Reach::Ticks { reverse, forward }.windows(10..14).unwrap();
        let of = |ranges: [(usize, usize); 4]| ranges.map(|(start, end)| Some(start..end)).to_vec();
        assert_eq!(ticks(2, 0), of([(0, 1), (0, 2), (1, 3), (2, 4)]));
        assert_eq!(ticks(1, 2), of([(0, 3), (1, 4), (2, 4), (3, 4)]));
        assert_eq!(ticks(-1, 3), of([(2, 4), (3, 4), (4, 4), (4, 4)]));
        assert_eq!(ticks(3, -1), of([(0, 0), (0, 1), (0, 2), (1, 3)]));
        assert_eq!(ticks(0, 0), of([(1, 1), (2, 2), (3, 3), (4, 4)]));
        assert_eq!(ticks(i64::MAX, i64::MAX), of([(0, 4), (0, 4), (0, 4), (0, 4)]));
        assert_eq!(ticks(i64::MIN, i64::MIN), of([(4, 4), (4, 4), (4, 4), (4, 4)]));
        let times = [0, 10, 10, i64::NULL, 25];
        let time = |reverse, forward| Reach::Time { times: &times, reverse, forward }.windows(0..5).unwrap();
        assert_eq!(time(10, 0), [Some(0..1), Some(0..4), Some(0..4), None, Some(4..5)]);
        assert_eq!(time(-1, 15), [Some(1..4), Some(4..5), Some(4..5), None, Some(5..5)]);
        let back = [5, 4];
        assert!(Reach::Time { times: &back, reverse: 1, forward: 1 }.windows(0..2).is_err());
    }
}
