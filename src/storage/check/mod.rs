//! Looking after a root: what its files say ([`inspect()`]), whether all of it holds ([`verify()`]), and what can be done where it does not ([`repair()`]).
//!
//! `find` tells what a path means; `walk` lists what lies below a scope; [`crate::storage::intraday`] and [`crate::storage::historical`] each
//! verify their own locations; `repair` plans from what verifying found, `quarantine` takes away without destroying.
//!
//! **Invariants:** inspecting and verifying write nothing; what a repair takes away is durable in the quarantine before its place is empty.

mod find;
mod inspect;
pub mod quarantine;
pub mod repair;
mod salvage;
mod verify;
mod walk;

pub use super::findings::{Collector, Figures, Guard, Problem, Progress, Severity, Subject};
pub use find::{Found, Scope, find};
pub use inspect::{Inspected, inspect};
pub use repair::{Action, Repair, RepairOptions, RepairReport, Salvage, repair};
pub use verify::{VerifyOptions, VerifyReport, verify, verify_bare};

#[cfg(test)]
mod contradiction_tests;
#[cfg(test)]
mod repair_tests;
#[cfg(test)]
mod tests;
