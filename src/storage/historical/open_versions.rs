//! Locations that stay open between the queries of one session, so that the next query finds files mapped, blocks verified and indices read.
//!
//! **Invariant:** a kept location is handed out only while its version is the published one, which is asked anew every time.

use super::reader::HistoricalLocation;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many locations are kept, each of which costs a file descriptor, its mapped files and its symbol tables.
const KEPT_LOCATIONS: usize = 64;

/// The locations that a session opened last, at most 64.
///
/// They hold the versions that they belong to: what a merge replaced is removed once the session opened the partition again, opened many
/// others, or ended.
#[derive(Debug, Default)]
pub struct OpenVersions {
    /// The one used last at the end.
    kept: Mutex<Vec<Arc<HistoricalLocation>>>,
}

impl OpenVersions {
    /// A location of a partition that is open in the version that `is_current` accepts. Those of other versions of the partition are let go.
    pub(super) fn find(
        &self,
        table_directory: &Path,
        column_partition: &str,
        is_current: impl Fn(&HistoricalLocation) -> bool,
    ) -> Option<Arc<HistoricalLocation>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stale = Vec::new();
        let mut at = 0;
        while at < kept.len() {
            if kept[at].is_of(table_directory, column_partition) && !is_current(&kept[at]) {
                stale.push(kept.remove(at));
            } else {
                at += 1;
            }
        }
        let found = kept.iter().rfind(|location| location.is_of(table_directory, column_partition)).cloned();
        drop(kept);
        // Closing files needs no lock.
        drop(stale);
        found
    }

    /// Keeps a location open, in place of the one that was used longest ago.
    pub(super) fn keep(&self, location: &Arc<HistoricalLocation>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|other| Arc::ptr_eq(other, location)) {
            kept.remove(at);
        }
        kept.push(location.clone());
        let oldest = (kept.len() > KEPT_LOCATIONS).then(|| kept.remove(0));
        drop(kept);
        drop(oldest);
    }
}
