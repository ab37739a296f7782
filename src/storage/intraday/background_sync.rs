//! A writer with a thread beside it that makes its rows durable in time, also while nobody calls the writer.
//!
//! [`super::Durability::Interval`] alone looks at the clock when something is committed. A feed that falls silent would leave its last rows to a power cut; this one does not.
//!
//! **Invariants:** the thread has the writer only while it syncs, never while it waits. It ends before the [`BackgroundSync`] does. An error of its syncs is
//! the result of the next call, whatever that is; nothing is written after it.

use super::{Commit, GroupWriter, IntradayWriter};
use crate::base::{Error, ErrorKind, Result};
use crate::io::clock::Stopwatch;
use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What makes rows visible first and durable later.
pub trait RowWriter: Debug + Send {
    /// Makes all committed rows durable. After an error the writer refuses everything.
    fn sync(&mut self) -> Result<Commit>;
    /// What readers see, and how much of it is durable.
    fn published(&self) -> Commit;
    /// Makes all committed rows durable and gives the locations up.
    fn close(self) -> Result<Commit>;
}

impl RowWriter for IntradayWriter {
    fn sync(&mut self) -> Result<Commit> {
        IntradayWriter::sync(self)
    }

    fn published(&self) -> Commit {
        IntradayWriter::published(self)
    }

    fn close(self) -> Result<Commit> {
        IntradayWriter::close(self)
    }
}

impl RowWriter for GroupWriter {
    fn sync(&mut self) -> Result<Commit> {
        GroupWriter::sync(self)
    }

    fn published(&self) -> Commit {
        GroupWriter::published(self)
    }

    fn close(self) -> Result<Commit> {
        GroupWriter::close(self)
    }
}

/// A writer whose committed rows become durable within an interval of their commit, whoever calls or does not call it.
///
/// The thread begins a sync when half of the interval is over, so that the other half is the disk's. Dropping it ends the thread and forgets what was not committed;
/// [`BackgroundSync::close`] makes the rest durable and is the only way to hear of an error in the last syncs.
///
/// ```
/// # use pilaster::base::{ColumnDefinition, ColumnType, Result};
/// # use pilaster::io::{FileSystem, SimulatedFileSystem};
/// # use pilaster::memory::Chunk;
/// # use pilaster::storage::intraday::{BackgroundSync, IntradayWriter, WriterOptions};
/// # use std::{path::Path, sync::Arc, time::Duration};
/// # fn main() -> Result<()> {
/// # let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
/// # let columns = [ColumnDefinition::new("Bid", ColumnType::Double)];
/// # let directory = Path::new("intraday/Market/Quotes/feed/2017-08-25");
/// let writer = IntradayWriter::open(fs, directory, &columns, WriterOptions::default())?;
/// let writer = BackgroundSync::start(writer, Duration::from_millis(200))?;
/// let committed = writer.with(|writer| {
///     writer.append(&[Chunk::nulls(ColumnType::Double, 3)])?;
///     writer.commit()
/// })?;
/// assert_eq!(committed.rows, 3);
/// assert_eq!(writer.close()?.durable_rows, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BackgroundSync<W: RowWriter + 'static> {
    shared: Arc<Shared<W>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<W> {
    state: Mutex<State<W>>,
    /// Told when rows begin to wait for a sync, and at the end.
    changed: Condvar,
}

#[derive(Debug)]
struct State<W> {
    /// None once it was closed.
    writer: Option<W>,
    /// Since when the oldest committed row that is not durable waits.
    undurable: Option<Stopwatch>,
    /// What the next call is told.
    failed: Option<Error>,
    /// True after a sync of the thread failed: there will be no other.
    broken: bool,
    ended: bool,
}

