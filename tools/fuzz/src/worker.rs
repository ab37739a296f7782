//! One target in one process: mutates, runs, watches.
//!
//! The input that is running lies in a file, so that whoever finds the process dead knows of what it died.

use crate::options::Options;
use pilaster::io::clock::Stopwatch;
use pilaster::io::random::SplitMix64;
use pilaster_fuzz::coverage::{self, Coverage};
use pilaster_fuzz::mutate::mutate;
use pilaster_fuzz::{ALLOCATION_BYTES_MAX, INPUT_BYTES_MAX, Target, allocation};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Failures of one worker, after which it ends: the first few tell.
const FAILURES_MAX: u64 = 20;
/// Runs that have ended; odd while one is running.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// Where the running input lies.
pub(crate) fn current_file(options: &Options, target: &Target) -> PathBuf {
    options.failures.join(format!("{}-current", target.name))
}

/// How many inputs failed. Prints runs, failures, size of the corpus and counters reached.
pub(crate) fn run(options: &Options) -> Result<u64, String> {
    let target = options.targets[0];
    let mut worker = Worker::new(options, target)?;
    let mut pool = corpus(options, target)?;
    for input in pool.clone() {
        worker.execute(&input)?;
        worker.coverage.merge();
    }
    let mut random = SplitMix64::new(options.seed);
    let watch = Stopwatch::start();
    let mut runs = 0;
    while runs < options.runs && worker.failures < FAILURES_MAX {
        if options.seconds.is_some_and(|seconds| watch.elapsed_seconds() >= seconds as f64) {
            break;
        }
        // What was found last has more that is new around it.
        let newest = random.chance(1, 3) && pool.len() > 32;
        let at =
            if newest { pool.len() - 1 - random.below(32) as usize } else { random.below(pool.len() as u64) as usize };
        let mut input = pool[at].clone();
        let other = random.below(pool.len() as u64) as usize;
        mutate(&mut random, &mut input, &pool[other], target.dictionary);
        let is_fine = worker.execute(&input)?;
        runs += 1;
        if is_fine && options.grow && worker.coverage.merge() {
            save(&options.corpus.join(target.name), &input)?;
            pool.push(input);
        }
        if runs % 4_096 == 0 {
            println!("{runs} {} {} {}", worker.failures, pool.len(), worker.coverage.len());
        }
    }
    println!("{runs} {} {} {}", worker.failures, pool.len(), worker.coverage.len());
    let _ = fs::remove_file(current_file(options, target));
    Ok(worker.failures)
}

/// Removes what adds nothing from the corpora, the largest first to go.
pub(crate) fn minimise(options: &Options) -> Result<u64, String> {
    for &target in &options.targets {
        let mut worker = Worker::new(options, target)?;
        let mut inputs = files(&options.corpus.join(target.name))?;
        inputs.sort_by_key(|(_, bytes)| bytes.len());
        let (mut kept, mut kept_bytes) = (0, 0);
        for seed in (target.seeds)() {
            worker.execute(&seed)?;
            worker.coverage.merge();
        }
        for (path, bytes) in &inputs {
            let keep = worker.execute(bytes)? && worker.coverage.merge();
            // Those with names of their own were put there for what they showed once.
            let named = path.file_name().is_some_and(|name| name.to_string_lossy().len() != 16);
            if keep || named {
                (kept, kept_bytes) = (kept + 1, kept_bytes + bytes.len());
            } else {
                fs::remove_file(path).map_err(|error| error.to_string())?;
            }
        }
        println!("{}: kept {kept} of {} files, {kept_bytes} bytes", target.name, inputs.len());
    }
    Ok(0)
}

/// The seeds and the files of a target.
fn corpus(options: &Options, target: &Target) -> Result<Vec<Vec<u8>>, String> {
    let mut inputs = (target.seeds)();
    inputs.extend(files(&options.corpus.join(target.name))?.into_iter().map(|(_, bytes)| bytes));
    inputs.retain(|input| input.len() <= INPUT_BYTES_MAX);
    Ok(inputs)
}

fn files(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path, bytes))
    };
    paths.into_iter().map(read).collect()
}

/// Writes an input under a name made of its content.
fn save(directory: &Path, input: &[u8]) -> Result<PathBuf, String> {
    let name = format!("{:08x}{:08x}", crc32fast::hash(input), input.len());
    let path = directory.join(name);
    let written = fs::create_dir_all(directory).and_then(|()| fs::write(&path, input));
    written.map(|()| path).map_err(|error| error.to_string())
}

struct Worker {
    target: &'static Target,
    failures_directory: PathBuf,
    current: File,
    coverage: Coverage,
    failures: u64,
    /// Where panics came from that were told already.
    told: HashSet<String>,
}

impl Worker {
    fn new(options: &Options, target: &'static Target) -> Result<Self, String> {
        fs::create_dir_all(&options.failures).map_err(|error| error.to_string())?;
        let current = File::create(current_file(options, target)).map_err(|error| error.to_string())?;
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            LAST_PANIC.lock().map(|mut last| *last = format!("{place}: {panic}")).unwrap_or_default();
        }));
        watch(target.name, Duration::from_millis(options.timeout_ms), current_file(options, target));
        // What the target keeps for ever is made before the limit counts.
        (target.run)(&[]);
        allocation::set_limit(allocation::live_bytes() + ALLOCATION_BYTES_MAX);
        Ok(Worker {
            target,
            failures_directory: options.failures.clone(),
            current,
            coverage: Coverage::new(),
            failures: 0,
            told: HashSet::new(),
        })
    }

    /// True where the input did no harm.
    fn execute(&mut self, input: &[u8]) -> Result<bool, String> {
        let written = self.current.write_all_at(input, 0).and_then(|()| self.current.set_len(input.len() as u64));
        written.map_err(|error| error.to_string())?;
        coverage::reset();
        PROGRESS.fetch_add(1, Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        PROGRESS.fetch_add(1, Relaxed);
        if outcome.is_ok() {
            return Ok(true);
        }
        let message = LAST_PANIC.lock().map(|last| last.clone()).unwrap_or_default();
        let place = message.split(": ").next().unwrap_or_default().to_string();
        self.failures += 1;
        if self.told.insert(place) {
            let saved = save(&self.failures_directory, input)?;
            let message: String = message.chars().take(2_000).collect();
            eprintln!("{}: {message}\n  input in {}", self.target.name, saved.display());
        }
        Ok(false)
    }
}

static LAST_PANIC: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

/// Ends the process when an input takes too long, or wanted too much memory.
fn watch(name: &'static str, timeout: Duration, current: PathBuf) {
    std::thread::spawn(move || {
        allocation::exempt_this_thread();
        let mut seen = (0, Stopwatch::start());
        loop {
            std::thread::sleep(Duration::from_millis(20));
            let progress = PROGRESS.load(Relaxed);
            if progress != seen.0 {
                seen = (progress, Stopwatch::start());
            }
            let why = match progress % 2 == 1 {
                _ if allocation::is_exceeded() => "wanted too much memory",
                true if seen.1.elapsed() > timeout => "took too long",
                _ => continue,
            };
            let saved = current.with_file_name(format!("{name}-{}-{progress}", why.replace(' ', "-")));
            let _ = fs::copy(&current, &saved);
            eprintln!("{name}: an input {why}, it is in {}", saved.display());
            std::process::exit(3);
        }
    });
}
