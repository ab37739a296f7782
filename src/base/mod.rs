//! Floor 0: the words everything else is written in. Opens nothing, allocates little, knows no table.

pub mod column_type;
pub mod date_time;
pub mod definition;
pub mod error;
pub mod java_text;
pub mod limits;
pub mod names;
pub mod nulls;
pub mod text;
pub mod value;

pub use column_type::ColumnType;
pub use definition::{ColumnDefinition, ColumnKind, SymbolUse, TableDefinition};
pub use error::{Error, ErrorKind, Result};
pub use nulls::{Boolean, Primitive};
pub use value::Value;
