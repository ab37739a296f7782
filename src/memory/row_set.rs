//! Sets of row keys. The order of keys is the order of rows; a row's position is its rank.
//!
//! Immutable and cheap to clone: versions of a table share their sets. Held as sorted, disjoint, non-adjacent ranges
//! with cumulated counts, so that an append-only table is one range and every question is O(1) or O(log ranges).

use std::ops::Range;
use std::sync::Arc;

/// An ascending set of row keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    ranges: Arc<[Run]>,
    len: u64,
}

/// A range of keys and how many keys lie before it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    start: u64,
    end: u64,
    before: u64,
}

impl RowSet {
    /// The set without rows.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The keys of a range.
    pub fn range(keys: Range<u64>) -> Self {
        let mut builder = RowSetBuilder::default();
        builder.push_range(keys);
        builder.finish()
    }

    /// The keys 0 to `count`.
    pub fn flat(count: u64) -> Self {
        Self::range(0..count)
    }

    /// A set from ascending ranges; empty ones are skipped, adjacent ones joined. Panics where they overlap.
    pub fn from_ranges(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut builder = RowSetBuilder::default();
        ranges.into_iter().for_each(|range| builder.push_range(range));
        builder.finish()
    }

    /// A set from ascending keys. Panics where they do not ascend.
    pub fn from_keys(keys: impl IntoIterator<Item = u64>) -> Self {
        let mut builder = RowSetBuilder::default();
        keys.into_iter().for_each(|key| builder.push(key));
        builder.finish()
    }

    /// Ascending sets one after the other. Panics where they do not ascend. O(ranges).
    pub fn concatenate(parts: &[RowSet]) -> Self {
        if let [one] = parts {
            return one.clone();
        }
        let mut runs: Vec<Run> = Vec::with_capacity(parts.iter().map(RowSet::range_count).sum());
        let mut len = 0;
        for part in parts {
            let (Some(first), mut own) = (part.first(), &*part.ranges) else { continue };
            if let Some(last) = runs.last_mut() {
                assert!(first >= last.end, "row keys must ascend: {first} after {}", last.end);
                if first == last.end {
                    last.end = own[0].end;
                    own = &own[1..];
                }
            }
            runs.extend(own.iter().map(|run| Run { before: run.before + len, ..*run }));
            len += part.len;
        }
        RowSet { ranges: runs.into(), len }
    }

    /// How many rows there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True when the keys are exactly 0 to `len`: keys are positions.
    pub fn is_flat(&self) -> bool {
        self.is_empty() || self.ranges.len() == 1 && self.ranges[0].start == 0
    }

    /// The lowest key.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(|run| run.start)
    }

    /// The highest key.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|run| run.end - 1)
    }

    /// How many ranges the set consists of.
    pub fn range_count(&self) -> usize {
        self.ranges.len()
    }

    /// The ranges, ascending, disjoint and not adjacent.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.ranges.iter().map(|run| run.start..run.end)
    }

    /// The keys, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges().flatten()
    }

    /// The key at a position. O(log ranges).
    pub fn key_at(&self, position: u64) -> Option<u64> {
        if position >= self.len {
            return None;
        }
        let run = &self.ranges[self.ranges.partition_point(|run| run.before <= position) - 1];
        Some(run.start + (position - run.before))
    }

    /// The position of a key, none if it is not in the set. O(log ranges).
    pub fn position_of(&self, key: u64) -> Option<u64> {
        let at = self.ranges.partition_point(|run| run.start <= key);
        let run = self.ranges.get(at.checked_sub(1)?)?;
        (key < run.end).then(|| run.before + (key - run.start))
    }

    /// True when the key is in the set. O(log ranges).
    pub fn contains(&self, key: u64) -> bool {
        self.position_of(key).is_some()
    }

    /// The rows at positions `positions`, cut to what there is. O(ranges within).
    pub fn slice(&self, positions: Range<u64>) -> RowSet {
        let (start, end) = (positions.start.min(self.len), positions.end.min(self.len));
        if start >= end {
            return RowSet::empty();
        }
        if start == 0 && end == self.len {
            return self.clone();
        }
        let first = self.ranges.partition_point(|run| run.before <= start) - 1;
        let mut builder = RowSetBuilder::default();
        for run in &self.ranges[first..] {
            if run.before >= end {
                break;
            }
            let skip = start.saturating_sub(run.before);
            let take = (end - run.before).min(run.end - run.start);
            builder.push_range(run.start + skip..run.start + take);
        }
        builder.finish()
    }

    /// The keys within a range of keys.
    pub fn within(&self, keys: Range<u64>) -> RowSet {
        let first = self.ranges.partition_point(|run| run.end <= keys.start);
        let mut builder = RowSetBuilder::default();
        for run in &self.ranges[first..] {
            if run.start >= keys.end {
                break;
            }
            builder.push_range(run.start.max(keys.start)..run.end.min(keys.end));
        }
        builder.finish()
    }

    /// Consecutive pieces of at most `rows` rows each, in order.
    pub fn chunks(&self, rows: u64) -> impl Iterator<Item = RowSet> + '_ {
        let rows = rows.max(1);
        (0..self.len.div_ceil(rows)).map(move |at| self.slice(at * rows..(at + 1) * rows))
    }

    /// The keys in both sets. O(ranges).
    pub fn intersect(&self, other: &RowSet) -> RowSet {
        let (mut a, mut b) = (self.ranges().peekable(), other.ranges().peekable());
        let mut builder = RowSetBuilder::default();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            builder.push_range(x.start.max(y.start)..x.end.min(y.end));
            if x.end <= y.end {
                a.next()
            } else {
                b.next()
            };
        }
        builder.finish()
    }

    /// The keys in either set. O(ranges).
    pub fn union(&self, other: &RowSet) -> RowSet {
        let (mut a, mut b) = (self.ranges().peekable(), other.ranges().peekable());
        let mut builder = RowSetBuilder::default();
        loop {
            let from_a = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) => x.start <= y.start,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return builder.finish(),
            };
            if let Some(range) = if from_a { a.next() } else { b.next() } {
                let start = range.start.max(builder.end);
                builder.push_range(start..range.end.max(start));
            }
        }
    }

    /// The keys of this set that are not in the other. O(ranges).
    pub fn minus(&self, other: &RowSet) -> RowSet {
        let mut builder = RowSetBuilder::default();
        let mut cut = other.ranges().peekable();
        for range in self.ranges() {
            let mut start = range.start;
            while let Some(hole) = cut.peek() {
                if hole.start >= range.end {
                    break;
                }
                builder.push_range(start..hole.start.max(start));
                start = start.max(hole.end);
                if hole.end > range.end {
                    break;
                }
                cut.next();
            }
            builder.push_range(start.min(range.end)..range.end);
        }
        builder.finish()
    }
}

