//! One file that only grows: buffered writes at its end, and the checksums that a commit record needs of it.
//!
//! **Invariant:** nothing below the committed size is written, except that [`AppendFile::rewrite_delta`] writes the same bytes again.

use crate::base::{Error, Result};
use crate::format::commit::{BLOCK_BYTES, BitBounds, BlockSum, FileState};
use crate::format::encoding::{Encodable, VectorBounds};
use crate::io::{File, FileSystem, OpenMode};
use crc32fast::Hasher;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes collected before they are written: large enough that a system call costs nothing, small enough for the cache.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes read and written again at once.
const COPY_BYTES: u64 = 1 << 20;

/// The end of an append-only file.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    /// True from the making of a file until its directory was synced.
    created: bool,
    buffer: Vec<u8>,
    /// Where the buffer goes.
    written: u64,
    committed: u64,
    durable: u64,
    /// Of what the record's `checksum` covers, and what was appended since.
    checksum: Hasher,
    /// Of the bytes from the durable to the committed size.
    delta: Hasher,
    /// Of the bytes beyond the committed size.
    uncommitted: Hasher,
    /// Of the values of the last block, where all of them went through here.
    bounds: Seen,
    dirty: bool,
}

/// What is known of the values of a block that is not full yet.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// There are none.
    Nothing,
    /// All of them lie between these.
    All(BitBounds),
    /// Some came from an earlier writer, or are no values.
    Part,
}

impl AppendFile {
    /// Goes on where `state` ends. Opens nothing yet.
    pub(super) fn new(path: PathBuf, state: &FileState) -> Self {
        AppendFile {
            path,
            file: None,
            created: false,
            buffer: Vec::new(),
            written: state.size,
            committed: state.size,
            durable: state.durable_size,
            checksum: Hasher::new_with_initial(state.checksum),
            delta: Hasher::new_with_initial_len(state.delta_checksum, state.size - state.durable_size),
            uncommitted: Hasher::new(),
            bounds: if state.size.is_multiple_of(BLOCK_BYTES) { Seen::Nothing } else { Seen::Part },
            dirty: false,
        }
    }

    /// Bytes appended so far.
    pub(super) fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends bytes that the whole-file checksum covers. Writes when the buffer is full.
    pub(super) fn append(&mut self, fs: &dyn FileSystem, bytes: &[u8]) -> Result<()> {
        self.checksum.update(bytes);
        self.uncommitted.update(bytes);
        self.buffer.extend_from_slice(bytes);
        self.write_if_full(fs)
    }

    /// Appends values to a data file, and to `sums` what is kept of every block that they fill.
    pub(super) fn append_values<T: Encodable>(
        &mut self,
        fs: &dyn FileSystem,
        mut values: &[T],
        sums: &mut AppendFile,
    ) -> Result<()> {
        while !values.is_empty() {
            let room = (BLOCK_BYTES - self.size() % BLOCK_BYTES) as usize / T::WIDTH;
            let (piece, rest) = values.split_at(room.min(values.len()));
            let start = self.buffer.len();
            self.buffer.resize(start + piece.len() * T::WIDTH, 0);
            for (bytes, value) in self.buffer[start..].chunks_exact_mut(T::WIDTH).zip(piece) {
                value.put_le(bytes);
            }
            self.checksum.update(&self.buffer[start..]);
            self.uncommitted.update(&self.buffer[start..]);
            self.see(piece);
            if piece.len() == room {
                self.end_block(fs, sums)?;
            }
            self.write_if_full(fs)?;
            values = rest;
        }
        Ok(())
    }

    /// Appends bytes to a data file, and to `sums` what is kept of every block that they fill: no bounds.
    pub(super) fn append_bytes(&mut self, fs: &dyn FileSystem, mut bytes: &[u8], sums: &mut AppendFile) -> Result<()> {
        while !bytes.is_empty() {
            let room = (BLOCK_BYTES - self.size() % BLOCK_BYTES) as usize;
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(piece);
            self.checksum.update(piece);
            self.uncommitted.update(piece);
            self.bounds = Seen::Part;
            if piece.len() == room {
                self.end_block(fs, sums)?;
            }
            self.write_if_full(fs)?;
            bytes = rest;
        }
        Ok(())
    }

    fn see<T: Encodable>(&mut self, values: &[T]) {
        let found = || VectorBounds::of_slice(values);
        self.bounds = match self.bounds {
            Seen::Nothing => Seen::All(BitBounds::of(found())),
            Seen::All(bounds) => {
                let mut bounds = bounds.of_type::<T>();
                bounds.join(found());
                Seen::All(BitBounds::of(bounds))
            }
            Seen::Part => Seen::Part,
        };
    }

