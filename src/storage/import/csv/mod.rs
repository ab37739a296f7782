//! Delimited text to chunks: RFC 4180 and the dialects around it, streaming, in parallel, in bounded memory.
//!
//! The way of the bytes: [`blocks`] cuts the stream at ends of records, [`records`] finds the fields of a block, [`columns`] reads them into typed
//! chunks, [`reader`] runs these on all cores and hands the results over in the order of the file; [`infer`] takes the same fields and
//! finds out what types they are. [`dialect`] is the grammar that they share.
//!
//! Invariant: the result does not depend on where the stream was cut into blocks, nor on the number of threads.

pub mod blocks;
pub(super) mod candidates;
pub mod columns;
pub(super) mod day_month;
pub mod dialect;
pub(super) mod distinct;
pub mod encoding;
pub mod infer;
pub mod nulls;
mod parser;
pub mod reader;
#[cfg(test)]
mod reader_test;
pub mod records;
mod row_error;
mod sniff;
pub(in crate::storage::import) mod words;

pub use columns::FieldTarget;
pub use dialect::Dialect;
pub use encoding::Encoding;
pub use infer::{ColumnFinding, CsvInference, RuledOut, delimiter_hint, infer_csv};
pub use nulls::{NullTexts, usually_means_null};
pub(in crate::storage::import) use parser::Places;
pub use reader::{CsvReader, ERRORS_LISTED_MAX, ReadLimits, ReadProgress, ReadSummary, Reject};
pub use row_error::RowError;
pub use sniff::Detect;

use crate::base::date_time::Zone;
use crate::base::{Error, Result};
use crate::io::external::Source;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A stream of delimited text with the name that messages give it. Unpacked already.
pub struct CsvInput {
    /// What messages call it: a path, or `standard input`.
    pub name: String,
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// Bytes of the file as it lies on disk, packed or not; none where that is unknown.
    pub size_bytes: Option<u64>,
    /// Bytes of the file consumed so far, in the same measure.
    pub consumed_bytes: Arc<AtomicU64>,
    /// Bytes of the text before the first one of the reader: above zero where it begins in the middle.
    pub start_offset: u64,
    /// Lines before it.
    pub start_lines: u64,
}

impl From<Source> for CsvInput {
    fn from(source: Source) -> Self {
        CsvInput {
            name: source.path().display().to_string(),
            size_bytes: source.size_bytes,
            consumed_bytes: source.consumed_bytes.clone(),
            start_offset: 0,
            start_lines: 0,
            reader: source.reader,
        }
    }
}

impl CsvInput {
    /// A stream with its name.
    pub fn new(name: impl Into<String>, reader: Box<dyn Read + Send>) -> Self {
        CsvInput {
            name: name.into(),
            reader,
            size_bytes: None,
            consumed_bytes: Arc::default(),
            start_offset: 0,
            start_lines: 0,
        }
    }
}

impl fmt::Debug for CsvInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CsvInput({})", self.name)
    }
}

/// How a stream of delimited text is to be read.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Delimiter, quote, escape, comments, trimming, numbers.
    pub dialect: Dialect,
    /// What of the dialect the begin of the text may show otherwise.
    pub detect: Detect,
    /// True where the first record names the columns.
    pub header: bool,
    /// Names of the columns, in place of the header's where there is one.
    pub column_names: Option<Vec<String>>,
    /// Lines before the header that are not looked at.
    pub skip_lines: u64,
    /// Lines at the end that are not looked at.
    pub skip_footer_lines: usize,
    /// The unquoted texts that mean null. An empty field is null in every column that is not a String, whatever is given here.
    pub nulls: NullTexts,
    /// True where a record with too few fields has nulls for the rest; else it is an error.
    pub pad_short_rows: bool,
    /// The wall clock of date-times that name no zone; an error if there is none.
    pub zone: Option<Zone>,
    /// How characters are bytes; offsets in messages are those of the text as UTF-8. UTF-16 with a byte order mark is recognised whatever this says.
    pub encoding: Encoding,
    /// About how many bytes are read and parsed in one go.
    pub block_bytes: usize,
    /// True to parse records as soon as they are there, however few they are.
    pub as_it_comes: bool,
}

impl Default for CsvOptions {
    /// Commas, double quotes, a header; null is an empty unquoted field or `(null)`; UTC.
    fn default() -> Self {
        CsvOptions {
            dialect: Dialect::default(),
            detect: Detect::default(),
            header: true,
            column_names: None,
            skip_lines: 0,
            skip_footer_lines: 0,
            nulls: NullTexts::default(),
            pad_short_rows: false,
            zone: Some(Zone::utc()),
            encoding: Encoding::Utf8,
            block_bytes: 1 << 20,
            as_it_comes: false,
        }
    }
}

impl CsvOptions {
    /// Checks that the characters of the dialect can be told apart.
    pub fn check(&self) -> Result<()> {
        self.dialect.check()?;
        if self.column_names.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("the list of column names is empty"));
        }
        Ok(())
    }
}
