//! Comparisons of two operands of one type, and tests for null and NaN.

use super::super::node::Kernel;
use super::super::operand::{Cell, Operand, map1, map2};
use super::super::order::Ordered;
use super::super::predicate::Comparison;
use crate::base::{Boolean, ColumnType, Primitive};
use crate::memory::symbols::compare_utf16;
use crate::memory::{Chunk, SymbolCode};
use std::cmp::Ordering;

/// The kernel of a comparison of operands that have one type.
pub(in super::super) fn kernel(comparison: Comparison, column_type: ColumnType) -> Kernel {
    match column_type {
        ColumnType::String => Box::new(move |operands, len| Ok(texts(comparison, &operands[0], &operands[1], len))),
        ColumnType::Char => of::<u16>(comparison),
        ColumnType::Boolean => of::<Boolean>(comparison),
        ColumnType::Byte => of::<i8>(comparison),
        ColumnType::Short => of::<i16>(comparison),
        ColumnType::Int => of::<i32>(comparison),
        ColumnType::Long | ColumnType::DateTime => of::<i64>(comparison),
        ColumnType::Float => of::<f32>(comparison),
        ColumnType::Double => of::<f64>(comparison),
        _ => super::objects::compare(comparison),
    }
}

fn of<T: Cell + Ordered>(comparison: Comparison) -> Kernel {
    fn with<T: Cell + Ordered>(f: impl Fn(T, T) -> bool + Send + Sync + 'static) -> Kernel {
        Box::new(move |operands, _| Ok(map2(&operands[0], &operands[1], |a: T, b: T| Boolean::from(f(a, b)))))
    }
    match comparison {
        Comparison::Equal => with(|a: T, b: T| a.is_same(b)),
        Comparison::NotEqual => with(|a: T, b: T| !a.is_same(b)),
        Comparison::Less => with(|a: T, b: T| a.less(b)),
        Comparison::LessOrEqual => with(|a: T, b: T| !b.less(a) & !a.is_nan() & !b.is_nan()),
        Comparison::Greater => with(|a: T, b: T| b.less(a)),
        Comparison::GreaterOrEqual => with(|a: T, b: T| !a.less(b) & !a.is_nan() & !b.is_nan()),
    }
}

/// The kernel of a comparison of a long with a double, exact where a conversion would round.
pub(in super::super) fn long_with_double(comparison: Comparison) -> Kernel {
    Box::new(move |operands, _| {
        Ok(map2(&operands[0], &operands[1], |a: i64, b: f64| Boolean::from(comparison.holds(order(a, b)))))
    })
}

#[inline]
fn order(a: i64, b: f64) -> Option<Ordering> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if a.is_null() || b.is_null() {
        return Some(b.is_null().cmp(&a.is_null()));
    }
    if b.is_nan() {
        return None;
    }
    if b >= TWO_63 {
        return Some(Ordering::Less);
    }
    if b < -TWO_63 {
        return Some(Ordering::Greater);
    }
    let whole = b.trunc();
    // The fraction decides between equal whole parts.
    Some(a.cmp(&(whole as i64)).then_with(|| whole.partial_cmp(&b).unwrap_or(Ordering::Equal)))
}

fn texts(comparison: Comparison, a: &Operand<'_>, b: &Operand<'_>, len: usize) -> Chunk {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let equal = comparison == Comparison::Equal;
    let (a, b) = (a.texts(), b.texts());
    // Equality with a constant, or within one table, is equality of codes.
    let same_table = std::sync::Arc::ptr_eq(&a.strings.symbols, &b.strings.symbols);
    if equality && a.strings.symbols.is_distinct() && !a.constant {
        let same = |x: SymbolCode, y: SymbolCode| Boolean::from((x == y) == equal);
        if same_table && !b.constant {
            return Chunk::Boolean(a.strings.codes.iter().zip(&b.strings.codes).map(|(&x, &y)| same(x, y)).collect());
        }
        if b.constant {
            let code = match b.get(0) {
                None => Some(SymbolCode::NULL),
                Some(text) => a.strings.symbols.find(text),
            };
            return Chunk::Boolean(match code {
                Some(code) => a.strings.codes.iter().map(|&x| same(x, code)).collect(),
                None => vec![Boolean::from(!equal); len],
            });
        }
    }
    let test = |row: usize| {
        let (a, b) = (a.get(row), b.get(row));
        if equality {
            return (a == b) == equal;
        }
        comparison.holds(Some(match (a, b) {
            (Some(a), Some(b)) => compare_utf16(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }))
    };
    Chunk::Boolean((0..len).map(|row| Boolean::from(test(row))).collect())
}

/// `isNull(x)` for a type.
pub(in super::super) fn is_null(column_type: ColumnType) -> Kernel {
    fn of<T: Cell>() -> Kernel {
        Box::new(|operands, _| Ok(map1(&operands[0], |a: T| Boolean::from(a.is_null()))))
    }
    match column_type {
        ColumnType::String => Box::new(|operands, _| {
            let texts = operands[0].texts();
            Ok(Chunk::Boolean(texts.strings.codes.iter().map(|&code| Boolean::from(code.is_null())).collect()))
        }),
        ColumnType::Char => of::<u16>(),
        ColumnType::Boolean => of::<Boolean>(),
        ColumnType::Byte => of::<i8>(),
        ColumnType::Short => of::<i16>(),
        ColumnType::Int => of::<i32>(),
        ColumnType::Long | ColumnType::DateTime => of::<i64>(),
        ColumnType::Float => of::<f32>(),
        ColumnType::Double => of::<f64>(),
        _ => super::objects::is_null(),
    }
}
