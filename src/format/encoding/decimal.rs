//! Decimal floats (ALP): a float that is a short decimal becomes its digits, an integer in a frame; others are exceptions.
//!
//! `value = digits * a * b` or `digits / divisor` with powers of ten, whichever gives back the very bits; the encoder tries each
//! value with the decoder's own arithmetic. Minus zero, NaN, infinities and long fractions never pass and are kept as bits.

use super::exceptions;
use super::frame::{self, Frame, Layout, Shape, pad};
use super::lane::{Lane, Vector, round};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use crate::io::vectorized;
use std::borrow::Cow;

const HEADER_BYTES: usize = 16;
/// Powers of ten that floats hold exactly go on to 22; digits end earlier.
const EXPONENT_MAX: usize = 18;
/// The greatest number of digits, as far as a double's additions carry them: 2^51 - 1.
const DIGITS_MAX: u64 = (1 << 51) - 1;
const POWERS: [f64; EXPONENT_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
const INVERSE_POWERS: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17,
    1e-18,
];

/// How digits become floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// `digits * 10^factor * 10^-exponent`.
    Product {
        /// Negative power.
        exponent: u8,
        /// Positive power, at most the exponent.
        factor: u8,
    },
    /// `digits / 10^exponent`: slower and exact for every decimal that a float can name.
    Quotient {
        /// Negative power.
        exponent: u8,
    },
}

impl Scale {
    /// The scale with the fewest exceptions among the lanes (bits of floats), none if most do not fit any.
    pub fn of<L: Lane>(values: &[L], null: L) -> Option<Self> {
        let mut sample: Vec<L> = values.iter().copied().filter(|&v| v != null && v.float().is_finite()).collect();
        let step = sample.len().div_ceil(512).max(1);
        sample = sample.into_iter().step_by(step).collect();
        if sample.is_empty() {
            return None;
        }
        let misses = |scale: Scale, most: usize| {
            let mut misses = 0;
            for &lane in &sample {
                misses += usize::from(scale.digits(lane).is_none());
                if misses > most {
                    break;
                }
            }
            misses
        };
        let mut best = (sample.len() / 2, None);
        for exponent in 0..=EXPONENT_MAX as u8 {
            let scale = Scale::Quotient { exponent };
            let count = misses(scale, best.0);
            if count < best.0 || best.1.is_none() && count == 0 {
                best = (count, Some(scale));
            }
            if count == 0 {
                break;
            }
        }
        let (count, Some(Scale::Quotient { exponent: places })) = best else { return None };
        // Products are faster: take one that misses hardly more.
        let bearable = count + sample.len() / 200;
        let mut product = (bearable + 1, None);
        for exponent in places..=EXPONENT_MAX as u8 {
            let scale = Scale::Product { exponent, factor: exponent - places };
            let count = misses(scale, product.0);
            if count < product.0 {
                product = (count, Some(scale));
            }
            if count == 0 {
                break;
            }
        }
        product.1.or(best.1)
    }

    /// The digits that decode to exactly these bits.
    fn digits<L: Lane>(self, lane: L) -> Option<L> {
        let value = lane.float();
        let scaled = match self {
            Scale::Product { exponent, factor } => {
                value * POWERS[usize::from(exponent)] * INVERSE_POWERS[usize::from(factor)]
            }
            Scale::Quotient { exponent } => value * POWERS[usize::from(exponent)],
        };
        let digits = L::digits_of(round(scaled))?;
        (self.float(digits) == lane).then_some(digits)
    }

    #[inline]
    fn float<L: Lane>(self, digits: L) -> L {
        match self {
            Scale::Product { exponent, factor } => {
                digits.float_from_product(POWERS[usize::from(factor)], INVERSE_POWERS[usize::from(exponent)])
            }
            Scale::Quotient { exponent } => digits.float_from_quotient(POWERS[usize::from(exponent)]),
        }
    }

    fn apply<L: Lane>(self, lanes: &mut Vector<L>) {
        vectorized(
            #[inline(always)]
            || match self {
                Scale::Product { exponent, factor } => {
                    let (a, b) = (POWERS[usize::from(factor)], INVERSE_POWERS[usize::from(exponent)]);
                    lanes.iter_mut().for_each(|lane| *lane = lane.float_from_product(a, b));
                }
                Scale::Quotient { exponent } => {
                    let divisor = POWERS[usize::from(exponent)];
                    lanes.iter_mut().for_each(|lane| *lane = lane.float_from_quotient(divisor));
                }
            },
        );
    }
}

/// Digits of a block with the exceptions left out; null is the lowest digit.
pub struct Digits<L> {
    scale: Scale,
    digits: Vec<L>,
    exceptions: Vec<(u32, L)>,
    any_null: bool,
    layout: Layout<L>,
}

