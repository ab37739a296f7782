//! Functions of numbers. The library's own skip or pass on nulls; Java's (`Math.…`) take the sentinel as the number that it is.

use super::super::node::Kernel;
use super::super::operand::{Cell, Operand, map1, map2};
use super::super::order::Ordered;
use super::Named;
use super::arithmetic::Arithmetic;
use super::cast::Number;
use crate::base::{Boolean, ColumnType, Error, ErrorKind, Primitive, Result};
use crate::memory::Chunk;

/// The functions of one double that give a double.
pub(in super::super) const OF_DOUBLE: Named<fn(f64) -> f64> = &[
    ("sqrt", f64::sqrt),
    ("cbrt", f64::cbrt),
    ("exp", f64::exp),
    ("expm1", f64::exp_m1),
    ("log", f64::ln),
    ("log10", f64::log10),
    ("log1p", f64::ln_1p),
    ("sin", f64::sin),
    ("cos", f64::cos),
    ("tan", f64::tan),
    ("asin", f64::asin),
    ("acos", f64::acos),
    ("atan", f64::atan),
    ("sinh", f64::sinh),
    ("cosh", f64::cosh),
    ("tanh", f64::tanh),
    ("toRadians", f64::to_radians),
    ("toDegrees", f64::to_degrees),
    ("ceil", f64::ceil),
    ("floor", f64::floor),
    ("rint", f64::round_ties_even),
];

/// The functions of two doubles that give a double.
pub(in super::super) const OF_DOUBLES: Named<fn(f64, f64) -> f64> =
    &[("pow", power), ("atan2", f64::atan2), ("hypot", f64::hypot)];

/// As Java's: NaN as an exponent, and an infinite one of 1 or -1, give NaN.
#[inline]
fn power(base: f64, exponent: f64) -> f64 {
    if exponent.is_nan() || base.abs() == 1.0 && exponent.is_infinite() { f64::NAN } else { base.powf(exponent) }
}

/// A function of one double; `nulls`: null gives null.
pub(in super::super) fn of_double(f: fn(f64) -> f64, nulls: bool) -> Kernel {
    Box::new(move |operands, _| Ok(map1(&operands[0], |v: f64| if nulls && v.is_null() { v } else { f(v) })))
}

/// A function of two doubles; `nulls`: a null gives null.
pub(in super::super) fn of_doubles(f: fn(f64, f64) -> f64, nulls: bool) -> Kernel {
    Box::new(move |operands, _| {
        Ok(map2(
            &operands[0],
            &operands[1],
            |a: f64, b: f64| {
                if nulls && (a.is_null() || b.is_null()) { f64::NULL } else { f(a, b) }
            },
        ))
    })
}

/// `abs`: the type stays, null too.
pub(in super::super) fn absolute(column_type: ColumnType, nulls: bool) -> Kernel {
    fn of<T: Cell>(nulls: bool, f: impl Fn(T) -> T + Send + Sync + 'static) -> Kernel {
        Box::new(move |operands, _| Ok(map1(&operands[0], |v: T| if nulls && v.is_null() { v } else { f(v) })))
    }
    match column_type {
        ColumnType::Byte => of(nulls, i8::wrapping_abs),
        ColumnType::Short => of(nulls, i16::wrapping_abs),
        ColumnType::Long => of(nulls, i64::wrapping_abs),
        ColumnType::Float => of(nulls, f32::abs),
        ColumnType::Double => of(nulls, f64::abs),
        _ => of(nulls, i32::wrapping_abs),
    }
}

/// `signum` of a double as int; NaN gives 0.
pub(in super::super) fn sign() -> Kernel {
    Box::new(|operands, _| {
        Ok(map1(&operands[0], |v: f64| if v.is_null() { i32::NULL } else { i32::from(v > 0.0) - i32::from(v < 0.0) }))
    })
}

