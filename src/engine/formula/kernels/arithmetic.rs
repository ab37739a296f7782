//! `+ - * / %` and `& | ^` on operands that were widened to one type: null with anything is null, integers wrap.

use super::super::ast::BinaryOperator;
use super::super::node::Kernel;
use super::super::operand::{Cell, Lane, Operand, as_date_time, map1, map2, map2_in_place};
use crate::base::{Boolean, ColumnType, Error, ErrorKind, Primitive};
use crate::memory::Chunk;

/// A type that arithmetic is done in.
pub(in super::super) trait Arithmetic: Cell {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// Of integers, by something other than zero.
    fn remainder(self, other: Self) -> Self;
    fn negated(self) -> Self;
}

macro_rules! integer_arithmetic {
    ($($t:ty),*) => {$(
        impl Arithmetic for $t {
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline]
            fn remainder(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }
            #[inline]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }
        }
    )*};
}
integer_arithmetic!(i32, i64);

macro_rules! float_arithmetic {
    ($($t:ty),*) => {$(
        impl Arithmetic for $t {
            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }
            #[inline]
            fn minus(self, other: Self) -> Self {
                self - other
            }
            #[inline]
            fn times(self, other: Self) -> Self {
                self * other
            }
            #[inline]
            fn remainder(self, other: Self) -> Self {
                self % other
            }
            #[inline]
            fn negated(self) -> Self {
                -self
            }
        }
    )*};
}
float_arithmetic!(f32, f64);

/// Null where an operand is.
fn either<T: Primitive>(f: impl Fn(T, T) -> T) -> impl Fn(T, T) -> T {
    move |a, b| if a.is_null() | b.is_null() { T::NULL } else { f(a, b) }
}

fn pair(operands: Vec<Operand<'_>>) -> (Operand<'_>, Operand<'_>) {
    let mut operands = operands.into_iter();
    match (operands.next(), operands.next()) {
        (Some(a), Some(b)) => (a, b),
        _ => unreachable!("an operator has two operands"),
    }
}

fn kernel<T: Cell>(f: impl Fn(T, T) -> T + Send + Sync + Copy + 'static) -> Kernel {
    Box::new(move |operands, _| {
        let (a, b) = pair(operands);
        Ok(map2_in_place(a, b, either(f)))
    })
}

/// The kernel of an operator for operands of one type: int, long, float or double. None where it is not defined.
pub(in super::super) fn numbers(operator: BinaryOperator, column_type: ColumnType) -> Option<Kernel> {
    fn of<T: Arithmetic>(operator: BinaryOperator) -> Option<Kernel> {
        Some(match operator {
            BinaryOperator::Add => kernel(T::plus),
            BinaryOperator::Subtract => kernel(T::minus),
            BinaryOperator::Multiply => kernel(T::times),
            BinaryOperator::Remainder => kernel(T::remainder),
            _ => return None,
        })
    }
    match (column_type, operator) {
        (ColumnType::Float, BinaryOperator::Divide) => Some(kernel(|a: f32, b: f32| a / b)),
        (ColumnType::Double, BinaryOperator::Divide) => Some(kernel(|a: f64, b: f64| a / b)),
        (ColumnType::Int, BinaryOperator::Remainder) => Some(integer_remainder::<i32>()),
        (ColumnType::Long, BinaryOperator::Remainder) => Some(integer_remainder::<i64>()),
        (ColumnType::Int, _) => of::<i32>(operator).or_else(|| bits::<i32>(operator)),
        (ColumnType::Long, _) => of::<i64>(operator).or_else(|| bits::<i64>(operator)),
        (ColumnType::Float, _) => of::<f32>(operator),
        (ColumnType::Double, _) => of::<f64>(operator),
        _ => None,
    }
}

fn bits<T>(operator: BinaryOperator) -> Option<Kernel>
where
    T: Cell + std::ops::BitAnd<Output = T> + std::ops::BitOr<Output = T> + std::ops::BitXor<Output = T>,
{
    Some(match operator {
        BinaryOperator::BitAnd => kernel(|a: T, b: T| a & b),
        BinaryOperator::BitOr => kernel(|a: T, b: T| a | b),
        BinaryOperator::BitXor => kernel(|a: T, b: T| a ^ b),
        _ => return None,
    })
}

