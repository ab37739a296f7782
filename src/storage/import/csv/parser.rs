//! Turns blocks into chunks, and takes these in the order of the stream: counts lines and errors, and hands the rows over.

use super::blocks::Block;
use super::columns::{BAD_KEPT_MAX, BadFields, FieldTarget, read_column};
use super::dialect::count_line_ends;
use super::reader::{ERRORS_LISTED_MAX, ReadLimits, ReadSummary, Reject};
use super::records::{Records, find_records};
use super::row_error::{RowError, row_fault};
use super::{CsvOptions, usually_means_null};
use crate::base::text::{DateTimeReader, NumberStyle, parse_text};
use crate::base::{ColumnType, Error, Result};
use crate::memory::Chunk;
use crate::storage::import::json::objects::find_objects;
use crate::storage::import::json::shape::Shape;
use crate::storage::import::reading::Rows;
use std::path::Path;

/// Where the rows of a piece of text are.
pub(in crate::storage::import) struct Places {
    records: Records,
    block: std::sync::Arc<Block>,
    lines_before: u64,
}

impl Places {
    /// The line of the file where a row begins, from 1. O(bytes before it): for messages.
    pub(in crate::storage::import) fn line(&self, row: usize) -> u64 {
        self.lines_before + 1 + count_line_ends(&self.block.bytes[..self.records.start(row)])
    }

    /// The byte of the file where a row begins.
    pub(in crate::storage::import) fn offset(&self, row: usize) -> u64 {
        self.block.offset + self.records.start(row) as u64
    }

    /// The byte behind the last record that was looked at.
    pub(in crate::storage::import) fn end_offset(&self) -> u64 {
        self.block.offset + self.records.end as u64
    }
}

/// Turns blocks into chunks; shared by the threads.
pub(super) struct Parser<'a> {
    pub(super) options: &'a CsvOptions,
    pub(super) targets: &'a [FieldTarget],
    pub(super) names: &'a [String],
    pub(super) field_count: usize,
    /// Where records are JSON objects: which names lead to which field.
    pub(super) shape: Option<&'a Shape>,
    pub(super) rows_max: usize,
    pub(super) keeps_all_bad: bool,
}

/// A block of which the first piece has been read.
pub(super) struct Parsed {
    block: Block,
    /// Lines that end in the block.
    lines: u64,
    piece: Result<Piece, Damage>,
}

struct Piece {
    chunks: Vec<Chunk>,
    records: Records,
    bad: BadFields,
}

/// Why no record of a block can be taken.
enum Damage {
    /// Bytes that are not UTF-8.
    Encoding(usize),
    Failed(Error),
}

impl Parser<'_> {
    pub(super) fn parse(&self, block: Block) -> Parsed {
        let lines = count_line_ends(&block.bytes);
        let piece = match std::str::from_utf8(&block.bytes) {
            Ok(_) => self.piece(&block.bytes, 0).map_err(Damage::Failed),
            Err(error) => Err(Damage::Encoding(error.valid_up_to())),
        };
        Parsed { block, lines, piece }
    }

    fn piece(&self, bytes: &[u8], from: usize) -> Result<Piece> {
        let records = match self.shape {
            Some(shape) => find_objects(bytes, from, self.options, shape, self.field_count, self.rows_max),
            None => find_records(bytes, from, self.options, self.field_count, self.rows_max),
        };
        let mut bad = BadFields::keeping(if self.keeps_all_bad { usize::MAX } else { BAD_KEPT_MAX });
        if self.keeps_all_bad && records.bad_count > records.bad.len() as u64 {
            return Err(Error::limit("too many bad records in one block").hint("is the delimiter right?"));
        }
        let chunks = (0..self.targets.len())
            .map(|at| read_column(bytes, &records, &self.options.dialect, self.targets, at, &mut bad))
            .collect::<Result<Vec<Chunk>>>()?;
        Ok(Piece { chunks, records, bad })
    }
}

