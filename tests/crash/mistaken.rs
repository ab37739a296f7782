//! A file system that makes the mistakes which a writer of this code could make: calls left out, calls in the wrong order, work in place.
//!
//! It stands between storage and the simulated file system, so that the log, and every crash state, is that of the mistaken program.

use bytes::Bytes;
use pilaster::base::Result;
use pilaster::format::commit::slot::{self, DecodedSlot, PAGE_BYTES};
use pilaster::format::journal::{self, JOURNAL_FILE};
use pilaster::io::faulty::CallKind;
use pilaster::io::{
    DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode, SimulatedFileSystem, is_temporary, remove_tree,
};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Calls of a kind on paths that contain a text, or that end with it if `$` is its end.
pub(crate) type Calls = (CallKind, &'static str);

/// A mistake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mistake {
    /// Calls are not made.
    Omit(Calls),
    /// Calls are made only after another one was.
    Late(Calls, Calls),
    /// A commit file has one slot for live records and one for durable ones, overwritten in place.
    OneSlot,
    /// Files that are published by a rename are overwritten in place instead.
    InPlace(&'static str),
    /// What a rename replaces is removed first.
    RemoveThenRename(&'static str),
    /// Two names are exchanged by two renames.
    ExchangeByRenames,
    /// A directory's files are removed before its name is gone.
    RemoveInPlace,
    /// The checksum of rows that are not durable is not compared.
    RowsUnchecked,
    /// The checksums of the journal's records are not compared.
    JournalUnchecked,
    /// Locks are granted to everybody.
    NoLocks,
    /// A sync that failed is made again, and its success believed.
    SyncAgain,
}

/// A simulated file system through mistaken hands.
#[derive(Clone, Debug)]
pub(crate) struct MistakenFileSystem {
    inner: Arc<dyn FileSystem>,
    hands: Arc<Hands>,
}

type LateCall = Box<dyn FnOnce() -> Result<()> + Send>;

struct Hands {
    mistake: Mistake,
    simulated: SimulatedFileSystem,
    late: Mutex<Vec<LateCall>>,
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mistake)
    }
}

impl MistakenFileSystem {
    pub(crate) fn new(simulated: &SimulatedFileSystem, mistake: Mistake) -> Self {
        Self::around(Arc::new(simulated.clone()), simulated, mistake)
    }

    /// Around a file system that has the simulated one below it.
    pub(crate) fn around(inner: Arc<dyn FileSystem>, simulated: &SimulatedFileSystem, mistake: Mistake) -> Self {
        let hands = Hands { mistake, simulated: simulated.clone(), late: Mutex::default() };
        MistakenFileSystem { inner, hands: Arc::new(hands) }
    }
}

impl Hands {
    fn concerns(calls: Calls, kind: CallKind, path: &Path) -> bool {
        let path = path.to_string_lossy();
        let concerned = match calls.1.strip_suffix('$') {
            Some(end) => path.ends_with(end),
            None => path.contains(calls.1),
        };
        calls.0 == kind && concerned
    }

    /// Makes a call, or does not, or makes it later, and then those that waited for it.
    fn call(&self, kind: CallKind, path: &Path, call: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        match self.mistake {
            Mistake::Omit(calls) if Self::concerns(calls, kind, path) => return Ok(()),
            Mistake::Late(calls, _) if Self::concerns(calls, kind, path) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(call));
                return Ok(());
            }
            _ => call()?,
        }
        match self.mistake {
            Mistake::Late(_, until) if Self::concerns(until, kind, path) => {
                let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
                late.into_iter().try_for_each(|call| call())
            }
            _ => Ok(()),
        }
    }

    /// A commit file as a reader sees it that compares no checksums.
    fn believe(&self, page: &mut [u8], number: usize, directory: &Path) {
        let mut location = [0; 16];
        location.copy_from_slice(&page[8..24]);
        if let (Mistake::RowsUnchecked, Ok(DecodedSlot::Record(mut record))) =
            (self.mistake, slot::decode(page, number, location))
        {
            for column in &mut record.columns {
                let files: Vec<PathBuf> =
                    column.files().map(|(file, _)| directory.join(file.name(&column.name))).collect();
                for (state, path) in column.files.iter_mut().zip(files) {
                    let content = self.simulated.open(&path, OpenMode::Read).and_then(|file| file.map(state.size));
                    if let Ok(content) = content {
                        state.delta_checksum = crc32fast::hash(&content[state.durable_size as usize..]);
                    }
                }
            }
            page.copy_from_slice(&slot::encode(&record, number).page);
        }
    }
}

