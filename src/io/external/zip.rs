//! Zip archives with one file in them, unpacked on the way from start to end.

use flate2::bufread::DeflateDecoder;
use std::io::{BufReader, Error, ErrorKind, Read, Result};

/// What an entry begins with.
pub(super) const MAGIC: [u8; 4] = [b'P', b'K', 3, 4];
/// What the list of entries at the end begins with, and the sums behind an entry.
const DIRECTORY: [u8; 4] = [b'P', b'K', 1, 2];
const SUMS: [u8; 4] = [b'P', b'K', 7, 8];

/// The first file in a workbook of Excel.
const WORKBOOK: &[u8] = b"[Content_Types].xml";

/// The content of the one file of an archive; directories are passed over.
pub(super) struct OneFile {
    state: State,
}

enum State {
    /// Before an entry.
    Between(BufReader<Box<dyn Read + Send>>),
    Deflated(Box<DeflateDecoder<BufReader<Box<dyn Read + Send>>>>, Check),
    /// As it is, with so many bytes left.
    Stored(BufReader<Box<dyn Read + Send>>, u64, Check),
    Done,
}

struct Check {
    hasher: crc32fast::Hasher,
    /// Behind the content if not known before.
    expected: Option<u32>,
}

impl OneFile {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        OneFile { state: State::Between(BufReader::with_capacity(super::BUFFER_BYTES, reader)) }
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("zip: {what}"))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Starts the first entry that is a file.
fn begin(mut reader: BufReader<Box<dyn Read + Send>>) -> Result<State> {
    loop {
        let mut head = [0; 30];
        reader.read_exact(&mut head)?;
        if head[..4] != MAGIC {
            return Err(damaged("there is no file in it"));
        }
        let (flags, method) = (number(&head[6..8]), number(&head[8..10]));
        let (sum, packed) = (number(&head[14..18]) as u32, number(&head[18..22]));
        let mut name = vec![0; number(&head[26..28]) as usize];
        reader.read_exact(&mut name)?;
        let mut extra = vec![0; number(&head[28..30]) as usize];
        reader.read_exact(&mut extra)?;
        if name == WORKBOOK {
            return Err(Error::new(ErrorKind::Unsupported, "it is an Excel workbook: save the sheet as CSV"));
        }
        if flags & 1 == 1 {
            return Err(damaged("the file in it is encrypted"));
        }
        let sums_follow = flags & 8 == 8;
        if name.ends_with(b"/") && !sums_follow {
            // Nothing, which packed is a few bytes.
            std::io::copy(&mut reader.by_ref().take(packed), &mut std::io::sink())?;
            continue;
        }
        let check = Check { hasher: crc32fast::Hasher::new(), expected: (!sums_follow).then_some(sum) };
        return match method {
            8 => Ok(State::Deflated(Box::new(DeflateDecoder::new(reader)), check)),
            0 if sums_follow => Err(damaged("a file that is not packed has no size")),
            0 => Ok(State::Stored(reader, large(packed, &extra), check)),
            other => {
                Err(damaged(&format!("the file in it is packed by method {other}, which is neither deflate nor none")))
            }
        };
    }
}

/// The size of an entry, which stands elsewhere where 32 bits do not do.
fn large(size: u64, extra: &[u8]) -> u64 {
    let mut rest = extra;
    while size == u64::from(u32::MAX) && rest.len() >= 4 {
        let (kind, length) = (number(&rest[..2]), number(&rest[2..4]) as usize);
        let Some(body) = rest.get(4..4 + length) else { break };
        if kind == 1 && body.len() >= 16 {
            return number(&body[8..16]);
        }
        rest = &rest[4 + length..];
    }
    size
}

/// Compares the sum, and looks that no other file follows.
fn end(mut reader: BufReader<Box<dyn Read + Send>>, check: Check) -> Result<()> {
    let found = check.hasher.finalize();
    let mut rest = Vec::new();
    reader.by_ref().take(64).read_to_end(&mut rest)?;
    let mut at = 0;
    let expected = match check.expected {
        Some(expected) => expected,
        None => {
            at = if rest.starts_with(&SUMS) { 4 } else { 0 };
            let Some(sum) = rest.get(at..at + 4) else { return Err(ErrorKind::UnexpectedEof.into()) };
            number(sum) as u32
        }
    };
    if found != expected {
        return Err(damaged("the checksum of the file in it is wrong"));
    }
    if check.expected.is_none() {
        // Two sizes of four or eight bytes.
        at += 4 + if rest.get(at + 12..at + 14) == Some(b"PK") { 8 } else { 16 };
    }
    match rest.get(at..at + 4) {
        Some(mark) if mark == DIRECTORY => Ok(()),
        Some(mark) if mark == MAGIC => Err(Error::new(
            ErrorKind::Unsupported,
            "the archive has several files: unpack it, and name the one that is meant",
        )),
        Some(_) => Err(damaged("what follows the file is neither a file nor the list of files")),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

impl Read for OneFile {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Done => return Ok(0),
                State::Between(_) => {
                    let State::Between(reader) = std::mem::replace(&mut self.state, State::Done) else { continue };
                    self.state = begin(reader)?;
                    continue;
                }
                State::Deflated(decoder, check) => {
                    let count = decoder.read(buffer)?;
                    check.hasher.update(&buffer[..count]);
                    if count > 0 {
                        return Ok(count);
                    }
                }
                State::Stored(reader, left, check) => {
                    let room = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    let count = if room == 0 { 0 } else { reader.read(&mut buffer[..room])? };
                    check.hasher.update(&buffer[..count]);
                    *left -= count as u64;
                    if count > 0 {
                        return Ok(count);
                    }
                    if *left > 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Deflated(decoder, check) => end(decoder.into_inner(), check)?,
                State::Stored(reader, _, check) => end(reader, check)?,
                _ => {}
            }
        }
    }
}
