//! Between which values those of a data file's blocks lie, where the writer did not keep it: once somebody asked.
//!
//! Full blocks never change, so what was found out once holds for every later version of the file, and goes over to it. Rows come in the order
//! of time mostly: a filter on a range of time reads the few blocks that it may lie in.

use crate::base::Result;
use crate::format::commit::BitBounds;
use std::sync::OnceLock;

/// The bounds of each block of one version, found out at the first question.
#[derive(Debug, Default)]
pub(super) struct BlockBounds {
    blocks: usize,
    known: OnceLock<Vec<OnceLock<BitBounds>>>,
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

    /// The bounds of a block, found out by `find` if they are not known.
    pub(super) fn of(&self, block: usize, find: impl FnOnce() -> Result<BitBounds>) -> Result<BitBounds> {
        let place = self.known().get(block);
        if let Some(known) = place.and_then(OnceLock::get) {
            return Ok(*known);
        }
        let found = find()?;
        let _ = place.map(|place| place.set(found));
        Ok(found)
    }

    fn known(&self) -> &[OnceLock<BitBounds>] {
        self.known.get_or_init(|| (0..self.blocks).map(|_| OnceLock::new()).collect())
    }
}
