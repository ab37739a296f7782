//! Into which arrays of fixed width the values of a column go, on both sides of a merge.
//!
//! A value of variable width is *items* in the next array, a *level*: a text its bytes. The level before holds an [`End`] for each value. Level 0
//! has one entry a row; the last level holds values of fixed width, symbol codes or bytes.
//!
//! **Invariant:** what a form says follows from type and `plain` alone, so a record that names both names every file.

use crate::base::{ColumnDefinition, ColumnType, SymbolUse};

/// Levels beyond the first that a column can have.
pub const LEVELS_MAX: usize = 4;
/// Bytes of an [`End`].
pub const END_BYTES: usize = 8;

/// Where the items of a value end, and whether it is null: twice the end, plus one for null. A null has no items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(pub u64);

impl End {
    /// Of a value whose items end before item `at`.
    pub const fn new(at: u64, is_null: bool) -> Self {
        End(at << 1 | is_null as u64)
    }

    /// Where the items end.
    pub const fn at(self) -> u64 {
        self.0 >> 1
    }

    /// True for null.
    pub const fn is_null(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The form of a column's values on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnForm {
    /// The type of the values.
    pub column_type: ColumnType,
    /// True for text as bytes, false for text as codes of a symbol table; false for types without text.
    pub plain: bool,
}

impl ColumnForm {
    /// The form of a type; `plain` has a meaning for text alone.
    pub fn new(column_type: ColumnType, plain: bool) -> Self {
        ColumnForm { column_type, plain: plain && column_type == ColumnType::String }
    }

    /// The form in which new rows of a column are kept.
    pub fn of(definition: &ColumnDefinition) -> Self {
        Self::new(definition.column_type, definition.symbol == SymbolUse::None)
    }

    /// Levels beyond the first.
    pub fn depth(self) -> usize {
        usize::from(self.plain)
    }

    /// True if there is a symbol table.
    pub fn has_symbols(self) -> bool {
        self.column_type == ColumnType::String && !self.plain
    }

    /// What the last level holds; none for bytes.
    pub fn leaf(self) -> Option<ColumnType> {
        if self.plain { None } else { Some(self.column_type) }
    }

    /// Bytes of an entry of a level.
    pub fn width(self, level: usize) -> usize {
        match self.leaf() {
            _ if level < self.depth() => END_BYTES,
            Some(leaf) => leaf.width(),
            None => 1,
        }
    }

    /// How a definition spells the form.
    pub fn symbol_use(self) -> SymbolUse {
        if self.plain { SymbolUse::None } else { SymbolUse::Auto }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_follow_from_types() {
        for column_type in ColumnType::SCALARS {
            let form = ColumnForm::new(column_type, false);
            assert_eq!((form.depth(), form.width(0), form.leaf()), (0, column_type.width(), Some(column_type)));
            assert_eq!(form.has_symbols(), column_type == ColumnType::String);
            let plain = ColumnForm::new(column_type, true);
            assert_eq!(plain == form, column_type != ColumnType::String);
        }
        let plain = ColumnForm::new(ColumnType::String, true);
        assert_eq!((plain.depth(), plain.width(0), plain.width(1), plain.leaf()), (1, 8, 1, None));
        assert_eq!((End::new(7, false).0, End::new(7, true).0), (14, 15));
        assert_eq!((End(15).at(), End(15).is_null(), End(14).is_null()), (7, true, false));
    }
}
