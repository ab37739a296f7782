//! The files of an intraday column, which have no header: shown with what a commit record says of them.

use super::symbols::{Strings, strings};
use super::walk::{Check, Field, Walk};
use super::{CHECKED_BYTES_MAX, View, quoted, row_fields, shown};
use crate::base::{ColumnType, Primitive};
use crate::format::column_form::{ColumnForm, END_BYTES, End};
use crate::format::commit::{BLOCK_BYTES, BlockSum, ColumnFile, ColumnState, FileState, SUM_BYTES, SYMBOL_END_BYTES};
use crate::format::encoding::{Encodable, Lane};
use crate::memory::{Chunk, Symbols};
use crate::with_fixed_values;

/// A column's file and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct RawFile<'a> {
    /// Which of the column's files it is.
    pub file: ColumnFile,
    /// All its bytes.
    pub bytes: &'a [u8],
    /// What the record says of the column; without it there are bytes, and nothing is known of them.
    pub state: Option<&'a ColumnState>,
    /// For data its sums, for sums the data, for ends of symbols their text.
    pub partner: Option<&'a [u8]>,
    /// For entries of values of variable width the next level, where their items are.
    pub items: Option<&'a [u8]>,
    /// The strings that codes stand for.
    pub symbols: Option<&'a Symbols>,
}

/// Shows a file.
pub fn inspect(raw: &RawFile<'_>, view: &View) -> Vec<Field> {
    let mut walk = Walk::new(raw.bytes);
    let size = walk.len();
    walk.note(0, size, "file", "size", format!("{size} bytes"));
    let Some((state, file)) = raw.state.and_then(|state| Some((state, state.file(raw.file)?))) else {
        walk.enter("file");
        walk.field(0, size, raw.file.suffix(), "", Check::Bad("no commit record tells what is in it".into()));
        return walk.finish();
    };
    walk.enter("record");
    let check = match size.checked_sub(file.size) {
        Some(_) => Check::Ok,
        None => Check::Bad(format!("the file ends {} bytes before", file.size - size)),
    };
    walk.field(0, file.size, "committed size", file.size.to_string(), check);
    walk.field(0, file.durable_size, "durable size", file.durable_size.to_string(), Check::None);
    if size > file.size {
        let beyond = size - file.size;
        walk.field(file.size, beyond, "beyond the committed size", format!("{beyond} bytes, nobody's"), Check::None);
    }
    if !matches!(raw.file, ColumnFile::Data | ColumnFile::Values(_)) {
        let check = match walk.bytes_at(0, file.size).map(crc32fast::hash) {
            Some(computed) if computed == file.checksum => Check::Ok,
            Some(computed) => Check::Bad(format!("the bytes have {computed:08x}")),
            None => Check::Bad("the committed bytes are not all there".into()),
        };
        walk.field(0, file.size, "checksum of all committed bytes", format!("{:08x}", file.checksum), check);
    }
    match raw.file {
        ColumnFile::Data => data(&mut walk, raw, Entries::of(state, file, 0), view),
        ColumnFile::Values(level) => data(&mut walk, raw, Entries::of(state, file, level as usize), view),
        ColumnFile::Sums | ColumnFile::ValueSums(_) => sums(&mut walk, raw, file, view),
        ColumnFile::SymbolEnds => {
            let count = file.size / SYMBOL_END_BYTES;
            strings(
                &mut walk,
                Strings { ends_at: 0, text_at: 0, count, text: raw.partner.or(Some(&[])), sorted: false },
                view,
            );
        }
        ColumnFile::SymbolText => {}
    }
    walk.finish()
}

/// What the entries of a level are.
struct Entries<'a> {
    file: &'a FileState,
    form: ColumnForm,
    level: usize,
    width: u64,
    /// The row or item that the first entry is.
    first: u64,
}

impl<'a> Entries<'a> {
    fn of(state: &ColumnState, file: &'a FileState, level: usize) -> Self {
        let first = if level == 0 { state.first_row } else { 0 };
        Entries { file, form: state.form, level, width: (state.form.width(level) as u64).max(1), first }
    }

