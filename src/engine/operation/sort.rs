//! `sort`, `sortDescending`: values become unsigned integers in the order of the language, and those are sorted.
//!
//! Ascending: null, -Infinity, …, -0.0 and 0.0 alike, …, Infinity, NaN; strings by UTF-16 code unit, by the rank of their symbol.
//! Descending is the reverse. Rows that compare equal keep their order in both.

use super::super::column_source;
use super::super::grouper::with_one_table;
use super::super::timing::strategy;
use super::super::{Table, Version, limits};
use super::{joined, split_names};
use crate::base::{Boolean, ColumnType, Error, Primitive, Result};
use crate::memory::symbols::compare_utf16;
use crate::memory::{Chunk, ObjectChunk, SymbolCode, Symbols, object_order};
use crate::with_fixed_values;
use rayon::prelude::*;

/// From this many rows a sort runs on all cores.
const PARALLEL_ROWS: usize = if cfg!(test) { 20 } else { 1 << 16 };

impl Table {
    /// The rows in ascending order of columns, the first one foremost. Stable. Without columns the table itself.
    pub fn sort(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("sort", || joined(columns), || self.sorted(&split_names(columns), false))
    }

    /// The rows in descending order of columns, all of them. Stable.
    pub fn sort_descending(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("sortDescending", || joined(columns), || self.sorted(&split_names(columns), true))
    }

    fn sorted(&self, columns: &[&str], descending: bool) -> Result<Table> {
        let columns = self.positions(columns)?;
        if columns.is_empty() {
            return Ok(self.clone());
        }
        let version = self.version()?;
        strategy(|| "sort of keys".to_string());
        limits::require(version.rows.len(), 2 * size_of::<u64>())?;
        let keys = columns.iter().map(|&at| order_keys(version, at, descending)).collect::<Result<Vec<_>>>()?;
        let positions = sorted_positions(keys);
        self.with_keys(to_row_keys(version, positions))
    }
}

/// Row keys of positions; a lookup where keys are not positions.
fn to_row_keys(version: &Version, positions: Vec<u64>) -> Vec<u64> {
    if version.rows.is_flat() {
        return positions;
    }
    let keys: Vec<u64> = version.rows.iter().collect();
    positions.into_par_iter().map(|position| keys[position as usize]).collect()
}

/// The values of a column as integers whose ascending order is the order wanted.
pub(crate) fn order_keys(version: &Version, column: usize, descending: bool) -> Result<Vec<u64>> {
    let source = &version.columns[column];
    let source = if source.column_type() == ColumnType::String {
        with_one_table(source, &version.rows)?
    } else {
        source.clone()
    };
    let chunk = column_source::read_all(&*source, &version.rows)?;
    let mut keys: Vec<u64> = match &chunk {
        Chunk::String(strings) => {
            let ranks = symbol_ranks(&strings.symbols);
            strings.codes.par_iter().map(|code| rank_of(&ranks, *code)).collect()
        }
        Chunk::Object(objects) => object_ranks(objects),
        other => {
            with_fixed_values!(other, values => values.par_iter().map(|value| value.order_bits()).collect(), else {
                return Err(Error::type_mismatch(format!("arrays have no order: {}", source.column_type())));
            })
        }
    };
    if descending {
        keys.par_iter_mut().for_each(|key| *key = !*key);
    }
    Ok(keys)
}

/// The place of each code's string among the table's strings in UTF-16 order, from 1; 0 is for null.
pub(crate) fn symbol_ranks(symbols: &Symbols) -> Vec<u32> {
    if symbols.is_sorted() && symbols.is_distinct() {
        return (1..=symbols.len() as u32).collect();
    }
    let texts: Vec<&str> = symbols.iter().collect();
    let mut order: Vec<u32> = (0..texts.len() as u32).collect();
    order.par_sort_unstable_by(|&a, &b| compare_utf16(texts[a as usize], texts[b as usize]));
    let mut ranks = vec![0; texts.len()];
    let mut rank = 0;
    for (at, &code) in order.iter().enumerate() {
        if at == 0 || texts[order[at - 1] as usize] != texts[code as usize] {
            rank += 1;
        }
        ranks[code as usize] = rank;
    }
    ranks
}

