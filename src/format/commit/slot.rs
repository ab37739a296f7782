//! Pages of a commit file: the head, and the slots that hold one record each.
//! The specification in [`crate::format`] has the tables; a test here compares a record with its worked example.
//! Magic, version and the place of the slot's checksum are the same in every version.

use super::{CommitRecord, GroupReference, body};
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, Result};
use crate::format::header::{self, FileKind, HEADER_BYTES};
use crate::format::page::{get, put, u32_at, u64_at};

/// Version of commit files, records and bodies that this build writes; the only one it reads.
pub const VERSION: u16 = 1;
/// Bytes of the head and of each slot: what a disk and a page cache write at once, if they do.
pub const PAGE_BYTES: usize = 4096;
/// Slots of a commit file.
pub const SLOT_COUNT: usize = 4;
/// Bytes of a commit file.
pub const COMMIT_FILE_BYTES: usize = PAGE_BYTES * (1 + SLOT_COUNT);
/// The slots that a commit overwrites in turn.
pub const LIVE_SLOTS: [usize; 2] = [0, 1];
/// The slots that making a commit durable overwrites in turn.
pub const DURABLE_SLOTS: [usize; 2] = [2, 3];

const HEAD_LOCATION_AT: usize = HEADER_BYTES;
const HEAD_CHECKSUM_AT: usize = HEAD_LOCATION_AT + 16;

/// First bytes of every slot that was written.
pub const MAGIC: [u8; 4] = *b"PCMT";
const VERSION_AT: usize = 4;
const SLOT_AT: usize = 6;
const FLAGS_AT: usize = 7;
const LOCATION_AT: usize = 8;
const EPOCH_AT: usize = 24;
const GENERATION_AT: usize = 32;
const ROLLBACKS_AT: usize = 40;
const ROLLBACK_ROWS_AT: usize = 48;
const ROW_COUNT_AT: usize = 56;
const DURABLE_ROW_COUNT_AT: usize = 64;
const COMMITTED_AT: usize = 72;
const GROUP_AT: usize = 80;
const GROUP_NUMBER_AT: usize = 96;
const COLUMN_COUNT_AT: usize = 104;
const SCHEMA_CHECKSUM_AT: usize = 108;
const BODY_BYTES_AT: usize = 112;
const BODY_CHECKSUM_AT: usize = 116;
const CHECKSUM_AT: usize = 120;
/// Where the columns begin in a slot.
pub const BODY_AT: usize = 124;
const _: () = assert!(LOCATION_AT + 16 == EPOCH_AT && EPOCH_AT + 8 == GENERATION_AT);
const _: () = assert!(COMMITTED_AT == EPOCH_AT + 6 * 8 && GROUP_AT == COMMITTED_AT + 8);
const _: () = assert!(GROUP_NUMBER_AT == GROUP_AT + 16 && COLUMN_COUNT_AT == GROUP_NUMBER_AT + 8);
const _: () = assert!(CHECKSUM_AT == COLUMN_COUNT_AT + 4 * 4 && BODY_AT == CHECKSUM_AT + 4);

/// The columns are in the side file.
pub const FLAG_ASIDE: u8 = 1;
/// The commit over several locations that the record took part in is settled.
pub const FLAG_SETTLED: u8 = 2;

/// How the bytes of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldForm {
    /// Characters.
    Text,
    /// Bytes without an inner order.
    Bytes,
    /// An unsigned number.
    Number,
    /// Nanoseconds since the epoch, signed.
    Time,
    /// A CRC-32.
    Checksum,
}

/// A field of a slot, in the words of the specification.
#[derive(Clone, Copy, Debug)]
pub struct SlotField {
    /// Where it begins in the slot.
    pub at: usize,
    /// Its bytes.
    pub bytes: usize,
    /// Its name.
    pub name: &'static str,
    /// How it is read.
    pub form: FieldForm,
}

