//! Who writes the group file of a source: the holder of its lock, from the first commit to the last.

use super::view::{GroupFile, Standing};
use super::{GROUP_LOCK, GroupView, each};
use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::format::commit::GroupReference;
use crate::format::group::{self, DURABLE_SLOTS, GROUP_FILE, GROUP_FILE_BYTES, GroupState, LIVE_SLOTS, PAGE_BYTES};
use crate::io::clock::Stopwatch;
use crate::io::{File, FileSystem, LockGuard, LockKind, OpenMode, create_dir_durable, is_temporary, publish};
use crate::storage::intraday::recovery::{group_numbers, recover};
use crate::storage::intraday::writer::settle_location;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Numbers set aside at the start of a session; those of one that dies are never used again.
const RESERVED: u64 = 1 << 40;
/// How long to wait for somebody who settles the same source; a writer at work is not waited for any longer.
const WAIT: Duration = Duration::from_secs(3);
/// How often a lock is asked for: a writer that asks the group file to be synced has it for a moment.
const LOCK_ATTEMPTS: usize = 4;

/// Holds the lock of a source's group file. A session that is not ended leaves its work to be settled by the next.
#[derive(Debug)]
pub(crate) struct GroupSession {
    fs: Arc<dyn FileSystem>,
    source: PathBuf,
    group: [u8; 16],
    file: Arc<dyn File>,
    state: GroupState,
    /// The highest number given out.
    last: u64,
    durable: u64,
    live_slot: usize,
    durable_slot: usize,
    _lock: Box<dyn LockGuard>,
}

impl GroupSession {
    /// Takes the lock of the group file in the directory of a source, making both if they are missing, and settles what the session before
    /// left. `Locked` while another one has it. Two syncs.
    pub(crate) fn begin(fs: &Arc<dyn FileSystem>, source: &Path) -> Result<Self> {
        create_dir_durable(&**fs, source)?;
        let lock = lock(&**fs, source)?;
        let found = match GroupFile::read(&**fs, source)? {
            Some(found) => found,
            None => create(&**fs, source)?,
        };
        let path = source.join(GROUP_FILE);
        let file = fs.open(&path, OpenMode::Write)?;
        // The next durable slot overwrites the other one.
        write_again(&*file, found.newest_durable)?;
        let mut session = GroupSession {
            fs: fs.clone(),
            source: source.to_path_buf(),
            group: found.group,
            file,
            state: found.state(),
            last: 0,
            durable: found.durable(),
            live_slot: LIVE_SLOTS[usize::from(found.newest == LIVE_SLOTS[0])],
            durable_slot: other_durable(found.newest_durable),
            _lock: lock,
        };
        if session.state.reserved > session.state.published || session.state.published > session.durable {
            session.state.dead = session.settle_locations(&found.view())?;
        }
        session.last = session.state.reserved;
        session.state.reserved =
            session.last.checked_add(RESERVED).ok_or_else(|| Error::limit("the numbers of commits are used up"))?;
        session.write_durable(session.state.published)?;
        Ok(session)
    }

    /// What the records of the next commit carry.
    pub(crate) fn next(&mut self) -> GroupReference {
        self.last += 1;
        GroupReference { group: self.group, number: self.last, settled: false }
    }

    /// Publishes the last number: from now on the records that carry it count, until the system ends.
    pub(crate) fn publish(&mut self) -> Result<()> {
        self.state.published = self.last;
        self.write(self.live_slot, false)?;
        self.live_slot = LIVE_SLOTS[usize::from(self.live_slot == LIVE_SLOTS[0])];
        Ok(())
    }

    /// Publishes the last number for good, after all that its records and those before speak of was synced.
    pub(crate) fn publish_durably(&mut self) -> Result<()> {
        self.write_durable(self.last.max(self.state.published))
    }

    /// True if what is published is durably so.
    pub(crate) fn is_durable(&self) -> bool {
        self.state.published == self.durable
    }

    /// Gives the group file up. What was published is durable already, and the next session has nothing to settle.
    pub(crate) fn end(mut self) -> Result<()> {
        debug_assert!(self.is_durable(), "whoever ends a session made its commits durable");
        // Numbers that were set aside and never used stand in no record; those given up are listed.
        self.state.reserved = self.last.max(self.state.published);
        self.write_durable(self.state.reserved)
    }

    fn write_durable(&mut self, published: u64) -> Result<()> {
        self.state.published = published;
        self.write(self.durable_slot, true)?;
        self.durable_slot = other_durable(self.durable_slot);
        self.durable = published;
        Ok(())
    }

    fn write(&mut self, slot: usize, durable: bool) -> Result<()> {
        self.state.boot = self.fs.boot();
        self.state.change += 1;
        self.state.changed_ns = self.fs.now_ns();
        let page = group::encode(&self.state, slot, self.group).map_err(|e| e.at_path(self.file.path()))?;
        self.file.write_all_at(&page, group::slot_offset(slot))?;
        if durable { self.file.sync() } else { Ok(()) }
    }

    /// Makes durable what was published and is not, and finds the numbers that stand in records and will never be published.
    fn settle_locations(&self, view: &GroupView) -> Result<Vec<u64>> {
        let entries = self.fs.list(&self.source)?;
        let locations =
            entries.into_iter().filter(|e| e.is_dir && names::check(NameKind::ColumnPartition, &e.name).is_ok());
        let dead =
            each(locations.collect(), |entry| match self.settle_location(&self.source.join(entry.name), view) {
                // Damage in one location is its readers' error.
                Err(error) if error.is_corrupt() || error.is_not_found() => Ok(Vec::new()),
                answer => answer,
            })?;
        Ok(dead.into_iter().flatten().collect::<BTreeSet<u64>>().into_iter().collect())
    }

