//! Runs kernels over the rows of a version: each set of input columns is read once, whatever is computed of it.

use super::super::super::column_source::ColumnSource;
use super::super::super::grouper::{Assignment, GroupRun, Groups, as_key, runs_within};
use super::super::super::{Version, parallel};
use super::accumulate::{Accumulator, Ids};
use super::kernel::Kernel;
use crate::base::limits::{CHUNK_ROWS, VECTOR_ROWS};
use crate::base::{ColumnType, Result};
use crate::engine::limits;
use crate::engine::timing::strategy;
use crate::memory::{Chunk, RowSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Rows that are accumulated on their own before the results are united: so many, and more where there are many groups to unite.
const PARTIAL_ROWS: Range<u64> = parallel::rows_in_use(1 << 17)..parallel::rows_in_use(1 << 20);
/// Rows of a part for each group.
const PARTIAL_GROUP_ROWS: u64 = 32;
/// Beyond this many groups one accumulation runs over all rows: partial results would cost more than they save.
const PARTIAL_GROUPS_MAX: usize = if cfg!(test) { 5 } else { 1 << 16 };

/// From so many rows of one group on their sum is asked for before they are read.
const TOTALS_ROWS_MIN: u64 = parallel::rows_in_use(8 * VECTOR_ROWS as u64);

/// Kernels of the same input columns.
struct Job {
    inputs: Vec<usize>,
    kernels: Vec<Kernel>,
    /// Positions of the kernels' results among those asked for.
    places: Vec<usize>,
}

/// One value a group for each kernel and its input columns.
pub(super) fn fold(version: &Version, groups: &Groups, wanted: &[(Kernel, Vec<usize>)]) -> Result<Vec<Chunk>> {
    let mut jobs: Vec<Job> = Vec::new();
    for (place, (kernel, inputs)) in wanted.iter().enumerate() {
        let same = |job: &&mut Job| {
            let first = job.kernels[0];
            job.inputs == *inputs
                && first.is_mergeable() == kernel.is_mergeable()
                && first.takes_keys() == kernel.takes_keys()
        };
        match jobs.iter_mut().find(same) {
            Some(job) => {
                job.kernels.push(*kernel);
                job.places.push(place);
            }
            None => jobs.push(Job { inputs: inputs.clone(), kernels: vec![*kernel], places: vec![place] }),
        }
    }
    let results = parallel::map(&jobs, |job| job.run(version, groups))?;
    let mut chunks: Vec<Option<Chunk>> = vec![None; wanted.len()];
    let mut summed = 0;
    for (job, (results, as_they_lie)) in jobs.iter().zip(results) {
        summed += as_they_lie;
        for (place, chunk) in job.places.iter().zip(results) {
            chunks[*place] = Some(chunk);
        }
    }
    if summed > 0 {
        strategy(|| format!("{summed} values summed as they are encoded"));
    }
    Ok(chunks.into_iter().flatten().collect())
}

impl Job {
    /// The kernels' results, and how many values were summed without being decoded.
    fn run(&self, version: &Version, groups: &Groups) -> Result<(Vec<Chunk>, u64)> {
        let rows = &version.rows;
        let source = |&at: &usize| {
            let column = &version.columns[at];
            let as_it_is = column.column_type().is_big() && !self.kernels[0].takes_keys();
            if as_it_is { Ok(column.clone()) } else { as_key(column, rows) }
        };
        let sources = self.inputs.iter().map(source).collect::<Result<Vec<_>>>()?;
        sources.iter().for_each(|source| source.expect(rows));
        let fresh =
            || self.kernels.iter().map(|kernel| kernel.accumulator(&sources, groups.count)).collect::<Result<Vec<_>>>();
        let summed = AtomicU64::new(0);
        let is_partial = groups.count <= PARTIAL_GROUPS_MAX && self.kernels[0].is_mergeable();
        let partial_rows = (groups.count as u64 * PARTIAL_GROUP_ROWS).clamp(PARTIAL_ROWS.start, PARTIAL_ROWS.end);
        let partials =
            parallel::map_pieces_of(rows, if is_partial { partial_rows } else { u64::MAX }, |first, piece| {
                let mut accumulators = fresh()?;
                match &groups.assignment {
                    Assignment::Runs(runs) if accumulators.iter().all(|accumulator| accumulator.takes_totals()) => {
                        let rest = add_totals(&mut accumulators, &*sources[0], piece, runs)?;
                        summed.fetch_add(piece.len() - rest.len(), Relaxed);
                        add_rows(&mut accumulators, &sources, first, &rest, &groups.assignment)?;
                    }
                    assignment => add_rows(&mut accumulators, &sources, first, piece, assignment)?,
                }
                Ok(accumulators)
            })?;
        let mut partials = partials.into_iter();
        let mut all = match partials.next() {
            Some(first) => first,
            None => fresh()?,
        };
        for partial in partials {
            all.iter_mut().zip(&partial).for_each(|(all, partial)| all.merge(&**partial));
        }
        let chunks = all.into_iter().map(|accumulator| accumulator.finish()).collect::<Result<_>>()?;
        Ok((chunks, summed.into_inner()))
    }
}

/// Adds what is known of rows without reading them; the others are given back. Short runs are not asked about: they are parts of vectors.
fn add_totals(
    accumulators: &mut [Box<dyn Accumulator>],
    source: &dyn ColumnSource,
    rows: &RowSet,
    runs: &[GroupRun],
) -> Result<RowSet> {
    let mut rest = Vec::new();
    for GroupRun { keys, group } in runs_within(runs, rows) {
        if keys.end - keys.start < TOTALS_ROWS_MIN {
            rest.push(keys);
            continue;
        }
        limits::check()?;
        let totals = source.totals(keys)?;
        accumulators.iter_mut().for_each(|accumulator| accumulator.add_totals(group, &totals));
        rest.extend(totals.rest);
    }
    Ok(RowSet::from_ranges(rest))
}

/// Adds rows of the table, of which the first has position `first`, chunk by chunk.
fn add_rows(
    accumulators: &mut [Box<dyn Accumulator>],
    sources: &[Arc<dyn ColumnSource>],
    first: u64,
    rows: &RowSet,
    assignment: &Assignment,
) -> Result<()> {
    let types: Vec<ColumnType> = sources.iter().map(|source| source.column_type()).collect();
    let mut chunks: Vec<Chunk> = types.iter().map(|&t| Chunk::with_capacity(t, 4 * CHUNK_ROWS)).collect();
    let mut at = first as usize;
    for piece in rows.chunks(4 * CHUNK_ROWS as u64) {
        limits::check()?;
        for (source, chunk) in sources.iter().zip(&mut chunks) {
            chunk.clear();
            source.fill(&piece, chunk)?;
        }
        let count = piece.len() as usize;
        let mut add = |ids: Ids<'_>, from: usize, to: usize| {
            accumulators.iter_mut().for_each(|accumulator| accumulator.add(ids, &chunks, from..to));
        };
        match assignment {
            Assignment::Rows(ids) => add(Ids::Each(&ids[at..at + count]), 0, count),
            Assignment::Runs(runs) => {
                let mut done = 0;
                for GroupRun { keys, group } in runs_within(runs, &piece) {
                    let count = (keys.end - keys.start) as usize;
                    add(Ids::All(group), done, done + count);
                    done += count;
                }
            }
        }
        at += count;
    }
    Ok(())
}
