//! The pages of a Parquet file, each looked at before it is unpacked: what its header claims, and what its packed bytes could become.
//!
//! **Invariant:** the pages that are held at once take no more than [`HELD_BYTES_MAX`], unless the file itself has a good share of these bytes.

use crate::parquet_input::Pieces;
use crate::thrift::{PageHead, PageKind};
use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Unpacked bytes of one page.
const PAGE_BYTES_MAX: u64 = 128 << 20;
/// Unpacked bytes of the pages that all columns hold at once.
const HELD_BYTES_MAX: u64 = 192 << 20;
/// Pages that unpack to no more than so many times their bytes are no bombs: a wide table needs them.
pub(crate) const USUAL_RATIO: u64 = 16;
/// Elements of arrays in a row group that need not be justified by the bytes that they take, and how many a byte may stand for beyond.
const ELEMENTS_FEW: u64 = 16 << 20;
const ELEMENTS_PER_BYTE_MAX: u64 = 64;
/// What a byte of gzip, and of an LZ4 frame, may become at most.
const GZIP_RATIO_MAX: u64 = 1_032;
const LZ4_RATIO_MAX: u64 = 255;
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// Bytes of the pages that are held now.
#[derive(Debug, Default)]
pub(crate) struct Held {
    unpacked: AtomicU64,
    packed: AtomicU64,
}

/// One row group of a file.
pub(crate) struct Group {
    file: Pieces,
    metadata: Arc<ParquetMetaData>,
    number: usize,
    held: Arc<Held>,
}

impl Group {
    /// The row group of this number, which is there. Errs where arrays are claimed that the file has no bytes for.
    pub(crate) fn new(file: Pieces, metadata: Arc<ParquetMetaData>, number: usize, held: Arc<Held>) -> Result<Self> {
        let group = Group { file, metadata, number, held };
        for chunk in group.row_group().columns().iter().filter(|chunk| chunk.column_descr().max_rep_level() > 0) {
            let (values, bytes) = (unsigned(chunk.num_values()), unsigned(chunk.compressed_size()));
            if values > ELEMENTS_FEW.max(bytes.saturating_mul(ELEMENTS_PER_BYTE_MAX)) {
                let column = chunk.column_path();
                return Err(ParquetError::General(format!(
                    "column {column} claims {values} elements of arrays in {bytes} bytes of a row group"
                )));
            }
        }
        Ok(group)
    }

    /// What the file says of it.
    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.number)
    }

    /// The headers of all pages of a column.
    pub(crate) fn heads(&self, column: usize) -> Result<Vec<PageHead>> {
        let mut pages = Pages::open(&self.file, self.row_group(), column, &self.held)?;
        let mut heads = Vec::new();
        while let Some((head, _)) = pages.next_head()? {
            heads.push(head);
        }
        Ok(heads)
    }

    /// The values of a column's dictionary as they lie in the file, if it begins with one.
    pub(crate) fn dictionary(&self, column: usize) -> Result<Option<Bytes>> {
        let mut pages = Pages::open(&self.file, self.row_group(), column, &self.held)?;
        match pages.get_next_page()? {
            Some(Page::DictionaryPage { buf, .. }) => Ok(Some(buf)),
            _ => Ok(None),
        }
    }
}

