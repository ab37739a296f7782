//! What the machine grants this process.

use super::external;
use std::path::Path;

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
}
