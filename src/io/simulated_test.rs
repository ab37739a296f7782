use super::*;
use crate::base::ErrorKind;
use crate::io::{create_dir_durable, publish, read_small};
use std::collections::BTreeSet;

fn text(path: &str) -> &Path {
    Path::new(path)
}

fn content(fs: &SimulatedFileSystem, path: &str) -> Option<String> {
    read_small(fs, text(path), 1 << 20).ok().map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "0"))
}

fn create(fs: &SimulatedFileSystem, path: &str) -> Arc<dyn File> {
    fs.open(text(path), OpenMode::Create).unwrap()
}

/// What `look` finds in every state after all calls.
fn outcomes<T: Ord>(fs: &SimulatedFileSystem, look: impl Fn(&SimulatedFileSystem) -> T) -> BTreeSet<T> {
    fs.crash_states(fs.log_len(), 2_000).map(|state| look(&state.fs)).collect()
}

fn names(fs: &SimulatedFileSystem) -> String {
    fs.list(text("")).unwrap().into_iter().map(|entry| entry.name).collect::<Vec<_>>().join(" ")
}

fn set<const N: usize>(expected: [&str; N]) -> BTreeSet<String> {
    expected.map(String::from).into()
}

#[test]
fn unsynced_data_is_lost_in_pieces_and_reads_as_zeros() {
    let fs = SimulatedFileSystem::new(1);
    let file = create(&fs, "f");
    fs.sync_dir(text("")).unwrap();
    file.write_all_at(&[b'x'; 40], 0).unwrap();
    let (x, zero) = (|count: usize| "x".repeat(count), |count: usize| "0".repeat(count));
    let expected = [String::new(), zero(40), x(32), x(32) + &zero(8), zero(32) + &x(8), x(40)];
    assert_eq!(outcomes(&fs, |fs| content(fs, "f").unwrap()), expected.into());
    file.sync().unwrap();
    assert_eq!(outcomes(&fs, |fs| content(fs, "f").unwrap()), [x(40)].into());
    file.write_all_at(b"yy", 31).unwrap();
    let expected = [x(40), x(31) + "y" + &x(8), x(32) + "y" + &x(7), x(31) + "yy" + &x(7)];
    assert_eq!(outcomes(&fs, |fs| content(fs, "f").unwrap()), expected.into());
}

#[test]
fn pieces_are_cut_at_multiples_in_the_file() {
    let fs = SimulatedFileSystem::new(1);
    let file = create(&fs, "f");
    file.set_size(5000).unwrap();
    file.sync().unwrap();
    fs.sync_dir(text("")).unwrap();
    file.write_all_at(&[1; 1200], 400).unwrap();
    let point = fs.crash_states(fs.log_len(), 10);
    assert_eq!(point.unit_count(), 4, "400..512, 512..1024, 1024..1536, 1536..1600");
    assert_eq!(point.count(), 16);
}

#[test]
fn names_are_lost_until_their_directory_is_synced() {
    let fs = SimulatedFileSystem::new(1);
    create(&fs, "a").sync().unwrap();
    fs.rename(text("a"), text("b")).unwrap();
    assert_eq!(outcomes(&fs, names), set(["", "a", "b"]), "a rename is atomic and needs what it renames");
    create(&fs, "c");
    assert_eq!(outcomes(&fs, names), set(["", "a", "b", "c", "a c", "b c"]));
    fs.sync_dir(text("")).unwrap();
    assert_eq!(outcomes(&fs, names), set(["b c"]));
    fs.remove_file(text("c")).unwrap();
    create(&fs, "c");
    fs.remove_file(text("b")).unwrap();
    assert_eq!(outcomes(&fs, names), set(["b", "c", "b c", ""]));
}

