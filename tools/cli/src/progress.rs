//! Progress on standard error, on a terminal only.

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;

/// A bar that counts towards a total, or a spinner where there is none. Invisible unless standard error is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// The bars that it is one of.
    among: Option<MultiProgress>,
}

/// Bars of several works that go on at a time, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Bars(MultiProgress);

impl Bars {
    /// Starts a bar below the others.
    pub(crate) fn start(&self, quiet: bool, what: &str, total: Option<u64>) -> Progress {
        if is_hidden(quiet) {
            return Progress { bar: ProgressBar::hidden(), among: None };
        }
        // Before it says anything: alone it would draw where the others are.
        let bar = self.0.add(bar(total));
        dress(&bar, what, total);
        Progress { bar, among: Some(self.0.clone()) }
    }
}

impl Progress {
    /// Starts one that counts `unit`s; `total` may be unknown.
    pub(crate) fn start(quiet: bool, what: &str, total: Option<u64>) -> Self {
        if is_hidden(quiet) {
            return Progress { bar: ProgressBar::hidden(), among: None };
        }
        let bar = bar(total);
        dress(&bar, what, total);
        Progress { bar, among: None }
    }

    /// Shows that the work goes on.
    pub(crate) fn tick(&self) {
        self.bar.tick();
    }

    /// How far a phase of the work is.
    pub(crate) fn phase(&self, name: &'static str, done: u64, total: u64) {
        // A rate is one of values of this phase.
        if self.bar.prefix() != name {
            self.bar.set_prefix(name);
            self.bar.set_position(0);
            self.bar.reset_eta();
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(bars) = &self.among {
            bars.remove(&self.bar);
        }
    }
}

fn is_hidden(quiet: bool) -> bool {
    quiet || !std::io::stderr().is_terminal()
}

fn bar(total: Option<u64>) -> ProgressBar {
    // A total of nothing would be shown as reached.
    total.map_or_else(ProgressBar::new_spinner, |total| ProgressBar::new(total.max(1)))
}

/// Gives a bar its looks and its text.
fn dress(bar: &ProgressBar, what: &str, total: Option<u64>) {
    let template = match total {
        Some(_) => "{msg} {prefix} {wide_bar} {percent:>3}% {elapsed}, {eta} left, {rate}",
        None => "{spinner} {msg} {elapsed}",
    };
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        let _ = write!(out, "{}/s", HumanCount(state.per_sec().max(0.0) as u64));
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("rate", rate));
    }
    bar.set_message(what.to_string());
}
