//! Tests of stored columns against constants: filters that follow each other look at the same rows, chunk by chunk, while these are at hand.
//!
//! What zone maps, grouping indices and partition values can say is asked of all of them before any row is read, and what is known of the
//! bounds of each vector before it is decoded: a vector that no value, or every value, of passes a test is not read for it.

use super::super::column_source::{REGION_SHIFT, RegionedColumn, by_region};
use super::super::formula::{Answer, Predicate, SymbolTest};
use super::super::parallel;
use super::super::timing::strategy;
use super::filter::{FILTER_ROWS, push_selected};
use crate::base::{Error, Result, Value};
use crate::memory::row_set::RowSetBuilder;
use crate::memory::{Chunk, RowSet, StringChunk};
use crate::storage::{ColumnRegion, GroupingIndex};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Where one row in so many is left, the next column is read at these rows alone.
const FEW_ROWS: u64 = if cfg!(test) { 2 } else { 32 };

/// The rows that pass tests of stored columns, all of them of the same regions.
pub(super) fn select_in_regions(tests: &[(&RegionedColumn, &Predicate)], rows: &RowSet) -> Result<RowSet> {
    let Some((any, _)) = tests.first() else { return Ok(rows.clone()) };
    let regions: Vec<(usize, RowSet)> = by_region(rows).collect();
    let place = |region: usize| move |e: Error| e.context(format!("location {}", any.location(region).key()));
    let parts = parallel::map(&regions, |(region, own)| {
        let mut ways = Ways::default();
        let rows = select_in_region(tests, *region, own, &mut ways).map_err(place(*region))?;
        Ok((ways, rows))
    })?;
    let (ways, parts): (Vec<Ways>, Vec<RowSet>) = parts.into_iter().unzip();
    strategy(|| ways_text(&ways));
    Ok(RowSet::concatenate(&parts))
}

/// What answered tests in a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The value of the partition, or that the column is not there.
    Whole,
    GroupingRanges,
    ZoneMaps,
    /// Bounds of vectors or blocks spared some of them.
    Bounds,
    Rows,
}

/// Which ways were taken in a location, by [`Way`].
type Ways = [bool; 5];

/// Which ways were taken, in how many locations each.
fn ways_text(ways: &[Ways]) -> String {
    let names = [
        (Way::Whole, "whole locations"),
        (Way::GroupingRanges, "grouping ranges"),
        (Way::ZoneMaps, "zone maps"),
        (Way::Bounds, "bounds"),
        (Way::Rows, "rows"),
    ];
    let counted = names.map(|(way, name)| (ways.iter().filter(|taken| taken[way as usize]).count(), name));
    let told: Vec<String> =
        counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{name} in {count}")).collect();
    if told.is_empty() { "no location".to_string() } else { told.join(", ") }
}

/// The rows of one location that pass; notes how they were found.
fn select_in_region(
    tests: &[(&RegionedColumn, &Predicate)],
    region: usize,
    rows: &RowSet,
    ways: &mut Ways,
) -> Result<RowSet> {
    let mut rows = rows.clone();
    let mut scans: Vec<Scan<'_>> = Vec::new();
    for &(column, predicate) in tests {
        let Some(scan) = Scan::of(column, region, predicate, &mut rows, ways)? else { continue };
        match scans.last_mut() {
            Some(last) if std::ptr::eq(last.column, column) && last.both.is_none() && last.symbols.is_none() => {
                last.both = Some(predicate);
            }
            _ => scans.push(scan),
        }
        if rows.is_empty() {
            return Ok(rows);
        }
    }
    ways[Way::Rows as usize] |= !scans.is_empty();
    if scans.is_empty() {
        return Ok(rows);
    }
    let spared = AtomicBool::new(false);
    let parts = parallel::map_pieces(&rows, |_, piece| {
        let mut builder = RowSetBuilder::default();
        let mut selected = Vec::new();
        for chunk in piece.chunks(FILTER_ROWS) {
            let open = open_rows(&scans, region, chunk)?;
            if !matches!(open.as_slice(), [(_, Tests::ALL)]) {
                spared.store(true, Relaxed);
            }
            for (rows, open) in open {
                selected.clear();
                let mut left = scans.iter().enumerate().filter(|(number, _)| open.includes(*number));
                let Some((_, first)) = left.next() else {
                    rows.ranges().for_each(|range| builder.push_range(range));
                    continue;
                };
                first.select(region, &rows, &mut selected)?;
                for (_, scan) in left {
                    if !selected.is_empty() {
                        scan.retain(region, &rows, &mut selected)?;
                    }
                }
                push_selected(&rows, &selected, &mut builder);
            }
        }
        Ok(builder.finish())
    })?;
    ways[Way::Bounds as usize] |= spared.into_inner();
    Ok(RowSet::concatenate(&parts))
}