/// A count of the file, all there could be where it is negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        usize::try_from(self.row_group().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let pages = Pages::open(&self.file, self.row_group(), column, &self.held)?;
        Ok(Box::new(Chunks(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The one chunk of a column.
struct Chunks(Option<Pages>);

impl PageIterator for Chunks {}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

/// The pages of one chunk.
struct Pages {
    inner: SerializedPageReader<Pieces>,
    file: Pieces,
    column: String,
    compression: Compression,
    repeats: bool,
    /// Where the next page that was not looked at begins, and where the chunk ends.
    at: u64,
    end: u64,
    held: Arc<Held>,
    dictionary: (u64, u64),
    data: (u64, u64),
}

impl Pages {
    fn open(file: &Pieces, group: &RowGroupMetaData, column: usize, held: &Arc<Held>) -> Result<Self> {
        let chunk: &ColumnChunkMetaData =
            group.columns().get(column).ok_or_else(|| ParquetError::General(format!("no column {column}")))?;
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let rows = usize::try_from(group.num_rows()).ok();
        let (Some(rows), true) = (rows, start >= 0 && chunk.compressed_size() >= 0) else {
            return Err(ParquetError::General("a column chunk lies nowhere".to_string()));
        };
        let (at, length) = chunk.byte_range();
        Ok(Pages {
            inner: SerializedPageReader::new(Arc::new(file.clone()), chunk, rows, None)?,
            file: file.clone(),
            column: chunk.column_path().to_string(),
            compression: chunk.compression(),
            repeats: chunk.column_descr().max_rep_level() > 0,
            at,
            end: at.saturating_add(length),
            held: held.clone(),
            dictionary: (0, 0),
            data: (0, 0),
        })
    }

    /// The header of the next page that was not looked at, and where its bytes lie.
    fn next_head(&mut self) -> Result<Option<(PageHead, u64)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let head = PageHead::read(&self.file, self.at, self.end)?;
        let data = self.at + head.bytes;
        self.at = data.saturating_add(head.packed);
        if self.at > self.end {
            return Err(ParquetError::EOF("a page goes on behind its column chunk".to_string()));
        }
        Ok(Some((head, data)))
    }

    /// Looks at the page that is read next, and at those before it that nobody reads.
    fn check_next(&mut self) -> Result<()> {
        while let Some((head, data)) = self.next_head()? {
            let place = match head.kind {
                PageKind::Other => continue,
                PageKind::Dictionary => &mut self.dictionary,
                PageKind::Data => &mut self.data,
            };
            let before = std::mem::replace(place, (head.unpacked, head.packed));
            return self.check(&head, data, before);
        }
        Ok(())
    }

    fn check(&self, head: &PageHead, data: u64, before: (u64, u64)) -> Result<()> {
        let refused = |what: String| Err(ParquetError::General(format!("column {}: {what}", self.column)));
        let (unpacked, packed) = (head.unpacked, head.packed);
        if unpacked > PAGE_BYTES_MAX {
            return refused(format!("a page claims {unpacked} bytes, more than {PAGE_BYTES_MAX}"));
        }
        if self.repeats && head.values > ELEMENTS_FEW.max(packed.saturating_mul(ELEMENTS_PER_BYTE_MAX)) {
            return refused(format!("a page of {packed} bytes claims {} elements of arrays", head.values));
        }
        let all = self.held.unpacked.fetch_add(unpacked, Relaxed) + unpacked - before.0;
        self.held.unpacked.fetch_sub(before.0, Relaxed);
        let bytes = self.held.packed.fetch_add(packed, Relaxed) + packed - before.1;
        self.held.packed.fetch_sub(before.1, Relaxed);
        if all > HELD_BYTES_MAX.max(bytes.saturating_mul(USUAL_RATIO)) {
            return refused(format!("the pages of all columns become {all} bytes, of {bytes} in the file"));
        }
        // The other codecs are told by their library to stop at the claimed size.
        match self.compression {
            Compression::GZIP(_) if packed.saturating_mul(GZIP_RATIO_MAX) > PAGE_BYTES_MAX => {
                let bytes = self.file.bytes(data, packed as usize)?;
                let mut unpacking = flate2::read::MultiGzDecoder::new(&bytes[..]).take(PAGE_BYTES_MAX + 1);
                let found = std::io::copy(&mut unpacking, &mut std::io::sink())
                    .map_err(|error| ParquetError::General(error.to_string()))?;
                if found > PAGE_BYTES_MAX {
                    return refused(format!("a page claims {unpacked} bytes and has more than {PAGE_BYTES_MAX}"));
                }
            }
            Compression::LZ4
                if packed.saturating_mul(LZ4_RATIO_MAX) > PAGE_BYTES_MAX
                    && self.file.bytes(data, LZ4_FRAME.len())?[..] == LZ4_FRAME =>
            {
                return refused(format!("a page is an LZ4 frame of {packed} bytes, which may become too many"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.check_next()?;
        self.inner.get_next_page()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.check_next()?;
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.held.unpacked.fetch_sub(self.dictionary.0 + self.data.0, Relaxed);
        self.held.packed.fetch_sub(self.dictionary.1 + self.data.1, Relaxed);
    }
}
