//! The function library: names and argument types to typed expressions.
//!
//! A group looks at a name and either makes the call, errs, or leaves it to the next group.

mod arrays;
mod collections;
mod numbers;
mod random;
mod texts;
mod times;

use super::check::{Checker, Typed};
use super::kernels::{math, time};
use super::lift::is_array;
use super::source::Span;
use crate::base::names::nearest_hint;
use crate::base::{ErrorKind, Result};

/// A call as written.
pub(super) struct Call<'a> {
    /// `Math` of `java.lang.Math.abs(x)`; empty without a class.
    class: &'a str,
    name: &'a str,
    arguments: Vec<Typed>,
    span: Span,
}

/// `name(…)` or `Class.name(…)`.
pub(super) fn call(
    checker: &mut Checker<'_>,
    class: Option<&str>,
    name: &str,
    arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed> {
    let class = class.map_or("", |path| path.rsplit('.').next().unwrap_or(path));
    let call = Call { class, name, arguments, span };
    if let Some(typed) = collections::call(checker, &call)? {
        return Ok(typed);
    }
    if let Some(typed) = arrays::call(checker, &call)? {
        return Ok(typed);
    }
    if call.arguments.iter().any(|argument| is_array(*argument)) && call.is_of_elements() {
        let Call { class, name, arguments, span } = call;
        return checker
            .lift(arguments, span, |inner, elements| self::call(inner, Some(class), name, elements.to_vec(), span));
    }
    for group in [numbers::call, random::call, texts::call, times::call] {
        if let Some(typed) = group(checker, &call)? {
            return Ok(typed);
        }
    }
    let error = checker.error(ErrorKind::NotFound, span, format!("unknown function {name}"));
    match nearest_hint(name, known()) {
        Some(hint) => Err(error.hint(hint)),
        None => Err(error),
    }
}

pub(super) use texts::{construct, method};

/// The names of functions, for messages.
fn known() -> Vec<&'static str> {
    let mut names = Vec::new();
    names.extend(math::OF_DOUBLE.iter().map(|(name, _)| *name));
    names.extend(math::OF_DOUBLES.iter().map(|(name, _)| *name));
    names.extend(time::FIELDS.iter().map(|(name, _)| *name));
    names.extend(time::LONG_FIELDS.iter().map(|(name, _)| *name));
    names.extend(time::COUNTS.iter().map(|(name, _)| *name));
    names.extend(time::CONVERSIONS.iter().map(|(name, _)| *name));
    names.extend(time::FROM_COUNTS.iter().map(|(name, _)| *name));
    names.extend(time::LONG_DIFFERENCES.iter().map(|(name, _)| *name));
    names.extend(time::DIFFERENCES.iter().map(|(name, _)| *name));
    names.extend(arrays::NAMES);
    names.extend(collections::NAMES);
    names.extend(numbers::NAMES);
    names.extend(random::NAMES);
    names.extend(texts::NAMES);
    names.extend(times::NAMES);
    names
}

impl Call<'_> {
    /// Whether the function, given an array, is applied to each of its elements.
    fn is_of_elements(&self) -> bool {
        matches!(self.class, "" | "Math" | "StrictMath" | "Numeric" | "Basic" | "DBTimeUtils" | "DateTimeUtils")
            && self.name != "isNull"
    }

    /// The arguments, if there are that many; else an error that says so.
    fn take<const N: usize>(&self, checker: &Checker<'_>) -> Result<[Typed; N]> {
        <[Typed; N]>::try_from(self.arguments.as_slice()).map_err(|_| self.wrong_count(checker, &N.to_string()))
    }

    fn wrong_count(&self, checker: &Checker<'_>, wanted: &str) -> crate::base::Error {
        let plural = if wanted == "1" { "" } else { "s" };
        let found = self.arguments.len();
        checker.error(ErrorKind::Type, self.span, format!("{} takes {wanted} argument{plural}, not {found}", self.name))
    }
}
