//! The command line's shape: global options and the verbs.

use crate::commands::Command;
use clap::{Args, Parser, ValueEnum};
use std::path::PathBuf;

/// A columnar store with a partition catalog for time series, and the query engine that reads it live.
#[derive(Debug, Parser)]
#[command(
    name = "pilaster",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Example:\n  pilaster init trades && cd trades && pilaster schema deploy ../schemas/LearnDeephaven/StockTrades.toml"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every verb.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    /// The root directory; the current directory if that is one
    #[arg(long, global = true, env = "PILASTER_ROOT", value_name = "DIR", hide_env_values = true)]
    pub(crate) root: Option<PathBuf>,
    /// How results are printed; table if not given
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// Comma-separated with a header
    Csv,
    /// One array of objects, or one object for verbs that work
    Json,
    /// One object a line; query and export only
    Jsonl,
    /// Apache Parquet; query and export only
    Parquet,
    /// Arrow IPC, a file; query and export only
    Arrow,
    /// Arrow IPC, a stream; query and export only
    ArrowStream,
}
