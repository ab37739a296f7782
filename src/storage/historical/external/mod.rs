//! Merging more rows than memory holds: sorted runs on disk, their order by keys alone, then one column after the other.
//!
//! 1. *Runs*: as many rows as memory allows are read, ordered and written as a small location of their own, beside the version in the making.
//! 2. *Order*: the runs' keys are merged; what remains is a list of steps, so many rows of that run (`interleave`).
//! 3. *Columns*: each column is read from the runs along the steps, a block at a time, and written in its final form.
//!
//! Every value is written and read once more than in memory, whatever the rows: two passes over the data. Nothing but keys is compared.
//!
//! **Invariant:** the memory in use depends on the bound, the count of runs and the symbol tables, not on rows; the directory of the runs is the
//! caller's to remove, and the next merge removes it if this one does not live to do so.

mod columns;
mod interleave;
mod order;
mod runs;
mod spill;

use self::columns::ColumnJob;
use self::order::{OrderRequest, SpreadRows};
use self::runs::{Keys, RunColumn, Runs};
use super::merge::{MergePhase, Target};
use super::source::{self, Gatherer};
use super::spread::{Spread, part_of_group};
use super::work::Work;
use crate::base::{ColumnDefinition, Error, Result, SymbolUse};
use crate::format::column_form::ColumnForm;
use crate::io::FileSystem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The fewest rows of a run: with fewer the runs would be too many to merge at once.
const RUN_ROWS_MIN: u64 = 1 << 14;
/// Keys of a run in memory while the order is found.
const BUFFER_ROWS: std::ops::RangeInclusive<u64> = 64..=65_536;
/// Bytes of memory for a value of a grouping column while its index is made.
const GROUP_BYTES: u64 = 48;

