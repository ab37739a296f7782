//! The group file of a source: which commits over several of its locations are published.
//!
//! A page of its own header and four slots of a page, as a commit file: two *live* ones that count as long as the system runs that wrote
//! them, and two *durable* ones that were synced after everything that they speak of. The specification in [`crate::format`] has the table.
//!
//! Invariant: the newest slot that counts holds the whole state; a slot is never the continuation of another.

use crate::base::{Error, Result};
use crate::format::header::{self, FileKind, HEADER_BYTES};
use crate::format::page::{get, put, u32_at, u64_at};

/// The name of the group file in the directory of its source.
pub const GROUP_FILE: &str = ".group";
/// Version of group files that this build writes; the only one it reads.
pub const VERSION: u16 = 1;
/// Bytes of the head and of each slot.
pub const PAGE_BYTES: usize = 4096;
/// Slots of a group file.
pub const SLOT_COUNT: usize = 4;
/// Bytes of a group file.
pub const GROUP_FILE_BYTES: usize = PAGE_BYTES * (1 + SLOT_COUNT);
/// The slots that publishing a commit overwrites in turn.
pub const LIVE_SLOTS: [usize; 2] = [0, 1];
/// The slots that making commits durable overwrites in turn.
pub const DURABLE_SLOTS: [usize; 2] = [2, 3];

const HEAD_GROUP_AT: usize = HEADER_BYTES;
const HEAD_CHECKSUM_AT: usize = HEAD_GROUP_AT + 16;

const MAGIC: [u8; 4] = *b"PGRP";
const VERSION_AT: usize = 4;
const SLOT_AT: usize = 6;
const GROUP_AT: usize = 8;
const BOOT_AT: usize = 24;
const CHANGE_AT: usize = 40;
const PUBLISHED_AT: usize = 48;
const RESERVED_AT: usize = 56;
const TIME_AT: usize = 64;
const DEAD_COUNT_AT: usize = 72;
const DEAD_CHECKSUM_AT: usize = 76;
const CHECKSUM_AT: usize = 80;
const DEAD_AT: usize = 84;
/// Numbers of commits that a slot can list as given up.
pub const DEAD_COUNT_MAX: usize = (PAGE_BYTES - DEAD_AT) / 8;

/// What a slot says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GroupState {
    /// The start of the system that wrote it; a live slot counts for no other.
    pub boot: [u8; 16],
    /// One more at each change: the newest slot that counts has the highest.
    pub change: u64,
    /// The commits up to this number are published, those in `dead` excepted.
    pub published: u64,
    /// Numbers up to this one may stand in records; those above were never used.
    pub reserved: u64,
    /// When, nanoseconds since the epoch; for people.
    pub changed_ns: i64,
    /// Commits that were given up before they were published and of which records may be left; ascending.
    pub dead: Vec<u64>,
}

/// Where a slot lies in the file, bytes.
pub const fn slot_offset(slot: usize) -> u64 {
    (PAGE_BYTES * (1 + slot)) as u64
}

/// The head page of a group file.
pub fn encode_head(group: [u8; 16]) -> Vec<u8> {
    let mut page = vec![0; PAGE_BYTES];
    page[..HEADER_BYTES].copy_from_slice(&header::encode(FileKind::Group, VERSION));
    page[HEAD_GROUP_AT..HEAD_CHECKSUM_AT].copy_from_slice(&group);
    let checksum = crc32fast::hash(&page[..HEAD_CHECKSUM_AT]);
    put(&mut page, HEAD_CHECKSUM_AT, checksum.to_le_bytes());
    page
}

/// The identity of the group whose file has these bytes. A file of another size than [`GROUP_FILE_BYTES`] is damaged.
pub fn decode_head(file: &[u8]) -> Result<[u8; 16]> {
    header::check(file, FileKind::Group, VERSION..=VERSION)?;
    if file.len() != GROUP_FILE_BYTES {
        return Err(Error::corrupt(format!("the group file has {} bytes, not {GROUP_FILE_BYTES}", file.len())));
    }
    let (stored, computed) = (u32_at(file, HEAD_CHECKSUM_AT), crc32fast::hash(&file[..HEAD_CHECKSUM_AT]));
    if stored != computed {
        return Err(Error::corrupt(format!("the checksum of the head is {computed:08x}, not {stored:08x}"))
            .at_offset(HEAD_CHECKSUM_AT as u64));
    }
    Ok(get(file, HEAD_GROUP_AT))
}

