//! What the operations of a query cost: rows in and out, time, and what was read. Shown by `query --timing`.
//!
//! Columns of `view` and `updateView` are computed when they are read: their cost stands with the operation that reads them.

use crate::storage::ReadStats;
use crate::storage::read_stats::ReadCounts;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// One operation that ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationRecord {
    /// The operation's name in the query language.
    pub name: &'static str,
    /// Its arguments, shortened.
    pub arguments: String,
    /// Rows of the table it was called on; none for a source table that nothing has opened yet.
    pub rows_in: Option<u64>,
    /// Rows of its result; none where that has not been opened yet.
    pub rows_out: Option<u64>,
    /// How long it took.
    pub milliseconds: f64,
    /// What it read.
    pub reads: ReadCounts,
    /// Locations opened, of how many that the table has, where the operation opened a source table.
    pub locations: Option<(usize, usize)>,
}

/// Collects the records and notes of one query. Shared by all tables that come from it.
#[derive(Debug, Default)]
pub struct Timing {
    stats: Option<Arc<ReadStats>>,
    records: Mutex<Vec<OperationRecord>>,
    notes_only: bool,
    notes: Mutex<Vec<String>>,
}

/// Notes kept.
const NOTES_MAX: usize = 8;

/// An operation that is running.
#[derive(Debug)]
pub(crate) struct Started {
    at: Instant,
    reads: ReadCounts,
}

impl Timing {
    /// A log; `stats` are the counters that the locations of the query count in.
    pub fn new(stats: Option<Arc<ReadStats>>) -> Self {
        Timing { stats, ..Timing::default() }
    }

    /// A log that keeps no records, for queries of any length.
    pub fn notes_only(stats: Option<Arc<ReadStats>>) -> Self {
        Timing { notes_only: true, ..Timing::new(stats) }
    }

    /// What may explain a result without rows, each once, the first few: tables opened of which no partition remained.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES_MAX && !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// The records so far, in the order in which the operations ended.
    pub fn records(&self) -> Vec<OperationRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn counts(&self) -> ReadCounts {
        self.stats.as_ref().map(|stats| stats.counts()).unwrap_or_default()
    }
}

impl Started {
    /// Starts the clock; reads are counted where there is a log.
    pub(crate) fn now(timing: Option<&Timing>) -> Self {
        Started { at: Instant::now(), reads: timing.map(Timing::counts).unwrap_or_default() }
    }

    /// Completes a record with time and reads. The log keeps it too, if it keeps records.
    pub(crate) fn end(&self, timing: Option<&Timing>, record: OperationRecord) -> Arc<OperationRecord> {
        let milliseconds = self.at.elapsed().as_secs_f64() * 1e3;
        let reads = timing.map(|timing| timing.counts().since(self.reads)).unwrap_or_default();
        let record = OperationRecord { milliseconds, reads, ..record };
        if let Some(timing) = timing.filter(|timing| !timing.notes_only) {
            timing.records.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        }
        Arc::new(record)
    }
}

/// The last operations that a table comes of, at most [`STEPS_MAX`]; what `explain` shows.
#[derive(Clone, Debug)]
pub(crate) struct Steps(Arc<[Arc<OperationRecord>]>);

/// Operations that a table remembers.
const STEPS_MAX: usize = 64;

impl Default for Steps {
    fn default() -> Self {
        Steps(Arc::new([]))
    }
}

impl Steps {
    /// These and further ones.
    pub(crate) fn and(&self, more: impl IntoIterator<Item = Arc<OperationRecord>>) -> Steps {
        let mut all: Vec<_> = self.0.iter().cloned().chain(more).collect();
        all.drain(..all.len().saturating_sub(STEPS_MAX));
        Steps(all.into())
    }

    /// In the order in which they ran.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OperationRecord> {
        self.0.iter().map(|step| &**step)
    }
}

impl fmt::Display for OperationRecord {
    /// One line: `where(Sym=`AAPL`): 1000 -> 20 rows, 0.12 ms, 1 of 200 locations, 20 values (160 bytes) read`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}): ", self.name, self.arguments)?;
        match (self.rows_in, self.rows_out) {
            (Some(from), Some(to)) => write!(f, "{from} -> {to} rows")?,
            (None, Some(rows)) => write!(f, "{rows} rows")?,
            // A source table counts its rows when it is opened.
            (_, None) => write!(f, "deferred")?,
        }
        write!(f, ", {:.3} ms", self.milliseconds)?;
        if let Some((opened, all)) = self.locations {
            write!(f, ", {opened} of {all} locations")?;
        }
        let ReadCounts { values_read, bytes_read, .. } = self.reads;
        if values_read > 0 {
            write!(f, ", {values_read} values ({bytes_read} bytes) read")?;
        }
        Ok(())
    }
}