/// Which tests have to look at some rows: a bit each, those beyond the last bit always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tests(u64);

impl Tests {
    const ALL: Tests = Tests(u64::MAX);

    fn includes(self, number: usize) -> bool {
        number >= 64 || self.0 >> number & 1 == 1
    }

    fn without(self, number: usize) -> Tests {
        if number >= 64 { self } else { Tests(self.0 & !(1 << number)) }
    }
}

/// Rows in more ranges than this are not asked for their bounds: of each vector little is read.
const RANGES_MAX: usize = 8;

/// Cuts rows of a region where the bounds of their vectors say which tests have to look at them. Rows that a test lets none of pass are left
/// out.
fn open_rows(scans: &[Scan<'_>], region: usize, rows: RowSet) -> Result<Vec<(RowSet, Tests)>> {
    if rows.range_count() > RANGES_MAX {
        return Ok(vec![(rows, Tests::ALL)]);
    }
    let base = (region as u64) << REGION_SHIFT;
    let mut open: Vec<(RowSet, Tests)> = Vec::new();
    for range in rows.ranges() {
        // The tests to do by the rows up to an end; none where there is nothing to find.
        let mut runs: Vec<(u64, Option<Tests>)> = vec![(range.end, Some(Tests::ALL))];
        for (number, scan) in scans.iter().enumerate() {
            let Some((ends, answers)) = scan.answers(range.start - base..range.end - base)? else { continue };
            let of_scan = ends.iter().map(|end| base + end).zip(answers);
            runs = meet(&runs, of_scan, |tests, answer| match answer {
                Answer::None => None,
                Answer::Open => Some(tests),
                Answer::All => Some(tests.without(number)),
            });
        }
        let mut start = range.start;
        for (end, tests) in runs {
            if let Some(tests) = tests {
                open.push((RowSet::range(start..end), tests));
            }
            start = end;
        }
    }
    Ok(match open.as_slice() {
        [(all, tests)] if all.len() == rows.len() => vec![(rows, *tests)],
        _ => open,
    })
}

/// Two divisions of the same rows in one, with what `of` makes of what both say; equal neighbours are one run.
fn meet(
    runs: &[(u64, Option<Tests>)],
    answers: impl Iterator<Item = (u64, Answer)>,
    of: impl Fn(Tests, Answer) -> Option<Tests>,
) -> Vec<(u64, Option<Tests>)> {
    let mut met: Vec<(u64, Option<Tests>)> = Vec::new();
    let mut at = 0;
    for (end, answer) in answers {
        while let Some(&(run_end, tests)) = runs.get(at) {
            let until = end.min(run_end);
            let tests = tests.and_then(|tests| of(tests, answer));
            match met.last_mut() {
                Some((last, same)) if *same == tests => *last = until,
                _ => met.push((until, tests)),
            }
            if run_end <= end {
                at += 1;
            }
            if end <= run_end {
                break;
            }
        }
    }
    met
}

/// A test that has to look at rows.
struct Scan<'a> {
    column: &'a RegionedColumn,
    stored: &'a Arc<dyn ColumnRegion>,
    predicate: &'a Predicate,
    /// A further test of the same column.
    both: Option<&'a Predicate>,
    /// The answers by symbol, for strings with a symbol table.
    symbols: Option<SymbolTest>,
}

