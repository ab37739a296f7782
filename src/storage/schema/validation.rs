//! The rules a schema declares for the rows of each partition.
//!
//! They are read and checked against the columns here, and evaluated by `validate`.

use crate::base::Value;
use crate::memory::symbols::compare_utf16;
use std::cmp::Ordering;

/// What must hold for every column partition of the table.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Validation {
    /// The fewest rows a partition may have.
    pub row_count_min: Option<u64>,
    /// The most rows a partition may have.
    pub row_count_max: Option<u64>,
    /// Columns without nulls.
    pub not_null: Vec<String>,
    /// Columns that do not descend, within a group where there are grouping columns.
    pub sorted: Vec<String>,
    /// Columns whose equal values lie together (in history).
    pub grouped: Vec<String>,
    /// Columns in which no value stands twice in a partition. Nulls pass.
    pub unique: Vec<String>,
    /// Columns with bounds on their nulls and on how many different values they have.
    pub counts: Vec<CountRule>,
    /// Columns with bounds.
    pub ranges: Vec<RangeRule>,
    /// Columns with few allowed values.
    pub sets: Vec<SetRule>,
}

impl Validation {
    /// True if there is no rule.
    pub fn is_empty(&self) -> bool {
        *self == Validation::default()
    }
}

/// Values lie between two bounds, both included. Nulls pass.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeRule {
    /// The column.
    pub column: String,
    /// The least value, of the column's type.
    pub min: Option<Value>,
    /// The greatest value, of the column's type.
    pub max: Option<Value>,
}

/// How many nulls and different values a column has in a partition.
#[derive(Clone, Debug, PartialEq)]
pub struct CountRule {
    /// The column.
    pub column: String,
    /// The most nulls.
    pub null_max: Option<u64>,
    /// The fewest different values, null not counted.
    pub distinct_min: Option<u64>,
    /// The most different values, null not counted.
    pub distinct_max: Option<u64>,
}

/// Values are among these. Nulls pass.
#[derive(Clone, Debug, PartialEq)]
pub struct SetRule {
    /// The column.
    pub column: String,
    /// What is allowed, of the column's type; at least one.
    pub values: Vec<Value>,
}

/// Order of two values of one type, strings by UTF-16 code unit; none for NaN, nulls and types that bounds do not have.
pub(in crate::storage) fn compare_values(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(compare_utf16(a, b)),
        (Value::Char(a), Value::Char(b)) => Some(a.cmp(b)),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Byte(a), Value::Byte(b)) => Some(a.cmp(b)),
        (Value::Short(a), Value::Short(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Long(a), Value::Long(b)) | (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::BigDecimal(a), Value::BigDecimal(b)) => Some(a.compare(b)),
        (Value::BigInteger(a), Value::BigInteger(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
