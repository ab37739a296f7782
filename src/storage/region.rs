//! One column of one location, addressed by row.

use crate::base::{ColumnType, Result, Value};
use crate::memory::{Bounds, Chunk, Symbols, Totals};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Rows 0 to [`ColumnRegion::row_count`] of one column, a committed version: it never changes, however the location grows.
pub trait ColumnRegion: Debug + Send + Sync {
    /// The type of the values.
    fn column_type(&self) -> ColumnType;
    /// How many rows there are.
    fn row_count(&self) -> u64;
    /// Appends the values of a range of rows to `out`, a chunk of the column's type. For strings it appends codes of
    /// [`ColumnRegion::symbols`] and leaves the chunk's own table alone: the caller sets or translates it. Where there is no such table
    /// it adds the strings to the chunk's own, none of them looked for.
    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()>;
    /// Appends the values of rows in the order given, repeats allowed. Costs one vector's decoding a vector touched when rows ascend.
    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()>;
    /// The values of a range of rows in a chunk of their own, strings with their table.
    fn read(&self, rows: Range<u64>) -> Result<Chunk> {
        let mut chunk = Chunk::new(self.column_type());
        self.fill(rows, &mut chunk)?;
        if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, self.symbols()?) {
            strings.symbols = symbols;
        }
        Ok(chunk)
    }
    /// The symbol table of a String column; none for other types, and for text that the rows carry themselves.
    fn symbols(&self) -> Result<Option<Arc<Symbols>>>;
    /// The symbol table of the strings, also of those within arrays; none where they are kept as text, and for types without strings.
    fn leaf_symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.symbols()
    }
    /// Bytes that [`ColumnRegion::gather`] of these rows would append, about: what a reader with little memory asks first. Reads lengths, no
    /// values.
    fn weigh(&self, rows: &[u64]) -> Result<u64> {
        Ok((rows.len() * self.column_type().width()) as u64)
    }
    /// True where [`ColumnRegion::gather`] costs the same in any order, because nothing is decoded.
    fn reads_in_any_order(&self) -> bool {
        false
    }
    /// Says that a range of rows is about to be read, so that it can be on its way from the disk. Changes nothing else; errors are left to reading.
    fn expect(&self, rows: Range<u64>) {
        let _ = rows;
    }
    /// Says that it will not be read again soon, so that the memory behind what it mapped can be given back. Changes nothing else.
    fn forget(&self) {}
    /// The rows as they lie in memory, little-endian and fixed width, where the region is a plain mapping; none where it is encoded.
    fn mapped(&self) -> Option<&[u8]> {
        None
    }
    /// Bounds of a range of rows, run by run (a vector, or a block of rows that are not encoded), strings as codes of
    /// [`ColumnRegion::symbols`]; none where there are no such. Decodes nothing; where bounds are not stored, the rows of a run are read at the first
    /// question about them, once for all versions that take over from each other.
    fn bounds(&self, rows: Range<u64>) -> Result<Option<Bounds>> {
        let _ = rows;
        Ok(None)
    }
    /// The sum of a range of rows, as far as it is known without their values. For types that have a sum.
    fn totals(&self, rows: Range<u64>) -> Result<Totals> {
        Ok(Totals::unknown(rows))
    }
    /// Statistics of consecutive pieces of the region, in row order and covering it; empty where there are none.
    fn zones(&self) -> Result<&[Zone]> {
        Ok(&[])
    }
}

/// What is known of a run of rows without reading them.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// The rows concerned.
    pub rows: Range<u64>,
    /// How many of them are null.
    pub null_count: u64,
    /// The least value that is not null (NaN left out); `Null` if unknown or there is none.
    pub min: Value,
    /// The greatest value that is not null (NaN left out); `Null` if unknown or there is none.
    pub max: Value,
    /// True if a NaN may be among them.
    pub has_nan: bool,
}
