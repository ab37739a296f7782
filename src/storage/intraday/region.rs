//! One column of one committed version of a location, mapped and verified block by block at first touch.
//!
//! **Invariant:** no value leaves a block before the block's checksum was compared, and its entries were found in range.

use super::block_file::{BLOCK, BlockFile, map_whole};
use crate::base::{ColumnType, Error, Primitive, Result};
use crate::format::commit::{ColumnFile, ColumnState};
use crate::format::encoding::{Encodable, VectorBounds};
use crate::io::{self, FileSystem};
use crate::memory::{Bounds, Chunk, Others, Symbols};
use crate::storage::{ColumnRegion, ReadStats};
use crate::{with_both_values, with_fixed_values};
use std::fmt::{self, Debug};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A mapped column. See [`ColumnRegion`].
pub struct IntradayRegion {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    pub(super) state: ColumnState,
    pub(super) row_count: u64,
    /// The levels of the column's form, the rows' own first.
    pub(super) levels: Vec<BlockFile>,
    symbols: OnceLock<Arc<Symbols>>,
    pub(super) stats: Arc<ReadStats>,
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
        let levels = (0..=state.form.depth()).map(|level| BlockFile::open(&**fs, directory, state, level, stats));
        let region = IntradayRegion {
            fs: fs.clone(),
            directory: directory.to_path_buf(),
            state: state.clone(),
            row_count,
            levels: levels.collect::<Result<_>>()?,
            symbols: OnceLock::new(),
            stats: stats.clone(),
        };
        if let Some(earlier) = earlier {
            region.take_over(earlier);
        }
        Ok(region)
    }

    fn take_over(&self, earlier: &IntradayRegion) {
        if self.state.form == earlier.state.form {
            self.levels.iter().zip(&earlier.levels).for_each(|(mine, its)| mine.take_over(its));
        }
        let same = earlier.state.file(ColumnFile::SymbolEnds) == self.state.file(ColumnFile::SymbolEnds)
            && earlier.state.file(ColumnFile::SymbolText) == self.state.file(ColumnFile::SymbolText);
        if let (true, Some(symbols)) = (same, earlier.symbols.get()) {
            let _ = self.symbols.set(symbols.clone());
        }
    }

    /// Verifies the whole column: data, checksums, symbols, and every value of variable width. Reads all of it.
    pub fn verify_column(&self) -> Result<()> {
        self.levels.iter().try_for_each(BlockFile::verify_all)?;
        self.leaf_symbols()?;
        if self.state.form.depth() > 0 {
            return self.check_values();
        }
        let values = Chunk::new(self.column_type());
        with_fixed_values!(&values, values => self.check_bounds(values), else Ok(()))
    }

    /// See [`BlockFile::check_bounds`]; the type is that of `_values`.
    fn check_bounds<T: Encodable>(&self, _values: &[T]) -> Result<()> {
        self.levels[0].check_bounds::<T>()
    }

    fn check_type(&self, out: &Chunk) -> Result<()> {
        let (mine, its) = (self.column_type(), out.column_type());
        match mine == its {
            true => Ok(()),
            false => Err(Error::type_mismatch(format!("values of type {mine} do not go into a chunk of type {its}"))),
        }
    }

    fn unsupported(&self) -> Result<()> {
        Err(Error::type_mismatch(format!("columns of type {} are not stored", self.column_type())))
    }

    pub(super) fn check_row(&self, end: u64) -> Result<()> {
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
        let data = self.levels[0].bytes(from..to.max(from))?;
        out.resize(out.len() + nulls as usize, T::NULL);
        out.extend(data.chunks_exact(T::WIDTH).map(T::get_le));
        self.stats.add_read(rows.end - rows.start, (to.max(from) - from) as u64);
        Ok(())
    }

    /// Shows bounds of a range of rows, block by block, each with the row after it.
    fn each_bounds<T: Encodable>(&self, rows: Range<u64>, mut see: impl FnMut(u64, VectorBounds<T>)) -> Result<()> {
        let (first, per_block) = (self.state.first_row, (BLOCK / T::WIDTH) as u64);
        let mut at = rows.start;
        if at < first.min(rows.end) {
            at = first.min(rows.end);
            see(at, VectorBounds { least: T::NULL, greatest: T::NULL, others: Others { null: true, nan: false } });
        }
        while at < rows.end {
            let block = (at - first) / per_block;
            at = rows.end.min(first + (block + 1) * per_block);
            see(at, self.levels[0].bounds(block as usize, &self.stats)?);
        }
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
                self.levels[0].verify(at..at + T::WIDTH)?;
                block = at / BLOCK;
            }
        }
        let data = self.levels[0].unverified();
        out.extend(rows.iter().map(|&row| place(row).map_or(T::NULL, |at| T::get_le(&data[at..at + T::WIDTH]))));
        self.stats.add_read(rows.len() as u64, (rows.len() * T::WIDTH) as u64);
        Ok(())
    }
}

