//! Which storage each row of a merged partition goes to.
//!
//! Without a word in the schema whole groups go by a hash of all grouping columns, and rows of a table without groups in turn. `key_formula`
//! says otherwise: a macro, or an expression whose value is taken modulo the number of storages, never negative, as by Java's `Math.floorMod`.
//!
//! **Invariant:** the storage of a row follows from its values, the partition and the list of storages alone, or from its place in the order
//! where there are no groups: both ways of merging spread alike.

use super::source;
use crate::base::date_time::{self, Zone};
use crate::base::{ColumnDefinition, ColumnKind, Error, Result, TableDefinition};
use crate::memory::{Chunk, SymbolCode, Symbols};
use crate::storage::Location;
use crate::storage::computation::Computation;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The `key_formula` that spreads whole groups of the first grouping column.
pub const BY_FIRST_GROUPING_COLUMN: &str = "${autobalance_by_first_grouping_column}";
/// The `key_formula` that puts a whole partition into one storage, and that of the next day into the next.
pub const SINGLE: &str = "${autobalance_single}";
/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;
/// Rows whose keys are computed together.
const PIECE_ROWS: usize = 1 << 16;

/// How rows are spread over storages.
#[derive(Clone, Debug, Default)]
pub enum Spread {
    /// Whole groups, by a hash of all grouping columns; rows in turn where there are none.
    #[default]
    Groups,
    /// Whole groups of the first grouping column, by a hash of it; rows in turn where there is none.
    FirstGroup,
    /// All rows to the storage of this number, modulo how many there are.
    Single(u64),
    /// By a computed value: a whole number or a char as it is, a boolean as 1 or 0, a string by its name where a storage has it, else by Java's
    /// `hashCode`, null as 0; modulo how many storages there are.
    Computed(Arc<Computation>),
}

/// A `key_formula` to be compiled, with all that it may speak of.
#[derive(Clone, Copy, Debug)]
pub struct KeyFormula<'a> {
    /// The expression.
    pub text: &'a str,
    /// The table's columns, the partitioning one included.
    pub columns: &'a [(String, crate::base::ColumnType)],
    /// Namespace of the table.
    pub namespace: &'a str,
    /// Name of the table.
    pub table: &'a str,
    /// The partition that is merged.
    pub column_partition: &'a str,
    /// The names of the storages.
    pub storages: &'a [String],
}

/// What [`KeyCompiler`] holds.
pub type Compile = dyn Fn(&KeyFormula<'_>) -> Result<Computation> + Send + Sync;

/// Compiles key formulas: what the floor above hands in.
#[derive(Clone)]
pub struct KeyCompiler(pub Arc<Compile>);

impl fmt::Debug for KeyCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCompiler")
    }
}

impl Spread {
    /// What a schema's `key_formula` says; `compiler` is needed for expressions, and where there is more than one storage.
    pub fn of(formula: Option<&KeyFormula<'_>>, compiler: Option<&KeyCompiler>) -> Result<Self> {
        let Some(formula) = formula.filter(|formula| formula.storages.len() > 1) else { return Ok(Spread::Groups) };
        match (formula.text.trim(), compiler) {
            (BY_FIRST_GROUPING_COLUMN, _) => Ok(Spread::FirstGroup),
            (SINGLE, _) => {
                Ok(Spread::Single(single_number(formula.namespace, formula.table, formula.column_partition)))
            }
            (_, Some(compiler)) => (compiler.0)(formula)
                .map(|computation| Spread::Computed(Arc::new(computation)))
                .map_err(|error| error.context("key_formula")),
            (_, None) => {
                Err(Error::invalid("the schema spreads rows by a formula, and nothing was given to compute it")
                    .hint("set MergeOptions::key_compiler"))
            }
        }
    }

    /// True where a key is computed of every row.
    pub(super) fn computation(&self) -> Option<&Computation> {
        match self {
            Spread::Computed(computation) => Some(computation),
            _ => None,
        }
    }

    /// How many of the grouping columns decide the storage of a group; 0 where groups do not.
    pub(super) fn grouping_count(&self, grouping_columns: usize) -> usize {
        match self {
            Spread::Groups => grouping_columns,
            Spread::FirstGroup => grouping_columns.min(1),
            Spread::Single(_) | Spread::Computed(_) => 0,
        }
    }
}

/// The number of a partition that goes to one storage as a whole: days follow each other, tables begin at different ones.
pub fn single_number(namespace: &str, table: &str, column_partition: &str) -> u64 {
    let table = u64::from(crc32fast::hash(format!("{namespace}.{table}").as_bytes()));
    let day = match date_time::parse_date_time(column_partition, Some(&Zone::utc())) {
        Ok(ns) => ns.div_euclid(DAY_NS),
        Err(_) => i64::from(crc32fast::hash(column_partition.as_bytes())),
    };
    table.wrapping_add_signed(day)
}

