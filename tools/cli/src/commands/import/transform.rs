//! Import formulas: the engine's expressions as storage's transforms.

use pilaster::base::{ColumnType, Error, Result};
use pilaster::engine::formula::{QueryScope, compile_select};
use pilaster::session::computation;
use pilaster::storage::import::{Computation, Transform};
use std::sync::Arc;

/// The name of the formula that says a row's partition.
pub(crate) const PARTITION: &str = "partition";

/// A formula that makes a column; names and types are checked when the file's fields are known.
pub(crate) fn compiled(column: &str, formula: &str, scope: &QueryScope) -> Transform {
    let (text, scope) = (formula.to_string(), scope.clone());
    let compile = move |known: &[(String, ColumnType)], wanted: ColumnType| -> Result<Computation> {
        let columns = known.to_vec();
        // The result's own name must not be one of the inputs'.
        let cast = match wanted {
            ColumnType::Byte
            | ColumnType::Short
            | ColumnType::Int
            | ColumnType::Long
            | ColumnType::Float
            | ColumnType::Double => {
                format!("Made_=({wanted})({text})")
            }
            _ => format!("Made_={text}"),
        };
        let plain =
            compile_select(&format!("Made_={text}"), &columns, &scope).map_err(|error| in_formula(&error, &text))?;
        // Numbers fit where nothing is lost; others are converted by who writes the formula.
        let formula = match (plain.column_type(), wanted) {
            (given, wanted) if given == wanted => plain,
            (given, wanted) if widens(given, wanted) => compile_select(&cast, &columns, &scope)?,
            (given, wanted) => {
                let hint = format!("a cast such as ({wanted})(…) says what is meant");
                return Err(Error::type_mismatch(format!("it gives {given}, the column is {wanted}")).hint(hint));
            }
        };
        computation(formula)
    };
    Transform { column: column.to_string(), compile: Arc::new(compile) }
}

/// The error with its place in the formula as it was given, which no file has.
fn in_formula(error: &Error, text: &str) -> Error {
    let place = error.position().map_or(String::new(), |(_, column)| {
        format!(" at character {}", column.saturating_sub("Made_=".len() as u64).max(1))
    });
    let placed = Error::new(error.kind(), format!("{}{place} of `{text}`", error.message()));
    match error.hint_text() {
        Some(hint) => placed.hint(hint),
        None => placed,
    }
}

/// True where every number of the one type is one of the other, or nearly so.
fn widens(given: ColumnType, wanted: ColumnType) -> bool {
    let rank = |column_type: ColumnType| match column_type {
        ColumnType::Byte => Some(1),
        ColumnType::Short => Some(2),
        ColumnType::Int => Some(3),
        ColumnType::Long => Some(4),
        ColumnType::Float => Some(5),
        ColumnType::Double => Some(6),
        _ => None,
    };
    matches!((rank(given), rank(wanted)), (Some(given), Some(wanted)) if given < wanted)
}
