//! Operators that can make more memory of a little: `+` and `*` of text and lists. They run through functions that look at the sizes first.

use crate::source::{ADD_FUNCTION, MULTIPLY_FUNCTION};
use pilaster::base::Error;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;
use std::collections::HashMap;

/// Bytes of a text, or items of a list, that an operator may make.
const SIZE_MAX: u64 = 1 << 23;

/// Which operators are which functions.
pub(crate) fn operators() -> HashMap<String, String> {
    [("+", ADD_FUNCTION), ("*", MULTIPLY_FUNCTION)]
        .map(|(operator, name)| (operator.to_owned(), name.to_owned()))
        .into()
}

#[starlark_module]
pub(crate) fn functions(builder: &mut GlobalsBuilder) {
    /// `a + b`.
    fn __add__<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some(size) = size(a) {
            check(size.saturating_add(self::size(b).unwrap_or(0)))?;
        }
        a.add(b, eval.heap())
    }

    /// `a * b`.
    fn __multiply__<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        for (sequence, times) in [(a, b), (b, a)] {
            if let (Some(size), Some(times)) = (size(sequence), times.unpack_i32()) {
                check(size.saturating_mul(u64::try_from(times).unwrap_or(0)))?;
            }
        }
        a.mul(b, eval.heap())
    }

    /// The value of `a` after `a += b`: a list is extended in place.
    fn __add_to__<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some(size) = size(a) {
            check(size.saturating_add(self::size(b).unwrap_or(0)))?;
        }
        if ListRef::from_value(a).is_some() {
            let extend = a.get_attr_error("extend", eval.heap())?;
            eval.eval_function(extend, &[b], &[])?;
            return Ok(a);
        }
        a.add(b, eval.heap())
    }
}

/// Bytes of a text or items of a list; none for what does not grow.
fn size(value: Value<'_>) -> Option<u64> {
    if let Some(text) = value.unpack_str() {
        return Some(text.len() as u64);
    }
    let list = ListRef::from_value(value).map(|list| list.content().len());
    list.or_else(|| TupleRef::from_value(value).map(|tuple| tuple.len())).map(|items| items as u64)
}

fn check(size: u64) -> starlark::Result<()> {
    if size <= SIZE_MAX {
        return Ok(());
    }
    let error = Error::limit(format!("a text or list of {size} bytes or items; the most is {SIZE_MAX}"));
    Err(starlark::Error::new_native(error.hint("many values belong into a table")))
}
