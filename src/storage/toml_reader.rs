//! Walks a TOML text and collects every problem with its line and column, where deserialising would stop at the first.
//!
//! Used by schemas and by `pilaster.toml`. Invariant: each key of a table is either asked for by name or reported as unknown.

use crate::base::names;
use crate::base::{Error, ErrorKind};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Something wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong: lower case, no final stop.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// The first problem as an error of the file; a hint counts the others.
pub(crate) fn first_error(problems: Vec<Problem>, path: &Path, more: &str) -> Error {
    let others = problems.len().saturating_sub(1);
    let Some(first) = problems.into_iter().next() else {
        return Error::new(ErrorKind::Parse, "not valid").at_path(path);
    };
    let error = Error::parse(first.message).at_path(path).at_position(first.line, first.column);
    let error = match first.hint {
        Some(hint) => error.hint(hint),
        None => error,
    };
    match others {
        0 => error,
        1 => error.hint(format!("there is one more problem{more}")),
        _ => error.hint(format!("there are {others} more problems{more}")),
    }
}

/// Where problems go.
pub(crate) struct Problems<'t> {
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Problems { text, found: Vec::new() }
    }

    /// Notes a problem at a byte range of the text.
    pub(crate) fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add_with_hint(span, message, None);
    }

    /// Notes a problem with a way out.
    pub(crate) fn add_with_hint(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let (line, column) = position(self.text, span.start);
        self.found.push(Problem { line, column, message: message.into(), hint });
    }

    /// Notes an error of a check as a problem.
    pub(crate) fn add_error(&mut self, span: Range<usize>, error: &Error) {
        self.add_with_hint(span, error.message(), error.hint_text().map(str::to_string));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, in the order of the text.
    pub(crate) fn into_found(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }
}

/// Parses a text; syntax errors go to `problems`.
pub(crate) fn parse<'t>(text: &'t str, problems: &mut Problems<'t>) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let message = error.message().trim().replace('\n', ", ");
        problems.add(error.span().unwrap_or(0..0), message);
    }
    table
}

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// One table of the text, whose keys are known beforehand.
pub(crate) struct TableReader<'a, 't> {
    table: &'a DeTable<'t>,
    /// Where the table is, for what it lacks.
    pub(crate) span: Range<usize>,
    word: String,
}

