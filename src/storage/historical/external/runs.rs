//! Sorted runs: stretches of the sources' rows, each ordered in memory and written as a location that no catalog knows.

use super::super::column_files::ColumnPlace;
use super::super::in_memory::{Content, Ordered};
use super::super::merge::MergePhase;
use super::super::order::Key;
use super::super::part::LocationPart;
use super::super::reader::HistoricalLocation;
use super::super::source::Gatherer;
use super::super::work::Work;
use super::Plan;
use super::interleave::RunKeys;
use crate::base::{ColumnDefinition, ColumnType, Error, Result};
use crate::format::column_form::ColumnForm;
use crate::format::encoding::Codec;
use crate::format::location_record::LocationRecord;
use crate::io::{self, FileSystem};
use crate::memory::{Chunk, Symbols};
use crate::storage::{Location, LocationKey};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs on disk.
pub(super) struct Runs {
    fs: Arc<dyn FileSystem>,
    runs: Vec<(PathBuf, LocationRecord)>,
}

/// A column as runs keep it: strings that are a key have a symbol table, others their final form.
#[derive(Clone)]
pub(super) struct RunColumn<'a> {
    pub(super) column: &'a ColumnDefinition,
    pub(super) form: ColumnForm,
    /// How the merged column keeps it.
    pub(super) final_form: ColumnForm,
}

impl Runs {
    /// Reads, orders and writes all rows, so many at a time.
    pub(super) fn write(
        work: &Work<'_>,
        fs: &Arc<dyn FileSystem>,
        directory: &Path,
        columns: &[RunColumn<'_>],
        plan: &Plan,
    ) -> Result<Self> {
        let total = work.row_count();
        let mut runs = Runs { fs: fs.clone(), runs: Vec::new() };
        let mut start = 0;
        while start < total {
            let end = total.min(start.saturating_add(plan.run_rows));
            let directory = directory.join(format!("run-{}", runs.runs.len()));
            let record = write_run(work, &**fs, &directory, columns, start..end, plan)?;
            runs.runs.push((directory, record));
            start = end;
        }
        Ok(runs)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.runs.len()
    }

    /// The runs as locations. What is read through them is mapped until they are dropped.
    pub(super) fn open(&self) -> Vec<Arc<dyn Location>> {
        let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
        let open = |(directory, record): &(PathBuf, LocationRecord)| {
            HistoricalLocation::of_files(key.clone(), &self.fs, directory, record.clone()) as Arc<dyn Location>
        };
        self.runs.iter().map(open).collect()
    }
}

/// The column of a run with the storages of its rows, where they are computed. No table has one of such a name.
fn part_column() -> ColumnDefinition {
    ColumnDefinition::new(".storage", ColumnType::Int)
}

/// Rows of the sources by their number through all of them.
fn cut(sources: &[Arc<dyn Location>], rows: Range<u64>) -> Vec<Arc<dyn Location>> {
    let mut first = 0;
    let mut parts = Vec::new();
    for source in sources {
        let end = first + source.row_count();
        let (from, to) = (rows.start.max(first), rows.end.min(end));
        if from < to {
            parts.push(LocationPart::of(source, from - first..to - first));
        }
        first = end;
    }
    parts
}

fn write_run(
    work: &Work<'_>,
    fs: &dyn FileSystem,
    directory: &Path,
    columns: &[RunColumn<'_>],
    rows: Range<u64>,
    plan: &Plan,
) -> Result<LocationRecord> {
    fs.create_dir_all(directory)?;
    let total = work.row_count();
    let sources = cut(work.sources, rows.clone());
    let row_count = rows.end - rows.start;
    let ordered = Ordered::of(work, &sources, row_count as u32, &|_, _, _| io::interrupt::check())?;
    let mut records = Vec::with_capacity(columns.len() + 1);
    if let Some(parts) = ordered.computed_parts(work) {
        let column = part_column();
        let place = ColumnPlace { fs, directory, name: &column.name, durable: false };
        let content = Content::Whole(ColumnForm::of(&column), Chunk::Int(parts));
        let rows: Vec<u32> = (0..row_count as u32).collect();
        records.push(content.write(&place, &rows, Codec::Fastest, None, &|_, _| io::interrupt::check())?.0);
    }
    for (at, RunColumn { column, form, .. }) in columns.iter().enumerate() {
        let content = Content::of(work, &sources, column, *form, plan.mapped_bytes_max)?;
        let place = ColumnPlace { fs, directory, name: &column.name, durable: false };
        let done = |_: u64, bytes: u64| {
            work.progress.wrote(bytes);
            let values = rows.start * columns.len() as u64 + at as u64 * row_count;
            work.progress.ask(MergePhase::Reading, values, total * columns.len() as u64)
        };
        records.push(content.write(&place, &ordered.rows, Codec::Fastest, None, &done)?.0);
    }
    Ok(LocationRecord { row_count, columns: records, sort_columns: Vec::new(), sources: Vec::new(), written_ns: 0 })
}

/// The keys of all runs, ranked alike.
pub(super) struct Keys {
    gatherers: Vec<Gatherer>,
    /// The storages of the rows, where they are computed: the last key.
    parts: Option<Gatherer>,
    rows: Vec<u64>,
}

impl Keys {
    /// Opens the key columns of the runs.
    pub(super) fn open(runs: &[Arc<dyn Location>], keys: &[RunColumn<'_>], is_computed: bool) -> Result<Self> {
        let open = |key: &RunColumn<'_>| Gatherer::new(runs, key.column, key.form);
        let column = part_column();
        let parts = is_computed.then(|| Gatherer::new(runs, &column, ColumnForm::of(&column)));
        Ok(Keys {
            gatherers: keys.iter().map(open).collect::<Result<_>>()?,
            parts: parts.transpose()?,
            rows: runs.iter().map(|run| run.row_count()).collect(),
        })
    }

    /// Gives back the memory behind the keys that were read.
    pub(super) fn forget(&self) {
        self.gatherers.iter().chain(&self.parts).for_each(Gatherer::forget);
    }

    /// How many keys there are.
    pub(super) fn count(&self) -> usize {
        self.gatherers.len() + usize::from(self.parts.is_some())
    }

    /// One reader a run.
    pub(super) fn readers(&self) -> Vec<KeyReader<'_>> {
        (0..self.rows.len()).map(|run| KeyReader { keys: self, run }).collect()
    }

    /// The strings that the numbers of each key stand for, of those that have strings.
    pub(super) fn symbols(&self) -> Vec<Option<&Symbols>> {
        self.gatherers.iter().map(|gatherer| gatherer.symbols.as_deref()).collect()
    }
}

/// Reads the keys of one run.
pub(super) struct KeyReader<'a> {
    keys: &'a Keys,
    run: usize,
}

impl RunKeys for KeyReader<'_> {
    fn row_count(&self) -> u64 {
        self.keys.rows[self.run]
    }

    fn read(&self, key: usize, rows: Range<u64>, out: &mut Vec<u64>) -> Result<()> {
        if let Some(gatherer) = self.keys.gatherers.get(key) {
            Key::of(&gatherer.read(self.run, rows)?).append_to(out);
            return Ok(());
        }
        let parts = self.keys.parts.as_ref().map(|parts| parts.read(self.run, rows)).transpose()?;
        match parts {
            Some(Chunk::Int(parts)) => out.extend(parts.into_iter().map(|part| part as u64)),
            _ => return Err(Error::invalid("a run has no such key")),
        }
        Ok(())
    }
}
