//! The operating system's files beneath one root directory.
//!
//! Owns the root's file descriptor; every path is resolved beneath it, without following a symlink (`io::beneath`).
//! **Invariants:** a failed sync is never repeated (the kernel marks the lost pages clean, so that a second call would
//! say yes); interrupted and short reads and writes are continued; only regular files and directories are opened.

use super::beneath::{Beneath, retry};
use super::path::{check, check_dir, split};
use super::real_file::RealFile;
use super::watch::{Notified, Polling, Watch};
use super::{DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode};
use crate::base::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A directory of the operating system.
#[derive(Debug)]
pub struct RealFileSystem {
    root: PathBuf,
    beneath: Beneath,
}

impl RealFileSystem {
    /// Opens an existing directory as a root. Links on the way to it are the caller's own and are followed.
    pub fn open(root: &Path) -> Result<Arc<RealFileSystem>> {
        let fd = open_root(root).map_err(|errno| error("open the directory", root, errno))?;
        Ok(Arc::new(RealFileSystem { root: root.to_path_buf(), beneath: Beneath::new(fd) }))
    }

    /// Opens a directory as a root, making it and those above it where they are missing, durably.
    pub fn create(root: &Path) -> Result<Arc<RealFileSystem>> {
        let missing: Vec<&Path> =
            root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(root)
            .map_err(|source| Error::io("create the directory", root, source))?;
        for path in missing.iter().rev() {
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            open_root(parent)
                .and_then(rustix::fs::fsync)
                .map_err(|errno| error("make durable the entries of", parent, errno))?;
        }
        Self::open(root)
    }

    /// The root directory, as it was given.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn error(&self, what: &str, path: &Path, errno: Errno) -> Error {
        error(what, &self.display(path), errno)
    }

    fn open_file(&self, path: &Path, flags: OFlags) -> Result<RealFile> {
        let text = check(path)?;
        // Without NONBLOCK a planted FIFO would hold the process for ever.
        let fd = self
            .beneath
            .open(text, flags | OFlags::NONBLOCK | OFlags::NOCTTY)
            .map_err(|errno| self.error("open", path, errno))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| self.error("examine", path, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(RealFile::new(fd, self.display(path))),
            FileType::Directory => Err(self.error("open", path, Errno::ISDIR)),
            _ => Err(Error::invalid("neither a regular file nor a directory").at_path(&self.display(path))),
        }
    }

    /// The file at `path` as the lock sees it: opened for reading where possible, so that readers can lock in a read-only mount.
    fn open_lock(&self, path: &Path) -> Result<RealFile> {
        match self.open_file(path, OFlags::RDONLY) {
            Err(error) if error.is_not_found() => self.open_file(path, OFlags::RDWR | OFlags::CREATE),
            answer => answer,
        }
    }

    fn stat(&self, text: &str) -> Result<Stat, Errno> {
        if text.is_empty() {
            return rustix::fs::fstat(self.beneath.dir("")?);
        }
        let (parent, name) = split(text);
        let parent = self.beneath.dir(parent)?;
        retry(|| rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW))
    }
}

