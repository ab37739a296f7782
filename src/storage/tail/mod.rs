//! Following a table while it grows: each committed row once, in the order of its location.
//!
//! A [`Tailer`] waits until rows are committed to a table's intraday locations, new ones included, and hands them over a version at a time; what was committed to
//! several partitions at once comes at once. [`Position`] owns how far it is, as text, so that a consumer goes on where it stopped.
//!
//! **Invariants:** rows are handed over once and in order per location. Where a location's rows are no longer those that were handed over before, that is told,
//! and no row of it is passed off as the next.

mod position;
#[cfg(test)]
mod tests;

pub use position::{LocationPosition, Position};

use super::catalog::discovery;
use super::intraday::{GroupView, IntradayHandle, IntradayLocation, look_together};
use super::location::{Location, LocationKey};
use crate::base::names::NameKind;
use crate::base::{ColumnKind, Error, ErrorKind, Result, TableDefinition, Value};
use crate::io::FileSystem;
use crate::io::clock::Stopwatch;
use crate::io::watch::{Changes, Watch};
use crate::memory::Chunk;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The longest time without a look at everything: what nobody told of is noticed then.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Which of a table's intraday locations are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailSelection {
    /// This source alone.
    pub source: Option<String>,
    /// This column partition alone.
    pub column_partition: Option<String>,
}

/// Where following begins. Locations that appear later are followed from their first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailStart {
    /// With the first row of each location.
    Start,
    /// Behind the last row of each location.
    End,
    /// With the last so many rows of all locations in key order.
    LastRows(u64),
    /// Behind what was handed over when [`Tailer::position`] gave this.
    At(Position),
}

/// What happened to a location.
#[derive(Debug)]
pub enum TailEvent {
    /// Rows were committed.
    Rows(TailRows),
    /// It was removed: deleted, or merged. If there is one of its name again, it is followed from its first row.
    Removed(LocationKey),
    /// What was handed over is not the beginning of what there is: it was replaced, or lost rows that were never durable. It is followed from its first row from
    /// now on, as another one.
    RolledBack {
        /// Which.
        key: LocationKey,
        /// Why; of kind [`ErrorKind::RolledBack`].
        error: Error,
    },
}

/// Committed rows that were not handed over before.
#[derive(Clone, Debug)]
pub struct TailRows {
    location: Arc<IntradayLocation>,
    rows: Range<u64>,
}

impl TailRows {
    /// Their location.
    pub fn key(&self) -> &LocationKey {
        self.location.key()
    }

    /// Which rows of it.
    pub fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    /// The version of the location that has them.
    pub fn location(&self) -> &Arc<IntradayLocation> {
        &self.location
    }

    /// The values of a part of [`TailRows::rows`] for the columns of a definition, in its order: the partitioning column's is the location's, columns that the location does
    /// not have are null.
    pub fn read(&self, definition: &TableDefinition, rows: Range<u64>) -> Result<Vec<Chunk>> {
        let count = rows.end.saturating_sub(rows.start) as usize;
        let read = |column: &crate::base::ColumnDefinition| -> Result<Chunk> {
            if column.kind == ColumnKind::Partitioning {
                let value = Value::string(&self.key().column_partition);
                return Ok(Chunk::from_values(column.column_type, &[value])?.take(&vec![0; count]));
            }
            let Some(region) = self.location.column_as(column)? else {
                return Ok(Chunk::nulls(column.column_type, count));
            };
            region.read(rows.clone())
        };
        definition.columns().iter().map(read).collect()
    }
}

