//! `pilaster import …`.

mod csv;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

/// Files into intraday partitions
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    Csv(csv::Csv),
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Import::Csv(verb) => verb.run(context),
        }
    }
}
