//! Work over the rows of a table in pieces, on all cores, with results in row order.
//!
//! The cut into pieces depends on the number of rows only, never on the number of threads, so that results that depend on it
//! (sums of floats) are the same on every machine.

use super::limits;
use crate::base::Result;
use crate::memory::RowSet;
use rayon::prelude::*;

/// Rows of a piece: large enough that handing it to a thread costs nothing, small enough that its chunks stay cached.
pub(crate) const PIECE_ROWS: u64 = rows_in_use(65_536);

/// A number of rows; in this crate's own tests a few, so that small tables are cut into pieces too.
pub(crate) const fn rows_in_use(rows: u64) -> u64 {
    if cfg!(test) { 7 } else { rows }
}

/// Applies `work` to consecutive pieces of at most [`PIECE_ROWS`] rows and returns the results in row order. The work gets the
/// position of its first row within `rows` and the piece.
pub(crate) fn map_pieces<T: Send>(
    rows: &RowSet,
    work: impl Fn(u64, &RowSet) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    map_pieces_of(rows, PIECE_ROWS, work)
}

/// [`map_pieces`] with pieces of another size.
pub(crate) fn map_pieces_of<T: Send>(
    rows: &RowSet,
    piece_rows: u64,
    work: impl Fn(u64, &RowSet) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    if rows.len() <= piece_rows {
        return if rows.is_empty() { Ok(Vec::new()) } else { Ok(vec![checked(&work, 0, rows)?]) };
    }
    let limits = limits::current();
    (0..rows.len().div_ceil(piece_rows))
        .into_par_iter()
        .map(|at| {
            let first = at * piece_rows;
            limits.enter(|| checked(&work, first, &rows.slice(first..first.saturating_add(piece_rows))))
        })
        .collect()
}

/// Lets `work` fill consecutive pieces of `out`, on all cores. It gets the position of the piece's first value.
pub(crate) fn fill_pieces<T: Send>(
    out: &mut [T],
    work: impl Fn(u64, &mut [T]) -> Result<()> + Sync + Send,
) -> Result<()> {
    let limits = limits::current();
    let one = |at: usize, piece: &mut [T]| {
        limits::check()?;
        work((at * PIECE_ROWS as usize) as u64, piece)
    };
    if out.len() <= PIECE_ROWS as usize {
        return if out.is_empty() { Ok(()) } else { one(0, out) };
    }
    let pieces = out.par_chunks_mut(PIECE_ROWS as usize).enumerate();
    pieces.try_for_each(|(at, piece)| limits.enter(|| one(at, piece)))
}

/// Does a piece of work unless the query has to stop.
fn checked<T>(work: impl Fn(u64, &RowSet) -> Result<T>, first: u64, rows: &RowSet) -> Result<T> {
    limits::check()?;
    work(first, rows)
}

/// Applies `work` to each of `items`, on all cores when there are several, results in order.
pub(crate) fn map<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> Result<T> + Sync + Send) -> Result<Vec<T>> {
    match items {
        [] => Ok(Vec::new()),
        [one] => Ok(vec![work(one)?]),
        _ => {
            let limits = limits::current();
            // Each on its own: halves of the items may take twice as long as each other.
            items.par_iter().with_max_len(1).map(|item| limits.enter(|| work(item))).collect()
        }
    }
}
