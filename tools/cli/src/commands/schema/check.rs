//! `pilaster schema check`.

use super::read_text;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Listing, counted};
use clap::Args;
use pilaster::session::key_formula;
use pilaster::storage::schema;
use serde_json::json;
use std::path::PathBuf;

/// Find every problem of schema files
///
/// Lists the problems with their places; exits with 1 if there are any.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster schema check schemas/LearnDeephaven/*.toml")]
pub(crate) struct Check {
    /// Schema files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Check {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut listing = Listing::new(&["file", "line", "column", "problem", "hint"]);
        let mut count = 0;
        for file in &self.files {
            for problem in schema::check_with(&read_text(file)?, &key_formula::check) {
                count += 1;
                let file = file.display().to_string();
                listing.row([
                    json!(file),
                    json!(problem.line),
                    json!(problem.column),
                    json!(problem.message),
                    json!(problem.hint),
                ]);
            }
        }
        let files = counted(self.files.len() as u64, "file");
        if count == 0 && context.format() == crate::args::Format::Table {
            context.say(&format!("no problems in {files}"));
            return Ok(());
        }
        context.print(&listing)?;
        if count == 0 {
            return Ok(());
        }
        context.say(&format!("{} in {files}", counted(count, "problem")));
        Err(Failure::Told)
    }
}
