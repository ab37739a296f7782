//! The typed expression: what the checker makes of a syntax tree, and the evaluation of it over a chunk of rows.
//!
//! Nodes lie in one vector; evaluation walks down first operands in a loop and recurses into the others only, so that a long chain costs no
//! stack. `&&`, `||` and `?:` evaluate an operand that can fail only for the rows that need it.

use super::kernels::{arrays, condition};
use super::operand::{Operand, as_date_time};
use super::per_symbol::PerSymbol;
use super::scope::{Input, UserFunction};
use crate::base::{Boolean, ColumnType, Error, Result, Value};
use crate::memory::Chunk;
use std::sync::Arc;

/// What an expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// The literal `null`.
    Null,
    /// Values of a column type.
    Of(ColumnType),
    /// A whole column, `Col_`, before it is asked for as one array.
    Array(ColumnType),
    /// A time zone constant.
    Zone,
    /// A length of time that has months, by its index among the checker's.
    Period(usize),
    /// `S.split(pattern)`, by its index among the checker's.
    Split(usize),
    /// `S.chars()`.
    Units,
    /// A `StringBuilder`, which holds a String.
    Builder,
}

/// The index of a node; smaller than that of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) u32);

/// Takes its operands and the count of rows (one where all operands are constant), gives that many values.
pub(super) type Kernel = Box<dyn Fn(Vec<Operand<'_>>, usize) -> Result<Chunk> + Send + Sync>;

/// One operation of a typed expression.
pub(super) struct Node {
    pub(super) operation: Operation,
    /// In the order of evaluation.
    pub(super) operands: Vec<NodeId>,
    /// The rows of one String column alone decide the value.
    pub(super) reach: Reach,
    /// Evaluation may err for some values.
    pub(super) fallible: bool,
    /// A truth value that is never null.
    pub(super) certain: bool,
}

/// What a node's value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing: constants.
    Nothing,
    /// One String column, by its index among the inputs.
    Symbols(usize),
    /// Anything else.
    Rows,
}

impl Reach {
    pub(super) fn join(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Nothing, reach) | (reach, Reach::Nothing) => reach,
            (Reach::Symbols(a), Reach::Symbols(b)) if a == b => self,
            _ => Reach::Rows,
        }
    }
}

pub(super) enum Operation {
    /// One value.
    Constant(Chunk),
    /// A column, by its index among the inputs.
    Column(usize),
    /// `i`, `ii`, `k`.
    Row(RowNumber),
    /// Any function of whole operands.
    Kernel(Kernel),
    /// `a && b` (true) or `a || b` (false).
    Logic(bool),
    /// `a ? b : c`.
    Ternary,
    /// `Col_[index]`, the array by its index among the arrays.
    Element(usize),
    /// `Col_.size()`.
    Size,
    /// `Col_` as one array, by its index among the arrays.
    Whole(usize),
    /// A function of the script.
    User(Arc<dyn UserFunction>, ColumnType, String),
    /// An operand that depends on one String column, evaluated once a symbol.
    PerSymbol(PerSymbol),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowNumber {
    PositionInt,
    PositionLong,
    Key,
}

/// The nodes of an expression, operands before those who use them.
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
}

/// The rows that an evaluation is about.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) input: &'a Input<'a>,
    /// Rows of the input, where it is about some of them only.
    pub(super) rows: Option<&'a [u32]>,
    /// Stands in for the one String column while a symbol table is evaluated.
    pub(super) symbols: Option<&'a Chunk>,
    /// How many rows it is about.
    pub(super) len: usize,
}

impl<'a> Context<'a> {
    pub(super) fn of(input: &'a Input<'a>) -> Self {
        Context { input, rows: None, symbols: None, len: input.len }
    }

    /// The same about some of its rows, by their index in `rows`.
    fn narrowed<'b>(&self, rows: &'b [u32]) -> Context<'b>
    where
        'a: 'b,
    {
        Context { rows: Some(rows), len: rows.len(), ..*self }
    }

    fn input_row(&self, row: usize) -> usize {
        self.rows.map_or(row, |rows| rows[row] as usize)
    }

    /// Rows of this context as rows of the input.
    fn input_rows(&self, rows: Vec<u32>) -> Vec<u32> {
        match self.rows {
            None => rows,
            Some(own) => rows.into_iter().map(|row| own[row as usize]).collect(),
        }
    }
}

impl Program {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The constant that a node is, if it is one.
    pub(super) fn constant(&self, id: NodeId) -> Option<&Chunk> {
        match &self.node(id).operation {
            Operation::Constant(chunk) => Some(chunk),
            _ => None,
        }
    }

