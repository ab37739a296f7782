//! Statistics of windows that slide over the rows of a group, in constant time a row: a queue of two stacks keeps what the values in the window
//! combine to, so that nothing is ever subtracted and no error of rounding stays behind.

use crate::base::Primitive;
use std::ops::Range;

/// How the values of a window combine. `combine` is associative; the first argument holds earlier rows.
pub(super) trait Combine {
    /// What is known of some consecutive rows.
    type State: Copy;
    /// Of no rows.
    fn none(&self) -> Self::State;
    /// Of the row at a place.
    fn one(&self, place: usize) -> Self::State;
    /// Of rows and those after them.
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State;
}

/// The states of windows whose ends never go back.
struct Queue<'a, C: Combine> {
    combine: &'a C,
    start: usize,
    end: usize,
    /// The states of the rows from a place to the last one of the older part, the oldest row on top.
    older: Vec<C::State>,
    newer: C::State,
    /// Where the newer part begins.
    middle: usize,
}

impl<C: Combine> Queue<'_, C> {
    fn slide(&mut self, window: Range<usize>) -> C::State {
        if window.start >= self.end {
            self.older.clear();
            self.newer = self.combine.none();
            (self.start, self.middle, self.end) = (window.start, window.start, window.start);
        }
        while self.end < window.end {
            self.newer = self.combine.combine(self.newer, self.combine.one(self.end));
            self.end += 1;
        }
        while self.start < window.start {
            if self.older.is_empty() {
                let mut state = self.combine.none();
                for place in (self.start..self.end).rev() {
                    state = self.combine.combine(self.combine.one(place), state);
                    self.older.push(state);
                }
                self.middle = self.end;
                self.newer = self.combine.none();
            }
            self.older.pop();
            self.start += 1;
        }
        match self.older.last() {
            Some(&older) => self.combine.combine(older, self.newer),
            None => self.newer,
        }
    }
}

/// What `finish` makes of the state of each window; `none` for a row without a window.
pub(super) fn roll<C: Combine, O: Copy>(
    combine: &C,
    windows: &[Option<Range<usize>>],
    none: O,
    finish: impl Fn(C::State) -> O,
    out: &mut [O],
) {
    let mut queue = Queue { combine, start: 0, end: 0, older: Vec::new(), newer: combine.none(), middle: 0 };
    for (out, window) in out.iter_mut().zip(windows) {
        *out = window.as_ref().map_or(none, |window| finish(queue.slide(window.clone())));
    }
}

/// Sums of longs, which wrap.
pub(super) struct Longs<'a>(pub(super) &'a [i64]);

impl Combine for Longs<'_> {
    /// Sum and number.
    type State = (i128, u64);
    fn none(&self) -> Self::State {
        (0, 0)
    }
    fn one(&self, place: usize) -> Self::State {
        let value = self.0[place];
        if value.is_null() { (0, 0) } else { (i128::from(value), 1) }
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        (earlier.0 + later.0, earlier.1 + later.1)
    }
}

/// Sums of doubles.
pub(super) struct Doubles<'a>(pub(super) &'a [f64]);

impl Combine for Doubles<'_> {
    type State = (f64, u64);
    fn none(&self) -> Self::State {
        (0.0, 0)
    }
    fn one(&self, place: usize) -> Self::State {
        let value = self.0[place];
        if value.is_null() { (0.0, 0) } else { (value, 1) }
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        (earlier.0 + later.0, earlier.1 + later.1)
    }
}

/// Products of doubles.
pub(super) struct Products<'a>(pub(super) &'a [f64]);

impl Combine for Products<'_> {
    type State = (f64, u64);
    fn none(&self) -> Self::State {
        (1.0, 0)
    }
    fn one(&self, place: usize) -> Self::State {
        let value = self.0[place];
        if value.is_null() { (1.0, 0) } else { (value, 1) }
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        (earlier.0 * later.0, earlier.1 + later.1)
    }
}

/// Number, mean and sum of squared deviations.
pub(super) struct Moments<'a>(pub(super) &'a [f64]);

impl Combine for Moments<'_> {
    type State = (f64, f64, f64);
    fn none(&self) -> Self::State {
        (0.0, 0.0, 0.0)
    }
    fn one(&self, place: usize) -> Self::State {
        let value = self.0[place];
        if value.is_null() { (0.0, 0.0, 0.0) } else { (1.0, value, 0.0) }
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        if earlier.0 == 0.0 || later.0 == 0.0 {
            return if earlier.0 == 0.0 { later } else { earlier };
        }
        let count = earlier.0 + later.0;
        let apart = later.1 - earlier.1;
        let squares = earlier.2 + later.2 + apart * apart * (earlier.0 * later.0 / count);
        (count, earlier.1 + apart * (later.0 / count), squares)
    }
}

/// Sums of weights and of products with values, and the number of pairs.
pub(super) struct Weighted<'a> {
    pub(super) values: &'a [f64],
    pub(super) weights: &'a [f64],
}

impl Combine for Weighted<'_> {
    type State = (f64, f64, u64);
    fn none(&self) -> Self::State {
        (0.0, 0.0, 0)
    }
    fn one(&self, place: usize) -> Self::State {
        let (value, weight) = (self.values[place], self.weights[place]);
        if value.is_null() || weight.is_null() { (0.0, 0.0, 0) } else { (weight, value * weight, 1) }
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        (earlier.0 + later.0, earlier.1 + later.1, earlier.2 + later.2)
    }
}

/// The place of the least or greatest value, by its bits in order (0 for null); of equal ones the first. NaN wins.
pub(super) struct Extremes<'a> {
    pub(super) bits: &'a [u64],
    pub(super) greatest: bool,
    pub(super) nan: Option<u64>,
}

impl Combine for Extremes<'_> {
    /// Bits and place; bits 0 for none.
    type State = (u64, usize);
    fn none(&self) -> Self::State {
        (0, 0)
    }
    fn one(&self, place: usize) -> Self::State {
        (self.bits[place], place)
    }
    fn combine(&self, earlier: Self::State, later: Self::State) -> Self::State {
        let takes_later = match (earlier.0, later.0) {
            (_, 0) => false,
            (0, _) => true,
            (a, _) if Some(a) == self.nan => false,
            (_, b) if Some(b) == self.nan => true,
            (a, b) => {
                if self.greatest {
                    b > a
                } else {
                    b < a
                }
            }
        };
        if takes_later { later } else { earlier }
    }
}

/// How many of the values are not null.
pub(super) struct Counts<'a>(pub(super) &'a [bool]);

impl Combine for Counts<'_> {
    type State = i64;
    fn none(&self) -> i64 {
        0
    }
    fn one(&self, place: usize) -> i64 {
        i64::from(self.0[place])
    }
    fn combine(&self, earlier: i64, later: i64) -> i64 {
        earlier + later
    }
}
