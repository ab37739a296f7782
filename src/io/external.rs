//! Files that the user names: what is imported, and what results are written to. They lie anywhere, belong to the user, and may change
//! while they are read.
//!
//! **Invariants:** an input is never written; an output appears under its name complete or not at all.

use crate::base::{Error, Result};
use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::{Cursor, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::beneath::retry;

mod directory;
mod foreign;
mod output;
mod patient;
mod zip;

pub use directory::{OutputDirectory, create_directory, expand};
pub use foreign::refuse_other_than_text;
pub use output::{Output, create};
use patient::Patient;

/// The name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// How a file's bytes are packed, told by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more Zstandard frames.
    Zstd,
    /// A zip archive with one file in it.
    Zip,
}

/// A user's file, opened for reading from start to end, unpacked on the way.
pub struct Source {
    /// The content. Reading fails where a packed file is damaged or cut; pass the failure to [`Source::error`].
    pub reader: Box<dyn Read + Send>,
    /// How the file is packed.
    pub compression: Compression,
    /// Bytes of the file as it lies on disk; none for pipes and terminals.
    pub size_bytes: Option<u64>,
    /// Bytes of the file consumed so far, before unpacking: with `size_bytes` how far reading is.
    pub consumed_bytes: Arc<AtomicU64>,
    path: PathBuf,
}

impl Source {
    /// The name for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The library's error for a failure of `reader`: `Invalid` where the packed bytes are damaged or cut.
    pub fn error(&self, source: std::io::Error) -> Error {
        read_error(&self.path, source)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// The library's error for a failure while reading a user's file: `Invalid` where packed bytes are damaged or cut, `Cancelled` where Ctrl-C
/// ended the wait for more.
pub fn read_error(path: &Path, source: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let source = match source.downcast::<Error>() {
        Ok(interrupted) => return interrupted,
        Err(source) => source,
    };
    match source.kind() {
        UnexpectedEof => Error::invalid("the compressed file ends early").at_path(path),
        std::io::ErrorKind::Unsupported if source.raw_os_error().is_none() => {
            Error::invalid(source.to_string()).at_path(path)
        }
        // The system's own errors carry a number; the others come out of unpacking.
        InvalidData | InvalidInput | Other if source.raw_os_error().is_none() => {
            Error::invalid(format!("the compressed file is damaged: {source}")).at_path(path)
        }
        _ => Error::io("read", path, source),
    }
}

/// Opens a user's file for streaming; `-` is standard input. Pipes and devices are fine, directories are `Invalid`, missing files
/// `NotFound`. gzip, Zstandard and zip are recognised by their first bytes and unpacked: all members of the first two, the one file of an archive.
pub fn open(path: &Path) -> Result<Source> {
    let consumed_bytes = Arc::<AtomicU64>::default();
    let fail = |source| Error::io("open", path, source);
    let (fd, size_bytes) = if path == Path::new(STANDARD_INPUT) {
        (std::io::stdin().as_fd().try_clone_to_owned().map_err(fail)?, None)
    } else {
        open_input(path)?
    };
    let reader: Box<dyn Read + Send> = match size_bytes {
        Some(_) => Box::new(Descriptor(fd)),
        None => Box::new(Patient::start(fd).map_err(fail)?),
    };
    let mut raw: Box<dyn Read + Send> = Box::new(Counted { reader, count: Arc::clone(&consumed_bytes) });
    let path = if path == Path::new(STANDARD_INPUT) { PathBuf::from("standard input") } else { path.to_path_buf() };
    let mut magic = Vec::with_capacity(foreign::PACKED_BYTES);
    raw.by_ref()
        .take(foreign::PACKED_BYTES as u64)
        .read_to_end(&mut magic)
        .map_err(|source| read_error(&path, source))?;
    foreign::refuse_packed(&magic, &path)?;
    let compression = match magic[..] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [b'P', b'K', 3, 4, ..] => Compression::Zip,
        _ => Compression::None,
    };
    let whole = Cursor::new(magic).chain(raw);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => {
            let buffered = std::io::BufReader::with_capacity(BUFFER_BYTES, whole);
            Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
        }
        Compression::Zip => Box::new(zip::OneFile::new(Box::new(whole))),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(whole);
            Box::new(decoder.map_err(|source| read_error(&path, source))?)
        }
    };
    Ok(Source { reader, compression, size_bytes, consumed_bytes, path })
}

