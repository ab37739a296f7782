//! Frame of reference: lanes as small distances from a reference, in a common unit, bit-packed; with or without delta.
//!
//! Each vector has its own reference and bit width, so any vector decodes alone. Values that would need more bits are patched in as
//! exceptions. Nulls may take the packed number zero. The layout is in `format/README.md`.

use super::exceptions::{EXCEPTION_BYTES, Exceptions};
use super::lane::{Lane, Vector};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use crate::io::vectorized;
use plan::Plan;
use std::ops::Range;

mod plan;
mod total;

/// Bytes before the directory: flags, seven reserved, unit.
const HEADER_BYTES: usize = 16;
/// Block flag: values are running sums of what is packed.
const DELTA: u8 = 1;
/// Block flag, of running sums alone: each vector's least and greatest value are kept. Written since there are such; blocks without are read.
const BOUNDED: u8 = 2;
/// Vector flag: the packed number zero is null.
const NULLABLE: u8 = 1;
/// Vector flags above it: how exceptions are kept, as a place in [`EXCEPTION_BYTES`].
const EXCEPTION_SHIFT: u32 = 1;
const FLAGS_MAX: u8 = 7;

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
        bytes += Plan::of(vector, shape, layout).bytes + entry_bytes::<L>(layout.delta, layout.delta) as u64;
    }
    let count = values.len().div_ceil(VECTOR_ROWS) as u64;
    HEADER_BYTES as u64 + bytes * count / vectors.len().max(1) as u64
}

/// Appends the frame of some lanes.
pub fn encode<L: Lane>(values: &[L], shape: Shape<L>, layout: Layout<L>, out: &mut Vec<u8>) {
    let base = out.len();
    out.push(if layout.delta { DELTA | BOUNDED } else { 0 });
    out.extend_from_slice(&[0; 7]);
    out.extend_from_slice(&layout.unit.widen().to_le_bytes());
    let count = values.len().div_ceil(VECTOR_ROWS);
    let mut entry = out.len();
    out.resize(entry + count * entry_bytes::<L>(layout.delta, layout.delta), 0);
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
    bounded: bool,
}

impl<'a, L: Lane> Frame<'a, L> {
    /// Looks at the header and the size of the directory. `null` is what nullable vectors give for null.
    pub fn parse(bytes: &'a [u8], rows: usize, null: L) -> Result<Self> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(Error::corrupt(format!("frame header has {} bytes, not {HEADER_BYTES}", bytes.len())));
        };
        if ![0, DELTA, DELTA | BOUNDED].contains(&header[0]) || header[1..8] != [0; 7] {
            return Err(Error::corrupt(format!("frame flags are {:02x?}", &header[..8])));
        }
        let (delta, bounded) = (header[0] & DELTA != 0, header[0] & BOUNDED != 0);
        let layout = Layout { delta, unit: L::truncate(u64::read_le(&header[8..])) };
        let directory_bytes = rows.div_ceil(VECTOR_ROWS) * entry_bytes::<L>(delta, bounded);
        if bytes.len() < HEADER_BYTES + directory_bytes {
            return Err(Error::corrupt(format!("frame of {rows} rows has {} bytes", bytes.len())));
        }
        Ok(Frame { bytes, rows, null, layout, bounded })
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
            vectorized(
                #[inline(always)]
                || {
                    for lane in out.iter_mut() {
                        *lane = if *lane == L::ZERO { null } else { below.add(lane.mul(unit)) };
                    }
                },
            );
        } else if unit == L::truncate(1) {
            L::unpack(entry.width, entry.packed, reference, out);
        } else {
            L::unpack(entry.width, entry.packed, L::ZERO, out);
            vectorized(
                #[inline(always)]
                || {
                    for lane in out.iter_mut() {
                        *lane = reference.add(lane.mul(unit));
                    }
                },
            );
        }
        entry.exceptions.patch(reference, unit, out)
    }

    /// The lane of one row where values are running sums, none where they are not. Costs a tenth of [`Frame::decode_vector`]: the packed
    /// numbers are summed as they lie, and units and exceptions taken of the sum. `scratch` may be overwritten.
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
        let numbers = L::sum_packed(entry.width, entry.packed, position + 1);
        let mut lane = entry.base.add(reference.mul(L::truncate(position as u64 + 1))).add(unit.mul(numbers));
        entry.exceptions.for_each(reference, unit, |at, exception| {
            if at <= position {
                let packed = L::unpack_one(entry.width, entry.packed, at);
                lane = lane.add(exception).sub(reference.add(unit.mul(packed)));
            }
        });
        Ok(Some(lane))
    }

    /// The least and the greatest lane that a vector may hold, by `order`, both of them ordered (see [`Shape`]), from its entry and its exceptions
    /// alone; and whether null may be among its values. Null may be one of the two. None where they are not kept.
    pub fn bounds(&self, index: usize, order: L) -> Result<Option<(L, L, bool)>> {
        let entry = self.entry(index)?;
        if self.layout.delta {
            return Ok(self.bounded.then(|| (entry.least.xor(order), entry.greatest.xor(order), false)));
        }
        let mut least = entry.reference.xor(order);
        let numbers = number_max(entry.width).saturating_sub(u64::from(entry.nullable));
        let far = u128::from(least.widen()) + u128::from(numbers) * u128::from(self.layout.unit.widen());
        let mut greatest = L::truncate(u64::try_from(far).unwrap_or(u64::MAX).min(L::MAX.widen()));
        entry.exceptions.for_each(entry.reference, self.layout.unit, |_, lane| {
            least = least.min(lane.xor(order));
            greatest = greatest.max(lane.xor(order));
        });
        Ok(Some((least, greatest, entry.nullable)))
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
        let size = entry_bytes::<L>(self.layout.delta, self.bounded);
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
        let of_delta = |lane: usize, kept: bool| if kept { L::read_le(&bytes[8 + lane * L::BYTES..]) } else { L::ZERO };
        Ok(Entry {
            width,
            nullable: flags & NULLABLE != 0,
            reference: L::read_le(&bytes[8..]),
            base: of_delta(1, self.layout.delta),
            least: of_delta(2, self.bounded),
            greatest: of_delta(3, self.bounded),
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

/// Rows of a vector in a block.
pub(super) fn vector_range(index: usize, rows: usize) -> Range<usize> {
    index * VECTOR_ROWS..((index + 1) * VECTOR_ROWS).min(rows)
}

/// Fills up to a multiple of eight bytes from `base`.
pub(super) fn pad(out: &mut Vec<u8>, base: usize) {
    out.resize(base + (out.len() - base).next_multiple_of(8), 0);
}

fn entry_bytes<L: Lane>(delta: bool, bounded: bool) -> usize {
    8 + L::BYTES * (1 + usize::from(delta) + 2 * usize::from(bounded))
}

/// The greatest number that `width` bits hold.
fn number_max(width: usize) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
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
