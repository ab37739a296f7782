//! The `pilaster` command: parses arguments, makes one call of the library, prints what came back.
//!
//! Data goes to standard output, talk and progress to standard error. The exit code is 0 for success, 1 where the work failed and 2 where
//! the arguments are wrong. A reader that closes the pipe early is success. `README.md` beside this package is the whole contract.

mod args;
mod commands;
mod context;
mod failure;
mod output;
mod progress;
mod size;

use args::Arguments;
use clap::Parser;
use context::Context;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(arguments.global);
    let done = pilaster::io::interrupt::install()
        .map_err(Failure::from)
        .and_then(|()| commands::run(arguments.command, &context));
    match done {
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}
