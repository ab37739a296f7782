//! What columns a table has, for whoever reads or writes it: shared by storage and engine, which do not know each other's words.

use super::limits::COLUMN_COUNT_MAX;
use super::names::{self, NameKind};
use super::{ColumnType, Error, Result};

/// What a column is to storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ColumnKind {
    /// Values of its own.
    #[default]
    Normal,
    /// Historical rows with the same value lie together.
    Grouping,
    /// Its value is the directory's name and is never stored in a file; String, one a table.
    Partitioning,
}

/// How storage keeps the text of a String column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SymbolUse {
    /// A symbol table while rows come in; in history what suits the values.
    #[default]
    Auto,
    /// Every distinct text once in a symbol table, codes in the rows.
    Table,
    /// Text in the rows, for values that do not repeat.
    None,
}

impl SymbolUse {
    /// The word in schemas; none for what a schema leaves open.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            SymbolUse::Auto => None,
            SymbolUse::Table => Some("table"),
            SymbolUse::None => Some("none"),
        }
    }
}

/// A column's name, type and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// The name, valid as [`NameKind::Column`].
    pub name: String,
    /// The type of its values.
    pub column_type: ColumnType,
    /// What it is to storage; `Normal` in memory.
    pub kind: ColumnKind,
    /// How storage keeps its text; means nothing in memory, nor for types without text.
    pub symbol: SymbolUse,
    /// The name that its files have, where that is another one: of a column that was renamed, or whose name another column had before.
    pub stored: Option<String>,
}

impl ColumnDefinition {
    /// A normal column.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        ColumnDefinition {
            name: name.into(),
            column_type,
            kind: ColumnKind::Normal,
            symbol: SymbolUse::Auto,
            stored: None,
        }
    }

    /// The name that the column's files have in every location. It never changes, whatever the column is called: that is how locations of
    /// all times know it.
    pub fn stored_name(&self) -> &str {
        self.stored.as_deref().unwrap_or(&self.name)
    }

    /// The same column with files of a name; its own is as good as none.
    #[must_use]
    pub fn stored_as(mut self, name: Option<&str>) -> Self {
        self.stored = name.filter(|name| *name != self.name).map(str::to_string);
        self
    }

    /// The column as locations know it: called by the name of its files.
    #[must_use]
    pub fn as_stored(&self) -> ColumnDefinition {
        ColumnDefinition { name: self.stored_name().to_string(), stored: None, ..self.clone() }
    }

    /// The same column with its text kept another way.
    #[must_use]
    pub fn with_symbol(mut self, symbol: SymbolUse) -> Self {
        self.symbol = symbol;
        self
    }

    /// The same column with another kind.
    #[must_use]
    pub fn of_kind(mut self, kind: ColumnKind) -> Self {
        self.kind = kind;
        self
    }
}

/// The columns of a table in order: names are valid and unique, at most one column is partitioning.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TableDefinition {
    columns: Vec<ColumnDefinition>,
}

impl TableDefinition {
    /// Checks names and those of files, their uniqueness, and that there is at most one partitioning column, of type String.
    pub fn new(columns: Vec<ColumnDefinition>) -> Result<Self> {
        if columns.len() > COLUMN_COUNT_MAX {
            return Err(Error::limit(format!("{} columns, the most is {COLUMN_COUNT_MAX}", columns.len())));
        }
        let mut seen = std::collections::HashSet::new();
        let mut files = std::collections::HashSet::new();
        let mut partitioning = None;
        for column in &columns {
            names::check(NameKind::Column, &column.name)?;
            if !seen.insert(&column.name) {
                return Err(Error::invalid(format!("column {} is defined twice", column.name)));
            }
            if let Some(stored) = &column.stored {
                names::check(NameKind::Column, stored)?;
            }
            if column.kind != ColumnKind::Partitioning && !files.insert(column.stored_name()) {
                let message = format!("column {} has the files of another, {}", column.name, column.stored_name());
                return Err(Error::invalid(message));
            }
            if column.kind == ColumnKind::Partitioning {
                if column.column_type != ColumnType::String {
                    return Err(Error::invalid(format!("partitioning column {} must be a String", column.name)));
                }
                if let Some(other) = partitioning.replace(&column.name) {
                    return Err(Error::invalid(format!("{other} and {} are both partitioning", column.name))
                        .hint("a table has one partitioning column"));
                }
            }
        }
        Ok(TableDefinition { columns })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[ColumnDefinition] {
        &self.columns
    }

    /// The column of a name. Names are case-sensitive.
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column whose files have a name; the partitioning one has none.
    pub fn stored_column(&self, stored_name: &str) -> Option<&ColumnDefinition> {
        self.stored().find(|column| column.stored_name() == stored_name)
    }

    /// The columns as locations know them, called by the names of their files; none where that changes no name.
    pub fn as_stored(&self) -> Option<TableDefinition> {
        let renamed = self.stored().any(|column| column.stored.is_some());
        let stored = |column: &ColumnDefinition| match column.kind {
            ColumnKind::Partitioning => column.clone(),
            _ => column.as_stored(),
        };
        renamed.then(|| TableDefinition { columns: self.columns.iter().map(stored).collect() })
    }

    /// Position of the column of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The column of a name, or an error that names the nearest ones.
    pub fn require(&self, name: &str) -> Result<&ColumnDefinition> {
        self.column(name).ok_or_else(|| {
            let error = Error::not_found(format!("no column {name}"));
            match names::nearest_hint(name, self.columns.iter().map(|c| c.name.as_str())) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// The partitioning column, if there is one.
    pub fn partitioning(&self) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.kind == ColumnKind::Partitioning)
    }

    /// The columns that have files: all but the partitioning one.
    pub fn stored(&self) -> impl Iterator<Item = &ColumnDefinition> {
        self.columns.iter().filter(|column| column.kind != ColumnKind::Partitioning)
    }

    /// The grouping columns, in order.
    pub fn grouping(&self) -> impl Iterator<Item = &ColumnDefinition> {
        self.columns.iter().filter(|column| column.kind == ColumnKind::Grouping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_checked() {
        let column = |name: &str| ColumnDefinition::new(name, ColumnType::String);
        let partitioning = |name: &str| column(name).of_kind(ColumnKind::Partitioning);
        assert!(TableDefinition::new(vec![partitioning("Date"), column("Sym")]).is_ok());
        for (columns, part) in [
            (vec![column("A"), column("A")], "defined twice"),
            (vec![partitioning("A"), partitioning("B")], "both partitioning"),
            (vec![column("1")], "cannot be a column name"),
            (vec![ColumnDefinition::new("A", ColumnType::Int).of_kind(ColumnKind::Partitioning)], "must be a String"),
            (vec![column("A").stored_as(Some("../A"))], "cannot be a column name"),
            (vec![column("A").stored_as(Some("B")), column("B")], "column B has the files of another, B"),
        ] {
            let message = TableDefinition::new(columns).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let renamed = vec![column("B").stored_as(Some("A")), column("A").stored_as(Some("B")), column("C")];
        let table = TableDefinition::new(renamed).unwrap();
        assert_eq!(table.stored_column("A").unwrap().name, "B");
        let stored = table.as_stored().unwrap();
        assert_eq!(stored.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["A", "B", "C"]);
        assert!(stored.as_stored().is_none() && column("A").stored_as(Some("A")).stored.is_none());
        let table = TableDefinition::new(vec![column("Sym")]).unwrap();
        assert!(table.require("sym").unwrap_err().to_string().contains("the nearest is Sym"));
    }
}
