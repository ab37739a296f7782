//! Lanes: the unsigned integers that encodings work on, one for each width of a value, and the map from values to lanes.
//!
//! A value's lane is its bits, so that encodings are lossless for every bit pattern (NaN payloads, minus zero, nulls). Vectors of
//! [`VECTOR_ROWS`] lanes are bit-packed in the transposed FastLanes order, which decodes without branches.

use crate::base::limits::VECTOR_ROWS;
use crate::base::{Boolean, Primitive};
use crate::io::vectorized;
use crate::memory::SymbolCode;
use fastlanes::{BitPacking, FoR};
use pco::data_types::Number;
use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::Hash;

/// One vector's lanes.
pub type Vector<L> = [L; VECTOR_ROWS];

/// An unsigned integer of 8, 16, 32 or 64 bits.
pub trait Lane: Number + Copy + Ord + Hash + Debug + Send + Sync + 'static {
    /// The float of the lane's width. For lanes of 32 and 64 bits.
    type Float: Number;

    /// Bits of the lane.
    const BITS: usize;
    /// Bytes of the lane.
    const BYTES: usize = Self::BITS / 8;
    /// Zero.
    const ZERO: Self;
    /// The greatest.
    const MAX: Self;
    /// The bit that tells signs apart in two's complement.
    const SIGN: Self;

    /// The low bits of a number.
    fn truncate(value: u64) -> Self;
    /// The number.
    fn widen(self) -> u64;
    /// Sum modulo 2^BITS.
    fn add(self, other: Self) -> Self;
    /// Difference modulo 2^BITS.
    fn sub(self, other: Self) -> Self;
    /// Product modulo 2^BITS.
    fn mul(self, other: Self) -> Self;
    /// Turns some bits over.
    fn xor(self, other: Self) -> Self;
    /// Reads a little-endian lane from the first bytes; panics if there are too few.
    fn read_le(bytes: &[u8]) -> Self;
    /// Appends the lane little-endian.
    fn write_le(self, out: &mut Vec<u8>);
    /// Lanes of little-endian bytes, without a copy where they lie aligned. A rest too short for a lane is left out.
    fn slice_of(bytes: &[u8]) -> Cow<'_, [Self]>;
    /// Appends `128 * width` bytes: the low `width` bits of each lane. `width` is at most [`Lane::BITS`].
    fn pack(width: usize, input: &Vector<Self>, out: &mut Vec<u8>);
    /// Undoes [`Lane::pack`] and adds `reference` to each lane, modulo 2^BITS. `bytes` are exactly `128 * width`.
    fn unpack(width: usize, bytes: &[u8], reference: Self, out: &mut Vector<Self>);
    /// One number of [`Lane::pack`], by its position in the vector. Zero where `bytes` are fewer than `128 * width`.
    fn unpack_one(width: usize, bytes: &[u8], position: usize) -> Self {
        if width == 0 || bytes.len() < 128 * width {
            return Self::ZERO;
        }
        // The inverse of the packed order: which row and column of the table of `BITS` rows holds the number.
        let columns = VECTOR_ROWS / Self::BITS;
        let (within, step) = (position % 128, position / 128 % 8);
        let row = PACKED_ORDER[within / columns * columns / 16] * 8 + step;
        let (column, bit) = (within % columns, row * width);
        let word = |number: usize| Self::read_le(&bytes[(number * columns + column) * Self::BYTES..]).widen();
        let (number, shift) = (bit / Self::BITS, bit % Self::BITS);
        let mut value = word(number) >> shift;
        if shift + width > Self::BITS {
            value |= word(number + 1) << (Self::BITS - shift);
        }
        Self::truncate(if width == 64 { value } else { value & ((1 << width) - 1) })
    }
    /// The sum, modulo 2^BITS, of the first `count` numbers of [`Lane::pack`]. Zero where `bytes` are fewer than `128 * width`.
    fn sum_packed(width: usize, bytes: &[u8], count: usize) -> Self;
    /// Bits of a float from decimal digits (a signed integer in this lane): `digits * a * b`. For lanes of 32 and 64 bits.
    fn float_from_product(self, a: f64, b: f64) -> Self;
    /// Bits of a float from decimal digits: `digits / divisor`. For lanes of 32 and 64 bits.
    fn float_from_quotient(self, divisor: f64) -> Self;
    /// The float with these bits. For lanes of 32 and 64 bits.
    fn as_float(self) -> Self::Float;
    /// The bits of a float. For lanes of 32 and 64 bits.
    fn of_float(float: Self::Float) -> Self;
    /// The value of the float with these bits, widened. For lanes of 32 and 64 bits.
    fn float(self) -> f64;
    /// The bits of an integer of so few digits that floats hold it exactly, none for others (NaN too).
    fn digits_of(value: f64) -> Option<Self>;

    /// How many bits the number needs; 0 for zero.
    fn bit_length(self) -> usize {
        (64 - self.widen().leading_zeros()) as usize
    }
}

