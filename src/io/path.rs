//! What a path beneath a root may be. Both file systems ask here first, so that neither the kernel nor a map of
//! names ever sees a path that could leave the root.

use crate::base::{Error, ErrorKind, Result};
use std::path::Path;

/// Bytes of one component: what ext4, xfs and btrfs can store.
const COMPONENT_BYTES_MAX: usize = 255;
/// Bytes of a path: `PATH_MAX` without its final NUL.
const PATH_BYTES_MAX: usize = 4095;

/// The text of a path that names a file or directory beneath the root: relative, UTF-8, components joined by single slashes,
/// none of them empty, `.` or `..`, no NUL. Everything else is `Invalid`.
pub(crate) fn check(path: &Path) -> Result<&str> {
    let text = check_dir(path)?;
    if text.is_empty() { Err(refused(path, "it is empty")) } else { Ok(text) }
}

/// As [`check`], and the empty path is the root itself.
pub(crate) fn check_dir(path: &Path) -> Result<&str> {
    let Some(text) = path.to_str() else {
        return Err(refused(path, "it is not UTF-8"));
    };
    if text.is_empty() {
        return Ok(text);
    }
    if text.len() > PATH_BYTES_MAX {
        return Err(refused(Path::new("…"), "it is longer than 4095 bytes"));
    }
    if text.contains('\0') {
        return Err(refused(path, "it contains a NUL character"));
    }
    if text.starts_with('/') {
        return Err(refused(path, "it is absolute"));
    }
    for component in text.split('/') {
        let reason = match component {
            "" => "it has an empty component",
            "." | ".." => "it has a component `.` or `..`",
            _ if component.len() > COMPONENT_BYTES_MAX => "a component is longer than 255 bytes",
            _ => continue,
        };
        return Err(refused(path, reason));
    }
    Ok(text)
}

/// Parent (empty for the root) and name of a checked path.
pub(crate) fn split(text: &str) -> (&str, &str) {
    text.rsplit_once('/').unwrap_or(("", text))
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("the path {path:?} is not usable beneath a root: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for good in ["a", "a/b", "a.b/c-d/e_f", "...", "a/..b", "ü/漢", ".hidden", "a b"] {
            assert_eq!(check(Path::new(good)).unwrap(), good);
        }
        for bad in
            ["", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "a\0b", "\0"]
        {
            assert_eq!(check(Path::new(bad)).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        assert_eq!(check_dir(Path::new("")).unwrap(), "");
        let long = "x".repeat(256);
        assert!(check(Path::new(&long)).is_err());
        assert!(check(Path::new(&long[..255])).is_ok());
        let deep = "d/".repeat(2048) + "e";
        assert!(check(Path::new(&deep)).is_err());
    }

    #[test]
    fn the_last_component_is_the_name() {
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!(split("a"), ("", "a"));
    }
}
