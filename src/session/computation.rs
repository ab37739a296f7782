//! Formulas of the engine as the computations that storage asks for.

use crate::base::{Error, Result};
use crate::engine::formula::{Formula, Input, NoWholeColumns, Positions};
use crate::memory::Chunk;
use crate::storage::Computation;

/// A formula that looks at its own row alone, for whoever hands it rows in pieces. Errs for others.
pub fn computation(formula: Formula) -> Result<Computation> {
    if !formula.arrays().is_empty() || formula.uses_row_position() {
        return Err(Error::invalid("rows are read in pieces, so a formula cannot speak of others or of positions"));
    }
    let inputs = formula.inputs().to_vec();
    let compute = move |columns: &[Chunk], len: usize| {
        let positions = Positions::Range(0);
        formula.evaluate(&Input { len, columns, positions, keys: positions, arrays: &NoWholeColumns })
    };
    Ok(Computation { inputs, compute: Box::new(compute) })
}
