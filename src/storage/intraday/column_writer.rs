//! One column of a location while it is written: its files and what a record says of them.

use super::append_file::AppendFile;
use super::region::open_symbols;
use super::symbol_writer::SymbolWriter;
use crate::base::limits::STRING_BYTES_MAX;
use crate::base::{ColumnDefinition, Error, Primitive, Result};
use crate::format::column_form::{ColumnForm, END_BYTES, End};
use crate::format::commit::{ColumnFile, ColumnState, FileState};
use crate::io::FileSystem;
use crate::memory::{Chunk, StringChunk, SymbolCode};
use crate::with_fixed_values;
use std::path::Path;

pub(super) struct ColumnWriter {
    name: String,
    form: ColumnForm,
    first_row: u64,
    /// The levels of the form, the rows' own first.
    levels: Vec<LevelWriter>,
    symbols: Option<SymbolWriter>,
    /// Codes of the chunk that is about to be written.
    codes: Vec<SymbolCode>,
}

/// The files of one level.
struct LevelWriter {
    data: AppendFile,
    sums: AppendFile,
}

impl ColumnWriter {
    /// Goes on where `state` ends, in its form, or at row `row_count` for a column that the location does not have yet. Reads the symbol
    /// table.
    pub(super) fn open(
        fs: &dyn FileSystem,
        directory: &Path,
        definition: &ColumnDefinition,
        state: Option<&ColumnState>,
        row_count: u64,
    ) -> Result<Self> {
        let name = definition.name.clone();
        if definition.column_type.is_object() || definition.column_type.element().is_some() {
            let column_type = definition.column_type;
            return Err(Error::type_mismatch(format!("column {name}: columns of type {column_type} are not stored")));
        }
        let form = state.map_or_else(|| ColumnForm::of(definition), |state| state.form);
        let file = |file: ColumnFile| {
            let found = state.and_then(|state| state.file(file)).copied().unwrap_or_default();
            let mut file = AppendFile::new(directory.join(file.name(&name)), &found);
            file.check_size(fs).map(|()| file)
        };
        let levels = (0..=form.depth())
            .map(|level| {
                Ok(LevelWriter { data: file(ColumnFile::values(level))?, sums: file(ColumnFile::sums(level))? })
            })
            .collect::<Result<_>>()?;
        let symbols = match form.has_symbols() {
            true => {
                let (ends, text) = (file(ColumnFile::SymbolEnds)?, file(ColumnFile::SymbolText)?);
                Some(SymbolWriter::new(&open_symbols(fs, directory, state, None)?, ends, text))
            }
            false => None,
        };
        let first_row = state.map_or(row_count, |state| state.first_row);
        Ok(ColumnWriter { name, form, first_row, levels, symbols, codes: Vec::new() })
    }

    /// Gives codes to the strings of a chunk and looks at lengths: the only part of an append that its values can make fail.
    pub(super) fn prepare(&mut self, chunk: &Chunk) -> Result<()> {
        match (&mut self.symbols, chunk) {
            (Some(symbols), Chunk::String(strings)) => symbols.recode(strings, &mut self.codes),
            (None, Chunk::String(strings)) => check_texts(strings),
            _ => Ok(()),
        }
        .map_err(|error| error.context(format!("column {}", self.name)))
    }

    /// Appends a chunk that was prepared.
    pub(super) fn append(&mut self, fs: &dyn FileSystem, chunk: &Chunk) -> Result<()> {
        match chunk {
            Chunk::String(_) if self.form.has_symbols() => self.levels[0].append(fs, &self.codes),
            Chunk::String(strings) => append_items(fs, &mut self.levels, strings.iter().map(|s| s.map(str::as_bytes))),
            chunk => with_fixed_values!(chunk, values => self.levels[0].append(fs, values), else {
                Err(Error::type_mismatch(format!("columns of type {} are not stored", chunk.column_type())))
            }),
        }
    }

    /// Writes what was appended.
    pub(super) fn flush(&mut self, fs: &dyn FileSystem) -> Result<()> {
        if let Some(symbols) = &mut self.symbols {
            symbols.store(fs)?;
        }
        self.files().try_for_each(|file| file.flush(fs))
    }

    /// The state of a record, everything flushed being committed.
    pub(super) fn commit(&mut self) -> ColumnState {
        let (name, form, first_row) = (self.name.clone(), self.form, self.first_row);
        let files: Vec<FileState> = self.files().map(AppendFile::commit).collect();
        ColumnState { name, form, first_row, files }
    }

    /// The files in the order of [`ColumnFile::of`] the form.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut AppendFile> {
        let (rows, others) = self.levels.split_at_mut(1);
        let symbols = self.symbols.iter_mut().flat_map(|symbols| [&mut symbols.ends, &mut symbols.text]);
        rows.iter_mut()
            .flat_map(LevelWriter::files)
            .chain(symbols)
            .chain(others.iter_mut().flat_map(LevelWriter::files))
    }
}

impl LevelWriter {
    fn append<T: Primitive>(&mut self, fs: &dyn FileSystem, values: &[T]) -> Result<()> {
        self.data.append_values(fs, values, &mut self.sums)
    }

    fn files(&mut self) -> [&mut AppendFile; 2] {
        [&mut self.data, &mut self.sums]
    }
}

/// Appends values that are runs of bytes, none for null: their ends to the first of two levels, their bytes to the second.
fn append_items<'a>(
    fs: &dyn FileSystem,
    levels: &mut [LevelWriter],
    values: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<()> {
    let [ends, bytes] = levels else { return Err(Error::invalid("a column of bytes has two levels")) };
    for value in values {
        bytes.data.append_bytes(fs, value.unwrap_or_default(), &mut bytes.sums)?;
        let end = End::new(bytes.data.size(), value.is_none());
        ends.data.append_bytes(fs, &end.0.to_le_bytes(), &mut ends.sums)?;
    }
    const { assert!(END_BYTES == 8) }
    Ok(())
}

/// Refuses texts that no file may hold, and codes without a text.
fn check_texts(strings: &StringChunk) -> Result<()> {
    for &code in strings.codes.iter().filter(|code| !code.is_null()) {
        match strings.symbols.get(code) {
            Some(text) if text.len() <= STRING_BYTES_MAX => {}
            Some(text) => return Err(too_long(text)),
            None => return Err(outside(code, strings)),
        }
    }
    Ok(())
}

/// The error for a text that is longer than any may be.
pub(super) fn too_long(text: &str) -> Error {
    Error::limit(format!("a string of {} bytes, the most is {STRING_BYTES_MAX}", text.len()))
}

fn outside(code: SymbolCode, strings: &StringChunk) -> Error {
    Error::invalid(format!("code {} is outside of its table of {} strings", code.0, strings.symbols.len()))
}
