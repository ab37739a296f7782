//! `aj` and `raj`: of the right rows of the same key, the last one not later than the left row, or the first one not earlier.
//!
//! The stamps of each key's right rows are a sorted run that left rows walk: they lie in that order already where the right table is
//! sorted, in all or by key, and are sorted (stably) where it is not. Null is the least stamp, NaN the greatest.

use super::super::super::column_source::{self, NO_ROW};
use super::super::super::grouper::with_one_table;
use super::super::super::timing::strategy;
use super::super::super::{Table, limits, parallel};
use super::super::split_names;
use super::matching::{Matched, match_rows};
use super::plan::{Plan, renamed};
use super::walk::{Bits, Direction, Stamps, Walk, ranks_of_both};
use super::{RowLists, text_of};
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Error, Result};

impl Table {
    /// The rows of this table with columns of the last row of `right` that is not later.
    ///
    /// The last of `on` is the stamp: `T`, `T=T2` and `T>=T2` match rows of the same stamp, of which the last counts, `T>T2` does not. The
    /// others are keys, as with [`Table::natural_join`]. `add` names the columns to add; right keys and a right stamp of other names than on the
    /// left are added in any case, before the rest, unless their names are taken. `right` need not be sorted.
    pub fn aj(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "aj",
            &[right],
            || text_of(on, add),
            || self.as_of(false, right, &split_names(on), &split_names(add)),
        )
    }

    /// The rows of this table with columns of the first row of `right` that is not earlier: [`Table::aj`] the other way round, with `T<=T2`
    /// and `T<T2`; of several rows of the same stamp the first counts.
    pub fn raj(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "raj",
            &[right],
            || text_of(on, add),
            || self.as_of(true, right, &split_names(on), &split_names(add)),
        )
    }

    fn as_of(&self, reverse: bool, right: &Table, on: &[&str], add: &[&str]) -> Result<Table> {
        let operation = if reverse { "raj" } else { "aj" };
        let Some((stamp, keys)) = on.split_last() else {
            return Err(Error::invalid(format!("{operation} needs a column that says when, after the keys")));
        };
        let (mine, its, strict) = stamp_pair(operation, reverse, stamp)?;
        let (left_stamp, right_stamp) = self.matched_pair(operation, right, mine, its)?;
        let stamp_type = self.definition().columns()[left_stamp].column_type;
        if stamp_type.is_object() || matches!(stamp_type, ColumnType::Array(_)) {
            return Err(Error::type_mismatch(format!("{operation}: {mine} is {stamp_type}, which says no time")));
        }
        let (left_keys, right_keys) = self.matched_columns(operation, right, keys)?;
        let plan = self.as_of_plan(
            operation,
            right,
            Plan { left_keys, right_keys, added: Vec::new() },
            right_stamp,
            its == mine,
            add,
        )?;
        let keys = self.as_of_rows(right, &plan, left_stamp, right_stamp, Direction { reverse, strict })?;
        self.with_added(&plan, right, keys)
    }

    /// The plan with its added columns.
    fn as_of_plan(
        &self,
        operation: &str,
        right: &Table,
        mut plan: Plan,
        stamp: usize,
        same_name: bool,
        add: &[&str],
    ) -> Result<Plan> {
        let stamp_name = &right.definition().columns()[stamp].name;
        let is_free = !same_name && self.definition().position(stamp_name).is_none();
        if add.is_empty() {
            plan.added = plan.all_but_keys(self, right);
            plan.added.retain(|(at, _)| *at != stamp || is_free);
        } else {
            // Keys and stamp of other names come first, under the names that `add` gives them.
            let columns = (self.definition().columns(), right.definition().columns());
            let keys = plan.left_keys.iter().zip(&plan.right_keys);
            let renamed_keys = keys.filter(|(mine, its)| columns.0[**mine].name != columns.1[**its].name);
            let is_new = |at: &usize| self.definition().position(&columns.1[*at].name).is_none();
            let mut first: Vec<usize> = renamed_keys.map(|(_, &its)| its).filter(is_new).collect();
            first.extend(is_free.then_some(stamp));
            let mut asked = renamed(operation, right, add)?;
            for at in first {
                let place = asked.iter().position(|(known, _)| *known == at);
                let named = place.map_or_else(|| (at, columns.1[at].name.to_string()), |place| asked.remove(place));
                plan.added.push(named);
            }
            plan.added.append(&mut asked);
        }
        plan.check(operation, self)?;
        Ok(plan)
    }

    /// The key of the right row of each left row, or [`NO_ROW`].
    fn as_of_rows(
        &self,
        right: &Table,
        plan: &Plan,
        left_stamp: usize,
        right_stamp: usize,
        direction: Direction,
    ) -> Result<Vec<u64>> {
        let (mine, its) = (self.version()?, right.version()?);
        let left_source = with_one_table(&mine.columns[left_stamp], &mine.rows)?;
        let right_source = with_one_table(&its.columns[right_stamp], &its.rows)?;
        let (left_bits, right_bits) = match (left_source.symbols()?, right_source.symbols()?) {
            (Some(left), Some(right)) => ranks_of_both(&left, &right)?,
            _ => (Bits::Value, Bits::Value),
        };
        let Matched { groups, left, right: right_groups } = match_rows(mine, &plan.left_keys, its, &plan.right_keys)?;
        let lists = RowLists::new(&its.rows, &right_groups, groups);
        drop(right_groups);
        let stamps = Stamps::new(&lists, &*right_source, &right_bits)?;
        strategy(|| {
            let sorted = if stamps.are_as_they_lie() { "stamps as they lie" } else { "sorted stamps" };
            format!("walk over {sorted}")
        });
        limits::require(mine.rows.len(), 2 * size_of::<u64>())?;
        let mut keys = vec![NO_ROW; mine.rows.len() as usize];
        parallel::fill_pieces(&mut keys, |first, keys| {
            let rows = mine.rows.slice(first..first + keys.len() as u64);
            let mut walk = Walk::new(&stamps, &lists, direction);
            let mut done = 0;
            for rows in rows.chunks(4 * CHUNK_ROWS as u64) {
                let bits = left_bits.of(&column_source::read(&*left_source, &rows)?);
                walk.find(&left, first + done as u64, &rows, &bits, &mut keys[done..done + bits.len()]);
                done += bits.len();
            }
            Ok(())
        })?;
        Ok(keys)
    }
}

