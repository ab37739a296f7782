//! The order of values in comparisons: null lowest, NaN incomparable, strings by UTF-16 unit.

use crate::base::{Boolean, Primitive, Value};
use crate::memory::symbols::compare_utf16;
use std::cmp::Ordering;

/// A fixed-width value that the language can compare.
pub(super) trait Ordered: Primitive {
    /// Integers in the language's order.
    type Key: Ord + Copy + std::hash::Hash;

    /// The total order of relational operators: null below everything, `-0.0` below `0.0`. Meaningless for NaN.
    fn total_key(self) -> Self::Key;

    /// Before another value in the total order; false where one is NaN.
    #[inline]
    fn less(self, other: Self) -> bool {
        self.total_key() < other.total_key()
    }

    /// As [`Ordered::total_key`] with one zero: the order of filters.
    #[inline]
    fn key(self) -> Self::Key {
        self.total_key()
    }

    /// As [`Ordered::key`] with one NaN above everything: membership.
    #[inline]
    fn member_key(self) -> Self::Key {
        self.key()
    }

    /// As [`Ordered::total_key`] with one NaN above everything: elements of arrays, of which `-0.0` and `0.0` are two.
    #[inline]
    fn element_key(self) -> Self::Key {
        self.total_key()
    }

    /// NaN compares with nothing.
    #[inline]
    fn is_nan(self) -> bool {
        false
    }

    /// Equal in the language: null equals null, the zeros each other, NaN nothing.
    #[inline]
    fn is_same(self, other: Self) -> bool {
        self == other
    }

    /// True where comparing raw values with this constant gives the language's order.
    #[inline]
    fn plain(_constant: Self) -> bool {
        true
    }

    /// The content of a value of this type; null for null and, by the invariant of those who call, for nothing else.
    fn from_value(value: &Value) -> Self;
}

macro_rules! ordered_integers {
    ($($t:ty => $($variant:ident)|+),*) => {$(
        impl Ordered for $t {
            type Key = $t;
            #[inline]
            fn total_key(self) -> $t {
                self
            }
            fn from_value(value: &Value) -> Self {
                match value {
                    $(Value::$variant(v) => *v,)+
                    _ => Self::NULL,
                }
            }
        }
    )*};
}
ordered_integers!(i8 => Byte, i16 => Short, i32 => Int, i64 => Long | DateTime);

impl Ordered for u16 {
    type Key = i32;
    #[inline]
    fn total_key(self) -> i32 {
        if self.is_null() { -1 } else { i32::from(self) }
    }
    #[inline]
    fn plain(_constant: Self) -> bool {
        false
    }
    fn from_value(value: &Value) -> Self {
        if let Value::Char(v) = value { *v } else { Self::NULL }
    }
}

impl Ordered for Boolean {
    type Key = i8;
    #[inline]
    fn total_key(self) -> i8 {
        self.0
    }
    fn from_value(value: &Value) -> Self {
        if let Value::Boolean(v) = value { Boolean::from(*v) } else { Self::NULL }
    }
}

