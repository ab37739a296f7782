//! The rules of a schema, and what every historical location promises: sorted rows, groups that lie together.

use super::compare::{show_value, whole};
use super::distinct::{self, Keyed};
use super::fingerprint;
use super::rows::{Batch, Batches};
use super::{Check, EXAMPLES_MAX, Example, ValidationProgress, ValidationRequest};
use crate::base::{Error, Result, Value};
use crate::memory::symbols::compare_utf16;
use crate::memory::{Chunk, object_order};
use crate::storage::historical::order_of;
use crate::storage::schema::{CountRule, RangeRule, SetRule, compare_values};
use crate::with_fixed_values;
use std::cmp::Ordering;

/// Evaluates every rule over the rows of history.
pub(super) fn evaluate(
    request: &ValidationRequest<'_>,
    history: &Batches<'_>,
    progress: ValidationProgress<'_>,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let rules = request.rules;
    let rows = history.row_count();
    if rules.row_count_min.is_some_and(|least| rows < least) || rules.row_count_max.is_some_and(|most| rows > most) {
        checks.push(whole("row count in bounds", 1, format!("{rows} rows")));
    } else if rules.row_count_min.is_some() || rules.row_count_max.is_some() {
        checks.push(whole("row count in bounds", 0, String::new()));
    }
    let mut plan = Vec::new();
    let grouping: Vec<&str> = request.definition.grouping().map(|column| column.name.as_str()).collect();
    let keys: Vec<&str> = grouping.iter().copied().chain(request.sort_columns.iter().map(String::as_str)).collect();
    if !keys.is_empty() {
        plan.push(RowRule::Ordered { name: "sorted as merged".into(), columns: positions(history, &keys)?, group: 0 });
    }
    for column in &rules.sorted {
        let mut columns = positions(history, &grouping)?;
        let group = columns.len();
        columns.push(position(history, column)?);
        plan.push(RowRule::Ordered { name: format!("sorted: {column}"), columns, group });
    }
    for column in &rules.not_null {
        plan.push(RowRule::NotNull { column: position(history, column)? });
    }
    for rule in &rules.ranges {
        plan.push(RowRule::Range { column: position(history, &rule.column)?, rule });
    }
    for rule in &rules.sets {
        plan.push(RowRule::Set { column: position(history, &rule.column)?, rule });
    }
    let found = history.map(progress, |batch| plan.iter().map(|rule| rule.check(batch)).collect::<Result<Vec<_>>>())?;
    for (number, rule) in plan.iter().enumerate() {
        let mut check = Check { name: rule.name(history), violations: 0, examples: Vec::new() };
        for (location, violations) in found.iter().filter_map(|batch| batch[number].as_ref()) {
            check.violations += violations.count;
            let left = EXAMPLES_MAX.saturating_sub(check.examples.len());
            for (row, what) in violations.examples.iter().take(left) {
                check.examples.push(Example { location: history.name(*location), row: Some(*row), what: what.clone() });
            }
        }
        checks.push(check);
    }
    let grouped = grouping.iter().copied().chain(rules.grouped.iter().map(String::as_str));
    let mut seen: Vec<&str> = Vec::new();
    for column in grouped {
        if !seen.contains(&column) {
            seen.push(column);
            // Only the first column decides the order of groups; a further one may begin again within another group, and each in another storage.
            if grouping.first() == Some(&column) || rules.grouped.iter().any(|name| name == column) {
                checks.push(repeats(history, column, true, progress)?);
            }
        }
    }
    for column in &rules.unique {
        checks.push(repeats(history, column, false, progress)?);
    }
    for rule in &rules.counts {
        checks.push(counts(history, rule, progress)?);
    }
    Ok(())
}

