//! The rows of all workloads: a pure function of (row, writer, column), so that any prefix can be checked without a log.
//!
//! No two writers write the same row alike: remains of one are never taken for the rows of another.

use pilaster::base::{BigInt, Boolean, ColumnDefinition, ColumnType, Error, Result, SymbolUse, Value};
use pilaster::memory::Chunk;
use pilaster::storage::{ColumnRegion, Location};
use pilaster::with_both_values;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The types of further columns, in turn.
const FURTHER: [ColumnType; 12] = [
    // Without a symbol table: text that the rows carry themselves.
    ColumnType::String,
    ColumnType::Byte,
    ColumnType::Long,
    ColumnType::Boolean,
    ColumnType::Char,
    ColumnType::Short,
    ColumnType::Float,
    ColumnType::DateTime,
    ColumnType::Int,
    ColumnType::Double,
    ColumnType::BigInteger,
    ColumnType::Blob,
];

/// The columns: a dictionary that grows, a wide value and a narrow one; then as many more as asked for, of all types.
pub(crate) fn columns(further: usize) -> Vec<ColumnDefinition> {
    let mut columns = vec![
        ColumnDefinition::new("Sym", ColumnType::String),
        ColumnDefinition::new("Price", ColumnType::Double),
        ColumnDefinition::new("Size", ColumnType::Int),
    ];
    columns.extend((0..further).map(|number| {
        let column_type = FURTHER[number % FURTHER.len()];
        ColumnDefinition::new(format!("Extra{number}"), column_type).with_symbol(SymbolUse::None)
    }));
    columns
}

/// A dictionary that grows with the rows, and differs from writer to writer.
pub(crate) fn sym(row: u64, writer: u64) -> Option<String> {
    (row % 11 != 3).then(|| format!("W{writer}S{}", row.wrapping_mul(row) % (4 + row / 8)))
}

/// The values of some rows of the column at a position.
pub(crate) fn chunk(column_type: ColumnType, column: usize, rows: Range<u64>, writer: u64) -> Chunk {
    // Differs in each column, so that no column passes for another; never a sentinel.
    let number = |row: u64| row.wrapping_mul(7).wrapping_add(writer * 1_000_003).wrapping_add(column as u64 * 131);
    match column_type {
        ColumnType::String => {
            let texts: Vec<Option<String>> = rows.map(|row| sym(row, writer)).collect();
            Chunk::strings(texts.iter().map(Option::as_deref)).expect("few short strings")
        }
        ColumnType::Boolean => Chunk::Boolean(rows.map(|row| Boolean::from(number(row) % 3 == 0)).collect()),
        ColumnType::Char => Chunk::Char(rows.map(|row| number(row) as u16 & 0x7fff).collect()),
        ColumnType::Byte => Chunk::Byte(rows.map(|row| number(row) as i8 & 0x7f).collect()),
        ColumnType::Short => Chunk::Short(rows.map(|row| number(row) as i16 & 0x7fff).collect()),
        ColumnType::Int => Chunk::Int(rows.map(|row| number(row) as i32 & 0x7fff_ffff).collect()),
        ColumnType::Long => Chunk::Long(rows.map(|row| number(row) as i64).collect()),
        ColumnType::DateTime => Chunk::DateTime(rows.map(|row| number(row) as i64).collect()),
        ColumnType::Float => Chunk::Float(rows.map(|row| (number(row) % 65_536) as f32 * 0.5).collect()),
        ColumnType::Double => Chunk::Double(rows.map(|row| row as f64 * 0.25 + writer as f64 * 1e6).collect()),
        ColumnType::BigInteger => objects(column_type, rows, |row| {
            let number = BigInt::from(number(row));
            Value::BigInteger(Arc::new(number.pow(1 + (row % 5) as u32)))
        }),
        ColumnType::Blob => objects(column_type, rows, |row| {
            let bytes: Vec<u8> = (0..row % 40).map(|at| (number(row) + at) as u8).collect();
            Value::Blob(bytes.into())
        }),
        _ => unreachable!("no column of the workloads has the type {column_type}"),
    }
}