#[test]
fn a_directory_not_synced_takes_with_it_what_lies_below() {
    let fs = SimulatedFileSystem::new(1);
    fs.create_dir_all(text("d/e")).unwrap();
    let file = create(&fs, "d/e/f");
    file.write_all_at(b"x", 0).unwrap();
    file.sync().unwrap();
    fs.sync_dir(text("d/e")).unwrap();
    let look = |fs: &SimulatedFileSystem| content(fs, "d/e/f").unwrap_or("none".into());
    assert_eq!(outcomes(&fs, look), set(["none", "x"]));
    fs.sync_dir(text("d")).unwrap();
    assert_eq!(outcomes(&fs, look), set(["none", "x"]));
    create_dir_durable(&fs, text("d/e")).unwrap();
    assert_eq!(outcomes(&fs, look), set(["x"]));
}

#[test]
fn a_rename_between_directories_is_durable_with_the_one_it_leads_to() {
    let fs = SimulatedFileSystem::new(1);
    for dir in ["from", "to"] {
        create_dir_durable(&fs, text(dir)).unwrap();
    }
    create(&fs, "from/f");
    fs.rename(text("from/f"), text("to/f")).unwrap();
    fs.sync_dir(text("from")).unwrap();
    let look = |fs: &SimulatedFileSystem| {
        ["from/f", "to/f"].into_iter().filter(|path| content(fs, path).is_some()).collect::<String>()
    };
    assert_eq!(outcomes(&fs, look), set(["from/f", "to/f"]));
    fs.sync_dir(text("to")).unwrap();
    assert_eq!(outcomes(&fs, look), set(["to/f"]));
}

#[test]
fn a_failed_sync_leaves_its_data_in_doubt_for_ever() {
    let fs = SimulatedFileSystem::new(1);
    let file = create(&fs, "f");
    fs.sync_dir(text("")).unwrap();
    file.write_all_at(b"ab", 0).unwrap();
    file.sync().unwrap();
    file.write_all_at(b"cd", 2).unwrap();
    fs.fail_next_sync();
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(content(&fs, "f").unwrap(), "abcd", "the cache still shows it");
    let again = create(&fs, "f");
    again.write_all_at(b"ef", 4).unwrap();
    again.sync().unwrap();
    let look = |fs: &SimulatedFileSystem| content(fs, "f").unwrap();
    assert_eq!(outcomes(&fs, look), set(["ab00ef", "abcdef"]));
    again.write_all_at(b"CD", 2).unwrap();
    again.sync().unwrap();
    assert_eq!(outcomes(&fs, look), set(["abCDef"]), "written again and synced, it is there");
}

#[test]
fn kill_keeps_everything_and_power_cuts_only_what_is_synced() {
    let fs = SimulatedFileSystem::new(1);
    publish(&fs, text("kept"), b"old").unwrap();
    let lock = fs.try_lock(text("lock"), LockKind::Exclusive).unwrap();
    create(&fs, "kept").write_all_at(b"new", 0).unwrap();
    assert!(fs.clone().try_lock(text("lock"), LockKind::Shared).unwrap().is_none());
    let killed = fs.kill();
    assert_eq!(content(&killed, "kept").unwrap(), "new");
    assert!(killed.try_lock(text("lock"), LockKind::Exclusive).unwrap().is_some());
    let cut = fs.power_cut();
    assert_eq!((names(&cut).as_str(), content(&cut, "kept").unwrap().as_str()), ("kept", "old"));
    drop(lock);
    // An image is a file system like any other: it can crash again.
    publish(&cut, text("kept"), b"third").unwrap();
    assert_eq!(content(&cut.power_cut(), "kept").unwrap(), "third");
}

#[test]
fn any_workload_survives_a_kill_as_it_was_seen() {
    let mut random = SplitMix64::new(7);
    for seed in 0..30 {
        let fs = SimulatedFileSystem::new(seed);
        for _ in 0..120 {
            let path = ["a", "b", "d/a", "d/b"][random.below(4) as usize];
            match random.below(9) {
                0 => fs.create_dir_all(text("d")).unwrap(),
                1 => drop(fs.rename(text(path), text("d/c"))),
                2 => drop(fs.remove_file(text(path))),
                3 => drop(fs.sync_dir(text("d"))),
                4 => drop(fs.sync_dir(text(""))),
                kind => {
                    let Ok(file) = fs.open(text(path), OpenMode::Create) else { continue };
                    match kind {
                        5 => file.set_size(random.below(2_000)).unwrap(),
                        6 => file.sync().unwrap(),
                        7 => drop((fs.fail_next_sync(), file.sync())),
                        _ => {
                            file.write_all_at(&vec![kind as u8; random.below(900) as usize], random.below(600)).unwrap()
                        }
                    }
                }
            }
        }
        let killed = fs.kill();
        for dir in ["", "d"] {
            assert_eq!(fs.list(text(dir)).ok(), killed.list(text(dir)).ok(), "seed {seed}");
        }
        for path in ["a", "b", "d/a", "d/b", "d/c"] {
            assert_eq!(content(&fs, path), content(&killed, path), "seed {seed} {path}");
        }
    }
}

