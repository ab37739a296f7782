//! Source tables: a stored table of which nothing is opened until rows are asked for.
//!
//! `where` on it classifies each filter. One that refers to the partitioning column alone, without positions or whole columns,
//! decides at once which locations remain; the others wait. Opening then runs those on grouping columns first (they become
//! row ranges) and the rest in the user's order. Dropping, renaming and moving columns only change what the result will show.

use super::column_source::{ColumnSource, MemoryColumn, RegionedColumn, Regions};
use super::operation::filter::{BoundFilter, filter_rows};
use super::table::Version;
use super::timing::{OperationRecord, Started, Timing, strategy};
use crate::base::{ColumnKind, Result, TableDefinition};
use crate::memory::{Chunk, RowSet};
use crate::storage::{Location, LocationHandle, LocationSource};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The locations of one table, listed at the first question and opened one by one; shared by all tables that come of it, so
/// that all of them see the same version of a location.
#[derive(Debug)]
pub struct SourceTable {
    source: Arc<dyn LocationSource>,
    handles: OnceLock<Vec<Arc<dyn LocationHandle>>>,
    opened: Mutex<Vec<Option<Arc<dyn Location>>>>,
}

impl SourceTable {
    /// A source table over a location source.
    pub fn new(source: Arc<dyn LocationSource>) -> Self {
        SourceTable { source, handles: OnceLock::new(), opened: Mutex::default() }
    }

    /// The columns.
    pub fn definition(&self) -> &Arc<TableDefinition> {
        self.source.definition()
    }

    /// The locations there were at the first call, in key order.
    pub fn handles(&self) -> Result<&[Arc<dyn LocationHandle>]> {
        if let Some(known) = self.handles.get() {
            return Ok(known);
        }
        let handles = self.source.locations()?;
        Ok(self.handles.get_or_init(|| handles))
    }

    /// Opens locations, by index in [`SourceTable::handles`]; each once, and those that are opened in one call as of one instant.
    fn open(&self, which: &[usize]) -> Result<Vec<Arc<dyn Location>>> {
        let handles = self.handles()?;
        let known = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<usize> = {
            let opened = known();
            which.iter().copied().filter(|&index| !matches!(opened.get(index), Some(Some(_)))).collect()
        };
        if !missing.is_empty() {
            let wanted: Vec<&Arc<dyn LocationHandle>> = missing.iter().map(|&index| &handles[index]).collect();
            let locations = self.source.open_together(&wanted)?;
            let mut opened = known();
            if opened.len() < handles.len() {
                opened.resize(handles.len(), None);
            }
            for (index, location) in missing.into_iter().zip(locations) {
                // Whoever opened it first meanwhile decides which version all see.
                opened[index].get_or_insert(location);
            }
        }
        let opened = known();
        Ok(which.iter().filter_map(|&index| opened.get(index).cloned().flatten()).collect())
    }
}

/// A source table with the locations that remain, the filters that wait and the columns that will be shown.
#[derive(Clone, Debug)]
pub(crate) struct Deferred {
    table: Arc<SourceTable>,
    /// Indices of the locations that remain; none while all do.
    remaining: Option<Arc<Vec<usize>>>,
    /// The waiting filters of each `where`, bound to columns of the source's definition.
    waiting: Vec<Arc<Vec<BoundFilter>>>,
    /// The source's columns that the table shows, in its order.
    shown: Arc<Vec<usize>>,
    /// The rows once opened, and what that cost.
    version: Arc<OnceLock<(Version, Arc<OperationRecord>)>>,
}

