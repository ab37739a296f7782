//! Values that only methods of tables take or give: aggregations, operations of `updateBy`, and tables by key.

use crate::definition::{Failure, Receiver};
use crate::definitions;
use crate::objects::CallableObject;
use crate::value::ScriptValue;
use pilaster::base::{Error, Value as Cell};
use pilaster::engine::operation::aggregate::Aggregate;
use pilaster::engine::operation::partition::TableMap;
use pilaster::engine::operation::update_by::UpdateBy;
use starlark::values::{Heap, Value};
use std::fmt;

/// One of them.
#[derive(Clone, Debug)]
pub enum Handle {
    /// What `AggSum` and its kind make, and `AggCombo` puts together.
    Aggregates(Vec<Aggregate>),
    /// What `CumSum` and its kind make.
    Updates(Vec<UpdateBy>),
    /// What `byExternal` makes: a table a key.
    Map(TableMap),
    /// `asTable()` of it: every method is called on each of the tables.
    Each(TableMap),
}

impl Handle {
    /// The word for the type in messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Handle::Aggregates(_) => "an aggregation",
            Handle::Updates(_) => "an operation of updateBy",
            Handle::Map(_) => "a table map",
            Handle::Each(_) => "the tables of a table map",
        }
    }

    /// A method of it.
    pub(crate) fn attribute<'v>(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let (receiver, definition) = match self {
            Handle::Map(map) => (Receiver::Map(map.clone()), definitions::table_map_method(name)?),
            Handle::Each(map) => match definitions::table_map_method(name).filter(|_| name == "merge") {
                Some(merge) => (Receiver::Map(map.clone()), merge),
                None => (Receiver::Each(map.clone()), definitions::table_method(name)?),
            },
            Handle::Aggregates(_) | Handle::Updates(_) => return None,
        };
        Some(heap.alloc(CallableObject { receiver, definition }))
    }

    /// The names of its methods.
    pub(crate) fn attributes(&self) -> Vec<String> {
        match self {
            Handle::Map(_) => definitions::names(definitions::table_map_methods()),
            Handle::Each(_) => definitions::names(definitions::table_methods()),
            Handle::Aggregates(_) | Handle::Updates(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handle::Map(map) | Handle::Each(map) => {
                write!(f, "<{} tables by {}>", map.tables().len(), map.key_names().join(", "))
            }
            Handle::Aggregates(all) => write!(f, "<{} aggregations>", all.len()),
            Handle::Updates(all) => write!(f, "<{} operations of updateBy>", all.len()),
        }
    }
}

/// Calls a method of tables on each of a map's tables; the results are tables too.
pub(crate) fn call_each(
    map: &TableMap,
    name: &str,
    call: impl Fn(&Receiver) -> Result<ScriptValue, Failure>,
) -> Result<ScriptValue, Failure> {
    let failed = std::cell::RefCell::new(None);
    let mapped = map.map(|table| match call(&Receiver::Table(table.clone())) {
        Ok(ScriptValue::Table(table)) => Ok(table),
        Ok(other) => Err(Error::invalid(format!("{name} gives {}, not a table", other.type_name()))
            .hint("of the tables of a map only methods that give a table can be called")),
        Err(Failure { error, argument }) => {
            *failed.borrow_mut() = argument;
            Err(error)
        }
    });
    match mapped {
        Ok(map) => Ok(ScriptValue::Handle(Handle::Each(map))),
        Err(error) => Err(Failure { error, argument: failed.into_inner() }),
    }
}

/// The cells that are looked up as a key.
pub(crate) fn key_of<'a>(values: impl Iterator<Item = (usize, &'a ScriptValue)>) -> Result<Vec<Cell>, Failure> {
    let mut key = Vec::new();
    for (at, value) in values {
        let items = match value {
            ScriptValue::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        for item in items {
            key.push(item.to_cell().ok_or_else(|| Failure {
                error: Error::type_mismatch(format!("{} is no key", item.type_name())),
                argument: Some(at),
            })?);
        }
    }
    Ok(key)
}
