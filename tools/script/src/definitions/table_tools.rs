//! Making tables: the functions of `ttools`.

use crate::definition::{Call, Definition, Failure};
use crate::value::ScriptValue;
use pilaster::base::{ColumnType, Error, Value};
use pilaster::engine::Table;
use pilaster::engine::formula::QueryScope;
use pilaster::memory::Chunk;
use pilaster::session::{read_csv, write_csv};
use std::path::Path;

/// The functions of `ttools`, which are also bare.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["emptyTable"],
        parameters: &["size"],
        run: |call| {
            let size = u64::try_from(call.int(0)?).map_err(|_| call.wrong(0, "a number of rows"))?;
            Ok(ScriptValue::Table(Table::empty_table(size)?))
        },
    },
    Definition {
        names: &["readCsv"],
        parameters: &["path", "delimiter?"],
        run: |call| {
            let delimiter = match call.argument(1) {
                None => b',',
                Some(_) => match call.text(1)?.as_bytes() {
                    [one] => *one,
                    _ => return Err(call.wrong(1, "one character of ASCII")),
                },
            };
            Ok(ScriptValue::Table(read_csv(Path::new(call.text(0)?), delimiter)?))
        },
    },
    Definition {
        names: &["writeCsv"],
        parameters: &["table", "path", "*columns"],
        run: |call| {
            let (table, directory) = (call.table_argument(0)?, call.output_directory()?);
            let columns = call.names(2)?;
            let table = match columns.is_empty() {
                true => table.clone(),
                false => table.view(&columns, &QueryScope::default())?,
            };
            let rows = write_csv(&table, &*directory, call.text(1)?)?;
            Ok(ScriptValue::Int(i64::try_from(rows).unwrap_or(i64::MAX)))
        },
    },
    Definition { names: &["newTable"], parameters: &["*columns"], run: new_table },
    Definition {
        names: &["merge"],
        parameters: &["*tables"],
        run: |call| Ok(ScriptValue::Table(Table::merge(&call.tables(0)?)?)),
    },
    Definition { names: &["col"], parameters: &["name", "*values"], run: |call| column(call, None) },
    Definition {
        names: &["stringCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::String)),
    },
    Definition {
        names: &["charCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Char)),
    },
    Definition {
        names: &["boolCol", "booleanCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Boolean)),
    },
    Definition {
        names: &["byteCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Byte)),
    },
    Definition {
        names: &["shortCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Short)),
    },
    Definition {
        names: &["intCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Int)),
    },
    Definition {
        names: &["longCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Long)),
    },
    Definition {
        names: &["floatCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Float)),
    },
    Definition {
        names: &["doubleCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::Double)),
    },
    Definition {
        names: &["dateTimeCol", "datetimeCol"],
        parameters: &["name", "*values"],
        run: |call| column(call, Some(ColumnType::DateTime)),
    },
];

/// `jpy`: arrays of Java are lists here.
pub(super) const JPY_FUNCTIONS: &[Definition] =
    &[Definition { names: &["array"], parameters: &["type", "content"], run: array }];

/// Values of an array that a script may ask for: beyond it, it is a table that is wanted.
const ARRAY_LENGTH_MAX: i64 = 1 << 24;

fn new_table(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let mut columns = Vec::new();
    for (at, value) in call.rest(0) {
        let items = match value {
            ScriptValue::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        for item in items {
            let ScriptValue::Column(name, chunk) = item else {
                return Err(call.wrong(at, "a column, as intCol makes"));
            };
            columns.push((name.clone(), chunk.clone()));
        }
    }
    Ok(ScriptValue::Table(Table::new_table(columns)?))
}

/// A column of a type, or of the one that its values have.
fn column(call: &Call<'_>, column_type: Option<ColumnType>) -> Result<ScriptValue, Failure> {
    let name = call.text(0)?.to_owned();
    let mut values: Vec<(usize, &ScriptValue)> = Vec::new();
    for (at, value) in call.rest(1) {
        match value {
            ScriptValue::List(items) => values.extend(items.iter().map(|item| (at, item))),
            other => values.push((at, other)),
        }
    }
    let column_type = match column_type {
        Some(column_type) => column_type,
        None => common_type(&values),
    };
    let cells = values.iter().map(|(at, value)| {
        value.to_cell_of(column_type).ok_or_else(|| Failure {
            error: Error::type_mismatch(format!("{} is no value of type {column_type}", shown(value))),
            argument: Some(*at),
        })
    });
    let cells = cells.collect::<Result<Vec<Value>, Failure>>()?;
    Ok(ScriptValue::Column(name, Chunk::from_values(column_type, &cells)?))
}

/// The narrowest type that all values fit: what `col` makes of them.
fn common_type(values: &[(usize, &ScriptValue)]) -> ColumnType {
    let cells = values.iter().filter_map(|(_, value)| value.to_cell()?.column_type());
    let wider = |a: ColumnType, b: ColumnType| match (a, b) {
        (
            ColumnType::Int | ColumnType::Long | ColumnType::Double,
            ColumnType::Int | ColumnType::Long | ColumnType::Double,
        ) => a.max(b),
        _ => a,
    };
    cells.reduce(wider).unwrap_or(ColumnType::String)
}

fn shown(value: &ScriptValue) -> String {
    match value {
        ScriptValue::Int(value) => value.to_string(),
        ScriptValue::Float(value) => format!("{value:?}"),
        ScriptValue::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        other => other.type_name().to_owned(),
    }
}

/// `jpy.array('int', n)` is a list of n zeros, `jpy.array('int', values)` a list of the values.
fn array(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let zero = match call.text(0)? {
        "byte" | "short" | "char" | "int" | "long" => ScriptValue::Int(0),
        "float" | "double" => ScriptValue::Float(0.0),
        "boolean" => ScriptValue::Bool(false),
        _ => ScriptValue::None,
    };
    match call.argument(1) {
        Some(ScriptValue::List(items)) => Ok(ScriptValue::List(items.clone())),
        Some(ScriptValue::Int(length @ 0..=ARRAY_LENGTH_MAX)) => Ok(ScriptValue::List(vec![zero; *length as usize])),
        Some(ScriptValue::Int(_)) => Err(Failure {
            error: Error::limit(format!("an array has 0 to {ARRAY_LENGTH_MAX} values")),
            argument: Some(1),
        }),
        _ => Err(call.wrong(1, "a length or a list")),
    }
}
