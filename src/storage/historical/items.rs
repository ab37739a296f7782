//! Reading values of variable width from sealed files.

use super::column_files::extension;
use super::region::{SealedRegion, check_codes, open_file};
use crate::base::{ColumnType, Error, Result};
use crate::format::column_form::{ColumnForm, End};
use crate::format::encoding::Encoding;
use crate::format::sealed_bytes::SealedBytes;
use crate::format::sealed_column::SealedColumn;
use crate::io;
use crate::memory::Chunk;
use crate::storage::ColumnRegion;
use crate::storage::items::{self, Levels, items_of, ranges_of};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ranges shorter than this on average are gathered rather than filled one by one.
const FILL_ENTRIES_MIN: u64 = 64;

/// Bytes of values that are looked at together by [`SealedRegion::count_nulls`].
const CHECK_BYTES: u64 = 16 << 20;

/// The file of a level beyond the first.
#[derive(Debug)]
pub(super) enum SealedLevel {
    Column(SealedColumn),
    Bytes(SealedBytes),
}

impl SealedLevel {
    /// Entries, bytes being entries of their own.
    pub(super) fn count(&self) -> u64 {
        match self {
            SealedLevel::Column(column) => column.row_count(),
            SealedLevel::Bytes(bytes) => bytes.content_bytes(),
        }
    }

    /// Encoding and bytes of each block.
    pub(super) fn blocks(&self) -> Box<dyn Iterator<Item = (Encoding, u32)> + '_> {
        match self {
            SealedLevel::Column(column) => {
                Box::new(column.entries().iter().map(|entry| (entry.encoding, entry.size_bytes)))
            }
            SealedLevel::Bytes(bytes) => {
                Box::new(bytes.entries().iter().map(|entry| (entry.encoding, entry.size_bytes)))
            }
        }
    }

    /// Verifies all checksums. Reads the whole file.
    pub(super) fn verify(&self) -> Result<()> {
        match self {
            SealedLevel::Column(column) => column.verify(),
            SealedLevel::Bytes(bytes) => bytes.verify(),
        }
    }

    /// Gives back the memory behind the mapped bytes.
    pub(super) fn release(&self) {
        io::release(match self {
            SealedLevel::Column(column) => column.bytes(),
            SealedLevel::Bytes(bytes) => bytes.bytes(),
        });
    }

    fn seal(&self) -> u32 {
        match self {
            SealedLevel::Column(column) => column.seal(),
            SealedLevel::Bytes(bytes) => bytes.seal(),
        }
    }
}

impl SealedRegion {
    /// The file of a level beyond the first, opened and checked against the location's record.
    pub(super) fn level(&self, level: usize) -> Result<&SealedLevel> {
        let cell = &self.levels[level - 1];
        if let Some(opened) = cell.get() {
            return Ok(opened);
        }
        let stored = self.stored();
        let (record, path) = (&stored.record.columns[self.column].values[level - 1], self.path(&extension(level)));
        let place = |error: Error| error.at_path(&stored.fs.display(&path));
        let bytes = open_file(stored, &path, record.size_bytes, &self.version.stats)?;
        let leaf = if level < self.form.depth() { Some(ColumnType::Long) } else { self.form.leaf() };
        let opened = match leaf {
            None => SealedLevel::Bytes(SealedBytes::open(bytes).map_err(place)?),
            Some(leaf) => {
                let column = SealedColumn::open(bytes).map_err(place)?;
                let found = (column.column_type(), column.is_ends());
                if found != (leaf, level < self.form.depth()) {
                    return Err(place(Error::corrupt(format!("the file has values of type {}, not {leaf}", found.0))));
                }
                SealedLevel::Column(column)
            }
        };
        if opened.seal() != record.seal {
            let what = format!("the file has the seal {:08x}, not {:08x}", opened.seal(), record.seal);
            return Err(place(Error::corrupt(what)));
        }
        Ok(cell.get_or_init(|| opened))
    }

    /// Appends the values of rows.
    pub(super) fn read_items(&self, rows: &[Range<u64>], out: &mut Chunk) -> Result<()> {
        if out.column_type() != self.column_type() {
            let (mine, its) = (self.column_type(), out.column_type());
            return Err(Error::type_mismatch(format!("values of type {mine} do not go into a chunk of type {its}")));
        }
        let count = self.row_count();
        if let Some(range) = rows.iter().find(|range| range.end > count || range.start > range.end) {
            return Err(Error::invalid(format!("rows {range:?} of a column of {count}")));
        }
        let counted = Counted { region: self, bytes: AtomicU64::new(0) };
        let chunk = items::read(&counted, rows)?;
        self.version.stats.add_read(chunk.len() as u64, counted.bytes.into_inner());
        out.append(&chunk, 0..chunk.len())
    }

