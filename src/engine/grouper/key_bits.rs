//! Key values as bits, so that one hash table serves all types.

use crate::base::Boolean;
use crate::memory::SymbolCode;

/// A value as bits that are equal exactly where keys are: for types of direct tables below the table's width.
pub(crate) trait KeyBits {
    fn key_bits(self) -> u64;
}

macro_rules! key_bits {
    ($($t:ty as $unsigned:ty),*) => {$(
        impl KeyBits for $t {
            fn key_bits(self) -> u64 {
                self as $unsigned as u64
            }
        }
    )*};
}
key_bits!(i8 as u8, i16 as u16, u16 as u16, i32 as u32, i64 as u64);

impl KeyBits for SymbolCode {
    /// Null lies beyond every table.
    fn key_bits(self) -> u64 {
        u64::from(self.0)
    }
}

impl KeyBits for Boolean {
    fn key_bits(self) -> u64 {
        self.get().map_or(2, u64::from)
    }
}

impl KeyBits for f32 {
    fn key_bits(self) -> u64 {
        if self.is_nan() { u64::from(f32::NAN.to_bits()) } else { u64::from((self + 0.0).to_bits()) }
    }
}

impl KeyBits for f64 {
    fn key_bits(self) -> u64 {
        if self.is_nan() { f64::NAN.to_bits() } else { (self + 0.0).to_bits() }
    }
}