/// The storage of a group: by a hash of the numbers of its grouping columns, or of the strings that they stand for, so that a group never splits
/// and lies in the same storage every day.
pub(super) fn part_of_group(numbers: &[u64], symbols: &[Option<&Symbols>], part_count: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (at, number) in numbers.iter().enumerate() {
        match symbols.get(at).copied().flatten() {
            // No text has these bytes, so that neighbours cannot be taken for each other.
            Some(symbols) => match number.checked_sub(1).and_then(|code| symbols.get(SymbolCode(code as u32))) {
                Some(text) => [text.as_bytes(), &[0xFF]].iter().for_each(|bytes| hasher.update(bytes)),
                None => hasher.update(&[0xFE]),
            },
            None => hasher.update(&number.to_le_bytes()),
        }
    }
    hasher.finalize() % part_count.max(1)
}

/// The storages that a computation gives the rows of some sources, numbered through.
pub(super) fn computed_parts(
    computation: &Computation,
    sources: &[Arc<dyn Location>],
    definition: &TableDefinition,
    storages: &[String],
) -> Result<Vec<u32>> {
    let inputs = computation.inputs.iter().map(|name| definition.require(name)).collect::<Result<Vec<_>>>()?;
    let rows: u64 = sources.iter().map(|source| source.row_count()).sum();
    let mut parts = Vec::with_capacity(rows as usize);
    for source in sources {
        for start in (0..source.row_count()).step_by(PIECE_ROWS) {
            let rows = start..source.row_count().min(start + PIECE_ROWS as u64);
            let chunks =
                inputs.iter().map(|input| input_chunk(source, input, rows.clone())).collect::<Result<Vec<_>>>()?;
            let count = (rows.end - rows.start) as usize;
            let keys = (computation.compute)(&chunks, count).map_err(|error| error.context("key_formula"))?;
            if keys.len() != count {
                return Err(Error::invalid(format!("the key formula gave {} values for {count} rows", keys.len())));
            }
            append_parts(&keys, storages, &mut parts)?;
        }
        inputs.iter().try_for_each(|input| {
            source.column_as(input).map(|region| region.iter().for_each(|region| region.forget()))
        })?;
    }
    Ok(parts)
}

fn input_chunk(source: &Arc<dyn Location>, column: &ColumnDefinition, rows: Range<u64>) -> Result<Chunk> {
    if column.kind == ColumnKind::Partitioning {
        let partition = &*source.key().column_partition;
        return Chunk::strings(rows.map(|_| Some(partition)));
    }
    source::read_rows(&**source, column, rows)
}

/// Takes values modulo the number of storages.
fn append_parts(keys: &Chunk, storages: &[String], parts: &mut Vec<u32>) -> Result<()> {
    fn each<T: Copy + PartialEq>(values: &[T], count: usize, parts: &mut Vec<u32>, null: T, number: impl Fn(T) -> i64) {
        let number = |value: T| if value == null { 0 } else { number(value) };
        parts.extend(values.iter().map(|&value| number(value).rem_euclid(count as i64) as u32));
    }
    let count = storages.len().max(1);
    match keys {
        Chunk::Byte(values) => each(values, count, parts, i8::MIN, i64::from),
        Chunk::Short(values) => each(values, count, parts, i16::MIN, i64::from),
        Chunk::Int(values) => each(values, count, parts, i32::MIN, i64::from),
        Chunk::Long(values) => each(values, count, parts, i64::MIN, |value| value),
        Chunk::Char(values) => each(values, count, parts, 0xFFFE, i64::from),
        Chunk::Boolean(values) => {
            parts.extend(values.iter().map(|value| u32::from(value.get() == Some(true)) % count as u32));
        }
        Chunk::String(strings) => {
            let part = |text: &str| match storages.iter().position(|name| name == text) {
                Some(at) => at as u32,
                None => java_hash(text).rem_euclid(count as i32) as u32,
            };
            let mut known: Vec<Option<u32>> = vec![None; strings.symbols.len()];
            for code in &strings.codes {
                parts.push(match (known.get_mut(code.index()), strings.symbols.get(*code)) {
                    (Some(known), Some(text)) => *known.get_or_insert_with(|| part(text)),
                    _ => 0,
                });
            }
        }
        other => {
            return Err(Error::type_mismatch(format!("the key formula gives {}", other.column_type()))
                .hint("it must give a whole number, a char, a boolean or a String"));
        }
    }
    Ok(())
}

/// Java's `String.hashCode`.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}