/// The fields of a slot, from its first byte to the columns, without gaps.
pub const FIELDS: &[SlotField] = {
    use FieldForm::*;
    const fn field(at: usize, bytes: usize, name: &'static str, form: FieldForm) -> SlotField {
        SlotField { at, bytes, name, form }
    }
    &[
        field(0, 4, "magic", Text),
        field(VERSION_AT, 2, "record version", Number),
        field(SLOT_AT, 1, "number of the slot", Number),
        field(FLAGS_AT, 1, "flags", Number),
        field(LOCATION_AT, 16, "location", Bytes),
        field(EPOCH_AT, 8, "epoch", Number),
        field(GENERATION_AT, 8, "generation", Number),
        field(ROLLBACKS_AT, 8, "rollbacks", Number),
        field(ROLLBACK_ROWS_AT, 8, "rows that the last rollback kept", Number),
        field(ROW_COUNT_AT, 8, "row count", Number),
        field(DURABLE_ROW_COUNT_AT, 8, "durable row count", Number),
        field(COMMITTED_AT, 8, "time of the commit", Time),
        field(GROUP_AT, 16, "group", Bytes),
        field(GROUP_NUMBER_AT, 8, "number of the last commit over several locations", Number),
        field(COLUMN_COUNT_AT, 4, "count of columns", Number),
        field(SCHEMA_CHECKSUM_AT, 4, "checksum of the schema", Checksum),
        field(BODY_BYTES_AT, 4, "bytes of the columns", Number),
        field(BODY_CHECKSUM_AT, 4, "checksum of the columns", Checksum),
        field(CHECKSUM_AT, 4, "checksum of the slot", Checksum),
    ]
};
const _: () = {
    let mut next = 0;
    let mut at = 0;
    while at < FIELDS.len() {
        assert!(FIELDS[at].at == next, "the table of fields has a gap");
        next += FIELDS[at].bytes;
        at += 1;
    }
    assert!(next == BODY_AT, "the table of fields ends where the columns begin");
};

/// A record as bytes.
#[derive(Clone, Debug)]
pub struct EncodedSlot {
    /// The slot's page, zeros after the record.
    pub page: Vec<u8>,
    /// The whole side file, where the columns do not fit the page. It must be written before the page.
    pub side_file: Option<Vec<u8>>,
}

/// What a slot holds.
#[derive(Clone, Debug)]
pub enum DecodedSlot {
    /// Nothing yet: zeros.
    Empty,
    /// A record.
    Record(CommitRecord),
    /// A record whose columns are in the side file.
    Aside(AsideRecord),
}

/// A record without its columns.
#[derive(Clone, Debug)]
pub struct AsideRecord {
    record: CommitRecord,
    column_count: usize,
    schema_checksum: u32,
    body_bytes: usize,
    body_checksum: u32,
}

/// Where a slot lies in the file, bytes.
pub const fn slot_offset(slot: usize) -> u64 {
    (PAGE_BYTES * (1 + slot)) as u64
}

/// The name of a slot's side file.
pub fn side_file_name(slot: usize) -> String {
    format!("{}.{slot}", super::COMMIT_FILE)
}

/// The head page of a location's commit file.
pub fn encode_head(location: [u8; 16]) -> Vec<u8> {
    let mut page = vec![0; PAGE_BYTES];
    page[..HEADER_BYTES].copy_from_slice(&header::encode(FileKind::Commit, VERSION));
    page[HEAD_LOCATION_AT..HEAD_CHECKSUM_AT].copy_from_slice(&location);
    let checksum = crc32fast::hash(&page[..HEAD_CHECKSUM_AT]);
    put(&mut page, HEAD_CHECKSUM_AT, checksum.to_le_bytes());
    page
}

/// The identity of the location whose commit file has these bytes. A file of another size than [`COMMIT_FILE_BYTES`] is damaged.
pub fn decode_head(file: &[u8]) -> Result<[u8; 16]> {
    header::check(file, FileKind::Commit, VERSION..=VERSION)?;
    if file.len() != COMMIT_FILE_BYTES {
        return Err(Error::corrupt(format!("the commit file has {} bytes, not {COMMIT_FILE_BYTES}", file.len())));
    }
    let (stored, computed) = (u32_at(file, HEAD_CHECKSUM_AT), crc32fast::hash(&file[..HEAD_CHECKSUM_AT]));
    if stored != computed {
        return Err(Error::corrupt(format!("the checksum of the head is {computed:08x}, not {stored:08x}"))
            .at_offset(HEAD_CHECKSUM_AT as u64));
    }
    Ok(get(file, HEAD_LOCATION_AT))
}