/// Takes parsed blocks in the order of the stream, counts lines and errors, and hands the rows over.
pub(super) struct Collector<'a> {
    pub(super) parser: &'a Parser<'a>,
    pub(super) name: &'a str,
    /// Lines before the block.
    pub(super) lines: u64,
    pub(super) limits: ReadLimits<'a>,
    pub(super) summary: ReadSummary,
}

impl Collector<'_> {
    pub(super) fn take(&mut self, parsed: Parsed, each: &mut dyn FnMut(Rows) -> Result<()>) -> Result<()> {
        let Parsed { block, lines, piece } = parsed;
        let mut piece = match piece {
            Ok(piece) => piece,
            Err(Damage::Failed(error)) => return Err(error.at_path(Path::new(self.name))),
            Err(Damage::Encoding(at)) => {
                let line = self.lines + 1 + count_line_ends(&block.bytes[..at]);
                return Err(Error::parse(format!("line {line} is not UTF-8"))
                    .at_path(Path::new(self.name))
                    .at_offset(block.offset + at as u64)
                    .hint("convert the file to UTF-8 first"));
            }
        };
        let block = std::sync::Arc::new(block);
        loop {
            self.note_errors(&block, &piece)?;
            if let Some(reject) = self.limits.reject
                && piece.bad.count + piece.records.bad_count > 0
            {
                piece = self.without_bad(&block, piece, reject)?;
            }
            self.note_seen(&piece.records);
            let end = piece.records.end;
            let row_count = piece.records.row_count();
            if row_count > 0 {
                let places = Places { records: piece.records, block: block.clone(), lines_before: self.lines };
                each(Rows::of_text(piece.chunks, row_count, places))?;
                self.summary.progress.rows += row_count as u64;
            }
            if end >= block.bytes.len() {
                break;
            }
            piece = self.parser.piece(&block.bytes, end).map_err(|error| error.at_path(Path::new(self.name)))?;
        }
        self.lines += lines;
        self.summary.progress.bytes = block.offset + block.bytes.len() as u64;
        Ok(())
    }

    fn note_seen(&mut self, records: &Records) {
        if self.summary.seen.len() < records.seen.len() {
            self.summary.seen.resize(records.seen.len(), false);
        }
        self.summary.seen.iter_mut().zip(&records.seen).for_each(|(all, seen)| *all |= seen);
    }

    /// The piece without the rows that have a bad field. The bytes of these and of records that were left out before go to `reject`, in the order of the file.
    fn without_bad(&self, block: &Block, piece: Piece, reject: Reject<'_>) -> Result<Piece> {
        let Piece { chunks, mut records, bad } = piece;
        let mut is_bad = vec![false; records.row_count()];
        bad.kept.iter().for_each(|field| is_bad[field.row] = true);
        let mut starts: Vec<usize> =
            (0..is_bad.len()).filter(|&row| is_bad[row]).map(|row| records.start(row)).collect();
        starts.extend(records.bad.iter().map(|bad| bad.start));
        starts.sort_unstable();
        for start in starts {
            let end = self.parser.options.dialect.record_end(&block.bytes, start).unwrap_or(block.bytes.len());
            reject(&block.bytes[start..end])?;
        }
        let good: Vec<u32> = (0..is_bad.len()).filter(|&row| !is_bad[row]).map(|row| row as u32).collect();
        let chunks = match good.len() == is_bad.len() {
            true => chunks,
            false => chunks.iter().map(|chunk| chunk.take(&good)).collect(),
        };
        records.keep(&good);
        Ok(Piece { chunks, records, bad })
    }

    fn note_errors(&mut self, block: &Block, piece: &Piece) -> Result<()> {
        let count = piece.bad.count + piece.records.bad_count;
        if count == 0 {
            return Ok(());
        }
        self.summary.progress.errors += count;
        let failed = self.summary.progress.errors > self.limits.errors_max;
        let room = ERRORS_LISTED_MAX.saturating_sub(self.summary.errors.len());
        let errors = self.row_errors(block, piece, if failed { room.max(1) } else { room });
        self.summary.errors.extend(errors);
        // Behind these there is nothing to go on with, however many errors are allowed.
        let fatal = piece.records.bad.iter().find(|bad| bad.fault.is_fatal()).filter(|_| self.limits.errors_max > 0);
        if let Some(bad) = fatal {
            let line = self.lines + 1 + count_line_ends(&block.bytes[..bad.start]);
            return Err(row_fault(line, block, *bad, self.parser.names, self.parser.options).into_error(self.name));
        }
        match self.summary.errors.first().cloned() {
            Some(first) if failed => {
                let first = first.into_error(self.name);
                Err(match self.limits.errors_max {
                    0 => first,
                    most => first.context(format!("more than {most} errors, the first of them")),
                })
            }
            _ => Ok(()),
        }
    }

    /// The first `most` errors of a piece in the order of the file.
    fn row_errors(&self, block: &Block, piece: &Piece, most: usize) -> Vec<RowError> {
        enum Kind {
            Field(usize),
            Record(usize),
        }
        let fields = piece.bad.kept.iter().enumerate().map(|(at, bad)| {
            // A field that is missing from a padded record is null, never bad: this one lies behind the record's start.
            (piece.records.start(bad.row), self.parser.targets[bad.target].field, Kind::Field(at))
        });
        let records = piece.records.bad.iter().enumerate().map(|(at, bad)| (bad.start, 0, Kind::Record(at)));
        let mut all: Vec<_> = fields.chain(records).collect();
        all.sort_by_key(|(start, field, _)| (*start, *field));
        let (mut line, mut counted) = (self.lines + 1, 0);
        let mut errors = Vec::new();
        for (start, _, kind) in all.into_iter().take(most) {
            line += count_line_ends(&block.bytes[counted..start]);
            counted = start;
            errors.push(match kind {
                Kind::Record(at) => {
                    row_fault(line, block, piece.records.bad[at], self.parser.names, self.parser.options)
                }
                Kind::Field(at) => {
                    let bad = &piece.bad.kept[at];
                    let target = &self.parser.targets[bad.target];
                    let mut scratch = Vec::new();
                    let text = bad.field.text(&block.bytes, &self.parser.options.dialect, &mut scratch);
                    let error = bad.refusal.error(text, target.column_type);
                    RowError {
                        line,
                        in_rows: false,
                        column: Some(target.name.clone()),
                        offset: block.offset + bad.field.start() as u64,
                        text: String::from_utf8_lossy(text).chars().take(200).collect(),
                        reason: error.message().to_string(),
                        hint: error.hint_text().map(str::to_string).or_else(|| way_out(text, target.column_type)),
                    }
                }
            });
        }
        errors
    }
}

