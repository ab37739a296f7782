//! The grammar of a delimited text: which bytes end fields and records, and which of them a quote hides.

use crate::base::text::NumberStyle;
use crate::base::{Error, Result};
use crate::storage::import::json::JsonForm;
use crate::storage::import::json::scanner::object_end;

/// The bytes with a meaning, all of them ASCII.
///
/// A record ends at LF, CRLF or a lone CR. A quote counts only where a field begins; inside quotes it is doubled (or escaped), and
/// delimiters and line ends are text. A quote further on in an unquoted field is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields, if any.
    pub quote: Option<u8>,
    /// Before a byte that loses its meaning; after it `n`, `r` and `t` are LF, CR and tab.
    pub escape: Option<u8>,
    /// At the start of a line that is not looked at.
    pub comment: Option<u8>,
    /// Spaces and tabs around fields and around quotes do not count. In columns that are not Strings they never do.
    pub trim: bool,
    /// How numbers are written.
    pub numbers: NumberStyle,
    /// Records are JSON objects, and the rest has JSON's meaning; see [`super::super::json`].
    pub json: Option<JsonForm>,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            trim: false,
            numbers: NumberStyle::default(),
            json: None,
        }
    }
}

impl Dialect {
    /// The dialect of a name: `default`, `trim`, `excel`, `rfc4180`, `tdf` (tabs), `mysql` (tabs, backslashes), `bpipe` (`|`).
    pub fn named(name: &str) -> Result<Self> {
        let default = Dialect::default();
        Ok(match name.to_ascii_lowercase().as_str() {
            "default" | "excel" | "rfc4180" => default,
            "trim" => Dialect { trim: true, ..default },
            "tdf" => Dialect { delimiter: b'\t', trim: true, ..default },
            "mysql" => Dialect { delimiter: b'\t', quote: None, escape: Some(b'\\'), ..default },
            "bpipe" => Dialect { delimiter: b'|', ..default },
            _ => {
                return Err(Error::invalid(format!("unknown file format {name:?}"))
                    .hint("the formats are default, trim, excel, rfc4180, tdf, mysql, bpipe"));
            }
        })
    }

    /// Checks that the bytes are ASCII, distinct and no line ends.
    pub fn check(&self) -> Result<()> {
        if self.json.is_some() {
            return Ok(());
        }
        self.numbers.check()?;
        let named = [
            ("delimiter", Some(self.delimiter)),
            ("quote", self.quote),
            ("escape", self.escape),
            ("comment", self.comment),
        ];
        for (at, (name, byte)) in named.iter().enumerate() {
            let Some(byte) = *byte else { continue };
            let refuse = |why: String| Err(Error::invalid(format!("the {name} cannot be {:?}: {why}", byte as char)));
            if !byte.is_ascii() || matches!(byte, b'\n' | b'\r' | 0) {
                return refuse("it must be one ASCII character and no line end".into());
            }
            // An escape may be the quote itself: that is doubling, which is always understood.
            let same = named[..at].iter().find(|(_, other)| *other == Some(byte));
            if let Some((other, _)) = same {
                return refuse(format!("it is the {other} already"));
            }
        }
        Ok(())
    }

    /// The first delimiter, line end or escape from `at` on, or the length.
    #[inline(always)]
    pub(super) fn next_mark(&self, bytes: &[u8], mut at: usize) -> usize {
        let delimiter = splat(self.delimiter);
        let escape = splat(self.escape.unwrap_or(b'\n'));
        while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let hits = zero_bytes(word ^ delimiter)
                | zero_bytes(word ^ splat(b'\n'))
                | zero_bytes(word ^ splat(b'\r'))
                | zero_bytes(word ^ escape);
            if hits != 0 {
                return at + hits.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        let tail = bytes.get(at..).unwrap_or_default();
        let mark = |c: &u8| *c == self.delimiter || matches!(*c, b'\n' | b'\r') || Some(*c) == self.escape;
        at + tail.iter().position(mark).unwrap_or(tail.len())
    }

    /// Where the text of a field begins: past spaces and tabs if they do not count.
    #[inline(always)]
    pub(super) fn skip_space(&self, bytes: &[u8], mut at: usize) -> usize {
        if self.trim {
            while at < bytes.len() && is_space(bytes[at]) && bytes[at] != self.delimiter {
                at += 1;
            }
        }
        at
    }

    /// The end of the last whole record in `bytes`, which begin a record and go on in what has not been read yet; 0 if there is none.
    pub(super) fn last_record_end(&self, bytes: &[u8]) -> usize {
        match self.json {
            Some(JsonForm::Lines) => return last_line_end(bytes),
            Some(JsonForm::Spanning) => {
                let mut end = 0;
                while let Some(next) = object_end(bytes, end) {
                    end = next;
                }
                return end;
            }
            None => {}
        }
        let hidden = |byte: Option<u8>| byte.is_some_and(|byte| memchr::memchr(byte, bytes).is_some());
        if !hidden(self.quote) && !hidden(self.escape) {
            return last_line_end(bytes);
        }
        let mut end = 0;
        while let Some(next) = self.record_end(bytes, end) {
            end = next;
        }
        end
    }

    /// The end of the record that begins at `start`, none if it may go on behind `bytes`.
    pub(super) fn record_end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        match self.json {
            Some(JsonForm::Lines) => return line_end(bytes, start + memchr::memchr2(b'\n', b'\r', &bytes[start..])?),
            Some(JsonForm::Spanning) => return object_end(bytes, start),
            None => {}
        }
        if self.comment.is_some() && bytes.get(start).copied() == self.comment {
            let end = start + memchr::memchr2(b'\n', b'\r', &bytes[start..])?;
            return line_end(bytes, end);
        }
        let mut at = start;
        loop {
            let text = self.skip_space(bytes, at);
            if self.quote.is_some() && bytes.get(text).copied() == self.quote {
                at = self.closing_quote(bytes, text + 1).filter(|close| close + 1 < bytes.len())? + 1;
            }
            loop {
                at = self.next_mark(bytes, at);
                match bytes.get(at)? {
                    c if *c == self.delimiter => break,
                    b'\n' | b'\r' => return line_end(bytes, at),
                    _ => at += 2,
                }
            }
            at += 1;
        }
    }

