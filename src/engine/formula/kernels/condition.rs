//! Truth values that decide: a null among them is an error, as in Java.

use super::super::operand::{Cell, Lane, Operand, as_date_time};
use crate::base::{Boolean, ColumnType, Error, ErrorKind, Primitive, Result};
use crate::memory::{Chunk, StringChunk, SymbolTableBuilder};
use std::hint::select_unpredictable;
use std::sync::Arc;

fn null_in(word: &str) -> Error {
    Error::new(ErrorKind::Evaluation, format!("null in a condition of {word}"))
        .hint("test it first, as in !isNull(P) && P, or write P=true")
}

/// The truth value of a constant.
pub(in super::super) fn single(operand: &Operand<'_>, word: &str) -> Result<bool> {
    operand.lane::<Boolean>().get(0).get().ok_or_else(|| null_in(word))
}

/// Errs if there is a null.
pub(in super::super) fn check(operand: &Operand<'_>, word: &str) -> Result<()> {
    let null = match operand.lane::<Boolean>() {
        Lane::Slice(values) => values.iter().any(|value| value.is_null()),
        Lane::Constant(value) => value.is_null(),
    };
    if null { Err(null_in(word)) } else { Ok(()) }
}

/// The rows that have a truth value; errs if one is null.
pub(in super::super) fn rows_where(operand: &Operand<'_>, wanted: bool, word: &str) -> Result<Vec<u32>> {
    check(operand, word)?;
    let wanted = Boolean::from(wanted);
    let mut rows = Vec::new();
    if let Lane::Slice(values) = operand.lane::<Boolean>() {
        super::super::scan::select_where(values, &mut rows, |value| value == wanted);
    }
    Ok(rows)
}

/// The values as a vector of their own.
pub(in super::super) fn vector(operand: Operand<'_>) -> Vec<Boolean> {
    <Boolean as super::super::operand::Cell>::vector(operand.chunk.into_owned())
}

/// Puts the right side's values into `rows`; it has one value for each of them if `narrowed`, else one a row of all.
pub(in super::super) fn fill(
    values: &mut [Boolean],
    rows: &[u32],
    right: &Operand<'_>,
    narrowed: bool,
    word: &str,
) -> Result<()> {
    let right = right.lane::<Boolean>();
    for (at, &row) in rows.iter().enumerate() {
        let value = right.get(if narrowed { at } else { row as usize });
        if value.is_null() {
            return Err(null_in(word));
        }
        values[row as usize] = value;
    }
    Ok(())
}

/// The values of one operand where the test is true, of the other elsewhere; none for strings of different tables. The test has no null.
pub(in super::super) fn choose(test: &Operand<'_>, yes: &Operand<'_>, no: &Operand<'_>) -> Option<Chunk> {
    fn of<T: Copy>(test: &[Boolean], yes: Lane<'_, T>, no: Lane<'_, T>) -> Vec<T> {
        let rows = test.iter().map(|&test| test == Boolean::TRUE);
        // Conditions on data follow no pattern that a branch predictor would learn.
        let pick = |test: bool, yes: T, no: T| select_unpredictable(test, yes, no);
        match (yes, no) {
            (Lane::Slice(yes), Lane::Slice(no)) => {
                rows.zip(yes.iter().zip(no)).map(|(test, (&yes, &no))| pick(test, yes, no)).collect()
            }
            (Lane::Slice(yes), Lane::Constant(no)) => rows.zip(yes).map(|(test, &yes)| pick(test, yes, no)).collect(),
            (Lane::Constant(yes), Lane::Slice(no)) => rows.zip(no).map(|(test, &no)| pick(test, yes, no)).collect(),
            (Lane::Constant(yes), Lane::Constant(no)) => rows.map(|test| pick(test, yes, no)).collect(),
        }
    }
    fn cells<T: Cell>(test: &[Boolean], yes: &Operand<'_>, no: &Operand<'_>) -> Chunk {
        T::chunk(of(test, yes.lane::<T>(), no.lane::<T>()))
    }
    let Lane::Slice(test) = test.lane::<Boolean>() else { return None };
    Some(match yes.chunk.column_type() {
        ColumnType::String => {
            let (yes, no) = (yes.texts(), no.texts());
            if !Arc::ptr_eq(&yes.strings.symbols, &no.strings.symbols) {
                return None;
            }
            let codes = of(test, yes.lane(), no.lane());
            Chunk::String(StringChunk { codes, symbols: yes.strings.symbols.clone() })
        }
        ColumnType::Char => cells::<u16>(test, yes, no),
        ColumnType::Boolean => cells::<Boolean>(test, yes, no),
        ColumnType::Byte => cells::<i8>(test, yes, no),
        ColumnType::Short => cells::<i16>(test, yes, no),
        ColumnType::Int => cells::<i32>(test, yes, no),
        ColumnType::Long => cells::<i64>(test, yes, no),
        ColumnType::DateTime => as_date_time(cells::<i64>(test, yes, no)),
        ColumnType::Float => cells::<f32>(test, yes, no),
        ColumnType::Double => cells::<f64>(test, yes, no),
        _ => return None,
    })
}

/// Rows, what they get, and whether the operand has a value for every row rather than one for each of these.
type Part<'a> = (&'a [u32], &'a Operand<'a>, bool);

/// One chunk of `len` values from two parts that cover its rows.
pub(in super::super) fn blend(len: usize, a: Part<'_>, b: Part<'_>) -> Result<Chunk> {
    let from = |(_, operand, full): Part<'_>, at: usize, row: u32| match (operand.constant, full) {
        (true, _) => 0,
        (false, true) => row,
        (false, false) => at as u32,
    };
    if let (Chunk::String(_), Chunk::String(_)) = (&*a.1.chunk, &*b.1.chunk) {
        let mut builder = SymbolTableBuilder::new();
        let mut codes = vec![Primitive::NULL; len];
        for part in [a, b] {
            let texts = part.1.texts();
            for (at, &row) in part.0.iter().enumerate() {
                codes[row as usize] = builder.intern_option(texts.get(from(part, at, row) as usize))?;
            }
        }
        return Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(builder.finish()) }));
    }
    let mut joined = a.1.chunk.clone().into_owned();
    let split = joined.len() as u32;
    joined.append(&b.1.chunk, 0..b.1.chunk.len())?;
    let mut order = vec![0; len];
    for (start, part) in [(0, a), (split, b)] {
        for (at, &row) in part.0.iter().enumerate() {
            order[row as usize] = start + from(part, at, row);
        }
    }
    Ok(joined.take(&order))
}
