//! Tables: an immutable version (row set and column sources), or a source table of which nothing has been opened yet.

use super::column_source::{self, ColumnSource, MemoryColumn};
use super::limits;
use super::source_table::{Deferred, SourceTable};
use super::timing::{OperationRecord, Started, Steps, Timing};
use crate::base::names::nearest_hint;
use crate::base::{ColumnDefinition, Error, Result, TableDefinition};
use crate::memory::{Chunk, RowSet};
use crate::storage::LocationSource;
use std::ops::Range;
use std::sync::Arc;

/// A table of the query language. Cheap to clone; operations never change it, they give new ones that share with it.
///
/// Operations are methods, see [`super::operation`]. Errors of names and types come out of the operation; errors of
/// reading come out of whatever reads.
#[derive(Clone, Debug)]
pub struct Table {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    definition: Arc<TableDefinition>,
    attributes: Attributes,
    body: Body,
    timing: Option<Arc<Timing>>,
    steps: Steps,
}

#[derive(Debug)]
enum Body {
    Version(Version),
    Deferred(Deferred),
}

/// What a table knows beside its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Namespace of the stored table that this is; none once an operation has been applied.
    pub namespace: Option<Arc<str>>,
    /// Name of the stored table that this is; none once an operation has been applied.
    pub table_name: Option<Arc<str>>,
}

/// The rows and columns of a table at one moment: what kernels work on.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// The row keys, in row order.
    pub rows: RowSet,
    /// The columns, in the order of the table's definition.
    pub columns: Vec<Arc<dyn ColumnSource>>,
}

impl Table {
    /// A table of a version; the definition's columns are those of the version, in order.
    pub fn new(definition: TableDefinition, version: Version) -> Result<Self> {
        let fits = definition.columns().len() == version.columns.len()
            && definition.columns().iter().zip(&version.columns).all(|(d, c)| d.column_type == c.column_type());
        if !fits {
            return Err(Error::invalid("the columns are not those of the definition"));
        }
        Ok(Table {
            inner: Arc::new(Inner {
                definition: Arc::new(definition),
                attributes: Attributes::default(),
                body: Body::Version(version),
                timing: None,
                steps: Steps::default(),
            }),
        })
    }

    /// A table in memory: named columns of equal length.
    pub fn new_table(columns: Vec<(String, Chunk)>) -> Result<Self> {
        let row_count = columns.first().map_or(0, |(_, chunk)| chunk.len());
        if let Some((name, chunk)) = columns.iter().find(|(_, chunk)| chunk.len() != row_count) {
            return Err(Error::invalid(format!(
                "column {name} has {} values, the first column has {row_count}",
                chunk.len()
            )));
        }
        let definitions = columns.iter().map(|(name, chunk)| ColumnDefinition::new(name.as_str(), chunk.column_type()));
        let definition = TableDefinition::new(definitions.collect())?;
        let sources = columns
            .into_iter()
            .map(|(_, chunk)| Ok(Arc::new(MemoryColumn::new(chunk)?) as Arc<dyn ColumnSource>))
            .collect::<Result<_>>()?;
        Table::new(definition, Version { rows: RowSet::flat(row_count as u64), columns: sources })
    }

    /// A table of `row_count` rows and no columns: what formulas with `i` start from.
    pub fn empty_table(row_count: u64) -> Result<Self> {
        if row_count > i64::MAX as u64 {
            return Err(Error::limit(format!("a table of {row_count} rows")));
        }
        Table::new(TableDefinition::default(), Version { rows: RowSet::flat(row_count), columns: Vec::new() })
    }

    /// The table of a stored table's locations. Opens nothing: locations are listed and opened when rows are asked for, and
    /// `where` on the partitioning column decides which.
    pub fn of_source(source: Arc<dyn LocationSource>) -> Self {
        let attributes =
            Attributes { namespace: Some(source.namespace().into()), table_name: Some(source.table().into()) };
        let definition = source.definition().clone();
        let body = Body::Deferred(Deferred::new(Arc::new(SourceTable::new(source))));
        let steps = Steps::default();
        Table { inner: Arc::new(Inner { definition, attributes, body, timing: None, steps }) }
    }

