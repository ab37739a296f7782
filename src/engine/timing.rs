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
    pub fn notes_only() -> Self {
        Timing { notes_only: true, ..Timing::default() }
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

    pub(crate) fn start(&self) -> Started {
        Started { at: Instant::now(), reads: self.counts() }
    }

    /// Completes a record with time and reads, and keeps it.
    pub(crate) fn end(&self, started: &Started, record: OperationRecord) {
        if self.notes_only {
            return;
        }
        let record = OperationRecord {
            milliseconds: started.at.elapsed().as_secs_f64() * 1e3,
            reads: self.counts().since(started.reads),
            ..record
        };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    fn counts(&self) -> ReadCounts {
        self.stats.as_ref().map(|stats| stats.counts()).unwrap_or_default()
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
