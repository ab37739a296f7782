//! A table as a Parquet file: row groups with statistics, their columns encoded and packed on all cores.

use crate::batches::Batches;
use crate::export::{Compression, ExportOptions};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression as Codec, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use pilaster::base::{Error, Result};
use pilaster::engine::Table;
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;

/// Bytes of a row group that are kept in memory before it is written, whatever its rows.
const GROUP_BYTES_MAX: usize = 96 << 20;
/// Values between two looks at how large a row group has become: long ones may come with any.
const WRITTEN_ROWS: usize = 32 << 10;

/// Writes all rows. Memory: some batches and a row group. Gives the writer back.
pub(crate) fn write<W: Write + Send>(table: &Table, options: &ExportOptions, out: W) -> Result<W> {
    let batches = Batches::new(table)?;
    if batches.schema().fields().is_empty() {
        return Err(Error::invalid("Parquet has no tables without columns"));
    }
    let properties = properties(batches.schema(), options);
    let writer = ArrowWriter::try_new(out, batches.schema().clone(), Some(properties)).map_err(failed)?;
    let (file, factory) = writer.into_serialized_writer().map_err(failed)?;
    let rows_max = options.row_group_rows.max(1);
    let mut groups =
        RowGroups { file, factory, schema: batches.schema().clone(), rows_max, columns: Vec::new(), rows: 0 };
    batches.for_each(WRITTEN_ROWS, |batch| groups.write(&batch))?;
    groups.end()?;
    groups.file.into_inner().map_err(failed)
}

fn properties(schema: &Schema, options: &ExportOptions) -> WriterProperties {
    let compression = match options.compression.unwrap_or_default() {
        Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::None => Codec::UNCOMPRESSED,
    };
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(format!("pilaster {}", env!("CARGO_PKG_VERSION")));
    for field in schema.fields() {
        let path = || ColumnPath::from(field.name().as_str());
        match field.data_type() {
            // Times hardly ever repeat, but are close to each other.
            DataType::Timestamp(..) => {
                properties = properties
                    .set_column_dictionary_enabled(path(), false)
                    .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED);
            }
            // Where a dictionary gets too large: numbers in order.
            DataType::Int64 => properties = properties.set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED),
            _ => {}
        }
    }
    properties.build()
}

/// A file, and the row group that is being encoded.
struct RowGroups<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    rows_max: usize,
    /// One a column; none between two row groups.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl<W: Write + Send> RowGroups<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut at = 0;
        while at < batch.num_rows() {
            if self.columns.is_empty() {
                let number = self.file.flushed_row_groups().len();
                self.columns = self.factory.create_column_writers(number).map_err(failed)?;
            }
            let count = (self.rows_max - self.rows).min(batch.num_rows() - at);
            self.encode(&batch.slice(at, count))?;
            (at, self.rows) = (at + count, self.rows + count);
            let bytes: usize = self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum();
            if self.rows >= self.rows_max || bytes > GROUP_BYTES_MAX {
                self.end()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        // Every field has one column of values: lists too, and there are no structs.
        if self.columns.len() != self.schema.fields().len() {
            return Err(Error::invalid("cannot write Parquet: a field has not one column"));
        }
        let fields = self.schema.fields().par_iter().zip(batch.columns());
        let encoded = self.columns.par_iter_mut().zip(fields).try_for_each(|(column, (field, array))| {
            compute_leaves(field, array)?.iter().try_for_each(|leaf| column.write(leaf))
        });
        encoded.map_err(failed)
    }

    /// Writes the row group that was begun, if one was.
    fn end(&mut self) -> Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        self.rows = 0;
        let closed: parquet::errors::Result<Vec<_>> = columns.into_par_iter().map(ArrowColumnWriter::close).collect();
        let mut group = self.file.next_row_group().map_err(failed)?;
        for chunk in closed.map_err(failed)? {
            chunk.append_to_row_group(&mut group).map_err(failed)?;
        }
        group.close().map(drop).map_err(failed)
    }
}

fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::io("write", Path::new("output"), *source),
            Err(other) => Error::invalid(format!("cannot write Parquet: {other}")),
        },
        other => Error::invalid(format!("cannot write Parquet: {other}")),
    }
}
