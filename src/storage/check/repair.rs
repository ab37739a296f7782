//! Repairing: for each problem the one thing that is safe to do about it, told first and done only when asked for.
//!
//! | problem | repair |
//! |---|---|
//! | something left over | into quarantine, under the lock of whoever could still be at work on it |
//! | a slot of a commit file that does not hold | all slots written anew from the record that does, by the writer's own protocol |
//! | no record of an intraday location holds | the location into quarantine, so that the others go on |
//! | damaged values of an intraday location | nothing, since the other blocks can be read; with [`Salvage`] the rows before the damage stay, or the columns that are whole, and the location goes into quarantine |
//! | a published partition | the version before it is published again if it is complete; with [`Salvage::Columns`] the columns that are whole are; otherwise the partition goes into quarantine, unless some of it can be read and its rows are nowhere else |
//! | schemas, the root's file, newer versions, foreign files | told only |
//!
//! Without a commit record nothing vouches for symbols and for the rows after the last full block, so nothing is rebuilt from bare column files.
//!
//! **Invariants:** nothing is destroyed; each step looks again under the lock before it acts; a crash leaves what the next repair finishes.

use super::quarantine::Quarantine;
use super::{Collector, Guard, Problem, Progress, Scope, Severity, Subject, VerifyOptions, VerifyReport, verify};
use crate::base::{Error, ErrorKind, Result};
use crate::io::clock::Stopwatch;
use crate::io::{self, FileSystem, LockGuard, LockKind};
use crate::storage::historical::{HistoricalTable, Remains, Restoration, verify_partition};
use crate::storage::intraday::{self, LOCK_FILE, verify_location};
use crate::storage::{LocationKey, Root, layout};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the name of a directory begins with in which a repair prepares a location.
pub(in crate::storage) const STAGING: &str = ".repair-";
/// What has no lock is left over when nobody has changed it for so long.
const AGE_NS: i64 = 60_000_000_000;

/// How repairing works.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepairOptions {
    /// Do it; without it only say what would be done.
    pub force: bool,
    /// What stays of damaged locations and partitions.
    pub salvage: Salvage,
    /// Threads for verifying; 0 for one a core.
    pub threads: usize,
}

/// What a repair keeps of a location or partition of which some values are damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Salvage {
    /// Nothing is cut: what can be read is read, the rest are errors.
    #[default]
    None,
    /// The rows of intraday locations that lie before the first damage in any column.
    Rows,
    /// The columns that are whole, in history too; the others are null from then on.
    Columns,
}

/// What is done about a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing can be done by itself.
    Nothing,
    /// It goes into quarantine.
    Quarantine,
    /// The slots of a commit file are written anew.
    RewriteSlots,
    /// Some rows of an intraday location stay: those before the damage, or all of the columns that are whole.
    Salvage {
        /// How many.
        rows: u64,
        /// The columns that are null from then on.
        without: Vec<String>,
    },
    /// A partition is published again without what is damaged.
    PublishWithout {
        /// The columns that are null from then on, and those whose groups are no longer known.
        without: Vec<String>,
    },
    /// A version before is published again, and the damaged one goes into quarantine.
    PublishPrevious {
        /// Its name.
        version: String,
        /// Its rows.
        rows: u64,
    },
    /// A partition goes into quarantine.
    TakeOut,
}

impl Action {
    /// What it is, in words.
    pub fn words(&self) -> String {
        match self {
            Action::Nothing => "nothing".into(),
            Action::Quarantine => "move to quarantine".into(),
            Action::RewriteSlots => "write the slots anew".into(),
            Action::Salvage { rows, without } if without.is_empty() => {
                format!("keep the {rows} rows before the damage")
            }
            Action::Salvage { rows, without } => {
                format!("keep the {rows} rows without {}, null from then on", without.join(", "))
            }
            Action::PublishWithout { without } => {
                format!("publish the partition again without {}, null from then on", without.join(", "))
            }
            Action::PublishPrevious { version, rows } => format!("publish {version} with {rows} rows again"),
            Action::TakeOut => "take the partition out".into(),
        }
    }
}

/// A problem, or several of one thing, and what is done about it.
#[derive(Clone, Debug)]
pub struct Repair {
    /// The file or directory concerned, as a person would type it.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// Whether values are damaged or something is left over.
    pub severity: Severity,
    /// What is done.
    pub action: Action,
    /// Why nothing can be done, or what there is to do after it.
    pub note: Option<String>,
    /// True if it was done.
    pub done: bool,
    /// Why it could not be done now.
    pub error: Option<String>,
}

