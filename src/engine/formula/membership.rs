//! Tests against constants: from an expression's literals to a [`Predicate`] whose values have the column's own type.

use super::ast::{AstId, AstKind, Literal, MembershipTest, UnaryOperator};
use super::check::{Checker, Typed};
use super::kernels::cast::value_to;
use super::names::character;
use super::node::{Kernel, Operation, Type};
use super::operators::is_number;
use super::order::compare_values;
use super::predicate::{Comparison, Predicate};
use super::scope::ScopeValue;
use super::source::Span;
use crate::base::{Boolean, ColumnType, ErrorKind, Result, Value};
use crate::memory::Chunk;

/// The predicate of `in` and `includes`.
pub(super) fn predicate(
    checker: &mut Checker<'_>,
    column_type: ColumnType,
    test: MembershipTest,
    negated: bool,
    ignore_case: bool,
    values: &[AstId],
    span: Span,
) -> Result<Predicate> {
    let textual = test != MembershipTest::In;
    if column_type != ColumnType::String && (textual || ignore_case) {
        let word = if textual { "includes" } else { "icase in" };
        return Err(checker.error(ErrorKind::Type, span, format!("{word} takes a String, not a {column_type}")));
    }
    let mut found = Vec::new();
    for &id in values {
        if let AstKind::Name(name) = checker.ast.kind(id)
            && checker.columns.column_type(name).is_none()
            && let Some(ScopeValue::List(list)) = checker.scope.variables.get(name)
        {
            for value in list {
                found.push(member(checker, column_type, value, checker.ast.span(id))?);
            }
            continue;
        }
        let value = constant(checker, id, column_type)?;
        found.push(member(checker, column_type, &value, checker.ast.span(id))?);
    }
    if !textual {
        // A number that the column's type cannot hold equals none of its values.
        return Ok(Predicate::In { values: found.into_iter().flatten().collect(), negated, ignore_case });
    }
    let texts: Option<Vec<String>> = found.iter().map(|value| Some(value.as_ref()?.as_str()?.to_string())).collect();
    match texts {
        Some(texts) => {
            Ok(Predicate::Includes { texts, all: test == MembershipTest::IncludesAll, negated, ignore_case })
        }
        None => Err(checker.error(ErrorKind::Type, span, "includes takes text, not null")),
    }
}

/// A member of an `in` list as a value of the column's type; none where the type cannot hold it.
fn member(checker: &Checker<'_>, column_type: ColumnType, value: &Value, span: Span) -> Result<Option<Value>> {
    let Some(value_type) = value.column_type() else { return Ok(Some(Value::Null)) };
    let fits = value_type == column_type || is_number(value_type) && is_number(column_type);
    if let (Value::String(text), ColumnType::Char) = (value, column_type)
        && let Some(unit) = character(text)
    {
        return Ok(Some(Value::Char(unit)));
    }
    if let (Value::Char(unit), ColumnType::String) = (value, column_type) {
        return Ok(Some(Value::String(String::from_utf16_lossy(&[*unit]).into())));
    }
    if column_type.is_big() && (is_number(value_type) || value_type.is_big()) {
        // What is no whole number equals no integer.
        let same = value_to(value, column_type).filter(|v| match value_to(v, ColumnType::BigDecimal) {
            Some(exact) => value_to(value, ColumnType::BigDecimal)
                .is_some_and(|v| compare_values(&v, &exact) == Some(std::cmp::Ordering::Equal)),
            None => false,
        });
        return Ok(same);
    }
    if !fits {
        return Err(checker.error(ErrorKind::Type, span, format!("{column_type} and {value_type} cannot be compared")));
    }
    Ok(match convert(Comparison::Equal, value, column_type) {
        Some(Predicate::Compare { value, .. }) => Some(value),
        // NaN is a member of a list, though it equals nothing.
        _ => value_to(value, column_type)
            .filter(|v| matches!(v, Value::Double(v) if v.is_nan()) || matches!(v, Value::Float(v) if v.is_nan())),
    })
}

/// The value of a constant expression beside a column: a decimal literal is read as the column's type has it.
fn constant(checker: &mut Checker<'_>, id: AstId, column_type: ColumnType) -> Result<Value> {
    if let Some(value) = literal(checker, id, column_type) {
        return Ok(value);
    }
    let typed = checker.check(id)?;
    match checker.program.constant(typed.id) {
        Some(chunk) if typed.kind != Type::Zone => Ok(chunk.value(0)),
        _ => Err(checker
            .error(ErrorKind::Type, checker.ast.span(id), "the values of in and includes are constants")
            .hint("for columns write A==B || A==C")),
    }
}

