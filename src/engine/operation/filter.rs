//! `where`: the rows that satisfy every filter, from left to right. Columns are shared, nothing is copied.
//!
//! A filter of one column against constants is answered by the cheapest thing that knows: the value of a partition, the
//! grouping index, zone maps, the symbol table (once a symbol), and only then the rows. Positions (`i`, `Col_[i-1]`) are those of the
//! table that `where` was called on, in all filters of one call.

use super::super::column_source::{self, ColumnSource, RegionedColumn};
use super::super::evaluate::{Arrays, RowInput};
use super::super::formula::{self, Filter, Predicate, QueryScope, SymbolTest};
use super::super::{Table, parallel};
use super::filter_scan::select_in_regions;
use super::joined;
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Result, TableDefinition};
use crate::memory::row_set::RowSetBuilder;
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

/// Rows of the chunks that filters run on.
pub(super) const FILTER_ROWS: u64 = 4 * CHUNK_ROWS as u64;

impl Table {
    /// The rows that satisfy all filters, which run from left to right. Without filters the table itself.
    ///
    /// On a source table filters on the partitioning column decide which locations will be opened; the others wait until rows
    /// are asked for.
    pub fn filter(&self, filters: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "where",
            || joined(filters),
            || {
                let bound = bind(self.definition(), filters, scope)?;
                if bound.is_empty() {
                    return Ok(self.clone());
                }
                if let Some(deferred) = self.deferred() {
                    return self.with_deferred(self.definition().columns().to_vec(), deferred.filter(bound)?);
                }
                let version = self.version()?;
                self.with_rows(filter_rows(&bound, &version.columns, &version.rows)?)
            },
        )
    }

    /// The rows that satisfy at least one of the filters. Without filters the table itself.
    pub fn filter_one_of(&self, filters: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "whereOneOf",
            || joined(filters),
            || {
                // Each text may stand for several filters, all of which must hold.
                let bound = filters.iter().map(|text| bind(self.definition(), &[text], scope));
                let bound = bound.collect::<Result<Vec<_>>>()?;
                if bound.is_empty() {
                    return Ok(self.clone());
                }
                let version = self.version()?;
                let mut found = RowSet::empty();
                for filters in bound {
                    found = found.union(&filter_rows(&filters, &version.columns, &version.rows)?);
                }
                self.with_rows(found)
            },
        )
    }
}

/// Compiles filters against a table's columns.
fn bind(definition: &TableDefinition, filters: &[impl AsRef<str>], scope: &QueryScope) -> Result<Vec<BoundFilter>> {
    let columns: Vec<(String, ColumnType)> =
        definition.columns().iter().map(|column| (column.name.clone(), column.column_type)).collect();
    let position = |name: &String| definition.require(name).map(|_| definition.position(name).unwrap_or_default());
    let mut bound = Vec::new();
    for text in filters {
        for filter in formula::compile_filters(text.as_ref(), &columns, scope)? {
            let inputs = filter.inputs().iter().map(position).collect::<Result<_>>()?;
            let arrays = filter.arrays().iter().map(position).collect::<Result<_>>()?;
            bound.push(BoundFilter { filter: Arc::new(filter), inputs, arrays });
        }
    }
    Ok(bound)
}

/// A filter and the columns that it reads, by position.
#[derive(Clone, Debug)]
pub(crate) struct BoundFilter {
    filter: Arc<Filter>,
    inputs: Vec<usize>,
    arrays: Vec<usize>,
}

impl BoundFilter {
    /// The same filter over a table whose column `to[n]` is this one's column `n`.
    pub(crate) fn rebind(mut self, to: &[usize]) -> Self {
        self.inputs.iter_mut().chain(&mut self.arrays).for_each(|at| *at = to[*at]);
        self
    }

    /// The columns read.
    pub(crate) fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// True when the result depends on where a row stands.
    pub(crate) fn uses_positions(&self) -> bool {
        self.filter.uses_row_position() || !self.arrays.is_empty()
    }

    /// The test and the column, where it is one of a stored column against constants.
    fn stored_test<'a>(&'a self, columns: &'a [Arc<dyn ColumnSource>]) -> Option<(&'a RegionedColumn, &'a Predicate)> {
        let (_, predicate) = self.filter.column_predicate()?;
        if let Predicate::Constant(_) = predicate {
            return None;
        }
        Some((columns[self.inputs[0]].regioned()?, predicate))
    }

    /// True for one column against constants.
    pub(crate) fn is_simple(&self) -> bool {
        self.filter.column_predicate().is_some()
    }
}

