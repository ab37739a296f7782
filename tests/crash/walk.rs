//! The walk through crash states: after every call of a history, in every state that a power cut may leave, somebody looks and goes on.

use pilaster::base::Result;
use pilaster::io::clock::Stopwatch;
use pilaster::io::{FileSystem, SimulatedFileSystem};
use std::fmt::Debug;
use std::sync::Arc;

/// Work that was done in a simulated file system, and what it promised while it was done.
pub(crate) trait History: Sized {
    /// What a new process finds: a version of the data of which every value was compared.
    type View: Debug + PartialEq;

    /// Looks as a new process would. An error where that is refused, or where a value is not what was written.
    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Self::View>;

    /// [`History::look_at`] in a simulated file system.
    fn look(&self, fs: &SimulatedFileSystem) -> Result<Self::View> {
        self.look_at(&shared(fs))
    }

    /// Whether a view keeps the promises made by call `at`: after a power cut, or after the death of all processes if `killed`.
    fn judge(&self, at: usize, view: &Self::View, killed: bool) -> Result<(), String>;

    /// Does more work of the kind where a view was found, all of it durable at the end: the history of that. `log` tells the length of the
    /// simulated log.
    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &Self::View) -> Result<Self>;

    /// [`History::go_on_at`] in a simulated file system.
    fn go_on(&self, fs: &SimulatedFileSystem, view: &Self::View) -> Result<Self> {
        self.go_on_at(&shared(fs), fs, view)
    }

    /// Whether a view may be found after a power cut while `next`, which is at its call `then`, goes on where the processes died after `at`
    /// calls: nothing was durable but what either promised.
    fn judge_between(&self, at: usize, next: &Self, then: usize, view: &Self::View) -> Result<(), String> {
        next.judge(then, view, false).or_else(|_| self.judge(at, view, false))
    }

    /// What must not be there after the next run: names of unfinished files and the like.
    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>>;
}

fn shared(fs: &SimulatedFileSystem) -> Arc<dyn FileSystem> {
    Arc::new(fs.clone())
}

/// What a walk does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    /// Every so many-th call is a crash point.
    pub(crate) stride: usize,
    /// Crash states at a point where there are too many to visit all.
    pub(crate) limit: usize,
    /// In every so many-th state somebody goes on.
    pub(crate) go_on_every: usize,
    /// In every so many-th state who goes on is cut off too, after every call (F5).
    pub(crate) again_every: usize,
    /// Crash states at each of those calls.
    pub(crate) again_limit: usize,
    /// After every so many-th call the processes die, others go on, and then the power fails.
    pub(crate) killed_every: usize,
    /// Ends the walk at the first violation.
    pub(crate) until_noticed: bool,
}

impl Default for Depth {
    fn default() -> Self {
        Depth {
            stride: 1,
            limit: 60,
            go_on_every: 8,
            again_every: 199,
            again_limit: 4,
            killed_every: 11,
            until_noticed: false,
        }
    }
}

/// Counts of a walk.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) points: usize,
    /// All crash states looked at, those of second crashes too.
    pub(crate) states: usize,
    /// Those of crashes during recovery and the work after it.
    pub(crate) states_again: usize,
    pub(crate) violations: Vec<String>,
    pub(crate) seconds: f64,
}

/// Looks at the crash states of a history, whose calls are the log of `fs`.
pub(crate) fn walk<H: History>(fs: &SimulatedFileSystem, history: &H, depth: Depth) -> Walk {
    let mut walk = Walk::default();
    let watch = Stopwatch::start();
    for at in (0..=fs.log_len()).step_by(depth.stride) {
        walk.points += 1;
        if let Err(violation) = look_and_judge(&fs.kill_at(at), history, at, true) {
            walk.violations.push(format!("killed after {at} calls: {violation}"));
        }
        if at % depth.killed_every == 0 {
            killed(&fs.fork_at(at), history, at, depth, &mut walk);
        }
        for state in fs.crash_states_up_to(at, depth.limit) {
            walk.states += 1;
            if depth.until_noticed && !walk.violations.is_empty() {
                break;
            }
            let view = match look_and_judge(&state.fs, history, at, false) {
                Ok(view) => view,
                Err(violation) => {
                    walk.violations.push(format!("{violation}; {state}"));
                    continue;
                }
            };
            let number = walk.states;
            if number.is_multiple_of(depth.go_on_every)
                && let Err(violation) = go_on(&state.fs, history, &view)
            {
                walk.violations.push(format!("{violation}; {state}"));
            }
            if number.is_multiple_of(depth.again_every) {
                // Somebody may have gone on in there: begin where the crash left it.
                again(&state.fs.kill_at(0), history, &view, depth, &format!("{state}"), &mut walk);
            }
        }
        if depth.until_noticed && !walk.violations.is_empty() {
            break;
        }
    }
    walk.seconds = watch.elapsed_seconds();
    walk
}

fn look_and_judge<H: History>(
    fs: &SimulatedFileSystem,
    history: &H,
    at: usize,
    killed: bool,
) -> Result<H::View, String> {
    let view = history.look(fs).map_err(|error| format!("not readable: {error}"))?;
    history.judge(at, &view, killed)?;
    match fs.log_len() {
        0 => Ok(view),
        _ => Err(format!("reading changed something: {:?}", fs.log())),
    }
}