/// A literal that means something else beside a bare column than in a formula: it is read as the column's type has it.
fn literal(checker: &Checker<'_>, id: AstId, column_type: ColumnType) -> Option<Value> {
    match (checker.ast.kind(id), column_type) {
        // The number that stands for null, which in a formula is one of a wider type.
        (AstKind::Literal(Literal::Int(-128)), ColumnType::Byte)
        | (AstKind::Literal(Literal::Int(-32_768)), ColumnType::Short)
        | (AstKind::Literal(Literal::Long(-2_147_483_648)), ColumnType::Int) => Some(Value::Null),
        _ => decimal_literal(checker, id, column_type),
    }
}

/// A literal with a point or exponent as a floating column's type reads its text: 0.1 beside floats is 0.1f, 0.1f beside doubles is 0.1.
/// One beyond the floats stays a double.
fn decimal_literal(checker: &Checker<'_>, id: AstId, column_type: ColumnType) -> Option<Value> {
    match (checker.ast.kind(id), column_type) {
        (AstKind::Literal(Literal::Double { float, double }), ColumnType::Float) if !is_beyond_floats(*double) => {
            Some(Value::Float(*float))
        }
        (AstKind::Literal(Literal::Float(v)), ColumnType::Double) => v.to_string().parse().ok().map(Value::Double),
        (AstKind::Unary(UnaryOperator::Negate, operand), _) => match decimal_literal(checker, *operand, column_type)? {
            Value::Float(v) => Some(Value::Float(-v)),
            Value::Double(v) => Some(Value::Double(-v)),
            _ => None,
        },
        _ => None,
    }
}

/// The column that an expression is, with its type.
fn column(checker: &Checker<'_>, id: AstId) -> Option<(String, ColumnType)> {
    match checker.ast.kind(id) {
        AstKind::Name(name) if !matches!(name.as_str(), "i" | "ii" | "k") => {
            checker.columns.column_type(name).map(|column_type| (name.clone(), column_type))
        }
        _ => None,
    }
}

/// The predicate that a filter is, if it tests one bare column against constants; one that is not `whole` is part of a formula, where
/// literals have types of their own.
pub(super) fn of_filter(checker: &mut Checker<'_>, root: AstId, whole: bool) -> Result<Option<(String, Predicate)>> {
    let ast = checker.ast;
    match ast.kind(root) {
        AstKind::Binary(super::ast::BinaryOperator::Compare(comparison), left, right) => {
            let (name, column_type, other, comparison) = match (column(checker, *left), column(checker, *right)) {
                (Some(_), Some(_)) | (None, None) => return Ok(None),
                (Some((name, column_type)), None) => (name, column_type, *right, *comparison),
                (None, Some((name, column_type))) => (name, column_type, *left, comparison.flipped()),
            };
            let value = match literal(checker, other, column_type).filter(|_| whole) {
                Some(value) => value,
                None => {
                    let typed = checker.check(other)?;
                    match checker.program.constant(typed.id) {
                        Some(chunk) if typed.kind != Type::Zone => chunk.value(0),
                        _ => return Ok(None),
                    }
                }
            };
            Ok(convert(comparison, &value, column_type).map(|predicate| (name, predicate)))
        }
        AstKind::Membership { subject, test, negated, ignore_case, values } => {
            let Some((name, column_type)) = column(checker, *subject) else { return Ok(None) };
            let predicate = predicate(checker, column_type, *test, *negated, *ignore_case, values, ast.span(root))?;
            Ok(Some((name, predicate)))
        }
        AstKind::Unary(UnaryOperator::Not, inner) => Ok(is_null(checker, *inner)
            .map(|name| (name, Predicate::Compare { comparison: Comparison::NotEqual, value: Value::Null }))),
        _ => Ok(is_null(checker, root).map(|name| (name, Predicate::equals(Value::Null)))),
    }
}

/// The column of `isNull(Col)`.
fn is_null(checker: &Checker<'_>, id: AstId) -> Option<String> {
    match checker.ast.kind(id) {
        AstKind::Call { receiver: None, name, arguments } if name == "isNull" && arguments.len() == 1 => {
            column(checker, arguments[0]).map(|(name, _)| name)
        }
        _ => None,
    }
}

