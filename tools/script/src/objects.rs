//! The language's own types of values: tables, date-times, columns, the database, modules, and what can be called.
#![expect(unsafe_code, reason = "deriving starlark's marker of static types implements an unsafe trait")]

use crate::definition::{Context, Definition, Member, Receiver};
use crate::definitions;
use crate::handle::Handle;
use crate::scope::EvaluatorScope;
use crate::value::ScriptValue;
use allocative::Allocative;
use pilaster::base::date_time::{self, Zone};
use pilaster::engine::Table;
use pilaster::memory::Chunk;
use pilaster::session::{Database, output};
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{
    Heap, NoSerialize, ProvidesStaticType, StarlarkPagablePanic, StarlarkValue, Value, ValueError, ValueLike,
    starlark_value,
};
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Rows that `print(table)` and `str(table)` show.
const PRINTED_ROWS: u64 = 10;

/// A table.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct TableObject(#[allocative(skip)] pub(crate) Table);
starlark_simple_value!(TableObject);

impl fmt::Display for TableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = output::TextOptions { rows_max: Some(PRINTED_ROWS), ..Default::default() };
        let mut text = Vec::new();
        match output::write_table(&self.0, output::Format::Table, &options, &mut text) {
            Ok(()) => f.write_str(String::from_utf8_lossy(&text).trim_end()),
            Err(error) => write!(f, "(a table that cannot be read: {error})"),
        }
    }
}

#[starlark_value(type = "Table")]
impl<'v> StarlarkValue<'v> for TableObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let definition = definitions::table_method(attribute)?;
        Some(heap.alloc(CallableObject { receiver: Receiver::Table(self.0.clone()), definition }))
    }

    fn dir_attr(&self) -> Vec<String> {
        definitions::names(definitions::table_methods())
    }

    fn length(&self) -> starlark::Result<i32> {
        let rows = self.0.row_count().map_err(starlark::Error::new_native)?;
        i32::try_from(rows).map_err(|_| {
            let error = pilaster::base::Error::limit(format!("len() of a table of {rows} rows"));
            starlark::Error::new_native(error.hint("size() has no limit"))
        })
    }
}

/// An instant. `str` shows New York's wall clock, as the examples that users know do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct DateTimeObject(pub(crate) i64);
starlark_simple_value!(DateTimeObject);

impl fmt::Display for DateTimeObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static ZONE: OnceLock<Option<Zone>> = OnceLock::new();
        match ZONE.get_or_init(|| Zone::named("NY").ok()) {
            Some(zone) => f.write_str(&date_time::format_zoned(self.0, zone)),
            None => f.write_str(&date_time::format_iso(self.0)),
        }
    }
}

#[starlark_value(type = "DateTime")]
impl<'v> StarlarkValue<'v> for DateTimeObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let definition = definitions::date_time_method(attribute)?;
        Some(heap.alloc(CallableObject { receiver: Receiver::DateTime(self.0), definition }))
    }

    fn dir_attr(&self) -> Vec<String> {
        definitions::names(definitions::date_time_methods())
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(other.downcast_ref::<DateTimeObject>() == Some(self))
    }

    fn compare(&self, other: Value<'v>) -> starlark::Result<Ordering> {
        match other.downcast_ref::<DateTimeObject>() {
            Some(other) => Ok(self.0.cmp(&other.0)),
            None => ValueError::unsupported_with(self, "compare", other),
        }
    }

    fn add(&self, other: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        match ScriptValue::of(other) {
            ScriptValue::Int(nanos) => Some(shifted(self.0.checked_add(nanos), heap)),
            _ => None,
        }
    }

    fn sub(&self, other: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        match ScriptValue::of(other) {
            ScriptValue::Int(nanos) => shifted(self.0.checked_sub(nanos), heap),
            ScriptValue::DateTime(earlier) => match self.0.checked_sub(earlier) {
                Some(nanos) => Ok(heap.alloc(nanos)),
                None => Err(out_of_range()),
            },
            _ => ValueError::unsupported_with(self, "-", other),
        }
    }
}