/// Whatever comes after what goes on here, it is there.
fn go_on<H: History>(fs: &SimulatedFileSystem, history: &H, view: &H::View) -> Result<(), String> {
    let next = history.go_on(fs, view).map_err(|error| format!("{view:?}: going on failed: {error}"))?;
    let found =
        next.look(&fs.power_cut()).map_err(|error| format!("{view:?}: not readable after going on: {error}"))?;
    next.judge(fs.log_len(), &found, false)?;
    let left = history.left_behind(fs).map_err(|error| error.to_string())?;
    if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
}

/// Cuts the power again while somebody recovers and goes on.
fn again<H: History>(
    fs: &SimulatedFileSystem,
    history: &H,
    view: &H::View,
    depth: Depth,
    first: &str,
    walk: &mut Walk,
) {
    // That it can be gone on here is checked above.
    let Ok(next) = history.go_on(fs, view) else { return };
    for at in 0..=fs.log_len() {
        for state in fs.crash_states_up_to(at, depth.again_limit) {
            walk.states += 1;
            walk.states_again += 1;
            if let Err(violation) = look_and_judge(&state.fs, &next, at, false) {
                walk.violations.push(format!("{first}, then: {violation}; {state}"));
            }
        }
    }
}

/// Goes on where all processes died after `at` calls, which made nothing durable, and cuts the power then.
fn killed<H: History>(fs: &SimulatedFileSystem, history: &H, at: usize, depth: Depth, walk: &mut Walk) {
    // That it can be looked at is checked elsewhere.
    let Ok(view) = history.look(fs) else { return };
    let next = match history.go_on(fs, &view) {
        Ok(next) => next,
        Err(error) => return walk.violations.push(format!("killed after {at} calls: going on failed: {error}")),
    };
    for then in at..=fs.log_len() {
        for state in fs.crash_states_up_to(then, depth.again_limit) {
            walk.states += 1;
            walk.states_again += 1;
            let found = history.look(&state.fs).or_else(|_| next.look(&state.fs));
            let judged = found.map_err(|error| format!("not readable: {error}")).and_then(|found| {
                if then < fs.log_len() {
                    history.judge_between(at, &next, then, &found)
                } else {
                    next.judge(then, &found, false)
                }
            });
            if let Err(violation) = judged {
                walk.violations.push(format!("killed after {at} calls, then: {violation}; {state}"));
            }
        }
    }
}

/// A single thread, so that the calls come in the same order each time.
pub(crate) fn in_order<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one more thread").install(work)
}

/// Prints a line of the fault matrix and fails where a promise was broken.
pub(crate) fn expect_no_violation(row: &str, what: &str, walk: &Walk, states_min: usize) {
    let (points, states, again, violations) = (walk.points, walk.states, walk.states_again, walk.violations.len());
    println!(
        "{row:<4} {what}: {states} crash states ({again} of second crashes) at {points} calls, {violations} violations, {:.1} s",
        walk.seconds
    );
    assert!(violations == 0, "{what}: {violations} violations, the first: {:#?}", &walk.violations[..1]);
    assert!(states >= states_min, "{what}: {states} states");
}

/// What was promised when, for work that goes from one version to the next.
#[derive(Debug)]
pub(crate) struct Ledger<V> {
    entries: Vec<Entry<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    view: V,
    /// The log's length from which on it may be seen, and from which on it, or a later one, must be.
    begun: usize,
    kept: usize,
}

impl<V: Debug + PartialEq + Clone> Ledger<V> {
    /// What is there before the first call.
    pub(crate) fn new(view: V) -> Self {
        Ledger { entries: vec![Entry { view, begun: 0, kept: 0 }] }
    }

    /// A call begins that may lead to a version.
    pub(crate) fn begin(&mut self, at: usize, view: V) {
        self.entries.push(Entry { view, begun: at, kept: usize::MAX });
    }

    /// It said that it was done.
    pub(crate) fn acknowledge(&mut self, at: usize) {
        self.entries.last_mut().expect("something was begun").kept = at;
    }

    /// The version that is there if all that was begun was done.
    pub(crate) fn last(&self) -> &V {
        &self.entries.last().expect("never empty").view
    }

    fn allowed(&self, at: usize) -> impl Iterator<Item = &V> {
        let first = self.entries.iter().rposition(|entry| entry.kept <= at).unwrap_or(0);
        self.entries[first..].iter().filter(move |entry| entry.begun <= at).map(|entry| &entry.view)
    }

    /// See [`History::judge`].
    pub(crate) fn judge(&self, at: usize, view: &V) -> Result<(), String> {
        if self.allowed(at).any(|allowed| allowed == view) {
            return Ok(());
        }
        Err(format!("{view:?} was found; allowed are {:?}", self.allowed(at).collect::<Vec<_>>()))
    }

    /// See [`History::judge_between`]: each part of the view must be one that it has in a view that either ledger allows, for parts become
    /// durable by themselves.
    pub(crate) fn judge_between<P: PartialEq>(
        &self,
        at: usize,
        next: &Self,
        then: usize,
        view: &V,
        parts: impl Fn(&V) -> Vec<P>,
    ) -> Result<(), String> {
        for (number, part) in parts(view).into_iter().enumerate() {
            if !self.allowed(at).chain(next.allowed(then)).any(|allowed| parts(allowed)[number] == part) {
                return Err(format!("{view:?} was found, part {number} of which nobody promised"));
            }
        }
        Ok(())
    }
}
