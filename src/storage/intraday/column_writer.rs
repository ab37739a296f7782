//! One column of a location while it is written: its files and what a record says of them.

use super::append_file::AppendFile;
use super::region::open_symbols;
use super::symbol_writer::SymbolWriter;
use crate::base::{ColumnDefinition, ColumnType, Result};
use crate::format::commit::{ColumnFile, ColumnState, FileState};
use crate::io::FileSystem;
use crate::memory::{Chunk, SymbolCode};
use crate::with_values;
use std::path::Path;

pub(super) struct ColumnWriter {
    name: String,
    column_type: ColumnType,
    first_row: u64,
    data: AppendFile,
    sums: AppendFile,
    symbols: Option<SymbolWriter>,
    /// Codes of the chunk that is about to be written.
    codes: Vec<SymbolCode>,
}

impl ColumnWriter {
    /// Goes on where `state` ends, or at row `row_count` for a column that the location does not have yet. Reads the symbol table.
    pub(super) fn open(
        fs: &dyn FileSystem,
        directory: &Path,
        definition: &ColumnDefinition,
        state: Option<&ColumnState>,
        row_count: u64,
    ) -> Result<Self> {
        let (name, column_type) = (definition.name.clone(), definition.column_type);
        let file = |file: ColumnFile| {
            let found = state.and_then(|state| state.file(file)).copied().unwrap_or_default();
            AppendFile::new(directory.join(file.name(&name)), &found)
        };
        let (mut data, mut sums) = (file(ColumnFile::Data), file(ColumnFile::Sums));
        data.check_size(fs)?;
        sums.check_size(fs)?;
        let symbols = match column_type {
            ColumnType::String => {
                let (mut ends, mut text) = (file(ColumnFile::SymbolEnds), file(ColumnFile::SymbolText));
                ends.check_size(fs)?;
                text.check_size(fs)?;
                Some(SymbolWriter::new(&open_symbols(fs, directory, state, None)?, ends, text))
            }
            _ => None,
        };
        let first_row = state.map_or(row_count, |state| state.first_row);
        Ok(ColumnWriter { name, column_type, first_row, data, sums, symbols, codes: Vec::new() })
    }

    /// Gives codes to the strings of a chunk, the only part of an append that its values can make fail.
    pub(super) fn prepare(&mut self, chunk: &Chunk) -> Result<()> {
        match (&mut self.symbols, chunk) {
            (Some(symbols), Chunk::String(strings)) => symbols.recode(strings, &mut self.codes),
            _ => Ok(()),
        }
        .map_err(|error| error.context(format!("column {}", self.name)))
    }

    /// Appends a chunk that was prepared.
    pub(super) fn append(&mut self, fs: &dyn FileSystem, chunk: &Chunk) -> Result<()> {
        if let Chunk::String(_) = chunk {
            return self.data.append_values(fs, &self.codes, &mut self.sums);
        }
        with_values!(chunk, values => self.data.append_values(fs, values, &mut self.sums))
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
        let (name, column_type, first_row) = (self.name.clone(), self.column_type, self.first_row);
        let files: Vec<FileState> = self.files().map(AppendFile::commit).collect();
        ColumnState { name, column_type, first_row, files }
    }

    /// The files in the order of [`ColumnFile::of`] the type.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut AppendFile> {
        let symbols = self.symbols.iter_mut().flat_map(|symbols| [&mut symbols.ends, &mut symbols.text]);
        [&mut self.data, &mut self.sums].into_iter().chain(symbols)
    }
}
