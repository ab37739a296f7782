//! Changes a deployed schema, step by step: each step is compared with what is stored as a deployment is, so that a column that is dropped and
//! added again in one go is another one.

use super::deploy::{self, DeployOutcome, Deployment};
use super::{Codec, ColumnSchema, TableSchema, Validation, compatibility};
use crate::base::{ColumnKind, ColumnType, Error, Result};
use crate::io::FileSystem;
use crate::storage::layout;
use std::path::Path;

/// One change of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// A column less. What is stored of it stays, unread, until its rows are merged anew.
    Drop(String),
    /// Another name, everywhere in the schema.
    Rename {
        /// The present name.
        from: String,
        /// The new one.
        to: String,
    },
    /// A wider type.
    Type(String, ColumnType),
    /// A column more, behind the others, null in stored rows.
    Add(String, ColumnType),
    /// A dropped column again, by the name of its files, with what is stored of it.
    Restore(String),
    /// Whether merges group by a column.
    Kind(String, ColumnKind),
    /// How merges encode a column.
    Codec(String, Codec),
    /// What a column means.
    Doc(String, String),
    /// The columns by which merges sort, in order.
    Sort(Vec<String>),
}

/// Applies changes to the deployed schema of a table, in their order, all or none; with `dry_run` only says what they would make of it. Errs
/// as a deployment does.
pub fn evolve(
    fs: &dyn FileSystem,
    namespace: &str,
    table: &str,
    changes: &[SchemaChange],
    dry_run: bool,
) -> Result<Deployment> {
    if changes.is_empty() {
        return Err(Error::invalid("no change was asked for"));
    }
    let target = layout::schema_file(namespace, table)?;
    deploy::require(fs, namespace, table)?;
    let _lock = if dry_run { None } else { Some(deploy::lock(fs, &target)?) };
    let mut schema = deploy::require(fs, namespace, table)?;
    let has_data = deploy::has_data(fs, &schema)?;
    let mut told = Vec::new();
    for change in changes {
        let mut next = schema.clone();
        told.extend(apply(&mut next, change)?);
        if let SchemaChange::Restore(_) = change {
            // Its files are its own again.
            schema = next;
            continue;
        }
        let step = compatibility::transition(&schema, &next)?;
        if has_data {
            deploy::refuse_contradictions(&schema.full_name(), &step.contradictions)?;
        }
        told.extend(step.changes);
        schema = step.schema;
    }
    let text = schema.to_toml();
    // Whatever the changes made of it must be a schema.
    TableSchema::from_toml(&text, Path::new("the changed schema"))?;
    deploy::finish(fs, &target, DeployOutcome::Replaced, told, text, dry_run)
}

/// Makes a change; says it, unless comparing with what is stored does.
fn apply(schema: &mut TableSchema, change: &SchemaChange) -> Result<Option<String>> {
    Ok(match change {
        SchemaChange::Drop(name) => {
            column(schema, name)?;
            schema.columns.retain(|column| column.name != *name);
            schema.imports.iter_mut().for_each(|mapping| drop(mapping.columns.remove(name)));
            None
        }
        SchemaChange::Rename { from, to } => {
            if schema.column(to).is_some() {
                return Err(Error::invalid(format!("{} has a column {to} already", schema.full_name())));
            }
            let column = column(schema, from)?;
            column.name.clone_from(to);
            column.renamed_from.retain(|name| name != from && name != to);
            column.renamed_from.insert(0, from.clone());
            rename_in_rules(schema, from, to);
            None
        }
        SchemaChange::Type(name, column_type) => {
            let column = column(schema, name)?;
            if column.column_type == *column_type {
                return Ok(Some(format!("column {name} is {column_type} already")));
            }
            column.column_type = *column_type;
            None
        }
        SchemaChange::Add(name, column_type) => {
            if schema.column(name).is_some() {
                return Err(Error::invalid(format!("the table has a column {name} already")));
            }
            schema.columns.push(ColumnSchema::new(name, *column_type));
            None
        }
        SchemaChange::Restore(stored) => {
            restore(schema, stored)?;
            Some(format!("column {stored} is there again, with what is stored of it"))
        }
        SchemaChange::Kind(name, kind) => {
            column(schema, name)?.kind = *kind;
            Some(format!("column {name} is {}", super::kind_name(*kind)))
        }
        SchemaChange::Codec(name, codec) => {
            column(schema, name)?.codec = *codec;
            Some(format!("column {name} is encoded by {}", codec.name()))
        }
        SchemaChange::Doc(name, doc) => {
            column(schema, name)?.doc.clone_from(doc);
            Some(format!("column {name} is described"))
        }
        SchemaChange::Sort(columns) => {
            schema.sort_columns.clone_from(columns);
            let by = if columns.is_empty() { "nothing".to_string() } else { columns.join(", ") };
            Some(format!("merges sort by {by}"))
        }
    })
}

/// Takes a dropped column back.
fn restore(schema: &mut TableSchema, stored: &str) -> Result<()> {
    let Some(column_type) = schema.dropped.remove(stored) else {
        let known: Vec<&str> = schema.dropped.keys().map(String::as_str).collect();
        let error =
            Error::not_found(format!("{} has dropped no column with files called {stored}", schema.full_name()));
        return Err(if known.is_empty() {
            error
        } else {
            error.hint(format!("those that it has are {}", known.join(", ")))
        });
    };
    if schema.column(stored).is_some() {
        return Err(Error::invalid(format!("{} has another column {stored} now", schema.full_name()))
            .hint("rename that one first"));
    }
    schema.columns.push(ColumnSchema::new(stored, column_type));
    Ok(())
}

/// Names a renamed column in what the schema says of sorting, importing and validation.
fn rename_in_rules(schema: &mut TableSchema, from: &str, to: &str) {
    let Validation { row_count_min: _, row_count_max: _, not_null, sorted, grouped, unique, counts, ranges, sets } =
        &mut schema.validation;
    let lists = [&mut schema.sort_columns, not_null, sorted, grouped, unique].into_iter().flatten();
    let rules = counts.iter_mut().map(|rule| &mut rule.column).chain(ranges.iter_mut().map(|rule| &mut rule.column));
    let names = lists.chain(rules).chain(sets.iter_mut().map(|rule| &mut rule.column));
    for name in names.filter(|name| *name == from) {
        *name = to.to_string();
    }
    for mapping in &mut schema.imports {
        if let Some(own) = mapping.columns.remove(from) {
            mapping.columns.insert(to.to_string(), own);
        }
    }
}

fn column<'a>(schema: &'a mut TableSchema, name: &str) -> Result<&'a mut ColumnSchema> {
    let table = schema.full_name();
    let found = schema.columns.iter_mut().find(|column| column.name == name);
    found.ok_or_else(|| Error::not_found(format!("{table} has no column {name}")))
}