/// Fills the targets; gives the number of groups and of runs. Runs go to `directory`, which is made here.
pub(super) fn write(
    work: &Work<'_>,
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    targets: &mut [Target<'_>],
) -> Result<(u64, u64)> {
    let (total, free) = (work.row_count(), work.free_bytes());
    let columns = work.columns.iter().map(|&column| run_column(work, column)).collect::<Result<Vec<_>>>()?;
    let plan = Plan::of(work, &columns)?;
    let runs = Runs::write(work, fs, directory, &columns, &plan)?;
    let keys: Vec<RunColumn<'_>> = work
        .keys
        .iter()
        .filter_map(|key| columns.iter().find(|column| column.column.name == key.name).cloned())
        .collect();
    work.progress.ask(MergePhase::Sorting, 0, total)?;
    let order = {
        let locations = runs.open();
        let keys = Keys::open(&locations, &keys, work.is_computed())?;
        let part_count = targets.len() as u32;
        let buffer_bytes = 8 * (keys.count().max(1) * runs.count().max(1)) as u64;
        let symbols = keys.symbols();
        let spread_rows = match (work.spread, work.spread_count()) {
            (_, _) if part_count == 1 => SpreadRows::Whole(0),
            (Spread::Single(number), _) => SpreadRows::Whole((number % u64::from(part_count)) as u32),
            (Spread::Computed(_), _) => SpreadRows::Key(work.keys.len()),
            (_, 0) => SpreadRows::InTurn,
            (_, count) => SpreadRows::Groups(count),
        };
        let request = OrderRequest {
            fs,
            path: directory.join("steps"),
            key_count: keys.count(),
            grouping_count: work.grouping_count,
            part_count,
            spread: spread_rows,
            part_of: &|numbers| part_of_group(numbers, &symbols, part_count),
            buffer_rows: (free / 4 / buffer_bytes).clamp(*BUFFER_ROWS.start(), *BUFFER_ROWS.end()) as usize,
            groups_max: (free / 4 / GROUP_BYTES) as usize,
            done: &|rows| {
                keys.forget();
                work.progress.ask(MergePhase::Sorting, rows, total)
            },
        };
        order::find_order(&keys, &request)?
    };
    for (target, rows) in targets.iter_mut().zip(&order.part_rows) {
        target.row_count = *rows;
    }
    let values = total * work.columns.len() as u64;
    let values_done = AtomicU64::new(0);
    let done = |rows: u64, bytes: u64| {
        work.progress.wrote(bytes);
        work.progress.ask(MergePhase::Writing, values_done.fetch_add(rows, Relaxed) + rows, values)
    };
    let mut group_count = 0;
    for RunColumn { column, form, final_form } in &columns {
        let locations = runs.open();
        let mut gatherer = Gatherer::new(&locations, column, *form)?;
        gatherer.give(*final_form);
        for (part, target) in targets.iter_mut().enumerate() {
            let job = ColumnJob {
                runs: &locations,
                order: &order,
                part: part as u32,
                grouping: work.grouping(column),
                column,
                codec: work.codec(column),
                place: target.place(column),
                gatherer: &gatherer,
                memory_bytes: free,
                piece_bytes: work.piece_bytes(),
                done: &done,
            };
            let (record, groups) = columns::write_column(&job)?;
            target.columns.push(record);
            if work.grouping(column) == Some(0) {
                group_count += groups;
            }
        }
    }
    Ok((group_count, runs.count() as u64))
}

/// How many runs [`write`] would make.
pub(super) fn run_count(work: &Work<'_>) -> Result<u64> {
    let columns = work.columns.iter().map(|&column| run_column(work, column)).collect::<Result<Vec<_>>>()?;
    Ok(work.row_count().div_ceil(Plan::of(work, &columns)?.run_rows))
}

/// How many rows a run has, and what of its columns may stay mapped.
pub(super) struct Plan {
    /// Rows of each run but the last.
    pub(super) run_rows: u64,
    /// Bytes of values of variable width.
    pub(super) mapped_bytes_max: u64,
}

impl Plan {
    fn of(work: &Work<'_>, columns: &[RunColumn<'_>]) -> Result<Self> {
        let (free, total) = (work.free_bytes(), work.row_count().max(1));
        let mut symbols = 0;
        for column in columns.iter().filter(|column| column.form.has_symbols()) {
            symbols = symbols.max(source::symbols_weight(work.sources, column.column)?);
        }
        // Rows as wide as they are on average; where long ones come together, memory behind them is given back more often. Values that are
        // picked all over a file bring in half as much again of what lies beside them.
        let row_bytes = work.row_bytes() + work.variable_bytes()? / total * 3 / 2;
        let run_rows = free.saturating_sub(symbols).max(free / 4) / row_bytes.max(1);
        let most = work.run_rows_max.unwrap_or(u64::from(u32::MAX)).max(1);
        Ok(Plan { run_rows: run_rows.max(RUN_ROWS_MIN).min(most), mapped_bytes_max: free / 4 })
    }
}

/// How runs keep a column. Symbol tables that would not fit into memory are text in the rows instead, but for keys, of which that is an error.
fn run_column<'a>(work: &Work<'_>, column: &'a ColumnDefinition) -> Result<RunColumn<'a>> {
    let final_form = source::form(work.sources, column)?;
    // Keys are compared by the numbers of their strings.
    let form = if work.is_key(column) { ColumnForm::new(column.column_type, false) } else { final_form };
    if !form.has_symbols() {
        return Ok(RunColumn { column, form, final_form });
    }
    let (needed, free) = (source::symbols_weight(work.sources, column)?, work.free_bytes());
    if needed <= free / 4 * 3 {
        return Ok(RunColumn { column, form, final_form });
    }
    if work.is_key(column) || column.symbol == SymbolUse::Table {
        let message = format!(
            "the different strings of column {} need about {needed} bytes of memory, {free} are free",
            column.name
        );
        let way_out = match (work.is_key(column), work.grouping(column)) {
            (true, Some(_)) => "allow more with --memory, or do not group by it",
            (true, None) => "allow more with --memory, or do not sort by it",
            (false, _) => {
                "allow more with --memory, or declare it with symbol = \"none\": its text then stands in the rows"
            }
        };
        return Err(Error::limit(message).hint(way_out));
    }
    let plain = ColumnForm::new(column.column_type, true);
    Ok(RunColumn { column, form: plain, final_form: plain })
}
