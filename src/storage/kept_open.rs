//! Locations that stay open between the queries of one session, so that the next query finds files mapped, blocks verified and indices read.
//!
//! **Invariant:** a kept location is handed out only while it is current, or to be taken as the version before the current one, which
//! is asked anew every time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many locations are kept, each of which costs a file descriptor, its mapped files and its symbol tables.
const KEPT_LOCATIONS: usize = 64;

/// The locations of one kind that a session opened last, at most 64.
///
/// They hold the versions that they belong to: what was replaced or removed meanwhile is let go once the session looks at the table again,
/// opened many others, or ended.
#[derive(Debug)]
pub struct KeptOpen<L> {
    /// The one used last at the end.
    kept: Mutex<Vec<Arc<L>>>,
}

impl<L> Default for KeptOpen<L> {
    fn default() -> Self {
        KeptOpen { kept: Mutex::default() }
    }
}

impl<L> KeptOpen<L> {
    /// The location used last of those that are meant.
    pub(super) fn find(&self, is_meant: impl Fn(&L) -> bool) -> Option<Arc<L>> {
        self.lock().iter().rfind(|location| is_meant(location)).cloned()
    }

    /// Lets go of some.
    pub(super) fn let_go(&self, of: impl Fn(&L) -> bool) {
        let gone: Vec<Arc<L>> = self.lock().extract_if(.., |location| of(location)).collect();
        // Closing files needs no lock.
        drop(gone);
    }

    /// Keeps a location open, in place of those that it replaces and of the one that was used longest ago.
    pub(super) fn keep(&self, location: &Arc<L>, replaces: impl Fn(&L) -> bool) {
        let mut kept = self.lock();
        let mut gone: Vec<Arc<L>> =
            kept.extract_if(.., |other| Arc::ptr_eq(other, location) || replaces(other)).collect();
        kept.push(location.clone());
        if kept.len() > KEPT_LOCATIONS {
            gone.push(kept.remove(0));
        }
        drop(kept);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<L>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
