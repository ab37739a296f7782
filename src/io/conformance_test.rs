//! The file systems behave alike: every line of a script gives the same answer on the real one and the simulated one.

use super::random::SplitMix64;
use super::{FileSystem, LockGuard, LockKind, OpenMode, RealFileSystem, SimulatedFileSystem};
use crate::base::{ErrorKind, Result};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Runs lines such as `write a/f 3 text` and tells what came of them.
struct Runner {
    fs: Arc<dyn FileSystem>,
    locks: HashMap<String, Box<dyn LockGuard>>,
}

impl Runner {
    fn new(fs: Arc<dyn FileSystem>) -> Self {
        Runner { fs, locks: HashMap::new() }
    }

    fn run(&mut self, line: &str) -> String {
        self.try_run(line).unwrap_or_else(|error| format!("{:?}", error.kind()))
    }

    fn try_run(&mut self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (verb, path_text) = (word(), word());
        let path = Path::new(if path_text == "ROOT" { "" } else { path_text });
        let (first, second) = (word(), word());
        let number = |text: &str| text.parse::<u64>().unwrap();
        let file = |mode| self.fs.open(path, mode);
        let done = match verb {
            "open" => file(OpenMode::Read).map(|_| ()),
            "write-open" => file(OpenMode::Write).map(|_| ()),
            "create" => file(OpenMode::Create).map(|_| ()),
            "create-new" => file(OpenMode::CreateNew).map(|_| ()),
            "write" => file(OpenMode::Write)?.write_all_at(second.as_bytes(), number(first)),
            "write-readonly" => file(OpenMode::Read)?.write_all_at(b"x", 0),
            "resize" => file(OpenMode::Write)?.set_size(number(first)),
            "sync" => file(OpenMode::Write)?.sync(),
            "mkdir" => self.fs.create_dir_all(path),
            "rename" => self.fs.rename(path, Path::new(first)),
            "exchange" => self.fs.exchange(path, Path::new(first)),
            "rm" => self.fs.remove_file(path),
            "rmdir" => self.fs.remove_dir(path),
            "syncdir" => self.fs.sync_dir(path),
            "unlock" => {
                drop(self.locks.remove(first));
                Ok(())
            }
            "lock" | "share" => {
                let kind = if verb == "lock" { LockKind::Exclusive } else { LockKind::Shared };
                let Some(guard) = self.fs.try_lock(path, kind)? else { return Ok("held".into()) };
                self.locks.insert(first.to_owned(), guard);
                Ok(())
            }
            "read" => {
                let mut buffer = vec![0; number(second) as usize];
                file(OpenMode::Read)?.read_exact_at(&mut buffer, number(first))?;
                return Ok(String::from_utf8_lossy(&buffer).replace('\0', "0"));
            }
            "map" => {
                let bytes = file(OpenMode::Read)?.map(number(first))?;
                return Ok(String::from_utf8_lossy(&bytes).replace('\0', "0"));
            }
            "size" => return Ok(file(OpenMode::Read)?.size()?.to_string()),
            "stat" => {
                let metadata = self.fs.metadata(path)?;
                return Ok(metadata.map_or("none".into(), |found| match found.is_dir {
                    true => "dir".into(),
                    false => format!("file {}", found.size_bytes),
                }));
            }
            "list" => {
                let entries = self.fs.list(path)?;
                let names =
                    entries.iter().map(|entry| format!("{}{}", entry.name, if entry.is_dir { "/" } else { "" }));
                return Ok(names.collect::<Vec<_>>().join(" "));
            }
            _ => panic!("unknown verb {verb}"),
        };
        done.map(|()| "ok".into())
    }
}

