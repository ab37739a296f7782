//! What a formula may name besides functions of the library, and what it is evaluated over.

use crate::base::date_time::Zone;
use crate::base::{ColumnType, Result, Value};
use crate::memory::Chunk;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The script's names that formulas see, the default zone and the clock.
#[derive(Clone)]
pub struct QueryScope {
    /// Variables; a list can stand on the right of `in`.
    pub variables: HashMap<String, ScopeValue>,
    /// Functions of the script, called as `f(x)` or `f.call(x)`.
    pub functions: HashMap<String, Arc<dyn UserFunction>>,
    /// The zone of functions such as `format(T)` that are given none. Date-time text always names its own.
    pub zone: Zone,
    /// Nanoseconds since the epoch for `currentTime()`, asked once a chunk; without it that function is an error.
    pub clock: Option<Arc<dyn Fn() -> i64 + Send + Sync>>,
}

impl Default for QueryScope {
    fn default() -> Self {
        QueryScope { variables: HashMap::new(), functions: HashMap::new(), zone: Zone::utc(), clock: None }
    }
}

impl fmt::Debug for QueryScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryScope").field("variables", &self.variables).finish_non_exhaustive()
    }
}

/// A variable of the script.
#[derive(Clone, Debug, PartialEq)]
pub enum ScopeValue {
    /// One value: stands in a formula as a literal does.
    Value(Value),
    /// Several: for `in` and `not in` only.
    List(Vec<Value>),
}

/// A function of the script. It runs once a row, on any thread.
pub trait UserFunction: Send + Sync {
    /// Calls it; a number that it returns is converted to the type that the formula's cast asks for.
    fn call(&self, arguments: &[Value]) -> Result<Value>;

    /// The type of its results, where it declares one; otherwise a formula must cast them.
    fn result_type(&self) -> Option<ColumnType> {
        None
    }
}

/// The columns that a formula is compiled against.
pub trait Columns {
    /// The type of a column, none if there is no such column. Case matters.
    fn column_type(&self, name: &str) -> Option<ColumnType>;
    /// All names, for messages.
    fn names(&self) -> Vec<String>;
}

impl<S: AsRef<str>> Columns for Vec<(S, ColumnType)> {
    fn column_type(&self, name: &str) -> Option<ColumnType> {
        self.iter().find(|(known, _)| known.as_ref() == name).map(|(_, column_type)| *column_type)
    }

    fn names(&self) -> Vec<String> {
        self.iter().map(|(name, _)| name.as_ref().to_string()).collect()
    }
}

/// One chunk of rows to evaluate over.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// How many rows.
    pub len: usize,
    /// The columns in the order of `inputs()`, each of `len` values.
    pub columns: &'a [Chunk],
    /// Positions of the rows in the table: `i` and `ii`.
    pub positions: Positions<'a>,
    /// Row keys: `k`.
    pub keys: Positions<'a>,
    /// The whole columns named by `arrays()`: `Col_[i-1]`.
    pub arrays: &'a dyn WholeColumns,
}

/// Consecutive or listed row positions or keys.
#[derive(Clone, Copy, Debug)]
pub enum Positions<'a> {
    /// Consecutive ones from this.
    Range(u64),
    /// One a row.
    List(&'a [u64]),
}

impl Positions<'_> {
    /// The position of a row of the chunk.
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Positions::Range(start) => start + row as u64,
            Positions::List(list) => list[row],
        }
    }
}

/// Access to whole columns of the table being filtered or extended, by position.
pub trait WholeColumns: Sync {
    /// How many rows the table has.
    fn len(&self) -> u64;

    /// True without rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of a column (by its index in `arrays()`) at positions; null where a position is negative or beyond the end.
    fn gather(&self, array: usize, positions: &[i64]) -> Result<Chunk>;

    /// All values of a column. The first call reads them.
    fn whole(&self, array: usize) -> Result<Arc<Chunk>> {
        let positions: Vec<i64> = (0..self.len() as i64).collect();
        self.gather(array, &positions).map(Arc::new)
    }
}

/// For formulas that use no whole column.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWholeColumns;

impl WholeColumns for NoWholeColumns {
    fn len(&self) -> u64 {
        0
    }

    fn gather(&self, _array: usize, _positions: &[i64]) -> Result<Chunk> {
        Err(crate::base::Error::invalid("whole columns are not available here"))
    }
}
