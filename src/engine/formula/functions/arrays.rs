//! Functions and methods of arrays, and the arrays that formulas make.

use super::super::check::{Checker, Typed};
use super::super::kernels::arrays;
use super::super::kernels::cast::with_number;
use super::super::node::{Kernel, Type};
use super::super::operators::{is_number, promoted};
use super::super::source::Span;
use super::Call;
use crate::base::{Boolean, ColumnType, ErrorKind, Result, Value};
use crate::memory::Chunk;

pub(super) const NAMES: &[&str] = &[
    "sum",
    "product",
    "avg",
    "absAvg",
    "var",
    "std",
    "ste",
    "tstat",
    "median",
    "percentile",
    "count",
    "countPos",
    "countNeg",
    "countZero",
    "countDistinct",
    "distinct",
    "first",
    "last",
    "nth",
    "indexOfMax",
    "indexOfMin",
    "firstIndexOf",
    "len",
    "cumsum",
    "cumprod",
    "cummin",
    "cummax",
    "reverse",
    "concat",
    "sort",
    "sortDescending",
    "rank",
    "minObj",
    "maxObj",
    "sortObj",
    "sortDescendingObj",
    "distinctObj",
    "countDistinctObj",
    "firstObj",
    "lastObj",
    "wavg",
    "wsum",
    "wvar",
    "wstd",
    "wste",
    "wtstat",
    "cov",
    "cor",
    "String.join",
];

/// Runs an expression with `$T` standing for the Rust type of any type of fixed width but String.
macro_rules! with_cell {
    ($column_type:expr, $T:ident => $body:expr, else $other:expr) => {
        match $column_type {
            ColumnType::Boolean => {
                type $T = Boolean;
                $body
            }
            other => with_number!(other, $T => $body, else $other),
        }
    };
}

pub(super) use with_cell;

/// The type of the elements of an argument that is an array.
fn element(typed: Typed) -> Option<ColumnType> {
    match typed.kind {
        Type::Of(column_type) => column_type.element(),
        _ => None,
    }
}