impl Deferred {
    pub(crate) fn new(table: Arc<SourceTable>) -> Self {
        let shown = Arc::new((0..table.definition().columns().len()).collect());
        Deferred { table, remaining: None, waiting: Vec::new(), shown, version: Arc::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.version.get().is_some()
    }

    pub(crate) fn opened(&self) -> Option<&Version> {
        self.version.get().map(|(version, _)| version)
    }

    /// What opening it cost; none before.
    pub(crate) fn opening(&self) -> Option<Arc<OperationRecord>> {
        self.version.get().map(|(_, record)| record.clone())
    }

    /// The same with other columns shown, given as positions in what is shown now.
    pub(crate) fn show(&self, positions: impl IntoIterator<Item = usize>) -> Deferred {
        let shown = Arc::new(positions.into_iter().map(|at| self.shown[at]).collect());
        Deferred { shown, version: Arc::default(), ..self.clone() }
    }

    /// The same with the filters of one `where`, bound to what is shown now. Those on the partitioning column alone decide
    /// now which locations remain.
    pub(crate) fn filter(&self, filters: Vec<BoundFilter>) -> Result<Deferred> {
        let definition = self.table.definition();
        let mut result = Deferred { version: Arc::default(), ..self.clone() };
        let filters: Vec<BoundFilter> = filters.into_iter().map(|filter| filter.rebind(&self.shown)).collect();
        // A partition filter must not overtake a filter of an earlier `where` that counts positions.
        let may_overtake = !self.waiting.iter().any(|call| call.iter().any(BoundFilter::uses_positions));
        let is_partition = |filter: &BoundFilter| {
            let [column] = filter.inputs() else { return false };
            definition.columns()[*column].kind == ColumnKind::Partitioning && !filter.uses_positions()
        };
        let (partition, others): (Vec<_>, Vec<_>) =
            filters.into_iter().partition(|filter| may_overtake && is_partition(filter));
        if !partition.is_empty() {
            let remaining = self.prune(&partition)?;
            let before = self.remaining()?.len();
            strategy(|| format!("partition values: {} of {before} locations", remaining.len()));
            result.remaining = Some(Arc::new(remaining));
        }
        if !others.is_empty() {
            result.waiting.push(Arc::new(others));
        }
        Ok(result)
    }

    /// The locations whose partition value passes: a table of the values, one row a location, is filtered.
    fn prune(&self, filters: &[BoundFilter]) -> Result<Vec<usize>> {
        let handles = self.table.handles()?;
        let remaining = self.remaining()?;
        let values = Chunk::strings(remaining.iter().map(|&at| Some(&*handles[at].key().column_partition)))?;
        let values: Arc<dyn ColumnSource> = Arc::new(MemoryColumn::new(values)?);
        let columns = vec![values; self.table.definition().columns().len()];
        let rows = filter_rows(filters, &columns, &RowSet::flat(remaining.len() as u64))?;
        Ok(rows.iter().map(|at| remaining[at as usize]).collect())
    }

    fn remaining(&self) -> Result<Arc<Vec<usize>>> {
        Ok(match &self.remaining {
            Some(remaining) => remaining.clone(),
            None => Arc::new((0..self.table.handles()?.len()).collect()),
        })
    }

    /// The distinct partition values of the locations, in key order, if that is all that the table's rows depend on: no filter
    /// waits. Opens the locations, since one without rows shows no value, but reads no column.
    pub(crate) fn version(&self, timing: Option<&Timing>) -> Result<&Version> {
        if let Some((known, _)) = self.version.get() {
            return Ok(known);
        }
        let started = Started::now(timing);
        let version = self.open()?;
        let record = OperationRecord {
            name: "open",
            arguments: format!("{}.{}", self.table.source.namespace(), self.table.source.table()),
            rows_out: Some(version.rows.len()),
            locations: Some((self.remaining()?.len(), self.table.handles()?.len())),
            ..OperationRecord::default()
        };
        let record = started.end(timing, record);
        if let Some(timing) = timing
            && self.remaining()?.is_empty()
        {
            timing.note(self.why_nothing_remains()?);
        }
        Ok(&self.version.get_or_init(|| (version, record)).0)
    }

    /// For a user who wonders where the rows are.
    fn why_nothing_remains(&self) -> Result<String> {
        let name = format!("{}.{}", self.table.source.namespace(), self.table.source.table());
        let handles = self.table.handles()?;
        let values: BTreeSet<&str> = handles.iter().map(|handle| &*handle.key().column_partition).collect();
        Ok(match (values.first(), values.last()) {
            (Some(first), Some(last)) if values.len() > 1 => {
                format!("no partition of {name} passes; there are {}, from {first} to {last}", values.len())
            }
            (Some(only), _) => format!("no partition of {name} passes; there is {only} only"),
            _ => format!("{name} has no partitions there: db.i has what was imported, db.t what was merged"),
        })
    }

    fn open(&self) -> Result<Version> {
        let regions = Arc::new(Regions::new(self.table.open(&self.remaining()?)?)?);
        let columns: Vec<Arc<dyn ColumnSource>> = self
            .table
            .definition()
            .columns()
            .iter()
            .map(|column| Arc::new(RegionedColumn::new(column, regions.clone())) as Arc<dyn ColumnSource>)
            .collect();
        let mut rows = regions.rows();
        for call in &self.waiting {
            rows = filter_rows(&self.grouping_first(call), &columns, &rows)?;
        }
        Ok(Version { rows, columns: self.shown.iter().map(|&at| columns[at].clone()).collect() })
    }

    /// Filters on a grouping column alone, which the index answers, before the others; each kind in the user's order.
    fn grouping_first(&self, filters: &[BoundFilter]) -> Vec<BoundFilter> {
        let definition = self.table.definition();
        let (mut first, others): (Vec<_>, Vec<_>) = filters.iter().cloned().partition(|filter| {
            let [column] = filter.inputs() else { return false };
            definition.columns()[*column].kind == ColumnKind::Grouping && filter.is_simple()
        });
        first.extend(others);
        first
    }
}
