//! Functions that make text, methods of values, and the few classes that formulas construct.

use super::super::check::{Checker, Typed};
use super::super::kernels::Named;
use super::super::kernels::text;
use super::super::kernels::time;
use super::super::kernels::{big, format};
use super::super::methods::{self, METHODS, Method};
use super::super::node::{Kernel, Operation, Type};
use super::super::operand::map1;
use super::super::source::Span;
use super::{Call, arrays};
use crate::base::names::nearest_hint;
use crate::base::{Boolean, ColumnType, ErrorKind, Result, Value};

pub(super) const NAMES: &[&str] = &["String.valueOf", "String.format", "isDigit", "isLetter"];

/// The tests of `Character`.
const CHARACTER_TESTS: Named<fn(char) -> bool> = &[
    ("isDigit", |c| c.is_numeric()),
    ("isLetter", char::is_alphabetic),
    ("isLetterOrDigit", char::is_alphanumeric),
    ("isUpperCase", char::is_uppercase),
    ("isLowerCase", char::is_lowercase),
    ("isWhitespace", char::is_whitespace),
];

/// Makes the call if the name is of this group.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    match (call.class, call.name) {
        ("String", "valueOf")
        | (
            "Integer" | "Long" | "Short" | "Byte" | "Float" | "Double" | "Boolean" | "Character" | "Objects",
            "toString",
        ) => {
            let [x] = call.take(checker)?;
            to_text(checker, x, call.span).map(Some)
        }
        ("String", "format") => {
            let Some((&pattern, values)) = call.arguments.split_first() else {
                return Err(call.wrong_count(checker, "1 or more"));
            };
            let text = checker.program.constant(pattern.id).map(|chunk| chunk.value(0));
            let Some(text) = text.as_ref().and_then(Value::as_str) else {
                let error = checker.error(ErrorKind::Type, pattern.span, "String.format takes a text constant first");
                return Err(error.hint("such as String.format(`%.2f`, Bid)"));
            };
            let mut types = Vec::new();
            let mut operands = Vec::new();
            for &value in values {
                let value = match value.kind {
                    Type::Null => checker.typed_value(&Value::Null, ColumnType::String, value.span),
                    _ => value,
                };
                types.push(checker.column_type(value)?);
                operands.push(value);
            }
            let kernel = format::format(text, types).map_err(|error| {
                let shown = checker.error(error.kind(), pattern.span, error.message());
                shown.hint(error.hint_text().unwrap_or_default().to_string())
            })?;
            Ok(Some(checker.kernel(kernel, operands, ColumnType::String, true, call.span)))
        }
        ("Character", "toUpperCase" | "toLowerCase") => {
            let [x] = call.take(checker)?;
            let x = checker.expect(x, ColumnType::Char, call.name)?;
            let upper = call.name == "toUpperCase";
            let kernel: Kernel =
                Box::new(move |operands, _| Ok(map1(&operands[0], move |unit: u16| other_case(unit, upper))));
            Ok(Some(checker.kernel(kernel, vec![x], ColumnType::Char, false, call.span)))
        }
        ("Character", name) => {
            let Some((_, test)) = CHARACTER_TESTS.iter().find(|(known, _)| *known == name) else { return Ok(None) };
            let [x] = call.take(checker)?;
            let x = checker.expect(x, ColumnType::Char, name)?;
            let kernel: Kernel = Box::new(move |operands, _| {
                Ok(map1(&operands[0], |unit: u16| Boolean::from(char::from_u32(unit.into()).is_some_and(test))))
            });
            let typed = checker.kernel(kernel, vec![x], ColumnType::Boolean, false, call.span);
            Ok(Some(checker.certain(typed)))
        }
        _ => Ok(None),
    }
}

/// A unit in the other case, where that is one unit as well.
fn other_case(unit: u16, upper: bool) -> u16 {
    fn only<I: Iterator<Item = char>>(mut chars: I) -> Option<char> {
        chars.next().filter(|_| chars.next().is_none())
    }
    let changed =
        char::from_u32(unit.into()).and_then(|c| if upper { only(c.to_uppercase()) } else { only(c.to_lowercase()) });
    changed.and_then(|c| u16::try_from(u32::from(c)).ok()).unwrap_or(unit)
}

