//! A merge whose keys, order and widest column fit in memory.
//!
//! The order is found from the key columns; a column of fixed width is then read whole and gathered block by block, one of variable width
//! gathered in pieces straight from the sources.

use super::column_files::{ColumnPlace, ColumnSink};
use super::grouping;
use super::merge::{MergePhase, Target};
use super::order::{self, Key};
use super::source::{self, Gatherer, read_column};
use super::spread::{Spread, part_of_group};
use super::work::Work;
use crate::base::limits::BLOCK_ROWS;
use crate::base::{ColumnDefinition, Result};
use crate::format::column_form::ColumnForm;
use crate::format::encoding::Codec;
use crate::format::location_record::ColumnRecord;
use crate::memory::{Chunk, Symbols};
use crate::storage::Location;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Rows gathered together, at most, from columns of variable width.
const PIECE_ROWS: usize = 4_096;

/// Fills the targets; gives the number of groups.
pub(super) fn write(work: &Work<'_>, row_count: u32, targets: &mut [Target<'_>]) -> Result<u64> {
    let mut ordered =
        Ordered::of(work, work.sources, row_count, &|phase, done, total| work.progress.ask(phase, done, total))?;
    let rows = std::mem::take(&mut ordered.rows);
    let parts = spread(work, rows, &ordered, targets.len());
    ordered.keys.truncate(work.grouping_count);
    for (target, rows) in targets.iter_mut().zip(&parts) {
        target.row_count = rows.len() as u64;
    }
    let total = work.columns.len() as u64 * u64::from(row_count);
    let values_done = AtomicU64::new(0);
    let done = |values: u64, bytes: u64| {
        work.progress.wrote(bytes);
        work.progress.ask(MergePhase::Writing, values_done.fetch_add(values, Relaxed) + values, total)
    };
    let mut group_count = 0;
    for column in work.columns {
        let content = Content::of(work, work.sources, column, source::form(work.sources, column)?, work.memory_bytes)?;
        let position = work.grouping(column);
        for (target, rows) in targets.iter_mut().zip(&parts) {
            let key = position.map(|at| &ordered.keys[at]);
            let (record, groups) = content.write(&target.place(column), rows, work.codec(column), key, &done)?;
            target.columns.push(record);
            if position == Some(0) {
                group_count += groups;
            }
        }
    }
    Ok(group_count)
}

/// The rows of some locations in merged order.
pub(super) struct Ordered {
    /// What decided the order; last the storages of the rows, where they are computed.
    pub(super) keys: Vec<Key>,
    /// The strings that the ranks of the grouping columns stand for, of those that have strings.
    group_symbols: Vec<Option<Arc<Symbols>>>,
    /// The rows, numbered through the locations.
    pub(super) rows: Vec<u32>,
}

impl Ordered {
    /// Reads the keys and finds the order. `tell` is told phase, values done and values in all.
    pub(super) fn of(
        work: &Work<'_>,
        sources: &[Arc<dyn Location>],
        row_count: u32,
        tell: &dyn Fn(MergePhase, u64, u64) -> Result<()>,
    ) -> Result<Self> {
        let (mut keys, mut group_symbols) = (Vec::new(), Vec::new());
        let total = work.keys.len() as u64 * u64::from(row_count);
        for (done, column) in work.keys.iter().enumerate() {
            tell(MergePhase::Reading, done as u64 * u64::from(row_count), total)?;
            let chunk = read_column(sources, column)?;
            if done < work.grouping_count {
                group_symbols.push(match &chunk {
                    Chunk::String(strings) => Some(strings.symbols.clone()),
                    _ => None,
                });
            }
            keys.push(Key::of(&chunk));
        }
        // Rows of one storage stay in the order that they had without it.
        keys.extend(work.computed_parts(sources)?.map(Key::Ranks));
        tell(MergePhase::Sorting, 0, u64::from(row_count))?;
        let rows = order::permutation(row_count, &keys);
        Ok(Ordered { keys, group_symbols, rows })
    }

    /// The computed storages of the rows in merged order.
    pub(super) fn computed_parts(&self, work: &Work<'_>) -> Option<Vec<i32>> {
        let key = self.keys.last().filter(|_| work.is_computed())?;
        Some(self.rows.iter().map(|&row| key.get(row) as i32).collect())
    }
}

/// Divides ordered rows among storages, each keeping the order.
fn spread(work: &Work<'_>, rows: Vec<u32>, ordered: &Ordered, count: usize) -> Vec<Vec<u32>> {
    let whole = match (count, work.spread) {
        (1, _) => Some(0),
        (_, Spread::Single(number)) => Some((number % count as u64) as usize),
        _ => None,
    };
    if let Some(at) = whole {
        let mut parts = vec![Vec::new(); count];
        parts[at] = rows;
        return parts;
    }
    let mut parts = vec![Vec::with_capacity(rows.len() / count + 1); count];
    let groups = &ordered.keys[..work.spread_count()];
    let symbols: Vec<Option<&Symbols>> = ordered.group_symbols.iter().map(Option::as_deref).collect();
    let mut group: (Vec<u64>, usize) = (Vec::new(), 0);
    for (at, row) in rows.into_iter().enumerate() {
        let part = match (ordered.keys.last(), groups.is_empty()) {
            (Some(computed), _) if work.is_computed() => computed.get(row) as usize,
            (_, true) => at % count,
            _ => {
                if group.0.is_empty() || !groups.iter().zip(&group.0).all(|(key, known)| key.get(row) == *known) {
                    group.0 = groups.iter().map(|key| key.get(row)).collect();
                    group.1 = part_of_group(&group.0, &symbols, count as u32) as usize;
                }
                group.1
            }
        };
        parts[part].push(row);
    }
    parts
}

