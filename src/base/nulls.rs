//! Sentinel nulls: one value of each primitive type stands for "no value", so that columns map straight from disk.
//!
//! The sentinels are the seeds': minimum value for integers and date-times, minus the maximum for floats,
//! 0xFFFE for char (Deephaven Core uses 0xFFFF: converted at the border), -1 for a boolean byte.

/// Null of `byte`.
pub const NULL_BYTE: i8 = i8::MIN;
/// Null of `short`.
pub const NULL_SHORT: i16 = i16::MIN;
/// Null of `char`, a UTF-16 code unit.
pub const NULL_CHAR: u16 = 0xFFFE;
/// Null of `int`.
pub const NULL_INT: i32 = i32::MIN;
/// Null of `long` and of `DateTime` (nanoseconds since the epoch).
pub const NULL_LONG: i64 = i64::MIN;
/// Null of `float`.
pub const NULL_FLOAT: f32 = -f32::MAX;
/// Null of `double`.
pub const NULL_DOUBLE: f64 = -f64::MAX;
/// Null of `boolean`, which is stored as a byte.
pub const NULL_BOOLEAN: Boolean = Boolean(-1);

/// A nullable truth value as it lies on disk: 0 false, 1 true, -1 null. Other bytes come only from damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Boolean(pub i8);

impl Boolean {
    /// False.
    pub const FALSE: Boolean = Boolean(0);
    /// True.
    pub const TRUE: Boolean = Boolean(1);

    /// The truth value, or none for null.
    pub fn get(self) -> Option<bool> {
        match self.0 {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl From<bool> for Boolean {
    fn from(value: bool) -> Self {
        Boolean(value as i8)
    }
}

impl From<Option<bool>> for Boolean {
    fn from(value: Option<bool>) -> Self {
        value.map_or(NULL_BOOLEAN, Boolean::from)
    }
}

/// A fixed-width value with a sentinel null: what kernels are generic over.
pub trait Primitive: Copy + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// The sentinel.
    const NULL: Self;
    /// Bytes on disk, little-endian.
    const WIDTH: usize;

    /// True for the sentinel. `NaN` is a value, not a null.
    #[inline]
    fn is_null(self) -> bool {
        self == Self::NULL
    }

    /// Writes the value little-endian into the first [`Primitive::WIDTH`] bytes of `bytes`; panics if it is shorter.
    fn put_le(self, bytes: &mut [u8]);
    /// Reads the value little-endian from the first [`Primitive::WIDTH`] bytes of `bytes`; panics if it is shorter.
    fn get_le(bytes: &[u8]) -> Self;
}

macro_rules! primitive {
    ($($t:ty: $null:expr),*) => {$(
        impl Primitive for $t {
            const NULL: Self = $null;
            const WIDTH: usize = size_of::<$t>();
            #[inline]
            fn put_le(self, bytes: &mut [u8]) {
                bytes[..Self::WIDTH].copy_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn get_le(bytes: &[u8]) -> Self {
                let mut le = [0; size_of::<$t>()];
                le.copy_from_slice(&bytes[..Self::WIDTH]);
                Self::from_le_bytes(le)
            }
        }
    )*};
}
primitive!(i8: NULL_BYTE, i16: NULL_SHORT, u16: NULL_CHAR, i32: NULL_INT, i64: NULL_LONG, f32: NULL_FLOAT, f64: NULL_DOUBLE);

impl Primitive for Boolean {
    const NULL: Self = NULL_BOOLEAN;
    const WIDTH: usize = 1;
    #[inline]
    fn put_le(self, bytes: &mut [u8]) {
        bytes[0] = self.0 as u8;
    }
    #[inline]
    fn get_le(bytes: &[u8]) -> Self {
        Boolean(bytes[0] as i8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_round_trip_and_nan_is_a_value() {
        fn check<T: Primitive>() {
            let mut bytes = [0u8; 8];
            T::NULL.put_le(&mut bytes);
            assert!(T::get_le(&bytes).is_null());
        }
        check::<i8>();
        check::<i16>();
        check::<u16>();
        check::<i32>();
        check::<i64>();
        check::<f32>();
        check::<f64>();
        check::<Boolean>();
        assert!(!f64::NAN.is_null() && !f64::NEG_INFINITY.is_null());
        assert_eq!(Boolean::from(None).get(), None);
    }
}