    /// Appends what is kept of the block that is full now.
    fn end_block(&mut self, fs: &dyn FileSystem, sums: &mut AppendFile) -> Result<()> {
        let checksum = std::mem::take(&mut self.checksum).finalize();
        let bounds = match std::mem::replace(&mut self.bounds, Seen::Nothing) {
            Seen::All(bounds) => Some(bounds),
            Seen::Nothing | Seen::Part => None,
        };
        sums.append(fs, &BlockSum { checksum, bounds }.to_bytes())
    }

    fn write_if_full(&mut self, fs: &dyn FileSystem) -> Result<()> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush(fs) }
    }

    /// Writes what is in the buffer.
    pub(super) fn flush(&mut self, fs: &dyn FileSystem) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.open(fs)?.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.dirty = true;
        Ok(())
    }

    /// The bytes appended since the last commit and where they go, if all of them are in the buffer still.
    pub(super) fn uncommitted(&self) -> Option<(u64, &[u8])> {
        (self.written == self.committed).then_some((self.written, &self.buffer[..]))
    }

    /// Takes all appended bytes as committed. What has not been flushed must be before anybody is told.
    pub(super) fn commit(&mut self) -> FileState {
        let uncommitted = std::mem::take(&mut self.uncommitted);
        match self.committed == self.durable {
            true => self.delta = uncommitted,
            false => self.delta.combine(&uncommitted),
        }
        self.committed = self.size();
        FileState {
            size: self.committed,
            durable_size: self.durable,
            checksum: self.checksum.clone().finalize(),
            delta_checksum: self.delta.clone().finalize(),
        }
    }

    /// Makes all written bytes durable; true where the file was made since [`AppendFile::made_durable`].
    pub(super) fn sync(&mut self) -> Result<()> {
        if std::mem::take(&mut self.dirty)
            && let Some(file) = &self.file
        {
            file.sync()?;
        }
        Ok(())
    }

    /// True if bytes were written since the last sync.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// True if the directory does not durably name the file yet.
    pub(super) fn was_created(&self) -> bool {
        self.created
    }

    /// Takes the committed bytes as durable, and so the file's name.
    pub(super) fn made_durable(&mut self) {
        self.durable = self.committed;
        self.delta = Hasher::new();
        self.created = false;
    }

    /// Refuses a file that is missing or shorter than its committed bytes.
    pub(super) fn check_size(&mut self, fs: &dyn FileSystem) -> Result<()> {
        if self.committed == 0 {
            return Ok(());
        }
        let found = fs.metadata(&self.path)?;
        match found {
            Some(found) if !found.is_dir && found.size_bytes >= self.committed => Ok(()),
            Some(found) => Err(shorter(found.size_bytes, self.committed)),
            None => Err(Error::corrupt(format!("the file is missing; {} bytes of it are committed", self.committed))),
        }
        .map_err(|error| error.at_path(&fs.display(&self.path)))
    }

    /// Writes the bytes between the durable and the committed size again, after comparing them with their checksum.
    ///
    /// They come from a writer that did not live to make them durable, or failed to: the system may take them for clean without having
    /// written them. Written again they are dirty, and the next sync means what it says. Readers see no change.
    pub(super) fn rewrite_delta(&mut self, fs: &dyn FileSystem) -> Result<()> {
        if self.committed == self.durable {
            return Ok(());
        }
        let file = self.open(fs)?;
        let mut hasher = Hasher::new();
        let mut at = self.durable;
        while at < self.committed {
            let mut bytes = vec![0; (self.committed - at).min(COPY_BYTES) as usize];
            file.read_exact_at(&mut bytes, at)?;
            hasher.update(&bytes);
            file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        self.dirty = true;
        let (stored, computed) = (self.delta.clone().finalize(), hasher.finalize());
        if stored != computed {
            return Err(Error::corrupt(format!("the checksum of the bytes is {computed:08x}, not {stored:08x}"))
                .at_offset(self.durable)
                .at_path(file.path()));
        }
        Ok(())
    }

    fn open(&mut self, fs: &dyn FileSystem) -> Result<Arc<dyn File>> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        // A file that has committed bytes must be there; one without may be left over from a writer that never committed.
        let mode = if self.written > 0 { OpenMode::Write } else { OpenMode::Create };
        let file = fs.open(&self.path, mode)?;
        self.created = self.written == 0;
        self.file = Some(file.clone());
        Ok(file)
    }
}

/// The error for a file that lost its end.
pub(super) fn shorter(found: u64, committed: u64) -> Error {
    Error::corrupt(format!("the file has {found} bytes, but {committed} are committed")).at_offset(found)
}
