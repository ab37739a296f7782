//! A column with the same value in every row.

use super::{ColumnSource, append_codes};
use crate::base::{ColumnType, Error, Primitive, Result, Value};
use crate::memory::{Chunk, RowSet, Symbols};
use crate::with_both_values;
use std::sync::Arc;

/// One value, or null, for every key.
#[derive(Debug)]
pub struct ConstantColumn {
    value: Value,
    /// The value alone.
    chunk: Chunk,
}

impl ConstantColumn {
    /// A column of a type; the value must be of that type or null.
    pub fn new(column_type: ColumnType, value: Value) -> Result<Self> {
        let chunk = match &value {
            Value::String(text) if column_type == ColumnType::String => Chunk::strings([Some(&**text)])?,
            _ => Chunk::from_values(column_type, std::slice::from_ref(&value))?,
        };
        Ok(ConstantColumn { value, chunk })
    }

    fn repeat(&self, count: usize, out: &mut Chunk) -> Result<()> {
        fn extend<T: Primitive>(values: &mut Vec<T>, value: T, count: usize) {
            values.resize(values.len() + count, value);
        }
        if let Chunk::String(strings) = &self.chunk {
            let code = strings.codes[0];
            return append_codes(out, &strings.symbols, |codes| {
                extend(codes, code, count);
                Ok(())
            });
        }
        let its = out.column_type();
        with_both_values!(out, &self.chunk, a, b => { extend(a, b[0], count); Ok(()) }, else {
            Err(Error::type_mismatch(format!("a {} does not go into a chunk of type {its}", self.column_type())))
        })
    }
}

impl ColumnSource for ConstantColumn {
    fn column_type(&self) -> ColumnType {
        self.chunk.column_type()
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        self.repeat(rows.len() as usize, out)
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        self.repeat(keys.len(), out)
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(match &self.chunk {
            Chunk::String(strings) => Some(strings.symbols.clone()),
            _ => None,
        })
    }

    fn constant(&self) -> Option<&Value> {
        Some(&self.value)
    }
}
