//! Floor 1: typed runs of values, sets of row keys, and deduplicated strings. No file, no lock, no clock.

pub mod array_chunk;
pub mod bounds;
pub mod chunk;
pub mod marks;
pub mod object_chunk;
pub mod object_order;
pub mod row_set;
pub mod slice;
pub mod symbols;
pub mod totals;
mod widen;

pub use array_chunk::ArrayChunk;
pub use bounds::{Bounds, Others};
pub use chunk::{Chunk, StringChunk};
pub use marks::Marks;
pub use object_chunk::ObjectChunk;
pub use row_set::RowSet;
pub use slice::Slice;
pub use symbols::{SymbolCode, SymbolTableBuilder, Symbols, TextAppender};
pub use totals::Totals;
pub use widen::append_widened;
