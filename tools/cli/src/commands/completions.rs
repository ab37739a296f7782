//! `pilaster completions`.

use crate::args::Arguments;
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster completions bash > ~/.local/share/bash-completion/completions/pilaster")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, _context: &Context) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "pilaster", &mut script);
        std::io::stdout().lock().write_all(&script)?;
        Ok(())
    }
}
