//! Sums of the values of a sealed column without decoding them, as far as blocks know how.

use super::encoding::Encodable;
use super::sealed_column::SealedColumn;
use crate::base::limits::BLOCK_ROWS;
use crate::base::{Error, Result};
use crate::memory::{Chunk, Totals};
use crate::with_fixed_values;
use std::ops::Range;

impl SealedColumn {
    /// The sum of a range of rows, as far as it is known without their values, and the encoded bytes that were read for it. Strings are left out:
    /// codes have no sum. Verifies the blocks that it looks at. Costs about half of [`SealedColumn::fill`].
    pub fn totals(&self, rows: Range<u64>) -> Result<(Totals, u64)> {
        if rows.end > self.row_count() || rows.start > rows.end {
            return Err(Error::invalid(format!("sums of rows {rows:?} of a column of {}", self.row_count())));
        }
        let values = Chunk::new(self.column_type());
        if let Chunk::String(_) = values {
            return Ok((Totals::unknown(rows), 0));
        }
        with_fixed_values!(&values, values => self.totals_of(values, rows), else Ok((Totals::unknown(rows), 0)))
    }

    /// `_like` names the type.
    fn totals_of<T: Encodable>(&self, _like: &[T], rows: Range<u64>) -> Result<(Totals, u64)> {
        let (mut totals, mut bytes) = (Totals::default(), 0);
        let mut at = rows.start;
        while at < rows.end {
            let index = (at / BLOCK_ROWS as u64) as usize;
            let first = (index * BLOCK_ROWS) as u64;
            let end = rows.end.min(first + BLOCK_ROWS as u64);
            let within = (at - first) as usize..(end - first) as usize;
            let block = self.block::<T>(index)?;
            bytes += block.add_totals(within, first, &mut totals).map_err(|e| self.place(index, e))?;
            at = end;
        }
        Ok((totals, bytes))
    }
}
