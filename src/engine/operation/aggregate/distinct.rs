//! Numbers of distinct values. The two zeros are one value, NaN is one value where null is, and otherwise left out like null.

use super::accumulate::{Accumulator, Ids};
use crate::base::{Primitive, Result};
use crate::engine::grouper::{KeyBits, PairSet};
use crate::memory::Chunk;
use crate::with_fixed_values;
use std::any::Any;
use std::ops::Range;

/// Counts the pairs of group and value that are new.
struct CountDistinct {
    nulls: bool,
    seen: PairSet,
    counts: Vec<i64>,
}

impl CountDistinct {
    fn add_all<T: Primitive + KeyBits>(&mut self, ids: Ids<'_>, values: &[T]) {
        for (at, value) in values.iter().enumerate() {
            let group = ids.group(at);
            let is_nan = value.partial_cmp(value).is_none();
            if (self.nulls || !value.is_null() && !is_nan) && self.seen.insert(group, value.key_bits()) {
                self.counts[group as usize] += 1;
            }
        }
    }
}

impl Accumulator for CountDistinct {
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        // Values of variable width come as codes.
        with_fixed_values!(&chunks[0], values => self.add_all(ids, &values[range]), else {});
    }

    /// Never called: see [`super::kernel::Kernel::is_mergeable`].
    fn merge(&mut self, _later: &dyn Accumulator) {}

    fn finish(self: Box<Self>) -> Result<Chunk> {
        let of = |count: &i64| if *count == 0 { i64::NULL } else { *count };
        Ok(Chunk::Long(self.counts.iter().map(of).collect()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// How many distinct values each group has; null where it has none.
pub(super) fn count(groups: usize, nulls: bool) -> Box<dyn Accumulator> {
    Box::new(CountDistinct { nulls, seen: PairSet::default(), counts: vec![0; groups] })
}
