//! From Python's habits to Starlark: imports bind, a backslash joins lines, `x is None` is `==`, f-strings take expressions.
//!
//! Works on tokens, so nothing inside a string or comment changes, and records where every byte comes from. The result parses
//! as Starlark exactly when the script is right otherwise; all other errors are the parser's.

use super::imports;
use super::map::{MappedText, line_and_column};
use super::statements;
use super::template;
use super::tokens::{Token, TokenKind, tokens};
use pilaster::base::{Error, Result};

/// The function that imports call; its name is none that a user would take.
pub(crate) const IMPORT_FUNCTION: &str = "__import__";
/// The function behind `{value:format}`.
pub(crate) const FORMAT_FUNCTION: &str = "format";

/// The functions behind `+`, `*` and `+=`.
pub(crate) const ADD_FUNCTION: &str = "__add__";
/// See [`ADD_FUNCTION`].
pub(crate) const MULTIPLY_FUNCTION: &str = "__multiply__";
/// See [`ADD_FUNCTION`].
pub(crate) const ADD_TO_FUNCTION: &str = "__add_to__";

/// A script as Starlark reads it.
#[derive(Debug)]
pub(crate) struct Translated {
    map: MappedText,
    /// Where the top-level functions and lambdas stand in the text: whole lines.
    functions: Vec<std::ops::Range<usize>>,
    last_assigned: Option<String>,
}

impl Translated {
    /// The text for Starlark.
    pub(crate) fn text(&self) -> &str {
        self.map.text()
    }

    /// The place in the user's text of a byte of [`Translated::text`].
    pub(crate) fn source_offset(&self, out: usize) -> usize {
        self.map.source_offset(out)
    }

    /// The name that the last statement assigns, if it is an assignment to one name at the top level.
    pub(crate) fn last_assigned(&self) -> Option<&str> {
        self.last_assigned.as_deref()
    }

    /// The text with everything blanked but top-level functions: the same bytes at the same places.
    pub(crate) fn functions_text(&self) -> String {
        let mut kept = String::with_capacity(self.text().len());
        let mut at = 0;
        for range in &self.functions {
            blank(&self.text()[at..range.start], &mut kept);
            kept.push_str(&self.text()[range.clone()]);
            at = range.end;
        }
        blank(&self.text()[at..], &mut kept);
        kept
    }
}