impl ColumnRegion for IntradayRegion {
    fn column_type(&self) -> ColumnType {
        self.state.column_type()
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
        match out {
            out if self.state.form.depth() > 0 => self.fill_items(rows, out),
            out => with_fixed_values!(out, values => self.fill_values(rows, values), else self.unsupported()),
        }
    }

    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        self.check_type(out)?;
        match out {
            out if self.state.form.depth() > 0 => self.gather_items(rows, out),
            out => with_fixed_values!(out, values => self.gather_values(rows, values), else self.unsupported()),
        }
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if self.state.form.depth() > 0 { Ok(None) } else { self.leaf_symbols() }
    }

    fn leaf_symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if !self.state.form.has_symbols() {
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

    fn weigh(&self, rows: &[u64]) -> Result<u64> {
        match self.state.form.depth() {
            0 => Ok((rows.len() * self.state.form.width(0)) as u64),
            _ => self.weigh_items(rows),
        }
    }

    fn expect(&self, rows: Range<u64>) {
        if self.state.form.depth() == 0 {
            let width = self.state.form.width(0);
            let byte = |row: u64| row.saturating_sub(self.state.first_row) as usize * width;
            self.levels[0].expect(byte(rows.start)..byte(rows.end));
        }
    }

    fn forget(&self) {
        self.levels.iter().for_each(BlockFile::release);
        self.symbols.get().into_iter().flat_map(|symbols| symbols.shared_bytes()).for_each(io::release);
    }

    fn bounds(&self, rows: Range<u64>) -> Result<Option<Bounds>> {
        self.check_row(rows.end)?;
        // Less than a block is read as fast as its bounds are found out.
        if self.state.form.depth() > 0 || self.levels[0].len() < BLOCK {
            return Ok(None);
        }
        let mut bounds = Bounds::new(self.column_type());
        let Bounds { ends, least, greatest, others } = &mut bounds;
        with_both_values!(least, greatest, least, greatest => self.each_bounds(rows, |end, found| {
            ends.push(end);
            least.push(found.least);
            greatest.push(found.greatest);
            others.push(found.others);
        })?, else return Ok(None));
        Ok(Some(bounds))
    }

    fn mapped(&self) -> Option<&[u8]> {
        if self.state.first_row > 0 || self.state.form.depth() > 0 {
            return None;
        }
        let data = &self.levels[0];
        if !data.is_all_verified() {
            data.verify_all().ok()?;
            self.stats.add_read(self.row_count, data.len() as u64);
        }
        Some(data.unverified())
    }
}

impl Debug for IntradayRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntradayRegion({} {}, {} rows)", self.state.name, self.column_type(), self.row_count)
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
    let ends = map_whole(fs, directory, state, ColumnFile::SymbolEnds, stats)?;
    let text = map_whole(fs, directory, state, ColumnFile::SymbolText, stats)?;
    let path = fs.display(&directory.join(ColumnFile::SymbolEnds.name(&state.name)));
    Symbols::from_parts(ends, text, true, false).map_err(|error| error.at_path(&path))
}
