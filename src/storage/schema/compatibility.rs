//! What a new schema makes of the columns that are stored under the one before.
//!
//! A column is known to locations by the name of its files, which it keeps for ever. So stored columns are told apart whatever they are
//! called: one that is renamed goes on with its files, one that is dropped leaves them behind, and one that is added gets a name that no column
//! of the table had. Types may widen only; that steps of widening add up makes one comparison with the schema before enough.
//!
//! **Invariant:** no column ever shows values that were stored for another one.

use super::{ColumnSchema, TableSchema};
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::{ColumnKind, Result, TableDefinition};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A new schema with regard to what is stored.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The new schema, with names of files.
    pub schema: TableSchema,
    /// What becomes of columns, a sentence each.
    pub changes: Vec<String>,
    /// What stored data contradicts, a sentence each; empty if everything stored still reads.
    pub contradictions: Vec<String>,
}

/// The step from the schema that stored data has to a new one, whose own notes of files do not count.
///
/// Columns may be added, dropped, reordered, widened, and renamed where they say so; a change between normal and grouping is a matter of each
/// location. Another type that is not wider is a contradiction, and a column that becomes or ceases to be partitioning.
pub fn transition(old: &TableSchema, new: &TableSchema) -> Result<Transition> {
    let mut schema = new.clone();
    let (mut changes, mut contradictions) = (Vec::new(), Vec::new());
    let predecessors = predecessors(old, new, &mut contradictions);
    let stored = old.columns.iter().filter(|column| !is_partitioning(column));
    let mut taken: BTreeSet<String> = stored.map(|column| column.stored_name().to_string()).collect();
    taken.extend(old.dropped.keys().cloned());
    schema.dropped = old.dropped.clone();
    for (column, predecessor) in schema.columns.iter_mut().zip(&predecessors) {
        column.stored = None;
        match predecessor {
            Some(before) => {
                compare(before, column, &mut changes, &mut contradictions);
                if !is_partitioning(column) {
                    column.stored = Some(before.stored_name().to_string()).filter(|name| *name != column.name);
                }
            }
            None if is_partitioning(column) => {
                contradictions.push(format!("column {} is added as partitioning", column.name));
            }
            None => {
                let stored = free_name(&column.name, &taken);
                changes.push(match stored == column.name {
                    true => format!("column {} ({}) is added: null in stored rows", column.name, column.column_type),
                    false => format!(
                        "column {} ({}) is added: null in stored rows; its files are called {stored}, since another column had that name",
                        column.name, column.column_type
                    ),
                });
                column.stored = Some(stored.clone()).filter(|name| *name != column.name);
                taken.insert(stored);
            }
        }
    }
    let kept: BTreeSet<&str> = predecessors.iter().flatten().map(|column| column.name.as_str()).collect();
    for gone in old.columns.iter().filter(|column| !kept.contains(column.name.as_str())) {
        if is_partitioning(gone) {
            contradictions.push(format!("column {} ({}) is removed", gone.name, gone.column_type));
            continue;
        }
        schema.dropped.insert(gone.stored_name().to_string(), gone.column_type);
        changes.push(format!(
            "column {} ({}) is dropped: stored partitions keep its values, unread, and merges leave them out",
            gone.name, gone.column_type
        ));
    }
    schema.definition = Arc::new(TableDefinition::new(schema.columns.iter().map(ColumnSchema::definition).collect())?);
    Ok(Transition { schema, changes, contradictions })
}

/// Which old column each new one continues: the first of its former names that the schema before did not know of it, else the one of its name.
fn predecessors<'o>(
    old: &'o TableSchema,
    new: &TableSchema,
    contradictions: &mut Vec<String>,
) -> Vec<Option<&'o ColumnSchema>> {
    let renamed = |column: &ColumnSchema| {
        let known = old.column(&column.name).map_or(&[][..], |before| &before.renamed_from);
        let fresh = column.renamed_from.iter().filter(|name| !known.contains(name) && **name != column.name);
        fresh.filter_map(|name| old.column(name)).next()
    };
    let mut claims: Vec<Option<&ColumnSchema>> = new.columns.iter().map(renamed).collect();
    let mut seen = BTreeSet::new();
    for claim in &mut claims {
        if let Some(twice) = claim.take_if(|claimed| !seen.insert(&claimed.name)) {
            contradictions.push(format!("two columns are renamed from {}", twice.name));
        }
    }
    let is_claimed = |name: &str| claims.iter().flatten().any(|claimed| claimed.name == name);
    for (column, claimed) in new.columns.iter().zip(&claims) {
        let Some(claimed) = claimed else { continue };
        if old.column(&column.name).is_some() && !is_claimed(&column.name) {
            contradictions
                .push(format!("column {} cannot be renamed from {}: it is there already", column.name, claimed.name));
        }
    }
    let by_name = |column: &ColumnSchema| old.column(&column.name).filter(|before| !is_claimed(&before.name));
    new.columns.iter().zip(&claims).map(|(column, claim)| claim.or_else(|| by_name(column))).collect()
}

/// What becomes of a column that goes on.
fn compare(old: &ColumnSchema, new: &ColumnSchema, changes: &mut Vec<String>, contradictions: &mut Vec<String>) {
    if new.name != old.name {
        changes.push(format!("column {} is renamed to {}", old.name, new.name));
    }
    let (name, before, after) = (&new.name, old.column_type, new.column_type);
    if before.widens_to(after) {
        changes.push(format!("column {name} is widened from {before} to {after}: stored partitions keep {before}"));
    } else if before != after {
        contradictions.push(format!("column {name} is {before} in stored data, {after} in the new schema"));
    } else if is_partitioning(new) != is_partitioning(old) {
        let verb = if is_partitioning(old) { "no longer is" } else { "becomes" };
        contradictions.push(format!("column {name} {verb} partitioning"));
    }
}

