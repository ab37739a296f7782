//! One column out of the runs into its final form, along the steps of the merged order.
//!
//! A piece of the order has as many rows as memory allows, so that runs are read in long ranges. It takes consecutive rows of each run that it touches, so each run is read in
//! ranges, forward, and the piece's rows are put in order in memory. Pieces are gathered on all cores and written one after the other.

use super::super::column_files::{ColumnPlace, ColumnSink};
use super::super::source::Gatherer;
use super::interleave::Step;
use super::order::MergedOrder;
use super::spill::SpillReader;
use crate::base::limits::BLOCK_ROWS;
use crate::base::{ColumnDefinition, Result};
use crate::format::column_form::ColumnForm;
use crate::format::encoding::Codec;
use crate::format::location_record::ColumnRecord;
use crate::memory::Chunk;
use crate::storage::Location;
use crate::storage::items;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// The most rows of a piece, whatever memory there is.
const PIECE_ROWS_MAX: u64 = 1 << 20;

/// A column to be written for one storage.
pub(super) struct ColumnJob<'a> {
    pub(super) runs: &'a [Arc<dyn Location>],
    pub(super) order: &'a MergedOrder,
    /// The storage's number.
    pub(super) part: u32,
    /// The column's number among the grouping columns, if it is one.
    pub(super) grouping: Option<usize>,
    pub(super) column: &'a ColumnDefinition,
    pub(super) codec: Codec,
    pub(super) place: ColumnPlace<'a>,
    /// The column in all runs.
    pub(super) gatherer: &'a Gatherer,
    /// Memory to use.
    pub(super) memory_bytes: u64,
    /// Bytes of values of variable width that a piece may have, unless a single value has more.
    pub(super) piece_bytes: u64,
    /// Told values and bytes written.
    pub(super) done: &'a (dyn Fn(u64, u64) -> Result<()> + Sync),
}

/// Writes the column's files; gives its record and how many groups it has, 0 without an index.
pub(super) fn write_column(job: &ColumnJob<'_>) -> Result<(ColumnRecord, u64)> {
    let mut sink = ColumnSink::create(&job.place, job.gatherer.form, job.codec, job.gatherer.symbols.as_deref())?;
    let mut pieces = Pieces::new(job);
    let starts = job.grouping.and_then(|at| job.order.groups[job.part as usize][at].as_deref());
    let mut groups = Groups::new(job.column, starts);
    let threads = rayon::current_num_threads().max(1);
    let (mut written, mut mapped) = (0, 0);
    loop {
        let batch = pieces.next_batch(threads, job)?;
        if batch.is_empty() {
            break;
        }
        let mut rows = 0;
        // As many at once as there are threads, so that large values do not add up.
        for together in batch.chunks(threads) {
            let gather = |piece: &Vec<Stretch>| in_order(job.gatherer, piece);
            let chunks: Vec<Chunk> = together.par_iter().map(gather).collect::<Result<_>>()?;
            for chunk in &chunks {
                groups.take(chunk)?;
                sink.append(chunk)?;
                rows += chunk.len() as u64;
                // Runs take as much as their values do, or less; what is written in the end may be a small part of that.
                mapped += read_bytes(job.gatherer.form, chunk);
            }
            if mapped > job.memory_bytes / 8 {
                job.gatherer.forget();
                mapped = 0;
            }
        }
        let bytes = sink.written_bytes();
        (job.done)(rows, bytes - written)?;
        written = bytes;
    }
    let mut record = sink.finish(&job.place)?;
    let mut group_count = 0;
    if let Some(starts) = starts {
        group_count = starts.len() as u64 - 1;
        record.grouping = Some(job.place.write_grouping(&groups.values, starts)?);
    }
    Ok((record, group_count))
}

/// About what the values of a chunk took where they were read, in bytes.
fn read_bytes(form: ColumnForm, chunk: &Chunk) -> u64 {
    fn of_values(chunk: &Chunk) -> u64 {
        match chunk {
            Chunk::String(strings) => strings.symbols.text_bytes() as u64,
            Chunk::Object(objects) => objects.iter().flatten().map(|bytes| bytes.len() as u64).sum(),
            Chunk::Array(arrays) => of_values(&arrays.values),
            values => (values.len() * values.column_type().width()) as u64,
        }
    }
    match form.depth() {
        0 => (chunk.len() * form.width(0)) as u64,
        _ => (chunk.len() * size_of::<u64>()) as u64 + of_values(chunk),
    }
}

/// Consecutive rows of one run.
#[derive(Clone, Debug)]
struct Stretch {
    run: u32,
    rows: Range<u64>,
}

/// Cuts the steps of one storage into pieces, and knows where each run is.
struct Pieces<'a> {
    /// Rows of a piece, at most.
    rows: u64,
    steps: SpillReader<'a, [u32; 3]>,
    part: u32,
    /// The rest of the step before.
    open: Option<Step>,
    /// The next row of each run.
    next: Vec<u64>,
}

impl<'a> Pieces<'a> {
    fn new(job: &ColumnJob<'a>) -> Self {
        // A value as it is read and as it is put in order, where it goes, and at worst a stretch of its own.
        let row_bytes = 2 * job.column.column_type.width() as u64 + 4 + 40;
        let threads = rayon::current_num_threads().max(1) as u64;
        let block = BLOCK_ROWS as u64;
        let most = if job.gatherer.form.depth() > 0 { block } else { PIECE_ROWS_MAX };
        let rows = (job.memory_bytes / 4 / threads / row_bytes / block * block).clamp(block, most);
        Pieces { rows, steps: job.order.steps.reader(), part: job.part, open: None, next: vec![0; job.runs.len()] }
    }

