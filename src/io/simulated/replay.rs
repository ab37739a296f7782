//! Follows the log of calls and keeps apart what is durable and what is not yet.
//!
//! What is not is cut into *units* (a piece of a write, a new size, a directory operation); an image of the disk keeps a subset of them,
//! applied in the order of the calls. **Invariant:** the image that keeps all is what the processes saw.

use super::state::{Entries, Event, Ino, Inode, Node, ROOT, Slot, State, set_entry, write_at};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// What a disk writes whole, at the least.
const PIECE_BYTES: usize = 512;
/// Writes up to this size are cut finer: memory that persists a cache line at a time.
const SMALL_WRITE_BYTES: usize = 512;
const SMALL_PIECE_BYTES: usize = 32;

/// The disk after some calls: what is durable, and what waits.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) at: usize,
    files: BTreeMap<Ino, Durable>,
    dirs: BTreeMap<Ino, Entries>,
    modified_ns: BTreeMap<Ino, i64>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
struct Durable {
    content: Arc<Vec<u8>>,
    /// The size that the processes see.
    size: usize,
    waiting: Vec<Change>,
}

/// A change of a file that is not, or not surely, durable.
#[derive(Clone, Debug)]
struct Change {
    kind: ChangeKind,
    doubt: Doubt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// Until the next sync.
    Waiting,
    /// For ever: it waited when a sync failed.
    Failed,
    /// None; it stands in the list because something before it is in doubt.
    Decided,
}

#[derive(Clone, Debug)]
enum ChangeKind {
    Write { offset: usize, bytes: Arc<[u8]>, extends: bool },
    SetSize(usize),
}

/// A directory operation that waits: names that change together.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) event: usize,
    /// The directory whose sync makes it durable.
    dir: Ino,
    sets: Vec<(Slot, Option<Ino>)>,
}

impl Operation {
    pub(super) fn touches(&self, other: &Operation) -> bool {
        self.sets.iter().any(|(slot, _)| other.sets.iter().any(|(theirs, _)| slot == theirs))
    }
}

impl Replay {
    fn start(base: &BTreeMap<Ino, Inode>) -> Self {
        let mut replay = Replay {
            at: 0,
            files: BTreeMap::new(),
            dirs: BTreeMap::new(),
            modified_ns: BTreeMap::new(),
            operations: Vec::new(),
        };
        for (&ino, inode) in base {
            replay.modified_ns.insert(ino, inode.modified_ns);
            match &inode.node {
                Node::Dir(entries) => drop(replay.dirs.insert(ino, Arc::clone(entries))),
                Node::File(content) => replay.add_file(ino, Arc::clone(content)),
            }
        }
        replay
    }

    /// The disk after `at` calls. Going on from where the last question was is the usual case.
    pub(super) fn seek(state: &mut State, at: usize) -> Self {
        assert!(at <= state.log.len(), "the log has {} calls, not {at}", state.log.len());
        let mut replay = match state.replay.take() {
            Some(replay) if replay.at <= at => replay,
            _ => Replay::start(&state.base),
        };
        for event in &state.log[replay.at..at] {
            replay.apply(event);
        }
        state.replay = Some(replay.clone());
        replay
    }

    /// The highest number of a file or directory, named or not.
    pub(super) fn last_ino(&self) -> Ino {
        let last = |ino: Option<&Ino>| ino.copied().unwrap_or(ROOT);
        last(self.files.keys().next_back()).max(last(self.dirs.keys().next_back()))
    }

    fn add_file(&mut self, ino: Ino, content: Arc<Vec<u8>>) {
        self.files.insert(ino, Durable { size: content.len(), content, waiting: Vec::new() });
    }

