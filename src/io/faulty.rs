//! Errors on demand: around any file system, the k-th call fails.
//!
//! A test runs its workload with the fault at call 0, 1, 2, … until a run ends without meeting it, so that every call has failed once:
//!
//! ```
//! use pilaster::io::faulty::{Failure, Fault, FaultyFileSystem};
//! use pilaster::io::simulated::SimulatedFileSystem;
//! use pilaster::io::{publish, read_small};
//! use std::path::Path;
//!
//! let path = Path::new("CURRENT");
//! for index in 0.. {
//!     let fs = FaultyFileSystem::simulated(&SimulatedFileSystem::new(1));
//!     publish(&fs, path, b"one").unwrap();
//!     fs.arm(Fault { index, ..Fault::once(Failure::NoSpace) });
//!     let published = publish(&fs, path, b"two");
//!     let fired = fs.disarm();
//!     // Acknowledged means there; refused means one of the two, whole.
//!     let found = read_small(&fs, path, 100).unwrap();
//!     assert!(if published.is_ok() { found == b"two" } else { found == b"one" || found == b"two" });
//!     if fired == 0 {
//!         break;
//!     }
//! }
//! ```

use super::simulated::SimulatedFileSystem;
use super::{DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode};
use crate::base::{Error, Result};
use bytes::Bytes;
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a call is, for counting and for choosing where to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum CallKind {
    /// [`FileSystem::open`] of a file that must exist.
    Open,
    /// [`FileSystem::open`] that may make the file.
    Create,
    /// [`FileSystem::create_dir_all`].
    CreateDir,
    /// [`FileSystem::list`].
    List,
    /// [`FileSystem::metadata`].
    Metadata,
    /// [`FileSystem::rename`] and [`FileSystem::exchange`].
    Rename,
    /// [`FileSystem::remove_file`] and [`FileSystem::remove_dir`].
    Remove,
    /// [`FileSystem::sync_dir`].
    SyncDir,
    /// [`FileSystem::try_lock`].
    Lock,
    /// [`File::read_exact_at`].
    Read,
    /// [`File::write_all_at`].
    Write,
    /// [`File::set_size`].
    SetSize,
    /// [`File::sync`].
    Sync,
    /// [`File::map`].
    Map,
}

/// Every kind of call, for sweeps.
pub const CALL_KINDS: [CallKind; 14] = {
    use CallKind::*;
    [Open, Create, CreateDir, List, Metadata, Rename, Remove, SyncDir, Lock, Read, Write, SetSize, Sync, Map]
};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A device error, and nothing was done.
    Io,
    /// No space left, and nothing was done.
    NoSpace,
    /// No space left after the first half of a write; other calls do nothing.
    ShortWrite,
    /// The user's quota is used up, and nothing was done.
    Quota,
    /// The file would become larger than the system allows, and nothing was done.
    TooLarge,
    /// The process has too many files open, and nothing was done.
    TooManyFiles,
    /// A signal interrupted the call more often than it is repeated, and nothing was done.
    Interrupted,
    /// The call reports success and does nothing, as a disk does that lies: to see that a test notices. Only calls that change or sync
    /// something can lie; the others go through.
    Lie,
}

/// Which call fails, and how. A failing [`File::sync`] over a simulated file system loses what was waiting, as Linux does.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The kind of call; none for any.
    pub kind: Option<CallKind>,
    /// Only calls on paths that end so; `""` for all.
    pub path_end: &'static str,
    /// Which of those calls, from 0, counted from [`FaultyFileSystem::arm`].
    pub index: u64,
    /// How.
    pub failure: Failure,
    /// Whether all later ones of the kind fail too, until [`FaultyFileSystem::disarm`].
    pub for_ever: bool,
}

impl Fault {
    /// The first call of any kind, once.
    pub fn once(failure: Failure) -> Self {
        Fault { kind: None, path_end: "", index: 0, failure, for_ever: false }
    }

    /// The first call of any kind and all after it.
    pub fn for_ever(failure: Failure) -> Self {
        Fault { for_ever: true, ..Fault::once(failure) }
    }
}

/// A file system whose calls fail when told to. Clones share counters and fault.
#[derive(Clone, Debug)]
pub struct FaultyFileSystem {
    inner: Arc<dyn FileSystem>,
    injector: Arc<Injector>,
}

#[derive(Debug)]
struct Injector {
    simulated: Option<SimulatedFileSystem>,
    state: Mutex<InjectorState>,
}

#[derive(Debug, Default)]
struct InjectorState {
    counts: [u64; CALL_KINDS.len()],
    fault: Option<Fault>,
    /// Calls that the fault concerns, since it was armed.
    met: u64,
    fired: u64,
}

impl FaultyFileSystem {
    /// Around any file system. A sync that fails does nothing.
    pub fn new(inner: Arc<dyn FileSystem>) -> Self {
        Self::with(inner, None)
    }

    /// Around a simulated one. A sync that fails loses what was waiting.
    pub fn simulated(inner: &SimulatedFileSystem) -> Self {
        Self::with(Arc::new(inner.clone()), Some(inner.clone()))
    }

    fn with(inner: Arc<dyn FileSystem>, simulated: Option<SimulatedFileSystem>) -> Self {
        FaultyFileSystem { inner, injector: Arc::new(Injector { simulated, state: Mutex::default() }) }
    }

    /// Sets the fault, in place of an earlier one, and starts counting its calls.
    pub fn arm(&self, fault: Fault) {
        let mut state = self.injector.state();
        (state.fault, state.met, state.fired) = (Some(fault), 0, 0);
    }

    /// Ends the fault. How often it struck.
    pub fn disarm(&self) -> u64 {
        let mut state = self.injector.state();
        state.fault = None;
        std::mem::take(&mut state.fired)
    }

