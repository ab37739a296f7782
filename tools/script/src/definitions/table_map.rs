//! Methods of what `byExternal` gives.

use crate::definition::Definition;
use crate::handle::{Handle, key_of};
use crate::value::ScriptValue;

/// All methods.
pub(super) const METHODS: &[Definition] = &[
    Definition {
        names: &["asTable", "proxy"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Handle(Handle::Each(call.table_map()?.clone()))),
    },
    Definition { names: &["merge"], parameters: &[], run: |call| Ok(ScriptValue::Table(call.table_map()?.merge()?)) },
    Definition {
        names: &["get", "getConstituent"],
        parameters: &["*key"],
        run: |call| {
            let key = key_of(call.rest(0))?;
            Ok(call.table_map()?.get(&key).map_or(ScriptValue::None, |table| ScriptValue::Table(table.clone())))
        },
    },
    Definition {
        names: &["getKeySet", "keys"],
        parameters: &[],
        run: |call| {
            let keys = call.table_map()?.keys().iter().map(|key| match &key[..] {
                [one] => ScriptValue::of_cell(one),
                several => ScriptValue::List(several.iter().map(ScriptValue::of_cell).collect()),
            });
            Ok(ScriptValue::List(keys.collect()))
        },
    },
    Definition {
        names: &["size"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Int(call.table_map()?.tables().len() as i64)),
    },
];
