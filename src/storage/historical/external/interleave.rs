//! The merge of sorted runs by their keys alone: which run each merged row comes from.
//!
//! The outcome is a list of [`Step`]s, "so many rows of that run", in merged order. Runs are cut from the sources in the order of arrival and
//! equal keys are taken from the lowest run first, so the merge is stable. Rows of data that arrived nearly in order come in long steps: a run is
//! searched for the first row that another run goes before, not compared row by row.
//!
//! **Invariant:** the steps of a run add up to its rows; memory is a buffer of keys a run, whatever the rows.

use super::spill::SpillList;
use crate::base::{Error, Result};
use std::cmp::Ordering;
use std::ops::Range;

/// The next rows of merged order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The run that they come from.
    pub(super) run: u32,
    /// How many.
    pub(super) rows: u32,
    /// The storage that they go to.
    pub(super) part: u32,
}

/// Steps as they lie in a list.
pub(super) type StepList = SpillList<[u32; 3]>;

impl From<[u32; 3]> for Step {
    fn from([run, rows, part]: [u32; 3]) -> Self {
        Step { run, rows, part }
    }
}

/// The keys of a sorted run as numbers in the order of their values.
pub(super) trait RunKeys {
    /// Rows of the run.
    fn row_count(&self) -> u64;
    /// Appends one key of a range of rows.
    fn read(&self, key: usize, rows: Range<u64>, out: &mut Vec<u64>) -> Result<()>;
}

/// Told of merged order as it comes to be.
pub(super) trait Order {
    /// The next rows: `keys` has one slice a key, each of the rows' numbers.
    fn rows(&mut self, run: u32, keys: &[&[u64]]) -> Result<()>;
}

/// Merges runs of `key_count` keys, with `buffer_rows` keys of each run in memory. Without keys, run follows run.
pub(super) fn merge_runs(
    runs: &[&dyn RunKeys],
    key_count: usize,
    buffer_rows: usize,
    order: &mut dyn Order,
) -> Result<()> {
    let mut cursors: Vec<Cursor<'_>> = Vec::with_capacity(runs.len());
    for &run in runs {
        let mut cursor = Cursor::new(run, key_count, buffer_rows.max(1));
        cursor.refill()?;
        cursors.push(cursor);
    }
    let mut heap: Vec<u32> = (0..runs.len() as u32).filter(|&run| !cursors[run as usize].is_done()).collect();
    // Lowest last, so that taking it is a pop of a short list; runs are few beside rows, and a new place is found by bisection.
    heap.sort_by(|&a, &b| compare(&cursors, b, a));
    while let Some(run) = heap.pop() {
        loop {
            let count = match heap.last() {
                Some(&next) => cursors[run as usize].rows_before(&cursors[next as usize], run < next),
                None => cursors[run as usize].buffered(),
            };
            let cursor = &mut cursors[run as usize];
            cursor.emit(run, count, order)?;
            if cursor.buffered() > 0 {
                break;
            }
            cursor.refill()?;
            if cursor.is_done() {
                break;
            }
            // The rest of the run may still go before the others.
            if heap.last().is_some_and(|&next| compare(&cursors, run, next).is_gt()) {
                break;
            }
        }
        if !cursors[run as usize].is_done() {
            let at = heap.partition_point(|&other| compare(&cursors, other, run).is_gt());
            heap.insert(at, run);
        }
    }
    Ok(())
}

/// Order of two runs by their next rows; the lower run first where the keys are equal.
fn compare(cursors: &[Cursor<'_>], a: u32, b: u32) -> Ordering {
    let (left, right) = (&cursors[a as usize], &cursors[b as usize]);
    left.compare(left.at, right).then(a.cmp(&b))
}

struct Cursor<'a> {
    run: &'a dyn RunKeys,
    /// One list a key, of the buffered rows.
    keys: Vec<Vec<u64>>,
    buffer_rows: usize,
    /// The next row within the buffer.
    at: usize,
    /// Rows in the buffer.
    len: usize,
    /// The first row of the run that is not in the buffer.
    next: u64,
}

impl<'a> Cursor<'a> {
    fn new(run: &'a dyn RunKeys, key_count: usize, buffer_rows: usize) -> Self {
        Cursor { run, keys: vec![Vec::new(); key_count], buffer_rows, at: 0, len: 0, next: 0 }
    }

    fn refill(&mut self) -> Result<()> {
        let end = self.run.row_count().min(self.next + self.buffer_rows as u64);
        self.len = (end - self.next) as usize;
        for (key, values) in self.keys.iter_mut().enumerate() {
            values.clear();
            self.run.read(key, self.next..end, values)?;
            if values.len() != self.len {
                return Err(Error::corrupt(format!("a run gave {} of {} keys", values.len(), self.len)));
            }
        }
        (self.at, self.next) = (0, end);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.buffered() == 0 && self.next == self.run.row_count()
    }