    /// The next pieces, at least so many unless there are no more; large ones are divided.
    fn next_batch(&mut self, pieces: usize, job: &ColumnJob<'_>) -> Result<Vec<Vec<Stretch>>> {
        let mut batch = Vec::new();
        while batch.len() < pieces {
            let piece = self.next_piece()?;
            if piece.is_empty() {
                break;
            }
            cut(job, piece, &mut batch)?;
        }
        Ok(batch)
    }

    fn next_piece(&mut self) -> Result<Vec<Stretch>> {
        let mut piece = Vec::new();
        let mut room = self.rows;
        while room > 0 {
            let step = match self.open.take() {
                Some(step) => Some(step),
                None => self.steps.next()?.map(Step::from),
            };
            let Some(mut step) = step else { break };
            let next = &mut self.next[step.run as usize];
            if step.part != self.part {
                *next += u64::from(step.rows);
                continue;
            }
            let count = u64::from(step.rows).min(room);
            piece.push(Stretch { run: step.run, rows: *next..*next + count });
            *next += count;
            room -= count;
            step.rows -= count as u32;
            if step.rows > 0 {
                self.open = Some(step);
            }
        }
        Ok(piece)
    }
}

/// Cuts a piece into such as have no more bytes than allowed, or one row.
fn cut(job: &ColumnJob<'_>, piece: Vec<Stretch>, pieces: &mut Vec<Vec<Stretch>>) -> Result<()> {
    let rows: u64 = piece.iter().map(|stretch| stretch.rows.end - stretch.rows.start).sum();
    if job.gatherer.form.depth() > 0 && rows > 1 {
        let ranges = piece.iter().map(|stretch| (stretch.run as usize, stretch.rows.clone()));
        if job.gatherer.weigh_ranges(ranges)? > job.piece_bytes {
            let (left, right) = split(&piece, rows / 2);
            cut(job, left, pieces)?;
            return cut(job, right, pieces);
        }
    }
    pieces.push(piece);
    Ok(())
}

/// The first rows of a piece, and the others.
fn split(piece: &[Stretch], rows: u64) -> (Vec<Stretch>, Vec<Stretch>) {
    let (mut left, mut right, mut room) = (Vec::new(), Vec::new(), rows);
    for stretch in piece {
        let end = stretch.rows.end.min(stretch.rows.start + room);
        room -= end - stretch.rows.start;
        if stretch.rows.start < end {
            left.push(Stretch { run: stretch.run, rows: stretch.rows.start..end });
        }
        if end < stretch.rows.end {
            right.push(Stretch { run: stretch.run, rows: end..stretch.rows.end });
        }
    }
    (left, right)
}

/// The values of a piece, in order.
fn in_order(gatherer: &Gatherer, piece: &[Stretch]) -> Result<Chunk> {
    // Rows of a run follow each other in a piece, so that one range a run covers them.
    let mut ranges: Vec<(u32, Range<u64>)> = Vec::new();
    let mut sorted: Vec<&Stretch> = piece.iter().collect();
    sorted.sort_by_key(|stretch| (stretch.run, stretch.rows.start));
    for stretch in sorted {
        match ranges.last_mut() {
            Some((run, rows)) if *run == stretch.run && rows.end == stretch.rows.start => rows.end = stretch.rows.end,
            _ => ranges.push((stretch.run, stretch.rows.clone())),
        }
    }
    let mut all = Chunk::new(gatherer.column_type());
    let mut offsets = Vec::with_capacity(ranges.len());
    for (run, rows) in &ranges {
        offsets.push(all.len() as u64);
        let chunk = gatherer.read(*run as usize, rows.clone())?;
        all.append(&chunk, 0..chunk.len())?;
    }
    if ranges.len() > 1 {
        let mut positions: Vec<u32> = Vec::with_capacity(all.len());
        for stretch in piece {
            let at = ranges.partition_point(|(run, rows)| (*run, rows.end) <= (stretch.run, stretch.rows.start));
            let (_, rows) = &ranges[at];
            let first = offsets[at] + (stretch.rows.start - rows.start);
            positions.extend((first..first + (stretch.rows.end - stretch.rows.start)).map(|position| position as u32));
        }
        all = all.take(&positions);
    }
    items::compact(&all)
}

/// The first value of each group, taken as the column goes by.
struct Groups<'a> {
    starts: &'a [u64],
    /// Rows that went by.
    rows: u64,
    values: Chunk,
}

impl<'a> Groups<'a> {
    fn new(column: &ColumnDefinition, starts: Option<&'a [u64]>) -> Self {
        // The last start is the end.
        let starts = starts.map_or(&[][..], |starts| &starts[..starts.len() - 1]);
        Groups { starts, rows: 0, values: Chunk::new(column.column_type) }
    }

    fn take(&mut self, chunk: &Chunk) -> Result<()> {
        let end = self.rows + chunk.len() as u64;
        let count = self.starts.partition_point(|&start| start < end);
        let (here, later) = self.starts.split_at(count);
        let positions: Vec<u32> = here.iter().map(|start| (start - self.rows) as u32).collect();
        if !positions.is_empty() {
            self.values.append(&chunk.take(&positions), 0..positions.len())?;
        }
        (self.starts, self.rows) = (later, end);
        Ok(())
    }
}