fn shifted<'v>(nanos: Option<i64>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    match nanos {
        Some(nanos) if nanos != i64::MIN => Ok(heap.alloc(DateTimeObject(nanos))),
        _ => Err(out_of_range()),
    }
}

fn out_of_range() -> starlark::Error {
    starlark::Error::new_native(pilaster::base::Error::limit("a date-time outside of 1677-09-21 to 2262-04-11"))
}

/// A named column for `newTable`.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct ColumnObject(pub(crate) String, #[allocative(skip)] pub(crate) Chunk);
starlark_simple_value!(ColumnObject);

impl fmt::Display for ColumnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<column {} of {} {}s>", self.0, self.1.len(), self.1.column_type())
    }
}

#[starlark_value(type = "Column")]
impl<'v> StarlarkValue<'v> for ColumnObject {}

/// Aggregations, operations of `updateBy`, tables by key.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct HandleObject(#[allocative(skip)] pub(crate) Handle);
starlark_simple_value!(HandleObject);

impl fmt::Display for HandleObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[starlark_value(type = "Handle")]
impl<'v> StarlarkValue<'v> for HandleObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        self.0.attribute(attribute, heap)
    }

    fn dir_attr(&self) -> Vec<String> {
        self.0.attributes()
    }
}

/// The database: `db`.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct DatabaseObject(#[allocative(skip)] pub(crate) Arc<Database>);
starlark_simple_value!(DatabaseObject);

impl fmt::Display for DatabaseObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<database>")
    }
}

#[starlark_value(type = "Database")]
impl<'v> StarlarkValue<'v> for DatabaseObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let definition = definitions::database_method(attribute)?;
        Some(heap.alloc(CallableObject { receiver: Receiver::Database(self.0.clone()), definition }))
    }

    fn dir_attr(&self) -> Vec<String> {
        definitions::names(definitions::database_methods())
    }
}

/// A module, as imports bind it.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct ModuleObject(pub(crate) String);
starlark_simple_value!(ModuleObject);

impl fmt::Display for ModuleObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<module {}>", self.0)
    }
}

#[starlark_value(type = "module")]
impl<'v> StarlarkValue<'v> for ModuleObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        definitions::member(&self.0, attribute).map(|member| alloc_member(member, heap))
    }

    fn dir_attr(&self) -> Vec<String> {
        definitions::member_names(&self.0)
    }
}

/// A member of a module as a value.
pub(crate) fn alloc_member<'v>(member: Member, heap: Heap<'v>) -> Value<'v> {
    match member {
        Member::Function(definition) => heap.alloc(CallableObject { receiver: Receiver::None, definition }),
        Member::Constant(value) => value.alloc(heap),
        Member::Module(name) => heap.alloc(ModuleObject(name)),
    }
}

/// A function, or a method with what it is called on.
#[derive(ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct CallableObject {
    #[allocative(skip)]
    pub(crate) receiver: Receiver,
    #[allocative(skip)]
    pub(crate) definition: &'static Definition,
}
starlark_simple_value!(CallableObject);

impl fmt::Debug for CallableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CallableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.definition.signature())
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for CallableObject {
    fn invoke(
        &self,
        _me: Value<'v>,
        arguments: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let positional = arguments.positions(eval.heap())?.map(ScriptValue::of).collect();
        let named =
            arguments.names_map()?.into_iter().map(|(name, value)| (name.as_str().to_owned(), ScriptValue::of(value)));
        let named = named.collect();
        let scope = EvaluatorScope::new(eval);
        let context = Context { scope: &scope };
        let result = self.definition.call(&self.receiver, positional, named, &context);
        result.map(|value| value.alloc(eval.heap())).map_err(starlark::Error::new_native)
    }
}
