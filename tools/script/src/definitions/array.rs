//! Methods of the arrays that functions in formulas get.

use crate::definition::{Definition, Failure};
use crate::value::ScriptValue;
use pilaster::base::Error;

/// All methods.
pub(super) const METHODS: &[Definition] = &[
    Definition {
        names: &["size", "intSize"],
        parameters: &[],
        run: |call| Ok(ScriptValue::Int(call.array()?.len() as i64)),
    },
    Definition {
        names: &["get"],
        parameters: &["index"],
        run: |call| {
            let (array, index) = (call.array()?, call.int(0)?);
            match usize::try_from(index).ok().and_then(|at| array.get(at)) {
                Some(value) => Ok(value.clone()),
                None => Err(Failure {
                    error: Error::invalid(format!("element {index} of an array of {}", array.len())),
                    argument: Some(0),
                }),
            }
        },
    },
    Definition { names: &["toArray"], parameters: &[], run: |call| Ok(ScriptValue::List(call.array()?.to_vec())) },
];
