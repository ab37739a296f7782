//! Random numbers: each is made of a formula's own seed and the row's position, so that a row keeps its number however often a `view` is read.

use super::super::node::Kernel;
use super::super::operand::{Cell, Operand};
use crate::base::{Boolean, Error, ErrorKind, Primitive, Result};
use crate::io::random::SplitMix64;
use crate::memory::Chunk;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A seed that no other formula has.
pub(in super::super) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn generator(seed: u64, position: i64) -> SplitMix64 {
    let mut mixed = SplitMix64::new(seed ^ (position as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
    SplitMix64::new(mixed.next_u64())
}

/// From 0 to below 1, all 53 bits.
fn share(random: &mut SplitMix64) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Values of positions, the first operand.
fn each<R: Cell>(
    seed: u64,
    f: impl Fn(&mut SplitMix64, &[Operand<'_>], usize) -> Result<R> + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |operands, len| {
        let positions = operands[0].lane::<i64>();
        let value = |row: usize| f(&mut generator(seed, positions.get(row)), &operands[1..], row);
        Ok(R::chunk((0..len).map(value).collect::<Result<Vec<R>>>()?))
    })
}

/// `random()`.
pub(in super::super) fn uniform(seed: u64) -> Kernel {
    each(seed, |random, _, _| Ok(share(random)))
}

/// `randomBool()`.
pub(in super::super) fn boolean(seed: u64) -> Kernel {
    each(seed, |random, _, _| Ok(Boolean::from(random.chance(1, 2))))
}

/// `randomInt(least, end)` and `randomLong`: from the least to below the end, both longs or both ints; null of null.
pub(in super::super) fn integer<T: Cell + Into<i64> + TryFrom<i64>>(seed: u64) -> Kernel {
    each(seed, |random, operands, row| {
        let (least, end) = (operands[0].lane::<T>().get(row), operands[1].lane::<T>().get(row));
        if least.is_null() || end.is_null() {
            return Ok(T::NULL);
        }
        let (least, end): (i64, i64) = (least.into(), end.into());
        if least >= end {
            return Err(Error::new(
                ErrorKind::Evaluation,
                format!("there is no random number from {least} to below {end}"),
            ));
        }
        let width = end.wrapping_sub(least) as u64;
        Ok(T::try_from(least.wrapping_add(random.below(width) as i64)).unwrap_or(T::NULL))
    })
}

/// `randomDouble(least, end)`: from the least to below the end; null of null.
pub(in super::super) fn double(seed: u64) -> Kernel {
    each(seed, |random, operands, row| {
        let (least, end) = (operands[0].lane::<f64>().get(row), operands[1].lane::<f64>().get(row));
        let value = least + (end - least) * share(random);
        Ok(if least.is_null() || end.is_null() { f64::NULL } else { value })
    })
}

/// `randomGaussian(mean, deviation)`, by the polar method of Box and Muller; null of null.
pub(in super::super) fn gaussian(seed: u64) -> Kernel {
    each(seed, |random, operands, row| {
        let (mean, deviation) = (operands[0].lane::<f64>().get(row), operands[1].lane::<f64>().get(row));
        if mean.is_null() || deviation.is_null() {
            return Ok(f64::NULL);
        }
        let (radius, angle) = (1.0 - share(random), share(random) * std::f64::consts::TAU);
        Ok(mean + deviation * (-2.0 * radius.ln()).sqrt() * angle.cos())
    })
}

/// For callers that make chunks of one type out of another.
pub(in super::super) fn as_float(kernel: Kernel) -> Kernel {
    Box::new(move |operands, len| {
        Ok(match kernel(operands, len)? {
            Chunk::Double(values) => {
                Chunk::Float(values.into_iter().map(|v| if v.is_null() { f32::NULL } else { v as f32 }).collect())
            }
            other => other,
        })
    })
}
