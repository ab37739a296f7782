//! What the readers of files have in common: a stream of records with named fields becomes runs of rows, one chunk a column.
//!
//! Delimited text and JSON Lines are read by this library, other formats by whoever implements [`RecordReader`]. The rest of an import knows
//! no format.

use super::csv::{Dialect, FieldTarget, Places, ReadLimits, ReadProgress, ReadSummary};
use crate::base::Result;
use crate::memory::Chunk;

/// An opened stream of records whose fields are known.
pub trait RecordReader {
    /// What messages call the stream.
    fn name(&self) -> &str;

    /// The names of the fields, in the order of the stream.
    fn names(&self) -> &[String];

    /// True where nobody named the fields, so that their order counts.
    fn is_unnamed(&self) -> bool {
        false
    }

    /// How the stream is written, where it is delimited text.
    fn dialect(&self) -> Option<Dialect> {
        None
    }

    /// Reads every record into chunks of the targets and hands them to `each` in the order of the stream.
    ///
    /// `progress` is called often, also while input is waited for; its error stops the reading. Memory: some blocks and their values.
    fn read(
        self: Box<Self>,
        targets: &[FieldTarget],
        limits: ReadLimits<'_>,
        each: &mut (dyn FnMut(Rows) -> Result<()> + Send),
        progress: &mut dyn FnMut(ReadProgress) -> Result<()>,
    ) -> Result<ReadSummary>;
}

/// Consecutive rows of a stream.
pub struct Rows {
    /// One chunk a target, all of the same length.
    pub chunks: Vec<Chunk>,
    /// How many rows there are.
    pub row_count: usize,
    places: Where,
}

enum Where {
    Text(Places),
    Numbered(u64),
}

impl Rows {
    /// Rows of a stream that has no lines; `before` of them came earlier.
    pub fn numbered(chunks: Vec<Chunk>, row_count: usize, before: u64) -> Self {
        Rows { chunks, row_count, places: Where::Numbered(before) }
    }

    /// Rows of text.
    pub(super) fn of_text(chunks: Vec<Chunk>, row_count: usize, places: Places) -> Self {
        Rows { chunks, row_count, places: Where::Text(places) }
    }

    /// Where a row is, for messages: `line 5`, or `row 5` where there are no lines; from 1. O(bytes before it).
    pub fn place(&self, row: usize) -> String {
        match &self.places {
            Where::Text(places) => format!("line {}", places.line(row)),
            Where::Numbered(before) => format!("row {}", before + row as u64 + 1),
        }
    }

    /// The byte of the text where a row begins; none where there is no text.
    pub fn offset(&self, row: usize) -> Option<u64> {
        match &self.places {
            Where::Text(places) => Some(places.offset(row)),
            Where::Numbered(_) => None,
        }
    }

    /// The byte of the text behind all records that have been looked at so far, these rows and what was left out before them included; none where there
    /// is no text.
    pub fn end_offset(&self) -> Option<u64> {
        match &self.places {
            Where::Text(places) => Some(places.end_offset()),
            Where::Numbered(_) => None,
        }
    }
}