fn position(batches: &Batches<'_>, column: &str) -> Result<usize> {
    batches.columns().iter().position(|known| known.name == column).ok_or_else(|| {
        let known = batches.columns().iter().map(|column| column.name.as_str());
        let error = Error::not_found(format!("a rule names the column {column}, which the table lacks"));
        match crate::base::names::nearest_hint(column, known) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

fn positions(batches: &Batches<'_>, columns: &[&str]) -> Result<Vec<usize>> {
    columns.iter().map(|column| position(batches, column)).collect()
}

/// A rule that looks at a row, or at a row and the one before it.
enum RowRule<'a> {
    /// No row before another that goes before it, as long as the first `group` columns are equal.
    Ordered {
        name: String,
        columns: Vec<usize>,
        group: usize,
    },
    NotNull {
        column: usize,
    },
    Range {
        column: usize,
        rule: &'a RangeRule,
    },
    Set {
        column: usize,
        rule: &'a SetRule,
    },
}

#[derive(Default)]
struct Violations {
    count: u64,
    /// Row and what is wrong.
    examples: Vec<(u64, String)>,
}

impl Violations {
    fn add(&mut self, row: u64, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push((row, what()));
        }
    }
}

impl RowRule<'_> {
    fn name(&self, batches: &Batches<'_>) -> String {
        let column = |at: usize| &batches.columns()[at].name;
        match self {
            RowRule::Ordered { name, .. } => name.clone(),
            RowRule::NotNull { column: at } => format!("not null: {}", column(*at)),
            RowRule::Range { column: at, rule } => {
                let bound = |value: &Option<Value>| value.as_ref().map(show_value).unwrap_or_default();
                format!("in range: {} {}..{}", column(*at), bound(&rule.min), bound(&rule.max))
            }
            RowRule::Set { column: at, .. } => format!("in set: {}", column(*at)),
        }
    }

    /// The violations of a batch with its location; none where there are none.
    fn check(&self, batch: &Batch<'_>) -> Result<Option<(usize, Violations)>> {
        let mut found = Violations::default();
        match self {
            RowRule::Ordered { columns, group, .. } => order(batch, columns, *group, &mut found)?,
            RowRule::NotNull { column } => {
                let chunk = batch.read(*column, false)?;
                for at in (0..chunk.len()).filter(|&at| chunk.is_null(at)) {
                    found.add(batch.rows.start + at as u64, || "null".to_owned());
                }
            }
            RowRule::Range { column, rule } => {
                let chunk = batch.read(*column, false)?;
                let inside = |value: &Value| {
                    rule.min.as_ref().is_none_or(|min| compare_values(value, min).is_some_and(Ordering::is_ge))
                        && rule.max.as_ref().is_none_or(|max| compare_values(value, max).is_some_and(Ordering::is_le))
                };
                each_value(&chunk, batch, inside, &mut found);
            }
            RowRule::Set { column, rule } => {
                let chunk = batch.read(*column, false)?;
                each_value(&chunk, batch, |value| rule.values.contains(value), &mut found);
            }
        }
        Ok((found.count > 0).then_some((batch.number, found)))
    }
}

/// Notes the values that are not null and do not pass.
fn each_value(chunk: &Chunk, batch: &Batch<'_>, passes: impl Fn(&Value) -> bool, found: &mut Violations) {
    // A string is looked at once a symbol where the batch has fewer symbols than rows.
    let by_symbol: Option<Vec<bool>> = match chunk {
        Chunk::String(strings) if strings.symbols.len() <= chunk.len() => {
            Some(strings.symbols.iter().map(|text| passes(&Value::string(text))).collect())
        }
        _ => None,
    };
    for at in (0..chunk.len()).filter(|&at| !chunk.is_null(at)) {
        let passed = match (chunk, &by_symbol) {
            (Chunk::String(strings), Some(passed)) => passed.get(strings.codes[at].index()).copied().unwrap_or(false),
            _ => passes(&chunk.value(at)),
        };
        if !passed {
            found.add(batch.rows.start + at as u64, || show_value(&chunk.value(at)));
        }
    }
}

/// Notes rows that go before the row above them, by the columns in turn, unless the first `group` columns differ.
fn order(batch: &Batch<'_>, columns: &[usize], group: usize, found: &mut Violations) -> Result<()> {
    let chunks = columns.iter().map(|&column| batch.read(column, true)).collect::<Result<Vec<_>>>()?;
    let first = batch.rows.start - u64::from(batch.has_before());
    let rows = chunks.first().map_or(0, Chunk::len);
    for at in 1..rows {
        let mut orders = chunks.iter().map(|chunk| compare_rows(chunk, at - 1, at)).enumerate();
        let Some((column, order)) = orders.find(|(_, order)| order.is_ne()) else { continue };
        if column >= group && order.is_gt() {
            found.add(first + at as u64, || {
                let (value, before) = (chunks[column].value(at), chunks[column].value(at - 1));
                format!("{} after {}", show_value(&value), show_value(&before))
            });
        }
    }
    Ok(())
}

