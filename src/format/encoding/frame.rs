//! Frame of reference: lanes as small distances from a reference, in a common unit, bit-packed; with or without delta.
//!
//! Each vector has its own reference and bit width, so any vector decodes alone. Values that would need more bits are patched in as
//! exceptions. Nulls may take the packed number zero. The layout is in `format/README.md`.

use super::exceptions::{EXCEPTION_BYTES, Exceptions, number_bytes};
use super::lane::{Lane, Vector};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use std::ops::Range;

/// Bytes before the directory: flags, seven reserved, unit.
const HEADER_BYTES: usize = 16;
/// Block flag: values are running sums of what is packed.
const DELTA: u8 = 1;
/// Vector flag: the packed number zero is null.
const NULLABLE: u8 = 1;
/// Vector flags above it: how exceptions are kept, as a place in [`EXCEPTION_BYTES`].
const EXCEPTION_SHIFT: u32 = 1;
const FLAGS_MAX: u8 = 7;
/// From so many nulls in a vector a bit a value is cheaper than exceptions.
const NULLABLE_FROM: usize = 8;
/// One value in so many tells where the bulk of a vector lies.
const BULK_STEP: usize = 31;

/// What the encoder knows of the lanes: their order and their null.
#[derive(Clone, Copy, Debug)]
pub struct Shape<L> {
    /// What to xor a lane with to order it as its values.
    pub order: L,
    /// The lane of null; none where null plays no part.
    pub null: Option<L>,
}

/// How a frame is packed.
#[derive(Clone, Copy, Debug)]
pub struct Layout<L> {
    /// Packs differences of neighbours.
    pub delta: bool,
    /// What all distances are multiples of, except exceptions; at least one.
    pub unit: L,
}

/// The greatest number that divides all distances between the values, nulls left out; at least 1.
pub fn common_unit<L: Lane>(values: &[L], shape: Shape<L>) -> L {
    let mut present = values.iter().filter(|&&v| Some(v) != shape.null).map(|v| v.xor(shape.order).widen());
    let Some(first) = present.next() else { return L::truncate(1) };
    let mut unit = 0;
    for value in present {
        let distance = value.abs_diff(first);
        if unit == 0 || distance % unit != 0 {
            unit = gcd(unit, distance);
            if unit == 1 {
                break;
            }
        }
    }
    L::truncate(unit.max(1))
}

/// Bytes that [`encode`] would need, by looking at the vectors given.
pub fn estimate<L: Lane>(values: &[L], shape: Shape<L>, layout: Layout<L>, vectors: &[usize]) -> u64 {
    let mut bytes = 0;
    for &index in vectors {
        let vector = &values[vector_range(index, values.len())];
        bytes += Plan::of(vector, shape, layout).bytes + entry_bytes::<L>(layout.delta) as u64;
    }
    let count = values.len().div_ceil(VECTOR_ROWS) as u64;
    HEADER_BYTES as u64 + bytes * count / vectors.len().max(1) as u64
}

/// Appends the frame of some lanes.
pub fn encode<L: Lane>(values: &[L], shape: Shape<L>, layout: Layout<L>, out: &mut Vec<u8>) {
    let base = out.len();
    out.push(if layout.delta { DELTA } else { 0 });
    out.extend_from_slice(&[0; 7]);
    out.extend_from_slice(&layout.unit.widen().to_le_bytes());
    let count = values.len().div_ceil(VECTOR_ROWS);
    let mut entry = out.len();
    out.resize(entry + count * entry_bytes::<L>(layout.delta), 0);
    for index in 0..count {
        pad(out, base);
        let vector = &values[vector_range(index, values.len())];
        let plan = Plan::of(vector, shape, layout);
        let offset = (out.len() - base) as u32;
        let (exceptions, kept) = plan.pack(vector, shape, layout, out);
        let mut bytes = Vec::with_capacity(40);
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&exceptions.to_le_bytes());
        let nullable = if plan.nullable { NULLABLE } else { 0 };
        bytes.extend_from_slice(&[plan.width as u8, nullable | kept << EXCEPTION_SHIFT]);
        plan.reference.write_le(&mut bytes);
        if layout.delta {
            // Running sums start from here: the first packed delta is zero, which adds the reference.
            vector[0].sub(plan.reference).write_le(&mut bytes);
            let ordered = || vector.iter().map(|lane| lane.xor(shape.order));
            for end in [ordered().min(), ordered().max()] {
                end.unwrap_or(L::ZERO).xor(shape.order).write_le(&mut bytes);
            }
        }
        out[entry..entry + bytes.len()].copy_from_slice(&bytes);
        entry += bytes.len();
    }
}