/// A state for a slot. Errs with `Limit` where more commits are given up than a slot can list.
pub fn encode(state: &GroupState, slot: usize, group: [u8; 16]) -> Result<Vec<u8>> {
    if state.dead.len() > DEAD_COUNT_MAX {
        return Err(Error::limit(format!(
            "{} commits over several partitions were given up and left records behind, more than {DEAD_COUNT_MAX}",
            state.dead.len()
        )));
    }
    let mut page = vec![0; PAGE_BYTES];
    put(&mut page, 0, MAGIC);
    put(&mut page, VERSION_AT, VERSION.to_le_bytes());
    put(&mut page, SLOT_AT, [slot as u8]);
    put(&mut page, GROUP_AT, group);
    put(&mut page, BOOT_AT, state.boot);
    put(&mut page, CHANGE_AT, state.change.to_le_bytes());
    put(&mut page, PUBLISHED_AT, state.published.to_le_bytes());
    put(&mut page, RESERVED_AT, state.reserved.to_le_bytes());
    put(&mut page, TIME_AT, state.changed_ns.to_le_bytes());
    put(&mut page, DEAD_COUNT_AT, (state.dead.len() as u32).to_le_bytes());
    for (number, at) in state.dead.iter().zip((DEAD_AT..).step_by(8)) {
        put(&mut page, at, number.to_le_bytes());
    }
    let dead = crc32fast::hash(&page[DEAD_AT..DEAD_AT + 8 * state.dead.len()]);
    put(&mut page, DEAD_CHECKSUM_AT, dead.to_le_bytes());
    let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
    put(&mut page, CHECKSUM_AT, checksum.to_le_bytes());
    Ok(page)
}