impl FileSystem for MistakenFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let inner = self.inner.open(path, mode)?;
        let (fs, hands, path) = (self.inner.clone(), self.hands.clone(), path.to_path_buf());
        Ok(Arc::new(MistakenFile { inner, fs, path, hands }))
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        self.inner.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        self.inner.list(path)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        self.inner.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (fs, text) = (self.inner.clone(), to.to_string_lossy());
        let hidden = to.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".removed-"));
        match self.hands.mistake {
            Mistake::InPlace(part) if text.contains(part) && is_temporary(&from.to_string_lossy()) => {
                let source = fs.open(from, OpenMode::Read)?;
                let mut content = vec![0; source.size()? as usize];
                source.read_exact_at(&mut content, 0)?;
                let target = fs.open(to, OpenMode::Create)?;
                target.set_size(content.len() as u64)?;
                target.write_all_at(&content, 0)?;
                target.sync()?;
                fs.remove_file(from)
            }
            Mistake::RemoveThenRename(part) if text.contains(part) && fs.metadata(to)?.is_some() => {
                fs.remove_file(to)?;
                fs.rename(from, to)
            }
            Mistake::RemoveInPlace if hidden => {
                remove_tree(&*fs, from)?;
                fs.create_dir_all(to)
            }
            _ => {
                let (from, to) = (from.to_path_buf(), to.to_path_buf());
                self.hands.call(CallKind::Rename, &to.clone(), move || fs.rename(&from, &to))
            }
        }
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        if let Mistake::ExchangeByRenames = self.hands.mistake {
            let aside = one.with_file_name(".aside");
            self.inner.rename(other, &aside)?;
            self.inner.rename(one, other)?;
            return self.inner.rename(&aside, one);
        }
        self.inner.exchange(one, other)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        let (fs, path) = (self.inner.clone(), path.to_path_buf());
        self.hands.call(CallKind::Remove, &path.clone(), move || fs.remove_file(&path))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        let (fs, path) = (self.inner.clone(), path.to_path_buf());
        // A slash at the end, so that a table's directory can be told from those below it.
        let text = PathBuf::from(format!("{}/", path.display()));
        self.hands.call(CallKind::SyncDir, &text, move || fs.sync_dir(&path))
    }

    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        match (self.inner.try_lock(path, lock)?, self.hands.mistake) {
            (None, Mistake::NoLocks) => Ok(Some(Box::new(NoLock))),
            (answer, _) => Ok(answer),
        }
    }

    fn now_ns(&self) -> i64 {
        self.inner.now_ns()
    }

    fn boot(&self) -> [u8; 16] {
        self.inner.boot()
    }

    fn display(&self, path: &Path) -> PathBuf {
        self.inner.display(path)
    }
}

/// Records, of which some bytes may be wrong, with checksums that hold.
fn believe_journal(buffer: &mut [u8]) {
    for at in (0..buffer.len()).step_by(journal::ALIGN as usize) {
        let Some(record) = buffer.get_mut(at..).filter(|bytes| bytes.starts_with(&journal::MAGIC)) else { continue };
        let number = |bytes: &[u8], at: usize| bytes[at..at + 4].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
        if record.len() < journal::HEAD_BYTES || !(journal::HEAD_BYTES..=record.len()).contains(&number(record, 12)) {
            continue;
        }
        let checksum = crc32fast::hash(&record[journal::HEAD_BYTES..number(record, 12)]);
        record[68..72].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32fast::hash(&record[..92]);
        record[92..96].copy_from_slice(&checksum.to_le_bytes());
    }
}

#[derive(Debug)]
struct NoLock;

impl LockGuard for NoLock {}

#[derive(Debug)]
struct MistakenFile {
    inner: Arc<dyn File>,
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    hands: Arc<Hands>,
}

impl File for MistakenFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.inner.read_exact_at(buffer, offset)?;
        // Whoever looks for records reads the whole file.
        if self.path.ends_with("commit") && offset == 0 {
            let directory = self.path.parent().unwrap_or(Path::new(""));
            for (number, page) in buffer.chunks_exact_mut(PAGE_BYTES).skip(1).enumerate() {
                self.hands.believe(page, number, directory);
            }
        }
        if let (Mistake::JournalUnchecked, true) = (self.hands.mistake, self.path.ends_with(JOURNAL_FILE)) {
            believe_journal(buffer);
        }
        Ok(())
    }

    fn write_all_at(&self, buffer: &[u8], offset: u64) -> Result<()> {
        let (file, mut bytes, mut offset) = (self.inner.clone(), buffer.to_vec(), offset);
        let page = PAGE_BYTES as u64;
        if let Mistake::OneSlot = self.hands.mistake
            && self.path.ends_with("commit")
            && bytes.len() == PAGE_BYTES
            && (offset / page).is_multiple_of(2)
        {
            // Slots 1 and 3, in pages 2 and 4, become slots 0 and 2.
            offset -= page;
            bytes[6] -= 1;
            let checksum = crc32fast::hash(&bytes[..96]);
            bytes[96..100].copy_from_slice(&checksum.to_le_bytes());
        }
        self.hands.call(CallKind::Write, &self.path, move || file.write_all_at(&bytes, offset))
    }

    fn size(&self) -> Result<u64> {
        self.inner.size()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.inner.set_size(size)
    }

    fn sync(&self) -> Result<()> {
        let (file, fs, path) = (self.inner.clone(), self.fs.clone(), self.path.clone());
        let retries = matches!(self.hands.mistake, Mistake::SyncAgain);
        self.hands.call(CallKind::Sync, &self.path, move || match file.sync() {
            // A file opened anew knows nothing of the failure, and neither does the system.
            Err(_) if retries => fs.open(&path, OpenMode::Read)?.sync(),
            answer => answer,
        })
    }

    fn map(&self, size: u64) -> Result<Bytes> {
        self.inner.map(size)
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}
