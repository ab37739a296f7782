//! Waiting until something changes in directories of a root: told by the system, or by looking again and again where it cannot tell.
//!
//! **Invariant:** a change in a directory after [`Watch::add`] of it ends the next [`Watch::wait`], or one that runs, within [`POLL_INTERVAL`]; waits may
//! end for nothing.

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two looks where nobody tells of changes: network file systems, used-up inotify limits.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Changed places that are told one by one; beyond it is anywhere.
const PLACES_MAX: usize = 4_096;

/// Where something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// It cannot be told: anywhere, or nowhere.
    Anywhere,
    /// In these directories, and in none other that is watched; entries of theirs stand beside them. None for a wait that ended with its time.
    In(BTreeSet<PathBuf>),
}

/// Waits for changes.
pub trait Watch: Debug + Send {
    /// Also waits for changes of the entries of this directory, relative to the root, and of the content of files in it. Again does nothing.
    fn add(&mut self, directory: &Path);
    /// No longer waits for changes there: it was removed, and one of its name would be another.
    fn remove(&mut self, directory: &Path);
    /// Returns when something changed since the wait before, or when the time is over, and says where. What changed before a wait may be told by a later one,
    /// since the system takes its time to tell.
    fn wait(&mut self, timeout: Duration) -> Changes;
    /// True where changes are noticed by looking only, so that the caller has to look after each wait.
    fn is_polling(&self) -> bool;
}

/// Looks again and again: each wait ends soon.
#[derive(Debug, Default)]
pub struct Polling;

impl Watch for Polling {
    fn add(&mut self, _: &Path) {}

    fn remove(&mut self, _: &Path) {}

    fn wait(&mut self, timeout: Duration) -> Changes {
        std::thread::sleep(timeout.min(POLL_INTERVAL));
        Changes::Anywhere
    }

    fn is_polling(&self) -> bool {
        true
    }
}

/// What the system tells, with polling once it cannot.
#[derive(Debug)]
pub(super) struct Notified {
    root: PathBuf,
    watcher: RecommendedWatcher,
    changes: Receiver<()>,
    /// Where they were, relative to the root.
    places: Arc<Mutex<Changes>>,
    watched: HashSet<PathBuf>,
    /// Directories that could not be watched.
    missed: HashSet<PathBuf>,
}

impl Notified {
    /// A watch of directories below `root`; none where the system gives none.
    pub(super) fn start(root: &Path) -> Option<Self> {
        // One that waits is enough: whoever wakes takes all places at once, and a place is noted before it is told of.
        let (sender, changes) = sync_channel(1);
        let places = Arc::new(Mutex::new(Changes::In(BTreeSet::new())));
        let (noted, above) = (places.clone(), root.to_path_buf());
        let tell = move |event: notify::Result<Event>| {
            // Our own reading is no change.
            if !event.as_ref().is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                note(&mut noted.lock().unwrap_or_else(PoisonError::into_inner), &event, &above);
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(tell).ok()?;
        let (watched, missed) = (HashSet::new(), HashSet::new());
        Some(Notified { root: root.to_path_buf(), watcher, changes, places, watched, missed })
    }
}

/// Adds what an event names, and the directories that it is in.
fn note(changes: &mut Changes, event: &notify::Result<Event>, root: &Path) {
    let Changes::In(places) = changes else { return };
    let paths = match event {
        Ok(event) if !event.need_rescan() && !event.paths.is_empty() => &event.paths[..],
        _ => return *changes = Changes::Anywhere,
    };
    for path in paths {
        let Ok(path) = path.strip_prefix(root) else { return *changes = Changes::Anywhere };
        places.extend([Some(path), path.parent()].into_iter().flatten().map(Path::to_path_buf));
    }
    if places.len() > PLACES_MAX {
        *changes = Changes::Anywhere;
    }
}

impl Watch for Notified {
    fn add(&mut self, directory: &Path) {
        if self.watched.contains(directory) {
            return;
        }
        let place = if directory.as_os_str().is_empty() { self.root.clone() } else { self.root.join(directory) };
        match self.watcher.watch(&place, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.missed.remove(directory);
                self.watched.insert(directory.to_path_buf());
            }
            Err(_) => drop(self.missed.insert(directory.to_path_buf())),
        }
    }

    fn remove(&mut self, directory: &Path) {
        self.missed.remove(directory);
        if self.watched.remove(directory) {
            // The system has forgotten a directory that is gone.
            let _ = self.watcher.unwatch(&self.root.join(directory));
        }
    }

    fn wait(&mut self, timeout: Duration) -> Changes {
        let timeout = if self.is_polling() { timeout.min(POLL_INTERVAL) } else { timeout };
        let _ = self.changes.recv_timeout(timeout);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::replace(&mut *places, Changes::In(BTreeSet::new()));
        if self.missed.is_empty() { told } else { Changes::Anywhere }
    }

    fn is_polling(&self) -> bool {
        !self.missed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Changes;
    use crate::io::{FileSystem, OpenMode, RealFileSystem, SimulatedFileSystem};
    use std::path::Path;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn changes_end_the_wait_and_reading_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        fs.create_dir_all(Path::new("a/b")).unwrap();
        let file = fs.open(Path::new("a/f"), OpenMode::CreateNew).unwrap();
        let mut watch = fs.watch();
        watch.add(Path::new("a"));
        let waited = |watch: &mut Box<dyn crate::io::watch::Watch>, time| {
            let stopwatch = crate::io::clock::Stopwatch::start();
            watch.wait(time);
            stopwatch.elapsed()
        };
        file.write_all_at(b"x", 0).unwrap();
        assert!(waited(&mut watch, LONG) < LONG);
        // What is left of the first change.
        while waited(&mut watch, Duration::from_millis(200)) < Duration::from_millis(200) {}
        fs.open(Path::new("a/f"), OpenMode::Read).unwrap().map(1).unwrap();
        fs.list(Path::new("a")).unwrap();
        assert!(waited(&mut watch, Duration::from_millis(100)) >= Duration::from_millis(100));
        fs.rename(Path::new("a/b"), Path::new("a/c")).unwrap();
        assert!(waited(&mut watch, LONG) < LONG);
        assert!(!watch.is_polling());
        // What changed is named with its directory.
        let mut told = std::collections::BTreeSet::new();
        while !told.contains(Path::new("a/f")) {
            file.write_all_at(b"y", 0).unwrap();
            let Changes::In(places) = watch.wait(LONG) else { panic!("nobody knows where") };
            told.extend(places);
        }
        assert!(told.contains(Path::new("a")) && told.iter().all(|place| place.starts_with("a")), "{told:?}");
        watch.add(Path::new("missing"));
        assert!(watch.is_polling() && waited(&mut watch, LONG) < LONG);
        watch.remove(Path::new("missing"));
        assert!(!watch.is_polling());
    }

    #[test]
    fn where_nobody_tells_the_wait_is_short() {
        let mut watch = SimulatedFileSystem::new(1).watch();
        let stopwatch = crate::io::clock::Stopwatch::start();
        watch.add(Path::new("a"));
        watch.wait(LONG);
        assert!(watch.is_polling() && stopwatch.elapsed() < LONG);
    }
}
