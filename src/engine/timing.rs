//! What the operations of a query cost: rows in and out, time, and what was read. Shown by `query --timing`.
//!
//! Columns of `view` and `updateView` are computed when they are read: their cost stands with the operation that reads them.

use crate::storage::ReadStats;
use crate::storage::read_stats::ReadCounts;
use std::cell::RefCell;
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
    /// How the rows were found, grouped or matched, such as `grouping ranges of 3 locations`; empty where there was nothing to choose.
    pub strategy: String,
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
    /// How many operations this one is within, each of which has an entry in [`STRATEGIES`].
    depth: usize,
}

thread_local! {
    /// What the operations that run on this thread, one within the other, told of their ways.
    static STRATEGIES: RefCell<Vec<Vec<String>>> = const { RefCell::new(Vec::new()) };
}

/// Notes how the operation that runs on this thread does something, each way once. Of no effect where none runs.
pub(crate) fn strategy(way: impl FnOnce() -> String) {
    STRATEGIES.with_borrow_mut(|running| {
        let Some(ways) = running.last_mut() else { return };
        let way = way();
        if ways.len() < STRATEGIES_MAX && !ways.contains(&way) {
            ways.push(way);
        }
    });
}

/// Ways that one operation tells of.
const STRATEGIES_MAX: usize = 8;

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
        let depth = STRATEGIES.with_borrow_mut(|running| {
            running.push(Vec::new());
            running.len() - 1
        });
        Started { at: Instant::now(), reads: timing.map(Timing::counts).unwrap_or_default(), depth }
    }

    /// Completes a record with time and reads. The log keeps it too, if it keeps records.
    pub(crate) fn end(&self, timing: Option<&Timing>, record: OperationRecord) -> Arc<OperationRecord> {
        let milliseconds = self.at.elapsed().as_secs_f64() * 1e3;
        let reads = timing.map(|timing| timing.counts().since(self.reads)).unwrap_or_default();
        let strategy = STRATEGIES.with_borrow(|running| running.get(self.depth).map(|ways| ways.join("; ")));
        let record = OperationRecord { milliseconds, reads, strategy: strategy.unwrap_or_default(), ..record };
        if let Some(timing) = timing.filter(|timing| !timing.notes_only) {
            timing.records.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        }
        Arc::new(record)
    }
}

impl Drop for Started {
    /// Also of an operation that failed.
    fn drop(&mut self) {
        STRATEGIES.with_borrow_mut(|running| running.truncate(self.depth));
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

    /// These, then those of another table that are not among them.
    pub(crate) fn with(&self, other: &Steps) -> Steps {
        self.and(other.0.iter().filter(|step| !self.0.iter().any(|mine| Arc::ptr_eq(mine, step))).cloned())
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
        if !self.strategy.is_empty() {
            write!(f, ", by {}", self.strategy)?;
        }
        Ok(())
    }
}
