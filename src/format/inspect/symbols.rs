//! Sealed symbol tables.

use super::walk::{Check, Walk};
use super::{PARTS_SHOWN, View, quoted};
use crate::format::header::HEADER_BYTES;
use crate::memory::symbols::compare_utf16;

const HEAD_BYTES: u64 = 48;

/// Everything after the header.
pub(super) fn table(walk: &mut Walk<'_>, view: &View) {
    walk.enter("head");
    let at = HEADER_BYTES as u64;
    let (Some(count), Some(text_bytes)) = (walk.number(at, 8, "strings"), walk.number(at + 8, 8, "bytes of text"))
    else {
        return;
    };
    let ends_bytes = count.saturating_mul(8);
    let text_at = HEAD_BYTES.saturating_add(ends_bytes);
    let size = walk.len();
    walk.judge(at, text_at.saturating_add(text_bytes) == size, || format!("the file has {size} bytes"));
    walk.checksum(at + 16, HEAD_BYTES..text_at, "checksum of the ends");
    walk.checksum(at + 20, text_at..text_at.saturating_add(text_bytes), "checksum of the text");
    walk.zeros(at + 24, 4, "zero");
    walk.checksum(at + 28, 0..at + 28, "checksum of bytes 0 to 43: the seal");
    strings(walk, Strings { ends_at: HEAD_BYTES, text_at, count, text: None, sorted: true }, view);
}

/// Where strings lie: ends in this file, text in this one or another.
pub(super) struct Strings<'t> {
    pub(super) ends_at: u64,
    pub(super) text_at: u64,
    pub(super) count: u64,
    /// The other file's bytes.
    pub(super) text: Option<&'t [u8]>,
    /// Whether each must be greater than the one before it.
    pub(super) sorted: bool,
}

/// The strings of a table, each judged by the one before it.
pub(super) fn strings(walk: &mut Walk<'_>, table: Strings<'_>, view: &View) {
    let (first, last) = match (&view.rows, view.all) {
        (Some(rows), _) => (rows.start.min(table.count), rows.end.min(table.count)),
        (None, true) => (0, table.count),
        (None, false) => (0, table.count.min(PARTS_SHOWN)),
    };
    walk.enter("strings");
    let mut start = if first == 0 { Some(0) } else { walk.peek(table.ends_at + (first - 1) * 8, 8) };
    let mut before: Option<String> = None;
    for code in first..last {
        let at = table.ends_at + code * 8;
        let (Some(from), Some(end)) = (start, walk.peek(at, 8)) else {
            walk.number(at, 8, &format!("string {code}"));
            return;
        };
        start = Some(end);
        let length = end.checked_sub(from);
        let bytes = length.and_then(|length| match table.text {
            Some(text) => text.get(usize::try_from(from).ok()?..usize::try_from(end).ok()?),
            None => walk.bytes_at(table.text_at.checked_add(from)?, length),
        });
        let name = format!("string {code}");
        let Some(bytes) = bytes else {
            walk.field(at, 8, &name, format!("ends at {end}"), Check::Bad(format!("it starts at {from}")));
            continue;
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let check = match &before {
            _ if std::str::from_utf8(bytes).is_err() => Check::Bad("not UTF-8".into()),
            Some(before) if table.sorted && compare_utf16(before, &text).is_ge() => {
                Check::Bad("not greater than the string before it".into())
            }
            _ => Check::Ok,
        };
        walk.field(at, 8, &name, format!("ends at {end}: {}", quoted(&text)), check);
        before = Some(text);
    }
    if last < table.count && view.rows.is_none() {
        let text = format!("{} more; --all or --rows A..B shows them", table.count - last);
        walk.field(table.ends_at + last * 8, 0, "strings", text, Check::None);
    }
}