    /// The values of a node for the rows of a context.
    pub(super) fn evaluate<'a>(&'a self, id: NodeId, context: &Context<'a>) -> Result<Operand<'a>> {
        let mut pending = Vec::new();
        let mut at = id;
        while let (Some(&first), false) = (self.node(at).operands.first(), self.owns_operands(at)) {
            pending.push(at);
            at = first;
        }
        let mut value = self.leaf(at, context)?;
        while let Some(at) = pending.pop() {
            value = self.apply(at, value, context)?;
        }
        Ok(value)
    }

    /// Evaluates its operands itself, in another context.
    fn owns_operands(&self, id: NodeId) -> bool {
        matches!(self.node(id).operation, Operation::PerSymbol(_))
    }

    fn leaf<'a>(&'a self, id: NodeId, context: &Context<'a>) -> Result<Operand<'a>> {
        let node = self.node(id);
        Ok(match &node.operation {
            Operation::Constant(chunk) => Operand::constant(chunk),
            Operation::Column(index) => match (context.symbols, context.rows) {
                (Some(symbols), None) => Operand::borrowed(symbols),
                (Some(symbols), Some(rows)) => Operand::owned(symbols.take(rows), false),
                (None, None) => Operand::borrowed(&context.input.columns[*index]),
                (None, Some(rows)) => Operand::owned(context.input.columns[*index].take(rows), false),
            },
            Operation::Row(number) => Operand::owned(row_numbers(*number, context), false),
            Operation::Size => Operand::owned(Chunk::Long(vec![context.input.arrays.len() as i64]), true),
            Operation::Whole(array) => Operand::owned(arrays::whole(context.input.arrays.whole(*array)?), true),
            Operation::Kernel(kernel) => Operand::owned(kernel(Vec::new(), 1)?, true),
            Operation::User(function, column_type, name) => {
                self.call(function, *column_type, name, Vec::new(), context)?
            }
            Operation::PerSymbol(per_symbol) => per_symbol.evaluate(self, node.operands[0], context)?,
            Operation::Logic(_) | Operation::Ternary | Operation::Element(_) => unreachable!("has operands"),
        })
    }

