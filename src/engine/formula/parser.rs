//! Tokens to a syntax tree, by operator precedence, as in Java; `=` is `==`.
//!
//! Recursion happens at brackets, prefixes and right operands only, and [`FORMULA_DEPTH_MAX`] bounds it; chains of operators and of method
//! calls are loops.

mod instance_of;

use super::ast::{Ast, AstId, AstKind, BinaryOperator, Literal, MembershipTest, UnaryOperator};
use super::lexer::{Token, TokenKind, tokens};
use super::predicate::Comparison;
use super::source::{Source, Span};
use crate::base::limits::FORMULA_DEPTH_MAX;
use crate::base::{Error, Result};

/// Parses a whole text as one expression.
pub(super) fn parse(source: &Source<'_>) -> Result<(Ast, AstId)> {
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0, depth: 0, ast: Ast::new() };
    let root = parser.expression(0)?;
    match &parser.peek().kind {
        TokenKind::End => Ok((parser.ast, root)),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// Splits `New=expression` into the name and the rest; none without a name or with `==`. Blanks around the name are dropped.
pub(super) fn split_name(text: &str) -> Option<(&str, &str)> {
    let (name, expression) = text.split_once('=')?;
    let name = name.trim();
    let is_word = !name.is_empty() && !name.contains(|c: char| "<>!()'`\"".contains(c));
    (is_word && !expression.starts_with('=')).then_some((name, expression))
}

/// The lowest precedence above membership and comparison: what a value of an `in` list may be.
const ADDITIVE: u8 = 9;
const RELATIONAL: u8 = 7;

fn binary_operator(symbol: &str) -> Option<(BinaryOperator, u8)> {
    Some(match symbol {
        "||" => (BinaryOperator::Or, 1),
        "&&" => (BinaryOperator::And, 2),
        "|" => (BinaryOperator::BitOr, 3),
        "^" => (BinaryOperator::BitXor, 4),
        "&" => (BinaryOperator::BitAnd, 5),
        "==" | "=" => (BinaryOperator::Compare(Comparison::Equal), 6),
        "!=" => (BinaryOperator::Compare(Comparison::NotEqual), 6),
        "<" => (BinaryOperator::Compare(Comparison::Less), RELATIONAL),
        "<=" => (BinaryOperator::Compare(Comparison::LessOrEqual), RELATIONAL),
        ">" => (BinaryOperator::Compare(Comparison::Greater), RELATIONAL),
        ">=" => (BinaryOperator::Compare(Comparison::GreaterOrEqual), RELATIONAL),
        "+" => (BinaryOperator::Add, ADDITIVE),
        "-" => (BinaryOperator::Subtract, ADDITIVE),
        "*" => (BinaryOperator::Multiply, ADDITIVE + 1),
        "/" => (BinaryOperator::Divide, ADDITIVE + 1),
        "%" => (BinaryOperator::Remainder, ADDITIVE + 1),
        _ => return None,
    })
}

const NUMBER_TYPES: [&str; 8] = ["boolean", "byte", "short", "char", "int", "long", "float", "double"];
const CLASS_TYPES: [&str; 16] = [
    "BigDecimal",
    "BigInteger",
    "String",
    "Boolean",
    "Byte",
    "Short",
    "Character",
    "Integer",
    "Long",
    "Float",
    "Double",
    "DBDateTime",
    "DateTime",
    "Instant",
    "Object",
    "CharSequence",
];

struct Parser<'a> {
    source: &'a Source<'a>,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    ast: Ast,
}

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `lowest`; the ternary binds at 0.
    fn expression(&mut self, lowest: u8) -> Result<AstId> {
        self.depth += 1;
        if self.depth > FORMULA_DEPTH_MAX {
            let span = self.peek().span;
            return Err(self
                .source
                .error(
                    crate::base::ErrorKind::Limit,
                    span,
                    format!("the formula is nested deeper than {FORMULA_DEPTH_MAX}"),
                )
                .hint("split it over several columns"));
        }
        let result = self.operators(lowest);
        self.depth -= 1;
        result
    }

    fn operators(&mut self, lowest: u8) -> Result<AstId> {
        let mut left = self.prefix()?;
        loop {
            match self.peek().kind {
                TokenKind::Symbol("?") if lowest == 0 => left = self.ternary(left)?,
                TokenKind::Symbol(symbol) => {
                    let Some((operator, precedence)) = binary_operator(symbol) else {
                        return self.end_of_operators(symbol, left);
                    };
                    if precedence < lowest {
                        return Ok(left);
                    }
                    self.at += 1;
                    let right = self.expression(precedence + 1)?;
                    left = self.join(AstKind::Binary(operator, left, right), left, right);
                }
                TokenKind::Word(_) if lowest <= RELATIONAL => {
                    match self.instance_of(left)?.map_or_else(|| self.membership(left), |test| Ok(Some(test)))? {
                        Some(test) => left = test,
                        None => return Ok(left),
                    }
                }
                _ => return Ok(left),
            }
        }
    }

    fn end_of_operators(&self, symbol: &str, left: AstId) -> Result<AstId> {
        if matches!(symbol, "<<" | ">>" | ">>>" | "~") {
            return Err(self
                .source
                .parse_error(self.peek().span, format!("there is no operator {symbol}"))
                .hint("multiply by a power of two, or use a user function"));
        }
        Ok(left)
    }

    fn ternary(&mut self, condition: AstId) -> Result<AstId> {
        self.at += 1;
        let yes = self.expression(0)?;
        self.expect(":")?;
        let no = self.expression(0)?;
        Ok(self.join(AstKind::Ternary(condition, yes, no), condition, no))
    }

    /// Prefix operators and casts, then what they stand before.
    fn prefix(&mut self) -> Result<AstId> {
        let start = self.peek().span;
        match self.peek().kind {
            TokenKind::Symbol("-") => {
                self.at += 1;
                if let TokenKind::Integer(value, long) = self.peek().kind {
                    return self.negative_integer(value, long, start);
                }
                let operand = self.nested_prefix()?;
                Ok(self.ast.add(AstKind::Unary(UnaryOperator::Negate, operand), start.to(self.ast.span(operand))))
            }
            TokenKind::Symbol("!") => {
                self.at += 1;
                let operand = self.nested_prefix()?;
                Ok(self.ast.add(AstKind::Unary(UnaryOperator::Not, operand), start.to(self.ast.span(operand))))
            }
            TokenKind::Symbol(symbol @ ("+" | "~")) => Err(self
                .source
                .parse_error(start, format!("there is no prefix operator {symbol}"))
                .hint("leave it out")),
            TokenKind::Symbol("(") => match self.cast_type() {
                Some((name, tokens)) => {
                    self.at += tokens;
                    let operand = self.nested_prefix()?;
                    Ok(self.ast.add(AstKind::Cast(name, operand), start.to(self.ast.span(operand))))
                }
                None => self.postfix(),
            },
            _ => self.postfix(),
        }
    }

    fn negative_integer(&mut self, value: i64, long: bool, start: Span) -> Result<AstId> {
        // The minus of a literal that is then used as a receiver or indexed belongs to the whole: `-5.x` does not exist, so fold at once.
        let span = start.to(self.peek().span);
        self.at += 1;
        let value = value.wrapping_neg();
        let literal = match i32::try_from(value) {
            Ok(int) if !long => Literal::Int(int),
            _ => Literal::Long(value),
        };
        Ok(self.ast.add(AstKind::Literal(literal), span))
    }

    fn nested_prefix(&mut self) -> Result<AstId> {
        self.depth += 1;
        if self.depth > FORMULA_DEPTH_MAX {
            let span = self.peek().span;
            return Err(self.source.error(
                crate::base::ErrorKind::Limit,
                span,
                format!("the formula is nested deeper than {FORMULA_DEPTH_MAX}"),
            ));
        }
        let result = self.prefix();
        self.depth -= 1;
        result
    }

    /// The type of a cast that starts here and its count of tokens; none where the bracket opens an expression.
    fn cast_type(&self) -> Option<(String, usize)> {
        let word = |offset: usize| match &self.token(offset).kind {
            TokenKind::Word(word) => Some(word.as_str()),
            _ => None,
        };
        let is = |offset: usize, symbol: &str| matches!(self.token(offset).kind, TokenKind::Symbol(s) if s == symbol);
        let mut name = word(1)?.to_string();
        let mut at = 2;
        while is(at, ".") {
            name = format!("{name}.{}", word(at + 1)?);
            at += 2;
        }
        let array = is(at, "[") && is(at + 1, "]");
        while is(at, "[") && is(at + 1, "]") {
            name.push_str("[]");
            at += 2;
        }
        if !is(at, ")") {
            return None;
        }
        at += 1;
        let plain = name.trim_end_matches("[]").rsplit('.').next().unwrap_or_default();
        let is_cast = array
            || NUMBER_TYPES.contains(&plain)
            || CLASS_TYPES.contains(&plain) && {
                match self.token(at).kind {
                    TokenKind::Symbol(symbol) => matches!(symbol, "(" | "!"),
                    TokenKind::End => false,
                    _ => true,
                }
            };
        is_cast.then_some((name, at))
    }

    /// A primary expression and the fields, calls and indices that follow it.
    fn postfix(&mut self) -> Result<AstId> {
        let mut base = self.primary()?;
        loop {
            match self.peek().kind {
                TokenKind::Symbol(".") => {
                    self.at += 1;
                    let name_span = self.peek().span;
                    let name = self.word("a method or field")?;
                    if self.accept("(") {
                        let arguments = self.arguments(")")?;
                        let span = self.ast.span(base).to(self.previous());
                        base = self.ast.add(AstKind::Call { receiver: Some(base), name, arguments }, span);
                    } else {
                        let span = self.ast.span(base).to(name_span);
                        base = self.ast.add(AstKind::Field(base, name), span);
                    }
                }
                TokenKind::Symbol("[") => {
                    self.at += 1;
                    let index = self.expression(0)?;
                    self.expect("]")?;
                    let span = self.ast.span(base).to(self.previous());
                    base = self.ast.add(AstKind::Index(base, index), span);
                }
                _ => return Ok(base),
            }
        }
    }

    fn primary(&mut self) -> Result<AstId> {
        let Token { kind, span } = self.peek().clone();
        self.at += 1;
        let literal = match kind {
            TokenKind::Integer(value, false) => Literal::Int(value as i32),
            TokenKind::Integer(value, true) => Literal::Long(value),
            TokenKind::Floating { float, is_float: true, .. } => Literal::Float(float),
            TokenKind::Floating { double, float, .. } => Literal::Double { double, float },
            TokenKind::Text(text) => Literal::Text(text),
            TokenKind::Quoted(text) => Literal::Quoted(text),
            TokenKind::Word(word) => match word.as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                "new" => return self.new_object(span),
                _ if self.accept("(") => {
                    let arguments = self.arguments(")")?;
                    let span = span.to(self.previous());
                    return Ok(self.ast.add(AstKind::Call { receiver: None, name: word, arguments }, span));
                }
                _ => return Ok(self.ast.add(AstKind::Name(word), span)),
            },
            TokenKind::Symbol("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            TokenKind::Symbol(_) | TokenKind::End => {
                self.at -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        Ok(self.ast.add(AstKind::Literal(literal), span))
    }

    fn new_object(&mut self, start: Span) -> Result<AstId> {
        let mut class = self.word("a class")?;
        while self.accept(".") {
            class = self.word("a class")?;
        }
        if self.accept("[") {
            if !self.accept("]") {
                let length = self.expression(0)?;
                self.expect("]")?;
                let span = start.to(self.previous());
                return Ok(self.ast.add(AstKind::New { class: format!("{class}[#]"), arguments: vec![length] }, span));
            }
            class.push_str("[]");
            while class.len() < self.source.text().len() && self.accept("[") {
                self.expect("]")?;
                class.push_str("[]");
            }
            self.expect("{")?;
            let arguments = self.arguments("}")?;
            let span = start.to(self.previous());
            return Ok(self.ast.add(AstKind::New { class, arguments }, span));
        }
        self.expect("(")?;
        let arguments = self.arguments(")")?;
        let span = start.to(self.previous());
        Ok(self.ast.add(AstKind::New { class, arguments }, span))
    }

    fn arguments(&mut self, close: &'static str) -> Result<Vec<AstId>> {
        let mut arguments = Vec::new();
        if self.accept(close) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            if self.accept(close) {
                return Ok(arguments);
            }
            if !self.accept(",") {
                return Err(self.unexpected(if close == ")" { "',' or ')'" } else { "',' or '}'" }));
            }
        }
    }

    /// `[icase] [not] in …` or `[icase] [not] includes [any|all] …` after a subject; none where other words follow.
    fn membership(&mut self, subject: AstId) -> Result<Option<AstId>> {
        let mut at = 0;
        let ignore_case = self.is_keyword(at, "icase");
        at += usize::from(ignore_case);
        let negated = self.is_keyword(at, "not");
        at += usize::from(negated);
        let test = if self.is_keyword(at, "in") {
            MembershipTest::In
        } else if self.is_keyword(at, "includes") {
            let next_is_value =
                |at| matches!(self.token(at + 1).kind, TokenKind::Symbol("," | "." | "(") | TokenKind::End);
            at += 1;
            if self.is_keyword(at, "all") && !next_is_value(at) {
                MembershipTest::IncludesAll
            } else {
                at -= usize::from(!self.is_keyword(at, "any") || next_is_value(at));
                MembershipTest::IncludesAny
            }
        } else {
            return Ok(None);
        };
        self.at += at + 1;
        if test == MembershipTest::In && matches!(self.peek().kind, TokenKind::Symbol("(")) && self.bracket_has_comma()
        {
            return Err(self
                .source
                .parse_error(self.peek().span, "the values of an in list stand without brackets")
                .hint("write: Sym in `AAPL`, `SPY`"));
        }
        let mut values = vec![self.expression(ADDITIVE)?];
        while self.accept(",") {
            values.push(self.expression(ADDITIVE)?);
        }
        let span = self.ast.span(subject).to(self.previous());
        Ok(Some(self.ast.add(AstKind::Membership { subject, test, negated, ignore_case, values }, span)))
    }

    /// True where the bracket that opens here holds a comma of its own.
    fn bracket_has_comma(&self) -> bool {
        let mut depth = 0;
        for token in &self.tokens[self.at..] {
            match token.kind {
                TokenKind::Symbol("(" | "[" | "{") => depth += 1,
                TokenKind::Symbol(")" | "]" | "}") => {
                    depth -= 1;
                    if depth == 0 {
                        return false;
                    }
                }
                TokenKind::Symbol(",") if depth == 1 => return true,
                _ => {}
            }
        }
        false
    }

    fn is_keyword(&self, offset: usize, keyword: &str) -> bool {
        matches!(&self.token(offset).kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn join(&mut self, kind: AstKind, first: AstId, last: AstId) -> AstId {
        let span = self.ast.span(first).to(self.ast.span(last));
        self.ast.add(kind, span)
    }

    fn token(&self, offset: usize) -> &Token {
        let end = self.tokens.len() - 1;
        &self.tokens[(self.at + offset).min(end)]
    }

    fn peek(&self) -> &Token {
        self.token(0)
    }

    fn previous(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek().kind, TokenKind::Symbol(s) if s == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<()> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    fn word(&mut self, what: &str) -> Result<String> {
        match &self.peek().kind {
            TokenKind::Word(word) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let token = self.peek();
        let found = match &token.kind {
            TokenKind::End => "the formula ends".to_string(),
            _ => format!("there is {}", self.source.slice(token.span)),
        };
        self.source.parse_error(token.span, format!("expected {expected}, but {found}"))
    }
}
