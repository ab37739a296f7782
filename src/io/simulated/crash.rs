//! The states in which a power cut may leave the disk: which subsets of what is in doubt, and in what order they are visited.

use super::SimulatedFileSystem;
use super::replay::{Replay, Unit};
use super::state::{Event, Ino, Inode, Node, ROOT, Slot, State};
use crate::io::random::SplitMix64;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Up to this many units every subset is visited.
const EXHAUSTIVE_UNITS: usize = 11;

/// What a power cut left, and what it took.
pub struct CrashState {
    /// The file system as it is found again, with an empty log and no locks.
    pub fs: SimulatedFileSystem,
    plan: Arc<Plan>,
    kept: Vec<bool>,
}

/// A crash point: the disk, and what is in doubt.
#[derive(Debug)]
struct Plan {
    replay: Replay,
    units: Vec<Unit>,
    /// For each unit those before it without which it cannot be.
    requires: Vec<Vec<usize>>,
    /// Where the log is, for words.
    origin: SimulatedFileSystem,
    seed: u64,
}

impl Plan {
    fn state(self: &Arc<Self>, kept: Vec<bool>) -> CrashState {
        let state = self.replay.image(&self.units, &kept);
        let fs = SimulatedFileSystem::from_state(state, self.seed, self.origin.shared.now_ns());
        fs.shared.boot.store(self.origin.shared.boot.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        CrashState { fs, plan: Arc::clone(self), kept }
    }

    /// Loses what cannot be kept because something before it is lost.
    fn close(&self, kept: &mut [bool]) {
        for unit in 0..kept.len() {
            kept[unit] &= self.requires[unit].iter().all(|&before| kept[before]);
        }
    }

    /// A subset of one of several shapes, for each of which some mistake is known that no other finds soon.
    fn sample(&self, random: &mut SplitMix64, number: usize) -> Vec<bool> {
        let units = &self.units;
        let count = units.len();
        match number {
            0 => return vec![true; count],
            1 => return vec![false; count],
            _ => {}
        }
        if count == 0 {
            return Vec::new();
        }
        match random.below(6) {
            // One lost, or one kept.
            0 => {
                let lone = random.below(count as u64) as usize;
                let lost = random.chance(1, 2);
                (0..count).map(|unit| (unit == lone) != lost).collect()
            }
            // Whole files kept or lost: data without its commit, and the reverse.
            1 | 2 => {
                let mut groups = BTreeMap::new();
                let mut decide = |unit: &Unit| *groups.entry(unit.group()).or_insert_with(|| random.chance(1, 2));
                units.iter().map(&mut decide).collect()
            }
            // The same with one unit otherwise.
            3 => {
                let mut groups = BTreeMap::new();
                let mut kept: Vec<bool> = units
                    .iter()
                    .map(|unit| *groups.entry(unit.group()).or_insert_with(|| random.chance(1, 2)))
                    .collect();
                let lone = random.below(count as u64) as usize;
                kept[lone] = !kept[lone];
                kept
            }
            // Each by itself: mostly lost, half and half, mostly kept.
            _ => {
                let chance = [1, 8, 15][random.below(3) as usize];
                (0..count).map(|_| random.chance(chance, 16)).collect()
            }
        }
    }
}

/// Walks crash states after one call; see [`SimulatedFileSystem::crash_states`].
#[derive(Debug)]
pub struct CrashStates {
    plan: Arc<Plan>,
    seen: BTreeSet<Vec<bool>>,
    random: SplitMix64,
    next: usize,
    limit: usize,
    exhaustive: bool,
}

impl CrashStates {
    pub(super) fn new(fs: &SimulatedFileSystem, at: usize, limit: usize) -> Self {
        let mut state = fs.state();
        let replay = Replay::seek(&mut state, at);
        let units = replay.units();
        let operations = &replay.operations;
        let requires = units.iter().map(|unit| match unit {
            Unit::Operation { index } => {
                (0..*index).filter(|&before| operations[*index].touches(&operations[before])).collect()
            }
            _ => Vec::new(),
        });
        let requires = requires.collect();
        drop(state);
        let seed = fs.shared.seed.wrapping_add(1 + at as u64);
        let plan = Plan { replay, units, requires, origin: fs.clone(), seed };
        let exhaustive = plan.units.len() <= EXHAUSTIVE_UNITS;
        let random = SplitMix64::new(seed);
        CrashStates { plan: Arc::new(plan), seen: BTreeSet::new(), random, next: 0, limit, exhaustive }
    }

    pub(super) fn up_to_limit(mut self) -> Self {
        self.exhaustive = self.exhaustive && 1 << self.plan.units.len() <= self.limit;
        self
    }

    /// How many pieces and operations are undecided.
    pub fn unit_count(&self) -> usize {
        self.plan.units.len()
    }

    pub(super) fn all(&self, kept: bool) -> CrashState {
        self.plan.state(vec![kept; self.plan.units.len()])
    }