/// A frame over its bytes, checked as far as its directory reaches.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a, L> {
    bytes: &'a [u8],
    rows: usize,
    null: L,
    layout: Layout<L>,
}

impl<'a, L: Lane> Frame<'a, L> {
    /// Looks at the header and the size of the directory. `null` is what nullable vectors give for null.
    pub fn parse(bytes: &'a [u8], rows: usize, null: L) -> Result<Self> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(Error::corrupt(format!("frame header has {} bytes, not {HEADER_BYTES}", bytes.len())));
        };
        if header[0] > DELTA || header[1..8] != [0; 7] {
            return Err(Error::corrupt(format!("frame flags are {:02x?}", &header[..8])));
        }
        let delta = header[0] & DELTA != 0;
        let layout = Layout { delta, unit: L::truncate(u64::read_le(&header[8..])) };
        let directory_bytes = rows.div_ceil(VECTOR_ROWS) * entry_bytes::<L>(delta);
        if bytes.len() < HEADER_BYTES + directory_bytes {
            return Err(Error::corrupt(format!("frame of {rows} rows has {} bytes", bytes.len())));
        }
        Ok(Frame { bytes, rows, null, layout })
    }

    /// Encoded bytes that a vector's values are read from.
    pub fn vector_bytes(&self, index: usize) -> Result<u64> {
        let entry = self.entry(index)?;
        Ok((entry.packed.len() + entry.exceptions.len_bytes()) as u64)
    }

    /// Decodes a vector. Lanes past the last row have no meaning. Errs where the bytes do not hold together.
    pub fn decode_vector(&self, index: usize, out: &mut Vector<L>) -> Result<()> {
        let entry = self.entry(index)?;
        self.decode(&entry, out).map_err(|e| e.context(format!("vector {index}")))
    }

    fn decode(&self, entry: &Entry<'_, L>, out: &mut Vector<L>) -> Result<()> {
        if !self.layout.delta {
            return self.unpack(entry, out);
        }
        let unit = self.layout.unit;
        if unit != L::truncate(1) && !entry.nullable {
            // Units are taken while summing: one pass less.
            L::unpack(entry.width, entry.packed, L::ZERO, out);
            if entry.exceptions.patch_numbers(out)? {
                sum(out, entry.base, |number| entry.reference.add(number.mul(unit)));
                return Ok(());
            }
        }
        self.unpack(entry, out)?;
        sum(out, entry.base, |lane| lane);
        Ok(())
    }

    /// The packed lanes and exceptions of a vector, before they are summed.
    fn unpack(&self, entry: &Entry<'_, L>, out: &mut Vector<L>) -> Result<()> {
        let (reference, unit) = (entry.reference, self.layout.unit);
        if entry.nullable {
            L::unpack(entry.width, entry.packed, L::ZERO, out);
            let (null, below) = (self.null, reference.sub(unit));
            for lane in out.iter_mut() {
                *lane = if *lane == L::ZERO { null } else { below.add(lane.mul(unit)) };
            }
        } else if unit == L::truncate(1) {
            L::unpack(entry.width, entry.packed, reference, out);
        } else {
            L::unpack(entry.width, entry.packed, L::ZERO, out);
            for lane in out.iter_mut() {
                *lane = reference.add(lane.mul(unit));
            }
        }
        entry.exceptions.patch(reference, unit, out)
    }

    /// The lane of one row where values are running sums, none where they are not. Costs a third of [`Frame::decode_vector`]: the packed
    /// numbers are summed, once, and units and exceptions taken of the sum. `scratch` is overwritten.
    pub fn pick_sum(&self, row: usize, scratch: &mut Vector<L>) -> Result<Option<L>> {
        if !self.layout.delta {
            return Ok(None);
        }
        let (index, position) = (row / VECTOR_ROWS, row % VECTOR_ROWS);
        let entry = self.entry(index)?;
        let (reference, unit) = (entry.reference, self.layout.unit);
        if entry.nullable || !entry.exceptions.ascend() {
            self.decode(&entry, scratch).map_err(|e| e.context(format!("vector {index}")))?;
            return Ok(Some(scratch[position]));
        }
        L::unpack(entry.width, entry.packed, L::ZERO, scratch);
        let numbers = scratch[..=position].iter().fold(L::ZERO, |sum, number| sum.add(*number));
        let mut lane = entry.base.add(reference.mul(L::truncate(position as u64 + 1))).add(unit.mul(numbers));
        entry.exceptions.for_each(reference, unit, |at, exception| {
            if at <= position {
                lane = lane.add(exception).sub(reference.add(unit.mul(scratch[at])));
            }
        });
        Ok(Some(lane))
    }

    /// The least and the greatest lane that a vector may hold, by `order`, both of them ordered (see [`Shape`]), from its entry and its exceptions
    /// alone; and whether null may be among its values. Null may be one of the two.
    pub fn bounds(&self, index: usize, order: L) -> Result<(L, L, bool)> {
        let entry = self.entry(index)?;
        if self.layout.delta {
            let (least, greatest) = (entry.least.xor(order), entry.greatest.xor(order));
            return Ok((least, greatest, false));
        }
        let mut least = entry.reference.xor(order);
        let numbers = number_max(entry.width).saturating_sub(u64::from(entry.nullable));
        let far = u128::from(least.widen()) + u128::from(numbers) * u128::from(self.layout.unit.widen());
        let mut greatest = L::truncate(u64::try_from(far).unwrap_or(u64::MAX).min(L::MAX.widen()));
        entry.exceptions.for_each(entry.reference, self.layout.unit, |_, lane| {
            least = least.min(lane.xor(order));
            greatest = greatest.max(lane.xor(order));
        });
        Ok((least, greatest, entry.nullable))
    }

    /// The lane of one row; none where values are running sums, which need those before them.
    pub fn pick(&self, row: usize) -> Result<Option<L>> {
        if self.layout.delta {
            return Ok(None);
        }
        let entry = self.entry(row / VECTOR_ROWS)?;
        let position = row % VECTOR_ROWS;
        if let Some(value) = entry.exceptions.find(entry.reference, self.layout.unit, position) {
            return Ok(Some(value));
        }
        let packed = L::unpack_one(entry.width, entry.packed, position);
        Ok(Some(match (entry.nullable, packed == L::ZERO) {
            (true, true) => self.null,
            (true, false) => entry.reference.sub(self.layout.unit).add(packed.mul(self.layout.unit)),
            (false, _) => entry.reference.add(packed.mul(self.layout.unit)),
        }))
    }

    fn entry(&self, index: usize) -> Result<Entry<'a, L>> {
        let size = entry_bytes::<L>(self.layout.delta);
        if index >= self.rows.div_ceil(VECTOR_ROWS) {
            return Err(Error::corrupt(format!("no vector {index} in a block of {} rows", self.rows)));
        }
        let start = HEADER_BYTES + index * size;
        let bytes = &self.bytes[start..start + size];
        let offset = u32::read_le(bytes) as usize;
        let exceptions = usize::from(u16::read_le(&bytes[4..]));
        let (width, flags) = (usize::from(bytes[6]), bytes[7]);
        let refuse = |what: String| Error::corrupt(format!("vector {index}: {what}"));
        let kept = EXCEPTION_BYTES[usize::from(flags >> EXCEPTION_SHIFT) % EXCEPTION_BYTES.len()];
        if width > L::BITS || flags > FLAGS_MAX || kept >= L::BYTES {
            return Err(refuse(format!("bit width {width}, flags {flags} in lanes of {} bits", L::BITS)));
        }
        let values = offset + 128 * width;
        let positions = values + exceptions * if kept == 0 { L::BYTES } else { kept };
        let end = positions + exceptions * 2;
        if end > self.bytes.len() {
            return Err(refuse(format!("ends at {end} of {} bytes", self.bytes.len())));
        }
        let of_delta =
            |lane: usize| if self.layout.delta { L::read_le(&bytes[8 + lane * L::BYTES..]) } else { L::ZERO };
        Ok(Entry {
            width,
            nullable: flags & NULLABLE != 0,
            reference: L::read_le(&bytes[8..]),
            base: of_delta(1),
            least: of_delta(2),
            greatest: of_delta(3),
            packed: &self.bytes[offset..values],
            exceptions: Exceptions {
                kept,
                values: &self.bytes[values..positions],
                positions: &self.bytes[positions..end],
            },
        })
    }
}

