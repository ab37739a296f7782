//! Finds the fields of a block: an index of where each begins and ends, a row of equal length for each record.

use super::dialect::{is_space, trim_space};
use super::{CsvOptions, Dialect};
use crate::base::limits::{COLUMN_COUNT_MAX, CSV_FIELD_BYTES_MAX};
use crate::storage::import::json::scanner::unescape as json_unescape;
use std::ops::Range;

/// How the bytes of a field become its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage::import) enum FieldKind {
    /// They are it, and may mean null.
    Plain,
    /// They are it, between quotes.
    Quoted,
    /// Between quotes, with doubled quotes or escapes.
    QuotedEscaped,
    /// Without quotes, with escapes.
    PlainEscaped,
}

/// Where a field lies in its block. Blocks are shorter than 2^30 bytes, so the kind has room in the upper bits.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage::import) struct Field {
    start: u32,
    end: u32,
}

impl Field {
    /// A field that is not there: reads as an empty one.
    pub(in crate::storage::import) const MISSING: Field = Field { start: 0, end: 0 };

    #[inline(always)]
    pub(in crate::storage::import) fn new(start: usize, end: usize, kind: FieldKind) -> Self {
        Field { start: start as u32, end: end as u32 | (kind as u32) << 30 }
    }

    #[inline(always)]
    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    #[inline(always)]
    pub(super) fn end(self) -> usize {
        (self.end & 0x3FFF_FFFF) as usize
    }

    #[inline(always)]
    pub(super) fn kind(self) -> FieldKind {
        match self.end >> 30 {
            0 => FieldKind::Plain,
            1 => FieldKind::Quoted,
            2 => FieldKind::QuotedEscaped,
            _ => FieldKind::PlainEscaped,
        }
    }

    /// The bytes in the block, quotes around them left out.
    #[inline(always)]
    pub(super) fn bytes(self, block: &[u8]) -> &[u8] {
        &block[self.start()..self.end()]
    }

    /// True for bytes that are their own text and between which no quotes stood.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.end >> 30 == 0
    }

    /// The text, made in `scratch` where doubled quotes or escapes have to go.
    #[inline(always)]
    pub(in crate::storage::import) fn text<'a>(
        self,
        block: &'a [u8],
        dialect: &Dialect,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match self.kind() {
            FieldKind::Plain | FieldKind::Quoted => self.bytes(block),
            FieldKind::QuotedEscaped if dialect.json.is_some() => json_unescape(self.bytes(block), scratch),
            FieldKind::QuotedEscaped => unescape(self.bytes(block), dialect.quote, dialect.escape, scratch),
            FieldKind::PlainEscaped => unescape(self.bytes(block), None, dialect.escape, scratch),
        }
    }
}

/// What is wrong with a whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage::import) enum RecordFault {
    /// It has so many fields, not the expected number.
    FieldCount(usize),
    /// The field of this number (from 0) goes on behind its closing quote.
    TextAfterQuote(usize),
    /// The field of this number opens a quote that is not closed before the end of the text.
    UnclosedQuote(usize),
    /// The field of this number has more bytes than a field may have.
    FieldTooLong(usize),
    /// It is no JSON object, for this reason.
    NotJson(&'static str),
}

impl RecordFault {
    /// True where what follows cannot be trusted either.
    pub(in crate::storage::import) fn is_fatal(self) -> bool {
        matches!(self, RecordFault::UnclosedQuote(_) | RecordFault::FieldTooLong(_))
    }
}

/// A record that could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage::import) struct BadRecord {
    /// Where it begins in the block.
    pub(in crate::storage::import) start: usize,
    pub(in crate::storage::import) fault: RecordFault,
}

/// The fields of consecutive records of a block.
#[derive(Debug, Default)]
pub(in crate::storage::import) struct Records {
    fields: Vec<Field>,
    /// Where each record begins in the block.
    starts: Vec<u32>,
    column_count: usize,
    /// The first of the records that were left out.
    pub(in crate::storage::import) bad: Vec<BadRecord>,
    /// How many were left out.
    pub(in crate::storage::import) bad_count: u64,
    /// Of each column whether any record had it; empty where all records have all columns.
    pub(in crate::storage::import) seen: Vec<bool>,
    /// Where the next record begins: the end of the block unless the row limit was reached.
    pub(in crate::storage::import) end: usize,
}

/// The most faults kept of a block; the others are counted.
pub(in crate::storage::import) const BAD_KEPT_MAX: usize = 1_000;

impl Records {
    /// No records yet, of so many fields.
    pub(in crate::storage::import) fn for_columns(column_count: usize) -> Self {
        Records { column_count, ..Records::default() }
    }

