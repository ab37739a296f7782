//! Which rows of two tables have the same key: both sides get the numbers of the keys of the smaller one.
//!
//! Null matches null, NaN matches NaN, the two zeros match each other. Strings are compared as codes: each symbol of the smaller side is
//! looked up once in the other side's table. Where a side is grouped by its key, its index says which rows belong together, and no key
//! is read.

use super::super::super::column_source::{self, ColumnSource};
use super::super::super::grouper::{self, Assignment, GroupRun, KeySet, NO_GROUP, as_key};
use super::super::super::timing::strategy;
use super::super::super::{Version, parallel};
use crate::base::limits::CHUNK_ROWS;
use crate::base::{Primitive, Result};
use crate::memory::object_order::key_texts;
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use std::sync::Arc;

/// The rows of two tables under common numbers of their keys.
#[derive(Debug)]
pub(super) struct Matched {
    /// How many numbers there are.
    pub(super) groups: usize,
    /// The numbers of the left rows; [`NO_GROUP`] where the right side has no such key, or it is not known whether it has.
    pub(super) left: Assignment,
    /// The numbers of the right rows, the same.
    pub(super) right: Assignment,
}

/// Matches the rows of two versions by key columns of equal types. Without keys all rows match each other.
pub(super) fn match_rows(
    left: &Version,
    left_keys: &[usize],
    right: &Version,
    right_keys: &[usize],
) -> Result<Matched> {
    let is_left = left.rows.len() <= right.rows.len();
    strategy(|| format!("keys of the {} side looked up", if is_left { "left" } else { "right" }));
    if is_left {
        let groups = grouper::group(left, left_keys)?;
        let right = look_up(right, right_keys, left, left_keys, &groups.first)?;
        return Ok(Matched { groups: groups.count, left: groups.assignment, right });
    }
    let groups = grouper::group(right, right_keys)?;
    let left = look_up(left, left_keys, right, right_keys, &groups.first)?;
    Ok(Matched { groups: groups.count, left, right: groups.assignment })
}

/// The number of each row's key among the keys at `first` of another version.
fn look_up(
    version: &Version,
    keys: &[usize],
    known: &Version,
    known_keys: &[usize],
    first: &[u64],
) -> Result<Assignment> {
    if keys.is_empty() {
        let group = if first.is_empty() { NO_GROUP } else { 0 };
        return Ok(Assignment::Runs(version.rows.ranges().map(|keys| GroupRun { keys, group }).collect()));
    }
    let pick =
        |version: &Version, keys: &[usize]| keys.iter().map(|&at| version.columns[at].clone()).collect::<Vec<_>>();
    if let Some(stored) = grouper::group_as_stored(version, keys)? {
        let columns = pick(version, keys);
        let keys = Keys::new(&pick(known, known_keys), first, &columns)?;
        let chunks = gather(&columns, &stored.first)?;
        let mut numbers = Vec::new();
        keys.find(&chunks, stored.count, &mut numbers);
        let Assignment::Runs(mut runs) = stored.assignment else { return Ok(stored.assignment) };
        runs.iter_mut().for_each(|run| run.group = numbers[run.group as usize]);
        return Ok(Assignment::Runs(runs));
    }
    let columns = pick(version, keys).iter().map(|column| as_key(column, &version.rows)).collect::<Result<Vec<_>>>()?;
    let keys = Keys::new(&pick(known, known_keys), first, &columns)?;
    let pieces = parallel::map_pieces(&version.rows, |_, piece| {
        let mut ids = Vec::with_capacity(piece.len() as usize);
        for rows in piece.chunks(4 * CHUNK_ROWS as u64) {
            let chunks = columns.iter().map(|c| column_source::read(&**c, &rows)).collect::<Result<Vec<_>>>()?;
            keys.find(&chunks, rows.len() as usize, &mut ids);
        }
        Ok(ids)
    })?;
    Ok(Assignment::Rows(pieces.concat()))
}

fn gather(columns: &[Arc<dyn ColumnSource>], keys: &[u64]) -> Result<Vec<Chunk>> {
    let one = |column: &Arc<dyn ColumnSource>| {
        let mut chunk = Chunk::with_capacity(column.column_type(), keys.len());
        column.gather(keys, &mut chunk)?;
        // As `as_key` gives them.
        if matches!(chunk, Chunk::Array(_) | Chunk::Object(_)) { key_texts(&chunk) } else { Ok(chunk) }
    };
    columns.iter().map(one).collect()
}

/// Distinct keys of one table, to be looked up from columns of another one.
#[derive(Debug)]
pub(in super::super) struct Keys {
    pub(in super::super) set: KeySet,
    /// Which of the keys the set's numbers stand for; none where all are in the set.
    numbers: Option<Vec<u32>>,
}

impl Keys {
    /// The keys of `columns` at rows, which are distinct, for lookups from `probe`, whose strings have one symbol table each. Keys with
    /// strings that those tables have not are left out.
    pub(in super::super) fn new(
        columns: &[Arc<dyn ColumnSource>],
        rows: &[u64],
        probe: &[Arc<dyn ColumnSource>],
    ) -> Result<Self> {
        let mut known = vec![true; rows.len()];
        let mut chunks = gather(columns, rows)?;
        for (chunk, probe) in chunks.iter_mut().zip(probe) {
            if let (Chunk::String(strings), Some(symbols)) = (chunk, probe.symbols()?) {
                translate(strings, &symbols, &mut known);
            }
        }
        let mut set = KeySet::new(probe)?;
        if known.iter().all(|known| *known) {
            set.add(&chunks, rows.len());
            return Ok(Keys { set, numbers: None });
        }
        let kept: Vec<u32> = (0..).zip(known).filter(|(_, known)| *known).map(|(at, _)| at).collect();
        let chunks: Vec<Chunk> = chunks.iter().map(|chunk| chunk.take(&kept)).collect();
        set.add(&chunks, kept.len());
        Ok(Keys { set, numbers: Some(kept) })
    }

    /// Appends the number of each row's key, [`NO_GROUP`] where there is none.
    fn find(&self, chunks: &[Chunk], count: usize, ids: &mut Vec<u32>) {
        let start = ids.len();
        self.set.find(chunks, count, ids);
        if let Some(numbers) = &self.numbers {
            for id in ids[start..].iter_mut().filter(|id| **id != NO_GROUP) {
                *id = numbers[*id as usize];
            }
        }
    }
}

/// Turns codes into those of another table, each symbol once. Where that table has not the string, `known` becomes false.
fn translate(strings: &mut StringChunk, symbols: &Arc<Symbols>, known: &mut [bool]) {
    if Arc::ptr_eq(&strings.symbols, symbols) {
        return;
    }
    let mut translation: Vec<Option<Option<SymbolCode>>> = vec![None; strings.symbols.len()];
    for (code, known) in strings.codes.iter_mut().zip(known) {
        let Some(text) = strings.symbols.get(*code) else {
            *code = SymbolCode::NULL;
            continue;
        };
        let found = *translation[code.index()].get_or_insert_with(|| symbols.find(text));
        *known &= found.is_some();
        *code = found.unwrap_or(SymbolCode::NULL);
    }
    strings.symbols = symbols.clone();
}
