//! A column seen through a list of row keys: what `sort`, `reverse`, `lastBy` and joins add. A join's list may have holes, which read as null.

use super::ColumnSource;
use crate::base::{ColumnType, Result};
use crate::memory::{Chunk, RowSet, Symbols};
use std::sync::Arc;

/// Row keys of the source, shared by the columns behind one redirection.
type Keys = Arc<Vec<u64>>;

/// In a redirection with holes, the key of a row that has no row of the source: its value is null.
pub const NO_ROW: u64 = u64::MAX;

/// The value of key `k` is the value of `source` at `keys[k]`, or null where that is [`NO_ROW`].
#[derive(Debug)]
pub struct RedirectedColumn {
    keys: Keys,
    source: Arc<dyn ColumnSource>,
    /// Whether `keys` may hold [`NO_ROW`].
    holes: bool,
}

/// Puts all `columns` behind one redirection, whose keys are 0 to `keys.len()`. Columns that are redirected already get one
/// composed redirection, computed once for those that share theirs.
pub fn redirect(columns: &[Arc<dyn ColumnSource>], keys: Vec<u64>) -> Vec<Arc<dyn ColumnSource>> {
    redirect_all(columns, keys, false)
}

/// [`redirect`] where keys may be [`NO_ROW`]: what a join adds to rows some of which match nothing.
pub fn redirect_or_null(columns: &[Arc<dyn ColumnSource>], keys: Vec<u64>) -> Vec<Arc<dyn ColumnSource>> {
    let holes = keys.contains(&NO_ROW);
    redirect_all(columns, keys, holes)
}

fn redirect_all(columns: &[Arc<dyn ColumnSource>], keys: Vec<u64>, holes: bool) -> Vec<Arc<dyn ColumnSource>> {
    let keys = Arc::new(keys);
    let mut composed: Vec<(Keys, Keys)> = Vec::new();
    let mut through = |column: &Arc<dyn ColumnSource>| -> Arc<dyn ColumnSource> {
        if column.constant().is_some() && !holes {
            return column.clone();
        }
        let Some(inner) = column.redirected() else {
            return Arc::new(RedirectedColumn { keys: keys.clone(), source: column.clone(), holes });
        };
        let known = composed.iter().find(|(old, _)| Arc::ptr_eq(old, &inner.keys)).map(|(_, new)| new.clone());
        let new = known.unwrap_or_else(|| {
            // A hole lies beyond every list of keys.
            let through = |&key: &u64| inner.keys.get(key as usize).copied().unwrap_or(NO_ROW);
            let new = Arc::new(keys.iter().map(through).collect::<Vec<_>>());
            composed.push((inner.keys.clone(), new.clone()));
            new
        });
        Arc::new(RedirectedColumn { keys: new, source: inner.source.clone(), holes: holes || inner.holes })
    };
    columns.iter().map(&mut through).collect()
}

impl RedirectedColumn {
    /// Appends the values of the source at keys that may be [`NO_ROW`].
    fn gather_source(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        if !self.holes || !keys.contains(&NO_ROW) {
            return self.source.gather(keys, out);
        }
        let present: Vec<u64> = keys.iter().copied().filter(|&key| key != NO_ROW).collect();
        let mut values = Chunk::with_capacity(self.column_type(), present.len() + 1);
        self.source.gather(&present, &mut values)?;
        // The holes take the null after the values.
        let null = present.len() as u32;
        values.push_nulls(1);
        let mut next = 0;
        let picks: Vec<u32> = keys
            .iter()
            .map(|&key| {
                if key == NO_ROW {
                    return null;
                }
                next += 1;
                next - 1
            })
            .collect();
        let values = values.take(&picks);
        out.append(&values, 0..values.len())
    }
}

impl ColumnSource for RedirectedColumn {
    fn column_type(&self) -> ColumnType {
        self.source.column_type()
    }

    fn forget(&self) {
        self.source.forget();
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        if rows.range_count() * 8 <= rows.len() as usize + 8 {
            return rows
                .ranges()
                .try_for_each(|r| self.gather_source(&self.keys[r.start as usize..r.end as usize], out));
        }
        let keys: Vec<u64> = rows.iter().map(|key| self.keys[key as usize]).collect();
        self.gather_source(&keys, out)
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        let keys: Vec<u64> = keys.iter().map(|&key| self.keys[key as usize]).collect();
        self.gather_source(&keys, out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.source.symbols()
    }

    fn redirected(&self) -> Option<&RedirectedColumn> {
        Some(self)
    }
}
