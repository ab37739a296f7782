//! Files of other versions, other kinds and other programs: refused by every reader, with what was found and what is read.

use super::commit::slot::{self, DecodedSlot, PAGE_BYTES};
use super::group;
use super::grouping;
use super::header::{self, FileKind, HEADER_BYTES};
use super::location_record::{LocationRecord, PublishedRecord};
use super::samples;
use super::sealed_bytes::SealedBytes;
use super::sealed_column::SealedColumn;
use super::sealed_symbols;
use crate::base::{ColumnType, ErrorKind, Result};
use bytes::Bytes;

/// Reads a file as its kind.
fn read(kind: FileKind, bytes: &[u8]) -> Result<()> {
    match kind {
        FileKind::Commit => slot::decode_head(bytes).map(drop),
        FileKind::CommitBody => match slot::decode(&samples::wide_slot().page, 2, *b"0123456789abcdef")? {
            DecodedSlot::Aside(aside) => aside.with_side_file(bytes).map(drop),
            _ => unreachable!("the sample's columns do not fit the slot"),
        },
        FileKind::Group => group::decode_head(bytes).map(drop),
        FileKind::SealedColumn => SealedColumn::open(Bytes::copy_from_slice(bytes)).map(drop),
        FileKind::SealedBytes => SealedBytes::open(Bytes::copy_from_slice(bytes)).map(drop),
        FileKind::SealedSymbols => sealed_symbols::open(&Bytes::copy_from_slice(bytes)).map(drop),
        FileKind::Grouping => grouping::decode(bytes, ColumnType::Long, 9).map(drop),
        FileKind::LocationRecord => LocationRecord::decode(bytes).map(drop),
        FileKind::Published => PublishedRecord::decode(bytes).map(drop),
    }
}

#[test]
fn fault_19_other_versions_are_refused_by_name() {
    for (kind, good) in samples::files() {
        read(kind, &good).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
        let supported = kind.version();
        for found in [0, supported + 1, 999, u16::MAX] {
            let mut other = good.clone();
            other[..HEADER_BYTES].copy_from_slice(&header::encode(kind, found));
            let error = read(kind, &other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownVersion, "{error}");
            let expected =
                format!("the {} has format version {found}; this build reads version {supported}", kind.name());
            assert!(error.to_string().contains(&expected), "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
    }
}

#[test]
fn fault_19_other_kinds_and_foreign_files_are_refused() {
    // Parquet, Arrow, zip, our magic backwards, text, and our own header in the other byte order.
    let foreign: [&[u8]; 6] =
        [b"PAR1\x15\x04\x15\x80", b"ARROW1\0\0", b"PK\x03\x04\x14\0\0\0", b"RETSALIP", b"Sym,Bid\n", b"PILASTER"];
    for (kind, good) in samples::files() {
        for magic in foreign {
            let mut other = good.clone();
            other[..8].copy_from_slice(magic);
            if magic == header::MAGIC {
                for field in [8..10, 10..12] {
                    other[field].reverse();
                }
                let checksum = crc32fast::hash(&other[..12]);
                other[12..16].copy_from_slice(&checksum.to_le_bytes());
            }
            let error = read(kind, &other).unwrap_err();
            assert!(error.is_corrupt(), "{error}");
            assert!(error.to_string().contains(kind.name()), "{error}");
            assert!(error.offset().is_some(), "{error}");
        }
        for (other, bytes) in samples::files().into_iter().filter(|(other, _)| *other != kind) {
            let error = read(kind, &bytes).unwrap_err().to_string();
            assert!(error.contains(other.name()) && error.contains(kind.name()), "{error}");
        }
    }
}

#[test]
fn fault_19_a_newer_commit_record_is_never_passed_over() {
    let file = samples::file(FileKind::Commit);
    let location = slot::decode_head(&file).unwrap();
    let at = slot::slot_offset(1) as usize;
    let checksum_at = slot::FIELDS.iter().find(|field| field.name == "checksum of the slot").unwrap().at;
    for found in [0u16, slot::VERSION + 1, u16::MAX] {
        let mut page = file[at..at + PAGE_BYTES].to_vec();
        page[4..6].copy_from_slice(&found.to_le_bytes());
        let checksum = crc32fast::hash(&page[..checksum_at]);
        page[checksum_at..checksum_at + 4].copy_from_slice(&checksum.to_le_bytes());
        let error = slot::decode(&page, 1, location).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownVersion);
        let expected =
            format!("the commit record has format version {found}; this build reads version {}", slot::VERSION);
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
