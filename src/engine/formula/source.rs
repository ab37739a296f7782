//! The text being compiled, and errors that point into it.

use crate::base::limits::FORMULA_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};

/// A run of bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From the first byte to the one after the last; both far below 2^32 since the text's size is limited.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Span { start: start as u32, end: end.max(start) as u32 }
    }

    /// From the start of this to the end of another.
    pub(super) fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A formula or filter as the user wrote it.
pub(super) struct Source<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Source<'a> {
    /// Refuses texts beyond [`FORMULA_BYTES_MAX`].
    pub(super) fn new(text: &'a str) -> Result<Self> {
        if text.len() > FORMULA_BYTES_MAX {
            return Err(Error::limit(format!(
                "a formula has at most {FORMULA_BYTES_MAX} bytes, this one has {}",
                text.len()
            ))
            .hint("use a script variable for a long list, or whereIn with a table"));
        }
        Ok(Source { text, start: 0 })
    }

    /// The same text, of which the first bytes, up to a name's `=`, are not part of the expression.
    pub(super) fn starting_at(self, start: usize) -> Self {
        Source { start, ..self }
    }

    /// Where the expression starts.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Text that cannot be parsed.
    pub(super) fn parse_error(&self, span: Span, message: impl Into<String>) -> Error {
        self.error(ErrorKind::Parse, span, message)
    }

    /// An error of a kind at the line and column of a span, from 1.
    pub(super) fn error(&self, kind: ErrorKind, span: Span, message: impl Into<String>) -> Error {
        let start = (span.start as usize).min(self.text.len());
        let before = &self.text[..start];
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
        Error::new(kind, message).at_position(line, column)
    }
}
