//! The files of one sealed column in the making: one a level, a symbol table, a grouping index.
//!
//! **Invariant:** memory stays within some blocks a level, whatever the column has.

use crate::base::limits::BLOCK_ROWS;
use crate::base::{Error, Result};
use crate::format::column_form::{ColumnForm, End};
use crate::format::encoding::{Codec, Encodable};
use crate::format::location_record::{ColumnRecord, FileRecord};
use crate::format::sealed_bytes::{self, SealedBytesWriter};
use crate::format::sealed_column::{EncodedBlock, SealedColumnWriter, encode_block, encode_chunk, encode_ends};
use crate::format::{grouping, sealed_symbols};
use crate::io::{File, FileSystem, OpenMode};
use crate::memory::{Chunk, Symbols};
use crate::storage::items::{byte_values, ends_of};
use crate::with_fixed_values;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the files of a column go.
pub(super) struct ColumnPlace<'a> {
    pub(super) fs: &'a dyn FileSystem,
    pub(super) directory: &'a Path,
    pub(super) name: &'a str,
    /// Whether the files are synced when they are complete: all but those of runs, which nobody needs after a crash.
    pub(super) durable: bool,
}

impl ColumnPlace<'_> {
    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    fn write_file(&self, extension: &str, bytes: &[u8]) -> Result<u64> {
        let file = self.fs.open(&self.path(extension), OpenMode::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        if self.durable {
            file.sync()?;
        }
        Ok(bytes.len() as u64)
    }

    /// Writes the symbol table of the column.
    pub(super) fn write_symbols(&self, symbols: &Symbols) -> Result<FileRecord> {
        let (bytes, seal) = sealed_symbols::encode(symbols.iter())?;
        Ok(FileRecord { size_bytes: self.write_file("sym", &bytes)?, seal })
    }

    /// Writes the grouping index of the column: its values and where their rows start, and the end.
    pub(super) fn write_grouping(&self, values: &Chunk, starts: &[u64]) -> Result<FileRecord> {
        let (bytes, seal) = grouping::encode(values, starts);
        Ok(FileRecord { size_bytes: self.write_file("grp", &bytes)?, seal })
    }
}

/// The extension of the file of a level.
pub(super) fn extension(level: usize) -> String {
    match level {
        0 => "col".to_string(),
        1 => "val".to_string(),
        level => format!("val{level}"),
    }
}

/// A column that is appended to.
pub(super) struct ColumnSink {
    form: ColumnForm,
    levels: Vec<LevelWriter>,
    symbols: Option<FileRecord>,
}

impl ColumnSink {
    /// Makes the files. `symbols` is the table that the codes of all chunks index, for a form that has one; it is written at once.
    pub(super) fn create(
        place: &ColumnPlace<'_>,
        form: ColumnForm,
        codec: Codec,
        symbols: Option<&Symbols>,
    ) -> Result<Self> {
        let symbols = symbols.map(|symbols| place.write_symbols(symbols)).transpose()?;
        let levels = (0..=form.depth()).map(|level| LevelWriter::create(place, form, level, codec));
        Ok(ColumnSink { form, levels: levels.collect::<Result<_>>()?, symbols })
    }

    /// Appends values, arrays compact. Encodes full blocks on all cores.
    pub(super) fn append(&mut self, chunk: &Chunk) -> Result<()> {
        append(&mut self.levels, chunk)
    }

    /// Appends rows of a chunk of fixed width; all but the last call take whole blocks. Gathers and encodes on all cores, without a copy in
    /// between.
    pub(super) fn append_rows(&mut self, chunk: &Chunk, rows: &[u32]) -> Result<()> {
        let [LevelWriter { content: Content::Values(_, writer), codec, file, offset, count }] = &mut self.levels[..]
        else {
            return Err(odd());
        };
        let encode = |rows: &[u32]| encode_rows(chunk, rows, *codec);
        let blocks: Vec<EncodedBlock> = rows.par_chunks(BLOCK_ROWS).map(encode).collect::<Result<_>>()?;
        for block in blocks {
            let bytes = writer.push(block);
            file.write_all_at(&bytes, *offset)?;
            *offset += bytes.len() as u64;
        }
        *count += rows.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub(super) fn written_bytes(&self) -> u64 {
        self.levels.iter().map(|level| level.offset).sum()
    }

    /// Writes what is left.
    pub(super) fn finish(self, place: &ColumnPlace<'_>) -> Result<ColumnRecord> {
        let finish = |level: LevelWriter| level.finish(place.durable);
        let mut files = self.levels.into_iter().map(finish).collect::<Result<Vec<_>>>()?;
        let file = files.remove(0);
        let (name, type_code) = (place.name.to_string(), self.form.column_type.code());
        Ok(ColumnRecord { name, type_code, file, symbols: self.symbols, grouping: None, values: files })
    }
}

/// Appends compact values to the first of some levels, and their items to the others.
fn append(levels: &mut [LevelWriter], chunk: &Chunk) -> Result<()> {
    match (levels, chunk) {
        ([values], chunk) => values.append_values(chunk),
        ([ends, items @ ..], Chunk::Array(arrays)) => {
            let base = items[0].count;
            append(items, &arrays.values)?;
            ends.append_ends(ends_of(arrays, base))
        }
        ([ends, bytes], Chunk::String(_) | Chunk::Object(_)) => {
            let mut found = Vec::with_capacity(chunk.len());
            for value in byte_values(chunk) {
                bytes.append_bytes(value.unwrap_or_default())?;
                found.push(End::new(bytes.count, value.is_none()));
            }
            ends.append_ends(found)
        }
        _ => Err(Error::type_mismatch("values are kept in other levels")),
    }
}

/// One file in the making.
struct LevelWriter {
    file: Arc<dyn File>,
    offset: u64,
    codec: Codec,
    /// Entries appended.
    count: u64,
    content: Content,
}

/// Entries that wait for their block, and the writer of blocks.
enum Content {
    Ends(Vec<End>, SealedColumnWriter),
    Values(Chunk, SealedColumnWriter),
    Bytes(Vec<u8>, SealedBytesWriter),
}

impl LevelWriter {
    fn create(place: &ColumnPlace<'_>, form: ColumnForm, level: usize, codec: Codec) -> Result<Self> {
        let (content, head) = match form.leaf() {
            _ if level < form.depth() => {
                let (writer, head) = SealedColumnWriter::of_ends();
                (Content::Ends(Vec::new(), writer), head)
            }
            Some(leaf) => {
                let (writer, head) = SealedColumnWriter::new(leaf);
                (Content::Values(Chunk::new(leaf), writer), head)
            }
            None => {
                let (writer, head) = SealedBytesWriter::new();
                (Content::Bytes(Vec::new(), writer), head)
            }
        };
        let file = place.fs.open(&place.path(&extension(level)), OpenMode::CreateNew)?;
        file.write_all_at(&head, 0)?;
        Ok(LevelWriter { file, offset: head.len() as u64, codec, count: 0, content })
    }

