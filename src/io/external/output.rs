//! A file that results are written to: complete under its name, or not there.

use crate::base::{Error, Result};
use crate::io::beneath::retry;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An output being written. Nothing is under its name until [`Output::finish`]; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    buffer: Vec<u8>,
    path: PathBuf,
    /// The unfinished file, to be renamed; none when writing into a device or pipe.
    temporary: Option<PathBuf>,
    /// True where somebody else makes it durable, together with others.
    synced_later: bool,
}

/// Starts a user's output file. An existing file is replaced at the end and keeps its permissions; a symlink keeps pointing to where
/// it does; devices and pipes (`/dev/stdout`) are written directly.
pub fn create(path: &Path) -> Result<Output> {
    let fail = |errno: Errno| Error::io("create", path, errno.into());
    // Replace what a link leads to, not the link.
    let target = std::path::absolute(path).and_then(|path| path.canonicalize()).unwrap_or_else(|_| path.to_path_buf());
    let mut kept_mode = None;
    match rustix::fs::stat(&target) {
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => kept_mode = Some(Mode::from_raw_mode(stat.st_mode & 0o777)),
            FileType::Directory => return Err(Error::invalid("it is a directory, not a file").at_path(path)),
            _ => {
                let fd =
                    retry(|| rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())).map_err(fail)?;
                return Ok(Output {
                    fd,
                    buffer: Vec::new(),
                    path: path.to_path_buf(),
                    temporary: None,
                    synced_later: false,
                });
            }
        },
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(fail(errno)),
    }
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let Some(name) = target.file_name() else {
        return Err(Error::invalid("it is a directory, not a file").at_path(path));
    };
    loop {
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        temporary_name.push(format!(".tmp-{}-{number}", std::process::id()));
        let temporary = target.with_file_name(temporary_name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match retry(|| rustix::fs::open(&temporary, flags, kept_mode.unwrap_or(Mode::from_raw_mode(0o666)))) {
            Ok(fd) => {
                if let Some(mode) = kept_mode {
                    // What the umask took away; an owner of another file system may not allow it, and then less is right.
                    let _ = rustix::fs::fchmod(&fd, mode);
                }
                return Ok(Output {
                    fd,
                    buffer: Vec::new(),
                    path: target,
                    temporary: Some(temporary),
                    synced_later: false,
                });
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

impl Output {
    /// Writes what is buffered, makes it durable and puts it under its name.
    pub fn finish(mut self) -> Result<()> {
        let fail = |what: &str, path: &Path, source: std::io::Error| Err(Error::io(what, path, source));
        if let Err(source) = self.flush() {
            return fail("write", &self.path, source);
        }
        let Some(temporary) = &self.temporary else { return Ok(()) };
        if !self.synced_later
            && let Err(errno) = rustix::fs::fdatasync(&self.fd)
        {
            return fail("make durable", &self.path, errno.into());
        }
        if let Err(errno) = retry(|| rustix::fs::rename(temporary, &self.path)) {
            return fail("put in place", &self.path, errno.into());
        }
        self.temporary = None;
        Ok(())
    }

    /// Leaves it to the caller to make the file durable once it is finished.
    pub(super) fn synced_later(mut self) -> Self {
        self.synced_later = true;
        self
    }

    /// The name for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write_through(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            match retry(|| rustix::io::write(&self.fd, bytes))? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }
}

/// Bytes that are gathered before the system is called.
const BUFFER_BYTES: usize = 256 << 10;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.write_through(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.write_through(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody is left to tell.
            let _ = rustix::fs::unlink(temporary);
        }
    }
}
