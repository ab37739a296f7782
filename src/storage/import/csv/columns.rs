//! Reads the fields of a block into typed chunks, a column at a time.

use super::dialect::trim_space;
use super::records::{Field, Records};
use super::{Dialect, NullTexts};
use crate::base::text::{DateTimeReader, FromText, Refusal, parse_text};
use crate::base::{ColumnType, Primitive, Result, Value};
use crate::memory::{Chunk, StringChunk, SymbolCode, SymbolTableBuilder, Symbols};
use std::sync::Arc;

/// What one column is to be read from and as.
#[derive(Clone, Debug)]
pub struct FieldTarget {
    /// Which field of a record, from 0.
    pub field: usize,
    /// The column's name, for messages.
    pub name: String,
    /// The type of its values.
    pub column_type: ColumnType,
    /// True for strings that hardly repeat: they are not looked for in each other.
    pub plain: bool,
    /// The unquoted texts that mean null in it.
    pub nulls: NullTexts,
    /// The value in place of null; of the column's type, or null.
    pub default: Value,
    /// How its date-times are read, if it has any.
    pub date_times: DateTimeReader,
}

impl FieldTarget {
    /// A field read as a type, with the usual nulls.
    pub fn new(field: usize, name: impl Into<String>, column_type: ColumnType) -> Self {
        FieldTarget {
            field,
            name: name.into(),
            column_type,
            plain: false,
            nulls: NullTexts::default(),
            default: Value::Null,
            date_times: DateTimeReader::default(),
        }
    }
}

impl FieldTarget {
    /// The values with the default in place of nulls.
    pub fn filled(&self, chunk: Chunk) -> Result<Chunk> {
        if self.default.is_null() {
            return Ok(chunk);
        }
        let row_count = chunk.len();
        with_default(chunk, &self.default, row_count)
    }
}

/// A field that is not a value of its column's type. Its row has null there.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadField {
    pub(super) row: usize,
    /// Which target.
    pub(super) target: usize,
    pub(super) field: Field,
    pub(super) refusal: Refusal,
}

/// The bad fields of some columns: the first ones and how many there are.
#[derive(Debug)]
pub(super) struct BadFields {
    kept_max: usize,
    pub(super) kept: Vec<BadField>,
    pub(super) count: u64,
}

/// The most bad fields kept of a column of a block; the others are counted.
pub(super) const BAD_KEPT_MAX: usize = 1_000;

/// Reads one column. `block` is valid UTF-8.
pub(super) fn read_column(
    block: &[u8],
    records: &Records,
    dialect: &Dialect,
    targets: &[FieldTarget],
    at: usize,
    bad: &mut BadFields,
) -> Result<Chunk> {
    let target = &targets[at];
    let mut column = ColumnReader { block, records, dialect, target, at, bad };
    let chunk = match target.column_type {
        ColumnType::String if target.plain => column.texts()?,
        ColumnType::String => column.strings()?,
        ColumnType::Char => Chunk::Char(column.characters()),
        ColumnType::Boolean => Chunk::Boolean(column.values(FromText::from_text)),
        ColumnType::Byte => Chunk::Byte(column.numbers()),
        ColumnType::Short => Chunk::Short(column.numbers()),
        ColumnType::Int => Chunk::Int(column.numbers()),
        ColumnType::Long => Chunk::Long(column.numbers()),
        ColumnType::Float => Chunk::Float(column.numbers()),
        ColumnType::Double => Chunk::Double(column.numbers()),
        ColumnType::DateTime => {
            let mut reader = target.date_times.clone();
            Chunk::DateTime(column.values(|text| reader.read(text)))
        }
        _ => column.objects()?,
    };
    target.filled(chunk)
}

struct ColumnReader<'a> {
    block: &'a [u8],
    records: &'a Records,
    dialect: &'a Dialect,
    target: &'a FieldTarget,
    at: usize,
    bad: &'a mut BadFields,
}

