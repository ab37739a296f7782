//! The rows of several locations as batches, read on all cores and answered in order.

use super::ValidationProgress;
use crate::base::limits::BLOCK_ROWS;
use crate::base::{ColumnDefinition, Error, Result, Value};
use crate::io;
use crate::memory::Chunk;
use crate::storage::location::Location;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Locations, cut into batches of at most a block.
pub(super) struct Batches<'a> {
    locations: &'a [Arc<dyn Location>],
    columns: &'a [&'a ColumnDefinition],
    batches: Vec<(usize, Range<u64>)>,
}

/// Rows of one location.
pub(super) struct Batch<'a> {
    location: &'a dyn Location,
    /// The location's number.
    pub(super) number: usize,
    /// Its rows.
    pub(super) rows: Range<u64>,
    columns: &'a [&'a ColumnDefinition],
}

impl<'a> Batches<'a> {
    pub(super) fn of(locations: &'a [Arc<dyn Location>], columns: &'a [&'a ColumnDefinition]) -> Self {
        let mut batches = Vec::new();
        for (number, location) in locations.iter().enumerate() {
            let rows = location.row_count();
            batches.extend(
                (0..rows).step_by(BLOCK_ROWS).map(|start| (number, start..rows.min(start + BLOCK_ROWS as u64))),
            );
        }
        Batches { locations, columns, batches }
    }

    pub(super) fn row_count(&self) -> u64 {
        self.locations.iter().map(|location| location.row_count()).sum()
    }

    /// The columns that batches read, by position.
    pub(super) fn columns(&self) -> &'a [&'a ColumnDefinition] {
        self.columns
    }

    /// Names a location as listings do.
    pub(super) fn name(&self, number: usize) -> String {
        self.locations[number].key().to_string()
    }

    /// One value.
    pub(super) fn one(&self, number: usize, row: u64, column: usize) -> Result<Value> {
        let batch = Batch { location: &*self.locations[number], number, rows: row..row + 1, columns: self.columns };
        Ok(batch.read(column, false)?.value(0))
    }

    /// One answer a batch, in the order of rows.
    pub(super) fn map<T: Send>(
        &self,
        progress: ValidationProgress<'_>,
        work: impl Fn(&Batch<'_>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let done = AtomicU64::new(0);
        let total = self.batches.len() as u64;
        let answers = self.batches.par_iter().map(|(number, rows)| {
            io::interrupt::check()?;
            let location = &*self.locations[*number];
            let batch = Batch { location, number: *number, rows: rows.clone(), columns: self.columns };
            let answer = work(&batch)?;
            progress(done.fetch_add(1, Relaxed) + 1, total)?;
            Ok(answer)
        });
        answers.collect()
    }
}

impl Batch<'_> {
    /// The values of a column, nulls where the location has no such column. With `before` the row before the batch comes first, unless the
    /// batch is the location's first.
    pub(super) fn read(&self, column: usize, before: bool) -> Result<Chunk> {
        let definition = self.columns[column];
        let start = self.rows.start.saturating_sub(u64::from(before));
        let rows = start..self.rows.end;
        let count = (rows.end - rows.start) as usize;
        let chunk = match self.location.column_as(definition)? {
            None => Chunk::nulls(definition.column_type, count),
            Some(region) => region.read(rows)?,
        };
        if chunk.len() != count || chunk.column_type() != definition.column_type {
            let (name, found) = (&definition.name, chunk.column_type());
            return Err(Error::corrupt(format!("column {name} gave {} of {count} rows, as {found}", chunk.len()))
                .context(format!("location {}", self.location.key())));
        }
        Ok(chunk)
    }

    /// True if there is a row before the batch's first one.
    pub(super) fn has_before(&self) -> bool {
        self.rows.start > 0
    }
}
