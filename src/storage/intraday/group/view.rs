//! Reading a group file: which commits over several locations count.

use crate::base::{Error, ErrorKind, Result};
use crate::format::commit::GroupReference;
use crate::format::group::{
    self, DURABLE_SLOTS, GROUP_FILE, GROUP_FILE_BYTES, GroupState, LIVE_SLOTS, PAGE_BYTES, SLOT_COUNT,
};
use crate::io::{FileSystem, OpenMode};
use std::path::Path;

/// How often a look is repeated that met a slot being written.
const ATTEMPTS: usize = 64;

/// What the group file of a source said at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupView {
    group: Option<[u8; 16]>,
    pub(super) published: u64,
    pub(super) durable: u64,
    dead: Vec<u64>,
}

/// What a record that belongs to a commit over several locations is worth.
pub(crate) enum Standing {
    /// As much as any; `durable` where a power cut cannot take it.
    Counts { durable: bool },
    /// Nothing yet.
    Pending,
    /// Nothing, for ever.
    Dead(Error),
}

impl GroupView {
    /// What the group file in the directory of a source says now; none where there is no such file.
    pub(crate) fn read(fs: &dyn FileSystem, source: &Path) -> Result<Option<GroupView>> {
        Ok(GroupFile::read(fs, source)?.map(|file| file.view()))
    }

    /// Which group, and up to which number its commits count: as long as this is the same no commit over several locations became visible.
    pub(crate) fn published(&self) -> (Option<[u8; 16]>, u64) {
        (self.group, self.published)
    }

    /// True for a view taken where there was no group file.
    pub(crate) fn is_nothing(&self) -> bool {
        self.group.is_none()
    }

    pub(crate) fn standing(&self, record: &GroupReference) -> Standing {
        let number = record.number;
        if self.group != Some(record.group) {
            return match record.settled {
                true => Standing::Counts { durable: true },
                false => Standing::Dead(Error::corrupt("the record belongs to another group file")),
            };
        }
        if number > self.published {
            Standing::Pending
        } else if !record.settled && self.dead.binary_search(&number).is_ok() {
            Standing::Dead(Error::corrupt(format!("commit {number} over several locations did not come to its end")))
        } else {
            Standing::Counts { durable: record.settled || number <= self.durable }
        }
    }
}

/// A group file as it was read.
#[derive(Debug)]
pub(super) struct GroupFile {
    pub(super) group: [u8; 16],
    /// What each slot says; none where it is empty, damaged, or of another start of the system.
    pub(super) slots: [Option<GroupState>; SLOT_COUNT],
    /// The slot that counts.
    pub(super) newest: usize,
    /// The newest of the durable slots.
    pub(super) newest_durable: usize,
}

impl GroupFile {
    /// Reads the group file of a source; none where there is none, an error where no slot of it holds.
    pub(super) fn read(fs: &dyn FileSystem, source: &Path) -> Result<Option<GroupFile>> {
        let path = source.join(GROUP_FILE);
        let mut before = Vec::new();
        let mut attempts = 0;
        loop {
            let file = match fs.open(&path, OpenMode::Read) {
                Err(error) if error.is_not_found() => return Ok(None),
                answer => answer?,
            };
            let size = file.size()?;
            let mut bytes = vec![0; size.min(GROUP_FILE_BYTES as u64 + 1) as usize];
            file.read_exact_at(&mut bytes, 0)?;
            let (read, whole) = Self::decode(&bytes, fs.boot()).map_err(|e| e.at_path(file.path()))?;
            attempts += 1;
            // A slot that is damaged twice in the same way is not being written.
            if whole || bytes == before || attempts >= ATTEMPTS {
                return read
                    .map(Some)
                    .ok_or_else(|| Error::corrupt("no slot of the group file holds").at_path(file.path()));
            }
            before = bytes;
            std::thread::yield_now();
        }
    }

    /// What counts of the bytes of a group file, and whether all of them are what somebody wrote.
    fn decode(bytes: &[u8], boot: [u8; 16]) -> Result<(Option<GroupFile>, bool)> {
        let group = group::decode_head(bytes)?;
        let mut slots: [Option<GroupState>; SLOT_COUNT] = Default::default();
        let mut whole = true;
        for (slot, page) in bytes[PAGE_BYTES..].chunks_exact(PAGE_BYTES).enumerate() {
            match group::decode(page, slot, group) {
                Ok(state) => slots[slot] = state.filter(|s| DURABLE_SLOTS.contains(&slot) || s.boot == boot),
                Err(error) if error.kind() == ErrorKind::Corrupt => whole = false,
                Err(error) => return Err(error),
            }
        }
        let newest = |among: &[usize]| {
            among
                .iter()
                .copied()
                .filter(|&slot| slots[slot].is_some())
                .max_by_key(|&s| slots[s].as_ref().map(|s| s.change))
        };
        let (all, durable) = (newest(&[LIVE_SLOTS, DURABLE_SLOTS].concat()), newest(&DURABLE_SLOTS));
        let (Some(newest), Some(newest_durable)) = (all, durable) else { return Ok((None, whole)) };
        Ok((Some(GroupFile { group, slots, newest, newest_durable }), whole))
    }

    /// The state that counts.
    pub(super) fn state(&self) -> GroupState {
        self.slots[self.newest].clone().unwrap_or_default()
    }

    /// The highest number that is durably published.
    pub(super) fn durable(&self) -> u64 {
        self.slots[self.newest_durable].as_ref().map_or(0, |state| state.published)
    }

    pub(super) fn view(&self) -> GroupView {
        let GroupState { published, dead, .. } = self.state();
        GroupView { group: Some(self.group), published, durable: self.durable(), dead }
    }
}
