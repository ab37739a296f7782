//! Functions of numbers, of nulls and of truth values.

use super::super::ast::{BinaryOperator, UnaryOperator};
use super::super::check::{Checker, Typed};
use super::super::kernels::{arithmetic, compare, math};
use super::super::node::{Operation, Type};
use super::super::operators::{is_number, promoted};
use super::super::predicate::Comparison;
use super::Call;
use crate::base::{ColumnType, ErrorKind, Result, Value};

pub(super) const NAMES: &[&str] = &[
    "abs",
    "signum",
    "negate",
    "round",
    "max",
    "min",
    "clamp",
    "lowerBin",
    "upperBin",
    "isNull",
    "isNaN",
    "isInf",
    "isFinite",
    "isNormal",
    "replaceIfNull",
    "nullToValue",
    "roundDecimalPlaces",
    "replaceIfNaN",
    "replaceIfNullNaN",
    "replaceIfNonFinite",
    "in",
    "inRange",
    "ifelse",
    "ifelseObj",
    "and",
    "or",
    "not",
    "byteCast",
    "shortCast",
    "charCast",
    "intCast",
    "longCast",
    "floatCast",
    "doubleCast",
    "parseByte",
    "parseShort",
    "parseInt",
    "parseLong",
    "parseFloat",
    "parseDouble",
    "parseBoolean",
];

