//! Arithmetic, comparisons and casts of numbers of any length. They meet other numbers as decimals; quotients have 34 digits at most, rounded
//! half to even.

use super::super::ast::BinaryOperator;
use super::super::node::Kernel;
use super::super::operand::Operand;
use super::super::predicate::Comparison;
use super::cast::value_to;
use crate::base::big_decimal::{digit_count, parse_integer, power_of_ten};
use crate::base::{BigDecimal, BigInt, Boolean, ColumnType, Error, ErrorKind, Result, Value};
use crate::memory::Chunk;
use std::cmp::Ordering;

/// Digits of a quotient.
const QUOTIENT_DIGITS: i64 = 34;

/// A number of any type.
enum Number {
    Null,
    Finite(BigDecimal),
    NaN,
    Infinite(Ordering),
}

fn number(operand: &Operand<'_>, row: usize) -> Number {
    let value = operand.chunk.value(if operand.constant { 0 } else { row });
    match &value {
        Value::Null => Number::Null,
        Value::BigDecimal(v) => Number::Finite((**v).clone()),
        other => match value_to(other, ColumnType::BigDecimal) {
            Some(Value::BigDecimal(v)) => Number::Finite((*v).clone()),
            _ => match value_to(other, ColumnType::Double) {
                Some(Value::Double(v)) if v.is_infinite() => Number::Infinite(v.total_cmp(&0.0)),
                _ => Number::NaN,
            },
        },
    }
}

/// A comparison of numbers of which one is of any length: by value, null lowest, NaN with nothing.
pub(in super::super) fn compare(comparison: Comparison) -> Kernel {
    Box::new(move |operands, len| {
        let test = |row: usize| {
            let order = match (number(&operands[0], row), number(&operands[1], row)) {
                (Number::Null, Number::Null) => Some(Ordering::Equal),
                (Number::NaN, _) | (_, Number::NaN) => None,
                (Number::Null, _) => Some(Ordering::Less),
                (_, Number::Null) => Some(Ordering::Greater),
                (Number::Finite(a), Number::Finite(b)) => Some(a.compare(&b)),
                (Number::Infinite(a), Number::Infinite(b)) => Some(a.cmp(&b)),
                (Number::Infinite(a), _) => Some(a),
                (_, Number::Infinite(b)) => Some(b.reverse()),
            };
            Boolean::from(comparison.holds(order))
        };
        Ok(Chunk::Boolean((0..len).map(test).collect()))
    })
}

/// The kernel of an operator whose result is of type `result`; none where there is no such operator.
pub(in super::super) fn arithmetic(operator: BinaryOperator, result: ColumnType) -> Option<Kernel> {
    let apply: fn(&BigDecimal, &BigDecimal) -> Result<BigDecimal> = match operator {
        BinaryOperator::Add => |a, b| aligned(a, b, |a, b| a + b),
        BinaryOperator::Subtract => |a, b| aligned(a, b, |a, b| a - b),
        BinaryOperator::Multiply => multiply,
        BinaryOperator::Divide => divide,
        BinaryOperator::Remainder => |a, b| {
            check_divisor(b)?;
            aligned(a, b, |a, b| a % b)
        },
        _ => return None,
    };
    Some(Box::new(move |operands, len| {
        let value = |row: usize| {
            let value = match (number(&operands[0], row), number(&operands[1], row)) {
                (Number::Null, _) | (_, Number::Null) => return Ok(Value::Null),
                (Number::Finite(a), Number::Finite(b)) => apply(&a, &b)?,
                _ => {
                    return Err(Error::new(ErrorKind::Evaluation, "NaN and infinities are no decimal numbers")
                        .hint("test with isFinite(x) first, or cast the decimal to double"));
                }
            };
            Ok(match result {
                ColumnType::BigInteger => Value::big_integer(value.to_integer()?),
                _ => Value::big_decimal(value),
            })
        };
        Chunk::from_values(result, &(0..len).map(value).collect::<Result<Vec<_>>>()?)
    }))
}

fn aligned(a: &BigDecimal, b: &BigDecimal, f: fn(BigInt, BigInt) -> BigInt) -> Result<BigDecimal> {
    let scale = a.scale().max(b.scale());
    Ok(BigDecimal::new(f(a.unscaled_at(scale)?, b.unscaled_at(scale)?), scale))
}

fn scale(scale: i64) -> Result<i32> {
    i32::try_from(scale).map_err(|_| Error::new(ErrorKind::Evaluation, "a decimal number out of range"))
}

fn multiply(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal> {
    let scale = scale(i64::from(a.scale()) + i64::from(b.scale()))?;
    Ok(BigDecimal::new(a.unscaled() * b.unscaled(), scale))
}

fn check_divisor(b: &BigDecimal) -> Result<()> {
    if *b.unscaled() != BigInt::default() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Evaluation, "a decimal number divided by zero")
        .hint("test the divisor first, as in B==0 ? null : A/B"))
}

