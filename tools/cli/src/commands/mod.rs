//! The verbs, one file each: options, one call of the library, printing.

mod append;
mod catalog;
mod completions;
mod demo;
mod durability;
mod export;
mod import;
mod init;
mod inspect;
mod merge;
mod oracle_runner;
mod query;
mod repair;
mod schema;
mod script;
mod tail;
mod text_flags;
mod validate;
mod verify;
mod version;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    #[command(subcommand)]
    Schema(schema::Schema),
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    #[command(subcommand)]
    Import(Box<import::Import>),
    Append(append::Append),
    Tail(tail::Tail),
    Merge(merge::Merge),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Repair(repair::Repair),
    Validate(validate::Validate),
    Query(query::Query),
    Export(export::Export),
    Demo(demo::Demo),
    #[command(hide = true)]
    OracleRunner(oracle_runner::OracleRunner),
    Completions(completions::Completions),
    Version(version::Version),
}

/// Runs a verb.
pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    if !matches!(command, Command::Query(_) | Command::Tail(_)) {
        context.check_format();
    }
    match command {
        Command::Init(verb) => verb.run(context),
        Command::Schema(noun) => noun.run(context),
        Command::Catalog(noun) => noun.run(context),
        Command::Import(noun) => noun.run(context),
        Command::Append(verb) => verb.run(context),
        Command::Tail(verb) => verb.run(context),
        Command::Merge(verb) => verb.run(context),
        Command::Inspect(verb) => verb.run(context),
        Command::Verify(verb) => verb.run(context),
        Command::Repair(verb) => verb.run(context),
        Command::Validate(verb) => verb.run(context),
        Command::Query(verb) => verb.run(context),
        Command::Export(verb) => verb.run(context),
        Command::Demo(verb) => verb.run(context),
        Command::OracleRunner(verb) => verb.run(context),
        Command::Completions(verb) => verb.run(context),
        Command::Version(verb) => verb.run(context),
    }
}