/// A record for a slot.
pub fn encode(record: &CommitRecord, slot: usize) -> EncodedSlot {
    let body = body::encode(&record.columns);
    let mut page = vec![0; PAGE_BYTES];
    let aside = body.len() > PAGE_BYTES - BODY_AT;
    put(&mut page, 0, MAGIC);
    put(&mut page, VERSION_AT, VERSION.to_le_bytes());
    put(&mut page, SLOT_AT, [slot as u8]);
    let settled = record.group.is_some_and(|group| group.settled);
    put(&mut page, FLAGS_AT, [if aside { FLAG_ASIDE } else { 0 } | if settled { FLAG_SETTLED } else { 0 }]);
    put(&mut page, LOCATION_AT, record.location);
    put(&mut page, EPOCH_AT, record.epoch.to_le_bytes());
    put(&mut page, GENERATION_AT, record.generation.to_le_bytes());
    put(&mut page, ROLLBACKS_AT, record.rollbacks.to_le_bytes());
    put(&mut page, ROLLBACK_ROWS_AT, record.rollback_rows.to_le_bytes());
    put(&mut page, ROW_COUNT_AT, record.row_count.to_le_bytes());
    put(&mut page, DURABLE_ROW_COUNT_AT, record.durable_row_count.to_le_bytes());
    put(&mut page, COMMITTED_AT, record.committed_ns.to_le_bytes());
    if let Some(group) = record.group {
        put(&mut page, GROUP_AT, group.group);
        put(&mut page, GROUP_NUMBER_AT, group.number.to_le_bytes());
    }
    put(&mut page, COLUMN_COUNT_AT, (record.columns.len() as u32).to_le_bytes());
    put(&mut page, SCHEMA_CHECKSUM_AT, body::schema_checksum(&record.columns).to_le_bytes());
    put(&mut page, BODY_BYTES_AT, (body.len() as u32).to_le_bytes());
    put(&mut page, BODY_CHECKSUM_AT, crc32fast::hash(&body).to_le_bytes());
    let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
    put(&mut page, CHECKSUM_AT, checksum.to_le_bytes());
    let side_file = if aside {
        Some([&header::encode(FileKind::CommitBody, VERSION)[..], &body].concat())
    } else {
        page[BODY_AT..BODY_AT + body.len()].copy_from_slice(&body);
        None
    };
    EncodedSlot { page, side_file }
}

/// What the page of a slot holds. A torn, misplaced or foreign record is [`crate::base::ErrorKind::Corrupt`], one of a newer
/// format [`crate::base::ErrorKind::UnknownVersion`]: only the former may be passed over for an older slot.
pub fn decode(page: &[u8], slot: usize, location: [u8; 16]) -> Result<DecodedSlot> {
    let page = page.get(..PAGE_BYTES).ok_or_else(|| Error::corrupt("the commit file ends within a slot"))?;
    if page == [0; PAGE_BYTES] {
        return Ok(DecodedSlot::Empty);
    }
    let fail = |what: String| Err(Error::corrupt(format!("slot {slot}: {what}")).at_offset(slot_offset(slot)));
    if page[..4] != MAGIC {
        return fail("its magic is missing".into());
    }
    let (stored, computed) = (u32_at(page, CHECKSUM_AT), crc32fast::hash(&page[..CHECKSUM_AT]));
    if stored != computed {
        return fail(format!("its checksum is {computed:08x}, not {stored:08x}"));
    }
    let version = u16::from_le_bytes(get(page, VERSION_AT));
    if version != VERSION {
        return Err(header::unknown_version("commit record", version, VERSION..=VERSION).at_offset(slot_offset(slot)));
    }
    if page[SLOT_AT] as usize != slot {
        return fail(format!("its record belongs into slot {}", page[SLOT_AT]));
    }
    if get::<16>(page, LOCATION_AT) != location {
        return fail("its record belongs to another location".into());
    }
    let flags = page[FLAGS_AT];
    let group = match u64_at(page, GROUP_NUMBER_AT) {
        0 => None,
        number => Some(GroupReference { group: get(page, GROUP_AT), number, settled: flags & FLAG_SETTLED != 0 }),
    };
    if flags & !(FLAG_ASIDE | FLAG_SETTLED) != 0 || (flags & FLAG_SETTLED != 0 && group.is_none()) {
        return fail(format!("its flags are {flags:#04x}"));
    }
    let aside = AsideRecord {
        record: CommitRecord {
            location,
            epoch: u64_at(page, EPOCH_AT),
            generation: u64_at(page, GENERATION_AT),
            rollbacks: u64_at(page, ROLLBACKS_AT),
            rollback_rows: u64_at(page, ROLLBACK_ROWS_AT),
            row_count: u64_at(page, ROW_COUNT_AT),
            durable_row_count: u64_at(page, DURABLE_ROW_COUNT_AT),
            committed_ns: i64::from_le_bytes(get(page, COMMITTED_AT)),
            group,
            columns: Vec::new(),
        },
        column_count: u32_at(page, COLUMN_COUNT_AT) as usize,
        schema_checksum: u32_at(page, SCHEMA_CHECKSUM_AT),
        body_bytes: u32_at(page, BODY_BYTES_AT) as usize,
        body_checksum: u32_at(page, BODY_CHECKSUM_AT),
    };
    if aside.body_bytes > RECORD_BYTES_MAX {
        return fail(format!("its columns have {} bytes", aside.body_bytes));
    }
    if flags & FLAG_ASIDE != 0 {
        return Ok(DecodedSlot::Aside(aside));
    }
    match page.get(BODY_AT..BODY_AT + aside.body_bytes) {
        Some(body) => aside.with_body(body).map(DecodedSlot::Record).map_err(|e| e.at_offset(slot_offset(slot))),
        None => fail(format!("its columns have {} bytes", aside.body_bytes)),
    }
}

