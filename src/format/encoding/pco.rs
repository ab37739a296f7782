//! Entropy coding of numbers (pco): bins of the values or of their differences, ranges within them bit-packed. Small rather than fast.
//!
//! A block is one pco chunk whose metadata all pages share; a page is a piece, so that a row costs the decoding of one page and of the
//! metadata. The header of pco's own format is not stored, it is `PCO_HEADER` in every block.
//!
//! **Hostile bytes**: the library checks what it reads and returns errors. What could make it allocate far more than a block is worth is
//! refused here before it is reached (dictionary mode, long look-back windows: neither is ever written), and if it should panic after
//! all, that becomes an error too.

use super::lane::{Encodable, Lane};
use super::pieces::{PIECE_ROWS, PieceWriter, Pieces, piece_range};
use crate::base::limits::VECTOR_ROWS;
use crate::base::{Error, Result};
use ::pco::data_types::Number;
use ::pco::metadata::DeltaEncoding;
use ::pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use ::pco::{ChunkConfig, DecompressorScratch, PagingSpec};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What pco writes in front of its chunks: version 4.1 of its format.
const PCO_HEADER: [u8; 2] = [4, 1];
/// Kind, vectors of a page, two reserved, bytes of the metadata.
const HEADER_BYTES: usize = 8;
/// Lanes as unsigned numbers in the order of values.
const NUMBERS: u8 = 0;
/// Floats.
const FLOATS: u8 = 1;
/// The low four bits of a chunk's metadata name its mode.
const MODE_MASK: u8 = 0x0F;
/// Dictionary mode: it allocates for as many values as its first bytes say, up to 256 MiB.
const MODE_DICTIONARY: u8 = 4;
/// Binary logarithm of the longest look-back window that is read; the compressor uses 15.
const WINDOW_LOG_MAX: u32 = 15;

/// Appends 1 to 65,536 lanes. False, and nothing appended, where the library fails or does not give back the same bits.
pub fn encode<T: Encodable>(lanes: &[T::Lane], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let done = catch_unwind(AssertUnwindSafe(|| match T::FLOAT {
        true => encode_as(FLOATS, lanes, |lane| lane.as_float(), out),
        false => encode_as(NUMBERS, lanes, |lane| lane.xor(T::ORDER), out),
    }));
    let encoded = matches!(done, Ok(Some(()))) && comes_back::<T>(lanes, &out[start..]);
    if !encoded {
        out.truncate(start);
    }
    encoded
}

fn encode_as<L: Lane, N: Number>(kind: u8, lanes: &[L], number: impl Fn(L) -> N, out: &mut Vec<u8>) -> Option<()> {
    let numbers: Vec<N> = lanes.iter().map(|&lane| number(lane)).collect();
    let pages: Vec<usize> = numbers.chunks(PIECE_ROWS).map(<[N]>::len).collect();
    let paging = PagingSpec::Exact(pages.clone());
    let config = ChunkConfig::default().with_enable_8_bit(true).with_paging_spec(paging);
    let file = FileCompressor::default();
    if file.write_header(Vec::new()).ok()? != PCO_HEADER {
        return None;
    }
    let mut chunk = file.chunk_compressor(&numbers, &config).ok()?;
    let base = out.len();
    out.extend_from_slice(&[kind, (PIECE_ROWS / VECTOR_ROWS) as u8, 0, 0, 0, 0, 0, 0]);
    let mut writer = PieceWriter::new(pages.len(), out);
    let metadata = out.len();
    chunk.write_meta(&mut *out).ok()?;
    let metadata_bytes = (out.len() - metadata) as u32;
    out[base + 4..base + 8].copy_from_slice(&metadata_bytes.to_le_bytes());
    writer.skip_to(out);
    for page in 0..pages.len() {
        chunk.write_page(page, &mut *out).ok()?;
        writer.end_piece(out);
    }
    Some(())
}

/// Decodes what was just encoded: a block that would not come back bit for bit is never written.
fn comes_back<T: Encodable>(lanes: &[T::Lane], bytes: &[u8]) -> bool {
    let Ok(block) = PcoBlock::parse::<T>(bytes, lanes.len()) else { return false };
    let mut page = Vec::new();
    lanes
        .chunks(PIECE_ROWS)
        .enumerate()
        .all(|(index, expected)| block.decode_piece(index, usize::MAX, &mut page).is_ok() && page == expected)
}

/// A pco block over its bytes.
#[derive(Debug)]
pub struct PcoBlock<'a, L: Lane> {
    rows: usize,
    piece_rows: usize,
    pieces: Pieces<'a>,
    chunk: Chunk<L>,
}

