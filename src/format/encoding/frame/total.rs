//! The sum of a vector's lanes, from what is packed: distances are summed, the reference and the unit taken of the sum.

use super::super::lane::{Lane, Vector};
use super::{Entry, Frame};
use crate::base::Result;
use crate::base::limits::VECTOR_ROWS;
use crate::io::vectorized;

/// Lanes beyond this, as numbers, are not summed here: a vector of them keeps within 64 bits.
const NUMBER_MAX: i128 = 1 << 52;
/// Vectors of distances with more exceptions than this are decoded as fast.
const EXCEPTIONS_MAX: usize = 16;
/// Lanes that are summed side by side.
const COLUMNS: usize = 16;

impl<L: Lane> Frame<'_, L> {
    /// The sum of the lanes of a vector without a short end, as numbers that `order` orders (see [`super::Shape`]); none where null or numbers
    /// beyond 2^52 may be among them, or where decoding them costs no more. Running sums are not summed up: a lane counts as often as there are rows from
    /// it on. `scratch` may be overwritten.
    pub fn total(&self, index: usize, order: L, scratch: &mut Vector<L>) -> Result<Option<i64>> {
        if self.layout.delta && L::BITS != 64 {
            return Ok(None);
        }
        let entry = self.entry(index)?;
        if !self.layout.delta && entry.exceptions.positions.len() / 2 > EXCEPTIONS_MAX {
            return Ok(None);
        }
        let Some((least, greatest, nullable)) = self.bounds(index, order)? else { return Ok(None) };
        let number = |ordered: L| i128::from(ordered.widen()) - i128::from(order.widen());
        let null = self.null.xor(order);
        let holds_null = nullable || least <= null && null <= greatest;
        if holds_null || number(least) < -NUMBER_MAX || number(greatest) > NUMBER_MAX {
            return Ok(None);
        }
        if !entry.exceptions.ascend() {
            return Ok(None);
        }
        let sum = if self.layout.delta {
            self.total_of_sums(&entry, scratch)?
        } else {
            self.total_of_lanes(&entry, order, scratch)
        };
        Ok(Some(sum))
    }

    /// Where lanes are distances. Nothing overflows: all of them lie between bounds that were looked at.
    fn total_of_lanes(&self, entry: &Entry<'_, L>, order: L, lanes: &mut Vector<L>) -> i64 {
        let number = |lane: L| lane.xor(order).widen().wrapping_sub(order.widen());
        let (reference, unit) = (number(entry.reference), self.layout.unit.widen());
        let (mut exceptions, mut others) = (0u64, 0u64);
        L::unpack(entry.width, entry.packed, L::ZERO, lanes);
        entry.exceptions.for_each(entry.reference, self.layout.unit, |at, lane| {
            lanes[at] = L::ZERO;
            exceptions += 1;
            others = others.wrapping_add(number(lane));
        });
        let packed = sum(lanes).wrapping_mul(unit);
        let references = reference.wrapping_mul(VECTOR_ROWS as u64 - exceptions);
        references.wrapping_add(packed).wrapping_add(others) as i64
    }

    /// Where lanes are running sums, of 64 bits: modulo 2^64, which the sum fits.
    fn total_of_sums(&self, entry: &Entry<'_, L>, lanes: &mut Vector<L>) -> Result<i64> {
        const ROWS: u64 = VECTOR_ROWS as u64;
        L::unpack(entry.width, entry.packed, L::ZERO, lanes);
        let (mut reference, mut unit) = (entry.reference.widen(), self.layout.unit.widen());
        if !entry.exceptions.patch_numbers(lanes)? {
            self.unpack(entry, lanes)?;
            (reference, unit) = (0, 1);
        }
        let bases = entry.base.widen().wrapping_mul(ROWS);
        let references = reference.wrapping_mul(ROWS * (ROWS + 1) / 2);
        Ok(bases.wrapping_add(references).wrapping_add(sum_of_sums(lanes).wrapping_mul(unit)) as i64)
    }
}

/// The sum of some numbers, modulo 2^64.
fn sum<L: Lane>(lanes: &Vector<L>) -> u64 {
    // An array is what comes back: adding it up in there would take the columns out of the vectors again.
    let columns = vectorized(
        #[inline(always)]
        || {
            let mut columns = [0u64; COLUMNS];
            for row in lanes.as_chunks::<COLUMNS>().0 {
                for at in 0..COLUMNS {
                    columns[at] = columns[at].wrapping_add(row[at].widen());
                }
            }
            columns
        },
    );
    columns.into_iter().fold(0, u64::wrapping_add)
}

/// The sum of the running sums of some numbers, modulo 2^64.
fn sum_of_sums<L: Lane>(lanes: &Vector<L>) -> u64 {
    let (columns, running) = vectorized(
        #[inline(always)]
        || {
            let (mut columns, mut running) = ([0u64; COLUMNS], [0u64; COLUMNS]);
            for row in lanes.as_chunks::<COLUMNS>().0 {
                for at in 0..COLUMNS {
                    columns[at] = columns[at].wrapping_add(row[at].widen());
                    running[at] = running[at].wrapping_add(columns[at]);
                }
            }
            (columns, running)
        },
    );
    // A number counts as often as there are rows from it on: those of its column all sixteen times, less the numbers before it in its row.
    (0..COLUMNS).fold(0, |sums: u64, at| {
        let counted = running[at].wrapping_mul(COLUMNS as u64).wrapping_sub(columns[at].wrapping_mul(at as u64));
        sums.wrapping_add(counted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_sums_are_summed() {
        let lanes: Vector<u64> = std::array::from_fn(|at| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (mut running, mut sums) = (0u64, 0u64);
        for lane in lanes {
            running = running.wrapping_add(lane);
            sums = sums.wrapping_add(running);
        }
        assert_eq!((sum(&lanes), sum_of_sums(&lanes)), (running, sums));
        assert_eq!(sum(&[u8::MAX; VECTOR_ROWS]), 255 * 1_024);
    }
}
