//! Numbers for combinations of key values, dense and in order of first appearance.

use super::key_bits::KeyBits;
use crate::base::{ColumnType, Primitive, Result};
use crate::engine::column_source::ColumnSource;
use crate::memory::{Chunk, RowSet};
use crate::with_fixed_values;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Entries of a table indexed by key rather than hashed, at most.
const DIRECT_MAX: usize = if cfg!(test) { 1 << 9 } else { 1 << 22 };

/// Values of variable width are keys as the codes of `as_key`.
fn not_a_key(chunk: &Chunk) -> ! {
    unreachable!("values of type {} come as codes", chunk.column_type())
}

/// How many values each key column can have, null included, where they are few.
pub(crate) fn key_widths(columns: &[Arc<dyn ColumnSource>]) -> Result<Vec<Option<usize>>> {
    let width = |column: &Arc<dyn ColumnSource>| {
        Ok(match column.column_type() {
            ColumnType::String => column.symbols()?.map(|symbols| symbols.len() + 1),
            ColumnType::Boolean | ColumnType::Byte => Some(1 << 8),
            ColumnType::Char | ColumnType::Short => Some(1 << 16),
            _ => None,
        })
    };
    columns.iter().map(width).collect()
}

/// Numbers key tuples. One level a column: it numbers pairs of the number so far and the column's value.
#[derive(Debug)]
pub(crate) struct Grouper {
    levels: Vec<Level>,
    /// Row key of the first row of each group.
    first: Vec<u64>,
    /// The bits of each group's key, columns together.
    keys: Vec<u64>,
}

impl Grouper {
    /// A grouper of columns with as many possible values as [`key_widths`] says.
    pub(crate) fn new(widths: &[Option<usize>]) -> Self {
        let levels = widths.iter().map(|width| width.map_or_else(Level::hashed, Level::direct)).collect();
        Grouper { levels, first: Vec::new(), keys: Vec::new() }
    }

    /// Row key of the first row of each group.
    pub(crate) fn first(&self) -> &[u64] {
        &self.first
    }

    /// [`Grouper::first`], taken out.
    pub(super) fn into_first(self) -> Vec<u64> {
        self.first
    }

    /// The bits of a group's key.
    pub(super) fn key(&self, group: usize) -> &[u64] {
        let columns = self.levels.len();
        &self.keys[group * columns..(group + 1) * columns]
    }

    /// Adds rows and appends their groups to `ids`.
    pub(crate) fn add(&mut self, keys: &[Chunk], rows: &RowSet, ids: &mut Vec<u32>) {
        let start = ids.len();
        ids.resize(start + rows.len() as usize, 0);
        let own = &mut ids[start..];
        let mut before_count = 1;
        for (level, chunk) in self.levels.iter_mut().zip(keys) {
            with_fixed_values!(chunk, values => level.number_all(values, own, before_count), else not_a_key(chunk));
            before_count = level.count as usize;
        }
        let known = self.first.len();
        let now = self.levels.last().map_or(0, |level| level.count as usize);
        if now == known {
            return;
        }
        // Numbers are given in row order: the next new one is always the number of groups so far.
        for (at, &id) in own.iter().enumerate() {
            if id as usize == self.first.len() {
                self.first.push(rows.key_at(at as u64).unwrap_or_default());
                keys.iter().for_each(|chunk| {
                    self.keys.push(with_fixed_values!(chunk, values => values[at].key_bits(), else not_a_key(chunk)))
                });
            }
        }
    }

    /// The group of a key given by its bits; `row` becomes its first row if it is new.
    pub(super) fn add_key(&mut self, key: &[u64], row: u64) -> u32 {
        let id = self.levels.iter_mut().zip(key).fold(0, |id, (level, &bits)| level.number(id, bits));
        if id as usize == self.first.len() {
            self.first.push(row);
            self.keys.extend_from_slice(key);
        }
        id
    }
}

/// The number of rows whose key is not there.
pub(crate) const NO_GROUP: u32 = u32::MAX;

/// A set of keys to look rows up in; each has a number, in the order in which they were added.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Grouper,
}

impl KeySet {
    /// The empty set of keys of columns' types; their strings are codes of the columns' own tables.
    pub(crate) fn new(columns: &[Arc<dyn ColumnSource>]) -> Result<Self> {
        Ok(KeySet { keys: Grouper::new(&key_widths(columns)?) })
    }

    /// Adds keys, one chunk a column.
    pub(crate) fn add(&mut self, keys: &[Chunk], count: usize) {
        self.keys.add(keys, &RowSet::flat(count as u64), &mut Vec::new());
    }

    /// Appends the number of each row's key, [`NO_GROUP`] where it is not in the set. There is at least one column.
    pub(crate) fn find(&self, keys: &[Chunk], count: usize, ids: &mut Vec<u32>) {
        let start = ids.len();
        ids.resize(start + count, 0);
        for (level, chunk) in self.keys.levels.iter().zip(keys) {
            with_fixed_values!(chunk, values => level.find_all(values, &mut ids[start..]), else not_a_key(chunk));
        }
    }

    /// Appends the positions of the rows whose being in the set is as wanted.
    pub(crate) fn select(&self, keys: &[Chunk], count: usize, wanted: bool, selected: &mut Vec<u32>) {
        let mut ids = Vec::new();
        self.find(keys, count, &mut ids);
        selected.extend((0..).zip(ids).filter(|(_, id)| (*id != NO_GROUP) == wanted).map(|(at, _)| at));
    }
}

/// A set of pairs of a group and a value's bits.
#[derive(Debug)]
pub(crate) struct PairSet {
    pairs: Level,
}

impl Default for PairSet {
    fn default() -> Self {
        PairSet { pairs: Level::hashed() }
    }
}

