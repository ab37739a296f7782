//! Which blocks of a mapped file the system is asked to bring in before they are touched.
//!
//! A lone block is asked for as a whole, so that it does not come page by page; where blocks are read one after the other, those that
//! follow are on their way meanwhile. What lies around a block that is read alone, or beyond the rows that a reader announced, stays on the disk.

use super::sealed_column::BlockEntry;
use crate::io;
use crate::memory::Marks;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Smaller files come in one piece anyway.
const FILE_BYTES_MIN: usize = 1 << 20;
/// How far ahead of a reader in sequence is asked for; again when half of it is used up. As far as systems read ahead on their own.
const WINDOW_BYTES: u64 = 16 << 20;

/// What was asked for of a file.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    /// The blocks; none where nothing needs to be asked for.
    asked: Marks,
    /// The blocks that were announced last: the first, and in the upper half the one after the last.
    expected: AtomicU64,
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
        ReadAhead { asked: Marks::new(index.len() / super::sealed_column::ENTRY_BYTES), ..ReadAhead::default() }
    }

    /// Blocks are about to be read, and none after them: asks for what is not too much to come at once.
    pub(super) fn expect(&self, file: &[u8], entries: &[BlockEntry], blocks: Range<usize>) {
        if self.asked.is_empty() || blocks.is_empty() {
            return;
        }
        self.expected.store(blocks.start as u64 | (blocks.end as u64) << 32, Relaxed);
        let end_of = |at: usize| entries[at].offset + u64::from(entries[at].size_bytes);
        let start = entries[blocks.start].offset;
        let near = blocks.clone().take_while(|at| end_of(*at) <= start + WINDOW_BYTES).count();
        self.ask(file, entries, blocks.start..blocks.start + near);
    }

    /// Asks for those of some blocks that were not asked for before.
    fn ask(&self, file: &[u8], entries: &[BlockEntry], blocks: Range<usize>) {
        let mut at = blocks.start;
        while let Some(first) = (at..blocks.end).find(|at| !self.asked.has(*at)) {
            at = (first..blocks.end).find(|at| self.asked.has(*at)).unwrap_or(blocks.end);
            (first..at).for_each(|at| self.asked.set(at));
            let last = &entries[at - 1];
            io::read_ahead(&file[entries[first].offset as usize..last.offset as usize + last.size_bytes as usize]);
        }
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
        let expected = self.expected.load(Relaxed);
        let expected = (expected & u64::from(u32::MAX)) as usize..(expected >> 32) as usize;
        let known = if expected.contains(&block) { expected.end.min(entries.len()) } else { entries.len() };
        let end = (block..known).find(|at| far(*at)).unwrap_or(known);
        let Some(first) = (block..end).find(|at| !self.asked.has(*at)) else { return };
        if first > block && entries[first].offset - start > WINDOW_BYTES / 2 {
            return;
        }
        self.ask(file, entries, first..end);
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::Encoding;
    use super::*;

    const BLOCKS: usize = 40;
    const BLOCK_BYTES: u32 = 1 << 20;

    fn file() -> (Vec<u8>, Vec<BlockEntry>) {
        let entry = |at: usize| BlockEntry {
            offset: at as u64 * u64::from(BLOCK_BYTES),
            size_bytes: BLOCK_BYTES,
            row_count: 65_536,
            null_count: 0,
            checksum: 0,
            range: None,
            encoding: Encoding::Plain,
            has_nan: false,
            ascending: false,
        };
        (vec![0; BLOCKS * BLOCK_BYTES as usize], (0..BLOCKS).map(entry).collect())
    }

    fn asked(ahead: &ReadAhead) -> Vec<usize> {
        (0..BLOCKS).filter(|block| ahead.asked.has(*block)).collect()
    }

    #[test]
    fn a_reader_in_sequence_is_kept_ahead_of() {
        let (file, entries) = file();
        let ahead = ReadAhead { asked: Marks::new(BLOCKS), ..ReadAhead::default() };
        ahead.touch(&file, &entries, 3);
        assert_eq!(asked(&ahead), [3]);
        ahead.touch(&file, &entries, 4);
        assert_eq!(asked(&ahead), (3..20).collect::<Vec<_>>());
    }

    /// What a reader announced comes at once, and nothing behind it.
    #[test]
    fn announced_blocks_come_alone() {
        let (file, entries) = file();
        let ahead = ReadAhead { asked: Marks::new(BLOCKS), ..ReadAhead::default() };
        ahead.expect(&file, &entries, 7..11);
        assert_eq!(asked(&ahead), [7, 8, 9, 10]);
        (7..11).for_each(|block| ahead.touch(&file, &entries, block));
        assert_eq!(asked(&ahead), [7, 8, 9, 10]);
        // More than comes at once: the rest follows as it is read.
        ahead.expect(&file, &entries, 12..39);
        assert_eq!(asked(&ahead), (7..11).chain(12..28).collect::<Vec<_>>());
        (12..39).for_each(|block| ahead.touch(&file, &entries, block));
        assert_eq!(asked(&ahead), (7..11).chain(12..39).collect::<Vec<_>>());
    }
}