/// `round` to long: half up; NaN gives 0; a float saturates at the range of int, as in Java.
pub(in super::super) fn round(column_type: ColumnType, nulls: bool) -> Kernel {
    let is_float = column_type == ColumnType::Float;
    fn up(v: f64) -> f64 {
        let floor = v.floor();
        if v - floor >= 0.5 { floor + 1.0 } else { floor }
    }
    match is_float {
        true => {
            Box::new(move |operands, _| {
                Ok(map1(&operands[0], |v: f32| {
                    if nulls && v.is_null() { i64::NULL } else { i64::from(up(f64::from(v)) as i32) }
                }))
            })
        }
        false => Box::new(move |operands, _| {
            Ok(map1(&operands[0], |v: f64| if nulls && v.is_null() { i64::NULL } else { up(v) as i64 }))
        }),
    }
}

/// `roundDecimalPlaces(x, places)`: half up at a decimal place; null of null.
pub(in super::super) fn round_places() -> Kernel {
    Box::new(|operands, _| {
        Ok(map2(&operands[0], &operands[1], |x: f64, places: i32| {
            if x.is_null() || places.is_null() {
                return f64::NULL;
            }
            let scale = 10f64.powi(places);
            let rounded = (x * scale + 0.5).floor() / scale;
            if rounded.is_finite() { rounded } else { x }
        }))
    })
}

/// `max` or `min` of two values of a type. The library's skips nulls; NaN wins in both; `0.0` is above `-0.0`.
pub(in super::super) fn extreme(column_type: ColumnType, greatest: bool, nulls: bool) -> Option<Kernel> {
    fn of<T: Cell + Ordered>(greatest: bool, nulls: bool) -> Kernel {
        Box::new(move |operands, _| {
            Ok(map2(&operands[0], &operands[1], |a: T, b: T| {
                // Of equal zeros the first stays; for Java's functions -0.0 is below 0.0.
                let (less, more) = if greatest { (a, b) } else { (b, a) };
                let second = less < more || !nulls && less == more && less.total_key() < more.total_key();
                if nulls && a.is_null() {
                    b
                } else if nulls && b.is_null() || a.is_nan() {
                    a
                } else if b.is_nan() || second {
                    b
                } else {
                    a
                }
            }))
        })
    }
    Some(match column_type {
        ColumnType::Byte => of::<i8>(greatest, nulls),
        ColumnType::Short => of::<i16>(greatest, nulls),
        ColumnType::Char => of::<u16>(greatest, nulls),
        ColumnType::Int => of::<i32>(greatest, nulls),
        ColumnType::Long => of::<i64>(greatest, nulls),
        ColumnType::Float => of::<f32>(greatest, nulls),
        ColumnType::Double => of::<f64>(greatest, nulls),
        ColumnType::DateTime => {
            let kernel = of::<i64>(greatest, nulls);
            Box::new(move |operands, len| kernel(operands, len).map(super::super::operand::as_date_time))
        }
        _ => return None,
    })
}

/// `clamp(x, low, high)` of one type: null and NaN stay. Errs where `low` is above `high`.
pub(in super::super) fn clamp(column_type: ColumnType) -> Option<Kernel> {
    fn of<T: Cell>() -> Kernel {
        Box::new(|operands, len| {
            let (value, low, high) = (operands[0].lane::<T>(), operands[1].lane::<T>(), operands[2].lane::<T>());
            let one = |row: usize| {
                let (v, low, high) = (value.get(row), low.get(row), high.get(row));
                if low > high {
                    return Err(Error::new(ErrorKind::Evaluation, "clamp: the second argument is above the third"));
                }
                Ok(if v.is_null() {
                    v
                } else if v < low {
                    low
                } else if v > high {
                    high
                } else {
                    v
                })
            };
            Ok(T::chunk((0..len).map(one).collect::<Result<_>>()?))
        })
    }
    Some(match column_type {
        ColumnType::Byte => of::<i8>(),
        ColumnType::Short => of::<i16>(),
        ColumnType::Int => of::<i32>(),
        ColumnType::Long => of::<i64>(),
        ColumnType::Float => of::<f32>(),
        ColumnType::Double => of::<f64>(),
        _ => return None,
    })
}

