//! Functions of date-times.

use super::super::check::{Checker, Typed};
use super::super::kernels::{Named, arithmetic, time};
use super::super::node::{Kernel, Type};
use super::super::operand::as_date_time;
use super::super::predicate::Comparison;
use super::Call;
use crate::base::date_time::{Zone, format_date};
use crate::base::{ColumnType, ErrorKind, Result, Value};
use crate::memory::Chunk;

pub(super) const NAMES: &[&str] = &[
    "convertDateTime",
    "convertDateTimeQuiet",
    "parseInstant",
    "parseInstantQuiet",
    "currentTime",
    "currentDateNy",
    "currentDate",
    "isBefore",
    "isAfter",
    "isBeforeOrEqual",
    "isAfterOrEqual",
    "plus",
    "minus",
    "format",
    "formatDateTime",
    "formatDate",
    "dateAtMidnight",
    "atMidnight",
    "timeZone",
];

/// Makes the call if the name is of this group.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    if !matches!(call.class, "" | "DBTimeUtils" | "DateTimeUtils") {
        return Ok(None);
    }
    if let Some(typed) = from_tables(checker, call)? {
        return Ok(Some(typed));
    }
    let (name, span) = (call.name, call.span);
    Ok(Some(match name {
        "convertDateTime" | "parseInstant" | "convertDateTimeQuiet" | "parseInstantQuiet" => {
            let [text] = call.take(checker)?;
            let text = checker.expect(text, ColumnType::String, name)?;
            let quiet = name.ends_with("Quiet");
            checker.kernel(time::parse(quiet), vec![text], ColumnType::DateTime, !quiet, span)
        }
        "currentTime" | "now" => {
            let [] = call.take(checker)?;
            let clock = clock(checker, call)?;
            let kernel: Kernel = Box::new(move |_, _| Ok(as_date_time(Chunk::Long(vec![clock()]))));
            checker.kernel(kernel, Vec::new(), ColumnType::DateTime, false, span)
        }
        "currentDateNy" | "currentDate" | "today" => {
            let zone = match (name, call.arguments.as_slice()) {
                ("currentDateNy", []) => Zone::named("NY")?,
                ("currentDateNy", _) => return Err(call.wrong_count(checker, "0")),
                (_, zone) => zone_of(checker, call, zone)?,
            };
            let clock = clock(checker, call)?;
            let kernel: Kernel = Box::new(move |_, _| Chunk::strings([Some(format_date(clock(), &zone).as_str())]));
            checker.kernel(kernel, Vec::new(), ColumnType::String, false, span)
        }
        "isBefore" | "isAfter" | "isBeforeOrEqual" | "isAfterOrEqual" => {
            let [a, b] = call.take(checker)?;
            let a = checker.expect(a, ColumnType::DateTime, name)?;
            let b = checker.expect(b, ColumnType::DateTime, name)?;
            let comparison = match name {
                "isBefore" => Comparison::Less,
                "isAfter" => Comparison::Greater,
                "isBeforeOrEqual" => Comparison::LessOrEqual,
                _ => Comparison::GreaterOrEqual,
            };
            let typed = checker.kernel(time::order(comparison), vec![a, b], ColumnType::Boolean, false, span);
            checker.certain(typed)
        }
        "plus" | "minus" => {
            let [a, b] = call.take(checker)?;
            let a = checker.expect(a, ColumnType::DateTime, name)?;
            if name == "minus" && b.kind == Type::Of(ColumnType::DateTime) {
                return Ok(Some(checker.kernel(
                    arithmetic::time_difference(),
                    vec![a, b],
                    ColumnType::Long,
                    false,
                    span,
                )));
            }
            if let Type::Period(period) = b.kind {
                return checker.add_period(a, period, name == "minus", span).map(Some);
            }
            let b = checker.widen(b, ColumnType::Long)?;
            checker.kernel(arithmetic::shift_time(name == "minus"), vec![a, b], ColumnType::DateTime, true, span)
        }
        "format" | "formatDateTime" => {
            let (t, zone) = moment(checker, call)?;
            checker.kernel(time::format_full(zone), vec![t], ColumnType::String, false, span)
        }
        "formatDate" | "toDateString" => {
            let (t, zone) = moment(checker, call)?;
            checker.kernel(time::format_day(zone), vec![t], ColumnType::String, false, span)
        }
        "dateAtMidnight" | "atMidnight" => {
            let (t, zone) = moment(checker, call)?;
            checker.kernel(time::midnight(zone), vec![t], ColumnType::DateTime, true, span)
        }
        "timeZone" => {
            let [one] = call.take(checker)?;
            let text = checker.program.constant(one.id).map(|chunk| chunk.value(0));
            let Some(text) = text.as_ref().and_then(Value::as_str) else {
                return Err(checker.error(ErrorKind::Type, one.span, "timeZone takes a text constant"));
            };
            let zone = Zone::named(text)?;
            checker.zone(zone, span)
        }
        _ => return Ok(None),
    }))
}

