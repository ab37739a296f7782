//! An open file of the operating system: positioned reads and writes, one attempt at syncing, and shared maps.

use super::beneath::retry;
use super::real::error;
use super::{File, mapped};
use crate::base::{Error, ErrorKind, Result};
use bytes::Bytes;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest file offset that the system knows.
pub(super) const OFFSET_MAX: u64 = i64::MAX as u64;

#[derive(Debug)]
pub(super) struct RealFile {
    fd: OwnedFd,
    path: PathBuf,
    sync_failed: AtomicBool,
}

impl RealFile {
    pub(super) fn new(fd: OwnedFd, path: PathBuf) -> Self {
        RealFile { fd, path, sync_failed: AtomicBool::new(false) }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn error(&self, what: &str, errno: Errno) -> Error {
        error(what, &self.path, errno)
    }
}

impl File for RealFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        if end(offset, buffer.len()).is_none() {
            return Err(ends_before(&self.path, offset, buffer.len() as u64, self.size()?));
        }
        let mut done = 0;
        while done < buffer.len() {
            let position = offset + done as u64;
            let read = retry(|| rustix::io::pread(&self.fd, &mut buffer[done..], position))
                .map_err(|errno| self.error("read", errno).at_offset(position))?;
            if read == 0 {
                return Err(ends_before(&self.path, offset, buffer.len() as u64, self.size()?));
            }
            done += read;
        }
        Ok(())
    }

    fn write_all_at(&self, buffer: &[u8], offset: u64) -> Result<()> {
        if end(offset, buffer.len()).is_none() {
            return Err(self.error("write", Errno::FBIG).at_offset(offset));
        }
        let mut done = 0;
        while done < buffer.len() {
            let position = offset + done as u64;
            let written = retry(|| rustix::io::pwrite(&self.fd, &buffer[done..], position))
                .map_err(|errno| self.error("write", errno).at_offset(position))?;
            if written == 0 {
                // POSIX leaves this open; going round would hang.
                return Err(self.error("write", Errno::IO).at_offset(position));
            }
            done += written;
        }
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|errno| self.error("examine", errno))?;
        Ok(stat.st_size as u64)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        if size > OFFSET_MAX {
            return Err(self.error("resize", Errno::FBIG));
        }
        retry(|| rustix::fs::ftruncate(&self.fd, size)).map_err(|errno| self.error("resize", errno))
    }

    fn sync(&self) -> Result<()> {
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(sync_not_repeated(&self.path));
        }
        // A changed size is part of what `fdatasync` makes durable.
        rustix::fs::fdatasync(&self.fd).map_err(|errno| {
            self.sync_failed.store(true, Ordering::Release);
            self.error("make durable", errno)
        })
    }

    #[expect(unsafe_code, reason = "mapping a file needs it")]
    fn map(&self, size: u64) -> Result<Bytes> {
        let held = self.size()?;
        if size > held {
            return Err(ends_before(&self.path, 0, size, held));
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        let length =
            usize::try_from(size).map_err(|_| Error::limit("the file is too large for memory").at_path(&self.path))?;
        // SAFETY: the map is read-only and shared, so it must not change while it is borrowed. The formats promise that nobody
        // writes or cuts below a published size (`io::File::map`), and callers map published sizes only. A foreign process that
        // cuts the file makes a later access die by SIGBUS: a fault of the medium, not undefined behaviour of ours.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(self.fd.as_raw_fd()) };
        let map = map.map_err(|source| {
            let error = Error::io("map", &self.path, source);
            error.hint("if memory maps are used up, raise vm.max_map_count or the address space limit")
        })?;
        Ok(mapped::share(map))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Where a read or write ends, if a file can reach so far.
fn end(offset: u64, length: usize) -> Option<u64> {
    offset.checked_add(length as u64).filter(|end| *end <= OFFSET_MAX)
}

/// A file that ends before what should be in it.
pub(super) fn ends_before(path: &Path, offset: u64, length: u64, size: u64) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the file has {size} bytes and ends before the {length} that should be there"),
    )
    .at_path(path)
    .at_offset(offset)
}

/// After a failed sync the kernel forgets which pages were lost, so that a second one would succeed without having written them.
pub(super) fn sync_not_repeated(path: &Path) -> Error {
    Error::new(ErrorKind::Poisoned, "making the file durable failed before and is not repeated")
        .at_path(path)
        .hint("close the writer and open it again")
}
