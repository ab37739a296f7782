//! What the command line says.

use pilaster_fuzz::{TARGETS, Target, target};
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
pilaster-fuzz TARGET|all [--runs N] [--seconds S] [--seed S] [--corpus DIR] [--failures DIR] [--grow | --minimise]
pilaster-fuzz TARGET FILE

  --runs N        inputs to run (default 100000)
  --seconds S     stop after that time
  --seed S        for other mutations than the last time (default 1)
  --corpus DIR    holds a directory a target (default testdata/fuzz)
  --failures DIR  where inputs go that failed (default target/fuzz-failures)
  --timeout-ms N  an input that takes longer has failed (default 5000)
  --grow          keep inputs that reach new code in the corpus; needs a guided build
  --minimise      keep only what of the corpus is needed to reach the same code; needs a guided build
  FILE            runs this input and no other";

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub targets: Vec<&'static Target>,
    pub runs: u64,
    pub seconds: Option<u64>,
    pub seed: u64,
    pub corpus: PathBuf,
    pub failures: PathBuf,
    pub timeout_ms: u64,
    pub grow: bool,
    pub minimise: bool,
    pub file: Option<PathBuf>,
    /// Set by the supervisor for its child.
    pub is_worker: bool,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            targets: Vec::new(),
            runs: 100_000,
            seconds: None,
            seed: 1,
            corpus: "testdata/fuzz".into(),
            failures: "target/fuzz-failures".into(),
            timeout_ms: 5_000,
            grow: false,
            minimise: false,
            file: None,
            is_worker: false,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            let number =
                |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is no number"));
            match argument.as_str() {
                "--runs" => options.runs = number(value()?)?,
                "--seconds" => options.seconds = Some(number(value()?)?),
                "--seed" => options.seed = number(value()?)?,
                "--timeout-ms" => options.timeout_ms = number(value()?)?,
                "--corpus" => options.corpus = value()?.into(),
                "--failures" => options.failures = value()?.into(),
                "--grow" => options.grow = true,
                "--minimise" => options.minimise = true,
                "--worker" => options.is_worker = true,
                "all" => options.targets = TARGETS.iter().collect(),
                name => match target(name) {
                    Some(target) => options.targets.push(target),
                    None if options.targets.len() == 1 && !name.starts_with('-') => options.file = Some(name.into()),
                    None => {
                        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                        return Err(format!("there is no target {name}; the targets are {}", names.join(", ")));
                    }
                },
            }
        }
        if options.targets.is_empty() {
            return Err("which target?".into());
        }
        Ok(options)
    }

    /// As arguments for a worker of one target.
    pub(crate) fn worker_arguments(&self, target: &Target, runs: u64, seconds: Option<u64>, seed: u64) -> Vec<String> {
        let text = |path: &PathBuf| path.display().to_string();
        let mut arguments = vec![
            target.name.to_string(),
            "--worker".into(),
            format!("--runs={runs}"),
            format!("--seed={seed}"),
            format!("--corpus={}", text(&self.corpus)),
            format!("--failures={}", text(&self.failures)),
            format!("--timeout-ms={}", self.timeout_ms),
        ];
        arguments.extend(seconds.map(|seconds| format!("--seconds={seconds}")));
        arguments.extend(self.grow.then(|| "--grow".into()));
        let mut split = Vec::with_capacity(arguments.len() * 2);
        for argument in arguments {
            match argument.split_once('=') {
                Some((name, value)) => split.extend([name.to_string(), value.to_string()]),
                None => split.push(argument),
            }
        }
        split
    }
}
