//! Grouping: rows of equal keys get one number, dense and in order of first appearance.
//!
//! Null is a key value, NaN equals NaN, -0.0 equals 0.0. Strings are compared as codes of one distinct table. Where a single
//! grouping column of historical locations is the key, their indices say which rows belong together and no row is read.

use super::column_source::{self, ColumnSource, MemoryColumn, RankedColumn, RegionedColumn, by_region};
use super::parallel;
use super::table::Version;
use crate::base::{Boolean, ColumnType, Primitive, Result};
use crate::memory::{Chunk, RowSet, SymbolCode};
use crate::storage::GroupingIndex;
use crate::with_values;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

/// Entries of a table indexed by key rather than hashed, at most.
const DIRECT_MAX: usize = if cfg!(test) { 1 << 9 } else { 1 << 22 };
/// Rows that one thread numbers on its own before the numbers are united.
const GROUP_PIECE_ROWS: u64 = parallel::rows_in_use(1 << 20);

/// Which group each row belongs to.
#[derive(Debug)]
pub struct Groups {
    /// How many groups there are; numbers are below.
    pub count: usize,
    /// Row key of each group's first row.
    pub first: Vec<u64>,
    /// The groups of the rows.
    pub assignment: Assignment,
}

/// The groups of the rows of a version.
#[derive(Debug)]
pub enum Assignment {
    /// The group of each row, by position.
    Rows(Vec<u32>),
    /// Ranges of row keys of one group each, ascending, covering the rows.
    Runs(Vec<GroupRun>),
}

/// Consecutive row keys of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRun {
    /// The keys.
    pub keys: Range<u64>,
    /// Their group.
    pub group: u32,
}

impl Groups {
    /// Row key of each group's last row.
    pub fn last(&self, rows: &RowSet) -> Vec<u64> {
        let mut last = self.first.clone();
        match &self.assignment {
            Assignment::Rows(ids) => rows.iter().zip(ids).for_each(|(key, &id)| last[id as usize] = key),
            Assignment::Runs(runs) => runs.iter().for_each(|run| last[run.group as usize] = run.keys.end - 1),
        }
        last
    }

    /// How many rows each group has.
    pub fn sizes(&self) -> Vec<i64> {
        let mut sizes = vec![0i64; self.count];
        match &self.assignment {
            Assignment::Rows(ids) => ids.iter().for_each(|&id| sizes[id as usize] += 1),
            Assignment::Runs(runs) => {
                runs.iter().for_each(|run| sizes[run.group as usize] += (run.keys.end - run.keys.start) as i64)
            }
        }
        sizes
    }
}

/// Groups the rows of a version by key columns. Without keys all rows are one group; without rows there is none.
pub fn group(version: &Version, keys: &[usize]) -> Result<Groups> {
    let rows = &version.rows;
    if rows.is_empty() || keys.is_empty() {
        let runs = rows.ranges().map(|keys| GroupRun { keys, group: 0 }).collect();
        let first: Vec<u64> = rows.first().into_iter().collect();
        return Ok(Groups { count: first.len(), first, assignment: Assignment::Runs(runs) });
    }
    if let [key] = keys
        && let Some(column) = version.columns[*key].regioned()
        && let Some(groups) = group_by_index(column, rows)?
    {
        return Ok(groups);
    }
    let columns = keys.iter().map(|&key| with_one_table(&version.columns[key], rows)).collect::<Result<Vec<_>>>()?;
    group_by_hash(&columns, rows)
}

/// The source itself, or, for strings that come to be while reading, their values in memory with one symbol table.
pub(crate) fn with_one_table(source: &Arc<dyn ColumnSource>, rows: &RowSet) -> Result<Arc<dyn ColumnSource>> {
    if source.column_type() != ColumnType::String || source.symbols()?.is_some() {
        return Ok(source.clone());
    }
    let values = MemoryColumn::new(column_source::read_all(&**source, rows)?)?;
    Ok(RankedColumn::over(rows, Arc::new(values)))
}

