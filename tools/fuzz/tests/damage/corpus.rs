//! The corpus: everything that once reached something, or broke something, does no harm.
#![expect(clippy::disallowed_methods, reason = "tests read their own data")]
use pilaster::io::clock::Stopwatch;
use pilaster_fuzz::{ALLOCATION_BYTES_MAX, TARGETS, allocation};
use std::panic::catch_unwind;
use std::path::Path;

/// Every file of `testdata/fuzz/<target>`, every seed, and each of them cut short.
#[test]
fn fault_f22_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fuzz");
    let (mut inputs, mut slowest, mut peak) = (0, (0.0f64, String::new()), 0);
    let mut failures = Vec::new();
    for target in TARGETS {
        let mut all: Vec<(String, Vec<u8>)> =
            (target.seeds)().into_iter().enumerate().map(|(at, seed)| (format!("seed {at}"), seed)).collect();
        let files =
            std::fs::read_dir(corpus.join(target.name)).unwrap_or_else(|error| panic!("{}: {error}", target.name));
        for file in files {
            let path = file.unwrap().path();
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
        assert!(all.len() >= 2, "{} has no corpus", target.name);
        (target.run)(&[]);
        for (name, input) in &all {
            for end in [input.len(), input.len() / 2] {
                allocation::reset_peak();
                let (before, watch) = (allocation::live_bytes(), Stopwatch::start());
                if catch_unwind(|| (target.run)(&input[..end])).is_err() {
                    failures.push(format!("{}: {name} cut to {end}", target.name));
                }
                if watch.elapsed_seconds() > slowest.0 {
                    slowest = (watch.elapsed_seconds(), format!("{} {name}", target.name));
                }
                peak = peak.max(allocation::peak_bytes().saturating_sub(before));
                inputs += 1;
            }
        }
    }
    println!(
        "fault_f22_corpus: {inputs} inputs of {} targets, {} failures, slowest {:.2} s ({}), most memory {} KiB",
        TARGETS.len(),
        failures.len(),
        slowest.0,
        slowest.1,
        peak >> 10
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(peak < ALLOCATION_BYTES_MAX, "{peak} bytes");
}
