//! Java's regular expressions, by an engine without backtracking: no pattern takes more than linear time.

use crate::base::{Error, ErrorKind, Result};
use regex::{Regex, RegexBuilder};

/// Bytes of a compiled pattern: `x{1000}{1000}` must not ask for more.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(in super::super) struct Pattern {
    find: Regex,
    full: Regex,
}

impl Pattern {
    /// Compiles a pattern; errs where it is wrong, too large, or uses what needs backtracking.
    pub(in super::super) fn new(pattern: &str) -> Result<Self> {
        let translated = translate(pattern);
        let compile = |text: &str| {
            RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build().map_err(|error| {
                let shown: String = pattern.chars().take(60).collect();
                let why = error.to_string();
                let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                Error::new(ErrorKind::Parse, format!("{shown:?} is no usable regular expression: {last}"))
                    .hint("look-around, back references and possessive repetition are not supported")
            })
        };
        Ok(Pattern { find: compile(&translated)?, full: compile(&format!(r"\A(?:{translated})\z"))? })
    }

    /// `matches`: the whole text.
    pub(in super::super) fn matches(&self, text: &str) -> bool {
        self.full.is_match(text)
    }

    /// Appends the text with occurrences replaced; `$1` and `${name}` in the replacement stand for groups, a backslash makes the next
    /// character plain.
    pub(in super::super) fn replace(&self, text: &str, replacement: &str, all: bool, out: &mut String) -> Result<()> {
        let mut from = 0;
        let mut search = Search::default();
        while let Some(captures) = search.at.and_then(|at| self.find.captures_at(text, at)) {
            let whole = captures.get_match();
            out.push_str(&text[from..whole.start()]);
            self.expand(&captures, replacement, out)?;
            from = whole.end();
            search.go_past(text, whole.start(), whole.end());
            if !all {
                break;
            }
        }
        out.push_str(&text[from..]);
        Ok(())
    }

    fn expand(&self, captures: &regex::Captures<'_>, replacement: &str, out: &mut String) -> Result<()> {
        let wrong = || {
            Error::new(ErrorKind::Evaluation, format!("{replacement:?} names a group that the pattern does not have"))
        };
        let mut rest = replacement;
        while let Some(at) = rest.find(['$', '\\']) {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if rest.as_bytes()[at] == b'\\' {
                let plain = after.chars().next().ok_or_else(wrong)?;
                out.push(plain);
                rest = &after[plain.len_utf8()..];
                continue;
            }
            if let Some(name) = after.strip_prefix('{') {
                let end = name.find('}').ok_or_else(wrong)?;
                out.push_str(captures.name(&name[..end]).ok_or_else(wrong)?.as_str());
                rest = &name[end + 1..];
                continue;
            }
            // As many digits as still name a group.
            let digits = (1..=after.len().min(2))
                .rev()
                .find(|&len| {
                    after.is_char_boundary(len) && after[..len].parse().is_ok_and(|group: usize| group < captures.len())
                })
                .ok_or_else(wrong)?;
            let group: usize = after[..digits].parse().map_err(|_| wrong())?;
            out.push_str(captures.get(group).map_or("", |found| found.as_str()));
            rest = &after[digits..];
        }
        out.push_str(rest);
        Ok(())
    }

    /// `split`: at most `limit` parts where that is above 0; where it is 0, empty strings at the end are dropped. A text without an
    /// occurrence is one part.
    pub(in super::super) fn split<'t>(&self, text: &'t str, limit: i64) -> Vec<&'t str> {
        let most = usize::try_from(limit).ok().filter(|&most| most > 0).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let mut from = 0;
        let mut search = Search::default();
        while parts.len() < most - 1
            && let Some(found) = search.at.and_then(|at| self.find.find_at(text, at))
        {
            search.go_past(text, found.start(), found.end());
            // An empty occurrence at the start makes no part, as in Java.
            if found.end() > 0 {
                parts.push(&text[from..found.start()]);
                from = found.end();
            }
        }
        if parts.is_empty() && from == 0 {
            return vec![text];
        }
        parts.push(&text[from..]);
        while limit == 0 && parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        parts
    }
}

/// Where the next occurrence is looked for. As in Java an empty one may follow right after one that is not empty: `a*` occurs twice in `a`.
struct Search {
    at: Option<usize>,
}

