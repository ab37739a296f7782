//! The commit record of an intraday location: what decides which rows a reader sees.
//!
//! A commit file has a page of its own header and four slots of a page: two *live* ones that are overwritten in turn with
//! every commit, and two *durable* ones that are overwritten in turn after the data has reached the disk. A slot holds one
//! record, or says that the record's columns are in a side file because they do not fit. [`mod@slot`] and [`mod@body`] own the layouts;
//! this file owns the structures and what must hold between their numbers, whoever wrote them.
//!
//! Invariant: a [`CommitRecord`] that came out of this module is consistent in itself: sizes follow from row counts and types,
//! durable sizes do not exceed sizes, and names are valid file names.

mod block_sum;
pub mod body;
pub mod slot;

pub use block_sum::{BitBounds, BlockSum};

use super::column_form::{ColumnForm, LEVELS_MAX};
use crate::base::limits::COLUMN_COUNT_MAX;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, ColumnType, Error, Result};
use std::collections::HashSet;

/// The name of the commit file in its location.
pub const COMMIT_FILE: &str = "commit";
/// Bytes of data that one checksum of a `.sum` file covers.
pub const BLOCK_BYTES: u64 = 64 << 10;
/// Bytes of a [`BlockSum`] in a `.sum` file.
pub const SUM_BYTES: u64 = 24;
/// Bytes of an offset in a `.sym` file.
pub const SYMBOL_END_BYTES: u64 = 8;

/// Strings of a symbol table: the highest code stands for null.
pub const SYMBOL_COUNT_MAX: u64 = u32::MAX as u64;

/// The files of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnFile {
    /// `<Column>.dat`: an entry a row, raw and of fixed width: values, codes of strings, ends of what lies in the next level.
    Data,
    /// `<Column>.sum`: a [`BlockSum`] for every full block of the data.
    Sums,
    /// `<Column>.sym`: where each string of the symbol table ends in the text.
    SymbolEnds,
    /// `<Column>.sym.bytes`: the text of the strings, without separators.
    SymbolText,
    /// `<Column>.val`, `<Column>.val2` and so on: the entries of a level of [`ColumnForm`] beyond the first, from 1.
    Values(u8),
    /// `<Column>.val.sum` and so on: a [`BlockSum`] for every full block of them.
    ValueSums(u8),
}

impl ColumnFile {
    /// All of them, in the order of their codes.
    pub fn all() -> impl Iterator<Item = ColumnFile> + Clone {
        let levels = (1..=LEVELS_MAX as u8).flat_map(|level| [ColumnFile::Values(level), ColumnFile::ValueSums(level)]);
        [ColumnFile::Data, ColumnFile::Sums, ColumnFile::SymbolEnds, ColumnFile::SymbolText].into_iter().chain(levels)
    }

    /// The files that a column of a form has, in the order of the record.
    pub fn of(form: ColumnForm) -> impl Iterator<Item = ColumnFile> + Clone {
        let symbols = if form.has_symbols() { 2 } else { 0 };
        let symbols = [ColumnFile::SymbolEnds, ColumnFile::SymbolText].into_iter().take(symbols);
        let levels =
            (1..=form.depth() as u8).flat_map(|level| [ColumnFile::Values(level), ColumnFile::ValueSums(level)]);
        [ColumnFile::Data, ColumnFile::Sums].into_iter().chain(symbols).chain(levels)
    }

    /// The data file of a level.
    pub fn values(level: usize) -> Self {
        if level == 0 { ColumnFile::Data } else { ColumnFile::Values(level as u8) }
    }

    /// The checksums of the data file of a level.
    pub fn sums(level: usize) -> Self {
        if level == 0 { ColumnFile::Sums } else { ColumnFile::ValueSums(level as u8) }
    }

    /// The number in the record.
    pub const fn code(self) -> u8 {
        match self {
            ColumnFile::Data => 1,
            ColumnFile::Sums => 2,
            ColumnFile::SymbolEnds => 3,
            ColumnFile::SymbolText => 4,
            ColumnFile::Values(level) => 3 + 2 * level,
            ColumnFile::ValueSums(level) => 4 + 2 * level,
        }
    }

    /// What follows the column's name in the file's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            ColumnFile::Data => ".dat",
            ColumnFile::Sums => ".sum",
            ColumnFile::SymbolEnds => ".sym",
            ColumnFile::SymbolText => ".sym.bytes",
            ColumnFile::Values(1) => ".val",
            ColumnFile::Values(2) => ".val2",
            ColumnFile::Values(3) => ".val3",
            ColumnFile::Values(_) => ".val4",
            ColumnFile::ValueSums(1) => ".val.sum",
            ColumnFile::ValueSums(2) => ".val2.sum",
            ColumnFile::ValueSums(3) => ".val3.sum",
            ColumnFile::ValueSums(_) => ".val4.sum",
        }
    }

    /// The name of the file in its location.
    pub fn name(self, column: &str) -> String {
        format!("{column}{}", self.suffix())
    }
}