/// What a repair found and did.
#[derive(Debug)]
pub struct RepairReport {
    /// What was verified before.
    pub verified: VerifyReport,
    /// What was done, or would be.
    pub repairs: Vec<Repair>,
    /// Where things were moved; none if nothing was.
    pub quarantine: Option<PathBuf>,
    /// Damage that is left; before a repair that was not forced, all of it.
    pub damage_left: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Verifies a part of a root and repairs what can be repaired, if the options say so; otherwise tells what it would do and changes nothing.
pub fn repair(root: &Arc<Root>, scope: &Scope, options: RepairOptions, progress: Progress<'_>) -> Result<RepairReport> {
    let watch = Stopwatch::start();
    let verified = verify(root, scope, VerifyOptions { threads: options.threads }, progress)?;
    let mut by_subject: BTreeMap<Subject, Vec<&Problem>> = BTreeMap::new();
    for problem in &verified.problems {
        by_subject.entry(problem.subject.clone()).or_default().push(problem);
    }
    // Partitions before what is left over: a version that is left over may be the one to go back to.
    let mut subjects: Vec<(Subject, Vec<&Problem>)> = by_subject.into_iter().collect();
    subjects.sort_by_key(|(subject, _)| matches!(subject, Subject::Leftover { .. }));
    let mut work = Work { root, fs: root.fs(), options, quarantine: None };
    let mut repairs = Vec::new();
    for (subject, problems) in subjects {
        io::interrupt::check()?;
        if subject == Subject::Other {
            repairs.extend(problems.iter().map(|problem| told(problem)));
        } else {
            repairs.push(work.repair(&subject, &problems)?);
        }
    }
    let quarantine = work.quarantine.as_ref().and_then(Quarantine::shown);
    let damage_left = match repairs.iter().any(|repair| repair.done) {
        // What nothing is left of has no damage.
        true => match verify(root, scope, VerifyOptions { threads: options.threads }, progress) {
            Err(error) if error.is_not_found() => 0,
            report => report?.damage_count(),
        },
        false => verified.damage_count(),
    };
    Ok(RepairReport { verified, repairs, quarantine, damage_left, seconds: watch.elapsed_seconds() })
}

/// A problem that only people can solve.
fn told(problem: &Problem) -> Repair {
    Repair {
        path: problem.path.clone(),
        what: problem.what.clone(),
        severity: problem.severity,
        action: Action::Nothing,
        note: problem.hint.clone(),
        done: false,
        error: None,
    }
}

pub(super) struct Work<'a> {
    root: &'a Arc<Root>,
    pub(super) fs: &'a Arc<dyn FileSystem>,
    pub(super) options: RepairOptions,
    quarantine: Option<Quarantine>,
}

