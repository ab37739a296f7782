//! Errors of scripts: what went wrong, where in the user's own text, and the line with a caret under it.

use crate::definition::Failure;
use crate::source::{Translated, argument_range, line_and_column, line_text};
use pilaster::base::{Error, ErrorKind};
use std::fmt;
use std::ops::Range;

/// Characters of a long line that are shown before the place of an error, and from it on.
const SHOWN_BEFORE: usize = 100;
const SHOWN_AFTER: usize = 100;

/// Why a script did not run to its end.
#[derive(Debug)]
pub struct ScriptError {
    error: Error,
    file_name: String,
    place: Option<Place>,
    /// The calls that led there, innermost first: the function's name and the line of the call.
    calls: Vec<(String, u64)>,
}

/// A place in the user's text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: u64,
    column: u64,
    /// Characters to underline, at least one.
    width: usize,
    text: String,
}

impl ScriptError {
    /// An error that has its line and column, from translating.
    pub(crate) fn of_translation(error: Error, file_name: &str, source: &str) -> Self {
        let place = error.position().map(|(line, column)| {
            let text = line_text(source, line).to_owned();
            Place { line, column, width: 1, text }
        });
        ScriptError { error: error.without_position(), file_name: file_name.to_owned(), place, calls: Vec::new() }
    }

    /// An error without a place in the script.
    pub(crate) fn of_error(error: Error, file_name: &str) -> Self {
        ScriptError { error, file_name: file_name.to_owned(), place: None, calls: Vec::new() }
    }

    /// An error of Starlark's.
    pub(crate) fn of_starlark(error: starlark::Error, file_name: &str, source: &str, translated: &Translated) -> Self {
        let span = error.span().filter(|span| span.file.filename() == file_name);
        let span = span.map(|span| span.span.begin().get() as usize..span.span.end().get() as usize);
        let calls = error.call_stack().frames.iter().rev().filter_map(|frame| {
            let at = frame.location.as_ref().filter(|at| at.file.filename() == file_name)?;
            let (line, _) = line_and_column(source, translated.source_offset(at.span.begin().get() as usize));
            Some((frame.name.clone(), line))
        });
        let mut calls: Vec<(String, u64)> = calls.filter(|(name, _)| !name.starts_with(['<', '_'])).collect();
        calls.dedup();
        let message = lower_case(&error.without_diagnostic().to_string());
        let (inner, argument) = match error.into_kind() {
            starlark::ErrorKind::Native(native) => match native.downcast::<Failure>() {
                Ok(failure) => (failure.error, failure.argument),
                Err(native) => (native.downcast::<Error>().unwrap_or_else(|_| script_error(&message)), None),
            },
            starlark::ErrorKind::Parser(_) => (Error::parse(message), None),
            starlark::ErrorKind::StackOverflow(_) => (Error::limit("functions call each other too deeply"), None),
            _ if message.starts_with("heap memory limit") => {
                let error = Error::limit("the script's values take too much memory");
                (error.hint("many values belong into a table"), None)
            }
            _ => (script_error(&message), None),
        };
        let place = span.map(|span| {
            let in_formula = argument.and_then(|_| inner.position());
            place(source, translated, span, argument, in_formula)
        });
        let inner = if argument.is_some() { inner.without_position() } else { inner };
        ScriptError { error: inner, file_name: file_name.to_owned(), place, calls }
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Line and column of the user's text, both from 1.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

fn script_error(message: &str) -> Error {
    Error::new(ErrorKind::Evaluation, message)
}

/// Our messages begin in lower case.
pub(crate) fn lower_case(message: &str) -> String {
    let mut chars = message.trim().chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.trim().to_owned(),
    }
}

/// The place of a span of the translated text, or of one argument of the call that it is, or of a position in that argument's formula.
fn place(
    source: &str,
    translated: &Translated,
    mut span: Range<usize>,
    argument: Option<usize>,
    in_formula: Option<(u64, u64)>,
) -> Place {
    let mut inside = 0;
    let call = translated.text().get(span.clone()).unwrap_or("");
    if let Some(range) = argument.and_then(|argument| argument_range(call, argument)) {
        inside = formula_offset(&call[range.clone()], in_formula);
        span = span.start + range.start..span.start + range.end;
    }
    let start = translated.source_offset(span.start + inside);
    let end = translated.source_offset(span.end);
    let (line, column) = line_and_column(source, start);
    let (end_line, end_column) = line_and_column(source, end.max(start));
    let text = line_text(source, line).to_owned();
    let to_line_end = text.chars().count().saturating_sub(column as usize - 1).max(1);
    let width = match (in_formula, end_line == line) {
        (Some(_), _) if inside > 0 => 1,
        (_, true) => (end_column.saturating_sub(column) as usize).clamp(1, to_line_end),
        (_, false) => to_line_end,
    };
    Place { line, column, width, text }
}

/// Bytes from the beginning of a string literal to a line and column of its text; 0 where it is no plain literal of one line.
fn formula_offset(literal: &str, position: Option<(u64, u64)>) -> usize {
    let Some((1, column)) = position else { return 0 };
    let Some(prefix) = literal.find(['"', '\'']).filter(|at| literal[..*at].chars().all(|c| c.is_ascii_alphabetic()))
    else {
        return 0;
    };
    let quote = if literal[prefix..].starts_with("\"\"\"") || literal[prefix..].starts_with("'''") { 3 } else { 1 };
    let body = &literal[prefix + quote..];
    if body.contains(['\\', '\n']) {
        return 0;
    }
    let skipped = body.char_indices().nth(column as usize - 1).map(|(at, _)| at);
    skipped.filter(|at| at + quote <= body.len()).map_or(0, |at| prefix + quote + at)
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else { return write!(f, "{}: {}", self.file_name, self.error) };
        write!(f, "{}:{}:{}: {}", self.file_name, place.line, place.column, self.error)?;
        let number = place.line.to_string();
        let before = place.column as usize - 1;
        // Of a long line what is around the place.
        let skipped = before.saturating_sub(SHOWN_BEFORE);
        let shown: String = place.text.chars().skip(skipped).take(SHOWN_BEFORE + SHOWN_AFTER).collect();
        let (left, right) = (
            if skipped > 0 { "…" } else { "" },
            if place.text.chars().nth(skipped + SHOWN_BEFORE + SHOWN_AFTER).is_some() { "…" } else { "" },
        );
        // Tabs stay tabs, so that the caret stands below its character.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let lead: String = left.chars().chain(shown.chars().take(before - skipped)).map(blank).collect();
        let width = place.width.min(SHOWN_AFTER);
        write!(f, "\n{number} | {left}{shown}{right}")?;
        write!(f, "\n{} | {lead}{}", " ".repeat(number.len()), "^".repeat(width))?;
        for (name, line) in self.calls.iter().take(10) {
            write!(f, "\n  in {name}, called in line {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
