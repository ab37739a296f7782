//! Proof of the harness: mistakes made on purpose, each of which the walk through crash states must notice.

use crate::imports::{self, Imports};
use crate::merges::{self, Merges};
use crate::mistaken::{Mistake, MistakenFileSystem};
use crate::rows::columns;
use crate::schemas::{self, Schemas};
use crate::trace::{FileSystemHandle, Step, Trace, directory};
use crate::walk::{Depth, History, Walk, in_order, walk};
use pilaster::base::Result;
use pilaster::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use rayon::prelude::*;
use std::sync::Arc;

const DEPTH: Depth = Depth {
    stride: 1,
    limit: 24,
    go_on_every: 16,
    again_every: usize::MAX,
    again_limit: 0,
    killed_every: usize::MAX,
    until_noticed: true,
};

const STEPS: [Step; 8] = {
    use Step::*;
    [Commit(1), Commit(30), Commit(3), Reopen, Commit(20), Append(5), Commit(2), Commit(4)]
};

fn append(mistake: Mistake, durability: Durability, further: usize) -> Walk {
    let simulated = SimulatedFileSystem::new(1);
    let fs = MistakenFileSystem::new(&simulated, mistake);
    let mut trace = Trace::new(columns(further), durability);
    // Some mistakes are noticed at once.
    match trace.run(&fs, &simulated, &STEPS) {
        Ok(()) => walk(&simulated, &Through { history: trace, mistake }, DEPTH),
        Err(error) => Walk { violations: vec![format!("the next writer: {error}")], ..Walk::default() },
    }
}

fn import(mistake: Mistake) -> Walk {
    let simulated = SimulatedFileSystem::new(1);
    let fs: Arc<dyn FileSystem> = Arc::new(MistakenFileSystem::new(&simulated, mistake));
    let mut imports = Imports::new();
    imports.run(&fs, &simulated, &imports::history()).expect("a disk without faults");
    walk(&simulated, &imports, DEPTH)
}

fn merge(mistake: Mistake) -> Walk {
    let (simulated, mut merges) = Merges::begin(1);
    let fs: Arc<dyn FileSystem> = Arc::new(MistakenFileSystem::new(&simulated, mistake));
    merges.run(&fs, &simulated, &merges::HISTORY).expect("a disk without faults");
    walk(&simulated, &merges, DEPTH)
}

fn deploy(mistake: Mistake) -> Walk {
    let simulated = SimulatedFileSystem::new(1);
    let fs: Arc<dyn FileSystem> = Arc::new(MistakenFileSystem::new(&simulated, mistake));
    let mut schemas = Schemas::new();
    schemas.run(&fs, &simulated, &schemas::HISTORY).expect("a disk without faults");
    walk(&simulated, &schemas, DEPTH)
}

/// Readers make the mistake too.
struct Through {
    history: Trace,
    mistake: Mistake,
}

impl History for Through {
    type View = u64;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<u64> {
        self.history.look_at(fs)
    }

    fn look(&self, fs: &SimulatedFileSystem) -> Result<u64> {
        let fs = MistakenFileSystem::new(fs, self.mistake);
        crate::trace::verify(&fs, directory(), &self.history.segments, &self.history.columns)
    }

    fn judge(&self, at: usize, rows: &u64, killed: bool) -> Result<(), String> {
        self.history.judge(at, rows, killed)
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, rows: &u64) -> Result<Self> {
        self.history.go_on_at(fs, log, rows).map(|history| Through { history, mistake: self.mistake })
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        self.history.left_behind(fs)
    }
}

/// A second writer comes while the first is at work.
fn two_writers(mistake: Mistake) -> Walk {
    let simulated = SimulatedFileSystem::new(1);
    let fs = MistakenFileSystem::new(&simulated, mistake);
    let mut trace = Trace::new(columns(0), Durability::Commit);
    let options = WriterOptions { durability: Durability::Commit };
    trace.run(&fs, &simulated, &[Step::Commit(3)]).expect("a disk without faults");
    let first = IntradayWriter::open(fs.handle(), directory(), &columns(0), options).expect("the location is free");
    let mut violations = Vec::new();
    // Its rows are acknowledged, and then overwritten by those of the first.
    if trace.run(&fs, &simulated, &[Step::Commit(4)]).is_ok() {
        let mut first = first;
        let overwritten = first.append(&crate::rows::chunks(&columns(0), 3..5, 9)).and_then(|()| first.commit());
        let found = trace.look(&simulated).map_err(|error| error.to_string());
        if overwritten.is_ok() && found != Ok(7) {
            violations.push(format!("two writers had the location; of 7 rows remain: {found:?}"));
        }
    }
    Walk { states: 1, violations, ..Walk::default() }
}

/// A sync fails once, somewhere, while the mistaken program believes the second one.
fn failing_sync(mistake: Mistake) -> Walk {
    let mut all = Walk::default();
    for index in 0..30 {
        let simulated = SimulatedFileSystem::new(1);
        let faulty = FaultyFileSystem::simulated(&simulated);
        faulty.arm(Fault { kind: Some(CallKind::Sync), index, ..Fault::once(Failure::Io) });
        let fs = MistakenFileSystem::around(faulty.handle(), &simulated, mistake);
        let mut trace = Trace::new(columns(0), Durability::Commit);
        let result = trace.run(&fs, &simulated, &STEPS);
        assert!(result.is_ok() || faulty.disarm() > 0, "{result:?}");
        let walk = walk(&simulated, &trace, DEPTH);
        all.states += walk.states;
        all.violations.extend(walk.violations);
        if !all.violations.is_empty() {
            break;
        }
    }
    all
}

