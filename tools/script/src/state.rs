//! What a running script's calls can find out about it.
#![expect(unsafe_code, reason = "deriving starlark's marker of static types implements an unsafe trait")]

use pilaster::base::{Error, ErrorKind};
use pilaster::engine::formula::QueryScope;
use starlark::values::ProvidesStaticType;
use std::time::{Duration, Instant};

/// What calls find out about the script that makes them.
#[derive(Debug, ProvidesStaticType)]
pub(crate) struct RunState {
    pub(crate) file_name: String,
    /// The translated text, blank but for the top-level functions.
    pub(crate) functions: String,
    pub(crate) base: QueryScope,
    pub(crate) stop: Stop,
}

/// When to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    interrupted: fn() -> bool,
    until: Option<Instant>,
}

impl Stop {
    /// Stops when `interrupted` says so, or after a time.
    pub(crate) fn new(interrupted: fn() -> bool, deadline: Option<Duration>) -> Self {
        Stop { interrupted, until: deadline.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// True once the user or the deadline wants the script to end.
    pub(crate) fn is_wanted(&self) -> bool {
        (self.interrupted)() || self.is_late()
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Why it is wanted.
    pub(crate) fn error(&self) -> Error {
        Error::new(ErrorKind::Cancelled, if self.is_late() { "the script ran out of time" } else { "interrupted" })
    }
}
