//! Sums of rows as far as they are known without their values.

use std::ops::Range;

/// The sum of some rows of a column, and the rows that it leaves out.
///
/// Rows that are in the sum are neither null nor NaN nor infinite. Of integers `whole` is the exact sum, of floats `float` is the sum in double;
/// the other one is zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// The sum of integers.
    pub whole: i128,
    /// The sum of floats.
    pub float: f64,
    /// How many rows are in the sum.
    pub count: u64,
    /// The other rows, ascending: who asks has to read them.
    pub rest: Vec<Range<u64>>,
}

impl Totals {
    /// Nothing summed, all to be read.
    pub fn unknown(rows: Range<u64>) -> Self {
        let mut totals = Totals::default();
        totals.leave(rows);
        totals
    }

    /// Leaves rows to be read, which lie after all left before.
    pub fn leave(&mut self, rows: Range<u64>) {
        match self.rest.last_mut() {
            _ if rows.is_empty() => {}
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.rest.push(rows),
        }
    }

    /// The same of rows that are numbered from elsewhere: `shift` is added to each.
    pub fn shifted(mut self, shift: u64) -> Self {
        self.rest.iter_mut().for_each(|rows| *rows = rows.start + shift..rows.end + shift);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn rows_that_are_left_join() {
        let mut totals = Totals::unknown(0..0);
        assert!(totals.rest.is_empty());
        [3..5, 5..9, 12..12, 12..13].into_iter().for_each(|rows| totals.leave(rows));
        assert_eq!(totals.rest, [3..9, 12..13]);
        assert_eq!(totals.shifted(10).rest, [13..19, 22..23]);
    }
}
