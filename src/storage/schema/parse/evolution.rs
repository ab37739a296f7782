//! What a schema says of columns as they were: the names they had, and what deployments noted of files.

use super::{Problems, TableReader, shown};
use crate::base::ColumnType;
use crate::base::names::{self, NameKind};
use crate::storage::schema::ColumnSchema;
use crate::storage::toml_reader::Placed;
use std::collections::BTreeMap;

/// The former names of a column.
pub(super) fn renamed_from(reader: &TableReader<'_, '_>, problems: &mut Problems<'_>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for placed in reader.strings("renamed_from", problems).unwrap_or_default() {
        if let Err(error) = names::check(NameKind::Column, &placed.value) {
            problems.add_error(placed.span, &error);
        } else if list.contains(&placed.value) {
            problems.add(placed.span, format!("{} is named twice in renamed_from", placed.value));
        } else {
            list.push(placed.value);
        }
    }
    list
}

/// Reads the section that deployments keep: gives the columns the names of their files; returns the dropped ones. What it says of columns
/// that there are no longer is passed over: who edits a deployed schema leaves the section as it was.
pub(super) fn read(
    reader: &TableReader<'_, '_>,
    columns: &mut [ColumnSchema],
    problems: &mut Problems<'_>,
) -> BTreeMap<String, ColumnType> {
    let mut dropped = BTreeMap::new();
    let Some(table) = reader.table("evolution", problems) else { return dropped };
    let reader = TableReader::new(table.value, table.span, "evolution", &["stored", "dropped"], problems);
    for (name, stored) in entries(&reader, "stored", problems) {
        if let Err(error) = names::check(NameKind::Column, &stored.value) {
            problems.add_error(stored.span, &error);
        } else if let Some(column) = columns.iter_mut().find(|column| column.name == name.value) {
            column.stored = Some(stored.value).filter(|stored| *stored != column.name);
        }
    }
    for (name, column_type) in entries(&reader, "dropped", problems) {
        if let Err(error) = names::check(NameKind::Column, &name.value) {
            problems.add_error(name.span, &error);
            continue;
        }
        if let Some(column) = columns.iter().find(|column| column.stored_name() == name.value) {
            problems.add(
                name.span,
                format!("{} are the files of column {}, which is not dropped", name.value, column.name),
            );
            continue;
        }
        match column_type.value.parse::<ColumnType>() {
            Ok(column_type) => {
                dropped.insert(name.value, column_type);
            }
            Err(error) => problems.add_error(column_type.span, &error),
        }
    }
    dropped
}

/// The strings of a table below, with their keys.
fn entries(
    reader: &TableReader<'_, '_>,
    key: &str,
    problems: &mut Problems<'_>,
) -> Vec<(Placed<String>, Placed<String>)> {
    let Some(table) = reader.table(key, problems) else { return Vec::new() };
    let mut entries = Vec::new();
    for (name, value) in table.value.iter() {
        let name = Placed { value: name.get_ref().to_string(), span: name.span() };
        match value.get_ref().as_str() {
            Some(text) => entries.push((name, Placed { value: text.to_string(), span: value.span() })),
            None => problems.add(value.span(), format!("{key} of {} must be a string", shown(&name.value))),
        }
    }
    entries
}
