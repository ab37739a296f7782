//! Aggregations that pick a row of each group: the one with the only distinct value, or the first or last by other columns.

use super::super::super::Version;
use super::super::super::column_source::{self, NO_ROW};
use super::super::super::grouper::{Assignment, Groups, KeyBits, PairSet, as_key};
use super::super::sort::{OrderBits, order_keys};
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Primitive, Result};
use crate::engine::limits;
use crate::memory::Chunk;
use crate::with_fixed_values;

/// Calls `take` with position, key and group of every row, in row order.
fn each_row(version: &Version, groups: &Groups, mut take: impl FnMut(usize, u64, u32)) {
    match &groups.assignment {
        Assignment::Rows(ids) => {
            version.rows.iter().zip(ids).enumerate().for_each(|(at, (key, &group))| take(at, key, group));
        }
        Assignment::Runs(runs) => {
            let mut at = 0;
            for run in runs {
                for key in run.keys.clone() {
                    take(at, key, run.group);
                    at += 1;
                }
            }
        }
    }
}

/// The row of each group that is first (or last) in the order of columns. Of equal rows the first (or last) one.
pub(super) fn sorted_ends(version: &Version, groups: &Groups, by: &[usize], last: bool) -> Result<Vec<u64>> {
    let columns = by.iter().map(|&at| order_keys(version, at, false)).collect::<Result<Vec<_>>>()?;
    let mut best = vec![(usize::MAX, NO_ROW); groups.count];
    each_row(version, groups, |at, key, group| {
        let best = &mut best[group as usize];
        let takes = best.1 == NO_ROW || {
            let by_column = columns.iter().map(|keys| keys[at].cmp(&keys[best.0]));
            let order = by_column.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
            if last { order.is_ge() } else { order.is_lt() }
        };
        if takes {
            *best = (at, key);
        }
    });
    Ok(best.into_iter().map(|(_, key)| key).collect())
}

/// The first rows of the distinct values of each group, ascending within a group, group by group, and how many there are of each group. Null and NaN
/// are values if asked for.
pub(super) fn distinct(
    version: &Version,
    groups: &Groups,
    column: usize,
    nulls: bool,
) -> Result<(Vec<u64>, Vec<usize>)> {
    let order = order_keys(version, column, false)?;
    let column_type = version.columns[column].column_type();
    let null = order_of_null(column_type);
    let nan = column_type.is_floating().then(|| f64::NAN.order_bits());
    let mut seen = PairSet::default();
    let mut found: Vec<(u32, u64, u64)> = Vec::new();
    each_row(version, groups, |at, key, group| {
        if (nulls || order[at] != null && Some(order[at]) != nan) && seen.insert(group, order[at]) {
            found.push((group, order[at], key));
        }
    });
    if column_type.is_floating() {
        let negative = negative_zeros(version, groups, column)?;
        let zero = 0f64.order_bits();
        found
            .iter_mut()
            .filter(|(group, order, _)| *order == zero && negative[*group as usize] != NO_ROW)
            .for_each(|(group, _, key)| *key = negative[*group as usize]);
    }
    found.sort_unstable();
    let mut sizes = vec![0; groups.count];
    found.iter().for_each(|(group, ..)| sizes[*group as usize] += 1);
    Ok((found.into_iter().map(|(_, _, key)| key).collect(), sizes))
}

/// The first row of each group whose value is `-0.0`: it stands for both zeros where they are one value.
fn negative_zeros(version: &Version, groups: &Groups, column: usize) -> Result<Vec<u64>> {
    let mut negative: Vec<bool> = Vec::with_capacity(version.rows.len() as usize);
    for piece in version.rows.chunks(4 * CHUNK_ROWS as u64) {
        limits::check()?;
        match column_source::read(&*version.columns[column], &piece)? {
            Chunk::Double(values) => negative.extend(values.iter().map(|v| *v == 0.0 && v.is_sign_negative())),
            Chunk::Float(values) => negative.extend(values.iter().map(|v| *v == 0.0 && v.is_sign_negative())),
            other => negative.extend(std::iter::repeat_n(false, other.len())),
        }
    }
    let mut first = vec![NO_ROW; groups.count];
    if negative.contains(&true) {
        each_row(version, groups, |at, key, group| {
            let first = &mut first[group as usize];
            if negative[at] && *first == NO_ROW {
                *first = key;
            }
        });
    }
    Ok(first)
}

/// What [`order_keys`] gives for null.
fn order_of_null(column_type: ColumnType) -> u64 {
    match column_type {
        ColumnType::Byte => i8::NULL.order_bits(),
        ColumnType::Short => i16::NULL.order_bits(),
        ColumnType::Int => i32::NULL.order_bits(),
        _ => 0,
    }
}

/// What is known of the values of a group that are not null.
#[derive(Clone, Copy)]
enum Only {
    None,
    /// One value, by its bits, and its first row.
    One(u64, u64),
    Several,
}

/// The first row of each group's only distinct value; nulls and NaN are skipped. No row where there are several values or none.
pub(super) fn unique(version: &Version, groups: &Groups, column: usize) -> Result<Vec<u64>> {
    let source = as_key(&version.columns[column], &version.rows)?;
    let mut found = vec![Only::None; groups.count];
    limits::require(version.rows.len(), size_of::<Option<u64>>())?;
    let mut bits: Vec<Option<u64>> = Vec::with_capacity(version.rows.len() as usize);
    for piece in version.rows.chunks(4 * CHUNK_ROWS as u64) {
        limits::check()?;
        let chunk = column_source::read(&*source, &piece)?;
        // Values of variable width come as codes.
        with_fixed_values!(&chunk, values => {
            bits.extend(values.iter().map(|value| (!is_null_or_nan(value)).then(|| value.key_bits())));
        }, else {});
    }
    each_row(version, groups, |at, key, group| {
        let Some(bits) = bits[at] else { return };
        let found = &mut found[group as usize];
        *found = match *found {
            Only::None => Only::One(bits, key),
            Only::One(same, key) if same == bits => Only::One(same, key),
            _ => Only::Several,
        };
    });
    let negative =
        if source.column_type().is_floating() { negative_zeros(version, groups, column)? } else { Vec::new() };
    let row = |(group, only): (usize, Only)| match only {
        Only::One(0, key) => negative.get(group).copied().filter(|row| *row != NO_ROW).unwrap_or(key),
        Only::One(_, key) => key,
        _ => NO_ROW,
    };
    Ok(found.into_iter().enumerate().map(row).collect())
}

fn is_null_or_nan<T: Primitive>(value: &T) -> bool {
    value.is_null() || value.partial_cmp(value).is_none()
}