/// Appends the line ends of a text and blanks for its other bytes.
fn blank(text: &str, out: &mut String) {
    out.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// Translates a script. Errors carry line and column of the user's text.
pub(crate) fn translate(source: &str) -> Result<Translated> {
    let tokens = tokens(source);
    let mut translator =
        Translator { source, tokens: &tokens, out: MappedText::default(), functions: Vec::new(), last_assigned: None };
    match statements::check_depth(source, &tokens).and_then(|()| translator.run()) {
        Ok(()) => Ok(Translated {
            map: translator.out,
            functions: translator.functions,
            last_assigned: translator.last_assigned,
        }),
        Err((offset, error)) => {
            let (line, column) = line_and_column(source, offset);
            Err(error.at_position(line, column))
        }
    }
}

struct Translator<'a> {
    source: &'a str,
    tokens: &'a [Token],
    out: MappedText,
    functions: Vec<std::ops::Range<usize>>,
    last_assigned: Option<String>,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), (usize, Error)> {
        let mut at = 0;
        let mut in_function = false;
        while at < self.tokens.len() {
            let end = self.logical_line_end(at);
            let start_out = self.out.text().len();
            let is_function = self.logical_line(at..end)?;
            let is_blank = self.tokens[at..end].iter().all(|t| is_gap(t.kind));
            let is_indented = self.tokens[at].kind == TokenKind::Space;
            in_function = is_function || in_function && (is_indented || is_blank);
            if in_function {
                let out_range = start_out..self.out.text().len();
                match self.functions.last_mut() {
                    Some(last) if last.end == out_range.start => last.end = out_range.end,
                    _ => self.functions.push(out_range),
                }
            }
            at = end;
        }
        Ok(())
    }

    /// The token after the logical line that begins at `at`: a line that begins with a dot continues the one before.
    fn logical_line_end(&self, at: usize) -> usize {
        let mut end = at;
        while end < self.tokens.len() {
            let kind = self.tokens[end].kind;
            end += 1;
            if kind == TokenKind::BlankNewline && self.tokens[at..end].iter().all(|t| is_gap(t.kind)) {
                return end;
            }
            if kind == TokenKind::Newline && !self.continues_with_dot(end) {
                return end;
            }
        }
        end
    }

    /// Whether the line that begins at token `at` begins with a dot.
    fn continues_with_dot(&self, at: usize) -> bool {
        let next = self.tokens[at..].iter().position(|t| t.kind != TokenKind::Space).map(|skip| at + skip);
        next.is_some_and(|next| self.text(next) == ".")
    }

    fn text(&self, token: usize) -> &str {
        &self.source[self.tokens[token].range.clone()]
    }

    /// Writes one logical line; true where it is a function or lambda at the top level.
    fn logical_line(&mut self, line: std::ops::Range<usize>) -> Result<bool, (usize, Error)> {
        let words: Vec<Token> = self.tokens[line.clone()].iter().filter(|t| !is_gap(t.kind)).cloned().collect();
        let word = |at: usize| words.get(at).map_or("", |token| &self.source[token.range.clone()]);
        if let Some(first) = words.first().filter(|first| first.kind == TokenKind::Name) {
            if matches!(word(0), "import" | "from") && words.get(1).is_some_and(|next| next.kind == TokenKind::Name) {
                let bindings = imports::read(self.source, &words)?;
                self.import(line, first.range.start, &bindings);
                return Ok(false);
            }
            let is_statement =
                words.get(1).is_none_or(|next| !matches!(&self.source[next.range.clone()], "=" | "." | "("))
                    || matches!(word(0), "while" | "assert" | "del" | "raise" | "with");
            if is_statement && let Some(way_out) = statements::unsupported(word(0)) {
                return Err((
                    first.range.start,
                    Error::parse(format!("the script language has no `{}`", word(0))).hint(way_out),
                ));
            }
        }
        let at_top = self.tokens[line.start].kind != TokenKind::Space;
        let assigns = at_top && word(1) == "=" && word(2) != "=";
        if !words.is_empty() {
            self.last_assigned = assigns.then(|| word(0).to_owned());
        }
        let is_function = at_top && (word(0) == "def" || word(1) == "=" && word(2) == "lambda");
        self.check_power(&words)?;
        let mut at = line.start;
        for grown in statements::augmented(self.source, self.tokens, line.clone()) {
            self.tokens(at..grown.operator)?;
            let place = self.tokens[grown.operator].range.start;
            let function = if self.text(grown.operator) == "+" { ADD_TO_FUNCTION } else { MULTIPLY_FUNCTION };
            self.out.replace(&format!("= {function}("), place);
            let blanks = self.tokens[grown.target.clone()].iter().take_while(|token| is_gap(token.kind)).count();
            self.tokens(grown.target.start + blanks..grown.target.end)?;
            self.out.replace(", (", place);
            self.tokens(grown.operator + 2..grown.end)?;
            self.out.replace("))", place);
            at = grown.end;
        }
        self.tokens(at..line.end)?;
        Ok(is_function)
    }

    fn tokens(&mut self, range: std::ops::Range<usize>) -> Result<(), (usize, Error)> {
        range.into_iter().try_for_each(|at| self.token(at))
    }

    /// Refuses `a ** b`, which would otherwise be an error that does not tell what to write instead.
    fn check_power(&self, words: &[Token]) -> Result<(), (usize, Error)> {
        let text = |at: usize| &self.source[words[at].range.clone()];
        let power = (1..words.len().saturating_sub(1)).find(|&at| {
            let value_before = matches!(words[at - 1].kind, TokenKind::Name | TokenKind::Number | TokenKind::String)
                || matches!(text(at - 1), ")" | "]");
            value_before && text(at) == "*" && text(at + 1) == "*" && words[at].range.end == words[at + 1].range.start
        });
        match power {
            Some(at) => {
                Err((words[at].range.start, Error::parse("the script language has no `**`").hint("write pow(a, b)")))
            }
            None => Ok(()),
        }
    }

    /// Writes what an import binds in its place, keeping the blanks before and the comment and line end after it.
    fn import(&mut self, line: std::ops::Range<usize>, start: usize, bindings: &[imports::Binding]) {
        let mut written = false;
        for at in line {
            let token = self.tokens[at].clone();
            let last = matches!(token.kind, TokenKind::Newline | TokenKind::Comment);
            if token.range.start == start {
                self.out.replace(&binding_statements(bindings), start);
                written = true;
            } else if !written || last {
                self.out.copy(&self.source[token.range.clone()], token.range.start);
            }
        }
    }

    /// Writes one token of a statement.
    fn token(&mut self, at: usize) -> Result<(), (usize, Error)> {
        let Token { kind, range } = self.tokens[at].clone();
        match kind {
            TokenKind::Continuation => self.out.replace(" ", range.start),
            TokenKind::Newline if self.continues_with_dot(at + 1) => self.out.replace(" ", range.start),
            TokenKind::Comment if self.is_before_dot(at) => {}
            TokenKind::Newline | TokenKind::BlankNewline => self.out.replace("\n", range.start),
            TokenKind::Name if self.text(at) == "is" => {
                let negated = self.next_word(at).is_some_and(|next| self.text(next) == "not");
                self.out.replace(if negated { "!=" } else { "==" }, range.start);
            }
            TokenKind::Name
                if self.text(at) == "not" && self.previous_word(at).is_some_and(|p| self.text(p) == "is") => {}
            TokenKind::String => self.string(range)?,
            _ => self.out.copy(&self.source[range.clone()], range.start),
        }
        Ok(())
    }

    /// Whether a comment ends a line that the next one continues with a dot.
    fn is_before_dot(&self, at: usize) -> bool {
        self.tokens.get(at + 1).is_some_and(|t| t.kind == TokenKind::Newline) && self.continues_with_dot(at + 2)
    }

    fn next_word(&self, at: usize) -> Option<usize> {
        (at + 1..self.tokens.len()).find(|&next| !is_gap(self.tokens[next].kind))
    }

    fn previous_word(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|&before| !is_gap(self.tokens[before].kind))
    }

    /// Writes a string; an f-string with expressions as a call of `format`.
    fn string(&mut self, range: std::ops::Range<usize>) -> Result<(), (usize, Error)> {
        let token = &self.source[range.clone()];
        let template = template::parse(token).map_err(|(offset, error)| (range.start + offset, error))?;
        let Some(template) = template else {
            self.out.copy(token, range.start);
            return Ok(());
        };
        self.out.replace(&template.literal, range.start);
        self.out.replace(".format(", range.start);
        for field in &template.fields {
            let place = range.start + field.expression.start;
            let (before, after) = match (&field.format, field.repr) {
                (Some(spec), _) => (format!("{FORMAT_FUNCTION}("), format!(", {spec:?}), ")),
                (None, true) => ("repr(".to_owned(), "), ".to_owned()),
                (None, false) => ("(".to_owned(), "), ".to_owned()),
            };
            self.out.replace(&before, place);
            self.out.copy(&token[field.expression.clone()], place);
            self.out.replace(&after, place);
        }
        self.out.replace(")", range.start);
        Ok(())
    }
}

