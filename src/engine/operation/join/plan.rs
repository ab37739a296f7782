//! What a join's arguments say: which columns match each other, which are added and under which names.

use super::super::super::Table;
use super::super::{columns::check_new_names, split_names};
use crate::base::{ColumnDefinition, Error, Result};

/// The columns of a join, checked.
#[derive(Debug)]
pub(super) struct Plan {
    /// The columns that match exactly, on the left and on the right.
    pub(super) left_keys: Vec<usize>,
    pub(super) right_keys: Vec<usize>,
    /// Columns of the right table with the names that they get, in order.
    pub(super) added: Vec<(usize, String)>,
}

impl Plan {
    /// Checks `on` (`Name` or `Left=Right`) and `add` (`Name` or `New=Old`); without `add` all columns of the right table are added
    /// but those keys that have the same name on both sides.
    pub(super) fn new(
        operation: &str,
        left: &Table,
        right: &Table,
        on: &[impl AsRef<str>],
        add: &[impl AsRef<str>],
    ) -> Result<Plan> {
        let (left_keys, right_keys) = left.matched_columns(operation, right, &split_names(on))?;
        let mut plan = Plan { left_keys, right_keys, added: Vec::new() };
        let add = split_names(add);
        plan.added = if add.is_empty() { plan.all_but_keys(left, right) } else { renamed(operation, right, &add)? };
        plan.check(operation, left)?;
        Ok(plan)
    }

    /// All columns of the right table that the left one does not have as a key of the same name.
    pub(super) fn all_but_keys(&self, left: &Table, right: &Table) -> Vec<(usize, String)> {
        let left_names = left.column_names();
        let is_key = |at: usize, name: &str| {
            self.left_keys.iter().zip(&self.right_keys).any(|(&mine, &its)| its == at && left_names[mine] == name)
        };
        let columns = right.column_names().into_iter().enumerate();
        columns.filter(|(at, name)| !is_key(*at, name)).map(|(at, name)| (at, name.to_string())).collect()
    }

    /// Errs where a name is on the left already or stands twice.
    pub(super) fn check(&self, operation: &str, left: &Table) -> Result<()> {
        if let Some((_, name)) = self.added.iter().find(|(_, name)| left.definition().position(name).is_some()) {
            return Err(Error::invalid(format!("{operation}: column {name} is in both tables"))
                .hint(format!("say which columns to add, and rename it there: \"New{name}={name}\"")));
        }
        check_new_names(operation, self.added.iter().map(|(_, name)| name.as_str()))
    }

    /// The definitions of the added columns.
    pub(super) fn definitions<'a>(&'a self, right: &'a Table) -> impl Iterator<Item = ColumnDefinition> + 'a {
        let columns = right.definition().columns();
        self.added.iter().map(|(at, name)| ColumnDefinition::new(name.as_str(), columns[*at].column_type))
    }
}

/// The columns of the right table that are to be added: `Name` or `New=Old`.
pub(super) fn renamed(operation: &str, right: &Table, add: &[&str]) -> Result<Vec<(usize, String)>> {
    let one = |text: &&str| {
        let (new, old) = text.split_once('=').map_or((*text, *text), |(new, old)| (new.trim(), old.trim()));
        let at = right.position(old).map_err(|e| e.context(format!("{operation}: the right table")))?;
        Ok((at, new.to_string()))
    };
    add.iter().map(one).collect()
}

impl Table {
    /// Positions of the columns that match each other, on the left and on the right, given as `Name` or `Left=Right`, of equal types.
    pub(crate) fn matched_columns(
        &self,
        operation: &str,
        right: &Table,
        columns: &[&str],
    ) -> Result<(Vec<usize>, Vec<usize>)> {
        let mut pairs = (Vec::new(), Vec::new());
        for column in columns {
            let (mine, its) = column.split_once('=').unwrap_or((column, column));
            // `==` is accepted, as in filters.
            let (left_at, right_at) =
                self.matched_pair(operation, right, mine.trim(), its.trim_start_matches('=').trim())?;
            pairs.0.push(left_at);
            pairs.1.push(right_at);
        }
        Ok(pairs)
    }

    /// Positions of two columns that must be of one type.
    pub(super) fn matched_pair(&self, operation: &str, right: &Table, mine: &str, its: &str) -> Result<(usize, usize)> {
        let left_at = self.position(mine)?;
        let right_at = right.position(its).map_err(|e| e.context(format!("{operation}: the right table")))?;
        let left_type = self.definition().columns()[left_at].column_type;
        let right_type = right.definition().columns()[right_at].column_type;
        if left_type != right_type {
            return Err(Error::type_mismatch(format!(
                "{operation}: {mine} is {left_type} and {its} on the right is {right_type}"
            ))
            .hint("cast one of them with updateView before"));
        }
        Ok((left_at, right_at))
    }
}