/// A value that encodings can carry: its lane is its bits.
pub trait Encodable: Primitive {
    /// The lane of the value's width.
    type Lane: Lane;
    /// What to xor a lane with so that the order of lanes is that of the values: the sign bit of signed integers.
    const ORDER: Self::Lane;
    /// True for floats.
    const FLOAT: bool = false;

    /// The bits.
    fn to_lane(self) -> Self::Lane;
    /// The value of bits. Every pattern is a value.
    fn from_lane(lane: Self::Lane) -> Self;
    /// The lanes of values in place, for types that are lanes to the machine; none for others.
    fn lanes_mut(values: &mut [Self]) -> Option<&mut [Self::Lane]>;
}

/// Which sixteenth of a column's numbers each eight rows of the packed table hold, and the other way round.
const PACKED_ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

/// 1.5 * 2^52: added to an integer within 2^51 of zero it puts that integer's bits at the end of the sum's.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The float of an integer within 2^51 of zero, by an addition that vectorises where a conversion would not.
#[inline]
fn digits_to_float(lane: u64) -> f64 {
    f64::from_bits(lane.wrapping_add(ROUNDER.to_bits())) - ROUNDER
}

/// The nearest integer, as a float, of one within 2^51 of zero; others may come out as any.
#[inline]
pub(super) fn round(value: f64) -> f64 {
    value + ROUNDER - ROUNDER
}