/// Makes the call if the name is of this group.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    let java = matches!(call.class, "Math" | "StrictMath");
    if !java
        && !matches!(
            call.class,
            "" | "Integer" | "Long" | "Short" | "Byte" | "Float" | "Double" | "Boolean" | "Objects"
        )
    {
        return Ok(None);
    }
    if let Some((_, f)) = math::OF_DOUBLE.iter().find(|(name, _)| *name == call.name) {
        let [x] = call.take(checker)?;
        let x = checker.widen(x, ColumnType::Double)?;
        return Ok(Some(checker.kernel(math::of_double(*f, !java), vec![x], ColumnType::Double, false, call.span)));
    }
    if let Some((_, f)) = math::OF_DOUBLES.iter().find(|(name, _)| *name == call.name) {
        let [mut x, mut y] = call.take(checker)?;
        let meet_as_floats =
            |a: Typed, b: Typed| a.kind == Type::Of(ColumnType::Float) && b.kind != Type::Of(ColumnType::Double);
        if !java && call.name != "pow" && (meet_as_floats(x, y) || meet_as_floats(y, x)) {
            (x, y) = (checker.widen(x, ColumnType::Float)?, checker.widen(y, ColumnType::Float)?);
        }
        let x = checker.widen(x, ColumnType::Double)?;
        let y = checker.widen(y, ColumnType::Double)?;
        return Ok(Some(checker.kernel(math::of_doubles(*f, !java), vec![x, y], ColumnType::Double, false, call.span)));
    }
    if let Some(typed) = parse(checker, call)? {
        return Ok(Some(typed));
    }
    Ok(Some(match call.name {
        "abs" => {
            let [x] = call.take(checker)?;
            let column_type = numeric(checker, x, call.name)?;
            if column_type == ColumnType::Char && !java {
                return Ok(Some(x));
            }
            let narrow = java && matches!(column_type, ColumnType::Byte | ColumnType::Short);
            let column_type = if narrow || column_type == ColumnType::Char { ColumnType::Int } else { column_type };
            let x = checker.widen(x, column_type)?;
            checker.kernel(math::absolute(column_type, !java), vec![x], column_type, false, call.span)
        }
        "negate" => {
            let [x] = call.take(checker)?;
            numeric(checker, x, call.name)?;
            checker.unary(UnaryOperator::Negate, x, call.span)?
        }
        "signum" => {
            let [x] = call.take(checker)?;
            let x = checker.widen(x, ColumnType::Double)?;
            if java {
                let sign = math::of_double(|v| if v == 0.0 || v.is_nan() { v } else { v.signum() }, false);
                checker.kernel(sign, vec![x], ColumnType::Double, false, call.span)
            } else {
                checker.kernel(math::sign(), vec![x], ColumnType::Int, false, call.span)
            }
        }
        "round" => {
            let [x] = call.take(checker)?;
            let column_type = numeric(checker, x, call.name)?;
            if !column_type.is_floating() {
                return Ok(Some(checker.widen(x, ColumnType::Long)?));
            }
            let kernel = math::round(column_type, !java);
            checker.kernel(kernel, vec![x], ColumnType::Long, false, call.span)
        }
        "floorMod" | "floorDiv" if java => {
            let (operands, column_type) = common(checker, call, 2, |t| is_number(t) && !t.is_floating())?;
            let (modulo, target) = (call.name == "floorMod", promoted(column_type, ColumnType::Int));
            let operands = operands.into_iter().map(|one| checker.widen(one, target));
            let operands = operands.collect::<Result<Vec<_>>>()?;
            let kernel =
                if target == ColumnType::Long { math::floor::<i64>(modulo) } else { math::floor::<i32>(modulo) };
            checker.kernel(kernel, operands, target, true, call.span)
        }
        "max" | "min" => extreme(checker, call, !java)?,
        "clamp" => {
            let (operands, column_type) = common(checker, call, 3, is_number)?;
            let kernel = math::clamp(column_type).ok_or_else(|| unfit(checker, call, column_type))?;
            checker.kernel(kernel, operands, column_type, true, call.span)
        }
        "lowerBin" | "upperBin" => bin(checker, call)?,
        "isNull" => {
            let [x] = call.take(checker)?;
            let x =
                if x.kind == Type::Null { checker.typed_value(&Value::Null, ColumnType::String, x.span) } else { x };
            let column_type = checker.column_type(x)?;
            let typed = checker.kernel(compare::is_null(column_type), vec![x], ColumnType::Boolean, false, call.span);
            checker.certain(typed)
        }
        "isNaN" => double_test(checker, call, f64::is_nan)?,
        "isInf" | "isInfinite" => double_test(checker, call, f64::is_infinite)?,
        "isFinite" => double_test(checker, call, f64::is_finite)?,
        "isNormal" => double_test(checker, call, |v| v.is_finite())?,
        "replaceIfNull" | "nullToValue" | "replaceIfNaN" | "replaceIfNullNaN" | "replaceIfNonFinite" => {
            replace_if(checker, call)?
        }
        "roundDecimalPlaces" => {
            let [x, places] = call.take(checker)?;
            let x = checker.widen(x, ColumnType::Double)?;
            let places = checker.widen(places, ColumnType::Int)?;
            checker.kernel(math::round_places(), vec![x, places], ColumnType::Double, false, call.span)
        }
        "compare" if !java && !call.class.is_empty() => {
            let [x, y] = call.take(checker)?;
            let less = checker.compare(Comparison::Less, x, y, call.span)?;
            let greater = checker.compare(Comparison::Greater, x, y, call.span)?;
            let [minus, zero, plus] = [-1, 0, 1].map(|sign| checker.value(&Value::Int(sign), call.span));
            let rest = checker.ternary(greater, plus, zero, call.span)?;
            checker.ternary(less, minus, rest, call.span)?
        }
        "in" => member(checker, call)?,
        "ifelse" | "ifelseObj" => {
            let [test, yes, no] = call.take(checker)?;
            let test = checker.expect(test, ColumnType::Boolean, call.name)?;
            let truth = checker.value(&Value::Boolean(true), call.span);
            let holds = checker.compare(Comparison::Equal, test, truth, call.span)?;
            let chosen = checker.ternary(holds, yes, no, call.span)?;
            let column_type = checker.column_type(chosen)?;
            let null = checker.typed_value(&Value::Null, column_type, call.span);
            let is_null = compare::is_null(ColumnType::Boolean);
            let missing = checker.kernel(is_null, vec![test], ColumnType::Boolean, false, call.span);
            let missing = checker.certain(missing);
            checker.push(Operation::Ternary, vec![missing, null, chosen], chosen.kind, false, call.span)
        }
        "inRange" if call.arguments.iter().all(|one| one.kind == Type::Of(ColumnType::String)) => {
            let [text, low, high] = call.take(checker)?;
            let above = checker.compare(Comparison::GreaterOrEqual, text, low, call.span)?;
            let below = checker.compare(Comparison::LessOrEqual, text, high, call.span)?;
            let typed = checker.binary(BinaryOperator::BitAnd, above, below, call.span)?;
            checker.certain(typed)
        }
        "inRange" => {
            let (operands, column_type) = common(checker, call, 3, |t| is_number(t) || t == ColumnType::DateTime)?;
            let kernel = math::in_range(column_type).ok_or_else(|| unfit(checker, call, column_type))?;
            let typed = checker.kernel(kernel, operands, ColumnType::Boolean, false, call.span);
            checker.certain(typed)
        }
        "equals" if call.class == "Objects" => {
            let [x, y] = call.take(checker)?;
            checker.compare(Comparison::Equal, x, y, call.span)?
        }
        "and" | "or" => {
            let mut operands = Vec::new();
            for &argument in &call.arguments {
                operands.push(checker.expect(argument, ColumnType::Boolean, call.name)?);
            }
            if operands.is_empty() {
                return Err(call.wrong_count(checker, "1 or more"));
            }
            let kernel = math::all_or_any(call.name == "and");
            let typed = checker.kernel(kernel, operands, ColumnType::Boolean, true, call.span);
            checker.certain(typed)
        }
        "not" => {
            let [x] = call.take(checker)?;
            let x = checker.expect(x, ColumnType::Boolean, "not")?;
            checker.kernel(arithmetic::not(), vec![x], ColumnType::Boolean, false, call.span)
        }
        "byteCast" | "shortCast" | "charCast" | "intCast" | "longCast" | "floatCast" | "doubleCast" => {
            let [x] = call.take(checker)?;
            let target: ColumnType = call.name.trim_end_matches("Cast").parse()?;
            checker.cast(x, target, call.span)?
        }
        _ => return Ok(None),
    }))
}

