//! What a source remembers of its imports, so that one that is tried again is not applied twice: batches by their names, and how far files were followed.
//!
//! A small file of TOML in the directory of the source, replaced whole. It is written *before* rows become visible and says what they will make of the row counts; what was done when
//! the process died is told by the counts that are there. Readers of rows never look at it.
//!
//! Counts go on where a merge removes rows that it has published: what it removes is noted here before ([`note_removal`]), and added to what is there ([`Counts`]). Rows that take the
//! place of others are known by the identity of their location instead.
//!
//! Invariant: as long as an import or follower may have to be judged by a count, every location that was removed since is listed.

use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::io::{FileSystem, LockKind, publish, read_small};
use crate::storage::intraday::IntradayLocation;
use crate::storage::location::{Location, LocationKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of the file in the directory of its source.
pub(in crate::storage) const LEDGER_FILE: &str = ".imports";
/// Held while it is changed.
pub(in crate::storage) const LEDGER_LOCK: &str = ".imports.lock";
/// Batches that are remembered: the oldest is forgotten for one more.
const BATCHES_MAX: usize = 1_000;
/// Files that are remembered.
const FOLLOWED_MAX: usize = 1_000;
/// Removed locations that are remembered while something may be judged by counts.
const REMOVED_MAX: usize = 10_000;
const LEDGER_BYTES_MAX: usize = 16 << 20;
/// Characters of a batch's name.
const ID_CHARS_MAX: usize = 200;
/// How often, a millisecond apart, a lock is asked for that is held for a moment only.
const LOCK_ATTEMPTS: usize = 5_000;
const HEAD: &str = "# pilaster imports, version 1, checksum ";

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// The oldest first.
    #[serde(default)]
    pub(super) batches: Vec<Batch>,
    #[serde(default)]
    pub(super) followed: Vec<Followed>,
    /// Locations that a merge removed after it had published their rows, or was about to remove.
    #[serde(default)]
    pub(super) removed: Vec<Removed>,
}

/// A location that is gone, unless one of its identity is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Removed {
    pub(super) partition: String,
    /// Its identity, in hexadecimal digits.
    pub(super) location: String,
    pub(super) rows: u64,
}

/// An import with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) rows: u64,
    /// Nanoseconds since the epoch; for people.
    pub(super) at_ns: i64,
    /// True once its rows are known to be visible.
    pub(super) done: bool,
    /// What the counts of its partitions were to be, before and after; empty once done.
    #[serde(default)]
    pub(super) partitions: Vec<Expected>,
}

/// What an import makes of a partition's row count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) partition: String,
    pub(super) before: u64,
    pub(super) after: u64,
    /// The identity of the location that takes the place of another; the counts tell nothing then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) location: String,
}

/// A file that is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Followed {
    pub(super) file: String,
    /// How many bytes at its begin have this checksum: another file of its name is told by it.
    pub(super) head_bytes: u64,
    pub(super) head_checksum: u32,
    /// True where it ended in order: the last checkpoint counts, whatever was done to the rows since.
    pub(super) settled: bool,
    /// Ascending; the last one that was reached is the one with the source's count of rows.
    pub(super) checkpoints: Vec<Checkpoint>,
}

/// A point of a file, and how many rows the source has when all before it are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    pub(super) rows: u64,
    pub(super) offset: u64,
}

impl Ledger {
    /// The ledger of a source; an empty one where there is none.
    pub(super) fn load(fs: &dyn FileSystem, source: &Path) -> Result<Self> {
        let path = source.join(LEDGER_FILE);
        let bytes = match read_small(fs, &path, LEDGER_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(Ledger::default()),
            Err(error) => return Err(error),
        };
        decode(&bytes).map_err(|error| error.at_path(&fs.display(&path)))
    }

    /// Changes it under its lock, durably.
    pub(super) fn update<T>(
        fs: &dyn FileSystem,
        source: &Path,
        change: impl FnOnce(&mut Ledger) -> Result<T>,
    ) -> Result<T> {
        let _lock = locked(fs, source)?;
        let mut ledger = Ledger::load(fs, source)?;
        let before = ledger.clone();
        let result = change(&mut ledger)?;
        if ledger != before {
            ledger.forget();
            publish(fs, &source.join(LEDGER_FILE), &encode(&ledger)?)?;
        }
        Ok(result)
    }