impl Work<'_> {
    /// Decides, and does it if that was asked for. What cannot be done now is the repair's error; only an interruption ends the work.
    fn repair(&mut self, subject: &Subject, problems: &[&Problem]) -> Result<Repair> {
        let first = problems[0];
        let more = problems.len() - 1;
        let what = if more == 0 { first.what.clone() } else { format!("{} (and {more} more)", first.what) };
        let severity = problems.iter().map(|problem| problem.severity).max().unwrap_or(Severity::Damage);
        let path = first.path.clone();
        let mut repair = Repair { path, what, severity, action: Action::Nothing, note: None, done: false, error: None };
        let outcome = match subject {
            Subject::Other => Ok(false),
            Subject::Leftover { path, guard } => self.leftover(path, guard, &mut repair),
            Subject::Slot { directory } => self.slots(directory, &mut repair),
            Subject::Commit { directory } => self.location(directory, &mut repair),
            Subject::Column { directory } => self.values(directory, &mut repair),
            Subject::Partition { namespace, table, column_partition, .. } => {
                self.partition(namespace, table, column_partition, subject, problems, &mut repair)
            }
        };
        match outcome {
            Ok(done) => repair.done = done,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => repair.error = Some(error.to_string()),
        }
        Ok(repair)
    }

    pub(super) fn take(&mut self, path: &Path, belonged: &Path, why: &str) -> Result<()> {
        if self.quarantine.is_none() {
            self.quarantine = Some(Quarantine::open(self.fs)?);
        }
        match &mut self.quarantine {
            Some(quarantine) => quarantine.take_as(path, belonged, why),
            None => Ok(()),
        }
    }

    pub(super) fn writer_lock(&self, directory: &Path) -> Result<Box<dyn LockGuard>> {
        exclusive(&**self.fs, &directory.join(LOCK_FILE), "a writer has the location")
    }

    /// True if all of it was moved.
    fn leftover(&mut self, path: &Path, guard: &Guard, repair: &mut Repair) -> Result<bool> {
        repair.action = Action::Quarantine;
        if !self.options.force {
            return Ok(false);
        }
        let _lock: Option<Box<dyn LockGuard>> = match guard {
            Guard::Age => {
                let modified = self.fs.metadata(path)?.map(|found| found.modified_ns);
                if modified.is_some_and(|modified| self.fs.now_ns().saturating_sub(modified) < AGE_NS) {
                    return Err(Error::new(ErrorKind::Locked, "it was changed within the last minute"));
                }
                None
            }
            Guard::Lock(lock) => Some(exclusive(&**self.fs, lock, "somebody is at work there")?),
            Guard::Partition { table_directory, column_partition } => {
                let table = self.history(table_directory)?;
                let lock = table.lock(column_partition)?;
                let published = table.published(column_partition)?;
                let name = name_of(Some(path));
                if published.iter().flat_map(|record| &record.storages).any(|entry| entry.version == name) {
                    repair.note = Some("it is published now".into());
                    return Ok(false);
                }
                let _readers = table.lock_version(path)?;
                if self.fs.metadata(path)?.is_some() {
                    self.take(path, path, &repair.what)?;
                }
                drop(lock);
                return Ok(true);
            }
        };
        if self.fs.metadata(path)?.is_none() {
            return Ok(true);
        }
        self.bring_back(path)?;
        self.take(path, path, &repair.what).map(|()| true)
    }

    /// Locations that an import put out of sight and did not replace go back to where they were.
    fn bring_back(&self, path: &Path) -> Result<()> {
        let is_import = name_of(Some(path)).starts_with(".import-");
        match path.parent() {
            Some(source) if is_import => crate::storage::import::restore_replaced(&**self.fs, source, path),
            _ => Ok(()),
        }
    }

    fn slots(&mut self, directory: &Path, repair: &mut Repair) -> Result<bool> {
        repair.action = Action::RewriteSlots;
        if !self.options.force {
            return Ok(false);
        }
        let commit = intraday::renew(self.fs, directory)?;
        repair.note = Some(format!("{} rows, all durable", commit.rows));
        Ok(true)
    }

    fn location(&mut self, directory: &Path, repair: &mut Repair) -> Result<bool> {
        repair.action = Action::Quarantine;
        repair.note = Some("import the partition again; without a commit record nothing vouches for its rows".into());
        if !self.options.force {
            return Ok(false);
        }
        let _lock = self.writer_lock(directory)?;
        // Whoever had the lock before may have brought it in order.
        if self.is_good(directory)? {
            repair.note = Some("it holds by now".into());
            return Ok(false);
        }
        self.take(directory, directory, &repair.what).map(|()| true)
    }

    pub(super) fn is_good(&self, directory: &Path) -> Result<bool> {
        let progress = |_, _| io::interrupt::check();
        let found = Collector::new(&progress);
        let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
        verify_location(self.fs, directory, &key, None, &found)?;
        Ok(found.into_problems().0.iter().all(|problem| problem.severity == Severity::Stray))
    }

    fn history(&self, table_directory: &Path) -> Result<HistoricalTable> {
        let (table, namespace) = (name_of(Some(table_directory)), name_of(table_directory.parent()));
        HistoricalTable::of_root(self.root, namespace, table, Arc::default())
    }

    /// A published partition that is damaged.
    fn partition(
        &mut self,
        namespace: &str,
        table: &str,
        column_partition: &str,
        subject: &Subject,
        problems: &[&Problem],
        repair: &mut Repair,
    ) -> Result<bool> {
        let history = HistoricalTable::of_root(self.root, namespace, table, Arc::default())?;
        let way_back = self.way_back(namespace, table, column_partition)?;
        let may_merge = way_back.is_some();
        repair.note = Some(way_back.unwrap_or_else(|| {
            "it has no intraday rows to merge again; import them again, or copy the files from a backup".into()
        }));
        self.plan_partition(&history, column_partition, problems, may_merge, repair)?;
        if !self.options.force || repair.action == Action::Nothing {
            return Ok(false);
        }
        let _lock = history.lock(column_partition)?;
        let progress = |_, _| io::interrupt::check();
        let found = Collector::new(&progress);
        verify_partition(&history, column_partition, None, None, subject, &found)?;
        let now = found.into_problems().0;
        if now.iter().all(|problem| problem.severity == Severity::Stray) {
            repair.note = Some("it holds by now".into());
            return Ok(false);
        }
        let now: Vec<&Problem> = now.iter().collect();
        let (restoration, remains) = self.plan_partition(&history, column_partition, &now, may_merge, repair)?;
        if repair.action == Action::Nothing {
            return Ok(false);
        }
        let record_path = history.record_path(column_partition);
        let keeps = |version: &str| {
            restoration.previous.iter().flat_map(|record| &record.storages).any(|entry| entry.version == version)
        };
        // Readers first: from here on nobody opens the damaged version any more.
        let mut kept_directories = Vec::new();
        match (&restoration.previous, remains) {
            (Some(record), _) => history.publish_again(column_partition, record)?,
            (None, Some(remains)) => kept_directories = history.publish_remains(column_partition, remains)?,
            (None, None) => self.take(&record_path, &record_path, &repair.what)?,
        }
        for (version, directory) in &restoration.directories {
            let published = restoration.published.as_ref();
            let current = published.is_none_or(|r| r.storages.iter().any(|entry| entry.version == *version));
            if current && !keeps(version) && !kept_directories.contains(directory) {
                let _readers = history.lock_version(directory)?;
                self.take(directory, directory, &repair.what)?;
            }
        }
        Ok(true)
    }

    /// What is done about a published partition: back to the version before, on without what is damaged, out of the way where it can be merged again; else nothing, as long
    /// as some of its columns can be read.
    fn plan_partition(
        &self,
        history: &HistoricalTable,
        column_partition: &str,
        problems: &[&Problem],
        may_merge: bool,
        repair: &mut Repair,
    ) -> Result<(Restoration, Option<Remains>)> {
        let restoration = history.restoration(column_partition)?;
        let remains = self.remains(history, column_partition, &restoration, problems)?;
        let salvages = self.options.salvage == Salvage::Columns;
        repair.action = match (&restoration.previous, &remains) {
            (Some(record), _) => Action::PublishPrevious {
                version: record.storages.first().map_or_else(String::new, |entry| entry.version.clone()),
                rows: record.row_count(),
            },
            (None, Some(remains)) if salvages => Action::PublishWithout { without: remains.lost() },
            (None, Some(_)) if !may_merge => {
                let note = "what is not damaged can be read, and it has no intraday rows to merge again; import them again, copy the files from a backup, or go on without \
                            the damaged columns with --salvage=columns";
                repair.note = Some(note.into());
                Action::Nothing
            }
            _ => Action::TakeOut,
        };
        Ok((restoration, remains.filter(|_| salvages)))
    }

    /// What a user can do to have a partition again; none where its rows are nowhere else.
    fn way_back(&self, namespace: &str, table: &str, column_partition: &str) -> Result<Option<String>> {
        let intraday = layout::intraday_table(namespace, table)?;
        let sources = match self.fs.list(&intraday) {
            Err(error) if error.is_not_found() => Vec::new(),
            answer => answer?,
        };
        for source in sources.iter().filter(|source| source.is_dir) {
            if self.fs.metadata(&intraday.join(&source.name).join(column_partition))?.is_some() {
                return Ok(Some(format!(
                    "its intraday rows are still there: `pilaster merge --namespace {namespace} --table {table} --partition {column_partition} --force` makes it anew"
                )));
            }
        }
        Ok(None)
    }
}

/// The last name of a path.
fn name_of(path: Option<&Path>) -> &str {
    path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
}

pub(super) fn exclusive(fs: &dyn FileSystem, path: &Path, busy: &str) -> Result<Box<dyn LockGuard>> {
    fs.try_lock(path, LockKind::Exclusive)?.ok_or_else(|| {
        Error::new(ErrorKind::Locked, busy.to_string()).at_path(&fs.display(path)).hint("try again later")
    })
}
