//! Which record of a commit file holds: for readers at every look, for a writer when it opens. Writes nothing.
//!
//! Candidates are tried from the newest on. A durable record holds by itself: its data was on the disk before it was. A live record may
//! have reached the disk without its data, so it holds only if the bytes since the last durable size are there and have their checksum.
//! A record that is part of a commit over several locations counts only if the group file of the source says so ([`super::group`]).

use super::LOCK_FILE;
use super::append_file::shorter;
use super::group::{GroupView, Standing};
use super::journal::{Replay, replay};
use super::tails::Tails;
use crate::base::{Error, ErrorKind, Result};
use crate::format::commit::slot::{self, COMMIT_FILE_BYTES, DURABLE_SLOTS, DecodedSlot, PAGE_BYTES, SLOT_COUNT};
use crate::format::commit::{COMMIT_FILE, ColumnFile, ColumnState, CommitRecord, GroupReference};
use crate::format::group::GROUP_FILE;
use crate::io::{self, File, FileSystem, LockKind, OpenMode};
use rayon::prelude::*;
use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

/// How often a look is repeated that met a slot being written. It ends as soon as two looks saw the same bytes.
const ATTEMPTS: usize = 64;

/// Bytes that are mapped at once while a checksum is computed.
const CHECK_BYTES: usize = 4 << 20;
/// Files with fewer unverified bytes are checked one after the other: threads would cost more.
const PARALLEL_BYTES: u64 = 1 << 20;

/// A slot that was passed over although it may have held the newest record.
#[derive(Debug)]
pub struct Rejection {
    /// The slot, from 0; the number of slots for the journal.
    pub slot: usize,
    /// Why.
    pub error: Error,
    /// True for a record that is whole and does not count: its commit over several locations did not come to its end.
    pub given_up: bool,
    version: Option<(u64, u64)>,
}

/// The record that holds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) record: CommitRecord,
    pub(super) slot: usize,
    /// The version in each slot; none for empty and rejected ones.
    pub(super) versions: [Option<(u64, u64)>; SLOT_COUNT],
    /// The highest epoch met, in rejected records too.
    pub(super) epoch_max: u64,
    pub(super) rejected: Vec<Rejection>,
    /// The newest durable record.
    durable: Option<CommitRecord>,
    /// The ends of the column files, where the record is one of the journal.
    pub(super) tails: Option<Arc<Tails>>,
}

impl Recovered {
    /// What the journal has beyond the record.
    fn read_journal(&self, fs: &dyn FileSystem, directory: &Path) -> Result<Replay> {
        match &self.durable {
            Some(durable) => replay(fs, directory, durable, self.record.version()),
            None => Ok(Replay::default()),
        }
    }

    /// Takes the journal's last commit instead, if that is newer.
    fn take_journal(&mut self, Replay { newer, lost, .. }: Replay) {
        if let Some((record, tails)) = newer {
            self.rejected.retain(|r| r.version.is_none_or(|version| version > record.version()));
            (self.record, self.tails) = (record, Some(tails));
        }
        if let Some((error, version)) = lost {
            self.rejected.push(Rejection { slot: SLOT_COUNT, error, given_up: false, version: Some(version) });
        }
    }

    /// The slot with the newest durable record, if there is one.
    pub(super) fn newest_durable(&self) -> Option<usize> {
        DURABLE_SLOTS.into_iter().filter(|&slot| self.versions[slot].is_some()).max_by_key(|&slot| self.versions[slot])
    }

    /// True if the record is part of a commit over several locations that the view does not know to be durable.
    pub(super) fn is_unsettled(&self, view: &GroupView) -> bool {
        let standing = self.record.group.filter(|group| !group.settled).map(|group| view.standing(&group));
        standing.is_some_and(|standing| matches!(standing, Standing::Counts { durable: false }))
    }
}

