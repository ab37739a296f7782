//! Sealed bytes: head, tail, and blocks with their entries, each as far as its own bytes allow.

use super::walk::{Check, Walk};
use super::{CHECKED_BYTES_MAX, View, version_check};
use crate::format::encoding::Encoding;
use crate::format::header::HEADER_BYTES;
use crate::format::sealed_bytes::{BLOCK_BYTES, ENTRY_BYTES, HEAD_BYTES, TAIL_BYTES};

/// Everything after the header.
pub(super) fn file(walk: &mut Walk<'_>, view: &View) {
    walk.enter("head");
    let at = HEADER_BYTES as u64;
    if let Some(found) = walk.number(at, 4, "bytes of a block before compression") {
        walk.judge(at, found == BLOCK_BYTES as u64, || format!("found {found}, supported {BLOCK_BYTES}"));
    }
    walk.zeros(at + 4, 8, "zero");
    walk.checksum(at + 12, 0..at + 12, "checksum of bytes 0 to 27");
    walk.enter("tail");
    let size = walk.len();
    let Some(at) = size.checked_sub(TAIL_BYTES as u64).filter(|at| *at >= HEAD_BYTES as u64) else {
        walk.field(size, 0, "tail", "", Check::Bad(format!("the file ends after {size} bytes, before its tail")));
        return;
    };
    let (Some(content), Some(index_at), Some(blocks)) = (
        walk.number(at, 8, "bytes in all, before compression"),
        walk.number(at + 8, 8, "offset of the block index"),
        walk.number(at + 16, 4, "blocks"),
    ) else {
        return;
    };
    let count_fits = content.div_ceil(BLOCK_BYTES as u64) == blocks;
    walk.judge(at + 16, count_fits, || format!("{content} bytes have another count"));
    let end = blocks.checked_mul(ENTRY_BYTES as u64).and_then(|bytes| bytes.checked_add(index_at));
    let fits = index_at >= HEAD_BYTES as u64 && end == Some(at);
    walk.judge(at + 8, fits, || format!("{blocks} entries from there do not end at the tail"));
    walk.checksum(at + 20, index_at..at.max(index_at), "checksum of the block index");
    walk.zeros(at + 24, 4, "zero");
    walk.checksum(at + 28, at..at + 28, "checksum of the 28 bytes before: the file's seal");
    if fits {
        entries(walk, index_at, blocks, view);
    }
}

fn entries(walk: &mut Walk<'_>, index_at: u64, blocks: u64, view: &View) {
    let (mut hidden, mut checked_bytes) = (0, 0);
    for number in 0..blocks {
        let at = index_at + number * ENTRY_BYTES as u64;
        let (Some(offset), Some(size_bytes), Some(stored), Some(code)) =
            (walk.peek(at, 8), walk.peek(at + 8, 4), walk.peek(at + 12, 4), walk.peek(at + 16, 1))
        else {
            return;
        };
        let bytes = walk.bytes_at(offset, size_bytes).filter(|_| offset <= index_at);
        let shown = view.shows(number);
        let check = match bytes {
            None => Check::Bad("its bytes are not all there".into()),
            Some(_) if !shown && checked_bytes > CHECKED_BYTES_MAX => Check::None,
            Some(bytes) => {
                checked_bytes += size_bytes;
                match crc32fast::hash(bytes) {
                    computed if u64::from(computed) == stored => Check::Ok,
                    computed => Check::Bad(format!("the checksum is {computed:08x}, not {stored:08x}")),
                }
            }
        };
        let encoding = u8::try_from(code).ok().and_then(Encoding::from_code);
        if view.block == Some(number) {
            walk.enter(format!("block index entry {number}"));
            walk.number(at, 8, "offset of the block in the file");
            walk.number(at + 8, 4, "its bytes there");
            walk.stored_checksum(at + 12, "checksum of them");
            walk.number(at + 16, 1, "encoding");
            match encoding {
                Some(encoding) => walk.explain(at + 16, encoding.name()),
                None => version_check(walk, at + 16, code as u16, Encoding::ALL.len() as u16),
            }
            walk.zeros(at + 17, 7, "zero");
        }
        if shown || matches!(check, Check::Bad(_)) {
            walk.enter(format!("block {number}"));
            let text = format!("{}, {size_bytes} bytes", encoding.map_or("unknown encoding", Encoding::name));
            walk.field(offset, size_bytes, "block", text, check);
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        walk.enter("block index");
        walk.field(
            index_at,
            0,
            "blocks",
            format!("{hidden} blocks not shown; --all or --block N shows them"),
            Check::None,
        );
    }
}
