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

    /// Puts them in their places. Errs on positions beyond the vector.
    pub(super) fn patch<L: Lane>(&self, reference: L, unit: L, out: &mut Vector<L>) -> Result<()> {
        let far = |number: i64| reference.add(L::truncate(number as u64).mul(unit));
        match self.kept {
            0 => patch(self.positions, self.values, out),
            1 => patch_with(self.positions, self.values.iter().map(|&byte| far(i64::from(byte as i8))), out),
            2 => {
                let numbers = self.values.as_chunks::<2>().0.iter().map(|two| far(i16::from_le_bytes(*two).into()));
                patch_with(self.positions, numbers, out)
            }
            _ => {
                let numbers = self.values.as_chunks::<4>().0.iter().map(|four| far(i32::from_le_bytes(*four).into()));
                patch_with(self.positions, numbers, out)
            }
        }
    }

    /// The lane that replaces that of a position, none where the packed one stands.
    pub(super) fn find<L: Lane>(&self, reference: L, unit: L, position: usize) -> Option<L> {
        if self.kept == 0 {
            return exception(self.positions, self.values, position);
        }
        let at = place_of(self.positions, position)?;
        let bytes = self.values.get(at * self.kept..(at + 1) * self.kept)?;
        let sign = if bytes.last()? & 0x80 == 0 { 0 } else { 0xFF };
        let mut number = [sign; 8];
        number[..bytes.len()].copy_from_slice(bytes);
        Some(reference.add(L::truncate(u64::from_le_bytes(number)).mul(unit)))
    }
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
    positions.as_chunks::<2>().0.iter().rposition(|two| usize::from(u16::from_le_bytes(*two)) == position)
}
