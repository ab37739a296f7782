//! A table as record batches of one schema, made on all cores.

use crate::export::arrow_failed;
use crate::to_arrow::{Dictionary, array};
use crate::types::field;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use pilaster::base::Result;
use pilaster::engine::Table;
use pilaster::io::interrupt;
use pilaster::memory::Chunk;
use pilaster::session::output::for_each_piece;
use std::sync::Arc;

/// Rows of a batch.
const BATCH_ROWS: u64 = 32 << 10;

pub(crate) struct Batches<'a> {
    table: &'a Table,
    schema: SchemaRef,
    /// One a column; none for those that are no dictionaries.
    dictionaries: Vec<Option<Dictionary>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(table: &'a Table) -> Result<Self> {
        let rows = table.row_count()?;
        let mut fields = Vec::new();
        let mut dictionaries = Vec::new();
        for column in table.definition().columns() {
            // One table for all chunks, and not more of it than rows that need it.
            let symbols = table.column(&column.name)?.symbols()?;
            let symbols = symbols
                .filter(|symbols| (symbols.len() as u64) <= rows && symbols.len() < i32::MAX as usize)
                .filter(|symbols| i32::try_from(symbols.text_bytes()).is_ok());
            fields.push(field(&column.name, column.column_type, symbols.is_some()));
            dictionaries.push(symbols.map(Dictionary::of).transpose()?);
        }
        Ok(Batches { table, schema: Arc::new(Schema::new(fields)), dictionaries })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Calls `work` with all rows in order, on this thread, at most so many at a time.
    pub(crate) fn for_each(&self, rows_max: usize, mut work: impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        let run_rows = BATCH_ROWS.min(rows_max.max(1) as u64);
        let make =
            |range: std::ops::Range<u64>, chunks: Vec<Chunk>| self.batch(&chunks, (range.end - range.start) as usize);
        for_each_piece(self.table, self.table.row_count()?, run_rows, make, own_bytes, |batch| {
            interrupt::check()?;
            work(batch)
        })
    }

    fn batch(&self, chunks: &[Chunk], rows: usize) -> Result<RecordBatch> {
        let arrays = chunks
            .iter()
            .zip(&self.dictionaries)
            .map(|(chunk, dictionary)| array(chunk, dictionary.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map_err(arrow_failed)
    }
}

/// Bytes of a batch but for the dictionaries, which all of them share.
fn own_bytes(batch: &RecordBatch) -> usize {
    use arrow::array::{Array, AsArray};
    let bytes = |array: &arrow::array::ArrayRef| match array.as_any_dictionary_opt() {
        Some(dictionary) => dictionary.keys().get_array_memory_size(),
        None => array.get_array_memory_size(),
    };
    batch.columns().iter().map(bytes).sum()
}
