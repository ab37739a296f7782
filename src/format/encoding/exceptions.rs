//! Values that a vector's packed numbers do not hold: each with its position, a lane as it is or a signed number of units from the reference.

use super::lane::{Lane, Vector};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};

/// Bytes of an exception, by how the flags of a vector name it; 0 for a lane as it is.
pub(super) const EXCEPTION_BYTES: [usize; 4] = [0, 1, 2, 4];

/// The exceptions of a vector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exceptions<'a> {
    /// Bytes of an exception that is a number of units; 0 where they are lanes.
    pub(super) kept: usize,
    pub(super) values: &'a [u8],
    pub(super) positions: &'a [u8],
}

impl Exceptions<'_> {
    /// Their bytes.
    pub(super) fn len_bytes(&self) -> usize {
        self.values.len() + self.positions.len()
    }

    /// True if their positions lie within a vector, each after the one before: as written.
    pub(super) fn ascend(&self) -> bool {
        let positions = u16::slice_of(self.positions);
        // Without a branch a position.
        let ascend = positions.windows(2).fold(true, |ascend, pair| ascend & (pair[0] < pair[1]));
        ascend && positions.last().is_none_or(|last| usize::from(*last) < VECTOR_ROWS)
    }

    /// Puts them in their places. Errs on positions beyond the vector.
    pub(super) fn patch<L: Lane>(&self, reference: L, unit: L, out: &mut Vector<L>) -> Result<()> {
        match self.kept {
            0 => patch(self.positions, self.values, out),
            _ => patch_with(self.positions, self.numbers().map(|number| far(reference, unit, number)), out),
        }
    }

    /// Puts them in their places as numbers of units from the reference. False, and nothing done, where they are lanes.
    pub(super) fn patch_numbers<L: Lane>(&self, out: &mut Vector<L>) -> Result<bool> {
        if self.kept == 0 && !self.values.is_empty() {
            return Ok(false);
        }
        patch_with(self.positions, self.numbers().map(|number| L::truncate(number as u64)), out)?;
        Ok(true)
    }

    /// Shows all of them with their positions.
    pub(super) fn for_each<L: Lane>(&self, reference: L, unit: L, mut see: impl FnMut(usize, L)) {
        let positions = places(self.positions);
        match self.kept {
            0 => positions.zip(L::slice_of(self.values).iter()).for_each(|(at, lane)| see(at, *lane)),
            _ => positions.zip(self.numbers()).for_each(|(at, number)| see(at, far(reference, unit, number))),
        }
    }

    /// The signed numbers of units that they are kept as.
    fn numbers(&self) -> impl Iterator<Item = i64> {
        let kept = self.kept;
        let count = self.values.len().checked_div(kept).unwrap_or(0);
        let values = self.values;
        (0..count).map(move |at| match kept {
            1 => i64::from(values[at] as i8),
            2 => i64::from(i16::from_le_bytes([values[2 * at], values[2 * at + 1]])),
            _ => i64::from(u32::read_le(&values[4 * at..]) as i32),
        })
    }

    /// The lane that replaces that of a position, none where the packed one stands.
    pub(super) fn find<L: Lane>(&self, reference: L, unit: L, position: usize) -> Option<L> {
        if self.kept == 0 {
            return exception(self.positions, self.values, position);
        }
        let at = place_of(self.positions, position)?;
        self.numbers().nth(at).map(|number| far(reference, unit, number))
    }
}

/// A signed number of units from the reference.
#[inline]
fn far<L: Lane>(reference: L, unit: L, number: i64) -> L {
    reference.add(L::truncate(number as u64).mul(unit))
}

/// The fewest bytes that signed numbers from `least` to `most` fit, fewer than a lane has; 0 where there are none.
pub(super) fn number_bytes<L: Lane>(least: i64, most: i64) -> usize {
    let fits = |bytes: usize| {
        let limit = 1i64 << (8 * bytes - 1);
        bytes < L::BYTES && least >= -limit && most < limit
    };
    EXCEPTION_BYTES[1..].iter().copied().find(|&bytes| fits(bytes)).unwrap_or(0)
}

/// Puts exceptions in their places: little-endian positions of two bytes, and as many lanes. Errs on positions beyond the vector.
pub(super) fn patch<L: Lane>(positions: &[u8], values: &[u8], out: &mut Vector<L>) -> Result<()> {
    let values = L::slice_of(values);
    patch_with(positions, values.iter().copied(), out)
}

fn patch_with<L: Lane>(positions: &[u8], values: impl Iterator<Item = L>, out: &mut Vector<L>) -> Result<()> {
    let positions = u16::slice_of(positions);
    let most = positions.iter().fold(0, |most, &position| most.max(position));
    if usize::from(most) >= VECTOR_ROWS {
        return Err(Error::corrupt(format!("an exception for row {most} of a vector")));
    }
    for (&position, value) in positions.iter().zip(values) {
        out[usize::from(position) % VECTOR_ROWS] = value;
    }
    Ok(())
}

/// The lane that replaces that of a position, none where the packed one stands.
pub(super) fn exception<L: Lane>(positions: &[u8], values: &[u8], position: usize) -> Option<L> {
    let at = place_of(positions, position)?;
    values.get(at * L::BYTES..(at + 1) * L::BYTES).map(L::read_le)
}

/// The last of some positions that is this one.
fn place_of(positions: &[u8], position: usize) -> Option<usize> {
    places(positions).rposition(|place| place == position)
}

/// Positions of two bytes, one after the other.
fn places(positions: &[u8]) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
    positions.as_chunks::<2>().0.iter().map(|two| usize::from(u16::from_le_bytes(*two)))
}