/// What a look at a location found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The record that holds; none where nothing was committed, or nothing that is published.
    pub(super) found: Option<Recovered>,
    /// True where it is not the one that was current when the view was taken, and that one is gone. Never without a view.
    pub(super) stale: bool,
    /// True where a commit over several locations did not come to its end here: not published, or not durable. If no writer is at it,
    /// it has to be settled before the location is written.
    pub(super) unsettled: bool,
}

/// The committed state of a location: nothing where there is no commit file, an error where there is one but no record in it holds.
///
/// `known` is a record of this location that the caller has seen to hold: live records of the same writer are then believed without
/// reading data, since losing what a system call has written takes a restart that the caller would not have survived. With a `view` the
/// commits over several locations that were published later do not count.
pub(super) fn recover(
    fs: &dyn FileSystem,
    directory: &Path,
    known: Option<&CommitRecord>,
    view: Option<&GroupView>,
) -> Result<Look> {
    look(fs, directory, known, view, false)
}

/// As [`recover`], for the writer: it has the location's lock.
pub(super) fn recover_locked(fs: &dyn FileSystem, directory: &Path) -> Result<Look> {
    look(fs, directory, None, None, true)
}

fn look(
    fs: &dyn FileSystem,
    directory: &Path,
    known: Option<&CommitRecord>,
    view: Option<&GroupView>,
    locked: bool,
) -> Result<Look> {
    for attempt in 1.. {
        let (mut look, file) = look_at_slots(fs, directory, known, view)?;
        // Who has seen this writer's records needs no journal: only a power cut makes the slots lag behind it.
        let Some(found) = look.found.as_mut().filter(|_| known.is_none()) else { return Ok(look) };
        let replay = found.read_journal(fs, directory)?;
        // The live slot is what makes rows visible while the system is up: a writer at work is about to write it.
        if replay.is_nothing() || !locked && replay.boot == fs.boot() && is_writer_at_work(fs, directory)? {
            return Ok(look);
        }
        // A commit meanwhile may have been a checkpoint, after which the journal begins anew.
        if attempt == ATTEMPTS || read_commit_file(fs, directory)?.is_some_and(|now| now == file) {
            found.take_journal(replay);
            return Ok(look);
        }
    }
    unreachable!("the last attempt returns")
}

/// True while somebody holds the location's lock. Where it cannot be asked for, as on a read-only mount, nobody writes.
fn is_writer_at_work(fs: &dyn FileSystem, directory: &Path) -> Result<bool> {
    let path = directory.join(LOCK_FILE);
    // Locking would make a file that is missing.
    Ok(fs.metadata(&path)?.is_some() && fs.try_lock(&path, LockKind::Shared).is_ok_and(|lock| lock.is_none()))
}

/// What the slots have, and the commit file that they were read from.
fn look_at_slots(
    fs: &dyn FileSystem,
    directory: &Path,
    known: Option<&CommitRecord>,
    view: Option<&GroupView>,
) -> Result<(Look, Vec<u8>)> {
    let mut found = None;
    let mut before = Vec::new();
    for _ in 0..ATTEMPTS {
        let Some(file) = read_commit_file(fs, directory)? else { return Ok((Look::default(), Vec::new())) };
        let look = choose(fs, directory, &file, known, view).map_err(|e| e.at_path(&commit_path(fs, directory)))?;
        let settled = look.as_ref().is_ok_and(|look| match &look.found {
            Some(found) => {
                found.rejected.is_empty() && known.is_none_or(|known| found.record.version() >= known.version())
            }
            None => known.is_none(),
        });
        found = Some(look);
        let unchanged = file == before;
        before = file;
        if settled || unchanged {
            break;
        }
        std::thread::yield_now();
    }
    match found {
        Some(Ok(look)) => Ok((look, before)),
        Some(Err(rejected)) => Err(none_holds(&rejected).at_path(&commit_path(fs, directory))),
        None => Ok((Look::default(), before)),
    }
}

/// Where the commit file is, for messages.
pub(super) fn commit_path(fs: &dyn FileSystem, directory: &Path) -> std::path::PathBuf {
    fs.display(&directory.join(COMMIT_FILE))
}

