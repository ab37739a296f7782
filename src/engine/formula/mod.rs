//! Formulas and filters: Deephaven's Java-like expressions, compiled against a table's columns and run as kernels over chunks.
//!
//! Text goes through `lexer`, `parser` (to `ast`) and `check` (to `node`); every name, type and literal is settled there, so that a
//! wrong formula is an error of the operation that got it, with line and column. Evaluation runs whole chunks through `kernels`; no row is
//! interpreted, except for functions of the script. Filters of one column against constants are [`Predicate`]s, which zone maps,
//! groupings and symbol tables can answer.
//!
//! Invariant: no text, however long or deep, panics or overflows the stack, neither in compiling nor in evaluating.

mod answers;
mod ast;
mod check;
mod functions;
mod kernels;
mod leaves;
mod lexer;
mod lift;
mod membership;
mod methods;
mod names;
mod node;
mod operand;
mod operators;
mod order;
mod parser;
mod per_symbol;
mod predicate;
mod scan;
mod scope;
mod source;
#[cfg(test)]
mod tests;

pub use answers::Answer;
pub use order::compare_values;
pub use predicate::{Comparison, Predicate};
pub use scan::{SymbolTest, select_where};
pub use scope::{Columns, Input, NoWholeColumns, Positions, QueryScope, ScopeValue, UserFunction, WholeColumns};

use crate::base::names::{NameKind, check as check_name, nearest_hint};
use crate::base::{BigDecimal, Boolean, ColumnType, Error, ErrorKind, Result};
use crate::memory::Chunk;
use ast::{Ast, AstId, AstKind, BinaryOperator};
use check::Checker;
use node::{Context, NodeId, Program};
use operand::{Lane, Operand};
use source::Source;
use std::fmt;

