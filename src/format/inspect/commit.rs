//! Commit files and the side files of their slots.

use super::walk::{Check, Walk};
use super::{type_name, version_check};
use crate::format::commit::ColumnFile;
use crate::format::commit::body::{COLUMN_BYTES, FILE_BYTES};
use crate::format::commit::slot::{self, BODY_AT, COMMIT_FILE_BYTES, DURABLE_SLOTS, PAGE_BYTES, SLOT_COUNT};
use crate::format::header::HEADER_BYTES;

/// Columns that are shown without a count that could be believed.
const COLUMNS_MAX: u64 = crate::base::limits::COLUMN_COUNT_MAX as u64;

/// Head and slots, after the header.
pub(super) fn file(walk: &mut Walk<'_>) {
    walk.enter("head");
    let location_at = HEADER_BYTES as u64;
    walk.hex(location_at, 16, "location");
    walk.checksum(location_at + 16, 0..location_at + 16, "checksum of bytes 0 to 31");
    walk.zeros(location_at + 20, PAGE_BYTES as u64 - location_at - 20, "zeros");
    let location = walk.bytes_at(location_at, 16).map(<[u8]>::to_vec);
    for number in 0..SLOT_COUNT {
        slot_fields(walk, number, location.as_deref());
    }
    let size = walk.len();
    if size != COMMIT_FILE_BYTES as u64 {
        walk.enter("file");
        let why = format!("a commit file has {COMMIT_FILE_BYTES} bytes");
        walk.field(size.min(COMMIT_FILE_BYTES as u64), 0, "end", format!("{size} bytes"), Check::Bad(why));
    }
}

fn slot_fields(walk: &mut Walk<'_>, number: usize, location: Option<&[u8]>) {
    let base = slot::slot_offset(number);
    let life = if DURABLE_SLOTS.contains(&number) { "durable" } else { "live" };
    let name = format!("slot {number} ({life})");
    walk.enter(name.clone());
    if walk.is_unwritten(base, PAGE_BYTES as u64) {
        return;
    }
    walk.table(base, slot::FIELDS);
    let at =
        |name: &str| slot::FIELDS.iter().find(|field| field.name == name).map_or(0, |field| base + field.at as u64);
    let value = |walk: &Walk<'_>, name: &str| {
        let field = slot::FIELDS.iter().find(|field| field.name == name)?;
        walk.peek(base + field.at as u64, field.bytes as u64)
    };
    if walk.bytes_at(base, 4).is_some() {
        walk.judge(base, walk.bytes_at(base, 4) == Some(&slot::MAGIC), || "not \"PCMT\"".into());
    }
    if let Some(version) = value(walk, "record version") {
        version_check(walk, at("record version"), version as u16, slot::VERSION);
    }
    if let Some(found) = value(walk, "number of the slot") {
        walk.judge(at("number of the slot"), found == number as u64, || format!("this is slot {number}"));
    }
    if let (Some(found), Some(location)) = (walk.bytes_at(at("location"), 16), location) {
        walk.judge(at("location"), found == location, || "not the location of the head".into());
    }
    let checksum_at = at("checksum of the slot");
    if let (Some(stored), Some(covered)) = (walk.peek(checksum_at, 4), walk.bytes_at(base, checksum_at - base)) {
        let computed = crc32fast::hash(covered);
        walk.judge(checksum_at, u64::from(computed) == stored, || format!("the bytes have {computed:08x}"));
    }
    let (Some(flags), Some(count), Some(bytes)) =
        (value(walk, "flags"), value(walk, "count of columns"), value(walk, "bytes of the columns"))
    else {
        return;
    };
    if flags & u64::from(slot::FLAG_ASIDE) != 0 {
        walk.explain(at("flags"), &format!("the columns are in {}", slot::side_file_name(number)));
        return;
    }
    let body_at = base + BODY_AT as u64;
    let room = (PAGE_BYTES - BODY_AT) as u64;
    walk.judge(at("bytes of the columns"), bytes <= room, || format!("a slot has room for {room}"));
    let body_bytes = bytes.min(room);
    let columns_checksum_at = at("checksum of the columns");
    if let (Some(stored), Some(covered)) = (walk.peek(columns_checksum_at, 4), walk.bytes_at(body_at, body_bytes)) {
        let computed = crc32fast::hash(covered);
        walk.judge(columns_checksum_at, u64::from(computed) == stored, || format!("the bytes have {computed:08x}"));
    }
    columns(walk, &name, body_at, body_at + body_bytes, count);
}

/// A side file: columns to its end.
pub(super) fn body(walk: &mut Walk<'_>) {
    let end = walk.len();
    columns(walk, "side file", HEADER_BYTES as u64, end, COLUMNS_MAX);
}

/// Columns, one after the other, until the count, the end or something that cannot be a column.
fn columns(walk: &mut Walk<'_>, owner: &str, start: u64, end: u64, count: u64) {
    let mut at = start;
    for number in 0..count.min(COLUMNS_MAX) {
        if at >= end {
            return;
        }
        walk.enter(format!("{owner} column {number}"));
        let (Some(code), Some(name_bytes), Some(file_count)) =
            (walk.number(at, 1, "type code"), walk.peek(at + 1, 1), walk.peek(at + 2, 1))
        else {
            return;
        };
        match type_name(code) {
            Some(name) => walk.explain(at, name),
            None => walk.judge(at, false, || "unknown".into()),
        }
        let name_at = at + COLUMN_BYTES as u64;
        if let Some(name) = walk.bytes_at(name_at, name_bytes) {
            walk.enter(format!("{owner} column {}", String::from_utf8_lossy(name)));
        }
        walk.number(at + 1, 1, "bytes of the name");
        walk.number(at + 2, 1, "count of files");
        walk.number(at + 3, 8, "first row of the data");
        if walk.text(name_at, name_bytes, "name").is_none() {
            return;
        }
        at = name_at + name_bytes;
        let column = walk.structure().to_string();
        for _ in 0..file_count {
            let Some(code) = walk.peek(at, 1) else {
                walk.number(at, 1, "file");
                return;
            };
            let suffix = ColumnFile::all().find(|file| u64::from(file.code()) == code).map(|file| file.suffix());
            walk.enter(format!("{column} {}", suffix.unwrap_or("?")));
            walk.number(at, 1, "file");
            walk.judge(at, suffix.is_some(), || "unknown".into());
            walk.number(at + 1, 8, "committed size");
            walk.number(at + 9, 8, "durable size");
            walk.stored_checksum(at + 17, "checksum");
            walk.stored_checksum(at + 21, "checksum of the bytes from the durable to the committed size");
            at += FILE_BYTES as u64;
        }
        if at > end {
            walk.enter(column);
            walk.field(at, 0, "end", "", Check::Bad(format!("the columns end at byte {end}")));
            return;
        }
    }
}
