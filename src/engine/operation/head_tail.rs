//! `head`, `tail`, `headPct`, `tailPct`, `slice`, `reverse`, `headBy`, `tailBy`: rows by position.

use super::super::column_source::redirect;
use super::super::grouper::{self, Assignment};
use super::super::{Table, Version, limits};
use super::{joined, split_names};
use crate::base::{Error, Result};
use crate::memory::RowSet;

impl Table {
    /// The first `count` rows, all if there are fewer. A negative count is an error.
    pub fn head(&self, count: i64) -> Result<Table> {
        self.run(
            "head",
            || count.to_string(),
            || {
                let count = not_negative("head", count)?;
                self.with_rows(self.version()?.rows.slice(0..count))
            },
        )
    }

    /// The last `count` rows, all if there are fewer. A negative count is an error.
    pub fn tail(&self, count: i64) -> Result<Table> {
        self.run(
            "tail",
            || count.to_string(),
            || {
                let count = not_negative("tail", count)?;
                self.with_rows(last(&self.version()?.rows, count))
            },
        )
    }

    /// The first share of the rows, 0 to 1, rounded up to whole rows.
    pub fn head_pct(&self, share: f64) -> Result<Table> {
        self.run(
            "headPct",
            || share.to_string(),
            || {
                let rows = &self.version()?.rows;
                self.with_rows(rows.slice(0..rows_of_share("headPct", share, rows.len())?))
            },
        )
    }

    /// The last share of the rows, 0 to 1, rounded up to whole rows.
    pub fn tail_pct(&self, share: f64) -> Result<Table> {
        self.run(
            "tailPct",
            || share.to_string(),
            || {
                let rows = &self.version()?.rows;
                self.with_rows(last(rows, rows_of_share("tailPct", share, rows.len())?))
            },
        )
    }

    /// The rows from position `first` up to and without `end`. Negative positions count from the end of the table, as an end of
    /// 0 does when `first` is negative; what lies outside is cut off.
    pub fn slice(&self, first: i64, end: i64) -> Result<Table> {
        self.run(
            "slice",
            || format!("{first}, {end}"),
            || {
                let rows = &self.version()?.rows;
                let from_end = |position: i64| rows.len().saturating_sub(position.unsigned_abs());
                let start = if first < 0 { from_end(first) } else { first as u64 };
                let stop = if end < 0 || end == 0 && first < 0 { from_end(end) } else { end as u64 };
                if (first < 0) == (end < 0) && end < first {
                    return Err(Error::invalid(format!("slice({first}, {end}) ends before it starts")));
                }
                self.with_rows(rows.slice(start..stop))
            },
        )
    }

    /// The rows from the last to the first.
    pub fn reverse(&self) -> Result<Table> {
        self.run("reverse", String::new, || {
            let version = self.version()?;
            limits::require(version.rows.len(), size_of::<u64>())?;
            let keys: Vec<u64> = version.rows.ranges().rev().flat_map(|range| range.rev()).collect();
            self.with_keys(keys)
        })
    }

    /// The first `count` rows of each group. Key columns move to the front, groups stand in order of first appearance, and
    /// rows within a group keep their order. Without keys as [`Table::head`].
    pub fn head_by(&self, count: i64, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("headBy", || format!("{count}, {}", joined(keys)), || self.end_by("headBy", count, keys, false))
    }

    /// The last `count` rows of each group, laid out as by [`Table::head_by`].
    pub fn tail_by(&self, count: i64, keys: &[impl AsRef<str>]) -> Result<Table> {
        self.run("tailBy", || format!("{count}, {}", joined(keys)), || self.end_by("tailBy", count, keys, true))
    }

    fn end_by(&self, name: &str, count: i64, keys: &[impl AsRef<str>], at_end: bool) -> Result<Table> {
        let count = match not_negative(name, count)? {
            0 => return Err(Error::invalid(format!("{name} of 0 rows a group")).hint("give at least 1")),
            count => count as usize,
        };
        let names = split_names(keys);
        if names.is_empty() {
            return if at_end { self.tail(count as i64) } else { self.head(count as i64) };
        }
        let keys = self.positions(&names)?;
        let version = self.version()?;
        let groups = grouper::group(version, &keys)?;
        let mut members: Vec<Vec<u64>> = vec![Vec::new(); groups.count];
        let mut add = |group: usize, key: u64| {
            let member = &mut members[group];
            if at_end || member.len() < count {
                member.push(key);
            }
        };
        match &groups.assignment {
            Assignment::Rows(ids) => version.rows.iter().zip(ids).for_each(|(key, &id)| add(id as usize, key)),
            Assignment::Runs(runs) => {
                runs.iter().for_each(|run| run.keys.clone().for_each(|key| add(run.group as usize, key)))
            }
        }
        let kept =
            |member: Vec<u64>| if at_end { member[member.len().saturating_sub(count)..].to_vec() } else { member };
        let members: Vec<Vec<u64>> = members.into_iter().map(kept).collect();
        let order = self.keys_first(&keys);
        let columns: Vec<_> = order.iter().map(|&at| version.columns[at].clone()).collect();
        let definitions = order.iter().map(|&at| self.definition().columns()[at].clone()).collect();
        let rows: Vec<u64> = members.iter().flatten().copied().collect();
        let count = rows.len() as u64;
        let mut columns = redirect(&columns, rows);
        // Of the two zeros, which are one key, the group's first row has the one that is shown.
        for place in (0..keys.len()).filter(|&place| self.is_floating(order[place])) {
            let of_group = groups.first.iter().zip(&members);
            let first = of_group.flat_map(|(&first, members)| std::iter::repeat_n(first, members.len())).collect();
            columns.splice(place..=place, redirect(std::slice::from_ref(&version.columns[order[place]]), first));
        }
        self.with_version(definitions, Version { rows: RowSet::flat(count), columns })
    }

    /// The same columns behind a list of row keys.
    pub(crate) fn with_keys(&self, keys: Vec<u64>) -> Result<Table> {
        let rows = RowSet::flat(keys.len() as u64);
        let columns = redirect(&self.version()?.columns, keys);
        self.with_version(self.definition().columns().to_vec(), Version { rows, columns })
    }

    /// Positions of all columns, those of `keys` first.
    pub(crate) fn keys_first(&self, keys: &[usize]) -> Vec<usize> {
        let others = (0..self.definition().columns().len()).filter(|at| !keys.contains(at));
        keys.iter().copied().chain(others).collect()
    }
}

fn last(rows: &RowSet, count: u64) -> RowSet {
    rows.slice(rows.len().saturating_sub(count)..rows.len())
}

fn not_negative(name: &str, count: i64) -> Result<u64> {
    u64::try_from(count).map_err(|_| Error::invalid(format!("{name}({count}): the number of rows is negative")))
}

fn rows_of_share(name: &str, share: f64, rows: u64) -> Result<u64> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::invalid(format!("{name}({share}): the share is not between 0 and 1")));
    }
    Ok((share * rows as f64).ceil() as u64)
}
