//! The function library: names and argument types to kernels.

use super::check::{Checker, Typed};
use super::kernels::compare;
use super::source::Span;
use crate::base::names::nearest_hint;
use crate::base::{ColumnType, ErrorKind, Result};

/// Functions called without a receiver, for messages.
const FUNCTIONS: &[&str] = &["isNull"];

/// `name(…)` or `Class.name(…)`.
pub(super) fn call(
    checker: &mut Checker<'_>,
    class: Option<&str>,
    name: &str,
    arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed> {
    match (class, name, arguments.as_slice()) {
        (None, "isNull", [one]) => {
            let column_type = checker.column_type(*one)?;
            Ok(checker.kernel(compare::is_null(column_type), arguments, ColumnType::Boolean, false, span))
        }
        _ => {
            let error = checker.error(ErrorKind::NotFound, span, format!("unknown function {name}"));
            match nearest_hint(name, FUNCTIONS.iter().copied()) {
                Some(hint) => Err(error.hint(hint)),
                None => Err(error),
            }
        }
    }
}

/// `receiver.name(…)`.
pub(super) fn method(
    checker: &mut Checker<'_>,
    _receiver: Typed,
    name: &str,
    _arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed> {
    Err(checker.error(ErrorKind::NotFound, span, format!("unknown method {name}")))
}

/// `new Class(…)`.
pub(super) fn construct(checker: &mut Checker<'_>, class: &str, _arguments: Vec<Typed>, span: Span) -> Result<Typed> {
    Err(checker.error(ErrorKind::NotFound, span, format!("unknown class {class}")))
}