/// An option by which a text would be a value, or null, or be passed over.
fn way_out(text: &[u8], wanted: ColumnType) -> Option<String> {
    numbers_way_out(text, wanted).or_else(|| {
        Some(match wanted {
            ColumnType::DateTime => {
                "`format` in [import.columns] of the schema reads dates and times of other forms; --max-errors passes over some".into()
            }
            _ => "--max-errors N passes over N of them, and --rejects FILE keeps those for mending".into(),
        })
    })
}

/// An option by which a text would be a number, or null.
fn numbers_way_out(text: &[u8], wanted: ColumnType) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if usually_means_null(text) {
        return Some(format!("--null {text} takes it for null"));
    }
    let style = |decimal, thousands| NumberStyle { decimal, thousands };
    let ways = [
        (style(b',', None), "--decimal ,"),
        (style(b'.', Some(',')), "--thousands ,"),
        (style(b',', Some('.')), "--decimal , --thousands ."),
        (style(b'.', Some('\'')), "--thousands \"'\""),
        (style(b'.', Some(' ')), "--thousands ' '"),
        (style(b',', Some(' ')), "--decimal , --thousands ' '"),
    ];
    let mut scratch = Vec::new();
    let mut is_value = |style: NumberStyle| {
        let number = style.usual(text.as_bytes(), &mut scratch);
        number.is_some_and(|number| parse_text(number, wanted, &mut DateTimeReader::default()).is_ok())
    };
    let numbers = wanted.is_numeric();
    let (_, way) = ways.into_iter().find(|(style, _)| numbers && is_value(*style))?;
    Some(format!("{way} reads it as a number"))
}
