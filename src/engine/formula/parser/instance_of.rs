//! `x instanceof Class`: a call of `instanceof` with the class as a text.

use super::super::ast::{AstId, AstKind, Literal};
use super::{Parser, TokenKind};
use crate::base::Result;

impl Parser<'_> {
    /// The test that follows, if one does.
    pub(super) fn instance_of(&mut self, left: AstId) -> Result<Option<AstId>> {
        if !matches!(&self.peek().kind, TokenKind::Word(word) if word == "instanceof") {
            return Ok(None);
        }
        self.at += 1;
        let start = self.peek().span;
        let mut class = self.word("a class")?;
        while self.accept(".") {
            class = self.word("a class")?;
        }
        while class.len() < self.source.text().len() && self.accept("[") {
            self.expect("]")?;
            class.push_str("[]");
        }
        let class_span = start.to(self.previous());
        let class = self.ast.add(AstKind::Literal(Literal::Text(class)), class_span);
        let span = self.ast.span(left).to(class_span);
        let call = AstKind::Call { receiver: None, name: "instanceof".into(), arguments: vec![left, class] };
        Ok(Some(self.ast.add(call, span)))
    }
}