/// Groups from the grouping indices of the locations, or from the partition values; none where a location has no index.
fn group_by_index(column: &RegionedColumn, rows: &RowSet) -> Result<Option<Groups>> {
    let mut numbers = Numbers::of(column)?;
    let mut runs: Vec<GroupRun> = Vec::new();
    let mut first: Vec<u64> = Vec::new();
    let mut add = |group: u32, keys: Range<u64>| {
        if group as usize == first.len() {
            first.push(keys.start);
        }
        runs.push(GroupRun { keys, group });
    };
    for (region, own) in by_region(rows) {
        if column.is_partitioning() {
            let group = numbers.number(column, region, &Chunk::strings([Some("")])?, 0)?;
            own.ranges().for_each(|keys| add(group, keys));
            continue;
        }
        let Some(index) = column.location(region).grouping(column.name())? else { return Ok(None) };
        for (at, keys) in runs_of_index(&index, region, &own) {
            let group = numbers.number(column, region, &index.values, at)?;
            add(group, keys);
        }
    }
    Ok(Some(Groups { count: first.len(), first, assignment: Assignment::Runs(runs) }))
}

/// The rows of a region cut into ranges of one value each, with the value's position in the index.
pub(crate) fn runs_of_index<'a>(
    index: &'a GroupingIndex,
    region: usize,
    rows: &'a RowSet,
) -> impl Iterator<Item = (usize, Range<u64>)> + 'a {
    let base = (region as u64) << column_source::REGION_SHIFT;
    let mut group = 0;
    rows.ranges().flat_map(move |range| {
        let mut start = range.start;
        let mut cuts = Vec::new();
        while start < range.end {
            let row = start - base;
            // Ranges ascend, so the search goes on from the last group.
            group += index.starts[group..].partition_point(|&first| first <= row) - 1;
            let end = range.end.min(base + index.rows(group).end);
            cuts.push((group, start..end));
            start = end;
        }
        cuts
    })
}

/// Numbers the values of indices: equal values of different locations get the same number.
struct Numbers {
    /// By united code, null last; for other types by hash.
    by_code: Option<Vec<u32>>,
    by_bits: Level,
}

impl Numbers {
    fn of(column: &RegionedColumn) -> Result<Self> {
        let by_code = column.symbols()?.map(|symbols| vec![u32::MAX; symbols.len() + 1]);
        Ok(Numbers { by_code, by_bits: Level::hashed() })
    }

    fn number(&mut self, column: &RegionedColumn, region: usize, values: &Chunk, at: usize) -> Result<u32> {
        if let (Some(numbers), Chunk::String(strings)) = (&mut self.by_code, values) {
            let code = column.united_code(region, strings.codes[at])?;
            let null = numbers.len() - 1;
            let slot = code.index().min(null);
            if numbers[slot] == u32::MAX {
                numbers[slot] = self.by_bits.count;
                self.by_bits.count += 1;
            }
            return Ok(numbers[slot]);
        }
        let bits = with_values!(values, values => values[at].key_bits());
        Ok(self.by_bits.number(0, bits))
    }
}

