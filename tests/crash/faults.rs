//! F6 to F10: an error in every call of every kind of work, once and for ever. No false acknowledgement, no lost row, nothing left behind,
//! and the next run works.

use crate::imports::{self, DATES, Imports, content};
use crate::merges::{self, Merges};
use crate::rows::columns;
use crate::schemas::{self, Schemas};
use crate::trace::{FileSystemHandle, Step, Trace, directory, verify};
use crate::walk::{History, in_order};
use pilaster::base::{Error, ErrorKind, Result};
use pilaster::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use pilaster::io::random::SplitMix64;
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::storage::intraday::Durability;
use std::sync::Arc;

/// Work into which faults are put: where it begins, and what it does.
trait Work: Sync {
    type Past: History;
    fn begin(&self) -> (SimulatedFileSystem, Self::Past);
    fn run(&self, past: &mut Self::Past, fs: &FaultyFileSystem, log: &SimulatedFileSystem) -> Result<()>;
}

struct Appends(Durability);
struct CsvImports;
struct Deployments;
struct MergesAndDeletes;

impl Work for Appends {
    type Past = Trace;

    fn begin(&self) -> (SimulatedFileSystem, Trace) {
        (SimulatedFileSystem::new(1), Trace::new(columns(0), self.0))
    }

    fn run(&self, trace: &mut Trace, fs: &FaultyFileSystem, log: &SimulatedFileSystem) -> Result<()> {
        trace.run(fs, log, &[Step::Commit(2), Step::Commit(30), Step::Reopen, Step::Commit(9), Step::Sync])
    }
}

impl Work for CsvImports {
    type Past = Imports;

    fn begin(&self) -> (SimulatedFileSystem, Imports) {
        (SimulatedFileSystem::new(1), Imports::new())
    }

    fn run(&self, imports: &mut Imports, fs: &FaultyFileSystem, log: &SimulatedFileSystem) -> Result<()> {
        imports.run(&fs.handle(), log, &imports::history())
    }
}

impl Work for Deployments {
    type Past = Schemas;

    fn begin(&self) -> (SimulatedFileSystem, Schemas) {
        (SimulatedFileSystem::new(1), Schemas::new())
    }

    fn run(&self, schemas: &mut Schemas, fs: &FaultyFileSystem, log: &SimulatedFileSystem) -> Result<()> {
        schemas.run(&fs.handle(), log, &schemas::HISTORY)
    }
}

impl Work for MergesAndDeletes {
    type Past = Merges;

    fn begin(&self) -> (SimulatedFileSystem, Merges) {
        Merges::begin(1)
    }

    fn run(&self, merges: &mut Merges, fs: &FaultyFileSystem, log: &SimulatedFileSystem) -> Result<()> {
        merges.run(&fs.handle(), log, &merges::HISTORY)
    }
}

/// What must hold after a fault, once the disk works again.
fn check_after<H: History>(fs: &SimulatedFileSystem, history: &H, random: &mut SplitMix64) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let at = fs.log_len();
    // Readers keep what was committed.
    let view = history.look(fs).map_err(|error| format!("not readable: {error}"))?;
    history.judge(at, &view, true)?;
    // What was promised is on the disk, whatever a failed sync lost.
    for _ in 0..2 {
        let state = fs.crash_image(at, random);
        let found = history.look(&state.fs).map_err(|error| format!("not readable: {error}; {state}"))?;
        history.judge(at, &found, false).map_err(|violation| format!("{violation}; {state}"))?;
    }
    // The next run goes on in the same page cache, and what it promises is on the disk too, all that was there before included.
    let next = history.go_on(fs, &view).map_err(|error| format!("the next run: {error}"))?;
    for state in [fs.power_cut(), fs.crash_image(fs.log_len(), random).fs] {
        let found = next.look(&state).map_err(|error| format!("not readable after the next run: {error}"))?;
        next.judge(fs.log_len(), &found, false)?;
    }
    let left = history.left_behind(fs).map_err(text)?;
    if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
}

/// The first of the errors that name what failed.
fn is_typed(error: &Error, failure: Failure) -> bool {
    let kind = match failure {
        Failure::Io | Failure::Lie | Failure::TooManyFiles | Failure::Interrupted => ErrorKind::Io,
        Failure::NoSpace | Failure::ShortWrite | Failure::Quota | Failure::TooLarge => ErrorKind::NoSpace,
    };
    let hinted = failure != Failure::TooManyFiles || error.to_string().contains("ulimit -n");
    error.kind() == kind && error.path().is_some() && hinted
}

