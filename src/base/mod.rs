//! Floor 0: the words everything else is written in. Opens nothing, allocates little, knows no table.

pub mod array_text;
pub mod big_decimal;
pub mod column_type;
pub mod date_time;
pub mod definition;
pub mod error;
pub mod java_text;
pub mod limits;
pub mod names;
pub mod nulls;
pub mod object_bytes;
pub mod string_set;
pub mod text;
pub mod utf16;
pub mod value;
mod widening;

pub use big_decimal::BigDecimal;
pub use column_type::{ArrayType, ColumnType};
pub use definition::{ColumnDefinition, ColumnKind, SymbolUse, TableDefinition};
pub use error::{Error, ErrorKind, Result};
pub use nulls::{Boolean, Primitive};
pub use num_bigint::BigInt;
pub use string_set::StringSet;
pub use value::Value;
