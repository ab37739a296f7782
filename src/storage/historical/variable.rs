//! Writing a column of variable width: its values in merged order, a few at a time, into one file a level.
//!
//! **Invariant:** memory stays within some pieces of [`PIECE_BYTES`] and blocks, or one value that is larger, whatever the column has.

use super::merge::write_file;
use super::source::Gatherer;
use crate::base::limits::BLOCK_ROWS;
use crate::base::{Error, Result};
use crate::format::column_form::{ColumnForm, End};
use crate::format::encoding::Codec;
use crate::format::location_record::{ColumnRecord, FileRecord};
use crate::format::sealed_bytes::{self, SealedBytesWriter};
use crate::format::sealed_column::{EncodedBlock, SealedColumnWriter, encode_chunk, encode_ends};
use crate::format::sealed_symbols;
use crate::io::{File, FileSystem, OpenMode};
use crate::memory::Chunk;
use crate::storage::items::{byte_values, ends_of};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows gathered together, at most.
const PIECE_ROWS: usize = 4_096;
/// Bytes gathered together, unless one value has more.
const PIECE_BYTES: u64 = 4 << 20;

/// Where the files of a column go.
pub(super) struct ColumnPlace<'a> {
    pub(super) fs: &'a dyn FileSystem,
    pub(super) directory: &'a Path,
    pub(super) name: &'a str,
}

impl ColumnPlace<'_> {
    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
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

/// Writes the files of a column with the rows given, in their order. `done` is told values and bytes.
pub(super) fn write_column(
    place: &ColumnPlace<'_>,
    gatherer: &Gatherer,
    rows: &[u32],
    codec: Codec,
    done: &(dyn Fn(u64, u64) -> Result<()> + Sync),
) -> Result<ColumnRecord> {
    let form = gatherer.form;
    let symbols = match &gatherer.symbols {
        Some(symbols) => {
            let (bytes, seal) = sealed_symbols::encode(symbols.iter())?;
            Some(FileRecord { size_bytes: write_file(place.fs, &place.path("sym"), &bytes)?, seal })
        }
        None => None,
    };
    let mut levels =
        (0..=form.depth()).map(|level| LevelWriter::create(place, form, level, codec)).collect::<Result<Vec<_>>>()?;
    let mut before = 0;
    let batch_rows = PIECE_ROWS * rayon::current_num_threads().max(1);
    for batch in rows.chunks(batch_rows) {
        let mut pieces = Vec::new();
        batch.chunks(PIECE_ROWS).try_for_each(|rows| cut(gatherer, rows, &mut pieces))?;
        // As many at once as there are threads, so that large values do not add up.
        for together in pieces.chunks(rayon::current_num_threads().max(1)) {
            let chunks: Vec<Chunk> = together.par_iter().map(|rows| gatherer.gather(rows)).collect::<Result<_>>()?;
            chunks.iter().try_for_each(|chunk| append(&mut levels, chunk))?;
        }
        let written = levels.iter().map(|level| level.offset).sum();
        done(batch.len() as u64, written - before)?;
        before = written;
    }
    let mut files = levels.into_iter().map(LevelWriter::finish).collect::<Result<Vec<_>>>()?;
    let file = files.remove(0);
    let (name, type_code) = (place.name.to_string(), form.column_type.code());
    Ok(ColumnRecord { name, type_code, file, symbols, grouping: None, values: files })
}

/// Cuts rows into pieces of no more bytes than allowed, or of one row.
fn cut<'a>(gatherer: &Gatherer, rows: &'a [u32], pieces: &mut Vec<&'a [u32]>) -> Result<()> {
    if rows.len() > 1 && gatherer.weigh(rows)? > PIECE_BYTES {
        let (left, right) = rows.split_at(rows.len() / 2);
        cut(gatherer, left, pieces)?;
        return cut(gatherer, right, pieces);
    }
    pieces.push(rows);
    Ok(())
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

    fn finish(mut self) -> Result<FileRecord> {
        self.write_blocks(true)?;
        let (tail, seal) = match self.content {
            Content::Ends(_, writer) | Content::Values(_, writer) => writer.finish(),
            Content::Bytes(_, writer) => writer.finish(),
        };
        self.file.write_all_at(&tail, self.offset)?;
        self.file.sync()?;
        Ok(FileRecord { size_bytes: self.offset + tail.len() as u64, seal })
    }
}

fn odd() -> Error {
    Error::type_mismatch("a level takes entries of its own kind")
}