/// Makes the call if the name is of this group and an argument is an array.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    if (call.class, call.name) == ("String", "join") {
        return join(checker, call).map(Some);
    }
    if !matches!(call.class, "" | "Numeric" | "Basic" | "Sort") {
        return Ok(None);
    }
    let span = call.span;
    let name = call.name;
    if !call.arguments.iter().any(|argument| element(*argument).is_some()) {
        return of_numbers(checker, call);
    }
    if let [array] = call.arguments[..]
        && let Some(element) = element(array)
        && let Some((kernel, result)) = of_one(name, element)?
    {
        let fallible = result.element().is_some();
        return Ok(Some(checker.kernel(kernel, vec![array], result, fallible, span)));
    }
    let whole = |name: &str| name.strip_suffix("Obj").unwrap_or(name).to_string();
    Ok(Some(match (whole(name).as_str(), &call.arguments[..]) {
        ("concat", all) if element(all[0]).is_some() => {
            let wanted = all[0].kind;
            if let Some(odd) = all.iter().find(|argument| argument.kind != wanted) {
                return Err(checker.error(ErrorKind::Type, odd.span, "concat takes arrays of one type"));
            }
            let result = checker.column_type(all[0])?;
            checker.kernel(arrays::concat(), all.to_vec(), result, true, span)
        }
        ("nth", [index, array]) => {
            let index = checker.widen(*index, ColumnType::Long)?;
            let result = element_of(checker, *array, call)?;
            checker.kernel(arrays::element(), vec![*array, index], result, false, span)
        }
        ("percentile", [p, array]) => {
            let (p, array) = if element(*p).is_some() { (*array, *p) } else { (*p, *array) };
            let p = checker.widen(p, ColumnType::Double)?;
            let result = element_of(checker, array, call)?;
            let kernel = with_number!(result, T => Some(arrays::percentile::<T>()), else None);
            let Some(kernel) = kernel else { return Err(unfit(checker, call, result)) };
            checker.kernel(kernel, vec![p, array], result, true, span)
        }
        ("in" | "firstIndexOf", [value, array]) if element(*value).is_none() => search(checker, call, *value, *array)?,
        ("countDistinct" | "distinct", [array, nulls]) if element(*array).is_some() => {
            let nulls = match checker.program.constant(nulls.id).map(|chunk| chunk.value(0)) {
                Some(Value::Boolean(nulls)) => nulls,
                _ => {
                    return Err(checker.error(ErrorKind::Type, nulls.span, format!("{name} takes true or false here")));
                }
            };
            let of = element_of(checker, *array, call)?;
            let Some((kernel, result)) = distinct(name, of, nulls) else { return Err(unfit(checker, call, of)) };
            checker.kernel(kernel, vec![*array], result, true, span)
        }
        ("wavg" | "wsum" | "wvar" | "wstd" | "wste" | "wtstat" | "cov" | "cor", [a, b]) => {
            let (x, y) = (element_of(checker, *a, call)?, element_of(checker, *b, call)?);
            let whole = |t: ColumnType| is_number(t) && !t.is_floating();
            if name == "wsum" && whole(x) && whole(y) {
                let (a, b) =
                    (numbers(checker, *a, ColumnType::Long, call)?, numbers(checker, *b, ColumnType::Long, call)?);
                return Ok(Some(checker.kernel(arrays::weighted_sum_long(), vec![a, b], ColumnType::Long, true, span)));
            }
            let double = ColumnType::Double;
            let (a, b) = (numbers(checker, *a, double, call)?, numbers(checker, *b, double, call)?);
            let pairs: fn(&mut dyn Iterator<Item = (f64, f64)>) -> f64 = match name {
                "wavg" => arrays::weighted_average,
                "wsum" => arrays::weighted_sum,
                "wvar" => arrays::weighted_variance,
                "wstd" => arrays::weighted_deviation,
                "wste" => arrays::weighted_error,
                "wtstat" => arrays::weighted_t_statistic,
                "cov" => arrays::covariance,
                _ => arrays::correlation,
            };
            checker.kernel(arrays::of_pairs(pairs), vec![a, b], ColumnType::Double, true, span)
        }
        (
            "min" | "max" | "sum" | "avg" | "std" | "var" | "sort" | "distinct" | "first" | "last" | "reverse",
            [array],
        ) => {
            let of = element_of(checker, *array, call)?;
            return Err(unfit(checker, call, of));
        }
        _ => return Ok(None),
    }))
}

/// `sum(a, b, …)` and others of single numbers, which are the elements of an array then.
fn of_numbers(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    const OF_NUMBERS: [&str; 11] =
        ["sum", "product", "avg", "absAvg", "std", "var", "ste", "tstat", "median", "cumsum", "cumprod"];
    let mut of: Option<ColumnType> = None;
    for argument in &call.arguments {
        let Type::Of(own) = argument.kind else { return Ok(None) };
        if !is_number(own) {
            return Ok(None);
        }
        of = Some(of.map_or(own, |of| if of == own { of } else { promoted(of, own) }));
    }
    let Some(of) = of.filter(|_| OF_NUMBERS.contains(&call.name)) else { return Ok(None) };
    let values = call.arguments.iter().map(|&value| checker.convert(value, of, true)).collect::<Result<Vec<_>>>()?;
    let array = checker.kernel(arrays::literal(of), values, of.array()?, false, call.span);
    self::call(checker, &Call { class: call.class, name: call.name, arguments: vec![array], span: call.span })
}

fn unfit(checker: &Checker<'_>, call: &Call<'_>, element: ColumnType) -> crate::base::Error {
    let error = checker.error(ErrorKind::Type, call.span, format!("there is no {} of {element}[]", call.name));
    match format!("{}Obj", call.name) {
        objects if NAMES.contains(&objects.as_str()) && element == ColumnType::String => {
            error.hint(format!("of texts it is {objects}"))
        }
        _ => error,
    }
}

fn element_of(checker: &Checker<'_>, typed: Typed, call: &Call<'_>) -> Result<ColumnType> {
    element(typed)
        .ok_or_else(|| checker.error(ErrorKind::Type, typed.span, format!("{} takes an array here", call.name)))
}

