//! Says whether data stored under one definition still reads under another.

use crate::base::{ColumnDefinition, ColumnKind, TableDefinition};

/// What a new definition changes that stored data contradicts, a sentence each; empty if everything stored still reads.
///
/// Added columns, other orders and a change between normal and grouping are fine: missing files read as nulls, and grouping is a
/// property of each location. A column that is gone, has another type, or became or ceased to be partitioning is not.
pub fn contradictions(stored: &TableDefinition, new: &TableDefinition) -> Vec<String> {
    let mut found = Vec::new();
    for old in stored.columns() {
        let name = &old.name;
        match new.column(name) {
            None => found.push(format!("column {name} ({}) is removed", old.column_type)),
            Some(column) if column.column_type != old.column_type => {
                found.push(format!(
                    "column {name} is {} in stored data, {} in the new schema",
                    old.column_type, column.column_type
                ));
            }
            Some(column) if is_partitioning(column) != is_partitioning(old) => {
                let verb = if is_partitioning(old) { "no longer is" } else { "becomes" };
                found.push(format!("column {name} {verb} partitioning"));
            }
            Some(_) => {}
        }
    }
    for added in new.columns().iter().filter(|column| is_partitioning(column)) {
        if stored.column(&added.name).is_none() {
            found.push(format!("column {} is added as partitioning", added.name));
        }
    }
    found
}

fn is_partitioning(column: &ColumnDefinition) -> bool {
    column.kind == ColumnKind::Partitioning
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ColumnType::{self, *};

    fn definition(columns: &[(&str, ColumnType, ColumnKind)]) -> TableDefinition {
        let columns = columns.iter().map(|(name, t, kind)| ColumnDefinition::new(*name, *t).of_kind(*kind));
        TableDefinition::new(columns.collect()).unwrap()
    }

    #[test]
    fn what_stored_data_contradicts() {
        use ColumnKind::*;
        let stored = [("Date", String, Partitioning), ("Sym", String, Grouping), ("Bid", Double, Normal)];
        let check = |new: &[(&str, ColumnType, ColumnKind)], expected: &[&str]| {
            assert_eq!(contradictions(&definition(&stored), &definition(new)), expected);
        };
        check(&stored, &[]);
        check(&[stored[2], stored[0], stored[1], ("Ask", Double, Normal)], &[]);
        check(&[stored[0], ("Sym", String, Normal), stored[2]], &[]);
        check(&stored[..2], &["column Bid (double) is removed"]);
        check(
            &[stored[0], stored[1], ("Bid", Float, Normal)],
            &["column Bid is double in stored data, float in the new schema"],
        );
        check(&[("Date", String, Normal), stored[1], stored[2]], &["column Date no longer is partitioning"]);
        check(
            &[("Day", String, Partitioning), stored[1], stored[2]],
            &["column Date (String) is removed", "column Day is added as partitioning"],
        );
    }
}
