//! Grouping indices.

use super::sealed::lane_chunk;
use super::walk::{Check, Walk};
use super::{PARTS_SHOWN, View, shown, type_name};
use crate::base::ColumnType;
use crate::format::header::HEADER_BYTES;
use crate::memory::Symbols;

const GROUPS_AT: u64 = HEADER_BYTES as u64 + 16;

/// Everything after the header.
pub(super) fn index(walk: &mut Walk<'_>, view: &View, symbols: Option<&Symbols>) {
    walk.enter("head");
    let at = HEADER_BYTES as u64;
    let Some(code) = walk.number(at, 1, "column type") else { return };
    match type_name(code) {
        Some(name) => walk.explain(at, name),
        None => walk.judge(at, false, || "unknown".into()),
    }
    walk.zeros(at + 1, 7, "zero");
    let Some(groups) = walk.number(at + 8, 8, "groups") else { return };
    let size = walk.len();
    let row_count_at = groups.checked_mul(8).and_then(|bytes| bytes.checked_add(GROUPS_AT));
    let values_at = row_count_at.and_then(|at| at.checked_add(8));
    let end = values_at.zip(groups.checked_mul(8)).and_then(|(at, bytes)| at.checked_add(bytes));
    walk.judge(at + 8, end.and_then(|end| end.checked_add(4)) == Some(size), || format!("the file has {size} bytes"));
    let (Some(row_count_at), Some(values_at)) = (row_count_at, values_at) else { return };
    let column_type = u8::try_from(code).ok().and_then(ColumnType::from_code);
    walk.enter("groups");
    let mut before = None;
    let last = if view.all { groups } else { groups.min(PARTS_SHOWN) };
    for group in 0..last {
        let at = GROUPS_AT + group * 8;
        let Some(first_row) = walk.number(at, 8, &format!("first row of group {group}")) else { break };
        let follows = before.map_or(first_row == 0, |before| first_row > before);
        walk.judge(at, follows, || "does not follow the group before it".into());
        before = Some(first_row);
        if let (Some(column_type), Some(lane)) = (column_type, walk.peek(values_at + group * 8, 8)) {
            let value = lane_chunk(column_type, [lane]);
            if !value.is_empty() {
                walk.explain(at, &shown(&value, 0, symbols));
            }
        }
    }
    if last < groups {
        let text = format!("{} more; --all shows them", groups - last);
        walk.field(GROUPS_AT + last * 8, 0, "groups", text, Check::None);
    }
    walk.enter("tail");
    walk.number(row_count_at, 8, "row count");
    if let Some(seal_at) = size.checked_sub(4).filter(|at| *at >= GROUPS_AT) {
        walk.checksum(seal_at, 0..seal_at, "checksum of all before: the seal");
    }
}
