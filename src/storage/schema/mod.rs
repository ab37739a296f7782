//! Table definitions as people write them: TOML files with types, kinds, encodings, import mapping, validation and words.
//!
//! [`TableSchema`] is the structure; [`parse`](mod@parse) reads it and finds every problem of a file with its position, [`write`](mod@write) prints it,
//! [`infer`] proposes one from data, [`deephaven`] takes one over from Deephaven's XML, [`mod@deploy`] keeps the deployed ones under `ROOT/schemas`, [`compatibility`] says what a new
//! schema makes of stored columns, [`mod@evolve`] changes a deployed one.
//!
//! Invariant: a `TableSchema` that came out of here is consistent: every column that a list names exists and has a type that fits.

pub mod compatibility;
pub mod deephaven;
pub mod deploy;
pub mod evolve;
pub mod import_mapping;
pub mod infer;
mod key_formula;
mod literal;
pub mod parse;
pub mod validation;
pub mod write;
mod xml;

pub use super::toml_reader::Problem;
pub use crate::format::encoding::Codec;
pub use deephaven::from_deephaven;
pub(in crate::storage) use deploy::LOCK_FILE;
pub use deploy::{DeployOptions, DeployOutcome, Deployment, deploy, deploy_with, load, namespaces, require, tables};
pub use evolve::{SchemaChange, evolve};
pub use import_mapping::{ColumnMapping, ImportFormat, ImportMapping, TextMapping, TimeFormat};
pub use infer::{InferredColumn, Proposal};
pub use key_formula::KeyCheck;
pub use literal::value as parse_literal;
pub use parse::{check, check_with};
pub(in crate::storage) use validation::compare_values;
pub use validation::{CountRule, RangeRule, SetRule, Validation};

pub use crate::base::SymbolUse;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Result, TableDefinition};
use std::collections::BTreeMap;
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
    /// How a merge spreads rows over the storages of a root, if not by a hash of all grouping columns: a macro
    /// ([`BY_FIRST_GROUPING_COLUMN`](crate::storage::historical::BY_FIRST_GROUPING_COLUMN), [`SINGLE`](crate::storage::historical::SINGLE)) or an
    /// expression of the query language. Storage does not know that language: [`TableSchema::from_toml_with`] takes somebody who does.
    pub key_formula: Option<String>,
    /// How files become rows, in the order written; see [`TableSchema::import`].
    pub imports: Vec<ImportMapping>,
    /// Rules that a partition's rows must keep.
    pub validation: Validation,
    /// Columns that the table had before, by the names of their files, which no other column gets; kept by deployments.
    pub dropped: BTreeMap<String, ColumnType>,
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
    /// What made the bytes of a Blob column, for whoever reads them; storage looks at it no further.
    pub codec_name: Option<String>,
    /// What it means, for people.
    pub doc: String,
    /// Names that it had before, for a deployment that has to find what is stored of it.
    pub renamed_from: Vec<String>,
    /// The name of its files, where that is another one; kept by deployments. See [`ColumnDefinition::stored`].
    pub stored: Option<String>,
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
    /// A normal column of which nothing else is said.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        ColumnSchema {
            name: name.into(),
            column_type,
            kind: ColumnKind::default(),
            symbol: SymbolUse::default(),
            codec: Codec::default(),
            codec_name: None,
            doc: String::new(),
            renamed_from: Vec::new(),
            stored: None,
        }
    }

    /// The name of its files.
    pub fn stored_name(&self) -> &str {
        self.stored.as_deref().unwrap_or(&self.name)
    }

    /// What storage and engine are told of the column.
    pub fn definition(&self) -> ColumnDefinition {
        let definition = ColumnDefinition::new(&self.name, self.column_type).of_kind(self.kind);
        definition.with_symbol(self.symbol).stored_as(self.stored.as_deref())
    }
}

impl TableSchema {
    /// Reads a schema from its text. The first problem becomes the error, with `path`, line and column; [`check`] gives all.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        parse::schema(text).map_err(|problems| parse::first_error(problems, path))
    }

    /// As [`TableSchema::from_toml`], with a check of the key formula; its error has a position within the formula.
    pub fn from_toml_with(text: &str, path: &Path, key_check: KeyCheck<'_>) -> Result<Self> {
        parse::schema_with(text, key_check).map_err(|problems| parse::first_error(problems, path))
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