    fn append_ends(&mut self, ends: Vec<End>) -> Result<()> {
        self.count += ends.len() as u64;
        let Content::Ends(waiting, _) = &mut self.content else { return Err(odd()) };
        waiting.extend(ends);
        if waiting.len() >= BLOCK_ROWS { self.write_blocks(false) } else { Ok(()) }
    }

    fn append_values(&mut self, chunk: &Chunk) -> Result<()> {
        self.count += chunk.len() as u64;
        let Content::Values(waiting, _) = &mut self.content else { return Err(odd()) };
        waiting.append(chunk, 0..chunk.len())?;
        if waiting.len() >= BLOCK_ROWS * rayon::current_num_threads() { self.write_blocks(false) } else { Ok(()) }
    }

    fn append_bytes(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.count += bytes.len() as u64;
        let full = sealed_bytes::BLOCK_BYTES * 4 * rayon::current_num_threads();
        while !bytes.is_empty() {
            let Content::Bytes(waiting, _) = &mut self.content else { return Err(odd()) };
            let (piece, rest) = bytes.split_at(bytes.len().min(full));
            waiting.extend_from_slice(piece);
            bytes = rest;
            if waiting.len() >= full {
                self.write_blocks(false)?;
            }
        }
        Ok(())
    }

    /// Writes the full blocks that wait, or all.
    fn write_blocks(&mut self, all: bool) -> Result<()> {
        let codec = self.codec;
        let whole = |count: usize, size: usize| if all { count } else { count - count % size };
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        match &mut self.content {
            Content::Ends(waiting, writer) => {
                let ready: Vec<End> = waiting.drain(..whole(waiting.len(), BLOCK_ROWS)).collect();
                let encoded: Vec<EncodedBlock> =
                    ready.par_chunks(BLOCK_ROWS).map(|ends| encode_ends(ends, codec)).collect();
                blocks.extend(encoded.into_iter().map(|block| writer.push(block)));
            }
            Content::Values(waiting, writer) => {
                let ready = whole(waiting.len(), BLOCK_ROWS);
                let starts: Vec<usize> = (0..ready).step_by(BLOCK_ROWS).collect();
                let encode = |&start: &usize| encode_chunk(waiting, start..ready.min(start + BLOCK_ROWS), codec);
                let encoded: Vec<EncodedBlock> = starts.par_iter().map(encode).collect();
                let mut rest = Chunk::new(waiting.column_type());
                rest.append(waiting, ready..waiting.len())?;
                *waiting = rest;
                blocks.extend(encoded.into_iter().map(|block| writer.push(block)));
            }
            Content::Bytes(waiting, writer) => {
                let ready = whole(waiting.len(), sealed_bytes::BLOCK_BYTES);
                let pieces = waiting[..ready].par_chunks(sealed_bytes::BLOCK_BYTES);
                let encoded: Vec<_> = pieces.map(|bytes| sealed_bytes::encode_block(bytes, codec)).collect();
                waiting.drain(..ready);
                blocks.extend(encoded.into_iter().map(|block| writer.push(block)));
            }
        }
        blocks.iter().try_for_each(|bytes| self.write(bytes))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self, durable: bool) -> Result<FileRecord> {
        self.write_blocks(true)?;
        let (tail, seal) = match self.content {
            Content::Ends(_, writer) | Content::Values(_, writer) => writer.finish(),
            Content::Bytes(_, writer) => writer.finish(),
        };
        self.file.write_all_at(&tail, self.offset)?;
        if durable {
            self.file.sync()?;
        }
        Ok(FileRecord { size_bytes: self.offset + tail.len() as u64, seal })
    }
}

/// Gathers rows and encodes them.
fn encode_rows(chunk: &Chunk, rows: &[u32], codec: Codec) -> Result<EncodedBlock> {
    fn gather<T: Encodable>(values: &[T], rows: &[u32], codec: Codec) -> EncodedBlock {
        let gathered: Vec<T> = rows.iter().map(|&row| values[row as usize]).collect();
        encode_block(&gathered, codec)
    }
    with_fixed_values!(chunk, values => Ok(gather(values, rows, codec)), else Err(odd()))
}

fn odd() -> Error {
    Error::type_mismatch("a level takes entries of its own kind")
}
