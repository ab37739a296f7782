//! Sums of products of numbers of which some are of any length: what weighted sums and averages of them are made of.

use super::big::divide;
use crate::base::{BigDecimal, BigInt, ColumnType, Error, Result, Value};

/// The sums over the pairs of a value and a weight so far, exact; pairs with a null do not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct BigPairs {
    /// Of products, and of weights; none before the first pair.
    sums: Option<(BigDecimal, BigDecimal)>,
}

/// The type of a weighted sum, or average, of columns of which one is of any length: double where floats take part, which have no exact
/// decimal value; else BigDecimal, or BigInteger for a sum of whole numbers. None for types that are no numbers.
pub(crate) fn weighted_type(types: &[ColumnType], average: bool) -> Option<ColumnType> {
    let is_whole = |t: &ColumnType| *t == ColumnType::BigInteger || t.is_integer() || *t == ColumnType::Char;
    let is_number = |t: &ColumnType| t.is_big() || t.is_numeric() || *t == ColumnType::Char;
    if !types.iter().all(is_number) {
        return None;
    }
    Some(match () {
        () if types.iter().any(|t| t.is_floating()) => ColumnType::Double,
        () if !average && types.iter().all(is_whole) => ColumnType::BigInteger,
        () => ColumnType::BigDecimal,
    })
}

impl BigPairs {
    /// Adds a pair.
    pub(crate) fn add(&mut self, value: &Value, weight: &Value) -> Result<()> {
        let (Some(value), Some(weight)) = (number(value), number(weight)) else { return Ok(()) };
        let scale = value.scale().checked_add(weight.scale());
        let scale = scale.ok_or_else(|| Error::limit("a product has too many digits"))?;
        let product = BigDecimal::new(value.unscaled() * weight.unscaled(), scale);
        self.merge(&BigPairs { sums: Some((product, weight)) })
    }

    /// Adds the sums of further pairs.
    pub(crate) fn merge(&mut self, later: &BigPairs) -> Result<()> {
        self.sums = match (self.sums.take(), &later.sums) {
            (Some((products, weights)), Some((more, heavier))) => {
                Some((plus(&products, more)?, plus(&weights, heavier)?))
            }
            (mine, its) => mine.or_else(|| its.clone()),
        };
        Ok(())
    }

    /// The sum, or the average, as of a type that [`weighted_type`] gave and is not double; null without pairs, and for an average by weights
    /// whose sum is zero: there is no NaN.
    pub(crate) fn value(&self, result: ColumnType, average: bool) -> Result<Value> {
        let Some((products, weights)) = &self.sums else { return Ok(Value::Null) };
        if average {
            let is_zero = weights.unscaled() == &BigInt::from(0);
            return if is_zero { Ok(Value::Null) } else { divide(products, weights).map(Value::big_decimal) };
        }
        match result {
            ColumnType::BigInteger => products.to_integer().map(Value::big_integer),
            _ => Ok(Value::big_decimal(products.clone())),
        }
    }
}

/// A whole or decimal number; none for null.
fn number(value: &Value) -> Option<BigDecimal> {
    let whole = |value: i64| BigDecimal::new(BigInt::from(value), 0);
    Some(match value {
        Value::BigDecimal(number) => (**number).clone(),
        Value::BigInteger(number) => BigDecimal::new((**number).clone(), 0),
        Value::Byte(value) => whole((*value).into()),
        Value::Short(value) => whole((*value).into()),
        Value::Char(value) => whole((*value).into()),
        Value::Int(value) => whole((*value).into()),
        Value::Long(value) => whole(*value),
        _ => return None,
    })
}

fn plus(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal> {
    let scale = a.scale().max(b.scale());
    Ok(BigDecimal::new(a.unscaled_at(scale)? + b.unscaled_at(scale)?, scale))
}