fn none_holds(rejected: &[Rejection]) -> Error {
    let reasons: Vec<String> = rejected.iter().map(|rejection| rejection.error.to_string()).collect();
    let reasons = if reasons.is_empty() { "all slots are empty".to_string() } else { reasons.join("; ") };
    Error::corrupt(format!("no commit record holds: {reasons}"))
}

fn read_commit_file(fs: &dyn FileSystem, directory: &Path) -> Result<Option<Vec<u8>>> {
    let open = || match fs.open(&directory.join(COMMIT_FILE), OpenMode::Read) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    let file = match open()? {
        Some(file) => file,
        None => match check_never_committed(fs, directory) {
            Ok(()) => return Ok(None),
            // A writer may have made both files between the two looks.
            Err(error) => open()?.ok_or(error)?,
        },
    };
    let size = file.size()?;
    let mut bytes = vec![0; size.min(COMMIT_FILE_BYTES as u64) as usize];
    file.read_exact_at(&mut bytes, 0)?;
    if size > COMMIT_FILE_BYTES as u64 {
        return Err(
            Error::corrupt(format!("the commit file has {size} bytes, not {COMMIT_FILE_BYTES}")).at_path(file.path())
        );
    }
    Ok(Some(bytes))
}

/// A writer makes the commit file before any column file, so column files alone are what is left of a location, not a new one.
fn check_never_committed(fs: &dyn FileSystem, directory: &Path) -> Result<()> {
    let entries = fs.list(directory).map_err(|error| match error.is_not_found() {
        true => Error::not_found("there is no such location").at_path(&fs.display(directory)),
        false => error,
    })?;
    let suffix = ColumnFile::Data.suffix();
    match entries.iter().find(|entry| !entry.is_dir && entry.name.ends_with(suffix)) {
        Some(entry) => Err(Error::corrupt(format!("the commit file is missing, but there is {}", entry.name))
            .at_path(&commit_path(fs, directory))),
        None => Ok(()),
    }
}

/// One look at the slots: the newest record that holds, or what was wrong with all of them.
fn choose(
    fs: &dyn FileSystem,
    directory: &Path,
    file: &[u8],
    known: Option<&CommitRecord>,
    view: Option<&GroupView>,
) -> Result<Result<Look, Vec<Rejection>>> {
    let Slots { mut candidates, mut rejected } = read_slots(fs, directory, file)?;
    let is_durable = |slot: usize| DURABLE_SLOTS.contains(&slot);
    candidates.sort_by_key(|(slot, record)| std::cmp::Reverse((record.version(), is_durable(*slot))));
    let epochs = candidates.iter().map(|(_, r)| r.epoch).chain(rejected.iter().filter_map(|r| Some(r.version?.0)));
    let epoch_max = epochs.max().unwrap_or(0);
    // The commit file was read before the group file is: what it says of a number holds for records that were there by then.
    let groups = Groups::new(fs, directory, view);
    let mut published = Vec::with_capacity(candidates.len());
    let (mut look, mut pending) = (Look::default(), Vec::new());
    let mut damaged = !rejected.is_empty();
    for (slot, record) in candidates {
        match groups.standing(&record)? {
            Standing::Counts { durable } => published.push((slot, record, durable)),
            Standing::Pending => {
                look.unsettled = true;
                pending.extend(record.group.map(|group| (record.generation, group)));
            }
            Standing::Dead(error) => {
                rejected.push(Rejection { slot, version: Some(record.version()), given_up: true, error });
            }
        }
    }
    let newest_durable = published.iter().find(|(slot, ..)| is_durable(*slot)).map(|(_, record, _)| record.clone());
    let mut versions = [None; SLOT_COUNT];
    for (slot, record, _) in &published {
        versions[*slot] = Some(record.version());
    }
    for (slot, record, durable) in published {
        let believed = is_durable(slot)
            || known.is_some_and(|known| known.epoch == record.epoch && known.rollbacks == record.rollbacks);
        let held = if believed { Ok(()) } else { check_delta(fs, directory, &record) };
        match held {
            Ok(()) => {
                rejected.retain(|r| r.version.is_none_or(|version| version > record.version()));
                look.unsettled |= !durable;
                look.stale = groups.overtook(&pending, Some(record.generation))?;
                let durable = newest_durable;
                look.found = Some(Recovered { record, slot, versions, epoch_max, rejected, durable, tails: None });
                return Ok(Ok(look));
            }
            Err(error) => {
                damaged = true;
                versions[slot] = None;
                rejected.push(reject(slot, Some(record.version()), error)?);
            }
        }
    }
    // A location of which nothing was ever published is one without rows.
    let never_published = !pending.is_empty() || rejected.iter().any(|r| r.version.is_some());
    if damaged || !never_published {
        return Ok(Err(rejected));
    }
    look.stale = groups.overtook(&pending, None)?;
    Ok(Ok(look))
}