    /// Appends a record with a field for each column.
    pub(in crate::storage::import) fn push(&mut self, fields: &[Field], start: usize) {
        self.fields.extend_from_slice(fields);
        self.starts.push(start as u32);
    }

    /// Keeps where these rows begin, and no others; their fields have been read.
    pub(super) fn keep(&mut self, rows: &[u32]) {
        self.starts = rows.iter().map(|&row| self.starts[row as usize]).collect();
        self.fields = Vec::new();
    }

    /// How many records there are, bad ones not counted.
    pub(in crate::storage::import) fn row_count(&self) -> usize {
        self.starts.len()
    }

    /// The fields of one column, one a record.
    #[inline]
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = Field> + '_ {
        self.fields.iter().skip(column).step_by(self.column_count.max(1)).copied()
    }

    /// The fields of one record.
    #[cfg(test)]
    pub(in crate::storage::import) fn row(&self, row: usize) -> &[Field] {
        &self.fields[row * self.column_count..][..self.column_count]
    }

    /// Where a record begins in the block.
    pub(in crate::storage::import) fn start(&self, row: usize) -> usize {
        self.starts[row] as usize
    }
}

/// Finds the records of `bytes` from `from` on, at most `rows_max` of them, that have `column_count` fields, or so many and a delimiter behind the last; the others are bad ones.
pub(super) fn find_records(
    bytes: &[u8],
    from: usize,
    options: &CsvOptions,
    column_count: usize,
    rows_max: usize,
) -> Records {
    let dialect = &options.dialect;
    let guess = (bytes.len() - from) / (column_count * 4).max(8);
    let mut records =
        Records { fields: Vec::with_capacity(guess.min(rows_max) * column_count), column_count, ..Records::default() };
    let mut at = from;
    while let Some(start) = next_record(bytes, at, dialect, column_count > 1) {
        if records.starts.len() >= rows_max {
            at = start;
            break;
        }
        let first = records.fields.len();
        let (count, fault, next) = find_fields(bytes, start, dialect, column_count, &mut records.fields);
        at = next;
        let fits = count == column_count
            || (options.pad_short_rows && count < column_count)
            || (count == column_count + 1 && ends_with_delimiter(&bytes[start..at], dialect));
        let fault = fault.or_else(|| (!fits).then_some(RecordFault::FieldCount(count)));
        if let Some(fault) = fault {
            records.fields.truncate(first);
            records.bad_count += 1;
            if records.bad.len() < BAD_KEPT_MAX || fault.is_fatal() {
                records.bad.push(BadRecord { start, fault });
            }
        } else {
            records.fields.resize(first + column_count, Field::MISSING);
            records.starts.push(start as u32);
        }
        if at >= bytes.len() {
            break;
        }
    }
    records.end = if records.starts.len() >= rows_max { at } else { bytes.len() };
    records
}

/// True where nothing but the line end follows the last delimiter: it ends the last field instead of beginning one more.
#[cold]
fn ends_with_delimiter(record: &[u8], dialect: &Dialect) -> bool {
    let text = record.strip_suffix(b"\n").unwrap_or(record);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text {
        [.., before, last] => *last == dialect.delimiter && Some(*before) != dialect.escape,
        _ => false,
    }
}

/// Texts of fields, and where their record lies.
pub(super) type FirstRecord = (Vec<String>, Range<usize>);

/// The texts of the first record and where it lies, comments before it left out; none if there is no record. At most [`COLUMN_COUNT_MAX`] + 1 texts.
pub(super) fn first_record(bytes: &[u8], dialect: &Dialect) -> Result<Option<FirstRecord>, BadRecord> {
    let Some(start) = next_record(bytes, 0, dialect, true) else { return Ok(None) };
    let mut fields = Vec::new();
    let (_, fault, next) = find_fields(bytes, start, dialect, COLUMN_COUNT_MAX + 1, &mut fields);
    if let Some(fault) = fault {
        return Err(BadRecord { start, fault });
    }
    let mut scratch = Vec::new();
    let text =
        |field: &Field| String::from_utf8_lossy(trim_space(field.text(bytes, dialect, &mut scratch))).into_owned();
    Ok(Some((fields.iter().map(text).collect(), start..next)))
}

/// Where the next record begins, past comments and, if told, empty lines; none if there is none.
#[inline(always)]
fn next_record(bytes: &[u8], mut at: usize, dialect: &Dialect, skip_empty: bool) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' if skip_empty => at += 1,
            c if dialect.comment == Some(*c) => {
                at += memchr::memchr2(b'\n', b'\r', &bytes[at..])?;
                at += 1 + usize::from(bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n'));
            }
            _ => return Some(at),
        }
    }
}

