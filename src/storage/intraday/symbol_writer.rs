//! The symbol table of one String column while it is written: one string, one code, for as long as the location lives.

use super::append_file::AppendFile;
use super::column_writer::too_long;
use crate::base::limits::{LARGE_SYMBOLS_BYTES_MAX, STRING_BYTES_MAX, SYMBOL_BYTES};
use crate::base::{Error, Primitive, Result};
use crate::io::{FileSystem, machine};
use crate::memory::{StringChunk, SymbolCode, SymbolTableBuilder, Symbols};
use std::sync::Arc;

/// A table this many times longer than the chunk that uses it is not worth translating as a whole.
const SPARSE: usize = 4;

pub(super) struct SymbolWriter {
    builder: SymbolTableBuilder,
    /// Bytes of the strings that are long.
    large_bytes: usize,
    pub(super) ends: AppendFile,
    pub(super) text: AppendFile,
    /// How many of the builder's strings have gone to the files.
    stored: usize,
    translation: Translation,
}

/// Codes of the location for those of a table that chunks came with last; filled as codes occur.
struct Translation {
    source: Arc<Symbols>,
    codes: Vec<SymbolCode>,
}

impl SymbolWriter {
    /// Goes on with the codes of `symbols`. A string that stands twice there is `Corrupt`: rows written by now could have either code.
    pub(super) fn new(symbols: &Symbols, ends: AppendFile, text: AppendFile) -> Result<Self> {
        let translation = Translation { source: Arc::new(Symbols::empty()), codes: Vec::new() };
        let mut builder = SymbolTableBuilder::new();
        for (code, string) in symbols.iter().enumerate() {
            let first = builder.intern(string)?;
            if first.index() != code {
                return Err(Error::corrupt(format!("symbols {} and {code} are the same string", first.index())));
            }
        }
        let large_bytes = symbols.iter().map(str::len).filter(|bytes| *bytes > SYMBOL_BYTES).sum();
        Ok(SymbolWriter { builder, large_bytes, ends, text, stored: symbols.len(), translation })
    }

    /// Replaces `codes` by the location's codes for the strings of a chunk. New strings get codes; nothing is written yet.
    pub(super) fn recode(&mut self, chunk: &StringChunk, codes: &mut Vec<SymbolCode>) -> Result<()> {
        codes.clear();
        codes.reserve(chunk.codes.len());
        let known = Arc::ptr_eq(&self.translation.source, &chunk.symbols);
        if !known && chunk.symbols.len() / SPARSE > chunk.codes.len() {
            for &code in &chunk.codes {
                codes.push(if code.is_null() { code } else { self.intern(&chunk.symbols, code)? });
            }
            return Ok(());
        }
        if !known {
            self.translation.source = chunk.symbols.clone();
            self.translation.codes.clear();
            self.translation.codes.resize(chunk.symbols.len(), SymbolCode::NULL);
        }
        for &code in &chunk.codes {
            let translated = match self.translation.codes.get(code.index()) {
                Some(&translated) if !translated.is_null() => translated,
                _ if code.is_null() => code,
                _ => {
                    let translated = self.intern(&chunk.symbols, code)?;
                    self.translation.codes[code.index()] = translated;
                    translated
                }
            };
            codes.push(translated);
        }
        Ok(())
    }

    fn intern(&mut self, symbols: &Symbols, code: SymbolCode) -> Result<SymbolCode> {
        let Some(text) = symbols.get(code) else {
            return Err(Error::invalid(format!(
                "code {} is outside of its table of {} strings",
                code.0,
                symbols.len()
            )));
        };
        if text.len() > STRING_BYTES_MAX {
            return Err(too_long(text));
        }
        let before = self.builder.text_bytes();
        let code = self.builder.intern(text)?;
        if text.len() > SYMBOL_BYTES {
            self.large_bytes += self.builder.text_bytes() - before;
        }
        Ok(code)
    }

    /// Bytes of text of all strings, and of those longer than [`SYMBOL_BYTES`].
    pub(super) fn text_bytes(&self) -> (usize, usize) {
        (self.builder.text_bytes(), self.large_bytes)
    }

    /// Appends the strings that the files lack.
    pub(super) fn store(&mut self, fs: &dyn FileSystem) -> Result<()> {
        while self.stored < self.builder.len() {
            let text = self.builder.get(SymbolCode(self.stored as u32)).unwrap_or_default();
            self.text.append(fs, text.as_bytes())?;
            self.ends.append(fs, &self.text.size().to_le_bytes())?;
            self.stored += 1;
        }
        Ok(())
    }
}

/// Refuses symbol tables that do not fit into memory, given bytes of text and of long strings of each.
pub(super) fn check_sizes(sizes: impl Iterator<Item = (usize, usize)>) -> Result<()> {
    let (all, large) = sizes.fold((0, 0), |sums, of| (sums.0 + of.0, sums.1 + of.1));
    if all <= LARGE_SYMBOLS_BYTES_MAX {
        return Ok(());
    }
    let most = LARGE_SYMBOLS_BYTES_MAX.max((machine::memory_bytes() / 8) as usize);
    let (what, most) = match (large > LARGE_SYMBOLS_BYTES_MAX, all > most) {
        (true, _) => ("distinct long strings", LARGE_SYMBOLS_BYTES_MAX),
        (false, true) => ("distinct strings", most),
        (false, false) => return Ok(()),
    };
    let error = Error::limit(format!("the {what} of a partition have more than {most} bytes"));
    Err(error.hint("declare columns whose strings hardly repeat with symbol = \"none\""))
}
