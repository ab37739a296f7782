//! The built `pilaster` as users and scripts run it.
#![expect(clippy::disallowed_methods, reason = "looks at what the command left on disk")]

mod append_tail;
mod appends;
mod bad_input;
mod checks;
mod every_type;
mod follow;
mod formats;
mod help;
mod hostile;
mod hostile_parquet;
mod imports;
mod interrupted;
mod large_merge;
mod listings;
mod merges;
mod pruning;
mod real_data;
mod run;
mod schemas;
mod strange;
mod validate;
