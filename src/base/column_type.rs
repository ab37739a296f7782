//! The types a column can have, and how they are written in schemas and scripts.

use super::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The type of a column. Every type has a null.
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
    /// Decimal number of any length: an integer and how many of its digits lie behind the point.
    BigDecimal,
    /// Integer of any length.
    BigInteger,
    /// A set of distinct texts.
    StringSet,
    /// Opaque bytes.
    Blob,
    /// Values of one type in a row.
    Array(ArrayType),
}

/// The type of an array: of a type that is not an array, nested up to [`ArrayType::DEPTH_MAX`] times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArrayType {
    /// Place of the innermost type in [`ColumnType::SCALARS`].
    scalar: u8,
    /// From 1.
    depth: u8,
}

impl ArrayType {
    /// How deep arrays nest: `by().by()` and one more.
    pub const DEPTH_MAX: u8 = 3;

    /// The type of arrays of `element`; none where that is too deep.
    pub const fn of(element: ColumnType) -> Option<ArrayType> {
        match element {
            ColumnType::Array(inner) if inner.depth < Self::DEPTH_MAX => {
                Some(ArrayType { scalar: inner.scalar, depth: inner.depth + 1 })
            }
            ColumnType::Array(_) => None,
            scalar => Some(ArrayType { scalar: scalar.code() - 1, depth: 1 }),
        }
    }

    /// The type of the elements.
    pub const fn element(self) -> ColumnType {
        match self.depth {
            1 => self.scalar(),
            depth => ColumnType::Array(ArrayType { scalar: self.scalar, depth: depth - 1 }),
        }
    }

    /// The type of the innermost elements, never an array.
    pub const fn scalar(self) -> ColumnType {
        ColumnType::SCALARS[self.scalar as usize]
    }

    /// How often arrays nest, 1 for an array of scalars.
    pub const fn depth(self) -> usize {
        self.depth as usize
    }
}

/// Names of all types; of arrays by depth.
const NAMES: [[&str; 4]; 14] = {
    macro_rules! names {
        ($($name:literal),*) => { [$([$name, concat!($name, "[]"), concat!($name, "[][]"), concat!($name, "[][][]")]),*] };
    }
    names!(
        "String",
        "char",
        "boolean",
        "byte",
        "short",
        "int",
        "long",
        "float",
        "double",
        "DateTime",
        "BigDecimal",
        "BigInteger",
        "StringSet",
        "Blob"
    )
};

/// What an array adds to the code of its innermost type, for each level.
const DEPTH_CODE: u8 = 64;

impl ColumnType {
    /// All types but arrays, in the order of the documentation and of [`ColumnType::code`].
    pub const SCALARS: [ColumnType; 14] = [
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
        ColumnType::BigDecimal,
        ColumnType::BigInteger,
        ColumnType::StringSet,
        ColumnType::Blob,
    ];

    /// All types, arrays of each included.
    pub fn all() -> impl Iterator<Item = ColumnType> {
        (0..=ArrayType::DEPTH_MAX).flat_map(|depth| {
            Self::SCALARS.into_iter().map(move |scalar| match depth {
                0 => scalar,
                depth => ColumnType::Array(ArrayType { scalar: scalar.code() - 1, depth }),
            })
        })
    }

    /// The name in schemas, listings and `getMeta`: `int`, `String[]`.
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::Array(array) => NAMES[array.scalar as usize][array.depth as usize],
            scalar => NAMES[scalar.code() as usize - 1][0],
        }
    }

    /// Bytes of a value in an intraday data file: symbol codes for `String`, an offset for the types of variable width.
    pub const fn width(self) -> usize {
        match self {
            ColumnType::Boolean | ColumnType::Byte => 1,
            ColumnType::Char | ColumnType::Short => 2,
            ColumnType::String | ColumnType::Int | ColumnType::Float => 4,
            ColumnType::Long | ColumnType::Double | ColumnType::DateTime => 8,
            ColumnType::BigDecimal | ColumnType::BigInteger | ColumnType::StringSet | ColumnType::Blob => 8,
            ColumnType::Array(_) => 8,
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

    /// Integer or floating, of fixed width.
    pub const fn is_numeric(self) -> bool {
        self.is_integer() || self.is_floating()
    }

    /// A number of any length.
    pub const fn is_big(self) -> bool {
        matches!(self, ColumnType::BigDecimal | ColumnType::BigInteger)
    }

    /// A value that is a run of bytes of its own: what an [`ObjectChunk`](crate::memory::ObjectChunk) holds.
    pub const fn is_object(self) -> bool {
        matches!(self, ColumnType::BigDecimal | ColumnType::BigInteger | ColumnType::StringSet | ColumnType::Blob)
    }

    /// The type of the elements of an array.
    pub const fn element(self) -> Option<ColumnType> {
        match self {
            ColumnType::Array(array) => Some(array.element()),
            _ => None,
        }
    }

    /// The type of arrays of this type; an error where that nests too deep.
    pub fn array(self) -> Result<ColumnType> {
        ArrayType::of(self).map(ColumnType::Array).ok_or_else(|| {
            Error::limit(format!("arrays of {self} would nest deeper than {} levels", ArrayType::DEPTH_MAX))
        })
    }

    /// The number that stands for the type in files; never reused. Zero is never written. An array has the code of its innermost type
    /// and 64 for each level.
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
            ColumnType::BigDecimal => 11,
            ColumnType::BigInteger => 12,
            ColumnType::StringSet => 13,
            ColumnType::Blob => 14,
            ColumnType::Array(array) => array.scalar + 1 + DEPTH_CODE * array.depth,
        }
    }

    /// The type that [`ColumnType::code`] stands for, or none for a code that this build does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        let (scalar, depth) = (code % DEPTH_CODE, code / DEPTH_CODE);
        if scalar == 0 || usize::from(scalar) > Self::SCALARS.len() {
            return None;
        }
        Some(match depth {
            0 => Self::SCALARS[usize::from(scalar) - 1],
            depth => ColumnType::Array(ArrayType { scalar: scalar - 1, depth }),
        })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Deephaven's classes of arrays by the name of their element, such as the `Int` of `DbIntArray` and `IntVector`.
