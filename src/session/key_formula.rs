//! A schema's `key_formula` in the language of queries: compiled for merges, checked for whoever deploys schemas.
//!
//! Beside the columns it may speak of the variables that Deephaven has there: `__WRITABLE_PARTITIONS__` (the names of the storages),
//! `__NUM_WRITABLE_PARTITIONS__`, `__NS_TN__` (namespace and table), `__DAY_OF_YEAR__` (of the partition that is merged; 0 where that is no date) and
//! `__PARTITION_AUTOBALANCE_SINGLE__` (the storage that the whole partition would go to).
//!
//! **Invariant:** a formula that passed [`check`] compiles for every merge: the types of what it may speak of are always the same.

use super::computation;
use crate::base::date_time::{self, Zone};
use crate::base::{ColumnType, Error, Result, Value};
use crate::engine::formula::{QueryScope, ScopeValue, compile_select};
use crate::storage::historical::{BY_FIRST_GROUPING_COLUMN, KeyCompiler, KeyFormula, SINGLE, single_number};
use crate::storage::{Computation, TableSchema};
use std::collections::HashMap;
use std::sync::Arc;

/// What stands before the formula where it is compiled.
const PREFIX: &str = "StorageKey__=";

/// Compiles key formulas for merges; `zone` is that of functions of dates which are given none.
pub fn compiler(zone: Zone) -> KeyCompiler {
    KeyCompiler(Arc::new(move |formula| compile(formula, &zone)))
}

/// Refuses a schema whose key formula does not compile, or gives what no storage can be chosen by. Positions are those within the formula.
pub fn check(schema: &TableSchema) -> Result<()> {
    let Some(text) = &schema.key_formula else { return Ok(()) };
    if [BY_FIRST_GROUPING_COLUMN, SINGLE].contains(&text.trim()) {
        return Ok(());
    }
    let columns: Vec<(String, ColumnType)> =
        schema.columns.iter().map(|column| (column.name.clone(), column.column_type)).collect();
    let formula = KeyFormula {
        text,
        columns: &columns,
        namespace: &schema.namespace,
        table: &schema.table,
        column_partition: "1970-01-01",
        storages: &["main".to_string()],
    };
    compile(&formula, &Zone::utc()).map(drop)
}

fn compile(formula: &KeyFormula<'_>, zone: &Zone) -> Result<Computation> {
    let scope = QueryScope { variables: variables(formula), zone: zone.clone(), ..QueryScope::default() };
    let columns = formula.columns.to_vec();
    let compiled = compile_select(&format!("{PREFIX}{}", formula.text), &columns, &scope).map_err(within)?;
    let given = compiled.column_type();
    match given {
        ColumnType::Byte
        | ColumnType::Short
        | ColumnType::Int
        | ColumnType::Long
        | ColumnType::Char
        | ColumnType::Boolean
        | ColumnType::String => {}
        other => {
            return Err(Error::type_mismatch(format!(
                "a key formula gives a whole number, a char, a boolean or a String, this gives {other}"
            ))
            .at_position(1, 1)
            .hint("a cast such as (long)(…), or a function such as hourOfDay(…), makes one of it"));
        }
    }
    computation(compiled).map_err(|error| error.at_position(1, 1))
}

/// The same error with the place that it has in the formula itself.
fn within(error: Error) -> Error {
    match error.position() {
        Some((1, column)) => error.without_position().at_position(1, column.saturating_sub(PREFIX.len() as u64).max(1)),
        _ => error,
    }
}

fn variables(formula: &KeyFormula<'_>) -> HashMap<String, ScopeValue> {
    let KeyFormula { namespace, table, column_partition, storages, .. } = *formula;
    let number = single_number(namespace, table, column_partition);
    let single = storages.get((number % storages.len().max(1) as u64) as usize);
    let day = date_time::parse_date_time(column_partition, Some(&Zone::utc()))
        .map_or(0, |ns| i32::from(Zone::utc().civil(ns).day_of_year()));
    [
        ("__WRITABLE_PARTITIONS__", Value::array(ColumnType::String, storages.iter().map(|name| Value::string(name)))),
        ("__NUM_WRITABLE_PARTITIONS__", Value::Int(storages.len() as i32)),
        ("__NS_TN__", Value::string(&format!("{namespace}.{table}"))),
        ("__DAY_OF_YEAR__", Value::Int(day)),
        ("__PARTITION_AUTOBALANCE_SINGLE__", Value::string(single.map_or("", String::as_str))),
    ]
    .map(|(name, value)| (name.to_string(), ScopeValue::Value(value)))
    .into()
}
