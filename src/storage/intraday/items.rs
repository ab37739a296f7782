//! Reading values of variable width from a mapped column.

use super::region::IntradayRegion;
use crate::base::{Error, Result};
use crate::format::column_form::{ColumnForm, END_BYTES};
use crate::memory::Chunk;
use crate::storage::ColumnRegion;
use crate::storage::items::{self, Levels, ranges_of};
use crate::with_fixed_values;
use std::ops::Range;

/// Bytes of values that are looked at together where all of them are; one value may have more.
const CHECK_BYTES: u64 = 8 << 20;

impl IntradayRegion {
    /// Appends the values of a range of rows.
    pub(super) fn fill_items(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        let first = self.state.first_row;
        out.push_nulls(rows.end.min(first).saturating_sub(rows.start) as usize);
        let entries = rows.start.max(first) - first..rows.end.max(first) - first;
        let chunk = items::read(self, &[entries])?;
        self.stats.add_read(rows.end - rows.start, memory_bytes(&chunk));
        out.append(&chunk, 0..chunk.len())
    }

    /// Appends the values of rows in their order.
    pub(super) fn gather_items(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        rows.iter().try_for_each(|row| self.check_row(row.saturating_add(1)))?;
        let first = self.state.first_row;
        let stored = ranges_of(rows.iter().filter_map(|row| row.checked_sub(first)));
        let mut chunk = items::read(self, &stored)?;
        self.stats.add_read(rows.len() as u64, memory_bytes(&chunk));
        if chunk.len() < rows.len() {
            // A null behind the values, for the rows before the first that is stored.
            let null = chunk.len() as u32;
            chunk.push_nulls(1);
            let mut next = 0..null;
            let place = |&row: &u64| if row < first { null } else { next.next().unwrap_or(null) };
            chunk = chunk.take(&rows.iter().map(place).collect::<Vec<u32>>());
        }
        out.append(&chunk, 0..chunk.len())
    }

    /// How many rows from `start` on are read together so that their values take [`CHECK_BYTES`] at most: some of `count`, one at least.
    pub(super) fn rows_together(&self, start: u64, count: u64) -> u64 {
        let first = self.state.first_row;
        let mut rows = count;
        if self.state.form.depth() > 0 && start >= first {
            let entries = |rows: u64| start - first..start - first + rows;
            // What cannot be weighed cannot be read either, and reading tells why.
            while rows > 1 && items::weigh(self, &[entries(rows)]).is_ok_and(|bytes| bytes > CHECK_BYTES) {
                rows /= 2;
            }
        }
        rows
    }

    /// See [`ColumnRegion::weigh`].
    pub(super) fn weigh_items(&self, rows: &[u64]) -> Result<u64> {
        rows.iter().try_for_each(|row| self.check_row(row.saturating_add(1)))?;
        let first = self.state.first_row;
        items::weigh(self, &ranges_of(rows.iter().filter_map(|row| row.checked_sub(first))))
    }

    /// Reads all values, and refuses items behind the last one.
    pub(super) fn check_values(&self) -> Result<()> {
        let count = (self.levels[0].len() / END_BYTES) as u64;
        let mut start = 0;
        while start < count {
            let row = self.state.first_row + start;
            let end = start + self.rows_together(row, (count - start).min(1 << 16));
            items::read(self, std::slice::from_ref(&(start..end)))?;
            start = end;
        }
        for (level, pair) in self.levels.windows(2).enumerate() {
            let end = pair[0].last_end()?;
            let items = (pair[1].len() / self.state.form.width(level + 1)) as u64;
            if end != items {
                return Err(pair[1].corrupt(format!("{items} items are committed, the last value ends at {end}"), 0));
            }
        }
        Ok(())
    }
}

impl Levels for IntradayRegion {
    fn form(&self) -> ColumnForm {
        self.state.form
    }

    fn ends(&self, level: usize, entries: &[Range<u64>], out: &mut Vec<Option<Range<u64>>>) -> Result<()> {
        entries.iter().try_for_each(|range| self.levels[level].items(range.start as usize..range.end as usize, out))
    }

    fn values(&self, entries: &[Range<u64>]) -> Result<Chunk> {
        let form = self.state.form;
        let mut out = Chunk::new(form.scalar());
        let file = &self.levels[form.depth()];
        for range in entries {
            with_fixed_values!(&mut out, values => file.values(range, values)?, else return Err(self.odd()));
        }
        if let (Chunk::String(strings), Some(symbols)) = (&mut out, self.leaf_symbols()?) {
            strings.symbols = symbols;
        }
        Ok(out)
    }

    fn bytes(&self, ranges: &[Range<u64>], out: &mut Vec<u8>) -> Result<()> {
        for range in ranges {
            out.extend_from_slice(
                self.levels[self.state.form.depth()].bytes(range.start as usize..range.end as usize)?,
            );
        }
        Ok(())
    }

    fn place(&self, error: Error) -> Error {
        self.levels[self.state.form.depth()].place(error)
    }
}

impl IntradayRegion {
    fn odd(&self) -> Error {
        Error::type_mismatch(format!("no values of fixed width in a column of type {}", self.column_type()))
    }
}

/// Bytes of the values of a chunk, for statistics.
fn memory_bytes(chunk: &Chunk) -> u64 {
    match chunk {
        Chunk::String(strings) if !strings.symbols.is_distinct() => {
            strings.symbols.text_bytes() as u64 + (strings.codes.len() * END_BYTES) as u64
        }
        Chunk::Object(objects) => objects.bytes.len() as u64 + (objects.slices.len() * END_BYTES) as u64,
        Chunk::Array(arrays) => memory_bytes(&arrays.values) + (arrays.slices.len() * END_BYTES) as u64,
        other => (other.len() * other.column_type().width()) as u64,
    }
}