/// `& | ^` on truth values: null with anything is null.
pub(in super::super) fn booleans(operator: BinaryOperator) -> Option<Kernel> {
    Some(match operator {
        BinaryOperator::BitAnd => kernel(|a: Boolean, b: Boolean| Boolean(a.0 & b.0)),
        BinaryOperator::BitOr => kernel(|a: Boolean, b: Boolean| Boolean(a.0 | b.0)),
        BinaryOperator::BitXor => kernel(|a: Boolean, b: Boolean| Boolean(a.0 ^ b.0)),
        _ => return None,
    })
}

/// Integer `%`: a divisor of zero is an error, unless the dividend is null.
fn integer_remainder<T: Arithmetic + Default>() -> Kernel {
    Box::new(|operands, _| {
        let (a, b) = pair(operands);
        let zero = T::default();
        let by_zero = match (a.lane::<T>(), b.lane::<T>()) {
            (Lane::Slice(a), Lane::Slice(b)) => a.iter().zip(b).any(|(a, b)| *b == zero && !a.is_null()),
            (Lane::Slice(a), Lane::Constant(b)) => b == zero && a.iter().any(|a| !a.is_null()),
            (Lane::Constant(a), Lane::Slice(b)) => !a.is_null() && b.contains(&zero),
            (Lane::Constant(a), Lane::Constant(b)) => b == zero && !a.is_null(),
        };
        if by_zero {
            return Err(Error::new(ErrorKind::Evaluation, "integer remainder by zero")
                .hint("filter the zeros out first, or make a side a double"));
        }
        let remainder = |a: T, b: T| if a.is_null() | b.is_null() || b == zero { T::NULL } else { a.remainder(b) };
        Ok(map2_in_place(a, b, remainder))
    })
}

/// Unary minus on a type that arithmetic is done in.
pub(in super::super) fn negate(column_type: ColumnType) -> Option<Kernel> {
    fn of<T: Arithmetic>() -> Kernel {
        Box::new(|operands, _| Ok(map1(&operands[0], |a: T| if a.is_null() { T::NULL } else { a.negated() })))
    }
    Some(match column_type {
        ColumnType::Int => of::<i32>(),
        ColumnType::Long => of::<i64>(),
        ColumnType::Float => of::<f32>(),
        ColumnType::Double => of::<f64>(),
        _ => return None,
    })
}

/// `!` on truth values: null stays null.
pub(in super::super) fn not() -> Kernel {
    Box::new(|operands, _| Ok(map1(&operands[0], |a: Boolean| if a.is_null() { a } else { Boolean(a.0 ^ 1) })))
}

/// A date-time plus (or minus) nanoseconds; outside of the range of date-times is an error.
pub(in super::super) fn shift_time(minus: bool) -> Kernel {
    Box::new(move |operands, _| {
        let (a, b) = pair(operands);
        let shifted = |a: i64, b: i64| if minus { a.overflowing_sub(b) } else { a.overflowing_add(b) };
        let is_null = |a: i64, b: i64| a.is_null() | b.is_null();
        let outside = |a: i64, b: i64| {
            let (sum, overflow) = shifted(a, b);
            Boolean::from(!is_null(a, b) & (overflow | sum.is_null()))
        };
        let Chunk::Boolean(bad) = map2(&a, &b, outside) else { unreachable!("booleans were asked for") };
        if bad.contains(&Boolean::TRUE) {
            return Err(Error::new(ErrorKind::Evaluation, "a date-time outside of 1677-09-21 to 2262-04-11"));
        }
        Ok(as_date_time(map2_in_place(a, b, |a, b| if is_null(a, b) { i64::NULL } else { shifted(a, b).0 })))
    })
}

/// Nanoseconds between two date-times.
pub(in super::super) fn time_difference() -> Kernel {
    kernel(<i64 as Arithmetic>::minus)
}