/// Bytes read at once from a packed file.
const BUFFER_BYTES: usize = 128 << 10;

/// A user's regular file for reading at any offset, by several threads: how importers read plain files in pieces.
#[derive(Debug)]
pub struct PlainFile {
    fd: OwnedFd,
    path: PathBuf,
    size_bytes: u64,
}

impl PlainFile {
    /// Opens a regular file; `Invalid` for standard input, pipes, devices and directories.
    pub fn open(path: &Path) -> Result<Self> {
        let (fd, size) = open_input(path)?;
        let size_bytes = size
            .ok_or_else(|| Error::invalid("it is not a regular file, which reading in pieces needs").at_path(path))?;
        Ok(PlainFile { fd, path: path.to_path_buf(), size_bytes })
    }

    /// Bytes when it was opened. It may change since: nobody keeps the user from it.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Bytes now.
    pub fn current_size(&self) -> Result<u64> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|errno| Error::io("look at", &self.path, errno.into()))?;
        Ok(stat.st_size as u64)
    }

    /// True where the path leads to this very file, not to one that took its name.
    pub fn is_at(&self, path: &Path) -> bool {
        match (rustix::fs::fstat(&self.fd), rustix::fs::stat(path)) {
            (Ok(own), Ok(other)) => (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    /// Reads up to the whole buffer, less only at the end of the file.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let position = offset.saturating_add(done as u64);
            let read = retry(|| rustix::io::pread(&self.fd, &mut buffer[done..], position))
                .map_err(|errno| Error::io("read", &self.path, errno.into()).at_offset(position))?;
            if read == 0 {
                break;
            }
            done += read;
        }
        Ok(done)
    }

    /// The name for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The content of a user's whole file, unpacked, in memory; `Limit` beyond `limit` bytes, so that a small packed file cannot fill it.
pub fn read_all(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut source = open(path)?;
    let mut content = Vec::new();
    let read = source.reader.by_ref().take(limit as u64 + 1).read_to_end(&mut content);
    read.map_err(|failure| source.error(failure))?;
    if content.len() > limit {
        return Err(Error::limit(format!("the file has more than {limit} bytes")).at_path(source.path()));
    }
    Ok(content)
}

/// Maps a user's regular file, as it lies on disk. Fast, but if somebody cuts the file while it is mapped, the process dies by `SIGBUS`;
/// and bytes that somebody overwrites change underneath the reader. Importers therefore read into buffers ([`PlainFile::read_at`]); maps
/// are for files that nobody else touches.
#[expect(unsafe_code, reason = "mapping a file needs it")]
pub fn map(path: &Path) -> Result<Bytes> {
    let file = PlainFile::open(path)?;
    if file.size_bytes == 0 {
        return Ok(Bytes::new());
    }
    let length =
        usize::try_from(file.size_bytes).map_err(|_| Error::limit("the file is too large for memory").at_path(path))?;
    // SAFETY: the map must not change while it is borrowed. The caller chose this over reading into buffers and vouches that nobody
    // writes the file, as the documentation asks.
    let map = unsafe { memmap2::MmapOptions::new().len(length).map(file.fd.as_raw_fd()) };
    Ok(Bytes::from_owner(map.map_err(|source| Error::io("map", path, source))?))
}

/// Opens anything but a directory, with its size where it is a regular file.
fn open_input(path: &Path) -> Result<(OwnedFd, Option<u64>)> {
    let fail = |errno: Errno| Error::io("open", path, errno.into());
    let fd = retry(|| rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()));
    let fd = fd.map_err(fail)?;
    let stat = rustix::fs::fstat(&fd).map_err(fail)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Err(Error::invalid("it is a directory, not a file")
            .at_path(path)
            .hint("name the files in it, for example with `*`")),
        FileType::RegularFile => Ok((fd, Some(stat.st_size as u64))),
        _ => Ok((fd, None)),
    }
}

/// A file descriptor as a reader.
struct Descriptor(OwnedFd);

impl Read for Descriptor {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(retry(|| rustix::io::read(self.0.as_fd(), &mut *buffer))?)
    }
}

struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "external_test.rs"]
mod tests;