/// Appends the fields of the record that begins at `at`, at most `keep`. Gives how many there are, what is wrong, and where the next
/// record begins.
#[inline(always)]
fn find_fields(
    bytes: &[u8],
    mut at: usize,
    dialect: &Dialect,
    keep: usize,
    fields: &mut Vec<Field>,
) -> (usize, Option<RecordFault>, usize) {
    let mut count = 0;
    let mut fault = None;
    loop {
        let begin = dialect.skip_space(bytes, at);
        let opened = dialect.quote.is_some() && bytes.get(begin).copied() == dialect.quote;
        let (field, mark) = if opened {
            quoted_field(bytes, begin, dialect, count, &mut fault)
        } else {
            plain_field(bytes, begin, dialect)
        };
        if mark - at > CSV_FIELD_BYTES_MAX {
            fault.get_or_insert(RecordFault::FieldTooLong(count));
        }
        if count < keep {
            fields.push(field);
        }
        count += 1;
        match bytes.get(mark) {
            Some(b'\n') => return (count, fault, mark + 1),
            Some(b'\r') => {
                let pair = usize::from(bytes.get(mark + 1) == Some(&b'\n'));
                return (count, fault, mark + 1 + pair);
            }
            Some(_) => at = mark + 1,
            None => return (count, fault, bytes.len()),
        }
    }
}

/// The field from `begin` to the next mark, and the mark.
#[inline(always)]
fn plain_field(bytes: &[u8], begin: usize, dialect: &Dialect) -> (Field, usize) {
    let mut mark = dialect.next_mark(bytes, begin);
    let mut kind = FieldKind::Plain;
    if dialect.escape.is_some() {
        while mark < bytes.len() && Some(bytes[mark]) == dialect.escape {
            kind = FieldKind::PlainEscaped;
            mark = dialect.next_mark(bytes, (mark + 2).min(bytes.len()));
        }
    }
    let mut end = mark;
    if dialect.trim {
        while end > begin && is_space(bytes[end - 1]) {
            end -= 1;
        }
    }
    (Field::new(begin, end, kind), mark)
}

/// The field whose quote opens at `open`, and the mark after it.
fn quoted_field(
    bytes: &[u8],
    open: usize,
    dialect: &Dialect,
    number: usize,
    fault: &mut Option<RecordFault>,
) -> (Field, usize) {
    let start = open + 1;
    let Some(close) = dialect.closing_quote(bytes, start) else {
        fault.get_or_insert(RecordFault::UnclosedQuote(number));
        return (Field::new(start, bytes.len(), FieldKind::Quoted), bytes.len());
    };
    let inner = &bytes[start..close];
    let hides = |byte: Option<u8>| byte.is_some_and(|byte| memchr::memchr(byte, inner).is_some());
    let kind = if hides(dialect.quote) || hides(dialect.escape) { FieldKind::QuotedEscaped } else { FieldKind::Quoted };
    let after = dialect.skip_space(bytes, close + 1);
    let mut mark = dialect.next_mark(bytes, after);
    if mark != after {
        fault.get_or_insert(RecordFault::TextAfterQuote(number));
    }
    while mark < bytes.len() && dialect.escape == Some(bytes[mark]) {
        fault.get_or_insert(RecordFault::TextAfterQuote(number));
        mark = dialect.next_mark(bytes, (mark + 2).min(bytes.len()));
    }
    (Field::new(start, close, kind), mark)
}

