//! A file system in memory, deterministic, that knows what a power cut may leave of it.
//!
//! It behaves as [`RealFileSystem`](super::RealFileSystem) does (one conformance test runs against both) and logs every mutating call.
//! From the log it derives *crash states*: what the disk may hold if the power fails after a call. In such a state
//! - data written since the file's last sync is lost in any subset of its pieces: 512 bytes, and 32 bytes in writes of up to 512;
//! - a file may have its new size without the data, and then reads as zeros there;
//! - directory operations (create, remove, rename) since the directory's last sync are lost in any subset in which operations on the
//!   same name keep their order; a rename or exchange is atomic and becomes durable with the sync of the directory it leads to;
//! - after a *failed* sync the data waiting then stays in doubt whatever a later sync says, as in Linux;
//! - all locks are free.
//!
//! A crash test runs a workload once, noting what was acknowledged at which length of the log, then recovers from every state:
//!
//! ```
//! use pilaster::io::simulated::SimulatedFileSystem;
//! use pilaster::io::{FileSystem, publish, read_small};
//! use std::path::Path;
//!
//! # fn main() -> pilaster::base::Result<()> {
//! let path = Path::new("CURRENT");
//! let fs = SimulatedFileSystem::new(1);
//! let mut acknowledged = vec![(0, None)];
//! for version in [b"one", b"two"] {
//!     publish(&fs, path, version)?;
//!     acknowledged.push((fs.log_len(), Some(version.to_vec())));
//! }
//! let mut states = 0;
//! for at in 0..=fs.log_len() {
//!     let last = acknowledged.iter().rposition(|(length, _)| *length <= at).unwrap();
//!     for state in fs.crash_states(at, 200) {
//!         let found = read_small(&state.fs, path, 100).ok();
//!         // What was acknowledged, or what was being written: never less, never a mixture.
//!         assert!(acknowledged[last..].iter().take(2).any(|(_, version)| *version == found), "{state}");
//!         states += 1;
//!     }
//! }
//! assert!(states > 20);
//! # Ok(())
//! # }
//! ```

use super::path::{check, check_dir};
use super::real_file::{OFFSET_MAX, ends_before, sync_not_repeated};
use super::{DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode};
use crate::base::{Error, Result};
use crate::io::random::SplitMix64;
use bytes::Bytes;
use rustix::io::Errno;
use state::{Event, Ino, State};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod crash;
mod replay;
mod state;

pub use crash::{CrashState, CrashStates};

/// A file system in memory. Clones are handles on the same files, as other processes would have them: locks exclude between all of them.
#[derive(Clone, Debug)]
pub struct SimulatedFileSystem {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    now_ns: AtomicI64,
    boot: AtomicU64,
    seed: u64,
    fail_next_sync: AtomicBool,
}

/// What the clock shows at first: 2017-08-25T00:00:00Z.
const NOW_NS: i64 = 1_503_619_200_000_000_000;
/// Content is memory, so a file beyond this size is a full disk.
const SIZE_MAX: u64 = 4 << 30;

impl SimulatedFileSystem {
    /// An empty root. The seed decides which crash states are sampled where there are too many to visit all.
    pub fn new(seed: u64) -> Self {
        Self::from_state(State::new(), seed, NOW_NS)
    }