/// Follows the intraday locations of a table.
///
/// Where the system tells what changed, a wake-up costs a look at the locations that did: 1,000 others cost nothing. Everything is looked at once a second besides (a
/// read of the commit file a location), where changes are noticed by polling, and in the whole of a source after a commit over several of its locations.
#[derive(Debug)]
pub struct Tailer {
    fs: Arc<dyn FileSystem>,
    /// `intraday/<namespace>/<table>`.
    table: PathBuf,
    selection: TailSelection,
    followed: BTreeMap<LocationKey, Followed>,
    /// What a position says of locations that were not looked at yet.
    expected: BTreeMap<LocationKey, LocationPosition>,
    expected_boot: [u8; 16],
    watch: Box<dyn Watch>,
    /// What the first look found.
    ready: Vec<TailEvent>,
    /// Since everything was looked at; none where that has to be done.
    looked: Option<Stopwatch>,
    /// The commits over several locations that the locations of each source were seen with.
    published: BTreeMap<Arc<str>, (Option<[u8; 16]>, u64)>,
    /// Locations looked at, again and again counted.
    looks: u64,
}

#[derive(Debug)]
struct Followed {
    handle: IntradayHandle,
    location: Option<Arc<IntradayLocation>>,
    /// Rows handed over.
    rows: u64,
}