    fn word(&self) -> &'static str {
        if self.level == 0 { "row" } else { "item" }
    }

    /// The entries in a range of bytes.
    fn within(&self, at: u64, bytes: u64) -> std::ops::Range<u64> {
        self.first + at / self.width..self.first + (at + bytes) / self.width
    }
}

/// The blocks of a data file against their checksums, and values.
fn data(walk: &mut Walk<'_>, raw: &RawFile<'_>, entries: Entries<'_>, view: &View) {
    let file = entries.file;
    let full = file.size / BLOCK_BYTES;
    let (mut hidden, mut unchecked) = (0u64, 0u64);
    for block in 0..file.size.div_ceil(BLOCK_BYTES) {
        let at = block * BLOCK_BYTES;
        if !view.shows(block) && at >= CHECKED_BYTES_MAX {
            (hidden, unchecked) = (hidden + 1, unchecked + 1);
            continue;
        }
        let bytes = (file.size - at).min(BLOCK_BYTES);
        let stored = if block == full { Some(file.checksum) } else { sum(raw.partner, block) };
        let check = match (walk.bytes_at(at, bytes).map(crc32fast::hash), stored) {
            (None, _) => Check::Bad("its bytes are not all there".into()),
            (_, None) => Check::Bad("its checksum in the file of sums is missing".into()),
            (Some(computed), Some(stored)) if computed == stored => Check::Ok,
            (Some(computed), Some(stored)) => Check::Bad(format!("the checksum is {computed:08x}, not {stored:08x}")),
        };
        if view.shows(block) || check != Check::Ok {
            walk.enter(format!("block {block}"));
            let within = entries.within(at, bytes);
            walk.field(at, bytes, "block", format!("{}s {} to {}", entries.word(), within.start, within.end), check);
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        walk.enter("blocks");
        let held =
            if unchecked > 0 { format!(", {unchecked} of them not compared") } else { ", all of which hold".into() };
        walk.field(0, file.size, "blocks", format!("{hidden} more{held}; --all shows them"), Check::None);
    }
    values(walk, raw, &entries, view);
}

fn sum(sums: Option<&[u8]>, block: u64) -> Option<u32> {
    let kept = sums?.as_chunks::<{ SUM_BYTES as usize }>().0.get(usize::try_from(block).ok()?)?;
    BlockSum::read(kept).ok().map(|kept| kept.checksum)
}

/// What is kept of a block besides its checksum, values as their type shows them.
fn kept_bounds(kept: &BlockSum, raw: &RawFile<'_>) -> String {
    let Some(bounds) = kept.bounds else { return "no bounds".to_string() };
    let leaf = raw.state.and_then(|state| state.form.leaf()).unwrap_or(ColumnType::Long);
    let ends = [bounds.least, bounds.greatest].map(|bits| {
        let mut end = Chunk::new(leaf);
        with_fixed_values!(&mut end, values => push_bits(values, bits), else ());
        if end.is_empty() { String::new() } else { shown(&end, 0, raw.symbols) }
    });
    let mut text = format!("{} to {}", ends[0], ends[1]);
    if bounds.others.null {
        text += ", nulls";
    }
    if bounds.others.nan {
        text += ", NaN";
    }
    text
}

fn push_bits<T: Encodable>(values: &mut Vec<T>, bits: u64) {
    values.push(T::from_lane(T::Lane::truncate(bits)));
}

/// The entries that are asked for: values, codes, bytes, or where the items of values of variable width end.
fn values(walk: &mut Walk<'_>, raw: &RawFile<'_>, entries: &Entries<'_>, view: &View) {
    fn push<T: Primitive>(values: &mut Vec<T>, bytes: &[u8]) {
        values.extend(bytes.chunks_exact(T::WIDTH).map(T::get_le));
    }
    let Entries { width, first, .. } = *entries;
    let rows = view.rows_within(first + entries.file.size / width);
    for row in rows.start..rows.end.min(first) {
        walk.note(0, 0, "rows", &format!("row {row}"), "null: before the first row of the data");
    }
    let start = rows.start.max(first);
    let there = (raw.bytes.len() as u64 / width + first).min(rows.end);
    let at = (start - first) * width;
    if let Some(bytes) = walk.bytes_at(at, there.saturating_sub(start) * width) {
        if entries.level < entries.form.depth() {
            ends(walk, raw, entries, start..there.max(start));
        } else if let Some(leaf) = entries.form.leaf() {
            let mut chunk = Chunk::new(leaf);
            with_fixed_values!(&mut chunk, values => push(values, bytes), else ());
            row_fields(walk, start, &chunk, raw.symbols, |row| ((row - first) * width, width));
        } else if !bytes.is_empty() {
            let text = quoted(&String::from_utf8_lossy(bytes));
            walk.note(at, bytes.len() as u64, "items", &format!("bytes {start} to {there}"), text);
        }
    }
    if there < rows.end {
        walk.enter("rows");
        let missing = Check::Bad("the file ends before".into());
        let from = there.max(start);
        walk.field((from - first) * width, 0, &format!("{} {from}", entries.word()), "", missing);
    }
}

/// Where the items of values end, with the items where they are text.
fn ends(walk: &mut Walk<'_>, raw: &RawFile<'_>, entries: &Entries<'_>, rows: std::ops::Range<u64>) {
    let last_level = entries.level + 1 == entries.form.depth() && entries.form.leaf().is_none();
    let end_at =
        |walk: &Walk<'_>, row: u64| walk.peek((row - entries.first) * entries.width, END_BYTES as u64).map(End);
    walk.enter("rows");
    let mut before = match rows.start.checked_sub(entries.first) {
        Some(1..) => end_at(walk, rows.start - 1),
        _ => Some(End(0)),
    };
    for row in rows {
        let (Some(start), Some(end)) = (before, end_at(walk, row)) else { return };
        before = Some(end);
        let items = raw
            .items
            .filter(|_| last_level)
            .and_then(|items| items.get(usize::try_from(start.at()).ok()?..usize::try_from(end.at()).ok()?));
        let value = match items {
            _ if end.is_null() => "null".to_string(),
            Some(items) => quoted(&String::from_utf8_lossy(items)),
            None => format!("items {} to {}", start.at(), end.at()),
        };
        let check = match (end.at() >= start.at(), items.map(std::str::from_utf8)) {
            (false, _) => Check::Bad(format!("ends at {}, before it starts", end.at())),
            (true, Some(Err(_))) => Check::Bad("not UTF-8".into()),
            _ => Check::None,
        };
        let at = (row - entries.first) * entries.width;
        walk.field(at, entries.width, &format!("{} {row}", entries.word()), value, check);
    }
}

/// The checksums of full blocks, compared with these where they are there.
fn sums(walk: &mut Walk<'_>, raw: &RawFile<'_>, file: &FileState, view: &View) {
    let count = file.size / SUM_BYTES;
    let mut hidden = 0;
    for block in 0..count {
        let (at, data_at) = (block * SUM_BYTES, block * BLOCK_BYTES);
        if !view.shows(block) && data_at >= CHECKED_BYTES_MAX {
            hidden += 1;
            continue;
        }
        let Some(entry) = walk.bytes_at(at, SUM_BYTES) else {
            walk.enter("sums");
            walk.number(at, SUM_BYTES, &format!("block {block}"));
            return;
        };
        let kept = match entry.first_chunk().map(BlockSum::read) {
            Some(Ok(kept)) => kept,
            _ => {
                walk.enter("sums");
                let odd = Check::Bad("its flags are none".into());
                walk.field(at, SUM_BYTES, &format!("block {block}"), "", odd);
                continue;
            }
        };
        let stored = kept.checksum;
        let bytes = raw.partner.and_then(|data| data.get(data_at as usize..(data_at + BLOCK_BYTES) as usize));
        let check = match bytes.map(crc32fast::hash) {
            Some(computed) if computed == stored => Check::Ok,
            Some(computed) => Check::Bad(format!("its block has {computed:08x}")),
            None => Check::Bad("its block is not there".into()),
        };
        if view.shows(block) || check != Check::Ok {
            walk.enter("sums");
            let value = format!("{stored:08x}, {}", kept_bounds(&kept, raw));
            walk.field(at, SUM_BYTES, &format!("block {block}"), value, check);
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        walk.enter("sums");
        walk.field(0, file.size, "blocks", format!("{hidden} more; --all shows them"), Check::None);
    }
}
