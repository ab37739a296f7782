//! Parquet files.

use crate::parquet_footer;
use crate::parquet_lanes::Lanes;
use crate::records::{BatchReader, Batches, Sizes};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use pilaster::base::{Error, Result};
use pilaster::io::external::PlainFile;
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Opens a regular file. Errs with `Corrupt` where its footer is damaged.
pub(crate) fn open(path: &Path) -> Result<BatchReader> {
    let file = PlainFile::open(path).map_err(|error| {
        error.hint("Parquet is read from its end on: pipes and standard input do not do; save it to a file first")
    })?;
    open_pieces(path, Pieces::File(Arc::new(file)))
}

/// Opens the bytes of a file.
pub(crate) fn open_memory(name: &Path, bytes: Bytes) -> Result<BatchReader> {
    open_pieces(name, Pieces::Memory(bytes))
}

fn open_pieces(path: &Path, file: Pieces) -> Result<BatchReader> {
    let size_bytes = file.len();
    let damaged = |error: String| Error::corrupt(format!("not a whole Parquet file: {error}")).at_path(path);
    parquet_footer::check(&file).map_err(damaged)?;
    let metadata = caught(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())).map_err(damaged)?;
    let metadata = with_dictionaries(metadata);
    let row_count = u64::try_from(metadata.metadata().file_metadata().num_rows()).ok();
    let schema = metadata.schema().clone();
    let start = move |roots: &[usize]| -> Result<Batches> {
        let lanes = caught(|| Lanes::new(file, &metadata, roots));
        Ok(Box::new(lanes.map_err(|error| Error::corrupt(format!("cannot decode: {error}")))?))
    };
    let sizes = Sizes { row_count, size_bytes: Some(size_bytes), consumed: None };
    Ok(BatchReader::new(path.display().to_string(), &schema, Box::new(start), sizes))
}

/// Runs what may panic over damaged bytes.
fn caught<T, E: ToString>(work: impl FnOnce() -> std::result::Result<T, E>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the decoder gave up".to_string()),
    }
}

/// Has text that the file encodes by dictionaries read as such, in structs and lists too: each string is looked for once a dictionary then, not once a row, and one that is
/// repeated takes no memory again.
fn with_dictionaries(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let encoded = |column: usize| {
        let groups = metadata.metadata().row_groups();
        let by_dictionary = |group: &parquet::file::metadata::RowGroupMetaData| {
            group.columns().get(column).is_some_and(|chunk| chunk.dictionary_page_offset().is_some())
        };
        !groups.is_empty() && groups.iter().all(by_dictionary)
    };
    let mut column = 0;
    let encode = |field: &Arc<Field>| with_encoded(field, &mut column, &encoded);
    let fields: Vec<Arc<Field>> = metadata.schema().fields().iter().map(encode).collect();
    if column != metadata.parquet_schema().num_columns() || fields[..] == metadata.schema().fields()[..] {
        return metadata;
    }
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).unwrap_or(metadata)
}

/// The field with dictionaries for the texts of columns that are `encoded`; `column` is the file's column that its first value is in, and after it the next one.
fn with_encoded(field: &Arc<Field>, column: &mut usize, encoded: &dyn Fn(usize) -> bool) -> Arc<Field> {
    let mut inner = |inner: &Arc<Field>| with_encoded(inner, column, encoded);
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::List(element) => DataType::List(inner(element)),
        DataType::LargeList(element) => DataType::LargeList(inner(element)),
        DataType::FixedSizeList(element, length) => DataType::FixedSizeList(inner(element), *length),
        DataType::Map(entries, _) => {
            inner(entries);
            return field.clone();
        }
        leaf => {
            *column += 1;
            match leaf {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if encoded(*column - 1) => {
                    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
                }
                _ => return field.clone(),
            }
        }
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The file as the decoder reads it.
#[derive(Clone)]
pub(crate) enum Pieces {
    File(Arc<PlainFile>),
    Memory(Bytes),
}

/// Bytes that are read ahead where it is not known how many are wanted: headers of pages.
const AHEAD_BYTES: usize = 4 << 10;

impl Pieces {
    /// Bytes at a place; an error if there are fewer.
    pub(crate) fn bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        if end.is_none() {
            return Err(ParquetError::EOF(format!("{length} bytes from {start} on lie beyond the end of the file")));
        }
        match self {
            Pieces::Memory(bytes) => Ok(bytes.slice(start as usize..start as usize + length)),
            Pieces::File(file) => {
                let mut bytes = vec![0; length];
                let read = file.read_at(&mut bytes, start).map_err(|error| ParquetError::General(error.to_string()))?;
                if read < length {
                    return Err(ParquetError::EOF("the file was cut while it was read".to_string()));
                }
                Ok(bytes.into())
            }
        }
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        match self {
            Pieces::File(file) => file.size_bytes(),
            Pieces::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Pieces {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::with_capacity(AHEAD_BYTES, From { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.bytes(start, length)
    }
}

/// Reads on from a place.
pub(crate) struct From {
    file: Pieces,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.file.len().saturating_sub(self.at);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer[..count].copy_from_slice(&self.file.bytes(self.at, count).map_err(std::io::Error::other)?);
        self.at += count as u64;
        Ok(count)
    }
}