    fn settle_location(&self, directory: &Path, view: &GroupView) -> Result<Vec<u64>> {
        let numbers = group_numbers(&*self.fs, directory)?;
        let mine = numbers.into_iter().filter(|group| group.group == self.group);
        let dead = mine.filter(|group| !matches!(view.standing(group), Standing::Counts { .. }));
        let dead = dead.map(|group| group.number).collect();
        if recover(&*self.fs, directory, None, None)?.found.is_some_and(|found| found.is_unsettled(view)) {
            wait_while_locked(|| settle_location(&self.fs, directory))?;
        }
        Ok(dead)
    }
}

/// Settles what a session that died left in the locations of a source. `Locked` while a session lives.
pub(in crate::storage::intraday) fn settle(fs: &Arc<dyn FileSystem>, source: &Path) -> Result<()> {
    wait_while_locked(|| GroupSession::begin(fs, source))?.end()
}

/// Makes sure that what the group file says to be durably published is, for a writer of one location that goes on from such a commit.
pub(in crate::storage::intraday) fn confirm(fs: &dyn FileSystem, source: &Path) -> Result<()> {
    let lock = fs.try_lock(&source.join(GROUP_LOCK), LockKind::Shared)?;
    let file = fs.open(&source.join(GROUP_FILE), OpenMode::Write)?;
    match (lock, GroupFile::read(fs, source)?) {
        (Some(_lock), Some(found)) => write_again(&*file, found.newest_durable),
        // Its holder wrote what it found again, and has slots of its own since.
        _ => file.sync(),
    }
}

/// Makes what is published of commits over several locations durable, as far as no writer is at work there: for whoever hands their rows on and
/// removes them. Two syncs.
pub(in crate::storage) fn settle_published(fs: &Arc<dyn FileSystem>, source: &Path) -> Result<()> {
    match GroupSession::begin(fs, source) {
        Err(error) if error.kind() == ErrorKind::Locked => confirm(&**fs, source),
        answer => answer?.end(),
    }
}

/// Whoever wrote a slot may have died before syncing it, or failed to, so that it stands in memory only and counts as clean there.
fn write_again(file: &dyn File, slot: usize) -> Result<()> {
    let at = group::slot_offset(slot);
    let mut page = vec![0; PAGE_BYTES];
    file.read_exact_at(&mut page, at)?;
    file.write_all_at(&page, at)?;
    file.sync()
}

/// The lock of a source's group file.
fn lock(fs: &dyn FileSystem, source: &Path) -> Result<Box<dyn LockGuard>> {
    for attempt in 0..LOCK_ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(lock) = fs.try_lock(&source.join(GROUP_LOCK), LockKind::Exclusive)? {
            return Ok(lock);
        }
    }
    Err(Error::new(ErrorKind::Locked, "another writer appends to several partitions of this source")
        .at_path(&fs.display(source))
        .hint("wait until it is done, or write under another source name"))
}

/// Others hold such locks for as long as settling takes, unless they are writers at work.
fn wait_while_locked<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
    let waited = Stopwatch::start();
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Locked && waited.elapsed() < WAIT => {
                std::thread::sleep(Duration::from_millis(1));
            }
            answer => return answer,
        }
    }
}

/// Removes what a crash left of the making of a group file, unless somebody is making one.
pub(crate) fn sweep_group(fs: &dyn FileSystem, source: &Path) -> Result<()> {
    if !fs.list(source)?.iter().any(|entry| is_unfinished(&entry.name)) {
        return Ok(());
    }
    match fs.try_lock(&source.join(GROUP_LOCK), LockKind::Exclusive)? {
        Some(_lock) => remove_unfinished(fs, source),
        None => Ok(()),
    }
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(GROUP_FILE) && is_temporary(name)
}

fn remove_unfinished(fs: &dyn FileSystem, source: &Path) -> Result<()> {
    let entries = fs.list(source)?;
    entries
        .iter()
        .filter(|entry| is_unfinished(&entry.name))
        .try_for_each(|entry| fs.remove_file(&source.join(&entry.name)))
}

fn create(fs: &dyn FileSystem, source: &Path) -> Result<GroupFile> {
    remove_unfinished(fs, source)?;
    let group = uuid::Uuid::new_v4().into_bytes();
    let state = GroupState { boot: fs.boot(), change: 1, changed_ns: fs.now_ns(), ..GroupState::default() };
    let slot = DURABLE_SLOTS[0];
    let mut bytes = group::encode_head(group);
    bytes.resize(GROUP_FILE_BYTES, 0);
    let at = group::slot_offset(slot) as usize;
    bytes[at..at + PAGE_BYTES].copy_from_slice(&group::encode(&state, slot, group)?);
    publish(fs, &source.join(GROUP_FILE), &bytes)?;
    let mut slots: [Option<GroupState>; group::SLOT_COUNT] = Default::default();
    slots[slot] = Some(state);
    Ok(GroupFile { group, slots, newest: slot, newest_durable: slot })
}

fn other_durable(slot: usize) -> usize {
    DURABLE_SLOTS[usize::from(slot == DURABLE_SLOTS[0])]
}
