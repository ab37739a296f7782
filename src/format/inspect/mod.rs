//! Files shown field by field, with the words and offsets of the specification, damaged ones as far as they go.
//!
//! [`inspect`] takes the bytes of one file and the kind it should be; the result is a list of [`Field`]s in the order of their offsets.
//! Nothing that is damaged ends the walk while there is something left that can be located. [`raw`] and [`journal`] show the files that have no header.
//!
//! **Invariants:** writes nothing, opens nothing; work and output are bounded by the [`View`], whatever the bytes say.

mod bytes;
mod commit;
mod content;
mod group;
mod grouping;
pub mod journal;
pub mod raw;
mod record;
mod sealed;
mod symbols;
mod walk;

pub use walk::{Check, Field};

use super::header::{self, FileKind, HEADER_BYTES};
use crate::base::{ColumnType, Primitive, Result, Value, text};
use crate::memory::{Chunk, SymbolCode, Symbols};
use std::ops::Range;
use walk::Walk;

/// Parts of a kind (blocks, strings, groups) that are shown unless all are asked for.
pub const PARTS_SHOWN: u64 = 16;
/// Bytes of blocks whose checksums are compared without being asked for all.
const CHECKED_BYTES_MAX: u64 = 1 << 30;
/// Rows that are shown at once.
const ROWS_SHOWN_MAX: u64 = 1 << 20;

/// How much of a file is shown.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// One block, with a sample of its values.
    pub block: Option<u64>,
    /// The values of these rows, a million at most.
    pub rows: Option<Range<u64>>,
    /// All blocks, strings and groups instead of the first [`PARTS_SHOWN`].
    pub all: bool,
}

impl View {
    /// Whether a part is shown, damaged ones aside.
    fn shows(&self, part: u64) -> bool {
        self.all || self.block == Some(part) || self.block.is_none() && part < PARTS_SHOWN
    }

    /// The rows that are shown, within `row_count`.
    fn rows_within(&self, row_count: u64) -> Range<u64> {
        let Some(rows) = &self.rows else { return 0..0 };
        let start = rows.start.min(row_count);
        start..rows.end.min(row_count).min(start.saturating_add(ROWS_SHOWN_MAX)).max(start)
    }
}

/// Shows a file that should be of a kind, whatever its header says. Codes are shown with their strings where `symbols` has them.
pub fn inspect(kind: FileKind, bytes: &[u8], view: &View, symbols: Option<&Symbols>) -> Vec<Field> {
    let mut walk = Walk::new(bytes);
    walk.note(0, bytes.len() as u64, "file", "size", format!("{} bytes", bytes.len()));
    header_fields(&mut walk, kind);
    match kind {
        FileKind::Commit => commit::file(&mut walk),
        FileKind::CommitBody => commit::body(&mut walk),
        FileKind::Group => group::file(&mut walk),
        FileKind::SealedColumn => sealed::column(&mut walk, view, symbols),
        FileKind::SealedSymbols => symbols::table(&mut walk, view),
        FileKind::SealedBytes => bytes::file(&mut walk, view),
        FileKind::Grouping => grouping::index(&mut walk, view, symbols),
        FileKind::LocationRecord => record::location(&mut walk),
        FileKind::Published => record::published(&mut walk),
    }
    walk.finish()
}

/// The kind that a file's header names, if its beginning is the header of a kind that this build knows, right checksum or not.
pub fn kind_of(bytes: &[u8]) -> Option<FileKind> {
    let header = bytes.get(..HEADER_BYTES)?;
    if header[..8] != header::MAGIC {
        return None;
    }
    FileKind::from_code(u16::from_le_bytes([header[8], header[9]]))
}

/// The sixteen bytes that every metadata file begins with.
fn header_fields(walk: &mut Walk<'_>, kind: FileKind) {
    walk.enter("header");
    let magic = walk.bytes_at(0, 8).map(<[u8]>::to_vec);
    if walk.text(0, 8, "magic").is_none() {
        return;
    }
    walk.judge(0, magic.as_deref() == Some(&header::MAGIC), || match walk_zeros(magic.as_deref()) {
        true => "the file begins with zeros".to_string(),
        false => "not \"PILASTER\"".to_string(),
    });
    if let Some(code) = walk.number(8, 2, "kind") {
        let found = FileKind::from_code(code as u16);
        walk.explain(8, found.map_or("unknown", FileKind::name));
        walk.judge(8, found == Some(kind), || format!("not {} ({})", kind.code(), kind.name()));
    }
    if let Some(version) = walk.number(10, 2, "format version") {
        version_check(walk, 10, version as u16, kind.version());
    }
    walk.checksum(12, 0..12, "checksum of bytes 0 to 11");
}

fn walk_zeros(bytes: Option<&[u8]>) -> bool {
    bytes.is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
}

/// Judges a version field: newer and foreign ones are named beside the one that is supported.
fn version_check(walk: &mut Walk<'_>, at: u64, found: u16, supported: u16) {
    walk.judge(at, found == supported, || format!("found {found}, supported {supported}"));
}

/// A type code's name, and whether it is known.
fn type_name(code: u64) -> Option<&'static str> {
    u8::try_from(code).ok().and_then(ColumnType::from_code).map(ColumnType::name)
}

/// A value as listings show it: the text of strings in quotes, null as such.
fn shown(chunk: &Chunk, row: usize, symbols: Option<&Symbols>) -> String {
    if let Chunk::String(strings) = chunk {
        return code_shown(strings.codes[row], symbols);
    }
    value_shown(&chunk.value(row))
}

/// A code, with its string where that is known.
fn code_shown(code: SymbolCode, symbols: Option<&Symbols>) -> String {
    if code.is_null() {
        return "null".into();
    }
    match symbols.map(|symbols| symbols.get(code)) {
        Some(Some(text)) => format!("code {} {}", code.0, quoted(text)),
        Some(None) => format!("code {} beyond the symbol table", code.0),
        None => format!("code {}", code.0),
    }
}

fn value_shown(value: &Value) -> String {
    if value.is_null() {
        return "null".into();
    }
    let mut out = Vec::new();
    text::write_csv_value(value, b',', &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Text in quotes, cut to what fits a line.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

/// The values of rows as fields named after their numbers.
fn row_fields(
    walk: &mut Walk<'_>,
    first: u64,
    values: &Chunk,
    symbols: Option<&Symbols>,
    place: impl Fn(u64) -> (u64, u64),
) {
    for at in 0..values.len() {
        let (offset, bytes) = place(first + at as u64);
        walk.note(offset, bytes, "rows", &format!("row {}", first + at as u64), shown(values, at, symbols));
    }
}

/// What is wrong, as a verdict.
fn verdict<T>(result: &Result<T>) -> Check {
    match result {
        Ok(_) => Check::Ok,
        Err(error) => Check::Bad(error.message().to_string()),
    }
}

#[cfg(test)]
mod tests;
