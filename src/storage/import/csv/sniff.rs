//! What the begin of a text shows of how it is written: the delimiter, and how its numbers are.
//!
//! Only inference asks, and says in the schema what it found; an import does what schema and command line say. The exception is the line `sep=;` that Excel takes for itself: it is no
//! record, whoever reads the file.

use super::dialect::trim_space;
use super::records::{Records, find_records, first_record};
use super::{CsvOptions, Dialect};
use crate::base::text::{FromText, NumberStyle};

/// What is to be found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detect {
    /// The delimiter: a comma, semicolon, tab or bar, where the begin of the text shows it.
    pub delimiter: bool,
    /// How numbers are written.
    pub numbers: bool,
}

/// Records looked at.
const ROWS_MAX: usize = 1_000;
/// The best first where nothing tells.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiter that a first line names for Excel, and where the line ends; the bytes are at least [`SEP_LINE_BYTES`], or all there are.
pub(super) fn sep_line(begin: &[u8]) -> Option<(u8, usize)> {
    let quotes = usize::from(begin.first() == Some(&b'"'));
    let word = begin.get(quotes..quotes + 4)?;
    let delimiter = *begin.get(quotes + 4)?;
    let mut end = quotes + 5;
    if quotes == 1 {
        end += usize::from(begin.get(end) == Some(&b'"'));
    }
    let line_end = match begin.get(end..)? {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        _ => return None,
    };
    let fits =
        word.eq_ignore_ascii_case(b"sep=") && (delimiter.is_ascii_punctuation() || matches!(delimiter, b'\t' | b' '));
    (fits && delimiter != b'"').then_some((delimiter, end + line_end))
}

/// The most bytes that such a line has.
pub(super) const SEP_LINE_BYTES: usize = 9;

/// The dialect that most of the begin of a text fits into: that of the options where nothing speaks for another. The begin ends with a record.
pub(super) fn dialect(begin: &[u8], options: &CsvOptions) -> Dialect {
    let mut dialect = options.dialect;
    if options.detect.delimiter {
        let taken = [dialect.quote, dialect.escape, dialect.comment];
        let mut best = 0;
        for delimiter in DELIMITERS.into_iter().filter(|c| !taken.contains(&Some(*c))) {
            let other = Dialect { delimiter, ..options.dialect };
            let fields = fields_explained(begin, &CsvOptions { dialect: other, ..options.clone() });
            if fields > best {
                (best, dialect) = (fields, other);
            }
        }
    }
    if options.detect.numbers {
        dialect.numbers = numbers(begin, &CsvOptions { dialect, ..options.clone() });
    }
    dialect
}

/// How many fields the records have that have as many as the first; none where that is one, or fewer records fit than do not.
fn fields_explained(begin: &[u8], options: &CsvOptions) -> usize {
    let Some((width, records)) = records(begin, options).filter(|(width, _)| *width > 1) else { return 0 };
    let (good, bad) = (records.row_count(), records.bad_count as usize);
    if good < bad { 0 } else { (good + 1) * width }
}

/// The fields of the first record, and the records behind it.
fn records(begin: &[u8], options: &CsvOptions) -> Option<(usize, Records)> {
    let (first, place) = first_record(begin, &options.dialect).ok()??;
    let from = if options.header { place.end } else { 0 };
    Some((first.len(), find_records(begin, from.min(begin.len()), options, first.len(), ROWS_MAX)))
}

