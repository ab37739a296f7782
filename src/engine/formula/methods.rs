//! Methods of Strings: a table of names, parameters and kernels. A null receiver or argument is an error, as in Java.

use super::kernels::pattern::Pattern;
use super::kernels::{text, units};
use super::node::Kernel;
use super::operand::Operand;
use super::predicate::fold;
use crate::base::{ArrayType, Boolean, ColumnType, Error, ErrorKind, Result};
use crate::memory::{ArrayChunk, Chunk};

/// A method and what it takes after the receiver.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [ColumnType],
    pub(super) result: ColumnType,
    pub(super) kernel: fn() -> Kernel,
}

/// The values of one call.
struct Call<'a> {
    operands: &'a [Operand<'a>],
    name: &'static str,
    row: usize,
}

impl<'a> Call<'a> {
    fn text(&self, index: usize) -> Result<&'a str> {
        self.operands[index].texts().get(self.row).ok_or_else(|| {
            let what = if index == 0 { "a null String has no" } else { "null given to" };
            Error::new(ErrorKind::Evaluation, format!("{what} {}()", self.name))
                .hint("test it first, as in !isNull(S) && …, or in an earlier filter")
        })
    }

    fn int(&self, index: usize) -> i64 {
        i64::from(self.operands[index].lane::<i32>().get(self.row))
    }

    fn outside(&self, text: &str) -> Error {
        let length = units::length(text);
        Error::new(ErrorKind::Evaluation, format!("{}() beyond a text of length {length}", self.name))
            .hint("test length() first")
    }
}

/// A kernel of a value per row.
fn values<R: super::operand::Cell>(
    name: &'static str,
    f: impl Fn(&Call<'_>) -> Result<R> + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |operands, len| {
        let call = |row| f(&Call { operands: &operands, name, row });
        Ok(R::chunk((0..len).map(call).collect::<Result<_>>()?))
    })
}

/// A kernel of a text per row, appended to a buffer that comes empty.
fn texts(name: &'static str, f: impl Fn(&Call<'_>, &mut String) -> Result<()> + Send + Sync + 'static) -> Kernel {
    Box::new(move |operands, len| {
        text::build(len, |row, out| f(&Call { operands: &operands, name, row }, out).map(|()| true))
    })
}

fn test(name: &'static str, f: impl Fn(&Call<'_>) -> Result<bool> + Send + Sync + 'static) -> Kernel {
    values(name, move |call| f(call).map(Boolean::from))
}

