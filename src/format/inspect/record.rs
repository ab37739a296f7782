//! Location records and published versions.

use super::content;
use super::walk::{Check, Walk};
use crate::format::header::HEADER_BYTES;
use crate::format::location_record::{LocationRecord, PublishedRecord};
use serde::de::DeserializeOwned;

const CONTENT_AT: u64 = HEADER_BYTES as u64 + 8;

/// A location record, after the header.
pub(super) fn location(walk: &mut Walk<'_>) {
    record::<LocationRecord>(walk);
}

/// A published version, after the header.
pub(super) fn published(walk: &mut Walk<'_>) {
    record::<PublishedRecord>(walk);
}

fn record<T: DeserializeOwned>(walk: &mut Walk<'_>) {
    let at = HEADER_BYTES as u64;
    walk.enter("record");
    let Some(length) = walk.number(at, 4, "length of the content") else { return };
    let there = walk.len().saturating_sub(CONTENT_AT);
    walk.judge(at, length == there, || format!("the file has {there} bytes of content"));
    let stored = walk.stored_checksum(at + 4, "checksum of bytes 0 to 19 and of the content");
    if let (Some(stored), Some(head), Some(content)) =
        (stored, walk.bytes_at(0, at + 4), walk.bytes_at(CONTENT_AT, there))
    {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(head);
        hasher.update(content);
        let computed = hasher.finalize();
        walk.judge(at + 4, computed == stored, || format!("the bytes have {computed:08x}"));
    }
    if let Some(end) = content::show::<T>(walk, CONTENT_AT)
        && end != walk.len()
    {
        walk.enter("content");
        let more = walk.len().saturating_sub(end);
        walk.field(end, more, "rest", format!("{more} bytes"), Check::Bad("the content ends before".into()));
    }
}
