//! Operators over arrays: the operator of the elements, applied to the elements of all rows at once.

use super::ast::{BinaryOperator, UnaryOperator};
use super::check::{Checker, Typed};
use super::kernels::arrays::{Arrays, unequal};
use super::node::{Context, Kernel, NodeId, Operation, Program, Type};
use super::operand::Operand;
use super::scope::{Input, NoWholeColumns, Positions};
use super::source::Span;
use crate::base::{ColumnType, Primitive, Result};
use crate::memory::{ArrayChunk, Chunk};

impl Checker<'_> {
    /// `-array`, `!array`.
    pub(super) fn lift_unary(&mut self, operator: UnaryOperator, operand: Typed, span: Span) -> Result<Typed> {
        self.lift(vec![operand], span, |elements, operands| elements.unary(operator, operands[0], span))
    }

    /// `array op array`, `array op x`, `x op array`: element by element.
    pub(super) fn lift_binary(
        &mut self,
        operator: BinaryOperator,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Result<Typed> {
        self.lift(vec![left, right], span, |elements, sides| elements.binary(operator, sides[0], sides[1], span))
    }

    /// Checks an expression of the elements of operands, of which one or more are arrays, and makes the kernel that evaluates it.
    pub(super) fn lift(
        &mut self,
        operands: Vec<Typed>,
        span: Span,
        of_elements: impl FnOnce(&mut Checker<'_>, &[Typed]) -> Result<Typed>,
    ) -> Result<Typed> {
        let no_columns: Vec<(String, ColumnType)> = Vec::new();
        let mut inner = Checker::new(self.source, self.ast, &no_columns, self.scope);
        inner.zones.clone_from(&self.zones);
        inner.periods.clone_from(&self.periods);
        let mut sides = Vec::with_capacity(operands.len());
        for (at, operand) in operands.iter().enumerate() {
            let constant = self.program.constant(operand.id).filter(|_| !is_array(*operand));
            let operation = constant.map_or(Operation::Column(at), |chunk| Operation::Constant(chunk.clone()));
            let kind = match operand.kind {
                Type::Of(column_type) => Type::Of(column_type.element().unwrap_or(column_type)),
                other => other,
            };
            sides.push(inner.push(operation, Vec::new(), kind, false, operand.span));
        }
        let typed = of_elements(&mut inner, &sides)?;
        let result = inner.column_type(typed)?.array()?;
        let fallible = true;
        let kernel = kernel(inner.program, typed.id);
        Ok(self.kernel(kernel, operands, result, fallible, span))
    }
}

/// True for values that are arrays.
pub(super) fn is_array(typed: Typed) -> bool {
    matches!(typed.kind, Type::Of(ColumnType::Array(_)))
}

/// Flattens the operands, evaluates a program over their elements, and cuts the result as the arrays were.
fn kernel(program: Program, root: NodeId) -> Kernel {
    Box::new(move |operands, len| {
        let mut lengths: Vec<Option<usize>> = Vec::with_capacity(len);
        let arrays: Vec<Arrays<'_>> =
            operands.iter().filter(|operand| matches!(&*operand.chunk, Chunk::Array(_))).map(Arrays::of).collect();
        for row in 0..len {
            let mut length = None;
            let mut missing = false;
            for array in &arrays {
                let slice = array.get(row);
                missing |= slice.is_null();
                match length {
                    Some(known) if !missing && known != slice.len => return Err(unequal(known, slice.len)),
                    _ => length = Some(slice.len),
                }
            }
            lengths.push(length.filter(|_| !missing).map(|length| length as usize));
        }
        let total = lengths.iter().flatten().sum();
        let columns: Vec<Chunk> = operands.iter().map(|operand| flatten(operand, &lengths, total)).collect();
        let input = Input {
            len: total,
            columns: &columns,
            positions: Positions::Range(0),
            keys: Positions::Range(0),
            arrays: &NoWholeColumns,
        };
        let values = program.evaluate(root, &Context::of(&input))?.into_chunk(total);
        Ok(Chunk::Array(ArrayChunk::from_lengths(values, lengths)))
    })
}

/// One value for every element of the rows' arrays.
fn flatten(operand: &Operand<'_>, lengths: &[Option<usize>], total: usize) -> Chunk {
    let mut positions = Vec::with_capacity(total);
    match &*operand.chunk {
        Chunk::Array(_) => {
            let arrays = Arrays::of(operand);
            for (row, length) in lengths.iter().enumerate() {
                if length.is_some() {
                    positions.extend(arrays.get(row).range());
                }
            }
            arrays.chunk.values.take_or_null(&positions)
        }
        values => {
            for (row, length) in lengths.iter().enumerate() {
                let at = if operand.constant { 0 } else { row };
                positions.resize(positions.len() + length.unwrap_or(0), at);
            }
            values.take_or_null(&positions)
        }
    }
}
