//! The lexical structure of a script: enough of Python's to know where strings, comments, brackets and logical lines
//! begin and end. Never fails: what it does not know is [`TokenKind::Other`], and the parser that follows complains.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An identifier or keyword.
    Name,
    /// A number; also one that is no valid number.
    Number,
    /// A string with its prefix and quotes; an unclosed one reaches to the end of the line or file.
    String,
    /// From `#` to the end of the line.
    Comment,
    /// The end of a line outside brackets, where a logical line ends.
    Newline,
    /// The end of a line inside brackets, or of a line without tokens.
    BlankNewline,
    /// A backslash, the blanks after it and the end of the line.
    Continuation,
    /// Blanks and tabs.
    Space,
    /// One bracket: `(`, `[`, `{`, `)`, `]` or `}`.
    Bracket,
    /// Any other single character.
    Other,
}

/// A token and the bytes it covers; tokens cover the text without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
}

/// Splits a text into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    Scanner { text, at: 0, depth: 0, line_has_tokens: false }.run()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    line_has_tokens: bool,
}

impl Scanner<'_> {
    fn run(mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while self.at < self.text.len() {
            let start = self.at;
            let kind = self.next_kind();
            match kind {
                TokenKind::Newline | TokenKind::BlankNewline => self.line_has_tokens = false,
                TokenKind::Comment | TokenKind::Space => {}
                _ => self.line_has_tokens = true,
            }
            tokens.push(Token { kind, range: start..self.at });
        }
        tokens
    }

    /// Advances over one token, at least one character.
    fn next_kind(&mut self) -> TokenKind {
        let rest = &self.text[self.at..];
        let first = rest.chars().next().unwrap_or(' ');
        match first {
            '\n' | '\r' => {
                self.at += line_end(rest).unwrap_or(1);
                if self.depth == 0 && self.line_has_tokens { TokenKind::Newline } else { TokenKind::BlankNewline }
            }
            '#' => {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                TokenKind::Comment
            }
            ' ' | '\t' | '\x0c' => {
                self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\x0c']).len();
                TokenKind::Space
            }
            '\\' => {
                let blanks = rest[1..].len() - rest[1..].trim_start_matches([' ', '\t']).len();
                match line_end(&rest[1 + blanks..]) {
                    Some(end) => {
                        self.at += 1 + blanks + end;
                        TokenKind::Continuation
                    }
                    None => self.one(first, TokenKind::Other),
                }
            }
            '(' | '[' | '{' => {
                self.depth += 1;
                self.one(first, TokenKind::Bracket)
            }
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.one(first, TokenKind::Bracket)
            }
            '"' | '\'' => self.string(rest, 0),
            c if c.is_alphabetic() || c == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                if is_string_prefix(&rest[..length]) && rest[length..].starts_with(['"', '\'']) {
                    return self.string(rest, length);
                }
                self.at += length;
                TokenKind::Name
            }
            c if c.is_ascii_digit() => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
                self.at += length;
                TokenKind::Number
            }
            _ => self.one(first, TokenKind::Other),
        }
    }

    fn one(&mut self, c: char, kind: TokenKind) -> TokenKind {
        self.at += c.len_utf8();
        kind
    }

    fn string(&mut self, rest: &str, prefix: usize) -> TokenKind {
        self.at += string_length(rest, prefix);
        TokenKind::String
    }
}

/// Bytes of the string that begins after a prefix of `prefix` bytes. A backslash skips a character in raw strings too, as in Python.
fn string_length(text: &str, prefix: usize) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes[prefix];
    let triple = bytes[prefix..].starts_with(&[quote; 3]);
    let mut at = prefix + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\n' | b'\r' if !triple => return at,
            b if b == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) => {
                return at + if triple { 3 } else { 1 };
            }
            _ => at += 1,
        }
    }
    // A backslash may have skipped into a character or past the end.
    let mut end = at.min(bytes.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// Whether the letters before a quote belong to the string.
fn is_string_prefix(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "r" | "u" | "b" | "f" | "rb" | "br" | "rf" | "fr")
}

/// Bytes of the line end that a text begins with.
fn line_end(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r' | b'\n', ..] => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens as `kind:text`, blanks left out.
    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        let found = tokens(text);
        assert_eq!(found.iter().map(|t| &text[t.range.clone()]).collect::<String>(), text, "tokens cover the text");
        let found: Vec<_> =
            found.iter().filter(|t| t.kind != TokenKind::Space).map(|t| (t.kind, &text[t.range.clone()])).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn lexical_structure() {
        use TokenKind::*;
        check("a = 1 # x", &[(Name, "a"), (Other, "="), (Number, "1"), (Comment, "# x")]);
        check(
            "f(\n1)\n",
            &[(Name, "f"), (Bracket, "("), (BlankNewline, "\n"), (Number, "1"), (Bracket, ")"), (Newline, "\n")],
        );
        check("a \\  \r\n.b", &[(Name, "a"), (Continuation, "\\  \r\n"), (Other, "."), (Name, "b")]);
        check("\n# c\nx", &[(BlankNewline, "\n"), (Comment, "# c"), (BlankNewline, "\n"), (Name, "x")]);
        for string in [
            r#""a # \" b""#,
            "'it''s'".split_at(4).0,
            "\"\"\"a\n\"b\" is None\"\"\"",
            r"r'\d'",
            "f\"{x}\"",
            "'`a` is None'",
            "'é\\é'",
        ] {
            check(string, &[(String, string)]);
        }
        check("\"open\nx", &[(String, "\"open"), (Newline, "\n"), (Name, "x")]);
        check("'\\", &[(String, "'\\")]);
        check("'\\é", &[(String, "'\\é")]);
    }
}
