//! Sample variance and standard deviation, by Welford's recurrence: no cancellation, and mergeable.

use super::accumulate::{Accumulator, Fold, Folded, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive};
use crate::memory::Chunk;
use std::marker::PhantomData;

/// A type whose values are numbers.
pub(super) trait Real: Values {
    /// The value as a double; not for null.
    fn real(self) -> f64;
}

macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            fn real(self) -> f64 {
                self as f64
            }
        }
    )*};
}
real!(i8, i16, u16, i32, i64, f32, f64);

impl Real for Boolean {
    fn real(self) -> f64 {
        f64::from(self.0)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

struct Variance<T> {
    root: bool,
    value: PhantomData<T>,
}

impl<T: Real> Fold for Variance<T> {
    type Value = T;
    type State = Moments;

    fn add(&self, state: &mut Moments, value: T) {
        if value.is_null() {
            return;
        }
        let value = value.real();
        state.count += 1.0;
        let deviation = value - state.mean;
        state.mean += deviation / state.count;
        state.squares += deviation * (value - state.mean);
    }

    fn merge(&self, state: &mut Moments, later: Moments) {
        if later.count == 0.0 {
            return;
        }
        let count = state.count + later.count;
        let apart = later.mean - state.mean;
        state.squares += later.squares + apart * apart * (state.count * later.count / count);
        state.mean += apart * (later.count / count);
        state.count = count;
    }

    fn finish(&self, states: &[Moments]) -> Chunk {
        let of = |state: &Moments| match state.count {
            0.0 => f64::NULL,
            1.0 => f64::NAN,
            count => {
                let variance = state.squares / (count - 1.0);
                // Squares beyond the range of a double tell nothing.
                match variance.is_finite() {
                    true if self.root => variance.sqrt(),
                    true => variance,
                    false => f64::NAN,
                }
            }
        };
        Chunk::Double(states.iter().map(of).collect())
    }
}

/// Variance, or its root. The type is numeric: [`super::kernel::Kernel::result_type`] was asked.
pub(super) fn variance(input: ColumnType, groups: usize, root: bool) -> Box<dyn Accumulator> {
    for_type!(input, T => Folded::boxed(Variance::<T> { root, value: PhantomData }, groups),
        String => Folded::boxed(Variance::<i64> { root, value: PhantomData }, groups))
}