/// The style that makes numbers of the most columns which are none otherwise, and takes none away.
fn numbers(begin: &[u8], options: &CsvOptions) -> NumberStyle {
    let usual = options.dialect.numbers;
    if !usual.is_usual() || std::str::from_utf8(begin).is_err() {
        return usual;
    }
    let Some((width, records)) = records(begin, options) else { return usual };
    let mut comma = NumberStyle { decimal: b',', thousands: None };
    let mut grouped = NumberStyle { decimal: b'.', thousands: Some(',') };
    if options.dialect.delimiter == b',' {
        // `1,234` may be either.
        std::mem::swap(&mut comma, &mut grouped);
    }
    let styles = [
        comma,
        grouped,
        NumberStyle { decimal: b',', thousands: Some('.') },
        NumberStyle { decimal: b'.', thousands: Some('\'') },
    ];
    let mut votes = [Some(0usize); 4];
    let (mut scratch, mut plain) = (Vec::new(), Vec::new());
    for column in 0..width {
        let mut seen = false;
        let mut fits_usual = true;
        let mut fits = [true; 4];
        for field in records.column(column) {
            let text = trim_space(field.text(begin, &options.dialect, &mut scratch));
            if text.is_empty() || (field.is_plain() && options.nulls.contains(text)) {
                continue;
            }
            seen = true;
            fits_usual &= is_number(text);
            for (fits, style) in fits.iter_mut().zip(&styles).filter(|(fits, _)| **fits) {
                *fits = style.usual(text, &mut plain).is_some_and(is_number);
            }
            if !fits_usual && !fits.contains(&true) {
                break;
            }
        }
        for (vote, fits) in votes.iter_mut().zip(fits) {
            *vote = match (*vote, seen, fits_usual, fits) {
                (Some(votes), true, false, true) => Some(votes + 1),
                (_, true, true, false) => None,
                (vote, ..) => vote,
            };
        }
    }
    let mut best = (0, usual);
    for (votes, style) in votes.into_iter().zip(styles) {
        match votes {
            Some(votes) if votes > best.0 => best = (votes, style),
            _ => {}
        }
    }
    best.1
}

/// True for digits with a fraction or without; not for what codes look like.
fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_code = matches!(digits, [b'0', b'0'..=b'9', ..]) || !digits.first().is_some_and(u8::is_ascii_digit);
    !is_code && f64::from_text(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_excel_are_told_from_headers() {
        for (text, expected) in [
            ("sep=;\na;b\n", Some((b';', 6))),
            ("SEP=\t\r\na\tb\n", Some((b'\t', 7))),
            ("\"sep=|\"\r\na|b\n", Some((b'|', 9))),
            ("sep=,\r", Some((b',', 6))),
            ("sep=;;\n", None),
            ("sep=a\n", None),
            ("sep;\n", None),
            ("sep=;", None),
            ("sep=", None),
            ("", None),
        ] {
            assert_eq!(sep_line(text.as_bytes()), expected, "{text:?}");
        }
        assert!("\"sep=;\"\r\n".len() == SEP_LINE_BYTES);
    }

    #[test]
    fn delimiters_are_found_where_the_text_shows_them() {
        let detect = Detect { delimiter: true, numbers: true };
        let check = |text: &str, delimiter: u8, decimal: u8, thousands: Option<char>| {
            let found = dialect(text.as_bytes(), &CsvOptions { detect, ..CsvOptions::default() });
            assert_eq!(
                (char::from(found.delimiter), found.numbers),
                (char::from(delimiter), NumberStyle { decimal, thousands }),
                "{text:?}"
            );
        };
        check("a,b\n1,2\n", b',', b'.', None);
        check("a;b\n1;2\n", b';', b'.', None);
        check("a\tb\n1\t2\n", b'\t', b'.', None);
        check("a|b|c\n1|2|3\n", b'|', b'.', None);
        check("", b',', b'.', None);
        check("a\nx;y\n", b',', b'.', None);
        // A comma within quotes, in numbers and in a few names.
        check("a;b\n\"x,y\";2\n", b';', b'.', None);
        check("Price;Size;Total\n1,5;2;3\n2,5;7;17,5\n", b';', b',', None);
        check("Name, first;Price\nSmith, J;1,5\n", b';', b',', None);
        check("a;b\n1.234,5;x\n1,5;y\n", b';', b',', Some('.'));
        check("a;b\n1,234;1.5\n", b';', b'.', Some(','));
        check("a,b\n\"1,234\",x\n", b',', b'.', Some(','));
        check("a,b\n\"1,5\",x\n", b',', b',', None);
        check("a,b\n1'234.5,x\n7,y\n", b',', b'.', Some('\''));
        // Most records fit; a footer does not.
        check("a;b\n1;2\n3;4\ntotal\n", b';', b'.', None);
        check("a,b;c\n1,2\n3,4\n", b',', b'.', None);
        // Dates and words are no numbers, nor are codes.
        check("a;b\n03,04;01,5\n", b';', b'.', None);
        check("a;b\n1,5;x\nn,a;y\n", b';', b'.', None);
    }
}