impl PairSet {
    /// Adds a pair; true if it is new.
    pub(crate) fn insert(&mut self, group: u32, bits: u64) -> bool {
        let known = self.pairs.count;
        self.pairs.number(group, bits);
        self.pairs.count != known
    }
}

/// Numbers pairs of a number and a value's bits, in order of first appearance.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) count: u32,
    /// Larger bits are cut to this: null codes lie beyond every symbol table.
    bits_max: u64,
    map: Map,
}

#[derive(Debug)]
enum Map {
    /// Indexed by number * width + bits.
    Direct {
        width: usize,
        numbers: Vec<u32>,
    },
    Hashed {
        table: HashTable<Entry>,
        state: FixedState,
    },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bits: u64,
    before: u32,
    number: u32,
}

impl Level {
    pub(super) fn hashed() -> Self {
        let map = Map::Hashed { table: HashTable::new(), state: FixedState::default() };
        Level { count: 0, bits_max: u64::MAX, map }
    }

    fn direct(width: usize) -> Self {
        if width > DIRECT_MAX {
            return Self::hashed();
        }
        Level { count: 0, bits_max: width as u64 - 1, map: Map::Direct { width, numbers: Vec::new() } }
    }

    /// Replaces each number in `ids`, all below `before_count`, by the number of the pair of it and the value.
    fn number_all<T: Primitive + KeyBits>(&mut self, values: &[T], ids: &mut [u32], before_count: usize) {
        if let Map::Direct { width, numbers } = &mut self.map {
            let wanted = before_count.saturating_mul(*width);
            if wanted <= DIRECT_MAX {
                if numbers.len() < wanted {
                    numbers.resize(wanted.max(numbers.len() * 2).min(DIRECT_MAX), u32::MAX);
                }
                for (id, value) in ids.iter_mut().zip(values) {
                    let number = &mut numbers[*id as usize * *width + value.key_bits().min(self.bits_max) as usize];
                    if *number == u32::MAX {
                        *number = self.count;
                        self.count += 1;
                    }
                    *id = *number;
                }
                return;
            }
        }
        let mut last: Option<(u32, u64, u32)> = None;
        for (id, value) in ids.iter_mut().zip(values) {
            let bits = value.key_bits();
            let number = match last {
                Some((before, same, number)) if before == *id && same == bits => number,
                _ => self.number(*id, bits),
            };
            last = Some((*id, bits, number));
            *id = number;
        }
    }

    pub(super) fn number(&mut self, before: u32, bits: u64) -> u32 {
        let bits = bits.min(self.bits_max);
        if let Map::Direct { width, numbers } = &mut self.map {
            let slot = before as usize * *width + bits as usize;
            if slot >= numbers.len() {
                let wanted = (before as usize + 1) * *width;
                if wanted > DIRECT_MAX {
                    self.hash_instead();
                    return self.number(before, bits);
                }
                numbers.resize(wanted.max(numbers.len() * 2).min(DIRECT_MAX), u32::MAX);
            }
            if numbers[slot] == u32::MAX {
                numbers[slot] = self.count;
                self.count += 1;
            }
            return numbers[slot];
        }
        let Map::Hashed { table, state } = &mut self.map else { return 0 };
        let hash = state.hash_one((before, bits));
        if let Some(entry) = table.find(hash, |entry| entry.bits == bits && entry.before == before) {
            return entry.number;
        }
        let entry = Entry { bits, before, number: self.count };
        table.insert_unique(hash, entry, |entry| state.hash_one((entry.before, entry.bits)));
        self.count += 1;
        entry.number
    }

    fn find(&self, before: u32, bits: u64) -> Option<u32> {
        let bits = bits.min(self.bits_max);
        match &self.map {
            Map::Direct { width, numbers } => {
                numbers.get(before as usize * width + bits as usize).copied().filter(|&number| number != u32::MAX)
            }
            Map::Hashed { table, state } => table
                .find(state.hash_one((before, bits)), |entry| entry.bits == bits && entry.before == before)
                .map(|entry| entry.number),
        }
    }

    /// Replaces each number by that of the pair of it and the value, or by [`NO_GROUP`], which stays.
    fn find_all<T: Primitive + KeyBits>(&self, values: &[T], ids: &mut [u32]) {
        if let Map::Direct { width, numbers } = &self.map {
            for (id, value) in ids.iter_mut().zip(values) {
                if *id != NO_GROUP {
                    let slot = *id as usize * width + value.key_bits().min(self.bits_max) as usize;
                    *id = numbers.get(slot).copied().unwrap_or(NO_GROUP);
                }
            }
            return;
        }
        let mut last: Option<(u32, u64, u32)> = None;
        for (id, value) in ids.iter_mut().zip(values).filter(|(id, _)| **id != NO_GROUP) {
            let bits = value.key_bits();
            let number = match last {
                Some((before, same, number)) if before == *id && same == bits => number,
                _ => self.find(*id, bits).unwrap_or(NO_GROUP),
            };
            last = Some((*id, bits, number));
            *id = number;
        }
    }

    /// Turns a direct table that would grow too large into a hashed one.
    fn hash_instead(&mut self) {
        let Map::Direct { width, numbers } = &self.map else { return };
        let state = FixedState::default();
        let mut table = HashTable::with_capacity(self.count as usize);
        for (slot, &number) in numbers.iter().enumerate().filter(|(_, number)| **number != u32::MAX) {
            let entry = Entry { bits: (slot % width) as u64, before: (slot / width) as u32, number };
            let hash = state.hash_one((entry.before, entry.bits));
            table.insert_unique(hash, entry, |entry| state.hash_one((entry.before, entry.bits)));
        }
        self.map = Map::Hashed { table, state };
    }
}