impl<L: Lane> Digits<L> {
    /// Takes the digits of all lanes.
    pub fn of(values: &[L], null: L, scale: Scale, vectors: &[usize]) -> Self {
        let mut exceptions = Vec::new();
        let mut last = L::ZERO;
        let mut any_null = false;
        let mut digits = Vec::with_capacity(values.len());
        for (row, &value) in values.iter().enumerate() {
            // An exception's digits repeat the last ones, which widens no frame.
            if value == null {
                digits.push(L::SIGN);
                any_null = true;
                continue;
            }
            match scale.digits(value) {
                Some(found) => last = found,
                None => exceptions.push((row as u32, value)),
            }
            digits.push(last);
        }
        let shape = digit_shape();
        let unit = frame::common_unit(&digits, shape);
        let [plain, delta] = [false, true].map(|delta| Layout { delta, unit });
        let cost = |layout| frame::estimate(&digits, shape, layout, vectors);
        let layout = if cost(delta) < cost(plain) { delta } else { plain };
        Digits { scale, digits, exceptions, any_null, layout }
    }

    /// Bytes of the encoded block, by looking at the vectors given.
    pub fn estimate(&self, vectors: &[usize]) -> u64 {
        let starts = 4 * (self.digits.len().div_ceil(VECTOR_ROWS) + 1);
        (HEADER_BYTES + starts + self.exceptions.len() * (L::BYTES + 2)) as u64
            + frame::estimate(&self.digits, digit_shape(), self.layout, vectors)
    }

    /// Appends the block.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let base = out.len();
        let (mode, exponent, factor) = match self.scale {
            Scale::Product { exponent, factor } => (0, exponent, factor),
            Scale::Quotient { exponent } => (1, exponent, 0),
        };
        out.extend_from_slice(&[mode, exponent, factor, u8::from(self.any_null)]);
        out.extend_from_slice(&(self.exceptions.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        frame::encode(&self.digits, digit_shape(), self.layout, out);
        pad(out, base);
        let frame_bytes = (out.len() - base - HEADER_BYTES) as u32;
        out[base + 8..base + 12].copy_from_slice(&frame_bytes.to_le_bytes());
        self.exceptions.iter().for_each(|(_, value)| value.write_le(out));
        for index in 0..=self.digits.len().div_ceil(VECTOR_ROWS) {
            let first = (index * VECTOR_ROWS) as u32;
            let start = self.exceptions.partition_point(|(row, _)| *row < first) as u32;
            start.write_le(out);
        }
        self.exceptions.iter().for_each(|(row, _)| ((row % VECTOR_ROWS as u32) as u16).write_le(out));
    }
}

/// A block of decimals over its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecimalBlock<'a, L: Lane> {
    scale: Scale,
    any_null: bool,
    digits: Frame<'a, L>,
    null: L,
    values: &'a [u8],
    starts: &'a [u8],
    positions: &'a [u8],
}

impl<'a, L: Lane> DecimalBlock<'a, L> {
    /// Looks at header and sizes. `null` is the lane of null.
    pub fn parse(bytes: &'a [u8], rows: usize, null: L) -> Result<Self> {
        let refuse = |what: String| Error::corrupt(format!("decimal block of {rows} rows {what}"));
        if bytes.len() < HEADER_BYTES {
            return Err(refuse(format!("has {} bytes", bytes.len())));
        }
        let (mode, exponent, factor) = (bytes[0], bytes[1], bytes[2]);
        let scale = match mode {
            0 if factor <= exponent && usize::from(exponent) <= EXPONENT_MAX => Scale::Product { exponent, factor },
            1 if usize::from(exponent) <= EXPONENT_MAX => Scale::Quotient { exponent },
            _ => return Err(refuse(format!("has mode {mode}, powers {exponent} and {factor}"))),
        };
        let exceptions = u32::read_le(&bytes[4..]) as usize;
        let values_start = HEADER_BYTES + u32::read_le(&bytes[8..]) as usize;
        let starts_start = values_start + exceptions * L::BYTES;
        let positions_start = starts_start + 4 * (rows.div_ceil(VECTOR_ROWS) + 1);
        let end = positions_start + exceptions * 2;
        if exceptions > rows || end > bytes.len() {
            return Err(refuse(format!("has {exceptions} exceptions, ending at {end} of {}", bytes.len())));
        }
        Ok(DecimalBlock {
            scale,
            any_null: bytes[3] != 0,
            digits: Frame::parse(&bytes[HEADER_BYTES..values_start], rows, L::SIGN)?,
            null,
            values: &bytes[values_start..starts_start],
            starts: &bytes[starts_start..positions_start],
            positions: &bytes[positions_start..end],
        })
    }

    /// Encoded bytes that a vector's values are read from.
    pub fn vector_bytes(&self, index: usize) -> Result<u64> {
        let (from, to) = self.exceptions(index)?;
        Ok(self.digits.vector_bytes(index)? + ((to - from) * (L::BYTES + 2)) as u64)
    }

