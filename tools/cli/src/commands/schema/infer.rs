//! `pilaster schema infer`.

use crate::args::Format;
use crate::commands::text_flags::CsvFlags;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use crate::progress::Progress;
use clap::Args;
use pilaster::base::{Error, Result};
use pilaster::io::{external, interrupt};
use pilaster::storage::import::{CsvInput, CsvOptions, propose_csv, propose_json};
use pilaster::storage::schema::{ImportFormat, kind_name};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Propose a schema from files
///
/// Looks through the whole of the files and prints a schema as TOML whose comments say why each choice was made, or a listing with --format csv or
/// json.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster schema infer --namespace Market --table Quotes quotes.csv.gz -o Quotes.toml")]
pub(crate) struct Infer {
    /// Files with the same columns; - is standard input. What they are is told by their names: .jsonl, .ndjson and .json, .parquet, .arrow and .feather, else delimited text
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
    /// The format of the files: csv, json, parquet or arrow
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    input_format: Option<ImportFormat>,
    /// Look at about so many records of each file only
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    #[command(flatten)]
    text: CsvFlags,
}

impl Infer {
    pub(crate) fn run(self, context: &Context) -> std::result::Result<(), Failure> {
        let mut options = CsvOptions::default();
        self.text.apply(&mut options)?;
        options.detect = self.text.detect();
        if let Some(path) = self.output.as_ref().filter(|path| path.is_file()) {
            let message = format!("{} exists already", path.display());
            return Err(Error::invalid(message).hint("choose another name, or remove it").into());
        }
        let mut files = Vec::new();
        for file in &self.files {
            files.extend(external::expand(file)?);
        }
        let format = self.input_format.unwrap_or_else(|| format_of(&files[0]));
        let bar = Progress::start(context.quiet(), "reading", None);
        let mut tick = || {
            bar.tick();
            interrupt::check()
        };
        let mut inputs: Vec<CsvInput> = Vec::new();
        if matches!(format, ImportFormat::Csv | ImportFormat::Json) {
            for file in &files {
                inputs.push(external::open(file)?.into());
            }
        }
        let (namespace, table, rows) = (self.namespace.as_str(), self.table.as_str(), self.rows);
        let proposal = match format {
            ImportFormat::Csv => propose_csv(namespace, table, inputs, &options, rows, &mut tick)?,
            ImportFormat::Json => {
                let mut options = CsvOptions::json();
                self.text.apply_to_json(&mut options)?;
                propose_json(namespace, table, inputs, &options, rows, &mut tick)?
            }
            binary => pilaster_formats::propose(binary, namespace, table, &files, rows, &mut tick)?,
        };
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

/// What a file is by its name, endings of packed files left out.
fn format_of(path: &Path) -> ImportFormat {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = [".gz", ".zst", ".zip"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    match name.rsplit('.').next() {
        Some("jsonl" | "ndjson" | "json") => ImportFormat::Json,
        Some("parquet") => ImportFormat::Parquet,
        Some("arrow" | "arrows" | "feather" | "ipc") => ImportFormat::Arrow,
        _ => ImportFormat::Csv,
    }
}

fn parse_format(text: &str) -> Result<ImportFormat> {
    ImportFormat::from_name(text).ok_or_else(|| Error::invalid("the formats are csv, json, parquet and arrow"))
}
