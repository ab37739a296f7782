//! Commits over several locations of one source: visible at one instant, and after a power cut whole or not at all.
//!
//! The group file beside the locations says up to which number such commits are published. A record that carries a higher number does not
//! count yet, and the one before it stays in another slot. Writer: [`GroupWriter`], one a source ([`GroupSession`] holds the lock and writes
//! the group file). Reader: [`GroupView`], one for all locations that are to be seen as of one instant ([`open_together`]). Layout:
//! [`crate::format::group`].
//!
//! **Invariants:** a number is published after every record that carries it was written, durably published after every one of them and what it
//! speaks of was synced. A number is used once. Nobody but the holder of the group's lock continues a location whose last commit over
//! several locations is not durably published or given up; who meets one without a holder settles it first ([`settle`]).

mod parallel;
mod session;
mod together;
mod view;
mod writer;

pub(crate) use together::look_together;
pub use together::open_together;
pub use writer::GroupWriter;

pub(crate) use parallel::each;
pub(in crate::storage) use session::settle_published;
pub(crate) use session::{GroupSession, sweep_group};
pub(super) use session::{confirm, settle};
pub(crate) use view::GroupView;
pub(super) use view::Standing;

/// The file whose lock makes the writer of a group file the only one.
pub const GROUP_LOCK: &str = ".group.lock";
