//! Checks what a formula's trees end in: literals and names.

use super::ast::{AstId, AstKind, Literal};
use super::check::{Checker, Typed};
use super::functions;
use super::kernels::time::moment;
use super::names;
use super::node::{Operation, RowNumber, Type};
use super::scope::ScopeValue;
use super::source::Span;
use crate::base::date_time::{Period, parse_period};
use crate::base::names::nearest_hint;
use crate::base::{ColumnType, Error, ErrorKind, Result, Value};
use crate::memory::Chunk;

impl Checker<'_> {
    /// The type of a node without a first operand.
    pub(super) fn leaf(&mut self, id: AstId) -> Result<Typed> {
        let ast = self.ast;
        let span = ast.span(id);
        match ast.kind(id) {
            AstKind::Literal(literal) => self.literal(literal, span),
            AstKind::Name(name) => self.name(name, span),
            AstKind::Cast(name, operand) => {
                let target = self.type_named(name, span)?;
                self.user_call(*operand, Some(target))
            }
            AstKind::Call { .. } if self.is_user_call(id) => self.user_call(id, None),
            AstKind::Call { receiver, name, arguments } => {
                let class = receiver.and_then(|receiver| ast.path(receiver)).map(|path| path.join("."));
                let arguments = self.check_all(arguments)?;
                functions::call(self, class.as_deref(), name, arguments, span)
            }
            AstKind::New { class, arguments } => {
                let arguments = self.check_all(arguments)?;
                functions::construct(self, class, arguments, span)
            }
            AstKind::Field(..) => {
                let path = ast.path(id).unwrap_or_default().join(".");
                match names::constant(&path) {
                    Some(value) => Ok(self.value(&value, span)),
                    None => Err(self.error(ErrorKind::NotFound, span, format!("unknown constant {path}"))),
                }
            }
            _ => unreachable!("has a first operand"),
        }
    }

    fn literal(&mut self, literal: &Literal, span: Span) -> Result<Typed> {
        let value = match literal {
            Literal::Null => {
                return Ok(self.push(
                    Operation::Constant(Chunk::nulls(ColumnType::String, 1)),
                    Vec::new(),
                    Type::Null,
                    false,
                    span,
                ));
            }
            Literal::Boolean(v) => Value::Boolean(*v),
            Literal::Int(v) => Value::Int(*v),
            Literal::Long(v) => Value::Long(*v),
            Literal::Float(v) => Value::Float(*v),
            Literal::Double { double, .. } => Value::Double(*double),
            Literal::Text(text) => Value::string(text),
            Literal::Quoted(text) => match names::character(text) {
                Some(unit) => Value::Char(unit),
                None => match parse_period(text) {
                    Some(Period { months: 0, nanos }) => Value::Long(nanos),
                    Some(period) => {
                        self.periods.push(period);
                        let none = Operation::Constant(Chunk::nulls(ColumnType::Long, 1));
                        return Ok(self.push(none, Vec::new(), Type::Period(self.periods.len() - 1), false, span));
                    }
                    None => Value::DateTime(self.date_time(text, span)?),
                },
            },
        };
        Ok(self.value(&value, span))
    }

    fn date_time(&self, text: &str, span: Span) -> Result<i64> {
        moment(text).map_err(|error| {
            self.error(ErrorKind::Parse, span, error.message().to_string()).hint(match error.hint_text() {
                Some(hint) if text.starts_with(|c: char| c.is_ascii_digit()) => hint.to_string(),
                _ => {
                    "text stands between backticks; between single quotes stands a character, a date-time, a length of time as PT5M, or a time of day".to_string()
                }
            })
        })
    }

    fn name(&mut self, name: &str, span: Span) -> Result<Typed> {
        if let Some(number) = match name {
            "i" => Some(RowNumber::PositionInt),
            "ii" => Some(RowNumber::PositionLong),
            "k" => Some(RowNumber::Key),
            _ => None,
        } {
            self.uses_row_position = true;
            let column_type = if number == RowNumber::PositionInt { ColumnType::Int } else { ColumnType::Long };
            return Ok(self.push(Operation::Row(number), Vec::new(), Type::Of(column_type), false, span));
        }
        if let Some(column_type) = self.columns.column_type(name) {
            let index = position(&mut self.inputs, name, column_type);
            return Ok(self.push(Operation::Column(index), Vec::new(), Type::Of(column_type), false, span));
        }
        if let Some(base) = name.strip_suffix('_')
            && let Some(column_type) = self.columns.column_type(base)
        {
            let index = position(&mut self.arrays, base, column_type);
            return Ok(self.push(Operation::Element(index), Vec::new(), Type::Array(column_type), false, span));
        }
        match self.scope.variables.get(name) {
            Some(ScopeValue::Value(value)) => return Ok(self.value(value, span)),
            Some(ScopeValue::List(_)) => {
                return Err(self.error(ErrorKind::Type, span, format!("the list {name} can only stand after in")));
            }
            None => {}
        }
        if let Some(zone) = names::zone(name) {
            return Ok(self.zone(zone?, span));
        }
        if name == "NULL_BOOLEAN" {
            return Ok(self.typed_value(&Value::Null, ColumnType::Boolean, span));
        }
        if let Some(value) = names::constant(name) {
            return Ok(self.value(&value, span));
        }
        Err(self.unknown_name(name, span))
    }

    fn unknown_name(&self, name: &str, span: Span) -> Error {
        let columns = self.columns.names();
        let variables = self.scope.variables.keys().map(String::as_str);
        let error = self.error(ErrorKind::NotFound, span, format!("unknown column {name}"));
        let known: Vec<&str> = columns.iter().map(String::as_str).chain(variables).collect();
        match nearest_hint(name, known) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The place of a column in a list of those that are read, at its end if it is new there.
fn position(names: &mut Vec<(String, ColumnType)>, name: &str, column_type: ColumnType) -> usize {
    match names.iter().position(|(known, _)| known == name) {
        Some(index) => index,
        None => {
            names.push((name.to_string(), column_type));
            names.len() - 1
        }
    }
}
