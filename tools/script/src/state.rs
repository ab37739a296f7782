//! What a running script's calls can find out about it.
#![expect(unsafe_code, reason = "deriving starlark's marker of static types implements an unsafe trait")]

use pilaster::base::{Error, ErrorKind};
use pilaster::engine::QueryLimits;
use pilaster::engine::formula::QueryScope;
use pilaster::io::FileSystem;
use starlark::values::ProvidesStaticType;
use std::sync::Arc;

/// What calls find out about the script that makes them.
#[derive(Debug, ProvidesStaticType)]
pub(crate) struct RunState {
    pub(crate) file_name: String,
    /// The translated text, blank but for the top-level functions.
    pub(crate) functions: String,
    pub(crate) base: QueryScope,
    pub(crate) stop: Stop,
    /// Where files may be written.
    pub(crate) output_directory: Option<Arc<dyn FileSystem>>,
}

/// When to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    interrupted: fn() -> bool,
    limits: Arc<QueryLimits>,
}

impl Stop {
    /// Stops when `interrupted` says so, or when the time of the limits is over.
    pub(crate) fn new(interrupted: fn() -> bool, limits: Arc<QueryLimits>) -> Self {
        Stop { interrupted, limits }
    }

    /// True once the user or the deadline wants the script to end.
    pub(crate) fn is_wanted(&self) -> bool {
        (self.interrupted)() || self.limits.is_late()
    }

    /// Why it is wanted.
    pub(crate) fn error(&self) -> Error {
        Error::new(
            ErrorKind::Cancelled,
            if self.limits.is_late() { "the script ran out of time" } else { "interrupted" },
        )
    }
}
