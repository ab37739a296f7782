//! Runs each target in a child, again after a child that died, and adds up.

use crate::options::Options;
use pilaster::io::clock::Stopwatch;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Children that may die of one target before it is given up.
const DEATHS_MAX: u64 = 20;

/// How many inputs failed.
pub(crate) fn run(options: &Options) -> Result<u64, String> {
    let mut failures = 0;
    for target in &options.targets {
        if let Some(file) = &options.file {
            let input = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            (target.run)(&input);
            println!("{}: {} holds", target.name, file.display());
            continue;
        }
        let (mut runs, mut failed, mut deaths, mut seed) = (0, 0, 0, options.seed);
        let (mut corpus, mut reached) = (0, 0);
        let watch = Stopwatch::start();
        while runs < options.runs && deaths < DEATHS_MAX {
            let left = options.seconds.map(|seconds| seconds.saturating_sub(watch.elapsed_seconds() as u64));
            if left == Some(0) {
                break;
            }
            let arguments = options.worker_arguments(target, options.runs - runs, left, seed);
            let program = std::env::current_exe().map_err(|error| error.to_string())?;
            let child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn();
            let mut child = child.map_err(|error| error.to_string())?;
            let output = child.stdout.take().ok_or("no output")?;
            let mut last = [0; 4];
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
                last = numbers.try_into().unwrap_or(last);
            }
            runs += last[0];
            failed += last[1];
            (corpus, reached) = (last[2], last[3]);
            let status = child.wait().map_err(|error| error.to_string())?;
            if status.success() || status.code() == Some(1) {
                break;
            }
            // Killed by a signal, or stopped by its watchdog, which has told why.
            deaths += 1;
            failed += 1;
            runs += 1;
            seed = seed.wrapping_add(1_000_003);
            if status.code().is_none() {
                let current = crate::worker::current_file(options, target);
                let saved = options.failures.join(format!("{}-died-{seed}", target.name));
                let _ = std::fs::rename(&current, &saved);
                eprintln!("{}: {status}, input in {}", target.name, saved.display());
            }
        }
        let seconds = watch.elapsed_seconds();
        let rate = runs as f64 / seconds.max(0.001);
        println!(
            "{}: {runs} executions in {seconds:.0} s ({rate:.0}/s), {failed} failures, corpus {corpus}, reached {reached}",
            target.name
        );
        failures += failed;
    }
    Ok(failures)
}
