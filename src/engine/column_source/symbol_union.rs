//! One distinct symbol table for several: the codes of strings that lie in different tables become comparable.

use crate::base::{Primitive, Result};
use crate::memory::{SymbolCode, SymbolTableBuilder, Symbols};
use std::sync::Arc;

/// A table that holds the strings of all parts, and the way from each part's codes to it.
#[derive(Debug)]
pub(super) struct SymbolUnion {
    pub(super) symbols: Arc<Symbols>,
    parts: Vec<Translation>,
}

/// From the codes of a part to those of the union.
#[derive(Debug)]
enum Translation {
    /// The part has the union's own table.
    Same,
    Codes(Vec<SymbolCode>),
}

impl SymbolUnion {
    /// Unites tables. One distinct table (or the same one several times) is taken as it is; otherwise O(strings of all parts).
    pub(super) fn of(tables: &[Arc<Symbols>]) -> Result<Self> {
        if let Some(first) = tables.first()
            && first.is_distinct()
            && tables.iter().all(|table| Arc::ptr_eq(table, first))
        {
            return Ok(SymbolUnion {
                symbols: first.clone(),
                parts: tables.iter().map(|_| Translation::Same).collect(),
            });
        }
        let mut builder = SymbolTableBuilder::new();
        let mut parts: Vec<Translation> = Vec::with_capacity(tables.len());
        for table in tables {
            let codes = table.iter().map(|text| builder.intern(text)).collect::<Result<Vec<_>>>()?;
            parts.push(Translation::Codes(codes));
        }
        Ok(SymbolUnion { symbols: Arc::new(builder.finish()), parts })
    }

    /// Turns codes of a part into codes of the union, in place. Codes outside of the part's table become null.
    pub(super) fn translate(&self, part: usize, codes: &mut [SymbolCode]) {
        if let Translation::Codes(map) = &self.parts[part] {
            codes.iter_mut().for_each(|code| *code = map.get(code.index()).copied().unwrap_or(SymbolCode::NULL));
        }
    }

    /// The code in the union of one code of a part.
    pub(super) fn code(&self, part: usize, code: SymbolCode) -> SymbolCode {
        let mut one = [code];
        self.translate(part, &mut one);
        one[0]
    }
}