    /// Decodes a vector.
    pub fn decode_vector(&self, index: usize, out: &mut Vector<L>) -> Result<()> {
        self.digits.decode_vector(index, out)?;
        let null_digits = L::SIGN;
        if self.any_null {
            let digits = *out;
            self.scale.apply(out);
            for (lane, digits) in out.iter_mut().zip(&digits) {
                *lane = if *digits == null_digits { self.null } else { *lane };
            }
        } else {
            self.scale.apply(out);
        }
        let (from, to) = self.exceptions(index)?;
        let values = &self.values[from * L::BYTES..to * L::BYTES];
        exceptions::patch(&self.positions[from * 2..to * 2], values, out)
            .map_err(|e| e.context(format!("vector {index}")))?;
        Ok(())
    }

    /// The sum of a whole vector's values: their digits are summed exactly, and the scale taken of the sum. None where there are exceptions or
    /// nulls, or floats of 32 bits, whose values are not quite their digits. `scratch` may be
    /// overwritten.
    pub fn total(&self, index: usize, scratch: &mut Vector<L>) -> Result<Option<f64>> {
        let (from, to) = self.exceptions(index)?;
        if from != to || L::BITS != 64 {
            return Ok(None);
        }
        let total = self.digits.total(index, L::SIGN, scratch)?;
        Ok(total.map(|digits| match self.scale {
            Scale::Product { exponent, factor } => {
                digits as f64 * POWERS[usize::from(factor)] * INVERSE_POWERS[usize::from(exponent)]
            }
            Scale::Quotient { exponent } => digits as f64 / POWERS[usize::from(exponent)],
        }))
    }

    /// The lane of one row; none where the digits are running sums.
    pub fn pick(&self, row: usize) -> Result<Option<L>> {
        match self.digits.pick(row)? {
            Some(digits) => self.of_digits(row, digits).map(Some),
            None => Ok(None),
        }
    }

    /// The lane of one row where the digits are running sums, none where they are not. `scratch` is overwritten.
    pub fn pick_sum(&self, row: usize, scratch: &mut Vector<L>) -> Result<Option<L>> {
        match self.digits.pick_sum(row, scratch)? {
            Some(digits) => self.of_digits(row, digits).map(Some),
            None => Ok(None),
        }
    }

    fn of_digits(&self, row: usize, digits: L) -> Result<L> {
        let (from, to) = self.exceptions(row / VECTOR_ROWS)?;
        let (positions, values) = (&self.positions[from * 2..to * 2], &self.values[from * L::BYTES..to * L::BYTES]);
        if let Some(value) = exceptions::exception(positions, values, row % VECTOR_ROWS) {
            return Ok(value);
        }
        Ok(if self.any_null && digits == L::SIGN { self.null } else { self.scale.float(digits) })
    }

    /// Bounds of a vector's values but its exceptions (none where all are null), whether null may be among them, and the exceptions. None where
    /// they are not kept.
    pub fn bounds(&self, index: usize) -> Result<Option<DigitBounds<'a, L>>> {
        let Some((least, greatest, nullable)) = self.digits.bounds(index, L::SIGN)? else { return Ok(None) };
        let (from, to) = self.exceptions(index)?;
        let exceptions = L::slice_of(&self.values[from * L::BYTES..to * L::BYTES]);
        // Null is the least number of digits, and none has more digits than a float holds; the width of a frame may say so.
        let null = self.any_null && (nullable || least == L::ZERO);
        let most = L::truncate(DIGITS_MAX.min(L::SIGN.widen() - 1));
        let ends = (greatest != L::ZERO).then(|| {
            let end = |digits: L| {
                let within = digits.max(L::SIGN.sub(most)).min(L::SIGN.add(most));
                self.scale.float(within.xor(L::SIGN))
            };
            [end(least), end(greatest)]
        });
        Ok(Some((ends, null, exceptions)))
    }

    fn exceptions(&self, index: usize) -> Result<(usize, usize)> {
        let Some(bounds) = self.starts.get(index * 4..index * 4 + 8) else {
            return Err(Error::corrupt(format!("no vector {index} in a decimal block")));
        };
        let (from, to) = (u32::read_le(bounds) as usize, u32::read_le(&bounds[4..]) as usize);
        if from > to || to * 2 > self.positions.len() {
            return Err(Error::corrupt(format!("vector {index} has exceptions {from} to {to}")));
        }
        Ok((from, to))
    }
}

/// What [`DecimalBlock::bounds`] gives.
type DigitBounds<'a, L> = (Option<[L; 2]>, bool, Cow<'a, [L]>);

fn digit_shape<L: Lane>() -> Shape<L> {
    Shape { order: L::SIGN, null: Some(L::SIGN) }
}
