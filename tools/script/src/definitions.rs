//! Every function and method of the language by name: one list a kind, and which module holds which.

mod aggregations;
mod array;
mod constants;
mod database;
mod date_time;
mod table;
mod table_map;
mod table_tools;
mod text;
mod updates;

use crate::definition::{Definition, Member};
use crate::source::{MODULES, ModuleNames};
use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

/// The methods of arrays.
pub(crate) fn array_methods() -> &'static [Definition] {
    array::METHODS
}

/// A method of arrays, by any of its names.
pub(crate) fn array_method(name: &str) -> Option<&'static Definition> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    find(&INDEX, array_methods(), name)
}

/// The methods of tables.
pub(crate) fn table_methods() -> &'static [Definition] {
    table::METHODS
}

/// The methods of the database.
pub(crate) fn database_methods() -> &'static [Definition] {
    database::METHODS
}

/// The methods of date-times.
pub(crate) fn date_time_methods() -> &'static [Definition] {
    date_time::METHODS
}

/// The methods of table maps.
pub(crate) fn table_map_methods() -> &'static [Definition] {
    table_map::METHODS
}

/// A method of table maps, by any of its names.
pub(crate) fn table_map_method(name: &str) -> Option<&'static Definition> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    find(&INDEX, table_map_methods(), name)
}

/// A method of tables, by any of its names.
pub(crate) fn table_method(name: &str) -> Option<&'static Definition> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    find(&INDEX, table_methods(), name)
}

/// A method of the database, by any of its names.
pub(crate) fn database_method(name: &str) -> Option<&'static Definition> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    find(&INDEX, database_methods(), name)
}

/// A method of date-times, by any of its names.
pub(crate) fn date_time_method(name: &str) -> Option<&'static Definition> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    find(&INDEX, date_time_methods(), name)
}

/// Definitions by all their names.
type Index = HashMap<String, &'static Definition>;

fn index(definitions: &'static [Definition]) -> Index {
    definitions.iter().flat_map(|definition| definition.all_names().map(move |name| (name, definition))).collect()
}

fn find(cell: &'static OnceLock<Index>, definitions: &'static [Definition], name: &str) -> Option<&'static Definition> {
    cell.get_or_init(|| index(definitions)).get(name).copied()
}

/// All names of definitions, sorted.
pub(crate) fn names(definitions: &[Definition]) -> Vec<String> {
    let names: BTreeSet<String> = definitions.iter().flat_map(Definition::all_names).collect();
    names.into_iter().collect()
}

/// The functions that a kind of module holds itself.
fn functions(module: ModuleNames) -> Vec<&'static [Definition]> {
    match module {
        ModuleNames::Everything => {
            let mut all = vec![table_tools::FUNCTIONS, date_time::FUNCTIONS, text::FUNCTIONS, aggregations::FUNCTIONS];
            all.extend(updates::FUNCTIONS);
            all
        }
        ModuleNames::Aggregations => vec![aggregations::FUNCTIONS],
        ModuleNames::Updates => updates::FUNCTIONS.to_vec(),
        ModuleNames::TableTools => vec![table_tools::FUNCTIONS],
        ModuleNames::Time => vec![date_time::FUNCTIONS],
        ModuleNames::QueryConstants | ModuleNames::Agg => vec![],
        ModuleNames::Url => vec![text::URL_FUNCTIONS],
        ModuleNames::Uri => vec![text::URI_FUNCTIONS],
        ModuleNames::Jpy => vec![table_tools::JPY_FUNCTIONS],
    }
}

/// The constants that a kind of module holds.
fn constants(module: ModuleNames) -> Vec<&'static [(&'static str, constants::Constant)]> {
    match module {
        ModuleNames::Everything => vec![constants::TIME, constants::NULLS],
        ModuleNames::Time => vec![constants::TIME],
        ModuleNames::QueryConstants => vec![constants::NULLS],
        _ => vec![],
    }
}

