//! The sixteen bytes at the head of every metadata file: magic, kind, version, checksum.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `PILASTER` |
//! | 8 | 2 | kind, [`FileKind::code`] |
//! | 10 | 2 | format version of that kind |
//! | 12 | 4 | CRC-32 of the twelve bytes before |
//!
//! Integers are little-endian, as everywhere on disk. A reader that meets a kind or version it does not know says so by
//! name; it never guesses.

use crate::base::{Error, ErrorKind, Result};
use std::ops::RangeInclusive;

/// First bytes of every metadata file.
pub const MAGIC: [u8; 8] = *b"PILASTER";
/// Bytes of the header.
pub const HEADER_BYTES: usize = 16;
const KIND_AT: usize = 8;
const VERSION_AT: usize = 10;
const CHECKSUM_AT: usize = 12;
const _: () = assert!(KIND_AT == MAGIC.len() && VERSION_AT == KIND_AT + 2 && CHECKSUM_AT == VERSION_AT + 2);
const _: () = assert!(HEADER_BYTES == CHECKSUM_AT + 4);

/// What a file is. Codes are never reused; zero is never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Commit records of an intraday location.
    Commit,
    /// The columns of one commit record, where they do not fit its slot.
    CommitBody,
    /// Which commits over several intraday locations of a source are published.
    Group,
    /// Values of a column of a historical location.
    SealedColumn,
    /// Sorted strings of a column of a historical location.
    SealedSymbols,
    /// Where the rows of each value of a grouping column lie.
    Grouping,
    /// What a historical location consists of.
    LocationRecord,
    /// Which version of a historical partition is current.
    Published,
    /// Bytes of the values of a column of a historical location.
    SealedBytes,
}

impl FileKind {
    /// All kinds.
    pub const ALL: &[FileKind] = &[
        FileKind::Commit,
        FileKind::CommitBody,
        FileKind::Group,
        FileKind::SealedColumn,
        FileKind::SealedSymbols,
        FileKind::Grouping,
        FileKind::LocationRecord,
        FileKind::Published,
        FileKind::SealedBytes,
    ];

    /// The number in the header.
    pub const fn code(self) -> u16 {
        match self {
            FileKind::Commit => 1,
            FileKind::CommitBody => 2,
            FileKind::Group => 3,
            FileKind::SealedColumn => 16,
            FileKind::SealedSymbols => 17,
            FileKind::Grouping => 18,
            FileKind::LocationRecord => 19,
            FileKind::Published => 20,
            FileKind::SealedBytes => 21,
        }
    }

    /// The words in messages.
    pub const fn name(self) -> &'static str {
        match self {
            FileKind::Commit => "commit file",
            FileKind::CommitBody => "commit body",
            FileKind::Group => "group file",
            FileKind::SealedColumn => "sealed column",
            FileKind::SealedSymbols => "sealed symbol table",
            FileKind::Grouping => "grouping index",
            FileKind::LocationRecord => "location record",
            FileKind::Published => "published version",
            FileKind::SealedBytes => "file of sealed bytes",
        }
    }

    /// The format version of the kind that this build writes, the only one it reads.
    pub const fn version(self) -> u16 {
        match self {
            FileKind::Commit | FileKind::CommitBody => super::commit::slot::VERSION,
            FileKind::Group => super::group::VERSION,
            FileKind::SealedColumn => super::sealed_column::VERSION,
            FileKind::SealedSymbols => super::sealed_symbols::VERSION,
            FileKind::SealedBytes => super::sealed_bytes::VERSION,
            FileKind::Grouping => super::grouping::VERSION,
            FileKind::LocationRecord | FileKind::Published => super::location_record::VERSION,
        }
    }

    /// The kind of a number in a header.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// The header of a file.
