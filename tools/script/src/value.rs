//! Values of a script outside of Starlark's heap: what functions take and give, and what a script leaves behind.

use crate::array_object::ArrayObject;
use crate::handle::Handle;
use crate::objects::{ColumnObject, DateTimeObject, HandleObject, TableObject};
use pilaster::base::{BigDecimal, ColumnType, Value};
use pilaster::engine::Table;
use pilaster::memory::Chunk;
use starlark::values::float::StarlarkFloat;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, UnpackValue, Value as StarlarkValue, ValueLike};
use std::fmt;
use std::sync::Arc;

/// A value of the script language.
#[derive(Clone, Debug)]
pub enum ScriptValue {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// An instant, nanoseconds since the epoch.
    DateTime(i64),
    /// A table.
    Table(Table),
    /// A named column, as `intCol` makes.
    Column(String, Chunk),
    /// Aggregations, operations of `updateBy`, tables by key.
    Handle(Handle),
    /// A list or tuple.
    List(Vec<ScriptValue>),
    /// An array of a cell.
    Array(Arc<[ScriptValue]>),
    /// Any other value: its type and how it prints.
    Other {
        /// The language's name of the type.
        type_name: &'static str,
        /// What `str` gives.
        text: String,
    },
}

/// Nesting of lists that is looked into; a list may contain itself.
const LIST_DEPTH_MAX: usize = 8;

impl fmt::Display for ScriptValue {
    /// As `print` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScriptValue::Text(text) => f.write_str(text),
            ScriptValue::DateTime(nanos) => DateTimeObject(*nanos).fmt(f),
            ScriptValue::Table(table) => TableObject(table.clone()).fmt(f),
            ScriptValue::Column(name, chunk) => ColumnObject(name.clone(), chunk.clone()).fmt(f),
            ScriptValue::Handle(handle) => handle.fmt(f),
            ScriptValue::Other { text, .. } => f.write_str(text),
            ScriptValue::Array(values) => ScriptValue::List(values.to_vec()).repr(f),
            plain => plain.repr(f),
        }
    }
}

