//! An intraday location for reading: the version that is committed now, and the step to the next one.

use super::group::GroupView;
use super::recovery::{Look, Recovered, Rejection, commit_path, recover};
use super::region::IntradayRegion;
use crate::base::{ColumnDefinition, Error, ErrorKind, Result};
use crate::format::commit::{ColumnState, CommitRecord};
use crate::io::FileSystem;
use crate::storage::{ColumnRegion, GroupingIndex, Location, LocationHandle, LocationKey, ReadStats};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

/// An intraday location that may be opened.
#[derive(Clone, Debug)]
pub struct IntradayHandle {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    key: LocationKey,
    stats: Arc<ReadStats>,
}

impl IntradayHandle {
    /// The location in `directory`, relative to the file system's root. Touches no file.
    pub fn new(fs: Arc<dyn FileSystem>, directory: PathBuf, key: LocationKey, stats: Arc<ReadStats>) -> Self {
        IntradayHandle { fs, directory, key, stats }
    }

    /// Where it lies, relative to the file system's root.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// The version of the location as of a view of its source; `before` is one as of an earlier view.
    pub(super) fn open_as_of(&self, view: &GroupView, before: Option<&Arc<IntradayLocation>>) -> Result<AsOf> {
        if let Some(before) = before {
            match before.next_version(Some(view)) {
                Ok(Next::Same) => return Ok(AsOf::Location(before.clone())),
                Ok(Next::Version(next)) => return Ok(AsOf::Location(next)),
                Ok(Next::Overtaken) => return Ok(AsOf::Overtaken),
                // Removed or replaced while the others were looked at: what is there now counts.
                Err(error) if error.kind() == ErrorKind::RolledBack => {}
                Err(error) => return Err(error.context(format!("location {}", self.key))),
            }
        }
        self.stats.locations_opened.fetch_add(1, Relaxed);
        self.stats.files_opened.fetch_add(1, Relaxed);
        let look = recover(&*self.fs, &self.directory, None, Some(view))
            .map_err(|error| error.context(format!("location {}", self.key)))?;
        if look.stale {
            return Ok(AsOf::Overtaken);
        }
        let (fs, directory) = (self.fs.clone(), self.directory.clone());
        let location = IntradayLocation::of(fs, directory, self.key.clone(), self.stats.clone(), look.found);
        Ok(AsOf::Location(Arc::new(location)))
    }

    /// [`LocationHandle::open`] with the concrete type, which can be refreshed.
    pub fn open_intraday(&self) -> Result<Arc<IntradayLocation>> {
        self.stats.locations_opened.fetch_add(1, Relaxed);
        IntradayLocation::open(self.fs.clone(), &self.directory, self.key.clone(), self.stats.clone())
    }
}

impl LocationHandle for IntradayHandle {
    fn key(&self) -> &LocationKey {
        &self.key
    }

    fn open(&self) -> Result<Arc<dyn Location>> {
        Ok(self.open_intraday()?)
    }
}

/// A location as of a view of its source.
pub(super) enum AsOf {
    /// The version that was current then.
    Location(Arc<IntradayLocation>),
    /// That version's record is gone.
    Overtaken,
}

/// What came after a version.
enum Next {
    Same,
    Version(Arc<IntradayLocation>),
    Overtaken,
}

/// One committed version of an intraday location. It stays as it is while later ones are committed.
#[derive(Debug)]
pub struct IntradayLocation {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    key: LocationKey,
    stats: Arc<ReadStats>,
    /// None before the first commit.
    record: Option<CommitRecord>,
    rejected: Vec<Rejection>,
    /// Where column files are read: `fs`, with the ends of files from the journal where the record is one of it.
    files: Arc<dyn FileSystem>,
    from_journal: bool,
    columns: Vec<Mutex<LazyRegion>>,
}

/// A column that is opened at first use; until then, what an earlier version had opened.
#[derive(Debug, Default)]
struct LazyRegion {
    opened: Option<Arc<IntradayRegion>>,
    earlier: Option<Arc<IntradayRegion>>,
}

