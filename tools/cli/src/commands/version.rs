//! `pilaster version`.

use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Outcome;
use clap::Args;
use pilaster::storage::root;
use std::io::Write;

/// Print the version of the program and of the formats it reads
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster version --format json")]
pub(crate) struct Version;

impl Version {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let version = env!("CARGO_PKG_VERSION");
        let mut out = std::io::stdout().lock();
        if context.format() == Format::Table {
            writeln!(out, "pilaster {version} (root format {})", root::FORMAT_VERSION)?;
            return Ok(());
        }
        let outcome = Outcome::default().with("version", version).with("root_format_version", root::FORMAT_VERSION);
        outcome.print(context.format(), &mut out)
    }
}
