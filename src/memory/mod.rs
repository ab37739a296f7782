//! Floor 1: typed runs of values, sets of row keys, and deduplicated strings. No file, no lock, no clock.

pub mod chunk;
pub mod row_set;
pub mod symbols;

pub use chunk::{Chunk, StringChunk};
pub use row_set::RowSet;
pub use symbols::{SymbolCode, SymbolTableBuilder, Symbols, TextAppender};
