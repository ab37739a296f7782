//! The built `pilaster` as users and scripts run it.
#![expect(clippy::disallowed_methods, reason = "looks at what the command left on disk")]

mod bad_input;
mod help;
mod listings;
mod real_data;
mod run;
