//! Small records in files of their own: header, length, checksum, and a structure in bincode's standard form. The one place that uses bincode.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 16 | [`header`] |
//! | 16 | 4 | length of the content |
//! | 20 | 4 | CRC-32 of the header, the length and the content |
//! | 24 | length | content; the file ends with it |
//!
//! Lengths inside the content are bounded before anything is allocated for them.

use super::header::{self, FileKind, HEADER_BYTES};
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

const CHECKSUM_AT: usize = HEADER_BYTES + 4;
const CONTENT_AT: usize = HEADER_BYTES + 8;

/// The bytes of a record's file.
pub fn encode<T: Serialize>(kind: FileKind, version: u16, value: &T) -> Result<Vec<u8>> {
    let content = bincode::serde::encode_to_vec(value, config())
        .map_err(|e| Error::invalid(format!("the {} cannot be written: {e}", kind.name())))?;
    if content.len() > RECORD_BYTES_MAX {
        return Err(Error::limit(format!(
            "the {} has {} bytes, the most is {RECORD_BYTES_MAX}",
            kind.name(),
            content.len()
        )));
    }
    let mut bytes = header::encode(kind, version).to_vec();
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&checksum(&bytes, &content).to_le_bytes());
    bytes.extend_from_slice(&content);
    Ok(bytes)
}

/// The structure in a record's file, of exactly this kind and version. Errs of kind `Corrupt` or `UnknownVersion`, with the offset.
pub fn decode<T: DeserializeOwned>(kind: FileKind, version: u16, bytes: &[u8]) -> Result<T> {
    header::check(bytes, kind, version..=version)?;
    let name = kind.name();
    let (Some(length), Some(stored)) = (read_u32(bytes, HEADER_BYTES), read_u32(bytes, CHECKSUM_AT)) else {
        return Err(
            Error::corrupt(format!("the {name} ends after {} bytes", bytes.len())).at_offset(bytes.len() as u64)
        );
    };
    let content = &bytes[CONTENT_AT..];
    if length as usize != content.len() {
        return Err(Error::corrupt(format!("the {name} has {} bytes of content, not {length}", content.len()))
            .at_offset(HEADER_BYTES as u64));
    }
    let computed = checksum(&bytes[..CHECKSUM_AT], content);
    if computed != stored {
        return Err(Error::corrupt(format!("the checksum of the {name} is {computed:08x}, not {stored:08x}"))
            .at_offset(CHECKSUM_AT as u64));
    }
    let (value, used) = bincode::serde::decode_from_slice(content, config())
        .map_err(|e| Error::corrupt(format!("the {name} makes no sense: {e}")).at_offset(CONTENT_AT as u64))?;
    if used != content.len() {
        return Err(Error::corrupt(format!("the {name} has {} bytes too many", content.len() - used))
            .at_offset((CONTENT_AT + used) as u64));
    }
    Ok(value)
}

/// The checksum in a record's file, by which another record can name its very content; 0 where the file is too short.
pub fn seal(bytes: &[u8]) -> u32 {
    read_u32(bytes, CHECKSUM_AT).unwrap_or(0)
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<RECORD_BYTES_MAX>()
}

fn checksum(head: &[u8], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(content);
    hasher.finalize()
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_never_believed() {
        let value = (7u64, vec!["Sym".to_string(), String::new()], Some(-1i64));
        let bytes = encode(FileKind::LocationRecord, 1, &value).unwrap();
        let read = |bytes: &[u8]| decode::<(u64, Vec<String>, Option<i64>)>(FileKind::LocationRecord, 1, bytes);
        assert_eq!(read(&bytes).unwrap(), value);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged).unwrap_err().is_corrupt(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).unwrap_err().is_corrupt(), "length {length}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).unwrap_err().is_corrupt());
        assert!(read(&vec![0; bytes.len()]).unwrap_err().to_string().contains("zeros"));
        let other = encode(FileKind::LocationRecord, 2, &value).unwrap();
        assert!(read(&other).unwrap_err().to_string().contains("has format version 2; this build reads version 1"));
        assert!(decode::<u8>(FileKind::LocationRecord, 1, &bytes).unwrap_err().to_string().contains("bytes too many"));
    }

    #[test]
    fn a_length_that_lies_allocates_nothing() {
        // A vector of 2^60 numbers, with a checksum that fits.
        let mut bytes = header::encode(FileKind::Published, 1).to_vec();
        let content = [&[253][..], &(1u64 << 60).to_le_bytes()].concat();
        bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&checksum(&bytes, &content).to_le_bytes());
        bytes.extend_from_slice(&content);
        assert!(decode::<Vec<u64>>(FileKind::Published, 1, &bytes).unwrap_err().is_corrupt());
    }
}
