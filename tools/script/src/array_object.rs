//! Arrays that functions of a script get from formulas: Deephaven's `size()` and `get(i)` beside Python's `len`, index and loop.
#![expect(unsafe_code, reason = "deriving starlark's marker of static types implements an unsafe trait")]

use crate::definition::Receiver;
use crate::definitions;
use crate::objects::CallableObject;
use crate::value::ScriptValue;
use allocative::Allocative;
use starlark::starlark_simple_value;
use starlark::values::{
    Heap, NoSerialize, ProvidesStaticType, StarlarkPagablePanic, StarlarkValue, Value, ValueError, starlark_value,
};
use std::fmt;
use std::sync::Arc;

/// An array of a cell; it cannot be changed.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub(crate) struct ArrayObject(#[allocative(skip)] pub(crate) Arc<[ScriptValue]>);
starlark_simple_value!(ArrayObject);

impl fmt::Display for ArrayObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ScriptValue::List(self.0.to_vec()).fmt(f)
    }
}

#[starlark_value(type = "array")]
impl<'v> StarlarkValue<'v> for ArrayObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let definition = definitions::array_method(attribute)?;
        Some(heap.alloc(CallableObject { receiver: Receiver::Array(self.0.clone()), definition }))
    }

    fn dir_attr(&self) -> Vec<String> {
        definitions::names(definitions::array_methods())
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.0.len()).unwrap_or(i32::MAX))
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let ScriptValue::Int(index) = ScriptValue::of(index) else {
            return ValueError::unsupported_with(self, "[]", index);
        };
        let from_end = if index < 0 { index + self.0.len() as i64 } else { index };
        match usize::try_from(from_end).ok().and_then(|at| self.0.get(at)) {
            Some(value) => Ok(value.clone().alloc(heap)),
            None => Err(ValueError::IndexOutOfBound(i32::try_from(index).unwrap_or(i32::MAX)).into()),
        }
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(self.0.iter().map(|value| value.clone().alloc(heap)).collect())
    }
}
