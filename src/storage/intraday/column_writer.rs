//! One column of a location while it is written: its files and what a record says of them.

use super::append_file::AppendFile;
use super::journal::Appended;
use super::region::open_symbols;
use super::symbol_writer::SymbolWriter;
use crate::base::limits::STRING_BYTES_MAX;
use crate::base::{ColumnDefinition, Error, Primitive, Result};
use crate::format::column_form::{ColumnForm, END_BYTES, End};
use crate::format::commit::{ColumnFile, ColumnState, FileState};
use crate::format::encoding::Encodable;
use crate::io::FileSystem;
use crate::memory::{ArrayChunk, Chunk, ObjectChunk, StringChunk, SymbolCode};
use crate::storage::items::{byte_values, check_object, check_weights, compact, ends_of};
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
    /// The same chunk, if it has arrays.
    compact: Option<Chunk>,
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
                let known = open_symbols(fs, directory, state, None)?;
                let place =
                    |error: Error| error.at_path(&fs.display(&directory.join(ColumnFile::SymbolEnds.name(&name))));
                Some(SymbolWriter::new(&known, ends, text).map_err(place)?)
            }
            false => None,
        };
        let first_row = state.map_or(row_count, |state| state.first_row);
        Ok(ColumnWriter { name, form, first_row, levels, symbols, codes: Vec::new(), compact: None })
    }

    /// Gives codes to the strings of a chunk and looks at lengths: the only part of an append that its values can make fail.
    pub(super) fn prepare(&mut self, chunk: &Chunk) -> Result<()> {
        self.prepare_values(chunk).map_err(|error| error.context(format!("column {}", self.name)))
    }

    fn prepare_values(&mut self, chunk: &Chunk) -> Result<()> {
        // Before it is copied: arrays of arrays may share their elements.
        check_weights(chunk)?;
        self.compact = match chunk {
            Chunk::Array(_) => Some(compact(chunk)?),
            _ => None,
        };
        let mut leaf = self.compact.as_ref().unwrap_or(chunk);
        while let Chunk::Array(arrays) = leaf {
            check_arrays(arrays)?;
            leaf = &arrays.values;
        }
        match (&mut self.symbols, leaf) {
            (Some(symbols), Chunk::String(strings)) => symbols.recode(strings, &mut self.codes),
            (None, Chunk::String(strings)) => check_texts(strings),
            (_, Chunk::Object(objects)) => check_objects(objects),
            _ => Ok(()),
        }
    }

    /// Bytes of text in the symbol table, and of its strings that are long; none where there is no table.
    pub(super) fn symbol_text_bytes(&self) -> (usize, usize) {
        self.symbols.as_ref().map_or((0, 0), SymbolWriter::text_bytes)
    }

    /// Appends a chunk that was prepared.
    pub(super) fn append(&mut self, fs: &dyn FileSystem, chunk: &Chunk) -> Result<()> {
        let compact = self.compact.take();
        append_values(
            fs,
            &mut self.levels,
            compact.as_ref().unwrap_or(chunk),
            self.symbols.is_some().then_some(&self.codes),
        )
    }

    /// Puts everything that was appended into the buffers of the files.
    pub(super) fn stage(&mut self, fs: &dyn FileSystem) -> Result<()> {
        self.symbols.as_mut().map_or(Ok(()), |symbols| symbols.store(fs))
    }

    /// Adds the bytes of all files since the last commit; false where some of them have left the buffers.
    pub(super) fn add_uncommitted(&mut self, column: usize, out: &mut Vec<Appended>) -> bool {
        let form = self.form;
        ColumnFile::of(form).zip(self.files()).all(|(file, of)| match of.uncommitted() {
            Some((_, [])) => true,
            Some((offset, bytes)) => {
                out.push(Appended { column, file, offset, bytes: bytes.to_vec() });
                true
            }
            None => false,
        })
    }

    /// Writes what was appended.
    pub(super) fn flush(&mut self, fs: &dyn FileSystem) -> Result<()> {
        self.stage(fs)?;
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
    fn append<T: Encodable>(&mut self, fs: &dyn FileSystem, values: &[T]) -> Result<()> {
        self.data.append_values(fs, values, &mut self.sums)
    }

    fn append_end(&mut self, fs: &dyn FileSystem, end: End) -> Result<()> {
        self.data.append_bytes(fs, &end.0.to_le_bytes(), &mut self.sums)
    }

    fn files(&mut self) -> [&mut AppendFile; 2] {
        [&mut self.data, &mut self.sums]
    }
}

/// Appends the values of a chunk to the first of some levels, and their items to the others; `codes` are those of the innermost strings.
fn append_values(
    fs: &dyn FileSystem,
    levels: &mut [LevelWriter],
    chunk: &Chunk,
    codes: Option<&Vec<SymbolCode>>,
) -> Result<()> {
    let odd = || Err(Error::type_mismatch(format!("values of type {} are kept in other levels", chunk.column_type())));
    match (levels, chunk) {
        ([values], Chunk::String(_)) => codes.map_or_else(odd, |codes| values.append(fs, codes)),
        ([values], chunk) => with_fixed_values!(chunk, list => values.append(fs, list), else odd()),
        ([ends, items @ ..], Chunk::Array(arrays)) => {
            let base = items[0].data.size() / items_width(&arrays.values, items.len());
            append_values(fs, items, &arrays.values, codes)?;
            ends_of(arrays, base).into_iter().try_for_each(|end| ends.append_end(fs, end))
        }
        ([ends, bytes], Chunk::String(_) | Chunk::Object(_)) => {
            for value in byte_values(chunk) {
                bytes.data.append_bytes(fs, value.unwrap_or_default(), &mut bytes.sums)?;
                ends.append_end(fs, End::new(bytes.data.size(), value.is_none()))?;
            }
            Ok(())
        }
        _ => odd(),
    }
}

/// Bytes of an entry of the first of so many levels of values.
fn items_width(values: &Chunk, levels: usize) -> u64 {
    if levels > 1 { END_BYTES as u64 } else { values.column_type().width() as u64 }
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

/// Refuses bytes that are no value of the type, and more than a file may hold.
fn check_objects(objects: &ObjectChunk) -> Result<()> {
    for bytes in objects.iter().flatten() {
        if bytes.len() > STRING_BYTES_MAX {
            let (length, object_type) = (bytes.len(), objects.object_type);
            return Err(Error::limit(format!("a {object_type} of {length} bytes, the most is {STRING_BYTES_MAX}")));
        }
        let odd = |error: Error| Error::invalid(format!("not a {}: {}", objects.object_type, error.message()));
        check_object(objects.object_type, bytes).map_err(odd)?;
    }
    Ok(())
}

/// Refuses arrays with more elements than a file may hold.
fn check_arrays(arrays: &ArrayChunk) -> Result<()> {
    let most = (STRING_BYTES_MAX / arrays.element().width()) as u64;
    match arrays.slices.iter().filter(|slice| !slice.is_null()).map(|slice| slice.len).max() {
        Some(length) if length > most => {
            Err(Error::limit(format!("an array of {length} elements of type {}, the most is {most}", arrays.element())))
        }
        _ => Ok(()),
    }
}

/// The error for a text that is longer than any may be.
pub(super) fn too_long(text: &str) -> Error {
    Error::limit(format!("a string of {} bytes, the most is {STRING_BYTES_MAX}", text.len()))
}

fn outside(code: SymbolCode, strings: &StringChunk) -> Error {
    Error::invalid(format!("code {} is outside of its table of {} strings", code.0, strings.symbols.len()))
}
