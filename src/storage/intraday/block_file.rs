//! The committed bytes of a data file, mapped, and verified block by block at first touch.
//!
//! **Invariant:** no value leaves a block before the block's checksum was compared and its entries were found to be what the file may hold.

use super::block_bounds::BlockBounds;
use super::recovery::open_committed;
use crate::base::{Boolean, ColumnType, Error, Primitive, Result};
use crate::format::column_form::{END_BYTES, End};
use crate::format::commit::{BLOCK_BYTES, BitBounds, BlockSum, ColumnFile, ColumnState, FileState, SUM_BYTES};
use crate::format::encoding::{Encodable, VectorBounds};
use crate::io::{self, FileSystem};
use crate::memory::{Marks, SymbolCode};
use crate::storage::ReadStats;
use crate::storage::items::{follows, items_of};
use bytes::Bytes;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Bytes of a block.
pub(super) const BLOCK: usize = BLOCK_BYTES as usize;
/// Of what is read in sequence beyond this, the system brings in on its own what comes next.
const EXPECTED_BYTES: usize = 16 << 20;

/// One data file of a column. See the module.
pub(super) struct BlockFile {
    /// For messages.
    path: PathBuf,
    data: Bytes,
    sums: Bytes,
    /// Of what follows the last full block.
    rest_checksum: u32,
    entries: Entries,
    /// A bit for each block that was verified.
    verified: Marks,
    all_verified: AtomicBool,
    bounds: BlockBounds,
}

/// What the entries of a file may be.
#[derive(Clone, Copy, Debug)]
enum Entries {
    Any,
    /// Codes below a count, or null.
    Codes(u64),
    Truth,
    /// Ends of items, which are so many.
    Ends(u64),
}

impl BlockFile {
    /// Maps a level of a column, and compares the sums' checksum.
    pub(super) fn open(
        fs: &dyn FileSystem,
        directory: &Path,
        state: &ColumnState,
        level: usize,
        stats: &ReadStats,
    ) -> Result<Self> {
        let (data, path) = map(fs, directory, state, ColumnFile::values(level), Some(stats))?;
        let sums = map_whole(fs, directory, state, ColumnFile::sums(level), Some(stats))?;
        let entries = if level < state.form.depth() {
            let items = committed(state, ColumnFile::values(level + 1)).size / state.form.width(level + 1) as u64;
            Entries::Ends(items)
        } else {
            match state.form.leaf() {
                Some(ColumnType::String) => Entries::Codes(state.symbol_count()),
                Some(ColumnType::Boolean) => Entries::Truth,
                _ => Entries::Any,
            }
        };
        let blocks = data.len().div_ceil(BLOCK);
        let bounds = BlockBounds::new(blocks);
        Ok(BlockFile {
            path,
            rest_checksum: committed(state, ColumnFile::values(level)).checksum,
            data,
            sums,
            entries,
            verified: Marks::new(blocks),
            all_verified: AtomicBool::new(blocks == 0),
            bounds,
        })
    }