impl<W: RowWriter + 'static> BackgroundSync<W> {
    /// Starts the thread. The writer's own [`super::Durability`] goes on to hold; `None` and `Interval` leave something to do here. Errs where the system gives no
    /// thread.
    pub fn start(writer: W, interval: Duration) -> Result<Self> {
        let mut state = State { writer: Some(writer), undurable: None, failed: None, broken: false, ended: false };
        state.look();
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let run = {
            let shared = shared.clone();
            move || shared.run(interval / 2)
        };
        let thread = thread::Builder::new().name("background-sync".into()).spawn(run);
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Io, format!("could not start the thread that makes rows durable: {error}"))
        })?;
        Ok(BackgroundSync { shared, thread: Some(thread) })
    }

    /// Works with the writer: appends, commits. Waits for a sync that runs. If one failed since the last call, that is the error, and `work` is not done; later calls
    /// get `Poisoned` from the writer.
    pub fn with<R>(&self, work: impl FnOnce(&mut W) -> Result<R>) -> Result<R> {
        let mut state = self.shared.state.lock().map_err(panicked)?;
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        let Some(writer) = &mut state.writer else { return Err(Error::invalid("the writer was closed")) };
        let result = work(writer);
        let waited = state.undurable.is_some();
        state.look();
        if !waited && state.undurable.is_some() {
            self.shared.changed.notify_one();
        }
        result
    }

    /// What readers see now, and how much of it is durable. Waits for a sync that runs.
    pub fn published(&self) -> Commit {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writer.as_ref().map_or_else(Commit::default, RowWriter::published)
    }

    /// Ends the thread, makes all committed rows durable and gives the locations up. Errs where that, or an earlier sync that nobody was told of, failed.
    pub fn close(mut self) -> Result<Commit> {
        self.end();
        let mut state = self.shared.state.lock().map_err(panicked)?;
        let (failed, writer) = (state.failed.take(), state.writer.take());
        drop(state);
        match (failed, writer) {
            (Some(error), _) => Err(error),
            (None, Some(writer)) => writer.close(),
            (None, None) => Err(Error::invalid("the writer was closed")),
        }
    }

    /// True if an error waits for the next call.
    #[cfg(test)]
    pub(super) fn has_failed(&self) -> bool {
        self.shared.state.lock().is_ok_and(|state| state.failed.is_some())
    }

    fn end(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // If it panicked the lock is poisoned, which every call tells.
            let _ = thread.join();
        }
    }
}

impl<W: RowWriter + 'static> Drop for BackgroundSync<W> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<W: RowWriter> Shared<W> {
    fn run(&self, patience: Duration) {
        let Ok(mut state) = self.state.lock() else { return };
        while !state.ended {
            let left = state.undurable.map(|since| patience.saturating_sub(since.elapsed()));
            let waited: Option<MutexGuard<'_, State<W>>> = match left {
                Some(Duration::ZERO) => {
                    state.sync();
                    Some(state)
                }
                Some(left) => self.changed.wait_timeout(state, left).ok().map(|(state, _)| state),
                None => self.changed.wait(state).ok(),
            };
            match waited {
                Some(waited) => state = waited,
                // A caller panicked with the writer in its hands: nobody knows what it is in.
                None => return,
            }
        }
    }
}

impl<W: RowWriter> State<W> {
    /// Notes whether rows wait for a sync.
    fn look(&mut self) {
        let committed = self.writer.as_ref().map_or_else(Commit::default, RowWriter::published);
        if self.broken || committed.durable_rows == committed.rows {
            self.undurable = None;
        } else {
            self.undurable.get_or_insert_with(Stopwatch::start);
        }
    }

    fn sync(&mut self) {
        if let Some(Err(error)) = self.writer.as_mut().map(RowWriter::sync) {
            self.failed = Some(error);
            self.broken = true;
        }
        self.look();
    }
}

fn panicked<T>(_: PoisonError<T>) -> Error {
    Error::new(ErrorKind::Poisoned, "the writer failed before: a thread that had it panicked")
        .hint("open the location again; rows that were not committed have to be appended again")
}