/// `Math.floorMod` and `Math.floorDiv`, which know no null and err on 0.
pub(in super::super) fn floor<T: Bin + Default>(modulo: bool) -> Kernel {
    Box::new(move |operands, len| {
        let (value, by) = (operands[0].lane::<T>(), operands[1].lane::<T>());
        let one = |row: usize| match (value.get(row), by.get(row)) {
            (_, zero) if zero == T::default() => Err(Error::new(ErrorKind::Evaluation, "an integer divided by 0")),
            (v, by) if modulo => Ok(v.floor_mod(by)),
            (v, by) => Ok(v.floor_div(by)),
        };
        Ok(T::chunk((0..len).map(one).collect::<Result<_>>()?))
    })
}

/// An integer that bins are made of.
pub(in super::super) trait Bin: Arithmetic + Number + Ord {
    /// The greatest multiple of `width` that is not above; wraps below the range.
    fn floor_to(self, width: Self) -> Self;
    /// Adds, wrapping.
    fn shifted(self, by: Self) -> Self;
    /// The remainder with the sign of the divisor, which is not 0.
    fn floor_mod(self, by: Self) -> Self;
    /// The quotient rounded down, of a divisor that is not 0; wraps.
    fn floor_div(self, by: Self) -> Self;
}

macro_rules! bins {
    ($($t:ty),*) => {$(
        impl Bin for $t {
            #[inline]
            fn floor_to(self, width: Self) -> Self {
                self.wrapping_sub(self.rem_euclid(width))
            }
            #[inline]
            fn shifted(self, by: Self) -> Self {
                self.wrapping_add(by)
            }
            fn floor_mod(self, by: Self) -> Self {
                let rest = self.wrapping_rem(by);
                if rest != 0 && (rest < 0) != (by < 0) { rest + by } else { rest }
            }
            fn floor_div(self, by: Self) -> Self {
                let inexact = self.wrapping_rem(by) != 0 && (self < 0) != (by < 0);
                self.wrapping_div(by) - <$t>::from(inexact)
            }
        }
    )*};
}
bins!(i32, i64);

/// `lowerBin` and `upperBin` of integers or date-times (nanoseconds): floor or ceiling to multiples of a positive width, counted from the offset
/// that a third operand gives.
pub(in super::super) fn bin<T: Bin + Default>(upper: bool) -> Kernel {
    Box::new(move |operands, len| {
        let (value, width) = (operands[0].lane::<T>(), operands[1].lane::<T>());
        let offset = operands.get(2).map(Operand::lane::<T>);
        let mut values = Vec::with_capacity(len);
        for row in 0..len {
            let (v, width) = (value.get(row), width.get(row));
            let offset = offset.as_ref().map_or(T::default(), |lane| lane.get(row));
            if v.is_null() || width.is_null() || offset.is_null() {
                values.push(T::NULL);
                continue;
            }
            if width <= T::default() {
                return Err(narrow(width));
            }
            let start = v.minus(offset).floor_to(width).plus(offset);
            // Below the range the start has wrapped, and adding wraps it back.
            values.push(if upper && start != v { start.shifted(width) } else { start });
        }
        Ok(T::chunk(values))
    })
}

/// `lowerBin` and `upperBin` of doubles, with or without an offset.
pub(in super::super) fn bin_double(upper: bool) -> Kernel {
    Box::new(move |operands, len| {
        let (value, width) = (operands[0].lane::<f64>(), operands[1].lane::<f64>());
        let offset = operands.get(2).map(Operand::lane::<f64>);
        let one = |row: usize| {
            let (v, width) = (value.get(row), width.get(row));
            let offset = offset.as_ref().map_or(0.0, |lane| lane.get(row));
            if v.is_null() || width.is_null() || offset.is_null() {
                return Ok(f64::NULL);
            }
            if width <= 0.0 {
                return Err(narrow(width));
            }
            let bins = (v - offset) / width;
            let start = (if upper { bins.ceil() } else { bins.floor() }) * width;
            Ok(if offset == 0.0 { start } else { start + offset })
        };
        Ok(Chunk::Double((0..len).map(one).collect::<Result<_>>()?))
    })
}

fn narrow(width: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Evaluation, format!("a bin is {width:?} wide")).hint("give a width above 0")
}

/// `isNaN`, `isInf`, `isFinite` of a double: false for null.
pub(in super::super) fn test_double(f: fn(f64) -> bool) -> Kernel {
    Box::new(move |operands, _| Ok(map1(&operands[0], |v: f64| Boolean::from(!v.is_null() && f(v)))))
}

