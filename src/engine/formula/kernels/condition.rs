//! Truth values that decide: a null among them is an error, as in Java.

use super::super::operand::{Lane, Operand};
use crate::base::{Boolean, Error, ErrorKind, Primitive, Result};
use crate::memory::{Chunk, StringChunk, SymbolTableBuilder};
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
        super::super::predicate::select_where(values, &mut rows, |value| value == wanted);
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

/// One chunk of `len` values from two that cover its rows; each has one value for each of its rows, or a constant.
pub(in super::super) fn blend(len: usize, a: (&[u32], &Operand<'_>), b: (&[u32], &Operand<'_>)) -> Result<Chunk> {
    if let (Chunk::String(_), Chunk::String(_)) = (&*a.1.chunk, &*b.1.chunk) {
        return blend_texts(len, a, b);
    }
    let mut joined = a.1.chunk.clone().into_owned();
    let split = joined.len() as u32;
    joined.append(&b.1.chunk, 0..b.1.chunk.len())?;
    let mut order = vec![0; len];
    for (start, (rows, operand)) in [(0, a), (split, b)] {
        for (at, &row) in rows.iter().enumerate() {
            order[row as usize] = start + if operand.constant { 0 } else { at as u32 };
        }
    }
    Ok(joined.take(&order))
}

fn blend_texts(len: usize, a: (&[u32], &Operand<'_>), b: (&[u32], &Operand<'_>)) -> Result<Chunk> {
    let mut builder = SymbolTableBuilder::new();
    let mut codes = vec![Primitive::NULL; len];
    for (rows, operand) in [a, b] {
        let texts = operand.texts();
        for (at, &row) in rows.iter().enumerate() {
            codes[row as usize] = builder.intern_option(texts.get(at))?;
        }
    }
    Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(builder.finish()) }))
}