impl<'a> Scan<'a> {
    /// Takes from `rows` what is known not to pass; none if that is all there is to do.
    fn of(
        column: &'a RegionedColumn,
        region: usize,
        predicate: &'a Predicate,
        rows: &mut RowSet,
        ways: &mut Ways,
    ) -> Result<Option<Self>> {
        let known = |value: &Value, rows: &mut RowSet| {
            if !predicate.matches(value) {
                *rows = RowSet::empty();
            }
        };
        if column.is_partitioning() {
            ways[Way::Whole as usize] = true;
            known(&Value::string(&column.location(region).key().column_partition), rows);
            return Ok(None);
        }
        if let Some(index) = column.grouping(region)? {
            ways[Way::GroupingRanges as usize] = true;
            *rows = select_groups(column, region, &index, rows, predicate)?;
            return Ok(None);
        }
        let Some(stored) = column.region(region)? else {
            ways[Way::Whole as usize] = true;
            known(&Value::Null, rows);
            return Ok(None);
        };
        *rows = candidate_rows(&**stored, region, rows, predicate)?;
        if rows.is_empty() {
            ways[Way::ZoneMaps as usize] = true;
            return Ok(None);
        }
        let symbols = stored.symbols()?.map(|symbols| SymbolTest::of(predicate, &symbols));
        Ok(Some(Scan { column, stored, predicate, both: None, symbols }))
    }

    /// What the bounds of the vectors of a range of rows say, each with the row after it; none where they are not known.
    fn answers(&self, rows: Range<u64>) -> Result<Option<(Vec<u64>, Vec<Answer>)>> {
        let Some(bounds) = self.stored.bounds(rows)? else { return Ok(None) };
        let mut answers = match &self.symbols {
            Some(symbols) => symbols.answers(&bounds),
            None => self.predicate.answers(&bounds),
        };
        if let Some(both) = self.both {
            answers.iter_mut().zip(both.answers(&bounds)).for_each(|(answer, other)| *answer = answer.and(other));
        }
        Ok(Some((bounds.ends, answers)))
    }

    fn read(&self, region: usize, rows: &RowSet) -> Result<Chunk> {
        let mut chunk = Chunk::with_capacity(self.stored.column_type(), rows.len() as usize);
        self.column.fill_region(region, rows, &mut chunk)?;
        Ok(chunk)
    }

    /// Appends the positions of the rows that pass.
    fn select(&self, region: usize, rows: &RowSet, selected: &mut Vec<u32>) -> Result<()> {
        match (self.read(region, rows)?, &self.symbols, self.both) {
            (Chunk::String(strings), Some(symbols), _) => symbols.select(&strings.codes, selected),
            (chunk, _, Some(both)) => self.predicate.select_both(both, &chunk, selected),
            (chunk, _, None) => self.predicate.select(&chunk, selected),
        }
        Ok(())
    }

    /// Keeps of the positions of rows those of rows that pass.
    fn retain(&self, region: usize, rows: &RowSet, selected: &mut Vec<u32>) -> Result<()> {
        if selected.len() as u64 * FEW_ROWS > rows.len() {
            match (self.read(region, rows)?, &self.symbols) {
                (Chunk::String(strings), Some(symbols)) => symbols.retain(&strings.codes, selected),
                (chunk, _) => {
                    self.predicate.retain(&chunk, selected);
                    self.both.iter().for_each(|both| both.retain(&chunk, selected));
                }
            }
            return Ok(());
        }
        let mut left = RowSetBuilder::default();
        push_selected(rows, selected, &mut left);
        let mut passed = Vec::new();
        self.select(region, &left.finish(), &mut passed)?;
        passed.iter_mut().for_each(|at| *at = selected[*at as usize]);
        *selected = passed;
        Ok(())
    }
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