/// `column comparison value` with the value brought to the column's type, the comparison adjusted where that rounds. None where the two
/// types are not compared through a predicate.
pub(super) fn convert(comparison: Comparison, value: &Value, column_type: ColumnType) -> Option<Predicate> {
    let compare = |comparison, value| Predicate::Compare { comparison, value };
    let value_type = value.column_type();
    let is_nan = matches!(value, Value::Double(v) if v.is_nan()) || matches!(value, Value::Float(v) if v.is_nan());
    if is_nan && column_type.is_numeric() {
        return Some(Predicate::Constant(comparison == Comparison::NotEqual));
    }
    if value.is_null() || value_type == Some(column_type) {
        return Some(compare(comparison, value.clone()));
    }
    let value_type = value_type?;
    if let (Value::String(text), ColumnType::Char) = (value, column_type) {
        return character(text).map(|unit| compare(comparison, Value::Char(unit)));
    }
    if let (Value::Char(unit), ColumnType::String) = (value, column_type) {
        return Some(compare(comparison, Value::String(String::from_utf16_lossy(&[*unit]).into())));
    }
    if !value_type.is_numeric() && value_type != ColumnType::Char {
        return None;
    }
    if column_type.is_floating() {
        let value = match (value_to(value, column_type)?, value) {
            (Value::Float(_), Value::Double(double)) if is_beyond_floats(*double) => {
                return Some(beyond_floats(comparison, f32::INFINITY.copysign(*double as f32)));
            }
            (value, _) => value,
        };
        return Some(compare(comparison, value));
    }
    if !column_type.is_integer() {
        return None;
    }
    let (least, greatest): (i64, i64) = match column_type {
        ColumnType::Byte => (i8::MIN as i64 + 1, i8::MAX as i64),
        ColumnType::Short => (i16::MIN as i64 + 1, i16::MAX as i64),
        ColumnType::Int => (i64::from(i32::MIN) + 1, i32::MAX as i64),
        _ => (i64::MIN + 1, i64::MAX),
    };
    // The floor of the constant, and whether it has a fraction.
    let (floor, fraction): (i128, bool) = match value_to(value, ColumnType::Double)? {
        _ if !value_type.is_floating() => match value_to(value, ColumnType::Long)? {
            Value::Long(v) => (i128::from(v), false),
            _ => return None,
        },
        Value::Double(v) => (v.floor() as i128, v.fract() != 0.0),
        _ => return None,
    };
    let comparison = match (comparison, fraction) {
        (Comparison::Equal, true) => return Some(Predicate::Constant(false)),
        (Comparison::NotEqual, true) => return Some(Predicate::Constant(true)),
        (Comparison::Less, true) => Comparison::LessOrEqual,
        (Comparison::GreaterOrEqual, true) => Comparison::Greater,
        (same, _) => same,
    };
    let null = |comparison| Some(compare(comparison, Value::Null));
    let above = floor > i128::from(greatest);
    let below = floor < i128::from(least);
    match comparison {
        Comparison::Equal if above || below => Some(Predicate::Constant(false)),
        Comparison::NotEqual if above || below => Some(Predicate::Constant(true)),
        Comparison::Less | Comparison::LessOrEqual if above => Some(Predicate::Constant(true)),
        Comparison::Greater | Comparison::GreaterOrEqual if above => Some(Predicate::Constant(false)),
        // Null is below every number.
        Comparison::Less | Comparison::LessOrEqual if below => null(Comparison::Equal),
        Comparison::Greater | Comparison::GreaterOrEqual if below => null(Comparison::NotEqual),
        _ => value_to(&Value::Long(floor as i64), column_type).map(|value| compare(comparison, value)),
    }
}

/// True for a number above the greatest float or below the least, though it may round to that one.
fn is_beyond_floats(number: f64) -> bool {
    number.is_finite() && number.abs() > f64::from(f32::MAX)
}

/// A comparison of floats with a number beyond all of them but the infinity of its sign.
fn beyond_floats(comparison: Comparison, infinity: f32) -> Predicate {
    let comparison = match comparison {
        Comparison::Equal => return Predicate::Constant(false),
        Comparison::NotEqual => return Predicate::Constant(true),
        Comparison::Less | Comparison::LessOrEqual if infinity > 0.0 => Comparison::Less,
        Comparison::Less | Comparison::LessOrEqual => Comparison::LessOrEqual,
        _ if infinity > 0.0 => Comparison::GreaterOrEqual,
        _ => Comparison::Greater,
    };
    Predicate::Compare { comparison, value: Value::Float(infinity) }
}

/// True where a comparison within a formula is the same test: formulas order the zeros, and read decimals as doubles.
pub(super) fn is_same_in_formulas(predicate: &Predicate, column_type: ColumnType) -> bool {
    match (predicate, column_type) {
        (Predicate::Compare { .. }, ColumnType::Float) => false,
        (Predicate::Compare { comparison, value: Value::Double(v) }, _) => {
            *v != 0.0 || matches!(comparison, Comparison::Equal | Comparison::NotEqual)
        }
        _ => true,
    }
}

/// The truth of a predicate for each value of an operand.
pub(super) fn kernel(predicate: Predicate) -> Kernel {
    Box::new(move |operands, _| {
        let mut selected = Vec::new();
        predicate.select(&operands[0].chunk, &mut selected);
        let mut values = vec![Boolean::FALSE; operands[0].chunk.len()];
        for row in selected {
            values[row as usize] = Boolean::TRUE;
        }
        Ok(Chunk::Boolean(values))
    })
}

/// True for an operation that only names a column.
pub(super) fn is_bare_column(checker: &Checker<'_>, typed: Typed) -> Option<usize> {
    match checker.program.node(typed.id).operation {
        Operation::Column(index) => Some(index),
        _ => None,
    }
}
