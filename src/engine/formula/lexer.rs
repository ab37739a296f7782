//! Text to tokens, each with its place, so that every later message can point at it.

use super::source::{Source, Span};
use crate::base::Result;

/// What a token is. Words are told apart by the parser, since columns may be called `Includes`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name or a word.
    Word(String),
    /// An integer: the value, and whether `L` or its size makes it a long.
    Integer(i64, bool),
    /// A number with a point or exponent: the value as written for either width, and whether `f` makes it a float.
    Floating { double: f64, float: f32, is_float: bool },
    /// Text between backticks or double quotes, escapes resolved.
    Text(String),
    /// Text between single quotes, as it stands.
    Quoted(String),
    /// An operator or bracket.
    Symbol(&'static str),
    /// After the last token.
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// Longest first.
const SYMBOLS: [&str; 33] = [
    ">>>", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "->", "(", ")", "[", "]", "{", "}", ",", ".", "?", ":", "+",
    "-", "*", "/", "%", "&", "|", "^", "!", "=", "<", ">", "~",
];

/// Cuts a formula into tokens, the last one [`TokenKind::End`].
pub(super) fn tokens(source: &Source<'_>) -> Result<Vec<Token>> {
    let mut lexer = Lexer { source, text: source.text(), at: source.start() };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a Source<'a>,
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token> {
        self.blanks()?;
        let start = self.at;
        let kind = match self.rest().chars().next() {
            None => TokenKind::End,
            Some(c) if is_word_start(c) => self.word(),
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some('.') if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            Some(quote @ ('`' | '"')) => self.text(quote)?,
            Some('\'') => self.quoted()?,
            Some(c) => self.symbol(c)?,
        };
        Ok(Token { kind, span: Span::new(start, self.at) })
    }

    /// Goes past white space and comments, `// …` to the end of the line and `/* … */`.
    fn blanks(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let rest = &rest[blank..];
            let comment = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(inside) = rest.strip_prefix("/*") {
                let Some(len) = inside.find("*/") else {
                    let start = self.at + blank;
                    let message = "a comment that opens with /* has no closing */";
                    return Err(self.source.parse_error(Span::new(start, start + 2), message));
                };
                len + 4
            } else {
                0
            };
            self.at += blank + comment;
            if comment == 0 {
                return Ok(());
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let len = rest.find(|c: char| !is_word_start(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
        let word = rest[..len].to_string();
        self.at += len;
        TokenKind::Word(word)
    }

    fn number(&mut self) -> Result<TokenKind> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let radix = match bytes[start..] {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 10,
        };
        let mut floating = false;
        let mut at = start + if radix == 10 { 0 } else { 2 };
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'_' => {}
                b'0'..=b'9' => {}
                b'a'..=b'f' | b'A'..=b'F' if radix == 16 => {}
                b'.' if radix == 10
                    && !floating
                    && !bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() && !b"eEfFdD".contains(b)) =>
                {
                    floating = true;
                }
                b'e' | b'E' if radix == 10 => {
                    floating = true;
                    if matches!(bytes.get(at + 1), Some(b'+' | b'-')) {
                        at += 1;
                    }
                }
                _ => break,
            }
            at += 1;
        }
        let written = &self.text[start..at];
        if written.ends_with('_') || ["_.", "._", "x_", "X_", "b_"].iter().any(|wrong| written.contains(wrong)) {
            return Err(self.wrong_number(start));
        }
        let digits: String = written.chars().filter(|&c| c != '_').collect();
        let suffix = bytes.get(at).copied().unwrap_or(b' ');
        if is_word_start(suffix as char) {
            at += 1;
        }
        self.at = at;
        if bytes.get(at).is_some_and(|&b| is_word_start(b as char) || b.is_ascii_digit()) {
            return Err(self.wrong_number(start));
        }
        match suffix {
            b'l' | b'L' if !floating => self.integer(&digits, radix, start).map(|v| TokenKind::Integer(v, true)),
            b'f' | b'F' if radix == 10 => self.floating(&digits, true, start),
            b'd' | b'D' if radix == 10 => self.floating(&digits, false, start),
            _ if is_word_start(suffix as char) => Err(self.wrong_number(start)),
            _ if floating => self.floating(&digits, false, start),
            _ => {
                let value = self.integer(&digits, radix, start)?;
                let fits = if radix == 10 { i32::try_from(value).is_ok() } else { u32::try_from(value).is_ok() };
                // Hexadecimal and binary literals of 32 bits are bit patterns, as in Java.
                let value = if fits { value as i32 as i64 } else { value };
                Ok(TokenKind::Integer(value, !fits))
            }
        }
    }

    fn integer(&self, digits: &str, radix: u32, start: usize) -> Result<i64> {
        let parsed = match radix {
            10 if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
            10 => digits.parse(),
            _ => u64::from_str_radix(&digits[2..], radix).map(|bits| bits as i64),
        };
        parsed.map_err(|_| self.wrong_number(start))
    }

    fn floating(&self, digits: &str, is_float: bool, start: usize) -> Result<TokenKind> {
        match (digits.parse(), digits.parse()) {
            (Ok(double), Ok(float)) => Ok(TokenKind::Floating { double, float, is_float }),
            _ => Err(self.wrong_number(start)),
        }
    }

    fn wrong_number(&self, start: usize) -> crate::base::Error {
        let end = self.text[start..].find(|c: char| !is_word_start(c) && !c.is_ascii_digit() && c != '.');
        let span = Span::new(start, end.map_or(self.text.len(), |len| start + len));
        self.source
            .parse_error(span, format!("{:?} is not a number", self.source.slice(span)))
            .hint("integers go from -9223372036854775808 to 9223372036854775807; a leading 0 is octal, 0x hexadecimal, 0b binary")
    }

    fn text(&mut self, quote: char) -> Result<TokenKind> {
        let start = self.at;
        let mut out = String::new();
        // UTF-16 units from \u escapes, so that a pair of them makes one character.
        let mut units: Vec<u16> = Vec::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            let here = start + 1 + offset;
            if c == '\\' {
                let Some((_, escaped)) = chars.next() else { break };
                let plain = match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    '0' => '\0',
                    '\\' | '"' | '\'' | '`' => escaped,
                    'u' => {
                        let hex: String = chars.clone().take(4).map(|(_, c)| c).collect();
                        let unit =
                            u16::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4 && !hex.starts_with('+'));
                        let Some(unit) = unit else {
                            return Err(self
                                .source
                                .parse_error(Span::new(here, here + 2), "\\u needs four hexadecimal digits"));
                        };
                        units.push(unit);
                        chars.nth(3);
                        continue;
                    }
                    other => {
                        let span = Span::new(here, here + 1 + other.len_utf8());
                        return Err(self
                            .source
                            .parse_error(span, format!("unknown escape \\{other}"))
                            .hint("write \\\\ for a backslash"));
                    }
                };
                flush(&mut units, &mut out);
                out.push(plain);
            } else if c == quote {
                flush(&mut units, &mut out);
                self.at = here + 1;
                return Ok(TokenKind::Text(out));
            } else {
                flush(&mut units, &mut out);
                out.push(c);
            }
        }
        Err(self
            .source
            .parse_error(Span::new(start, start + 1), format!("text that opens with {quote} has no closing {quote}")))
    }

    fn quoted(&mut self) -> Result<TokenKind> {
        let start = self.at;
        let body = &self.text[start + 1..];
        // '\'' and '\\' are characters; otherwise the next quote closes.
        let len = match body.as_bytes() {
            [b'\\', _, b'\'', ..] => Some(2),
            _ => body.find('\''),
        };
        let Some(len) = len else {
            return Err(self
                .source
                .parse_error(Span::new(start, start + 1), "a literal that opens with ' has no closing '")
                .hint("text stands between backticks, date-times and characters between single quotes"));
        };
        self.at = start + len + 2;
        Ok(TokenKind::Quoted(body[..len].to_string()))
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind> {
        match SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(TokenKind::Symbol(symbol))
            }
            None => {
                let span = Span::new(self.at, self.at + first.len_utf8());
                Err(self.source.parse_error(span, format!("character {first:?} means nothing here")))
            }
        }
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$'
}

fn flush(units: &mut Vec<u16>, out: &mut String) {
    if !units.is_empty() {
        out.push_str(&String::from_utf16_lossy(units));
        units.clear();
    }
}