macro_rules! ordered_floats {
    ($($t:ty, $bits:ty, $variant:ident);*) => {$(
        impl Ordered for $t {
            type Key = $bits;
            #[inline]
            fn total_key(self) -> $bits {
                let bits = self.to_bits() as $bits;
                // Negative numbers order backwards by their bits: flip all but the sign.
                let ordered = bits ^ (((bits >> (<$bits>::BITS - 1)) as <$t as FloatBits>::Unsigned) >> 1) as $bits;
                if self.is_null() { <$bits>::MIN } else { ordered }
            }
            #[inline]
            fn less(self, other: Self) -> bool {
                // As the machine compares floats, but for null, which lies below negative infinity, and for the sign of zero. Without
                // branches and keys: integers of this width compare slowly in vectors.
                let negative = |v: $t| v.to_bits() >> (<$bits>::BITS - 1) == 1;
                let raw = (self < other) & (other != <$t>::NULL);
                let null = (self == <$t>::NULL) & (other == <$t>::NEG_INFINITY);
                let zero = (self == other) & negative(self) & !negative(other);
                raw | null | zero
            }
            #[inline]
            fn key(self) -> $bits {
                // Adding zero turns -0.0 into 0.0 and leaves all else.
                (self + 0.0).total_key()
            }
            #[inline]
            fn member_key(self) -> $bits {
                if self.is_nan() { <$bits>::MAX } else { self.key() }
            }
            #[inline]
            fn element_key(self) -> $bits {
                if self.is_nan() { <$bits>::MAX } else { self.total_key() }
            }
            #[inline]
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }
            #[inline]
            fn plain(constant: Self) -> bool {
                // Null's raw value lies above negative infinity and at itself.
                constant > <$t>::NULL
            }
            fn from_value(value: &Value) -> Self {
                if let Value::$variant(v) = value { *v } else { Self::NULL }
            }
        }
    )*};
}

/// The unsigned integer as wide as a float.
trait FloatBits {
    type Unsigned;
}
impl FloatBits for f32 {
    type Unsigned = u32;
}
impl FloatBits for f64 {
    type Unsigned = u64;
}
ordered_floats!(f32, i32, Float; f64, i64, Double);

/// Compares two values of the same type as filters do; none where one is NaN or the types differ.
pub fn compare_values(a: &Value, b: &Value) -> Option<Ordering> {
    fn of<T: Ordered>(a: T, b: T) -> Option<Ordering> {
        (!a.is_nan() && !b.is_nan()).then(|| a.key().cmp(&b.key()))
    }
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null, other) if !is_nan(other) => Some(Ordering::Less),
        (other, Value::Null) if !is_nan(other) => Some(Ordering::Greater),
        (Value::String(a), Value::String(b)) => Some(compare_utf16(a, b)),
        (Value::Char(a), Value::Char(b)) => of(*a, *b),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Byte(a), Value::Byte(b)) => of(*a, *b),
        (Value::Short(a), Value::Short(b)) => of(*a, *b),
        (Value::Int(a), Value::Int(b)) => of(*a, *b),
        (Value::Long(a), Value::Long(b)) | (Value::DateTime(a), Value::DateTime(b)) => of(*a, *b),
        (Value::Float(a), Value::Float(b)) => of(*a, *b),
        (Value::Double(a), Value::Double(b)) => of(*a, *b),
        (Value::BigInteger(a), Value::BigInteger(b)) => Some(a.cmp(b)),
        (Value::BigDecimal(a), Value::BigDecimal(b)) => Some(a.compare(b)),
        (Value::StringSet(a), Value::StringSet(b)) => (a == b).then_some(Ordering::Equal),
        (Value::Blob(a), Value::Blob(b)) => (a == b).then_some(Ordering::Equal),
        _ => None,
    }
}

#[inline]
fn is_nan(value: &Value) -> bool {
    match value {
        Value::Float(v) => v.is_nan(),
        Value::Double(v) => v.is_nan(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_compare_as_their_keys_do() {
        let null = f64::NULL;
        let values = [
            null,
            f64::NEG_INFINITY,
            null.next_up(),
            -1.0,
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
            -f64::NAN,
        ];
        for a in values {
            for b in values {
                let expected = !a.is_nan() && !b.is_nan() && a.total_key() < b.total_key();
                assert_eq!(a.less(b), expected, "{a} {b}");
                let (a, b) = (a as f32, b as f32);
                let expected = !a.is_nan() && !b.is_nan() && a.total_key() < b.total_key();
                assert_eq!(a.less(b), expected, "{a} {b} as floats");
            }
        }
        assert!(null.less(f64::NEG_INFINITY) && (-0.0f64).less(0.0) && null.less(null.next_up()));
    }
}
