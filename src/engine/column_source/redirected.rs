//! A column seen through a list of row keys: what `sort`, `reverse`, `lastBy` and joins add.

use super::ColumnSource;
use crate::base::{ColumnType, Result};
use crate::memory::{Chunk, RowSet, Symbols};
use std::sync::Arc;

/// Row keys of the source, shared by the columns behind one redirection.
type Keys = Arc<Vec<u64>>;

/// The value of key `k` is the value of `source` at `keys[k]`.
#[derive(Debug)]
pub struct RedirectedColumn {
    keys: Keys,
    source: Arc<dyn ColumnSource>,
}

/// Puts all `columns` behind one redirection, whose keys are 0 to `keys.len()`. Columns that are redirected already get one
/// composed redirection, computed once for those that share theirs.
pub fn redirect(columns: &[Arc<dyn ColumnSource>], keys: Vec<u64>) -> Vec<Arc<dyn ColumnSource>> {
    let keys = Arc::new(keys);
    let mut composed: Vec<(Keys, Keys)> = Vec::new();
    let mut through = |column: &Arc<dyn ColumnSource>| -> Arc<dyn ColumnSource> {
        if column.constant().is_some() {
            return column.clone();
        }
        let Some(inner) = column.redirected() else {
            return Arc::new(RedirectedColumn { keys: keys.clone(), source: column.clone() });
        };
        let known = composed.iter().find(|(old, _)| Arc::ptr_eq(old, &inner.keys)).map(|(_, new)| new.clone());
        let new = known.unwrap_or_else(|| {
            let new = Arc::new(keys.iter().map(|&key| inner.keys[key as usize]).collect::<Vec<_>>());
            composed.push((inner.keys.clone(), new.clone()));
            new
        });
        Arc::new(RedirectedColumn { keys: new, source: inner.source.clone() })
    };
    columns.iter().map(&mut through).collect()
}

impl ColumnSource for RedirectedColumn {
    fn column_type(&self) -> ColumnType {
        self.source.column_type()
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        if rows.range_count() * 8 <= rows.len() as usize + 8 {
            return rows
                .ranges()
                .try_for_each(|r| self.source.gather(&self.keys[r.start as usize..r.end as usize], out));
        }
        let keys: Vec<u64> = rows.iter().map(|key| self.keys[key as usize]).collect();
        self.source.gather(&keys, out)
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        let keys: Vec<u64> = keys.iter().map(|&key| self.keys[key as usize]).collect();
        self.source.gather(&keys, out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        self.source.symbols()
    }

    fn redirected(&self) -> Option<&RedirectedColumn> {
        Some(self)
    }
}
