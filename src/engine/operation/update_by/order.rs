//! The rows of a table group by group: what the operations of `updateBy` walk.

use super::super::super::Version;
use super::super::super::grouper::{self, Assignment};
use crate::base::{Error, Result};
use crate::engine::limits;
use crate::memory::Chunk;
use rayon::prelude::*;
use std::ops::Range;

/// Rows that one thread walks at a time, at least, where groups are small.
const BATCH_ROWS: usize = 1 << 16;

/// Positions of rows, one group after the other, each in row order.
pub(super) struct GroupOrder {
    /// Where each group starts, and the end.
    starts: Vec<usize>,
    /// The positions in this order and the place of each position; none where the order is that of the rows.
    places: Option<(Vec<u32>, Vec<u32>)>,
}

impl GroupOrder {
    /// The order by key columns.
    pub(super) fn new(version: &Version, keys: &[usize]) -> Result<Self> {
        let row_count = version.rows.len() as usize;
        if row_count >= u32::MAX as usize {
            return Err(Error::limit(format!("updateBy of {row_count} rows; the most is {}", u32::MAX)));
        }
        limits::require(row_count as u64, 3 * size_of::<u32>())?;
        let groups = grouper::group(version, keys)?;
        let mut sizes = vec![0usize; groups.count];
        let mut runs: Vec<(u32, usize)> = Vec::new();
        match &groups.assignment {
            Assignment::Rows(ids) => ids.iter().for_each(|&id| sizes[id as usize] += 1),
            Assignment::Runs(all) => {
                for run in all {
                    let count = (run.keys.end - run.keys.start) as usize;
                    sizes[run.group as usize] += count;
                    runs.push((run.group, count));
                }
            }
        }
        let mut starts = Vec::with_capacity(groups.count + 1);
        let mut total = 0;
        starts.push(0);
        for size in sizes {
            total += size;
            starts.push(total);
        }
        let is_in_order = match &groups.assignment {
            Assignment::Rows(ids) => ids.is_sorted(),
            Assignment::Runs(_) => runs.is_sorted_by_key(|(group, _)| *group),
        };
        if is_in_order {
            return Ok(GroupOrder { starts, places: None });
        }
        let mut next: Vec<u32> = starts.iter().map(|&start| start as u32).collect();
        let mut positions = vec![0u32; row_count];
        let mut inverse = Vec::with_capacity(row_count);
        let mut put = |group: u32| {
            let place = next[group as usize];
            next[group as usize] += 1;
            positions[place as usize] = inverse.len() as u32;
            inverse.push(place);
        };
        match &groups.assignment {
            Assignment::Rows(ids) => ids.iter().for_each(|&id| put(id)),
            Assignment::Runs(_) => runs.iter().for_each(|(group, count)| (0..*count).for_each(|_| put(*group))),
        }
        Ok(GroupOrder { starts, places: Some((positions, inverse)) })
    }

    /// Values of rows, put into this order.
    pub(super) fn arrange(&self, chunk: &Chunk) -> Chunk {
        self.places.as_ref().map_or_else(|| chunk.clone(), |(positions, _)| chunk.take(positions))
    }

    /// Values in this order, put back into that of the rows.
    pub(super) fn restore(&self, chunk: Chunk) -> Chunk {
        match &self.places {
            Some((_, inverse)) => chunk.take(inverse),
            None => chunk,
        }
    }

    /// Runs `kernel` over the rows of each group, which it gets as their range in this order with room for their results, `none` each.
    pub(super) fn for_each_group<O: Copy + Send>(
        &self,
        none: O,
        kernel: impl Fn(Range<usize>, &mut [O]) -> Result<()> + Sync,
    ) -> Result<Vec<O>> {
        let mut out = vec![none; self.starts.last().copied().unwrap_or_default()];
        let mut batches: Vec<(Range<usize>, &mut [O])> = Vec::new();
        let mut left = &mut out[..];
        let mut group = 0;
        while group + 1 < self.starts.len() {
            let first = group;
            let mut rows = 0;
            while group + 1 < self.starts.len() && rows < BATCH_ROWS {
                group += 1;
                rows = self.starts[group] - self.starts[first];
            }
            let (own, rest) = left.split_at_mut(rows);
            left = rest;
            batches.push((first..group, own));
        }
        batches.into_par_iter().try_for_each(|(groups, mut out)| {
            limits::check()?;
            for group in groups {
                let rows = self.starts[group]..self.starts[group + 1];
                let (own, rest) = out.split_at_mut(rows.len());
                out = rest;
                kernel(rows, own)?;
            }
            Ok(())
        })?;
        Ok(out)
    }
}