    /// As [`CrashStates::all`] with everything kept, which the log of `origin` says is not durable.
    pub(super) fn fork(&self, origin: &State) -> State {
        let replay = self.plan.replay.clone();
        let mut state = replay.image(&self.plan.units, &vec![true; self.plan.units.len()]);
        // The log's numbers are not given again.
        let unnamed = Inode { node: Node::File(Arc::default()), modified_ns: super::NOW_NS };
        state.inodes.entry(replay.last_ino()).or_insert(unnamed);
        state.base = Arc::clone(&origin.base);
        state.log = origin.log[..replay.at].to_vec();
        state.replay = Some(replay);
        state
    }

    pub(super) fn random(&self, random: &mut SplitMix64) -> CrashState {
        let mut kept = self.plan.sample(random, usize::MAX);
        self.plan.close(&mut kept);
        self.plan.state(kept)
    }

    /// The subset of that number in an exhaustive walk; none if it is not closed, or the walk is over.
    fn subset(&self, number: usize) -> Vec<bool> {
        (0..self.plan.units.len()).map(|unit| number >> unit & 1 == 1).collect()
    }
}

impl Iterator for CrashStates {
    type Item = CrashState;

    fn next(&mut self) -> Option<CrashState> {
        let count = self.plan.units.len();
        if self.exhaustive {
            while self.next < 1 << count {
                let kept = self.subset(self.next);
                self.next += 1;
                let mut closed = kept.clone();
                self.plan.close(&mut closed);
                if closed == kept {
                    return Some(self.plan.state(kept));
                }
            }
            return None;
        }
        // Shapes repeat themselves, so that some attempts give nothing new; a bound keeps a small limit from going round for ever.
        while self.seen.len() < self.limit && self.next < 8 * self.limit {
            let mut kept = self.plan.sample(&mut self.random, self.next);
            self.next += 1;
            self.plan.close(&mut kept);
            if self.seen.insert(kept.clone()) {
                return Some(self.plan.state(kept));
            }
        }
        None
    }
}

impl fmt::Display for CrashState {
    /// The crash point and what was lost, for the message of a failing test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.plan.origin.state();
        let names = names(&state);
        let name = |ino: &Ino| names.get(ino).map_or("?", String::as_str);
        write!(f, "power cut after {} calls, lost:", self.plan.replay.at)?;
        for (unit, _) in self.plan.units.iter().zip(&self.kept).filter(|(_, kept)| !**kept) {
            match unit {
                Unit::Operation { index } => {
                    let event = self.plan.replay.operations[*index].event;
                    write!(f, " [{}]", describe_with(&names, &state.log[event]))?;
                }
                Unit::Size { ino, .. } => write!(f, " [size of {}]", name(ino))?,
                Unit::Piece { ino, change, piece } => {
                    let offset = self.plan.replay.write_offset(*ino, *change);
                    write!(f, " [{} {}..{}]", name(ino), offset + piece.start, offset + piece.end)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CrashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The last path of each inode.
fn names(state: &State) -> BTreeMap<Ino, String> {
    let mut names = BTreeMap::from([(ROOT, String::new())]);
    let place = |names: &BTreeMap<Ino, String>, slot: &Slot| match names.get(&slot.0).map(String::as_str) {
        None | Some("") => slot.1.to_string(),
        Some(parent) => format!("{parent}/{}", slot.1),
    };
    let mut stack = vec![ROOT];
    while let Some(dir) = stack.pop() {
        if let Some(Inode { node: Node::Dir(entries), .. }) = state.base.get(&dir) {
            for (name, &ino) in entries.iter() {
                let path = place(&names, &(dir, Arc::clone(name)));
                names.insert(ino, path);
                stack.push(ino);
            }
        }
    }
    for event in &state.log {
        if let Event::Create { slot, ino, .. } | Event::Rename { to: slot, ino, .. } = event {
            let path = place(&names, slot);
            names.insert(*ino, path);
        }
    }
    names
}

/// All calls in words.
pub(super) fn describe(state: &State) -> Vec<String> {
    let names = names(state);
    state.log.iter().map(|event| describe_with(&names, event)).collect()
}

fn describe_with(names: &BTreeMap<Ino, String>, event: &Event) -> String {
    let name = |ino: &Ino| names.get(ino).map_or("?", String::as_str);
    let place = |slot: &Slot| format!("{}/{}", name(&slot.0), slot.1);
    match event {
        Event::Create { slot, is_dir: true, .. } => format!("create directory {}", place(slot)),
        Event::Create { slot, .. } => format!("create {}", place(slot)),
        Event::Remove { slot } => format!("remove {}", place(slot)),
        Event::Rename { from, to, .. } => format!("rename {} to {}", place(from), place(to)),
        Event::Exchange { one, other } => format!("exchange {} with {}", place(&one.0), place(&other.0)),
        Event::SyncDir { ino } => format!("sync directory {}/", name(ino)),
        Event::Write { ino, offset, bytes } => format!("write {} {offset}..{}", name(ino), offset + bytes.len()),
        Event::SetSize { ino, size } => format!("resize {} to {size}", name(ino)),
        Event::Sync { ino } => format!("sync {}", name(ino)),
        Event::SyncFailed { ino } => format!("sync {} (failed)", name(ino)),
    }
}
