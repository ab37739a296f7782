//! Grouping: rows of equal keys get one number, dense and in order of first appearance.
//!
//! Null is a key value, NaN equals NaN, -0.0 equals 0.0. Strings are compared as codes of one distinct table. Where a single
//! grouping column of historical locations is the key, their indices say which rows belong together and no row is read.

use super::column_source::{self, ColumnSource, MemoryColumn, RankedColumn, RegionedColumn, by_region};
use super::table::Version;
use super::timing::strategy;
use super::{limits, parallel};
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Error, Result};
use crate::memory::object_order::key_texts;
use crate::memory::{Chunk, RowSet};
use crate::storage::GroupingIndex;
use crate::with_fixed_values;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

mod key_bits;
mod numbering;

pub(crate) use key_bits::KeyBits;
use numbering::Level;
pub(crate) use numbering::{Grouper, KeySet, NO_GROUP, PairSet, key_widths};

/// Rows that one thread numbers on its own before the numbers are united.
const GROUP_PIECE_ROWS: u64 = parallel::rows_in_use(1 << 20);
/// Rows that tell whether most keys are new.
const SAMPLE_ROWS: u64 = parallel::rows_in_use(1 << 14);

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

/// The parts of rows that each run of one group has, in row order. `runs` are those of an [`Assignment`] of these rows or of more.
pub(crate) fn runs_within<'a>(runs: &'a [GroupRun], rows: &'a RowSet) -> impl Iterator<Item = GroupRun> + 'a {
    let mut ranges = rows.ranges();
    let mut left = ranges.next();
    let mut at = runs.partition_point(|run| rows.first().is_some_and(|key| run.keys.end <= key));
    std::iter::from_fn(move || {
        let range = left.clone()?;
        while runs.get(at)?.keys.end <= range.start {
            at += 1;
        }
        let end = range.end.min(runs[at].keys.end);
        left = if end < range.end { Some(end..range.end) } else { ranges.next() };
        Some(GroupRun { keys: range.start..end, group: runs[at].group })
    })
}

/// What groups are without saying which rows they have.
#[derive(Debug, Default)]
pub struct Summary {
    /// Row key of each group's first row.
    pub first: Vec<u64>,
    /// Row key of each group's last row.
    pub last: Vec<u64>,
    /// How many rows each group has.
    pub sizes: Vec<i64>,
}

impl Summary {
    /// Adds rows of a group, above all before them; a group that is new is the next number.
    fn add(&mut self, group: usize, first: u64, last: u64, size: i64) {
        if group == self.first.len() {
            self.first.push(first);
            self.last.push(last);
            self.sizes.push(size);
        } else {
            self.last[group] = last;
            self.sizes[group] += size;
        }
    }
}

/// The ends and sizes of the groups that [`group`] gives, without keeping a number a row.
pub fn summarize(version: &Version, keys: &[usize]) -> Result<Summary> {
    let rows = &version.rows;
    let mut all = Summary::default();
    if let Some(runs) = group_by_runs(version, keys)? {
        for run in runs {
            let size = (run.keys.end - run.keys.start) as i64;
            all.add(run.group as usize, run.keys.start, run.keys.end - 1, size);
        }
        return Ok(all);
    }
    let columns = keys.iter().map(|&key| as_key(&version.columns[key], rows)).collect::<Result<Vec<_>>>()?;
    let widths = key_widths(&columns)?;
    let piece_rows = piece_rows(&columns, &widths, rows)?;
    let mut parts = parallel::map_pieces_of(rows, piece_rows, |_, piece| {
        let mut summary = Summary::default();
        let grouper = number(&columns, &widths, piece, |ids, rows| {
            let mut left = ids;
            for range in rows.ranges() {
                let (own, rest) = left.split_at((range.end - range.start) as usize);
                range.zip(own).for_each(|(key, &id)| summary.add(id as usize, key, key, 1));
                left = rest;
            }
        })?;
        Ok((grouper, summary))
    })?;
    if parts.len() == 1 {
        return Ok(parts.swap_remove(0).1);
    }
    let mut united = Grouper::new(&widths);
    for (part, summary) in parts {
        let ends = summary.first.iter().zip(&summary.last).zip(&summary.sizes);
        for (group, ((&first, &last), &size)) in ends.enumerate() {
            let id = united.add_key(part.key(group), first);
            all.add(id as usize, first, last, size);
        }
    }
    Ok(all)
}

