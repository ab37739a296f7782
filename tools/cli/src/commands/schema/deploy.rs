//! `pilaster schema deploy`.

use super::read_text;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use pilaster::base::Error;
use pilaster::session::key_formula;
use pilaster::storage::TableSchema;
use pilaster::storage::schema::{self, DeployOptions};
use serde_json::json;
use std::path::PathBuf;

/// Make schemas the definitions of their tables
///
/// All files are checked before the first is deployed. Where there are stored rows, nothing of them is rewritten, and what becomes of their columns is listed: added ones are
/// null, renamed ones (renamed_from = ["Old"] in the schema) go on under their new names, wider types (int to long, float to double, …) read what is stored exactly, dropped ones
/// are left unread. A schema that contradicts stored rows is refused: one that makes a type narrower or another one.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster schema deploy schemas/LearnDeephaven/*.toml")]
pub(crate) struct Deploy {
    /// Schema files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Deploy also what contradicts stored data
    #[arg(long)]
    force: bool,
    /// List what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Deploy {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let root = context.root()?;
        let mut schemas = Vec::new();
        for file in &self.files {
            let text = read_text(file)?;
            let schema = TableSchema::from_toml_with(&text, file, &key_formula::check)?;
            if schemas.iter().any(|(_, _, other): &(_, _, TableSchema)| other.full_name() == schema.full_name()) {
                let message = format!("{} is defined by two of the files", schema.full_name());
                return Err(Error::invalid(message).at_path(file).into());
            }
            schemas.push((file, text, schema));
        }
        let mut listing = Listing::new(&["namespace", "table", "result", "changes"]);
        for (file, text, schema) in &schemas {
            let options = DeployOptions { force: self.force, dry_run: self.dry_run };
            let deployed = schema::deploy_with(&**root.fs(), text, file, options)?;
            listing.row([
                json!(schema.namespace),
                json!(schema.table),
                json!(deployed.outcome.name()),
                json!(deployed.changes),
            ]);
        }
        context.print(&listing)
    }
}