macro_rules! lane {
    ($lane:ty, $digits:ty, $float:ty, $widen:expr, $digits_max:expr, [$($width:literal)*]) => {
        impl Lane for $lane {
            type Float = $float;

            const BITS: usize = <$lane>::BITS as usize;
            const ZERO: Self = 0;
            const MAX: Self = <$lane>::MAX;
            const SIGN: Self = 1 << (<$lane>::BITS - 1);

            #[inline]
            fn truncate(value: u64) -> Self { value as $lane }
            #[inline]
            fn widen(self) -> u64 { u64::from(self) }
            #[inline]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline]
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline]
            fn xor(self, other: Self) -> Self { self ^ other }
            #[inline]
            fn read_le(bytes: &[u8]) -> Self {
                <$lane>::from_le_bytes(bytes.as_chunks::<{ size_of::<$lane>() }>().0[0])
            }
            fn write_le(self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()); }

            fn slice_of(bytes: &[u8]) -> Cow<'_, [Self]> {
                let whole = &bytes[..bytes.len() / Self::BYTES * Self::BYTES];
                match bytemuck::try_cast_slice(whole) {
                    Ok(lanes) if cfg!(target_endian = "little") => Cow::Borrowed(lanes),
                    _ => Cow::Owned(whole.chunks_exact(Self::BYTES).map(Self::read_le).collect()),
                }
            }

            fn pack(width: usize, input: &Vector<Self>, out: &mut Vec<u8>) {
                match width {
                    0 => {}
                    $($width => {
                        const WORDS: usize = VECTOR_ROWS * $width / <$lane>::BITS as usize;
                        let mut packed = [0 as $lane; WORDS];
                        <$lane as BitPacking>::pack::<$width, WORDS>(input, &mut packed);
                        packed.iter().for_each(|word| word.write_le(out));
                    })*
                    _ => unreachable!("no lane is {width} bits wide"),
                }
            }

            fn unpack(width: usize, bytes: &[u8], reference: Self, out: &mut Vector<Self>) {
                let words = Self::slice_of(bytes);
                match width {
                    0 => out.fill(reference),
                    $($width => {
                        const WORDS: usize = VECTOR_ROWS * $width / <$lane>::BITS as usize;
                        if let Some(packed) = words.first_chunk::<WORDS>() {
                            <$lane as FoR>::unfor_pack::<$width, WORDS>(packed, reference, out);
                        }
                    })*
                    _ => unreachable!("no lane is {width} bits wide"),
                }
            }

            fn sum_packed(width: usize, bytes: &[u8], count: usize) -> Self {
                const BITS: usize = <$lane>::BITS as usize;
                const COLUMNS: usize = VECTOR_ROWS / BITS;
                let rows = bytes.as_chunks::<128>().0;
                if width == 0 || width > BITS || rows.len() < width {
                    return 0;
                }
                let mask = <$lane>::MAX >> (BITS - width);
                vectorized(
                    #[inline(always)]
                    || {
                        // Columns are summed side by side; a row of the table of which only the beginning is wanted, on its own.
                        let (mut sums, mut rest) = ([0 as $lane; COLUMNS], 0 as $lane);
                        for row in 0..BITS {
                            let first = PACKED_ORDER[row / 8] * 16 + row % 8 * 128;
                            let wanted = count.saturating_sub(first).min(COLUMNS);
                            if wanted == 0 {
                                continue;
                            }
                            let (word, shift) = (row * width / BITS, row * width % BITS);
                            let low = rows[word].as_chunks::<{ BITS / 8 }>().0;
                            let high = rows[(word + 1).min(width - 1)].as_chunks::<{ BITS / 8 }>().0;
                            let number = |column: usize| {
                                let low = <$lane>::from_le_bytes(low[column]);
                                let high = <$lane>::from_le_bytes(high[column]);
                                (low >> shift | (high << 1) << (BITS - 1 - shift)) & mask
                            };
                            if wanted == COLUMNS {
                                sums.iter_mut().enumerate().for_each(|(at, sum)| *sum = sum.wrapping_add(number(at)));
                            } else {
                                rest = (0..wanted).fold(rest, |sum, at| sum.wrapping_add(number(at)));
                            }
                        }
                        sums.into_iter().fold(rest, <$lane>::wrapping_add)
                    },
                )
            }

            #[inline]
            fn float_from_product(self, a: f64, b: f64) -> Self {
                (($widen(self) * a * b) as $float).to_bits() as $lane
            }
            #[inline]
            fn float_from_quotient(self, divisor: f64) -> Self {
                (($widen(self) / divisor) as $float).to_bits() as $lane
            }
            #[inline]
            fn as_float(self) -> $float { <$float>::from_bits(self as _) }
            #[inline]
            fn of_float(float: $float) -> Self { float.to_bits() as $lane }
            #[inline]
            fn float(self) -> f64 { f64::from(<$float>::from_bits(self as _)) }
            #[inline]
            fn digits_of(value: f64) -> Option<Self> {
                (value.abs() <= $digits_max).then_some(value as $digits as $lane)
            }
        }
    };
}
lane!(u8, i8, f32, |lane| f64::from(lane as i8), 127.0, [1 2 3 4 5 6 7 8]);
lane!(u16, i16, f32, |lane| f64::from(lane as i16), 32767.0, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]);
lane!(u32, i32, f32, |lane| f64::from(lane as i32), 2_147_483_647.0, [
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32]);
lane!(u64, i64, f64, digits_to_float, 2_251_799_813_685_247.0, [
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
    33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64]);

fn cast<T: bytemuck::Pod, L: bytemuck::Pod>(values: &mut [T]) -> Option<&mut [L]> {
    bytemuck::try_cast_slice_mut(values).ok()
}