impl AsideRecord {
    /// Bytes of the side file, at most [`RECORD_BYTES_MAX`] and a header.
    pub fn side_file_bytes(&self) -> usize {
        HEADER_BYTES + self.body_bytes
    }

    /// See [`CommitRecord::version`].
    pub fn version(&self) -> (u64, u64) {
        self.record.version()
    }

    /// The record with the columns of its side file, given from the file's beginning.
    pub fn with_side_file(self, file: &[u8]) -> Result<CommitRecord> {
        header::check(file, FileKind::CommitBody, VERSION..=VERSION)?;
        match file.get(HEADER_BYTES..self.side_file_bytes()) {
            Some(body) => self.with_body(body),
            None => Err(Error::corrupt(format!("it has {} bytes, not {}", file.len(), self.side_file_bytes()))),
        }
    }

    fn with_body(self, body: &[u8]) -> Result<CommitRecord> {
        let computed = crc32fast::hash(body);
        if computed != self.body_checksum {
            return Err(Error::corrupt(format!(
                "the checksum of the columns is {computed:08x}, not {:08x}",
                self.body_checksum
            )));
        }
        let mut record = self.record;
        record.columns = body::decode(body, self.column_count)?;
        let schema = body::schema_checksum(&record.columns);
        if schema != self.schema_checksum {
            return Err(Error::corrupt(format!(
                "the checksum of the schema is {schema:08x}, not {:08x}",
                self.schema_checksum
            )));
        }
        record.check()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use crate::base::{ColumnType, ErrorKind};
    use proptest::prelude::*;

    const LOCATION: [u8; 16] = *b"0123456789abcdef";

    fn decoded(encoded: &EncodedSlot, slot: usize) -> Result<CommitRecord> {
        match decode(&encoded.page, slot, LOCATION)? {
            DecodedSlot::Record(record) => Ok(record),
            DecodedSlot::Aside(aside) => aside.with_side_file(encoded.side_file.as_deref().unwrap()),
            DecodedSlot::Empty => Err(Error::corrupt("empty")),
        }
    }

    /// A record of so many columns that they do not fit a slot.
    fn wide() -> CommitRecord {
        let mut record = sample(9, 4);
        let int = record.columns.iter().find(|c| c.column_type() == ColumnType::Int).unwrap().clone();
        record.columns.extend((0..200).map(|n| {
            let mut column = int.clone();
            column.name = format!("Extra{n}");
            column
        }));
        record
    }

    #[test]
    fn records_round_trip_in_the_slot_and_aside() {
        for slot in 0..SLOT_COUNT {
            let record = sample(100_000, 77);
            let encoded = encode(&record, slot);
            assert!(encoded.side_file.is_none() && encoded.page.len() == PAGE_BYTES);
            assert_eq!(decoded(&encoded, slot).unwrap(), record);
            let encoded = encode(&wide(), slot);
            assert!(encoded.side_file.is_some());
            assert_eq!(decoded(&encoded, slot).unwrap(), wide());
        }
        let mut none = sample(0, 0);
        none.columns.clear();
        assert_eq!(decoded(&encode(&none, 1), 1).unwrap(), none);
        assert!(matches!(decode(&[0; PAGE_BYTES], 0, LOCATION).unwrap(), DecodedSlot::Empty));
    }

    #[test]
    fn every_flipped_bit_is_found_or_means_nothing() {
        for record in [sample(100_000, 77), wide()] {
            let encoded = encode(&record, 2);
            for byte in 0..PAGE_BYTES {
                // Every bit of the record; of the columns and the padding one bit a byte, which is as telling and eight times faster.
                for bit in if byte < BODY_AT { 0..8 } else { byte % 8..byte % 8 + 1 } {
                    let mut damaged = encoded.clone();
                    damaged.page[byte] ^= 1 << bit;
                    match decoded(&damaged, 2) {
                        Ok(found) => assert_eq!(found, record, "byte {byte}"),
                        Err(error) => assert!(error.is_corrupt(), "{error}"),
                    }
                }
            }
            for byte in 0..encoded.side_file.as_ref().map_or(0, Vec::len) {
                let mut damaged = encoded.clone();
                damaged.side_file.as_mut().unwrap()[byte] ^= 0x10;
                assert!(decoded(&damaged, 2).unwrap_err().is_corrupt());
            }
        }
    }

    #[test]
    fn misplaced_foreign_torn_and_newer_records_are_refused() {
        let encoded = encode(&sample(10, 10), 2);
        let said = |page: &[u8], slot, location| decode(page, slot, location).unwrap_err().to_string();
        assert!(said(&encoded.page, 3, LOCATION).contains("belongs into slot 2"));
        assert!(said(&encoded.page, 2, [0; 16]).contains("another location"));
        assert!(said(&encoded.page[..100], 2, LOCATION).contains("ends within a slot"));
        let mut torn = encoded.page.clone();
        torn[512..1024].copy_from_slice(&encode(&sample(11, 10), 2).page[512..1024]);
        assert!(said(&torn, 2, LOCATION).contains("checksum of the columns"));
        let mut newer = encoded.page;
        newer[VERSION_AT] = 2;
        let checksum = crc32fast::hash(&newer[..CHECKSUM_AT]);
        put(&mut newer, CHECKSUM_AT, checksum.to_le_bytes());
        assert_eq!(decode(&newer, 2, LOCATION).unwrap_err().kind(), ErrorKind::UnknownVersion);
    }

    #[test]
    fn the_head_names_the_location() {
        let mut file = encode_head(LOCATION);
        assert!(decode_head(&file).unwrap_err().to_string().contains("has 4096 bytes"));
        file.resize(COMMIT_FILE_BYTES, 0);
        assert_eq!(decode_head(&file).unwrap(), LOCATION);
        for bit in 0..(HEAD_CHECKSUM_AT + 4) * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_head(&damaged).unwrap_err().is_corrupt());
        }
        assert!(decode_head(&[]).unwrap_err().to_string().contains("is empty"));
        assert!(decode_head(&[0; COMMIT_FILE_BYTES]).unwrap_err().to_string().contains("begins with zeros"));
    }

    /// The worked example of the specification.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let mut record = sample(2, 0);
        record.columns.retain(|column| column.column_type() == ColumnType::Int);
        let page = encode(&record, 1).page;
        assert_eq!(page[..8], *b"PCMT\x01\0\x01\x02");
        assert_eq!(page[8..24], LOCATION);
        let numbers = |range: std::ops::Range<usize>| {
            page[range].chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(numbers(24..80), [3, 41, 1, 5, 2, 0, u64::MAX]);
        assert_eq!(page[80..104], *b"GROUPgroupGROUPg\x07\0\0\0\0\0\0\0");
        assert_eq!(page[104..108], [1, 0, 0, 0]);
        assert_eq!(page[112..116], [63, 0, 0, 0]);
        assert_eq!(page[124..137], *b"\x06\x02\x02\0\0\0\0\0\0\0\0C6");
        assert_eq!(page[137..162], *b"\x01\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x09\0\0\0");
        assert_eq!(page[162], 2);
        assert!(page[187..].iter().all(|&byte| byte == 0));
    }

    proptest! {
        #[test]
        fn no_page_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), body_bytes in any::<u32>(), columns in any::<u32>()) {
            let mut page = encode(&sample(3, 1), 0).page;
            page[BODY_AT..BODY_AT + bytes.len()].copy_from_slice(&bytes);
            put(&mut page, BODY_BYTES_AT, body_bytes.to_le_bytes());
            put(&mut page, COLUMN_COUNT_AT, columns.to_le_bytes());
            let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
            put(&mut page, CHECKSUM_AT, checksum.to_le_bytes());
            let _ = decode(&page, 0, LOCATION);
        }
    }
}