/// The records of a commit file, and the slots of which none came.
struct Slots {
    candidates: Vec<(usize, CommitRecord)>,
    rejected: Vec<Rejection>,
}

fn read_slots(fs: &dyn FileSystem, directory: &Path, file: &[u8]) -> Result<Slots> {
    let location = slot::decode_head(file)?;
    let (mut candidates, mut rejected) = (Vec::new(), Vec::new());
    let mut empty = [false; SLOT_COUNT];
    for (number, page) in file[PAGE_BYTES..].chunks_exact(PAGE_BYTES).enumerate() {
        let mut version = None;
        let record = slot::decode(page, number, location).and_then(|decoded| match decoded {
            DecodedSlot::Empty => {
                empty[number] = true;
                Ok(None)
            }
            DecodedSlot::Record(record) => Ok(Some(record)),
            DecodedSlot::Aside(aside) => {
                version = Some(aside.version());
                let path = directory.join(slot::side_file_name(number));
                let side_file = open_committed(fs, &path, aside.side_file_bytes() as u64)?;
                let mut bytes = vec![0; aside.side_file_bytes()];
                side_file.read_exact_at(&mut bytes, 0)?;
                aside.with_side_file(&bytes).map(Some).map_err(|e| e.at_path(side_file.path()))
            }
        });
        match record {
            Ok(None) => {}
            Ok(Some(record)) => candidates.push((number, record)),
            Err(error) => rejected.push(reject(number, version, error)?),
        }
    }
    // A location begins with a durable record: without one the file lost its end, and the live slots may have lost newer ones.
    if DURABLE_SLOTS.into_iter().all(|slot| empty[slot]) && empty.contains(&false) {
        return Err(Error::corrupt("the durable slots of the commit file are empty")
            .at_offset(slot::slot_offset(DURABLE_SLOTS[0])));
    }
    Ok(Slots { candidates, rejected })
}

/// The numbers of commits over several locations in the slots of the location in `directory`; none where it was never committed to.
pub(super) fn group_numbers(fs: &dyn FileSystem, directory: &Path) -> Result<Vec<GroupReference>> {
    let Some(file) = read_commit_file(fs, directory)? else { return Ok(Vec::new()) };
    let slots = read_slots(fs, directory, &file)?;
    Ok(slots.candidates.iter().filter_map(|(_, record)| record.group).filter(|group| !group.settled).collect())
}

/// The group file of a location's source, read when the first record asks for it.
struct Groups<'a> {
    fs: &'a dyn FileSystem,
    source: &'a Path,
    view: Option<&'a GroupView>,
    read: OnceCell<Option<GroupView>>,
}

impl<'a> Groups<'a> {
    fn new(fs: &'a dyn FileSystem, directory: &'a Path, view: Option<&'a GroupView>) -> Self {
        Groups { fs, source: directory.parent().unwrap_or(Path::new("")), view, read: OnceCell::new() }
    }