impl ScriptValue {
    /// As it stands within a list.
    fn repr(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScriptValue::None => f.write_str("None"),
            ScriptValue::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            ScriptValue::Int(value) => write!(f, "{value}"),
            ScriptValue::Float(value) => write!(f, "{value:?}"),
            ScriptValue::Text(text) => write!(f, "{text:?}"),
            ScriptValue::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    item.repr(f)?;
                }
                f.write_str("]")
            }
            other => fmt::Display::fmt(other, f),
        }
    }

    /// Copies a value out of the heap.
    pub(crate) fn of(value: StarlarkValue<'_>) -> Self {
        Self::of_nested(value, 0)
    }

    fn of_nested(value: StarlarkValue<'_>, depth: usize) -> Self {
        if value.is_none() {
            return ScriptValue::None;
        }
        if let Some(value) = value.unpack_bool() {
            return ScriptValue::Bool(value);
        }
        if let Some(text) = value.unpack_str() {
            return ScriptValue::Text(text.to_owned());
        }
        if let Ok(Some(value)) = i64::unpack_value(value) {
            return ScriptValue::Int(value);
        }
        if let Some(value) = value.downcast_ref::<StarlarkFloat>() {
            return ScriptValue::Float(value.0);
        }
        if let Some(table) = value.downcast_ref::<TableObject>() {
            return ScriptValue::Table(table.0.clone());
        }
        if let Some(instant) = value.downcast_ref::<DateTimeObject>() {
            return ScriptValue::DateTime(instant.0);
        }
        if let Some(column) = value.downcast_ref::<ColumnObject>() {
            return ScriptValue::Column(column.0.clone(), column.1.clone());
        }
        if let Some(array) = value.downcast_ref::<ArrayObject>() {
            return ScriptValue::Array(array.0.clone());
        }
        if let Some(handle) = value.downcast_ref::<HandleObject>() {
            return ScriptValue::Handle(handle.0.clone());
        }
        let items = ListRef::from_value(value).map(ListRef::content);
        match items.or_else(|| TupleRef::from_value(value).map(TupleRef::content)) {
            Some(items) if depth < LIST_DEPTH_MAX => {
                ScriptValue::List(items.iter().map(|item| Self::of_nested(*item, depth + 1)).collect())
            }
            _ => ScriptValue::Other { type_name: value.get_type(), text: value.to_str() },
        }
    }

    /// Copies the value into a heap; an [`ScriptValue::Other`] becomes its text.
    pub(crate) fn alloc<'v>(self, heap: Heap<'v>) -> StarlarkValue<'v> {
        match self {
            ScriptValue::None => StarlarkValue::new_none(),
            ScriptValue::Bool(value) => StarlarkValue::new_bool(value),
            ScriptValue::Int(value) => heap.alloc(value),
            ScriptValue::Float(value) => heap.alloc(value),
            ScriptValue::Text(text) => heap.alloc(text),
            ScriptValue::DateTime(nanos) => heap.alloc(DateTimeObject(nanos)),
            ScriptValue::Table(table) => heap.alloc(TableObject(table)),
            ScriptValue::Column(name, chunk) => heap.alloc(ColumnObject(name, chunk)),
            ScriptValue::Handle(handle) => heap.alloc(HandleObject(handle)),
            ScriptValue::List(items) => {
                let items: Vec<_> = items.into_iter().map(|item| item.alloc(heap)).collect();
                heap.alloc(items)
            }
            ScriptValue::Array(values) => heap.alloc(ArrayObject(values)),
            ScriptValue::Other { text, .. } => heap.alloc(text),
        }
    }

    /// The word for the type in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            ScriptValue::None => "None",
            ScriptValue::Bool(_) => "a bool",
            ScriptValue::Int(_) => "an int",
            ScriptValue::Float(_) => "a float",
            ScriptValue::Text(_) => "a string",
            ScriptValue::DateTime(_) => "a DateTime",
            ScriptValue::Table(_) => "a table",
            ScriptValue::Column(..) => "a column",
            ScriptValue::Handle(handle) => handle.type_name(),
            ScriptValue::List(_) => "a list",
            ScriptValue::Array(_) => "an array",
            ScriptValue::Other { type_name, .. } => type_name,
        }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match self {
            ScriptValue::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The cell that stands for the value in a formula: an int where it fits 32 bits, otherwise a long. None for what is no cell.
    pub(crate) fn to_cell(&self) -> Option<Value> {
        Some(match self {
            ScriptValue::None => Value::Null,
            ScriptValue::Bool(value) => Value::Boolean(*value),
            ScriptValue::Int(value) => match i32::try_from(*value) {
                Ok(value) if value != i32::MIN => Value::Int(value),
                _ => Value::Long(*value),
            },
            ScriptValue::Float(value) => Value::Double(*value),
            ScriptValue::Text(text) => Value::string(text),
            ScriptValue::DateTime(nanos) => Value::DateTime(*nanos),
            _ => return None,
        })
    }

    /// As [`ScriptValue::to_cell`], and a list or array as an array of the type in which its values meet: what a function in a formula
    /// returns.
    pub(crate) fn to_result(&self) -> Option<Value> {
        let items = match self {
            ScriptValue::List(items) => items.as_slice(),
            ScriptValue::Array(items) => items,
            other => return other.to_cell(),
        };
        let cells = items.iter().map(Self::to_result).collect::<Option<Vec<Value>>>()?;
        let mut types = cells.iter().filter_map(Value::column_type);
        let first = types.next().unwrap_or(ColumnType::Int);
        let element = types.try_fold(first, |met, next| match (met, next) {
            (a, b) if a == b => Some(a),
            (ColumnType::Int | ColumnType::Long, ColumnType::Int | ColumnType::Long) => Some(ColumnType::Long),
            (a, b) if a.is_numeric() && b.is_numeric() => Some(ColumnType::Double),
            _ => None,
        })?;
        let widened = |cell: Value| match (cell, element) {
            (Value::Int(v), ColumnType::Long) => Value::Long(v.into()),
            (Value::Int(v), ColumnType::Double) => Value::Double(v.into()),
            (Value::Long(v), ColumnType::Double) => Value::Double(v as f64),
            (cell, _) => cell,
        };
        Some(Value::array(element, cells.into_iter().map(widened)))
    }

    /// The value that a cell is to a script function: integers of all widths are ints, numbers of any length ints or floats, arrays and sets lists.
    pub(crate) fn of_cell(cell: &Value) -> Self {
        match cell {
            Value::Null => ScriptValue::None,
            Value::String(text) => ScriptValue::Text(text.to_string()),
            Value::Char(unit) => {
                ScriptValue::Text(char::from_u32(u32::from(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER).to_string())
            }
            Value::Boolean(value) => ScriptValue::Bool(*value),
            Value::Byte(value) => ScriptValue::Int(i64::from(*value)),
            Value::Short(value) => ScriptValue::Int(i64::from(*value)),
            Value::Int(value) => ScriptValue::Int(i64::from(*value)),
            Value::Long(value) => ScriptValue::Int(*value),
            Value::Float(value) => ScriptValue::Float(f64::from(*value)),
            Value::Double(value) => ScriptValue::Float(*value),
            Value::DateTime(nanos) => ScriptValue::DateTime(*nanos),
            Value::BigInteger(value) => match i64::try_from(&**value) {
                Ok(small) => ScriptValue::Int(small),
                Err(_) => ScriptValue::Float(BigDecimal::new((**value).clone(), 0).to_double()),
            },
            Value::BigDecimal(value) => ScriptValue::Float(value.to_double()),
            Value::StringSet(set) => ScriptValue::List(set.iter().map(|text| ScriptValue::Text(text.into())).collect()),
            Value::Blob(bytes) => ScriptValue::List(bytes.iter().map(|&byte| ScriptValue::Int(byte.into())).collect()),
            Value::Array { values, .. } => ScriptValue::Array(values.iter().map(Self::of_cell).collect()),
        }
    }

    /// The cell of a column type that the value is, numbers converted where they keep their value; none where it is no such cell.
    pub(crate) fn to_cell_of(&self, column_type: ColumnType) -> Option<Value> {
        Some(match (self, column_type) {
            (ScriptValue::None, _) => Value::Null,
            (ScriptValue::Bool(value), ColumnType::Boolean) => Value::Boolean(*value),
            (ScriptValue::Int(value), ColumnType::Byte) => Value::Byte(i8::try_from(*value).ok()?),
            (ScriptValue::Int(value), ColumnType::Short) => Value::Short(i16::try_from(*value).ok()?),
            (ScriptValue::Int(value), ColumnType::Int) => Value::Int(i32::try_from(*value).ok()?),
            (ScriptValue::Int(value), ColumnType::Long) => Value::Long(*value),
            (ScriptValue::Int(value), ColumnType::Float) => Value::Float(*value as f32),
            (ScriptValue::Int(value), ColumnType::Double) => Value::Double(*value as f64),
            (ScriptValue::Float(value), ColumnType::Float) => Value::Float(*value as f32),
            (ScriptValue::Float(value), ColumnType::Double) => Value::Double(*value),
            (ScriptValue::Text(text), ColumnType::String) => Value::string(text),
            (ScriptValue::Text(text), ColumnType::Char) => {
                let mut units = text.encode_utf16();
                match (units.next(), units.next()) {
                    (Some(unit), None) => Value::Char(unit),
                    _ => return None,
                }
            }
            (ScriptValue::Int(unit), ColumnType::Char) => Value::Char(u16::try_from(*unit).ok()?),
            (ScriptValue::DateTime(nanos), ColumnType::DateTime) => Value::DateTime(*nanos),
            _ => return None,
        })
    }
}