/// A kernel of an array per row.
fn lists<T: super::operand::Cell>(
    name: &'static str,
    f: impl Fn(&Call<'_>, &mut Vec<T>) -> Result<()> + Send + Sync + 'static,
) -> Kernel {
    Box::new(move |operands, len| {
        let (mut all, mut lengths) = (Vec::new(), Vec::with_capacity(len));
        for row in 0..len {
            let start = all.len();
            f(&Call { operands: &operands, name, row }, &mut all)?;
            lengths.push(Some(all.len() - start));
        }
        Ok(Chunk::Array(ArrayChunk::from_lengths(T::chunk(all), lengths)))
    })
}

const TEXT: ColumnType = ColumnType::String;
const TEXTS: ColumnType = list_of(ColumnType::String);
const BYTES: ColumnType = list_of(ColumnType::Byte);
const CHARS: ColumnType = list_of(ColumnType::Char);

const fn list_of(element: ColumnType) -> ColumnType {
    match ArrayType::of(element) {
        Some(array) => ColumnType::Array(array),
        None => element,
    }
}

const INT: ColumnType = ColumnType::Int;

macro_rules! method {
    ($name:literal, $parameters:expr, $result:expr, $make:ident($f:expr)) => {
        Method { name: $name, parameters: &$parameters, result: $result, kernel: || $make($name, $f) }
    };
}

/// Every method; those with one name differ in their parameters.
pub(super) const METHODS: &[Method] = &[
    method!("length", [], INT, values(|c| Ok(units::length(c.text(0)?) as i32))),
    method!("hashCode", [], INT, values(|c| Ok(units::hash(c.text(0)?)))),
    method!("isEmpty", [], ColumnType::Boolean, test(|c| Ok(c.text(0)?.is_empty()))),
    method!("isBlank", [], ColumnType::Boolean, test(|c| Ok(c.text(0)?.chars().all(is_white)))),
    method!("toString", [], TEXT, texts(|c, out| append(out, c.text(0)?))),
    method!("intern", [], TEXT, texts(|c, out| append(out, c.text(0)?))),
    method!("trim", [], TEXT, texts(|c, out| append(out, c.text(0)?.trim_matches(|c| c <= ' ')))),
    method!("strip", [], TEXT, texts(|c, out| append(out, c.text(0)?.trim_matches(is_white)))),
    method!("stripLeading", [], TEXT, texts(|c, out| append(out, c.text(0)?.trim_start_matches(is_white)))),
    method!("stripTrailing", [], TEXT, texts(|c, out| append(out, c.text(0)?.trim_end_matches(is_white)))),
    method!("toUpperCase", [], TEXT, texts(|c, out| append(out, &c.text(0)?.to_uppercase()))),
    method!("toLowerCase", [], TEXT, texts(|c, out| append(out, &c.text(0)?.to_lowercase()))),
    method!("charAt", [INT], ColumnType::Char, values(char_at)),
    method!("codePointAt", [INT], INT, values(code_point_at)),
    method!("toCharArray", [], CHARS, lists(chars)),
    method!("getBytes", [], BYTES, lists(bytes)),
    Method { name: "lines", parameters: &[], result: TEXTS, kernel: lines },
    method!("substring", [INT], TEXT, texts(|c, out| substring(c, out, None))),
    method!("substring", [INT, INT], TEXT, texts(|c, out| substring(c, out, Some(c.int(2))))),
    method!("subSequence", [INT, INT], TEXT, texts(|c, out| substring(c, out, Some(c.int(2))))),
    method!("indexOf", [TEXT], INT, values(|c| Ok(units::index_of(c.text(0)?, c.text(1)?, 0)))),
    method!("indexOf", [TEXT, INT], INT, values(|c| Ok(units::index_of(c.text(0)?, c.text(1)?, c.int(2))))),
    method!("indexOf", [INT], INT, values(index_of_code)),
    method!("lastIndexOf", [TEXT], INT, values(|c| Ok(units::last_index_of(c.text(0)?, c.text(1)?, None)))),
    method!(
        "lastIndexOf",
        [TEXT, INT],
        INT,
        values(|c| Ok(units::last_index_of(c.text(0)?, c.text(1)?, Some(c.int(2)))))
    ),
    method!("startsWith", [TEXT], ColumnType::Boolean, test(|c| Ok(c.text(0)?.starts_with(c.text(1)?)))),
    method!("startsWith", [TEXT, INT], ColumnType::Boolean, test(starts_at)),
    method!("endsWith", [TEXT], ColumnType::Boolean, test(|c| Ok(c.text(0)?.ends_with(c.text(1)?)))),
    method!("contains", [TEXT], ColumnType::Boolean, test(|c| Ok(c.text(0)?.contains(c.text(1)?)))),
    method!("equals", [TEXT], ColumnType::Boolean, test(|c| Ok(c.operands[1].texts().get(c.row) == Some(c.text(0)?)))),
    method!("contentEquals", [TEXT], ColumnType::Boolean, test(|c| Ok(c.text(0)? == c.text(1)?))),
    method!("equalsIgnoreCase", [TEXT], ColumnType::Boolean, test(equals_ignoring_case)),
    method!("compareTo", [TEXT], INT, values(|c| Ok(units::compare(c.text(0)?, c.text(1)?)))),
    method!(
        "compareToIgnoreCase",
        [TEXT],
        INT,
        values(|c| Ok(units::compare_points(&fold(c.text(0)?), &fold(c.text(1)?))))
    ),
    method!("concat", [TEXT], TEXT, texts(|c, out| append(out, c.text(0)?).and_then(|()| append(out, c.text(1)?)))),
    method!("repeat", [INT], TEXT, texts(repeat)),
    method!("replace", [TEXT, TEXT], TEXT, texts(|c, out| append(out, &c.text(0)?.replace(c.text(1)?, c.text(2)?)))),
    method!("matches", [TEXT], ColumnType::Boolean, test(|c| pattern(c.text(1)?, |p| Ok(p.matches(c.text(0)?))))),
    method!(
        "replaceAll",
        [TEXT, TEXT],
        TEXT,
        texts(|c, out| pattern(c.text(1)?, |p| p.replace(c.text(0)?, c.text(2)?, true, out)))
    ),
    method!(
        "replaceFirst",
        [TEXT, TEXT],
        TEXT,
        texts(|c, out| pattern(c.text(1)?, |p| p.replace(c.text(0)?, c.text(2)?, false, out)))
    ),
];

/// `S.split(pattern[, limit]).length`.
pub(super) fn split_count() -> Kernel {
    values("split", |c| pattern(c.text(1)?, |p| Ok(p.split(c.text(0)?, c.int(2)).len() as i32)))
}

/// `S.split(pattern[, limit])` as an array.
pub(super) fn split() -> Kernel {
    Box::new(|operands, len| {
        let mut texts: Vec<Option<String>> = Vec::new();
        let mut lengths = Vec::with_capacity(len);
        for row in 0..len {
            let call = Call { operands: &operands, name: "split", row };
            let (text, limit) = (call.text(0)?, call.int(2));
            pattern(call.text(1)?, |p| {
                let parts = p.split(text, limit);
                lengths.push(Some(parts.len()));
                texts.extend(parts.iter().map(|part| Some(part.to_string())));
                Ok(())
            })?;
        }
        let values = Chunk::strings(texts.iter().map(Option::as_deref))?;
        Ok(Chunk::Array(ArrayChunk::from_lengths(values, lengths)))
    })
}

/// `S.split(pattern[, limit])[index]`.
pub(super) fn split_part() -> Kernel {
    texts("split", |c, out| {
        let (text, limit, index) = (c.text(0)?, c.int(2), c.int(3));
        pattern(c.text(1)?, |p| {
            let parts = p.split(text, limit);
            match usize::try_from(index).ok().and_then(|index| parts.get(index)) {
                Some(part) => append(out, part),
                None => {
                    Err(Error::new(ErrorKind::Evaluation, format!("part {index} of a text split into {}", parts.len()))
                        .hint("test S.split(…).length first"))
                }
            }
        })
    })
}

/// `new StringBuilder(S).reverse()`.
pub(super) fn reverse() -> Kernel {
    texts("reverse", |c, out| append(out, &c.text(0)?.chars().rev().collect::<String>()))
}

fn append(out: &mut String, text: &str) -> Result<()> {
    out.push_str(text);
    Ok(())
}

fn char_at(call: &Call<'_>) -> Result<u16> {
    let text = call.text(0)?;
    let index = usize::try_from(call.int(1)).ok();
    index.and_then(|index| units::unit_at(text, index)).ok_or_else(|| call.outside(text))
}

fn chars(call: &Call<'_>, out: &mut Vec<u16>) -> Result<()> {
    out.extend(call.text(0)?.encode_utf16());
    Ok(())
}

fn bytes(call: &Call<'_>, out: &mut Vec<i8>) -> Result<()> {
    out.extend(call.text(0)?.bytes().map(|byte| byte as i8));
    Ok(())
}

/// The character at an index of units; of half of a pair, its unit.
fn code_point_at(call: &Call<'_>) -> Result<i32> {
    let text = call.text(0)?;
    let index = usize::try_from(call.int(1)).ok();
    let mut at = 0;
    for c in text.chars() {
        if Some(at) == index {
            return Ok(u32::from(c) as i32);
        }
        at += c.len_utf16();
        if index.is_some_and(|index| index < at) {
            break;
        }
    }
    char_at(call).map(i32::from)
}

/// `S.lines()` as an array: ends of lines are `\n`, `\r` and both.
fn lines() -> Kernel {
    Box::new(|operands, len| {
        let mut texts: Vec<Option<&str>> = Vec::new();
        let mut lengths = Vec::with_capacity(len);
        for row in 0..len {
            let text = Call { operands: &operands, name: "lines", row }.text(0)?;
            let start = texts.len();
            let mut rest = text;
            while !rest.is_empty() {
                let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
                texts.push(Some(&rest[..end]));
                rest = &rest[end..];
                rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
            }
            lengths.push(Some(texts.len() - start));
        }
        Ok(Chunk::Array(ArrayChunk::from_lengths(Chunk::strings(texts)?, lengths)))
    })
}

fn substring(call: &Call<'_>, out: &mut String, end: Option<i64>) -> Result<()> {
    let text = call.text(0)?;
    if units::substring(text, call.int(1), end, out) { Ok(()) } else { Err(call.outside(text)) }
}

fn starts_at(call: &Call<'_>) -> Result<bool> {
    let mut rest = String::new();
    Ok(units::substring(call.text(0)?, call.int(2), None, &mut rest) && rest.starts_with(call.text(1)?))
}

/// Where a character given by its code stands.
fn index_of_code(call: &Call<'_>) -> Result<i32> {
    let text = call.text(0)?;
    let wanted = u32::try_from(call.int(1)).ok().and_then(char::from_u32);
    Ok(wanted.map_or(-1, |wanted| units::index_of(text, wanted.encode_utf8(&mut [0; 4]), 0)))
}

/// Java's `Character.isWhitespace`: no space that forbids a line break, and the four separators of files.
fn is_white(c: char) -> bool {
    matches!(c, '\u{1c}'..='\u{1f}') || c.is_whitespace() && !matches!(c, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}')
}

fn equals_ignoring_case(call: &Call<'_>) -> Result<bool> {
    let text = call.text(0)?;
    Ok(call.operands[1].texts().get(call.row).is_some_and(|other| fold(text) == fold(other)))
}

fn repeat(call: &Call<'_>, out: &mut String) -> Result<()> {
    let (text, count) = (call.text(0)?, call.int(1));
    let count = usize::try_from(count)
        .map_err(|_| Error::new(ErrorKind::Evaluation, format!("a text cannot be repeated {count} times")))?;
    if text.len().saturating_mul(count) > crate::base::limits::STRING_BYTES_MAX {
        return Err(Error::limit("the repeated text would be longer than a value may be"));
    }
    out.extend(std::iter::repeat_n(text, count));
    Ok(())
}

/// Runs with a compiled pattern, the last one of the thread kept: rows mostly share it.
fn pattern<R>(text: &str, run: impl FnOnce(&Pattern) -> Result<R>) -> Result<R> {
    thread_local! {
        static LAST: std::cell::RefCell<Option<(String, Pattern)>> = const { std::cell::RefCell::new(None) };
    }
    LAST.with(|last| {
        let mut last = last.borrow_mut();
        match &*last {
            Some((known, pattern)) if known == text => run(pattern),
            _ => {
                let pattern = Pattern::new(text)?;
                let result = run(&pattern);
                *last = Some((text.to_string(), pattern));
                result
            }
        }
    })
}
