//! Group files.

use super::version_check;
use super::walk::{Check, Walk};
use crate::format::commit::slot::{FieldForm, SlotField};
use crate::format::group::{self, DEAD_COUNT_MAX, DURABLE_SLOTS, GROUP_FILE_BYTES, PAGE_BYTES, SLOT_COUNT};
use crate::format::header::HEADER_BYTES;

const CHECKSUM_AT: u64 = 80;
const DEAD_AT: u64 = 84;

/// The fields of a slot before its list.
const FIELDS: [SlotField; 11] = {
    const fn field(at: usize, bytes: usize, name: &'static str, form: FieldForm) -> SlotField {
        SlotField { at, bytes, name, form }
    }
    [
        field(0, 4, "magic", FieldForm::Text),
        field(4, 2, "version", FieldForm::Number),
        field(6, 1, "number of the slot", FieldForm::Number),
        field(8, 16, "group", FieldForm::Bytes),
        field(24, 16, "start of the system that wrote it", FieldForm::Bytes),
        field(40, 8, "change", FieldForm::Number),
        field(48, 8, "published", FieldForm::Number),
        field(56, 8, "reserved", FieldForm::Number),
        field(64, 8, "time", FieldForm::Time),
        field(72, 4, "count of numbers given up", FieldForm::Number),
        field(76, 4, "checksum of these", FieldForm::Checksum),
    ]
};

/// Head and slots, after the header.
pub(super) fn file(walk: &mut Walk<'_>) {
    walk.enter("head");
    let group_at = HEADER_BYTES as u64;
    walk.hex(group_at, 16, "group");
    walk.checksum(group_at + 16, 0..group_at + 16, "checksum of bytes 0 to 31");
    walk.zeros(group_at + 20, PAGE_BYTES as u64 - group_at - 20, "zeros");
    let group = walk.bytes_at(group_at, 16).map(<[u8]>::to_vec);
    for number in 0..SLOT_COUNT {
        slot(walk, number, group.as_deref());
    }
    let size = walk.len();
    if size != GROUP_FILE_BYTES as u64 {
        walk.enter("file");
        let why = format!("a group file has {GROUP_FILE_BYTES} bytes");
        walk.field(size.min(GROUP_FILE_BYTES as u64), 0, "end", format!("{size} bytes"), Check::Bad(why));
    }
}

fn slot(walk: &mut Walk<'_>, number: usize, group: Option<&[u8]>) {
    let base = group::slot_offset(number);
    let life = if DURABLE_SLOTS.contains(&number) { "durable" } else { "live" };
    walk.enter(format!("slot {number} ({life})"));
    if walk.is_unwritten(base, PAGE_BYTES as u64) {
        return;
    }
    walk.table(base, &FIELDS);
    if walk.bytes_at(base, 4).is_none() {
        return;
    }
    walk.judge(base, walk.bytes_at(base, 4) == Some(b"PGRP"), || "not \"PGRP\"".into());
    if let Some(version) = walk.peek(base + 4, 2) {
        version_check(walk, base + 4, version as u16, group::VERSION);
    }
    if let Some(found) = walk.peek(base + 6, 1) {
        walk.judge(base + 6, found == number as u64, || format!("this is slot {number}"));
    }
    if let (Some(found), Some(group)) = (walk.bytes_at(base + 8, 16), group) {
        walk.judge(base + 8, found == group, || "not the group of the head".into());
    }
    walk.checksum(base + CHECKSUM_AT, base..base + CHECKSUM_AT, "checksum of bytes 0 to 79");
    let Some(count) = walk.peek(base + 72, 4) else { return };
    walk.judge(base + 72, count <= DEAD_COUNT_MAX as u64, || format!("a slot has room for {DEAD_COUNT_MAX}"));
    let count = count.min(DEAD_COUNT_MAX as u64);
    if let (Some(stored), Some(list)) = (walk.peek(base + 76, 4), walk.bytes_at(base + DEAD_AT, count * 8)) {
        let computed = crc32fast::hash(list);
        walk.judge(base + 76, u64::from(computed) == stored, || format!("the bytes have {computed:08x}"));
    }
    for at in 0..count {
        walk.number(base + DEAD_AT + at * 8, 8, "a number given up");
    }
}