    /// Reads the values of rows, large ones a few at a time, and counts the nulls.
    pub(super) fn count_nulls(&self, rows: Range<u64>) -> Result<u64> {
        let counted = Counted { region: self, bytes: AtomicU64::new(0) };
        if rows.end - rows.start > 1 && items::weigh(&counted, std::slice::from_ref(&rows))? > CHECK_BYTES {
            let middle = rows.start + (rows.end - rows.start) / 2;
            return Ok(self.count_nulls(rows.start..middle)? + self.count_nulls(middle..rows.end)?);
        }
        let chunk = items::read(&counted, std::slice::from_ref(&rows))?;
        Ok((0..chunk.len()).filter(|&at| chunk.is_null(at)).count() as u64)
    }

    /// See [`ColumnRegion::weigh`].
    pub(super) fn weigh_items(&self, rows: &[u64]) -> Result<u64> {
        items::weigh(&Counted { region: self, bytes: AtomicU64::new(0) }, &ranges_of(rows.iter().copied()))
    }

    /// A level that is a sealed column, and the file's name.
    fn column(&self, level: usize) -> Result<&SealedColumn> {
        match level {
            0 => self.sealed(),
            level => match self.level(level)? {
                SealedLevel::Column(column) => Ok(column),
                SealedLevel::Bytes(_) => Err(self.place_level(level, Error::corrupt("the file has bytes, not values"))),
            },
        }
    }

    fn place_level(&self, level: usize, error: Error) -> Error {
        error.at_path(&self.stored().fs.display(&self.path(&extension(level))))
    }

    /// Appends entries of a level that is a sealed column; returns the encoded bytes that were read.
    fn entries(&self, level: usize, entries: &[Range<u64>], out: &mut Chunk) -> Result<u64> {
        let column = self.column(level)?;
        let count = entries.iter().map(|range| range.end - range.start).sum::<u64>();
        let read = if count < FILL_ENTRIES_MIN * entries.len() as u64 && entries.len() > 1 {
            column.gather(&entries.iter().cloned().flatten().collect::<Vec<u64>>(), out)
        } else {
            entries.iter().try_fold(0, |bytes, range| Ok(bytes + column.fill(range.clone(), out)?))
        };
        read.map_err(|error| self.place_level(level, error))
    }
}

/// A region that counts the bytes it reads.
struct Counted<'a> {
    region: &'a SealedRegion,
    bytes: AtomicU64,
}

impl Levels for Counted<'_> {
    fn form(&self) -> ColumnForm {
        self.region.form
    }

    fn ends(&self, level: usize, entries: &[Range<u64>], out: &mut Vec<Option<Range<u64>>>) -> Result<()> {
        // With the end before each range, which is where its first entry starts.
        let before = |range: &Range<u64>| {
            if range.is_empty() { range.clone() } else { range.start.saturating_sub(1)..range.end }
        };
        let wanted: Vec<Range<u64>> = entries.iter().map(before).collect();
        let mut chunk = Chunk::new(ColumnType::Long);
        self.bytes.fetch_add(self.region.entries(level, &wanted, &mut chunk)?, Relaxed);
        let Chunk::Long(ends) = chunk else { return Ok(()) };
        let count = self.region.level(level + 1)?.count();
        let mut ends = ends.into_iter().map(|end| End(end as u64));
        for range in entries.iter().filter(|range| !range.is_empty()) {
            let start = if range.start > 0 { ends.next().unwrap_or(End(0)) } else { End(0) };
            let own = ends.by_ref().take((range.end - range.start) as usize);
            items_of(start, own, count, out).map_err(|error| self.region.place_level(level, error))?;
        }
        Ok(())
    }

    fn values(&self, entries: &[Range<u64>]) -> Result<Chunk> {
        let region = self.region;
        let mut out = Chunk::new(region.form.scalar());
        self.bytes.fetch_add(region.entries(region.form.depth(), entries, &mut out)?, Relaxed);
        if let (Chunk::String(strings), Some(symbols)) = (&mut out, region.leaf_symbols()?) {
            check_codes(&strings.codes, symbols.len()).map_err(|error| self.place(error))?;
            strings.symbols = symbols;
        }
        Ok(out)
    }

    fn bytes(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<()> {
        let SealedLevel::Bytes(bytes) = self.region.level(self.region.form.depth())? else {
            return Err(self.place(Error::corrupt("the file has values, not bytes")));
        };
        self.bytes.fetch_add(bytes.read(ranges, out).map_err(|error| self.place(error))?, Relaxed);
        Ok(())
    }

    fn place(&self, error: Error) -> Error {
        self.region.place_level(self.region.form.depth(), error)
    }
}