impl Default for Search {
    fn default() -> Self {
        Search { at: Some(0) }
    }
}

impl Search {
    fn go_past(&mut self, text: &str, start: usize, end: usize) {
        self.at = match text[end..].chars().next() {
            Some(next) if start == end => Some(end + next.len_utf8()),
            None if start == end => None,
            _ => Some(end),
        };
    }
}

/// Java's syntax where it differs: `\d \w \s \b` are about ASCII, `\Q…\E` quotes, `\z` and `\Z` end.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(c) = after.chars().next() else {
            out.push('\\');
            return out;
        };
        let mut end = c.len_utf8();
        match c {
            'd' => out.push_str("[0-9]"),
            'D' => out.push_str("[^0-9]"),
            'w' => out.push_str("[A-Za-z0-9_]"),
            'W' => out.push_str("[^A-Za-z0-9_]"),
            's' => out.push_str(r"[ \t\n\x0B\f\r]"),
            'S' => out.push_str(r"[^ \t\n\x0B\f\r]"),
            'Z' => out.push_str(r"\z"),
            'Q' => {
                let quoted = after[1..].split("\\E").next().unwrap_or_default();
                out.push_str(&regex::escape(quoted));
                end = (1 + quoted.len() + 2).min(after.len());
            }
            // A quoted character that needs no quoting: Java allows it for all but letters.
            c if !c.is_ascii_alphanumeric() => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            c => {
                out.push('\\');
                out.push(c);
            }
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_and_replace_as_in_java() {
        for (pattern, text, expected) in [
            ("[0-9.-]+", "3.14", true),
            ("[0-9.-]+", "3.14x", false),
            ("a.c", "a\nc", false),
            (r"\d+", "12", true),
            (r"\d+", "٣", false),
            (r"[\d.]+", "1.2", true),
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"a\-b", "a-b", true),
            ("a|ab", "ab", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
        for (pattern, replacement, all, expected) in [
            ("[a-c]+", "#", true, "#d#"),
            ("[a-c]+", "#", false, "#dcab"),
            ("(a)(b)", "$2$1", true, "bacdcba"),
            ("(a)", r"\$$1", false, "$abcdcab"),
            ("(a)", "$10", false, "a0bcdcab"),
            ("a*", "#", true, "##b#c#d#c##b#"),
            ("x*", "#", true, "#a#b#c#d#c#a#b#"),
            ("(?s).*", "#", true, "##"),
        ] {
            let mut out = String::new();
            Pattern::new(pattern).unwrap().replace("abcdcab", replacement, all, &mut out).unwrap();
            assert_eq!(out, expected, "{pattern} {replacement}");
        }
        let mut out = String::new();
        assert!(Pattern::new("a").unwrap().replace("a", "$1", true, &mut out).is_err());
        for (pattern, text, limit, expected) in [
            (",", "a,b,,c,,", 0, &["a", "b", "", "c"][..]),
            (",", "a,b,,c,,", -1, &["a", "b", "", "c", "", ""]),
            (",", "a,b,,c,,", 1, &["a,b,,c,,"]),
            (",", "a,b,,c,,", 2, &["a", "b,,c,,"]),
            (",", "a,b,,c,,", 5, &["a", "b", "", "c", ","]),
            (",", "a,b,,c,,", 99, &["a", "b", "", "c", "", ""]),
            (",", "", 0, &[""]),
            (",", "", -1, &[""]),
            (",", ",", 0, &[]),
            (",", ",", -1, &["", ""]),
            (",", ",a", 0, &["", "a"]),
            ("", "abc", 0, &["a", "b", "c"]),
            ("", "abc", -1, &["a", "b", "c", ""]),
            ("", "abc", 2, &["a", "bc"]),
            ("-", "a-b-0", 0, &["a", "b", "0"]),
            ("x", "abc", 3, &["abc"]),
            ("a*", "abc", 0, &["", "", "b", "c"]),
            ("b*", "abbc", 0, &["a", "", "c"]),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().split(text, limit), expected, "{pattern} {text} {limit}");
        }
        assert!(
            Pattern::new("(").is_err()
                && Pattern::new("(?=a)").is_err()
                && Pattern::new("x{1000}{1000}{1000}").is_err()
        );
    }
}