/// The quotient of decimals that `/` gives in formulas: exact where 34 digits hold it, else rounded half to even. Errs for a divisor of zero.
pub(crate) fn big_quotient(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal> {
    kernels::big::divide(a, b)
}

pub(crate) use kernels::big_pairs::{BigPairs, weighted_type};

/// A compiled column expression.
pub struct Formula {
    name: String,
    column_type: ColumnType,
    column: Option<String>,
    body: Body,
}

/// A compiled filter.
pub struct Filter {
    body: Body,
    /// The column and its test, where that is all there is; the body has no program then.
    predicate: Option<(String, Predicate)>,
}

struct Body {
    text: String,
    inputs: Vec<String>,
    input_types: Vec<ColumnType>,
    arrays: Vec<String>,
    uses_row_position: bool,
    program: Program,
    root: NodeId,
}

/// Compiles what `view`, `update` and `select` take: `New=expression`, `New=Old` or `Col`.
///
/// Errs where the name or anything in the expression is wrong, with line and column in `text`.
pub fn compile_select(text: &str, columns: &dyn Columns, scope: &QueryScope) -> Result<Formula> {
    let source = Source::new(text)?;
    select(text, source, columns, scope).map_err(|error| named("column", text, error))
}

fn select(text: &str, source: Source<'_>, columns: &dyn Columns, scope: &QueryScope) -> Result<Formula> {
    let Some((name, expression)) = parser::split_name(text) else {
        let name = text.trim();
        let Some(column_type) = columns.column_type(name) else {
            check_name(NameKind::Column, name)?;
            return Err(unknown_column(name, columns));
        };
        let body = Body::of_column(text, name, column_type);
        return Ok(Formula { name: name.to_string(), column_type, column: Some(name.to_string()), body });
    };
    check_name(NameKind::Column, name)?;
    let source = source.starting_at(text.len() - expression.len());
    let (ast, root) = parser::parse(&source)?;
    let mut checker = Checker::new(&source, &ast, columns, scope);
    let typed = checker.check(root)?;
    let typed = checker.as_value(typed)?;
    let column_type = checker.column_type(typed)?;
    let column = membership::is_bare_column(&checker, typed).map(|index| checker.inputs[index].0.clone());
    let typed = checker.once_a_symbol(typed);
    Ok(Formula { name: name.to_string(), column_type, column, body: Body::of(text, checker, typed.id) })
}

/// Compiles one filter of a `where`.
///
/// Errs where anything in it is wrong, or where it is no truth value, with line and column in `text`.
pub fn compile_filter(text: &str, columns: &dyn Columns, scope: &QueryScope) -> Result<Filter> {
    let source = Source::new(text)?;
    let compile = || {
        let (ast, root) = parser::parse(&source)?;
        match predicate_filter(&source, &ast, root, true, columns, scope)? {
            Some(filter) => Ok(filter),
            None => general_filter(&source, &ast, &[root], columns, scope),
        }
    };
    compile().map_err(|error| named("filter", text, error))
}

/// Compiles one filter of a `where` as filters that give the same rows one after the other: `a && b` is `a`, then `b`.
///
/// A test of one column within a conjunction is thereby answered by partitions, groupings and zone maps like a filter of its own; what
/// stands between such tests stays one filter. Errs as [`compile_filter`].
pub fn compile_filters(text: &str, columns: &dyn Columns, scope: &QueryScope) -> Result<Vec<Filter>> {
    let source = Source::new(text)?;
    parts(&source, columns, scope).map_err(|error| named("filter", text, error))
}

fn parts(source: &Source<'_>, columns: &dyn Columns, scope: &QueryScope) -> Result<Vec<Filter>> {
    let (ast, root) = parser::parse(source)?;
    let parts = ast.conjuncts(root);
    let mut filters = Vec::new();
    let mut pending = Vec::new();
    for &part in &parts {
        match predicate_filter(source, &ast, part, parts.len() == 1, columns, scope)? {
            None => pending.push(part),
            Some(filter) => {
                if !pending.is_empty() {
                    filters.push(general_filter(source, &ast, &pending, columns, scope)?);
                    pending.clear();
                }
                filters.push(filter);
            }
        }
    }
    if !pending.is_empty() {
        filters.push(general_filter(source, &ast, &pending, columns, scope)?);
    }
    Ok(filters)
}

/// The filter of an expression that tests one column against constants. A part of a conjunction (not `whole`) counts only if the rules of
/// formulas, which it follows, are those of filters.
fn predicate_filter(
    source: &Source<'_>,
    ast: &Ast,
    root: AstId,
    whole: bool,
    columns: &dyn Columns,
    scope: &QueryScope,
) -> Result<Option<Filter>> {
    let mut checker = Checker::new(source, ast, columns, scope);
    let Some((name, predicate)) = membership::of_filter(&mut checker, root, whole)? else { return Ok(None) };
    let Some(column_type) = columns.column_type(&name) else { return Ok(None) };
    if !whole && !membership::is_same_in_formulas(&predicate, column_type) {
        return Ok(None);
    }
    let body = Body::of_column(source.text(), &name, column_type);
    Ok(Some(Filter { body, predicate: Some((name, predicate)) }))
}

/// The filter of one expression or of several that must all be true.
fn general_filter(
    source: &Source<'_>,
    ast: &Ast,
    parts: &[AstId],
    columns: &dyn Columns,
    scope: &QueryScope,
) -> Result<Filter> {
    let mut checker = Checker::new(source, ast, columns, scope);
    let mut all = None;
    for &part in parts {
        let typed = checker.check(part)?;
        let column_type = checker.column_type(typed)?;
        if column_type != ColumnType::Boolean {
            let message = format!("a filter is true or false, this is a {column_type}");
            let error = checker.error(ErrorKind::Type, ast.span(part), message);
            return Err(match ast.kind(part) {
                AstKind::Name(name) => error.hint(format!("compare it, as in {name}>0, or write !isNull({name})")),
                _ => error,
            });
        }
        all = Some(match all {
            None => typed,
            Some(left) => checker.binary(BinaryOperator::And, left, typed, ast.span(part))?,
        });
    }
    let Some(all) = all else { unreachable!("a filter has a part") };
    let typed = checker.once_a_symbol(all);
    Ok(Filter { body: Body::of(source.text(), checker, typed.id), predicate: None })
}

/// Reads `New=Old` as (new, old); blanks are dropped. Errs where either cannot name a column.
pub fn parse_rename(text: &str) -> Result<(String, String)> {
    let Some((new, old)) = text.split_once('=') else {
        return Err(Error::parse(format!("expected New=Old, found {:?}", shorten(text))));
    };
    let (new, old) = (new.trim(), old.trim());
    check_name(NameKind::Column, new)?;
    check_name(NameKind::Column, old)?;
    Ok((new.to_string(), old.to_string()))
}

/// Reads `"A, B"` as its parts, blanks dropped and empty ones left out. For lists of names and renames, not of formulas.
pub fn parse_column_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_string).collect()
}