/// Ways of replacing a file, right and wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Replace {
    Right,
    NoSync,
    NoDirectorySync,
    InPlace,
    RemoveFirst,
    SyncAfterRename,
}

fn replace(fs: &SimulatedFileSystem, how: Replace, bytes: &[u8]) {
    let write = |path: &str| {
        let file = create(fs, path);
        file.set_size(0).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    };
    if how == Replace::InPlace {
        write("f").sync().unwrap();
        return;
    }
    let file = write("f.new");
    if !matches!(how, Replace::NoSync | Replace::SyncAfterRename) {
        file.sync().unwrap();
    }
    if how == Replace::RemoveFirst {
        let _ = fs.remove_file(text("f"));
    }
    fs.rename(text("f.new"), text("f")).unwrap();
    if how == Replace::SyncAfterRename {
        file.sync().unwrap();
    }
    if how != Replace::NoDirectorySync {
        fs.sync_dir(text("")).unwrap();
    }
}

#[test]
fn seeded_mistakes_in_replacing_a_file_are_found() {
    let violations = |how: Replace| {
        let fs = SimulatedFileSystem::new(3);
        let versions: Vec<Vec<u8>> = (1..=4).map(|version| vec![b'0' + version; 700 * usize::from(version)]).collect();
        replace(&fs, Replace::Right, &versions[0]);
        let mut acknowledged = vec![(fs.log_len(), 0)];
        for (index, version) in versions.iter().enumerate().skip(1) {
            replace(&fs, how, version);
            acknowledged.push((fs.log_len(), index));
        }
        let (mut states, mut bad) = (0, 0);
        for at in acknowledged[0].0..=fs.log_len() {
            let last = acknowledged.iter().rfind(|(length, _)| *length <= at).unwrap().1;
            for state in fs.crash_states(at, 200) {
                let found = read_small(&state.fs, text("f"), 1 << 20).ok();
                states += 1;
                bad += usize::from(!versions[last..].iter().take(2).any(|version| Some(version) == found.as_ref()));
            }
        }
        assert!(states > 20, "{how:?} {states}");
        bad
    };
    assert_eq!(violations(Replace::Right), 0);
    for how in
        [Replace::NoSync, Replace::NoDirectorySync, Replace::InPlace, Replace::RemoveFirst, Replace::SyncAfterRename]
    {
        assert!(violations(how) > 0, "{how:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_states() {
    let states = |seed| {
        let fs = SimulatedFileSystem::new(seed);
        create(&fs, "f").write_all_at(&[1; 20_000], 0).unwrap();
        let described: Vec<String> = fs.crash_states(fs.log_len(), 50).map(|state| state.to_string()).collect();
        assert_eq!(described.len(), 50);
        assert!(described.iter().any(|line| line.contains("[f 512..1024]")), "{described:?}");
        described
    };
    assert_eq!(states(1), states(1));
    assert_ne!(states(1), states(2));
}

#[test]
fn the_clock_goes_where_the_test_wants() {
    let fs = SimulatedFileSystem::new(1);
    let start = fs.now_ns();
    fs.advance_ns(5);
    create(&fs, "f");
    assert_eq!((fs.now_ns(), fs.metadata(text("f")).unwrap().unwrap().modified_ns), (start + 5, start + 5));
    fs.set_now_ns(-1);
    assert_eq!(fs.now_ns(), -1);
}
