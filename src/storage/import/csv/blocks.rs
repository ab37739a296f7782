//! Cuts a stream into blocks that begin and end where records do.
//!
//! One thread does this, so it looks at as little as it can: without quotes in sight it looks for the last line end only.

use super::dialect::count_line_ends;
use super::encoding::{Decoder, Encoding};
use super::sniff::{SEP_LINE_BYTES, sep_line};
use super::{CsvOptions, Dialect};
use crate::base::limits::CSV_RECORD_BYTES_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::io::external::{read_error, refuse_other_than_text};
use crate::storage::import::json::JsonForm;
use crate::storage::import::json::scanner::{ObjectSearch, is_between_objects, object_end};
use std::io::Read;
use std::path::Path;

/// Whole records.
#[derive(Debug)]
pub(in crate::storage::import) struct Block {
    pub(in crate::storage::import) bytes: Vec<u8>,
    /// Where the first byte lies in the stream, a byte order mark and skipped lines included.
    pub(in crate::storage::import) offset: u64,
}

/// Reads a stream block by block.
pub(in crate::storage::import) struct BlockReader {
    name: String,
    reader: Box<dyn Read + Send>,
    dialect: Dialect,
    footer_lines: usize,
    block_bytes: usize,
    /// True to hand out records as soon as they are there.
    as_it_comes: bool,
    /// What was read and not handed out: begins a record.
    pending: Vec<u8>,
    offset: u64,
    ended: bool,
    /// Bytes of `pending` in which no record ends.
    searched: usize,
    /// How far the first object of `pending` is known, where records are objects.
    object: ObjectSearch,
    #[cfg(test)]
    searches: usize,
}