/// Groups by the values of key columns, each of which has one symbol table if it is a String.
fn group_by_hash(columns: &[Arc<dyn ColumnSource>], rows: &RowSet) -> Result<Groups> {
    let widths = key_widths(columns)?;
    let mut parts = parallel::map_pieces_of(rows, GROUP_PIECE_ROWS, |_, piece| {
        let mut grouper = Grouper::new(&widths);
        let mut ids = Vec::with_capacity(piece.len() as usize);
        for chunk_rows in piece.chunks(crate::base::limits::CHUNK_ROWS as u64 * 4) {
            let keys = columns.iter().map(|c| column_source::read(&**c, &chunk_rows)).collect::<Result<Vec<_>>>()?;
            grouper.add(&keys, &chunk_rows, &mut ids);
        }
        Ok((grouper, ids))
    })?;
    if parts.len() == 1 {
        let (grouper, ids) = parts.swap_remove(0);
        return Ok(Groups { count: grouper.first.len(), first: grouper.first, assignment: Assignment::Rows(ids) });
    }
    // Groups of later pieces are added to those of the first in row order, which keeps the order of first appearance.
    let mut all = Grouper::new(&widths);
    let mut ids = Vec::with_capacity(rows.len() as usize);
    for (part, part_ids) in parts {
        let map: Vec<u32> =
            (0..part.first.len()).map(|group| all.add_key(part.key(group), part.first[group])).collect();
        ids.extend(part_ids.into_iter().map(|id| map[id as usize]));
    }
    Ok(Groups { count: all.first.len(), first: all.first, assignment: Assignment::Rows(ids) })
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

    fn key(&self, group: usize) -> &[u64] {
        let columns = self.levels.len();
        &self.keys[group * columns..(group + 1) * columns]
    }

    /// Adds rows and appends their groups to `ids`.
    pub(crate) fn add(&mut self, keys: &[Chunk], rows: &RowSet, ids: &mut Vec<u32>) {
        let start = ids.len();
        ids.resize(start + rows.len() as usize, 0);
        let own = &mut ids[start..];
        for (level, chunk) in self.levels.iter_mut().zip(keys) {
            with_values!(chunk, values => level.number_all(values, own));
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
                keys.iter().for_each(|chunk| self.keys.push(with_values!(chunk, values => values[at].key_bits())));
            }
        }
    }

    /// The group of a key given by its bits; `row` becomes its first row if it is new.
    fn add_key(&mut self, key: &[u64], row: u64) -> u32 {
        let id = self.levels.iter_mut().zip(key).fold(0, |id, (level, &bits)| level.number(id, bits));
        if id as usize == self.first.len() {
            self.first.push(row);
            self.keys.extend_from_slice(key);
        }
        id
    }
}

/// Numbers pairs of a number and a value's bits, in order of first appearance.
#[derive(Debug)]
struct Level {
    count: u32,
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
    fn hashed() -> Self {
        let map = Map::Hashed { table: HashTable::new(), state: FixedState::default() };
        Level { count: 0, bits_max: u64::MAX, map }
    }

    fn direct(width: usize) -> Self {
        if width > DIRECT_MAX {
            return Self::hashed();
        }
        Level { count: 0, bits_max: width as u64 - 1, map: Map::Direct { width, numbers: Vec::new() } }
    }

    /// Replaces each number in `ids` by the number of the pair of it and the value.
    fn number_all<T: Primitive + KeyBits>(&mut self, values: &[T], ids: &mut [u32]) {
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

    fn number(&mut self, before: u32, bits: u64) -> u32 {
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

/// A value as bits that are equal exactly where keys are: for types of direct tables below the table's width.
pub(crate) trait KeyBits {
    fn key_bits(self) -> u64;
}

macro_rules! key_bits {
    ($($t:ty as $unsigned:ty),*) => {$(
        impl KeyBits for $t {
            fn key_bits(self) -> u64 {
                self as $unsigned as u64
            }
        }
    )*};
}
key_bits!(i8 as u8, i16 as u16, u16 as u16, i32 as u32, i64 as u64);

impl KeyBits for SymbolCode {
    /// Null lies beyond every table.
    fn key_bits(self) -> u64 {
        u64::from(self.0)
    }
}

impl KeyBits for Boolean {
    fn key_bits(self) -> u64 {
        self.get().map_or(2, u64::from)
    }
}

impl KeyBits for f32 {
    fn key_bits(self) -> u64 {
        if self.is_nan() { u64::from(f32::NAN.to_bits()) } else { u64::from((self + 0.0).to_bits()) }
    }
}

impl KeyBits for f64 {
    fn key_bits(self) -> u64 {
        if self.is_nan() { f64::NAN.to_bits() } else { (self + 0.0).to_bits() }
    }
}
