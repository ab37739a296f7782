//! `pilaster schema from-deephaven`.

use super::read_text;
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::Error;
use pilaster::io::external;
use pilaster::session::key_formula;
use pilaster::storage::schema::{Proposal, from_deephaven};
use std::io::Write;
use std::path::PathBuf;

/// Turn Deephaven's schema files into ours
///
/// Reads XML as Deephaven keeps it: columns, types, partitioning, grouping, symbol tables, and import sources for CSV and JSON. What has no counterpart is said in comments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pilaster schema from-deephaven Market.Quotes.schema > Quotes.toml
  pilaster schema from-deephaven *.schema --directory schemas && pilaster schema deploy schemas/*.toml")]
pub(crate) struct FromDeephaven {
    /// Files of Deephaven's; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write each schema to NAMESPACE.TABLE.toml in this directory, which exists; existing files are not replaced
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl FromDeephaven {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut proposals = Vec::new();
        for file in &self.files {
            for file in external::expand(file)? {
                let mut proposal = from_deephaven(&read_text(&file)?, &file)?;
                leave_out_unknown(&mut proposal);
                proposals.push(proposal);
            }
        }
        for proposal in proposals {
            let text = proposal.to_toml().replacen(
                "# Proposed from data. Look it through",
                "# From a schema of Deephaven's. Look it through",
                1,
            );
            let Some(directory) = &self.directory else {
                std::io::stdout().lock().write_all(text.as_bytes())?;
                continue;
            };
            let path = directory.join(format!("{}.toml", proposal.schema.full_name()));
            if path.is_file() {
                return Err(Error::invalid("it exists already")
                    .at_path(&path)
                    .hint("choose another directory, or remove it")
                    .into());
            }
            let mut output = external::create(&path)?;
            output.write_all(text.as_bytes())?;
            output.finish()?;
            context.say(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}

/// Turns a key formula that cannot be computed here into a remark.
fn leave_out_unknown(proposal: &mut Proposal) {
    let Err(error) = key_formula::check(&proposal.schema) else { return };
    let Some(formula) = proposal.schema.key_formula.take() else { return };
    let remark = format!(
        "Its rows were spread over historical partitions by the formula {formula}, which is not understood here ({}). Merges spread whole groups evenly, unless key_formula says otherwise.",
        error.message()
    );
    match proposal.reasons.first_mut() {
        Some(first) if !first.is_empty() => *first = format!("{remark}\n{first}"),
        Some(first) => *first = remark,
        None => {}
    }
}