    /// The oldest go, those never that are not done.
    fn forget(&mut self) {
        let mut surplus = self.batches.len().saturating_sub(BATCHES_MAX);
        self.batches.retain(|batch| {
            let goes = surplus > 0 && batch.done;
            surplus -= usize::from(goes);
            !goes
        });
        let surplus = self.followed.len().saturating_sub(FOLLOWED_MAX);
        self.followed.drain(..surplus);
        let surplus = self.removed.len().saturating_sub(REMOVED_MAX);
        self.removed.drain(..surplus);
    }

    /// True where nobody will be judged by what the counts were.
    fn is_settled(&self) -> bool {
        self.batches.iter().all(|batch| batch.done) && self.followed.iter().all(|followed| followed.settled)
    }

    /// Puts an entry in the place of the one of its file, or behind all.
    pub(super) fn put(&mut self, followed: Followed) {
        match self.followed.iter_mut().find(|other| other.file == followed.file) {
            Some(place) => *place = followed,
            None => self.followed.push(followed),
        }
    }

    /// Puts a batch in the place of the one of its name, or behind all.
    pub(super) fn put_batch(&mut self, batch: Batch) {
        self.batches.retain(|other| other.id != batch.id);
        self.batches.push(batch);
    }
}

/// Checks the name of a batch.
pub(super) fn check_id(id: &str) -> Result<()> {
    let length = id.chars().count();
    if (1..=ID_CHARS_MAX).contains(&length) && !id.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid(format!("a batch id has 1 to {ID_CHARS_MAX} characters, none of them a control character")))
}

impl Batch {
    /// Whether its rows are there or were merged since. Errs where the counts of its partitions are neither those before nor those after.
    pub(super) fn is_applied(&self, counts: &Counts<'_>) -> Result<bool> {
        let (mut applied, mut merged) = (None, false);
        let mut incomplete = false;
        for expected in self.partitions.iter().filter(|expected| expected.tells()) {
            let Expected { partition, before, after, location } = expected;
            let this = match (location.is_empty(), counts.partition(partition)?) {
                (false, _) => {
                    let now = counts.find(partition, location)?;
                    merged |= now == Found::Removed;
                    now != Found::Nowhere
                }
                (true, now) if now == *after => true,
                (true, now) if now == *before => false,
                (true, now) => {
                    let message = format!(
                        "batch {} was interrupted, and partition {partition} has had {now} rows by now, neither the {before} before it nor the {after} after it",
                        self.id
                    );
                    return Err(Error::new(ErrorKind::Invalid, message)
                        .hint("look whether its rows are there, then import under another batch id or not at all"));
                }
            };
            incomplete |= applied.is_some_and(|other| other != this);
            applied = Some(this);
        }
        // Partitions that take the place of others do so one after the other: doing it again completes it, but where rows are merged already.
        let again =
            !merged && self.partitions.iter().all(|expected| !expected.location.is_empty() || !expected.tells());
        if incomplete && !again {
            let message = format!(
                "batch {} was interrupted, and some of its partitions have its rows and others do not",
                self.id
            );
            return Err(Error::new(ErrorKind::Invalid, message)
                .hint("replace the partitions that do not have them, under another batch id"));
        }
        // An import without rows has done all that it has to do.
        Ok(!incomplete && applied.unwrap_or(true))
    }
}

impl Expected {
    /// True where the partition shows whether the import was published.
    fn tells(&self) -> bool {
        !self.location.is_empty() || self.before != self.after
    }
}

/// Where a location is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    InPlace,
    /// Its rows were merged, and it was removed.
    Removed,
    Nowhere,
}

/// The rows that the partitions of a source have had: those that are there, and those that a merge published and removed.
pub(super) struct Counts<'a> {
    fs: &'a Arc<dyn FileSystem>,
    source: &'a Path,
    removed: Vec<Removed>,
}

impl<'a> Counts<'a> {
    /// Of what the ledger knows now.
    #[cfg(test)]
    pub(super) fn load(fs: &'a Arc<dyn FileSystem>, source: &'a Path) -> Result<Self> {
        Ok(Self::of(fs, source, &Ledger::load(&**fs, source)?))
    }

    /// Of a ledger.
    pub(super) fn of(fs: &'a Arc<dyn FileSystem>, source: &'a Path, ledger: &Ledger) -> Self {
        Counts { fs, source, removed: ledger.removed.clone() }
    }

