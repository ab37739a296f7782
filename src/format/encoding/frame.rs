//! Frame of reference: lanes as small distances from a reference, in a common unit, bit-packed; with or without delta.
//!
//! Each vector has its own reference and bit width, so any vector decodes alone. Values that would need more bits are patched in as
//! exceptions. Nulls may take the packed number zero. The layout is in `format/README.md`.

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
/// From so many nulls in a vector a bit a value is cheaper than exceptions.
const NULLABLE_FROM: usize = 8;
/// How many of the least values are tried as exceptions.
const TRIMS: [usize; 6] = [0, 1, 2, 4, 9, 24];

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
        let exceptions = plan.pack(vector, shape, layout, out);
        let mut bytes = Vec::with_capacity(24);
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&exceptions.to_le_bytes());
        bytes.extend_from_slice(&[plan.width as u8, if plan.nullable { NULLABLE } else { 0 }]);
        plan.reference.write_le(&mut bytes);
        if layout.delta {
            // Running sums start from here: the first packed delta is zero, which adds the reference.
            vector[0].sub(plan.reference).write_le(&mut bytes);
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
        Ok((entry.packed.len() + entry.values.len() + entry.positions.len()) as u64)
    }

    /// Decodes a vector. Lanes past the last row have no meaning. Errs where the bytes do not hold together.
    pub fn decode_vector(&self, index: usize, out: &mut Vector<L>) -> Result<()> {
        let entry = self.entry(index)?;
        let (reference, unit) = (entry.reference, self.layout.unit);
        if self.layout.delta && entry.positions.is_empty() {
            L::unpack(entry.width, entry.packed, L::ZERO, out);
            sum_scaled(out, entry.base, reference, unit);
            return Ok(());
        }
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
        for (position, value) in entry.positions.chunks_exact(2).zip(entry.values.chunks_exact(L::BYTES)) {
            let at = usize::from(u16::read_le(position));
            match out.get_mut(at) {
                Some(lane) => *lane = L::read_le(value),
                None => return Err(Error::corrupt(format!("vector {index} has an exception for row {at}"))),
            }
        }
        if self.layout.delta {
            sum(out, entry.base);
        }
        Ok(())
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
        if width > L::BITS || flags > NULLABLE {
            return Err(refuse(format!("bit width {width}, flags {flags} in lanes of {} bits", L::BITS)));
        }
        let values = offset + 128 * width;
        let positions = values + exceptions * L::BYTES;
        let end = positions + exceptions * 2;
        if end > self.bytes.len() {
            return Err(refuse(format!("ends at {end} of {} bytes", self.bytes.len())));
        }
        Ok(Entry {
            width,
            nullable: flags & NULLABLE != 0,
            reference: L::read_le(&bytes[8..]),
            base: if self.layout.delta { L::read_le(&bytes[8 + L::BYTES..]) } else { L::ZERO },
            packed: &self.bytes[offset..values],
            values: &self.bytes[values..positions],
            positions: &self.bytes[positions..end],
        })
    }
}