impl BlockReader {
    /// Starts reading: past a byte order mark and the lines to skip, which are counted into `lines`.
    pub(super) fn start(
        name: String,
        reader: Box<dyn Read + Send>,
        options: &CsvOptions,
        lines: &mut u64,
    ) -> Result<Self> {
        let mut blocks = BlockReader {
            name,
            reader,
            dialect: options.dialect,
            footer_lines: options.skip_footer_lines,
            block_bytes: options.block_bytes.max(16),
            as_it_comes: options.as_it_comes,
            pending: Vec::new(),
            offset: 0,
            ended: false,
            searched: 0,
            object: ObjectSearch::default(),
            #[cfg(test)]
            searches: 0,
        };
        blocks.fill(blocks.block_bytes)?;
        // A pipe may have given half of a mark.
        while !blocks.ended && matches!(blocks.pending[..], [0xEF] | [0xEF, 0xBB] | [0xFF] | [0xFE]) {
            blocks.fill(blocks.pending.len() + 1)?;
        }
        match blocks.pending.as_slice() {
            [0xEF, 0xBB, 0xBF, ..] => blocks.advance(3),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                // No text of UTF-8 begins so.
                let begun = std::io::Cursor::new(std::mem::take(&mut blocks.pending));
                let rest = std::mem::replace(&mut blocks.reader, Box::new(std::io::empty()));
                blocks.reader = Box::new(Decoder::new(Box::new(begun.chain(rest)), Encoding::Utf16));
                blocks.ended = false;
                blocks.fill(blocks.block_bytes)?;
            }
            _ => {}
        }
        for _ in 0..options.skip_lines {
            if !blocks.skip_line()? {
                break;
            }
            *lines += 1;
        }
        Ok(blocks)
    }

    /// The text began so many bytes before the reader.
    pub(super) fn add_offset(&mut self, bytes: u64) {
        self.offset += bytes;
    }

    /// The next block; none at the end. An empty stream has no block.
    pub(in crate::storage::import) fn next_block(&mut self) -> Result<Option<Block>> {
        let mut wanted = self.block_bytes;
        // What was put back may be whole records that nobody has to wait for.
        let mut is_filled = self.as_it_comes && !self.ended && self.last_whole_record() > 0;
        loop {
            if !std::mem::take(&mut is_filled) {
                self.fill(wanted)?;
            }
            let cut = if self.ended { self.end_of_body() } else { self.last_whole_record() };
            if cut > 0 {
                let rest = self.pending[cut..].to_vec();
                let mut bytes = std::mem::replace(&mut self.pending, rest);
                self.search_anew();
                bytes.truncate(cut);
                let offset = self.offset;
                self.offset += cut as u64;
                if self.ended {
                    // What is left is the footer, which must not be looked for again after `put_back`.
                    self.pending.clear();
                    self.footer_lines = 0;
                }
                return Ok(Some(Block { bytes, offset }));
            }
            if self.ended {
                return Ok(None);
            }
            // One record, or the lines of the footer, fill all of it. Twice as much each time keeps the work linear.
            if self.pending.len() > CSV_RECORD_BYTES_MAX {
                let hint = match self.dialect.quote {
                    Some(_) => "a quote may lack its end, or the file is not delimited text",
                    None => "the file may not be delimited text",
                };
                return Err(Error::limit(format!("a record has more than {CSV_RECORD_BYTES_MAX} bytes"))
                    .at_path(Path::new(&self.name))
                    .at_offset(self.offset)
                    .hint(hint));
            }
            wanted = self.block_bytes.max(self.pending.len() * 2);
        }
    }

    /// True where the first object of a text of JSON goes on behind its first line. Reads on until either ends.
    pub(super) fn begins_with_spanning_object(&mut self) -> Result<bool> {
        loop {
            let text = &self.pending;
            if let Some(start) = text.iter().position(|byte| !is_between_objects(*byte)) {
                if text[start] != b'{' {
                    return Ok(false);
                }
                if let Some(end) = object_end(text, start) {
                    // A line end behind the object goes with it.
                    let brace = memchr::memrchr(b'}', &text[start..end]).unwrap_or(0);
                    return Ok(memchr::memchr2(b'\n', b'\r', &text[start..start + brace]).is_some());
                }
            }
            if self.ended || text.len() > CSV_RECORD_BYTES_MAX {
                return Ok(false);
            }
            let length = text.len();
            self.fill(self.block_bytes.max(length * 2))?;
        }
    }

    /// Errs where the begin is that of a file of another kind.
    pub(super) fn refuse_other_than_text(&self) -> Result<()> {
        refuse_other_than_text(&self.pending, Path::new(&self.name))
    }

    /// Leaves out a first line that says to Excel what is between fields. Gives that.
    pub(super) fn skip_sep_line(&mut self) -> Result<Option<u8>> {
        while !self.ended && self.pending.len() < SEP_LINE_BYTES && !self.pending.contains(&b'\n') {
            self.fill(SEP_LINE_BYTES)?;
        }
        let Some((delimiter, end)) = sep_line(&self.pending) else { return Ok(None) };
        self.advance(end);
        Ok(Some(delimiter))
    }

    /// What has been read and not handed out: whole records of the dialect.
    pub(super) fn begin(&mut self) -> &[u8] {
        let end = if self.ended { self.end_of_body() } else { self.last_whole_record() };
        &self.pending[..end]
    }

    /// Cuts blocks in another way from here on.
    pub(super) fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.search_anew();
    }

    /// Puts back a block's bytes from `at` on: what follows the header.
    pub(super) fn put_back(&mut self, block: Block, at: usize) {
        let mut bytes = block.bytes;
        bytes.drain(..at);
        self.offset = block.offset + at as u64;
        bytes.append(&mut self.pending);
        self.pending = bytes;
        self.search_anew();
    }

    fn search_anew(&mut self) {
        self.searched = 0;
        self.object = ObjectSearch::default();
    }

    /// Where the last whole record ends; 0 if there is none. One that comes a little at a time is not looked through each time.
    fn last_whole_record(&mut self) -> usize {
        let fresh = &self.pending[self.searched.min(self.pending.len())..];
        let is_object = self.dialect.json == Some(JsonForm::Spanning);
        let may_end = match is_object {
            true => self.object.find(&self.pending).is_some(),
            false => memchr::memchr2(b'\n', b'\r', fresh).is_some(),
        };
        let end = if may_end { self.find_last_whole_record() } else { 0 };
        // Of a CR at the end nobody knows yet what it is.
        self.searched = if end == 0 { self.pending.len().saturating_sub(1) } else { 0 };
        if end > 0 || is_object && may_end {
            self.object = ObjectSearch::default();
        }
        end
    }

    fn find_last_whole_record(&mut self) -> usize {
        #[cfg(test)]
        {
            self.searches += 1;
        }
        let body = match self.footer_lines {
            0 => &self.pending[..],
            lines => &self.pending[..start_of_last_lines(&self.pending, lines)],
        };
        // The body may be cut in the middle of a quoted field; the records before that are whole all the same.
        self.dialect.last_record_end(body)
    }

    fn end_of_body(&self) -> usize {
        match self.footer_lines {
            0 => self.pending.len(),
            lines => start_of_last_lines(&self.pending, lines),
        }
    }

    fn skip_line(&mut self) -> Result<bool> {
        loop {
            let end = memchr::memchr2(b'\n', b'\r', &self.pending);
            match end {
                Some(at) if at + 1 < self.pending.len() || self.ended || self.pending[at] == b'\n' => {
                    let pair = self.pending[at] == b'\r' && self.pending.get(at + 1) == Some(&b'\n');
                    self.advance(at + 1 + usize::from(pair));
                    return Ok(true);
                }
                _ if self.ended => {
                    self.advance(self.pending.len());
                    return Ok(false);
                }
                _ => {
                    // Nobody needs the text of a skipped line: keep the last byte, which may be a CR.
                    let keep = usize::from(end.is_some());
                    self.advance(self.pending.len() - keep);
                    self.fill(self.block_bytes.max(2))?;
                }
            }
        }
    }

    fn advance(&mut self, count: usize) {
        self.pending.drain(..count);
        self.search_anew();
        self.offset += count as u64;
    }

    /// Reads until `wanted` bytes are pending or the stream ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let mut length = self.pending.len();
        if self.ended || length >= wanted {
            return Ok(());
        }
        // A pipe gives little at a time: room for much more would be made again and again.
        let wanted = if self.as_it_comes { wanted.min(length + self.block_bytes) } else { wanted };
        self.pending.resize(wanted, 0);
        while length < wanted {
            match self.reader.read(&mut self.pending[length..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => {
                    length += count;
                    if self.as_it_comes {
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.pending.truncate(length);
                    let error = read_error(Path::new(&self.name), error);
                    return Err(match error.kind() {
                        ErrorKind::Cancelled => error,
                        _ => error.at_offset(self.offset + length as u64),
                    });
                }
            }
        }
        self.pending.truncate(length);
        Ok(())
    }
}

