//! One small good file of every kind, for tests.

use super::commit::slot::{self, COMMIT_FILE_BYTES, EncodedSlot};
use super::commit::tests::sample;
use super::encoding::Codec;
use super::group::{self, GroupState};
use super::header::FileKind;
use super::location_record::{
    ColumnRecord, FileRecord, LocationRecord, PublishedRecord, PublishedStorage, SourceRecord,
};
use super::sealed_bytes::{self, SealedBytesWriter};
use super::sealed_column::{SealedColumnWriter, encode_block};
use super::{grouping, sealed_symbols};
use crate::base::ColumnType;
use crate::memory::Chunk;

/// Every kind with a file of it.
pub(crate) fn files() -> Vec<(FileKind, Vec<u8>)> {
    FileKind::ALL.iter().map(|&kind| (kind, file(kind))).collect()
}

/// A good file of a kind.
pub(crate) fn file(kind: FileKind) -> Vec<u8> {
    match kind {
        FileKind::Commit => commit_file(),
        FileKind::CommitBody => wide_slot().side_file.unwrap(),
        FileKind::Group => group_file(),
        FileKind::SealedColumn => sealed_column(),
        FileKind::SealedSymbols => sealed_symbols::encode(["", "AAPL", "SPY"]).unwrap().0,
        FileKind::SealedBytes => sealed_bytes(),
        FileKind::Grouping => grouping::encode(&Chunk::Long(vec![i64::MIN, -5, 7]), &[0, 3, 4, 9]).0,
        FileKind::LocationRecord => location_record().encode().unwrap(),
        FileKind::Published => published().encode().unwrap(),
    }
}

/// A live record of 9 rows, a durable one of 4.
fn commit_file() -> Vec<u8> {
    let mut file = slot::encode_head(sample(9, 4).location);
    file.resize(COMMIT_FILE_BYTES, 0);
    for (number, rows) in [(1, 9), (2, 4)] {
        let mut record = sample(rows, 4);
        record.generation += rows;
        let EncodedSlot { page, side_file } = slot::encode(&record, number);
        assert!(side_file.is_none());
        let at = slot::slot_offset(number) as usize;
        file[at..at + page.len()].copy_from_slice(&page);
    }
    file
}

/// A record of so many columns that they do not fit a slot.
pub(crate) fn wide_slot() -> EncodedSlot {
    let mut record = sample(9, 4);
    let int = record.columns.iter().find(|c| c.column_type() == ColumnType::Int).unwrap().clone();
    record.columns.extend((0..200).map(|n| {
        let mut column = int.clone();
        column.name = format!("Extra{n}");
        column
    }));
    slot::encode(&record, 2)
}

/// Seven commits are published, but not the third.
fn group_file() -> Vec<u8> {
    let id = *b"GROUPgroupGROUPg";
    let mut file = group::encode_head(id);
    file.resize(group::GROUP_FILE_BYTES, 0);
    for (number, published) in [(0, 7), (3, 5)] {
        let state = GroupState { change: published, published, reserved: 9, dead: vec![3], ..GroupState::default() };
        let page = group::encode(&state, number, id).unwrap();
        let at = group::slot_offset(number) as usize;
        file[at..at + page.len()].copy_from_slice(&page);
    }
    file
}

fn sealed_column() -> Vec<u8> {
    let (mut writer, mut bytes) = SealedColumnWriter::new(ColumnType::Int);
    let values: Vec<i32> = (0..70_000).map(|row| row / 3).collect();
    for block in values.chunks(65_536) {
        let block = writer.push(encode_block(block, Codec::Balanced));
        bytes.extend(block);
    }
    bytes.extend(writer.finish().0);
    bytes
}

fn sealed_bytes() -> Vec<u8> {
    let (mut writer, mut bytes) = SealedBytesWriter::new();
    let text = "naïve text, ".repeat(12_000);
    for block in text.as_bytes().chunks(sealed_bytes::BLOCK_BYTES) {
        bytes.extend(writer.push(sealed_bytes::encode_block(block, Codec::Balanced)));
    }
    bytes.extend(writer.finish().0);
    bytes
}

fn source(name: &str) -> SourceRecord {
    SourceRecord { name: name.into(), row_count: 70_000, location: [7; 16], rollbacks: 1, retired: false }
}

fn location_record() -> LocationRecord {
    let file = FileRecord { size_bytes: 1_000, seal: 0xABCD_EF01 };
    let column = |name: &str, column_type: ColumnType| ColumnRecord {
        name: name.into(),
        type_code: column_type.code(),
        file,
        symbols: (column_type == ColumnType::String).then_some(file),
        grouping: None,
        values: Vec::new(),
    };
    LocationRecord {
        row_count: 70_000,
        columns: vec![column("Sym", ColumnType::String), column("Size", ColumnType::Int)],
        sort_columns: vec!["Size".into()],
        sources: vec![source("feed")],
        written_ns: 1_503_619_200_000_000_000,
    }
}

fn published() -> PublishedRecord {
    let storage =
        PublishedStorage { name: "main".into(), version: "v1-a".into(), row_count: 3, size_bytes: 500, seal: 7 };
    PublishedRecord { generation: 1, published_ns: 0, storages: vec![storage], sources: vec![source("feed")] }
}
