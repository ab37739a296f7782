//! What the ways of merging have in common: what is to be done, how much memory it takes, how far it is.

use super::merge::{MergePhase, MergeProgress, ProgressCallback};
use super::source;
use super::spread::{self, Spread};
use crate::base::{ColumnDefinition, ColumnType, Result, TableDefinition};
use crate::format::column_form::ColumnForm;
use crate::format::encoding::Codec;
use crate::io;
use crate::storage::Location;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Memory for the blocks that a thread has in hand, in bytes.
pub(super) const THREAD_BYTES: u64 = 4 << 20;
/// Memory that a process takes before it reads anything, in bytes.
const PROCESS_BYTES: u64 = 24 << 20;

/// A merge's sources, columns and limits.
pub(super) struct Work<'a> {
    /// In order of arrival.
    pub(super) sources: &'a [Arc<dyn Location>],
    pub(super) columns: &'a [&'a ColumnDefinition],
    /// The columns that decide the order, the grouping ones first.
    pub(super) keys: &'a [&'a ColumnDefinition],
    pub(super) grouping_count: usize,
    /// What computed storages are computed of.
    pub(super) definition: &'a TableDefinition,
    /// How rows go to storages.
    pub(super) spread: &'a Spread,
    /// The names of the storages.
    pub(super) storages: &'a [String],
    pub(super) codecs: &'a BTreeMap<String, Codec>,
    pub(super) progress: &'a Progress<'a>,
    /// The bound.
    pub(super) memory_bytes: u64,
    /// See [`MergeOptions::run_rows_max`](super::MergeOptions::run_rows_max).
    pub(super) run_rows_max: Option<u64>,
}

impl Work<'_> {
    pub(super) fn codec(&self, column: &ColumnDefinition) -> Codec {
        self.codecs.get(&column.name).copied().unwrap_or_default()
    }

    /// Which of the grouping columns a column is.
    pub(super) fn grouping(&self, column: &ColumnDefinition) -> Option<usize> {
        self.keys[..self.grouping_count].iter().position(|key| key.name == column.name)
    }

    /// Rows of all sources.
    pub(super) fn row_count(&self) -> u64 {
        self.sources.iter().map(|source| source.row_count()).sum()
    }

    /// Memory that is left for rows and symbols, in bytes: the bound without what the process and its threads take, and without an eighth
    /// that an allocator may keep to itself.
    pub(super) fn free_bytes(&self) -> u64 {
        let threads = rayon::current_num_threads() as u64;
        let rest = self.memory_bytes.saturating_sub(PROCESS_BYTES + threads * THREAD_BYTES);
        (rest - rest / 8).max(self.memory_bytes / 8)
    }

    /// Bytes of values of variable width that a thread gathers at once, unless a single value has more. Reading them, putting them in order,
    /// laying them out and waiting for their block takes some times as much.
    pub(super) fn piece_bytes(&self) -> u64 {
        (self.free_bytes() / (16 * rayon::current_num_threads() as u64)).clamp(1 << 16, 4 << 20)
    }

    /// Bytes that ordering rows in memory and writing one column after the other take per row of fixed width.
    pub(super) fn row_bytes(&self) -> u64 {
        let width = |column: &ColumnDefinition| match column.column_type {
            ColumnType::String => 4,
            other => other.width() as u64,
        };
        let key = |column: &&ColumnDefinition| if column.column_type == ColumnType::String { 4 } else { 8 };
        // Computed storages are a key of their own.
        let keys: u64 = self.keys.iter().map(key).sum::<u64>() + if self.is_computed() { 4 } else { 0 };
        let groupings: u64 = self.keys[..self.grouping_count].iter().map(key).sum();
        let widest = self.columns.iter().map(|column| width(column)).max().unwrap_or(0);
        // The order, and pairs of key and row with their counterpart while they are sorted; or the order, perhaps divided, and a column.
        (keys + 4 + 32).max(groupings + 8 + widest)
    }

    /// The most that the values of a column of variable width have, in bytes. Reads lengths.
    pub(super) fn variable_bytes(&self) -> Result<u64> {
        let mut most = 0;
        for column in self.columns {
            if source::form(self.sources, column)?.depth() > 0 {
                most = most.max(source::weight(self.sources, column)?);
            }
        }
        Ok(most)
    }

    /// True where merging in memory stays within the bound.
    pub(super) fn fits_memory(&self, row_count: u64) -> Result<bool> {
        let (free, rows) = (self.free_bytes(), row_count.saturating_mul(self.row_bytes()));
        if u32::try_from(row_count).is_err() || rows > free || self.run_rows_max.is_some_and(|most| row_count > most) {
            return Ok(false);
        }
        let mut symbols = 0;
        for column in self.columns {
            if self.has_symbols(column)? {
                symbols = symbols.max(source::symbols_weight(self.sources, column)?);
            }
        }
        Ok(rows.saturating_add(symbols).saturating_add(self.variable_bytes()?) <= free)
    }

    /// True where merging a column makes a symbol table: where it has one in the end, and where it is a key.
    pub(super) fn has_symbols(&self, column: &ColumnDefinition) -> Result<bool> {
        let is_key = self.is_key(column) && ColumnForm::new(column.column_type, false).has_symbols();
        Ok(is_key || source::form(self.sources, column)?.has_symbols())
    }

    /// True where the storage of each row is computed, and there is a choice.
    pub(super) fn is_computed(&self) -> bool {
        self.storages.len() > 1 && self.spread.computation().is_some()
    }

    /// The storages of the rows of some of the sources, in order of arrival, where they are computed.
    pub(super) fn computed_parts(&self, sources: &[Arc<dyn Location>]) -> Result<Option<Vec<u32>>> {
        let computation = self.spread.computation().filter(|_| self.is_computed());
        let parts = |computation| spread::computed_parts(computation, sources, self.definition, self.storages);
        computation.map(parts).transpose()
    }

    /// How many of the first grouping columns decide to which storage a group goes.
    pub(super) fn spread_count(&self) -> usize {
        self.spread.grouping_count(self.grouping_count)
    }

    pub(super) fn is_key(&self, column: &ColumnDefinition) -> bool {
        self.keys.iter().any(|key| key.name == column.name)
    }
}

/// Tells how far a merge is.
pub(super) struct Progress<'a> {
    callback: ProgressCallback<'a>,
    /// Bytes.
    written: AtomicU64,
}

impl<'a> Progress<'a> {
    pub(super) fn to(callback: ProgressCallback<'a>) -> Self {
        Progress { callback, written: AtomicU64::new(0) }
    }

    /// Tells nobody, but ends when the process is interrupted.
    pub(super) fn silent() -> Progress<'static> {
        Progress::to(&|_| Ok(()))
    }

    /// Tells, and errs if the merge is to end.
    pub(super) fn ask(&self, phase: MergePhase, values_done: u64, values_total: u64) -> Result<()> {
        io::interrupt::check()?;
        let bytes_written = self.written.load(Relaxed);
        (self.callback)(MergeProgress { phase, values_done, values_total, bytes_written })
    }

    /// Counts bytes.
    pub(super) fn wrote(&self, bytes: u64) {
        self.written.fetch_add(bytes, Relaxed);
    }
}