fn from_tables(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    let (name, span) = (call.name, call.span);
    fn find<T: Copy>(table: Named<T>, name: &str) -> Option<T> {
        table.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry)
    }
    Ok(Some(if let Some(field) = find(time::FIELDS, name) {
        let (t, zone) = moment(checker, call)?;
        checker.kernel(time::field(zone, field), vec![t], ColumnType::Int, false, span)
    } else if let Some(field) = find(time::LONG_FIELDS, name) {
        let (t, zone) = moment(checker, call)?;
        checker.kernel(time::field(zone, field), vec![t], ColumnType::Long, false, span)
    } else if let Some(count) = find(time::COUNTS, name) {
        let [t] = call.take(checker)?;
        let t = checker.expect(t, ColumnType::DateTime, name)?;
        checker.kernel(time::count(count), vec![t], ColumnType::Long, false, span)
    } else if let Some(conversion) = find(time::CONVERSIONS, name) {
        let [count] = call.take(checker)?;
        let count = checker.widen(count, ColumnType::Long)?;
        checker.kernel(time::convert(conversion), vec![count], ColumnType::Long, true, span)
    } else if let Some(unit) = find(time::FROM_COUNTS, name) {
        let [count] = call.take(checker)?;
        let count = checker.widen(count, ColumnType::Long)?;
        checker.kernel(time::from_count(unit), vec![count], ColumnType::DateTime, true, span)
    } else if let Some((unit, whole)) =
        find(time::LONG_DIFFERENCES, name)
            .map(|unit| (unit, true))
            .or(find(time::DIFFERENCES, name).map(|unit| (unit, false)))
    {
        let [a, b] = call.take(checker)?;
        let a = checker.expect(a, ColumnType::DateTime, name)?;
        let b = checker.expect(b, ColumnType::DateTime, name)?;
        let result = if whole { ColumnType::Long } else { ColumnType::Double };
        checker.kernel(time::difference(unit, whole), vec![a, b], result, false, span)
    } else {
        return Ok(None);
    }))
}

/// A date-time and a zone, that of the scope where none is given.
fn moment(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<(Typed, Zone)> {
    let Some((&t, rest)) = call.arguments.split_first() else { return Err(call.wrong_count(checker, "1 or 2")) };
    let t = checker.expect(t, ColumnType::DateTime, call.name)?;
    Ok((t, zone_of(checker, call, rest)?))
}

fn zone_of(checker: &Checker<'_>, call: &Call<'_>, arguments: &[Typed]) -> Result<Zone> {
    match arguments {
        [] => Ok(checker.scope.zone.clone()),
        [one] => checker.zone_constant(*one).cloned().ok_or_else(|| {
            let message = format!("{} takes a time zone there", call.name);
            checker.error(ErrorKind::Type, one.span, message).hint("such as TZ_NY or timeZone(`America/New_York`)")
        }),
        _ => Err(call.wrong_count(checker, "1 or 2")),
    }
}

type Clock = std::sync::Arc<dyn Fn() -> i64 + Send + Sync>;

fn clock(checker: &Checker<'_>, call: &Call<'_>) -> Result<Clock> {
    checker.scope.clock.clone().ok_or_else(|| {
        checker.error(ErrorKind::Invalid, call.span, format!("{} needs a clock, which there is not here", call.name))
    })
}
