//! A directory that results are written to: complete under its name, or not there. And the files that a pattern names.
#![expect(clippy::disallowed_methods, reason = "these are the user's own directories, not a root's")]

use super::output::{Output, create};
use crate::base::{Error, ErrorKind, Result};
use rustix::fs::{Mode, OFlags};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory being filled. Nothing is under its name until [`OutputDirectory::finish`]; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct OutputDirectory {
    temporary: PathBuf,
    path: PathBuf,
    finished: bool,
}

/// Starts a user's output directory. Errs with `AlreadyExists` where something other than an empty directory has its name.
pub fn create_directory(path: &Path) -> Result<OutputDirectory> {
    let used = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => std::fs::symlink_metadata(path).is_ok(),
    };
    if used {
        return Err(Error::new(ErrorKind::AlreadyExists, "it exists already and is not empty")
            .at_path(path)
            .hint("choose another name, or remove it"));
    }
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else { return Err(Error::invalid("it has no name").at_path(path)) };
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".tmp-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(temporary_name);
    std::fs::create_dir(&temporary).map_err(|source| Error::io("create", &temporary, source))?;
    Ok(OutputDirectory { temporary, path: path.to_path_buf(), finished: false })
}

impl OutputDirectory {
    /// Starts a file below it; the directories that lead to it are made.
    pub fn create(&self, name: &Path) -> Result<Output> {
        if name.components().any(|component| !matches!(component, Component::Normal(_))) {
            return Err(Error::invalid("a file of an output lies below it").at_path(name));
        }
        let place = self.temporary.join(name);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
        }
        create(&place).map(Output::synced_later)
    }

    /// Makes all of it durable and puts it under its name. Its files have been finished.
    ///
    /// One call for the whole file system it lies on: thousands of small files that are made durable one by one wait for the disk as often.
    pub fn finish(mut self) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let synced = rustix::fs::open(&self.temporary, flags, Mode::empty()).and_then(rustix::fs::syncfs);
        synced.map_err(|errno| Error::io("make durable", &self.temporary, errno.into()))?;
        std::fs::rename(&self.temporary, &self.path).map_err(|source| Error::io("put in place", &self.path, source))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for OutputDirectory {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to tell.
            let _ = std::fs::remove_dir_all(&self.temporary);
        }
    }
}

/// The files that a name stands for: itself, or where nothing has that name and it has `*`, `?` or `[…]` in it, those whose names fit, in order. `*` fits no slash and no dot at
/// a name's begin.
pub fn expand(pattern: &Path) -> Result<Vec<PathBuf>> {
    let special = |text: &str| text.contains(['*', '?', '[']);
    let text = pattern.to_str().unwrap_or_default();
    if !special(text) || std::fs::symlink_metadata(pattern).is_ok() {
        return Ok(vec![pattern.to_path_buf()]);
    }
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str();
        let pattern_text = name.to_str().unwrap_or_default();
        if !special(pattern_text) {
            found.iter_mut().for_each(|path| path.push(name));
            continue;
        }
        let mut next = Vec::new();
        for directory in &found {
            let place = if directory.as_os_str().is_empty() { Path::new(".") } else { directory.as_path() };
            let Ok(entries) = std::fs::read_dir(place) else { continue };
            let fits = |name: &str| {
                (!name.starts_with('.') || pattern_text.starts_with('.'))
                    && matches(pattern_text.as_bytes(), name.as_bytes())
            };
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            next.extend(names.filter(|name| fits(name)).map(|name| directory.join(name)));
        }
        found = next;
    }
    found.retain(|path| std::fs::symlink_metadata(path).is_ok());
    found.sort();
    if found.is_empty() {
        return Err(Error::not_found("no file has a name that fits").at_path(pattern));
    }
    Ok(found)
}

/// Whether a name fits a pattern; time is bounded by the product of their lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let fits = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(p + 1),
            Some(b'[') => one_of(pattern, p, name[n]),
            Some(byte) if *byte == name[n] => Some(p + 1),
            _ => None,
        };
        match (fits, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Behind the set that begins at `start`, if the byte is in it.
fn one_of(pattern: &[u8], start: usize, byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(start + 1), Some(b'!' | b'^'));
    let first = start + 1 + usize::from(negated);
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|c| *c == b']')?;
    let set = &pattern[first..end];
    let mut at = 0;
    let mut found = false;
    while at < set.len() {
        if set.get(at + 1) == Some(&b'-') && at + 2 < set.len() {
            found |= (set[at]..=set[at + 2]).contains(&byte);
            at += 3;
        } else {
            found |= set[at] == byte;
            at += 1;
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[ab]x", "bx", true),
            ("[!ab]x", "bx", false),
            ("[0-9][0-9]", "42", true),
            ("[0-9", "4", false),
            ("*a*b*", "xxaxxbxx", true),
            ("**", "", true),
            ("*a", "bbbbb", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_name_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt", ".d.csv"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&dir.path().join(pattern)).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("*.csv"), ["a.csv", "b.csv"]);
        assert_eq!(names("plain"), ["plain"]);
        assert!(expand(&dir.path().join("*.none")).unwrap_err().is_not_found());
    }

    #[test]
    fn directories_appear_complete_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let unfinished = create_directory(&path).unwrap();
        unfinished.create(Path::new("a/b.txt")).unwrap().finish().unwrap();
        assert!(unfinished.create(Path::new("../b.txt")).is_err());
        drop(unfinished);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let output = create_directory(&path).unwrap();
        let mut file = output.create(Path::new("a/b.txt")).unwrap();
        file.write_all(b"x").unwrap();
        file.finish().unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read(path.join("a/b.txt")).unwrap(), b"x");
        assert_eq!(create_directory(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}