    /// The same table with a log that operations on it, and on what comes of it, write to.
    #[must_use]
    pub fn with_timing(&self, timing: Arc<Timing>) -> Self {
        let Inner { definition, attributes, body, steps, .. } = &*self.inner;
        let (definition, attributes, body, steps) =
            (definition.clone(), attributes.clone(), body.clone(), steps.clone());
        Table { inner: Arc::new(Inner { definition, attributes, body, timing: Some(timing), steps }) }
    }

    /// Columns in order.
    pub fn definition(&self) -> &Arc<TableDefinition> {
        &self.inner.definition
    }

    /// What the table knows beside its rows.
    pub fn attributes(&self) -> &Attributes {
        &self.inner.attributes
    }

    /// The names of the columns, in order.
    pub fn column_names(&self) -> Vec<&str> {
        self.inner.definition.columns().iter().map(|column| column.name.as_str()).collect()
    }

    /// How many rows there are. Opens the locations of a source table.
    pub fn row_count(&self) -> Result<u64> {
        Ok(self.version()?.rows.len())
    }

    /// The rows and columns. Opens the locations of a source table at the first call.
    pub fn version(&self) -> Result<&Version> {
        match &self.inner.body {
            Body::Version(version) => Ok(version),
            Body::Deferred(deferred) => deferred.version(self.inner.timing.as_deref()),
        }
    }

    /// The column source of a name, or an error that names the nearest columns.
    pub fn column(&self, name: &str) -> Result<&Arc<dyn ColumnSource>> {
        let at = self.position(name)?;
        Ok(&self.version()?.columns[at])
    }

    /// The values of columns at positions (cut to what there is), one chunk a column.
    pub fn read(&self, columns: &[impl AsRef<str>], positions: Range<u64>) -> Result<Vec<Chunk>> {
        let indices = columns.iter().map(|name| self.position(name.as_ref())).collect::<Result<Vec<_>>>()?;
        let version = self.version()?;
        let rows = version.rows.slice(positions);
        let widths = indices.iter().map(|&at| version.columns[at].column_type().width());
        limits::require(rows.len(), widths.sum())?;
        indices.into_iter().map(|at| column_source::read(&*version.columns[at], &rows)).collect()
    }

    /// Says that the rows read so far will not be read again soon, so that the memory behind mapped files can be given back: for who goes through all rows once. Changes
    /// nothing else; rows can be read again, also meanwhile.
    pub fn forget(&self) -> Result<()> {
        self.version()?.columns.iter().for_each(|column| column.forget());
        Ok(())
    }

    /// The values of one column, all rows.
    pub fn read_column(&self, name: &str) -> Result<Chunk> {
        let at = self.position(name)?;
        let version = self.version()?;
        column_source::read_all(&*version.columns[at], &version.rows)
    }

    /// Position of a column, or an error that names the nearest ones.
    pub(crate) fn position(&self, name: &str) -> Result<usize> {
        self.inner.definition.position(name).ok_or_else(|| unknown_column(name, self.column_names()))
    }

    /// Positions of columns.
    pub(crate) fn positions(&self, names: &[&str]) -> Result<Vec<usize>> {
        names.iter().map(|name| self.position(name)).collect()
    }

    /// A table with other rows and the same columns.
    pub(crate) fn with_rows(&self, rows: RowSet) -> Result<Table> {
        let columns = self.version()?.columns.clone();
        Ok(self.with(
            self.inner.definition.clone(),
            Body::Version(Version { rows, columns }),
            self.inner.timing.clone(),
        ))
    }

    /// A table of other rows and columns that comes of this one.
    pub(crate) fn with_version(&self, columns: Vec<ColumnDefinition>, version: Version) -> Result<Table> {
        debug_assert_eq!(columns.len(), version.columns.len());
        let definition = Arc::new(TableDefinition::new(columns)?);
        Ok(self.with(definition, Body::Version(version), self.inner.timing.clone()))
    }

