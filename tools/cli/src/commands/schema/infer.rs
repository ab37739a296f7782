//! `pilaster schema infer`.

use crate::args::Format;
use crate::commands::csv_flags::CsvFlags;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use crate::progress::Progress;
use clap::Args;
use pilaster::base::Error;
use pilaster::io::{external, interrupt};
use pilaster::storage::import::{CsvInput, CsvOptions, propose_csv};
use pilaster::storage::schema::kind_name;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Propose a schema from files
///
/// Looks through the whole of the CSV files and prints a schema as TOML whose comments say why each choice was made, or a listing with --format csv or
/// json.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster schema infer --namespace Market --table Quotes quotes.csv.gz -o Quotes.toml")]
pub(crate) struct Infer {
    /// Files with the same columns; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The namespace of the table to be
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The name of the table to be
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Write the schema here; an existing file is not replaced
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Look at about so many records of each file only
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    #[command(flatten)]
    text: CsvFlags,
}

impl Infer {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut options = CsvOptions::default();
        self.text.apply(&mut options)?;
        if let Some(path) = self.output.as_ref().filter(|path| path.is_file()) {
            let message = format!("{} exists already", path.display());
            return Err(Error::invalid(message).hint("choose another name, or remove it").into());
        }
        let mut inputs: Vec<CsvInput> = Vec::new();
        for file in &self.files {
            inputs.push(external::open(file)?.into());
        }
        let bar = Progress::start(context.quiet(), "reading", None);
        let mut tick = || {
            bar.tick();
            interrupt::check()
        };
        let proposal = propose_csv(&self.namespace, &self.table, inputs, &options, self.rows, &mut tick)?;
        drop(bar);
        if let Some(path) = &self.output {
            let mut output = external::create(path)?;
            output.write_all(proposal.to_toml().as_bytes())?;
            output.finish()?;
            context.say(&format!("wrote {}; `pilaster schema deploy` deploys it", path.display()));
            return Ok(());
        }
        if context.format() == Format::Table {
            std::io::stdout().lock().write_all(proposal.to_toml().as_bytes())?;
            return Ok(());
        }
        let mut listing = Listing::new(&["namespace", "table", "column", "type", "kind", "reason"]);
        for (column, reason) in proposal.schema.columns.iter().zip(&proposal.reasons) {
            listing.row([
                json!(proposal.schema.namespace),
                json!(proposal.schema.table),
                json!(column.name),
                json!(column.column_type.name()),
                json!(kind_name(column.kind)),
                json!(reason.replace('\n', " ")),
            ]);
        }
        context.print(&listing)
    }
}
