//! Columns end to end: what `merge` makes of the same column of several tables.

use super::memory::wrong_type;
use super::symbol_union::SymbolUnion;
use super::{ColumnSource, append_codes};
use crate::base::{ColumnType, Result};
use crate::memory::{Chunk, RowSet, Symbols};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Keys are positions in the concatenation of the parts' rows.
#[derive(Debug)]
pub struct UnionColumn {
    column_type: ColumnType,
    parts: Vec<Part>,
    /// United symbol tables; none inside where a part has none.
    symbols: OnceLock<Option<SymbolUnion>>,
}

#[derive(Debug)]
struct Part {
    /// Key of the first row of the part.
    first: u64,
    rows: RowSet,
    source: Arc<dyn ColumnSource>,
}

impl UnionColumn {
    /// The rows of the parts, one after the other; all sources have the same type.
    pub fn new(column_type: ColumnType, parts: impl IntoIterator<Item = (RowSet, Arc<dyn ColumnSource>)>) -> Self {
        let mut first = 0;
        let parts = parts
            .into_iter()
            .filter(|(rows, _)| !rows.is_empty())
            .map(|(rows, source)| {
                let part = Part { first, rows, source };
                first += part.rows.len();
                part
            })
            .collect();
        UnionColumn { column_type, parts, symbols: OnceLock::new() }
    }

    fn union(&self) -> Result<Option<&SymbolUnion>> {
        if self.column_type != ColumnType::String {
            return Ok(None);
        }
        if let Some(known) = self.symbols.get() {
            return Ok(known.as_ref());
        }
        let tables = self.parts.iter().map(|part| part.source.symbols()).collect::<Result<Option<Vec<_>>>>()?;
        let union = tables.map(|tables| SymbolUnion::of(&tables)).transpose()?;
        Ok(self.symbols.get_or_init(|| union).as_ref())
    }

    /// The part that a key lies in.
    fn part_of(&self, key: u64) -> usize {
        self.parts.partition_point(|part| part.first <= key) - 1
    }

    fn end(&self, part: usize) -> u64 {
        self.parts[part].first + self.parts[part].rows.len()
    }

    /// Appends what `read` reads of a part, its codes translated.
    fn append(&self, part: usize, out: &mut Chunk, read: impl FnOnce(&mut Chunk) -> Result<()>) -> Result<()> {
        let Some(union) = self.union()? else { return read(out) };
        if self.column_type != out.column_type() {
            return Err(wrong_type(self.column_type, out.column_type()));
        }
        append_codes(out, &union.symbols, |codes| {
            let mut own = Chunk::new(ColumnType::String);
            read(&mut own)?;
            if let Chunk::String(own) = own {
                let start = codes.len();
                codes.extend(own.codes);
                union.translate(part, &mut codes[start..]);
            }
            Ok(())
        })
    }

    fn fill_positions(&self, part: usize, positions: Range<u64>, out: &mut Chunk) -> Result<()> {
        let Part { rows, source, .. } = &self.parts[part];
        self.append(part, out, |out| source.fill(&rows.slice(positions), out))
    }
}

impl ColumnSource for UnionColumn {
    fn column_type(&self) -> ColumnType {
        self.column_type
    }

    fn forget(&self) {
        self.parts.iter().for_each(|part| part.source.forget());
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        for range in rows.ranges() {
            let mut start = range.start;
            while start < range.end {
                let part = self.part_of(start);
                let end = range.end.min(self.end(part));
                let first = self.parts[part].first;
                self.fill_positions(part, start - first..end - first, out)?;
                start = end;
            }
        }
        Ok(())
    }

    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        let mut at = 0;
        while at < keys.len() {
            let part = self.part_of(keys[at]);
            let (first, end) = (self.parts[part].first, self.end(part));
            let run = keys[at..].iter().take_while(|key| (first..end).contains(key)).count();
            let Part { rows, source, .. } = &self.parts[part];
            let own: Vec<u64> =
                keys[at..at + run].iter().map(|&key| rows.key_at(key - first).unwrap_or_default()).collect();
            self.append(part, out, |out| source.gather(&own, out))?;
            at += run;
        }
        Ok(())
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(self.union()?.map(|union| union.symbols.clone()))
    }
}