impl IntradayLocation {
    /// The version of the location in `directory` that is committed now.
    ///
    /// Without a commit file it has no rows and no columns; without a directory it is `NotFound`; with a commit file in which no
    /// record holds it is `Corrupt`. Reads the commit file and, where the newest rows are not durable yet, those rows.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        key: LocationKey,
        stats: Arc<ReadStats>,
    ) -> Result<Arc<Self>> {
        stats.files_opened.fetch_add(1, Relaxed);
        let look = recover(&*fs, directory, None, None).map_err(|error| error.context(format!("location {key}")))?;
        Ok(Arc::new(Self::of(fs, directory.to_path_buf(), key, stats, look.found)))
    }

    fn of(
        fs: Arc<dyn FileSystem>,
        directory: PathBuf,
        key: LocationKey,
        stats: Arc<ReadStats>,
        recovered: Option<Recovered>,
    ) -> Self {
        let (record, rejected, tails) = match recovered {
            Some(recovered) => (Some(recovered.record), recovered.rejected, recovered.tails),
            None => (None, Vec::new(), None),
        };
        let from_journal = tails.is_some();
        let files = tails.map_or_else(|| fs.clone(), |tails| tails.over(fs.clone()));
        let columns = record.iter().flat_map(|record| &record.columns).map(|_| Mutex::default()).collect();
        IntradayLocation { fs, directory, key, stats, record, rejected, files, from_journal, columns }
    }

    /// Where it lies, relative to the file system's root.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// True for a location of this name and place. The names first: they differ sooner than paths do, and there may be thousands of both.
    pub(in crate::storage) fn is_of(&self, key: &LocationKey, directory: &Path) -> bool {
        self.key == *key && self.directory == directory
    }

    /// The next version, if one was committed since this one; what this one verified is not verified again.
    ///
    /// [`ErrorKind::RolledBack`] where this version's rows are not the beginning of what is committed now: the location was removed, or
    /// replaced, or its writer had to give up rows that were never durable. Costs a read of the commit file.
    pub fn refresh(&self) -> Result<Option<Arc<IntradayLocation>>> {
        match self.next_version(None).map_err(|error| error.context(format!("location {}", self.key)))? {
            Next::Version(next) => Ok(Some(next)),
            Next::Same | Next::Overtaken => Ok(None),
        }
    }

    fn next_version(&self, view: Option<&GroupView>) -> Result<Next> {
        // What did not hold once may look like this writer's next record: its rows are compared again.
        let known = self.record.as_ref().filter(|_| self.rejected.is_empty() && !self.from_journal);
        let look = match recover(&*self.fs, &self.directory, known, view) {
            Err(error) if error.is_not_found() && self.record.is_some() => Look::default(),
            answer => answer?,
        };
        if look.stale {
            return Ok(Next::Overtaken);
        }
        let rolled_back = |what: String| {
            let error = Error::new(ErrorKind::RolledBack, what);
            Err(error.at_path(&commit_path(&*self.fs, &self.directory)).hint("open the table again"))
        };
        let new = match (&self.record, look.found) {
            (None, None) => return Ok(Next::Same),
            (Some(_), None) => return rolled_back("the location was removed".into()),
            (None, Some(new)) => new,
            (Some(old), Some(new)) if new.record.location != old.location => {
                return rolled_back("the location was replaced by another one".into());
            }
            (Some(old), Some(new)) if new.record.version() == old.version() => return Ok(Next::Same),
            // The journal is ahead of the slots.
            (Some(old), Some(new)) if self.from_journal && is_step_behind(old, &new.record) => return Ok(Next::Same),
            (Some(old), Some(new)) if !is_prefix(old, &new.record) => {
                let (had, has) = (old.row_count, new.record.row_count);
                return rolled_back(format!(
                    "the location lost rows that were never durable: it had {had} and has {has}"
                ));
            }
            (Some(_), Some(new)) => new,
        };
        let (fs, stats) = (self.fs.clone(), self.stats.clone());
        let next = Self::of(fs, self.directory.clone(), self.key.clone(), stats, Some(new));
        for (state, column) in next.record.iter().flat_map(|record| &record.columns).zip(&next.columns) {
            let Some(at) = self.position(&state.name) else { continue };
            let mine = lock(&self.columns[at]);
            lock(column).earlier = mine.opened.clone().or_else(|| mine.earlier.clone());
        }
        Ok(Next::Version(Arc::new(next)))
    }

    /// True where this version's rows are the beginning of a later one's.
    pub(crate) fn is_continued_by(&self, later: &IntradayLocation) -> bool {
        match (&self.record, &later.record) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(old), Some(new)) => {
                old.location == new.location && (old.version() == new.version() || is_prefix(old, new))
            }
        }
    }

    /// Rows that a power cut cannot take, as far as the version knows.
    pub fn durable_row_count(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.durable_row_count)
    }

    /// The commit record; none before the first commit.
    pub fn record(&self) -> Option<&CommitRecord> {
        self.record.as_ref()
    }

    /// The stored columns, as the location itself says.
    pub fn columns(&self) -> Vec<ColumnDefinition> {
        let columns = self.record.iter().flat_map(|record| &record.columns);
        columns.map(ColumnState::definition).collect()
    }

    /// Slots that may have held a newer version but did not hold: remains of a crash, or damage.
    pub fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }

    /// [`Location::column`] with the concrete type.
    pub fn region(&self, name: &str) -> Result<Option<Arc<IntradayRegion>>> {
        let (Some(record), Some(at)) = (&self.record, self.position(name)) else { return Ok(None) };
        let mut column = lock(&self.columns[at]);
        if column.opened.is_none() {
            let (state, earlier) = (&record.columns[at], column.earlier.take());
            let opened = IntradayRegion::open(
                &self.files,
                &self.directory,
                state,
                record.row_count,
                &self.stats,
                earlier.as_deref(),
            );
            let opened = opened.map_err(|error| error.context(format!("location {}", self.key)))?;
            column.opened = Some(Arc::new(opened));
        }
        Ok(column.opened.clone())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.record.as_ref()?.columns.iter().position(|column| column.name == name)
    }
}

impl Location for IntradayLocation {
    fn key(&self) -> &LocationKey {
        &self.key
    }

    fn row_count(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.row_count)
    }

    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        Ok(self.region(name)?.map(|region| region as Arc<dyn ColumnRegion>))
    }

    fn grouping(&self, _column: &str) -> Result<Option<Arc<GroupingIndex>>> {
        Ok(None)
    }

    fn sort_columns(&self) -> &[String] {
        &[]
    }
}

/// True where the rows of `old` are the first rows of `new`.
fn is_prefix(old: &CommitRecord, new: &CommitRecord) -> bool {
    let kept = match new.rollbacks.checked_sub(old.rollbacks) {
        Some(0) => true,
        Some(1) => old.row_count <= new.rollback_rows,
        _ => false,
    };
    kept && new.version() > old.version() && new.row_count >= old.row_count
}

/// True where the writer of `old` had `new` as an earlier commit.
fn is_step_behind(old: &CommitRecord, new: &CommitRecord) -> bool {
    new.epoch == old.epoch && new.generation < old.generation && new.rollbacks == old.rollbacks
}

fn lock(column: &Mutex<LazyRegion>) -> std::sync::MutexGuard<'_, LazyRegion> {
    column.lock().unwrap_or_else(PoisonError::into_inner)
}
