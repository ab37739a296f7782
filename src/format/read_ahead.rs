//! Which blocks of a mapped file the system is asked to bring in before they are touched.
//!
//! A lone block is asked for as a whole, so that it does not come page by page; where blocks are read one after the other, those that
//! follow are on their way meanwhile. What lies around a block that is read alone stays on the disk.

use super::sealed_column::BlockEntry;
use crate::io;
use crate::memory::Marks;

/// Smaller files come in one piece anyway.
const FILE_BYTES_MIN: usize = 1 << 20;
/// How far ahead of a reader in sequence is asked for; again when half of it is used up. As far as systems read ahead on their own.
const WINDOW_BYTES: u64 = 16 << 20;

/// What was asked for of a file.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    /// The blocks; none where nothing needs to be asked for.
    asked: Marks,
}

impl ReadAhead {
    /// Of a file that nothing was read of.
    pub(super) fn prepare(file: &[u8]) {
        if file.len() >= FILE_BYTES_MIN {
            io::expect_jumps(file);
        }
    }

    /// Of a file whose block index is given; asks for the index.
    pub(super) fn of(file: &[u8], index: &[u8]) -> Self {
        if file.len() < FILE_BYTES_MIN {
            return ReadAhead::default();
        }
        io::read_ahead(index);
        ReadAhead { asked: Marks::new(index.len() / super::sealed_column::ENTRY_BYTES) }
    }

    /// A block is about to be read for the first time.
    pub(super) fn touch(&self, file: &[u8], entries: &[BlockEntry], block: usize) {
        if self.asked.is_empty() {
            return;
        }
        let in_sequence = block > 0 && self.asked.has(block - 1);
        let start = entries[block].offset;
        let window = if in_sequence { WINDOW_BYTES } else { 0 };
        let far = |at: usize| at > block && entries[at].offset + u64::from(entries[at].size_bytes) > start + window;
        let end = (block..entries.len()).find(|at| far(*at)).unwrap_or(entries.len());
        let Some(first) = (block..end).find(|at| !self.asked.has(*at)) else { return };
        if first > block && entries[first].offset - start > WINDOW_BYTES / 2 {
            return;
        }
        (first..end).for_each(|at| self.asked.set(at));
        let last = &entries[end - 1];
        io::read_ahead(&file[entries[first].offset as usize..last.offset as usize + last.size_bytes as usize]);
    }
}