#[test]
fn fault_f1_every_seeded_mistake_is_noticed() {
    use CallKind::*;
    use Mistake::*;
    type Try = fn(Mistake) -> Walk;
    let (appends, lazily): (Try, Try) = (|m| append(m, Durability::Commit, 0), |m| append(m, Durability::None, 0));
    let wide: Try = |m| append(m, Durability::Commit, 107);
    let mistakes: [(&str, Mistake, Try); 33] = [
        ("rows of a column are not synced", Omit((Sync, "Price.dat")), appends),
        ("codes are not synced", Omit((Sync, "Sym.dat")), appends),
        ("symbols are not synced", Omit((Sync, "Sym.sym")), appends),
        ("checksums of blocks are not synced", Omit((Sync, ".sum")), append_blocks),
        ("commit slots are not synced", Omit((Sync, "commit")), appends),
        ("side files are not synced", Omit((Sync, "commit.")), wide),
        ("a new location's names are not synced", Omit((SyncDir, "feed/2017-08-25/")), appends),
        ("the directory of a location is not synced", Omit((SyncDir, "intraday/Market/Quotes/feed/")), appends),
        ("the durable slot is synced before the rows", Late((Sync, ".dat"), (Sync, "commit")), appends),
        ("symbols are written after the record", Late((Write, ".sym"), (Sync, "commit")), appends),
        ("rows are written after the record", Late((Write, "Size.dat"), (Sync, "commit")), appends),
        ("the commit file comes after the rows", Late((Rename, "commit"), (Write, "Price.dat")), appends),
        ("one slot is overwritten in place", OneSlot, append_torn),
        ("the checksum of rows is not compared", RowsUnchecked, lazily),
        ("the journal is not synced", Omit((Sync, "journal")), appends),
        (
            "the journal begins anew before its base is synced",
            Late((Sync, "commit"), (Write, "journal")),
            append_journal,
        ),
        ("the checksum of the journal's records is not compared", JournalUnchecked, append_journal),
        ("the writer's lock is ignored", NoLocks, two_writers),
        ("a failed sync is made again", SyncAgain, failing_sync),
        ("a schema's content is not synced", Omit((Sync, ".toml")), deploy),
        ("a schema's rename is not synced", Omit((SyncDir, "schemas/Market/")), deploy),
        ("a schema is overwritten in place", InPlace(".toml"), deploy),
        ("a schema is removed, then replaced", RemoveThenRename(".toml"), deploy),
        ("a sealed column is not synced", Omit((Sync, ".col")), merge),
        (
            "a version's directory is synced after it is published",
            Late((SyncDir, "2017-08-25/v"), (Rename, ".published")),
            merge,
        ),
        (
            "the old version goes before the new one is published for good",
            Late((SyncDir, ".published"), (Remove, "/location")),
            merge,
        ),
        ("the published record is removed, then replaced", RemoveThenRename(".published"), merge),
        ("intraday rows are removed in place", RemoveInPlace, merge),
        ("an import is not synced before it appears", Omit((Sync, ".import-")), import),
        ("the names of imported partitions are not synced", Omit((SyncDir, "Trades/import/")), import),
        ("old and new rows are exchanged by renames", ExchangeByRenames, import),
        ("names that a dead import made are not synced", Omit((SyncDir, "Trades/import/$")), append_after_import),
        ("what a dead import published is not synced", Omit((Sync, "Trades/import/.group$")), append_after_import),
    ];
    let walks: Vec<Walk> = mistakes.par_iter().map(|(_, mistake, work)| in_order(|| work(*mistake))).collect();
    let mut unnoticed = Vec::new();
    for ((name, ..), walk) in mistakes.iter().zip(&walks) {
        match walk.violations.first() {
            Some(violation) => {
                let violation: String = violation.chars().take(90).collect();
                println!("F1   mistake noticed in state {:>5}: {name} ({violation})", walk.states.max(1));
            }
            None => unnoticed.push(format!("{name}: {} states", walk.states)),
        }
    }
    println!("F1   {} of {} seeded mistakes noticed", mistakes.len() - unnoticed.len(), mistakes.len());
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Rows around a full block of 64 KiB, whose checksum goes to a file of its own. Until the columns are synced the journal has it too.
fn append_blocks(mistake: Mistake) -> Walk {
    let simulated = SimulatedFileSystem::new(1);
    let fs = MistakenFileSystem::new(&simulated, mistake);
    let mut trace = Trace::new(columns(0), Durability::Commit);
    trace.run(&fs, &simulated, &[Step::Commit(8_190), Step::Commit(4), Step::Sync]).expect("a disk without faults");
    walk(&simulated, &trace, DEPTH)
}

/// A journal that begins anew, with records of several pages.
fn append_journal(mistake: Mistake) -> Walk {
    use Step::*;
    let simulated = SimulatedFileSystem::new(1);
    let fs = MistakenFileSystem::new(&simulated, mistake);
    let mut trace = Trace::new(columns(0), Durability::Commit);
    let steps = [Commit(1), Commit(300), Commit(500), Sync, Commit(2), Commit(400)];
    trace.run(&fs, &simulated, &steps).expect("a disk without faults");
    walk(&simulated, &Through { history: trace, mistake }, DEPTH)
}

/// The writer that comes after a killed import makes it.
fn append_after_import(mistake: Mistake) -> Walk {
    imports::killed_before_a_writer(Some(mistake), DEPTH)
}

/// Records of more than one piece.
fn append_torn(mistake: Mistake) -> Walk {
    append(mistake, Durability::Commit, 9)
}
