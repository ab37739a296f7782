//! What a source remembers of its imports, so that one that is tried again is not applied twice: batches by their names, and how far files were followed.
//!
//! A small file of TOML in the directory of the source, replaced whole. It is written *before* rows become visible and says what they will make of the row counts; what was done when
//! the process died is told by the counts that are there. Readers of rows never look at it.

use crate::base::{Error, ErrorKind, Result};
use crate::io::{FileSystem, LockKind, publish, read_small};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the file in the directory of its source.
pub(in crate::storage) const LEDGER_FILE: &str = ".imports";
/// Held while it is changed.
pub(in crate::storage) const LEDGER_LOCK: &str = ".imports.lock";
/// Batches that are remembered: the oldest is forgotten for one more.
const BATCHES_MAX: usize = 1_000;
/// Files that are remembered.
const FOLLOWED_MAX: usize = 1_000;
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
    /// Whether its rows are there, by the counts of its partitions now. Errs where these are neither those before nor those after.
    pub(super) fn is_applied(&self, count: impl Fn(&str) -> Result<u64>) -> Result<bool> {
        let mut applied = None;
        for Expected { partition, before, after } in
            self.partitions.iter().filter(|expected| expected.before != expected.after)
        {
            let now = count(partition)?;
            let this = match now {
                now if now == *after => true,
                now if now == *before => false,
                now => {
                    let message = format!(
                        "batch {} was interrupted, and partition {partition} has {now} rows now, neither the {before} before it nor the {after} after it",
                        self.id
                    );
                    return Err(Error::new(ErrorKind::Invalid, message)
                        .hint("look whether its rows are there, then import under another batch id or not at all"));
                }
            };
            if applied.is_some_and(|other| other != this) {
                let message = format!(
                    "batch {} was interrupted, and some of its partitions have its rows and others do not",
                    self.id
                );
                return Err(
                    Error::new(ErrorKind::Invalid, message).hint("replace the partitions, under another batch id")
                );
            }
            applied = Some(this);
        }
        // An import without rows has done all that it has to do.
        Ok(applied.unwrap_or(true))
    }
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
mod tests {
    use super::*;
    use crate::io::SimulatedFileSystem;

    #[test]
    fn what_was_written_is_read_and_damage_is_told() {
        let fs = SimulatedFileSystem::new(1);
        let source = Path::new("s");
        fs.create_dir_all(source).unwrap();
        assert_eq!(Ledger::load(&fs, source).unwrap(), Ledger::default());
        let batch = |id: &str, done| Batch { id: id.into(), rows: 7, done, ..Batch::default() };
        let followed = Followed {
            file: "/a \"b\"".into(),
            checkpoints: vec![Checkpoint { rows: 1, offset: 2 }],
            ..Followed::default()
        };
        Ledger::update(&fs, source, |ledger| {
            ledger.put_batch(batch("é ]", false));
            ledger.put(followed.clone());
            Ok(())
        })
        .unwrap();
        let read = Ledger::load(&fs, source).unwrap();
        assert_eq!((read.batches[0].clone(), read.followed[0].clone()), (batch("é ]", false), followed));
        let mut full = read.clone();
        full.batches.extend((0..BATCHES_MAX + 5).map(|n| batch(&n.to_string(), true)));
        full.forget();
        assert!(!full.batches[0].done && full.batches.len() == BATCHES_MAX);
        let bytes = encode(&read).unwrap();
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(decode(&wrong).is_err(), "{at}");
            assert!(decode(&bytes[..at]).is_err(), "{at}");
        }
        for id in ["", "a\nb", &"x".repeat(201)] {
            assert!(check_id(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn counts_tell_whether_a_batch_was_applied() {
        let expected = |partition: &str, before, after| Expected { partition: partition.into(), before, after };
        let batch = Batch {
            partitions: vec![expected("a", 0, 5), expected("b", 3, 3), expected("c", 1, 2)],
            ..Batch::default()
        };
        for (counts, answer) in
            [([5, 9, 2], Some(true)), ([0, 9, 1], Some(false)), ([5, 3, 1], None), ([4, 3, 2], None)]
        {
            let count = |name: &str| Ok(counts["abc".find(name).unwrap()]);
            assert_eq!(batch.is_applied(count).ok(), answer, "{counts:?}");
        }
        assert!(Batch::default().is_applied(|_| Ok(0)).unwrap());
    }
}