/// What the page of a slot says; none where it was never written. Torn, misplaced and foreign slots are `Corrupt`, those of a newer
/// format `UnknownVersion`.
pub fn decode(page: &[u8], slot: usize, group: [u8; 16]) -> Result<Option<GroupState>> {
    let page = page.get(..PAGE_BYTES).ok_or_else(|| Error::corrupt("the group file ends within a slot"))?;
    if page == [0; PAGE_BYTES] {
        return Ok(None);
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
        return Err(header::unknown_version("group slot", version, VERSION..=VERSION).at_offset(slot_offset(slot)));
    }
    if page[SLOT_AT] as usize != slot {
        return fail(format!("it belongs into slot {}", page[SLOT_AT]));
    }
    if get::<16>(page, GROUP_AT) != group {
        return fail("it belongs to another group file".into());
    }
    let count = u32_at(page, DEAD_COUNT_AT) as usize;
    if count > DEAD_COUNT_MAX {
        return fail(format!("it lists {count} commits"));
    }
    let dead = &page[DEAD_AT..DEAD_AT + 8 * count];
    let (stored, computed) = (u32_at(page, DEAD_CHECKSUM_AT), crc32fast::hash(dead));
    if stored != computed {
        return fail(format!("the checksum of its list is {computed:08x}, not {stored:08x}"));
    }
    let state = GroupState {
        boot: get(page, BOOT_AT),
        change: u64_at(page, CHANGE_AT),
        published: u64_at(page, PUBLISHED_AT),
        reserved: u64_at(page, RESERVED_AT),
        changed_ns: i64::from_le_bytes(get(page, TIME_AT)),
        dead: dead.chunks_exact(8).map(|bytes| u64_at(bytes, 0)).collect(),
    };
    let in_order = state.dead.windows(2).all(|pair| pair[0] < pair[1]);
    if state.published > state.reserved || !in_order || state.dead.last().is_some_and(|last| *last > state.reserved) {
        return fail("its numbers do not follow from each other".into());
    }
    Ok(Some(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;
    use proptest::prelude::*;

    const GROUP: [u8; 16] = *b"0123456789abcdef";

    fn sample() -> GroupState {
        let boot = *b"bootBOOTbootBOOT";
        GroupState { boot, change: 41, published: 9, reserved: 1 << 20, changed_ns: -1, dead: vec![5, 12] }
    }

    #[test]
    fn slots_round_trip_and_every_flipped_bit_is_refused() {
        for state in [sample(), GroupState::default()] {
            let page = encode(&state, 2, GROUP).unwrap();
            assert_eq!(decode(&page, 2, GROUP).unwrap().as_ref(), Some(&state));
            for bit in 0..(DEAD_AT + 8 * state.dead.len()) * 8 {
                let mut damaged = page.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&damaged, 2, GROUP).unwrap_err().is_corrupt(), "bit {bit}");
            }
        }
        assert_eq!(decode(&[0; PAGE_BYTES], 0, GROUP).unwrap(), None);
    }

    #[test]
    fn misplaced_foreign_newer_and_odd_slots_are_refused() {
        let page = encode(&sample(), 2, GROUP).unwrap();
        let said = |page: &[u8], slot, group| decode(page, slot, group).unwrap_err().to_string();
        assert!(said(&page, 3, GROUP).contains("belongs into slot 2"));
        assert!(said(&page, 2, [0; 16]).contains("another group file"));
        assert!(said(&page[..100], 2, GROUP).contains("ends within a slot"));
        for odd in [
            GroupState { published: 1 << 21, ..sample() },
            GroupState { dead: vec![5, 5], ..sample() },
            GroupState { dead: vec![1 << 21], ..sample() },
        ] {
            assert!(said(&encode(&odd, 2, GROUP).unwrap(), 2, GROUP).contains("do not follow"), "{odd:?}");
        }
        let full = GroupState { reserved: 1 << 20, dead: (0..DEAD_COUNT_MAX as u64).collect(), ..sample() };
        assert_eq!(decode(&encode(&full, 0, GROUP).unwrap(), 0, GROUP).unwrap(), Some(full.clone()));
        let mut beyond = full;
        beyond.dead.push(1 << 19);
        assert_eq!(encode(&beyond, 0, GROUP).unwrap_err().kind(), ErrorKind::Limit);
        let mut newer = page;
        newer[VERSION_AT] = 2;
        let checksum = crc32fast::hash(&newer[..CHECKSUM_AT]);
        put(&mut newer, CHECKSUM_AT, checksum.to_le_bytes());
        assert_eq!(decode(&newer, 2, GROUP).unwrap_err().kind(), ErrorKind::UnknownVersion);
    }

    #[test]
    fn the_head_names_the_group() {
        let mut file = encode_head(GROUP);
        assert!(decode_head(&file).unwrap_err().to_string().contains("has 4096 bytes"));
        file.resize(GROUP_FILE_BYTES, 0);
        assert_eq!(decode_head(&file).unwrap(), GROUP);
        for bit in 0..(HEAD_CHECKSUM_AT + 4) * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_head(&damaged).unwrap_err().is_corrupt());
        }
        assert!(decode_head(&[]).unwrap_err().to_string().contains("is empty"));
    }

    /// The table of the specification.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let page = encode(&sample(), 1, GROUP).unwrap();
        assert_eq!(page[..8], *b"PGRP\x01\0\x01\0");
        assert_eq!(page[8..24], GROUP);
        assert_eq!(page[24..40], *b"bootBOOTbootBOOT");
        let numbers: Vec<u64> = page[40..72].chunks(8).map(|bytes| u64_at(bytes, 0)).collect();
        assert_eq!(numbers, [41, 9, 1 << 20, u64::MAX]);
        assert_eq!(page[72..76], [2, 0, 0, 0]);
        assert_eq!((u64_at(&page, 84), u64_at(&page, 92)), (5, 12));
        assert!(page[100..].iter().all(|&byte| byte == 0));
        assert_eq!((slot_offset(0), DEAD_COUNT_MAX), (4096, 501));
    }

    proptest! {
        #[test]
        fn no_page_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), count in any::<u32>()) {
            let mut page = encode(&sample(), 0, GROUP).unwrap();
            page[DEAD_AT..DEAD_AT + bytes.len()].copy_from_slice(&bytes);
            put(&mut page, DEAD_COUNT_AT, count.to_le_bytes());
            let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
            put(&mut page, CHECKSUM_AT, checksum.to_le_bytes());
            let _ = decode(&page, 0, GROUP);
        }
    }
}
