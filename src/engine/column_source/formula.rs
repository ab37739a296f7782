//! A column that is computed when it is read: what `view` and `updateView` add.

use super::ColumnSource;
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Result};
use crate::engine::evaluate::{Arrays, RowInput};
use crate::engine::formula::Formula;
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

/// The values of a formula over the rows of the table that it was added to; `i` is the position there.
#[derive(Debug)]
pub struct FormulaColumn {
    formula: Arc<Formula>,
    inputs: Vec<Arc<dyn ColumnSource>>,
    arrays: Arrays,
}

impl FormulaColumn {
    pub(crate) fn new(formula: Arc<Formula>, inputs: Vec<Arc<dyn ColumnSource>>, arrays: Arrays) -> Self {
        FormulaColumn { formula, inputs, arrays }
    }

    fn positions_in(&self) -> Option<&RowSet> {
        self.formula.uses_row_position().then_some(&self.arrays.rows)
    }

    fn append(&self, input: &RowInput, out: &mut Chunk) -> Result<()> {
        let values = self.formula.evaluate(&input.input(&self.arrays))?;
        if out.is_empty() && out.column_type() == values.column_type() {
            *out = values;
            return Ok(());
        }
        out.append(&values, 0..values.len())
    }
}

impl ColumnSource for FormulaColumn {
    fn column_type(&self) -> ColumnType {
        self.formula.column_type()
    }

    fn forget(&self) {
        self.inputs.iter().for_each(|input| input.forget());
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        for piece in rows.chunks(4 * CHUNK_ROWS as u64) {
            self.append(&RowInput::of_rows(&self.inputs, &piece, self.positions_in())?, out)?;
        }
        Ok(())
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        for piece in keys.chunks(4 * CHUNK_ROWS) {
            self.append(&RowInput::of_keys(&self.inputs, piece, self.positions_in())?, out)?;
        }
        Ok(())
    }
}
