//! What the processes see: inodes with the content of the page cache, locks, and the log of calls.
//!
//! **Invariant:** `base` with every event of `log` applied is `inodes`. Errors are those that Linux gives, and leave no trace.

use super::super::path::split;
use super::super::{DirEntry, LockKind, Metadata, OpenMode};
use super::replay::Replay;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) type Ino = u64;
pub(super) type Entries = Arc<BTreeMap<Arc<str>, Ino>>;

/// The root directory.
pub(super) const ROOT: Ino = 0;

#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) node: Node,
    pub(super) modified_ns: i64,
}

/// Content is shared with crash images until somebody writes.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Arc<Vec<u8>>),
    Dir(Entries),
}

/// A place for a name.
pub(super) type Slot = (Ino, Arc<str>);

/// A mutating call that succeeded, or a sync.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Create {
        slot: Slot,
        ino: Ino,
        is_dir: bool,
    },
    Remove {
        slot: Slot,
    },
    Rename {
        from: Slot,
        to: Slot,
        ino: Ino,
    },
    /// Each slot with what it leads to now.
    Exchange {
        one: (Slot, Ino),
        other: (Slot, Ino),
    },
    SyncDir {
        ino: Ino,
    },
    Write {
        ino: Ino,
        offset: usize,
        bytes: Arc<[u8]>,
    },
    SetSize {
        ino: Ino,
        size: usize,
    },
    Sync {
        ino: Ino,
    },
    SyncFailed {
        ino: Ino,
    },
}

/// Who holds the lock of a file.
#[derive(Debug, Default)]
pub(super) struct Holders {
    shared: usize,
    exclusive: bool,
}

impl Holders {
    pub(super) fn take(&mut self, lock: LockKind) -> bool {
        let free = !self.exclusive && (lock == LockKind::Shared || self.shared == 0);
        match lock {
            LockKind::Shared if free => self.shared += 1,
            LockKind::Exclusive if free => self.exclusive = true,
            _ => {}
        }
        free
    }

    pub(super) fn release(&mut self, lock: LockKind) {
        match lock {
            LockKind::Shared => self.shared -= 1,
            LockKind::Exclusive => self.exclusive = false,
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) base: Arc<BTreeMap<Ino, Inode>>,
    pub(super) inodes: BTreeMap<Ino, Inode>,
    pub(super) log: Vec<Event>,
    pub(super) locks: BTreeMap<Ino, Holders>,
    /// How far the last question about crashes had replayed the log.
    pub(super) replay: Option<Replay>,
}

impl State {
    pub(super) fn new() -> Self {
        let root = Inode { node: Node::Dir(Entries::default()), modified_ns: super::NOW_NS };
        Self::from_inodes(BTreeMap::from([(ROOT, root)]))
    }

    /// Everything given is durable.
    pub(super) fn from_inodes(inodes: BTreeMap<Ino, Inode>) -> Self {
        State { base: Arc::new(inodes.clone()), inodes, log: Vec::new(), locks: BTreeMap::new(), replay: None }
    }

    pub(super) fn open(&mut self, path: &str, mode: OpenMode, now_ns: i64) -> Result<Ino, Errno> {
        let slot = self.slot(path)?;
        match self.entries(slot.0)?.get(&slot.1).copied() {
            Some(_) if mode == OpenMode::CreateNew => Err(Errno::EXIST),
            Some(ino) if self.is_dir(ino) => Err(Errno::ISDIR),
            Some(ino) => Ok(ino),
            None if matches!(mode, OpenMode::Create | OpenMode::CreateNew) => {
                Ok(self.create(slot, Node::File(Arc::default()), now_ns))
            }
            None => Err(Errno::NOENT),
        }
    }

    pub(super) fn create_dir_all(&mut self, path: &str, now_ns: i64) -> Result<(), Errno> {
        let mut here = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            here = match self.entries(here)?.get(name) {
                Some(&ino) => ino,
                None => self.create((here, name.into()), Node::Dir(Entries::default()), now_ns),
            };
        }
        self.entries(here).map(|_| ())
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<DirEntry>, Errno> {
        let entries = self.entries(self.lookup(path)?)?;
        Ok(entries.iter().map(|(name, &ino)| DirEntry { name: name.to_string(), is_dir: self.is_dir(ino) }).collect())
    }

    pub(super) fn metadata(&self, path: &str) -> Result<Metadata, Errno> {
        let inode = &self.inodes[&self.lookup(path)?];
        let (is_dir, size_bytes) = match &inode.node {
            Node::File(content) => (false, content.len() as u64),
            Node::Dir(_) => (true, 0),
        };
        Ok(Metadata { is_dir, size_bytes, modified_ns: inode.modified_ns })
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, now_ns: i64) -> Result<(), Errno> {
        let (from_slot, to_slot) = (self.slot(from)?, self.slot(to)?);
        let ino = *self.entries(from_slot.0)?.get(&from_slot.1).ok_or(Errno::NOENT)?;
        if from == to {
            return Ok(());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Errno::INVAL);
        }
        if let Some(&replaced) = self.entries(to_slot.0)?.get(&to_slot.1) {
            match (self.is_dir(ino), self.is_dir(replaced)) {
                (_, true) if !self.entries(replaced)?.is_empty() && from.starts_with(&format!("{to}/")) => {
                    return Err(Errno::NOTEMPTY);
                }
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !self.entries(replaced)?.is_empty() => return Err(Errno::NOTEMPTY),
                _ => {}
            }
        }
        self.set_entry(&from_slot, None, now_ns);
        self.set_entry(&to_slot, Some(ino), now_ns);
        self.log.push(Event::Rename { from: from_slot, to: to_slot, ino });
        Ok(())
    }

