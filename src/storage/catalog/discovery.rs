//! Names found in directories.

use crate::base::Result;
use crate::base::names::{self, NameKind};
use crate::io::FileSystem;
use std::path::Path;

/// The directories in a directory whose names are valid for a kind, sorted; none if it does not exist.
pub(in crate::storage) fn directories(fs: &dyn FileSystem, path: &Path, kind: NameKind) -> Result<Vec<String>> {
    let entries = match fs.list(path) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let found = entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name);
    Ok(found.filter(|name| names::check(kind, name).is_ok()).collect())
}
