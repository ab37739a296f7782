//! `leftJoin`: beside every left row the arrays of its right rows.

use super::super::super::column_source::{NO_ROW, RankedColumn, redirect_or_null};
use super::super::super::grouper::NO_GROUP;
use super::super::super::{Table, Version};
use super::super::by::arrays_of;
use super::matching::match_rows;
use super::plan::Plan;
use super::{RowLists, for_left_rows, text_of};
use crate::base::{ColumnDefinition, Result};

impl Table {
    /// The rows of this table with columns of all rows of `right` that have the same key, as arrays in the order of the right rows; null where
    /// there is none. A key of `right` is added as it is, no array. Arguments as with [`Table::natural_join`].
    pub fn left_join(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with("leftJoin", &[right], || text_of(on, add), || self.arrays_of_matches(right, on, add))
    }

    fn arrays_of_matches(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        let plan = Plan::new("leftJoin", self, right, on, add)?;
        let is_key = |at: &usize| plan.right_keys.contains(at);
        let mut definitions = self.definition().columns().to_vec();
        for (definition, (at, _)) in plan.definitions(right).zip(&plan.added) {
            definitions.push(if is_key(at) {
                definition
            } else {
                ColumnDefinition::new(definition.name.as_str(), definition.column_type.array()?)
            });
        }
        let (mine, its) = (self.version()?, right.version()?);
        let matched = match_rows(mine, &plan.left_keys, its, &plan.right_keys)?;
        let lists = RowLists::new(&its.rows, &matched.right, matched.groups);
        let of_group = |group: u32, _: u64| {
            let is_none = group == NO_GROUP || lists.places(group).is_empty();
            Ok(if is_none { NO_ROW } else { u64::from(group) })
        };
        let groups = for_left_rows(&mine.rows, &matched.left, of_group)?;
        let mut keys = Vec::with_capacity(lists.len());
        lists.append_keys(0..lists.len(), &mut keys);
        let sizes: Vec<usize> = (0..lists.groups() as u32).map(|group| lists.places(group).len()).collect();
        // A key has one value for all matches of a row.
        let first = |&group: &u64| match group {
            NO_ROW => NO_ROW,
            group => keys[lists.places(group as u32).start],
        };
        let firsts: Vec<u64> = match plan.added.iter().any(|(at, _)| is_key(at)) {
            true => groups.iter().map(first).collect(),
            false => Vec::new(),
        };
        let source = |at: usize| its.columns[at].clone();
        let of_matches = plan.added.iter().map(|(at, _)| *at).filter(|at| !is_key(at)).map(source).collect::<Vec<_>>();
        let of_keys = plan.added.iter().map(|(at, _)| *at).filter(is_key).map(source).collect::<Vec<_>>();
        let mut of_keys = redirect_or_null(&of_keys, firsts).into_iter();
        let mut of_matches = redirect_or_null(&arrays_of(&of_matches, keys, sizes), groups).into_iter();
        let added = plan.added.iter().filter_map(|(at, _)| if is_key(at) { of_keys.next() } else { of_matches.next() });
        let added = added.map(|column| RankedColumn::over(&mine.rows, column));
        let columns = mine.columns.iter().cloned().chain(added).collect();
        self.with_version(definitions, Version { rows: mine.rows.clone(), columns })
    }
}
