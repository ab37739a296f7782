//! Expressions over one String column, evaluated once for each symbol of a table and looked up by code after that.
//!
//! Invariant: what a symbol maps to depends on the symbol alone. A table is evaluated as a whole only when as many rows of it have been
//! seen as it has symbols, and only if no symbol errs; until then, and otherwise, rows are evaluated as they come.

use super::node::{Context, NodeId, Program};
use super::operand::Operand;
use crate::base::{Error, Primitive, Result};
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Tables remembered: a query reads locations one after the other, few at a time.
const TABLES_MAX: usize = 64;

/// The memory of one such expression.
pub(super) struct PerSymbol {
    column: usize,
    tables: Mutex<Vec<Table>>,
}

struct Table {
    symbols: Weak<Symbols>,
    rows_seen: usize,
    state: State,
}

#[derive(Clone)]
enum State {
    /// Not evaluated so far.
    Cold,
    /// Results by code.
    Mapped(Arc<Mapping>),
    /// Some symbol errs: rows decide whether it matters.
    Failing,
}

struct Mapping {
    /// How many symbols the table has.
    count: usize,
    /// One result a symbol and, if `null` is none, a last one for null.
    values: Chunk,
    null: Option<Error>,
}

impl PerSymbol {
    pub(super) fn new(column: usize) -> Self {
        PerSymbol { column, tables: Mutex::new(Vec::new()) }
    }

    /// The values of `body`, which depends on the column alone.
    pub(super) fn evaluate<'a>(
        &'a self,
        program: &'a Program,
        body: NodeId,
        context: &Context<'a>,
    ) -> Result<Operand<'a>> {
        let Chunk::String(strings) = &context.input.columns[self.column] else {
            unreachable!("a String column was checked")
        };
        if !strings.symbols.is_distinct() {
            // Text of these rows alone: nothing of it comes again.
            return program.evaluate(body, context);
        }
        match self.state(program, body, context, &strings.symbols) {
            State::Mapped(mapping) => mapping.look_up(strings, context.rows).map(|chunk| Operand::owned(chunk, false)),
            State::Cold | State::Failing => program.evaluate(body, context),
        }
    }

    fn state(&self, program: &Program, body: NodeId, context: &Context<'_>, symbols: &Arc<Symbols>) -> State {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tables.iter().position(|table| std::ptr::eq(table.symbols.as_ptr(), Arc::as_ptr(symbols)));
        let index = match found {
            Some(index) => index,
            None => {
                if tables.len() == TABLES_MAX {
                    tables.remove(0);
                }
                tables.push(Table { symbols: Arc::downgrade(symbols), rows_seen: 0, state: State::Cold });
                tables.len() - 1
            }
        };
        let table = &mut tables[index];
        table.rows_seen = table.rows_seen.saturating_add(context.len);
        if matches!(table.state, State::Cold) && table.rows_seen >= symbols.len() {
            // Other threads wait here: one table is evaluated once.
            table.state = match Mapping::make(program, body, context, symbols) {
                Some(mapping) => State::Mapped(Arc::new(mapping)),
                None => State::Failing,
            };
        }
        table.state.clone()
    }
}

impl Mapping {
    fn make(program: &Program, body: NodeId, context: &Context<'_>, symbols: &Arc<Symbols>) -> Option<Mapping> {
        let over = |codes: Vec<SymbolCode>| {
            let len = codes.len();
            let column = Chunk::String(StringChunk { codes, symbols: symbols.clone() });
            let context = Context { input: context.input, rows: None, symbols: Some(&column), len };
            program.evaluate(body, &context).map(|operand| operand.into_chunk(len))
        };
        let mut values = over((0..symbols.len() as u32).map(SymbolCode).collect()).ok()?;
        let null = match over(vec![SymbolCode::NULL]) {
            Ok(null) => values.append(&null, 0..1).err(),
            Err(error) => Some(error),
        };
        Some(Mapping { count: symbols.len(), values, null })
    }

    fn look_up(&self, strings: &StringChunk, rows: Option<&[u32]>) -> Result<Chunk> {
        // The null code, and any code beyond the table, is above every other: both go to the last place.
        let last = self.count as u32;
        let place = |code: SymbolCode| code.0.min(last);
        let order: Vec<u32> = match rows {
            None => strings.codes.iter().map(|&code| place(code)).collect(),
            Some(rows) => rows.iter().map(|&row| place(strings.codes[row as usize])).collect(),
        };
        match &self.null {
            Some(error) if order.contains(&last) => Err(Error::new(error.kind(), error.message())
                .hint(error.hint_text().unwrap_or("test for null first").to_string())),
            // Without nulls the place that the table of results lacks is never asked for.
            _ if order.is_empty() => Ok(Chunk::new(self.values.column_type())),
            _ => Ok(self.values.take(&order)),
        }
    }
}