impl std::fmt::Debug for RowSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ranges().take(16)).finish()?;
        write!(f, " ({} rows)", self.len)
    }
}

/// Collects ascending keys and ranges into a [`RowSet`].
#[derive(Default)]
pub struct RowSetBuilder {
    runs: Vec<Run>,
    end: u64,
    len: u64,
}

impl RowSetBuilder {
    /// Adds a key above all before it; panics otherwise.
    pub fn push(&mut self, key: u64) {
        self.push_range(key..key + 1);
    }

    /// Adds a range above all before it, nothing if it is empty; panics where it reaches below.
    pub fn push_range(&mut self, keys: Range<u64>) {
        if keys.start >= keys.end {
            return;
        }
        assert!(keys.start >= self.end || self.runs.is_empty(), "row keys must ascend: {keys:?} after {}", self.end);
        match self.runs.last_mut() {
            Some(last) if last.end == keys.start => last.end = keys.end,
            _ => self.runs.push(Run { start: keys.start, end: keys.end, before: self.len }),
        }
        self.len += keys.end - keys.start;
        self.end = keys.end;
    }

    /// The set.
    pub fn finish(self) -> RowSet {
        RowSet { ranges: self.runs.into(), len: self.len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn keys() -> impl Strategy<Value = BTreeSet<u64>> {
        prop::collection::btree_set(0u64..60, 0..40)
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets(a in keys(), b in keys(), from in 0u64..70, to in 0u64..70) {
            let (x, y) = (RowSet::from_keys(a.iter().copied()), RowSet::from_keys(b.iter().copied()));
            let list = |set: &RowSet| set.iter().collect::<Vec<_>>();
            prop_assert_eq!(list(&x), a.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&x.union(&y)), a.union(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&x.intersect(&y)), a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&x.minus(&y)), a.difference(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&x.within(from..to)), a.iter().copied().filter(|k| (from..to).contains(k)).collect::<Vec<_>>());
            let sliced: Vec<u64> = a.iter().copied().skip(from as usize).take(to.saturating_sub(from) as usize).collect();
            prop_assert_eq!(list(&x.slice(from..to)), sliced);
            prop_assert_eq!(x.chunks(7).flat_map(|c| list(&c)).collect::<Vec<_>>(), list(&x));
            for (position, key) in a.iter().enumerate() {
                prop_assert_eq!(x.key_at(position as u64), Some(*key));
                prop_assert_eq!(x.position_of(*key), Some(position as u64));
            }
            prop_assert_eq!(RowSet::concatenate(&x.chunks(3).collect::<Vec<_>>()), x.clone());
            prop_assert_eq!(RowSet::concatenate(&[x.within(0..30), RowSet::empty(), y.within(30..60)]), x.within(0..30).union(&y.within(30..60)));
            prop_assert_eq!(x.key_at(a.len() as u64), None);
            prop_assert_eq!(x.contains(61), false);
            prop_assert!(x.union(&y).ranges().zip(x.union(&y).ranges().skip(1)).all(|(p, q)| p.end < q.start));
        }
    }
}