/// The two names of a stamp and whether equal ones do not match.
fn stamp_pair<'a>(operation: &str, reverse: bool, text: &'a str) -> Result<(&'a str, &'a str, bool)> {
    let Some(at) = text.find(['<', '>', '=']) else { return Ok((text, text, false)) };
    let rest = text[at..].trim_start_matches(['<', '>', '=']);
    let operator = &text[at..text.len() - rest.len()];
    let strict = match (operator, reverse) {
        ("=" | "==", _) | (">=", false) | ("<=", true) => false,
        (">", false) | ("<", true) => true,
        _ => {
            let allowed = if reverse { "<=, <" } else { ">=, >" };
            return Err(Error::invalid(format!("{operation}: {text} compares with {operator}")).hint(format!(
                "{operation} takes the {} right row: use =, {allowed}",
                if reverse { "next" } else { "last" }
            )));
        }
    };
    Ok((text[..at].trim(), rest.trim(), strict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_say_how_they_compare() {
        for (text, reverse, expected) in [
            ("T", false, Some(("T", "T", false))),
            ("T=T2", false, Some(("T", "T2", false))),
            ("T >= T2", false, Some(("T", "T2", false))),
            ("T>T2", false, Some(("T", "T2", true))),
            ("T<=T2", true, Some(("T", "T2", false))),
            ("T<T2", true, Some(("T", "T2", true))),
            ("T==T2", true, Some(("T", "T2", false))),
            ("T<T2", false, None),
            ("T>=T2", true, None),
            ("T=>T2", false, None),
        ] {
            let found = stamp_pair("aj", reverse, text);
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text} {found:?}");
        }
    }
}
