//! One column of one committed version of a location, mapped and verified block by block at first touch.
//!
//! **Invariant:** no value leaves a block before the block's checksum was compared, and its codes and truth values were found in range.

use super::recovery::open_committed;
use crate::base::{ColumnType, Error, Primitive, Result};
use crate::format::commit::{BLOCK_BYTES, ColumnFile, ColumnState, FileState, SUM_BYTES};
use crate::io::FileSystem;
use crate::memory::{Chunk, SymbolCode, Symbols};
use crate::storage::{ColumnRegion, ReadStats};
use crate::with_values;
use bytes::Bytes;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

const BLOCK: usize = BLOCK_BYTES as usize;

/// A mapped column. See [`ColumnRegion`].
pub struct IntradayRegion {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    state: ColumnState,
    row_count: u64,
    data: Bytes,
    sums: Bytes,
    /// A bit for each block of the data that was verified.
    verified: Vec<AtomicU64>,
    all_verified: AtomicBool,
    symbols: OnceLock<Arc<Symbols>>,
    stats: Arc<ReadStats>,
}

impl IntradayRegion {
    /// Maps a column of a version with `row_count` rows. `earlier` is a region of the same column in an earlier version of the
    /// same location: what it verified and the symbols it loaded are taken over as far as they still hold.
    pub(super) fn open(
        fs: &Arc<dyn FileSystem>,
        directory: &Path,
        state: &ColumnState,
        row_count: u64,
        stats: &Arc<ReadStats>,
        earlier: Option<&IntradayRegion>,
    ) -> Result<Self> {
        let (data, _) = map(&**fs, directory, state, ColumnFile::Data, Some(stats))?;
        let (sums, path) = map(&**fs, directory, state, ColumnFile::Sums, Some(stats))?;
        check_whole(state, ColumnFile::Sums, &sums, &path)?;
        let blocks = data.len().div_ceil(BLOCK);
        let region = IntradayRegion {
            fs: fs.clone(),
            directory: directory.to_path_buf(),
            state: state.clone(),
            row_count,
            data,
            sums,
            verified: (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            all_verified: AtomicBool::new(blocks == 0),
            symbols: OnceLock::new(),
            stats: stats.clone(),
        };
        if let Some(earlier) = earlier {
            region.take_over(earlier);
        }
        Ok(region)
    }

    fn take_over(&self, earlier: &IntradayRegion) {
        let full_blocks = earlier.data.len().min(self.data.len()) / BLOCK;
        for block in (0..full_blocks).filter(|&block| earlier.is_verified(block)) {
            self.set_verified(block);
        }
        let same = earlier.state.file(ColumnFile::SymbolEnds) == self.state.file(ColumnFile::SymbolEnds)
            && earlier.state.file(ColumnFile::SymbolText) == self.state.file(ColumnFile::SymbolText);
        if let (true, Some(symbols)) = (same, earlier.symbols.get()) {
            let _ = self.symbols.set(symbols.clone());
        }
    }

    fn is_verified(&self, block: usize) -> bool {
        self.verified[block / 64].load(Relaxed) & 1 << (block % 64) != 0
    }

    fn set_verified(&self, block: usize) {
        self.verified[block / 64].fetch_or(1 << (block % 64), Relaxed);
    }

    /// Verifies the blocks of a range of bytes that were not verified yet.
    fn verify(&self, bytes: Range<usize>) -> Result<()> {
        if self.all_verified.load(Relaxed) || bytes.is_empty() {
            return Ok(());
        }
        for block in bytes.start / BLOCK..=(bytes.end - 1) / BLOCK {
            if !self.is_verified(block) {
                self.verify_block(block)?;
                self.set_verified(block);
            }
        }
        Ok(())
    }

    fn verify_block(&self, block: usize) -> Result<()> {
        let start = block * BLOCK;
        let bytes = &self.data[start..self.data.len().min(start + BLOCK)];
        let stored = match self.sums.chunks_exact(SUM_BYTES as usize).nth(block) {
            Some(sum) if bytes.len() == BLOCK => u32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]),
            _ => self.state.file(ColumnFile::Data).map_or(0, |data| data.checksum),
        };
        let computed = crc32fast::hash(bytes);
        let fail = |what: String, at: usize| {
            let path = self.directory.join(ColumnFile::Data.name(&self.state.name));
            Err(Error::corrupt(what).at_offset((start + at) as u64).at_path(&self.fs.display(&path)))
        };
        if stored != computed {
            return fail(
                format!("the checksum of a block of {} bytes is {computed:08x}, not {stored:08x}", bytes.len()),
                0,
            );
        }
        match self.state.column_type {
            ColumnType::String => {
                let count = self.state.symbol_count();
                let code = |bytes: &[u8]| SymbolCode::get_le(bytes);
                let odd = |code: SymbolCode| u64::from(code.0) >= count && !code.is_null();
                match bytes.chunks_exact(4).position(|bytes| odd(code(bytes))) {
                    Some(at) => fail(format!("code {} of {count} symbols", code(&bytes[at * 4..]).0), at * 4),
                    None => Ok(()),
                }
            }
            ColumnType::Boolean => match bytes.iter().position(|&byte| byte > 1 && byte != u8::MAX) {
                Some(at) => fail(format!("{} is not a truth value", bytes[at]), at),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn verify_all(&self) -> Result<()> {
        if !self.all_verified.load(Relaxed) {
            self.verify(0..self.data.len())?;
            self.all_verified.store(true, Relaxed);
        }
        Ok(())
    }

    /// Verifies the whole column: data, checksums and symbols. Reads all of it.
    pub fn verify_column(&self) -> Result<()> {
        self.verify_all()?;
        self.symbols().map(drop)
    }

    fn check_type(&self, out: &Chunk) -> Result<()> {
        let (mine, its) = (self.state.column_type, out.column_type());
        match mine == its {
            true => Ok(()),
            false => Err(Error::type_mismatch(format!("values of type {mine} do not go into a chunk of type {its}"))),
        }
    }

    fn check_row(&self, end: u64) -> Result<()> {
        match end <= self.row_count {
            true => Ok(()),
            false => Err(Error::invalid(format!("row {end} is beyond the {} rows of the region", self.row_count))),
        }
    }

    fn fill_values<T: Primitive>(&self, rows: Range<u64>, out: &mut Vec<T>) -> Result<()> {
        let first = self.state.first_row;
        let nulls = rows.end.min(first).saturating_sub(rows.start);
        let from = (rows.start.max(first) - first) as usize * T::WIDTH;
        let to = (rows.end.max(first) - first) as usize * T::WIDTH;
        self.verify(from..to.max(from))?;
        out.resize(out.len() + nulls as usize, T::NULL);
        out.extend(self.data[from..to.max(from)].chunks_exact(T::WIDTH).map(T::get_le));
        self.stats.add_read(rows.end - rows.start, (to.max(from) - from) as u64);
        Ok(())
    }

    fn gather_values<T: Primitive>(&self, rows: &[u64], out: &mut Vec<T>) -> Result<()> {
        let first = self.state.first_row;
        let place = |row: u64| row.checked_sub(first).map(|row| row as usize * T::WIDTH);
        let mut block = usize::MAX;
        for &row in rows {
            self.check_row(row.saturating_add(1))?;
            if let Some(at) = place(row)
                && at / BLOCK != block
            {
                self.verify(at..at + T::WIDTH)?;
                block = at / BLOCK;
            }
        }
        out.extend(rows.iter().map(|&row| place(row).map_or(T::NULL, |at| T::get_le(&self.data[at..at + T::WIDTH]))));
        self.stats.add_read(rows.len() as u64, (rows.len() * T::WIDTH) as u64);
        Ok(())
    }
}

impl ColumnRegion for IntradayRegion {
    fn column_type(&self) -> ColumnType {
        self.state.column_type
    }

    fn row_count(&self) -> u64 {
        self.row_count
    }

    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        self.check_type(out)?;
        if rows.start >= rows.end {
            return Ok(());
        }
        self.check_row(rows.end)?;
        with_values!(out, values => self.fill_values(rows, values))
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        self.check_type(out)?;
        with_values!(out, values => self.gather_values(rows, values))
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if self.state.column_type != ColumnType::String {
            return Ok(None);
        }
        if let Some(symbols) = self.symbols.get() {
            return Ok(Some(symbols.clone()));
        }
        let loaded = Arc::new(open_symbols(&*self.fs, &self.directory, Some(&self.state), Some(&self.stats))?);
        Ok(Some(self.symbols.get_or_init(|| loaded).clone()))
    }

    /// All rows, after verifying all of them at the first call; none where rows lie before the data, and none where a block is
    /// damaged: [`ColumnRegion::fill`] says which.
    fn reads_in_any_order(&self) -> bool {
        true
    }

    fn mapped(&self) -> Option<&[u8]> {
        if self.state.first_row > 0 {
            return None;
        }
        if !self.all_verified.load(Relaxed) {
            self.verify_all().ok()?;
            self.stats.add_read(self.row_count, self.data.len() as u64);
        }
        Some(&self.data)
    }
}

impl Debug for IntradayRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntradayRegion({} {}, {} rows)", self.state.name, self.state.column_type, self.row_count)
    }
}

