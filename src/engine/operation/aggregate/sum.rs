//! Sums, sums of absolute values, averages.
//!
//! Integers are summed exactly: wrapping longs for sums (rule 73), 128 bits for averages. Floats are summed in double, in row
//! order; runs of one group in sixteen lanes.

use super::accumulate::{Accumulator, Fold, Folded, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive};
use crate::io::vectorized;
use crate::memory::{Chunk, Totals};
use std::marker::PhantomData;
use std::ops::Add;

/// A type that has a sum.
pub(super) trait Number: Values {
    /// What sums are kept in.
    type Sum: Copy + Default + Send + Sync + std::fmt::Debug + 'static;
    /// What sums of up to [`RUN`] values are kept in, which machines add several of at once.
    type Part: Copy + Default + Add<Output = Self::Part> + Into<Self::Sum>;
    fn part(self) -> Self::Part;
    fn absolute(part: Self::Part) -> Self::Part;
    fn plus(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    fn mean(sum: Self::Sum, count: u64) -> f64;
    /// The sum of rows that were summed as they lie.
    fn total(totals: &Totals) -> Self::Sum;
    /// Sums as a column: none for groups without values.
    fn column(sums: impl Iterator<Item = Option<Self::Sum>>) -> Chunk;
}

macro_rules! integer {
    ($($t:ty: $part:ty),*) => {$(
        impl Number for $t {
            type Sum = i128;
            type Part = $part;
            fn part(self) -> $part {
                <$part>::from(self)
            }
            fn absolute(part: $part) -> $part {
                part.abs()
            }
            fn plus(a: i128, b: i128) -> i128 {
                a.wrapping_add(b)
            }
            fn mean(sum: i128, count: u64) -> f64 {
                sum as f64 / count as f64
            }
            fn total(totals: &Totals) -> i128 {
                totals.whole
            }
            fn column(sums: impl Iterator<Item = Option<i128>>) -> Chunk {
                Chunk::Long(sums.map(|sum| sum.map_or(i64::NULL, |sum| sum as i64)).collect())
            }
        }
    )*};
}
// 2^16 values of 32 bits fit 64, of 64 bits 128.
integer!(i8: i64, i16: i64, u16: i64, i32: i64, i64: i128);

impl Number for Boolean {
    type Sum = i128;
    type Part = i64;
    fn part(self) -> i64 {
        i64::from(self.0)
    }
    fn absolute(part: i64) -> i64 {
        part
    }
    fn plus(a: i128, b: i128) -> i128 {
        a.wrapping_add(b)
    }
    fn mean(sum: i128, count: u64) -> f64 {
        sum as f64 / count as f64
    }
    fn total(totals: &Totals) -> i128 {
        totals.whole
    }
    fn column(sums: impl Iterator<Item = Option<i128>>) -> Chunk {
        i64::column(sums)
    }
}

macro_rules! float {
    ($($t:ty: $column:ident),*) => {$(
        impl Number for $t {
            type Sum = f64;
            type Part = f64;
            fn part(self) -> f64 {
                f64::from(self)
            }
            fn absolute(part: f64) -> f64 {
                part.abs()
            }
            fn plus(a: f64, b: f64) -> f64 {
                a + b
            }
            fn mean(sum: f64, count: u64) -> f64 {
                sum / count as f64
            }
            fn total(totals: &Totals) -> f64 {
                totals.float
            }
            fn column(sums: impl Iterator<Item = Option<f64>>) -> Chunk {
                Chunk::$column(sums.map(|sum| sum.map_or(<$t>::NULL, |sum| sum as $t)).collect())
            }
        }
    )*};
}
float!(f32: Float, f64: Double);

/// Sum and number of the values that are not null.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SumState<S> {
    sum: S,
    count: u64,
}

impl<S: Copy> SumState<S> {
    fn plus<T: Number<Sum = S>>(self, other: Self) -> Self {
        SumState { sum: T::plus(self.sum, other.sum), count: self.count + other.count }
    }
}

/// Values that a part holds the sum of.
const RUN: usize = 1 << 16;
/// Lanes of a run: their sums are independent, so that the machine adds several at once.
const LANES: usize = 16;