    /// True where records that do not count as of the view may have overwritten the one that did; `chosen` is the generation of the newest
    /// that counts and is left.
    fn overtook(&self, pending: &[(u64, GroupReference)], chosen: Option<u64>) -> Result<bool> {
        let Some(oldest) = pending.iter().map(|(generation, _)| *generation).min() else { return Ok(false) };
        // A record that is not published yet takes the place of the one before the last, never of the last.
        if self.view.is_none() || chosen.is_some_and(|chosen| chosen.checked_add(1) == Some(oldest)) {
            return Ok(false);
        }
        let Some(now) = GroupView::read(self.fs, self.source)? else { return Ok(false) };
        Ok(pending.iter().any(|(_, group)| matches!(now.standing(group), Standing::Counts { .. })))
    }

    fn standing(&self, record: &CommitRecord) -> Result<Standing> {
        let Some(group) = &record.group else { return Ok(Standing::Counts { durable: true }) };
        if let Some(view) = self.view.filter(|view| !view.is_nothing()) {
            return Ok(view.standing(group));
        }
        if group.settled && self.view.is_none() {
            return Ok(Standing::Counts { durable: true });
        }
        if self.read.get().is_none() {
            let _ = self.read.set(GroupView::read(self.fs, self.source)?);
        }
        match self.read.get().and_then(Option::as_ref) {
            // The view was taken before there was a group file, so that none of its commits is part of it.
            Some(_) if self.view.is_some() => Ok(Standing::Pending),
            Some(read) => Ok(read.standing(group)),
            None if group.settled => Ok(Standing::Counts { durable: true }),
            None => Err(Error::corrupt(format!(
                "the group file is missing, which says whether commit {} counts",
                group.number
            ))
            .at_path(&self.fs.display(&self.source.join(GROUP_FILE)))),
        }
    }
}

/// Damage is passed over for an older record; a newer format, or a disk that does not answer, is not.
fn reject(slot: usize, version: Option<(u64, u64)>, error: Error) -> Result<Rejection> {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::NotFound => Ok(Rejection { slot, error, given_up: false, version }),
        _ => Err(error),
    }
}

/// Compares the bytes that were not durable when the record was written with their checksums.
fn check_delta(fs: &dyn FileSystem, directory: &Path, record: &CommitRecord) -> Result<()> {
    let files = record.columns.iter().flat_map(|column| &column.files);
    let bytes = files.fold(0u64, |bytes, file| bytes.saturating_add(file.size - file.durable_size));
    let check = |column: &ColumnState| check_column_delta(fs, directory, column);
    if bytes < PARALLEL_BYTES {
        record.columns.iter().try_for_each(check)
    } else {
        record.columns.par_iter().try_for_each(check)
    }
}

fn check_column_delta(fs: &dyn FileSystem, directory: &Path, column: &ColumnState) -> Result<()> {
    for (file, state) in column.files() {
        if state.size == state.durable_size {
            continue;
        }
        let file = open_committed(fs, &directory.join(file.name(&column.name)), state.size)?;
        let map = file.map(state.size)?;
        let mut hasher = crc32fast::Hasher::new();
        for piece in map[state.durable_size as usize..].chunks(CHECK_BYTES) {
            hasher.update(piece);
            // What is checked once need not stay in memory.
            io::release(piece);
        }
        let computed = hasher.finalize();
        if computed != state.delta_checksum {
            return Err(Error::corrupt(format!(
                "the checksum of bytes {} to {} is {computed:08x}, not {:08x}",
                state.durable_size, state.size, state.delta_checksum
            ))
            .at_offset(state.durable_size)
            .at_path(file.path()));
        }
    }
    Ok(())
}

/// A file of a location for reading, which must have its committed bytes.
pub(super) fn open_committed(fs: &dyn FileSystem, path: &Path, committed: u64) -> Result<Arc<dyn File>> {
    let file = fs.open(path, OpenMode::Read).map_err(|error| match error.is_not_found() {
        true => Error::corrupt(format!("the file is missing; {committed} bytes of it are committed"))
            .at_path(&fs.display(path)),
        false => error,
    })?;
    let size = file.size()?;
    if size < committed { Err(shorter(size, committed).at_path(file.path())) } else { Ok(file) }
}
