//! The rows of each group in row order: what a left row may match.

use super::super::super::grouper::{Assignment, NO_GROUP};
use crate::memory::RowSet;
use std::ops::Range;

/// Row keys one group after the other. Rows are addressed by their place in this order.
#[derive(Debug)]
pub(super) struct RowLists {
    /// The place of each group's first row, and the end.
    starts: Vec<usize>,
    keys: RowKeys,
}

#[derive(Debug)]
enum RowKeys {
    List(Vec<u64>),
    /// Consecutive keys: the place of the first and its key, ascending; and where the ranges of each group start.
    Ranges {
        ranges: Vec<(usize, u64)>,
        of_group: Vec<usize>,
    },
}

impl RowLists {
    /// Lists the rows of groups below `groups`; rows without a group are left out. O(rows), or O(runs).
    pub(super) fn new(rows: &RowSet, assignment: &Assignment, groups: usize) -> Self {
        let mut starts = vec![0usize; groups + 1];
        match assignment {
            Assignment::Rows(ids) => {
                ids.iter().filter(|id| **id != NO_GROUP).for_each(|&id| starts[id as usize + 1] += 1);
                accumulate(&mut starts);
                let mut next = starts.clone();
                let mut list = vec![0; starts[groups]];
                for (key, &id) in rows.iter().zip(ids).filter(|(_, id)| **id != NO_GROUP) {
                    list[next[id as usize]] = key;
                    next[id as usize] += 1;
                }
                RowLists { starts, keys: RowKeys::List(list) }
            }
            Assignment::Runs(runs) => {
                let mut of_group = vec![0usize; groups + 1];
                let known = || runs.iter().filter(|run| run.group != NO_GROUP);
                for run in known() {
                    starts[run.group as usize + 1] += (run.keys.end - run.keys.start) as usize;
                    of_group[run.group as usize + 1] += 1;
                }
                accumulate(&mut starts);
                accumulate(&mut of_group);
                let (mut next_place, mut next_range) = (starts.clone(), of_group.clone());
                let mut ranges = vec![(0, 0); of_group[groups]];
                for run in known() {
                    let group = run.group as usize;
                    ranges[next_range[group]] = (next_place[group], run.keys.start);
                    next_range[group] += 1;
                    next_place[group] += (run.keys.end - run.keys.start) as usize;
                }
                RowLists { starts, keys: RowKeys::Ranges { ranges, of_group } }
            }
        }
    }

    /// The places of a group's rows; none for [`NO_GROUP`].
    pub(super) fn places(&self, group: u32) -> Range<usize> {
        if group == NO_GROUP { 0..0 } else { self.starts[group as usize]..self.starts[group as usize + 1] }
    }

    /// How many rows have a group.
    pub(super) fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or_default()
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The key of the row at a place of a group.
    pub(super) fn key(&self, group: u32, place: usize) -> u64 {
        match &self.keys {
            RowKeys::List(list) => list[place],
            RowKeys::Ranges { ranges, of_group } => {
                let own = &ranges[of_group[group as usize]..of_group[group as usize + 1]];
                let (first, key) = own[own.partition_point(|(first, _)| *first <= place) - 1];
                key + (place - first) as u64
            }
        }
    }

    /// The keys of the rows at places, where runs of keys were given and the keys follow each other; none otherwise. O(runs).
    pub(super) fn consecutive(&self, places: Range<usize>) -> Option<Range<u64>> {
        let RowKeys::Ranges { ranges, .. } = &self.keys else { return None };
        let at = ranges.partition_point(|(first, _)| *first <= places.start).checked_sub(1)?;
        // What a key is beyond its place is the same for all of them.
        let (first, key) = ranges[at];
        let mut next = ranges[at + 1..].iter().take_while(|(first, _)| *first < places.end);
        let follow = next.all(|(place, own)| *own >= key && own - key == (place - first) as u64);
        let start = key + (places.start - first) as u64;
        follow.then(|| start..start + places.len() as u64)
    }

    /// Appends the keys of the rows at places, which may span groups.
    pub(super) fn append_keys(&self, places: Range<usize>, out: &mut Vec<u64>) {
        match &self.keys {
            RowKeys::List(list) => out.extend_from_slice(&list[places]),
            RowKeys::Ranges { ranges, .. } => {
                let mut at = ranges.partition_point(|(first, _)| *first <= places.start).saturating_sub(1);
                let mut place = places.start;
                while place < places.end {
                    let end = ranges.get(at + 1).map_or(places.end, |(next, _)| (*next).min(places.end));
                    let (first, key) = ranges[at];
                    out.extend(key + (place - first) as u64..key + (end - first) as u64);
                    place = end;
                    at += 1;
                }
            }
        }
    }
}

fn accumulate(counts: &mut [usize]) {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
}