/// The rows that satisfy all filters.
pub(crate) fn filter_rows(filters: &[BoundFilter], columns: &[Arc<dyn ColumnSource>], rows: &RowSet) -> Result<RowSet> {
    let mut left = rows.clone();
    let mut rest = filters;
    while let Some(first) = rest.first()
        && !left.is_empty()
    {
        // Tests of stored columns that follow each other look at rows together.
        let tests: Vec<_> = rest.iter().map_while(|filter| filter.stored_test(columns)).collect();
        if tests.is_empty() {
            left = apply(first, columns, rows, &left)?;
            rest = &rest[1..];
        } else {
            left = select_in_regions(&tests, &left)?;
            rest = &rest[tests.len()..];
        }
    }
    Ok(left)
}

/// The rows of `rows` that satisfy one filter; `all` are the rows that positions count.
fn apply(filter: &BoundFilter, columns: &[Arc<dyn ColumnSource>], all: &RowSet, rows: &RowSet) -> Result<RowSet> {
    let Some((_, predicate)) = filter.filter.column_predicate() else {
        return apply_general(filter, columns, all, rows);
    };
    let source = &columns[filter.inputs[0]];
    if let Predicate::Constant(holds) = predicate {
        return Ok(if *holds { rows.clone() } else { RowSet::empty() });
    }
    if let Some(value) = source.constant() {
        return Ok(if predicate.matches(value) { rows.clone() } else { RowSet::empty() });
    }
    match source.symbols()? {
        Some(symbols) => {
            let test = SymbolTest::of(predicate, &symbols);
            select_rows(rows, |piece, selected| {
                let Chunk::String(strings) = column_source::read(&**source, piece)? else { return Ok(()) };
                test.select(&strings.codes, selected);
                Ok(())
            })
        }
        None => select_rows(rows, |piece, selected| {
            predicate.select(&column_source::read(&**source, piece)?, selected);
            Ok(())
        }),
    }
}

/// Any other filter: its columns are read chunk by chunk.
fn apply_general(
    filter: &BoundFilter,
    columns: &[Arc<dyn ColumnSource>],
    all: &RowSet,
    rows: &RowSet,
) -> Result<RowSet> {
    let of = |positions: &[usize]| positions.iter().map(|&at| columns[at].clone()).collect::<Vec<_>>();
    let inputs = of(&filter.inputs);
    let arrays = Arrays::new(all.clone(), of(&filter.arrays));
    select_rows(rows, |piece, selected| {
        let input = RowInput::of_rows(&inputs, piece, filter.filter.uses_row_position().then_some(all))?;
        filter.filter.evaluate(&input.input(&arrays), selected)
    })
}

/// Runs a selection over rows chunk by chunk, on all cores. `select` appends the positions within its chunk that match, ascending.
pub(super) fn select_rows(
    rows: &RowSet,
    select: impl Fn(&RowSet, &mut Vec<u32>) -> Result<()> + Sync,
) -> Result<RowSet> {
    let parts = parallel::map_pieces(rows, |_, piece| {
        let mut builder = RowSetBuilder::default();
        let mut selected = Vec::new();
        for chunk in piece.chunks(FILTER_ROWS) {
            selected.clear();
            select(&chunk, &mut selected)?;
            push_selected(&chunk, &selected, &mut builder);
        }
        Ok(builder.finish())
    })?;
    Ok(RowSet::concatenate(&parts))
}

/// Adds the keys at ascending positions of a chunk's rows.
pub(super) fn push_selected(rows: &RowSet, selected: &[u32], builder: &mut RowSetBuilder) {
    if selected.len() as u64 == rows.len() {
        rows.ranges().for_each(|range| builder.push_range(range));
        return;
    }
    let (mut before, mut at) = (0u64, 0);
    for range in rows.ranges() {
        let count = range.end - range.start;
        while at < selected.len() && u64::from(selected[at]) < before + count {
            // Matches that follow each other become one range.
            let first = at;
            while at + 1 < selected.len()
                && selected[at + 1] == selected[at] + 1
                && u64::from(selected[at + 1]) < before + count
            {
                at += 1;
            }
            let start = range.start + (u64::from(selected[first]) - before);
            builder.push_range(start..start + (at - first + 1) as u64);
            at += 1;
        }
        before += count;
    }
}
