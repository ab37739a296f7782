//! The journal of an intraday location: each record carries one commit whole, its bytes of every file and its commit record, so that one
//! write and one sync make it durable whatever the number of columns. The specification in [`crate::format`] has the tables.
//!
//! Records follow each other from the start of the file, each at a multiple of [`ALIGN`]. They belong to a *base*, the durable record of the
//! commit file whose sizes they go on from; records of other bases are left over and mean nothing.
//!
//! Invariant: a record that came out of this module is the one that was written, and its pieces go on where the base ends.

use super::commit::slot::{self, DecodedSlot, EncodedSlot, PAGE_BYTES};
use super::commit::{ColumnFile, CommitRecord};
use super::header;
use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{Error, Result};

/// The name of the journal in its location.
pub const JOURNAL_FILE: &str = "journal";
/// Records start at multiples of this, so that no record shares a page with one before it.
pub const ALIGN: u64 = 4096;
/// Bytes of a record before its content.
pub const HEAD_BYTES: usize = 96;
/// The most bytes of a journal.
pub const JOURNAL_BYTES_MAX: u64 = 64 << 20;

/// What a record begins with.
pub const MAGIC: [u8; 8] = *b"PLSTJRNL";
/// The version of a record's format.
pub const VERSION: u32 = 1;
const SIZE_AT: usize = 12;
const LOCATION_AT: usize = 16;
const BASE_EPOCH_AT: usize = 32;
const BASE_GENERATION_AT: usize = 40;
const GENERATION_AT: usize = 48;
const PAGE_BYTES_AT: usize = 56;
const SIDE_BYTES_AT: usize = 60;
const PIECE_COUNT_AT: usize = 64;
const CONTENT_CHECKSUM_AT: usize = 68;
const BOOT_AT: usize = 72;
const CHECKSUM_AT: usize = 92;
const PIECE_BYTES: usize = 24;
const _: () = assert!(LOCATION_AT + 16 == BASE_EPOCH_AT && GENERATION_AT + 8 == PAGE_BYTES_AT);
const _: () =
    assert!(CONTENT_CHECKSUM_AT + 4 == BOOT_AT && BOOT_AT + 20 == CHECKSUM_AT && CHECKSUM_AT + 4 == HEAD_BYTES);

/// The slot that a journal's commit records are encoded for.
const SLOT: usize = slot::LIVE_SLOTS[0];

/// What the records of a journal go on from: a location, and the version of its durable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The location's identity.
    pub location: [u8; 16],
    /// Epoch and generation of the durable record.
    pub version: (u64, u64),
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it goes on from.
    pub base: Base,
    /// The generation of its commit; one more than that of the record before it or of the base.
    pub generation: u64,
    /// Bytes of the record.
    pub size: u64,
    /// The start of the system that wrote it, [`crate::io::FileSystem::boot`].
    pub boot: [u8; 16],
    page_bytes: usize,
    side_bytes: usize,
    piece_count: usize,
    content_checksum: u32,
}

/// The bytes that a commit appended to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The column, by its place in the commit record.
    pub column: usize,
    /// The file.
    pub file: ColumnFile,
    /// Where its bytes go.
    pub offset: u64,
    /// They.
    pub bytes: &'a [u8],
}

/// A commit with all it takes to repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord<'a> {
    /// As in a live slot.
    pub record: CommitRecord,
    /// What it appended.
    pub pieces: Vec<Piece<'a>>,
}