fn both(dir: &Path) -> [(&'static str, Runner); 2] {
    let real = RealFileSystem::open(dir).unwrap();
    [("real", Runner::new(real)), ("simulated", Runner::new(Arc::new(SimulatedFileSystem::new(1))))]
}

/// A line to run, and after `=>` what must come of it.
const SCRIPT: &str = "
list ROOT => 
stat ROOT => dir
open f => NotFound
write-open f => NotFound
stat f => none
create f => ok
create f => ok
create-new f => AlreadyExists
write f 0 hello => ok
write f 3 LONG => ok
read f 0 7 => helLONG
read f 0 8 => Corrupt
read f 7 0 => 
read f 9 0 => 
read f 9223372036854775807 1 => Corrupt
read f 18446744073709551615 1 => Corrupt
write f 9223372036854775807 x => NoSpace
write f 18446744073709551615 x => NoSpace
resize f 18446744073709551615 => NoSpace
write f 9 z => ok
map f 10 => helLONG00z
map f 4 => helL
map f 0 => 
map f 11 => Corrupt
map f 18446744073709551615 => Corrupt
write-readonly f => Io
resize f 2 => ok
resize f 4 => ok
read f 0 4 => he00
size f => 4
sync f => ok
stat f => file 4
mkdir f => Invalid
mkdir f/g => Invalid
open f/g => Invalid
create f/g => Invalid
stat f/g => none
list f => Invalid
list f/g => Invalid
syncdir f => Invalid
rmdir f => Invalid
list missing => NotFound
syncdir missing => NotFound
rm missing => NotFound
rmdir missing => NotFound
rename missing f => NotFound
create missing/f => NotFound
mkdir ROOT => ok
mkdir a/b/c => ok
mkdir a/b/c => ok
open a => Invalid
write-open a => Invalid
create a => Invalid
create-new a => AlreadyExists
stat a/b => dir
create-new a/b/c/g => ok
create-new a/b/.hidden => ok
create-new a/b/B => ok
create-new a/b/\u{e9} => ok
create-new a/b/10 => ok
create-new a/b/9 => ok
list a/b => .hidden 10 9 B c/ \u{e9}
rm a/b => Invalid
rmdir a/b => Io
rename a a/b/x => Io
rename a a/none/x => NotFound
rename a/b a => Io
rename f a => Invalid
rename a f => Invalid
rename f f => ok
rename a a => ok
rename f a/b/c/g => ok
stat f => none
read a/b/c/g 0 4 => he00
mkdir e => ok
rename a/b/c e => ok
list e => g
list a/b => .hidden 10 9 B \u{e9}
rename e a/b => Io
rename e/g h => ok
rmdir e => ok
stat e => none
stat h => file 4
exchange h a => ok
stat h => dir
list h/b => .hidden 10 9 B \u{e9}
stat a => file 4
exchange h a => ok
exchange h missing => NotFound
exchange a a/b => Io
exchange h h => ok
stat h => file 4
syncdir ROOT => ok
syncdir a/b => ok
lock l one => ok
stat l => file 0
lock l two => held
share l two => held
unlock x one => ok
share l one => ok
share l two => ok
lock l three => held
unlock x one => ok
lock l three => held
unlock x two => ok
lock l three => ok
share l four => held
lock a four => Invalid
lock missing/l four => NotFound
lock h four => ok
rm h => ok
lock h five => ok
unlock x three => ok
share l five => ok
";

#[test]
fn every_line_gives_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mut runner) in both(dir.path()) {
        for (line, expected) in SCRIPT.lines().filter_map(|line| line.split_once("=>")) {
            assert_eq!(runner.run(line), expected.trim(), "{name}: {line}");
        }
    }
}

#[test]
fn random_scripts_give_the_same_answers() {
    const PATHS: [&str; 12] = ["a", "b", "c", "a/a", "a/b", "b/a", "b/c", "a/a/a", "a/a/b", "b/a/c", "a/b/c", "c/c"];
    const VERBS: [&str; 18] = [
        "open",
        "create",
        "create",
        "create-new",
        "write",
        "write",
        "resize",
        "sync",
        "mkdir",
        "mkdir",
        "rename",
        "rename",
        "rename",
        "rm",
        "rmdir",
        "syncdir",
        "map",
        "stat",
    ];
    for seed in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let [(_, mut real), (_, mut simulated)] = both(dir.path());
        let mut random = SplitMix64::new(seed);
        for step in 0..400 {
            let verb = VERBS[random.below(VERBS.len() as u64) as usize];
            let [path, other] = [0; 2].map(|_| PATHS[random.below(PATHS.len() as u64) as usize]);
            let number = random.below(20);
            let line = match verb {
                "rename" => format!("rename {path} {other}"),
                "write" => format!("write {path} {number} text{step}"),
                "resize" | "map" => format!("{verb} {path} {number}"),
                _ => format!("{verb} {path}"),
            };
            assert_eq!(real.run(&line), simulated.run(&line), "seed {seed}, step {step}: {line}");
        }
        for path in ["ROOT", "a", "b", "c", "a/a", "a/b", "b/a"] {
            let line = format!("list {path}");
            assert_eq!(real.run(&line), simulated.run(&line), "seed {seed}: {line}");
        }
    }
}

