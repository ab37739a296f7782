//! Arrays out of single values, single values out of arrays of any type, and what a value is an instance of.

use super::super::check::{Checker, Typed};
use super::super::kernels::arrays::{self, Choice};
use super::super::kernels::big_pairs::weighted_type;
use super::super::kernels::cast::with_number;
use super::super::node::{Kernel, Type};
use super::super::operators::{is_number, promoted};
use super::Call;
use super::arrays::with_cell;
use crate::base::{Boolean, ColumnType, Error, ErrorKind, Result, Value};
use crate::memory::Chunk;

pub(super) const NAMES: &[&str] = &["unique", "repeat", "enlist", "array", "vec", "binSearchIndex"];

/// Makes the call if the name is of this group.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    if !matches!(call.class, "" | "Basic" | "Numeric" | "Sort") {
        return Ok(None);
    }
    let (span, arguments) = (call.span, &call.arguments[..]);
    Ok(Some(match (call.name.strip_suffix("Obj").unwrap_or(call.name), arguments) {
        ("instanceof", [value, class]) => instance_of(checker, *value, *class, call)?,
        ("unique", [array]) if element(*array).is_some() => {
            let array = *array;
            let of = element(array).unwrap_or(ColumnType::String);
            let kernel: Option<Kernel> = match of {
                ColumnType::String => Some(arrays::unique_text()),
                other => with_cell!(other, T => Some(arrays::unique::<T>()), else None),
            };
            let kernel = kernel.ok_or_else(|| unfit(checker, call, of))?;
            checker.kernel(kernel, vec![array], of, false, span)
        }
        ("repeat", [value, count]) => {
            let of = checker.column_type(*value)?;
            let count = checker.widen(*count, ColumnType::Long)?;
            checker.kernel(arrays::repeat(), vec![*value, count], of.array()?, true, span)
        }
        ("vec" | "array", [array]) if element(*array).is_some() => *array,
        ("enlist" | "array" | "vec", values) if !values.is_empty() => {
            let of = common(checker, values, call)?;
            let values = values.iter().map(|&value| checker.convert(value, of, true)).collect::<Result<Vec<_>>>()?;
            checker.kernel(arrays::literal(of), values, of.array()?, false, span)
        }
        ("binSearchIndex", [array, key, choice]) if element(*array).is_some() => {
            let (array, key) = (*array, *key);
            let of = element(array).unwrap_or(ColumnType::Long);
            let choice = match checker.program.constant(choice.id).map(|chunk| chunk.value(0)) {
                Some(Value::Int(0 | 2)) => Choice::Lowest,
                Some(Value::Int(1)) => Choice::Highest,
                _ => {
                    let error = checker.error(ErrorKind::Type, choice.span, "binSearchIndex takes a choice here");
                    return Err(error.hint("it is BinSearch.BS_ANY, BinSearch.BS_LOWEST or BinSearch.BS_HIGHEST"));
                }
            };
            let key = checker.widen(key, of)?;
            let kernel = with_cell!(of, T => Some(arrays::binary_search::<T>(choice)), else None);
            let kernel = kernel.ok_or_else(|| unfit(checker, call, of))?;
            checker.kernel(kernel, vec![array, key], ColumnType::Int, false, span)
        }
        ("wavg" | "wsum", [values, weights]) => {
            let (Some(x), Some(y)) = (element(*values), element(*weights)) else { return Ok(None) };
            if !x.is_big() && !y.is_big() {
                return Ok(None);
            }
            let average = call.name == "wavg";
            let result = weighted_type(&[x, y], average).ok_or_else(|| unfit(checker, call, x))?;
            if result == ColumnType::Double {
                // As of doubles: there is no exact decimal of every float.
                let arguments = [*values, *weights].map(|array| -> Result<Typed> {
                    match element(array) {
                        Some(of) if of.is_big() => {
                            let doubles = ColumnType::Double.array()?;
                            Ok(checker.kernel(arrays::big_doubles(), vec![array], doubles, true, span))
                        }
                        _ => Ok(array),
                    }
                });
                let arguments = arguments.into_iter().collect::<Result<Vec<_>>>()?;
                return super::arrays::call(checker, &Call { class: "", name: call.name, arguments, span });
            }
            checker.kernel(arrays::big_weighted(result, average), vec![*values, *weights], result, true, span)
        }
        _ => return Ok(None),
    }))
}

/// The type of the elements of an argument that is an array.
fn element(typed: Typed) -> Option<ColumnType> {
    match typed.kind {
        Type::Of(column_type) => column_type.element(),
        _ => None,
    }
}

/// The type that all values have, numbers promoted; nulls take that of the others.
fn common(checker: &Checker<'_>, values: &[Typed], call: &Call<'_>) -> Result<ColumnType> {
    let mut all: Option<ColumnType> = None;
    for value in values.iter().filter(|value| value.kind != Type::Null) {
        let of = checker.column_type(*value)?;
        all = Some(match all {
            None => of,
            Some(all) if all == of => of,
            Some(all) if is_number(all) && is_number(of) => promoted(all, of),
            Some(all) => {
                return Err(checker.error(
                    ErrorKind::Type,
                    value.span,
                    format!("{} takes values of one type, {all} here", call.name),
                ));
            }
        });
    }
    all.ok_or_else(|| checker.error(ErrorKind::Type, call.span, format!("{} of nulls alone has no type", call.name)))
}

/// Whether a value is one of a class, which its type decides: null is of none.
fn instance_of(checker: &mut Checker<'_>, value: Typed, class: Typed, call: &Call<'_>) -> Result<Typed> {
    let name = checker.program.constant(class.id).map(|chunk| chunk.value(0));
    let Some(name) = name.as_ref().and_then(Value::as_str).map(str::to_string) else {
        return Err(checker.error(ErrorKind::Type, class.span, "instanceof takes a class"));
    };
    if value.kind == Type::Null {
        return Ok(checker.value(&Value::Boolean(false), call.span));
    }
    let of = checker.column_type(value)?;
    let holds = match name.as_str() {
        "Object" | "Serializable" => true,
        "Comparable" => of.element().is_none(),
        "CharSequence" => of == ColumnType::String,
        "Number" => is_number(of) && of != ColumnType::Char || of.is_big(),
        "Instant" | "DBDateTime" | "DateTime" => of == ColumnType::DateTime,
        other => checker.type_named(other, class.span)? == of,
    };
    if !holds {
        return Ok(checker.value(&Value::Boolean(false), call.span));
    }
    let kernel: Kernel = Box::new(|operands, len| {
        Ok(Chunk::Boolean((0..len).map(|row| Boolean::from(arrays::is_there(&operands[0], row))).collect()))
    });
    let typed = checker.kernel(kernel, vec![value], ColumnType::Boolean, false, call.span);
    Ok(checker.certain(typed))
}

fn unfit(checker: &Checker<'_>, call: &Call<'_>, element: ColumnType) -> Error {
    checker.error(ErrorKind::Type, call.span, format!("there is no {} of {element}[]", call.name))
}