/// The place of each value among all in ascending order, equal ones alike; 0 is for null.
fn object_ranks(objects: &ObjectChunk) -> Vec<u64> {
    let mut order: Vec<usize> = (0..objects.slices.len()).filter(|&at| !objects.slices[at].is_null()).collect();
    let compare = |&a: &usize, &b: &usize| match (objects.bytes_of(a), objects.bytes_of(b)) {
        (Some(a), Some(b)) => object_order::compare(objects.object_type, a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    order.par_sort_unstable_by(compare);
    let mut ranks = vec![0; objects.slices.len()];
    let mut rank = 0;
    for (at, &position) in order.iter().enumerate() {
        if at == 0 || compare(&order[at - 1], &position).is_ne() {
            rank += 1;
        }
        ranks[position] = rank;
    }
    ranks
}

/// A code as an integer in the order of the strings, by [`symbol_ranks`]; null is 0.
pub(crate) fn rank_of(ranks: &[u32], code: SymbolCode) -> u64 {
    ranks.get(code.index()).map_or(0, |&rank| u64::from(rank))
}

/// The positions in ascending order of keys, the first column foremost, then of position.
fn sorted_positions(columns: Vec<Vec<u64>>) -> Vec<u64> {
    let row_count = columns[0].len();
    if columns.iter().all(|keys| keys.is_sorted()) && columns.len() == 1 {
        return (0..row_count as u64).collect();
    }
    let position_bits = u64::BITS - (row_count as u64).leading_zeros();
    let ranges: Vec<(u64, u32)> = columns.iter().map(|keys| offset_and_bits(keys)).collect();
    let key_bits: u32 = ranges.iter().map(|(_, bits)| bits).sum();
    if key_bits + position_bits <= u64::BITS {
        return sort_packed(&columns, &ranges, position_bits, |key, bits, value| key << bits | value, |key| key);
    }
    if key_bits + position_bits <= u128::BITS {
        let add = |key: u128, bits: u32, value: u64| key << bits | u128::from(value);
        return sort_packed(&columns, &ranges, position_bits, add, |key: u128| key as u64);
    }
    let mut positions: Vec<u64> = (0..row_count as u64).collect();
    let compare = |a: &u64, b: &u64| {
        let mut by_key = columns.iter().map(|keys| keys[*a as usize].cmp(&keys[*b as usize]));
        by_key.find(|order| order.is_ne()).unwrap_or_else(|| a.cmp(b))
    };
    if row_count < PARALLEL_ROWS {
        positions.sort_unstable_by(compare);
    } else {
        positions.par_sort_unstable_by(compare);
    }
    positions
}

/// The least key and the bits that the others need above it.
fn offset_and_bits(keys: &[u64]) -> (u64, u32) {
    let (least, most) = keys.iter().fold((u64::MAX, 0), |(least, most), &key| (least.min(key), most.max(key)));
    (least.min(most), u64::BITS - most.saturating_sub(least).leading_zeros())
}

/// Sorts integers that hold all keys above the position: no comparison of columns, no indirection.
fn sort_packed<K: Copy + Ord + Send + Sync + Default>(
    columns: &[Vec<u64>],
    ranges: &[(u64, u32)],
    position_bits: u32,
    add: impl Fn(K, u32, u64) -> K + Sync,
    low: impl Fn(K) -> u64 + Sync,
) -> Vec<u64> {
    let row_count = columns[0].len();
    let pack = |position: usize| {
        let keys = columns.iter().zip(ranges);
        let key = keys.fold(
            K::default(),
            |key, (keys, (least, bits))| {
                if *bits == 0 { key } else { add(key, *bits, keys[position] - least) }
            },
        );
        add(key, position_bits, position as u64)
    };
    let mask = u64::MAX.checked_shr(u64::BITS - position_bits).unwrap_or(0);
    if row_count < PARALLEL_ROWS {
        let mut packed: Vec<K> = (0..row_count).map(pack).collect();
        packed.sort_unstable();
        return packed.into_iter().map(|key| low(key) & mask).collect();
    }
    let mut packed: Vec<K> = (0..row_count).into_par_iter().map(pack).collect();
    packed.par_sort_unstable();
    packed.into_par_iter().map(|key| low(key) & mask).collect()
}

/// A value as an unsigned integer in the order of the language; null is 0.
pub(crate) trait OrderBits {
    fn order_bits(self) -> u64;
}

macro_rules! order_bits_of_integers {
    ($($t:ty),*) => {$(
        impl OrderBits for $t {
            /// The sentinel is the least value already.
            fn order_bits(self) -> u64 {
                (i64::from(self) as u64) ^ (1 << 63)
            }
        }
    )*};
}
order_bits_of_integers!(i8, i16, i32, i64);

impl OrderBits for u16 {
    fn order_bits(self) -> u64 {
        if self.is_null() { 0 } else { u64::from(self) + 1 }
    }
}

impl OrderBits for Boolean {
    fn order_bits(self) -> u64 {
        self.get().map_or(0, |value| u64::from(value) + 1)
    }
}

impl OrderBits for SymbolCode {
    /// Codes have no order of their own: callers take the rank of the symbol.
    fn order_bits(self) -> u64 {
        if self.is_null() { 0 } else { u64::from(self.0) + 1 }
    }
}

impl OrderBits for f64 {
    fn order_bits(self) -> u64 {
        if self.is_null() {
            return 0;
        }
        let bits = if self.is_nan() { f64::NAN.to_bits() } else { (self + 0.0).to_bits() };
        // Negative numbers descend in their bits. -Infinity stays above 0, which is null.
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    }
}

impl OrderBits for f32 {
    fn order_bits(self) -> u64 {
        if self.is_null() { 0 } else { f64::from(self).order_bits() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::nulls::{NULL_DOUBLE, NULL_FLOAT, NULL_LONG};

    #[test]
    fn bits_are_in_the_order_of_rule_57() {
        fn ascend<T: OrderBits + Copy + std::fmt::Debug>(values: &[T]) {
            for pair in values.windows(2) {
                assert!(pair[0].order_bits() < pair[1].order_bits(), "{pair:?}");
            }
        }
        ascend(&[
            NULL_DOUBLE,
            f64::NEG_INFINITY,
            -1.5,
            -f64::MIN_POSITIVE,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ]);
        ascend(&[NULL_FLOAT, f32::NEG_INFINITY, -1.5, 0.0, 1.0, f32::INFINITY, f32::NAN]);
        ascend(&[NULL_LONG, -1, 0, i64::MAX]);
        ascend(&[u16::NULL, 0u16, 65, 0xFFFF]);
        ascend(&[Boolean(-1), Boolean::FALSE, Boolean::TRUE]);
        assert_eq!((-0.0f64).order_bits(), 0.0f64.order_bits());
        assert_eq!((-f64::NAN).order_bits(), f64::NAN.order_bits());
    }
}