/// A record's bytes, written by the start `boot` of the system.
pub fn encode(base: &Base, boot: [u8; 16], record: &CommitRecord, pieces: &[Piece<'_>]) -> Vec<u8> {
    let EncodedSlot { mut page, side_file } = slot::encode(record, SLOT);
    let used = page.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    page.truncate(used);
    let side = side_file.unwrap_or_default();
    let mut out = vec![0; HEAD_BYTES];
    out.extend_from_slice(&page);
    out.extend_from_slice(&side);
    for piece in pieces {
        let file =
            record.columns.get(piece.column).and_then(|column| column.files().position(|(f, _)| f == piece.file));
        out.extend_from_slice(&(piece.column as u32).to_le_bytes());
        out.extend_from_slice(&(file.unwrap_or(usize::MAX) as u32).to_le_bytes());
        out.extend_from_slice(&piece.offset.to_le_bytes());
        out.extend_from_slice(&(piece.bytes.len() as u64).to_le_bytes());
    }
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.bytes));
    let size = out.len() as u32;
    let content_checksum = crc32fast::hash(&out[HEAD_BYTES..]);
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    put(8, &VERSION.to_le_bytes());
    put(SIZE_AT, &size.to_le_bytes());
    put(LOCATION_AT, &base.location);
    put(BASE_EPOCH_AT, &base.version.0.to_le_bytes());
    put(BASE_GENERATION_AT, &base.version.1.to_le_bytes());
    put(GENERATION_AT, &record.generation.to_le_bytes());
    put(PAGE_BYTES_AT, &(used as u32).to_le_bytes());
    put(SIDE_BYTES_AT, &(side.len() as u32).to_le_bytes());
    put(PIECE_COUNT_AT, &(pieces.len() as u32).to_le_bytes());
    put(CONTENT_CHECKSUM_AT, &content_checksum.to_le_bytes());
    put(BOOT_AT, &boot);
    let checksum = crc32fast::hash(&out[..CHECKSUM_AT]);
    out[CHECKSUM_AT..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// The head at the start of some bytes: none where there is no whole one of this base. Errs on a version of the format that this build
/// does not know.
pub fn decode_head(bytes: &[u8], base: &Base) -> Result<Option<Head>> {
    let Some(bytes) = bytes.get(..HEAD_BYTES).filter(|bytes| bytes[..8] == MAGIC) else { return Ok(None) };
    if u32_at(bytes, CHECKSUM_AT) != crc32fast::hash(&bytes[..CHECKSUM_AT]) {
        return Ok(None);
    }
    let version = u32_at(bytes, 8);
    if version != VERSION {
        let found = u16::try_from(version).unwrap_or(u16::MAX);
        return Err(header::unknown_version("journal record", found, VERSION as u16..=VERSION as u16));
    }
    let head = Head {
        base: Base {
            location: get(bytes, LOCATION_AT),
            version: (u64_at(bytes, BASE_EPOCH_AT), u64_at(bytes, BASE_GENERATION_AT)),
        },
        generation: u64_at(bytes, GENERATION_AT),
        size: u64::from(u32_at(bytes, SIZE_AT)),
        boot: get(bytes, BOOT_AT),
        page_bytes: u32_at(bytes, PAGE_BYTES_AT) as usize,
        side_bytes: u32_at(bytes, SIDE_BYTES_AT) as usize,
        piece_count: u32_at(bytes, PIECE_COUNT_AT) as usize,
        content_checksum: u32_at(bytes, CONTENT_CHECKSUM_AT),
    };
    Ok((head.base == *base && head.size >= HEAD_BYTES as u64).then_some(head))
}

/// Where the record after one of `size` bytes at `offset` starts.
pub const fn next_offset(offset: u64, size: u64) -> u64 {
    (offset + size).next_multiple_of(ALIGN)
}

/// A whole record, given from its start. Errs of kind `Corrupt` where its checksum or its parts do not hold.
pub fn decode<'a>(bytes: &'a [u8], head: &Head) -> Result<JournalRecord<'a>> {
    let fail = |what: String| Error::corrupt(format!("journal record of generation {}: {what}", head.generation));
    let Some(content) = bytes.get(HEAD_BYTES..head.size as usize) else {
        return Err(fail(format!("has {} of {} bytes", bytes.len(), head.size)));
    };
    let computed = crc32fast::hash(content);
    if computed != head.content_checksum {
        return Err(fail(format!("its checksum is {computed:08x}, not {:08x}", head.content_checksum)));
    }
    let entries_at = head.page_bytes.saturating_add(head.side_bytes);
    let bytes_at = head.piece_count.saturating_mul(PIECE_BYTES).saturating_add(entries_at);
    if head.page_bytes > PAGE_BYTES || head.side_bytes > RECORD_BYTES_MAX || bytes_at > content.len() {
        return Err(fail(format!("its parts have {bytes_at} of {} bytes", content.len())));
    }
    let mut page = content[..head.page_bytes].to_vec();
    page.resize(PAGE_BYTES, 0);
    let record = match slot::decode(&page, SLOT, head.base.location)? {
        DecodedSlot::Record(record) => record,
        DecodedSlot::Aside(aside) if aside.side_file_bytes() <= head.side_bytes => {
            aside.with_side_file(&content[head.page_bytes..entries_at])?
        }
        _ => return Err(fail("it has no commit record".into())),
    };
    if record.version() != (head.base.version.0, head.generation) {
        return Err(fail(format!("its commit record is {:?}", record.version())));
    }
    let mut rest = &content[bytes_at..];
    let mut pieces = Vec::with_capacity(head.piece_count);
    for entry in content[entries_at..bytes_at].chunks_exact(PIECE_BYTES) {
        let (column, file) = (u32_at(entry, 0) as usize, u32_at(entry, 4) as usize);
        let (offset, length) = (u64_at(entry, 8), u64_at(entry, 16));
        let state = record.columns.get(column).and_then(|column| column.files().nth(file));
        let (Some((file, _)), Some((bytes, later))) =
            (state, usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)))
        else {
            return Err(fail(format!("a piece of {length} bytes for file {file} of column {column}")));
        };
        rest = later;
        pieces.push(Piece { column, file, offset, bytes });
    }
    if !rest.is_empty() {
        return Err(fail(format!("{} bytes belong to no piece", rest.len())));
    }
    Ok(JournalRecord { record, pieces })
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut found = [0; N];
    found.copy_from_slice(&bytes[at..at + N]);
    found
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(get(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(get(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::commit::tests::sample;
    use proptest::prelude::*;

    const BOOT: [u8; 16] = *b"fedcba9876543210";

    fn base() -> Base {
        Base { location: *b"0123456789abcdef", version: (3, 40) }
    }

    fn pieces(data: &[u8]) -> Vec<Piece<'_>> {
        let piece = |column, file, offset, range: std::ops::Range<usize>| Piece {
            column,
            file,
            offset,
            bytes: &data[range.start.min(data.len())..range.end.min(data.len())],
        };
        vec![
            piece(0, ColumnFile::Data, 8, 0..3),
            piece(0, ColumnFile::SymbolText, 2, 3..9),
            piece(4, ColumnFile::Data, 0, 9..9),
        ]
    }

    #[test]
    fn records_round_trip() {
        for rows in [2, 5_000] {
            let record = sample(rows, 2);
            let bytes = encode(&base(), BOOT, &record, &pieces(b"abcdefghi"));
            let head = decode_head(&bytes, &base()).unwrap().unwrap();
            assert_eq!((head.size, head.generation, head.boot), (bytes.len() as u64, 41, BOOT));
            assert_eq!(decode(&bytes, &head).unwrap(), JournalRecord { record, pieces: pieces(b"abcdefghi") });
            for other in [Base { version: (3, 39), ..base() }, Base { location: [0; 16], ..base() }] {
                assert_eq!(decode_head(&bytes, &other).unwrap(), None);
            }
        }
        assert_eq!(decode_head(&[0; 4096], &base()).unwrap(), None);
        assert_eq!((next_offset(0, 1), next_offset(4096, 4096), next_offset(4096, 4097)), (4096, 8192, 12288));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode(&base(), BOOT, &sample(3, 2), &pieces(b"abcdefghi"));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = decode_head(&damaged, &base()).map(|head| head.map(|head| decode(&damaged, &head).is_ok()));
            assert!(!matches!(found, Ok(Some(true))), "bit {bit}");
        }
    }

    proptest! {
        /// Bytes whose checksums were made to hold.
        #[test]
        fn hostile_records_never_panic(
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode(&base(), BOOT, &sample(3, 2), &pieces(b"abcdefghi"));
            for (at, value) in hits {
                let (near, any) = (at.index(HEAD_BYTES), at.index(bytes.len()));
                bytes[near] = value;
                bytes[any] ^= value;
                bytes[..LOCATION_AT + 32].copy_from_slice(&encode(&base(), BOOT, &sample(3, 2), &pieces(b"abcdefghi"))[..LOCATION_AT + 32]);
                let end = bytes.len().min(u32_at(&bytes, SIZE_AT) as usize);
                let checksum = crc32fast::hash(&bytes[HEAD_BYTES..end]);
                bytes[CONTENT_CHECKSUM_AT..CONTENT_CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
                let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
                bytes[CHECKSUM_AT..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
                if let Ok(Some(head)) = decode_head(&bytes, &base()) {
                    let _ = decode(&bytes, &head);
                    let _ = decode(&bytes[..cut.index(bytes.len())], &head);
                }
            }
        }
    }
}
