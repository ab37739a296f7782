//! Texts in other encodings, turned into UTF-8 as they are read.

use super::CsvInput;
use crate::base::{Error, Result};
use std::io::{ErrorKind, Read};
use std::str::FromStr;

/// How characters are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Utf8,
    /// ISO 8859-1: each byte is the character of its number.
    Latin1,
    /// As Latin-1, with 27 more characters.
    Windows1252,
    /// Two or four bytes a character; the byte order mark at the begin says which comes first, or without one the lower.
    Utf16,
    /// The lower byte first.
    Utf16Le,
    /// The higher byte first.
    Utf16Be,
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Encoding::Utf8,
            "latin1" | "latin-1" | "iso-8859-1" => Encoding::Latin1,
            "windows-1252" | "cp1252" => Encoding::Windows1252,
            "utf-16" | "utf16" => Encoding::Utf16,
            "utf-16le" => Encoding::Utf16Le,
            "utf-16be" => Encoding::Utf16Be,
            _ => {
                return Err(Error::invalid(format!("unknown encoding {text:?}"))
                    .hint("the encodings are utf-8, latin1, windows-1252, utf-16, utf-16le and utf-16be"));
            }
        })
    }
}

impl Encoding {
    /// The word in schemas and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Latin1 => "latin1",
            Encoding::Windows1252 => "windows-1252",
            Encoding::Utf16 => "utf-16",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
        }
    }
}

impl CsvInput {
    /// The same text as UTF-8. Offsets in messages are those of the UTF-8 text.
    pub(super) fn decoded(mut self, encoding: Encoding) -> Self {
        if encoding != Encoding::Utf8 {
            self.reader = Box::new(Decoder::new(self.reader, encoding));
        }
        self
    }
}

/// What the bytes from 0x80 to 0x9F are in Windows-1252; the five without a character are the controls of Latin-1.
const WINDOWS: [u16; 32] = [
    0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D,
    0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,
    0x017E, 0x0178,
];
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// A reader of UTF-8.
pub(super) struct Decoder {
    reader: Box<dyn Read + Send>,
    encoding: Encoding,
    /// Bytes that are no whole character yet.
    rest: Vec<u8>,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Decoder {
    pub(super) fn new(reader: Box<dyn Read + Send>, encoding: Encoding) -> Self {
        Decoder { reader, encoding, rest: Vec::new(), ready: Vec::new(), at: 0, ended: false }
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut raw = std::mem::take(&mut self.rest);
        let start = raw.len();
        raw.resize(start + READ_BYTES, 0);
        let count = self.reader.read(&mut raw[start..])?;
        raw.truncate(start + count);
        self.ended = count == 0;
        self.ready.clear();
        self.at = 0;
        match self.encoding {
            Encoding::Utf8 => self.ready = raw,
            Encoding::Latin1 => self.narrow(&raw, u16::from),
            Encoding::Windows1252 => self.narrow(&raw, |byte| match byte {
                0x80..=0x9F => WINDOWS[usize::from(byte - 0x80)],
                other => u16::from(other),
            }),
            Encoding::Utf16 if raw.len() < 2 && !self.ended => self.rest = raw,
            Encoding::Utf16 => {
                self.encoding = if raw.starts_with(&[0xFE, 0xFF]) { Encoding::Utf16Be } else { Encoding::Utf16Le };
                let marked = raw.starts_with(&[0xFE, 0xFF]) || raw.starts_with(&[0xFF, 0xFE]);
                self.wide(&raw[if marked { 2 } else { 0 }..])?;
            }
            Encoding::Utf16Le | Encoding::Utf16Be => self.wide(&raw)?,
        }
        Ok(())
    }

    fn narrow(&mut self, raw: &[u8], character: impl Fn(u8) -> u16) {
        for &byte in raw {
            let c = char::from_u32(u32::from(character(byte))).unwrap_or(char::REPLACEMENT_CHARACTER);
            self.ready.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Half a pair of surrogates at the end waits for more.
    fn wide(&mut self, raw: &[u8]) -> std::io::Result<()> {
        let big = self.encoding == Encoding::Utf16Be;
        let unit = |pair: &[u8]| {
            if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) }
        };
        let mut whole = raw.len() / 2 * 2;
        if whole >= 2 && (0xD800..0xDC00).contains(&unit(&raw[whole - 2..whole])) {
            whole -= 2;
        }
        self.rest = raw[whole..].to_vec();
        if self.ended && !self.rest.is_empty() {
            return Err(std::io::Error::new(
                ErrorKind::InvalidData,
                Error::parse("the text of UTF-16 ends within a character"),
            ));
        }
        for c in char::decode_utf16(raw[..whole].chunks_exact(2).map(unit)) {
            let Ok(c) = c else {
                return Err(std::io::Error::new(
                    ErrorKind::InvalidData,
                    Error::parse("the text is not UTF-16: half a pair of surrogates"),
                ));
            };
            self.ready.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            self.more()?;
        }
        let count = buffer.len().min(self.ready.len() - self.at);
        buffer[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A byte a read: characters are cut wherever they can be.
    struct Dripping(Cursor<Vec<u8>>);

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let room = buffer.len().min(1);
            self.0.read(&mut buffer[..room])
        }
    }

    fn decode(bytes: &[u8], encoding: &str) -> std::io::Result<String> {
        let read = |reader: Box<dyn Read + Send>| {
            let mut text = String::new();
            CsvInput::new("x", reader).decoded(encoding.parse().unwrap()).reader.read_to_string(&mut text).map(|_| text)
        };
        let whole = read(Box::new(Cursor::new(bytes.to_vec())));
        let dripped = read(Box::new(Dripping(Cursor::new(bytes.to_vec()))));
        assert_eq!(whole.as_ref().ok(), dripped.as_ref().ok());
        whole
    }

    #[test]
    fn texts_become_utf8() {
        let le = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let be = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let text = "naïve,€ 🦀\r\n";
        assert_eq!(decode("é".as_bytes(), "UTF-8").unwrap(), "é");
        assert_eq!(decode(b"na\xefve\x80", "latin1").unwrap(), "naïve\u{80}");
        assert_eq!(decode(b"na\xefve\x80\x99", "cp1252").unwrap(), "naïve€™");
        assert_eq!(decode(&le(text), "utf-16le").unwrap(), text);
        assert_eq!(decode(&be(text), "utf-16be").unwrap(), text);
        assert_eq!(decode(&le(&format!("\u{feff}{text}")), "utf-16").unwrap(), text);
        assert_eq!(decode(&be(&format!("\u{feff}{text}")), "utf-16").unwrap(), text);
        assert_eq!(decode(&le(text), "utf-16").unwrap(), text);
        assert_eq!(decode(b"", "utf-16").unwrap(), "");
        assert!(decode(&le(text)[..5], "utf-16").is_err());
        assert!(decode(&[0x00, 0xD8, 0x41, 0x00], "utf-16le").is_err());
        assert!("utf-32".parse::<Encoding>().is_err());
    }
}