    /// Calls of a kind so far, failed ones too; none for all kinds.
    pub fn calls(&self, kind: Option<CallKind>) -> u64 {
        let state = self.injector.state();
        kind.map_or_else(|| state.counts.iter().sum(), |kind| state.counts[kind as usize])
    }

    /// Counts a call: an error if it fails, false if it is not to be made.
    fn pass(&self, kind: CallKind, what: &str, path: &Path) -> Result<bool> {
        self.injector.pass(kind, what, &self.inner.display(path))
    }
}

impl Injector {
    fn state(&self) -> MutexGuard<'_, InjectorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call: an error if it fails, false if it is not to be made.
    fn pass(&self, kind: CallKind, what: &str, path: &Path) -> Result<bool> {
        match self.strike(kind, path) {
            None => Ok(true),
            Some(Failure::Lie) => Ok(!kind.can_lie()),
            Some(failure) => Err(failure.error(what, path)),
        }
    }

    /// Counts a call, and says how it is to fail.
    fn strike(&self, kind: CallKind, path: &Path) -> Option<Failure> {
        let mut state = self.state();
        state.counts[kind as usize] += 1;
        let fault = state.fault.filter(|fault| fault.kind.is_none_or(|only| only == kind))?;
        if !path.as_os_str().as_bytes().ends_with(fault.path_end.as_bytes()) {
            return None;
        }
        let met = state.met;
        state.met += 1;
        let strikes = met == fault.index || (fault.for_ever && met > fault.index);
        state.fired += u64::from(strikes);
        strikes.then_some(fault.failure)
    }
}

impl CallKind {
    fn can_lie(self) -> bool {
        use CallKind::*;
        matches!(self, CreateDir | Rename | Remove | SyncDir | Write | SetSize | Sync)
    }
}

impl Failure {
    fn error(self, what: &str, path: &Path) -> Error {
        let errno = match self {
            Failure::Io | Failure::Lie => Errno::IO,
            Failure::NoSpace | Failure::ShortWrite => Errno::NOSPC,
            Failure::Quota => Errno::DQUOT,
            Failure::TooLarge => Errno::FBIG,
            Failure::TooManyFiles => Errno::MFILE,
            Failure::Interrupted => Errno::INTR,
        };
        super::real::error(what, path, errno)
    }
}

impl FileSystem for FaultyFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let creates = matches!(mode, OpenMode::Create | OpenMode::CreateNew);
        self.pass(if creates { CallKind::Create } else { CallKind::Open }, "open", path)?;
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(FaultyFile { inner, injector: Arc::clone(&self.injector) }))
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        if self.pass(CallKind::CreateDir, "create the directory", path)? {
            self.inner.create_dir_all(path)
        } else {
            Ok(())
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        self.pass(CallKind::List, "list", path)?;
        self.inner.list(path)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        self.pass(CallKind::Metadata, "examine", path)?;
        self.inner.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.pass(CallKind::Rename, "rename", from)? { self.inner.rename(from, to) } else { Ok(()) }
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        self.pass(CallKind::Rename, "exchange", one)?;
        self.inner.exchange(one, other)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        if self.pass(CallKind::Remove, "remove", path)? { self.inner.remove_file(path) } else { Ok(()) }
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        if self.pass(CallKind::Remove, "remove the directory", path)? { self.inner.remove_dir(path) } else { Ok(()) }
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        if self.pass(CallKind::SyncDir, "make durable the entries of", path)? {
            self.inner.sync_dir(path)
        } else {
            Ok(())
        }
    }

    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        self.pass(CallKind::Lock, "lock", path)?;
        self.inner.try_lock(path, lock)
    }

    fn boot(&self) -> [u8; 16] {
        self.inner.boot()
    }

    fn watch(&self) -> Box<dyn super::watch::Watch> {
        self.inner.watch()
    }

    fn network(&self) -> Option<&'static str> {
        self.inner.network()
    }

    fn now_ns(&self) -> i64 {
        self.inner.now_ns()
    }

    fn display(&self, path: &Path) -> PathBuf {
        self.inner.display(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    injector: Arc<Injector>,
}

impl FaultyFile {
    fn pass(&self, kind: CallKind, what: &str) -> Result<bool> {
        self.injector.pass(kind, what, self.inner.path())
    }
}

impl File for FaultyFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.pass(CallKind::Read, "read")?;
        self.inner.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, buffer: &[u8], offset: u64) -> Result<()> {
        let failure = match self.injector.strike(CallKind::Write, self.path()) {
            None => return self.inner.write_all_at(buffer, offset),
            Some(Failure::Lie) => return Ok(()),
            Some(failure) => failure,
        };
        if failure == Failure::ShortWrite {
            self.inner.write_all_at(&buffer[..buffer.len() / 2], offset)?;
        }
        Err(failure.error("write", self.path()).at_offset(offset))
    }

    fn size(&self) -> Result<u64> {
        self.inner.size()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        if self.pass(CallKind::SetSize, "resize")? { self.inner.set_size(size) } else { Ok(()) }
    }

    fn sync(&self) -> Result<()> {
        let failure = match self.injector.strike(CallKind::Sync, self.path()) {
            None => return self.inner.sync(),
            Some(Failure::Lie) => return Ok(()),
            Some(failure) => failure,
        };
        if let Some(simulated) = &self.injector.simulated {
            simulated.fail_next_sync();
            // Its error is the one below; what counts is what it lost.
            let _ = self.inner.sync();
        }
        Err(failure.error("make durable", self.path()))
    }

    fn map(&self, size: u64) -> Result<Bytes> {
        self.pass(CallKind::Map, "map")?;
        self.inner.map(size)
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

#[cfg(test)]
#[path = "faulty_test.rs"]
mod tests;
