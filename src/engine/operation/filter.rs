//! `where`: the rows that satisfy every filter, from left to right. Columns are shared, nothing is copied.
//!
//! A filter of one column against constants is answered by the cheapest thing that knows: the value of a partition, the
//! grouping index, zone maps, the symbol table (once a symbol), and only then the rows. Positions (`i`, `Col_[i-1]`) are those of the
//! table that `where` was called on, in all filters of one call.

use super::super::column_source::{self, ColumnSource, REGION_SHIFT, RegionedColumn, by_region};
use super::super::evaluate::{Arrays, RowInput};
use super::super::formula::{self, Filter, Predicate, QueryScope, select_codes};
use super::super::{Table, parallel};
use super::joined;
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Result, TableDefinition, Value};
use crate::memory::row_set::RowSetBuilder;
use crate::memory::{Chunk, RowSet, StringChunk};
use crate::storage::{ColumnRegion, GroupingIndex};
use std::sync::Arc;

/// Rows of the chunks that filters run on.
const FILTER_ROWS: u64 = 4 * CHUNK_ROWS as u64;

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

    /// True for one column against constants.
    pub(crate) fn is_simple(&self) -> bool {
        self.filter.column_predicate().is_some()
    }
}

/// The rows that satisfy all filters.
pub(crate) fn filter_rows(filters: &[BoundFilter], columns: &[Arc<dyn ColumnSource>], rows: &RowSet) -> Result<RowSet> {
    filters.iter().try_fold(
        rows.clone(),
        |left, filter| {
            if left.is_empty() { Ok(left) } else { apply(filter, columns, rows, &left) }
        },
    )
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
    if let Some(column) = source.regioned() {
        let regions: Vec<(usize, RowSet)> = by_region(rows).collect();
        let place =
            |region| move |e: crate::base::Error| e.context(format!("location {}", column.location(region).key()));
        let parts = parallel::map(&regions, |(region, own)| {
            select_in_region(column, *region, own, predicate).map_err(place(*region))
        })?;
        return Ok(RowSet::concatenate(&parts));
    }
    match source.symbols()? {
        Some(symbols) => {
            let (matches, null) = predicate.matches_symbols(&symbols);
            select_rows(rows, |piece, selected| {
                let Chunk::String(strings) = column_source::read(&**source, piece)? else { return Ok(()) };
                select_codes(&strings.codes, &matches, null, selected);
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

/// The rows of one location that match.
fn select_in_region(column: &RegionedColumn, region: usize, rows: &RowSet, predicate: &Predicate) -> Result<RowSet> {
    let all_or_none = |value: &Value| if predicate.matches(value) { rows.clone() } else { RowSet::empty() };
    let location = column.location(region);
    if column.is_partitioning() {
        return Ok(all_or_none(&Value::string(&location.key().column_partition)));
    }
    if let Some(index) = column.grouping(region)? {
        return select_groups(column, region, &index, rows, predicate);
    }
    let Some(stored) = column.region(region)? else { return Ok(all_or_none(&Value::Null)) };
    let rows = candidate_rows(&**stored, region, rows, predicate)?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let Some(symbols) = stored.symbols()? else {
        return select_rows(&rows, |piece, selected| {
            let mut chunk = Chunk::with_capacity(stored.column_type(), piece.len() as usize);
            column.fill_region(region, piece, &mut chunk)?;
            predicate.select(&chunk, selected);
            Ok(())
        });
    };
    let (matches, null) = predicate.matches_symbols(&symbols);
    select_rows(&rows, |piece, selected| {
        let mut chunk = Chunk::with_capacity(ColumnType::String, piece.len() as usize);
        column.fill_region(region, piece, &mut chunk)?;
        let Chunk::String(strings) = chunk else { return Ok(()) };
        select_codes(&strings.codes, &matches, null, selected);
        Ok(())
    })
}

/// The row ranges of the grouping values that match: no row is read.
fn select_groups(
    column: &RegionedColumn,
    region: usize,
    index: &GroupingIndex,
    rows: &RowSet,
    predicate: &Predicate,
) -> Result<RowSet> {
    let mut selected = Vec::new();
    match &index.values {
        Chunk::String(strings) => {
            let symbols = column.region_symbols(region)?.unwrap_or_else(|| strings.symbols.clone());
            predicate.select(&Chunk::String(StringChunk { codes: strings.codes.clone(), symbols }), &mut selected);
        }
        values => predicate.select(values, &mut selected),
    }
    let base = (region as u64) << REGION_SHIFT;
    let ranges = selected.into_iter().map(|group| {
        let own = index.rows(group as usize);
        base + own.start..base + own.end
    });
    Ok(RowSet::from_ranges(ranges).intersect(rows))
}

/// The rows in zones that may hold a match.
fn candidate_rows(stored: &dyn ColumnRegion, region: usize, rows: &RowSet, predicate: &Predicate) -> Result<RowSet> {
    let zones = stored.zones()?;
    if zones.is_empty() || zones.iter().all(|zone| predicate.may_match(zone)) {
        return Ok(rows.clone());
    }
    let base = (region as u64) << REGION_SHIFT;
    let may = zones.iter().filter(|zone| predicate.may_match(zone));
    Ok(RowSet::from_ranges(may.map(|zone| base + zone.rows.start..base + zone.rows.end)).intersect(rows))
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
fn push_selected(rows: &RowSet, selected: &[u32], builder: &mut RowSetBuilder) {
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
