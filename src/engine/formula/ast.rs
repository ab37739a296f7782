//! The syntax tree: nodes in one vector, children before parents, so that a chain of ten thousand terms costs no stack, neither to
//! walk nor to drop.

use super::predicate::Comparison;
use super::source::Span;

/// The index of a node; smaller than that of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AstId(pub(super) u32);

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Ast {
    nodes: Vec<AstNode>,
}

#[derive(Clone, Debug)]
pub(super) struct AstNode {
    pub(super) kind: AstKind,
    pub(super) span: Span,
}

/// What an expression is made of.
#[derive(Clone, Debug)]
pub(super) enum AstKind {
    Literal(Literal),
    /// A column, variable, constant or the start of a class path.
    Name(String),
    Unary(UnaryOperator, AstId),
    Binary(BinaryOperator, AstId, AstId),
    Ternary(AstId, AstId, AstId),
    /// `(type)x`, the type as written.
    Cast(String, AstId),
    /// `name(…)` or `receiver.name(…)`.
    Call {
        receiver: Option<AstId>,
        name: String,
        arguments: Vec<AstId>,
    },
    /// `receiver.name`.
    Field(AstId, String),
    /// `base[index]`.
    Index(AstId, AstId),
    /// `new Class(…)`; `new T[]{…}` of class `T[]`, `new T[n]` of class `T[#]`.
    New {
        class: String,
        arguments: Vec<AstId>,
    },
    /// `x [icase] [not] in a, b` and `x [icase] [not] includes [any|all] a, b`.
    Membership {
        subject: AstId,
        test: MembershipTest,
        negated: bool,
        ignore_case: bool,
        values: Vec<AstId>,
    },
}

/// A constant as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    /// Both roundings of the text, since a filter on a float column takes the nearer one.
    Double {
        double: f64,
        float: f32,
    },
    Text(String),
    /// Between single quotes: a character or date-time.
    Quoted(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnaryOperator {
    Negate,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Compare(Comparison),
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MembershipTest {
    In,
    IncludesAny,
    IncludesAll,
}

impl Ast {
    pub(super) fn new() -> Self {
        Ast { nodes: Vec::new() }
    }

    pub(super) fn add(&mut self, kind: AstKind, span: Span) -> AstId {
        self.nodes.push(AstNode { kind, span });
        AstId(self.nodes.len() as u32 - 1)
    }

    pub(super) fn node(&self, id: AstId) -> &AstNode {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn kind(&self, id: AstId) -> &AstKind {
        &self.node(id).kind
    }

    pub(super) fn span(&self, id: AstId) -> Span {
        self.node(id).span
    }

    /// The parts of `a && b && c` in order; the expression itself where it is none.
    pub(super) fn conjuncts(&self, id: AstId) -> Vec<AstId> {
        let mut parts = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match self.kind(id) {
                AstKind::Binary(BinaryOperator::And, left, right) => open.extend([*right, *left]),
                _ => parts.push(id),
            }
        }
        parts
    }

    /// The parts of `a.b.c` where it is names alone.
    pub(super) fn path(&self, id: AstId) -> Option<Vec<&str>> {
        let mut parts = Vec::new();
        let mut at = id;
        loop {
            match self.kind(at) {
                AstKind::Field(base, name) => {
                    parts.push(name.as_str());
                    at = *base;
                }
                AstKind::Name(name) => {
                    parts.push(name.as_str());
                    parts.reverse();
                    return Some(parts);
                }
                _ => return None,
            }
        }
    }
}

impl BinaryOperator {
    /// As written.
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            BinaryOperator::Or => "||",
            BinaryOperator::And => "&&",
            BinaryOperator::BitOr => "|",
            BinaryOperator::BitXor => "^",
            BinaryOperator::BitAnd => "&",
            BinaryOperator::Compare(comparison) => comparison.symbol(),
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Remainder => "%",
        }
    }
}