/// Every call, or every call of a kind, fails in turn. How many faults struck, and what was broken.
fn sweep<W: Work>(work: &W, failure: Failure, for_ever: bool, kind: Option<CallKind>) -> (u64, Vec<String>) {
    let mut random = SplitMix64::new(1);
    let mut violations = Vec::new();
    for index in 0.. {
        let (simulated, mut past) = work.begin();
        let fs = FaultyFileSystem::simulated(&simulated);
        fs.arm(Fault { index, for_ever, kind, ..Fault::once(failure) });
        let result = work.run(&mut past, &fs, &simulated);
        let fired = fs.disarm();
        if fired == 0 {
            result.expect("a disk without faults");
            // Every call before this one was struck.
            return (index, violations);
        }
        let what = format!("{failure:?} {kind:?} call {index}, for ever: {for_ever}");
        if let Err(error) = &result
            && !is_typed(error, failure)
        {
            violations.push(format!("{what}: the error is {:?}: {error}", error.kind()));
        }
        if let Err(violation) = check_after(&simulated, &past, &mut random) {
            violations.push(format!("{what}: {violation}; the run: {:?}", result.err().map(|e| e.to_string())));
        }
    }
    unreachable!("a run without a fault ends the sweep")
}

type Sweep = (Failure, bool, Option<CallKind>);

fn sweeps<W: Work>(row: &str, name: &str, work: &W, sweeps: &[Sweep]) {
    in_order(|| {
        let (mut struck, mut violations) = (0, Vec::new());
        for &(failure, for_ever, kind) in sweeps {
            let (fired, found) = sweep(work, failure, for_ever, kind);
            struck += fired;
            violations.extend(found);
        }
        println!("{row:<4} {name}: {struck} faults, {} violations", violations.len());
        assert!(violations.is_empty(), "{name}: {} violations, the first: {:#?}", violations.len(), &violations[0]);
        assert!(struck > 20, "{struck}");
    });
}

/// Errors in all calls: once, as a passing fault, and for ever, as a disk that is gone or full.
const ALL_CALLS: [Sweep; 4] = [
    (Failure::Io, false, None),
    (Failure::Io, true, None),
    (Failure::NoSpace, false, None),
    (Failure::NoSpace, true, None),
];

/// Errors that only some calls can have.
const SOME_CALLS: [Sweep; 7] = [
    (Failure::ShortWrite, false, Some(CallKind::Write)),
    (Failure::ShortWrite, true, Some(CallKind::Write)),
    (Failure::Quota, true, Some(CallKind::Write)),
    (Failure::Quota, false, Some(CallKind::Create)),
    (Failure::TooLarge, true, Some(CallKind::Write)),
    (Failure::TooManyFiles, false, Some(CallKind::Open)),
    (Failure::TooManyFiles, true, Some(CallKind::Create)),
];

const SYNCS: [Sweep; 4] = [
    (Failure::Io, false, Some(CallKind::Sync)),
    (Failure::Io, true, Some(CallKind::Sync)),
    (Failure::Io, false, Some(CallKind::SyncDir)),
    (Failure::Io, true, Some(CallKind::SyncDir)),
];

#[test]
fn fault_f6_errors_in_every_call_of_append() {
    for durability in [Durability::Commit, Durability::None] {
        sweeps("F6", &format!("EIO and ENOSPC in append, {durability:?}"), &Appends(durability), &ALL_CALLS);
    }
}

#[test]
fn fault_f6_errors_in_every_call_of_import() {
    sweeps("F6", "EIO in import and deletion", &CsvImports, &ALL_CALLS[..1]);
    sweeps("F8", "ENOSPC for ever in import and deletion", &CsvImports, &ALL_CALLS[3..]);
}

#[test]
fn fault_f6_errors_in_every_call_of_deploy() {
    sweeps("F6", "EIO and ENOSPC in init and schema deploy", &Deployments, &ALL_CALLS);
}

#[test]
fn fault_f6_errors_in_every_call_of_merge() {
    sweeps("F6", "EIO in merge, retirement and deletion", &MergesAndDeletes, &ALL_CALLS[..1]);
    sweeps("F8", "ENOSPC for ever in merge, retirement and deletion", &MergesAndDeletes, &ALL_CALLS[3..]);
}

#[test]
fn fault_f7_failed_syncs_are_not_papered_over() {
    sweeps("F7", "failed syncs in append, durability commit", &Appends(Durability::Commit), &SYNCS);
    sweeps("F7", "failed syncs in append, durability none", &Appends(Durability::None), &SYNCS);
    sweeps("F7", "failed syncs in import", &CsvImports, &SYNCS);
    sweeps("F7", "failed syncs in schema deploy", &Deployments, &SYNCS);
    sweeps("F7", "failed syncs in merge", &MergesAndDeletes, &SYNCS);
}

#[test]
fn fault_f8_f9_short_writes_quotas_limits_and_exhausted_descriptors() {
    sweeps("F8/9", "short writes, EDQUOT, EFBIG, EMFILE in append", &Appends(Durability::Commit), &SOME_CALLS);
    sweeps("F8/9", "short writes, EDQUOT, EFBIG, EMFILE in import", &CsvImports, &SOME_CALLS);
    sweeps("F8/9", "short writes, EDQUOT, EFBIG, EMFILE in schema deploy", &Deployments, &SOME_CALLS);
    sweeps("F8/9", "short writes, EDQUOT, EFBIG, EMFILE in merge", &MergesAndDeletes, &SOME_CALLS);
}

