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
    /// there is none. Arguments as with [`Table::natural_join`].
    pub fn left_join(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with("leftJoin", &[right], || text_of(on, add), || self.arrays_of_matches(right, on, add))
    }

    fn arrays_of_matches(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        let plan = Plan::new("leftJoin", self, right, on, add)?;
        let mut definitions = self.definition().columns().to_vec();
        for definition in plan.definitions(right) {
            definitions.push(ColumnDefinition::new(definition.name.as_str(), definition.column_type.array()?));
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
        let sources: Vec<_> = plan.added.iter().map(|(at, _)| its.columns[*at].clone()).collect();
        let arrays = arrays_of(&sources, keys, sizes);
        let added = redirect_or_null(&arrays, groups).into_iter().map(|column| RankedColumn::over(&mine.rows, column));
        let columns = mine.columns.iter().cloned().chain(added).collect();
        self.with_version(definitions, Version { rows: mine.rows.clone(), columns })
    }
}
