//! Access to one column by row keys, whatever lies behind it: memory, regions of locations, a redirection, a formula.
//!
//! A source is immutable: the value of a key never changes. Which keys exist is the table's row set; asking for others
//! is a bug of the caller.

use crate::base::{ColumnType, Primitive, Result, Value};
use crate::engine::{limits, parallel};
use crate::memory::{Chunk, RowSet, StringChunk, SymbolCode, SymbolTableBuilder, Symbols, Totals};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

mod constant;
mod formula;
mod lazy;
mod memory;
mod ranked;
mod redirected;
mod regioned;
mod symbol_union;
mod union;

pub use constant::ConstantColumn;
pub use formula::FormulaColumn;
pub use lazy::LazyColumn;
pub use memory::MemoryColumn;
pub use ranked::RankedColumn;
pub(crate) use ranked::positions_of;
pub use redirected::{NO_ROW, RedirectedColumn, redirect, redirect_or_null};
pub(crate) use regioned::by_region;
pub use regioned::{REGION_SHIFT, RegionedColumn, Regions};
pub use union::UnionColumn;

/// One column of a table version.
pub trait ColumnSource: Send + Sync + Debug {
    /// The type of the values.
    fn column_type(&self) -> ColumnType;

    /// Appends the values at row keys in ascending order. A String chunk that is empty takes over the source's symbol table;
    /// one with values keeps its own, and the values are translated.
    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()>;

    /// Appends the values at keys in the order given, repeats allowed. Strings as with [`ColumnSource::fill`].
    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()>;

    /// The one distinct symbol table that the codes of every chunk index; none for other types and for strings that come to be
    /// while reading. The first call may open regions and unite their tables.
    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(None)
    }

    /// The sum of the values at a range of row keys, as far as it is known without reading them. For types that have a sum.
    fn totals(&self, keys: Range<u64>) -> Result<Totals> {
        Ok(Totals::unknown(keys))
    }

    /// The column of locations behind the source, where row keys are its row keys: what pruning works on.
    fn regioned(&self) -> Option<&RegionedColumn> {
        None
    }

    /// The redirection that the source is, so that redirecting it again does not stack up.
    fn redirected(&self) -> Option<&RedirectedColumn> {
        None
    }

    /// Whether the values of all of `rows` lie in memory under their positions already.
    fn layout(&self, _rows: &RowSet) -> Layout {
        Layout::Other
    }

    /// The one value of all rows, where that is known without reading.
    fn constant(&self) -> Option<&Value> {
        None
    }

    /// Says that rows are about to be read, so that they can be on their way from the disk. Changes nothing else.
    fn expect(&self, _rows: &RowSet) {}

    /// Says that what was read so far will not be read again soon, so that the memory behind mapped files can be given back. Changes nothing else.
    fn forget(&self) {}
}

/// Where values lie, for `select`, which would otherwise copy them.
#[derive(Debug)]
pub enum Layout {
    /// Row keys are positions, values are in memory.
    ByPosition,
    /// As it is, after the source's own way from keys to positions.
    Behind(Arc<dyn ColumnSource>),
    /// Elsewhere, or they must be computed.
    Other,
}

/// Reads the values of rows into a new chunk.
pub fn read(source: &dyn ColumnSource, rows: &RowSet) -> Result<Chunk> {
    let mut chunk = Chunk::with_capacity(source.column_type(), rows.len() as usize);
    source.fill(rows, &mut chunk)?;
    Ok(chunk)
}

/// Reads the values of all rows into one chunk, on all cores. Strings get one distinct symbol table.
pub fn read_all(source: &dyn ColumnSource, rows: &RowSet) -> Result<Chunk> {
    // Asked for first, so that the threads do not all wait for the same union of symbol tables.
    source.symbols()?;
    source.expect(rows);
    // Twice: as pieces and as one.
    limits::require(rows.len(), 2 * source.column_type().width())?;
    let pieces = parallel::map_pieces(rows, |_, piece| read(source, piece))?;
    concatenate(source.column_type(), pieces)
}

/// Reads the values of all rows into one chunk on this thread, each straight to where it stays: half the work of [`read_all`], for where other
/// threads read other columns.
pub fn read_in_turn(source: &dyn ColumnSource, rows: &RowSet) -> Result<Chunk> {
    limits::require(rows.len(), source.column_type().width())?;
    let mut chunk = Chunk::with_capacity(source.column_type(), rows.len() as usize);
    for piece in rows.chunks(parallel::PIECE_ROWS) {
        limits::check()?;
        source.fill(&piece, &mut chunk)?;
    }
    Ok(chunk)
}

/// Joins chunks of one type into one; strings of different tables are put into a common one in order of first appearance.
pub fn concatenate(column_type: ColumnType, mut chunks: Vec<Chunk>) -> Result<Chunk> {
    if chunks.len() == 1 {
        return Ok(chunks.swap_remove(0));
    }
    let total = chunks.iter().map(Chunk::len).sum();
    let mut all = Chunk::with_capacity(column_type, total);
    if let Chunk::String(out) = &mut all {
        return unite_strings(&chunks, out).map(|()| all);
    }
    for chunk in chunks {
        all.append(&chunk, 0..chunk.len())?;
    }
    Ok(all)
}

fn unite_strings(chunks: &[Chunk], out: &mut StringChunk) -> Result<()> {
    let strings = || chunks.iter().filter_map(|chunk| if let Chunk::String(s) = chunk { Some(s) } else { None });
    let Some(first) = strings().find(|s| !s.codes.is_empty()).map(|s| s.symbols.clone()) else { return Ok(()) };
    if strings().all(|s| s.codes.is_empty() || Arc::ptr_eq(&s.symbols, &first)) {
        strings().for_each(|s| out.codes.extend_from_slice(&s.codes));
        out.symbols = first;
        return Ok(());
    }
    let mut builder = SymbolTableBuilder::new();
    let mut translation: Vec<Option<SymbolCode>> = Vec::new();
    for s in strings() {
        translation.clear();
        translation.resize(s.symbols.len(), None);
        for &code in &s.codes {
            out.codes.push(match translation.get(code.index()) {
                None => SymbolCode::NULL,
                Some(Some(known)) => *known,
                Some(None) => {
                    let new = builder.intern_option(s.symbols.get(code))?;
                    translation[code.index()] = Some(new);
                    new
                }
            });
        }
    }
    out.symbols = Arc::new(builder.finish());
    Ok(())
}

/// Lets `append` add codes of `symbols` to a String chunk: directly where the chunk has that table or no values yet,
/// translated otherwise.
pub(crate) fn append_codes(
    out: &mut Chunk,
    symbols: &Arc<Symbols>,
    append: impl FnOnce(&mut Vec<SymbolCode>) -> Result<()>,
) -> Result<()> {
    if let Chunk::String(strings) = out
        && (strings.codes.is_empty() || Arc::ptr_eq(&strings.symbols, symbols))
    {
        strings.symbols = symbols.clone();
        return append(&mut strings.codes);
    }
    let mut codes = Vec::new();
    append(&mut codes)?;
    let count = codes.len();
    out.append(&Chunk::String(StringChunk { codes, symbols: symbols.clone() }), 0..count)
}