/// The symbol table of a column, verified; an empty one for columns without.
pub(super) fn open_symbols(
    fs: &dyn FileSystem,
    directory: &Path,
    state: Option<&ColumnState>,
    stats: Option<&ReadStats>,
) -> Result<Symbols> {
    let Some(state) = state.filter(|state| state.file(ColumnFile::SymbolEnds).is_some()) else {
        return Ok(Symbols::empty());
    };
    let (ends, ends_path) = map(fs, directory, state, ColumnFile::SymbolEnds, stats)?;
    check_whole(state, ColumnFile::SymbolEnds, &ends, &ends_path)?;
    let (text, text_path) = map(fs, directory, state, ColumnFile::SymbolText, stats)?;
    check_whole(state, ColumnFile::SymbolText, &text, &text_path)?;
    Symbols::from_parts(ends, text, true, false).map_err(|error| error.at_path(&ends_path))
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

/// Compares a file's committed bytes with the checksum of all of them.
fn check_whole(state: &ColumnState, file: ColumnFile, bytes: &[u8], path: &Path) -> Result<()> {
    let (stored, computed) = (committed(state, file).checksum, crc32fast::hash(bytes));
    match stored == computed {
        true => Ok(()),
        false => Err(Error::corrupt(format!(
            "the checksum of the first {} bytes is {computed:08x}, not {stored:08x}",
            bytes.len()
        ))
        .at_offset(0)
        .at_path(path)),
    }
}

fn committed(state: &ColumnState, file: ColumnFile) -> FileState {
    state.file(file).copied().unwrap_or_default()
}