/// The kernel of a function of one array and the type of its result.
fn of_one(name: &str, element: ColumnType) -> Result<Option<(Kernel, ColumnType)>> {
    let array = element.array()?;
    let is_object = element == ColumnType::String
        || element.is_object()
        || matches!(element, ColumnType::Boolean | ColumnType::DateTime);
    let base = match name.strip_suffix("Obj") {
        Some(base) if is_object || element.element().is_some() => base,
        Some(_) => return Ok(None),
        None => name,
    };
    // Elements of any type.
    let found = match base {
        "count" => Some((arrays::count(), ColumnType::Long)),
        "len" | "size" => Some((arrays::size(true), ColumnType::Long)),
        "reverse" if !(element == ColumnType::String && name == "reverse") => Some((arrays::reverse(), array)),
        "first" if name == "firstObj" || is_number(element) => Some((first(), element)),
        "last" if name == "lastObj" || is_number(element) => Some((arrays::last(), element)),
        "distinct" if (name, element) == ("distinctObj", ColumnType::String) => {
            Some((arrays::distinct_texts(false), array))
        }
        "countDistinct" if (name, element) == ("countDistinctObj", ColumnType::String) => {
            let (distinct, size) = (arrays::distinct_texts(false), arrays::size(true));
            let count: Kernel = Box::new(move |operands, len| {
                let distinct = super::super::operand::Operand::owned(distinct(operands, len)?, false);
                size(vec![distinct], len)
            });
            Some((count, ColumnType::Long))
        }
        "distinct" | "countDistinct" => distinct(base, element, false),
        "rank" if is_object == name.ends_with("Obj") => Some((arrays::rank(), ColumnType::Int.array()?)),
        "sort" | "sortDescending" if base != name => Some((arrays::sorted_objects(base != "sort"), array)),
        "min" | "max" if base != name => Some((arrays::extreme_object(base == "max"), element)),
        _ => None,
    };
    if found.is_some() || element == ColumnType::DateTime && !matches!(name, "min" | "max" | "sort" | "sortDescending")
    {
        return Ok(found);
    }
    let whole = !element.is_floating();
    use ColumnType::{Double, Long};
    Ok(with_number!(element, T => match name {
        "sum" if whole => Some((arrays::fold(arrays::sum_long::<T>), Long)),
        "sum" => Some((arrays::fold(arrays::sum_double::<T>), Double)),
        "product" if whole => Some((arrays::fold(arrays::product_long::<T>), Long)),
        "product" => Some((arrays::fold(arrays::product_double::<T>), Double)),
        "avg" => Some((arrays::fold(arrays::average::<T>), Double)),
        "absAvg" => Some((arrays::fold(arrays::absolute_average::<T>), Double)),
        "var" => Some((arrays::fold(arrays::variance::<T>), Double)),
        "std" => Some((arrays::fold(arrays::deviation::<T>), Double)),
        "ste" => Some((arrays::fold(arrays::standard_error::<T>), Double)),
        "tstat" => Some((arrays::fold(arrays::t_statistic::<T>), Double)),
        "median" => Some((arrays::fold(arrays::median::<T>), Double)),
        "min" | "max" => {
            let greatest = name == "max";
            Some((as_type(arrays::fold(move |v: &[T]| arrays::extreme(v, greatest)), element), element))
        }
        "indexOfMax" | "indexOfMin" => {
            let greatest = name == "indexOfMax";
            let index = move |v: &[T]| arrays::index_of_extreme(v, greatest);
            Some((arrays::fold(index), Long))
        }
        "countPos" => Some((arrays::fold(|v: &[T]| arrays::count_where(v, |x| x > T::default())), Long)),
        "countNeg" => Some((arrays::fold(|v: &[T]| arrays::count_where(v, |x| x < T::default())), Long)),
        "countZero" => Some((arrays::fold(|v: &[T]| arrays::count_where(v, |x| x == T::default())), Long)),
        "cumsum" if whole => Some((arrays::map(Long, arrays::sums_long::<T>), Long.array()?)),
        "cumsum" => Some((arrays::map(Double, arrays::sums_double::<T>), Double.array()?)),
        "cumprod" if whole => Some((arrays::map(Long, arrays::products_long::<T>), Long.array()?)),
        "cumprod" => Some((arrays::map(Double, arrays::products_double::<T>), Double.array()?)),
        "cummin" | "cummax" => {
            let greatest = name == "cummax";
            Some((arrays::map(element, move |v: &[T], out| arrays::extremes(v, out, greatest)), array))
        }
        "sort" | "sortDescending" => {
            let descending = name == "sortDescending";
            Some((arrays::map(element, move |v: &[T], out| arrays::sorted(v, out, descending)), array))
        }
        _ => None,
    }, else None))
}