/// Where the last `lines` lines begin; a text that does not end in a line end has one more line than line ends.
fn start_of_last_lines(bytes: &[u8], lines: usize) -> usize {
    let mut at = bytes.len();
    for _ in 0..lines {
        if at == 0 {
            break;
        }
        let line = &bytes[..at];
        let end =
            if line.ends_with(b"\r\n") { at - 2 } else { at - usize::from(matches!(line[at - 1], b'\n' | b'\r')) };
        at = memchr::memrchr2(b'\n', b'\r', &bytes[..end]).map_or(0, |end| end + 1);
    }
    debug_assert!(count_line_ends(&bytes[at..]) <= lines as u64);
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn blocks(text: &str, options: &CsvOptions) -> Result<(Vec<String>, u64)> {
        let mut lines = 0;
        let mut reader =
            BlockReader::start("x".into(), Box::new(Cursor::new(text.as_bytes().to_vec())), options, &mut lines)?;
        let mut all = Vec::new();
        while let Some(block) = reader.next_block()? {
            assert_eq!(&text.as_bytes()[block.offset as usize..][..block.bytes.len()], block.bytes);
            all.push(String::from_utf8(block.bytes).unwrap());
        }
        Ok((all, lines))
    }

    #[test]
    fn streams_are_cut_at_records() {
        let options = |skip_lines, skip_footer_lines| CsvOptions {
            block_bytes: 16,
            skip_lines,
            skip_footer_lines,
            ..CsvOptions::default()
        };
        for (options, text, expected) in [
            (options(0, 0), "", vec![]),
            (options(0, 0), "a,b", vec!["a,b"]),
            (options(0, 0), "0123456789\n0123456789\n", vec!["0123456789\n", "0123456789\n"]),
            (options(0, 0), "a\n\"0123456789\n0123456789\n\"\nb", vec!["a\n", "\"0123456789\n0123456789\n\"\nb"]),
            (options(0, 0), "\u{FEFF}a,b\n", vec!["a,b\n"]),
            (options(1, 0), "skip me\na,b\n", vec!["a,b\n"]),
            (options(2, 0), "skip\r\na long line to skip, as well\r\na,b\n", vec!["a,b\n"]),
            (options(1, 0), "a very long line without an end", vec![]),
            (options(0, 1), "a,b\nfooter\n", vec!["a,b\n"]),
            (options(0, 2), "a,b\n0123456789\n0123456789\nfooter\r\nfooter", vec!["a,b\n", "0123456789\n0123456789\n"]),
            (options(0, 5), "a\nb\n", vec![]),
        ] {
            assert_eq!(blocks(text, &options).unwrap().0, expected, "{text:?}");
        }
        assert_eq!(blocks("x\ny\rz\n", &options(2, 0)).unwrap().1, 2);
        assert!(blocks("\u{FFFE}", &options(0, 0)).is_ok());
        let utf16 = Box::new(Cursor::new(vec![0xFF, 0xFE, 65, 0]));
        let mut utf16 = BlockReader::start("x".into(), utf16, &options(0, 0), &mut 0).unwrap();
        assert_eq!(utf16.next_block().unwrap().unwrap().bytes, b"A");
    }

    #[test]
    fn a_record_that_comes_in_drops_is_looked_through_once() {
        struct Drops(Vec<u8>, usize);
        impl Read for Drops {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let count = buffer.len().min(500).min(self.0.len() - self.1);
                buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
                self.1 += count;
                Ok(count)
            }
        }
        let long = "x".repeat(1 << 20);
        let json = |form| Dialect { json: Some(form), ..Dialect::default() };
        for (dialect, text, expected) in [
            (Dialect::default(), format!("a,{long}\nb\n"), 2),
            (Dialect { quote: None, ..Dialect::default() }, format!("{long}\r\nb\r"), 2),
            (json(JsonForm::Lines), format!("{{\"a\":\"{long}\"}}\n{{}}\n"), 2),
            (json(JsonForm::Spanning), format!("{{\"a\":[{{}},{{}}],\n\"b\":\"{long}\"}}\n{{}}\n"), 2),
            (json(JsonForm::Spanning), format!("{{\"a\":[{}],\n\"b\":1}}\n{{}}\n", "{},\n".repeat(1 << 18)), 2),
        ] {
            let options = CsvOptions { dialect, as_it_comes: true, block_bytes: 4096, ..CsvOptions::default() };
            let reader = Box::new(Drops(text.clone().into_bytes(), 0));
            let mut reader = BlockReader::start("x".into(), reader, &options, &mut 0).unwrap();
            let mut blocks = Vec::new();
            while let Some(block) = reader.next_block().unwrap() {
                blocks.extend(block.bytes);
            }
            assert_eq!(blocks, text.as_bytes());
            assert!(reader.searches <= expected + 2, "{dialect:?}: {} times", reader.searches);
        }
        // Half of a byte order mark.
        struct One(Vec<u8>);
        impl Read for One {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                if self.0.is_empty() {
                    return Ok(0);
                }
                buffer[0] = self.0.remove(0);
                Ok(1)
            }
        }
        let options = CsvOptions { as_it_comes: true, ..CsvOptions::default() };
        let one = Box::new(One("\u{FEFF}a\n".as_bytes().to_vec()));
        let mut reader = BlockReader::start("x".into(), one, &options, &mut 0).unwrap();
        assert_eq!(reader.next_block().unwrap().unwrap().bytes, b"a\n");
    }

    #[test]
    fn a_record_without_end_is_refused_within_bounded_memory() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b'x');
                if self.0 == 0 {
                    buffer[..2].copy_from_slice(b"a\n");
                }
                self.0 += buffer.len() as u64;
                assert!(self.0 < 4 * CSV_RECORD_BYTES_MAX as u64, "reads on and on");
                Ok(buffer.len())
            }
        }
        let options = CsvOptions::default();
        let mut reader = BlockReader::start("x".into(), Box::new(Endless(0)), &options, &mut 0).unwrap();
        assert_eq!(reader.next_block().unwrap().unwrap().bytes, b"a\n");
        let error = reader.next_block().unwrap_err();
        assert!(error.to_string().contains("more than 67108864 bytes") && error.offset() == Some(2), "{error}");
    }
}
