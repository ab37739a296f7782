//! `pilaster demo`.

mod build;
mod tour;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted, human_bytes};
use clap::Args;
use pilaster::base::{Error, ErrorKind};
use pilaster::io::clock::Stopwatch;
use pilaster::io::{self, FileSystem, OpenMode, RealFileSystem};
use pilaster::session::demo::DemoOptions;
use pilaster::storage::{Root, RootConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the demo goes if nobody says otherwise.
const DIRECTORY: &str = "pilaster-demo";
/// Marks a directory that the demo made, and may make anew.
const MARKER: &str = ".pilaster-demo";

/// Make a root with simulated market data, and query it
///
/// Generates a day of quotes and trades and ten days of closing prices, imports them, merges them into history and runs a tour of
/// queries. A directory that an earlier demo made is made anew; any other that is not empty is refused.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster demo --root ./pilaster-demo --scale 0.1")]
pub(crate) struct Demo {
    /// Everything random comes from it: the same seed and scale give the same data
    #[arg(long, value_name = "N", default_value_t = DemoOptions::default().seed)]
    seed: u64,
    /// Share of the full size, which is some three million quotes
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    scale: f64,
}

impl Demo {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let options = DemoOptions { seed: self.seed, scale: self.scale };
        options.check()?;
        let stopwatch = Stopwatch::start();
        let directory = context.named_root().cloned().unwrap_or_else(|| PathBuf::from(DIRECTORY));
        let root = fresh_root(&directory)?;
        context.say(&format!("making the demo in {}", directory.display()));
        let built = build::build(&root, &directory, &options, context)?;
        tour::run(&root, context)?;
        let seconds = stopwatch.elapsed_seconds();
        context.say(&build::whereabouts(&directory));
        let outcome = Outcome::default()
            .with("root", directory.display().to_string())
            .with("rows", built.rows)
            .with("bytes", built.bytes)
            .with("seconds", seconds)
            .with("partitions", built.partitions)
            .with("errors", 0);
        let sentence = format!(
            "made {} in {} partitions, {} of history, in {seconds:.1} s",
            counted(built.rows, "row"),
            built.partitions,
            human_bytes(built.bytes)
        );
        context.print_outcome(&outcome, &sentence)
    }
}

/// An empty root in a new or empty directory, or in one that an earlier demo made.
fn fresh_root(directory: &Path) -> Result<Arc<Root>, Failure> {
    let fs: Arc<dyn FileSystem> = RealFileSystem::create(directory)?;
    let is_ours = fs.metadata(Path::new(MARKER))?.is_some_and(|marker| !marker.is_dir);
    let entries = fs.list(Path::new(""))?;
    if !is_ours && let Some(entry) = entries.first() {
        let message = format!("{} is not empty and no demo made it: it holds {}", directory.display(), entry.name);
        return Err(Error::new(ErrorKind::AlreadyExists, message).hint("--root DIR names another directory").into());
    }
    for entry in entries.iter().filter(|entry| entry.name != MARKER) {
        io::remove_tree(&*fs, Path::new(&entry.name))?;
    }
    // First of all, so that what a demo left half-made is known as its own.
    drop(fs.open(Path::new(MARKER), OpenMode::Create)?);
    Ok(Arc::new(Root::create_in(fs, RootConfig::new("NY")?)?))
}