/// The text of a field with doubled quotes and escapes.
fn unescape<'a>(bytes: &[u8], quote: Option<u8>, escape: Option<u8>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let next = bytes.get(at + 1).copied();
        let taken = match next {
            Some(next) if Some(byte) == escape => Some(match next {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            }),
            Some(next) if Some(byte) == quote && next == byte => Some(next),
            _ => None,
        };
        scratch.push(taken.unwrap_or(byte));
        at += 1 + usize::from(taken.is_some());
    }
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, options: &CsvOptions, column_count: usize) -> (Vec<Vec<String>>, Vec<RecordFault>) {
        let bytes = text.as_bytes();
        let records = find_records(bytes, 0, options, column_count, usize::MAX);
        assert_eq!(records.end, bytes.len());
        let mut scratch = Vec::new();
        let rows = (0..records.row_count())
            .map(|row| {
                let text = |field: &Field| {
                    String::from_utf8(field.text(bytes, &options.dialect, &mut scratch).to_vec()).unwrap()
                };
                records.row(row).iter().map(text).collect()
            })
            .collect();
        (rows, records.bad.iter().map(|bad| bad.fault).collect())
    }

    #[test]
    fn fields_of_every_dialect() {
        let plain = CsvOptions::default();
        let with = |dialect: Dialect| CsvOptions { dialect, ..CsvOptions::default() };
        let trim = with(Dialect::named("trim").unwrap());
        let mysql = with(Dialect::named("mysql").unwrap());
        let pipes = with(Dialect::named("bpipe").unwrap());
        let comments = with(Dialect { comment: Some(b'#'), ..Dialect::default() });
        let backslash = with(Dialect { escape: Some(b'\\'), ..Dialect::default() });
        let single = with(Dialect { quote: Some(b'\''), ..Dialect::default() });
        for (options, text, expected) in [
            (&plain, "a,b\nc,d\n", vec![["a", "b"], ["c", "d"]]),
            (&plain, "a,b\r\nc,d\re,f\n", vec![["a", "b"], ["c", "d"], ["e", "f"]]),
            (&plain, "a,b", vec![["a", "b"]]),
            (&plain, "a,", vec![["a", ""]]),
            (&plain, ",\n,", vec![["", ""], ["", ""]]),
            (&plain, "\n\na,b\n\r\n\r\nc,d\n\n", vec![["a", "b"], ["c", "d"]]),
            (&plain, "\"a,\nb\",\"\"\n", vec![["a,\nb", ""]]),
            (&plain, "\"a\"\"b\",\"\"\"\"\n", vec![["a\"b", "\""]]),
            (&plain, "a\"b,c\"\n", vec![["a\"b", "c\""]]),
            (&plain, " a , \"b\" \n", vec![[" a ", " \"b\" "]]),
            (&plain, "a\0b,é\n", vec![["a\0b", "é"]]),
            (&trim, " a ,\t\"b \" \n", vec![["a", "b "]]),
            (&trim, " , \n", vec![["", ""]]),
            (&mysql, "a\\tb\tc\\\nd\n", vec![["a\tb", "c\nd"]]),
            (&mysql, "\\\\\t\\\n", vec![["\\", "\n"]]),
            (&pipes, "a,b|\"c|d\"\n", vec![["a,b", "c|d"]]),
            (&comments, "# a,b,c\na,#b\n#\nc,d", vec![["a", "#b"], ["c", "d"]]),
            (&backslash, "\"a\\\"b\",c\\,d\n", vec![["a\"b", "c,d"]]),
            (&single, "'a,b','it''s'\n", vec![["a,b", "it's"]]),
        ] {
            let (rows, bad) = texts(text, options, 2);
            assert_eq!(rows, expected, "{text:?}");
            assert_eq!(bad, [], "{text:?}");
        }
    }

    #[test]
    fn faults_leave_the_record_out() {
        use RecordFault::*;
        let plain = CsvOptions::default();
        let padded = CsvOptions { pad_short_rows: true, ..CsvOptions::default() };
        for (options, text, rows, faults) in [
            (&plain, "a\nb,c\nd,e,f\n", 1, vec![FieldCount(1), FieldCount(3)]),
            (&padded, "a\nb,c\nd,e,f\n", 2, vec![FieldCount(3)]),
            (&plain, "\"a\"x,b\nc,d\n", 1, vec![TextAfterQuote(0)]),
            (&plain, "a,\"b\" \nc,d\n", 1, vec![TextAfterQuote(1)]),
            (&plain, "a,b\nc,\"d\ne,f\n", 1, vec![UnclosedQuote(1)]),
            (&plain, "a,\"", 0, vec![UnclosedQuote(1)]),
        ] {
            let (found, bad) = texts(text, options, 2);
            assert_eq!((found.len(), bad), (rows, faults), "{text:?}");
        }
        let long = format!("a,{}\nb,c\n", "x".repeat(CSV_FIELD_BYTES_MAX + 1));
        assert_eq!(texts(&long, &plain, 2).1, [FieldTooLong(1)]);
    }

    #[test]
    fn one_column_takes_empty_lines_as_rows_and_wide_records_are_bounded() {
        assert_eq!(texts("a\n\nb\n", &CsvOptions::default(), 1).0, [["a"], [""], ["b"]]);
        let wide = ",".repeat(1_000_000);
        let records = find_records(wide.as_bytes(), 0, &CsvOptions::default(), 3, usize::MAX);
        assert_eq!(records.bad[0].fault, RecordFault::FieldCount(1_000_001));
        assert_eq!(first_record(wide.as_bytes(), &Dialect::default()).unwrap().unwrap().0.len(), COLUMN_COUNT_MAX + 1);
    }

    #[test]
    fn rows_may_be_taken_in_pieces() {
        let text = b"a,b\nc\n\nd,e\nf,g\n";
        let options = CsvOptions::default();
        let mut at = 0;
        let mut pieces = Vec::new();
        while at < text.len() {
            let records = find_records(text, at, &options, 2, 1);
            pieces.push((records.row_count(), records.bad_count));
            at = records.end;
        }
        assert_eq!(pieces, [(1, 0), (1, 1), (1, 0)]);
    }
}
