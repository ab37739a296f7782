//! Verifying an intraday location: the version that is committed now, all of it, also while a writer appends.

use super::location::IntradayLocation;
use super::recovery::{commit_path, open_committed};
use crate::base::{Error, ErrorKind, Result};
use crate::format::commit::slot::{self, COMMIT_FILE_BYTES, DecodedSlot, PAGE_BYTES};
use crate::format::commit::{BLOCK_BYTES, COMMIT_FILE, ColumnState};
use crate::format::group::{self, GROUP_FILE, GROUP_FILE_BYTES};
use crate::format::journal::JOURNAL_FILE;
use crate::io::{self, FileSystem};
use crate::storage::findings::{Collector, Guard, Problem, Severity, Subject, against_schema, check_distinct};
use crate::storage::{ColumnRegion, Location, LocationKey, TableSchema};
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// How often a location is verified again that was replaced or rolled back meanwhile.
const ATTEMPTS: usize = 3;
/// Looks at a slot that is being written.
const SLOT_LOOKS: usize = 64;
/// Problems told of one column; the others are like them.
const COLUMN_PROBLEMS_MAX: usize = 20;

/// Verifies the location in `directory`; what is wrong goes to `out`. Errs only when the work is to end.
pub(in crate::storage) fn verify_location(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    key: &LocationKey,
    schema: Option<&TableSchema>,
    out: &Collector<'_>,
) -> Result<()> {
    for attempt in 1.. {
        let ask = |_, _| out.check();
        let mine = out.fork(&ask);
        let subject = || Subject::Commit { directory: directory.into() };
        let opened = IntradayLocation::open(fs.clone(), directory, key.clone(), Arc::default());
        let location = match opened {
            Ok(location) => location,
            // The location may be as good as on the day it was written: what is missing lies beside it.
            Err(error) if error.path().is_some_and(|path| path.ends_with(GROUP_FILE)) => {
                out.add(Problem::damage(&error, Subject::Other).with_hint(
                    "the location can be read again when its source's group file is back, from a backup for example",
                ));
                break;
            }
            // Removed since its directory was listed.
            Err(error) if error.is_not_found() && fs.metadata(directory).is_ok_and(|found| found.is_none()) => break,
            Err(error) => {
                out.add(
                    Problem::damage(&error, subject())
                        .with_hint("`pilaster repair` puts the location into quarantine, so that the others go on"),
                );
                break;
            }
        };
        Verification { fs, directory, location: &location, schema, out: &mine }.run()?;
        // What is wrong with files that were exchanged meanwhile says nothing.
        let replaced = !mine.is_clean()
            && location
                .refresh()
                .is_err_and(|error| matches!(error.kind(), ErrorKind::RolledBack | ErrorKind::NotFound));
        if !replaced || attempt == ATTEMPTS {
            out.absorb(mine);
            break;
        }
    }
    Ok(())
}

/// Verifies the group file of a source, if it has one.
pub(in crate::storage) fn verify_group(fs: &dyn FileSystem, source: &Path, out: &Collector<'_>) {
    let path = source.join(GROUP_FILE);
    let mut before = Vec::new();
    for _ in 0..SLOT_LOOKS {
        let bytes = match io::read_small(fs, &path, GROUP_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return,
            Err(error) => return out.add(Problem::damage(&error.at_path(&fs.display(&path)), Subject::Other)),
        };
        let bad: Vec<Error> = match group::decode_head(&bytes) {
            Err(error) => vec![error],
            Ok(id) => {
                let pages = bytes[group::PAGE_BYTES..].chunks_exact(group::PAGE_BYTES).enumerate();
                pages.filter_map(|(number, page)| group::decode(page, number, id).err()).collect()
            }
        };
        // A slot that is being written looks torn once, not twice.
        if bad.is_empty() || bytes == before {
            out.add_files(1, bytes.len() as u64);
            for error in bad {
                out.add(Problem::damage(&error.at_path(&fs.display(&path)), Subject::Other).with_hint(
                    "readers use the slots that hold; the next commit over several locations writes the others",
                ));
            }
            return;
        }
        before = bytes;
        std::thread::yield_now();
    }
}