struct Entry<'a, L> {
    width: usize,
    nullable: bool,
    reference: L,
    base: L,
    /// The least and the greatest lane; of running sums alone.
    least: L,
    greatest: L,
    packed: &'a [u8],
    exceptions: Exceptions<'a>,
}

/// How a vector will be packed, and what that costs.
struct Plan<L> {
    /// The lane that packed zero stands for; one if nullable.
    reference: L,
    width: usize,
    nullable: bool,
    bytes: u64,
}

impl<L: Lane> Plan<L> {
    fn of(vector: &[L], shape: Shape<L>, layout: Layout<L>) -> Self {
        let mut lanes = [L::ZERO; VECTOR_ROWS];
        let mut count = 0;
        let mut nullable = false;
        if layout.delta {
            for pair in vector.windows(2) {
                lanes[count] = pair[1].sub(pair[0]).xor(L::SIGN);
                count += 1;
            }
        } else {
            let nulls = vector.iter().filter(|&&v| Some(v) == shape.null).count();
            nullable = nulls >= NULLABLE_FROM;
            for &lane in vector.iter().filter(|&&v| !nullable || Some(v) != shape.null) {
                lanes[count] = lane.xor(shape.order);
                count += 1;
            }
        }
        let lanes = &lanes[..count];
        let order = if layout.delta { L::SIGN } else { shape.order };
        let Some(&any) = lanes.first() else {
            // Nothing but nulls, or a single row: zero bits.
            let reference = if layout.delta { L::ZERO } else { order };
            return Plan { reference, width: 0, nullable, bytes: 0 };
        };
        let division = ExactDivision::by(layout.unit.widen());
        let (min, max) = lanes.iter().fold((any, any), |(min, max), &v| (min.min(v), max.max(v)));
        let mut best = Plan::over(min, packed_bits(max.sub(min), &division, nullable), nullable, 0);
        if best.width > 0 {
            best = best.least(Plan::patched(lanes, min, &division, nullable));
            // A few values far below the rest, such as the jump back where a group begins, must not set the reference.
            let low = bulk_low(lanes);
            if low != min {
                best = best.least(Plan::patched(lanes, low, &division, nullable));
            }
        }
        // A range so wide that null has no number of its own.
        if best.width > L::BITS {
            best = Plan::over(if division.unit == 1 { L::ZERO } else { min }, L::BITS, false, 0);
        }
        best.reference = best.reference.xor(order);
        best
    }

