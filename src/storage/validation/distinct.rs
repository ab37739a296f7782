//! Telling values apart in bounded memory: the values are divided by their checksums, and gone through once for each part.

use super::DISTINCT_BYTES;
use super::fingerprint::Fingerprint;

/// A value's or row's checksum, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Keyed {
    pub(super) key: Fingerprint,
    pub(super) location: u32,
    pub(super) row: u64,
}

/// One part of the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    number: u64,
    count: u64,
}

impl Pass {
    /// True for the values of this part.
    pub(super) fn takes(self, key: Fingerprint) -> bool {
        (key >> 64) as u64 % self.count == self.number
    }
}

/// The parts for so many values. Sorting them needs what they take once more, no more.
pub(super) fn passes(values: u64) -> impl Iterator<Item = Pass> {
    let count = (values.saturating_mul(2 * size_of::<Keyed>() as u64)).div_ceil(DISTINCT_BYTES).max(1);
    (0..count).map(move |number| Pass { number, count })
}

/// Those of `left` that have no partner of the same key in `right`; both sorted.
pub(super) fn surplus(left: &[Keyed], right: &[Keyed]) -> Vec<Keyed> {
    let mut others = right.iter().peekable();
    let mut found = Vec::new();
    for &keyed in left {
        while others.next_if(|other| other.key < keyed.key).is_some() {}
        if others.next_if(|other| other.key == keyed.key).is_none() {
            found.push(keyed);
        }
    }
    found
}

/// Those of a sorted list whose key stands before them already; with `within` only if that is in the same location.
pub(super) fn repeated(sorted: &[Keyed], within: bool) -> impl Iterator<Item = Keyed> {
    let again = move |pair: &&[Keyed]| pair[0].key == pair[1].key && !(within && pair[0].location != pair[1].location);
    sorted.windows(2).filter(again).map(|pair| pair[1])
}

/// How many keys a sorted list has.
pub(super) fn count(sorted: &[Keyed]) -> u64 {
    let changes = sorted.windows(2).filter(|pair| pair[0].key != pair[1].key).count();
    u64::from(!sorted.is_empty()) + changes as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[u128]) -> Vec<Keyed> {
        keys.iter().enumerate().map(|(row, &key)| Keyed { key, location: 0, row: row as u64 }).collect()
    }

    #[test]
    fn repeats_and_surplus_are_counted_as_often_as_they_are() {
        let (left, right) = (keys(&[1, 1, 2, 5, 5, 5]), keys(&[1, 3, 5, 5, 9]));
        let keys_of = |rows: Vec<Keyed>| rows.iter().map(|keyed| keyed.key).collect::<Vec<_>>();
        assert_eq!(keys_of(surplus(&left, &right)), [1, 2, 5]);
        assert_eq!(keys_of(surplus(&right, &left)), [3, 9]);
        assert_eq!(keys_of(repeated(&left, true).collect()), [1, 5, 5]);
        let elsewhere = [left[2], Keyed { location: 1, ..left[2] }];
        assert_eq!((repeated(&elsewhere, true).count(), repeated(&elsewhere, false).count()), (0, 1));
        assert_eq!((count(&left), count(&[])), (3, 0));
    }

    #[test]
    fn each_value_is_in_one_part() {
        let parts: Vec<Pass> = passes(100_000_000).collect();
        assert!(parts.len() > 10);
        for key in (0..1_000u128).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)) {
            assert_eq!(parts.iter().filter(|part| part.takes(key)).count(), 1);
        }
        assert_eq!(passes(10).count(), 1);
    }
}
