//! The columns of a Parquet file decoded beside each other: some *lanes*, each with columns of its own and a decoder for them, on all cores, a batch of rows at a time.
//!
//! One row group comes after the other, so that memory does not depend on how large they are, and what a dictionary encodes never meets the next one's.

use crate::parquet_batch::batch_rows;
use crate::parquet_input::Pieces;
use crate::parquet_pages::{Group, Held};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::ParquetMetaData;
use pilaster::base::{Error, Result};
use rayon::prelude::*;
use std::sync::Arc;

/// Lanes of a file with many columns. More than cores, since columns are not alike.
const LANES_MAX: usize = 16;

/// The batches of a file, in order.
pub(crate) struct Lanes {
    file: Pieces,
    metadata: Arc<ParquetMetaData>,
    held: Arc<Held>,
    lanes: Vec<Lane>,
    /// Of each wanted field its lane and its place there.
    places: Vec<(usize, usize)>,
    schema: Option<SchemaRef>,
    next_group: usize,
    readers: Vec<ParquetRecordBatchReader>,
}

/// Columns that are decoded together.
struct Lane {
    levels: FieldLevels,
    /// The columns of the file that its fields consist of.
    columns: Vec<usize>,
}

impl Lanes {
    /// Of the top-level fields of these numbers, ascending.
    pub(crate) fn new(file: Pieces, metadata: &ArrowReaderMetadata, roots: &[usize]) -> parquet::errors::Result<Self> {
        let schema = metadata.parquet_schema();
        let mut weights = vec![0u64; schema.root_schema().get_fields().len()];
        for group in metadata.metadata().row_groups() {
            for (column, chunk) in group.columns().iter().enumerate().take(schema.num_columns()) {
                let bytes = u64::try_from(chunk.uncompressed_size()).unwrap_or(0);
                weights[schema.get_column_root_idx(column)] += bytes.min(1 << 40);
            }
        }
        // Rows are counted by what is decoded of them, not by what the file says.
        let cheapest = (0..weights.len()).min_by_key(|root| weights[*root]);
        let decoded = if roots.is_empty() { cheapest.as_slice() } else { roots };
        let mut lanes = Vec::new();
        let mut places = vec![(0, 0); roots.len()];
        for (lane, of_lane) in divide(decoded, &weights).into_iter().enumerate() {
            for (place, root) in of_lane.iter().enumerate() {
                if let Ok(at) = roots.binary_search(root) {
                    places[at] = (lane, place);
                }
            }
            let mask = ProjectionMask::roots(schema, of_lane.iter().copied());
            lanes.push(Lane {
                levels: parquet_to_arrow_field_levels(schema, mask, Some(metadata.schema().fields()))?,
                columns: (0..schema.num_columns())
                    .filter(|column| of_lane.binary_search(&schema.get_column_root_idx(*column)).is_ok())
                    .collect(),
            });
        }
        Ok(Lanes {
            file,
            metadata: metadata.metadata().clone(),
            held: Arc::default(),
            lanes,
            places,
            schema: None,
            next_group: 0,
            readers: Vec::new(),
        })
    }

    fn open_group(&mut self) -> parquet::errors::Result<()> {
        let group = Group::new(self.file.clone(), self.metadata.clone(), self.next_group, self.held.clone())?;
        self.next_group += 1;
        let columns: Vec<usize> = self.lanes.iter().flat_map(|lane| lane.columns.iter().copied()).collect();
        let rows = batch_rows(&group, &columns)?;
        let open = |lane: &Lane| ParquetRecordBatchReader::try_new_with_row_groups(&lane.levels, &group, rows, None);
        self.readers = self.lanes.iter().map(open).collect::<parquet::errors::Result<_>>()?;
        Ok(())
    }

    /// The next rows of every lane as one batch; none at the end of the row group.
    fn next_of_group(&mut self) -> Result<Option<RecordBatch>> {
        let decoded: Vec<Option<RecordBatch>> = self
            .readers
            .par_iter_mut()
            .map(|reader| reader.next().transpose())
            .collect::<std::result::Result<_, _>>()
            .map_err(failed)?;
        let rows: Vec<usize> = decoded.iter().map(|batch| batch.as_ref().map_or(0, RecordBatch::num_rows)).collect();
        let count = rows.first().copied().unwrap_or(0);
        if rows.iter().any(|rows| *rows != count) {
            return Err(failed("the columns of a row group have different numbers of rows"));
        }
        let decoded: Vec<RecordBatch> = decoded.into_iter().flatten().collect();
        if count == 0 {
            return Ok(None);
        }
        let schema = self.schema.get_or_insert_with(|| {
            let field = |&(lane, place): &(usize, usize)| decoded[lane].schema_ref().field(place).clone();
            Arc::new(Schema::new(self.places.iter().map(field).collect::<Vec<_>>()))
        });
        let arrays = self.places.iter().map(|&(lane, place)| decoded[lane].column(place).clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map(Some).map_err(failed)
    }
}

fn failed(error: impl ToString) -> Error {
    Error::corrupt(format!("cannot decode: {}", error.to_string()))
}

/// Fields in lanes of about the same weight, ascending in each.
fn divide(roots: &[usize], weights: &[u64]) -> Vec<Vec<usize>> {
    let mut lanes = vec![(0u64, Vec::new()); roots.len().min(LANES_MAX)];
    let mut heaviest_first = roots.to_vec();
    heaviest_first.sort_by_key(|root| std::cmp::Reverse(weights.get(*root).copied().unwrap_or(0)));
    for root in heaviest_first {
        if let Some((weight, lane)) = lanes.iter_mut().min_by_key(|(weight, lane)| (*weight, lane.len())) {
            *weight += weights.get(root).copied().unwrap_or(0);
            lane.push(root);
        }
    }
    lanes
        .into_iter()
        .map(|(_, mut lane)| {
            lane.sort_unstable();
            lane
        })
        .collect()
}

impl Iterator for Lanes {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.readers.is_empty() {
                if self.next_group >= self.metadata.num_row_groups() {
                    return None;
                }
                if let Err(error) = self.open_group() {
                    return Some(Err(failed(error)));
                }
            }
            match self.next_of_group() {
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) => self.readers.clear(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn lanes_weigh_about_the_same_and_keep_the_order() {
        let check = |roots: &[usize], weights: &[u64], expected: &[&[usize]]| {
            assert_eq!(divide(roots, weights), expected, "{roots:?} {weights:?}");
        };
        check(&[], &[1], &[]);
        check(&[2], &[1, 1, 5], &[&[2]]);
        check(&[0, 1, 2], &[1, 9, 5], &[&[1], &[2], &[0]]);
        let many: Vec<usize> = (0..40).collect();
        let lanes = divide(&many, &[vec![100], vec![1; 39]].concat());
        assert_eq!(lanes.len(), 16);
        assert_eq!(lanes[0], [0]);
        assert!(lanes.iter().all(|lane| lane.is_sorted() && lane.len() <= 3));
        let mut all = lanes.concat();
        all.sort_unstable();
        assert_eq!(all, many);
    }
}