    /// The width that is cheapest with the values below `low` and those too far above it as exceptions.
    fn patched(lanes: &[L], low: L, division: &ExactDivision, nullable: bool) -> Self {
        let mut counts = [0u32; 66];
        let mut below = 0;
        for &lane in lanes {
            if lane < low {
                below += 1;
            } else {
                counts[packed_bits(lane.sub(low), division, nullable)] += 1;
            }
        }
        let far = lanes.iter().try_fold((0, 0), |(least, most): (i64, i64), &lane| {
            let number = units(lane, low, division)?;
            Some((least.min(number), most.max(number)))
        });
        let kept = far.map_or(0, |(least, most)| number_bytes::<L>(least, most));
        let exception_bytes = (if kept == 0 { L::BYTES } else { kept } + 2) as u64;
        let mut above = 0;
        let mut best: Option<Self> = None;
        for width in (usize::from(nullable)..=65).rev() {
            if width <= L::BITS {
                let plan = Plan::over(low, width, nullable, u64::from(below + above) * exception_bytes);
                best = Some(match best {
                    Some(best) => best.least(plan),
                    None => plan,
                });
            }
            above += counts[width];
        }
        best.unwrap_or_else(|| Plan::over(low, L::BITS, nullable, 0))
    }

    fn least(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }

    fn over(reference: L, width: usize, nullable: bool, exception_bytes: u64) -> Self {
        Plan { reference, width, nullable, bytes: 128 * width as u64 + exception_bytes }
    }

    /// Appends packed numbers, exceptions' values and positions; gives the number of exceptions and how they are kept.
    fn pack(&self, vector: &[L], shape: Shape<L>, layout: Layout<L>, out: &mut Vec<u8>) -> (u16, u8) {
        let order = if layout.delta { L::SIGN } else { shape.order };
        let low = self.reference.xor(order);
        let division = ExactDivision::by(layout.unit.widen());
        let shift = u64::from(self.nullable);
        // None where null takes the only number that zero bits can hold.
        let limit = number_max(self.width).checked_sub(shift);
        let mut packed = [L::ZERO; VECTOR_ROWS];
        let mut exceptions: Vec<(u16, L)> = Vec::new();
        for (at, &value) in vector.iter().enumerate() {
            let lane = match (layout.delta, at) {
                (true, 0) => continue,
                (true, _) => value.sub(vector[at - 1]),
                (false, _) => value,
            };
            if self.nullable && Some(value) == shape.null {
                continue;
            }
            let ordered = lane.xor(order);
            let number = division.quotient(ordered.sub(low).widen());
            let fits = number.filter(|&number| ordered >= low && limit.is_some_and(|limit| number <= limit));
            if let Some(number) = fits {
                packed[at] = L::truncate(number + shift);
            } else {
                exceptions.push((at as u16, lane));
            }
        }
        L::pack(self.width, &packed, out);
        let numbers: Option<Vec<i64>> =
            exceptions.iter().map(|(_, lane)| units(lane.xor(order), low, &division)).collect();
        let numbers = numbers.unwrap_or_default();
        let (least, most) = numbers.iter().fold((0, 0), |(least, most), &n| (n.min(least), n.max(most)));
        // Without exceptions, or where one is no number of units, there is nothing to shorten.
        let kept = if numbers.is_empty() { 0 } else { number_bytes::<L>(least, most) };
        match kept {
            0 => exceptions.iter().for_each(|(_, lane)| lane.write_le(out)),
            kept => numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()[..kept])),
        }
        exceptions.iter().for_each(|(at, _)| at.write_le(out));
        let kept = EXCEPTION_BYTES.iter().position(|&bytes| bytes == kept).unwrap_or(0);
        (exceptions.len() as u16, kept as u8)
    }
}

