//! Progress on standard error, on a terminal only.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar that counts towards a total, or a spinner where there is none. Invisible unless standard error is a terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

/// Bars of several works that go on at a time, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Bars(MultiProgress);

impl Bars {
    /// Starts a bar below the others.
    pub(crate) fn start(&self, quiet: bool, what: &str, total: Option<u64>) -> Progress {
        let bar = bar(quiet, what, total);
        Progress(if bar.is_hidden() { bar } else { self.0.add(bar) })
    }
}

impl Progress {
    /// Starts one that counts `unit`s; `total` may be unknown.
    pub(crate) fn start(quiet: bool, what: &str, total: Option<u64>) -> Self {
        Progress(bar(quiet, what, total))
    }

    /// Shows that the work goes on.
    pub(crate) fn tick(&self) {
        self.0.tick();
    }

    /// How far a phase of the work is.
    pub(crate) fn phase(&self, name: &'static str, done: u64, total: u64) {
        // A rate is one of values of this phase.
        if self.0.prefix() != name {
            self.0.set_prefix(name);
            self.0.set_position(0);
            self.0.reset_eta();
        }
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(quiet: bool, what: &str, total: Option<u64>) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{msg} {prefix} {wide_bar} {percent:>3}% {elapsed}, {eta} left, {per_sec}")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_string());
    bar
}
