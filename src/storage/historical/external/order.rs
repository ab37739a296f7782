//! The merged order of all runs, and where groups begin in it.

use super::interleave::{Order, RunKeys, Step, StepList, StepWriter, merge_runs};
use super::runs::Keys;
use crate::base::Result;
use crate::io::FileSystem;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the rows of all runs go.
pub(super) struct MergedOrder {
    /// The rows in merged order.
    pub(super) steps: StepList,
    /// Rows of each storage.
    pub(super) part_rows: Vec<u64>,
    /// For each storage, and in it for each grouping column, where its values begin; none where their rows do not lie together.
    pub(super) groups: Vec<Vec<Option<Vec<u64>>>>,
}

/// What decides the order.
pub(super) struct OrderRequest<'a> {
    pub(super) fs: &'a Arc<dyn FileSystem>,
    /// A file for the steps, where nothing is.
    pub(super) path: PathBuf,
    /// Keys, the grouping ones first.
    pub(super) key_count: usize,
    /// How many of them are grouping columns.
    pub(super) grouping_count: usize,
    /// Storages.
    pub(super) part_count: u32,
    /// How rows are spread over them.
    pub(super) spread: SpreadRows,
    /// The storage of a group, by the numbers of the keys that decide it.
    pub(super) part_of: &'a dyn Fn(&[u64]) -> u32,
    /// Keys of each run in memory.
    pub(super) buffer_rows: usize,
    /// The most values of a grouping column that are given an index; it takes 24 bytes of memory each while it is made.
    pub(super) groups_max: usize,
    /// Told the rows ordered so far.
    pub(super) done: &'a dyn Fn(u64) -> Result<()>,
}

/// Which rows go to which storage.
#[derive(Clone, Copy, Debug)]
pub(super) enum SpreadRows {
    /// All to one.
    Whole(u32),
    /// One after the other.
    InTurn,
    /// By so many of the first keys.
    Groups(usize),
    /// To the storage that is the key of this number.
    Key(usize),
}

/// Merges the keys of all runs.
pub(super) fn find_order(keys: &Keys, request: &OrderRequest<'_>) -> Result<MergedOrder> {
    let readers = keys.readers();
    let readers: Vec<&dyn RunKeys> = readers.iter().map(|reader| reader as &dyn RunKeys).collect();
    let parts = (0..request.part_count).map(|_| Part::new(request.grouping_count));
    let mut builder = Builder {
        request,
        steps: StepWriter::new(StepList::new(request.fs, request.path.clone())),
        parts: parts.collect(),
        rows: 0,
        told: 0,
    };
    merge_runs(&readers, request.key_count, request.buffer_rows, &mut builder)?;
    let steps = builder.steps.finish()?;
    let part_rows = builder.parts.iter().map(|part| part.rows).collect();
    let groups = builder.parts.into_iter().map(Part::finish).collect();
    Ok(MergedOrder { steps, part_rows, groups })
}

struct Builder<'a> {
    request: &'a OrderRequest<'a>,
    steps: StepWriter,
    parts: Vec<Part>,
    rows: u64,
    told: u64,
}

/// Rows between two calls of progress.
const TELL_ROWS: u64 = 1 << 20;

impl Order for Builder<'_> {
    fn rows(&mut self, run: u32, keys: &[&[u64]]) -> Result<()> {
        let count = keys.first().map_or(0, |numbers| numbers.len());
        let mut at = 0;
        while at < count {
            let (end, part) = self.stretch(keys, at, count);
            self.parts[part as usize].add(&keys[..self.request.grouping_count], at..end, self.request.groups_max);
            self.steps.push(Step { run, rows: (end - at) as u32, part })?;
            self.rows += (end - at) as u64;
            at = end;
        }
        if self.rows - self.told >= TELL_ROWS {
            self.told = self.rows;
            (self.request.done)(self.rows)?;
        }
        Ok(())
    }
}

impl Builder<'_> {
    /// The rows from one on that go to one storage, and which.
    fn stretch(&self, keys: &[&[u64]], at: usize, count: usize) -> (usize, u32) {
        match self.request.spread {
            SpreadRows::Whole(part) => (count, part),
            SpreadRows::InTurn => (at + 1, (self.rows % u64::from(self.request.part_count)) as u32),
            SpreadRows::Groups(deciding) => {
                // Keys ascend, each within the one before.
                let end = keys[..deciding].iter().fold(count, |end, numbers| {
                    let number = numbers[at];
                    at + numbers[at..end].partition_point(|&other| other <= number)
                });
                let numbers: Vec<u64> = keys[..deciding].iter().map(|numbers| numbers[at]).collect();
                (end, (self.request.part_of)(&numbers))
            }
            SpreadRows::Key(key) => {
                let part = keys[key][at];
                let same = keys[key][at..count].iter().take_while(|&&other| other == part).count();
                (at + same, part as u32)
            }
        }
    }
}

/// The rows of a storage, in their order.
struct Part {
    rows: u64,
    groups: Vec<Option<Groups>>,
}

/// The values of a grouping column as they come.
#[derive(Default)]
struct Groups {
    starts: Vec<u64>,
    numbers: Vec<u64>,
}

impl Part {
    fn new(grouping_count: usize) -> Self {
        Part { rows: 0, groups: (0..grouping_count).map(|_| Some(Groups::default())).collect() }
    }

    fn add(&mut self, keys: &[&[u64]], rows: std::ops::Range<usize>, groups_max: usize) {
        for (slot, numbers) in self.groups.iter_mut().zip(keys) {
            let Some(groups) = slot else { continue };
            let mut last = groups.numbers.last().copied();
            for (row, &number) in rows.clone().zip(&numbers[rows.clone()]) {
                if last != Some(number) {
                    groups.starts.push(self.rows + (row - rows.start) as u64);
                    groups.numbers.push(number);
                    last = Some(number);
                }
            }
            if groups.starts.len() > groups_max {
                *slot = None;
            }
        }
        self.rows += rows.len() as u64;
    }

    fn finish(self) -> Vec<Option<Vec<u64>>> {
        let rows = self.rows;
        let starts = |groups: Groups| {
            let Groups { mut starts, mut numbers } = groups;
            // The first column ascends; a further one may still have each value in one place.
            if !numbers.is_sorted() {
                numbers.sort_unstable();
            }
            let together = numbers.windows(2).all(|pair| pair[0] != pair[1]);
            starts.push(rows);
            together.then_some(starts)
        };
        self.groups.into_iter().map(|groups| groups.and_then(starts)).collect()
    }
}
