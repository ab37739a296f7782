//! Table definitions as people write them: TOML files with types, kinds, encodings, import mapping, validation and words.
//!
//! [`TableSchema`] is the structure; [`parse`](mod@parse) reads it and finds every problem of a file with its position, [`write`](mod@write) prints it,
//! [`infer`] proposes one from data, [`mod@deploy`] keeps the deployed ones under `ROOT/schemas`, [`compatibility`] says whether stored data
//! still fits.
//!
//! Invariant: a `TableSchema` that came out of here is consistent: every column that a list names exists and has a type that fits.

pub mod compatibility;
pub mod deploy;
pub mod import_mapping;
pub mod infer;
mod literal;
pub mod parse;
pub mod validation;
pub mod write;

pub use super::toml_reader::Problem;
pub use deploy::{DeployOutcome, deploy, load, namespaces, require, tables};
pub use import_mapping::{ColumnMapping, ImportFormat, ImportMapping, TimeFormat};
pub use infer::{InferredColumn, Proposal};
pub use parse::check;
pub use validation::{RangeRule, SetRule, Validation};

pub use crate::base::SymbolUse;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Result, TableDefinition};
use std::path::Path;
use std::sync::Arc;

/// The definition of a table: what its schema file says.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSchema {
    /// Namespace of the table.
    pub namespace: String,
    /// Name of the table.
    pub table: String,
    /// What the table is, for people.
    pub doc: String,
    /// Names, types and kinds of the columns.
    pub definition: Arc<TableDefinition>,
    /// Everything about each column, in the order of [`TableSchema::definition`].
    pub columns: Vec<ColumnSchema>,
    /// The columns by which a merge sorts the rows of a group, in order.
    pub sort_columns: Vec<String>,
    /// How files become rows, in the order written; see [`TableSchema::import`].
    pub imports: Vec<ImportMapping>,
    /// Rules that a partition's rows must keep.
    pub validation: Validation,
}

/// What a schema says about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// The name.
    pub name: String,
    /// The type of its values.
    pub column_type: ColumnType,
    /// What it is to storage.
    pub kind: ColumnKind,
    /// How a String column keeps its text; `Auto` for other types, where it has no meaning.
    pub symbol: SymbolUse,
    /// How sealed blocks of it are encoded.
    pub codec: Codec,
    /// What it means, for people.
    pub doc: String,
}

/// How sealed blocks of a column are encoded: by a goal, or by the name of an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Codec {
    /// The encodings that decode at memory speed, the smallest of them for each block.
    Fastest,
    /// As fastest, but entropy coders where they save much.
    #[default]
    Balanced,
    /// The smallest result whatever decoding costs.
    Smallest,
    /// This encoding wherever a block's values allow it; one of [`Codec::ENCODINGS`].
    Encoding(&'static str),
}

impl Codec {
    /// Encodings that a schema may ask for by name, with what they are good at.
    pub const ENCODINGS: [(&'static str, &'static str); 9] = [
        ("raw", "values as they are"),
        ("constant", "blocks of one value"),
        ("run_length", "values that repeat in runs"),
        ("bit_packed", "integers within a narrow range"),
        ("delta", "integers and times that ascend"),
        ("dictionary", "few distinct values"),
        ("decimal", "floats that are short decimals, such as prices"),
        ("pco", "numbers, small rather than fast"),
        ("zstd", "anything, small rather than fast"),
    ];

    /// The word in schemas.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Fastest => "fastest",
            Codec::Balanced => "balanced",
            Codec::Smallest => "smallest",
            Codec::Encoding(name) => name,
        }
    }

    /// The codec of a word, none for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "fastest" => Some(Codec::Fastest),
            "balanced" => Some(Codec::Balanced),
            "smallest" => Some(Codec::Smallest),
            _ => Self::ENCODINGS.iter().find(|(known, _)| *known == name).map(|(known, _)| Codec::Encoding(known)),
        }
    }

    /// All words that a schema may write.
    pub fn names() -> Vec<&'static str> {
        ["fastest", "balanced", "smallest"].into_iter().chain(Self::ENCODINGS.iter().map(|(name, _)| *name)).collect()
    }

    /// True where the codec can encode values of a type.
    pub fn fits(self, column_type: ColumnType) -> bool {
        let whole = column_type.is_integer() || matches!(column_type, ColumnType::DateTime | ColumnType::Char);
        match self {
            Codec::Encoding("decimal") => column_type.is_floating(),
            Codec::Encoding("delta" | "bit_packed") => whole || column_type == ColumnType::String,
            Codec::Encoding("pco") => whole || column_type.is_floating(),
            _ => true,
        }
    }
}

/// The word of a kind in schemas and listings.
pub const fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Normal => "normal",
        ColumnKind::Grouping => "grouping",
        ColumnKind::Partitioning => "partitioning",
    }
}

impl ColumnSchema {
    /// What storage and engine are told of the column.
    pub fn definition(&self) -> ColumnDefinition {
        ColumnDefinition::new(&self.name, self.column_type).of_kind(self.kind).with_symbol(self.symbol)
    }
}

impl TableSchema {
    /// Reads a schema from its text. The first problem becomes the error, with `path`, line and column; [`check`] gives all.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        parse::schema(text).map_err(|problems| parse::first_error(problems, path))
    }

    /// The schema's text, which [`TableSchema::from_toml`] reads back as the same schema.
    pub fn to_toml(&self) -> String {
        write::toml(self, &[])
    }

    /// What it says about a column, if it has it. Names are case-sensitive.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The import mapping of a format: the one of that name, or the first of the format when no name is given.
    pub fn import(&self, format: ImportFormat, name: Option<&str>) -> Option<&ImportMapping> {
        self.imports
            .iter()
            .filter(|mapping| mapping.format == format)
            .find(|mapping| name.is_none_or(|name| mapping.name.as_deref() == Some(name)))
    }

    /// `Namespace.Table`, for messages.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.namespace, self.table)
    }
}