    fn buffered(&self) -> usize {
        self.len - self.at
    }

    /// A row of the buffer against the next row of another run.
    fn compare(&self, row: usize, other: &Cursor<'_>) -> Ordering {
        let pairs = self.keys.iter().zip(&other.keys);
        pairs.map(|(mine, its)| mine[row].cmp(&its[other.at])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// How many buffered rows go before the next row of another run; `first_of_equals` if this run wins where keys are equal. At least one.
    fn rows_before(&self, other: &Cursor<'_>, first_of_equals: bool) -> usize {
        let before = |row: usize| match self.compare(row, other) {
            Ordering::Less => true,
            Ordering::Equal => first_of_equals,
            Ordering::Greater => false,
        };
        // Doubling steps, then bisection between the last two: cheap for a step of one row as for one of thousands.
        let mut reach = 1;
        while self.at + reach < self.len && before(self.at + reach) {
            reach *= 2;
        }
        let (mut low, mut high) = (self.at + reach / 2 + 1, (self.at + reach).min(self.len));
        low = low.min(high);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low - self.at).max(1)
    }

    fn emit(&mut self, run: u32, count: usize, order: &mut dyn Order) -> Result<()> {
        let rows = self.at..self.at + count;
        let keys: Vec<&[u64]> = self.keys.iter().map(|values| &values[rows.clone()]).collect();
        if keys.is_empty() {
            // Without keys the order needs to know the count alone.
            let zeros = vec![0; count];
            order.rows(run, &[&zeros])?;
        } else {
            order.rows(run, &keys)?;
        }
        self.at += count;
        Ok(())
    }
}

/// Steps as they are found: neighbours of one run and one storage become one.
pub(super) struct StepWriter {
    steps: StepList,
    open: Option<Step>,
}

impl StepWriter {
    pub(super) fn new(steps: StepList) -> Self {
        StepWriter { steps, open: None }
    }

    pub(super) fn push(&mut self, step: Step) -> Result<()> {
        if let Some(open) = &mut self.open {
            if (open.run, open.part) == (step.run, step.part)
                && let Some(rows) = open.rows.checked_add(step.rows)
            {
                open.rows = rows;
                return Ok(());
            }
            self.steps.push([open.run, open.rows, open.part])?;
        }
        self.open = Some(step);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<StepList> {
        if let Some(open) = self.open.take() {
            self.steps.push([open.run, open.rows, open.part])?;
        }
        self.steps.finish()?;
        Ok(self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Sorted(Vec<Vec<u64>>);

    impl RunKeys for Sorted {
        fn row_count(&self) -> u64 {
            self.0[0].len() as u64
        }
        fn read(&self, key: usize, rows: Range<u64>, out: &mut Vec<u64>) -> Result<()> {
            out.extend_from_slice(&self.0[key][rows.start as usize..rows.end as usize]);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Collected(Vec<(u32, Vec<u64>)>);

    impl Order for Collected {
        fn rows(&mut self, run: u32, keys: &[&[u64]]) -> Result<()> {
            for row in 0..keys[0].len() {
                self.0.push((run, keys.iter().map(|key| key[row]).collect()));
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn merged_rows_are_the_stable_sort_of_all(
            runs in proptest::collection::vec(proptest::collection::vec((0u64..5, 0u64..4), 0..60), 0..9),
            buffer_rows in 1usize..20,
        ) {
            let mut runs = runs;
            runs.iter_mut().for_each(|run| run.sort_unstable());
            let columns: Vec<Sorted> = runs
                .iter()
                .map(|run| Sorted(vec![run.iter().map(|k| k.0).collect(), run.iter().map(|k| k.1).collect()]))
                .collect();
            let sources: Vec<&dyn RunKeys> = columns.iter().map(|run| run as &dyn RunKeys).collect();
            let mut found = Collected::default();
            merge_runs(&sources, 2, buffer_rows, &mut found).unwrap();
            let mut expected: Vec<(u32, Vec<u64>)> = runs
                .iter()
                .enumerate()
                .flat_map(|(run, rows)| rows.iter().map(move |k| (run as u32, vec![k.0, k.1])))
                .collect();
            expected.sort_by(|a, b| a.1.cmp(&b.1));
            prop_assert_eq!(found.0, expected);
        }
    }

    #[test]
    fn without_keys_runs_follow_each_other() {
        struct Rows(u64);
        impl RunKeys for Rows {
            fn row_count(&self) -> u64 {
                self.0
            }
            fn read(&self, _: usize, _: Range<u64>, _: &mut Vec<u64>) -> Result<()> {
                unreachable!("there are no keys")
            }
        }
        let mut found = Collected::default();
        merge_runs(&[&Rows(3), &Rows(0), &Rows(2)], 0, 2, &mut found).unwrap();
        assert_eq!(found.0.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 0, 0, 2, 2]);
    }
}
