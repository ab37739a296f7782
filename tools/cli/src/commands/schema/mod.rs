//! `pilaster schema …`.

mod check;
mod deploy;
mod evolve;
mod from_deephaven;
mod infer;
mod list;
mod show;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;
use pilaster::base::limits::SCHEMA_BYTES_MAX;
use pilaster::base::{Error, Result};
use std::path::Path;

/// Table definitions: propose, check, deploy, list, show, change, take over
#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    Infer(infer::Infer),
    Check(check::Check),
    Deploy(deploy::Deploy),
    List(list::List),
    Show(show::Show),
    Evolve(evolve::Evolve),
    FromDeephaven(from_deephaven::FromDeephaven),
}

impl Schema {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Schema::Infer(verb) => verb.run(context),
            Schema::Check(verb) => verb.run(context),
            Schema::Deploy(verb) => verb.run(context),
            Schema::List(verb) => verb.run(context),
            Schema::Show(verb) => verb.run(context),
            Schema::Evolve(verb) => verb.run(context),
            Schema::FromDeephaven(verb) => verb.run(context),
        }
    }
}

/// The text of a schema file of the user.
fn read_text(path: &Path) -> Result<String> {
    let bytes = pilaster::io::external::read_all(path, SCHEMA_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|_| Error::invalid("the schema is not UTF-8").at_path(path))
}
