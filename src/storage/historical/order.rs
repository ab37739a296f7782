//! The order of merged rows: by grouping columns, then by sort columns, then as they arrived.
//!
//! Only key columns are looked at; the result is a permutation that the other columns follow.

use crate::format::encoding::{Encodable, Lane};
use crate::memory::Chunk;
use crate::with_fixed_values;
use rayon::prelude::*;

/// A key column as unsigned numbers in the order of its values: nulls first, NaN last, the zeros of floats equal.
pub(super) enum Key {
    /// Ranks of symbols: sorted codes plus one, zero for null. Dense.
    Ranks(Vec<u32>),
    /// Any other type.
    Wide(Vec<u64>),
}

impl Key {
    /// The key of a column; strings must be codes of a sorted table.
    pub(super) fn of(chunk: &Chunk) -> Self {
        fn wide<T: Encodable>(values: &[T]) -> Key {
            Key::Wide(values.iter().map(|&value| rank(value)).collect())
        }
        match chunk {
            // Null is the greatest code: one more wraps it to zero.
            Chunk::String(strings) => Key::Ranks(strings.codes.iter().map(|code| code.0.wrapping_add(1)).collect()),
            other => with_fixed_values!(other, values => wide(values), else unreachable!("a key of variable width")),
        }
    }

    /// Appends the numbers of all rows.
    pub(super) fn append_to(&self, out: &mut Vec<u64>) {
        match self {
            Key::Ranks(ranks) => out.extend(ranks.iter().map(|&rank| u64::from(rank))),
            Key::Wide(values) => out.extend_from_slice(values),
        }
    }

    /// The number of a row.
    pub(super) fn get(&self, row: u32) -> u64 {
        match self {
            Key::Ranks(ranks) => u64::from(ranks[row as usize]),
            Key::Wide(values) => values[row as usize],
        }
    }
}

/// The rows in merged order. `keys` are the grouping columns and then the sort columns, each of `row_count` numbers.
pub(super) fn permutation(row_count: u32, keys: &[Key]) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..row_count).collect();
    let Some((first, rest)) = keys.split_first() else { return rows };
    let Key::Ranks(ranks) = first else {
        sort(&mut rows, keys);
        return rows;
    };
    let starts = counting_sort(ranks, &mut rows);
    // Each group by itself, in parallel: groups are many and most are in order already.
    let mut groups = Vec::with_capacity(starts.len());
    let mut left = &mut rows[..];
    for pair in starts.windows(2) {
        let (group, others) = left.split_at_mut(pair[1] - pair[0]);
        groups.push(group);
        left = others;
    }
    groups.into_par_iter().for_each(|group| sort(group, rest));
    rows
}

/// Orders rows by rank, stable; returns where each rank starts, and the end.
fn counting_sort(ranks: &[u32], rows: &mut [u32]) -> Vec<usize> {
    let most = ranks.iter().copied().max().map_or(0, |most| most as usize);
    let mut starts = vec![0usize; most + 2];
    for &rank in ranks {
        starts[rank as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    for (row, &rank) in ranks.iter().enumerate() {
        let at = &mut next[rank as usize];
        rows[*at] = row as u32;
        *at += 1;
    }
    starts
}

/// Sorts rows by keys, stable, unless they are in order.
fn sort(rows: &mut [u32], keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    let compare = |a: u32, b: u32| {
        keys.iter()
            .map(|key| key.get(a).cmp(&key.get(b)))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    if rows.is_sorted_by(|&a, &b| compare(a, b).is_le()) {
        return;
    }
    if let [key] = keys {
        // Keys beside the rows: comparing them costs no jump through memory.
        let mut pairs: Vec<(u64, u32)> = rows.iter().map(|&row| (key.get(row), row)).collect();
        pairs.par_sort_by_key(|pair| pair.0);
        rows.iter_mut().zip(pairs).for_each(|(row, pair)| *row = pair.1);
    } else {
        rows.par_sort_by(|&a, &b| compare(a, b));
    }
}

/// Order of two values as history sorts them: nulls first, NaN last, the zeros of floats equal.
pub(in crate::storage) fn order_of<T: Encodable>(a: T, b: T) -> std::cmp::Ordering {
    rank(a).cmp(&rank(b))
}

fn rank<T: Encodable>(value: T) -> u64 {
    if value.is_null() {
        return 0;
    }
    let lane = value.to_lane();
    if !T::FLOAT {
        // Below 64 bits there is room above null; at 64 bits null is the least number already.
        return lane.xor(T::ORDER).widen() + u64::from(T::Lane::BITS < 64);
    }
    let float = lane.float();
    if float.is_nan() {
        return u64::MAX;
    }
    let bits = (float + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_order_as_values_do() {
        fn check<T: Encodable>(ascending: &[T]) {
            for pair in ascending.windows(2) {
                assert!(rank(pair[0]) < rank(pair[1]), "{pair:?}");
            }
        }
        check(&[i64::MIN, i64::MIN + 1, -1, 0, i64::MAX]);
        check(&[i8::MIN, -127, 0, 127]);
        check(&[0xFFFEu16, 0, 0xFFFD, 0xFFFF]);
        check(&[-f64::MAX, f64::NEG_INFINITY, -1.5, 0.0, f64::MIN_POSITIVE, f64::INFINITY, f64::NAN]);
        check(&[-f32::MAX, f32::NEG_INFINITY, -1.5, 0.0, f32::INFINITY, f32::NAN]);
        assert_eq!(rank(-0.0f64), rank(0.0f64));
        assert_eq!(rank(f64::NAN), rank(-f64::NAN));
    }
}