fn objects(column_type: ColumnType, rows: Range<u64>, value: impl Fn(u64) -> Value) -> Chunk {
    let values: Vec<Value> = rows.map(value).collect();
    Chunk::from_values(column_type, &values).expect("values of the type")
}

/// Chunks of all columns.
pub(crate) fn chunks(columns: &[ColumnDefinition], rows: Range<u64>, writer: u64) -> Vec<Chunk> {
    columns.iter().enumerate().map(|(at, column)| chunk(column.column_type, at, rows.clone(), writer)).collect()
}

/// Which writer wrote the rows from where on, in order.
pub(crate) type Segments = Vec<(u64, u64)>;

/// Rows compared at once.
const BATCH_ROWS: u64 = 64 << 10;

/// Reads all rows of a location and compares each value with what its writer wrote. How many there are.
pub(crate) fn verify_rows(location: &dyn Location, segments: &Segments, columns: &[ColumnDefinition]) -> Result<u64> {
    let rows = location.row_count();
    if rows == 0 {
        return Ok(0);
    }
    for (at, column) in columns.iter().enumerate() {
        let name = &column.name;
        let region = location.column(name)?.ok_or_else(|| Error::corrupt(format!("column {name} is gone")))?;
        let mut found = Chunk::new(column.column_type);
        for start in (0..rows).step_by(BATCH_ROWS as usize) {
            let range = start..rows.min(start + BATCH_ROWS);
            found.clear();
            fill(&*region, range.clone(), &mut found)?;
            for (number, &(from, writer)) in segments.iter().enumerate() {
                let to = segments.get(number + 1).map_or(u64::MAX, |(next, _)| *next);
                let part = from.max(range.start)..to.min(range.end);
                if part.start < part.end && !is_expected(&found, range.start, column.column_type, at, part, writer) {
                    return Err(Error::corrupt(format!("column {name} has values that were never written so")));
                }
            }
        }
    }
    Ok(rows)
}

/// Appends rows of a region to an empty chunk, strings with their table.
pub(crate) fn fill(region: &dyn ColumnRegion, rows: Range<u64>, chunk: &mut Chunk) -> Result<()> {
    if let Chunk::String(strings) = chunk
        && let Some(symbols) = region.symbols()?
    {
        strings.symbols = symbols;
    }
    region.fill(rows, chunk)
}

/// Rows of a writer that are computed once: histories of crash tests are short and checked often.
const KEPT_ROWS: u64 = 256;

thread_local! {
    static KEPT: RefCell<HashMap<(ColumnType, usize, u64), Chunk>> = RefCell::default();
}

/// Compares `found`, whose first value is of row `found_from`, in some rows.
fn is_expected(
    found: &Chunk,
    found_from: u64,
    column_type: ColumnType,
    column: usize,
    rows: Range<u64>,
    writer: u64,
) -> bool {
    let found_at = (rows.start - found_from) as usize..(rows.end - found_from) as usize;
    if rows.end > KEPT_ROWS {
        let expected = chunk(column_type, column, rows.clone(), writer);
        return same(found, found_at, &expected, 0);
    }
    KEPT.with_borrow_mut(|kept| {
        let expected = kept
            .entry((column_type, column, writer))
            .or_insert_with(|| chunk(column_type, column, 0..KEPT_ROWS, writer));
        same(found, found_at, expected, rows.start as usize)
    })
}

fn same(found: &Chunk, at: Range<usize>, expected: &Chunk, expected_from: usize) -> bool {
    let count = at.len();
    if found.len() < at.end {
        return false;
    }
    if let (Chunk::String(found), Chunk::String(expected)) = (found, expected) {
        let expected = (expected_from..expected_from + count).map(|row| expected.get(row));
        return at.map(|row| found.get(row)).eq(expected);
    }
    let by_value = || at.clone().zip(expected_from..).all(|(row, other)| found.value(row) == expected.value(other));
    with_both_values!(found, expected, a, b => a[at] == b[expected_from..expected_from + count], else {
        found.column_type() == expected.column_type() && by_value()
    })
}
