//! Bounds of the values of a sealed column, vector by vector, without decoding them.
//!
//! A block knows of its vectors what its encoding keeps beside them; where that is nothing, the block index speaks for all of its vectors.

use super::encoding::{Encodable, Lane, VectorBounds};
use super::sealed_column::{BlockEntry, SealedColumn};
use crate::base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use crate::base::{Error, Result};
use crate::memory::{Bounds, Others};
use crate::with_fixed_values;
use std::ops::Range;

impl SealedColumn {
    /// Bounds of a range of rows: a run for each vector that it touches, cut off at its ends. The values of all of the vector lie
    /// between them, also of rows outside of the range. Verifies the blocks that it looks at, decodes nothing. O(vectors, and the exceptions in them).
    pub fn bounds(&self, rows: Range<u64>) -> Result<Bounds> {
        if rows.end > self.row_count() || rows.start > rows.end || self.is_ends() {
            return Err(Error::invalid(format!("bounds of rows {rows:?} of a column of {}", self.row_count())));
        }
        let mut bounds = Bounds::new(self.column_type());
        let Bounds { ends, least, greatest, others } = &mut bounds;
        crate::with_both_values!(least, greatest, least, greatest => {
            let mut at = rows.start;
            while at < rows.end {
                let index = (at / BLOCK_ROWS as u64) as usize;
                let first = (index * BLOCK_ROWS) as u64;
                let end = rows.end.min(first + BLOCK_ROWS as u64);
                let entry = &self.entries()[index];
                let known = block_bounds(entry);
                // Others say nothing of their vectors: there is no need to look at them.
                let block = if entry.encoding.has_bounds() { Some(self.block(index)?) } else { None };
                while at < end {
                    let vector = (at - first) as usize / VECTOR_ROWS;
                    let own = block.as_ref().map_or(Ok(None), |block| block.bounds(vector));
                    let own = own.map_err(|e| self.place(index, e))?.unwrap_or(known);
                    at = end.min(first + ((vector + 1) * VECTOR_ROWS) as u64);
                    ends.push(at);
                    least.push(own.least);
                    greatest.push(own.greatest);
                    others.push(own.others);
                }
            }
        }, else return Err(Error::invalid("bounds of two types")));
        Ok(bounds)
    }

    /// Refuses values that lie outside of their vector's bounds: queries would leave them out. `values` are all values of the column from row `first`,
    /// a multiple of a vector, on.
    pub fn check_bounds(&self, first: u64, values: &crate::memory::Chunk) -> Result<()> {
        fn outside<T: Encodable>(column: &SealedColumn, first: u64, values: &[T]) -> Result<()> {
            for (number, vector) in values.chunks(VECTOR_ROWS).enumerate() {
                let row = first + (number * VECTOR_ROWS) as u64;
                let (index, within) = ((row / BLOCK_ROWS as u64) as usize, row as usize % BLOCK_ROWS);
                let block = column.block::<T>(index)?;
                let Some(known) = block.bounds(within / VECTOR_ROWS).map_err(|e| column.place(index, e))? else {
                    continue;
                };
                if !known.contain(&VectorBounds::of_slice(vector)) {
                    let vector = within / VECTOR_ROWS;
                    let error =
                        Error::corrupt(format!("values of vector {vector} lie outside of the bounds kept for it"));
                    return Err(column.place(index, error));
                }
            }
            Ok(())
        }
        with_fixed_values!(values, values => outside(self, first, values), else Ok(()))
    }
}

/// What the block index says of all vectors of a block.
fn block_bounds<T: Encodable>(entry: &BlockEntry) -> VectorBounds<T> {
    let value = |lane: u64| T::from_lane(T::Lane::truncate(lane));
    let (least, greatest) = entry.range.map_or((T::NULL, T::NULL), |(least, greatest)| (value(least), value(greatest)));
    VectorBounds { least, greatest, others: Others { null: entry.null_count > 0, nan: entry.has_nan } }
}
