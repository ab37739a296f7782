//! Between which values those of a data file's blocks lie, once somebody asked.
//!
//! Nothing of it is stored: full blocks never change, so what was found out once holds for every later version of the file, and goes over
//! to it. Rows come in the order of time mostly: a filter on a range of time reads the few blocks that it may lie in.

use crate::base::Result;
use crate::format::encoding::{Encodable, Lane, VectorBounds};
use crate::memory::Others;
use std::sync::OnceLock;

/// The bounds of each block of one version, found out at the first question.
#[derive(Debug, Default)]
pub(super) struct BlockBounds {
    blocks: usize,
    known: OnceLock<Vec<OnceLock<Known>>>,
}

/// Bounds as the bits of values, whatever their type.
#[derive(Clone, Copy, Debug)]
struct Known {
    least: u64,
    greatest: u64,
    others: Others,
}

impl BlockBounds {
    /// Of so many blocks nothing is known.
    pub(super) fn new(blocks: usize) -> Self {
        BlockBounds { blocks, known: OnceLock::new() }
    }

    /// Takes over what is known of the first `blocks` blocks, which are full in both versions.
    pub(super) fn take_over(&self, earlier: &BlockBounds, blocks: usize) {
        let Some(its) = earlier.known.get() else { return };
        for (mine, its) in self.known().iter().zip(its).take(blocks) {
            if let Some(known) = its.get() {
                let _ = mine.set(*known);
            }
        }
    }

    /// The bounds of a block; `values` are asked for if they are not known.
    pub(super) fn of<T: Encodable>(
        &self,
        block: usize,
        values: impl FnOnce() -> Result<Vec<T>>,
    ) -> Result<VectorBounds<T>> {
        let place = self.known().get(block);
        if let Some(known) = place.and_then(OnceLock::get) {
            let value = |bits: u64| T::from_lane(T::Lane::truncate(bits));
            return Ok(VectorBounds {
                least: value(known.least),
                greatest: value(known.greatest),
                others: known.others,
            });
        }
        let found = VectorBounds::of_slice(&values()?);
        let bits = |value: T| value.to_lane().widen();
        let known = Known { least: bits(found.least), greatest: bits(found.greatest), others: found.others };
        let _ = place.map(|place| place.set(known));
        Ok(found)
    }

    fn known(&self) -> &[OnceLock<Known>] {
        self.known.get_or_init(|| (0..self.blocks).map(|_| OnceLock::new()).collect())
    }
}