    pub(super) fn exchange(&mut self, one: &str, other: &str, now_ns: i64) -> Result<(), Errno> {
        let (one_slot, other_slot) = (self.slot(one)?, self.slot(other)?);
        let ino = |slot: &Slot| self.entries(slot.0)?.get(&slot.1).copied().ok_or(Errno::NOENT);
        let (one_ino, other_ino) = (ino(&one_slot)?, ino(&other_slot)?);
        let within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        if within(one, other) || within(other, one) {
            return Err(Errno::INVAL);
        }
        if one_ino == other_ino {
            return Ok(());
        }
        self.set_entry(&one_slot, Some(other_ino), now_ns);
        self.set_entry(&other_slot, Some(one_ino), now_ns);
        self.log.push(Event::Exchange { one: (one_slot, other_ino), other: (other_slot, one_ino) });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str, directory: bool, now_ns: i64) -> Result<(), Errno> {
        let slot = self.slot(path)?;
        let ino = *self.entries(slot.0)?.get(&slot.1).ok_or(Errno::NOENT)?;
        match (&self.inodes[&ino].node, directory) {
            (Node::File(_), true) => return Err(Errno::NOTDIR),
            (Node::Dir(_), false) => return Err(Errno::ISDIR),
            (Node::Dir(entries), true) if !entries.is_empty() => return Err(Errno::NOTEMPTY),
            _ => {}
        }
        self.set_entry(&slot, None, now_ns);
        self.log.push(Event::Remove { slot });
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &str) -> Result<(), Errno> {
        let ino = self.lookup(path)?;
        self.entries(ino)?;
        self.log.push(Event::SyncDir { ino });
        Ok(())
    }

    /// The content of a file, whether it still has a name or not.
    pub(super) fn content(&self, ino: Ino) -> &[u8] {
        match &self.inodes[&ino].node {
            Node::File(content) => content,
            Node::Dir(_) => unreachable!("directories are not opened as files"),
        }
    }

    pub(super) fn write(&mut self, ino: Ino, offset: usize, bytes: &[u8], now_ns: i64) {
        write_at(self.content_mut(ino, now_ns), offset, bytes);
        self.log.push(Event::Write { ino, offset, bytes: bytes.into() });
    }

    pub(super) fn set_size(&mut self, ino: Ino, size: usize, now_ns: i64) {
        if self.content(ino).len() != size {
            self.content_mut(ino, now_ns).resize(size, 0);
            self.log.push(Event::SetSize { ino, size });
        }
    }

    fn create(&mut self, slot: Slot, node: Node, now_ns: i64) -> Ino {
        let ino = self.inodes.last_key_value().map_or(ROOT, |(last, _)| last + 1);
        let is_dir = matches!(node, Node::Dir(_));
        self.inodes.insert(ino, Inode { node, modified_ns: now_ns });
        self.set_entry(&slot, Some(ino), now_ns);
        self.log.push(Event::Create { slot, ino, is_dir });
        ino
    }

    fn content_mut(&mut self, ino: Ino, now_ns: i64) -> &mut Vec<u8> {
        let inode = self.inodes.get_mut(&ino).expect("an open file has an inode");
        inode.modified_ns = now_ns;
        match &mut inode.node {
            Node::File(content) => Arc::make_mut(content),
            Node::Dir(_) => unreachable!("directories are not opened as files"),
        }
    }

    fn set_entry(&mut self, (dir, name): &Slot, ino: Option<Ino>, now_ns: i64) {
        let inode = self.inodes.get_mut(dir).expect("a slot is in a directory that exists");
        inode.modified_ns = now_ns;
        if let Node::Dir(entries) = &mut inode.node {
            set_entry(entries, name, ino);
        }
    }

    fn is_dir(&self, ino: Ino) -> bool {
        matches!(self.inodes[&ino].node, Node::Dir(_))
    }

    fn entries(&self, ino: Ino) -> Result<&Entries, Errno> {
        match &self.inodes[&ino].node {
            Node::Dir(entries) => Ok(entries),
            Node::File(_) => Err(Errno::NOTDIR),
        }
    }

    fn lookup(&self, path: &str) -> Result<Ino, Errno> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(ROOT, |here, name| self.entries(here)?.get(name).copied().ok_or(Errno::NOENT))
    }

    /// The place of a path's last name; its directory exists.
    fn slot(&self, path: &str) -> Result<Slot, Errno> {
        let (parent, name) = split(path);
        let dir = self.lookup(parent)?;
        self.entries(dir)?;
        Ok((dir, name.into()))
    }
}

pub(super) fn set_entry(entries: &mut Entries, name: &Arc<str>, ino: Option<Ino>) {
    let entries = Arc::make_mut(entries);
    match ino {
        Some(ino) => entries.insert(Arc::clone(name), ino),
        None => entries.remove(name),
    };
}

pub(super) fn write_at(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
