//! What a power cut took from the column files and the journal kept: a view of a location's files with those bytes in their places.
//!
//! Invariant: the bytes of each file were compared with the checksum that the record has of them; nothing here writes but [`Tails::write_to`].

use super::append_file::shorter;
use crate::base::{Error, Result};
use crate::io::{DirEntry, File, FileSystem, LockGuard, LockKind, Metadata, OpenMode};
use bytes::Bytes;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The ends of files: where each begins, and its bytes.
#[derive(Debug, Default)]
pub(super) struct Tails {
    files: HashMap<PathBuf, (u64, Bytes)>,
}

impl Tails {
    /// Takes the bytes of a file from `offset` on.
    pub(super) fn insert(&mut self, path: PathBuf, offset: u64, bytes: Vec<u8>) {
        self.files.insert(path, (offset, bytes.into()));
    }

    /// Writes all of them into the files; what they were part of is as it was before the power cut, but not durable.
    pub(super) fn write_to(&self, fs: &dyn FileSystem) -> Result<()> {
        for (path, (offset, bytes)) in &self.files {
            fs.open(path, OpenMode::Create)?.write_all_at(bytes, *offset)?;
        }
        Ok(())
    }

    /// The file system as it would be with these bytes in place, for reading. A file that has some is read into memory as a whole when it
    /// is mapped: until a writer has opened the location, which puts them where they belong.
    pub(super) fn over(self: &Arc<Self>, fs: Arc<dyn FileSystem>) -> Arc<dyn FileSystem> {
        Arc::new(TailedFileSystem { fs, tails: self.clone() })
    }
}

#[derive(Debug)]
struct TailedFileSystem {
    fs: Arc<dyn FileSystem>,
    tails: Arc<Tails>,
}

impl FileSystem for TailedFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let Some((offset, bytes)) = self.tails.files.get(path).filter(|_| mode == OpenMode::Read) else {
            return self.fs.open(path, mode);
        };
        let file = match self.fs.open(path, OpenMode::Read) {
            // A file that was made after the last time the directory was synced.
            Err(error) if error.is_not_found() && *offset == 0 => None,
            answer => Some(answer?),
        };
        // What comes before its end is in the file or nowhere.
        if let Some(size) = file.as_ref().map(|file| file.size()).transpose()?
            && size < *offset
        {
            return Err(shorter(size, *offset).at_path(&self.fs.display(path)));
        }
        Ok(Arc::new(TailedFile { file, offset: *offset, bytes: bytes.clone(), path: self.fs.display(path) }))
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        let found = self.fs.metadata(path)?;
        let Some((offset, bytes)) = self.tails.files.get(path) else { return Ok(found) };
        let size_bytes = offset + bytes.len() as u64;
        Ok(match found {
            Some(found) if found.size_bytes < *offset => Some(found),
            Some(found) => Some(Metadata { size_bytes: found.size_bytes.max(size_bytes), ..found }),
            None if *offset > 0 => None,
            None => Some(Metadata { is_dir: false, size_bytes, modified_ns: 0 }),
        })
    }

    fn create_dir_all(&self, path: &Path) -> Result<()> {
        self.fs.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> Result<Vec<DirEntry>> {
        self.fs.list(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.fs.rename(from, to)
    }
    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        self.fs.exchange(one, other)
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.fs.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.fs.remove_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> Result<()> {
        self.fs.sync_dir(path)
    }
    fn try_lock(&self, path: &Path, lock: LockKind) -> Result<Option<Box<dyn LockGuard>>> {
        self.fs.try_lock(path, lock)
    }
    fn boot(&self) -> [u8; 16] {
        self.fs.boot()
    }
    fn now_ns(&self) -> i64 {
        self.fs.now_ns()
    }
    fn display(&self, path: &Path) -> PathBuf {
        self.fs.display(path)
    }
}

#[derive(Debug)]
struct TailedFile {
    /// None where the power cut left no such file.
    file: Option<Arc<dyn File>>,
    offset: u64,
    bytes: Bytes,
    path: PathBuf,
}

impl TailedFile {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    fn read_only(&self) -> Error {
        Error::invalid("bytes that the journal kept are for reading").at_path(&self.path)
    }
}

impl File for TailedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(buffer.len() as u64);
        if end > self.end() {
            return Err(shorter(self.end(), end).at_path(&self.path));
        }
        let before = self.offset.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let (front, back) = buffer.split_at_mut(before);
        if let (Some(file), false) = (&self.file, front.is_empty()) {
            file.read_exact_at(front, offset)?;
        }
        if !back.is_empty() {
            let start = (offset.max(self.offset) - self.offset) as usize;
            back.copy_from_slice(&self.bytes[start..start + back.len()]);
        }
        Ok(())
    }

    fn write_all_at(&self, _buffer: &[u8], _offset: u64) -> Result<()> {
        Err(self.read_only())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.end())
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(self.read_only())
    }

    fn sync(&self) -> Result<()> {
        Err(self.read_only())
    }

    fn map(&self, size: u64) -> Result<Bytes> {
        match &self.file {
            Some(file) if size <= self.offset => file.map(size),
            _ => {
                if size > self.end() {
                    return Err(shorter(self.end(), size).at_path(&self.path));
                }
                let mut bytes = vec![0; size as usize];
                self.read_exact_at(&mut bytes, 0)?;
                Ok(bytes.into())
            }
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
