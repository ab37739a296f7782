//! What formulas and filters are evaluated over: chunks of their columns, row positions, whole columns.

use super::column_source::{self, ColumnSource, positions_of};
use super::formula::{Input, Positions, WholeColumns};
use crate::base::Result;
use crate::memory::{Chunk, RowSet};
use std::sync::{Arc, OnceLock};

/// The input of one chunk of rows.
pub(crate) struct RowInput {
    len: usize,
    columns: Vec<Chunk>,
    positions: Listed,
    keys: Listed,
}

enum Listed {
    From(u64),
    List(Vec<u64>),
}

impl Listed {
    fn of(rows: &RowSet) -> Self {
        match rows.range_count() {
            0 => Listed::From(0),
            1 => Listed::From(rows.first().unwrap_or_default()),
            _ => Listed::List(rows.iter().collect()),
        }
    }

    fn positions(&self) -> Positions<'_> {
        match self {
            Listed::From(first) => Positions::Range(*first),
            Listed::List(list) => Positions::List(list),
        }
    }
}

impl RowInput {
    /// Reads the columns at rows; `positions_in` are the rows that positions count, where the formula asks for them.
    pub(crate) fn of_rows(
        inputs: &[Arc<dyn ColumnSource>],
        rows: &RowSet,
        positions_in: Option<&RowSet>,
    ) -> Result<Self> {
        let columns = inputs.iter().map(|source| column_source::read(&**source, rows)).collect::<Result<_>>()?;
        let positions = positions_in.map_or(Listed::From(0), |all| Listed::of(&positions_of(all, rows)));
        let keys = if positions_in.is_some() { Listed::of(rows) } else { Listed::From(0) };
        Ok(RowInput { len: rows.len() as usize, columns, positions, keys })
    }

    /// Reads the columns at keys in any order.
    pub(crate) fn of_keys(
        inputs: &[Arc<dyn ColumnSource>],
        keys: &[u64],
        positions_in: Option<&RowSet>,
    ) -> Result<Self> {
        let gather = |source: &Arc<dyn ColumnSource>| {
            let mut chunk = Chunk::with_capacity(source.column_type(), keys.len());
            source.gather(keys, &mut chunk).map(|()| chunk)
        };
        let columns = inputs.iter().map(gather).collect::<Result<_>>()?;
        let (positions, row_keys) = match positions_in {
            Some(all) => {
                let positions = keys.iter().map(|&key| all.position_of(key).unwrap_or(u64::MAX)).collect();
                (Listed::List(positions), Listed::List(keys.to_vec()))
            }
            None => (Listed::From(0), Listed::From(0)),
        };
        Ok(RowInput { len: keys.len(), columns, positions, keys: row_keys })
    }

    /// The same columns and no positions: values that were picked by hand.
    pub(crate) fn of_values(columns: Vec<Chunk>, len: usize) -> Self {
        RowInput { len, columns, positions: Listed::From(0), keys: Listed::From(0) }
    }

    /// The columns' values.
    pub(crate) fn columns(&self) -> &[Chunk] {
        &self.columns
    }

    /// What formulas take.
    pub(crate) fn input<'a>(&'a self, arrays: &'a dyn WholeColumns) -> Input<'a> {
        Input {
            len: self.len,
            columns: &self.columns,
            positions: self.positions.positions(),
            keys: self.keys.positions(),
            arrays,
        }
    }
}

/// Whole columns of a table, by position.
#[derive(Debug)]
pub(crate) struct Arrays {
    pub(crate) rows: RowSet,
    sources: Vec<Arc<dyn ColumnSource>>,
    /// All values of each column, where a formula asked for them.
    whole: Vec<OnceLock<Arc<Chunk>>>,
}

impl Arrays {
    pub(crate) fn new(rows: RowSet, sources: Vec<Arc<dyn ColumnSource>>) -> Self {
        let whole = sources.iter().map(|_| OnceLock::new()).collect();
        Arrays { rows, sources, whole }
    }
}

impl WholeColumns for Arrays {
    fn len(&self) -> u64 {
        self.rows.len()
    }

    fn whole(&self, array: usize) -> Result<Arc<Chunk>> {
        if let Some(known) = self.whole[array].get() {
            return Ok(known.clone());
        }
        let values = Arc::new(column_source::read_all(&*self.sources[array], &self.rows)?);
        Ok(self.whole[array].get_or_init(|| values).clone())
    }

    fn gather(&self, array: usize, positions: &[i64]) -> Result<Chunk> {
        let source = &self.sources[array];
        let key = |position: &i64| u64::try_from(*position).ok().and_then(|position| self.rows.key_at(position));
        let keys: Vec<Option<u64>> = positions.iter().map(key).collect();
        let inside: Vec<u64> = keys.iter().copied().flatten().collect();
        let mut values = Chunk::with_capacity(source.column_type(), inside.len() + 1);
        source.gather(&inside, &mut values)?;
        if inside.len() == keys.len() {
            return Ok(values);
        }
        // Positions outside take the null after the values.
        let null = inside.len() as u32;
        values.push_nulls(1);
        let mut next = 0;
        let picks: Vec<u32> = keys
            .iter()
            .map(|key| match key {
                Some(_) => {
                    next += 1;
                    next - 1
                }
                None => null,
            })
            .collect();
        Ok(values.take(&picks))
    }
}
