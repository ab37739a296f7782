//! How a vector is packed: which reference, which width, and which values are exceptions.

use super::super::exceptions::{EXCEPTION_BYTES, number_bytes};
use super::super::lane::Lane;
use super::{Layout, Shape, number_max};
use crate::base::limits::VECTOR_ROWS;

/// From so many nulls in a vector a bit a value is cheaper than exceptions.
const NULLABLE_FROM: usize = 8;
/// One value in so many tells where the bulk of a vector lies.
const BULK_STEP: usize = 31;

/// How a vector will be packed, and what that costs.
pub(super) struct Plan<L> {
    /// The lane that packed zero stands for; one if nullable.
    pub(super) reference: L,
    pub(super) width: usize,
    pub(super) nullable: bool,
    pub(super) bytes: u64,
}

impl<L: Lane> Plan<L> {
    pub(super) fn of(vector: &[L], shape: Shape<L>, layout: Layout<L>) -> Self {
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
    pub(super) fn pack(&self, vector: &[L], shape: Shape<L>, layout: Layout<L>, out: &mut Vec<u8>) -> (u16, u8) {
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
