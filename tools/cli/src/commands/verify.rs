//! `pilaster verify`.

use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Listing, Outcome, counted, human_bytes};
use crate::progress::Progress;
use clap::Args;
use pilaster::io::interrupt;
use pilaster::storage::check::{self, Found, Problem, Scope, VerifyOptions};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check every checksum and every rule of files below a root
///
/// Looks at a whole root, a part of it or a copied location: checksums, sizes, codes, symbol tables, zone maps, groups, sort order, published
/// versions, schemas, and what was left over. Writes nothing; may run while rows are appended and partitions merged. Exits with 1 if something is damaged.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster verify --namespace LearnDeephaven --table StockQuotes\n  pilaster verify /backup/root/historical/LearnDeephaven --format json"
)]
pub(crate) struct Verify {
    #[command(flatten)]
    place: Place,
    /// Threads to use; one a core if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Which part of a root is looked at.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// A root, or a directory below one; the root that is named if not given
    path: Option<PathBuf>,
    /// Only tables of this namespace
    #[arg(long, value_name = "NAME", conflicts_with = "path")]
    namespace: Option<String>,
    /// Only this table
    #[arg(long, value_name = "NAME", requires = "namespace")]
    table: Option<String>,
    /// Only this column partition
    #[arg(long, value_name = "VALUE", conflicts_with = "path")]
    partition: Option<String>,
}

impl Place {
    /// What is meant; it can be changed only if `writable`.
    pub(crate) fn find(&self, context: &Context, writable: bool) -> Result<Found, Failure> {
        if let Some(path) = &self.path {
            return context.find(path, writable);
        }
        let top = context.root()?.display();
        let mut found = check::find(&top, writable)?;
        if let Found::InRoot { scope, .. } = &mut found {
            *scope = Some(Scope {
                namespace: self.namespace.clone(),
                table: self.table.clone(),
                column_partition: self.partition.clone(),
                ..Scope::default()
            });
        }
        Ok(found)
    }
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let found = self.place.find(context, false)?;
        let bar = Progress::start(context.quiet(), "verifying", Some(0));
        let report = found.verify(VerifyOptions { threads: self.threads }, &|done, total| {
            bar.phase("", done, total);
            interrupt::check()
        })?;
        drop(bar);
        let (figures, damage, strays) = (report.figures, report.damage_count(), report.stray_count());
        if context.format() == Format::Json {
            let outcome = Outcome::default()
                .with("locations", figures.locations)
                .with("files", figures.files)
                .with("bytes", figures.bytes)
                .with("rows", figures.rows)
                .with("values", figures.values)
                .with("seconds", report.seconds)
                .with("errors", damage)
                .with("strays", strays)
                .with("problems", report.problems.iter().map(as_json).collect::<Vec<_>>());
            context.print_outcome(&outcome, "")?;
        } else if !report.problems.is_empty() || context.format() == Format::Csv {
            context.print(&problem_listing(&report.problems))?;
        }
        if context.format() != Format::Json {
            let rate = human_bytes((figures.bytes as f64 / report.seconds.max(1e-6)) as u64);
            context.say(&format!(
                "verified {} in {} and {} ({}) in {:.2} s, {rate}/s: {}, {}",
                counted(figures.values, "value"),
                counted(figures.locations, "location"),
                counted(figures.files, "file"),
                human_bytes(figures.bytes),
                report.seconds,
                if damage == 0 { "no damage".to_string() } else { counted(damage, "damage") + " found" },
                if strays == 0 { "nothing left over".to_string() } else { counted(strays, "stray") },
            ));
        }
        if damage > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}

/// Problems as people and programs read them.
fn problem_listing(problems: &[Problem]) -> Listing {
    let mut listing = Listing::new(&["severity", "path", "offset", "problem", "hint"]);
    for problem in problems {
        let offset = problem.offset.map_or(Value::Null, Value::from);
        let path = problem.path.to_string_lossy();
        listing.row([json!(problem.severity.name()), json!(path), offset, json!(problem.what), json!(problem.hint)]);
    }
    listing
}

fn as_json(problem: &Problem) -> Value {
    json!({
        "severity": problem.severity.name(),
        "path": problem.path.to_string_lossy(),
        "offset": problem.offset,
        "problem": problem.what,
        "hint": problem.hint,
    })
}