/// The quotient with the scale of the dividend less that of the divisor where it is exact, else with more, of 34 digits at most.
pub(in super::super) fn divide(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal> {
    check_divisor(b)?;
    let preferred = i64::from(a.scale()) - i64::from(b.scale());
    if *a.unscaled() == BigInt::default() {
        return Ok(BigDecimal::new(BigInt::default(), scale(preferred)?));
    }
    // Enough digits for one more than are kept.
    let missing = (QUOTIENT_DIGITS + 2 + b.digit_count() as i64 - a.digit_count() as i64).max(0);
    let shifted = a.unscaled() * power_of_ten(missing as u32);
    let (mut digits, rest) = (&shifted / b.unscaled(), &shifted % b.unscaled());
    let mut exponent = preferred + missing;
    let mut exact = rest == BigInt::default();
    let surplus = digit_count(&digits) as i64 - QUOTIENT_DIGITS;
    if surplus > 0 && !(exact && exponent - surplus < preferred) {
        let unit = power_of_ten(surplus as u32);
        let cut = &digits % &unit;
        let doubled: BigInt = &cut * 2;
        let order = doubled.magnitude().cmp(unit.magnitude());
        let odd = (&digits / &unit) % 2 != BigInt::default();
        let up = order.is_gt() || order.is_eq() && (!exact || odd);
        exact &= cut == BigInt::default();
        let away = if digits < BigInt::default() { -1 } else { 1 };
        digits = &digits / &unit + if up { away } else { 0 };
        exponent -= surplus;
    }
    while exact && exponent > preferred && &digits % 10 == BigInt::default() {
        digits /= 10;
        exponent -= 1;
    }
    Ok(BigDecimal::new(digits, scale(exponent)?))
}

/// A cast from or to a number of any length; none where there is no such cast.
pub(in super::super) fn cast(from: ColumnType, to: ColumnType) -> Option<Kernel> {
    let is_number = |t: ColumnType| t.is_numeric() || t.is_big();
    if !is_number(from) || !is_number(to) || !(from.is_big() || to.is_big()) {
        return None;
    }
    Some(Box::new(move |operands, _| {
        let chunk = &operands[0].chunk;
        let value = |at: usize| {
            let value = chunk.value(at);
            value_to(&value, to).ok_or_else(|| {
                Error::new(
                    ErrorKind::Evaluation,
                    format!("a {from} cannot be cast to {to} here: it is not finite, or too long"),
                )
            })
        };
        Chunk::from_values(to, &(0..chunk.len()).map(value).collect::<Result<Vec<_>>>()?)
    }))
}

/// `new BigDecimal(text)` and `new BigInteger(text)`; null of null.
pub(in super::super) fn parse(to: ColumnType) -> Kernel {
    Box::new(move |operands, _| {
        let texts = operands[0].texts();
        let value = |text: Option<&str>| {
            let Some(text) = text else { return Ok(Value::Null) };
            let found = match to {
                ColumnType::BigInteger => parse_integer(text).map(Value::big_integer),
                _ => text.parse().ok().map(Value::big_decimal),
            };
            found.ok_or_else(|| {
                let shown: String = text.chars().take(60).collect();
                Error::new(ErrorKind::Evaluation, format!("{shown:?} is not a {to}"))
            })
        };
        Chunk::from_values(to, &texts.strings.iter().map(value).collect::<Result<Vec<_>>>()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_those_of_34_digits() {
        let decimal = |text: &str| text.parse::<BigDecimal>().unwrap();
        for (a, b, expected) in [
            ("7", "2", "3.5"),
            ("1.00", "4", "0.25"),
            ("6.00", "2", "3.00"),
            ("1", "3", "0.3333333333333333333333333333333333"),
            ("2", "3", "0.6666666666666666666666666666666667"),
            ("-2", "3", "-0.6666666666666666666666666666666667"),
            ("1e30", "1e-30", "1E+60"),
            ("0.00", "7", "0.00"),
            ("100", "0.001", "1E+5"),
            ("123456789012345678901234567890123456789", "1", "123456789012345678901234567890123456789"),
        ] {
            let quotient = divide(&decimal(a), &decimal(b)).unwrap();
            assert_eq!(quotient.compare(&decimal(expected)), Ordering::Equal, "{a} / {b} = {quotient}");
        }
        assert!(divide(&decimal("1"), &decimal("0.0")).is_err());
        assert!(multiply(&decimal("1e-2000000000"), &decimal("1e-2000000000")).is_err());
        assert!(aligned(&decimal("1e2000000000"), &decimal("1"), |a, b| a + b).is_err());
    }
}
