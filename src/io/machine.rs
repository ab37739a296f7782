//! What the machine grants this process, and what the process has taken of it.
#![expect(clippy::disallowed_types, reason = "a file of the kernel, kept open")]

use super::external;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

/// Memory of the machine, or of the control group that the process is in if that allows less; in bytes. 4 GiB where the system does not say.
pub fn memory_bytes() -> u64 {
    let total = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    });
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    total.unwrap_or(4 << 30).min(limit.unwrap_or(u64::MAX)).max(1 << 20)
}

/// The most memory that this process has had so far, mapped files included, in bytes; none where the system does not say.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = read("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Has this process keep memory that it frees, up to 256 MiB, for what it makes next, instead of giving it back to the system and asking for it
/// again page by page: for sessions that make one result after the other. Not for work that promises to stay within a bound. Does nothing
/// where the system's allocator has no such setting.
pub fn keep_freed_memory() {
    keep_freed_memory_of(256 << 20);
}

/// [`keep_freed_memory`] of so many bytes.
pub fn keep_freed_memory_of(bytes: i32) {
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // Blocks below the threshold come from heaps that are kept; 32 MiB is the most that the allocator takes.
        const BLOCK_BYTES: i32 = 32 << 20;
        let (block, ahead) = (BLOCK_BYTES.min(bytes), (BLOCK_BYTES / 2).min(bytes));
        for (setting, bytes) in
            [(libc::M_MMAP_THRESHOLD, block), (libc::M_TRIM_THRESHOLD, bytes), (libc::M_TOP_PAD, ahead)]
        {
            #[expect(unsafe_code, reason = "a setting of the allocator has no safe name")]
            // SAFETY: takes two numbers; those that it does not know are refused.
            unsafe {
                libc::mallopt(setting, bytes);
            }
        }
    }
}

/// Bytes of memory that this process has in use for data of its own: not for pages of mapped files, which the system takes back when it
/// needs them. Zero where the system does not say. About a microsecond.
pub fn used_bytes() -> u64 {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| File::open("/proc/self/statm").ok()) else { return 0 };
    let mut text = [0; 128];
    let Ok(count) = file.read_at(&mut text, 0) else { return 0 };
    let text = String::from_utf8_lossy(&text[..count]);
    // Sizes in pages: all that is mapped, what of it is in memory, what of that is of files.
    let mut fields = text.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0u64));
    let (resident, of_files) = (fields.next().unwrap_or(0), fields.next().unwrap_or(0));
    resident.saturating_sub(of_files).saturating_mul(rustix::param::page_size() as u64)
}

fn read(path: &str) -> Option<String> {
    let bytes = external::read_all(Path::new(path), 1 << 16).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_memory() {
        assert!(memory_bytes() >= 1 << 20);
        assert!(peak_memory_bytes().is_none_or(|peak| (1 << 20..memory_bytes()).contains(&peak)));
    }

    #[test]
    fn what_is_taken_is_seen() {
        let before = used_bytes();
        let taken = vec![1u8; 256 << 20];
        let after = used_bytes();
        assert!(after > before + (128 << 20), "{before} {after} {}", taken.len());
    }
}
