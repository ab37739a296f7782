//! JSON Lines to chunks: one object a line, or objects that follow each other, also within one array.
//!
//! An object's fields are the *paths* to its leaves, names joined by dots (`quote.bid`); a path that leads to an array or to a whole object has its JSON text. Records
//! go the way of delimited text: blocks are cut between objects, `objects` finds the fields of a block as that module's `Records`, and the readers of columns, errors,
//! rejects and threads are the same. `shape` says which names lead to which field, [`infer`] what types they are.
//!
//! Invariants: what a string means does not depend on how it is escaped; null and an absent field are the same; the empty string is not null. Nesting costs no stack.

#[cfg(test)]
mod cuts_test;
pub mod infer;
pub(in crate::storage::import) mod objects;
pub(in crate::storage::import) mod scanner;
pub(in crate::storage::import) mod shape;
#[cfg(test)]
mod tests;

pub use infer::infer_json;

use super::csv::{CsvOptions, Dialect, NullTexts};

/// What the grammar of a text is, where it is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonForm {
    /// No object goes on behind a line end: one that is damaged leaves the others alone.
    Lines,
    /// Objects are cut where their braces close.
    Spanning,
}

impl CsvOptions {
    /// The options of JSON Lines: no header, nothing but JSON's null means null.
    pub fn json() -> Self {
        CsvOptions {
            dialect: Dialect {
                quote: Some(b'"'),
                escape: Some(b'\\'),
                json: Some(JsonForm::Lines),
                ..Dialect::default()
            },
            header: false,
            nulls: NullTexts::new([""]),
            ..CsvOptions::default()
        }
    }
}