pub fn encode(kind: FileKind, version: u16) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..KIND_AT].copy_from_slice(&MAGIC);
    bytes[KIND_AT..VERSION_AT].copy_from_slice(&kind.code().to_le_bytes());
    bytes[VERSION_AT..CHECKSUM_AT].copy_from_slice(&version.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
    bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks that a file begins with the header of a kind, in one of the versions that the caller reads, and returns the version.
///
/// `bytes` is the file, or as much of its beginning as there is. Empty and zero-filled files are damage, whatever their
/// kind: a metadata file that lost its content must not pass for one that has none.
pub fn check(bytes: &[u8], kind: FileKind, supported: RangeInclusive<u16>) -> Result<u16> {
    let name = kind.name();
    if bytes.is_empty() {
        return Err(Error::corrupt(format!("the {name} is empty")).at_offset(0));
    }
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return Err(Error::corrupt(format!("the {name} ends within its header, after {} bytes", bytes.len()))
            .at_offset(bytes.len() as u64));
    };
    if header.iter().all(|&byte| byte == 0) {
        return Err(Error::corrupt(format!("the {name} begins with zeros")).at_offset(0));
    }
    if header[..KIND_AT] != MAGIC {
        return Err(Error::corrupt(format!("this is not a {name}: its magic is missing")).at_offset(0));
    }
    let stored = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    let computed = crc32fast::hash(&header[..CHECKSUM_AT]);
    if stored != computed {
        return Err(Error::corrupt(format!("the header's checksum is {computed:08x}, not {stored:08x}"))
            .at_offset(CHECKSUM_AT as u64));
    }
    let code = u16::from_le_bytes([header[KIND_AT], header[KIND_AT + 1]]);
    if code != kind.code() {
        let found = FileKind::from_code(code).map_or("file of an unknown kind", FileKind::name);
        return Err(Error::corrupt(format!("this is a {found} (kind {code}), not a {name}")).at_offset(KIND_AT as u64));
    }
    let version = u16::from_le_bytes([header[VERSION_AT], header[VERSION_AT + 1]]);
    if !supported.contains(&version) {
        return Err(unknown_version(name, version, supported).at_offset(VERSION_AT as u64));
    }
    Ok(version)
}

/// The error for a structure of a version that this build does not read.
pub fn unknown_version(name: &str, found: u16, supported: RangeInclusive<u16>) -> Error {
    let (first, last) = (supported.start(), supported.end());
    let known = if first == last { format!("version {last}") } else { format!("versions {first} to {last}") };
    Error::new(ErrorKind::UnknownVersion, format!("the {name} has format version {found}; this build reads {known}"))
        .hint("a newer Pilaster wrote it: use that one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_one_in_the_specification() {
        let bytes = encode(FileKind::Commit, 1);
        assert_eq!(bytes[..12], *b"PILASTER\x01\0\x01\0");
        assert_eq!(check(&bytes, FileKind::Commit, 1..=1).unwrap(), 1);
        for (position, kind) in FileKind::ALL.iter().enumerate() {
            assert_eq!(FileKind::from_code(kind.code()), Some(*kind));
            assert!(FileKind::ALL[position + 1..].iter().all(|other| other.code() != kind.code()));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = encode(FileKind::Commit, 7);
        let said = |bytes: &[u8], kind| check(bytes, kind, 1..=3).unwrap_err().to_string();
        assert!(said(&good, FileKind::Commit).contains("has format version 7; this build reads versions 1 to 3"));
        assert!(said(&good, FileKind::CommitBody).contains("this is a commit file (kind 1), not a commit body"));
        assert!(said(&[], FileKind::Commit).contains("is empty"));
        assert!(said(&good[..9], FileKind::Commit).contains("after 9 bytes"));
        assert!(said(&[0; 64], FileKind::Commit).contains("begins with zeros"));
        assert!(said(b"PK\x03\x04 a zip archive", FileKind::Commit).contains("magic is missing"));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes = encode(FileKind::Commit, 1);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bytes, FileKind::Commit, 1..=1).unwrap_err().is_corrupt(), "bit {bit}");
        }
    }
}