    /// Takes over what an earlier version of the same file verified and found out, as far as it still holds.
    pub(super) fn take_over(&self, earlier: &BlockFile) {
        let full_blocks = earlier.data.len().min(self.data.len()) / BLOCK;
        for block in (0..full_blocks).filter(|&block| earlier.verified.has(block)) {
            self.verified.set(block);
        }
        self.bounds.take_over(&earlier.bounds, full_blocks);
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// A range of bytes after verifying their blocks.
    pub(super) fn bytes(&self, range: Range<usize>) -> Result<&[u8]> {
        self.verify(range.clone())?;
        match self.data.get(range.clone()) {
            Some(bytes) => Ok(bytes),
            None => Err(self.corrupt(format!("bytes {range:?} of {} are asked for", self.data.len()), range.start)),
        }
    }

    /// All bytes, those that were not verified included.
    pub(super) fn unverified(&self) -> &[u8] {
        &self.data
    }

    /// Asks for a range of bytes as far as nothing was read of it, so that its blocks do not come one after the other: up to [`EXPECTED_BYTES`].
    pub(super) fn expect(&self, bytes: Range<usize>) {
        let end = bytes.end.min(self.data.len());
        if self.is_all_verified() || bytes.start >= end {
            return;
        }
        let Some(first) = (bytes.start / BLOCK..end.div_ceil(BLOCK)).find(|block| !self.verified.has(*block)) else {
            return;
        };
        let start = bytes.start.max(first * BLOCK);
        io::read_ahead(&self.data[start..end.min(start + EXPECTED_BYTES)]);
    }

    /// Gives back the memory behind the mapped bytes.
    pub(super) fn release(&self) {
        io::release(&self.data);
        io::release(&self.sums);
    }

    /// True once all blocks are verified.
    pub(super) fn is_all_verified(&self) -> bool {
        self.all_verified.load(Relaxed)
    }

    /// Verifies all blocks.
    pub(super) fn verify_all(&self) -> Result<()> {
        if !self.is_all_verified() {
            self.verify(0..self.data.len())?;
            self.all_verified.store(true, Relaxed);
        }
        Ok(())
    }

    /// Verifies the blocks of a range of bytes that were not verified yet.
    pub(super) fn verify(&self, bytes: Range<usize>) -> Result<()> {
        if self.is_all_verified() || bytes.is_empty() {
            return Ok(());
        }
        for block in bytes.start / BLOCK..=(bytes.end.min(self.data.len()).max(1) - 1) / BLOCK {
            if !self.verified.has(block) {
                self.verify_block(block)?;
                self.verified.set(block);
            }
        }
        Ok(())
    }

    /// An error at a place of the file.
    pub(super) fn corrupt(&self, what: String, at: usize) -> Error {
        Error::corrupt(what).at_offset(at as u64).at_path(&self.path)
    }

    fn verify_block(&self, block: usize) -> Result<()> {
        let start = block * BLOCK;
        let bytes = &self.data[start..self.data.len().min(start + BLOCK)];
        let stored = self.kept(block)?.map_or(self.rest_checksum, |kept| kept.checksum);
        let computed = crc32fast::hash(bytes);
        if stored != computed {
            let what = format!("the checksum of a block of {} bytes is {computed:08x}, not {stored:08x}", bytes.len());
            return Err(self.corrupt(what, start));
        }
        match self.entries {
            Entries::Any => Ok(()),
            Entries::Codes(count) => {
                let odd = |code: SymbolCode| u64::from(code.0) >= count && !code.is_null();
                self.check(bytes, start, odd, |code| format!("code {} of {count} symbols", code.0))
            }
            Entries::Truth => {
                let odd = |truth: Boolean| !(-1..=1).contains(&truth.0);
                self.check(bytes, start, odd, |truth| format!("{} is not a truth value", truth.0 as u8))
            }
            Entries::Ends(count) => {
                let mut before = None;
                let odd = |end: i64| {
                    let end = End(end as u64);
                    let odd = before.is_some_and(|before| !follows(before, end)) || end.at() > count;
                    before = Some(end);
                    odd
                };
                let what = |end: i64| format!("{end:#x} is no end of a value, after {count} items at most");
                self.check(bytes, start, odd, what)
            }
        }
    }

    fn check<T: Primitive>(
        &self,
        bytes: &[u8],
        start: usize,
        mut odd: impl FnMut(T) -> bool,
        what: impl Fn(T) -> String,
    ) -> Result<()> {
        match bytes.chunks_exact(T::WIDTH).position(|bytes| odd(T::get_le(bytes))) {
            Some(at) => Err(self.corrupt(what(T::get_le(&bytes[at * T::WIDTH..])), start + at * T::WIDTH)),
            None => Ok(()),
        }
    }

    /// Appends the items of the entries of a range, none for null. For a file of ends.
    pub(super) fn items(&self, entries: Range<usize>, out: &mut Vec<Option<Range<u64>>>) -> Result<()> {
        let Entries::Ends(count) = self.entries else { return Err(self.corrupt("the file has no ends".into(), 0)) };
        // The end before the first is its start.
        let before = match entries.start.checked_sub(1) {
            Some(before) if !entries.is_empty() => self.end_at(before)?,
            _ => End::new(0, false),
        };
        let start = entries.start * END_BYTES;
        let ends = self.bytes(start..(entries.end * END_BYTES).max(start))?.chunks_exact(END_BYTES);
        items_of(before, ends.map(|bytes| End(i64::get_le(bytes) as u64)), count, out)
            .map_err(|error| error.at_offset(start as u64).at_path(&self.path))
    }

    /// The last end of a file of ends: how many items there are.
    pub(super) fn last_end(&self) -> Result<u64> {
        match (self.len() / END_BYTES).checked_sub(1) {
            Some(last) => self.end_at(last).map(End::at),
            None => Ok(0),
        }
    }

    fn end_at(&self, entry: usize) -> Result<End> {
        let bytes = self.bytes(entry * END_BYTES..(entry + 1) * END_BYTES)?;
        Ok(End(i64::get_le(bytes) as u64))
    }

    /// Appends the values of entries.
    pub(super) fn values<T: Primitive>(&self, entries: &Range<u64>, out: &mut Vec<T>) -> Result<()> {
        let bytes = self.bytes(entries.start as usize * T::WIDTH..entries.end as usize * T::WIDTH)?;
        out.extend(bytes.chunks_exact(T::WIDTH).map(T::get_le));
        Ok(())
    }

    /// What is kept of a block; none for one that is not full.
    fn kept(&self, block: usize) -> Result<Option<BlockSum>> {
        if (block + 1) * BLOCK > self.data.len() {
            return Ok(None);
        }
        let kept = self.sums.as_chunks::<{ SUM_BYTES as usize }>().0.get(block).map(BlockSum::read);
        kept.transpose().map_err(|error| error.at_offset(block as u64 * SUM_BYTES).at_path(&self.path))
    }

    /// Bounds of the values of a block. Where they are not kept, the values are read at the first question.
    pub(super) fn bounds<T: Encodable>(&self, block: usize, stats: &ReadStats) -> Result<VectorBounds<T>> {
        if let Some(bounds) = self.kept(block)?.and_then(|kept| kept.bounds) {
            return Ok(bounds.of_type());
        }
        let found = self.bounds.of(block, || {
            let values = self.block_values::<T>(block)?;
            stats.add_read(values.len() as u64, (values.len() * T::WIDTH) as u64);
            Ok(BitBounds::of(VectorBounds::of_slice(&values)))
        });
        Ok(found?.of_type())
    }

    /// Refuses blocks whose values lie outside of the bounds kept for them: queries would leave them out. Reads all of them.
    pub(super) fn check_bounds<T: Encodable>(&self) -> Result<()> {
        for block in 0..self.len() / BLOCK {
            let Some(kept) = self.kept(block)?.and_then(|kept| kept.bounds) else { continue };
            if !kept.of_type().contain(&VectorBounds::of_slice(&self.block_values::<T>(block)?)) {
                return Err(self
                    .corrupt(format!("values of block {block} lie outside of the bounds kept for it"), block * BLOCK));
            }
        }
        Ok(())
    }

    fn block_values<T: Primitive>(&self, block: usize) -> Result<Vec<T>> {
        let per_block = (BLOCK / T::WIDTH) as u64;
        let first = block as u64 * per_block;
        let entries = first..(first + per_block).min((self.len() / T::WIDTH) as u64);
        let mut values = Vec::new();
        self.values(&entries, &mut values)?;
        Ok(values)
    }

    /// An error with the file's path.
    pub(super) fn place(&self, error: Error) -> Error {
        error.at_path(&self.path)
    }
}

/// The committed bytes of a file, and its path for messages. A file without committed bytes need not exist.
fn map(
    fs: &dyn FileSystem,
    directory: &Path,
    state: &ColumnState,
    file: ColumnFile,
    stats: Option<&ReadStats>,
) -> Result<(Bytes, PathBuf)> {
    let path = directory.join(file.name(&state.name));
    let size = committed(state, file).size;
    if size == 0 {
        return Ok((Bytes::new(), fs.display(&path)));
    }
    let opened = open_committed(fs, &path, size)?;
    if let Some(stats) = stats {
        stats.files_opened.fetch_add(1, Relaxed);
    }
    Ok((opened.map(size)?, fs.display(&path)))
}

/// The committed bytes of a file after comparing them with the checksum of all of them.
pub(super) fn map_whole(
    fs: &dyn FileSystem,
    directory: &Path,
    state: &ColumnState,
    file: ColumnFile,
    stats: Option<&ReadStats>,
) -> Result<Bytes> {
    let (bytes, path) = map(fs, directory, state, file, stats)?;
    let (stored, computed) = (committed(state, file).checksum, crc32fast::hash(&bytes));
    match stored == computed {
        true => Ok(bytes),
        false => Err(Error::corrupt(format!(
            "the checksum of the first {} bytes is {computed:08x}, not {stored:08x}",
            bytes.len()
        ))
        .at_offset(0)
        .at_path(&path)),
    }
}

fn committed(state: &ColumnState, file: ColumnFile) -> FileState {
    state.file(file).copied().unwrap_or_default()
}
