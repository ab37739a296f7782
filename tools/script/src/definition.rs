//! Functions and methods of the language: one definition each, with its names, its parameters and what it does.

use crate::handle;
use crate::value::ScriptValue;
use pilaster::base::names::nearest_hint;
use pilaster::base::{Error, Result};
use pilaster::engine::Table;
use pilaster::engine::formula::{QueryScope, ScopeValue, UserFunction};
use pilaster::engine::operation::partition::TableMap;
use pilaster::io::FileSystem;
use pilaster::session::Database;
use std::fmt;
use std::sync::Arc;

/// A function or method.
pub(crate) struct Definition {
    /// The names: Deephaven's first. The same in snake_case is always a name too.
    pub(crate) names: &'static [&'static str],
    /// Names of the parameters, for keyword arguments and messages. `*name` takes all that follow, `name?` may be missing.
    pub(crate) parameters: &'static [&'static str],
    /// What it does.
    pub(crate) run: fn(&Call<'_>) -> Result<ScriptValue, Failure>,
}

/// What a method is called on.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    /// A function.
    None,
    /// A method of a table.
    Table(Table),
    /// A method of the database.
    Database(Arc<Database>),
    /// A method of a date-time.
    DateTime(i64),
    /// A method of an array.
    Array(Arc<[ScriptValue]>),
    /// A method of a table map.
    Map(TableMap),
    /// A method of tables, called on each table of a map.
    Each(TableMap),
}

/// What a module holds under a name.
pub(crate) enum Member {
    /// A function.
    Function(&'static Definition),
    /// A constant.
    Constant(ScriptValue),
    /// A module below.
    Module(String),
}

/// What a call may ask of the script that makes it.
pub(crate) struct Context<'a> {
    pub(crate) scope: &'a dyn Scope,
}

/// The names of the script that formulas see.
pub(crate) trait Scope {
    /// The variable of a name, none if there is none or it is no cell and no list of cells.
    fn variable(&self, name: &str) -> Option<ScopeValue>;
    /// The function of a name.
    fn function(&self, name: &str) -> Result<Option<Arc<dyn UserFunction>>>;
    /// Where the script may write files.
    fn output_directory(&self) -> Option<Arc<dyn FileSystem>>;
    /// Everything else that formulas need.
    fn base(&self) -> QueryScope;
}

/// Why a call failed, and at which argument.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Position of the argument as the user wrote the call; none if it is not about one.
    pub(crate) argument: Option<usize>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, argument: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// One call: the values of the parameters.
pub(crate) struct Call<'a> {
    definition: &'static Definition,
    pub(crate) receiver: &'a Receiver,
    /// One a parameter, or none; the last ones belong to a `*` parameter.
    arguments: Vec<Option<ScriptValue>>,
    context: &'a Context<'a>,
}

/// What Deephaven Core's Python interface calls parameters that have other names here.
const CORE_PARAMETERS: &[(&str, &str)] = &[
    ("formulas", "columns"),
    ("cols", "columns"),
    ("order_by", "columns"),
    ("by", "keys"),
    ("num_rows", "rows"),
    ("pct", "share"),
    ("start", "first"),
    ("stop", "end"),
    ("idx", "index"),
    ("col", "name"),
    ("filter_table", "table"),
];

impl Definition {
    /// The name in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.names[0]
    }

    /// All names, those in snake_case included.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = String> + '_ {
        let snake = self.names.iter().map(|name| snake_case(name)).filter(|name| !self.names.contains(&name.as_str()));
        self.names.iter().map(|name| name.to_string()).chain(snake)
    }

    /// `head(n)`.
    pub(crate) fn signature(&self) -> String {
        format!("{}({})", self.name(), self.parameters.join(", "))
    }

    /// Assigns arguments to parameters and runs it.
    pub(crate) fn call(
        &'static self,
        receiver: &Receiver,
        positional: Vec<ScriptValue>,
        named: Vec<(String, ScriptValue)>,
        context: &Context<'_>,
    ) -> Result<ScriptValue, Failure> {
        let variadic = self.parameters.last().is_some_and(|name| name.starts_with('*'));
        if positional.len() > self.parameters.len() && !variadic {
            let most = self.parameters.len();
            let plural = if most == 1 { "" } else { "s" };
            return Err(Failure {
                error: Error::invalid(format!(
                    "{} takes {most} argument{plural}, not {}",
                    self.name(),
                    positional.len()
                ))
                .hint(format!("it is {}", self.signature())),
                argument: Some(most),
            });
        }
        let mut arguments: Vec<Option<ScriptValue>> = positional.into_iter().map(Some).collect();
        for (name, value) in named {
            let bare = self.parameters.iter().map(|parameter| parameter.trim_matches(['*', '?']));
            let at = bare.clone().position(|parameter| parameter == name || snake_case(parameter) == name);
            let at = at.or_else(|| {
                let (_, here) =
                    CORE_PARAMETERS.iter().find(|(core, here)| *core == name && bare.clone().any(|p| p == *here))?;
                bare.clone().position(|parameter| parameter == *here)
            });
            let Some(at) = at else {
                let hint = nearest_hint(&name, bare).unwrap_or_else(|| format!("it is {}", self.signature()));
                return Err(Error::invalid(format!("{} has no parameter {name}", self.name())).hint(hint).into());
            };
            if arguments.get(at).is_some_and(Option::is_some) {
                return Err(Error::invalid(format!("{} got {name} twice", self.name())).into());
            }
            arguments.resize(arguments.len().max(at + 1), None);
            arguments[at] = Some(value);
        }
        for (at, parameter) in self.parameters.iter().enumerate() {
            if !parameter.starts_with('*')
                && !parameter.ends_with('?')
                && !arguments.get(at).is_some_and(Option::is_some)
            {
                return Err(Error::invalid(format!("{} needs the argument {parameter}", self.name()))
                    .hint(format!("it is {}", self.signature()))
                    .into());
            }
        }
        if let Receiver::Each(map) = receiver {
            let call = |receiver: &Receiver| {
                (self.run)(&Call { definition: self, receiver, arguments: arguments.clone(), context })
            };
            return handle::call_each(map, self.name(), call);
        }
        (self.run)(&Call { definition: self, receiver, arguments, context })
    }
}