/// Groups the rows of a version by key columns. Without keys all rows are one group; without rows there is none.
pub fn group(version: &Version, keys: &[usize]) -> Result<Groups> {
    let rows = &version.rows;
    if let Some(groups) = group_as_stored(version, keys)? {
        return Ok(groups);
    }
    let columns = keys.iter().map(|&key| as_key(&version.columns[key], rows)).collect::<Result<Vec<_>>>()?;
    group_by_hash(&columns, rows)
}

/// The groups that [`group`] gives, if they are known as ranges of row keys without reading the keys.
pub(crate) fn group_as_stored(version: &Version, keys: &[usize]) -> Result<Option<Groups>> {
    let Some(runs) = group_by_runs(version, keys)? else { return Ok(None) };
    let mut first: Vec<u64> = Vec::new();
    for run in &runs {
        if run.group as usize == first.len() {
            first.push(run.keys.start);
        }
    }
    Ok(Some(Groups { count: first.len(), first, assignment: Assignment::Runs(runs) }))
}

/// Groups that are known as ranges of row keys without reading the keys; none where they are not.
fn group_by_runs(version: &Version, keys: &[usize]) -> Result<Option<Vec<GroupRun>>> {
    let rows = &version.rows;
    if rows.is_empty() || keys.is_empty() {
        return Ok(Some(rows.ranges().map(|keys| GroupRun { keys, group: 0 }).collect()));
    }
    let runs = match keys {
        [key] => match version.columns[*key].regioned() {
            Some(column) => runs_by_index(column, rows)?.map(|runs| (column.is_partitioning(), runs)),
            None => None,
        },
        _ => None,
    };
    strategy(|| match &runs {
        Some((true, runs)) => format!("{} partition values", runs.len()),
        Some((false, runs)) => format!("{} ranges of the grouping", runs.len()),
        None => "hash of keys".to_string(),
    });
    Ok(runs.map(|(_, runs)| runs))
}

/// The source itself, or, for strings that come to be while reading, their values in memory with one symbol table.
pub(crate) fn with_one_table(source: &Arc<dyn ColumnSource>, rows: &RowSet) -> Result<Arc<dyn ColumnSource>> {
    if source.column_type() != ColumnType::String || source.symbols()?.is_some() {
        return Ok(source.clone());
    }
    let values = MemoryColumn::new(column_source::read_all(&**source, rows)?)?;
    Ok(RankedColumn::over(rows, Arc::new(values)))
}

/// A column as a key: as [`with_one_table`], and for values of variable width texts in their place that are equal where the values are equal
/// keys.
pub(crate) fn as_key(source: &Arc<dyn ColumnSource>, rows: &RowSet) -> Result<Arc<dyn ColumnSource>> {
    let column_type = source.column_type();
    if !column_type.is_object() && column_type.element().is_none() {
        return with_one_table(source, rows);
    }
    let texts = key_texts(&column_source::read_all(&**source, rows)?)?;
    Ok(RankedColumn::over(rows, Arc::new(MemoryColumn::new(texts)?)))
}

/// Groups from the grouping indices of the locations, or from the partition values; none where a location has no index.
fn runs_by_index(column: &RegionedColumn, rows: &RowSet) -> Result<Option<Vec<GroupRun>>> {
    // Values of different locations are the same by their codes in one table.
    if column.column_type() == ColumnType::String && column.symbols()?.is_none() {
        return Ok(None);
    }
    let mut numbers = Numbers::of(column)?;
    let mut runs: Vec<GroupRun> = Vec::new();
    for (region, own) in by_region(rows) {
        if column.is_partitioning() {
            let group = numbers.number(column, region, &Chunk::strings([Some("")])?, 0)?;
            runs.extend(own.ranges().map(|keys| GroupRun { keys, group }));
            continue;
        }
        let Some(index) = column.grouping(region)? else { return Ok(None) };
        for (at, keys) in runs_of_index(&index, region, &own) {
            runs.push(GroupRun { keys, group: numbers.number(column, region, &index.values, at)? });
        }
    }
    Ok(Some(runs))
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
            // Ranges ascend: it is the last group, most often the next one, or one to be searched for behind these.
            while index.starts[group + 1] <= row {
                group = match index.starts.get(group + 2) {
                    Some(&after) if after <= row => {
                        group + index.starts[group..].partition_point(|&first| first <= row) - 1
                    }
                    _ => group + 1,
                };
            }
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
        let bits = with_fixed_values!(values, values => values[at].key_bits(), else {
            return Err(Error::type_mismatch(format!("a grouping column of type {}", column.column_type())));
        });
        Ok(self.by_bits.number(0, bits))
    }
}

