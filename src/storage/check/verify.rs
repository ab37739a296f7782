//! Verifying a scope: every checksum, every rule, on all cores, with memory for a block a thread.

use super::walk::{self, Unit};
use super::{Collector, Figures, Found, Problem, Progress, Scope, Severity};
use crate::base::{Error, Result};
use crate::format::commit::COMMIT_FILE;
use crate::io::FileSystem;
use crate::io::clock::Stopwatch;
use crate::storage::historical::{self, verify_directory};
use crate::storage::intraday::{self, verify_location};
use crate::storage::{LocationKey, Root};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// How verifying works.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions {
    /// Threads; 0 for one a core.
    pub threads: usize,
}

/// What verifying found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// What was looked at.
    pub figures: Figures,
    /// What is wrong, in the order of paths; ten thousand at most.
    pub problems: Vec<Problem>,
    /// How many problems there are, those left out of the list too.
    pub problem_count: u64,
    /// How long it took.
    pub seconds: f64,
}

impl VerifyReport {
    /// How many problems are damage.
    pub fn damage_count(&self) -> u64 {
        self.problem_count - self.stray_count()
    }

    /// How many are only left over.
    pub fn stray_count(&self) -> u64 {
        self.problems.iter().filter(|problem| problem.severity == Severity::Stray).count() as u64
    }
}

/// Verifies a part of a root, or all of it. Takes no lock that a writer or a merge would wait for; a location that grows meanwhile is verified in
/// the version that was opened. `progress` is told bytes done and in all. Errs with `NotFound` where the scope has nothing.
pub fn verify(root: &Arc<Root>, scope: &Scope, options: VerifyOptions, progress: Progress<'_>) -> Result<VerifyReport> {
    run(options, progress, |out| {
        let units = walk::units(root, scope, out)?;
        let names_partition = scope.column_partition.is_some() || scope.internal_partition.is_some();
        if units.is_empty() && !scope.is_everything() && (names_partition || out.figures().files == 0) {
            return Err(Error::not_found("there is nothing to verify: no such table or partition")
                .hint("`pilaster catalog partitions` lists what there is"));
        }
        units.par_iter().try_for_each(|unit| match unit {
            Unit::Intraday { directory, key, schema } => {
                verify_location(root.fs(), directory, key, schema.as_deref(), out)
            }
            Unit::Historical { table, partition, storage, schema, subject } => {
                historical::verify_partition(table, partition, storage.as_deref(), schema.as_deref(), subject, out)
            }
        })
    })
}

/// Verifies the one location in a directory that is in no root.
pub fn verify_bare(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    options: VerifyOptions,
    progress: Progress<'_>,
) -> Result<VerifyReport> {
    run(options, progress, |out| {
        let names: Vec<String> = fs.list(directory)?.into_iter().map(|entry| entry.name).collect();
        let has = |name: &str| names.iter().any(|other| other == name);
        if has("location") {
            verify_directory(fs, directory, out)
        } else if has(COMMIT_FILE) || names.iter().any(|name| name.ends_with(".dat")) || has(intraday::LOCK_FILE) {
            let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
            verify_location(fs, directory, &key, None, out)
        } else {
            Err(Error::not_found("neither a root, a part of one, nor a location").at_path(&fs.display(directory)))
        }
    })
}

impl Found {
    /// Verifies what was found.
    pub fn verify(&self, options: VerifyOptions, progress: Progress<'_>) -> Result<VerifyReport> {
        match self {
            Found::InRoot { root, scope: Some(scope), .. } => verify(root, scope, options, progress),
            Found::InRoot { root, path, scope: None } => Err(Error::not_found("it holds no tables")
                .at_path(&root.fs().display(path))
                .hint("give the root, a table's directory or a location's")),
            Found::Alone { fs, path } => verify_bare(fs, path, options, progress),
        }
    }
}

fn run(
    options: VerifyOptions,
    progress: Progress<'_>,
    work: impl FnOnce(&Collector<'_>) -> Result<()> + Send,
) -> Result<VerifyReport> {
    let watch = Stopwatch::start();
    let out = Collector::new(progress);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::limit(format!("could not start threads: {error}")))?;
    pool.install(|| work(&out))?;
    let figures = out.figures();
    let (problems, problem_count) = out.into_problems();
    Ok(VerifyReport { figures, problems, problem_count, seconds: watch.elapsed_seconds() })
}
