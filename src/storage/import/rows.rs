//! Makes rows of the table of rows of the file, and tells which partition they belong to.

use super::PartitionTarget;
use super::plan::{Origin, Plan};
use super::reading::Rows;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnType, Error, Primitive, Result, Value};
use crate::memory::{Chunk, StringChunk, SymbolCode};
use std::path::Path;

/// Makes rows by a plan.
pub(super) struct RowMaker<'a> {
    plan: &'a Plan,
    partition: &'a PartitionTarget,
    file: &'a str,
}

impl<'a> RowMaker<'a> {
    pub(super) fn new(plan: &'a Plan, partition: &'a PartitionTarget, file: &'a str) -> Self {
        RowMaker { plan, partition, file }
    }

    /// Hands the rows to `append`, those of each partition together, in the order of the stored columns.
    pub(super) fn make(&self, mut rows: Rows, append: &mut dyn FnMut(&str, Vec<Chunk>) -> Result<()>) -> Result<()> {
        let read = std::mem::take(&mut rows.chunks);
        let computed = match self.plan.computed_partition {
            Some(at) => Some(self.plan.computed[at].evaluate(&read, rows.row_count)?),
            None => None,
        };
        let said = match computed.as_ref().or_else(|| self.plan.partition.map(|target| &read[target])) {
            Some(Chunk::String(said)) => Some(said.clone()),
            _ => None,
        };
        let chunks = self.columns(read, rows.row_count)?;
        match (self.partition, said) {
            (PartitionTarget::Value(value), None) => append(value, chunks),
            (PartitionTarget::Value(value), Some(said)) => {
                let code = said.symbols.find(value).unwrap_or(SymbolCode::NULL);
                let other = said.codes.iter().position(|c| c.is_null() || *c != code);
                match other {
                    None => append(value, chunks),
                    Some(row) => {
                        let what = said.get(row).map_or("empty".to_string(), |text| format!("{text:?}"));
                        Err(self
                            .error(&rows, row, format!("is {what}, but the rows go to partition {value}"))
                            .hint("--partition-column sends each row to the partition that it names"))
                    }
                }
            }
            (PartitionTarget::Column(_) | PartitionTarget::Computed(_), Some(said)) => {
                self.split(&rows, &said, chunks, append)
            }
            (PartitionTarget::Column(name) | PartitionTarget::Computed(name), None) => {
                Err(Error::not_found(format!("no column {name}")))
            }
        }
    }

    fn columns(&self, mut read: Vec<Chunk>, row_count: usize) -> Result<Vec<Chunk>> {
        let constant = |column_type: ColumnType, value: &Value| -> Result<Chunk> {
            if value.is_null() {
                return Ok(Chunk::nulls(column_type, row_count));
            }
            Ok(Chunk::from_values(column_type, std::slice::from_ref(value))?.take(&vec![0; row_count]))
        };
        let mut computed = (self.plan.computed.iter())
            .map(|computed| computed.evaluate(&read, row_count).map(Some))
            .collect::<Result<Vec<_>>>()?;
        self.plan
            .columns
            .iter()
            .map(|origin| match origin {
                Origin::Computed(at) => {
                    computed[*at].take().ok_or_else(|| Error::invalid("a computed column is used twice"))
                }
                // Each target is one column's, so it can be taken.
                Origin::Target(at) => {
                    let column_type = read[*at].column_type();
                    Ok(std::mem::replace(&mut read[*at], Chunk::new(column_type)))
                }
                Origin::Constant(column_type, value) => constant(*column_type, value),
            })
            .collect()
    }

    /// Hands over the rows of each partition together, the partitions in the order of their first rows.
    fn split(
        &self,
        rows: &Rows,
        said: &StringChunk,
        chunks: Vec<Chunk>,
        append: &mut dyn FnMut(&str, Vec<Chunk>) -> Result<()>,
    ) -> Result<()> {
        if let Some(row) = said.codes.iter().position(|code| code.is_null()) {
            return Err(self.error(rows, row, "is empty, so the row belongs to no partition".to_string()));
        }
        // Computed symbols may stand twice.
        let unique;
        let said = if said.symbols.is_distinct() {
            said
        } else {
            let Chunk::String(again) = Chunk::strings(said.iter())? else { return Err(Error::invalid("no strings")) };
            unique = again;
            &unique
        };
        let mut counts = vec![0u32; said.symbols.len()];
        for code in &said.codes {
            counts[code.index()] += 1;
        }
        for (code, partition) in said.symbols.iter().enumerate() {
            if counts[code] == 0 {
                continue;
            }
            if let Err(error) = names::check(NameKind::ColumnPartition, partition) {
                let row = said.codes.iter().position(|c| c.index() == code).unwrap_or(0);
                return Err(self.error(rows, row, format!("cannot name a partition: {}", error.message())));
            }
        }
        if counts.len() == 1 {
            return append(said.symbols.get(SymbolCode(0)).unwrap_or_default(), chunks);
        }
        // Rows sorted by code, in their order within one: a counting sort.
        let mut starts: Vec<u32> = counts
            .iter()
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum - count)
            })
            .collect();
        let mut order = vec![0u32; said.codes.len()];
        for (row, code) in said.codes.iter().enumerate() {
            let at = &mut starts[code.index()];
            order[*at as usize] = row as u32;
            *at += 1;
        }
        for (code, partition) in said.symbols.iter().enumerate() {
            let (end, count) = (starts[code] as usize, counts[code] as usize);
            if count == 0 {
                continue;
            }
            let positions = &order[end - count..end];
            append(partition, chunks.iter().map(|chunk| chunk.take(positions)).collect())?;
        }
        Ok(())
    }

    fn error(&self, rows: &Rows, row: usize, what: String) -> Error {
        let column = match self.partition {
            PartitionTarget::Computed(name) => name.as_str(),
            _ => self.plan.partition.map_or("", |at| self.plan.targets[at].name.as_str()),
        };
        let error = Error::parse(format!("{}, column {column}: {what}", rows.place(row))).at_path(Path::new(self.file));
        match rows.offset(row) {
            Some(offset) => error.at_offset(offset),
            None => error,
        }
    }
}