/// Groups by the values of key columns, each of which has one symbol table if it is a String.
fn group_by_hash(columns: &[Arc<dyn ColumnSource>], rows: &RowSet) -> Result<Groups> {
    limits::require(rows.len(), 2 * size_of::<u32>())?;
    let widths = key_widths(columns)?;
    let piece_rows = piece_rows(columns, &widths, rows)?;
    let mut parts = parallel::map_pieces_of(rows, piece_rows, |_, piece| {
        let mut all = Vec::with_capacity(piece.len() as usize);
        let grouper = number(columns, &widths, piece, |ids, _| all.extend_from_slice(ids))?;
        Ok((grouper, all))
    })?;
    if parts.len() == 1 {
        let (grouper, ids) = parts.swap_remove(0);
        let count = grouper.first().len();
        return Ok(Groups { count, first: grouper.into_first(), assignment: Assignment::Rows(ids) });
    }
    // Groups of later pieces are added to those of the first in row order, which keeps the order of first appearance.
    let mut all = Grouper::new(&widths);
    let add = |(part, ids): (Grouper, Vec<u32>)| {
        let map = (0..part.first().len()).map(|group| all.add_key(part.key(group), part.first()[group]));
        (map.collect::<Vec<u32>>(), ids)
    };
    let parts: Vec<(Vec<u32>, Vec<u32>)> = parts.into_iter().map(add).collect();
    let mut ids = vec![0; rows.len() as usize];
    ids.par_chunks_mut(GROUP_PIECE_ROWS as usize).zip(parts).for_each(|(out, (map, ids))| {
        out.iter_mut().zip(ids).for_each(|(out, id)| *out = map[id as usize]);
    });
    Ok(Groups { count: all.first().len(), first: all.into_first(), assignment: Assignment::Rows(ids) })
}

/// How many rows a thread numbers on its own. Where most keys are new, all: uniting the numbers of pieces would cost as much as
/// giving them.
fn piece_rows(columns: &[Arc<dyn ColumnSource>], widths: &[Option<usize>], rows: &RowSet) -> Result<u64> {
    if rows.len() <= GROUP_PIECE_ROWS {
        return Ok(GROUP_PIECE_ROWS);
    }
    let sample = number(columns, widths, &rows.slice(0..SAMPLE_ROWS), |_, _| {})?;
    Ok(if sample.first().len() as u64 * 2 > SAMPLE_ROWS { u64::MAX } else { GROUP_PIECE_ROWS })
}

/// Numbers the keys of rows on one thread; `take` gets the numbers of each chunk of rows in order.
fn number(
    columns: &[Arc<dyn ColumnSource>],
    widths: &[Option<usize>],
    rows: &RowSet,
    mut take: impl FnMut(&[u32], &RowSet),
) -> Result<Grouper> {
    let mut grouper = Grouper::new(widths);
    let mut ids = Vec::new();
    let mut keys: Vec<Chunk> = columns.iter().map(|column| Chunk::new(column.column_type())).collect();
    for chunk_rows in rows.chunks(4 * CHUNK_ROWS as u64) {
        limits::check()?;
        for (column, chunk) in columns.iter().zip(&mut keys) {
            chunk.clear();
            column.fill(&chunk_rows, chunk)?;
        }
        ids.clear();
        grouper.add(&keys, &chunk_rows, &mut ids);
        take(&ids, &chunk_rows);
    }
    Ok(grouper)
}