/// What a record says of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    /// Committed bytes. What lies beyond them is nobody's.
    pub size: u64,
    /// Bytes that had reached the disk when the record was written.
    pub durable_size: u64,
    /// Data: checksum of what follows the last full block. Other files: checksum of all committed bytes.
    pub checksum: u32,
    /// Checksum of the bytes from `durable_size` to `size`.
    pub delta_checksum: u32,
}

/// What a record says of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnState {
    /// The name, valid as [`NameKind::Column`].
    pub name: String,
    /// The type of the values, and how they are kept.
    pub form: ColumnForm,
    /// The row that the data begins with; rows before it are null. Above zero for a column added later.
    pub first_row: u64,
    /// One for each of [`ColumnFile::of`] the form, in that order.
    pub files: Vec<FileState>,
}

impl ColumnState {
    /// The column as a table's definition has it.
    pub fn definition(&self) -> ColumnDefinition {
        ColumnDefinition::new(&self.name, self.column_type()).with_symbol(self.form.symbol_use())
    }

    /// The type of the values.
    pub fn column_type(&self) -> ColumnType {
        self.form.column_type
    }

    /// The state of one of the column's files; none where its form has no such file.
    pub fn file(&self, file: ColumnFile) -> Option<&FileState> {
        let at = ColumnFile::of(self.form).position(|other| other == file)?;
        self.files.get(at)
    }

    /// The files with their states.
    pub fn files(&self) -> impl Iterator<Item = (ColumnFile, &FileState)> {
        ColumnFile::of(self.form).zip(&self.files)
    }

    /// How many strings the symbol table has; none without one.
    pub fn symbol_count(&self) -> u64 {
        self.file(ColumnFile::SymbolEnds).map_or(0, |file| file.size / SYMBOL_END_BYTES)
    }
}

/// The commit over several locations that a record belongs to: it counts once the group file of the source says that the number is
/// published. See [`crate::format::group`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupReference {
    /// Identity of the source's group file.
    pub group: [u8; 16],
    /// Number of the commit, from 1.
    pub number: u64,
    /// True if the number was durably published before the record was written: the record counts whatever the group file says.
    pub settled: bool,
}

/// One committed state of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// Random identity of the location, the same in all its records: a copied or misplaced record is refused.
    pub location: [u8; 16],
    /// Number of the writer, one more at each that commits. Newer records have higher (epoch, generation).
    pub epoch: u64,
    /// Number of the commit, one more at each.
    pub generation: u64,
    /// How many writers had to give up a newer record that did not survive.
    pub rollbacks: u64,
    /// How many rows the last of them kept.
    pub rollback_rows: u64,
    /// Committed rows.
    pub row_count: u64,
    /// Rows that a power cut could not take when the record was written: they had reached the disk, in the column files or the journal.
    pub durable_row_count: u64,
    /// When, nanoseconds since the epoch; for people, nothing is ordered by it.
    pub committed_ns: i64,
    /// The last commit over several locations that this one took part in; none if there was none.
    pub group: Option<GroupReference>,
    /// The stored columns, in the order of the table.
    pub columns: Vec<ColumnState>,
}

