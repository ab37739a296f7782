//! The type checker: syntax tree to typed expression, with every name, type and literal resolved before a row is read.
//!
//! Operands are widened here, by explicit casts, so that kernels see one type; constants are folded; subtrees over one String column are
//! marked to be evaluated once a symbol.

use super::ast::{Ast, AstId, AstKind, MembershipTest};
use super::functions;
use super::kernels::arrays;
use super::membership;
use super::methods;
use super::names;
use super::node::{Kernel, Node, NodeId, Operation, Program, Reach, Type, single};
use super::operand::Operand;
use super::per_symbol::PerSymbol;
use super::scope::{Columns, QueryScope};
use super::source::{Source, Span};
use crate::base::date_time::{Period, Zone};
use crate::base::{ColumnType, Error, ErrorKind, Result, Value};
use crate::memory::Chunk;

/// A checked expression: its node and what it yields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed {
    pub(super) id: NodeId,
    pub(super) kind: Type,
    pub(super) span: Span,
}

/// What checking collects.
pub(super) struct Checker<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) ast: &'a Ast,
    pub(super) columns: &'a dyn Columns,
    pub(super) scope: &'a QueryScope,
    pub(super) program: Program,
    pub(super) inputs: Vec<(String, ColumnType)>,
    pub(super) arrays: Vec<(String, ColumnType)>,
    pub(super) zones: Vec<Zone>,
    /// Months and nanoseconds of the literals that are longer than days.
    pub(super) periods: Vec<Period>,
    /// Texts, patterns and limits of `split`, until an index or length asks for something of them.
    pub(super) splits: Vec<[Typed; 3]>,
    pub(super) uses_row_position: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a Source<'a>, ast: &'a Ast, columns: &'a dyn Columns, scope: &'a QueryScope) -> Self {
        Checker {
            source,
            ast,
            columns,
            scope,
            program: Program { nodes: Vec::new() },
            inputs: Vec::new(),
            arrays: Vec::new(),
            zones: Vec::new(),
            periods: Vec::new(),
            splits: Vec::new(),
            uses_row_position: false,
        }
    }

    /// Checks an expression. Walks down first operands in a loop: only other operands recurse, as deep as the parser allowed.
    pub(super) fn check(&mut self, id: AstId) -> Result<Typed> {
        let mut pending = Vec::new();
        let mut at = id;
        while let Some(first) = self.first_operand(at) {
            pending.push(at);
            at = first;
        }
        let mut value = self.leaf(at)?;
        while let Some(at) = pending.pop() {
            value = self.step(at, value)?;
            value.span = self.ast.span(at);
        }
        Ok(value)
    }

    fn first_operand(&self, id: AstId) -> Option<AstId> {
        match self.ast.kind(id) {
            AstKind::Unary(_, first)
            | AstKind::Binary(_, first, _)
            | AstKind::Ternary(first, _, _)
            | AstKind::Index(first, _)
            | AstKind::Membership { subject: first, .. } => Some(*first),
            AstKind::Cast(_, first) if !self.is_user_call(*first) => Some(*first),
            AstKind::Call { receiver: Some(first), .. } if !self.is_foreign(*first) => Some(*first),
            AstKind::Field(first, _) if !self.is_foreign(id) && !self.is_foreign(*first) => Some(*first),
            _ => None,
        }
    }

    /// A name or path that is no value: a class or a user function.
    fn is_foreign(&self, id: AstId) -> bool {
        match self.ast.path(id) {
            None => false,
            Some(path) => names::is_class(&path) || path.len() == 1 && self.is_function_name(path[0]),
        }
    }

    fn is_function_name(&self, name: &str) -> bool {
        self.scope.functions.contains_key(name) && self.columns.column_type(name).is_none()
    }

    /// The name of the user function that a call calls, as `f(x)` or `f.call(x)`.
    fn user_function(&self, id: AstId) -> Option<&str> {
        let AstKind::Call { receiver, name, .. } = self.ast.kind(id) else { return None };
        match receiver {
            None => self.scope.functions.contains_key(name).then_some(name.as_str()),
            Some(receiver) => match self.ast.kind(*receiver) {
                AstKind::Name(function)
                    if self.is_function_name(function) && matches!(name.as_str(), "call" | "apply") =>
                {
                    Some(function.as_str())
                }
                _ => None,
            },
        }
    }

    pub(super) fn is_user_call(&self, id: AstId) -> bool {
        self.user_function(id).is_some()
    }

    fn step(&mut self, id: AstId, first: Typed) -> Result<Typed> {
        let ast = self.ast;
        let span = ast.span(id);
        match ast.kind(id) {
            AstKind::Unary(operator, _) => self.unary(*operator, first, span),
            AstKind::Binary(operator, _, right) => {
                let right = self.check(*right)?;
                let (first, right) = (self.as_value(first)?, self.as_value(right)?);
                self.binary(*operator, first, right, span)
            }
            AstKind::Ternary(_, yes, no) => {
                let (yes, no) = (self.check(*yes)?, self.check(*no)?);
                let (yes, no) = (self.as_value(yes)?, self.as_value(no)?);
                self.ternary(first, yes, no, span)
            }
            AstKind::Cast(name, _) => {
                let target = self.type_named(name, span)?;
                self.cast(first, target, span)
            }
            AstKind::Index(_, index) => {
                let index = self.check(*index)?;
                self.element(first, index, span)
            }
            AstKind::Call { name, arguments, .. } => {
                let arguments = self.check_all(arguments)?;
                functions::method(self, first, name, arguments, span)
            }
            AstKind::Field(_, name) => functions::method(self, first, name, Vec::new(), span),
            AstKind::Membership { test, negated, ignore_case, values, .. } => {
                self.membership(first, *test, *negated, *ignore_case, values, span)
            }
            _ => unreachable!("a leaf has no first operand"),
        }
    }

    pub(super) fn check_all(&mut self, ids: &[AstId]) -> Result<Vec<Typed>> {
        ids.iter()
            .map(|&id| {
                let typed = self.check(id)?;
                self.as_value(typed)
            })
            .collect()
    }

    /// A constant.
    pub(super) fn value(&mut self, value: &Value, span: Span) -> Typed {
        let Some(column_type) = value.column_type() else {
            return self.push(
                Operation::Constant(Chunk::nulls(ColumnType::String, 1)),
                Vec::new(),
                Type::Null,
                false,
                span,
            );
        };
        self.typed_value(value, column_type, span)
    }

    /// A time zone.
    pub(super) fn zone(&mut self, zone: Zone, span: Span) -> Typed {
        self.zones.push(zone);
        let index = Chunk::Long(vec![self.zones.len() as i64 - 1]);
        self.push(Operation::Constant(index), Vec::new(), Type::Zone, false, span)
    }

    /// The time zone that an expression is.
    pub(super) fn zone_constant(&self, typed: Typed) -> Option<&Zone> {
        match (typed.kind, self.program.constant(typed.id)) {
            (Type::Zone, Some(Chunk::Long(index))) => self.zones.get(index[0] as usize),
            _ => None,
        }
    }

    /// True for an integer constant that fits an int.
    pub(super) fn is_small_constant(&self, typed: Typed) -> bool {
        matches!(self.program.constant(typed.id), Some(Chunk::Long(value)) if i32::try_from(value[0]).is_ok())
    }

    /// Notes that a truth value is never null.
    pub(super) fn certain(&mut self, typed: Typed) -> Typed {
        self.program.nodes[typed.id.0 as usize].certain = true;
        typed
    }

    pub(super) fn is_certain(&self, typed: Typed) -> bool {
        self.program.node(typed.id).certain
    }

    /// A constant of a type, null too.
    pub(super) fn typed_value(&mut self, value: &Value, column_type: ColumnType, span: Span) -> Typed {
        self.push(Operation::Constant(single(value, column_type)), Vec::new(), Type::Of(column_type), false, span)
    }

    /// Adds a node; its reach and whether it may fail follow from its operands. Folds what is constant.
    pub(super) fn push(
        &mut self,
        operation: Operation,
        mut operands: Vec<Typed>,
        kind: Type,
        fallible: bool,
        span: Span,
    ) -> Typed {
        let own = match &operation {
            Operation::Constant(_) => Reach::Nothing,
            Operation::Column(index) if kind == Type::Of(ColumnType::String) => Reach::Symbols(*index),
            Operation::Kernel(_) if !operands.is_empty() => Reach::Nothing,
            Operation::Logic(_) | Operation::Ternary => Reach::Nothing,
            _ => Reach::Rows,
        };
        let reach = operands.iter().fold(own, |reach, operand| reach.join(self.program.node(operand.id).reach));
        if reach == Reach::Rows {
            operands = operands.into_iter().map(|operand| self.once_a_symbol(operand)).collect();
        }
        let fallible = fallible || operands.iter().any(|operand| self.program.node(operand.id).fallible);
        let operands: Vec<NodeId> = operands.iter().map(|operand| operand.id).collect();
        if let (Operation::Kernel(kernel), Reach::Nothing) = (&operation, reach)
            && let Some(constants) = operands.iter().map(|&id| self.program.constant(id)).collect::<Option<Vec<_>>>()
            && let Ok(chunk) = kernel(constants.into_iter().map(Operand::constant).collect(), 1)
        {
            return self.push(Operation::Constant(chunk), Vec::new(), kind, false, span);
        }
        let certain = matches!(&operation, Operation::Logic(_))
            || matches!(&operation, Operation::Constant(chunk) if !chunk.is_null(0));
        self.program.nodes.push(Node { operation, operands, reach, fallible, certain });
        Typed { id: NodeId(self.program.nodes.len() as u32 - 1), kind, span }
    }

    /// An operation of the library.
    pub(super) fn kernel(
        &mut self,
        kernel: Kernel,
        operands: Vec<Typed>,
        column_type: ColumnType,
        fallible: bool,
        span: Span,
    ) -> Typed {
        self.push(Operation::Kernel(kernel), operands, Type::Of(column_type), fallible, span)
    }

    /// Wraps what one String column decides, so that it is evaluated once a symbol; other nodes stay.
    pub(super) fn once_a_symbol(&mut self, typed: Typed) -> Typed {
        let node = self.program.node(typed.id);
        let (Reach::Symbols(column), false) = (node.reach, matches!(node.operation, Operation::Column(_))) else {
            return typed;
        };
        let (fallible, certain) = (node.fallible, node.certain);
        let operation = Operation::PerSymbol(PerSymbol::new(column));
        self.program.nodes.push(Node { operation, operands: vec![typed.id], reach: Reach::Rows, fallible, certain });
        Typed { id: NodeId(self.program.nodes.len() as u32 - 1), ..typed }
    }

    /// A whole column or split text as an array; other expressions stay.
    pub(super) fn as_value(&mut self, typed: Typed) -> Result<Typed> {
        match typed.kind {
            Type::Array(column_type) => {
                let Operation::Element(array) = self.program.node(typed.id).operation else { return Ok(typed) };
                let kind = Type::Of(column_type.array()?);
                Ok(self.push(Operation::Whole(array), Vec::new(), kind, true, typed.span))
            }
            Type::Split(parts) => {
                let operands = self.splits[parts].to_vec();
                let array = ColumnType::String.array()?;
                Ok(self.kernel(methods::split(), operands, array, true, typed.span))
            }
            _ => Ok(typed),
        }
    }

    /// `base[index]`: an element of a whole column, null outside of it; a part of a split text.
    pub(super) fn element(&mut self, base: Typed, index: Typed, span: Span) -> Result<Typed> {
        if let Type::Split(parts) = base.kind {
            let mut operands = self.splits[parts].to_vec();
            operands.push(self.widen(index, ColumnType::Int)?);
            return Ok(self.kernel(methods::split_part(), operands, ColumnType::String, true, span));
        }
        let column_type = match base.kind {
            Type::Array(column_type) | Type::Of(column_type @ ColumnType::Array(_)) => column_type,
            _ => {
                return Err(self
                    .error(ErrorKind::Type, base.span, "only arrays have elements")
                    .hint("Col_[i-1] is the row before"));
            }
        };
        if !self.column_type(index)?.is_integer() {
            return Err(self.error(ErrorKind::Type, index.span, "an index is an integer"));
        }
        let index = self.widen(index, ColumnType::Long)?;
        if let (Type::Of(_), Some(element)) = (base.kind, column_type.element()) {
            return Ok(self.kernel(arrays::element(), vec![base, index], element, false, span));
        }
        let Operation::Element(array) = self.program.node(base.id).operation else {
            unreachable!("whole columns are read by element")
        };
        Ok(self.push(Operation::Element(array), vec![index], Type::Of(column_type), true, span))
    }

    fn membership(
        &mut self,
        subject: Typed,
        test: MembershipTest,
        negated: bool,
        ignore_case: bool,
        values: &[AstId],
        span: Span,
    ) -> Result<Typed> {
        let column_type = self.column_type(subject)?;
        let predicate = membership::predicate(self, column_type, test, negated, ignore_case, values, span)?;
        let typed = self.kernel(membership::kernel(predicate), vec![subject], ColumnType::Boolean, false, span);
        Ok(self.certain(typed))
    }

    pub(super) fn user_call(&mut self, id: AstId, target: Option<ColumnType>) -> Result<Typed> {
        let ast = self.ast;
        let span = ast.span(id);
        let Some(name) = self.user_function(id).map(str::to_string) else { unreachable!("a user call was found") };
        let AstKind::Call { arguments, .. } = ast.kind(id) else { unreachable!("a user call is a call") };
        let function = self.scope.functions[&name].clone();
        // Java's way to pass arguments to a function: all in one array of objects.
        let arguments = match arguments.as_slice() {
            [one] => match ast.kind(*one) {
                AstKind::New { class, arguments } if class == "Object[]" => arguments,
                _ => arguments,
            },
            _ => arguments,
        };
        let mut operands = Vec::new();
        for argument in self.check_all(arguments)? {
            if argument.kind != Type::Null {
                self.column_type(argument)?;
            }
            operands.push(argument);
        }
        let Some(column_type) = target.or(function.result_type()) else {
            return Err(self
                .error(ErrorKind::Type, span, format!("the type of what {name} returns is not known"))
                .hint(format!("cast it: (double){name}(…)")));
        };
        Ok(self.push(Operation::User(function, column_type, name), operands, Type::Of(column_type), true, span))
    }

    pub(super) fn type_named(&self, name: &str, span: Span) -> Result<ColumnType> {
        name.parse().map_err(|error: Error| {
            let shown = self.error(ErrorKind::Type, span, error.message().to_string());
            shown.hint(error.hint_text().unwrap_or_default().to_string())
        })
    }

    /// Gives a bare `null` the type of the other side.
    pub(super) fn settle_nulls(&mut self, left: Typed, right: Typed) -> Result<(Typed, Typed)> {
        Ok(match (left.kind, right.kind) {
            (Type::Null, Type::Of(other)) => (self.typed_value(&Value::Null, other, left.span), right),
            (Type::Of(other), Type::Null) => (left, self.typed_value(&Value::Null, other, right.span)),
            _ => (left, right),
        })
    }

    /// The column type of an expression; an error for those that have none.
    pub(super) fn column_type(&self, typed: Typed) -> Result<ColumnType> {
        let message = match typed.kind {
            Type::Of(column_type) => return Ok(column_type),
            Type::Null => {
                return Err(self
                    .error(ErrorKind::Type, typed.span, "null has no type here")
                    .hint("cast it: (double)null"));
            }
            Type::Array(_) => "a whole column is no value",
            Type::Zone => "a time zone is no value",
            Type::Period(_) => "months and years have no fixed length: add them to a date-time",
            Type::Split(_) => "a split text is no value: take S.split(…)[index] or S.split(…).length",
            Type::Units => "chars() is no value: take chars().count()",
            Type::Builder => "a StringBuilder is no value: end with toString()",
        };
        Err(self.error(ErrorKind::Type, typed.span, message))
    }

    /// The operand, which must have a type.
    pub(super) fn expect(&mut self, operand: Typed, wanted: ColumnType, what: &str) -> Result<Typed> {
        if operand.kind == Type::Null {
            return Ok(self.typed_value(&Value::Null, wanted, operand.span));
        }
        let found = self.column_type(operand)?;
        if found == wanted {
            return Ok(operand);
        }
        Err(self.error(ErrorKind::Type, operand.span, format!("{what} takes a {wanted}, not a {found}")))
    }

    pub(super) fn error(&self, kind: ErrorKind, span: Span, message: impl Into<String>) -> Error {
        self.source.error(kind, span, message)
    }
}
