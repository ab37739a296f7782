//! Whether two sets of locations hold the same rows, in whatever order.

use super::distinct::{self, Keyed};
use super::fingerprint::{self, Fingerprint};
use super::rows::{Batch, Batches};
use super::{Check, EXAMPLES_MAX, Example, ValidationProgress};
use crate::base::{Result, Value};

/// Compares row counts, each column's values and whole rows; where rows differ, some of them are found.
pub(super) fn compare(
    intraday: &Batches<'_>,
    history: &Batches<'_>,
    progress: ValidationProgress<'_>,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let counts = (intraday.row_count(), history.row_count());
    let sentence = format!("{} intraday rows, {} historical ones", counts.0, counts.1);
    let differ = counts.0.abs_diff(counts.1);
    checks.push(whole("row count", differ, sentence));
    let (before, after) = (sums(intraday, progress)?, sums(history, progress)?);
    for (at, column) in intraday.columns().iter().enumerate() {
        let sentence = "the values are not those of the intraday rows".to_owned();
        let differs = u64::from(before.columns[at] != after.columns[at]);
        checks.push(whole(&format!("same values: {}", column.name), differs, sentence));
    }
    let mut rows = Check { name: "same rows".into(), violations: 0, examples: Vec::new() };
    if before.rows != after.rows {
        (rows.violations, rows.examples) = difference(intraday, history, progress)?;
    }
    checks.push(rows);
    Ok(())
}

/// A check of the whole.
pub(super) fn whole(name: &str, violations: u64, what: String) -> Check {
    let examples =
        if violations == 0 { Vec::new() } else { vec![Example { location: String::new(), row: None, what }] };
    Check { name: name.to_owned(), violations, examples }
}

struct Sums {
    columns: Vec<Fingerprint>,
    rows: Fingerprint,
}

fn sums(batches: &Batches<'_>, progress: ValidationProgress<'_>) -> Result<Sums> {
    let count = batches.columns().len();
    let parts = batches.map(progress, |batch| {
        let mut rows = fingerprint::start((batch.rows.end - batch.rows.start) as usize);
        let mut columns = Vec::with_capacity(count);
        for column in 0..count {
            let chunk = batch.read(column, false)?;
            columns.push(fingerprint::values(&chunk)?.into_iter().fold(0, Fingerprint::wrapping_add));
            fingerprint::add_column(&chunk, &mut rows)?;
        }
        Ok(Sums { columns, rows: rows.into_iter().fold(0, Fingerprint::wrapping_add) })
    })?;
    let mut all = Sums { columns: vec![0; count], rows: 0 };
    for part in parts {
        all.columns.iter_mut().zip(part.columns).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
        all.rows = all.rows.wrapping_add(part.rows);
    }
    Ok(all)
}

fn row_fingerprints(batch: &Batch<'_>, columns: usize) -> Result<Vec<Fingerprint>> {
    let mut rows = fingerprint::start((batch.rows.end - batch.rows.start) as usize);
    (0..columns).try_for_each(|column| fingerprint::add_column(&batch.read(column, false)?, &mut rows))?;
    Ok(rows)
}

/// Rows that one side has more often than the other: how many, and some of them.
fn difference(
    intraday: &Batches<'_>,
    history: &Batches<'_>,
    progress: ValidationProgress<'_>,
) -> Result<(u64, Vec<Example>)> {
    let columns = intraday.columns().len();
    let keyed = |batches: &Batches<'_>, pass: distinct::Pass| {
        let parts = batches.map(progress, |batch| {
            let rows = row_fingerprints(batch, columns)?;
            let keyed = rows.into_iter().enumerate().filter(|(_, key)| pass.takes(*key));
            Ok(keyed
                .map(|(at, key)| Keyed { key, location: batch.number as u32, row: batch.rows.start + at as u64 })
                .collect::<Vec<_>>())
        })?;
        Ok::<_, crate::base::Error>(parts.concat())
    };
    let (mut violations, mut examples) = (0, Vec::new());
    for pass in distinct::passes(intraday.row_count() + history.row_count()) {
        let (mut left, mut right) = (keyed(intraday, pass)?, keyed(history, pass)?);
        left.sort_unstable();
        right.sort_unstable();
        for (side, rows, batches) in [
            ("missing in history", distinct::surplus(&left, &right), intraday),
            ("not among the intraday rows", distinct::surplus(&right, &left), history),
        ] {
            violations += rows.len() as u64;
            for keyed in rows.into_iter().take(EXAMPLES_MAX.saturating_sub(examples.len())) {
                let what = format!("{side}: {}", batches.show(keyed.location as usize, keyed.row)?);
                examples.push(Example { location: batches.name(keyed.location as usize), row: Some(keyed.row), what });
            }
        }
    }
    Ok((violations, examples))
}

impl Batches<'_> {
    /// A row's values as text.
    fn show(&self, number: usize, row: u64) -> Result<String> {
        let mut text = String::new();
        for (at, column) in self.columns().iter().enumerate() {
            let value = self.one(number, row, at)?;
            let separator = if at == 0 { "" } else { ", " };
            text.push_str(&format!("{separator}{}={}", column.name, show_value(&value)));
            if text.len() > 500 {
                text.push('…');
                break;
            }
        }
        Ok(text)
    }
}

/// A value as the query language would show it.
pub(super) fn show_value(value: &Value) -> String {
    let mut bytes = Vec::new();
    crate::base::text::write_csv_value(value, b',', &mut bytes);
    if value.is_null() { "null".to_owned() } else { String::from_utf8_lossy(&bytes).into_owned() }
}