impl<'a, 't> TableReader<'a, 't> {
    /// Reads a table, in messages called `word`; keys that are not `known` are problems.
    pub(crate) fn new(
        table: &'a DeTable<'t>,
        span: Range<usize>,
        word: impl Into<String>,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Self {
        let word = word.into();
        for (key, _) in table.iter() {
            let name = key.get_ref();
            if !known.contains(&name.as_ref()) {
                let hint = names::nearest_hint(name, known.iter().copied());
                problems.add_with_hint(key.span(), format!("{word} has no key {}", shown(name)), hint);
            }
        }
        TableReader { table, span, word }
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where the value of a key is; none where the key is missing.
    pub(crate) fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.get(key).map(Spanned::span)
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        problems: &mut Problems<'_>,
        convert: impl FnOnce(&'a DeValue<'t>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let found = self.get(key)?;
        match convert(found.get_ref()) {
            Some(value) => Some(Placed { value, span: found.span() }),
            None => {
                let is = found.get_ref().type_str();
                problems.add(found.span(), format!("{key} must be {expected}, not {} {is}", article(is)));
                None
            }
        }
    }

    /// Notes that a key is missing.
    pub(crate) fn missing(&self, key: &str, problems: &mut Problems<'_>) {
        problems.add(self.span.clone(), format!("{} has no {key}", self.word));
    }

    /// Text.
    pub(crate) fn string(&self, key: &str, problems: &mut Problems<'_>) -> Option<Placed<String>> {
        self.typed(key, "a string", problems, |value| value.as_str().map(str::to_string))
    }

    /// Text that must be there.
    pub(crate) fn required_string(&self, key: &str, problems: &mut Problems<'_>) -> Option<Placed<String>> {
        if self.get(key).is_none() {
            self.missing(key, problems);
        }
        self.string(key, problems)
    }

    /// True or false.
    pub(crate) fn boolean(&self, key: &str, problems: &mut Problems<'_>) -> Option<bool> {
        self.typed(key, "true or false", problems, DeValue::as_bool).map(|placed| placed.value)
    }

    /// A whole number, not negative.
    pub(crate) fn unsigned(&self, key: &str, problems: &mut Problems<'_>) -> Option<Placed<u64>> {
        let found = self.get(key)?;
        let number = found
            .get_ref()
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok());
        if number.is_none() {
            problems.add(found.span(), format!("{key} must be a count, 0 or more"));
        }
        Some(Placed { value: number?, span: found.span() })
    }

    /// A string, number, boolean or date-time as text, for a value whose type a column decides.
    pub(crate) fn scalar(&self, key: &str, problems: &mut Problems<'_>) -> Option<Placed<String>> {
        self.typed(key, "one value", problems, scalar_text)
    }

    /// An array of strings.
    pub(crate) fn strings(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<Placed<String>>> {
        self.list(key, "an array of strings", problems, |value| value.as_str().map(str::to_string))
    }

    /// An array of values whose type a column decides.
    pub(crate) fn scalars(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<Placed<String>>> {
        self.list(key, "an array of values", problems, scalar_text)
    }

    fn list(
        &self,
        key: &str,
        expected: &str,
        problems: &mut Problems<'_>,
        convert: impl Fn(&DeValue<'_>) -> Option<String>,
    ) -> Option<Vec<Placed<String>>> {
        let array = self.typed(key, expected, problems, DeValue::as_array)?;
        let mut list = Vec::new();
        for item in array.value.iter() {
            match convert(item.get_ref()) {
                Some(value) => list.push(Placed { value, span: item.span() }),
                None => problems.add(item.span(), format!("{key} must be {expected}")),
            }
        }
        Some(list)
    }

    /// A table below this one.
    pub(crate) fn table(&self, key: &str, problems: &mut Problems<'_>) -> Option<Placed<&'a DeTable<'t>>> {
        self.typed(key, "a table", problems, DeValue::as_table)
    }

    /// An array of tables, empty if the key is missing.
    pub(crate) fn tables(&self, key: &str, problems: &mut Problems<'_>) -> Vec<Placed<&'a DeTable<'t>>> {
        let expected = format!("an array of tables: [[{key}]]");
        let Some(array) = self.typed(key, &expected, problems, DeValue::as_array) else { return Vec::new() };
        let mut tables = Vec::new();
        for item in array.value.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Placed { value: table, span: item.span() }),
                None => problems.add(item.span(), format!("{key} must be {expected}")),
            }
        }
        tables
    }
}

fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Float(float) => float.as_str().to_string(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()?.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    })
}

/// Text from outside, cut to what a message can bear.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn position(text: &str, offset: usize) -> (u64, u64) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    (line as u64 + 1, before[line_start..].chars().count() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_found_where_it_is() {
        let text = "name = 3\nnumbr = 1\n[[rows]]\nlist = [1, \"é\", 'x', []]\n";
        let mut problems = Problems::new(text);
        let root = parse(text, &mut problems);
        let reader =
            TableReader::new(root.get_ref(), root.span(), "the file", &["name", "number", "rows"], &mut problems);
        assert!(reader.required_string("name", &mut problems).is_none());
        let rows = reader.tables("rows", &mut problems);
        let row = TableReader::new(rows[0].value, rows[0].span.clone(), "a row", &["list"], &mut problems);
        assert_eq!(row.scalars("list", &mut problems).unwrap().len(), 3);
        row.required_string("name", &mut problems);
        let found: Vec<String> = problems.into_found().iter().map(Problem::to_string).collect();
        assert_eq!(
            found,
            [
                "line 1, column 8: name must be a string, not an integer",
                "line 2, column 1: the file has no key \"numbr\"; the nearest is number",
                "line 3, column 1: a row has no name",
                "line 4, column 22: list must be an array of values",
            ]
        );
    }

    #[test]
    fn syntax_errors_have_positions() {
        let text = "a = 1\nb = \nc = [1,\n";
        let mut problems = Problems::new(text);
        parse(text, &mut problems);
        let found = problems.into_found();
        assert_eq!((found[0].line, found.len() >= 2), (2, true), "{found:?}");
    }
}
