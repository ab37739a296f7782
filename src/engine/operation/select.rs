//! `select`, `view`, `update`, `updateView`, `lazyUpdate`: columns by formulas, each of which sees those to its left.

use super::super::column_source::{self, ColumnSource, FormulaColumn, Layout, LazyColumn, MemoryColumn, RankedColumn};
use super::super::evaluate::Arrays;
use super::super::formula::{self, Formula, QueryScope};
use super::super::{Table, Version};
use super::joined;
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Result};
use crate::memory::RowSet;
use rayon::prelude::*;
use std::sync::Arc;

/// Up to so many rows, in no more ranges than this, columns are read one after the other: waking other threads would take longer.
const FEW_ROWS: u64 = 4 * CHUNK_ROWS as u64;
/// Rows behind a redirection may lie apart, each in a range of its own.
const FEW_RANGES: usize = 64;

/// When the values of a new column are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Now, and kept in memory.
    Now,
    /// At every read.
    Read,
    /// At the first read of each distinct input.
    FirstRead,
}

impl Table {
    /// The columns given by formulas (`New=expression` or a column's name), computed now and held in memory. Without formulas
    /// all columns.
    pub fn select(&self, formulas: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "select",
            || joined(formulas),
            || {
                let table = if formulas.is_empty() {
                    self.clone()
                } else {
                    self.columns_by(formulas, scope, When::Now, false)?
                };
                table.in_memory()
            },
        )
    }

    /// The columns given by formulas, computed whenever they are read. Without formulas the table itself.
    pub fn view(&self, formulas: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run(
            "view",
            || joined(formulas),
            || {
                if formulas.is_empty() { Ok(self.clone()) } else { self.columns_by(formulas, scope, When::Read, false) }
            },
        )
    }

    /// All columns and those given by formulas, computed now and held in memory: new ones at the end, others in place.
    pub fn update(&self, formulas: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run("update", || joined(formulas), || self.columns_by(formulas, scope, When::Now, true))
    }

    /// All columns and those given by formulas, computed whenever they are read.
    pub fn update_view(&self, formulas: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run("updateView", || joined(formulas), || self.columns_by(formulas, scope, When::Read, true))
    }

    /// All columns and those given by formulas, computed at the first read of each distinct combination of their inputs. The
    /// results are kept as long as the table.
    pub fn lazy_update(&self, formulas: &[impl AsRef<str>], scope: &QueryScope) -> Result<Table> {
        self.run("lazyUpdate", || joined(formulas), || self.columns_by(formulas, scope, When::FirstRead, true))
    }

    fn columns_by(&self, texts: &[impl AsRef<str>], scope: &QueryScope, when: When, keep: bool) -> Result<Table> {
        let formulas = self.compile(texts, scope)?;
        // Names alone open nothing.
        if formulas.iter().all(|formula| formula.as_column().is_some()) && when != When::Now {
            let plain = |formula: &Arc<Formula>| Some((formula.as_column()?.to_string(), formula.name().to_string()));
            return self.show_plain(formulas.iter().filter_map(plain).collect(), keep);
        }
        let Version { rows, columns } = self.version()?;
        // All columns that formulas may refer to, and the names of those that the result shows.
        let mut known: Vec<NewColumn> = (self.definition().columns().iter().zip(columns))
            .map(|(definition, source)| NewColumn { definition: definition.clone(), source: source.clone() })
            .collect();
        let mut shown: Vec<String> =
            if keep { known.iter().map(|column| column.definition.name.clone()).collect() } else { Vec::new() };
        for formula in formulas {
            let column = new_column(&formula, &known, rows, when)?;
            let name = formula.name().to_string();
            if !shown.contains(&name) {
                shown.push(name);
            }
            known.retain(|other| other.definition.name != column.definition.name);
            known.push(column);
        }
        let mut result = (Vec::with_capacity(shown.len()), Vec::with_capacity(shown.len()));
        for name in shown {
            if let Some(column) = known.iter().find(|column| column.definition.name == name) {
                result.0.push(column.definition.clone());
                result.1.push(column.source.clone());
            }
        }
        self.with_version(result.0, Version { rows: rows.clone(), columns: result.1 })
    }

    /// Compiles formulas, each against the table's columns and those to its left.
    fn compile(&self, texts: &[impl AsRef<str>], scope: &QueryScope) -> Result<Vec<Arc<Formula>>> {
        let mut columns: Vec<(String, ColumnType)> =
            self.definition().columns().iter().map(|c| (c.name.clone(), c.column_type)).collect();
        let mut formulas = Vec::with_capacity(texts.len());
        for text in texts {
            let formula = formula::compile_select(text.as_ref(), &columns, scope)?;
            columns.retain(|(name, _)| name != formula.name());
            columns.push((formula.name().to_string(), formula.column_type()));
            formulas.push(Arc::new(formula));
        }
        Ok(formulas)
    }

    /// Columns under (other) names, given as (old, new) from left to right, where an old name may be a new one to its left.
    fn show_plain(&self, pairs: Vec<(String, String)>, keep: bool) -> Result<Table> {
        let all = self.definition().columns().iter().enumerate();
        let mut known: Vec<(usize, String)> = all.map(|(at, column)| (at, column.name.clone())).collect();
        let mut shown: Vec<String> =
            if keep { known.iter().map(|(_, name)| name.clone()).collect() } else { Vec::new() };
        for (old, new) in pairs {
            let at =
                known.iter().find(|(_, name)| *name == old).map_or_else(|| self.position(&old), |(at, _)| Ok(*at))?;
            known.retain(|(_, name)| *name != new);
            known.push((at, new.clone()));
            if !shown.contains(&new) {
                shown.push(new);
            }
        }
        let find = |name: String| known.iter().find(|(_, known)| *known == name).map(|(at, _)| (*at, name));
        self.show(shown.into_iter().filter_map(find).collect())
    }

    /// The same rows with all columns in memory and positions as row keys.
    fn in_memory(&self) -> Result<Table> {
        let version = self.version()?;
        // Columns enough for all threads need not be cut into pieces, which would be put together again.
        let many = version.columns.len() >= 2 * rayon::current_num_threads();
        let values = |source: &Arc<dyn ColumnSource>| in_memory(source, &version.rows, many);
        let apart = version.columns.iter().any(|column| column.redirected().is_some());
        let ranges = if apart { version.rows.len() as usize } else { version.rows.range_count() };
        let few = version.rows.len() <= FEW_ROWS && ranges <= FEW_RANGES;
        // All of them are on their way from the disk while the first are decoded.
        if few {
            version.columns.iter().for_each(|column| column.expect(&version.rows));
        } else {
            version.columns.par_iter().with_max_len(1).for_each(|column| column.expect(&version.rows));
        }
        let columns = if few {
            version.columns.iter().map(values).collect::<Result<_>>()?
        } else {
            super::super::parallel::map(&version.columns, values)?
        };
        let definitions =
            self.definition().columns().iter().map(|c| ColumnDefinition::new(c.name.as_str(), c.column_type));
        self.with_version(definitions.collect(), Version { rows: RowSet::flat(version.rows.len()), columns })
    }
}

