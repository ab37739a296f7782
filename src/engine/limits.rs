//! What one query may take of time and memory.
//!
//! Limits belong to a thread while [`QueryLimits::enter`] runs there, and go along with work that is handed to other threads
//! (`engine::parallel`). Work over rows asks `check` once a piece; work that needs memory in proportion to rows asks `require`
//! before it takes any, so that a table of 2⁶³ rows is an error and not the end of the process. **Invariant:** where nobody entered
//! any, the default ones hold.

use crate::base::{Error, ErrorKind, Result};
use crate::io::{clock::Stopwatch, interrupt, machine};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Nanoseconds between two looks at the memory in use: what threads can take in that time is little.
const MEASURE_EVERY_NS: u64 = 500_000;
/// The share of the machine's memory that is the default, in quarters.
const DEFAULT_QUARTERS: u64 = 3;

thread_local! {
    static CURRENT: RefCell<Option<Arc<QueryLimits>>> = const { RefCell::new(None) };
}

/// Limits of one query; time counts from the making of them.
#[derive(Debug)]
pub struct QueryLimits {
    started: Stopwatch,
    time: Option<Duration>,
    memory_bytes: u64,
    measured_ns: AtomicU64,
}

impl Default for QueryLimits {
    /// No limit of time, three quarters of the machine's memory.
    fn default() -> Self {
        static SHARE: OnceLock<u64> = OnceLock::new();
        let memory_bytes = *SHARE.get_or_init(|| machine::memory_bytes() / 4 * DEFAULT_QUARTERS);
        QueryLimits { started: Stopwatch::start(), time: None, memory_bytes, measured_ns: AtomicU64::new(0) }
    }
}

impl QueryLimits {
    /// Stops work that goes on for longer.
    pub fn with_time(self, time: Duration) -> Self {
        QueryLimits { time: Some(time), ..self }
    }

    /// Stops work once the process has more than so many bytes of memory in use. Pages of mapped files do not count.
    pub fn with_memory(self, bytes: u64) -> Self {
        QueryLimits { memory_bytes: bytes, ..self }
    }

    /// Does work on this thread under these limits.
    pub fn enter<R>(self: &Arc<Self>, work: impl FnOnce() -> R) -> R {
        let before = CURRENT.replace(Some(self.clone()));
        let _leave = Leave(before);
        work()
    }

    /// True once the time is over.
    pub fn is_late(&self) -> bool {
        self.time.is_some_and(|time| self.started.elapsed() >= time)
    }

    fn check(&self) -> Result<()> {
        if self.is_late() {
            return Err(Error::new(ErrorKind::Cancelled, "the query ran out of time"));
        }
        let now = self.started.elapsed_ns();
        if now.saturating_sub(self.measured_ns.load(Ordering::Relaxed)) < MEASURE_EVERY_NS {
            return Ok(());
        }
        self.measured_ns.store(now, Ordering::Relaxed);
        self.require(0)
    }

    fn require(&self, bytes: u64) -> Result<()> {
        // What is small is left to `check`.
        if bytes != 0 && bytes < 1 << 20 || machine::used_bytes().saturating_add(bytes) <= self.memory_bytes {
            return Ok(());
        }
        let limit = self.memory_bytes >> 20;
        Err(Error::limit(format!("the query needs more memory than its limit of {limit} MiB"))
            .hint("take fewer rows or columns before this step, or use view where update or select keeps all values"))
    }
}

/// Puts back what was there before, also after a panic.
struct Leave(Option<Arc<QueryLimits>>);

impl Drop for Leave {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The limits of this thread, to enter on another one.
pub(crate) fn current() -> Arc<QueryLimits> {
    static DEFAULT: OnceLock<Arc<QueryLimits>> = OnceLock::new();
    CURRENT.with_borrow(Clone::clone).unwrap_or_else(|| DEFAULT.get_or_init(Arc::default).clone())
}

/// An error once the user stopped the query, its time is over, or it has taken more memory than it may.
pub(crate) fn check() -> Result<()> {
    interrupt::check()?;
    current().check()
}

/// An error where that many rows of that many bytes do not fit the memory that is left. Ask before taking it.
pub(crate) fn require(rows: u64, bytes_each: usize) -> Result<()> {
    current().require(rows.saturating_mul(bytes_each as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::parallel;
    use crate::memory::RowSet;

    #[test]
    fn limits_hold_on_every_thread_and_end_with_their_scope() {
        let late = Arc::new(QueryLimits::default().with_time(Duration::ZERO));
        let small = Arc::new(QueryLimits::default().with_memory(1 << 10));
        let work = || parallel::map_pieces(&RowSet::flat(10_000), |_, piece| Ok(piece.len()));
        assert_eq!(work().unwrap().iter().sum::<u64>(), 10_000);
        assert_eq!(late.enter(work).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(work().unwrap().len(), 1429);
        assert!(small.enter(|| require(1 << 20, 8)).is_err());
        assert!(small.enter(|| require(10, 8)).is_ok());
        require(1 << 20, 8).unwrap();
        assert!(require(u64::MAX, 8).is_err());
    }

    #[test]
    fn a_panic_leaves_no_limits_behind() {
        let late = Arc::new(QueryLimits::default().with_time(Duration::ZERO));
        let panicked = std::panic::catch_unwind(|| late.enter(|| panic!("on purpose")));
        assert!(panicked.is_err());
        check().unwrap();
    }
}
