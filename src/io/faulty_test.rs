use super::*;
use crate::base::ErrorKind;
use crate::io::{create_dir_durable, is_temporary, publish, read_small, remove_tree};

fn text(path: &str) -> &Path {
    Path::new(path)
}

/// One call of each kind; what came of each.
fn each_kind(fs: &FaultyFileSystem) -> Vec<(CallKind, Result<()>)> {
    use CallKind::*;
    let file = fs.inner.open(text("f"), OpenMode::Create).unwrap();
    file.write_all_at(b"0123", 0).unwrap();
    let file = FaultyFile { inner: file, injector: Arc::clone(&fs.injector) };
    vec![
        (Open, fs.open(text("f"), OpenMode::Read).map(drop)),
        (Create, fs.open(text("f"), OpenMode::Create).map(drop)),
        (CreateDir, fs.create_dir_all(text("d"))),
        (List, fs.list(text("")).map(drop)),
        (Metadata, fs.metadata(text("f")).map(drop)),
        (Rename, fs.rename(text("f"), text("f"))),
        (Remove, ignore_missing(fs.remove_file(text("g")))),
        (SyncDir, fs.sync_dir(text(""))),
        (Lock, fs.try_lock(text("f"), LockKind::Shared).map(drop)),
        (Read, file.read_exact_at(&mut [0; 2], 0)),
        (Write, file.write_all_at(b"xy", 0)),
        (SetSize, file.set_size(4)),
        (Sync, file.sync()),
        (Map, file.map(2).map(drop)),
    ]
}

fn ignore_missing(result: Result<()>) -> Result<()> {
    if result.as_ref().is_err_and(Error::is_not_found) { Ok(()) } else { result }
}

#[test]
fn the_fault_strikes_the_call_it_names_and_no_other() {
    for failing in CALL_KINDS {
        for (failure, kind) in [
            (Failure::Io, ErrorKind::Io),
            (Failure::NoSpace, ErrorKind::NoSpace),
            (Failure::Interrupted, ErrorKind::Io),
        ] {
            let fs = FaultyFileSystem::simulated(&SimulatedFileSystem::new(1));
            fs.arm(Fault { kind: Some(failing), ..Fault::once(failure) });
            for (call, answer) in each_kind(&fs) {
                assert_eq!(answer.err().map(|error| error.kind()), (call == failing).then_some(kind), "{call:?}");
            }
            assert!(each_kind(&fs).into_iter().all(|(_, answer)| answer.is_ok()), "{failing:?} once is once");
            assert_eq!(fs.disarm(), 1);
            fs.arm(Fault { kind: Some(failing), index: 1, ..Fault::for_ever(failure) });
            let failed = |_| each_kind(&fs).into_iter().filter(|(_, answer)| answer.is_err()).count();
            assert_eq!([0; 4].map(failed), [0, 1, 1, 1], "{failing:?}");
            assert_eq!(fs.disarm(), 3);
            assert_eq!((fs.calls(Some(failing)), fs.calls(None)), (6, 6 * 14));
        }
    }
}

#[test]
fn a_short_write_leaves_its_first_half() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultyFileSystem::new(crate::io::RealFileSystem::open(dir.path()).unwrap());
    let file = fs.open(text("f"), OpenMode::CreateNew).unwrap();
    fs.arm(Fault { kind: Some(CallKind::Write), ..Fault::once(Failure::ShortWrite) });
    assert_eq!(file.write_all_at(b"012345", 0).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(read_small(&fs, text("f"), 10).unwrap(), b"012");
}

#[test]
fn a_lying_disk_reports_success() {
    let simulated = SimulatedFileSystem::new(1);
    let fs = FaultyFileSystem::simulated(&simulated);
    fs.arm(Fault { kind: Some(CallKind::Sync), path_end: "/f", ..Fault::for_ever(Failure::Lie) });
    for name in ["f", "g"] {
        let file = fs.open(text(name), OpenMode::CreateNew).unwrap();
        file.write_all_at(b"x", 0).unwrap();
        file.sync().unwrap();
    }
    fs.sync_dir(text("")).unwrap();
    assert_eq!(fs.disarm(), 1);
    let cut = simulated.power_cut();
    assert_eq!(
        (read_small(&cut, text("f"), 9).unwrap(), read_small(&cut, text("g"), 9).unwrap()),
        (vec![], vec![b'x'])
    );
    fs.arm(Fault::for_ever(Failure::Lie));
    assert!(each_kind(&fs).into_iter().all(|(_, answer)| answer.is_ok()));
}

#[test]
fn a_failed_sync_loses_what_waited() {
    let simulated = SimulatedFileSystem::new(1);
    let fs = FaultyFileSystem::simulated(&simulated);
    publish(&fs, text("f"), b"old").unwrap();
    fs.arm(Fault { kind: Some(CallKind::Sync), ..Fault::once(Failure::Io) });
    let file = fs.open(text("f"), OpenMode::Write).unwrap();
    file.write_all_at(b"new", 0).unwrap();
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Io);
    fs.disarm();
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    fs.open(text("f"), OpenMode::Write).unwrap().sync().unwrap();
    assert_eq!(read_small(&simulated, text("f"), 10).unwrap(), b"new");
    assert_eq!(read_small(&simulated.power_cut(), text("f"), 10).unwrap(), b"old");
}

/// Every call of publishing, making and removing fails once and for ever, in every way: what was there stays whole, nothing unfinished is
/// left once the disk works again, and the next attempt succeeds.
#[test]
fn publishing_survives_a_fault_at_every_call() {
    let mut faults = 0;
    for failure in [Failure::Io, Failure::NoSpace, Failure::ShortWrite] {
        for for_ever in [false, true] {
            for index in 0.. {
                let simulated = SimulatedFileSystem::new(1);
                let fs = FaultyFileSystem::simulated(&simulated);
                create_dir_durable(&fs, text("a/b")).unwrap();
                publish(&fs, text("a/b/f"), b"old").unwrap();
                fs.arm(Fault { index, for_ever, ..Fault::once(failure) });
                let answer = publish(&fs, text("a/b/f"), b"fresh");
                let made = create_dir_durable(&fs, text("a/c/d"));
                let fired = fs.disarm();
                for disk in [simulated.clone(), simulated.power_cut()] {
                    let found = read_small(&disk, text("a/b/f"), 10).unwrap();
                    assert!(
                        found == b"fresh" || (answer.is_err() && found == b"old"),
                        "{failure:?} {for_ever} {index}"
                    );
                    assert!(made.is_err() || disk.metadata(text("a/c/d")).unwrap().is_some());
                }
                if !for_ever {
                    let left = simulated.list(text("a/b")).unwrap();
                    assert!(!left.iter().any(|entry| is_temporary(&entry.name)), "{failure:?} {index}: {left:?}");
                }
                publish(&fs, text("a/b/f"), b"again").unwrap();
                assert_eq!(read_small(&simulated.power_cut(), text("a/b/f"), 10).unwrap(), b"again");
                remove_tree(&fs, text("a")).unwrap();
                if fired == 0 {
                    break;
                }
                faults += 1;
            }
        }
    }
    assert!(faults > 50, "{faults}");
}
