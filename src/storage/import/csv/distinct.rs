//! Counts distinct values in bounded memory: exactly up to a few thousand, by estimate above.

use hashbrown::HashSet;

/// Values up to which the count is exact. The estimate above it has a standard error of about one in its square root.
const EXACT_MAX: usize = 4_096;
/// As [`EXACT_MAX`], of each column of a table that has as many as it may have: their hashes must have room in memory together.
const EXACT_MAX_OF_MANY: usize = 256;
/// Columns that are many.
const MANY_COLUMNS: usize = 512;

/// The least hashes of the values seen: how densely they lie tells how many there are.
#[derive(Clone, Debug)]
pub(in crate::storage::import) struct Distinct {
    hashes: HashSet<u64, std::hash::BuildHasherDefault<Identity>>,
    /// Hashes above this have been thrown away.
    kept_max: u64,
    exact_max: usize,
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct { hashes: HashSet::default(), kept_max: u64::MAX, exact_max: EXACT_MAX }
    }
}

impl Distinct {
    /// Adds a value by its hash.
    #[inline]
    pub(in crate::storage::import) fn add(&mut self, hash: u64) {
        if hash <= self.kept_max && self.hashes.insert(hash) && self.hashes.len() > 2 * self.exact_max {
            self.shrink();
        }
    }

    /// Takes less memory where a table has that many columns.
    pub(in crate::storage::import) fn limit(&mut self, column_count: usize) {
        if column_count > MANY_COLUMNS && self.exact_max > EXACT_MAX_OF_MANY {
            self.exact_max = EXACT_MAX_OF_MANY;
            if self.hashes.len() > 2 * self.exact_max {
                self.shrink();
            }
        }
    }

    /// Adds the values that another has seen.
    pub(in crate::storage::import) fn merge(&mut self, other: &Distinct) {
        if other.kept_max < self.kept_max {
            self.kept_max = other.kept_max;
            self.hashes.retain(|&hash| hash <= other.kept_max);
        }
        for &hash in &other.hashes {
            self.add(hash);
        }
    }

    /// How many distinct values there were: exact up to [`EXACT_MAX`], then an estimate.
    pub(in crate::storage::import) fn count(&self) -> u64 {
        let share = self.kept_max as f64 / u64::MAX as f64;
        (self.hashes.len() as f64 / share).round() as u64
    }

    fn shrink(&mut self) {
        let mut all: Vec<u64> = self.hashes.iter().copied().collect();
        let (_, nth, _) = all.select_nth_unstable(self.exact_max - 1);
        self.kept_max = *nth;
        let kept_max = self.kept_max;
        self.hashes.retain(|&hash| hash <= kept_max);
        self.hashes.shrink_to(2 * self.exact_max);
    }
}

/// Takes a hash for its own hash.
#[derive(Clone, Default)]
pub(in crate::storage::import) struct Identity(u64);

impl std::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn few_are_exact_and_many_are_near_whatever_the_split() {
        let state = foldhash::quality::FixedState::default();
        for count in [0u64, 1, 100, 4_096, 50_000, 400_000] {
            let mut parts = [Distinct::default(), Distinct::default(), Distinct::default()];
            for value in 0..count {
                parts[(value % 3) as usize].add(state.hash_one(value));
                parts[0].add(state.hash_one(value / 2));
            }
            let [mut all, second, third] = parts;
            all.merge(&second);
            all.merge(&third);
            let error = (all.count() as f64 - count as f64).abs() / count.max(1) as f64;
            assert!(if count <= 4_096 { error == 0.0 } else { error < 0.08 }, "{count}: {}", all.count());
            // One of many columns knows less.
            all.limit(10_000);
            let error = (all.count() as f64 - count as f64).abs() / count.max(1) as f64;
            assert!(if count <= 256 { error == 0.0 } else { error < 0.25 }, "{count}: {}", all.count());
            assert!(all.hashes.len() <= 512);
        }
    }
}