    /// The quote that closes what was opened before `at`, none if there is none.
    #[inline]
    pub(super) fn closing_quote(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        let quote = self.quote?;
        loop {
            let rest = bytes.get(at..)?;
            let hit = at
                + match self.escape {
                    None => memchr::memchr(quote, rest)?,
                    Some(escape) => memchr::memchr2(quote, escape, rest)?,
                };
            if bytes[hit] == quote && bytes.get(hit + 1) != Some(&quote) {
                return Some(hit);
            }
            at = hit + 2;
        }
    }
}

/// Space or tab.
#[inline(always)]
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Without the spaces and tabs around it.
#[inline(always)]
pub(super) fn trim_space(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// How many lines end in `bytes`: LF, CRLF and a lone CR each end one.
pub(in crate::storage::import) fn count_line_ends(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count() as u64;
    let lone = memchr::memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).count() as u64;
    feeds + lone
}

/// Where the line ends that the line end at `at` belongs to; none if a LF may still follow a CR.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\n', _) => Some(at + 1),
        (_, Some(b'\n')) => Some(at + 2),
        (_, Some(_)) => Some(at + 1),
        (_, None) => None,
    }
}

fn last_line_end(bytes: &[u8]) -> usize {
    // A CR at the very end may be half of a CRLF.
    let sure = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    memchr::memrchr2(b'\n', b'\r', sure).map_or(0, |at| at + 1)
}

const fn splat(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The high bit of every byte that is zero; above the lowest such byte there may be others, which do not matter to the first hit.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(splat(1)) & !word & splat(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_where_records_do() {
        let plain = Dialect::default();
        let trim = Dialect { trim: true, ..plain };
        let mysql = Dialect::named("mysql").unwrap();
        let comments = Dialect { comment: Some(b'#'), ..plain };
        for (dialect, text, expected) in [
            (plain, "", 0),
            (plain, "a,b", 0),
            (plain, "a,b\nc", 4),
            (plain, "a,b\r\nc", 5),
            (plain, "a,b\r", 0),
            (plain, "a\nb\r", 2),
            (plain, "a,b\rc", 4),
            (plain, "a,\"x\ny\"\nb", 8),
            (plain, "a,\"x\ny", 0),
            (plain, "z\na,\"x\ny", 2),
            (plain, "z\n\"x\"", 2),
            (plain, "z\n\"x\"\"\n\"\nb", 9),
            (plain, "it\"s\nb", 5),
            (plain, "a, \"x\nb", 6),
            (trim, "a, \"x\nb", 0),
            (trim, "a, \"x\n\"\nb", 8),
            (mysql, "a\\\nb\nc", 5),
            (mysql, "a\\", 0),
            (comments, "#\"\nb\n", 5),
            (comments, "b\n#\"", 2),
        ] {
            assert_eq!(dialect.last_record_end(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_are_found_at_every_offset() {
        let dialect = Dialect::default();
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            assert_eq!(dialect.next_mark(&text, 0), length);
            for at in 0..length {
                for mark in [b',', b'\n', b'\r'] {
                    text[at] = mark;
                    // The byte above a hit must not matter, nor one that differs in the lowest bit.
                    for other in [b'a', b',' + 1, b',' ^ 1, 0x80, 0xFF] {
                        if at + 1 < length {
                            text[at + 1] = other;
                        }
                        for start in 0..=at {
                            assert_eq!(dialect.next_mark(&text, start), at);
                        }
                    }
                }
                text.fill(b'a');
            }
        }
    }

    #[test]
    fn characters_must_differ() {
        let default = Dialect::default();
        for (dialect, part) in [
            (Dialect { delimiter: b'"', ..default }, "it is the delimiter already"),
            (Dialect { delimiter: b'\n', ..default }, "no line end"),
            (Dialect { quote: Some(0xE9), ..default }, "one ASCII character"),
            (Dialect { comment: Some(b','), ..default }, "it is the delimiter already"),
        ] {
            let message = dialect.check().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        for name in ["default", "TRIM", "excel", "rfc4180", "tdf", "mysql", "bpipe"] {
            Dialect::named(name).unwrap().check().unwrap();
        }
        assert!(Dialect::named("xls").is_err());
    }

    #[test]
    fn lines_are_counted_as_editors_do() {
        for (text, expected) in [("", 0), ("a", 0), ("a\n", 1), ("a\r\nb\rc\n", 3), ("\r\r\n\n", 3)] {
            assert_eq!(count_line_ends(text.as_bytes()), expected, "{text:?}");
        }
    }
}
