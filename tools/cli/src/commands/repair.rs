//! `pilaster repair`.

use super::verify::Place;
use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Listing, Outcome, counted};
use crate::progress::Progress;
use clap::Args;
use pilaster::base::Error;
use pilaster::io::interrupt;
use pilaster::storage::check::{self, Action, Found, RepairOptions, Salvage};
use serde_json::{Value, json};

/// Say what can be done about damage and what was left over, and with --force do it
///
/// Verifies first. Without --force nothing changes. What a repair takes away it moves to quarantine/TIME below the root, with a manifest; it
/// destroys nothing, and leaves alone what a writer, a merge or a reader has in use. Exits with 1 while damage is left.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster repair --namespace LearnDeephaven --table StockQuotes\n  pilaster repair --namespace LearnDeephaven --table StockQuotes --force"
)]
pub(crate) struct Repair {
    #[command(flatten)]
    place: Place,
    /// Do it instead of saying what would be done
    #[arg(long)]
    force: bool,
    /// Cut damaged values off: the rows before the damage stay, or the columns that are whole; without it all stay, and what can be read is read
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "rows")]
    salvage: Option<Kept>,
    /// Threads to use; one a core if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// What `--salvage` keeps.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Kept {
    /// Rows of intraday partitions before the first damage in any column
    Rows,
    /// All rows of the columns that are whole, in history too; the others are null from then on
    Columns,
}

impl Repair {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let (root, scope) = match self.place.find(context, self.force)? {
            Found::InRoot { root, scope: Some(scope), .. } => (root, scope),
            Found::InRoot { root, path, .. } => {
                return Err(Error::not_found("it holds no tables").at_path(&root.fs().display(&path)).into());
            }
            Found::Alone { fs, path } => {
                return Err(Error::not_found("it is in no root").at_path(&fs.display(&path)).into());
            }
        };
        let bar = Progress::start(context.quiet(), "verifying", Some(0));
        let salvage = match self.salvage {
            None => Salvage::None,
            Some(Kept::Rows) => Salvage::Rows,
            Some(Kept::Columns) => Salvage::Columns,
        };
        let options = RepairOptions { force: self.force, salvage, threads: self.threads };
        let report = check::repair(&root, &scope, options, &|done, total| {
            bar.phase("", done, total);
            interrupt::check()
        })?;
        drop(bar);
        let done = report.repairs.iter().filter(|repair| repair.done).count() as u64;
        let open =
            report.repairs.iter().filter(|repair| !repair.done && repair.action != Action::Nothing).count() as u64;
        let quarantine = report.quarantine.as_ref().map(|path| path.to_string_lossy().into_owned());
        if context.format() == Format::Json {
            let outcome = Outcome::default()
                .with("forced", self.force)
                .with("repaired", done)
                .with("open", open)
                .with("errors", report.damage_left)
                .with("quarantine", quarantine)
                .with("seconds", report.seconds)
                .with("repairs", report.repairs.iter().map(as_json).collect::<Vec<_>>());
            context.print_outcome(&outcome, "")?;
        } else {
            if !report.repairs.is_empty() || context.format() == Format::Csv {
                context.print(&listing(&report.repairs))?;
            }
            context.say(&match (report.repairs.is_empty(), self.force) {
                (true, _) => "nothing to repair".to_string(),
                (false, false) => format!(
                    "{} can be done with --force; nothing was changed, {} of damage",
                    counted(open, "repair"),
                    counted(report.damage_left, "problem")
                ),
                (false, true) => format!(
                    "{} done, {} left to do, {} of damage left{}",
                    counted(done, "repair"),
                    open,
                    counted(report.damage_left, "problem"),
                    quarantine.map_or(String::new(), |path| format!("; what was taken away is in {path}"))
                ),
            });
        }
        if report.damage_left > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}

/// What a repair's outcome is called.
fn state(repair: &check::Repair) -> &'static str {
    match (repair.done, &repair.error, &repair.action) {
        (true, ..) => "done",
        (false, Some(_), _) => "failed",
        (false, None, Action::Nothing) => "",
        (false, None, _) => "would",
    }
}

fn listing(repairs: &[check::Repair]) -> Listing {
    let mut listing = Listing::new(&["severity", "path", "problem", "action", "state", "note"]);
    for repair in repairs {
        let note = repair.error.as_ref().or(repair.note.as_ref());
        listing.row([
            json!(repair.severity.name()),
            json!(repair.path.to_string_lossy()),
            json!(repair.what),
            json!(repair.action.words()),
            json!(state(repair)),
            json!(note),
        ]);
    }
    listing
}

fn as_json(repair: &check::Repair) -> Value {
    json!({
        "severity": repair.severity.name(),
        "path": repair.path.to_string_lossy(),
        "problem": repair.what,
        "action": repair.action.words(),
        "done": repair.done,
        "note": repair.note,
        "error": repair.error,
    })
}
