//! A column that is computed once for each distinct combination of its inputs: what `lazyUpdate` adds.

use super::ColumnSource;
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Result};
use crate::engine::evaluate::RowInput;
use crate::engine::formula::{Formula, NoWholeColumns};
use crate::engine::grouper::{Grouper, key_widths};
use crate::memory::{Chunk, RowSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The values of a formula that depends on nothing but its inputs.
#[derive(Debug)]
pub struct LazyColumn {
    formula: Arc<Formula>,
    inputs: Vec<Arc<dyn ColumnSource>>,
    cache: Mutex<Cache>,
}

/// Numbers combinations of inputs; `values` holds the result of each number.
#[derive(Debug)]
struct Cache {
    numbers: Grouper,
    values: Chunk,
}

impl LazyColumn {
    /// True where results can be kept by input: no positions, no whole columns, strings with one symbol table, and no values
    /// of variable width.
    pub(crate) fn suits(formula: &Formula, inputs: &[Arc<dyn ColumnSource>]) -> Result<bool> {
        if inputs.is_empty() || formula.uses_row_position() || !formula.arrays().is_empty() {
            return Ok(false);
        }
        for input in inputs {
            let column_type = input.column_type();
            let is_wide = column_type.is_object() || column_type.element().is_some();
            if is_wide || column_type == ColumnType::String && input.symbols()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn new(formula: Arc<Formula>, inputs: Vec<Arc<dyn ColumnSource>>) -> Result<Self> {
        let values = Chunk::new(formula.column_type());
        let numbers = Grouper::new(&key_widths(&inputs)?);
        Ok(LazyColumn { formula, inputs, cache: Mutex::new(Cache { numbers, values }) })
    }

    fn append(&self, input: &RowInput, len: usize, out: &mut Chunk) -> Result<()> {
        let rows = RowSet::flat(len as u64);
        let mut numbers = Vec::with_capacity(len);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Cache { numbers: grouper, values } = &mut *cache;
        let known = grouper.first().len();
        grouper.add(input.columns(), &rows, &mut numbers);
        let new: Vec<u32> = grouper.first()[known..].iter().map(|&row| row as u32).collect();
        if !new.is_empty() {
            let picked = input.columns().iter().map(|chunk| chunk.take(&new)).collect();
            let evaluated = self.formula.evaluate(&RowInput::of_values(picked, new.len()).input(&NoWholeColumns));
            match evaluated.and_then(|chunk| values.append(&chunk, 0..chunk.len())) {
                Ok(()) => {}
                Err(error) => {
                    // Numbers without values must not stay behind.
                    *cache = Cache {
                        numbers: Grouper::new(&key_widths(&self.inputs)?),
                        values: Chunk::new(self.formula.column_type()),
                    };
                    return Err(error);
                }
            }
        }
        let result = values.take(&numbers);
        drop(cache);
        out.append(&result, 0..result.len())
    }
}

impl ColumnSource for LazyColumn {
    fn column_type(&self) -> ColumnType {
        self.formula.column_type()
    }

    fn forget(&self) {
        self.inputs.iter().for_each(|input| input.forget());
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        for piece in rows.chunks(4 * CHUNK_ROWS as u64) {
            self.append(&RowInput::of_rows(&self.inputs, &piece, None)?, piece.len() as usize, out)?;
        }
        Ok(())
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        for piece in keys.chunks(4 * CHUNK_ROWS) {
            self.append(&RowInput::of_keys(&self.inputs, piece, None)?, piece.len(), out)?;
        }
        Ok(())
    }
}
