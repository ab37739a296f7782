//! Counts what became of damaged roots, from all threads, and holds the bounds that every reading keeps.

use crate::reading::{Reading, Verdict, judge};
use pilaster::io::clock::Stopwatch;
use pilaster_fuzz::allocation;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that all threads together may have: the roots are of kilobytes, and copies of them and their logs are all there is.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// Milliseconds that one reading may take on a busy machine; usually it is one.
const READING_MS_MAX: u64 = 20_000;

/// What became of the damaged roots of one test.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    same: AtomicU64,
    refused: AtomicU64,
    /// Of those refused, how many errors named the damaged file itself rather than another of its location.
    exact: AtomicU64,
    /// What a test knows to be allowed, by name.
    allowed: AtomicU64,
    panics: AtomicU64,
    slowest_ms: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    /// Reads a damaged root and compares with `good`; `path` was damaged, `how` says the damage. `is_allowed` is asked about readings that
    /// are neither the same nor refused.
    pub(crate) fn check(
        &self,
        good: &Reading,
        path: &str,
        how: &dyn Fn() -> String,
        read: impl FnOnce() -> Reading,
        is_allowed: &dyn Fn(&Reading) -> bool,
    ) {
        let watch = Stopwatch::start();
        let reading = catch_unwind(AssertUnwindSafe(read));
        self.slowest_ms.fetch_max(watch.elapsed_ns() / 1_000_000, Relaxed);
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Relaxed);
        };
        let Ok(reading) = reading else {
            count(&self.panics);
            return self.note(format!("{path} {}: panic", how()));
        };
        match judge(good, &reading, Path::new(path)) {
            Verdict::Same => count(&self.same),
            Verdict::Refused { exact } => {
                count(&self.refused);
                self.exact.fetch_add(u64::from(exact), Relaxed);
            }
            Verdict::Wrong(_) if is_allowed(&reading) => count(&self.allowed),
            Verdict::Wrong(why) => self.note(format!("{path} {}: {why}", how())),
        }
    }

    fn note(&self, line: String) {
        self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
    }

    /// How many readings were errors.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Prints one line, and fails the test if anything was wrong.
    pub(crate) fn report(&self, test: &str, what: &str) {
        let wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let (same, refused, allowed, panics) =
            (get(&self.same), get(&self.refused), get(&self.allowed), get(&self.panics));
        println!(
            "{test}: {} {what}: {same} read the same, {refused} were refused ({} by the name of the very file), {allowed} allowed, \
             {} silently wrong, {panics} panics; slowest {} ms, most memory {} MiB",
            same + refused + allowed + wrong.len() as u64,
            get(&self.exact),
            wrong.len() as u64 - panics,
            get(&self.slowest_ms),
            allocation::peak_bytes() >> 20,
        );
        assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
        assert!(get(&self.slowest_ms) < READING_MS_MAX, "a reading took {} ms", get(&self.slowest_ms));
        assert!(
            allocation::peak_bytes() < MEMORY_BYTES_MAX,
            "{} bytes were allocated at once",
            allocation::peak_bytes()
        );
    }
}
