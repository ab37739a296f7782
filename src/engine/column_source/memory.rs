//! A column in memory: row keys are positions in one chunk.

use super::{ColumnSource, Layout, append_codes};
use crate::base::{ColumnType, Error, Primitive, Result};
use crate::memory::{Chunk, RowSet, SymbolCode, SymbolTableBuilder, Symbols};
use crate::with_both_values;
use std::sync::Arc;

/// The values of keys 0 to `len`.
#[derive(Debug)]
pub struct MemoryColumn {
    chunk: Chunk,
}

impl MemoryColumn {
    /// Takes over a chunk. Strings whose table holds a string twice are given a distinct one.
    pub fn new(mut chunk: Chunk) -> Result<Self> {
        if let Chunk::String(strings) = &mut chunk
            && !strings.symbols.is_distinct()
        {
            let mut builder = SymbolTableBuilder::new();
            let codes = strings.symbols.iter().map(|text| builder.intern(text)).collect::<Result<Vec<_>>>()?;
            for code in &mut strings.codes {
                *code = codes.get(code.index()).copied().unwrap_or(SymbolCode::NULL);
            }
            strings.symbols = Arc::new(builder.finish());
        }
        Ok(MemoryColumn { chunk })
    }

    /// The values.
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }
}

impl ColumnSource for MemoryColumn {
    fn column_type(&self) -> ColumnType {
        self.chunk.column_type()
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        if let Chunk::String(strings) = &self.chunk {
            return append_codes(out, &strings.symbols, |codes| {
                rows.ranges().for_each(|r| codes.extend_from_slice(&strings.codes[r.start as usize..r.end as usize]));
                Ok(())
            });
        }
        let its = out.column_type();
        if let Chunk::Object(_) | Chunk::Array(_) = &self.chunk {
            return rows.ranges().try_for_each(|r| out.append(&self.chunk, r.start as usize..r.end as usize));
        }
        with_both_values!(out, &self.chunk, a, b => {
            rows.ranges().for_each(|r| a.extend_from_slice(&b[r.start as usize..r.end as usize]));
            Ok(())
        }, else { Err(wrong_type(self.column_type(), its)) })
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        if let Chunk::String(strings) = &self.chunk {
            return append_codes(out, &strings.symbols, |codes| {
                codes.extend(keys.iter().map(|&key| strings.codes[key as usize]));
                Ok(())
            });
        }
        let its = out.column_type();
        if let Chunk::Object(_) | Chunk::Array(_) = &self.chunk {
            let taken = self.chunk.take(&keys.iter().map(|&key| key as u32).collect::<Vec<_>>());
            return out.append(&taken, 0..taken.len());
        }
        with_both_values!(out, &self.chunk, a, b => {
            a.extend(keys.iter().map(|&key| b[key as usize]));
            Ok(())
        }, else { Err(wrong_type(self.column_type(), its)) })
    }

    fn layout(&self, rows: &RowSet) -> Layout {
        if rows.is_flat() && rows.len() == self.chunk.len() as u64 { Layout::ByPosition } else { Layout::Other }
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(match &self.chunk {
            Chunk::String(strings) => Some(strings.symbols.clone()),
            _ => None,
        })
    }
}

pub(super) fn wrong_type(mine: ColumnType, its: ColumnType) -> Error {
    Error::type_mismatch(format!("a column of type {mine} was read into a chunk of type {its}"))
}
