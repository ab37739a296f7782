//! The quarantine: where repairs put what they take away, with a list of what came from where and why.
//!
//! ```text
//! ROOT/quarantine/<time>/manifest.toml
//! ROOT/quarantine/<time>/<the path that it had below the root>
//! ROOT/quarantine/.lock
//! ```
//! **Invariants:** the manifest names a thing durably before it is moved; it is moved by one rename, so that at every instant, through crashes, it is
//! in one place or the other; nothing in a quarantine is ever changed.

use crate::base::date_time::format::format_iso;
use crate::base::{Error, ErrorKind, Result};
use crate::io::{self, FileSystem, LockGuard, LockKind};
use crate::storage::layout::QUARANTINE;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What says what came from where.
pub const MANIFEST: &str = "manifest.toml";
const LOCK: &str = ".lock";

/// The quarantine of one repair.
#[derive(Debug)]
pub struct Quarantine {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    manifest: String,
    _lock: Box<dyn LockGuard>,
}

impl Quarantine {
    /// Opens a new one below a root; its directory is made with the first thing that comes in. `Locked` while another repair is at work.
    pub fn open(fs: &Arc<dyn FileSystem>) -> Result<Self> {
        let top = Path::new(QUARANTINE);
        io::create_dir_durable(&**fs, top)?;
        let lock = fs.try_lock(&top.join(LOCK), LockKind::Exclusive)?.ok_or_else(|| {
            Error::new(ErrorKind::Locked, "another repair is at work in this root").at_path(&fs.display(top))
        })?;
        let name: String = format_iso(fs.now_ns()).chars().map(|c| if c == ':' { '-' } else { c }).collect();
        let mut directory = top.join(&name);
        let mut number = 1;
        while fs.metadata(&directory)?.is_some() {
            number += 1;
            directory = top.join(format!("{name}-{number}"));
        }
        let manifest =
            "# What a repair took away, where it was, and why. To bring something back, move it to where it was.\n"
                .into();
        Ok(Quarantine { fs: fs.clone(), directory, manifest, _lock: lock })
    }

    /// Where things go, as a person would type it; none as long as nothing came.
    pub fn shown(&self) -> Option<PathBuf> {
        matches!(self.fs.metadata(&self.directory), Ok(Some(_))).then(|| self.fs.display(&self.directory))
    }

    /// Takes a file or directory away from `path`.
    pub fn take(&mut self, path: &Path, why: &str) -> Result<()> {
        self.take_as(path, path, why)
    }

    /// As [`Quarantine::take`], for what lies elsewhere by now than where it belonged.
    pub fn take_as(&mut self, path: &Path, belonged: &Path, why: &str) -> Result<()> {
        let mut target = self.directory.join(belonged);
        let mut number = 1;
        while self.fs.metadata(&target)?.is_some() {
            number += 1;
            let name = belonged.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            target = self.directory.join(belonged.with_file_name(format!("{name}-{number}")));
        }
        let parent = target.parent().unwrap_or(Path::new(""));
        io::create_dir_durable(&*self.fs, parent)?;
        // The new directories themselves, too.
        self.fs.sync_dir(parent)?;
        let text = |path: &Path| toml::Value::String(path.to_string_lossy().into_owned());
        let below = target.strip_prefix(&self.directory).unwrap_or(&target);
        let _ = writeln!(self.manifest, "\n[[moved]]\nfrom = {}\nto = {}", text(belonged), text(below));
        let _ = writeln!(self.manifest, "why = {}", toml::Value::String(why.to_owned()));
        let _ = writeln!(self.manifest, "time = \"{}\"", format_iso(self.fs.now_ns()));
        io::publish(&*self.fs, &self.directory.join(MANIFEST), self.manifest.as_bytes())?;
        self.fs.rename(path, &target)?;
        // The new name first: after a crash there may be both names for the system to choose from, never none.
        self.fs.sync_dir(parent)?;
        self.fs.sync_dir(path.parent().unwrap_or(Path::new("")))
    }
}