    /// Rows of a partition.
    pub(super) fn partition(&self, partition: &str) -> Result<u64> {
        let (rows, location) = self.present(partition)?;
        Ok(rows + self.removed_rows(partition, &location))
    }

    /// Rows of all partitions.
    pub(super) fn source(&self) -> Result<u64> {
        let mut partitions: Vec<String> = self.removed.iter().map(|removed| removed.partition.clone()).collect();
        let entries = match self.fs.list(self.source) {
            Err(error) if error.is_not_found() => Vec::new(),
            answer => answer?,
        };
        partitions.extend(entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name));
        partitions.retain(|name| names::check(NameKind::ColumnPartition, name).is_ok());
        partitions.sort_unstable();
        partitions.dedup();
        partitions.iter().map(|partition| self.partition(partition)).sum()
    }

    /// Rows of a partition that are there, and the identity of its location; empty where it has none.
    fn present(&self, partition: &str) -> Result<(u64, String)> {
        let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
        match IntradayLocation::open(self.fs.clone(), &self.source.join(partition), key, Arc::default()) {
            Ok(location) => Ok((Location::row_count(&*location), identity(&location))),
            Err(error) if error.is_not_found() => Ok((0, String::new())),
            Err(error) => Err(error),
        }
    }

    fn removed_rows(&self, partition: &str, present: &str) -> u64 {
        let gone = |removed: &&Removed| removed.partition == partition && removed.location != present;
        self.removed.iter().filter(gone).map(|removed| removed.rows).sum()
    }

    fn find(&self, partition: &str, location: &str) -> Result<Found> {
        if self.present(partition)?.1 == location {
            return Ok(Found::InPlace);
        }
        let removed = self.removed.iter().any(|removed| removed.partition == partition && removed.location == location);
        Ok(if removed { Found::Removed } else { Found::Nowhere })
    }
}

/// The identity of the location in a directory, as the ledger has it; empty where it has none.
pub(super) fn identity(location: &IntradayLocation) -> String {
    location.record().map_or_else(String::new, |record| digits(record.location))
}

/// Says that the location of a partition is about to be removed, whose rows were merged: a source that counts rows counts these on. Durable when it returns; nothing if the removal
/// does not happen.
pub(in crate::storage) fn note_removal(
    fs: &dyn FileSystem,
    source: &Path,
    partition: &str,
    location: [u8; 16],
    rows: u64,
) -> Result<()> {
    if fs.metadata(&source.join(LEDGER_FILE))?.is_none() {
        return Ok(());
    }
    Ledger::update(fs, source, |ledger| {
        if ledger.is_settled() {
            ledger.removed.clear();
        }
        let removed = Removed { partition: partition.to_string(), location: digits(location), rows };
        ledger.removed.retain(|other| (&other.partition, &other.location) != (&removed.partition, &removed.location));
        ledger.removed.push(removed);
        Ok(())
    })
}

fn digits(id: [u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn locked(fs: &dyn FileSystem, source: &Path) -> Result<Box<dyn crate::io::LockGuard>> {
    let path: PathBuf = source.join(LEDGER_LOCK);
    for _ in 0..LOCK_ATTEMPTS {
        if let Some(lock) = fs.try_lock(&path, LockKind::Exclusive)? {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Error::new(ErrorKind::Locked, "another import holds the record of imports").at_path(&fs.display(&path)))
}

fn encode(ledger: &Ledger) -> Result<Vec<u8>> {
    let body = toml::to_string(ledger).map_err(|error| Error::invalid(format!("the record of imports: {error}")))?;
    Ok(format!("{HEAD}{:08x}\n{body}", crc32fast::hash(body.as_bytes())).into_bytes())
}

fn decode(bytes: &[u8]) -> Result<Ledger> {
    let damaged = |what: &str| Error::corrupt(format!("the record of imports {what}"));
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("is not UTF-8"))?;
    let rest = text.strip_prefix(HEAD).ok_or_else(|| damaged("does not begin as one of version 1"))?;
    let (sum, body) = rest.split_once('\n').ok_or_else(|| damaged("ends early"))?;
    let computed = format!("{:08x}", crc32fast::hash(body.as_bytes()));
    if sum != computed {
        return Err(damaged(&format!("has the checksum {computed}, not {sum}")));
    }
    toml::from_str(body).map_err(|error| damaged(&format!("makes no sense: {}", error.message())))
}

#[cfg(test)]
#[path = "ledger_test.rs"]
mod tests;