const VECTORS: [(&str, ColumnType); 8] = [
    ("Char", ColumnType::Char),
    ("Boolean", ColumnType::Boolean),
    ("Byte", ColumnType::Byte),
    ("Short", ColumnType::Short),
    ("Int", ColumnType::Int),
    ("Long", ColumnType::Long),
    ("Float", ColumnType::Float),
    ("Double", ColumnType::Double),
];

impl FromStr for ColumnType {
    type Err = Error;

    /// Accepts the names of [`ColumnType::name`] and Java's and Deephaven's other names for the same types, such as `java.lang.String`,
    /// `DBDateTime`, `Instant`, `Boolean`, `java.math.BigDecimal`, `DbIntArray`, `IntVector`, `DbArray<String>`, `ObjectVector<java.lang.String>`.
    fn from_str(text: &str) -> Result<Self> {
        parse(text.trim(), usize::from(ArrayType::DEPTH_MAX)).ok_or_else(|| {
            let names: Vec<&str> = Self::SCALARS.iter().map(|t| t.name()).collect();
            Error::invalid(format!("unknown column type {text:?}"))
                .hint(format!("the types are {}, and arrays of them such as int[]", names.join(", ")))
        })
    }
}

fn parse(text: &str, depth_left: usize) -> Option<ColumnType> {
    let array_of = |element: &str| {
        let element = parse(element.trim(), depth_left.checked_sub(1)?)?;
        ArrayType::of(element).map(ColumnType::Array)
    };
    if let Some(element) = text.strip_suffix("[]") {
        return array_of(element);
    }
    if let Some((class, rest)) = text.split_once('<') {
        let (class, element) = (class.trim().rsplit('.').next()?, rest.strip_suffix('>')?);
        return match class {
            "DbArray" | "DBArray" | "ObjectVector" | "Vector" | "vector" | "DbArrayBase" => array_of(element),
            _ => None,
        };
    }
    let short = text.rsplit('.').next().unwrap_or(text);
    Some(match short {
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
        "BigDecimal" => ColumnType::BigDecimal,
        "BigInteger" => ColumnType::BigInteger,
        "StringSet" => ColumnType::StringSet,
        "Blob" | "blob" => ColumnType::Blob,
        other => {
            let inner = other
                .strip_suffix("Vector")
                .or_else(|| other.strip_prefix("Db")?.strip_suffix("Array"))
                .or_else(|| other.strip_prefix("DB")?.strip_suffix("Array"))?;
            let (_, element) = VECTORS.iter().find(|(name, _)| *name == inner)?;
            ColumnType::Array(ArrayType::of(*element)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for t in ColumnType::all() {
            assert_eq!(t.name().parse::<ColumnType>().unwrap(), t);
            assert_eq!(ColumnType::from_code(t.code()), Some(t));
        }
        assert_eq!(ColumnType::all().count(), 56);
        assert_eq!((0..=u8::MAX).filter_map(ColumnType::from_code).count(), 56);
        assert!("Strin".parse::<ColumnType>().unwrap_err().to_string().contains("the types are String"));
        assert_eq!(ColumnType::from_code(0), None);
    }

    #[test]
    fn other_names_of_types() {
        let array = |t: ColumnType| t.array().unwrap();
        for (name, expected) in [
            ("java.lang.Boolean", ColumnType::Boolean),
            ("java.math.BigDecimal", ColumnType::BigDecimal),
            ("java.math.BigInteger", ColumnType::BigInteger),
            ("com.illumon.iris.db.tables.libs.StringSet", ColumnType::StringSet),
            ("DbIntArray", array(ColumnType::Int)),
            ("com.illumon.iris.db.tables.dbarrays.DbDoubleArray", array(ColumnType::Double)),
            ("io.deephaven.vector.LongVector", array(ColumnType::Long)),
            ("DbArray<java.lang.String>", array(ColumnType::String)),
            ("io.deephaven.vector.ObjectVector<java.math.BigDecimal>", array(ColumnType::BigDecimal)),
            ("java.lang.String[]", array(ColumnType::String)),
            ("vector<vector<int>>", array(array(ColumnType::Int))),
            ("ObjectVector<IntVector>", array(array(ColumnType::Int))),
            ("int [] []", array(array(ColumnType::Int))),
        ] {
            assert_eq!(name.parse::<ColumnType>().unwrap(), expected, "{name}");
        }
        for name in
            ["int[][][][]", "int[", "[]", "Vector", "DbArray", "DbArray<int", "List<int>", "ObjectVector", "int[]x"]
        {
            assert!(name.parse::<ColumnType>().is_err(), "{name}");
        }
        assert!("[]".repeat(100_000).parse::<ColumnType>().is_err());
        assert!("DbArray<".repeat(100_000).parse::<ColumnType>().is_err());
    }

    #[test]
    fn arrays_nest_three_times() {
        let mut t = ColumnType::Blob;
        for depth in 1..=3 {
            t = t.array().unwrap();
            assert_eq!(t.code(), 14 + 64 * depth);
        }
        assert!(t.array().unwrap_err().to_string().contains("nest deeper"));
        assert_eq!(t.element().and_then(ColumnType::element).and_then(ColumnType::element), Some(ColumnType::Blob));
    }
}
