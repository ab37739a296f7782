//! Values of a column as the numbers that the kernels of `updateBy` take, nulls kept. Operations check the types before: values of variable width are no
//! numbers and give none.

use super::super::sort::{OrderBits, rank_of, symbol_ranks};
use crate::base::{Boolean, ColumnType, Primitive};
use crate::memory::{Chunk, SymbolCode};
use crate::{with_fixed_values, with_values};
use std::ops::Range;

/// A type of values as numbers.
pub(in super::super) trait Numeric: Primitive {
    /// The value as a double, null as null.
    fn double(self) -> f64;
    /// The value as a long, null as null.
    fn long(self) -> i64;
}

macro_rules! numeric {
    ($($t:ty: $value:ident => $double:expr, $long:expr;)*) => {$(
        impl Numeric for $t {
            fn double(self) -> f64 {
                let $value = self;
                if self.is_null() { f64::NULL } else { $double }
            }
            fn long(self) -> i64 {
                let $value = self;
                if self.is_null() { i64::NULL } else { $long }
            }
        }
    )*};
}
numeric! {
    i8: v => f64::from(v), i64::from(v);
    i16: v => f64::from(v), i64::from(v);
    u16: v => f64::from(v), i64::from(v);
    i32: v => f64::from(v), i64::from(v);
    i64: v => v as f64, v;
    f32: v => f64::from(v), v as i64;
    f64: v => v, v as i64;
    Boolean: v => f64::from(v.0), i64::from(v.0);
    // Not numbers: operations check the types before.
    SymbolCode: v => f64::from(v.0), i64::from(v.0);
}

/// Values as doubles.
pub(in super::super) fn doubles(chunk: &Chunk, range: Range<usize>) -> Vec<f64> {
    with_fixed_values!(chunk, values => values[range].iter().map(|&value| value.double()).collect(), else Vec::new())
}

/// Values as longs.
pub(in super::super) fn longs(chunk: &Chunk, range: Range<usize>) -> Vec<i64> {
    with_fixed_values!(chunk, values => values[range].iter().map(|&value| value.long()).collect(), else Vec::new())
}

/// Which values are not null.
pub(super) fn present(chunk: &Chunk) -> Vec<bool> {
    with_values!(chunk, values => values.iter().map(|value| !value.is_null()).collect())
}

/// The values as integers in their order; 0 for null.
pub(super) fn order_bits(chunk: &Chunk) -> Vec<u64> {
    match chunk {
        Chunk::String(strings) => {
            let ranks = symbol_ranks(&strings.symbols);
            strings.codes.iter().map(|code| rank_of(&ranks, *code)).collect()
        }
        // The sentinel of a narrow integer is the least, but not 0.
        other => with_fixed_values!(other, values => {
            values.iter().map(|value| if value.is_null() { 0 } else { value.order_bits() }).collect()
        }, else Vec::new()),
    }
}

/// Longs as a column of a type; wider ones wrap.
pub(super) fn from_longs(column_type: ColumnType, values: Vec<i64>) -> Chunk {
    fn narrow<T: Primitive>(values: &[i64], to: impl Fn(i64) -> T) -> Vec<T> {
        values.iter().map(|&value| if value.is_null() { T::NULL } else { to(value) }).collect()
    }
    match column_type {
        ColumnType::Byte => Chunk::Byte(narrow(&values, |value| value as i8)),
        ColumnType::Short => Chunk::Short(narrow(&values, |value| value as i16)),
        ColumnType::Char => Chunk::Char(narrow(&values, |value| value as u16)),
        ColumnType::Int => Chunk::Int(narrow(&values, |value| value as i32)),
        _ => Chunk::Long(values),
    }
}

/// Doubles as a column of a type.
pub(super) fn from_doubles(column_type: ColumnType, values: Vec<f64>) -> Chunk {
    match column_type {
        ColumnType::Float => {
            Chunk::Float(values.iter().map(|&value| if value.is_null() { f32::NULL } else { value as f32 }).collect())
        }
        _ => Chunk::Double(values),
    }
}
