//! The command `pilaster-fuzz`: runs a target over mutations of its corpus, in a process of its own that may die of it.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "reads and writes corpora, not data")]

mod options;
mod supervisor;
mod worker;

use options::Options;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: pilaster_fuzz::allocation::CountingAllocator = pilaster_fuzz::allocation::CountingAllocator;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let failures = match (options.is_worker, options.minimise) {
        (true, _) => worker::run(&options),
        (false, true) => worker::minimise(&options),
        (false, false) => supervisor::run(&options),
    };
    match failures {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
