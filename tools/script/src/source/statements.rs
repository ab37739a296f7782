//! Statements of Python: those that the script language does not have, those that grow a value, and how deep one may nest.

use super::tokens::{Token, TokenKind};
use pilaster::base::{Error, Result};
use std::ops::Range;

/// Words of one expression that may lie within one another, counted from above: what follows walks it by recursion.
const EXPRESSION_DEPTH_MAX: usize = 10_000;
/// Blanks that a line may begin with: no more blocks lie within one another.
const INDENTATION_MAX: usize = 1_000;

/// An assignment such as `a[i] += 1`, as positions of tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Augmented {
    /// What is assigned to.
    pub(super) target: Range<usize>,
    /// The `+` or `*`; the `=` follows it.
    pub(super) operator: usize,
    /// The first token after the value.
    pub(super) end: usize,
}

/// The `+=` and `*=` of a logical line, one a statement: a second one would stand in the value of the first, where the parser refuses it.
pub(super) fn augmented(source: &str, tokens: &[Token], line: Range<usize>) -> Vec<Augmented> {
    let text = |at: usize| &source[tokens[at].range.clone()];
    let mut found: Vec<Augmented> = Vec::new();
    let mut depth = 0usize;
    let mut start = line.start;
    for at in line.clone() {
        let ends = match (tokens[at].kind, text(at)) {
            (TokenKind::Bracket, "(" | "[" | "{") => {
                depth += 1;
                false
            }
            (TokenKind::Bracket, _) => {
                depth = depth.saturating_sub(1);
                false
            }
            (TokenKind::Other, ";" | ":") if depth == 0 => true,
            (TokenKind::Comment | TokenKind::Newline, _) if depth == 0 => true,
            _ => false,
        };
        if ends {
            if let Some(open) = found.last_mut().filter(|last| last.end == line.end) {
                open.end = at;
            }
            start = at + 1;
        }
        let is_operator = matches!((tokens[at].kind, text(at)), (TokenKind::Other, "+" | "*"));
        let is_first = found.last().is_none_or(|last| last.end < line.end);
        if depth == 0 && is_operator && is_first && at + 1 < line.end && text(at + 1) == "=" && start < at {
            found.push(Augmented { target: start..at, operator: at, end: line.end });
        }
    }
    found
}

/// Refuses what would nest deeper than what follows can walk, with the byte offset.
pub(super) fn check_depth(source: &str, tokens: &[Token]) -> Result<(), (usize, Error)> {
    // For each open bracket, and for the line, the words since the last comma.
    let mut levels = vec![0usize];
    let mut depth = 0usize;
    let mut at_line_start = true;
    for token in tokens {
        let text = &source[token.range.clone()];
        match (token.kind, text) {
            (TokenKind::Space, _) if at_line_start && text.len() > INDENTATION_MAX => {
                return Err((token.range.start, Error::limit(format!("a line begins with {} blanks", text.len()))));
            }
            (TokenKind::Space | TokenKind::Comment | TokenKind::Continuation | TokenKind::BlankNewline, _) => {}
            (TokenKind::Newline, _) => {
                levels = vec![0];
                depth = 0;
            }
            (TokenKind::Bracket, "(" | "[" | "{") => {
                levels.push(0);
                depth += 1;
            }
            (TokenKind::Bracket, _) if levels.len() > 1 => {
                depth = depth.saturating_sub(levels.pop().unwrap_or(0) + 1);
            }
            (TokenKind::Other, "," | ";") => depth -= std::mem::take(levels.last_mut().unwrap_or(&mut 0)),
            _ => {
                *levels.last_mut().unwrap_or(&mut 0) += 1;
                depth += 1;
            }
        }
        at_line_start = matches!(token.kind, TokenKind::Newline | TokenKind::BlankNewline);
        if depth > EXPRESSION_DEPTH_MAX {
            let error = Error::limit(format!("an expression of more than {EXPRESSION_DEPTH_MAX} words"));
            return Err((token.range.start, error.hint("give parts of it names")));
        }
    }
    Ok(())
}

/// The way out for a statement that begins with a word of Python's that Starlark reserves; none for other words.
pub(super) fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "while" => "use `for i in range(n):` with a break",
        "class" => "use functions and dictionaries",
        "try" | "except" | "finally" | "raise" | "assert" => {
            "scripts stop at their first error; fail(\"message\") raises one"
        }
        "with" => "call the functions one after the other",
        "global" | "nonlocal" => "give the value to the function and return the new one",
        "del" => "assign another value to the name",
        "async" | "await" | "yield" => "scripts run from top to bottom",
        _ => return None,
    })
}
