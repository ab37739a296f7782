//! f-strings with expressions. Starlark's own take identifiers only, so others become `"…{}…".format(…)`.

use pilaster::base::{Error, Result};
use std::ops::Range;

/// An f-string taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The string literal, with `{}` for each expression and without the `f`.
    pub(super) literal: String,
    /// The expressions with their conversion and format, ranges of the token's text.
    pub(super) fields: Vec<Field>,
}

/// One `{expression!r:format}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) expression: Range<usize>,
    /// `!r` was given.
    pub(super) repr: bool,
    /// What follows the colon.
    pub(super) format: Option<String>,
}

/// Takes a string token apart; none for one that Starlark reads as it is. Errors carry an offset into the token.
pub(super) fn parse(token: &str) -> Result<Option<Template>, (usize, Error)> {
    let prefix = token.find(['"', '\'']).unwrap_or(0);
    if !token[..prefix].to_ascii_lowercase().contains('f') {
        return Ok(None);
    }
    let quote = if is_triple(&token[prefix..]) { 3 } else { 1 };
    let (start, end) = (prefix + quote, token.len().saturating_sub(quote).max(prefix + quote));
    let Some(body) = token.get(start..end) else { return Ok(None) };
    let mut literal: String = token[..prefix].chars().filter(|c| !matches!(c, 'f' | 'F')).collect();
    literal.push_str(&token[prefix..start]);
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(found) = body[at..].find(['{', '}']) {
        literal.push_str(&body[at..at + found]);
        at += found;
        if body[at..].starts_with("{{") || body[at..].starts_with("}}") {
            literal.push_str(&body[at..at + 2]);
            at += 2;
            continue;
        }
        if body[at..].starts_with('}') {
            return Err((start + at, Error::parse("a single } in an f-string").hint("write }} for the character")));
        }
        let (field, length) = field(&body[at..]).map_err(|(offset, error)| (start + at + offset, error))?;
        fields.push(Field {
            expression: start + at + field.expression.start..start + at + field.expression.end,
            ..field
        });
        literal.push_str("{}");
        at += length;
    }
    literal.push_str(&body[at..]);
    literal.push_str(&token[end..]);
    let simple = fields.iter().all(|f| is_identifier(&token[f.expression.clone()]) && f.format.is_none());
    Ok((!simple).then_some(Template { literal, fields }))
}

/// Reads a field from its `{` on: the field, with ranges from there, and its length.
fn field(text: &str) -> Result<(Field, usize), (usize, Error)> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']', None) => depth = depth.saturating_sub(1),
            ('}', None) if depth > 0 => depth -= 1,
            ('!', None) if depth == 0 && chars.peek().is_some_and(|(_, next)| *next == '=') => {
                chars.next();
            }
            ('}' | '!' | ':', None) if depth == 0 => return finish(text, at),
            _ => {}
        }
    }
    Err((0, Error::parse("a { in an f-string is not closed").hint("write {{ for the character")))
}

/// The rest of a field from the end of its expression at `end` on.
fn finish(text: &str, end: usize) -> Result<(Field, usize), (usize, Error)> {
    let expression = 1..end;
    if text[expression.clone()].trim().is_empty() {
        return Err((0, Error::parse("an f-string field is empty")));
    }
    let mut rest = &text[end..];
    let repr = rest.starts_with("!r");
    if let Some(conversion) = rest.strip_prefix('!') {
        rest = conversion.strip_prefix(['r', 's']).ok_or((end, Error::parse("expected !r or !s in an f-string")))?;
    }
    let format = match rest.strip_prefix(':') {
        Some(spec) => {
            let close = spec.find('}').ok_or((0, Error::parse("a { in an f-string is not closed")))?;
            rest = &spec[close..];
            Some(spec[..close].to_owned())
        }
        None => None,
    };
    if !rest.starts_with('}') {
        return Err((text.len() - rest.len(), Error::parse("expected } in an f-string")));
    }
    Ok((Field { expression, repr, format }, text.len() - rest.len() + 1))
}

fn is_triple(text: &str) -> bool {
    text.starts_with("\"\"\"") || text.starts_with("'''")
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_apart() {
        let check = |token: &str, literal: &str, fields: &[&str]| {
            let template = parse(token).unwrap().unwrap_or_else(|| panic!("{token} is simple"));
            assert_eq!(template.literal, literal);
            let found: Vec<&str> = template.fields.iter().map(|f| &token[f.expression.clone()]).collect();
            assert_eq!(found, fields);
        };
        check("f\"a {b + 1} {{c}}\"", "\"a {} {{c}}\"", &["b + 1"]);
        check("rf'{d[\"}\"]}{x:.2f}'", "r'{}{}'", &["d[\"}\"]", "x"]);
        check("f'''{a != b}{c!r:>3}'''", "'''{}{}'''", &["a != b", "c"]);
        for simple in ["'plain {a}'", "f'{name} and {other!r}'", "f''"] {
            assert_eq!(parse(simple).unwrap(), None, "{simple}");
        }
        for (wrong, offset) in [("f'a}'", 3), ("f'ab{c'", 4), ("f'{}'", 2), ("f'{a!x}'", 4)] {
            assert_eq!(parse(wrong).unwrap_err().0, offset, "{wrong}");
        }
    }
}
