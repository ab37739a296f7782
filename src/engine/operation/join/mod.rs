//! `naturalJoin`, `exactJoin`, `join`, `leftJoin`, `aj`, `raj`: columns of another table beside matching rows.
//!
//! A join finds which row of the right table belongs to each left row; the added columns are redirections into the right table's
//! sources, so that only what is read later is gathered. The left columns of all but `join` stay as they are.

use super::super::column_source::{ColumnSource, NO_ROW, RankedColumn, redirect, redirect_or_null};
use super::super::grouper::{Assignment, NO_GROUP};
use super::super::{Table, Version, limits, parallel};
use super::joined;
use crate::base::date_time::format_iso;
use crate::base::limits::JOIN_ROWS_MAX;
use crate::base::{ColumnDefinition, Error, ErrorKind, Result, Value};
use crate::memory::{Chunk, RowSet};
use std::sync::Arc;

mod as_of;
mod left;
mod matching;
mod plan;
mod row_lists;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use matching::Keys;
use matching::{Matched, match_rows};
use plan::Plan;
use row_lists::RowLists;

impl Table {
    /// The rows of this table with columns of the one row of `right` that has the same key, nulls where there is none. A key that several
    /// right rows have is an error if a left row has it.
    ///
    /// `on` names the keys, `Name` or `Left=Right`, of equal types; without any, the right table has at most one row. `add` names the
    /// columns to add, `Name` or `New=Old`; without any, all but the keys of the same name. A name on both sides is an error.
    pub fn natural_join(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "naturalJoin",
            &[right],
            || text_of(on, add),
            || self.one_match("naturalJoin", right, on, add, false),
        )
    }

    /// [`Table::natural_join`] where every left row must have its right row.
    pub fn exact_join(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with("exactJoin", &[right], || text_of(on, add), || self.one_match("exactJoin", right, on, add, true))
    }

    /// Every pair of a left and a right row of the same key, in the order of the left rows, then of the right ones; without keys every
    /// pair there is. Arguments as with [`Table::natural_join`].
    pub fn join(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with("join", &[right], || text_of(on, add), || self.all_matches(right, on, add))
    }

    fn one_match(
        &self,
        operation: &'static str,
        right: &Table,
        on: &[impl AsRef<str>],
        add: &[impl AsRef<str>],
        exact: bool,
    ) -> Result<Table> {
        let plan = Plan::new(operation, self, right, on, add)?;
        let (mine, its) = (self.version()?, right.version()?);
        let Matched { groups, left, right: right_groups } = match_rows(mine, &plan.left_keys, its, &plan.right_keys)?;
        let matches = first_rows(&its.rows, &right_groups, groups);
        let odd = |row: u64, several: bool| {
            let key = self.key_text(&plan.left_keys, row);
            let table = "the right table";
            match several {
                true => Error::new(ErrorKind::Evaluation, format!("{operation}: several rows of {table} have {key}"))
                    .hint("lastBy or firstBy on the right keeps one row a key; join gives all of them"),
                false => Error::new(ErrorKind::Evaluation, format!("{operation}: no row of {table} has {key}"))
                    .hint("naturalJoin gives nulls there"),
            }
        };
        let find = |group: u32, row: u64| match matches.get(group as usize) {
            Some(One::Several) => Err(odd(row, true)),
            Some(One::Row(key)) => Ok(*key),
            Some(One::None) | None if exact => Err(odd(row, false)),
            Some(One::None) | None => Ok(NO_ROW),
        };
        let keys = for_left_rows(&mine.rows, &left, find)?;
        self.with_added(&plan, right, keys)
    }

    /// This table with columns of the right rows at `keys`, one a left row or [`NO_ROW`].
    fn with_added(&self, plan: &Plan, right: &Table, keys: Vec<u64>) -> Result<Table> {
        let (mine, its) = (self.version()?, right.version()?);
        let sources: Vec<Arc<dyn ColumnSource>> = plan.added.iter().map(|(at, _)| its.columns[*at].clone()).collect();
        let added = redirect_or_null(&sources, keys).into_iter().map(|column| RankedColumn::over(&mine.rows, column));
        let columns = mine.columns.iter().cloned().chain(added).collect();
        let definitions = self.definition().columns().iter().cloned().chain(plan.definitions(right)).collect();
        self.with_version(definitions, Version { rows: mine.rows.clone(), columns })
    }

    fn all_matches(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        let plan = Plan::new("join", self, right, on, add)?;
        let (mine, its) = (self.version()?, right.version()?);
        let matched = match_rows(mine, &plan.left_keys, its, &plan.right_keys)?;
        let lists = RowLists::new(&its.rows, &matched.right, matched.groups);
        let count = count_pairs(&matched.left, &lists);
        if count > u128::from(JOIN_ROWS_MAX) {
            return Err(Error::limit(format!("join: {count} pairs of rows match, the most is {JOIN_ROWS_MAX}"))
                .hint("match by more columns, or filter one of the tables before"));
        }
        limits::require(count as u64, 4 * size_of::<u64>())?;
        let parts = parallel::map_pieces(&mine.rows, |first, piece| {
            let mut keys = (Vec::new(), Vec::new());
            each_group(&matched.left, first, piece, |row, group| {
                let places = lists.places(group);
                keys.0.resize(keys.0.len() + places.len(), row);
                lists.append_keys(places, &mut keys.1);
                Ok(())
            })?;
            Ok(keys)
        })?;
        let mut keys = (Vec::with_capacity(count as usize), Vec::with_capacity(count as usize));
        for (left, right) in parts {
            keys.0.extend(left);
            keys.1.extend(right);
        }
        let added: Vec<Arc<dyn ColumnSource>> = plan.added.iter().map(|(at, _)| its.columns[*at].clone()).collect();
        let mut columns = redirect(&mine.columns, keys.0);
        columns.extend(redirect(&added, keys.1));
        let own = self.definition().columns().iter();
        let own = own.map(|column| ColumnDefinition::new(column.name.as_str(), column.column_type));
        let definitions = own.chain(plan.definitions(right)).collect();
        self.with_version(definitions, Version { rows: RowSet::flat(count as u64), columns })
    }

    /// `Sym=AAPL, Date=2017-08-25`: the key of a row, for messages.
    fn key_text(&self, keys: &[usize], row: u64) -> String {
        if keys.is_empty() {
            return "the same key (there are no key columns)".to_string();
        }
        let one = |&at: &usize| {
            let name = &self.definition().columns()[at].name;
            let value = self.version().and_then(|version| {
                let mut chunk = Chunk::new(version.columns[at].column_type());
                version.columns[at].gather(&[row], &mut chunk)?;
                Ok(chunk.value(0))
            });
            value.map_or_else(|_| name.clone(), |value| format!("{name}={}", shown(&value)))
        };
        keys.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::String(text) => format!("`{}`", text.chars().take(80).collect::<String>()),
        Value::DateTime(nanos) => format_iso(*nanos),
        Value::Char(unit) => format!("'{}'", String::from_utf16_lossy(&[*unit])),
        Value::Boolean(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::Short(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        other => other.column_type().map_or_else(String::new, |column_type| format!("(a {column_type})")),
    }
}

fn text_of(on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> String {
    if add.is_empty() { joined(on) } else { format!("{}; {}", joined(on), joined(add)) }
}

/// The rows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum One {
    None,
    Row(u64),
    Several,
}

/// The one row of each group.
fn first_rows(rows: &RowSet, assignment: &Assignment, groups: usize) -> Vec<One> {
    let mut found = vec![One::None; groups];
    let mut add = |group: u32, key: u64, several: bool| {
        if let Some(one) = found.get_mut(group as usize) {
            *one = if *one == One::None && !several { One::Row(key) } else { One::Several };
        }
    };
    match assignment {
        Assignment::Rows(ids) => rows.iter().zip(ids).for_each(|(key, &group)| add(group, key, false)),
        Assignment::Runs(runs) => {
            runs.iter().for_each(|run| add(run.group, run.keys.start, run.keys.end - run.keys.start > 1));
        }
    }
    found
}

/// How many pairs a join has.
fn count_pairs(left: &Assignment, lists: &RowLists) -> u128 {
    let pairs = |group: u32, rows: u64| lists.places(group).len() as u128 * u128::from(rows);
    match left {
        Assignment::Rows(ids) => ids.iter().map(|&group| pairs(group, 1)).sum(),
        Assignment::Runs(runs) => runs.iter().map(|run| pairs(run.group, run.keys.end - run.keys.start)).sum(),
    }
}

/// What `find` gives for the group and the key of each left row, in row order, on all cores.
fn for_left_rows(
    rows: &RowSet,
    assignment: &Assignment,
    find: impl Fn(u32, u64) -> Result<u64> + Sync + Send,
) -> Result<Vec<u64>> {
    limits::require(rows.len(), 2 * size_of::<u64>())?;
    let parts = parallel::map_pieces(rows, |first, piece| {
        let mut keys = Vec::with_capacity(piece.len() as usize);
        each_group(assignment, first, piece, |row, group| {
            keys.push(find(group, row)?);
            Ok(())
        })?;
        Ok(keys)
    })?;
    Ok(if parts.len() == 1 { parts.into_iter().flatten().collect() } else { parts.concat() })
}

/// Calls `take` with the key and the group of each row of a piece, of which the first has position `first` within all rows.
fn each_group(
    assignment: &Assignment,
    first: u64,
    piece: &RowSet,
    mut take: impl FnMut(u64, u32) -> Result<()>,
) -> Result<()> {
    match assignment {
        Assignment::Rows(ids) => {
            piece.iter().zip(&ids[first as usize..]).try_for_each(|(row, &group)| take(row, group))
        }
        Assignment::Runs(runs) => {
            let mut at = runs.partition_point(|run| piece.first().is_some_and(|key| run.keys.end <= key));
            piece.iter().try_for_each(|row| {
                while runs.get(at).is_some_and(|run| run.keys.end <= row) {
                    at += 1;
                }
                take(row, runs.get(at).map_or(NO_GROUP, |run| run.group))
            })
        }
    }
}