    /// The source table, as long as nothing has been opened.
    pub(crate) fn deferred(&self) -> Option<&Deferred> {
        match &self.inner.body {
            Body::Deferred(deferred) if !deferred.is_open() => Some(deferred),
            _ => None,
        }
    }

    /// A source table that comes of this one.
    pub(crate) fn with_deferred(&self, columns: Vec<ColumnDefinition>, deferred: Deferred) -> Result<Table> {
        let definition = Arc::new(TableDefinition::new(columns)?);
        Ok(self.with(definition, Body::Deferred(deferred), self.inner.timing.clone()))
    }

    /// Runs an operation, notes it among the steps of the result, and logs it where there is a log.
    pub(crate) fn run(
        &self,
        name: &'static str,
        arguments: impl FnOnce() -> String,
        operation: impl FnOnce() -> Result<Table>,
    ) -> Result<Table> {
        self.run_with(name, &[], arguments, operation)
    }

    /// As [`Table::run`], of an operation that takes other tables too: the result comes of their steps as well.
    pub(crate) fn run_with(
        &self,
        name: &'static str,
        others: &[&Table],
        arguments: impl FnOnce() -> String,
        operation: impl FnOnce() -> Result<Table>,
    ) -> Result<Table> {
        let timing = self.inner.timing.as_deref();
        let rows = |table: &Table| match &table.inner.body {
            Body::Version(version) => Some(version.rows.len()),
            Body::Deferred(deferred) => deferred.opened().map(|version| version.rows.len()),
        };
        let started = Started::now(timing);
        let rows_in = rows(self);
        let was_open: Vec<bool> = [self].iter().chain(others).map(|table| table.opening().is_some()).collect();
        let result = operation()?;
        let mut arguments = arguments();
        if let Some((at, _)) = arguments.char_indices().nth(200) {
            arguments.truncate(at);
            arguments.push('…');
        }
        let record =
            OperationRecord { name, arguments, rows_in, rows_out: rows(&result), ..OperationRecord::default() };
        let mut steps = Steps::default();
        for (table, was_open) in [self].iter().chain(others).zip(was_open) {
            steps = steps.with(&table.inner.steps.and(table.opening().filter(|_| !was_open)));
        }
        let steps = steps.and([started.end(timing, record)]);
        let Inner { definition, attributes, body, timing, .. } = &*result.inner;
        let (definition, attributes, body) = (definition.clone(), attributes.clone(), body.clone());
        Ok(Table { inner: Arc::new(Inner { definition, attributes, body, timing: timing.clone(), steps }) })
    }

    /// What opening the source table cost, if it is one and open.
    fn opening(&self) -> Option<Arc<OperationRecord>> {
        match &self.inner.body {
            Body::Version(_) => None,
            Body::Deferred(deferred) => deferred.opening(),
        }
    }

    /// The last operations that the table comes of, in the order in which they ran, with what they cost: at most 64; where tables
    /// were joined, those of the left side first. Opens the locations of a source table; reads no rows.
    pub fn explain(&self) -> Result<Vec<OperationRecord>> {
        let was_open = self.opening().is_some();
        self.version()?;
        let opening = self.opening().filter(|_| !was_open);
        Ok(self.inner.steps.iter().cloned().chain(opening.map(|record| (*record).clone())).collect())
    }

    fn with(&self, definition: Arc<TableDefinition>, body: Body, timing: Option<Arc<Timing>>) -> Table {
        // What comes of a table is no longer the stored one.
        let attributes = Attributes::default();
        let steps = self.inner.steps.clone();
        Table { inner: Arc::new(Inner { definition, attributes, body, timing, steps }) }
    }
}

impl Clone for Body {
    fn clone(&self) -> Self {
        match self {
            Body::Version(version) => Body::Version(version.clone()),
            Body::Deferred(deferred) => Body::Deferred(deferred.clone()),
        }
    }
}

/// The error for a column that is not there.
pub(crate) fn unknown_column<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Error {
    let error = Error::not_found(format!("no column {name}"));
    match nearest_hint(name, known) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
