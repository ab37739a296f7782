//! Methods of `db`.

use crate::definition::{Call, Definition, Failure};
use crate::value::ScriptValue;
use pilaster::engine::Table;
use pilaster::session::Database;

/// All methods.
pub(super) const METHODS: &[Definition] = &[
    Definition {
        names: &["t", "historicalTable"],
        parameters: &["namespace", "table"],
        run: |call| stored(call, Database::t),
    },
    Definition {
        names: &["i", "liveTable", "intradayTable"],
        parameters: &["namespace", "table"],
        run: |call| stored(call, Database::i),
    },
    Definition {
        names: &["getNamespaces", "namespaces"],
        parameters: &[],
        run: |call| texts(call.database()?.namespaces()?),
    },
    Definition {
        names: &["getSystemNamespaces"],
        parameters: &[],
        run: |call| texts(call.database()?.system_namespaces()?),
    },
    Definition {
        names: &["getUserNamespaces"],
        parameters: &[],
        run: |call| texts(call.database()?.user_namespaces()?),
    },
    Definition {
        names: &["getTableNames", "tableNames"],
        parameters: &["namespace"],
        run: |call| texts(call.database()?.table_names(call.text(0)?)?),
    },
    Definition {
        names: &["hasTable"],
        parameters: &["namespace", "table"],
        run: |call: &Call<'_>| {
            let tables = match call.database()?.table_names(call.text(0)?) {
                Err(error) if error.is_not_found() => Vec::new(),
                tables => tables?,
            };
            let wanted = call.text(1)?;
            Ok(ScriptValue::Bool(tables.iter().any(|table| table == wanted)))
        },
    },
    Definition {
        names: &["getCatalog", "catalogTable"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Table(call.database()?.catalog_table()?)),
    },
];

fn stored(
    call: &Call<'_>,
    open: fn(&Database, &str, &str) -> pilaster::base::Result<Table>,
) -> Result<ScriptValue, Failure> {
    let (namespace, table) = (call.text(0)?, call.text(1)?);
    open(call.database()?, namespace, table).map(ScriptValue::Table).map_err(|error| {
        let argument = usize::from(error.message().contains("table"));
        Failure { error, argument: Some(argument) }
    })
}

fn texts(texts: Vec<String>) -> Result<ScriptValue, Failure> {
    Ok(ScriptValue::List(texts.into_iter().map(ScriptValue::Text).collect()))
}