#[test]
fn hostile_paths_are_refused_everywhere() {
    let long = "n".repeat(256);
    let deep = "d/".repeat(3000) + "f";
    let up = "../".repeat(30) + "etc/passwd";
    let mut hostile: Vec<String> = [
        ".",
        "..",
        "./",
        "../",
        "/",
        "//",
        "///",
        "./.",
        "../..",
        "..//",
        "/.",
        "/..",
        "a/",
        "a//",
        "/a",
        "//a",
        "./a",
        "../a",
        "a/.",
        "a/..",
        "a/./b",
        "a/../b",
        "a//b",
        "a/b/",
        "a/b/.",
        "a/b/..",
        "a/b/../..",
        "a/b/../../..",
        "a/../a",
        "a/../../x",
        "../a/b",
        "a/b/../../../etc/passwd",
        "/etc/passwd",
        "/proc/self/root",
        "/dev/null",
        "/tmp",
        "../../../../../../etc/shadow",
        "\0",
        "a\0",
        "\0a",
        "a\0b",
        "a/\0",
        "a/b\0/../c",
        "a/\0/b",
        "..\0",
        ".\0.",
        "/\0",
        "a/..\0",
        "./../a",
        ".//a",
        "a/.//b",
        "a/b/./",
        "/./a",
        "/../a",
        "a/b/c/../../../../x",
        "....//../",
        "a/../",
        "./a/",
        "../.",
        ".././a",
        "a/./.",
        "a/./..",
        "//etc//passwd",
    ]
    .map(String::from)
    .to_vec();
    hostile.extend([long.clone(), format!("a/{long}"), format!("{long}/a"), deep, up]);
    assert!(hostile.len() >= 65);
    let dir = tempfile::tempdir().unwrap();
    for (name, runner) in both(dir.path()) {
        let fs = runner.fs;
        fs.create_dir_all(Path::new("a/b")).unwrap();
        fs.open(Path::new("f"), OpenMode::CreateNew).unwrap();
        for text in &hostile {
            let path = Path::new(text);
            let fine = Path::new("f");
            let answers: [(&str, Result<()>); 15] = [
                ("open", fs.open(path, OpenMode::Read).map(|_| ())),
                ("write", fs.open(path, OpenMode::Write).map(|_| ())),
                ("create", fs.open(path, OpenMode::Create).map(|_| ())),
                ("create new", fs.open(path, OpenMode::CreateNew).map(|_| ())),
                ("mkdir", fs.create_dir_all(path)),
                ("list", fs.list(path).map(|_| ())),
                ("metadata", fs.metadata(path).map(|_| ())),
                ("rename", fs.rename(path, Path::new("g"))),
                ("rename to", fs.rename(fine, path)),
                ("remove", fs.remove_file(path)),
                ("remove dir", fs.remove_dir(path)),
                ("sync dir", fs.sync_dir(path)),
                ("lock", fs.try_lock(path, LockKind::Exclusive).map(|_| ())),
                ("publish", super::publish(&*fs, path, b"x")),
                ("remove tree", super::remove_tree(&*fs, path)),
            ];
            for (call, answer) in answers {
                let error = answer.expect_err(&format!("{name}: {call} {text:?}"));
                assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {call} {text:?}: {error}");
            }
        }
        let names: Vec<String> = fs.list(Path::new("")).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a", "f"], "{name}");
    }
}

#[test]
fn maps_keep_what_was_below_their_size() {
    let dir = tempfile::tempdir().unwrap();
    for (name, runner) in both(dir.path()) {
        let file = runner.fs.open(Path::new("f"), OpenMode::CreateNew).unwrap();
        file.write_all_at(b"committed", 0).unwrap();
        let map = file.map(9).unwrap();
        file.write_all_at(b" and more", 9).unwrap();
        runner.fs.rename(Path::new("f"), Path::new("g")).unwrap();
        runner.fs.remove_file(Path::new("g")).unwrap();
        assert_eq!(map, &b"committed"[..], "{name}");
        assert_eq!(file.map(18).unwrap(), &b"committed and more"[..], "{name}: a removed file stays open");
    }
}

#[test]
fn helpers_publish_and_remove() {
    let dir = tempfile::tempdir().unwrap();
    for (name, runner) in both(dir.path()) {
        let fs = &*runner.fs;
        let path = Path::new("a/b/CURRENT");
        super::create_dir_durable(fs, Path::new("a/b")).unwrap();
        assert!(super::read_small(fs, path, 10).unwrap_err().is_not_found());
        super::publish(fs, path, b"").unwrap();
        assert_eq!(super::read_small(fs, path, 10).unwrap(), b"", "{name}");
        super::publish(fs, path, b"0123456789").unwrap();
        assert_eq!(super::read_small(fs, path, 10).unwrap(), b"0123456789", "{name}");
        assert_eq!(super::read_small(fs, path, 9).unwrap_err().kind(), ErrorKind::Limit, "{name}");
        assert_eq!(fs.list(Path::new("a/b")).unwrap().len(), 1, "{name}");
        assert_eq!(super::publish(fs, Path::new("a/b"), b"x").unwrap_err().kind(), ErrorKind::Invalid, "{name}");
        assert_eq!(fs.list(Path::new("a")).unwrap().len(), 1, "{name}: the unfinished file is gone");
        assert!(super::publish(fs, Path::new("none/x"), b"x").unwrap_err().is_not_found(), "{name}");
        let deep = format!("a{}", "/d".repeat(500));
        fs.create_dir_all(Path::new(&deep)).unwrap();
        super::publish(fs, &Path::new(&deep).join("f"), b"x").unwrap();
        super::remove_tree(fs, Path::new("a")).unwrap();
        super::remove_tree(fs, Path::new("a")).unwrap();
        super::remove_tree(fs, Path::new("a/b/c")).unwrap();
        assert_eq!(fs.list(Path::new("")).unwrap(), [], "{name}");
        super::publish(fs, Path::new("file"), b"x").unwrap();
        super::remove_tree(fs, Path::new("file")).unwrap();
        assert_eq!(fs.list(Path::new("")).unwrap(), [], "{name}");
    }
    assert!(super::is_temporary("CURRENT.tmp-12-3") && !super::is_temporary("CURRENT"));
}
