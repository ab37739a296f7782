//! Intraday locations: directories that one writer appends rows to and any number of readers follow.
//!
//! Writer: [`IntradayWriter`], or [`GroupWriter`] for batches over several column partitions;
//! either in a [`BackgroundSync`] where rows shall become durable in time also while no further one comes. Reader: [`IntradayHandle`] and [`IntradayLocation`]. Layout: [`crate::format::commit`] and the specification
//! in [`crate::format`].
//!
//! **Invariants:** readers see whole commits only. Nothing below a committed size changes while somebody can read it; what lies beyond is
//! nobody's and is overwritten by the next append. Reading repairs nothing: it works on a read-only mount, as often as one likes. After
//! a failed write or sync a writer does nothing more.

mod append_file;
mod background_sync;
mod block_bounds;
mod block_file;
mod column_writer;
mod group;
mod identity;
mod items;
mod journal;
mod location;
mod recovery;
mod region;
mod remove;
mod renew;
mod symbol_writer;
mod sync_files;
mod tails;
mod verify;
mod writer;

pub use background_sync::{BackgroundSync, RowWriter};
pub(in crate::storage) use group::settle_published;
pub use group::{GROUP_LOCK, GroupWriter, open_together};
pub(crate) use group::{GroupSession, GroupView, each, look_together, sweep_group};
pub(in crate::storage) use identity::took_place;
pub use location::{IntradayHandle, IntradayLocation};
pub use recovery::Rejection;
pub use region::IntradayRegion;
pub(crate) use remove::sweep_removed;
pub use remove::{remove_location, remove_location_if};
pub(in crate::storage) use renew::{Readable, copy_rows, readable, renew};
pub(in crate::storage) use verify::{verify_group, verify_location};
pub(crate) use writer::carry_group;
pub use writer::{Commit, Durability, IntradayWriter, WriterOptions};

#[cfg(target_endian = "big")]
compile_error!("intraday files are little-endian and are mapped as they are");

/// The file whose lock makes a writer the only one.
pub const LOCK_FILE: &str = "writer.lock";

#[cfg(test)]
mod tests;