/// Longs as date-times where the result is of that type.
fn as_type(kernel: Kernel, column_type: ColumnType) -> Kernel {
    match column_type {
        ColumnType::DateTime => {
            Box::new(move |operands, len| kernel(operands, len).map(super::super::operand::as_date_time))
        }
        _ => kernel,
    }
}

fn first() -> Kernel {
    let element = arrays::element();
    Box::new(move |mut operands, len| {
        operands.push(super::super::operand::Operand::owned(Chunk::Long(vec![0]), true));
        element(operands, len)
    })
}

fn distinct(name: &str, element: ColumnType, nulls: bool) -> Option<(Kernel, ColumnType)> {
    let array = element.array().ok()?;
    let count = name.starts_with("count");
    with_cell!(element, T => match count {
        true => Some((arrays::fold(move |v: &[T]| arrays::distinct_at(v, nulls).len() as i64), ColumnType::Long)),
        false => Some((arrays::map(element, move |v: &[T], out| arrays::distinct(v, out, nulls)), array)),
    }, else None)
}

/// `in(x, array)` and `firstIndexOf(x, array)`.
fn search(checker: &mut Checker<'_>, call: &Call<'_>, value: Typed, array: Typed) -> Result<Typed> {
    let of = element_of(checker, array, call)?;
    if of == ColumnType::String {
        let value = checker.expect(value, of, call.name)?;
        let (kernel, result) = match call.name {
            "in" | "inObj" => (arrays::contains_text(), ColumnType::Boolean),
            _ => (arrays::index_of_text(), ColumnType::Long),
        };
        return Ok(checker.kernel(kernel, vec![value, array], result, false, call.span));
    }
    // A number of another type is compared as the elements' type, if that is wide enough.
    let value = checker.widen(value, of)?;
    let found: Option<(Kernel, ColumnType)> = with_cell!(of, T => Some(match call.name {
        "in" | "inObj" => (arrays::fold_with(Boolean::FALSE, arrays::contains::<T>), ColumnType::Boolean),
        _ => (arrays::fold_with(i64::MIN, arrays::first_index::<T>), ColumnType::Long),
    }), else None);
    match found {
        Some((kernel, result)) => Ok(checker.kernel(kernel, vec![value, array], result, false, call.span)),
        None => Err(unfit(checker, call, of)),
    }
}

/// An array of numbers as one of doubles, or whole numbers as one of longs.
fn numbers(checker: &mut Checker<'_>, array: Typed, target: ColumnType, call: &Call<'_>) -> Result<Typed> {
    use super::super::kernels::cast::Number;
    use crate::base::Primitive;
    let of = element_of(checker, array, call)?;
    if of == target {
        return Ok(array);
    }
    let kernel: Option<Kernel> = with_number!(of, T => Some(match target {
        ColumnType::Long => arrays::map(target, |v: &[T], out: &mut Vec<i64>| {
            out.extend(v.iter().map(|x| if x.is_null() { i64::NULL } else { x.to_long() }));
        }),
        _ => arrays::map(target, |v: &[T], out: &mut Vec<f64>| {
            out.extend(v.iter().map(|x| if x.is_null() { f64::NULL } else { x.to_double() }));
        }),
    }), else None);
    let Some(kernel) = kernel.filter(|_| of != ColumnType::DateTime) else { return Err(unfit(checker, call, of)) };
    Ok(checker.kernel(kernel, vec![array], target.array()?, true, call.span))
}