/// A call that a signal interrupts is repeated beneath, except for syncs; here it is an error in any call.
#[test]
fn fault_f9_interrupted_calls_are_errors() {
    let every_call = [(Failure::Interrupted, false, None)];
    sweeps("F9", "EINTR in append, durability commit", &Appends(Durability::Commit), &every_call);
    sweeps("F9", "EINTR in append, durability none", &Appends(Durability::None), &every_call);
    sweeps("F9", "EINTR in import and deletion", &CsvImports, &every_call);
    sweeps("F9", "EINTR in init and schema deploy", &Deployments, &every_call);
    sweeps("F9", "EINTR in merge, retirement and deletion", &MergesAndDeletes, &every_call);
}

#[test]
fn fault_f8_a_disk_that_fills_and_is_freed_again_and_again_loses_nothing() {
    in_order(|| {
        let work = Appends(Durability::Commit);
        let (simulated, mut trace) = work.begin();
        let fs = FaultyFileSystem::simulated(&simulated);
        let mut random = SplitMix64::new(9);
        let (mut rows, mut acknowledged, mut last) = (0, 0, trace.after(0));
        for cycle in 0..50 {
            fs.arm(Fault { index: random.below(60), ..Fault::for_ever(Failure::NoSpace) });
            let result = work.run(&mut trace, &fs, &simulated);
            fs.disarm();
            let promised = trace.promised(simulated.log_len());
            let found = trace.look(&simulated).expect("readable");
            assert!(found >= promised.durable_rows, "cycle {cycle}: {result:?}");
            (rows, acknowledged) = (found, trace.acknowledged().max(acknowledged));
            last = trace;
            trace = last.after(found);
        }
        println!("F8   a disk that fills and is freed 50 times: {rows} rows, 0 violations");
        assert!(rows > 100, "{rows}");
        // A commit of which nobody was told, its sync having failed, may be seen until a power cut, and be gone after it as a whole.
        let left = last.look(&simulated.power_cut()).expect("readable");
        assert!((acknowledged..=rows).contains(&left), "{acknowledged} {left} {rows}");
        assert!(left == rows || last.is_boundary(simulated.log_len(), left), "{left}");
        // Whoever goes on from it makes it durable first.
        work.run(&mut trace, &fs, &simulated).expect("a disk without faults");
        let found = trace.look(&simulated).expect("readable");
        assert!(found > rows);
        assert_eq!(trace.look(&simulated.power_cut()).expect("readable"), found);
        let left = simulated.list(directory()).expect("it is there");
        assert!(!left.iter().any(|entry| is_temporary(&entry.name)), "{left:?}");
    });
}

#[test]
fn fault_f10_readers_get_an_error_or_the_rows() {
    in_order(|| {
        let work = Appends(Durability::None);
        let (simulated, mut trace) = work.begin();
        work.run(&mut trace, &FaultyFileSystem::simulated(&simulated), &simulated).expect("a disk without faults");
        let rows = trace.look(&simulated).expect("readable");
        let mut struck = 0;
        for index in 0.. {
            let fs = FaultyFileSystem::simulated(&simulated);
            fs.arm(Fault { index, ..Fault::once(Failure::Io) });
            match verify(&fs, directory(), &trace.segments, &trace.columns) {
                Ok(found) => assert_eq!(found, rows, "call {index}"),
                Err(error) => assert!(is_typed(&error, Failure::Io), "call {index}: {error}"),
            }
            if fs.disarm() == 0 {
                break;
            }
            struck += 1;
        }
        println!("F10  EIO in each read of a location: {struck} faults, 0 violations");
        assert!(struck > 10, "{struck}");
    });
}

/// One partition's files do not answer; the other's rows are there.
#[test]
fn fault_f10_a_disk_error_in_one_partition_leaves_the_others() {
    in_order(|| {
        let simulated = SimulatedFileSystem::new(1);
        let mut imports = Imports::new();
        let history = imports::history();
        imports.run(&simulated.handle(), &simulated, &history[..2]).expect("a disk without faults");
        for file in ["commit", "Tag.dat", "Sym.sym", "Sym.sym.bytes", "Price.dat"] {
            let fs = FaultyFileSystem::simulated(&simulated);
            let path_end: &'static str = Box::leak(format!("{}/{file}", DATES[0]).into_boxed_str());
            fs.arm(Fault { path_end, ..Fault::for_ever(Failure::Io) });
            let handle: Arc<dyn FileSystem> = fs.handle();
            let error = content(&handle, 0).expect_err("its disk does not answer");
            assert!(is_typed(&error, Failure::Io), "{file}: {error}");
            assert_eq!(content(&handle, 1).expect("another partition"), [(1, 3)]);
            assert!(fs.disarm() > 0);
            assert_eq!(content(&handle, 0).expect("the disk answers again"), [(1, 5), (2, 4)]);
        }
        println!(
            "F10  EIO for ever in 5 files of one partition: a typed error, the other partition read, 0 violations"
        );
    });
}
