//! Validation: whether a partition's history holds just the rows that were merged, and what a schema says of them.
//!
//! The rows of the sources and those of history are compared without regard to their order, by sums of row checksums; rules are evaluated batch by
//! batch on all cores. A violation comes with rows that show it, at most [`EXAMPLES_MAX`] of each check.
//!
//! **Invariant:** memory is bounded by batches and by [`DISTINCT_BYTES`], whatever the rows; nothing is written.

mod compare;
mod distinct;
mod fingerprint;
mod rows;
mod rules;

use self::rows::Batches;
use super::location::Location;
use super::schema::Validation;
use crate::base::{ColumnKind, Result, TableDefinition};
use std::sync::Arc;

/// Counter-examples that a check shows.
pub const EXAMPLES_MAX: usize = 100;
/// Memory for telling values apart, in bytes; where they need more, they are gone through several times.
pub const DISTINCT_BYTES: u64 = 256 << 20;

/// What is validated.
#[derive(Clone, Copy)]
pub struct ValidationRequest<'a> {
    /// What was merged; none where there are no intraday rows any more, and nothing to compare.
    pub intraday: Option<&'a [Arc<dyn Location>]>,
    /// The published version: a location a storage.
    pub history: &'a [Arc<dyn Location>],
    /// The table's columns.
    pub definition: &'a TableDefinition,
    /// By which rows are sorted within a group.
    pub sort_columns: &'a [String],
    /// What must hold.
    pub rules: &'a Validation,
}

/// What a validation found.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationReport {
    /// Rows of history.
    pub rows: u64,
    /// What was checked, in order.
    pub checks: Vec<Check>,
}

impl ValidationReport {
    /// True if nothing was violated.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.violations == 0)
    }
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What, such as `not null: Bid`.
    pub name: String,
    /// How often it does not hold: rows, except where the name says otherwise.
    pub violations: u64,
    /// Some of the rows, the first ones; or a sentence where no single row is at fault.
    pub examples: Vec<Example>,
}

/// A row that violates a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// The location, `storage/partition` or `source/partition`.
    pub location: String,
    /// The row within it; none where the whole is at fault.
    pub row: Option<u64>,
    /// What is wrong with it.
    pub what: String,
}

/// Told of batches done and batches in all; an error ends the validation.
pub type ValidationProgress<'a> = &'a (dyn Fn(u64, u64) -> Result<()> + Sync);

/// Checks a partition. Errs where rows cannot be read or a rule names a column that the table lacks; a violated rule is no error.
pub fn validate(request: &ValidationRequest<'_>, progress: ValidationProgress<'_>) -> Result<ValidationReport> {
    let columns: Vec<_> = request.definition.columns().iter().filter(|c| c.kind != ColumnKind::Partitioning).collect();
    let history = Batches::of(request.history, &columns);
    let mut checks = Vec::new();
    if let Some(sources) = request.intraday {
        compare::compare(&Batches::of(sources, &columns), &history, progress, &mut checks)?;
    }
    rules::evaluate(request, &history, progress, &mut checks)?;
    Ok(ValidationReport { rows: history.row_count(), checks })
}

#[cfg(test)]
mod tests;
