#![expect(clippy::disallowed_methods, reason = "tests prepare what lies outside the root")]

use super::*;
use crate::io::beneath::Beneath;
use std::os::unix::fs::{PermissionsExt, symlink};

fn text(path: &str) -> &Path {
    Path::new(path)
}

/// The same root twice: through `openat2` and by walking.
fn both(dir: &Path) -> [Arc<RealFileSystem>; 2] {
    let walking = RealFileSystem { root: dir.to_path_buf(), beneath: Beneath::walking(open_root(dir).unwrap()) };
    [RealFileSystem::open(dir).unwrap(), Arc::new(walking)]
}

#[test]
fn symlinks_at_every_level_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f"), "secret").unwrap();
    std::fs::create_dir(outside.path().join("d")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
    for level in ["l", "a/l", "a/b/l", "a/b/c/l"] {
        symlink(outside.path(), dir.path().join(level)).unwrap();
        symlink(dir.path(), dir.path().join(format!("{level}-in"))).unwrap();
        symlink(outside.path().join("f"), dir.path().join(format!("{level}-file"))).unwrap();
        symlink("nowhere", dir.path().join(format!("{level}-dangling"))).unwrap();
    }
    for fs in both(dir.path()) {
        for level in ["l", "a/l", "a/b/l", "a/b/c/l"] {
            let through = [format!("{level}/f"), format!("{level}-in/a/x"), format!("{level}/d/x")];
            let itself = [level.to_owned(), format!("{level}-file"), format!("{level}-dangling")];
            for path in through.iter().chain(&itself) {
                let path = text(path);
                for mode in [OpenMode::Read, OpenMode::Write, OpenMode::Create] {
                    assert_eq!(fs.open(path, mode).unwrap_err().kind(), ErrorKind::Invalid, "{path:?} {mode:?}");
                }
                assert!(fs.open(path, OpenMode::CreateNew).is_err(), "{path:?}");
                assert_eq!(fs.list(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.sync_dir(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.metadata(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.create_dir_all(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.try_lock(path, LockKind::Exclusive).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
            }
            for path in &through {
                let path = text(path);
                assert_eq!(fs.remove_file(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.remove_dir(path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.rename(path, text("stolen")).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
                assert_eq!(fs.rename(text("a/b"), path).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 2);
    assert_eq!(std::fs::read(outside.path().join("f")).unwrap(), b"secret");
    let fs = RealFileSystem::open(dir.path()).unwrap();
    crate::io::publish::remove_tree(&*fs, text("a")).unwrap();
    assert_eq!(std::fs::read(outside.path().join("f")).unwrap(), b"secret");
}

#[test]
fn only_regular_files_are_opened_and_nothing_waits() {
    let dir = tempfile::tempdir().unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    for fs in both(dir.path()) {
        for path in ["fifo", "socket"] {
            for mode in [OpenMode::Read, OpenMode::Write, OpenMode::Create] {
                assert!(fs.open(text(path), mode).is_err(), "{path} {mode:?}");
            }
        }
    }
}

#[test]
fn files_and_directories_are_closed_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("new/root");
    let fs = RealFileSystem::create(&root).unwrap();
    fs.create_dir_all(text("a/b")).unwrap();
    fs.open(text("a/b/f"), OpenMode::CreateNew).unwrap();
    drop(fs.try_lock(text("a/lock"), LockKind::Shared).unwrap().unwrap());
    for path in ["", "a", "a/b", "a/b/f", "a/lock"] {
        let mode = std::fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o027, 0, "{path}: {mode:o}");
    }
    RealFileSystem::create(&root).unwrap();
    assert!(RealFileSystem::open(&dir.path().join("other")).unwrap_err().is_not_found());
}

#[test]
fn a_replaced_lock_file_does_not_split_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RealFileSystem::open(dir.path()).unwrap();
    let first = fs.try_lock(text("lock"), LockKind::Exclusive).unwrap().unwrap();
    assert!(fs.try_lock(text("lock"), LockKind::Shared).unwrap().is_none());
    fs.remove_file(text("lock")).unwrap();
    let second = fs.try_lock(text("lock"), LockKind::Exclusive).unwrap().unwrap();
    drop(first);
    assert!(fs.try_lock(text("lock"), LockKind::Exclusive).unwrap().is_none());
    drop(second);
    assert!(fs.try_lock(text("lock"), LockKind::Exclusive).unwrap().is_some());
}

#[test]
fn ten_thousand_entries_list_sorted() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..10_000 {
        std::fs::write(dir.path().join(format!("p{:05}", (number * 7919) % 10_000)), "").unwrap();
    }
    let entries = RealFileSystem::open(dir.path()).unwrap().list(text("")).unwrap();
    assert_eq!(entries.len(), 10_000);
    assert!(entries.is_sorted_by(|a, b| a.name < b.name));
    assert!(entries.iter().all(|entry| !entry.is_dir));
}

#[test]
fn names_that_are_not_utf8_are_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "").unwrap();
    std::fs::write(dir.path().join("ok"), "").unwrap();
    let fs = RealFileSystem::open(dir.path()).unwrap();
    assert_eq!(fs.list(text("")).unwrap(), [DirEntry { name: "ok".into(), is_dir: false }]);
}

#[test]
fn a_map_lives_longer_than_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RealFileSystem::open(dir.path()).unwrap();
    let file = fs.open(text("f"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[7; 10_000], 0).unwrap();
    let map = file.map(9_999).unwrap();
    drop(file);
    fs.remove_file(text("f")).unwrap();
    assert_eq!(map, vec![7; 9_999]);
    let half = map.slice(4_000..);
    drop(map);
    assert_eq!(half.len(), 5_999);
}
