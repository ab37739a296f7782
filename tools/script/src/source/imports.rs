//! The modules that scripts may import, and reading of import statements.
//!
//! There are no files behind them: the names are those of the script language itself, so an import binds what is there
//! anyway, under the name that it gives.

use super::tokens::{Token, TokenKind};
use pilaster::base::names::nearest_hint;
use pilaster::base::{Error, Result};

/// What a module offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleNames {
    /// Everything that the language knows, and the modules below it.
    Everything,
    /// The functions of the table tools.
    TableTools,
    /// The functions and constants of date-times.
    Time,
    /// The null constants.
    QueryConstants,
    /// `quote` and `unquote`.
    Url,
    /// `resolve`.
    Uri,
    /// `array`.
    Jpy,
    /// What `aggBy` takes.
    Aggregations,
    /// The same under the names of Deephaven Core: `agg.avg`, `agg.sum_`.
    Agg,
    /// What `updateBy` takes.
    Updates,
}

/// Module names and what they stand for. The first name of each is how the language itself spells it.
pub(crate) const MODULES: &[(&str, ModuleNames)] = &[
    ("deephaven", ModuleNames::Everything),
    ("ttools", ModuleNames::TableTools),
    ("dbtu", ModuleNames::Time),
    ("jpy", ModuleNames::Jpy),
    ("uri", ModuleNames::Uri),
    ("caf", ModuleNames::Aggregations),
    ("deephaven.ComboAggregateFactory", ModuleNames::Aggregations),
    ("deephaven.agg", ModuleNames::Agg),
    ("deephaven.updateby", ModuleNames::Updates),
    ("deephaven.TableTools", ModuleNames::TableTools),
    ("deephaven.DBTimeUtils", ModuleNames::Time),
    ("deephaven.QueryConstants", ModuleNames::QueryConstants),
    ("deephaven.constants", ModuleNames::QueryConstants),
    ("deephaven.time", ModuleNames::Time),
    ("deephaven.uri", ModuleNames::Uri),
    ("illumon.iris.TableTools", ModuleNames::TableTools),
    ("illumon.iris.DBTimeUtils", ModuleNames::Time),
    ("urllib.parse", ModuleNames::Url),
];

/// One name that an import statement binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The name in the script.
    pub(crate) name: String,
    /// The module, in [`MODULES`] or a package above one of them.
    pub(crate) module: String,
    /// What of it; none for the module itself.
    pub(crate) member: Option<String>,
}

/// Reads an import statement from its tokens without blanks. Positions of errors are byte offsets into `text`.
pub(crate) fn read(text: &str, tokens: &[Token]) -> Result<Vec<Binding>, (usize, Error)> {
    let mut reader = Reader { text, tokens, at: 0 };
    let bindings = match reader.word() {
        Some("from") => reader.members()?,
        _ => reader.modules()?,
    };
    match reader.tokens.get(reader.at) {
        None => Ok(bindings),
        Some(token) => Err((token.range.start, Error::parse("unexpected text after the import"))),
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|token| &self.text[token.range.clone()])
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += found as usize;
        found
    }

    fn offset(&self) -> usize {
        let end = self.tokens.last().map_or(0, |token| token.range.end);
        self.tokens.get(self.at).map_or(end, |token| token.range.start)
    }

    fn name(&mut self, what: &str) -> Result<&'a str, (usize, Error)> {
        match self.tokens.get(self.at) {
            Some(token) if token.kind == TokenKind::Name => {
                self.at += 1;
                Ok(&self.text[token.range.clone()])
            }
            _ => Err((self.offset(), Error::parse(format!("expected {what}")))),
        }
    }

    /// A dotted name of a known module, or of a package above one.
    fn module(&mut self) -> Result<String, (usize, Error)> {
        let start = self.offset();
        let mut module = self.name("the name of a module")?.to_owned();
        while self.take(".") {
            module.push('.');
            module.push_str(self.name("the rest of the module's name")?);
        }
        let package = format!("{module}.");
        if MODULES.iter().any(|(name, _)| *name == module || name.starts_with(&package)) {
            return Ok(module);
        }
        let names = MODULES.iter().map(|(name, _)| *name);
        let known: Vec<&str> =
            names.clone().filter(|name| name.contains('.') || *name == "deephaven" || *name == "jpy").collect();
        let near = nearest_hint(&module, names).map_or(String::new(), |hint| format!("{hint}; "));
        Err((
            start,
            Error::not_found(format!("no module {module}"))
                .hint(format!("{near}scripts run inside pilaster and can import from {}", known.join(", "))),
        ))
    }

    /// `import a.b as c, d`.
    fn modules(&mut self) -> Result<Vec<Binding>, (usize, Error)> {
        let mut bindings = Vec::new();
        loop {
            let module = self.module()?;
            bindings.push(if self.take("as") {
                Binding { name: self.name("a name after `as`")?.to_owned(), module, member: None }
            } else {
                let first = module.split('.').next().unwrap_or(&module).to_owned();
                Binding { name: first.clone(), module: first, member: None }
            });
            if !self.take(",") {
                return Ok(bindings);
            }
        }
    }

    /// `from a.b import c as d, e`, `from a import (b, c)`, `from a import *`; the last binds nothing, since all names are there.
    fn members(&mut self) -> Result<Vec<Binding>, (usize, Error)> {
        let module = self.module()?;
        if !self.take("import") {
            return Err((self.offset(), Error::parse("expected `import`")));
        }
        if self.take("*") {
            return Ok(Vec::new());
        }
        let bracket = self.take("(");
        let mut bindings = Vec::new();
        loop {
            let member = self.name("a name to import")?.to_owned();
            let name = if self.take("as") { self.name("a name after `as`")?.to_owned() } else { member.clone() };
            bindings.push(Binding { name, module: module.clone(), member: Some(member) });
            if !self.take(",") || bracket && self.peek() == Some(")") {
                break;
            }
        }
        if bracket && !self.take(")") {
            return Err((self.offset(), Error::parse("expected `)`")));
        }
        Ok(bindings)
    }
}