/// Rows of a vector in a block.
pub(super) fn vector_range(index: usize, rows: usize) -> Range<usize> {
    index * VECTOR_ROWS..((index + 1) * VECTOR_ROWS).min(rows)
}

/// Fills up to a multiple of eight bytes from `base`.
pub(super) fn pad(out: &mut Vec<u8>, base: usize) {
    out.resize(base + (out.len() - base).next_multiple_of(8), 0);
}

fn entry_bytes<L: Lane>(delta: bool) -> usize {
    8 + L::BYTES * if delta { 4 } else { 1 }
}

/// The greatest number that `width` bits hold.
fn number_max(width: usize) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Bits of `distance / unit`, one number more for null; 65 where there is a rest or the number is too great for any.
fn packed_bits<L: Lane>(distance: L, division: &ExactDivision, nullable: bool) -> usize {
    match division.quotient(distance.widen()).and_then(|number| number.checked_add(u64::from(nullable))) {
        Some(number) => (64 - number.leading_zeros()) as usize,
        None => 65,
    }
}

/// The signed number of units from one ordered lane to another; none where there is a rest, or more than 32 bits.
fn units<L: Lane>(lane: L, low: L, division: &ExactDivision) -> Option<i64> {
    let (distance, sign) = if lane >= low { (lane.sub(low), 1) } else { (low.sub(lane), -1) };
    let number = division.quotient(distance.widen()).and_then(|number| u32::try_from(number).ok())?;
    Some(sign * i64::from(number))
}

/// The least value that is not far below the bulk of the values, judged by a few of them.
fn bulk_low<L: Lane>(lanes: &[L]) -> L {
    let sample = lanes.iter().step_by(BULK_STEP).map(|lane| lane.widen());
    let mut sample: Vec<u64> = sample.collect();
    sample.sort_unstable();
    let (low, high) = (sample[sample.len() / 8], sample[sample.len() - 1 - sample.len() / 8]);
    let floor = low.saturating_sub(high - low);
    lanes.iter().map(|lane| lane.widen()).filter(|&lane| lane >= floor).min().map_or(L::ZERO, L::truncate)
}

/// Divides multiples of a number by it without a division: by its power of two, and the inverse of the rest modulo 2^64.
struct ExactDivision {
    unit: u64,
    shift: u32,
    inverse: u64,
}

impl ExactDivision {
    fn by(unit: u64) -> Self {
        let shift = unit.trailing_zeros();
        let odd = unit >> shift;
        // Newton's iteration: each step doubles the bits that are right, from three.
        let inverse = (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse))));
        ExactDivision { unit, shift, inverse }
    }

    /// The quotient; none where there is a rest.
    #[inline]
    fn quotient(&self, number: u64) -> Option<u64> {
        let quotient = (number >> self.shift).wrapping_mul(self.inverse);
        (quotient.checked_mul(self.unit) == Some(number)).then_some(quotient)
    }
}

/// Running sums from `base` of what each lane stands for, four at a time so that additions do not wait for each other.
#[inline]
fn sum<L: Lane>(lanes: &mut Vector<L>, base: L, of: impl Fn(L) -> L) {
    let mut running = base;
    for four in lanes.as_chunks_mut::<4>().0 {
        let first = of(four[0]);
        let second = first.add(of(four[1]));
        let third = second.add(of(four[2]));
        let fourth = second.add(of(four[2]).add(of(four[3])));
        *four = [running.add(first), running.add(second), running.add(third), running.add(fourth)];
        running = four[3];
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
