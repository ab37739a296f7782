//! A schema's `key_formula`, the text that says to which storage a row goes: where it stands, and where in it something is wrong.

use super::TableSchema;
use crate::base::Error;
use crate::base::limits::KEY_FORMULA_BYTES_MAX;
use crate::storage::toml_reader::{Placed, Problems, TableReader};
use std::ops::Range;

/// Says what is wrong with the key formula of a schema that is well-formed otherwise; a position is one within the formula.
pub type KeyCheck<'a> = &'a dyn Fn(&TableSchema) -> Result<(), Error>;

/// Reads the key; its expression is looked at by a [`KeyCheck`].
pub(super) fn read(reader: &TableReader<'_, '_>, problems: &mut Problems<'_>) -> Option<Placed<String>> {
    let formula = reader.string("key_formula", problems)?;
    if formula.value.trim().is_empty() || formula.value.len() > KEY_FORMULA_BYTES_MAX {
        let message = format!("a key_formula has 1 to {KEY_FORMULA_BYTES_MAX} bytes");
        problems.add_with_hint(formula.span, message, Some("leave it out to spread groups evenly".into()));
        return None;
    }
    Some(formula)
}

/// Notes what is wrong with the formula, where it stands in the file's text.
pub(super) fn check(
    text: &str,
    span: Option<Range<usize>>,
    schema: &TableSchema,
    key_check: KeyCheck<'_>,
    problems: &mut Problems<'_>,
) {
    if let (Some(span), Err(error)) = (span, key_check(schema)) {
        problems.add_error(within(text, span, schema, &error), &error);
    }
}

/// The place in the file of an error within the key formula, as far as that can be told: where the string stands as it is.
fn within(text: &str, span: Range<usize>, schema: &TableSchema, error: &Error) -> Range<usize> {
    let formula = schema.key_formula.as_deref().unwrap_or_default();
    let (Some((1, column)), Some(raw)) = (error.position(), text.get(span.clone())) else { return span };
    let before = formula.chars().take((column as usize).saturating_sub(1)).map(char::len_utf8).sum::<usize>();
    match raw.get(1..raw.len().saturating_sub(1)) {
        Some(inner) if inner == formula => span.start + 1 + before..span.end,
        _ => span,
    }
}