/// A value as text.
fn to_text(checker: &mut Checker<'_>, x: Typed, span: Span) -> Result<Typed> {
    let x = if x.kind == Type::Null { checker.typed_value(&Value::Null, ColumnType::String, x.span) } else { x };
    let column_type = checker.column_type(x)?;
    Ok(checker.kernel(text::concatenate(vec![column_type]), vec![x], ColumnType::String, false, span))
}

/// `new Class(…)`.
pub(in super::super) fn construct(
    checker: &mut Checker<'_>,
    class: &str,
    arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed> {
    if let Some(array) = arrays::construct(checker, class, &arguments, span)? {
        return Ok(array);
    }
    match (class, arguments.as_slice()) {
        ("StringBuilder" | "StringBuffer", []) => {
            let empty = checker.value(&Value::string(""), span);
            Ok(Typed { kind: Type::Builder, ..empty })
        }
        ("StringBuilder" | "StringBuffer", [one]) => {
            // As every method of text, it errs on null.
            let one = checker.expect(*one, ColumnType::String, class)?;
            let one = method(checker, one, "toString", Vec::new(), span)?;
            Ok(Typed { kind: Type::Builder, ..one })
        }
        ("BigDecimal" | "BigInteger", [one]) => {
            let target: ColumnType = class.parse()?;
            match one.kind {
                Type::Of(ColumnType::String) => Ok(checker.kernel(big::parse(target), vec![*one], target, true, span)),
                _ => checker.cast(*one, target, span),
            }
        }
        ("String", [one]) => {
            let one = checker.expect(*one, ColumnType::String, class)?;
            method(checker, one, "toString", Vec::new(), span)
        }
        ("DBDateTime" | "DateTime", [one]) => {
            let one = checker.widen(*one, ColumnType::Long)?;
            Ok(checker.kernel(time::from_count(1), vec![one], ColumnType::DateTime, true, span))
        }
        _ => {
            let error = checker.error(
                ErrorKind::NotFound,
                span,
                format!("a formula cannot make a new {class} of these arguments"),
            );
            Err(error.hint("the classes are StringBuilder, String and DBDateTime; arrays are new int[]{1, 2}"))
        }
    }
}

/// `receiver.name(…)` and `receiver.name`.
pub(in super::super) fn method(
    checker: &mut Checker<'_>,
    receiver: Typed,
    name: &str,
    arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed> {
    let found = match receiver.kind {
        Type::Of(ColumnType::String) => of_text(checker, receiver, name, &arguments, span)?,
        Type::Of(ColumnType::DateTime) => of_time(checker, receiver, name, &arguments, span)?,
        Type::Array(_) if matches!(name, "size" | "length") && arguments.is_empty() => {
            Some(checker.push(Operation::Size, Vec::new(), Type::Of(ColumnType::Long), false, span))
        }
        Type::Array(_) if name == "get" && arguments.len() == 1 => {
            Some(checker.element(receiver, arguments[0], span)?)
        }
        Type::Split(parts) if name == "length" && arguments.is_empty() => {
            let operands = checker.splits[parts].to_vec();
            Some(checker.kernel(methods::split_count(), operands, ColumnType::Int, true, span))
        }
        Type::Units if name == "count" && arguments.is_empty() => {
            let length =
                of_text(checker, Typed { kind: Type::Of(ColumnType::String), ..receiver }, "length", &[], span)?;
            length.map(|length| checker.widen(length, ColumnType::Long)).transpose()?
        }
        Type::Builder => of_builder(checker, receiver, name, &arguments, span)?,
        Type::Array(_) | Type::Split(_) => {
            let receiver = checker.as_value(receiver)?;
            arrays::method(checker, receiver, name, &arguments, span)?
        }
        Type::Of(ColumnType::Array(_)) => arrays::method(checker, receiver, name, &arguments, span)?,
        _ => None,
    };
    if let Some(typed) = found {
        return Ok(typed);
    }
    let what = match receiver.kind {
        Type::Of(column_type) => column_type.name(),
        Type::Array(_) => "whole column",
        Type::Builder => "StringBuilder",
        _ => "value",
    };
    let error = checker.error(ErrorKind::NotFound, span, format!("a {what} has no method {name} of these arguments"));
    let known: Vec<&str> = match receiver.kind {
        Type::Of(ColumnType::String) if name == "reverse" => {
            return Err(error.hint("write new StringBuilder(S).reverse().toString()"));
        }
        Type::Of(ColumnType::String) => METHODS.iter().map(|method| method.name).collect(),
        _ => Vec::new(),
    };
    match nearest_hint(name, known) {
        Some(hint) => Err(error.hint(hint)),
        None => Err(error),
    }
}

fn of_text(
    checker: &mut Checker<'_>,
    receiver: Typed,
    name: &str,
    arguments: &[Typed],
    span: Span,
) -> Result<Option<Typed>> {
    if let ("split", [pattern, limit @ ..]) = (name, arguments)
        && limit.len() < 2
    {
        let pattern = checker.expect(*pattern, ColumnType::String, "split")?;
        let limit = match limit {
            [limit] => checker.widen(*limit, ColumnType::Int)?,
            _ => checker.value(&Value::Int(0), span),
        };
        checker.splits.push([receiver, pattern, limit]);
        return Ok(Some(Typed { kind: Type::Split(checker.splits.len() - 1), span, ..receiver }));
    }
    if let ("chars", []) = (name, arguments) {
        return Ok(Some(Typed { kind: Type::Units, span, ..receiver }));
    }
    let fits = |checker: &Checker<'_>, method: &Method| {
        method.name == name
            && method.parameters.len() == arguments.len()
            && method.parameters.iter().zip(arguments).all(|(&wanted, argument)| match argument.kind {
                Type::Null => wanted == ColumnType::String,
                Type::Of(found) => {
                    found == wanted
                        || wanted == ColumnType::String && found == ColumnType::Char
                        || wanted == ColumnType::Int && matches!(found, ColumnType::Byte | ColumnType::Short)
                        // A long that is an int: Java wants a cast, which would only be in the way.
                        || wanted == ColumnType::Int && found == ColumnType::Long && checker.is_small_constant(*argument)
                }
                _ => false,
            })
    };
    let Some(method) = METHODS.iter().find(|method| fits(checker, method)) else { return Ok(None) };
    let mut operands = vec![receiver];
    for (&wanted, &argument) in method.parameters.iter().zip(arguments) {
        operands.push(match (wanted, argument.kind) {
            (ColumnType::String, Type::Of(ColumnType::Char)) => to_text(checker, argument, argument.span)?,
            _ => checker.widen(argument, wanted)?,
        });
    }
    Ok(Some(checker.kernel((method.kernel)(), operands, method.result, true, span)))
}

fn of_time(
    checker: &mut Checker<'_>,
    receiver: Typed,
    name: &str,
    arguments: &[Typed],
    span: Span,
) -> Result<Option<Typed>> {
    let counted = match name {
        "getNanos" => "nanos",
        "getMillis" | "toEpochMilli" => "millis",
        "getEpochSecond" => "epochSeconds",
        "getMicros" => "micros",
        "toString" if arguments.is_empty() => return to_text(checker, receiver, span).map(Some),
        "toString" | "toDateString" => {
            let function = if name == "toString" { "format" } else { "formatDate" };
            let arguments = [&[receiver], arguments].concat();
            return super::call(checker, None, function, arguments, span).map(Some);
        }
        _ => return Ok(None),
    };
    let count = time::COUNTS.iter().find(|(known, _)| *known == counted);
    let (Some((_, count)), []) = (count, arguments) else { return Ok(None) };
    Ok(Some(checker.kernel(time::count(*count), vec![receiver], ColumnType::Long, false, span)))
}

fn of_builder(
    checker: &mut Checker<'_>,
    receiver: Typed,
    name: &str,
    arguments: &[Typed],
    span: Span,
) -> Result<Option<Typed>> {
    let plain = Typed { kind: Type::Of(ColumnType::String), ..receiver };
    let built = |typed: Typed| Typed { kind: Type::Builder, ..typed };
    Ok(Some(match (name, arguments) {
        ("reverse", []) => built(checker.kernel(methods::reverse(), vec![plain], ColumnType::String, true, span)),
        ("append", [one]) => {
            let one = to_text(checker, *one, span)?;
            let types = vec![ColumnType::String, ColumnType::String];
            built(checker.kernel(text::concatenate(types), vec![plain, one], ColumnType::String, false, span))
        }
        ("toString", []) => plain,
        ("length", []) => return of_text(checker, plain, name, &[], span),
        _ => return Ok(None),
    }))
}