    /// Applies a node to its first operand's value.
    fn apply<'a>(&'a self, id: NodeId, first: Operand<'a>, context: &Context<'a>) -> Result<Operand<'a>> {
        let node = self.node(id);
        match &node.operation {
            Operation::Kernel(kernel) => {
                let operands = self.operands(node, first, context)?;
                let constant = operands.iter().all(|operand| operand.constant);
                let chunk = kernel(operands, if constant { 1 } else { context.len })?;
                Ok(Operand::owned(chunk, constant))
            }
            Operation::Logic(is_and) => self.logic(*is_and, first, node.operands[1], context),
            Operation::Ternary => self.ternary(first, node.operands[1], node.operands[2], context),
            Operation::Element(array) => {
                let positions = match first.into_chunk(context.len) {
                    Chunk::Int(values) => values.into_iter().map(i64::from).collect(),
                    Chunk::Long(values) => values,
                    other => unreachable!("an index is int or long, a {} came", other.column_type()),
                };
                Ok(Operand::owned(context.input.arrays.gather(*array, &positions)?, false))
            }
            Operation::User(function, column_type, name) => {
                let operands = self.operands(node, first, context)?;
                self.call(function, *column_type, name, operands, context)
            }
            _ => unreachable!("a leaf has no operands"),
        }
    }

    fn operands<'a>(&'a self, node: &Node, first: Operand<'a>, context: &Context<'a>) -> Result<Vec<Operand<'a>>> {
        let mut operands = Vec::with_capacity(node.operands.len());
        operands.push(first);
        for &operand in &node.operands[1..] {
            operands.push(self.evaluate(operand, context)?);
        }
        Ok(operands)
    }

    /// `&&` and `||`: the right side counts where the left does not decide.
    fn logic<'a>(
        &'a self,
        is_and: bool,
        left: Operand<'a>,
        right: NodeId,
        context: &Context<'a>,
    ) -> Result<Operand<'a>> {
        let word = if is_and { "&&" } else { "||" };
        if left.constant {
            return if condition::single(&left, word)? == is_and {
                let right = self.evaluate(right, context)?;
                condition::check(&right, word)?;
                Ok(right)
            } else {
                Ok(left)
            };
        }
        let open = condition::rows_where(&left, is_and, word)?;
        if open.is_empty() {
            return Ok(left);
        }
        let len = context.len;
        let mut values = condition::vector(left);
        if open.len() == len || !self.node(right).fallible && open.len() > len / 4 {
            let right = self.evaluate(right, context)?;
            condition::fill(&mut values, &open, &right, false, word)?;
        } else {
            let rows = context.input_rows(open.clone());
            let right = self.evaluate_owned(right, &context.narrowed(&rows))?;
            condition::fill(&mut values, &open, &right, true, word)?;
        }
        Ok(Operand::owned(Chunk::Boolean(values), false))
    }

    fn ternary<'a>(&'a self, test: Operand<'a>, yes: NodeId, no: NodeId, context: &Context<'a>) -> Result<Operand<'a>> {
        if test.constant {
            return self.evaluate(if condition::single(&test, "?:")? { yes } else { no }, context);
        }
        if !self.node(yes).fallible && !self.node(no).fallible {
            condition::check(&test, "?:")?;
            let (yes, no) = (self.evaluate(yes, context)?, self.evaluate(no, context)?);
            if let Some(chunk) = condition::choose(&test, &yes, &no) {
                return Ok(Operand::owned(chunk, false));
            }
            let (yes_rows, no_rows) =
                (condition::rows_where(&test, true, "?:")?, condition::rows_where(&test, false, "?:")?);
            let chunk = condition::blend(context.len, (&yes_rows, &yes, true), (&no_rows, &no, true))?;
            return Ok(Operand::owned(chunk, false));
        }
        let yes_rows = condition::rows_where(&test, true, "?:")?;
        if yes_rows.len() == context.len {
            return self.evaluate(yes, context);
        }
        let no_rows = condition::rows_where(&test, false, "?:")?;
        if yes_rows.is_empty() {
            return self.evaluate(no, context);
        }
        let yes = self.branch(yes, yes_rows.clone(), context)?;
        let no = self.branch(no, no_rows.clone(), context)?;
        let chunk = condition::blend(context.len, (&yes_rows, &yes, false), (&no_rows, &no, false))?;
        Ok(Operand::owned(chunk, false))
    }

    /// A branch for some rows: one value a row of `rows`.
    fn branch(&self, id: NodeId, rows: Vec<u32>, context: &Context<'_>) -> Result<Operand<'static>> {
        let rows = context.input_rows(rows);
        self.evaluate_owned(id, &context.narrowed(&rows))
    }

    fn evaluate_owned(&self, id: NodeId, context: &Context<'_>) -> Result<Operand<'static>> {
        let value = self.evaluate(id, context)?;
        Ok(Operand::owned(value.chunk.into_owned(), value.constant))
    }

    fn call<'a>(
        &self,
        function: &Arc<dyn UserFunction>,
        column_type: ColumnType,
        name: &str,
        operands: Vec<Operand<'a>>,
        context: &Context<'a>,
    ) -> Result<Operand<'a>> {
        let mut results = Vec::with_capacity(context.len);
        for row in 0..context.len {
            let arguments: Vec<Value> =
                operands.iter().map(|operand| operand.chunk.value(if operand.constant { 0 } else { row })).collect();
            let result = function.call(&arguments).map_err(|error| error.context(format!("in function {name}")))?;
            results.push(super::kernels::cast::value_to(&result, column_type).ok_or_else(|| {
                let found = match &result {
                    Value::Array { element, .. } => format!("a {element}[]"),
                    value => format!("{value:?}"),
                };
                Error::type_mismatch(format!("function {name} returned {found}, which is no {column_type}"))
            })?);
        }
        Ok(Operand::owned(Chunk::from_values(column_type, &results)?, false))
    }
}

fn row_numbers(number: RowNumber, context: &Context<'_>) -> Chunk {
    let rows = 0..context.len;
    let positions = context.input.positions;
    let keys = context.input.keys;
    match number {
        RowNumber::PositionInt => Chunk::Int(rows.map(|row| positions.get(context.input_row(row)) as i32).collect()),
        RowNumber::PositionLong => Chunk::Long(rows.map(|row| positions.get(context.input_row(row)) as i64).collect()),
        RowNumber::Key => Chunk::Long(rows.map(|row| keys.get(context.input_row(row)) as i64).collect()),
    }
}

/// A chunk of one value of a column type.
pub(super) fn single(value: &Value, column_type: ColumnType) -> Chunk {
    match value {
        Value::Null => Chunk::nulls(column_type, 1),
        Value::String(text) => Chunk::strings([Some(&**text)]).unwrap_or_else(|_| Chunk::nulls(column_type, 1)),
        Value::Char(v) => Chunk::Char(vec![*v]),
        Value::Boolean(v) => Chunk::Boolean(vec![Boolean::from(*v)]),
        Value::Byte(v) => Chunk::Byte(vec![*v]),
        Value::Short(v) => Chunk::Short(vec![*v]),
        Value::Int(v) => Chunk::Int(vec![*v]),
        Value::Long(v) => Chunk::Long(vec![*v]),
        Value::Float(v) => Chunk::Float(vec![*v]),
        Value::Double(v) => Chunk::Double(vec![*v]),
        Value::DateTime(v) => as_date_time(Chunk::Long(vec![*v])),
        other => Chunk::from_values(column_type, std::slice::from_ref(other))
            .unwrap_or_else(|_| Chunk::nulls(column_type, 1)),
    }
}