fn add_run<T: Number, const ABSOLUTE: bool>(state: &mut SumState<T::Sum>, values: &[T]) {
    let one = |value: T| {
        let part = if ABSOLUTE { T::absolute(value.part()) } else { value.part() };
        if value.is_null() { T::Part::default() } else { part }
    };
    for run in values.chunks(RUN) {
        // Arrays are what comes back: adding them up in there would take the lanes out of the vectors again.
        let (lanes, counts) = vectorized(
            #[inline(always)]
            || {
                let (mut lanes, mut counts) = ([T::Part::default(); LANES], [0u64; LANES]);
                for block in run.as_chunks::<LANES>().0 {
                    for at in 0..LANES {
                        lanes[at] = lanes[at] + one(block[at]);
                        counts[at] += u64::from(!block[at].is_null());
                    }
                }
                (lanes, counts)
            },
        );
        let rest = run.as_chunks::<LANES>().1;
        let count = counts.iter().sum::<u64>() + rest.iter().filter(|value| !value.is_null()).count() as u64;
        let parts = lanes.into_iter().chain(rest.iter().map(|&value| one(value)));
        let sum = parts.fold(T::Part::default(), Add::add).into();
        *state = state.plus::<T>(SumState { sum, count });
    }
}

fn add_totals<T: Number>(state: &mut SumState<T::Sum>, totals: &Totals) {
    *state = state.plus::<T>(SumState { sum: T::total(totals), count: totals.count });
}

struct Sum<T> {
    absolute: bool,
    value: PhantomData<T>,
}

impl<T: Number> Fold for Sum<T> {
    type Value = T;
    type State = SumState<T::Sum>;

    fn add(&self, state: &mut Self::State, value: T) {
        if !value.is_null() {
            let part = if self.absolute { T::absolute(value.part()) } else { value.part() };
            *state = state.plus::<T>(SumState { sum: part.into(), count: 1 });
        }
    }

    fn add_run(&self, state: &mut Self::State, values: &[T]) {
        if self.absolute { add_run::<T, true>(state, values) } else { add_run::<T, false>(state, values) }
    }

    fn takes_totals(&self) -> bool {
        !self.absolute
    }

    fn add_totals(&self, state: &mut Self::State, totals: &Totals) {
        add_totals::<T>(state, totals);
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        *state = state.plus::<T>(later);
    }

    fn finish(&self, states: &[Self::State]) -> Chunk {
        T::column(states.iter().map(|state| (state.count > 0).then_some(state.sum)))
    }
}

struct Average<T>(PhantomData<T>);

impl<T: Number> Fold for Average<T> {
    type Value = T;
    type State = SumState<T::Sum>;

    fn add(&self, state: &mut Self::State, value: T) {
        if !value.is_null() {
            *state = state.plus::<T>(SumState { sum: value.part().into(), count: 1 });
        }
    }

    fn add_run(&self, state: &mut Self::State, values: &[T]) {
        add_run::<T, false>(state, values);
    }

    fn takes_totals(&self) -> bool {
        true
    }

    fn add_totals(&self, state: &mut Self::State, totals: &Totals) {
        add_totals::<T>(state, totals);
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        *state = state.plus::<T>(later);
    }

    fn finish(&self, states: &[Self::State]) -> Chunk {
        let mean = |state: &SumState<T::Sum>| match state.count {
            0 => f64::NULL,
            count => T::mean(state.sum, count),
        };
        Chunk::Double(states.iter().map(mean).collect())
    }
}

/// Sums, of absolute values or not. The type has a sum: [`super::kernel::Kernel::result_type`] was asked.
pub(super) fn sum(input: ColumnType, groups: usize, absolute: bool) -> Box<dyn Accumulator> {
    for_type!(input, T => Folded::boxed(Sum::<T> { absolute, value: PhantomData }, groups),
        String => Folded::boxed(Sum::<i64> { absolute, value: PhantomData }, groups))
}

/// Averages. The type has an average: [`super::kernel::Kernel::result_type`] was asked.
pub(super) fn average(input: ColumnType, groups: usize) -> Box<dyn Accumulator> {
    for_type!(input, T => Folded::boxed(Average::<T>(PhantomData), groups),
        String => Folded::boxed(Average::<i64>(PhantomData), groups))
}
