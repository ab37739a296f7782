//! Sealed symbol tables: the strings of one column, sorted, with their ends.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 16 | [`header`] |
//! | 16 | 8 | number of strings |
//! | 24 | 8 | bytes of text |
//! | 32 | 4 | CRC-32 of the ends |
//! | 36 | 4 | CRC-32 of the text |
//! | 40 | 4 | zero |
//! | 44 | 4 | CRC-32 of bytes 0 to 43: the seal |
//! | 48 | 8 a string | end of each string in the text |
//! | then | | the text, UTF-8, to the end of the file |

use super::encoding::Lane;
use super::header::{self, FileKind};
use crate::base::{Error, Result};
use crate::memory::Symbols;
use crate::memory::symbols::compare_utf16;
use bytes::Bytes;

/// The format version written and read.
pub const VERSION: u16 = 1;
const HEAD_BYTES: usize = 48;

/// The bytes of a table of distinct strings, which must ascend by UTF-16 code units, and their seal.
pub fn encode<'a>(strings: impl IntoIterator<Item = &'a str>) -> Result<(Vec<u8>, u32)> {
    let (mut ends, mut text) = (Vec::new(), String::new());
    let mut before: Option<&str> = None;
    for string in strings {
        if before.is_some_and(|before| compare_utf16(before, string).is_ge()) {
            return Err(Error::invalid(format!("{string:?} does not ascend in a sorted symbol table")));
        }
        before = Some(string);
        text.push_str(string);
        (text.len() as u64).write_le(&mut ends);
    }
    let mut bytes = header::encode(FileKind::SealedSymbols, VERSION).to_vec();
    ((ends.len() / 8) as u64).write_le(&mut bytes);
    (text.len() as u64).write_le(&mut bytes);
    crc32fast::hash(&ends).write_le(&mut bytes);
    crc32fast::hash(text.as_bytes()).write_le(&mut bytes);
    0u32.write_le(&mut bytes);
    let seal = crc32fast::hash(&bytes);
    seal.write_le(&mut bytes);
    bytes.extend_from_slice(&ends);
    bytes.extend_from_slice(text.as_bytes());
    Ok((bytes, seal))
}

/// Opens a table over its bytes, without a copy; returns the seal too. Verifies all checksums: O(bytes), at memory speed.
pub fn open(bytes: &Bytes) -> Result<(Symbols, u32)> {
    header::check(bytes, FileKind::SealedSymbols, VERSION..=VERSION)?;
    if bytes.len() < HEAD_BYTES {
        return Err(Error::corrupt(format!("the symbol table ends after {} bytes", bytes.len())));
    }
    let seal = u32::read_le(&bytes[44..]);
    verify("head", &bytes[..44], seal, 0)?;
    let (count, text_bytes) = (u64::read_le(&bytes[16..]), u64::read_le(&bytes[24..]));
    let text_at = count.checked_mul(8).and_then(|ends| ends.checked_add(HEAD_BYTES as u64));
    if text_at.and_then(|at| at.checked_add(text_bytes)) != Some(bytes.len() as u64) {
        return Err(Error::corrupt(format!("{count} strings in {text_bytes} bytes do not fit the file")).at_offset(16));
    }
    let text_at = HEAD_BYTES + count as usize * 8;
    let (ends, text) = (bytes.slice(HEAD_BYTES..text_at), bytes.slice(text_at..));
    verify("index", &ends, u32::read_le(&bytes[32..]), HEAD_BYTES)?;
    verify("text", &text, u32::read_le(&bytes[36..]), text_at)?;
    Ok((Symbols::from_parts(ends, text, true, true)?, seal))
}

fn verify(what: &str, bytes: &[u8], stored: u32, at: usize) -> Result<()> {
    let computed = crc32fast::hash(bytes);
    if computed == stored {
        return Ok(());
    }
    Err(Error::corrupt(format!("the symbol table's {what} has the checksum {computed:08x}, not {stored:08x}"))
        .at_offset(at as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_round_trip_and_damage_shows() {
        for strings in [vec![], vec![""], vec!["", "AAPL", "SPY", "\u{1F600}", "\u{FFFD}"]] {
            let (bytes, seal) = encode(strings.iter().copied()).unwrap();
            let (symbols, found) = open(&Bytes::from(bytes.clone())).unwrap();
            assert_eq!((symbols.iter().collect::<Vec<_>>(), found), (strings, seal));
            assert!(symbols.is_sorted() && symbols.is_distinct());
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(open(&Bytes::from(damaged)).unwrap_err().is_corrupt(), "bit {bit}");
            }
            for length in 0..bytes.len() {
                assert!(open(&Bytes::copy_from_slice(&bytes[..length])).unwrap_err().is_corrupt(), "length {length}");
            }
        }
        assert!(encode(["b", "a"]).is_err());
        assert!(encode(["a", "a"]).is_err());
    }
}