/// True where a double is null (if `null`) or NaN (if `nan`).
pub(in super::super) fn is_missing(null: bool, nan: bool) -> Kernel {
    Box::new(move |operands, _| {
        Ok(map1(&operands[0], |v: f64| Boolean::from(null && v.is_null() || nan && v.is_nan())))
    })
}

/// True where a double is null, NaN or infinite.
pub(in super::super) fn is_not_finite() -> Kernel {
    Box::new(|operands, _| Ok(map1(&operands[0], |v: f64| Boolean::from(v.is_null() || !v.is_finite()))))
}

/// `inRange(x, low, high)` of one type, bounds included; null lies in no range.
pub(in super::super) fn in_range(column_type: ColumnType) -> Option<Kernel> {
    fn of<T: Cell + Ordered>() -> Kernel {
        Box::new(|operands, len| {
            let (value, low, high) = (operands[0].lane::<T>(), operands[1].lane::<T>(), operands[2].lane::<T>());
            let one = |row: usize| {
                let v = value.get(row);
                let within = v.key() >= low.get(row).key() && v.key() <= high.get(row).key();
                Boolean::from(!v.is_null() && !v.is_nan() && within)
            };
            Ok(Chunk::Boolean((0..len).map(one).collect()))
        })
    }
    Some(match column_type {
        ColumnType::Byte => of::<i8>(),
        ColumnType::Short => of::<i16>(),
        ColumnType::Char => of::<u16>(),
        ColumnType::Int => of::<i32>(),
        ColumnType::Long | ColumnType::DateTime => of::<i64>(),
        ColumnType::Float => of::<f32>(),
        ColumnType::Double => of::<f64>(),
        _ => return None,
    })
}

/// `and(…)` and `or(…)`: every operand counts, a null is an error.
pub(in super::super) fn all_or_any(all: bool) -> Kernel {
    Box::new(move |operands, len| {
        let mut values = vec![Boolean::from(all); len];
        for operand in &operands {
            super::condition::check(operand, if all { "and()" } else { "or()" })?;
            let lane = operand.lane::<Boolean>();
            for (row, value) in values.iter_mut().enumerate() {
                let other = lane.get(row);
                *value = if all { Boolean(value.0 & other.0) } else { Boolean(value.0 | other.0) };
            }
        }
        Ok(Chunk::Boolean(values))
    })
}

/// `Integer.parseInt` and its like: text that Java's parser refuses, and null, are errors.
pub(in super::super) fn parse<T: Cell>(what: &'static str, parse: fn(&str) -> Option<T>) -> Kernel {
    Box::new(move |operands, len| {
        let texts = operands[0].texts();
        let one = |row: usize| -> Result<T> {
            let text = texts.get(row);
            text.and_then(parse).ok_or_else(|| {
                let shown =
                    text.map_or("null".to_string(), |text| format!("{:?}", text.chars().take(60).collect::<String>()));
                Error::new(ErrorKind::Evaluation, format!("{shown} is no {what}"))
            })
        };
        Ok(T::chunk((0..len).map(one).collect::<Result<_>>()?))
    })
}

/// A double as `Double.parseDouble` reads it: blanks around, an `f` or `d` at the end, `NaN` and `Infinity` as Java writes them.
pub(in super::super) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_read_as_in_java() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            (" -2e3 ", Some(-2000.0)),
            ("1d", Some(1.0)),
            (".5f", Some(0.5)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("nan", None),
            ("", None),
            ("1_0", None),
            ("x", None),
        ] {
            assert_eq!(parse_double(text), expected, "{text:?}");
        }
    }

    #[test]
    fn powers_and_bins() {
        assert!(power(1.0, f64::NAN).is_nan() && power(-1.0, f64::INFINITY).is_nan());
        assert_eq!(power(2.0, 10.0), 1024.0);
        assert_eq!(
            ((-3i32).floor_to(5), 10i32.floor_to(5), i64::MIN.floor_to(7)),
            (-5, 10, i64::MIN.wrapping_sub(i64::MIN.rem_euclid(7)))
        );
    }
}
