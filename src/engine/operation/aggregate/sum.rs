//! Sums, sums of absolute values, averages.
//!
//! Integers are summed exactly: wrapping longs for sums (rule 73), 128 bits for averages. Floats are summed in double, in row
//! order; runs of one group in eight lanes.

use super::accumulate::{Accumulator, Fold, Folded, Values, for_type};
use crate::base::{Boolean, ColumnType, Primitive};
use crate::memory::Chunk;
use std::marker::PhantomData;

/// A type that has a sum.
pub(super) trait Number: Values {
    /// What sums are kept in.
    type Sum: Copy + Default + Send + Sync + std::fmt::Debug + 'static;
    fn widen(self) -> Self::Sum;
    fn absolute(sum: Self::Sum) -> Self::Sum;
    fn plus(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    fn mean(sum: Self::Sum, count: u64) -> f64;
    /// Sums as a column: none for groups without values.
    fn column(sums: impl Iterator<Item = Option<Self::Sum>>) -> Chunk;
}

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Sum = i128;
            fn widen(self) -> i128 {
                i128::from(self)
            }
            fn absolute(sum: i128) -> i128 {
                sum.abs()
            }
            fn plus(a: i128, b: i128) -> i128 {
                a.wrapping_add(b)
            }
            fn mean(sum: i128, count: u64) -> f64 {
                sum as f64 / count as f64
            }
            fn column(sums: impl Iterator<Item = Option<i128>>) -> Chunk {
                Chunk::Long(sums.map(|sum| sum.map_or(i64::NULL, |sum| sum as i64)).collect())
            }
        }
    )*};
}
integer!(i8, i16, u16, i32, i64);

impl Number for Boolean {
    type Sum = i128;
    fn widen(self) -> i128 {
        i128::from(self.0)
    }
    fn absolute(sum: i128) -> i128 {
        sum
    }
    fn plus(a: i128, b: i128) -> i128 {
        a.wrapping_add(b)
    }
    fn mean(sum: i128, count: u64) -> f64 {
        sum as f64 / count as f64
    }
    fn column(sums: impl Iterator<Item = Option<i128>>) -> Chunk {
        i64::column(sums)
    }
}

macro_rules! float {
    ($($t:ty: $column:ident),*) => {$(
        impl Number for $t {
            type Sum = f64;
            fn widen(self) -> f64 {
                f64::from(self)
            }
            fn absolute(sum: f64) -> f64 {
                sum.abs()
            }
            fn plus(a: f64, b: f64) -> f64 {
                a + b
            }
            fn mean(sum: f64, count: u64) -> f64 {
                sum / count as f64
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

/// Lanes of a run: their sums are independent, so that the machine adds several at once.
const LANES: usize = 8;

fn add_run<T: Number>(state: &mut SumState<T::Sum>, values: &[T], absolute: bool) {
    let one = |value: T| {
        let sum = value.widen();
        if value.is_null() {
            T::Sum::default()
        } else if absolute {
            T::absolute(sum)
        } else {
            sum
        }
    };
    let mut lanes = [T::Sum::default(); LANES];
    let mut count = 0u64;
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = T::plus(*lane, one(value));
            count += u64::from(!value.is_null());
        }
    }
    for &value in rest {
        lanes[0] = T::plus(lanes[0], one(value));
        count += u64::from(!value.is_null());
    }
    let sum = lanes.into_iter().reduce(T::plus).unwrap_or_default();
    *state = SumState { sum: T::plus(state.sum, sum), count: state.count + count };
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
            let value = if self.absolute { T::absolute(value.widen()) } else { value.widen() };
            *state = SumState { sum: T::plus(state.sum, value), count: state.count + 1 };
        }
    }

    fn add_run(&self, state: &mut Self::State, values: &[T]) {
        add_run(state, values, self.absolute);
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        *state = SumState { sum: T::plus(state.sum, later.sum), count: state.count + later.count };
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
            *state = SumState { sum: T::plus(state.sum, value.widen()), count: state.count + 1 };
        }
    }

    fn add_run(&self, state: &mut Self::State, values: &[T]) {
        add_run(state, values, false);
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        *state = SumState { sum: T::plus(state.sum, later.sum), count: state.count + later.count };
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