/// A name for the files of a column that no other has or had.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = |number: u64| {
        let suffix = format!("${number}");
        // Names are ASCII.
        let base = name.get(..NAME_BYTES_MAX.saturating_sub(suffix.len())).unwrap_or(name);
        format!("{base}{suffix}")
    };
    let mut names = std::iter::once(name.to_string()).chain((2..).map(numbered));
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

fn is_partitioning(column: &ColumnSchema) -> bool {
    column.kind == ColumnKind::Partitioning
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const STORED: &str = "Date String partitioning|Sym String grouping|Bid int|Flag char";

    /// A schema of `name type [kind] [<former,…]` columns.
    fn schema(columns: &str) -> TableSchema {
        let mut text = "namespace = \"Ns\"\ntable = \"T\"\n".to_string();
        for column in columns.split('|') {
            let words: Vec<&str> = column.split(' ').collect();
            text.push_str(&format!("[[columns]]\nname = \"{}\"\ntype = \"{}\"\n", words[0], words[1]));
            for word in &words[2..] {
                match word.strip_prefix('<') {
                    None => text.push_str(&format!("kind = \"{word}\"\n")),
                    Some(names) => text.push_str(&format!("renamed_from = [\"{}\"]\n", names.replace(',', "\", \""))),
                }
            }
        }
        TableSchema::from_toml(&text, Path::new("x")).unwrap()
    }

    /// The columns as `name=files`, then the dropped ones.
    fn files(schema: &TableSchema) -> String {
        let of = |column: &ColumnSchema| format!("{}={}", column.name, column.stored_name());
        let columns: Vec<String> = schema.columns.iter().map(of).collect();
        let dropped: Vec<&str> = schema.dropped.keys().map(String::as_str).collect();
        format!("{} -{}", columns.join(" "), dropped.join(","))
    }

    #[test]
    fn what_stored_data_contradicts() {
        let check = |new: &str, expected: &[&str]| {
            let found = transition(&schema(STORED), &schema(new)).unwrap();
            assert_eq!(found.contradictions, expected, "{new}");
        };
        check(STORED, &[]);
        check("Bid int|Date String partitioning|Sym String|Ask double|Flag char", &[]);
        check("Date String partitioning|Sym String|Bid long|Flag String", &[]);
        check("Date String partitioning", &[]);
        check("Day String partitioning <Date|Sym String|Bid int|Flag char", &[]);
        let rest = "|Sym String|Flag char";
        check(
            &format!("Date String partitioning|Bid short{rest}"),
            &["column Bid is int in stored data, short in the new schema"],
        );
        check(
            &format!("Date String partitioning|Bid float{rest}"),
            &["column Bid is int in stored data, float in the new schema"],
        );
        check(&format!("Date String|Bid int{rest}"), &["column Date no longer is partitioning"]);
        check(
            &format!("Day String partitioning|Bid int{rest}"),
            &["column Day is added as partitioning", "column Date (String) is removed"],
        );
        check(
            "Date String partitioning|Sym String|A int <Bid|B int <Bid|Flag char",
            &["two columns are renamed from Bid"],
        );
        check(
            "Date String partitioning|Sym String|Flag char <Bid",
            &[
                "column Flag cannot be renamed from Bid: it is there already",
                "column Flag is int in stored data, char in the new schema",
            ],
        );
    }

    #[test]
    fn files_follow_their_columns_and_no_other() {
        // Each schema is deployed after the one before.
        let steps = [
            ("D String partitioning|A int|B int", "D=D A=A B=B -", ""),
            (
                "D String partitioning|A2 long <A|B int",
                "D=D A2=A B=B -",
                "column A is renamed to A2; column A2 is widened",
            ),
            // Deployed again.
            ("D String partitioning|A2 long <A|B int", "D=D A2=A B=B -", ""),
            ("D String partitioning|A String|A2 long <A|B int", "D=D A=A$2 A2=A B=B -", "files are called A$2"),
            ("D String partitioning|A String|A2 long <A|B int", "D=D A=A$2 A2=A B=B -", ""),
            // Exchanged.
            ("D String partitioning|A String|A2 int <B|B long <A2", "D=D A=A$2 A2=B B=A -", "A2 is renamed to B"),
            ("D String partitioning|A String|A2 int <B|B long <A2", "D=D A=A$2 A2=B B=A -", ""),
            ("D String partitioning|A2 int|B long", "D=D A2=B B=A -A$2", "column A (String) is dropped"),
            ("D String partitioning|A2 int|B long|A double|A$2 int", "D=D A2=B B=A A=A$3 A$2=A$2$2 -A$2", "A$3"),
        ];
        let mut deployed = schema(steps[0].0);
        for (columns, expected, change) in steps {
            let found = transition(&deployed, &schema(columns)).unwrap();
            assert_eq!((files(&found.schema), found.contradictions.len()), (expected.to_string(), 0), "{columns}");
            let changes = found.changes.join("; ");
            assert!(if change.is_empty() { changes.is_empty() } else { changes.contains(change) }, "{changes}");
            // What is deployed reads back with all of it.
            deployed = TableSchema::from_toml(&found.schema.to_toml(), Path::new("x")).unwrap();
            assert_eq!(deployed, found.schema, "{columns}");
        }
    }

    #[test]
    fn long_names_stay_names() {
        let name = "N".repeat(NAME_BYTES_MAX);
        let taken = BTreeSet::from([name.clone()]);
        let free = free_name(&name, &taken);
        assert!(free.len() == NAME_BYTES_MAX && free.ends_with("$2") && !taken.contains(&free));
    }
}