/// What a module, or a package above one, holds under a name.
pub(crate) fn member(module: &str, name: &str) -> Option<Member> {
    let full = format!("{module}.{name}");
    let below = format!("{full}.");
    if MODULES.iter().any(|(known, _)| *known == full || known.starts_with(&below)) {
        return Some(Member::Module(full));
    }
    let (_, kind) = MODULES.iter().find(|(known, _)| *known == module)?;
    if *kind == ModuleNames::Everything && MODULES.iter().any(|(known, _)| *known == name) {
        return Some(Member::Module(name.to_owned()));
    }
    if let Some((_, constant)) = constants(*kind).into_iter().flatten().find(|(known, _)| *known == name) {
        return Some(Member::Constant(constant.value()));
    }
    if *kind == ModuleNames::Agg {
        let (_, function) = aggregations::CORE_NAMES.iter().find(|(known, _)| *known == name)?;
        return aggregations::FUNCTIONS.iter().find(|known| known.names.contains(function)).map(Member::Function);
    }
    let mut definitions = functions(*kind).into_iter().flatten();
    definitions.find(|definition| definition.all_names().any(|known| known == name)).map(Member::Function)
}

/// The names that a module, or a package above one, holds, sorted.
pub(crate) fn member_names(module: &str) -> Vec<String> {
    let prefix = format!("{module}.");
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (known, _) in MODULES {
        if let Some(rest) = known.strip_prefix(&prefix) {
            found.extend(rest.split('.').next().map(str::to_owned));
        }
    }
    if let Some((_, kind)) = MODULES.iter().find(|(known, _)| *known == module) {
        found.extend(constants(*kind).into_iter().flatten().map(|(name, _)| (*name).to_owned()));
        found.extend(functions(*kind).into_iter().flatten().flat_map(Definition::all_names));
        if *kind == ModuleNames::Agg {
            found.extend(aggregations::CORE_NAMES.iter().map(|(name, _)| (*name).to_owned()));
        }
        if *kind == ModuleNames::Everything {
            found.extend(
                MODULES
                    .iter()
                    .map(|(name, _)| *name)
                    .filter(|name| !name.contains('.') && *name != module)
                    .map(str::to_owned),
            );
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Vec<&'static [Definition]> {
        let mut lists = vec![
            table_methods(),
            database_methods(),
            date_time_methods(),
            table_map_methods(),
            table_tools::FUNCTIONS,
            date_time::FUNCTIONS,
            aggregations::FUNCTIONS,
        ];
        lists.extend(updates::FUNCTIONS);
        lists
    }

    #[test]
    fn every_definition_has_one_place() {
        for list in lists() {
            let all: usize = list.iter().map(|definition| definition.all_names().count()).sum();
            assert_eq!(index(list).len(), all, "a name twice: {:?}", names(list));
            for definition in list {
                let optional = definition.parameters.iter().position(|p| p.ends_with('?')).unwrap_or(usize::MAX);
                let required = definition.parameters.iter().rposition(|p| !p.ends_with('?') && !p.starts_with('*'));
                assert!(required.is_none_or(|at| at < optional), "{}", definition.signature());
            }
        }
    }

    #[test]
    fn modules_hold_what_imports_name() {
        for (module, name) in [
            ("deephaven", "ttools"),
            ("deephaven", "uri"),
            ("deephaven", "emptyTable"),
            ("deephaven", "MINUTE"),
            ("deephaven", "TableTools"),
            ("illumon", "iris"),
            ("illumon.iris", "TableTools"),
            ("illumon.iris.TableTools", "emptyTable"),
            ("ttools", "empty_table"),
            ("dbtu", "YEAR"),
            ("urllib", "parse"),
            ("urllib.parse", "quote"),
            ("jpy", "array"),
        ] {
            assert!(member(module, name).is_some(), "{module} {name}");
            assert!(member_names(module).iter().any(|known| known == name), "{module} lists {name}");
        }
        assert!(member("ttools", "nanosToTime").is_none());
        assert!(member("nowhere", "x").is_none());
    }

    #[test]
    fn the_readme_names_everything() {
        let readme = include_str!("../README.md");
        for definition in lists().into_iter().flatten() {
            let name = definition.names[0];
            let told = [format!("`{name}`"), format!("`{name}("), format!("`db.{name}(")];
            assert!(told.iter().any(|text| readme.contains(text)), "README.md does not tell of {name}");
        }
    }
}
