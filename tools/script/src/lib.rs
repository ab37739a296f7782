//! The script language of Pilaster: Starlark with the habits of Python, over the tables of a database.
//!
//! [`run`] takes a script's text and a [`Database`](pilaster::session::Database) and gives its last value and its variables.
//! A script is translated first (`source`): imports of known modules bind names, a backslash joins lines, `x is None` is a comparison,
//! f-strings take expressions; every error keeps the user's own line and column. Each method and function of the
//! language is one entry of a list in `definitions`.
//!
//! **Invariant:** no computation on tables lives here: a method is an argument check and one call of the engine.

mod array_object;
mod definition;
mod definitions;
mod error;
mod guard;
mod handle;
mod number_format;
mod objects;
mod run;
mod scope;
mod source;
mod state;
mod user_function;
mod value;

pub use error::ScriptError;
pub use run::{Options, Outcome, module_names, run};
pub use value::ScriptValue;
