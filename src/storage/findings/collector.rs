//! Where findings and counts of many threads come together.

use super::Problem;
use crate::base::Result;
use crate::io::interrupt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Problems that are kept; more are counted only.
const PROBLEMS_MAX: usize = 10_000;

/// What verifying looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Locations, intraday and historical.
    pub locations: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows of all locations.
    pub rows: u64,
    /// Values that were read and compared with what their files promise.
    pub values: u64,
}

/// Told how far the work is; an error ends it.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) -> Result<()> + Sync);

/// Collects from all threads.
pub struct Collector<'a> {
    locations: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    values: AtomicU64,
    bytes_total: AtomicU64,
    problem_count: AtomicU64,
    problems: Mutex<Vec<Problem>>,
    progress: Progress<'a>,
}

impl<'a> Collector<'a> {
    /// An empty one; `progress` is told bytes done and bytes in all.
    pub fn new(progress: Progress<'a>) -> Self {
        Collector {
            locations: AtomicU64::new(0),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            values: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            problem_count: AtomicU64::new(0),
            problems: Mutex::default(),
            progress,
        }
    }

    /// More bytes will come.
    pub(in crate::storage) fn expect_bytes(&self, bytes: u64) {
        self.bytes_total.fetch_add(bytes, Relaxed);
    }

    /// A location of so many rows was opened.
    pub(in crate::storage) fn add_location(&self, rows: u64) {
        self.locations.fetch_add(1, Relaxed);
        self.rows.fetch_add(rows, Relaxed);
    }

    /// Files were read whole.
    pub(in crate::storage) fn add_files(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Values were compared. Errs when the work is to end.
    pub(in crate::storage) fn add_values(&self, values: u64) -> Result<()> {
        self.values.fetch_add(values, Relaxed);
        self.check()
    }

    /// Errs when the work is to end.
    pub(in crate::storage) fn check(&self) -> Result<()> {
        interrupt::check()?;
        (self.progress)(self.bytes.load(Relaxed), self.bytes_total.load(Relaxed))
    }

    /// Something is wrong.
    pub(in crate::storage) fn add(&self, problem: Problem) {
        self.problem_count.fetch_add(1, Relaxed);
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    /// Takes over what another one collected.
    pub(in crate::storage) fn absorb(&self, other: Collector<'_>) {
        let figures = other.figures();
        self.locations.fetch_add(figures.locations, Relaxed);
        self.rows.fetch_add(figures.rows, Relaxed);
        self.values.fetch_add(figures.values, Relaxed);
        self.add_files(figures.files, figures.bytes);
        other.into_problems().0.into_iter().for_each(|problem| self.add(problem));
    }

    /// One that counts for itself and is told to end when this one is.
    pub(in crate::storage) fn fork<'s>(&'s self, progress: Progress<'s>) -> Collector<'s> {
        Collector::new(progress)
    }

    /// Whether nothing was wrong so far.
    pub(in crate::storage) fn is_clean(&self) -> bool {
        self.problem_count.load(Relaxed) == 0
    }

    /// The counts so far.
    pub fn figures(&self) -> Figures {
        Figures {
            locations: self.locations.load(Relaxed),
            files: self.files.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            rows: self.rows.load(Relaxed),
            values: self.values.load(Relaxed),
        }
    }

    /// The problems in the order of their paths, and how many there were in all.
    pub fn into_problems(self) -> (Vec<Problem>, u64) {
        let mut problems = self.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        problems.sort_by(|a, b| (&a.path, a.offset, &a.what).cmp(&(&b.path, b.offset, &b.what)));
        (problems, self.problem_count.load(Relaxed))
    }
}
