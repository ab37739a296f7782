//! Functions of chance.

use super::super::check::{Checker, Typed};
use super::super::kernels::random;
use super::super::node::{Kernel, Operation, RowNumber, Type};
use super::Call;
use crate::base::{ColumnType, Result};

pub(super) const NAMES: &[&str] =
    &["random", "randomInt", "randomLong", "randomFloat", "randomDouble", "randomBool", "randomGaussian"];

/// Makes the call if the name is of this group.
pub(super) fn call(checker: &mut Checker<'_>, call: &Call<'_>) -> Result<Option<Typed>> {
    if !matches!(call.class, "" | "Numeric") && (call.class, call.name) != ("Math", "random")
        || !NAMES.contains(&call.name)
    {
        return Ok(None);
    }
    let seed = random::seed();
    checker.uses_row_position = true;
    let position = Operation::Row(RowNumber::PositionLong);
    let mut operands = vec![checker.push(position, Vec::new(), Type::Of(ColumnType::Long), false, call.span)];
    let mut bounds = |checker: &mut Checker<'_>, column_type: ColumnType| -> Result<()> {
        let [least, end] = call.take(checker)?;
        operands.push(checker.widen(least, column_type)?);
        operands.push(checker.widen(end, column_type)?);
        Ok(())
    };
    let (kernel, result): (Kernel, ColumnType) = match call.name {
        "randomInt" => {
            bounds(checker, ColumnType::Int)?;
            (random::integer::<i32>(seed), ColumnType::Int)
        }
        "randomLong" => {
            bounds(checker, ColumnType::Long)?;
            (random::integer::<i64>(seed), ColumnType::Long)
        }
        "randomDouble" | "randomFloat" | "randomGaussian" => {
            bounds(checker, ColumnType::Double)?;
            match call.name {
                "randomDouble" => (random::double(seed), ColumnType::Double),
                "randomFloat" => (random::as_float(random::double(seed)), ColumnType::Float),
                _ => (random::gaussian(seed), ColumnType::Double),
            }
        }
        other => {
            let [] = call.take(checker)?;
            match other {
                "randomBool" => (random::boolean(seed), ColumnType::Boolean),
                _ => (random::uniform(seed), ColumnType::Double),
            }
        }
    };
    Ok(Some(checker.kernel(kernel, operands, result, true, call.span)))
}