fn join(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Typed> {
    let Some((&separator, texts)) = call.arguments.split_first() else {
        return Err(call.wrong_count(checker, "2 or more"));
    };
    let separator = checker.expect(separator, ColumnType::String, "String.join")?;
    let strings = ColumnType::String.array()?;
    let array = match texts {
        [array] if array.kind == Type::Of(strings) => *array,
        texts => {
            let texts = texts.iter().map(|&text| checker.expect(text, ColumnType::String, "String.join"));
            let texts = texts.collect::<Result<Vec<_>>>()?;
            checker.kernel(arrays::literal(ColumnType::String), texts, strings, false, call.span)
        }
    };
    Ok(checker.kernel(arrays::join(), vec![separator, array], ColumnType::String, true, call.span))
}

/// `new T[]{…}` and `new T[n]`, whose class comes as `T[]` and `T[#]`; none for other classes.
pub(super) fn construct(
    checker: &mut Checker<'_>,
    class: &str,
    arguments: &[Typed],
    span: Span,
) -> Result<Option<Typed>> {
    if let Some(name) = class.strip_suffix("[#]") {
        let element = checker.type_named(name, span)?;
        let length = checker.widen(arguments[0], ColumnType::Long)?;
        let mut zero = Chunk::nulls(element, 1);
        match &mut zero {
            Chunk::Boolean(values) => values[0] = Boolean::FALSE,
            Chunk::Char(values) => values[0] = 0,
            Chunk::Byte(values) => values[0] = 0,
            Chunk::Short(values) => values[0] = 0,
            Chunk::Int(values) => values[0] = 0,
            Chunk::Long(values) => values[0] = 0,
            Chunk::Float(values) => values[0] = 0.0,
            Chunk::Double(values) => values[0] = 0.0,
            _ => {}
        }
        return Ok(Some(checker.kernel(arrays::of_length(zero), vec![length], element.array()?, true, span)));
    }
    let Some(name) = class.strip_suffix("[]") else { return Ok(None) };
    if name == "Object" {
        return Err(checker
            .error(ErrorKind::Type, span, "an Object[] is no value")
            .hint("pass it to a function of the script: f.call(new Object[]{A})"));
    }
    let element = checker.type_named(name, span)?;
    let arguments =
        arguments.iter().map(|&argument| checker.convert(argument, element, true)).collect::<Result<Vec<_>>>()?;
    Ok(Some(checker.kernel(arrays::literal(element), arguments, element.array()?, false, span)))
}

/// `array.name(…)` and `array.name`.
pub(super) fn method(
    checker: &mut Checker<'_>,
    receiver: Typed,
    name: &str,
    arguments: &[Typed],
    span: Span,
) -> Result<Option<Typed>> {
    let array = checker.column_type(receiver)?;
    Ok(Some(match (name, arguments) {
        ("size", []) => checker.kernel(arrays::size(true), vec![receiver], ColumnType::Long, false, span),
        ("intSize" | "length", []) => checker.kernel(arrays::size(false), vec![receiver], ColumnType::Int, false, span),
        ("isEmpty", []) => {
            let size = checker.kernel(arrays::size(true), vec![receiver], ColumnType::Long, false, span);
            let zero = checker.value(&Value::Long(0), span);
            checker.compare(super::super::predicate::Comparison::Equal, size, zero, span)?
        }
        ("get", [index]) => checker.element(receiver, *index, span)?,
        ("toArray" | "copyToArray" | "getDirect", []) => receiver,
        ("subVector" | "subArray", [from, to]) => {
            let (from, to) = (checker.widen(*from, ColumnType::Long)?, checker.widen(*to, ColumnType::Long)?);
            checker.kernel(arrays::sub_vector(), vec![receiver, from, to], array, true, span)
        }
        ("subVectorByPositions", [positions])
            if matches!(element(*positions), Some(ColumnType::Int | ColumnType::Long)) =>
        {
            let call = Call { class: "", name, arguments: Vec::new(), span };
            let positions = numbers(checker, *positions, ColumnType::Long, &call)?;
            checker.kernel(arrays::by_positions(), vec![receiver, positions], array, true, span)
        }
        _ => return Ok(None),
    }))
}