struct NewColumn {
    definition: ColumnDefinition,
    source: Arc<dyn ColumnSource>,
}

fn new_column(formula: &Arc<Formula>, known: &[NewColumn], rows: &RowSet, when: When) -> Result<NewColumn> {
    let find = |name: &str| {
        let column = known.iter().find(|column| column.definition.name == name);
        column.ok_or_else(|| {
            super::super::table::unknown_column(name, known.iter().map(|column| column.definition.name.as_str()))
        })
    };
    let definition = ColumnDefinition::new(formula.name(), formula.column_type());
    if let Some(name) = formula.as_column() {
        let NewColumn { definition: old, source } = find(name)?;
        let kind = if name == definition.name { old.kind } else { ColumnKind::Normal };
        return Ok(NewColumn { definition: definition.of_kind(kind), source: source.clone() });
    }
    let sources = |names: &[String]| {
        names.iter().map(|name| find(name).map(|column| column.source.clone())).collect::<Result<Vec<_>>>()
    };
    let inputs = sources(formula.inputs())?;
    let arrays = Arrays::new(rows.clone(), sources(formula.arrays())?);
    if when == When::FirstRead && LazyColumn::suits(formula, &inputs)? {
        return Ok(NewColumn { definition, source: Arc::new(LazyColumn::new(formula.clone(), inputs)?) });
    }
    let source: Arc<dyn ColumnSource> = Arc::new(FormulaColumn::new(formula.clone(), inputs, arrays));
    let source = if when == When::Now {
        RankedColumn::over(rows, Arc::new(MemoryColumn::new(column_source::read_all(&*source, rows)?)?))
    } else {
        source
    };
    Ok(NewColumn { definition, source })
}

/// The values at rows as a column in memory, whose keys are positions.
///
/// Stored columns of fixed width are read in turn where there are `many`: they take about as long as each other.
fn in_memory(source: &Arc<dyn ColumnSource>, rows: &RowSet, many: bool) -> Result<Arc<dyn ColumnSource>> {
    if source.constant().is_some() {
        return Ok(source.clone());
    }
    match source.layout(rows) {
        Layout::ByPosition => return Ok(source.clone()),
        Layout::Behind(values) => return Ok(values),
        Layout::Other => {}
    }
    let column_type = source.column_type();
    let is_plain = !column_type.is_object()
        && column_type.element().is_none()
        && (column_type != ColumnType::String || source.symbols()?.is_some());
    let in_turn = many && is_plain && source.regioned().is_some();
    let read = if in_turn { column_source::read_in_turn } else { column_source::read_all };
    Ok(Arc::new(MemoryColumn::new(read(&**source, rows)?)?))
}
