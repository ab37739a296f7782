//! Reading values of variable width: their ends, then what lies between two of them.

use super::region::IntradayRegion;
use crate::base::{Error, Primitive, Result};
use crate::format::column_form::END_BYTES;
use crate::memory::Chunk;
use std::ops::Range;

impl IntradayRegion {
    /// Appends the values of a range of rows.
    pub(super) fn fill_items(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        let Chunk::String(strings) = out else { return Err(self.odd_chunk()) };
        let mut texts = strings.texts()?;
        let mut bytes = 0;
        self.each_text(rows.clone(), |text| {
            bytes += text.map_or(0, str::len) as u64;
            texts.push(text)
        })?;
        self.stats.add_read(rows.end - rows.start, bytes + (rows.end - rows.start) * END_BYTES as u64);
        Ok(())
    }

    /// Appends the values of rows in their order.
    pub(super) fn gather_items(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        rows.iter().try_for_each(|row| self.check_row(row.saturating_add(1)))?;
        let Chunk::String(strings) = out else { return Err(self.odd_chunk()) };
        let mut texts = strings.texts()?;
        let mut bytes = 0;
        let mut rest = rows;
        while let Some(&first) = rest.first() {
            // Rows that follow each other are read together.
            let count = rest.iter().zip(first..).take_while(|(row, expected)| *row == expected).count();
            self.each_text(first..first + count as u64, |text| {
                bytes += text.map_or(0, str::len) as u64;
                texts.push(text)
            })?;
            rest = &rest[count..];
        }
        self.stats.add_read(rows.len() as u64, bytes + (rows.len() * END_BYTES) as u64);
        Ok(())
    }

    /// Reads the values of rows and finds nothing odd.
    pub(super) fn check_values(&self, rows: Range<u64>) -> Result<()> {
        self.each_text(rows, |_| Ok(()))
    }

    /// Refuses items behind the last value.
    pub(super) fn check_end(&self) -> Result<()> {
        for (level, pair) in self.levels.windows(2).enumerate() {
            let entries = pair[0].len() / END_BYTES;
            let end = match pair[0].items(entries.saturating_sub(1)..entries)?.next() {
                Some(_) => i64::get_le(pair[0].bytes((entries - 1) * END_BYTES..entries * END_BYTES)?) as u64 >> 1,
                None => 0,
            };
            let items = (pair[1].len() / self.state.form.width(level + 1)) as u64;
            if end != items {
                return Err(pair[1].corrupt(format!("{items} items are committed, the last value ends at {end}"), 0));
            }
        }
        Ok(())
    }

    /// Hands over the text of each row, none for null.
    fn each_text(&self, rows: Range<u64>, mut take: impl FnMut(Option<&str>) -> Result<()>) -> Result<()> {
        let first = self.state.first_row;
        for _ in rows.start..rows.end.min(first) {
            take(None)?;
        }
        let entries = (rows.start.max(first) - first) as usize..(rows.end.max(first) - first) as usize;
        for items in self.levels[0].items(entries)? {
            let Some(range) = items? else {
                take(None)?;
                continue;
            };
            let bytes = self.levels[1].bytes(range.start as usize..range.end as usize)?;
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let at = range.start as usize + error.valid_up_to();
                self.levels[1].corrupt("the text is not UTF-8".into(), at)
            })?;
            take(Some(text))?;
        }
        Ok(())
    }

    fn odd_chunk(&self) -> Error {
        Error::type_mismatch(format!("no values of variable width in a column of type {}", self.state.column_type()))
    }
}