#[derive(Debug)]
enum Chunk<L: Lane> {
    Numbers(ChunkDecompressor<L>, L),
    Floats(ChunkDecompressor<L::Float>),
}

impl<'a, L: Lane> PcoBlock<'a, L> {
    /// Reads the header and the chunk's metadata, and builds its tables.
    pub fn parse<T: Encodable<Lane = L>>(bytes: &'a [u8], rows: usize) -> Result<Self> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(Error::corrupt(format!("a pco block has {} bytes", bytes.len())));
        };
        let (kind, vectors) = (header[0], usize::from(header[1]));
        let floats = kind == FLOATS && T::FLOAT;
        if !(floats || kind == NUMBERS) || vectors > 64 || !vectors.is_power_of_two() || header[2..4] != [0; 2] {
            return Err(Error::corrupt(format!("a pco block has the header {header:02x?}")));
        }
        let piece_rows = vectors * VECTOR_ROWS;
        let count = rows.div_ceil(piece_rows);
        let metadata_bytes = u32::read_le(&header[4..]) as usize;
        let body = &bytes[HEADER_BYTES..];
        let pieces = Pieces::parse(body, count, metadata_bytes)?;
        let metadata = &body[4 * count..4 * count + metadata_bytes];
        if metadata.first().is_none_or(|byte| byte & MODE_MASK == MODE_DICTIONARY) {
            return Err(Error::corrupt("a pco block has no metadata of a known mode"));
        }
        let chunk = match floats {
            true => Chunk::Floats(chunk::<L::Float>(metadata)?),
            false => Chunk::Numbers(chunk::<L>(metadata)?, T::ORDER),
        };
        Ok(PcoBlock { rows, piece_rows, pieces, chunk })
    }

    /// Rows of every piece but the last, a power of two.
    pub fn piece_rows(&self) -> usize {
        self.piece_rows
    }

    /// Bytes of a piece as it is stored.
    pub fn stored_bytes(&self, index: usize) -> Result<u64> {
        Ok(self.pieces.get(index)?.len() as u64)
    }

    /// Decodes the first rows of a piece, at least `count` or all, into `out`, whose content is replaced.
    pub fn decode_piece(&self, index: usize, count: usize, out: &mut Vec<L>) -> Result<()> {
        let bytes = self.pieces.get(index)?;
        let rows = piece_range(index, self.piece_rows, self.rows).len();
        let count = count.min(rows).next_multiple_of(VECTOR_ROWS).min(rows);
        out.clear();
        match &self.chunk {
            Chunk::Numbers(chunk, order) => {
                out.resize(count, L::ZERO);
                decode(chunk, bytes, rows, out)?;
                out.iter_mut().for_each(|lane| *lane = lane.xor(*order));
            }
            Chunk::Floats(chunk) => {
                let mut floats = vec![L::Float::default(); count];
                decode(chunk, bytes, rows, &mut floats)?;
                out.extend(floats.into_iter().map(L::of_float));
            }
        }
        Ok(())
    }
}

/// A chunk's decompressor from its metadata.
fn chunk<N: Number>(metadata: &[u8]) -> Result<ChunkDecompressor<N>> {
    let chunk = guarded(|| {
        let (file, _) = FileDecompressor::new(&PCO_HEADER[..])?;
        file.chunk_decompressor::<N, _>(metadata).map(|(chunk, _)| chunk)
    })?;
    match &chunk.meta().delta_encoding {
        DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. } => Ok(chunk),
        DeltaEncoding::Lookback { config, .. } if config.window_n_log <= WINDOW_LOG_MAX => Ok(chunk),
        other => Err(Error::corrupt(format!("a pco block has the delta encoding {other:?}"))),
    }
}

/// Decodes the first numbers of a page of `rows`.
fn decode<N: Number>(chunk: &ChunkDecompressor<N>, bytes: &[u8], rows: usize, out: &mut [N]) -> Result<()> {
    let progress = guarded(|| {
        let mut scratch = DecompressorScratch::default();
        chunk.page_decompressor_with_scratch(bytes, rows, &mut scratch)?.read(out)
    })?;
    if progress.n_processed != out.len() {
        return Err(Error::corrupt(format!("a pco page gave {} of {} rows", progress.n_processed, out.len())));
    }
    Ok(())
}

/// Turns errors and panics of the library into errors about the bytes.
fn guarded<A>(work: impl FnOnce() -> ::pco::errors::PcoResult<A>) -> Result<A> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer.map_err(|error| Error::corrupt(format!("pco: {error}"))),
        Err(_) => Err(Error::corrupt("pco could not make sense of the bytes")),
    }
}