fn numeric(checker: &Checker<'_>, typed: Typed, name: &str) -> Result<ColumnType> {
    let column_type = checker.column_type(typed)?;
    if is_number(column_type) {
        return Ok(column_type);
    }
    Err(checker.error(ErrorKind::Type, typed.span, format!("{name} takes a number, not a {column_type}")))
}

fn unfit(checker: &Checker<'_>, call: &Call<'_>, column_type: ColumnType) -> crate::base::Error {
    checker.error(ErrorKind::Type, call.span, format!("there is no {} of {column_type}", call.name))
}

/// The arguments brought to the type in which they meet.
fn common(
    checker: &mut Checker<'_>,
    call: &Call<'_>,
    count: usize,
    fits: fn(ColumnType) -> bool,
) -> Result<(Vec<Typed>, ColumnType)> {
    if call.arguments.len() != count {
        return Err(call.wrong_count(checker, &count.to_string()));
    }
    let target = meeting(checker, call, fits)?;
    let mut operands = Vec::new();
    for &argument in &call.arguments {
        operands.push(checker.widen(argument, target)?);
    }
    Ok((operands, target))
}

fn meeting(checker: &Checker<'_>, call: &Call<'_>, fits: fn(ColumnType) -> bool) -> Result<ColumnType> {
    let mut target: Option<ColumnType> = None;
    for &argument in call.arguments.iter().filter(|argument| argument.kind != Type::Null) {
        let column_type = checker.column_type(argument)?;
        if !fits(column_type) {
            return Err(checker.error(ErrorKind::Type, argument.span, format!("{} takes no {column_type}", call.name)));
        }
        target = Some(match target {
            None => column_type,
            Some(other) if other == column_type => other,
            Some(other) if is_number(other) && is_number(column_type) => promoted(other, column_type),
            Some(other) => {
                let message = format!("{} takes arguments of one type, not {other} and {column_type}", call.name);
                return Err(checker.error(ErrorKind::Type, argument.span, message));
            }
        });
    }
    target.ok_or_else(|| checker.error(ErrorKind::Type, call.span, format!("{} of nulls has no type", call.name)))
}