/// The error for a name that no column has.
pub fn unknown_column(name: &str, columns: &dyn Columns) -> Error {
    let known = columns.names();
    let error = Error::not_found(format!("unknown column {}", shorten(name)));
    match nearest_hint(name, known.iter().map(String::as_str)) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

fn named(what: &str, text: &str, error: Error) -> Error {
    let shown: String = text.chars().take(200).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    error.context(format!("{what} {shown:?}{dots}"))
}

impl Formula {
    /// The name of the new column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the new column.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The existing column that this is, where it is no more: nothing needs to be computed then.
    pub fn as_column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The columns that [`Input::columns`] has, in this order.
    pub fn inputs(&self) -> &[String] {
        &self.body.inputs
    }

    /// The columns that [`Input::arrays`] has, in this order: those used as `Col_`.
    pub fn arrays(&self) -> &[String] {
        &self.body.arrays
    }

    /// True where `i`, `ii` or `k` is used: the value depends on where the row stands.
    pub fn uses_row_position(&self) -> bool {
        self.body.uses_row_position
    }

    /// The values of the new column for the rows of a chunk.
    ///
    /// Errs where the language does: integer remainder by zero, a method of a null String, an error of a user function.
    pub fn evaluate(&self, input: &Input<'_>) -> Result<Chunk> {
        self.body
            .evaluate(input, |value| Ok(value.into_chunk(input.len)))
            .map_err(|error| named("column", &self.body.text, error))
    }
}

impl Filter {
    /// The columns that [`Input::columns`] has, in this order.
    pub fn inputs(&self) -> &[String] {
        &self.body.inputs
    }

    /// The columns that [`Input::arrays`] has, in this order: those used as `Col_`.
    pub fn arrays(&self) -> &[String] {
        &self.body.arrays
    }

    /// True where `i`, `ii` or `k` is used: the value depends on where the row stands.
    pub fn uses_row_position(&self) -> bool {
        self.body.uses_row_position
    }

    /// The column and its test, where the filter tests exactly one column against constants.
    pub fn column_predicate(&self) -> Option<(&str, &Predicate)> {
        self.predicate.as_ref().map(|(name, predicate)| (name.as_str(), predicate))
    }

    /// Appends the rows of the chunk that pass, ascending.
    ///
    /// Errs as [`Formula::evaluate`] does, and where the truth value of a row is null.
    pub fn evaluate(&self, input: &Input<'_>, selected: &mut Vec<u32>) -> Result<()> {
        let result = match &self.predicate {
            Some((_, predicate)) => {
                self.body.check_input(input).map(|()| predicate.select(&input.columns[0], selected))
            }
            None => self.body.evaluate(input, |value| {
                kernels::condition::check(&value, "where")?;
                match value.lane::<Boolean>() {
                    Lane::Constant(Boolean::TRUE) => selected.extend(0..input.len as u32),
                    Lane::Constant(_) => {}
                    Lane::Slice(values) => select_where(values, selected, |value| value == Boolean::TRUE),
                }
                Ok(())
            }),
        };
        result.map_err(|error| named("filter", &self.body.text, error))
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formula({})", self.body.text)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.body.text)
    }
}

impl Body {
    fn of(text: &str, checker: Checker<'_>, root: NodeId) -> Self {
        let (inputs, input_types) = checker.inputs.into_iter().unzip();
        Body {
            text: text.to_string(),
            inputs,
            input_types,
            arrays: checker.arrays.into_iter().map(|(name, _)| name).collect(),
            uses_row_position: checker.uses_row_position,
            program: checker.program,
            root,
        }
    }

    /// A body that is one column.
    fn of_column(text: &str, name: &str, column_type: ColumnType) -> Self {
        let node = node::Node {
            operation: node::Operation::Column(0),
            operands: Vec::new(),
            reach: node::Reach::Rows,
            fallible: false,
            certain: false,
        };
        Body {
            text: text.to_string(),
            inputs: vec![name.to_string()],
            input_types: vec![column_type],
            arrays: Vec::new(),
            uses_row_position: false,
            program: Program { nodes: vec![node] },
            root: NodeId(0),
        }
    }

    fn evaluate<R>(&self, input: &Input<'_>, take: impl FnOnce(Operand<'_>) -> Result<R>) -> Result<R> {
        self.check_input(input)?;
        take(self.program.evaluate(self.root, &Context::of(input))?)
    }

    /// What comes in must be what was compiled against: another type would be a bug of the caller, and is an error rather than a panic.
    fn check_input(&self, input: &Input<'_>) -> Result<()> {
        let found = input.columns.iter().map(|chunk| (chunk.column_type(), chunk.len()));
        if found.eq(self.input_types.iter().map(|&column_type| (column_type, input.len))) {
            return Ok(());
        }
        Err(Error::type_mismatch(format!(
            "the chunks given for {} have other types or lengths than compiled for",
            self.inputs.join(", ")
        )))
    }
}