/// Order of two rows of a chunk: nulls first, NaN last, strings by UTF-16 code unit.
fn compare_rows(chunk: &Chunk, a: usize, b: usize) -> Ordering {
    match chunk {
        Chunk::String(strings) if strings.codes[a] == strings.codes[b] => Ordering::Equal,
        Chunk::String(strings) => match (strings.get(a), strings.get(b)) {
            (Some(a), Some(b)) => compare_utf16(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        },
        Chunk::Object(objects) => match (objects.bytes_of(a), objects.bytes_of(b)) {
            (Some(a), Some(b)) => object_order::compare(objects.object_type, a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        },
        other => with_fixed_values!(other, values => order_of(values[a], values[b]), else Ordering::Equal),
    }
}

/// Values that stand twice, or, with `runs`, that begin again after another value in the same storage.
fn repeats(batches: &Batches<'_>, column: &str, runs: bool, progress: ValidationProgress<'_>) -> Result<Check> {
    let at = position(batches, column)?;
    let name = format!("{}: {column}", if runs { "lies together" } else { "unique" });
    let mut check = Check { name, violations: 0, examples: Vec::new() };
    for pass in distinct::passes(batches.row_count()) {
        let mut keyed = keyed(batches, at, runs, pass, progress)?;
        keyed.sort_unstable();
        let mut repeated: Vec<Keyed> = distinct::repeated(&keyed, runs).collect();
        repeated.sort_unstable_by_key(|keyed| (keyed.location, keyed.row));
        check.violations += repeated.len() as u64;
        for keyed in repeated {
            if check.examples.len() < EXAMPLES_MAX {
                let value = batches.one(keyed.location as usize, keyed.row, at)?;
                check.examples.push(Example {
                    location: batches.name(keyed.location as usize),
                    row: Some(keyed.row),
                    what: format!("{} again", show_value(&value)),
                });
            }
        }
    }
    Ok(check)
}

/// Bounds on how many nulls and how many different values a column has.
fn counts(batches: &Batches<'_>, rule: &CountRule, progress: ValidationProgress<'_>) -> Result<Check> {
    let at = position(batches, &rule.column)?;
    let nulls = batches.map(progress, |batch| {
        let chunk = batch.read(at, false)?;
        Ok((0..chunk.len()).filter(|&row| chunk.is_null(row)).count() as u64)
    })?;
    let nulls: u64 = nulls.into_iter().sum();
    let mut values = 0;
    for pass in distinct::passes(batches.row_count()) {
        let mut keyed = keyed(batches, at, true, pass, progress)?;
        keyed.retain(|keyed| keyed.key != 0);
        keyed.sort_unstable();
        values += distinct::count(&keyed);
    }
    let outside = |count: u64, min: Option<u64>, max: Option<u64>| {
        min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max)
    };
    let violated = outside(nulls, None, rule.null_max) || outside(values, rule.distinct_min, rule.distinct_max);
    Ok(whole(&format!("counts: {}", rule.column), u64::from(violated), format!("{nulls} nulls, {values} values")))
}

/// The checksums of a column's values that are not null; with `runs` one for each run of equal values, null ones too.
fn keyed(
    batches: &Batches<'_>,
    column: usize,
    runs: bool,
    pass: distinct::Pass,
    progress: ValidationProgress<'_>,
) -> Result<Vec<Keyed>> {
    let parts = batches.map(progress, |batch| {
        let keys = fingerprint::values(&batch.read(column, runs)?)?;
        let before = usize::from(runs && batch.has_before());
        let first = batch.rows.start - before as u64;
        let begins = |at: usize| if runs { at == 0 || keys[at] != keys[at - 1] } else { keys[at] != 0 };
        let chosen = (before..keys.len()).filter(|&at| begins(at) && pass.takes(keys[at]));
        Ok(chosen
            .map(|at| Keyed { key: keys[at], location: batch.number as u32, row: first + at as u64 })
            .collect::<Vec<_>>())
    })?;
    Ok(parts.concat())
}