impl Tailer {
    /// Begins to follow the table whose intraday locations lie below `table_directory` (`intraday/<namespace>/<table>`), which need not exist yet. Looks once.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        table_directory: &Path,
        selection: TailSelection,
        start: TailStart,
    ) -> Result<Self> {
        let mut tailer = Tailer {
            table: table_directory.to_path_buf(),
            selection,
            followed: BTreeMap::new(),
            expected: BTreeMap::new(),
            expected_boot: [0; 16],
            watch: fs.watch(),
            ready: Vec::new(),
            looked: None,
            published: BTreeMap::new(),
            looks: 0,
            fs,
        };
        let last_rows = match start {
            TailStart::Start => None,
            TailStart::End => Some(0),
            TailStart::LastRows(rows) => Some(rows),
            TailStart::At(position) => {
                tailer.expected_boot = position.boot;
                let wanted = position.locations.into_iter();
                tailer.expected = wanted.filter(|(key, _)| tailer.selection.takes(key)).collect();
                None
            }
        };
        tailer.ready = tailer.look()?;
        if let Some(mut left) = last_rows {
            let rows = tailer.ready.iter_mut().rev().filter_map(|event| match event {
                TailEvent::Rows(rows) => Some(&mut rows.rows),
                _ => None,
            });
            for rows in rows {
                let kept = left.min(rows.end - rows.start);
                rows.start = rows.end - kept;
                left -= kept;
            }
            tailer.ready.retain(|event| !matches!(event, TailEvent::Rows(rows) if rows.rows.is_empty()));
        }
        Ok(tailer)
    }

    /// What happened since the last call, in key order; waits for it, at most so long, and gives nothing then. Without time to wait it looks at everything.
    /// An error leaves the tailer as it was: damage stays.
    pub fn next(&mut self, timeout: Duration) -> Result<Vec<TailEvent>> {
        if !self.ready.is_empty() {
            return Ok(std::mem::take(&mut self.ready));
        }
        let watch = Stopwatch::start();
        loop {
            let until_all = match &self.looked {
                Some(looked) if !timeout.is_zero() => LOOK_INTERVAL.saturating_sub(looked.elapsed()),
                _ => Duration::ZERO,
            };
            let left = timeout.saturating_sub(watch.elapsed());
            let events = match until_all.is_zero() {
                true => self.look()?,
                false => match self.watch.wait(left.min(until_all)) {
                    Changes::Anywhere => self.look()?,
                    Changes::In(places) if places.is_empty() => Vec::new(),
                    Changes::In(places) => self.look_at(&places)?,
                },
            };
            if !events.is_empty() || watch.elapsed() >= timeout {
                return Ok(events);
            }
        }
    }

    /// How far it is: behind everything that [`Tailer::next`] gave, if what it gave was taken.
    pub fn position(&self) -> Position {
        let mut locations = self.expected.clone();
        for (key, followed) in &self.followed {
            if let Some(record) = followed.location.as_ref().and_then(|location| location.record()) {
                locations.insert(key.clone(), LocationPosition::of(record, followed.rows));
            }
        }
        for event in &self.ready {
            // Rows that wait were not given.
            if let TailEvent::Rows(rows) = event
                && let Some(position) = locations.get_mut(rows.key())
            {
                position.rows = rows.rows.start;
            }
        }
        Position { boot: self.fs.boot(), locations }
    }

    /// True where changes are noticed by looking again and again, because the system tells of none.
    pub fn is_polling(&self) -> bool {
        self.watch.is_polling()
    }

    /// One look at all locations.
    fn look(&mut self) -> Result<Vec<TailEvent>> {
        // Until it has succeeded there is something left to look at.
        self.looked = None;
        let looked = Stopwatch::start();
        self.discover()?;
        let sources: BTreeSet<Arc<str>> = self.followed.keys().map(|key| key.internal_partition.clone()).collect();
        // Before the look: what is published after it makes the next one look at all again.
        let published = sources.into_iter().map(|source| Ok((source.clone(), self.published_by(&source)?)));
        self.published = published.collect::<Result<_>>()?;
        let mut events = Vec::new();
        let results = self.results(|_, _| true);
        for (key, looked) in results {
            self.take(key, looked, &mut events)?;
        }
        // What a position knows and nobody finds any more.
        let gone: Vec<LocationKey> =
            self.expected.keys().filter(|key| !self.followed.contains_key(*key)).cloned().collect();
        for key in gone {
            self.expected.remove(&key);
            events.push(TailEvent::Removed(key));
        }
        self.looked = Some(looked);
        Ok(events)
    }

    /// One look at what changed, and at all locations of a source of which a commit over several locations was published: that is seen in all of them or in none.
    fn look_at(&mut self, places: &BTreeSet<PathBuf>) -> Result<Vec<TailEvent>> {
        let looked = self.looked.take();
        let mut sources: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut concerned: BTreeSet<LocationKey> = BTreeSet::new();
        let mut is_new = false;
        for place in places {
            let Ok(place) = place.strip_prefix(&self.table) else { continue };
            let mut names = place.iter().map(|name| name.to_str().unwrap_or_default());
            let Some(source) = names.next() else { continue };
            let internal_partition: Arc<str> = source.into();
            is_new |= !self.published.contains_key(&internal_partition);
            sources.insert(internal_partition.clone());
            // What begins with a dot is no location: the group file, what is about to be one, what was one.
            if let Some(partition) = names.next().filter(|name| !name.starts_with('.')) {
                let key = LocationKey { column_partition: partition.into(), internal_partition };
                is_new |= !self.followed.contains_key(&key);
                concerned.insert(key);
            }
        }
        if is_new {
            self.discover()?;
        }
        let mut whole = BTreeSet::new();
        loop {
            let results = self.results(|key, followed| {
                followed.location.is_none() || concerned.contains(key) || whole.contains(&key.internal_partition)
            });
            sources.extend(results.iter().map(|(key, _)| key.internal_partition.clone()));
            let before = whole.len();
            for source in &sources {
                if whole.contains(source) {
                    continue;
                }
                let published = self.published_by(source)?;
                if self.published.insert(source.clone(), published) != Some(published) {
                    whole.insert(source.clone());
                }
            }
            if whole.len() > before {
                continue;
            }
            let mut events = Vec::new();
            for (key, looked) in results {
                self.take(key, looked, &mut events)?;
            }
            self.looked = looked;
            return Ok(events);
        }
    }

    /// The last commit over several locations of a source that counts.
    fn published_by(&self, source: &str) -> Result<(Option<[u8; 16]>, u64)> {
        Ok(GroupView::read(&*self.fs, &self.table.join(source))?.unwrap_or_default().published())
    }

    /// What some of the locations are now, seen together.
    fn results(
        &mut self,
        is_wanted: impl Fn(&LocationKey, &Followed) -> bool,
    ) -> Vec<(LocationKey, Result<Arc<IntradayLocation>>)> {
        let wanted: Vec<_> = self.followed.iter().filter(|(key, followed)| is_wanted(key, followed)).collect();
        let keys: Vec<LocationKey> = wanted.iter().map(|(key, _)| (*key).clone()).collect();
        let handles: Vec<IntradayHandle> = wanted.iter().map(|(_, followed)| followed.handle.clone()).collect();
        let before: Vec<_> = wanted.iter().map(|(_, followed)| followed.location.clone()).collect();
        self.looks += keys.len() as u64;
        keys.into_iter().zip(look_together(&handles, &before)).collect()
    }

    fn take(
        &mut self,
        key: LocationKey,
        looked: Result<Arc<IntradayLocation>>,
        events: &mut Vec<TailEvent>,
    ) -> Result<()> {
        let Some(followed) = self.followed.get_mut(&key) else { return Ok(()) };
        let location = match looked {
            Ok(location) => location,
            Err(error) if error.is_not_found() => {
                let known = followed.location.is_some();
                self.watch.remove(followed.handle.directory());
                self.followed.remove(&key);
                if known {
                    events.push(TailEvent::Removed(key));
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let lost = match &followed.location {
            Some(before) if !before.is_continued_by(&location) => {
                // The version itself says it best, unless all is well again.
                before.refresh().err().or_else(|| Some(rolled_back("the location was replaced by another one")))
            }
            _ => None,
        };
        let lost = lost.or_else(|| match (self.expected.remove(&key), location.record()) {
            (Some(expected), Some(record)) => match expected.check(record, self.expected_boot == self.fs.boot()) {
                Ok(()) => {
                    followed.rows = expected.rows;
                    None
                }
                Err(error) => Some(error),
            },
            (Some(expected), None) if expected.rows > 0 => Some(rolled_back("the location has no rows any more")),
            _ => None,
        });
        if let Some(error) = lost {
            let error = error.context(format!("location {key}"));
            followed.rows = 0;
            events.push(TailEvent::RolledBack { key, error });
        }
        let rows = followed.rows..location.row_count();
        if !rows.is_empty() {
            followed.rows = rows.end;
            events.push(TailEvent::Rows(TailRows { location: location.clone(), rows }));
        }
        followed.location = Some(location);
        Ok(())
    }

    /// Finds new locations. Directories are watched before they are looked at, so that nothing can come in between.
    fn discover(&mut self) -> Result<()> {
        self.watch.add(&self.table);
        let sources = match &self.selection.source {
            Some(source) => vec![source.clone()],
            None => discovery::directories(&*self.fs, &self.table, NameKind::InternalPartition)?,
        };
        for source in sources {
            let directory = self.table.join(&source);
            if self.fs.metadata(&directory)?.is_none() {
                continue;
            }
            self.watch.add(&directory);
            let internal_partition: Arc<str> = source.into();
            for value in discovery::directories(&*self.fs, &directory, NameKind::ColumnPartition)? {
                let key = LocationKey {
                    column_partition: value.as_str().into(),
                    internal_partition: internal_partition.clone(),
                };
                if !self.selection.takes(&key) || self.followed.contains_key(&key) {
                    continue;
                }
                let place = directory.join(&value);
                self.watch.add(&place);
                let handle = IntradayHandle::new(self.fs.clone(), place, key.clone(), Arc::default());
                self.followed.insert(key, Followed { handle, location: None, rows: 0 });
            }
        }
        Ok(())
    }
}

impl TailSelection {
    fn takes(&self, key: &LocationKey) -> bool {
        let fits = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        fits(&self.source, &key.internal_partition) && fits(&self.column_partition, &key.column_partition)
    }
}

fn rolled_back(what: &str) -> Error {
    Error::new(ErrorKind::RolledBack, what.to_string()).hint("read the partition again from its first row")
}