impl CommitRecord {
    /// What decides which of two records of a location is newer.
    pub fn version(&self) -> (u64, u64) {
        (self.epoch, self.generation)
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&ColumnState> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Refuses numbers that do not follow from each other.
    fn check(&self) -> Result<()> {
        let fail = |what: String| Err(Error::corrupt(format!("the commit record is inconsistent: {what}")));
        if self.columns.len() > COLUMN_COUNT_MAX {
            return fail(format!("{} columns", self.columns.len()));
        }
        if self.durable_row_count > self.row_count {
            return fail(format!("{} of {} rows are durable", self.durable_row_count, self.row_count));
        }
        let mut names = HashSet::with_capacity(self.columns.len());
        for column in &self.columns {
            if names::check(NameKind::Column, &column.name).is_err() {
                return fail(format!("{:?} cannot be a column", column.name));
            }
            if !names.insert(column.name.as_str()) {
                return fail(format!("column {} stands twice", column.name));
            }
            if let Some(why) = self.odd_sizes(column) {
                return fail(format!("column {}: {why}", column.name));
            }
        }
        Ok(())
    }

    /// Why the sizes of a column's files do not fit the row counts.
    fn odd_sizes(&self, column: &ColumnState) -> Option<String> {
        let width = column.form.width(0) as u64;
        let Some(rows) = self.row_count.checked_sub(column.first_row) else {
            return Some(format!("begins at row {} of {}", column.first_row, self.row_count));
        };
        let durable_rows = self.durable_row_count.saturating_sub(column.first_row);
        let (Some(size), Some(durable_size)) = (rows.checked_mul(width), durable_rows.checked_mul(width)) else {
            return Some(format!("{rows} rows"));
        };
        for (file, state) in column.files() {
            // Of durable rows the last ones may be in the journal instead of the file.
            let fits = match file {
                ColumnFile::Data => {
                    state.size == size && state.durable_size <= durable_size && state.durable_size % width == 0
                }
                ColumnFile::Sums => column.file(ColumnFile::Data).is_some_and(|data| {
                    (state.size, state.durable_size) == (sums_size(size), sums_size(data.durable_size))
                }),
                ColumnFile::SymbolEnds => {
                    state.size % SYMBOL_END_BYTES == 0
                        && state.durable_size % SYMBOL_END_BYTES == 0
                        && state.size / SYMBOL_END_BYTES <= SYMBOL_COUNT_MAX
                }
                ColumnFile::SymbolText => true,
                ColumnFile::Values(level) => {
                    let width = column.form.width(level as usize) as u64;
                    state.size % width == 0 && state.durable_size % width == 0
                }
                ColumnFile::ValueSums(level) => column.file(ColumnFile::Values(level)).is_some_and(|values| {
                    (state.size, state.durable_size) == (sums_size(values.size), sums_size(values.durable_size))
                }),
            };
            if !fits || state.durable_size > state.size {
                let (size, durable) = (state.size, state.durable_size);
                return Some(format!("{} has {size} bytes, {durable} of them durable", file.name("")));
            }
        }
        None
    }
}

/// Bytes of the `.sum` file for `data_size` bytes of data.
pub const fn sums_size(data_size: u64) -> u64 {
    data_size / BLOCK_BYTES * SUM_BYTES
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A consistent record with a column of every type.
    pub(crate) fn sample(rows: u64, durable: u64) -> CommitRecord {
        let column = |form: ColumnForm| {
            let width = form.width(0) as u64;
            let files = ColumnFile::of(form).map(|file| match file {
                ColumnFile::Data => (rows * width, durable * width),
                ColumnFile::Sums => (sums_size(rows * width), sums_size(durable * width)),
                ColumnFile::SymbolEnds => (24, 8),
                ColumnFile::SymbolText => (11, 2),
                ColumnFile::Values(_) => (2 * BLOCK_BYTES + 8, BLOCK_BYTES),
                ColumnFile::ValueSums(_) => (2 * SUM_BYTES, SUM_BYTES),
            });
            let state = |(size, durable_size)| FileState { size, durable_size, checksum: 7, delta_checksum: 9 };
            ColumnState {
                name: format!("C{}{}", form.column_type.code(), if form.plain { "Plain" } else { "" }),
                form,
                first_row: 0,
                files: files.map(state).collect(),
            }
        };
        CommitRecord {
            location: *b"0123456789abcdef",
            epoch: 3,
            generation: 41,
            rollbacks: 1,
            rollback_rows: 5,
            row_count: rows,
            durable_row_count: durable,
            committed_ns: -1,
            group: Some(GroupReference { group: *b"GROUPgroupGROUPg", number: 7, settled: true }),
            columns: (ColumnType::SCALARS.into_iter().filter(|t| !t.is_object()).map(|t| ColumnForm::new(t, false)))
                .chain([ColumnForm::new(ColumnType::String, true)])
                .map(column)
                .collect(),
        }
    }

    #[test]
    fn inconsistent_records_are_refused() {
        sample(100_000, 10).check().unwrap();
        type Change = fn(&mut CommitRecord);
        let changes: [(&str, Change); 13] = [
            ("rows are durable", |r| r.durable_row_count = r.row_count + 1),
            ("stands twice", |r| r.columns[1].name = r.columns[0].name.clone()),
            ("cannot be a column", |r| r.columns[1].name = "../../etc/passwd".into()),
            ("begins at row", |r| r.columns[1].first_row = u64::MAX),
            (".dat has", |r| r.columns[1].files[0].size += 1),
            (".dat has", |r| r.columns[1].first_row = 1),
            (".sum has", |r| r.columns[1].files[1].size += 4),
            (".sym has", |r| r.columns[0].files[2].size += 1),
            (".sym has", |r| r.columns[0].files[2].size = 8 << 33),
            (".sym.bytes has", |r| r.columns[0].files[3].durable_size = u64::MAX),
            (".dat has", |r| r.columns[10].files[0].size -= 4),
            (".val has", |r| r.columns[10].files[2].durable_size = r.columns[10].files[2].size + 1),
            (".val.sum has", |r| r.columns[10].files[3].size += 4),
        ];
        for (part, change) in changes {
            let mut record = sample(100_000, 10);
            change(&mut record);
            let message = record.check().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let mut record = sample(0, 0);
        record.row_count = u64::MAX;
        assert!(record.check().is_err());
    }
}
