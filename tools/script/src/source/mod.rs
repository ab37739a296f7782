//! A script's text: from what users write, with Python's habits, to what Starlark parses, and back for error positions.

mod imports;
mod map;
mod statements;
mod template;
mod tokens;
mod translate;

pub(crate) use imports::{MODULES, ModuleNames};
pub(crate) use map::{line_and_column, line_text};
pub(crate) use translate::{ADD_FUNCTION, MULTIPLY_FUNCTION, Translated, translate};

use tokens::TokenKind;

/// Where argument number `argument` (from 0) of the call that is `call` begins in it, and how far its text reaches.
/// The call is the last bracket group of its text: `a.b("x").c(1, 2)` is a call with the arguments `1` and `2`.
pub(crate) fn argument_range(call: &str, argument: usize) -> Option<std::ops::Range<usize>> {
    let tokens = tokens::tokens(call);
    let mut depth = 0usize;
    let mut arguments: Vec<std::ops::Range<usize>> = Vec::new();
    for token in &tokens {
        let text = &call[token.range.clone()];
        match token.kind {
            TokenKind::Bracket if matches!(text, "(" | "[" | "{") => {
                if depth == 0 {
                    arguments.clear();
                    arguments.push(token.range.end..token.range.end);
                } else if let Some(last) = arguments.last_mut() {
                    grow(last, &token.range);
                }
                depth += 1;
            }
            TokenKind::Bracket => {
                depth = depth.saturating_sub(1);
                if depth > 0
                    && let Some(last) = arguments.last_mut()
                {
                    grow(last, &token.range);
                }
            }
            TokenKind::Other if text == "," && depth == 1 => arguments.push(token.range.end..token.range.end),
            TokenKind::Space
            | TokenKind::BlankNewline
            | TokenKind::Newline
            | TokenKind::Comment
            | TokenKind::Continuation => {}
            _ if depth > 0 => {
                if let Some(last) = arguments.last_mut() {
                    grow(last, &token.range);
                }
            }
            _ => {}
        }
    }
    arguments.into_iter().nth(argument).filter(|range| !range.is_empty())
}

/// Extends an argument by a token; the first one begins it.
fn grow(argument: &mut std::ops::Range<usize>, token: &std::ops::Range<usize>) {
    if argument.start == argument.end {
        argument.start = token.start;
    }
    argument.end = token.end;
}

#[cfg(test)]
mod tests {
    use super::argument_range;

    #[test]
    fn arguments_are_found() {
        let check = |call: &str, argument: usize, expected: Option<&str>| {
            assert_eq!(argument_range(call, argument).map(|range| &call[range]), expected, "{call} {argument}");
        };
        let call = "db.t(\"N\", 'T').where(\"A=`x,)`\", [f(1, 2), 3],\n  \"B\")";
        check(call, 0, Some("\"A=`x,)`\""));
        check(call, 1, Some("[f(1, 2), 3]"));
        check(call, 2, Some("\"B\""));
        check(call, 3, None);
        check("f()", 0, None);
        check("f", 0, None);
    }
}
