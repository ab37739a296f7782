//! Scripts that a command is given: their text, and which of their values is meant.

use crate::failure::Failure;
use pilaster::base::{Error, names};
use pilaster::io::external;
use pilaster_script::{Outcome, ScriptValue};
use std::path::Path;

/// Bytes of a script file.
const SCRIPT_BYTES_MAX: usize = 4 << 20;

/// A script's name in messages, and its text; - is standard input.
pub(super) fn read(path: &Path) -> Result<(String, String), Failure> {
    let name = if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() };
    let bytes = external::read_all(path, SCRIPT_BYTES_MAX)?;
    match String::from_utf8(bytes) {
        // A mark that some editors put before the first line.
        Ok(text) => Ok((name, text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))),
        Err(_) => Err(Error::invalid("the script is not UTF-8").at_path(path).into()),
    }
}

/// The last value of a script, or the variable asked for.
pub(super) fn chosen(outcome: Outcome, result: Option<&str>) -> Result<ScriptValue, Failure> {
    let Some(name) = result else { return Ok(outcome.value) };
    if let Some(value) = outcome.variable(name) {
        return Ok(value.clone());
    }
    let error = Error::not_found(format!("the script has no variable {name}"));
    let hint = names::nearest_hint(name, outcome.scope.iter().map(|(name, _)| name.as_str()));
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
    .into())
}
