//! The types of operators and casts: which operands they take, the type in which those meet, and the kernel that does it.

use super::ast::{BinaryOperator, UnaryOperator};
use super::check::{Checker, Typed};
use super::kernels::{arithmetic, big, cast, compare, text, time};
use super::lift::is_array;
use super::names;
use super::node::{Operation, Type};
use super::predicate::Comparison;
use super::source::Span;
use crate::base::date_time::Period;
use crate::base::{ColumnType, Error, ErrorKind, Result, Value};

impl Checker<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOperator, operand: Typed, span: Span) -> Result<Typed> {
        if is_array(operand) {
            return self.lift_unary(operator, operand, span);
        }
        match operator {
            UnaryOperator::Not => {
                let operand = self.expect(operand, ColumnType::Boolean, "!")?;
                let certain = self.is_certain(operand);
                let typed = self.kernel(arithmetic::not(), vec![operand], ColumnType::Boolean, false, span);
                Ok(if certain { self.certain(typed) } else { typed })
            }
            UnaryOperator::Negate => {
                let column_type = self.column_type(operand)?;
                let promoted = if matches!(column_type, ColumnType::Byte | ColumnType::Short | ColumnType::Char) {
                    ColumnType::Int
                } else {
                    column_type
                };
                if column_type.is_big() {
                    let zero = self.value(&Value::Int(0), span);
                    return self.arithmetic(BinaryOperator::Subtract, zero, operand, span);
                }
                match arithmetic::negate(promoted) {
                    Some(kernel) => {
                        let operand = self.widen(operand, promoted)?;
                        Ok(self.kernel(kernel, vec![operand], promoted, false, span))
                    }
                    None => Err(self.error(ErrorKind::Type, span, format!("there is no -x for type {column_type}"))),
                }
            }
        }
    }

    pub(super) fn binary(&mut self, operator: BinaryOperator, left: Typed, right: Typed, span: Span) -> Result<Typed> {
        if let BinaryOperator::Compare(comparison @ (Comparison::Equal | Comparison::NotEqual)) = operator
            && let (array, Type::Null) | (Type::Null, array) = (left.kind, right.kind)
            && let Type::Of(ColumnType::Array(_)) = array
        {
            let array = if left.kind == Type::Null { right } else { left };
            let is_null = compare::is_null(self.column_type(array)?);
            let null = self.kernel(is_null, vec![array], ColumnType::Boolean, false, span);
            let wanted = self.value(&Value::Boolean(true), span);
            return self.compare(comparison, null, wanted, span);
        }
        let concatenates = operator == BinaryOperator::Add
            && [left, right].iter().any(|side| side.kind == Type::Of(ColumnType::String));
        if (is_array(left) || is_array(right)) && !concatenates {
            return self.lift_binary(operator, left, right, span);
        }
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let left = self.expect(left, ColumnType::Boolean, operator.symbol())?;
                let right = self.expect(right, ColumnType::Boolean, operator.symbol())?;
                let operation = Operation::Logic(operator == BinaryOperator::And);
                let fallible = !self.is_certain(left) || !self.is_certain(right);
                Ok(self.push(operation, vec![left, right], Type::Of(ColumnType::Boolean), fallible, span))
            }
            BinaryOperator::Compare(comparison) => self.compare(comparison, left, right, span),
            BinaryOperator::Add if [left, right].iter().any(|side| side.kind == Type::Of(ColumnType::String)) => {
                self.concatenate(left, right, span)
            }
            _ => self.arithmetic(operator, left, right, span),
        }
    }

    fn concatenate(&mut self, left: Typed, right: Typed, span: Span) -> Result<Typed> {
        let mut types = Vec::new();
        for side in [left, right] {
            match side.kind {
                Type::Null => types.push(ColumnType::String),
                _ => types.push(self.column_type(side)?),
            }
        }
        Ok(self.kernel(text::concatenate(types), vec![left, right], ColumnType::String, false, span))
    }

    fn arithmetic(&mut self, operator: BinaryOperator, left: Typed, right: Typed, span: Span) -> Result<Typed> {
        match (operator, left.kind, right.kind) {
            (BinaryOperator::Add | BinaryOperator::Subtract, _, Type::Period(period)) => {
                return self.add_period(left, period, operator == BinaryOperator::Subtract, span);
            }
            (BinaryOperator::Add, Type::Period(period), _) => return self.add_period(right, period, false, span),
            _ => {}
        }
        let (left, right) = self.settle_nulls(left, right)?;
        let (a, b) = (self.column_type(left)?, self.column_type(right)?);
        let none =
            |checker: &Self| checker.error(ErrorKind::Type, span, format!("there is no {a} {} {b}", operator.symbol()));
        if a == ColumnType::DateTime || b == ColumnType::DateTime {
            return self.time_arithmetic(operator, left, right, span).unwrap_or_else(|| Err(none(self)));
        }
        if (a.is_big() || b.is_big()) && (a.is_big() || is_number(a)) && (b.is_big() || is_number(b)) {
            let decimal = [a, b].iter().any(|t| *t == ColumnType::BigDecimal || t.is_floating());
            let whole = !decimal && operator != BinaryOperator::Divide;
            let result = if whole { ColumnType::BigInteger } else { ColumnType::BigDecimal };
            let Some(kernel) = big::arithmetic(operator, result) else { return Err(none(self)) };
            return Ok(self.kernel(kernel, vec![left, right], result, true, span));
        }
        let (kernel, operands, result) = if a == ColumnType::Boolean && b == a {
            (arithmetic::booleans(operator), a, a)
        } else if !is_number(a) || !is_number(b) {
            return Err(none(self));
        } else {
            let common = match operator {
                BinaryOperator::Divide => quotient(a, b),
                _ => promoted(a, b),
            };
            (arithmetic::numbers(operator, common), common, common)
        };
        let Some(kernel) = kernel else { return Err(none(self)) };
        let (left, right) = (self.widen(left, operands)?, self.widen(right, operands)?);
        let fallible = operator == BinaryOperator::Remainder && !result.is_floating();
        Ok(self.kernel(kernel, vec![left, right], result, fallible, span))
    }

    /// A date-time and a literal of months, on the wall clock of the scope's zone.
    pub(super) fn add_period(&mut self, moment: Typed, period: usize, minus: bool, span: Span) -> Result<Typed> {
        let moment = self.expect(moment, ColumnType::DateTime, "a period of months")?;
        let Period { months, nanos } = self.periods[period];
        let sign = if minus { -1 } else { 1 };
        let period = Period { months: sign * months, nanos: sign * nanos };
        let kernel = time::add_period(self.scope.zone.clone(), period);
        Ok(self.kernel(kernel, vec![moment], ColumnType::DateTime, true, span))
    }

    fn time_arithmetic(
        &mut self,
        operator: BinaryOperator,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Option<Result<Typed>> {
        let time = |typed: Typed| typed.kind == Type::Of(ColumnType::DateTime);
        let minus = operator == BinaryOperator::Subtract;
        if minus && time(left) && time(right) {
            return Some(Ok(self.kernel(
                arithmetic::time_difference(),
                vec![left, right],
                ColumnType::Long,
                false,
                span,
            )));
        }
        let (moment, amount) = match operator {
            BinaryOperator::Add if time(right) => (right, left),
            BinaryOperator::Add | BinaryOperator::Subtract if time(left) => (left, right),
            _ => return None,
        };
        let amount_type = self.column_type(amount).ok()?;
        if !amount_type.is_integer() {
            return None;
        }
        Some(self.widen(amount, ColumnType::Long).map(|amount| {
            self.kernel(arithmetic::shift_time(minus), vec![moment, amount], ColumnType::DateTime, true, span)
        }))
    }

    /// A comparison, the operands widened to meet.
    pub(super) fn compare(&mut self, comparison: Comparison, left: Typed, right: Typed, span: Span) -> Result<Typed> {
        let typed = self.comparison(comparison, left, right, span)?;
        Ok(self.certain(typed))
    }

    fn comparison(&mut self, comparison: Comparison, left: Typed, right: Typed, span: Span) -> Result<Typed> {
        let (left, right) = self.settle_nulls(left, right)?;
        let (left, right) = (self.beside(left, right), self.beside(right, left));
        let (a, b) = (self.column_type(left)?, self.column_type(right)?);
        if is_number(a) && is_number(b) && a != b {
            let exact = |checker: &mut Self, long: Typed, other: Typed, comparison: Comparison| {
                let other = checker.widen(other, ColumnType::Double)?;
                Ok(checker.kernel(
                    compare::long_with_double(comparison),
                    vec![long, other],
                    ColumnType::Boolean,
                    false,
                    span,
                ))
            };
            if a == ColumnType::Long && b.is_floating() {
                return exact(self, left, right, comparison);
            }
            if b == ColumnType::Long && a.is_floating() {
                return exact(self, right, left, comparison.flipped());
            }
            let common = match promoted(a, b) {
                // An int has more digits than a float.
                ColumnType::Float => ColumnType::Double,
                common => common,
            };
            let (left, right) = (self.widen(left, common)?, self.widen(right, common)?);
            return Ok(self.kernel(
                compare::kernel(comparison, common),
                vec![left, right],
                ColumnType::Boolean,
                false,
                span,
            ));
        }
        if a != b && (a.is_big() && (b.is_big() || is_number(b)) || b.is_big() && is_number(a)) {
            return Ok(self.kernel(big::compare(comparison), vec![left, right], ColumnType::Boolean, false, span));
        }
        if a != b {
            return Err(self.cannot_compare(a, b, span));
        }
        Ok(self.kernel(compare::kernel(comparison, a), vec![left, right], ColumnType::Boolean, false, span))
    }

    fn cannot_compare(&self, a: ColumnType, b: ColumnType, span: Span) -> Error {
        let error = self.error(ErrorKind::Type, span, format!("{a} and {b} cannot be compared"));
        let either = |t| a == t || b == t;
        if either(ColumnType::String) && either(ColumnType::DateTime) {
            error.hint("a date-time stands between single quotes, with its zone: '2017-08-25T09:30:00 NY'; text between backticks")
        } else if either(ColumnType::String) && either(ColumnType::Char) {
            error.hint("text stands between backticks, a character between single quotes")
        } else if either(ColumnType::String) {
            error.hint("text stands between backticks, numbers without")
        } else {
            error
        }
    }

    /// A constant text of one character beside a char as a char, and a constant char beside a text as text.
    fn beside(&mut self, typed: Typed, other: Typed) -> Typed {
        let (Type::Of(own), Type::Of(other)) = (typed.kind, other.kind) else { return typed };
        let value = match (self.program.constant(typed.id).map(|chunk| chunk.value(0)), own, other) {
            (Some(Value::String(text)), ColumnType::String, ColumnType::Char) => {
                names::character(&text).map(Value::Char)
            }
            (Some(Value::Char(unit)), ColumnType::Char, ColumnType::String) => {
                Some(Value::string(&String::from_utf16_lossy(&[unit])))
            }
            _ => None,
        };
        value.map_or(typed, |value| self.value(&value, typed.span))
    }

    pub(super) fn ternary(&mut self, test: Typed, yes: Typed, no: Typed, span: Span) -> Result<Typed> {
        let test = self.expect(test, ColumnType::Boolean, "?:")?;
        let (yes, no) = self.settle_nulls(yes, no)?;
        let (a, b) = (self.column_type(yes)?, self.column_type(no)?);
        let wide = [ColumnType::Int, ColumnType::Long, ColumnType::Float, ColumnType::Double];
        let common = if a == b {
            a
        } else if is_number(a) && is_number(b) && (wide.contains(&a) || wide.contains(&b)) {
            promoted(a, b)
        } else {
            return Err(self
                .error(ErrorKind::Type, span, format!("the branches of ?: are {a} and {b}"))
                .hint("cast one of them to the other's type"));
        };
        // As in Java, a null of the narrower type is widened as the number that it is.
        let (yes, no) = (self.convert(yes, common, false)?, self.convert(no, common, false)?);
        let fallible = !self.is_certain(test);
        Ok(self.push(Operation::Ternary, vec![test, yes, no], Type::Of(common), fallible, span))
    }

    /// `(type)x`.
    pub(super) fn cast(&mut self, operand: Typed, target: ColumnType, span: Span) -> Result<Typed> {
        if operand.kind == Type::Null {
            return Ok(self.typed_value(&Value::Null, target, span));
        }
        let from = self.column_type(operand)?;
        if from != target && from.element().is_some() {
            let element = target.element().unwrap_or(target);
            return self.lift(vec![operand], span, |inner, elements| inner.cast(elements[0], element, span));
        }
        if from != target && cast::numbers(from, target, true).is_none() && big::cast(from, target).is_none() {
            let hint = match (from, target) {
                (_, ColumnType::String) => "use String.valueOf(x) or `` + x",
                (ColumnType::String, ColumnType::DateTime) => "use convertDateTime(x)",
                (ColumnType::String, _) => "use Integer.parseInt(x), Long.parseLong(x) or Double.parseDouble(x)",
                (ColumnType::DateTime, _) => "use nanos(x) or millis(x)",
                (_, ColumnType::DateTime) => "use nanosToTime(x) or millisToTime(x)",
                _ => "there are casts between number types and char",
            };
            return Err(self.error(ErrorKind::Type, span, format!("a {from} cannot be cast to {target}")).hint(hint));
        }
        self.convert(operand, target, true)
    }

    /// Converts between number types, null to null; anything else must have the type already.
    pub(super) fn widen(&mut self, operand: Typed, target: ColumnType) -> Result<Typed> {
        self.convert(operand, target, true)
    }

    /// As [`Checker::widen`]; unless `nulls`, a null becomes the number that stands for it.
    pub(super) fn convert(&mut self, operand: Typed, target: ColumnType, nulls: bool) -> Result<Typed> {
        if operand.kind == Type::Null {
            return Ok(self.typed_value(&Value::Null, target, operand.span));
        }
        let from = self.column_type(operand)?;
        if from == target {
            return Ok(operand);
        }
        let exact = cast::numbers(from, target, nulls);
        let fallible = exact.is_none();
        match exact.or_else(|| big::cast(from, target)) {
            Some(kernel) => Ok(self.kernel(kernel, vec![operand], target, fallible, operand.span)),
            None => Err(self.error(ErrorKind::Type, operand.span, format!("expected {target}, found {from}"))),
        }
    }
}

/// Numbers, and char, which counts as one.
pub(super) fn is_number(column_type: ColumnType) -> bool {
    column_type.is_numeric() || column_type == ColumnType::Char
}

/// The type in which two numbers meet: double, float, long, else int. A long meets a float in float, as in Java.
pub(super) fn promoted(a: ColumnType, b: ColumnType) -> ColumnType {
    [ColumnType::Double, ColumnType::Float, ColumnType::Long]
        .into_iter()
        .find(|&wide| a == wide || b == wide)
        .unwrap_or(ColumnType::Int)
}

/// The type of a quotient: never an integer; float only where the divisor is one and the dividend no double.
fn quotient(a: ColumnType, b: ColumnType) -> ColumnType {
    if b == ColumnType::Float && a != ColumnType::Double { ColumnType::Float } else { ColumnType::Double }
}