    fn from_state(state: State, seed: u64, now_ns: i64) -> Self {
        SimulatedFileSystem {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                now_ns: AtomicI64::new(now_ns),
                boot: AtomicU64::new(1),
                seed,
                fail_next_sync: AtomicBool::new(false),
            }),
        }
    }

    /// Sets the clock, also backwards.
    pub fn set_now_ns(&self, now_ns: i64) {
        self.shared.now_ns.store(now_ns, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance_ns(&self, elapsed_ns: i64) {
        self.shared.now_ns.fetch_add(elapsed_ns, Ordering::SeqCst);
    }

    /// Mutating calls so far; syncs count. What happens next is call number `log_len()`.
    pub fn log_len(&self) -> usize {
        self.state().log.len()
    }

    /// What the calls did, one line each, for the message of a failing test.
    pub fn log(&self) -> Vec<String> {
        crash::describe(&self.state())
    }

    /// The states that the disk may be in if the power fails when `at` calls were made: all of them where at most 11
    /// pieces and operations are undecided (up to 2048 states), otherwise `limit` distinct ones, chosen by the seed.
    /// Panics if `at > log_len()`.
    pub fn crash_states(&self, at: usize, limit: usize) -> CrashStates {
        CrashStates::new(self, at, limit)
    }

    /// As [`SimulatedFileSystem::crash_states`], but never more than `limit`: for long histories, and to keep a test's time.
    pub fn crash_states_up_to(&self, at: usize, limit: usize) -> CrashStates {
        CrashStates::new(self, at, limit).up_to_limit()
    }

    /// One crash state after `at` calls, chosen at random.
    pub fn crash_image(&self, at: usize, random: &mut SplitMix64) -> CrashState {
        CrashStates::new(self, at, 0).random(random)
    }

    /// The state after a power cut now that loses everything not synced.
    pub fn power_cut(&self) -> SimulatedFileSystem {
        CrashStates::new(self, self.log_len(), 0).all(false).fs
    }

    /// The state after all processes died now: nothing is lost but the locks.
    pub fn kill(&self) -> SimulatedFileSystem {
        self.kill_at(self.log_len())
    }

    /// As [`SimulatedFileSystem::kill`] would have left it after `at` calls. Panics if `at > log_len()`.
    pub fn kill_at(&self, at: usize) -> SimulatedFileSystem {
        let killed = CrashStates::new(self, at, 0).all(true).fs;
        // The system goes on.
        killed.shared.boot.store(self.shared.boot.load(Ordering::SeqCst), Ordering::SeqCst);
        killed
    }

    /// What the processes see after `at` calls once those that made them have died, the log going on from there: all is there, and what
    /// was in doubt still is. Panics if `at > log_len()`.
    pub fn fork_at(&self, at: usize) -> SimulatedFileSystem {
        let state = CrashStates::new(self, at, 0).fork(&self.state());
        let forked = Self::from_state(state, self.shared.seed, self.shared.now_ns());
        forked.shared.boot.store(self.shared.boot.load(Ordering::SeqCst), Ordering::SeqCst);
        forked
    }

    /// Makes the next [`File::sync`] fail as Linux does: an error once, the data waiting then lost or not, later syncs fine.
    pub fn fail_next_sync(&self) {
        self.shared.fail_next_sync.store(true, Ordering::SeqCst);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    fn error(&self, what: &str, path: &Path, errno: Errno) -> Error {
        super::real::error(what, &self.display(path), errno)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide its message behind ours.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::SeqCst)
    }
}

impl FileSystem for SimulatedFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let text = check(path)?;
        let ino = self.state().open(text, mode, self.now_ns()).map_err(|errno| self.error("open", path, errno))?;
        Ok(Arc::new(SimulatedFile {
            shared: Arc::clone(&self.shared),
            ino,
            path: self.display(path),
            writable: mode != OpenMode::Read,
            sync_failed: AtomicBool::new(false),
        }))
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        let text = check_dir(path)?;
        let made = self.state().create_dir_all(text, self.now_ns());
        made.map_err(|errno| self.error("create the directory", path, errno))
    }

    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        let text = check_dir(path)?;
        self.state().list(text).map_err(|errno| self.error("list", path, errno))
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        let text = check_dir(path)?;
        match self.state().metadata(text) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error("examine", path, errno)),
        }
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        let (one_text, other_text) = (check(one)?, check(other)?);
        let exchanged = self.state().exchange(one_text, other_text, self.now_ns());
        exchanged.map_err(|errno| self.error(&format!("exchange with {}", self.display(other).display()), one, errno))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (from_text, to_text) = (check(from)?, check(to)?);
        let renamed = self.state().rename(from_text, to_text, self.now_ns());
        renamed.map_err(|errno| self.error(&format!("rename to {}", self.display(to).display()), from, errno))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        let text = check(path)?;
        let removed = self.state().remove(text, false, self.now_ns());
        removed.map_err(|errno| self.error("remove", path, errno))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        let text = check(path)?;
        let removed = self.state().remove(text, true, self.now_ns());
        removed.map_err(|errno| self.error("remove the directory", path, errno))
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        let text = check_dir(path)?;
        let synced = self.state().sync_dir(text);
        synced.map_err(|errno| self.error("make durable the entries of", path, errno))
    }

    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        let text = check(path)?;
        let mut state = self.state();
        let ino = state.open(text, OpenMode::Create, self.now_ns()).map_err(|errno| self.error("open", path, errno))?;
        if !state.locks.entry(ino).or_default().take(lock) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimulatedLock { shared: Arc::clone(&self.shared), ino, lock })))
    }

    fn boot(&self) -> [u8; 16] {
        u128::from(self.shared.boot.load(Ordering::SeqCst)).to_le_bytes()
    }

    fn now_ns(&self) -> i64 {
        self.shared.now_ns()
    }

    fn display(&self, path: &Path) -> PathBuf {
        Path::new("/simulated").join(path)
    }
}

