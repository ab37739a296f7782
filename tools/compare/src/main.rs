//! `pilaster-bench`: a day of quotes and trades, imported, merged, queried and appended, each timed.
//!
//! It speaks the interface that a driver of several databases calls: `pilaster-bench PHASE --data DIR --store DIR …`, one line of
//! JSON after an `@` a result. `README.md` beside it says what the driver gives and gets.
//!
//! **Invariant:** whatever is timed goes through the library as a user's program would call it; nothing is kept from one run of a task to the next
//! but what an open database keeps.

mod append;
mod build;
mod day;
mod parts;
mod query;
mod report;

use clap::{Parser, ValueEnum};
use pilaster::base::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Time the work of a day of market data on Pilaster
#[derive(Parser, Debug)]
pub(crate) struct Arguments {
    /// What to do
    phase: Phase,
    /// The day: quotes.csv, trades.csv, meta.json, positions.npy
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the stores go
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Many small partitions, as CSV or Parquet directories named Date=…
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// Threads to use
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Timed runs of each task, after the first
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// Tasks, separated by commas; all of the phase if not given
    #[arg(long, default_value = "")]
    tasks: String,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// CSV to intraday storage
    Ingest,
    /// Intraday storage to history
    Merge,
    /// The queries, warm
    Query,
    /// The queries, nothing cached
    Cold,
    /// Many small partitions: import and merge
    PartsBuild,
    /// Many small partitions: open
    PartsOpen,
    /// Batches appended and seen by a reader
    Append,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global() {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    match arguments.phase {
        Phase::Ingest => build::ingest(arguments),
        Phase::Merge => build::merge(arguments),
        Phase::Query => {
            // As the command `query` does.
            pilaster::io::machine::keep_freed_memory();
            query::warm(arguments)
        }
        Phase::Cold => query::cold(arguments),
        Phase::PartsBuild => parts::build(arguments),
        Phase::PartsOpen => parts::open(arguments),
        Phase::Append => append::run(arguments),
    }
}
