//! Into which arrays of fixed width the values of a column go, on both sides of a merge.
//!
//! A value of variable width is *items* in the next array, a *level*: an array its elements, a text its bytes. The level before holds an
//! [`End`] for each value. Level 0 has one entry a row; the last level holds values of fixed width, symbol codes or bytes.
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
        ColumnForm { column_type, plain: plain && scalar(column_type) == ColumnType::String }
    }

    /// The form in which new rows of a column are kept.
    pub fn of(definition: &ColumnDefinition) -> Self {
        Self::new(definition.column_type, definition.symbol == SymbolUse::None)
    }

    /// Levels beyond the first.
    pub fn depth(self) -> usize {
        let arrays = if let ColumnType::Array(array) = self.column_type { array.depth() } else { 0 };
        arrays + usize::from(self.plain || self.scalar().is_object())
    }

    /// The type of the innermost elements; the column's own where it has no arrays.
    pub fn scalar(self) -> ColumnType {
        scalar(self.column_type)
    }

    /// True if there is a symbol table.
    pub fn has_symbols(self) -> bool {
        self.scalar() == ColumnType::String && !self.plain
    }

    /// What the last level holds; none for bytes.
    pub fn leaf(self) -> Option<ColumnType> {
        if self.plain || self.scalar().is_object() { None } else { Some(self.scalar()) }
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

fn scalar(column_type: ColumnType) -> ColumnType {
    if let ColumnType::Array(array) = column_type { array.scalar() } else { column_type }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_follow_from_types() {
        let form = |name: &str, plain| ColumnForm::new(name.parse().unwrap(), plain);
        for (name, plain, depth, leaf, widths) in [
            ("String", false, 0, Some(ColumnType::String), &[4][..]),
            ("String", true, 1, None, &[8, 1]),
            ("int", true, 0, Some(ColumnType::Int), &[4]),
            ("BigDecimal", false, 1, None, &[8, 1]),
            ("short[]", false, 1, Some(ColumnType::Short), &[8, 2]),
            ("String[][]", false, 2, Some(ColumnType::String), &[8, 8, 4]),
            ("String[]", true, 2, None, &[8, 8, 1]),
            ("Blob[][][]", false, 4, None, &[8, 8, 8, 8, 1]),
        ] {
            let form = form(name, plain);
            let found = (0..=form.depth()).map(|level| form.width(level)).collect::<Vec<_>>();
            assert_eq!((form.depth(), form.leaf(), &found[..]), (depth, leaf, widths), "{name}");
            assert_eq!(form.has_symbols(), leaf == Some(ColumnType::String), "{name}");
        }
        for column_type in ColumnType::all() {
            let (form, plain) = (ColumnForm::new(column_type, false), ColumnForm::new(column_type, true));
            assert!(plain.depth() <= LEVELS_MAX && form.has_symbols() == (plain != form));
        }
        assert_eq!((End::new(7, false).0, End::new(7, true).0), (14, 15));
        assert_eq!((End(15).at(), End(15).is_null(), End(14).is_null()), (7, true, false));
    }
}