    fn apply(&mut self, event: &Event) {
        let mut operation = |dir, sets| self.operations.push(Operation { event: self.at, dir, sets });
        match event {
            Event::Create { slot, ino, is_dir } => {
                operation(slot.0, vec![(slot.clone(), Some(*ino))]);
                if *is_dir {
                    self.dirs.insert(*ino, Entries::default());
                } else {
                    self.add_file(*ino, Arc::default());
                }
            }
            Event::Remove { slot } => operation(slot.0, vec![(slot.clone(), None)]),
            Event::Rename { from, to, ino } => operation(to.0, vec![(from.clone(), None), (to.clone(), Some(*ino))]),
            Event::Exchange { one, other } => {
                let sets = [one, other].map(|(slot, ino)| (slot.clone(), Some(*ino)));
                operation(other.0.0, sets.into());
            }
            Event::SyncDir { ino } => self.sync_dir(*ino),
            Event::Write { ino, offset, bytes } => {
                let (offset, bytes) = (*offset, Arc::clone(bytes));
                let file = self.file(*ino);
                let end = offset + bytes.len();
                let extends = end > file.size;
                file.size = file.size.max(end);
                file.waiting.push(Change { kind: ChangeKind::Write { offset, bytes, extends }, doubt: Doubt::Waiting });
            }
            Event::SetSize { ino, size } => {
                let file = self.file(*ino);
                file.size = *size;
                file.waiting.push(Change { kind: ChangeKind::SetSize(*size), doubt: Doubt::Waiting });
            }
            Event::Sync { ino } => self.file(*ino).sync(),
            Event::SyncFailed { ino } => {
                for change in &mut self.file(*ino).waiting {
                    if change.doubt == Doubt::Waiting {
                        change.doubt = Doubt::Failed;
                    }
                }
            }
        }
        self.at += 1;
    }

    fn file(&mut self, ino: Ino) -> &mut Durable {
        self.files.get_mut(&ino).expect("the log creates a file before it is changed")
    }

    /// Makes the operations of one directory durable, and before them those that they follow on the same name.
    fn sync_dir(&mut self, dir: Ino) {
        let mut needed: Vec<Operation> = Vec::new();
        let mut rest: Vec<Operation> = Vec::new();
        for operation in std::mem::take(&mut self.operations).into_iter().rev() {
            let due = operation.dir == dir || needed.iter().any(|later| later.touches(&operation));
            if due { &mut needed } else { &mut rest }.push(operation);
        }
        for operation in needed.iter().rev() {
            apply_operation(&mut self.dirs, operation);
        }
        self.operations = rest.into_iter().rev().collect();
    }

    /// Everything in doubt, in an order in which units of one operation or write lie together.
    pub(super) fn units(&self) -> Vec<Unit> {
        let mut units: Vec<Unit> = (0..self.operations.len()).map(|index| Unit::Operation { index }).collect();
        let named: HashSet<Ino> = self.dirs.values().flat_map(|entries| entries.values().copied()).collect();
        let may_be_named =
            |ino: Ino| self.operations.iter().any(|operation| operation.sets.iter().any(|(_, set)| *set == Some(ino)));
        for (&ino, file) in &self.files {
            if file.waiting.is_empty() || !(named.contains(&ino) || may_be_named(ino)) {
                continue;
            }
            for (change, waiting) in
                file.waiting.iter().enumerate().filter(|(_, change)| change.doubt != Doubt::Decided)
            {
                match &waiting.kind {
                    ChangeKind::SetSize(_) => units.push(Unit::Size { ino, change }),
                    ChangeKind::Write { offset, bytes, extends } => {
                        if *extends {
                            units.push(Unit::Size { ino, change });
                        }
                        units.extend(pieces(*offset, bytes.len()).map(|piece| Unit::Piece { ino, change, piece }));
                    }
                }
            }
        }
        units
    }

    /// Where a waiting write begins.
    pub(super) fn write_offset(&self, ino: Ino, change: usize) -> usize {
        match self.files[&ino].waiting[change].kind {
            ChangeKind::Write { offset, .. } => offset,
            ChangeKind::SetSize(_) => 0,
        }
    }

