//! Counts what reading cost, so that pruning can be shown rather than claimed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one database handle; shared by its locations, read by `query --timing`.
#[derive(Debug, Default)]
pub struct ReadStats {
    /// Locations considered after partition pruning.
    pub locations_opened: AtomicU64,
    /// Column and metadata files opened.
    pub files_opened: AtomicU64,
    /// Rows of a column copied or decoded, summed over columns.
    pub values_read: AtomicU64,
    /// Encoded bytes that those rows were read from.
    pub bytes_read: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// See [`ReadStats::locations_opened`].
    pub locations_opened: u64,
    /// See [`ReadStats::files_opened`].
    pub files_opened: u64,
    /// See [`ReadStats::values_read`].
    pub values_read: u64,
    /// See [`ReadStats::bytes_read`].
    pub bytes_read: u64,
}

impl ReadStats {
    /// Adds a read of `values` values from `bytes` bytes.
    pub fn add_read(&self, values: u64, bytes: u64) {
        self.values_read.fetch_add(values, Relaxed);
        self.bytes_read.fetch_add(bytes, Relaxed);
    }

    /// The counters now.
    pub fn counts(&self) -> ReadCounts {
        ReadCounts {
            locations_opened: self.locations_opened.load(Relaxed),
            files_opened: self.files_opened.load(Relaxed),
            values_read: self.values_read.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
        }
    }
}

impl ReadCounts {
    /// What was added since `earlier`.
    pub fn since(self, earlier: ReadCounts) -> ReadCounts {
        ReadCounts {
            locations_opened: self.locations_opened - earlier.locations_opened,
            files_opened: self.files_opened - earlier.files_opened,
            values_read: self.values_read - earlier.values_read,
            bytes_read: self.bytes_read - earlier.bytes_read,
        }
    }
}