/// The statements that bind imported names.
fn binding_statements(bindings: &[imports::Binding]) -> String {
    if bindings.is_empty() {
        return "pass".to_owned();
    }
    let statement = |binding: &imports::Binding| match &binding.member {
        Some(member) => format!("{} = {IMPORT_FUNCTION}({:?}, {member:?})", binding.name, binding.module),
        None => format!("{} = {IMPORT_FUNCTION}({:?})", binding.name, binding.module),
    };
    bindings.iter().map(statement).collect::<Vec<_>>().join("; ")
}

/// What separates words.
fn is_gap(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Space | TokenKind::Comment | TokenKind::Newline | TokenKind::BlankNewline | TokenKind::Continuation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(translate(source).unwrap_or_else(|e| panic!("{source}: {e}")).text(), expected);
    }

    #[test]
    fn habits_of_python_become_starlark() {
        check("x = 1\n", "x = 1\n");
        check("a \\\n  .b", "a    .b");
        check("a\n  .b()\n  .c", "a   .b()   .c");
        check("a # why\n  .b", "a    .b");
        check("x is None", "x == None");
        check("x is not None\r\ny", "x !=  None\ny");
        check("is_not = 'x is None' # is", "is_not = 'x is None' # is");
        check("from deephaven import *", "pass");
        check("from deephaven import * # all\nx", "pass# all\nx");
        check("from urllib.parse import quote", "quote = __import__(\"urllib.parse\", \"quote\")");
        check(
            "if a:\n  from deephaven import ttools as t, uri\n",
            "if a:\n  t = __import__(\"deephaven\", \"ttools\"); uri = __import__(\"deephaven\", \"uri\")\n",
        );
        check("from deephaven import (\n  ttools,\n)\n", "ttools = __import__(\"deephaven\", \"ttools\")\n");
        check("import jpy", "jpy = __import__(\"jpy\")");
        check("import deephaven.TableTools", "deephaven = __import__(\"deephaven\")");
        check("import deephaven.TableTools as tt", "tt = __import__(\"deephaven.TableTools\")");
        check("f\"{a + 1:.2f} {b}\"", "\"{} {}\".format(format(a + 1, \".2f\"), (b), )");
        check("f\"pq://{name}/x\"", "f\"pq://{name}/x\"");
        check("'''a \\\n b is None'''", "'''a \\\n b is None'''");
        check("t.where(\"A is None\")", "t.where(\"A is None\")");
        check("x = 1 if a is None else f('\\'')", "x = 1 if a == None else f('\\'')");
        check("x += y", "x = __add_to__(x , ( y))");
        check(
            "if a: b[f(i)] *= 2 + c; d += 1 # e\n",
            "if a: b[f(i)] = __multiply__(b[f(i)] , ( 2 + c)); d = __add_to__(d , ( 1 ))# e\n",
        );
        check("f(*a, **b); x = a <= b; y == -1", "f(*a, **b); x = a <= b; y == -1");
        check("while_ = 2\nimports = 1\nfrom_ = 1", "while_ = 2\nimports = 1\nfrom_ = 1");
    }

    #[test]
    fn errors_have_the_users_line_and_column() {
        for (source, line, column, part) in [
            ("x = 1\nimport numpy as np", 2, 8, "no module numpy"),
            ("from deephavn import *", 1, 6, "deephaven"),
            ("from deephaven import", 1, 22, "expected a name"),
            ("y = f'{a'", 1, 7, "not closed"),
            ("  while x:\n    pass", 1, 3, "no `while`"),
            ("class A:\n  pass", 1, 1, "no `class`"),
            ("import jpy foo", 1, 12, "unexpected text"),
            ("x = 2 ** 3", 1, 7, "pow(a, b)"),
        ] {
            let error = translate(source).unwrap_err();
            assert_eq!(error.position(), Some((line, column)), "{source}: {error}");
            assert!(error.to_string().contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn depth_is_bounded_and_length_is_not() {
        for deep in [
            format!("x = {}1", "(".repeat(20_000)),
            format!("x = {}", vec!["1"; 20_000].join("+")),
            format!("x = t{}", ".head(1)".repeat(20_000)),
            format!("x = {}1", "not ".repeat(20_000)),
            format!("{}x = 1", " ".repeat(2_000)),
        ] {
            assert_eq!(translate(&deep).unwrap_err().kind(), pilaster::base::ErrorKind::Limit);
        }
        for long in [format!("x = [{}]", "f(1), ".repeat(50_000)), "x = 1; ".repeat(50_000), "x = (1)\n".repeat(50_000)]
        {
            assert!(translate(&long).is_ok());
        }
    }

    /// Of a script ten times as long the translation is ten times as long, whatever is repeated in it.
    #[test]
    fn translations_grow_with_the_text() {
        for piece in [
            "a+=r",
            "+=r,",
            "a*=b;",
            "x: b+=",
            "f'{a+1}'",
            "x is not ",
            "from jpy import array\n",
            "a\n.b # c\n",
            "(\n",
        ] {
            // Shapes that nest too deeply are refused at once.
            let length = |count| translate(&piece.repeat(count)).map(|translated| translated.text().len());
            if let (Ok(short), Ok(long)) = (length(300), length(3_000)) {
                assert!(long <= short * 10 + 1_000, "{piece}: {short} bytes, then {long}");
            }
        }
        check("a += b += c, d *= e", "a = __add_to__(a , ( b += c, d *= e))");
    }

    proptest::proptest! {
        #[test]
        fn any_text_translates_or_is_refused(text in "([a-c \\n\\\\\"'#(){}\\[\\].,:;=+*0-9é]|f\"|is |not |from |import |def |\"\"\"){0,60}") {
            if let Ok(translated) = translate(&text) {
                let functions = translated.functions_text();
                proptest::prop_assert_eq!(functions.len(), translated.text().len());
                for out in 0..=translated.text().len() {
                    proptest::prop_assert!(translated.source_offset(out) <= text.len() + 1);
                }
            }
        }
    }

    #[test]
    fn functions_stay_where_they_are() {
        let source = "x = \\\n 1\ndef f(a):\n  # é\n\n  return a\ny = f(x)\ng = lambda a: \\\n a\nprint(g)";
        let translated = translate(source).unwrap();
        let functions = translated.functions_text();
        assert_eq!(functions.len(), translated.text().len());
        assert_eq!(
            functions.trim_start_matches(['\n', ' ']).trim_end(),
            "def f(a):\n  # é\n\n  return a\n        \ng = lambda a:   a"
        );
    }
}
