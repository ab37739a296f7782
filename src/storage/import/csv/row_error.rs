//! What is wrong with a field or record of a file, and where it is.

use super::CsvOptions;
use super::blocks::Block;
use super::records::{BadRecord, RecordFault};
use crate::base::Error;
use crate::base::limits::CSV_FIELD_BYTES_MAX;
use std::fmt;
use std::path::Path;

/// A field or record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The line of the file where the record begins, from 1; the number of the row where [`RowError::in_rows`].
    pub line: u64,
    /// True of formats that have rows and no lines, whose rows have no offset either.
    pub in_rows: bool,
    /// The column, where one field is at fault.
    pub column: Option<String>,
    /// The byte of the (decompressed) file where the field or record begins, from 0.
    pub offset: u64,
    /// The text of the field, at most 200 characters of it; empty where the record is at fault.
    pub text: String,
    /// What is wrong.
    pub reason: String,
    /// A way out, if there is one.
    pub hint: Option<String>,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.in_rows { "row" } else { "line" }, self.line)?;
        match &self.column {
            Some(column) => write!(f, ", column {column}: {}", self.reason),
            None => write!(f, " {}", self.reason),
        }
    }
}

impl RowError {
    /// As an error of the library.
    pub fn into_error(self, file: &str) -> Error {
        let mut error = Error::parse(self.to_string()).at_path(Path::new(file));
        if !self.in_rows {
            error = error.at_offset(self.offset);
        }
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The error of a record that is bad as a whole, or in one of its fields.
pub(super) fn row_fault(line: u64, block: &Block, bad: BadRecord, names: &[String], options: &CsvOptions) -> RowError {
    let column = |number: usize| names.get(number).cloned().unwrap_or_else(|| format!("{}", number + 1));
    let (column, reason, hint) = match bad.fault {
        RecordFault::FieldCount(count) => {
            let s = if count == 1 { "" } else { "s" };
            let other = if options.header { "the header has" } else { "expected are" };
            let hint = match count < names.len() {
                true => {
                    "--pad-short-rows fills such rows with nulls, --max-errors leaves some out, --skip-footer-lines those at the end"
                }
                false => "--max-errors leaves some such rows out, --skip-footer-lines those at the end",
            };
            (None, format!("has {count} field{s}, {other} {}", names.len()), Some(hint))
        }
        RecordFault::TextAfterQuote(at) => {
            let hint = "a quote inside of a quoted field is written twice";
            (Some(column(at)), "text follows the closing quote".to_string(), Some(hint))
        }
        RecordFault::UnclosedQuote(at) => {
            (Some(column(at)), "a quote is opened that is never closed".to_string(), None)
        }
        RecordFault::FieldTooLong(at) => {
            let hint = "a quote may lack its end";
            (Some(column(at)), format!("the field has more than {CSV_FIELD_BYTES_MAX} bytes"), Some(hint))
        }
        RecordFault::NotJson(why) => {
            let hint = "JSON Lines have one object a line; --max-errors leaves some out";
            (None, format!("is no JSON object: {why}"), Some(hint))
        }
    };
    let offset = block.offset + bad.start as u64;
    RowError { line, in_rows: false, column, offset, text: String::new(), reason, hint: hint.map(str::to_string) }
}