fn extreme(checker: &mut Checker<'_>, call: &Call<'_>, nulls: bool) -> Result<Typed> {
    if call.arguments.is_empty() || !nulls && call.arguments.len() != 2 {
        return Err(call.wrong_count(checker, if nulls { "1 or more" } else { "2" }));
    }
    let target = meeting(checker, call, |t| is_number(t) || t == ColumnType::DateTime)?;
    // Java's functions know no numbers narrower than int; a null that is widened for them stays null, or what stands for it there.
    let target = if nulls || !is_number(target) { target } else { promoted(target, ColumnType::Int) };
    let mut result: Option<Typed> = None;
    for &argument in &call.arguments {
        let argument = checker.widen(argument, target)?;
        result = Some(match result {
            None => argument,
            Some(left) => {
                let kernel =
                    math::extreme(target, call.name == "max", nulls).ok_or_else(|| unfit(checker, call, target))?;
                checker.kernel(kernel, vec![left, argument], target, false, call.span)
            }
        });
    }
    result.ok_or_else(|| call.wrong_count(checker, "1 or more"))
}

fn bin(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Typed> {
    let upper = call.name == "upperBin";
    let [x, width] = match call.arguments.as_slice() {
        [x, width] | [x, width, _] => [*x, *width],
        _ => return Err(call.wrong_count(checker, "2 or 3")),
    };
    let column_type = checker.column_type(x)?;
    let target = match column_type {
        ColumnType::DateTime => ColumnType::Long,
        other if is_number(other) => {
            let width_type = numeric(checker, width, call.name)?;
            if other == width_type && other.is_numeric() { other } else { promoted(other, width_type) }
        }
        _ => return Err(unfit(checker, call, column_type)),
    };
    // Narrow integers are binned as ints, and stay what they were.
    let working = match target {
        ColumnType::Byte | ColumnType::Short => ColumnType::Int,
        ColumnType::Float => ColumnType::Double,
        other => other,
    };
    let x = if column_type == ColumnType::DateTime { x } else { checker.widen(x, working)? };
    let mut operands = vec![x, checker.widen(width, working)?];
    if let Some(&offset) = call.arguments.get(2) {
        operands.push(checker.widen(offset, working)?);
    }
    let kernel = match working {
        ColumnType::Int => math::bin::<i32>(upper),
        ColumnType::Long => math::bin::<i64>(upper),
        ColumnType::Double => math::bin_double(upper),
        _ => return Err(unfit(checker, call, column_type)),
    };
    if column_type == ColumnType::DateTime {
        let kernel: super::super::node::Kernel =
            Box::new(move |operands, len| kernel(operands, len).map(super::super::operand::as_date_time));
        return Ok(checker.kernel(kernel, operands, ColumnType::DateTime, true, call.span));
    }
    let typed = checker.kernel(kernel, operands, working, true, call.span);
    checker.widen(typed, target)
}

fn double_test(checker: &mut Checker<'_>, call: &Call<'_>, f: fn(f64) -> bool) -> Result<Typed> {
    let [x] = call.take(checker)?;
    numeric(checker, x, call.name)?;
    let x = checker.widen(x, ColumnType::Double)?;
    let typed = checker.kernel(math::test_double(f), vec![x], ColumnType::Boolean, false, call.span);
    Ok(checker.certain(typed))
}

/// `replaceIf…(x, y)`: y where x is null or NaN.
fn replace_if(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Typed> {
    let [x, y] = call.take(checker)?;
    let (x, y) = checker.settle_nulls(x, y)?;
    let (a, b) = (checker.column_type(x)?, checker.column_type(y)?);
    let target = if is_number(a) && is_number(b) && a != b { promoted(a, b) } else { a };
    let nan = !matches!(call.name, "replaceIfNull" | "nullToValue");
    if nan {
        numeric(checker, x, call.name)?;
    }
    let test = if nan && a.is_floating() {
        let double = checker.widen(x, ColumnType::Double)?;
        let kernel = match call.name {
            "replaceIfNonFinite" => math::is_not_finite(),
            name => math::is_missing(name == "replaceIfNullNaN", true),
        };
        checker.kernel(kernel, vec![double], ColumnType::Boolean, false, call.span)
    } else {
        checker.kernel(compare::is_null(a), vec![x], ColumnType::Boolean, false, call.span)
    };
    let test = checker.certain(test);
    let (x, y) = (checker.widen(x, target)?, checker.widen(y, target)?);
    Ok(checker.push(Operation::Ternary, vec![test, y, x], Type::Of(target), false, call.span))
}

/// `in(x, a, b, …)`.
fn member(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Typed> {
    let Some((&x, values)) = call.arguments.split_first() else { return Err(call.wrong_count(checker, "2 or more")) };
    let mut result: Option<Typed> = None;
    for &value in values {
        let equal = checker.compare(Comparison::Equal, x, value, call.span)?;
        result = Some(match (result, arithmetic::booleans(BinaryOperator::BitOr)) {
            (Some(left), Some(kernel)) => {
                let either = checker.kernel(kernel, vec![left, equal], ColumnType::Boolean, false, call.span);
                checker.certain(either)
            }
            _ => equal,
        });
    }
    result.ok_or_else(|| call.wrong_count(checker, "2 or more"))
}

fn parse(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    let name = match (call.class, call.name) {
        // `Integer.valueOf(…)` reads text and takes a number as it is.
        (class, "valueOf") if !class.is_empty() => {
            let (reads, target) = match class {
                "Integer" => ("parseInt", ColumnType::Int),
                "Long" => ("parseLong", ColumnType::Long),
                "Short" => ("parseShort", ColumnType::Short),
                "Byte" => ("parseByte", ColumnType::Byte),
                "Float" => ("parseFloat", ColumnType::Float),
                "Double" => ("parseDouble", ColumnType::Double),
                "Boolean" => ("parseBoolean", ColumnType::Boolean),
                _ => return Ok(None),
            };
            let [one] = call.take(checker)?;
            if one.kind != Type::Of(ColumnType::String) {
                return checker.cast(one, target, call.span).map(Some);
            }
            reads
        }
        (_, name) => name,
    };
    let (kernel, result) = match name {
        "parseByte" => (math::parse("byte", |t| t.parse::<i8>().ok()), ColumnType::Byte),
        "parseShort" => (math::parse("short", |t| t.parse::<i16>().ok()), ColumnType::Short),
        "parseInt" => (math::parse("int", |t| t.parse::<i32>().ok()), ColumnType::Int),
        "parseLong" => (math::parse("long", |t| t.parse::<i64>().ok()), ColumnType::Long),
        "parseFloat" => (math::parse("float", |t| math::parse_double(t).map(|v| v as f32)), ColumnType::Float),
        "parseDouble" => (math::parse("double", math::parse_double), ColumnType::Double),
        "parseBoolean" => (
            math::parse("boolean", |t| Some(crate::base::Boolean::from(t.eq_ignore_ascii_case("true")))),
            ColumnType::Boolean,
        ),
        _ => return Ok(None),
    };
    let [text] = call.take(checker)?;
    let text = checker.expect(text, ColumnType::String, call.name)?;
    Ok(Some(checker.kernel(kernel, vec![text], result, true, call.span)))
}