/// A column of variable width that is gathered a few values at a time.
pub(super) struct Pieces {
    gatherer: Gatherer,
    /// Bytes gathered together by a thread, unless one value has more.
    piece_bytes: u64,
    /// Gives back the memory behind what was read again and again, since all of it would be too much.
    forgetful: bool,
}

/// A column of all sources, as it is read.
pub(super) enum Content {
    /// In memory.
    Whole(ColumnForm, Chunk),
    /// As its rows are asked for.
    Pieces(Pieces),
}

impl Content {
    /// Reads the column, or opens it. Of values of variable width no more than `mapped_bytes_max` may stay mapped, about.
    pub(super) fn of(
        work: &Work<'_>,
        sources: &[Arc<dyn Location>],
        column: &ColumnDefinition,
        form: ColumnForm,
        mapped_bytes_max: u64,
    ) -> Result<Self> {
        if form.depth() == 0 {
            return Ok(Content::Whole(form, read_column(sources, column)?));
        }
        let forgetful = source::weight(sources, column)? > mapped_bytes_max;
        let gatherer = Gatherer::new(sources, column, form)?;
        Ok(Content::Pieces(Pieces { gatherer, piece_bytes: work.piece_bytes(), forgetful }))
    }

    /// Writes the files of the column with the rows given, in their order; gives its record and the number of its groups, 0 without an
    /// index. `done` is told values and bytes.
    pub(super) fn write(
        &self,
        place: &ColumnPlace<'_>,
        rows: &[u32],
        codec: Codec,
        key: Option<&Key>,
        done: &(dyn Fn(u64, u64) -> Result<()> + Sync),
    ) -> Result<(ColumnRecord, u64)> {
        match self {
            Content::Whole(form, chunk) => write_whole(*form, chunk, place, rows, codec, key, done),
            Content::Pieces(pieces) => Ok((pieces.write(place, rows, codec, done)?, 0)),
        }
    }
}

fn write_whole(
    form: ColumnForm,
    chunk: &Chunk,
    place: &ColumnPlace<'_>,
    rows: &[u32],
    codec: Codec,
    key: Option<&Key>,
    done: &(dyn Fn(u64, u64) -> Result<()> + Sync),
) -> Result<(ColumnRecord, u64)> {
    let symbols = if let Chunk::String(strings) = chunk { Some(&*strings.symbols) } else { None };
    let mut sink = ColumnSink::create(place, form, codec, symbols)?;
    // A batch of blocks is gathered and encoded by all threads, then written: memory stays at a few blocks beside the column.
    let batch_rows = BLOCK_ROWS * rayon::current_num_threads().max(1) * 2;
    for batch in rows.chunks(batch_rows) {
        let before = sink.written_bytes();
        sink.append_rows(chunk, batch)?;
        done(batch.len() as u64, sink.written_bytes() - before)?;
    }
    let mut record = sink.finish(place)?;
    let mut groups = 0;
    if let Some(starts) = key.and_then(|key| grouping::starts(key, rows)) {
        let firsts: Vec<u32> = starts[..starts.len() - 1].iter().map(|&start| rows[start as usize]).collect();
        groups = firsts.len() as u64;
        record.grouping = Some(place.write_grouping(&chunk.take(&firsts), &starts)?);
    }
    Ok((record, groups))
}

impl Pieces {
    fn write(
        &self,
        place: &ColumnPlace<'_>,
        rows: &[u32],
        codec: Codec,
        done: &(dyn Fn(u64, u64) -> Result<()> + Sync),
    ) -> Result<ColumnRecord> {
        let gatherer = &self.gatherer;
        let mut sink = ColumnSink::create(place, gatherer.form, codec, gatherer.symbols.as_deref())?;
        let threads = rayon::current_num_threads().max(1);
        for batch in rows.chunks(PIECE_ROWS * threads) {
            let before = sink.written_bytes();
            let mut pieces = Vec::new();
            batch.chunks(PIECE_ROWS).try_for_each(|rows| self.cut(rows, &mut pieces))?;
            // As many at once as there are threads, so that large values do not add up.
            for together in pieces.chunks(threads) {
                let chunks: Vec<Chunk> =
                    together.par_iter().map(|rows| gatherer.gather(rows)).collect::<Result<_>>()?;
                chunks.iter().try_for_each(|chunk| sink.append(chunk))?;
                if self.forgetful {
                    gatherer.forget();
                }
            }
            done(batch.len() as u64, sink.written_bytes() - before)?;
        }
        gatherer.forget();
        sink.finish(place)
    }

    /// Cuts rows into pieces of no more bytes than allowed, or of one row.
    fn cut<'a>(&self, rows: &'a [u32], pieces: &mut Vec<&'a [u32]>) -> Result<()> {
        if rows.len() > 1 && self.gatherer.weigh(rows)? > self.piece_bytes {
            let (left, right) = rows.split_at(rows.len() / 2);
            self.cut(left, pieces)?;
            return self.cut(right, pieces);
        }
        pieces.push(rows);
        Ok(())
    }
}