macro_rules! encodable {
    ($($value:ty, $lane:ty, $order:expr, $float:literal, $to:expr, $from:expr, $lanes:expr;)*) => {$(
        impl Encodable for $value {
            type Lane = $lane;
            const ORDER: $lane = $order;
            const FLOAT: bool = $float;
            #[inline]
            fn to_lane(self) -> $lane { ($to)(self) }
            #[inline]
            fn from_lane(lane: $lane) -> Self { ($from)(lane) }
            #[inline]
            fn lanes_mut(values: &mut [Self]) -> Option<&mut [$lane]> { ($lanes)(values) }
        }
    )*};
}
encodable! {
    i8, u8, u8::SIGN, false, |v: i8| v as u8, |l: u8| l as i8, cast;
    Boolean, u8, u8::SIGN, false, |v: Boolean| v.0 as u8, |l: u8| Boolean(l as i8), |_| None;
    i16, u16, u16::SIGN, false, |v: i16| v as u16, |l: u16| l as i16, cast;
    u16, u16, 0, false, |v: u16| v, |l: u16| l, cast;
    i32, u32, u32::SIGN, false, |v: i32| v as u32, |l: u32| l as i32, cast;
    SymbolCode, u32, 0, false, |v: SymbolCode| v.0, SymbolCode, |_| None;
    i64, u64, u64::SIGN, false, |v: i64| v as u64, |l: u64| l as i64, cast;
    f32, u32, 0, true, f32::to_bits, f32::from_bits, cast;
    f64, u64, 0, true, f64::to_bits, f64::from_bits, cast;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        fn check<L: Lane>() {
            for width in 0..=L::BITS {
                let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                let mut seed = 0x9E37_79B9_7F4A_7C15u64 ^ width as u64;
                let input: Vector<L> = std::array::from_fn(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    L::truncate(seed & mask)
                });
                // One odd byte in front: also where the bytes lie unaligned.
                let mut bytes = vec![0];
                L::pack(width, &input, &mut bytes);
                assert_eq!(bytes.len(), 1 + 128 * width);
                let mut output = [L::ZERO; VECTOR_ROWS];
                L::unpack(width, &bytes[1..], L::MAX, &mut output);
                assert!(input.iter().zip(&output).all(|(i, o)| i.add(L::MAX) == *o), "width {width}");
            }
        }
        check::<u8>();
        check::<u16>();
        check::<u32>();
        check::<u64>();
    }

    /// The packing that the specification describes, number by number: what is on disk must not change with the library that packs it.
    #[test]
    fn packing_is_the_one_in_the_specification() {
        fn check<L: Lane>() {
            const ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];
            for width in 1..=L::BITS {
                let mask = u64::MAX >> (64 - width);
                let input: Vector<L> = std::array::from_fn(|at| {
                    L::truncate((at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(21) & mask)
                });
                let columns = VECTOR_ROWS / L::BITS;
                let mut expected = vec![0u8; 128 * width];
                for (row, column) in (0..L::BITS).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let number = input[ORDER[row / 8] * 16 + (row % 8) * 128 + column].widen();
                    for bit in (0..width).filter(|bit| number >> bit & 1 == 1) {
                        let at = row * width + bit;
                        let word = at / L::BITS * columns + column;
                        expected[word * L::BYTES + at % L::BITS / 8] |= 1 << (at % 8);
                    }
                }
                let mut packed = Vec::new();
                L::pack(width, &input, &mut packed);
                assert!(packed == expected, "{width} of {} bits", L::BITS);
                for count in [0, 1, 15, 16, 17, 127, 128, 129, 600, 1_000, 1_023, 1_024] {
                    let sum = input[..count].iter().fold(L::ZERO, |sum, number| sum.add(*number));
                    assert_eq!(L::sum_packed(width, &packed, count), sum, "{count} of {width} of {} bits", L::BITS);
                }
                assert_eq!(L::sum_packed(width, &packed[..packed.len().saturating_sub(1)], 1_024), L::ZERO);
            }
        }
        check::<u8>();
        check::<u16>();
        check::<u32>();
        check::<u64>();
    }

    #[test]
    fn the_order_of_lanes_is_that_of_values() {
        fn check<T: Encodable>(ascending: &[T]) {
            for pair in ascending.windows(2) {
                assert!(pair[0].to_lane().xor(T::ORDER) < pair[1].to_lane().xor(T::ORDER), "{pair:?}");
            }
        }
        check(&[i64::MIN, -1, 0, i64::MAX]);
        check(&[i8::MIN, -1, 0, i8::MAX]);
        check(&[0u16, 0x7FFF, 0x8000, 0xFFFF]);
        check(&[SymbolCode(0), SymbolCode(1), SymbolCode::NULL]);
    }
}