struct Verification<'a> {
    fs: &'a Arc<dyn FileSystem>,
    directory: &'a Path,
    location: &'a IntradayLocation,
    schema: Option<&'a TableSchema>,
    out: &'a Collector<'a>,
}

impl Verification<'_> {
    fn run(&self) -> Result<()> {
        self.out.add_location(self.location.row_count());
        self.slots();
        self.leftovers();
        let Some(record) = self.location.record() else { return Ok(()) };
        record.columns.par_iter().try_for_each(|column| self.column(column))
    }

    fn damage(&self, error: &Error, subject: Subject) {
        self.out.add(Problem::damage(error, subject));
    }

    /// The slots that recovery passed over, and those that it had no reason to look at.
    fn slots(&self) {
        let subject = || Subject::Slot { directory: self.directory.into() };
        let mut told = HashSet::new();
        let path = commit_path(&**self.fs, self.directory);
        for rejection in self.location.rejected() {
            told.insert(rejection.slot);
            let mut problem = Problem::damage(&rejection.error, subject());
            if rejection.given_up {
                problem.severity = Severity::Stray;
            }
            let place = match rejection.slot {
                slot::SLOT_COUNT => "a record of the journal".to_string(),
                slot => format!("slot {slot}"),
            };
            let what = format!("{place} was passed over: {}", problem.what);
            let path = if problem.path.as_os_str().is_empty() { path.clone() } else { problem.path.clone() };
            self.out.add(
                Problem { what, path, ..problem }
                    .with_hint("readers take the record before; `pilaster repair` writes the slots anew"),
            );
        }
        if self.location.record().is_none() {
            return;
        }
        let mut files = 1;
        let mut before = Vec::new();
        for _ in 0..SLOT_LOOKS {
            let bytes = match io::read_small(&**self.fs, &self.directory.join(COMMIT_FILE), COMMIT_FILE_BYTES) {
                Ok(bytes) => bytes,
                Err(error) => return self.damage(&error, subject()),
            };
            let bad = self.bad_slots(&bytes, &mut files);
            if bad.is_empty() || bytes == before {
                for (number, error) in bad.into_iter().filter(|(number, _)| !told.contains(number)) {
                    let problem = Problem::damage(&error.at_path(&path), subject());
                    let what = format!("slot {number}: {}", problem.what);
                    self.out.add(Problem { what, ..problem }.with_hint("`pilaster repair` writes the slots anew"));
                }
                break;
            }
            before = bytes;
            std::thread::yield_now();
        }
        self.out.add_files(files, COMMIT_FILE_BYTES as u64);
    }

    fn bad_slots(&self, file: &[u8], files: &mut u64) -> Vec<(usize, Error)> {
        *files = 1;
        let Ok(location) = slot::decode_head(file) else { return Vec::new() };
        let mut bad = Vec::new();
        for (number, page) in file[PAGE_BYTES..].chunks_exact(PAGE_BYTES).enumerate() {
            let read = slot::decode(page, number, location).and_then(|decoded| {
                let DecodedSlot::Aside(aside) = decoded else { return Ok(()) };
                *files += 1;
                let path = self.directory.join(slot::side_file_name(number));
                let side = open_committed(&**self.fs, &path, aside.side_file_bytes() as u64)?;
                let mut bytes = vec![0; aside.side_file_bytes()];
                side.read_exact_at(&mut bytes, 0)?;
                aside.with_side_file(&bytes).map(drop).map_err(|error| error.at_path(side.path()))
            });
            if let Err(error) = read {
                bad.push((number, error));
            }
        }
        bad
    }

    /// Files in the directory that no record names. A writer may be about to name them: they are told of as strays, if they are still nobody's
    /// after another look.
    fn leftovers(&self) {
        let unknown = |location: &IntradayLocation| -> Result<Vec<String>> {
            let mut known: HashSet<String> =
                HashSet::from([COMMIT_FILE, JOURNAL_FILE, super::LOCK_FILE].map(str::to_string));
            known.extend((0..slot::SLOT_COUNT).map(slot::side_file_name));
            for column in location.record().iter().flat_map(|record| &record.columns) {
                known.extend(column.files().map(|(file, _)| file.name(&column.name)));
            }
            let entries = self.fs.list(self.directory)?;
            Ok(entries.into_iter().map(|entry| entry.name).filter(|name| !known.contains(name)).collect())
        };
        let first = match unknown(self.location) {
            Ok(first) => first,
            Err(error) => return self.damage(&error, Subject::Other),
        };
        if first.is_empty() {
            return;
        }
        let now = self.location.refresh().ok().flatten();
        let still = now.as_deref().map_or(Ok(first.clone()), unknown).unwrap_or_default();
        for name in first.iter().filter(|name| still.contains(name)) {
            let path = self.directory.join(name);
            let shown = self.fs.display(&path);
            let guard = Guard::Lock(self.directory.join(super::LOCK_FILE));
            let subject = Subject::Leftover { path, guard };
            self.out.add(match io::is_temporary(name) {
                true => Problem::stray(shown, "an unfinished file", subject),
                false => Problem::stray(shown, "no commit record names this file", Subject::Other),
            });
        }
    }

    fn column(&self, state: &ColumnState) -> Result<()> {
        self.out.check()?;
        if let Some(problem) = against_schema(self.schema, &state.name, state.column_type(), || {
            self.fs.display(&self.directory.join(COMMIT_FILE))
        }) {
            self.out.add(problem);
        }
        let subject = || Subject::Column { directory: self.directory.into() };
        let place = |error: Error| error.context(format!("column {}", state.name));
        let region = match self.location.region(&state.name) {
            Ok(Some(region)) => region,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.damage(&error.at_path(&self.fs.display(self.directory)), subject());
                return Ok(());
            }
        };
        match region.leaf_symbols() {
            Ok(None) => {}
            Ok(Some(symbols)) => {
                if let Err(error) = check_distinct(&symbols) {
                    let path = self.directory.join(format!("{}.sym", state.name));
                    self.damage(&place(error).at_path(&self.fs.display(&path)), subject());
                }
            }
            Err(error) => self.damage(&place(error).at_path(&self.fs.display(self.directory)), subject()),
        }
        // As many rows as one checksum covers, so that each damaged block is told of, or fewer of large values.
        let step = (BLOCK_BYTES / state.form.width(0).max(1) as u64).max(1);
        let mut problems = 0;
        let mut at = state.first_row;
        while at < region.row_count() {
            let end = at + region.rows_together(at, step.min(region.row_count() - at));
            if let Err(error) = region.read(at..end) {
                problems += 1;
                if problems <= COLUMN_PROBLEMS_MAX {
                    self.damage(&place(error).at_path(&self.fs.display(self.directory)), subject());
                }
            }
            self.out.add_values(end - at)?;
            at = end;
        }
        // What no row shows: entries beyond the last value's.
        if problems == 0
            && let Err(error) = region.verify_column()
        {
            self.damage(&place(error).at_path(&self.fs.display(self.directory)), subject());
        }
        if problems > COLUMN_PROBLEMS_MAX {
            let what = format!("column {} has {} more damaged blocks", state.name, problems - COLUMN_PROBLEMS_MAX);
            self.damage(&Error::corrupt(what).at_path(&self.fs.display(self.directory)), subject());
        }
        let files = state.files().filter(|(_, file)| file.size > 0);
        let (count, bytes) = files.fold((0, 0), |(count, bytes), (_, file)| (count + 1, bytes + file.size));
        self.out.add_files(count, bytes);
        Ok(())
    }
}