impl ColumnReader<'_> {
    /// Values that surrounding spaces do not belong to and of which none is written as nothing.
    #[inline(always)]
    fn values<T: Primitive>(&mut self, mut read: impl FnMut(&[u8]) -> Result<T, Refusal>) -> Vec<T> {
        let mut values = Vec::with_capacity(self.records.row_count());
        let mut scratch = Vec::new();
        let nulls = &self.target.nulls;
        for (row, field) in self.records.column(self.target.field).enumerate() {
            let text = if field.is_plain() {
                let text = field.bytes(self.block);
                if text.is_empty() || nulls.contains(text) {
                    values.push(T::NULL);
                    continue;
                }
                text
            } else if is_escaped_null(self.block, field, nulls) {
                values.push(T::NULL);
                continue;
            } else {
                field.text(self.block, self.dialect, &mut scratch)
            };
            let value = match read(text) {
                Ok(value) => value,
                Err(refusal) => {
                    let trimmed = trim_space(text);
                    if trimmed.is_empty() || (field.is_plain() && nulls.contains(trimmed)) {
                        T::NULL
                    } else if trimmed.len() < text.len() {
                        read(trimmed).unwrap_or_else(|refusal| self.bad.note(row, self.at, field, refusal))
                    } else {
                        self.bad.note(row, self.at, field, refusal)
                    }
                }
            };
            values.push(value);
        }
        values
    }

    fn numbers<T: Primitive + FromText>(&mut self) -> Vec<T> {
        let style = self.dialect.numbers;
        if style.is_usual() {
            return self.values(FromText::from_text);
        }
        let mut usual = Vec::new();
        self.values(|text| T::from_text(style.usual(text, &mut usual).ok_or(Refusal::NotOfType)?))
    }

    /// As values, but a space is a character too.
    fn characters(&mut self) -> Vec<u16> {
        self.values(u16::from_text)
    }

    fn strings(&mut self) -> Result<Chunk> {
        let mut symbols = SymbolTableBuilder::new();
        let mut codes = Vec::with_capacity(self.records.row_count());
        let mut scratch = Vec::new();
        let mut last: (&[u8], SymbolCode) = (&[], SymbolCode::NULL);
        let nulls = &self.target.nulls;
        for field in self.records.column(self.target.field) {
            if !field.is_plain() {
                let text = field.text(self.block, self.dialect, &mut scratch);
                let code = if is_escaped_null(self.block, field, nulls) {
                    SymbolCode::NULL
                } else {
                    symbols.intern(utf8(text))?
                };
                codes.push(code);
                continue;
            }
            let text = field.bytes(self.block);
            // Columns are often runs of one value: no hashing for these.
            if text != last.0 || text.is_empty() {
                let code = if nulls.contains(text) { SymbolCode::NULL } else { symbols.intern(utf8(text))? };
                last = (text, code);
            }
            codes.push(last.1);
        }
        Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(symbols.finish()) }))
    }

    /// Values of variable width but strings. A quoted nothing is a value, where the type has one that is written so.
    fn objects(&mut self) -> Result<Chunk> {
        let column_type = self.target.column_type;
        let mut chunk = Chunk::with_capacity(column_type, self.records.row_count());
        let mut scratch = Vec::new();
        let mut date_times = self.target.date_times.clone();
        let mut usual = Vec::new();
        let style = self.dialect.numbers;
        let is_number = matches!(column_type, ColumnType::BigDecimal | ColumnType::BigInteger) && !style.is_usual();
        let nulls = &self.target.nulls;
        for (row, field) in self.records.column(self.target.field).enumerate() {
            let text = field.text(self.block, self.dialect, &mut scratch);
            if field.is_plain() && (trim_space(text).is_empty() || nulls.contains(trim_space(text)))
                || is_escaped_null(self.block, field, nulls)
            {
                chunk.push_nulls(1);
                continue;
            }
            let parsed = match trim_space(text) {
                number if is_number => match style.usual(number, &mut usual) {
                    Some(usual) => parse_text(usual, column_type, &mut date_times),
                    None => Err(Refusal::NotOfType),
                },
                text => parse_text(text, column_type, &mut date_times),
            };
            match parsed {
                Ok(value) => chunk.push(&value)?,
                Err(_) if trim_space(text).is_empty() => chunk.push_nulls(1),
                Err(refusal) => {
                    let _: i64 = self.bad.note(row, self.at, field, refusal);
                    chunk.push_nulls(1);
                }
            }
        }
        Ok(chunk)
    }

    /// As strings, each with a code of its own.
    fn texts(&mut self) -> Result<Chunk> {
        let mut strings = StringChunk { codes: Vec::new(), symbols: Arc::new(Symbols::empty()) };
        let mut texts = strings.texts()?;
        texts.reserve(self.records.row_count(), 0);
        let mut scratch = Vec::new();
        let nulls = &self.target.nulls;
        for field in self.records.column(self.target.field) {
            if !field.is_plain() {
                let text = field.text(self.block, self.dialect, &mut scratch);
                texts.push((!is_escaped_null(self.block, field, nulls)).then(|| utf8(text)))?;
                continue;
            }
            let text = field.bytes(self.block);
            texts.push((!nulls.contains(text)).then(|| utf8(text)))?;
        }
        Ok(Chunk::String(strings))
    }
}

/// A backslash and N is null where backslashes escape and nothing is quoted; as such it is told by its raw bytes.
fn is_escaped_null(block: &[u8], field: Field, nulls: &NullTexts) -> bool {
    matches!(field.kind(), super::records::FieldKind::PlainEscaped)
        && (nulls.contains(field.bytes(block)) || field.bytes(block) == b"\\N")
}

impl BadFields {
    /// None yet, and room for so many.
    pub(super) fn keeping(kept_max: usize) -> Self {
        BadFields { kept_max, kept: Vec::new(), count: 0 }
    }

    #[cold]
    fn note<T: Primitive>(&mut self, row: usize, target: usize, field: Field, refusal: Refusal) -> T {
        self.count += 1;
        if self.kept.len() < self.kept_max {
            self.kept.push(BadField { row, target, field, refusal });
        }
        T::NULL
    }
}

/// The text of bytes that lie between ASCII characters of valid UTF-8, so are valid themselves.
#[inline(always)]
fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The same values with another in place of nulls.
fn with_default(chunk: Chunk, default: &Value, row_count: usize) -> Result<Chunk> {
    let nulls: Vec<usize> = (0..row_count).filter(|&row| chunk.is_null(row)).collect();
    if nulls.is_empty() {
        return Ok(chunk);
    }
    let mut all = chunk;
    all.push(default)?;
    let positions: Vec<u32> =
        (0..row_count).map(|row| if all.is_null(row) { row_count as u32 } else { row as u32 }).collect();
    Ok(all.take(&positions))
}
