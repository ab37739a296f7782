//! What the driver reads: results as lines of JSON, peak memory, sizes of directories.

use pilaster::base::{Error, Result};
use pilaster::io::external;
use serde_json::{Value, json};
use std::path::Path;

/// Prints one result.
pub(crate) fn emit(result: &Value) {
    println!("@{result}");
}

/// Median, tail and ends of latencies in seconds, and their count.
pub(crate) fn latencies(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| seconds.get((seconds.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    json!({"p50": at(0.5), "p99": at(0.99), "min": at(0.0), "max": seconds.last(), "n": seconds.len()})
}

/// The most memory that the process had resident since [`reset_peak`], in bytes; 0 where the system does not say.
pub(crate) fn peak_bytes() -> u64 {
    let Ok(status) = external::read_all(Path::new("/proc/self/status"), 1 << 16) else { return 0 };
    let text = String::from_utf8_lossy(&status).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// Forgets the peak, where the system lets it.
#[expect(clippy::disallowed_methods, reason = "a file of the system, not of a store")]
pub(crate) fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Empties a directory, made if need be.
#[expect(clippy::disallowed_methods, reason = "the benchmark's own directories, not a store's files")]
pub(crate) fn fresh(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove", directory, error));
        }
        _ => {}
    }
    std::fs::create_dir_all(directory).map_err(|error| Error::io("create", directory, error))
}

/// Bytes on disk and files below a directory.
pub(crate) fn usage(directory: &Path) -> Result<(u64, u64)> {
    let mut found = (0, 0);
    each_file(directory, &mut |path| {
        use std::os::unix::fs::MetadataExt;
        if let Ok(metadata) = path.symlink_metadata() {
            found.0 += metadata.blocks() * 512;
            found.1 += 1;
        }
    })?;
    Ok(found)
}

/// Asks the system to forget its cached pages of all files below a directory.
#[expect(clippy::disallowed_types, reason = "advice on caching is not part of a store's work")]
pub(crate) fn evict(directory: &Path) -> Result<()> {
    each_file(directory, &mut |path| {
        if let Ok(file) = std::fs::File::open(path) {
            let _ = rustix::fs::fsync(&file);
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the benchmark's own directories, not a store's files")]
fn each_file(directory: &Path, visit: &mut dyn FnMut(&Path)) -> Result<()> {
    let entries = std::fs::read_dir(directory).map_err(|error| Error::io("list", directory, error))?;
    for entry in entries {
        let path = entry.map_err(|error| Error::io("list", directory, error))?.path();
        if path.is_dir() && !path.is_symlink() {
            each_file(&path, visit)?;
        } else {
            visit(&path);
        }
    }
    Ok(())
}
