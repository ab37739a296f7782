//! `renameColumns`, `dropColumns`, `moveColumns`: what is shown and under which name. Nothing is read or opened.

use super::super::{Table, Version};
use super::{joined, split_names};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, Error, Result};
use std::collections::HashSet;

impl Table {
    /// Renames columns, given as `New=Old`, all at once, so that names can be swapped. Positions stay. Another column that has
    /// the new name is dropped.
    pub fn rename_columns(&self, pairs: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            "renameColumns",
            || joined(pairs),
            || {
                let renames = self.renames("renameColumns", &split_names(pairs))?;
                let targets: HashSet<&str> = renames.iter().map(|(new, _)| *new).collect();
                let columns = self.definition().columns().iter().enumerate();
                let shown = columns.filter_map(|(at, column)| match renames.iter().find(|(_, old)| *old == at) {
                    Some((new, _)) => Some((at, new.to_string())),
                    None => (!targets.contains(column.name.as_str())).then(|| (at, column.name.clone())),
                });
                self.show(shown.collect())
            },
        )
    }

    /// Leaves columns out. Rows stay, also when no column is left.
    pub fn drop_columns(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            "dropColumns",
            || joined(columns),
            || {
                let dropped = self.positions(&split_names(columns))?;
                let all = self.definition().columns().iter().enumerate();
                self.show(all.filter(|(at, _)| !dropped.contains(at)).map(|(at, c)| (at, c.name.clone())).collect())
            },
        )
    }

    /// Moves columns so that they start at `index` of the result, in the order given; `New=Old` renames. Beyond the end means at
    /// the end, below zero at the front.
    pub fn move_columns(&self, index: i64, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run(
            "moveColumns",
            || format!("{index}, {}", joined(columns)),
            || self.move_to("moveColumns", index, columns),
        )
    }

    /// Moves columns to the front, in the order given.
    pub fn move_columns_up(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("moveUpColumns", || joined(columns), || self.move_to("moveUpColumns", 0, columns))
    }

    /// Moves columns to the end, in the order given.
    pub fn move_columns_down(&self, columns: &[impl AsRef<str>]) -> Result<Table> {
        self.run("moveDownColumns", || joined(columns), || self.move_to("moveDownColumns", i64::MAX, columns))
    }

    fn move_to(&self, name: &str, index: i64, columns: &[impl AsRef<str>]) -> Result<Table> {
        let moved = self.renames(name, &split_names(columns))?;
        let all = self.definition().columns().iter().enumerate();
        let targets: HashSet<&str> = moved.iter().map(|(new, _)| *new).collect();
        let mut shown: Vec<(usize, String)> = all
            .filter(|(at, column)| !moved.iter().any(|(_, old)| old == at) && !targets.contains(column.name.as_str()))
            .map(|(at, column)| (at, column.name.clone()))
            .collect();
        let index = usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(shown.len());
        shown.splice(index..index, moved.into_iter().map(|(new, at)| (at, new.to_string())));
        self.show(shown)
    }

    /// Parses `New=Old` or a name alone, and checks that neither side stands twice.
    fn renames<'a>(&self, operation: &str, pairs: &[&'a str]) -> Result<Vec<(&'a str, usize)>> {
        let mut renames: Vec<(&str, usize)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let (new, old) = pair.split_once('=').map_or((*pair, *pair), |(new, old)| (new.trim(), old.trim()));
            names::check(NameKind::Column, new)?;
            let old = self.position(old)?;
            if renames.iter().any(|(other_new, other_old)| *other_new == new || *other_old == old) {
                return Err(Error::invalid(format!("{operation}: {pair} repeats a column of an earlier argument")));
            }
            renames.push((new, old));
        }
        Ok(renames)
    }

    /// The table with columns at positions shown under names.
    pub(crate) fn show(&self, shown: Vec<(usize, String)>) -> Result<Table> {
        let column = |(at, name): (usize, String)| ColumnDefinition { name, ..self.definition().columns()[at].clone() };
        let positions: Vec<usize> = shown.iter().map(|(at, _)| *at).collect();
        let definitions = shown.into_iter().map(column).collect();
        if let Some(deferred) = self.deferred() {
            return self.with_deferred(definitions, deferred.show(positions));
        }
        let Version { rows, columns } = self.version()?;
        let columns = positions.into_iter().map(|at| columns[at].clone()).collect();
        self.with_version(definitions, Version { rows: rows.clone(), columns })
    }
}

/// Checks the names of columns that an operation adds: valid, and none twice.
pub(crate) fn check_new_names<'a>(operation: &str, new: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in new {
        names::check(NameKind::Column, name)?;
        if !seen.insert(name) {
            return Err(Error::invalid(format!("{operation}: two columns would be named {name}")));
        }
    }
    Ok(())
}