impl FileSystem for RealFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let flags = match mode {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::Write => OFlags::RDWR,
            OpenMode::Create => OFlags::RDWR | OFlags::CREATE,
            OpenMode::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        Ok(Arc::new(self.open_file(path, flags)?))
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        let text = check_dir(path)?;
        self.beneath.create_dir_all(text).map_err(|errno| self.error("create the directory", path, errno))
    }

    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        let text = check_dir(path)?;
        let fail = |errno| self.error("list", path, errno);
        let fd = self.beneath.read_dir(text).map_err(fail)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Directory => true,
                // Some file systems do not say; an entry that vanished meanwhile is left out.
                FileType::Unknown => match rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(fail(errno)),
                },
                _ => false,
            };
            entries.push(DirEntry { name: name.to_owned(), is_dir });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        let text = check_dir(path)?;
        let stat = match self.stat(text) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(self.error("examine", path, errno)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Err(self.error("examine", path, Errno::LOOP)),
            file_type => {
                let is_dir = file_type == FileType::Directory;
                let modified_ns = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
                Ok(Some(Metadata { is_dir, size_bytes: if is_dir { 0 } else { stat.st_size as u64 }, modified_ns }))
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (from_text, to_text) = (check(from)?, check(to)?);
        let what = format!("rename to {}", self.display(to).display());
        let fail = |errno| self.error(&what, from, errno);
        let ((from_dir, from_name), (to_dir, to_name)) = (split(from_text), split(to_text));
        let (from_dir, to_dir) = (self.beneath.dir(from_dir).map_err(fail)?, self.beneath.dir(to_dir).map_err(fail)?);
        retry(|| rustix::fs::renameat(&from_dir, from_name, &to_dir, to_name)).map_err(fail)
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        let (one_text, other_text) = (check(one)?, check(other)?);
        let what = format!("exchange with {}", self.display(other).display());
        let fail = |errno| self.error(&what, one, errno);
        let ((one_dir, one_name), (other_dir, other_name)) = (split(one_text), split(other_text));
        let (one_dir, other_dir) =
            (self.beneath.dir(one_dir).map_err(fail)?, self.beneath.dir(other_dir).map_err(fail)?);
        let flags = RenameFlags::EXCHANGE;
        retry(|| rustix::fs::renameat_with(&one_dir, one_name, &other_dir, other_name, flags)).map_err(fail)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        let (parent, name) = split(check(path)?);
        let fail = |errno| self.error("remove", path, errno);
        let parent = self.beneath.dir(parent).map_err(fail)?;
        retry(|| rustix::fs::unlinkat(&parent, name, AtFlags::empty())).map_err(fail)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        let (parent, name) = split(check(path)?);
        let fail = |errno| self.error("remove the directory", path, errno);
        let parent = self.beneath.dir(parent).map_err(fail)?;
        retry(|| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)).map_err(fail)
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        let text = check_dir(path)?;
        self.beneath
            .read_dir(text)
            .and_then(rustix::fs::fsync)
            .map_err(|errno| self.error("make durable the entries of", path, errno))
    }

    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        let operation = match lock {
            LockKind::Shared => FlockOperation::NonBlockingLockShared,
            LockKind::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        let text = check(path)?;
        // A file that was removed or replaced between opening and locking would be locked by us and seen by nobody.
        for _ in 0..LOCK_ATTEMPTS {
            let file = self.open_lock(path)?;
            match retry(|| rustix::fs::flock(file.fd(), operation)) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(self.error("lock", path, errno)),
            }
            let ours = rustix::fs::fstat(file.fd()).map_err(|errno| self.error("examine", path, errno))?;
            match self.stat(text) {
                Ok(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => {
                    return Ok(Some(Box::new(RealLock { _file: file })));
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(self.error("examine", path, errno)),
            }
        }
        Ok(None)
    }

    fn boot(&self) -> [u8; 16] {
        *BOOT.get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "it is no file of a root")]
            let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            // A system that does not say: what is not durable is then seen by this process alone.
            text.trim().parse::<uuid::Uuid>().unwrap_or_else(|_| uuid::Uuid::new_v4()).into_bytes()
        })
    }

    fn watch(&self) -> Box<dyn Watch> {
        // What another machine writes to a shared file system nobody here is told of.
        match (self.network(), Notified::start(&self.root)) {
            (None, Some(notified)) => Box::new(notified),
            _ => Box::new(Polling),
        }
    }

    fn network(&self) -> Option<&'static str> {
        let stat = rustix::fs::fstatfs(self.beneath.dir("").ok()?).ok()?;
        let magic = stat.f_type as u32;
        NETWORK_KINDS.iter().find(|(kind, _)| *kind == magic).map(|(_, name)| *name)
    }

    fn now_ns(&self) -> i64 {
        super::clock::system_now_ns()
    }

    fn display(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

/// The numbers by which Linux names file systems that machines share.
const NETWORK_KINDS: [(u32, &str); 9] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x5346_414F, "AFS"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x6573_5546, "FUSE"),
];

static BOOT: OnceLock<[u8; 16]> = OnceLock::new();

/// A lock file that keeps being replaced counts as held by somebody else after this many attempts.
const LOCK_ATTEMPTS: usize = 16;

/// `flock` belongs to the open file description, so closing the file releases it, and so does the death of the process.
#[derive(Debug)]
struct RealLock {
    _file: RealFile,
}

impl LockGuard for RealLock {}

fn open_root(root: &Path) -> Result<OwnedFd, Errno> {
    retry(|| rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))
}

/// The library's error for an `errno`. What a caller may react to gets a kind of its own.
pub(super) fn error(what: &str, path: &Path, errno: Errno) -> Error {
    match errno {
        Errno::LOOP | Errno::XDEV => {
            Error::new(ErrorKind::Invalid, format!("could not {what}: a symbolic link is not followed beneath a root"))
                .at_path(path)
        }
        Errno::ISDIR => Error::invalid(format!("could not {what}: it is a directory")).at_path(path),
        Errno::NOTDIR => {
            Error::invalid(format!("could not {what}: a part of the path is not a directory")).at_path(path)
        }
        // Not what Ctrl-C ends: that leaves calls whole. Where it cannot be repeated, as a sync, it failed.
        Errno::INTR => Error::new(ErrorKind::Io, format!("could not {what}: a signal interrupted it")).at_path(path),
        _ => {
            let error = Error::io(what, path, errno.into());
            if matches!(errno, Errno::MFILE | Errno::NFILE) {
                return error.hint("too many files are open; raise the limit with `ulimit -n`");
            }
            error
        }
    }
}

#[cfg(test)]
#[path = "real_test.rs"]
mod tests;
