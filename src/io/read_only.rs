//! A file system that refuses to change anything: what looks at damaged data goes through it.

use super::{DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode};
use crate::base::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Passes reading calls on and refuses all others. Shared locks may be taken on files that exist, which changes none of them.
#[derive(Clone, Debug)]
pub struct ReadOnlyFileSystem(Arc<dyn FileSystem>);

impl ReadOnlyFileSystem {
    /// The same tree, for reading.
    pub fn new(fs: Arc<dyn FileSystem>) -> Self {
        ReadOnlyFileSystem(fs)
    }

    fn refuse<T>(&self, what: &str, path: &Path) -> Result<T> {
        Err(Error::invalid(format!("could not {what}: opened for reading only")).at_path(&self.0.display(path)))
    }
}

impl FileSystem for ReadOnlyFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        match mode {
            OpenMode::Read => self.0.open(path, mode),
            _ => self.refuse("open for writing", path),
        }
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        self.refuse("create the directory", path)
    }

    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        self.0.list(path)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        self.0.metadata(path)
    }

    fn rename(&self, from: &Path, _to: &Path) -> Result<()> {
        self.refuse("rename", from)
    }

    fn exchange(&self, one: &Path, _other: &Path) -> Result<()> {
        self.refuse("exchange", one)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.refuse("remove", path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.refuse("remove the directory", path)
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        self.refuse("make durable the entries of", path)
    }

    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        if lock == LockKind::Exclusive {
            return self.refuse("lock for writing", path);
        }
        // Locking makes a file that is missing.
        match self.0.metadata(path)? {
            Some(_) => self.0.try_lock(path, lock),
            None => Err(Error::not_found("the file to lock is missing").at_path(&self.0.display(path))),
        }
    }

    fn now_ns(&self) -> i64 {
        self.0.now_ns()
    }

    fn boot(&self) -> [u8; 16] {
        self.0.boot()
    }

    fn display(&self, path: &Path) -> PathBuf {
        self.0.display(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SimulatedFileSystem;

    #[test]
    fn nothing_can_be_changed() {
        let simulated = SimulatedFileSystem::new(1);
        crate::io::publish(&simulated, Path::new("a"), b"x").unwrap();
        let calls = simulated.log_len();
        let fs = ReadOnlyFileSystem::new(Arc::new(simulated.clone()));
        let (a, b) = (Path::new("a"), Path::new("b"));
        assert!(fs.create_dir_all(b).is_err() && fs.rename(a, b).is_err() && fs.exchange(a, b).is_err());
        assert!(fs.remove_file(a).is_err() && fs.remove_dir(b).is_err() && fs.sync_dir(Path::new("")).is_err());
        for mode in [OpenMode::Write, OpenMode::Create, OpenMode::CreateNew] {
            assert!(fs.open(a, mode).is_err());
        }
        assert!(fs.try_lock(a, LockKind::Exclusive).is_err() && fs.try_lock(b, LockKind::Shared).is_err());
        assert!(fs.try_lock(a, LockKind::Shared).unwrap().is_some());
        assert_eq!(crate::io::read_small(&fs, a, 9).unwrap(), b"x");
        assert!(fs.open(a, OpenMode::Read).unwrap().write_all_at(b"y", 0).is_err());
        assert_eq!(simulated.log_len(), calls);
    }
}