struct Entry<'a, L> {
    width: usize,
    nullable: bool,
    reference: L,
    base: L,
    packed: &'a [u8],
    values: &'a [u8],
    positions: &'a [u8],
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
        let mut sorted = [L::ZERO; VECTOR_ROWS];
        let mut count = 0;
        let mut nullable = false;
        if layout.delta {
            for pair in vector.windows(2) {
                sorted[count] = pair[1].sub(pair[0]).xor(L::SIGN);
                count += 1;
            }
        } else {
            let nulls = vector.iter().filter(|&&v| Some(v) == shape.null).count();
            nullable = nulls >= NULLABLE_FROM;
            for &lane in vector.iter().filter(|&&v| !nullable || Some(v) != shape.null) {
                sorted[count] = lane.xor(shape.order);
                count += 1;
            }
        }
        let sorted = &mut sorted[..count];
        let order = if layout.delta { L::SIGN } else { shape.order };
        let Some(&any) = sorted.first() else {
            // Nothing but nulls, or a single row: zero bits.
            let reference = if layout.delta { L::ZERO } else { order };
            return Plan { reference, width: 0, nullable, bytes: 0 };
        };
        let unit = layout.unit.widen();
        let (min, max) = sorted.iter().fold((any, any), |(min, max), &v| (min.min(v), max.max(v)));
        let mut best = Plan::over(min, packed_bits(max.sub(min), unit, nullable), nullable, 0);
        if best.width > 0 {
            sorted.sort_unstable();
            let exception_bytes = (L::BYTES + 2) as u64;
            for trim in TRIMS.into_iter().filter(|&trim| trim < count) {
                let low = sorted[trim];
                let full = packed_bits(max.sub(low), unit, nullable);
                for width in (0..=full.min(L::BITS)).rev() {
                    if nullable && width == 0 {
                        break;
                    }
                    let above = if width >= full {
                        0
                    } else {
                        let most = (number_max(width) - u64::from(nullable)).saturating_mul(unit);
                        let top = low.widen().saturating_add(most).min(L::MAX.widen());
                        count - sorted.partition_point(|v| v.widen() <= top)
                    };
                    let bytes = (trim + above) as u64 * exception_bytes;
                    if bytes >= best.bytes {
                        break;
                    }
                    if 128 * width as u64 + bytes < best.bytes {
                        best = Plan::over(low, width, nullable, bytes);
                    }
                }
            }
        }
        // A range so wide that null has no number of its own.
        if best.width > L::BITS {
            best = Plan::over(if unit == 1 { L::ZERO } else { min }, L::BITS, false, 0);
        }
        best.reference = best.reference.xor(order);
        best
    }

    fn over(reference: L, width: usize, nullable: bool, exception_bytes: u64) -> Self {
        Plan { reference, width, nullable, bytes: 128 * width as u64 + exception_bytes }
    }

    /// Appends packed numbers, exceptions' values and positions; gives the number of exceptions.
    fn pack(&self, vector: &[L], shape: Shape<L>, layout: Layout<L>, out: &mut Vec<u8>) -> u16 {
        let order = if layout.delta { L::SIGN } else { shape.order };
        let low = self.reference.xor(order);
        let unit = layout.unit.widen();
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
            let distance = ordered.sub(low).widen();
            let number = if unit == 1 { distance } else { distance / unit };
            let whole = unit == 1 || distance % unit == 0;
            if ordered >= low && whole && limit.is_some_and(|limit| number <= limit) {
                packed[at] = L::truncate(number + shift);
            } else {
                exceptions.push((at as u16, lane));
            }
        }
        L::pack(self.width, &packed, out);
        exceptions.iter().for_each(|(_, lane)| lane.write_le(out));
        exceptions.iter().for_each(|(at, _)| at.write_le(out));
        exceptions.len() as u16
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
    8 + L::BYTES * if delta { 2 } else { 1 }
}

/// The greatest number that `width` bits hold.
fn number_max(width: usize) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

fn packed_bits<L: Lane>(distance: L, unit: u64, nullable: bool) -> usize {
    let number = distance.widen() / unit.max(1);
    match number.checked_add(u64::from(nullable)) {
        Some(number) => (64 - number.leading_zeros()) as usize,
        None => 65,
    }
}

fn sum_scaled<L: Lane>(lanes: &mut Vector<L>, base: L, reference: L, unit: L) {
    let mut running = base;
    if unit == L::truncate(1) {
        for lane in lanes {
            running = running.add(lane.add(reference));
            *lane = running;
        }
    } else {
        for lane in lanes {
            running = running.add(lane.mul(unit).add(reference));
            *lane = running;
        }
    }
}

fn sum<L: Lane>(lanes: &mut Vector<L>, base: L) {
    let mut running = base;
    for lane in lanes {
        running = running.add(*lane);
        *lane = running;
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
