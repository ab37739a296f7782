//! Power cuts and I/O errors at every call of a merge: afterwards a whole version is there, the old or the new one, and the next merge works.

use super::*;
use crate::io::faulty::{CallKind, Failure, Fault, FaultyFileSystem};
use crate::io::simulated::SimulatedFileSystem;
use std::collections::BTreeMap;

const FORCE: MergeOptions = MergeOptions {
    memory_bytes: 0,
    threads: 1,
    force: true,
    incremental: false,
    discard_merged: false,
    dry_run: false,
    allow_empty: false,
    storages: Vec::new(),
    spread: Spread::Groups,
    key_compiler: None,
    codecs: BTreeMap::new(),
    run_rows_max: None,
};

/// Merges of more than a few rows go through runs on disk.
fn merge_rows(fs: &Arc<dyn FileSystem>, rows: usize) -> Result<MergeReport> {
    let options = MergeOptions { run_rows_max: Some(16), ..FORCE };
    Fixture::over(fs.clone()).merge(&[arrivals("a", rows, rows as u64)], &options)
}

/// What reading finds after merging so many rows.
fn version(rows: usize) -> Option<Vec<String>> {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(0));
    merge_rows(&fs, rows).unwrap();
    read_all(fs, &quotes()).unwrap()
}

/// How many version directories there are.
fn version_count(fs: &Arc<dyn FileSystem>) -> usize {
    fs.list(&Path::new(TABLE).join("main").join(PARTITION)).map_or(0, |entries| entries.len())
}

#[test]
fn a_power_cut_leaves_a_whole_version() {
    let simulated = SimulatedFileSystem::new(7);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    let sizes = [12, 30, 5];
    let mut acknowledged = vec![(0, None)];
    for rows in sizes {
        simulated.advance_ns(1_000);
        merge_rows(&fs, rows).unwrap();
        acknowledged.push((simulated.log_len(), version(rows)));
    }
    let mut states = 0;
    for at in 0..=simulated.log_len() {
        let last = acknowledged.iter().rposition(|(length, _)| *length <= at).unwrap();
        for state in simulated.crash_states(at, 6) {
            let found = read_all(Arc::new(state.fs.clone()), &quotes()).unwrap_or_else(|e| panic!("{e} after {state}"));
            assert!(acknowledged[last..].iter().take(2).any(|(_, version)| *version == found), "{state}");
            states += 1;
            if states % 5 == 0 {
                let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
                merge_rows(&fs, 9).unwrap();
                assert_eq!(version_count(&fs), 1, "{state}");
            }
        }
    }
    assert!(states > 300, "{states}");
}

#[test]
fn an_error_at_any_call_leaves_a_whole_version() {
    let (old, new, after) = (version(12), version(30), version(5));
    for failure in [Failure::NoSpace, Failure::Io] {
        for index in 0.. {
            let simulated = SimulatedFileSystem::new(1);
            let faulty = Arc::new(FaultyFileSystem::simulated(&simulated));
            let fs: Arc<dyn FileSystem> = faulty.clone();
            merge_rows(&fs, 12).unwrap();
            simulated.advance_ns(1_000);
            faulty.arm(Fault { index, ..Fault::once(failure) });
            let merged = merge_rows(&fs, 30);
            let fired = faulty.disarm();
            let found = read_all(fs.clone(), &quotes()).unwrap();
            match merged {
                Ok(_) => assert!(found == new, "{failure:?} at call {index}"),
                Err(error) => {
                    assert!(found == old || found == new, "{failure:?} at call {index}: {error}");
                    assert!(!error.is_corrupt(), "{failure:?} at call {index}: {error}");
                }
            }
            simulated.advance_ns(1_000);
            merge_rows(&fs, 5).unwrap();
            assert!(read_all(fs.clone(), &quotes()).unwrap() == after);
            assert_eq!(version_count(&fs), 1, "{failure:?} at call {index}");
            if fired == 0 {
                assert!(faulty.calls(Some(CallKind::Write)) > 20);
                break;
            }
        }
    }
}
