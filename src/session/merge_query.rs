//! The result of a query, merged into a column partition of a stored table.

use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Result, names};
use crate::engine::Table;
use crate::engine::formula::QueryScope;
use crate::memory::Chunk;
use crate::session::output::for_each_chunk;
use crate::storage::catalog::{RowProducer, TableEntry};

/// The rows of a query's result as those of a partition of a stored table, for [`TableEntry::merge_rows`].
///
/// Columns are matched by name; a number of a narrower type is widened, a column that the result lacks is null. Errs where the result has a column that
/// the table does not have or that does not fit. If it has the partitioning column, each row must have the partition's value there, which is found
/// as the rows are read. Rows are computed as they are taken: of what streams, memory holds a few thousand.
pub fn rows_for_partition<'a>(
    result: &Table,
    entry: &TableEntry,
    column_partition: &'a str,
    scope: &QueryScope,
) -> Result<RowProducer<'a>> {
    let schema = entry.schema();
    for column in result.definition().columns() {
        if schema.column(&column.name).is_none() {
            let known = schema.columns.iter().map(|column| column.name.as_str());
            let error = Error::not_found(format!("{} has no column {}", schema.full_name(), column.name));
            let drop = format!("dropColumns(\"{}\") leaves it out", column.name);
            return Err(match names::nearest_hint(&column.name, known) {
                Some(hint) => error.hint(format!("{hint}; {drop}")),
                None => error.hint(drop),
            });
        }
    }
    let mut formulas = Vec::new();
    let mut wanted: Vec<(ColumnType, bool)> = Vec::new();
    for column in schema.definition.stored() {
        let formula = formula(result, column).map_err(|error| error.context(schema.full_name()))?;
        wanted.push((column.column_type, formula.is_some()));
        formulas.extend(formula);
    }
    let partitioning = schema.definition.columns().iter().find(|column| column.kind == ColumnKind::Partitioning);
    let partitioning = partitioning.filter(|column| result.definition().column(&column.name).is_some());
    let partitioning = partitioning.map(|column| column.name.clone());
    if formulas.is_empty() {
        return Err(Error::invalid(format!("the query has none of the columns of {}", schema.full_name())));
    }
    // Last, so that the others are the stored columns in order.
    formulas.extend(partitioning.clone());
    let rows = result.view(&formulas, scope)?;
    Ok(Box::new(move |take| {
        for_each_chunk(&rows, rows.row_count()?, |chunks, count| {
            let mut given = chunks.iter().cloned();
            let column = |&(column_type, is_given): &(ColumnType, bool)| {
                let chunk = if is_given { given.next() } else { None };
                chunk.unwrap_or_else(|| Chunk::nulls(column_type, count))
            };
            let stored: Vec<Chunk> = wanted.iter().map(column).collect();
            if let (Some(name), Some(Chunk::String(values))) = (&partitioning, chunks.last())
                && let Some(other) = values.iter().find(|value| *value != Some(column_partition))
            {
                let other = other.map_or("null".to_string(), |other| format!("{other:?}"));
                return Err(Error::invalid(format!("a row has {other} as {name}, not {column_partition:?}"))
                    .hint(format!("filter the result by {name}, or leave the column out: dropColumns(\"{name}\")")));
            }
            take(&stored)
        })
    }))
}

/// How a stored column is made of the result; none where the result lacks it.
fn formula(result: &Table, column: &ColumnDefinition) -> Result<Option<String>> {
    let ColumnDefinition { name, column_type, .. } = column;
    let Some(given) = result.definition().column(name).map(|column| column.column_type) else { return Ok(None) };
    if given == *column_type {
        return Ok(Some(name.clone()));
    }
    if widens(given, *column_type) {
        return Ok(Some(format!("{name}=({column_type}){name}")));
    }
    Err(Error::type_mismatch(format!("column {name} is {column_type}, and that of the query is {given}"))
        .hint(format!("a cast says what is meant: updateView(\"{name}=({column_type}){name}\")")))
}

/// True where every value of the one type is one of the other.
fn widens(given: ColumnType, wanted: ColumnType) -> bool {
    use ColumnType::{Byte, Double, Float, Int, Long, Short};
    matches!(
        (given, wanted),
        (Byte, Short | Int | Long | Float | Double)
            | (Short, Int | Long | Float | Double)
            | (Int, Long | Double)
            | (Float, Double)
    )
}