    /// The disk that holds the kept units and everything durable.
    pub(super) fn image(&self, units: &[Unit], kept: &[bool]) -> State {
        let mut dirs = self.dirs.clone();
        let mut chosen: BTreeMap<Ino, Vec<&Unit>> = BTreeMap::new();
        for (unit, _) in units.iter().zip(kept).filter(|(_, kept)| **kept) {
            match unit {
                Unit::Operation { index } => apply_operation(&mut dirs, &self.operations[*index]),
                Unit::Piece { ino, .. } | Unit::Size { ino, .. } => chosen.entry(*ino).or_default().push(unit),
            }
        }
        let mut inodes = BTreeMap::new();
        let mut reached = vec![ROOT];
        while let Some(ino) = reached.pop() {
            let node = match (dirs.get(&ino), self.files.get(&ino)) {
                (Some(entries), _) => {
                    reached.extend(entries.values().filter(|child| !inodes.contains_key(*child)));
                    Node::Dir(Arc::clone(entries))
                }
                (None, Some(file)) => Node::File(file.survive(chosen.get(&ino).map_or(&[], Vec::as_slice))),
                (None, None) => unreachable!("names lead to inodes"),
            };
            let modified_ns = self.modified_ns.get(&ino).copied().unwrap_or(super::NOW_NS);
            inodes.insert(ino, Inode { node, modified_ns });
        }
        State::from_inodes(inodes)
    }
}

impl Durable {
    fn sync(&mut self) {
        if self.waiting.iter().any(|change| change.doubt == Doubt::Failed) {
            for change in self.waiting.iter_mut().filter(|change| change.doubt == Doubt::Waiting) {
                change.doubt = Doubt::Decided;
            }
            return;
        }
        if !self.waiting.is_empty() {
            let content = Arc::make_mut(&mut self.content);
            for change in self.waiting.drain(..) {
                match change.kind {
                    ChangeKind::Write { offset, bytes, .. } => write_at(content, offset, &bytes),
                    ChangeKind::SetSize(size) => content.resize(size, 0),
                }
            }
        }
    }

    /// The content with the kept units, which are in the order of the changes.
    fn survive(&self, kept: &[&Unit]) -> Arc<Vec<u8>> {
        let mut kept = kept.iter().peekable();
        if kept.peek().is_none() && self.waiting.iter().all(|change| change.doubt != Doubt::Decided) {
            return Arc::clone(&self.content);
        }
        let mut content = Vec::clone(&self.content);
        for (index, change) in self.waiting.iter().enumerate() {
            let decided = change.doubt == Doubt::Decided;
            let mut size_kept = decided;
            let mut piece_ranges = Vec::new();
            while let Some(unit) = kept.next_if(|unit| unit.change() == Some(index)) {
                match unit {
                    Unit::Piece { piece, .. } => piece_ranges.push(piece.clone()),
                    _ => size_kept = true,
                }
            }
            match &change.kind {
                ChangeKind::SetSize(size) if size_kept => content.resize(*size, 0),
                ChangeKind::SetSize(_) => {}
                ChangeKind::Write { offset, bytes, .. } if decided => write_at(&mut content, *offset, bytes),
                ChangeKind::Write { offset, bytes, .. } => {
                    let end = offset + bytes.len();
                    if size_kept && content.len() < end {
                        content.resize(end, 0);
                    }
                    for piece in piece_ranges {
                        write_at(&mut content, offset + piece.start, &bytes[piece]);
                    }
                }
            }
        }
        Arc::new(content)
    }
}

fn apply_operation(dirs: &mut BTreeMap<Ino, Entries>, operation: &Operation) {
    for ((dir, name), ino) in &operation.sets {
        set_entry(dirs.get_mut(dir).expect("a name is in a directory that the log made"), name, *ino);
    }
}

/// The parts of a write, each lost or kept whole: cut where the file's offset is a multiple of the piece.
fn pieces(offset: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    let piece = if length <= SMALL_WRITE_BYTES { SMALL_PIECE_BYTES } else { PIECE_BYTES };
    let first = piece - offset % piece;
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = if start == 0 { first } else { start + piece }.min(length);
        (start < length).then(|| std::mem::replace(&mut start, end)..end)
    })
}

/// Something that a crash keeps or loses.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    Operation { index: usize },
    Piece { ino: Ino, change: usize, piece: Range<usize> },
    Size { ino: Ino, change: usize },
}

impl Unit {
    pub(super) fn change(&self) -> Option<usize> {
        match self {
            Unit::Operation { .. } => None,
            Unit::Piece { change, .. } | Unit::Size { change, .. } => Some(*change),
        }
    }

    /// Units with the same group are often kept or lost together: one file's, or all operations on names.
    pub(super) fn group(&self) -> Option<Ino> {
        match self {
            Unit::Operation { .. } => None,
            Unit::Piece { ino, .. } | Unit::Size { ino, .. } => Some(*ino),
        }
    }
}
