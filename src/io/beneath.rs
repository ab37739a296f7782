//! Opening beneath a directory file descriptor, which no name, `..` or symlink can lead out of.
//!
//! The kernel does it in one call (`openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`). Kernels and sandboxes without that call get
//! the same by walking one component at a time with `O_NOFOLLOW`; the first refusal is remembered.
//! **Invariant:** every path that arrives here passed [`super::path`].

use super::path::split;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Files are readable by the group, never by others.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
/// Directories likewise.
pub(super) const DIR_MODE: Mode = Mode::from_raw_mode(0o750);

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
const HANDLE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// The directory below which everything is opened.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    walk: AtomicBool,
}

/// A directory in which a name is used: the root itself or one opened for the purpose.
pub(super) enum DirHandle<'a> {
    Root(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for DirHandle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            DirHandle::Root(fd) => *fd,
            DirHandle::Opened(fd) => fd.as_fd(),
        }
    }
}

impl Beneath {
    pub(super) fn new(root: OwnedFd) -> Self {
        Beneath { root, walk: AtomicBool::new(false) }
    }

    /// As `new`, never asking for `openat2`.
    #[cfg(test)]
    pub(super) fn walking(root: OwnedFd) -> Self {
        Beneath { root, walk: AtomicBool::new(true) }
    }

    /// Opens a file or directory at a checked, non-empty path. A symlink anywhere is `ELOOP`.
    pub(super) fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let mode = if flags.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() };
        if !self.walk.load(Ordering::Relaxed) {
            match retry(|| rustix::fs::openat2(&self.root, path, flags, mode, RESOLVE)) {
                // A sandbox answers EPERM for a call it does not know; the walk then tells whether it was meant.
                Err(Errno::NOSYS | Errno::PERM) => self.walk.store(true, Ordering::Relaxed),
                answer => return answer,
            }
        }
        let (parent, name) = split(path);
        let parent = self.walk_dir(parent)?;
        open_component(parent.as_fd(), name, flags, mode)
    }

    /// A handle on a directory (the root for the empty path), good for the `*at` calls and not for reading.
    pub(super) fn dir(&self, path: &str) -> Result<DirHandle<'_>, Errno> {
        if path.is_empty() {
            return Ok(DirHandle::Root(self.root.as_fd()));
        }
        self.open(path, HANDLE).map(DirHandle::Opened)
    }

    /// A directory opened for listing and syncing.
    pub(super) fn read_dir(&self, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        if path.is_empty() {
            return retry(|| rustix::fs::openat(&self.root, ".", flags | OFlags::CLOEXEC, Mode::empty()));
        }
        self.open(path, flags)
    }

    /// Makes the missing directories of a path.
    pub(super) fn create_dir_all(&self, path: &str) -> Result<(), Errno> {
        if self.dir(path).is_ok() {
            return Ok(());
        }
        let mut here = DirHandle::Root(self.root.as_fd());
        for name in path.split('/') {
            let next = match open_component(here.as_fd(), name, HANDLE, Mode::empty()) {
                Err(Errno::NOENT) => {
                    match retry(|| rustix::fs::mkdirat(&here, name, DIR_MODE)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    open_component(here.as_fd(), name, HANDLE, Mode::empty())?
                }
                answer => answer?,
            };
            here = DirHandle::Opened(next);
        }
        Ok(())
    }

    fn walk_dir(&self, path: &str) -> Result<DirHandle<'_>, Errno> {
        let mut here = DirHandle::Root(self.root.as_fd());
        if !path.is_empty() {
            for name in path.split('/') {
                here = DirHandle::Opened(open_component(here.as_fd(), name, HANDLE, Mode::empty())?);
            }
        }
        Ok(here)
    }
}

/// Opens one component without following it. Linux says `ENOTDIR` for a link that should be a directory; make it `ELOOP`
/// as `openat2` does.
fn open_component(dir: BorrowedFd<'_>, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match retry(|| rustix::fs::openat(dir, name, flags, mode)) {
        Err(Errno::NOTDIR) if is_symlink(dir, name) => Err(Errno::LOOP),
        answer => answer,
    }
}

fn is_symlink(dir: BorrowedFd<'_>, name: &str) -> bool {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

/// Repeats a call that a signal interrupted. Not for `fsync`.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            answer => return answer,
        }
    }
}
