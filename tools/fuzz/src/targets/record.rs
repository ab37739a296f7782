//! Location records and published versions, with length and checksum recomputed.

use super::{Target, checksum, put, seal_header};
use pilaster::format::header::FileKind;
use pilaster::format::location_record::{
    ColumnRecord, FileRecord, LocationRecord, PublishedRecord, PublishedStorage, SourceRecord,
};

pub(super) const TARGET: Target = Target { name: "record", run, dictionary: &[], seeds };

fn run(bytes: &[u8]) {
    let _ = (LocationRecord::decode(bytes), PublishedRecord::decode(bytes));
    if let Ok(record) = LocationRecord::decode(&sealed(bytes, FileKind::LocationRecord)) {
        let again = record.encode().expect("what was read can be written");
        assert_eq!(LocationRecord::decode(&again).expect("what was written reads"), record);
        let _ = record.size_bytes();
    }
    if let Ok(record) = PublishedRecord::decode(&sealed(bytes, FileKind::Published)) {
        let again = record.encode().expect("what was read can be written");
        assert_eq!(PublishedRecord::decode(&again).expect("what was written reads"), record);
    }
}

fn sealed(bytes: &[u8], kind: FileKind) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.resize(sealed.len().max(24), 0);
    seal_header(&mut sealed, kind);
    let length = (sealed.len() - 24) as u32;
    put(&mut sealed, 16, &length.to_le_bytes());
    let sum = checksum(&[&sealed[..20], &sealed[24..]].concat());
    put(&mut sealed, 20, &sum);
    sealed
}

fn seeds() -> Vec<Vec<u8>> {
    let file = |size_bytes| FileRecord { size_bytes, seal: 0xdead_beef };
    let column = |name: &str, type_code: u8| ColumnRecord {
        name: name.into(),
        type_code,
        file: file(1 << 40),
        symbols: (type_code == 1).then(|| file(300)),
        grouping: (type_code == 1).then(|| file(40)),
        values: Vec::new(),
    };
    let source = |name: &str| SourceRecord {
        name: name.into(),
        row_count: 70_000,
        location: [7; 16],
        rollbacks: 1,
        retired: false,
    };
    let location = LocationRecord {
        row_count: 70_000,
        columns: vec![column("Sym", 1), column("Bid", 9)],
        sort_columns: vec!["Bid".into()],
        sources: vec![source("feed")],
        written_ns: -1,
    };
    let storage = PublishedStorage { name: "main".into(), version: "v1".into(), row_count: 5, size_bytes: 9, seal: 7 };
    let published =
        PublishedRecord { generation: 3, published_ns: 5, storages: vec![storage], sources: vec![source("feed")] };
    vec![location.encode().expect("small"), published.encode().expect("small")]
}