/// `sortDescending` as `sort_descending`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let is_constant = !name.contains(|c: char| c.is_ascii_lowercase());
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && !is_constant {
            if at > 0 {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

impl Call<'_> {
    /// The table that the method is called on.
    pub(crate) fn table(&self) -> Result<&Table, Failure> {
        match self.receiver {
            Receiver::Table(table) => Ok(table),
            _ => Err(Error::invalid(format!("{} is a method of tables", self.definition.name())).into()),
        }
    }

    /// The database that the method is called on.
    pub(crate) fn database(&self) -> Result<&Arc<Database>, Failure> {
        match self.receiver {
            Receiver::Database(database) => Ok(database),
            _ => Err(Error::invalid(format!("{} is a method of db", self.definition.name())).into()),
        }
    }

    /// The instant that the method is called on.
    pub(crate) fn date_time(&self) -> Result<i64, Failure> {
        match self.receiver {
            Receiver::DateTime(nanos) => Ok(*nanos),
            _ => Err(Error::invalid(format!("{} is a method of date-times", self.definition.name())).into()),
        }
    }

    /// The array that the method is called on.
    pub(crate) fn array(&self) -> Result<&[ScriptValue], Failure> {
        match self.receiver {
            Receiver::Array(values) => Ok(values),
            _ => Err(Error::invalid(format!("{} is a method of arrays", self.definition.name())).into()),
        }
    }

    /// The table map that the method is called on.
    pub(crate) fn table_map(&self) -> Result<&TableMap, Failure> {
        match self.receiver {
            Receiver::Map(map) => Ok(map),
            _ => Err(Error::invalid(format!("{} is a method of table maps", self.definition.name())).into()),
        }
    }

    /// The argument at a position; none if it is missing.
    pub(crate) fn argument(&self, at: usize) -> Option<&ScriptValue> {
        self.arguments.get(at)?.as_ref()
    }

    /// The arguments from a position on, with their positions.
    pub(crate) fn rest(&self, from: usize) -> impl Iterator<Item = (usize, &ScriptValue)> {
        self.arguments.iter().enumerate().skip(from).filter_map(|(at, value)| Some((at, value.as_ref()?)))
    }

    /// The failure of an argument that is not what it must be: numbers are shown, of all else the type.
    pub(crate) fn wrong(&self, at: usize, wanted: &str) -> Failure {
        let found = match self.argument(at) {
            None => "nothing".to_string(),
            Some(ScriptValue::Int(number)) if wanted.starts_with("a number") => number.to_string(),
            Some(ScriptValue::Float(number)) if wanted.starts_with("a number") => number.to_string(),
            Some(value) => value.type_name().to_string(),
        };
        let parameter = self.parameter(at);
        Failure {
            error: Error::type_mismatch(format!(
                "{parameter} of {} must be {wanted}, not {found}",
                self.definition.name()
            )),
            argument: Some(at),
        }
    }

    fn parameter(&self, at: usize) -> &'static str {
        let parameters = self.definition.parameters;
        parameters.get(at).or(parameters.last()).map_or("the argument", |name| name.trim_matches(['*', '?']))
    }

    /// An integer argument.
    pub(crate) fn int(&self, at: usize) -> Result<i64, Failure> {
        match self.argument(at) {
            Some(ScriptValue::Int(value)) => Ok(*value),
            _ => Err(self.wrong(at, "an int")),
        }
    }

    /// A number argument.
    pub(crate) fn number(&self, at: usize) -> Result<f64, Failure> {
        match self.argument(at) {
            Some(ScriptValue::Int(value)) => Ok(*value as f64),
            Some(ScriptValue::Float(value)) => Ok(*value),
            _ => Err(self.wrong(at, "a number")),
        }
    }

    /// A text argument.
    pub(crate) fn text(&self, at: usize) -> Result<&str, Failure> {
        match self.argument(at) {
            Some(ScriptValue::Text(text)) => Ok(text),
            _ => Err(self.wrong(at, "a string")),
        }
    }

    /// A table argument.
    pub(crate) fn table_argument(&self, at: usize) -> Result<&Table, Failure> {
        match self.argument(at) {
            Some(ScriptValue::Table(table)) => Ok(table),
            _ => Err(self.wrong(at, "a table")),
        }
    }

    /// The tables from an argument on, lists of them included.
    pub(crate) fn tables(&self, from: usize) -> Result<Vec<Table>, Failure> {
        let mut tables = Vec::new();
        for (at, value) in self.rest(from) {
            let items = match value {
                ScriptValue::List(items) => items.as_slice(),
                other => std::slice::from_ref(other),
            };
            for item in items {
                tables.push(item.as_table().ok_or_else(|| self.wrong(at, "a table or a list of tables"))?.clone());
            }
        }
        Ok(tables)
    }

    /// The strings from an argument on, lists of them included, each with the position of its argument. `None` is no string at all.
    pub(crate) fn strings(&self, from: usize) -> Result<Vec<(usize, &str)>, Failure> {
        let mut strings = Vec::new();
        for (at, value) in self.rest(from) {
            match value {
                ScriptValue::Text(text) => strings.push((at, text.as_str())),
                ScriptValue::None => {}
                ScriptValue::List(items) => {
                    for item in items {
                        let ScriptValue::Text(text) = item else {
                            return Err(self.wrong(at, "strings, not other values"));
                        };
                        strings.push((at, text.as_str()));
                    }
                }
                _ => return Err(self.wrong(at, "a string or a list of strings")),
            }
        }
        Ok(strings)
    }

    /// Column names from an argument on: strings, lists, and several names in one string, `"A, B"`.
    pub(crate) fn names(&self, from: usize) -> Result<Vec<String>, Failure> {
        let strings = self.strings(from)?;
        let split = strings.iter().flat_map(|(_, text)| text.split(','));
        Ok(split.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Column names in one argument: a string of one or several, or a list. A missing one has none.
    pub(crate) fn names_at(&self, at: usize) -> Result<Vec<String>, Failure> {
        let strings = self.strings(at)?;
        let own = strings.iter().filter(|(argument, _)| *argument == at).flat_map(|(_, text)| text.split(','));
        Ok(own.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Column expressions from an argument on. One string of several plain names or renames is split, a formula with commas is not.
    pub(crate) fn expressions(&self, from: usize) -> Result<Vec<(usize, String)>, Failure> {
        let mut expressions = Vec::new();
        for (at, text) in self.strings(from)? {
            let parts: Vec<&str> = text.split(',').map(str::trim).collect();
            if parts.len() > 1 && parts.iter().all(|part| is_name_or_rename(part)) {
                expressions.extend(parts.into_iter().map(|part| (at, part.to_owned())));
            } else {
                expressions.push((at, text.to_owned()));
            }
        }
        Ok(expressions)
    }

    /// The directory that the script may write files into.
    pub(crate) fn output_directory(&self) -> Result<Arc<dyn FileSystem>> {
        self.context.scope.output_directory().ok_or_else(|| {
            Error::invalid("this script may not write files")
                .hint("whoever runs it allows a directory: `pilaster query --allow-write DIR`")
        })
    }

    /// The names of the script that formulas use.
    pub(crate) fn query_scope<'t>(&self, formulas: impl Iterator<Item = &'t str>) -> Result<QueryScope> {
        let mut scope = self.context.scope.base();
        let mut seen = std::collections::HashSet::new();
        for word in formulas.flat_map(words) {
            if !seen.insert(word) {
                continue;
            }
            if let Some(value) = self.context.scope.variable(word) {
                scope.variables.insert(word.to_owned(), value);
            } else if let Some(function) = self.context.scope.function(word)? {
                scope.functions.insert(word.to_owned(), function);
            }
        }
        Ok(scope)
    }
}

/// What might be names in a formula; words of text literals too, which does no harm.
fn words(formula: &str) -> impl Iterator<Item = &str> {
    let pieces = formula.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    pieces.filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$'))
}

/// `A` or `A=B`.
fn is_name_or_rename(text: &str) -> bool {
    let is_name = |text: &str| {
        let text = text.trim();
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
    };
    match text.split_once('=') {
        Some((new, old)) => is_name(new) && is_name(old),
        None => is_name(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_habits() {
        for (camel, snake) in
            [("where", "where"), ("sortDescending", "sort_descending"), ("MINUTE", "MINUTE"), ("i", "i")]
        {
            assert_eq!(snake_case(camel), snake);
        }
        assert!(
            is_name_or_rename("A")
                && is_name_or_rename("A = B")
                && !is_name_or_rename("A=1")
                && !is_name_or_rename("A=B+C")
        );
        assert_eq!(
            words("A=(int)square.call(B_1, `x`)").collect::<Vec<_>>(),
            ["A", "int", "square", "call", "B_1", "x"]
        );
    }
}
