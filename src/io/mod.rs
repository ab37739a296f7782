//! Floor 2: the only place with system calls, mapped files, locks, clocks and `unsafe`.
//!
//! Everything above takes a [`FileSystem`] and paths relative to its root. Three implementations: [`real`] for
//! use, [`simulated`] in memory with crash images for tests, [`faulty`] around either with injected errors. What the trait
//! cannot express, storage cannot do, so every promise about crashes and full disks can be tested.

use crate::base::Result;
use bytes::Bytes;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod beneath;
pub mod clock;
mod deep_stack;
pub mod external;
pub mod faulty;
pub mod interrupt;
pub mod machine;
mod mapped;
mod path;
mod processor;
pub mod publish;
pub mod random;
pub mod read_only;
pub mod real;
mod real_file;
pub mod simulated;
pub mod watch;

#[cfg(test)]
mod conformance_test;

pub use deep_stack::on_deep_stack;
pub use mapped::{expect_jumps, read_ahead, release};
pub use processor::vectorized;
pub use publish::{create_dir_durable, is_temporary, publish, publish_with, read_small, remove_tree};
pub use read_only::ReadOnlyFileSystem;
pub use real::RealFileSystem;
pub use simulated::SimulatedFileSystem;

/// A directory tree that Pilaster owns: a root or a storage. Paths are relative UTF-8 without `.`, `..`, empty components or
/// symlinks; others are refused with `Invalid`. The empty path is the root itself, for the methods that take a directory. All methods
/// may be called from any thread.
pub trait FileSystem: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>>;
    /// Makes a directory and those above it; nothing if it is there. Durable only after [`FileSystem::sync_dir`] of each parent.
    fn create_dir_all(&self, path: &Path) -> Result<()>;
    /// The entries of a directory, sorted by name; an error of kind `NotFound` if there is no such directory.
    fn list(&self, path: &Path) -> Result<Vec<DirEntry>>;
    /// What lies at a path, none if nothing does.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>>;
    /// Renames a file or directory, replacing a file that has the new name, atomically.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Swaps what lies at two paths, atomically: each name always leads to one or the other. Durable only after [`FileSystem::sync_dir`] of the
    /// directory of `other`. Errs where the system cannot (some network file systems), and has done nothing then.
    fn exchange(&self, one: &Path, other: &Path) -> Result<()>;
    /// Removes a file. Mapped and open files stay readable for those who have them.
    fn remove_file(&self, path: &Path) -> Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> Result<()>;
    /// Makes the entries of a directory durable.
    fn sync_dir(&self, path: &Path) -> Result<()>;
    /// Takes an advisory lock on a file, made if it is missing; none if another holder (process or handle) excludes it. The
    /// lock dies with the guard or the process. Never waits.
    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>>;
    /// The same in all processes from the start of the system to its end, and never again: what was written but not synced is there for whoever sees the
    /// identity that the writer saw.
    fn boot(&self) -> [u8; 16];
    /// A way to wait for changes; see [`watch`].
    fn watch(&self) -> Box<dyn watch::Watch> {
        Box::new(watch::Polling)
    }
    /// The name of the kind of file system if other machines may share it. Locks, and what was written and not synced, may then not be seen by all.
    fn network(&self) -> Option<&'static str> {
        None
    }
    /// Wall clock, nanoseconds since the epoch.
    fn now_ns(&self) -> i64;
    /// The path as a person would type it, for messages.
    fn display(&self, path: &Path) -> PathBuf;
}

/// An open file. Positions are explicit; no method moves a cursor.
pub trait File: Debug + Send + Sync {
    /// Reads into the whole buffer, or an error of kind `Corrupt` when the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;
    /// Writes the whole buffer, interrupted and short writes retried.
    fn write_all_at(&self, buffer: &[u8], offset: u64) -> Result<()>;
    /// The size in bytes.
    fn size(&self) -> Result<u64>;
    /// Cuts or zero-extends the file.
    fn set_size(&self, size: u64) -> Result<()>;
    /// Makes content and size durable. After an error nothing about the unsynced bytes is known and the call is not repeated.
    fn sync(&self) -> Result<()>;
    /// The first `size` bytes as shared memory, without a copy where the system can; `size` must not exceed the file's. The bytes
    /// stay as they are as long as nobody writes below `size`, which the formats promise.
    fn map(&self, size: u64) -> Result<Bytes>;
    /// The path for messages.
    fn path(&self) -> &Path;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Must exist; no writing.
    Read,
    /// Must exist; reading and writing.
    Write,
    /// Made if missing; reading and writing; content kept.
    Create,
    /// Must not exist; reading and writing.
    CreateNew,
}

/// Shared locks exclude exclusive ones, exclusive ones exclude all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Readers.
    Shared,
    /// The one writer.
    Exclusive,
}

/// Holds a lock until dropped.
pub trait LockGuard: Debug + Send + Sync {}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name. Entries whose name is not UTF-8 are left out: we never write such.
    pub name: String,
    /// True for a directory.
    pub is_dir: bool,
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// True for a directory.
    pub is_dir: bool,
    /// Bytes of a file.
    pub size_bytes: u64,
    /// Last change, nanoseconds since the epoch.
    pub modified_ns: i64,
}
