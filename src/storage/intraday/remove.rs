//! Removing a location: at every instant, through crashes, there is the whole of it or none.

use super::LOCK_FILE;
use crate::base::{Error, ErrorKind, Result};
use crate::io::{FileSystem, LockKind, remove_tree};
use std::path::Path;

/// What the name of a location begins with between its removal and the removal of its files. No partition has such a name.
const REMOVED: &str = ".removed-";

/// Removes the location in `directory`, durably. Readers keep what they have open. [`ErrorKind::Locked`] while a writer has it, `NotFound`
/// if there is none. What a crash left of earlier removals beside it goes as well.
pub fn remove_location(fs: &dyn FileSystem, directory: &Path) -> Result<()> {
    remove_location_if(fs, directory, &|| Ok(()))
}

/// As [`remove_location`], if `allowed` says so while no writer can append; its error is returned and nothing is removed.
pub fn remove_location_if(fs: &dyn FileSystem, directory: &Path, allowed: &dyn Fn() -> Result<()>) -> Result<()> {
    let parent = directory.parent().unwrap_or(Path::new(""));
    if !fs.metadata(directory)?.is_some_and(|found| found.is_dir) {
        // Whoever was cut off while removing it comes again.
        sweep_removed(fs, parent)?;
        return Err(Error::not_found("there is no such location").at_path(&fs.display(directory)));
    }
    let Some(_lock) = fs.try_lock(&directory.join(LOCK_FILE), LockKind::Exclusive)? else {
        return Err(Error::new(ErrorKind::Locked, "a writer has the location").at_path(&fs.display(directory)));
    };
    allowed()?;
    let hidden = parent.join(format!("{REMOVED}{}", uuid::Uuid::new_v4().simple()));
    fs.rename(directory, &hidden)?;
    fs.sync_dir(parent)?;
    sweep_removed(fs, parent)
}

/// Removes what a crash left of removals in the directory of a source; nothing if there is no such directory. Others may do the same
/// at the same time.
pub(crate) fn sweep_removed(fs: &dyn FileSystem, source: &Path) -> Result<()> {
    let entries = match fs.list(source) {
        Err(error) if error.is_not_found() => return Ok(()),
        answer => answer?,
    };
    let left: Vec<_> = entries.iter().filter(|entry| entry.name.starts_with(REMOVED)).collect();
    if !left.is_empty() {
        // Whoever took the name away may not have lived to make that durable, and a name must not come back to removed files.
        fs.sync_dir(source)?;
    }
    left.into_iter().try_for_each(|entry| remove_tree(fs, &source.join(&entry.name)))
}
