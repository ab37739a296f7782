//! Building a grouping index: where each value's rows lie once rows are in merged order.

use super::order::Key;
use std::collections::HashSet;

/// First merged row of each value of a key, and the row count; none where a value's rows do not lie together.
pub(super) fn starts(key: &Key, rows: &[u32]) -> Option<Vec<u64>> {
    let mut starts = Vec::new();
    let mut ascending = true;
    let mut before = None;
    for (at, &row) in rows.iter().enumerate() {
        let number = key.get(row);
        if before != Some(number) {
            ascending &= before < Some(number);
            starts.push(at as u64);
            before = Some(number);
        }
    }
    // The first grouping column ascends; a further one may still have each value in one place.
    let together = ascending || {
        let mut seen = HashSet::with_capacity(starts.len());
        starts.iter().all(|&start| seen.insert(key.get(rows[start as usize])))
    };
    starts.push(rows.len() as u64);
    together.then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_lie_together_have_starts() {
        for (numbers, expected) in [
            (vec![], Some(vec![0])),
            (vec![1, 1, 4], Some(vec![0, 2, 3])),
            (vec![4, 1, 1], Some(vec![0, 1, 3])),
            (vec![1, 2, 1], None),
        ] {
            let rows: Vec<u32> = (0..numbers.len() as u32).collect();
            assert_eq!(starts(&Key::Wide(numbers), &rows), expected);
        }
    }
}
