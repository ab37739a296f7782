//! The types a column can have, and how they are written in schemas and scripts.

use super::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The type of a column. Every type has a null.
///
/// The storage issue adds `BigDecimal`, `BigInteger`, arrays, `StringSet` and `Blob`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnType {
    /// Unicode text; the empty string is not null.
    String,
    /// One UTF-16 code unit.
    Char,
    /// True, false or null.
    Boolean,
    /// 8-bit integer.
    Byte,
    /// 16-bit integer.
    Short,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// 32-bit IEEE float.
    Float,
    /// 64-bit IEEE float.
    Double,
    /// Instant in nanoseconds since the epoch, 1677 to 2262.
    DateTime,
}

impl ColumnType {
    /// All types, in the order of the documentation.
    pub const ALL: [ColumnType; 10] = [
        ColumnType::String,
        ColumnType::Char,
        ColumnType::Boolean,
        ColumnType::Byte,
        ColumnType::Short,
        ColumnType::Int,
        ColumnType::Long,
        ColumnType::Float,
        ColumnType::Double,
        ColumnType::DateTime,
    ];

    /// The name in schemas, listings and `getMeta`.
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::String => "String",
            ColumnType::Char => "char",
            ColumnType::Boolean => "boolean",
            ColumnType::Byte => "byte",
            ColumnType::Short => "short",
            ColumnType::Int => "int",
            ColumnType::Long => "long",
            ColumnType::Float => "float",
            ColumnType::Double => "double",
            ColumnType::DateTime => "DateTime",
        }
    }

    /// Bytes of a value in an intraday data file; symbol codes for `String`.
    pub const fn width(self) -> usize {
        match self {
            ColumnType::Boolean | ColumnType::Byte => 1,
            ColumnType::Char | ColumnType::Short => 2,
            ColumnType::String | ColumnType::Int | ColumnType::Float => 4,
            ColumnType::Long | ColumnType::Double | ColumnType::DateTime => 8,
        }
    }

    /// Byte, short, int or long.
    pub const fn is_integer(self) -> bool {
        matches!(self, ColumnType::Byte | ColumnType::Short | ColumnType::Int | ColumnType::Long)
    }

    /// Float or double.
    pub const fn is_floating(self) -> bool {
        matches!(self, ColumnType::Float | ColumnType::Double)
    }

    /// Integer or floating.
    pub const fn is_numeric(self) -> bool {
        self.is_integer() || self.is_floating()
    }

    /// The number that stands for the type in files; never reused. Zero is never written.
    pub const fn code(self) -> u8 {
        match self {
            ColumnType::String => 1,
            ColumnType::Char => 2,
            ColumnType::Boolean => 3,
            ColumnType::Byte => 4,
            ColumnType::Short => 5,
            ColumnType::Int => 6,
            ColumnType::Long => 7,
            ColumnType::Float => 8,
            ColumnType::Double => 9,
            ColumnType::DateTime => 10,
        }
    }

    /// The type that [`ColumnType::code`] stands for, or none for a code that this build does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.code() == code)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    /// Accepts the names of [`ColumnType::name`] and Java's and Deephaven's other names for the same types,
    /// such as `java.lang.String`, `DBDateTime`, `Instant`, `Boolean`.
    fn from_str(text: &str) -> Result<Self> {
        let short = text.rsplit('.').next().unwrap_or(text);
        let found = match short {
            "String" | "string" => ColumnType::String,
            "char" | "Character" => ColumnType::Char,
            "boolean" | "Boolean" | "bool" => ColumnType::Boolean,
            "byte" | "Byte" => ColumnType::Byte,
            "short" | "Short" => ColumnType::Short,
            "int" | "Integer" => ColumnType::Int,
            "long" | "Long" => ColumnType::Long,
            "float" | "Float" => ColumnType::Float,
            "double" | "Double" => ColumnType::Double,
            "DateTime" | "DBDateTime" | "Instant" | "datetime" => ColumnType::DateTime,
            _ => {
                let names: Vec<&str> = Self::ALL.iter().map(|t| t.name()).collect();
                return Err(Error::invalid(format!("unknown column type {text:?}"))
                    .hint(format!("the types are {}", names.join(", "))));
            }
        };
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for t in ColumnType::ALL {
            assert_eq!(t.name().parse::<ColumnType>().unwrap(), t);
            assert_eq!(ColumnType::from_code(t.code()), Some(t));
        }
        assert_eq!("java.lang.Boolean".parse::<ColumnType>().unwrap(), ColumnType::Boolean);
        assert!("Strin".parse::<ColumnType>().unwrap_err().to_string().contains("the types are String"));
        assert_eq!(ColumnType::from_code(0), None);
    }
}
