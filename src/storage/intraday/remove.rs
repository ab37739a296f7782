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
    if !fs.metadata(directory)?.is_some_and(|found| found.is_dir) {
        return Err(Error::not_found("there is no such location").at_path(&fs.display(directory)));
    }
    let Some(_lock) = fs.try_lock(&directory.join(LOCK_FILE), LockKind::Exclusive)? else {
        return Err(Error::new(ErrorKind::Locked, "a writer has the location").at_path(&fs.display(directory)));
    };
    allowed()?;
    let parent = directory.parent().unwrap_or(Path::new(""));
    let hidden = parent.join(format!("{REMOVED}{}", uuid::Uuid::new_v4().simple()));
    fs.rename(directory, &hidden)?;
    fs.sync_dir(parent)?;
    for entry in fs.list(parent)?.iter().filter(|entry| entry.name.starts_with(REMOVED)) {
        remove_tree(fs, &parent.join(&entry.name))?;
    }
    Ok(())
}