#[derive(Debug)]
struct SimulatedLock {
    shared: Arc<Shared>,
    ino: Ino,
    lock: LockKind,
}

impl LockGuard for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        if let Some(holders) = self.shared.state().locks.get_mut(&self.ino) {
            holders.release(self.lock);
        }
    }
}

#[derive(Debug)]
struct SimulatedFile {
    shared: Arc<Shared>,
    ino: Ino,
    path: PathBuf,
    writable: bool,
    sync_failed: AtomicBool,
}

impl SimulatedFile {
    fn error(&self, what: &str, errno: Errno) -> Error {
        super::real::error(what, &self.path, errno)
    }

    /// The end of a write, if the system can have such.
    fn end(&self, what: &str, offset: u64, length: u64) -> Result<u64> {
        match offset.checked_add(length) {
            Some(end) if end <= SIZE_MAX => Ok(end),
            Some(end) if end <= OFFSET_MAX => Err(self.error(what, Errno::NOSPC)),
            _ => Err(self.error(what, Errno::FBIG).at_offset(offset)),
        }
    }
}

impl File for SimulatedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let state = self.shared.state();
        let content = state.content(self.ino);
        let range = usize::try_from(offset).ok().and_then(|start| Some(start..start.checked_add(buffer.len())?));
        match range.and_then(|range| content.get(range)) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None if buffer.is_empty() => {}
            None => return Err(ends_before(&self.path, offset, buffer.len() as u64, content.len() as u64)),
        }
        Ok(())
    }

    fn write_all_at(&self, buffer: &[u8], offset: u64) -> Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        if !self.writable {
            return Err(self.error("write", Errno::BADF).at_offset(offset));
        }
        self.end("write", offset, buffer.len() as u64)?;
        self.shared.state().write(self.ino, offset as usize, buffer, self.shared.now_ns());
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.shared.state().content(self.ino).len() as u64)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        if !self.writable {
            return Err(self.error("resize", Errno::INVAL));
        }
        self.end("resize", size, 0)?;
        self.shared.state().set_size(self.ino, size as usize, self.shared.now_ns());
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let fails = self.shared.fail_next_sync.swap(false, Ordering::SeqCst);
        if self.sync_failed.load(Ordering::SeqCst) {
            return Err(sync_not_repeated(&self.path));
        }
        let mut state = self.shared.state();
        if fails {
            state.log.push(Event::SyncFailed { ino: self.ino });
            self.sync_failed.store(true, Ordering::SeqCst);
            return Err(self.error("make durable", Errno::IO));
        }
        state.log.push(Event::Sync { ino: self.ino });
        Ok(())
    }

    fn map(&self, size: u64) -> Result<Bytes> {
        let state = self.shared.state();
        let content = state.content(self.ino);
        match usize::try_from(size).ok().and_then(|size| content.get(..size)) {
            // A copy serves: below a mapped size nothing changes, and beyond it nobody looks.
            Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            None => Err(ends_before(&self.path, 0, size, content.len() as u64)),
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
#[path = "simulated_test.rs"]
mod tests;
