//! Reads everything of a root, part by part, and judges a reading of a damaged root against one of the good root.

use crate::sample::{NAMESPACE, TABLE};
use pilaster::base::{Error, Result, Value};
use pilaster::engine::Table;
use pilaster::engine::formula::QueryScope;
use pilaster::io::FileSystem;
use pilaster::memory::Chunk;
use pilaster::storage::catalog::TableEntry;
use pilaster::storage::{Catalog, Location, LocationHandle, Root, TableKind};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What reading gave, or why it did not: by the way that leads there, so that an error explains what is missing below it.
pub(crate) type Reading = BTreeMap<String, Result<String>>;

/// How much is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All locations, all columns, and queries that prune.
    All,
    /// The columns of one life of the table, or one of them.
    Columns(TableKind, Option<String>),
}

impl Scope {
    /// What depends on a file: a column's own file concerns the column alone, a location's all of it.
    pub(crate) fn of_file(path: &str) -> Self {
        let kind = match path.split('/').next() {
            Some("intraday") => TableKind::Intraday,
            Some("historical") => TableKind::Historical,
            _ => return Scope::All,
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        let column = name.split_once('.').map(|(column, _)| column.to_string());
        let column = column.filter(|column| {
            !column.is_empty() && column != "commit" && column != "writer" && !path.contains(".published")
        });
        Scope::Columns(kind, column)
    }
}

/// What came of damage.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The same values.
    Same,
    /// Errors in the place of values, each naming a file; `exact` if one named the damaged file.
    Refused { exact: bool },
    /// Anything else.
    Wrong(String),
}

/// The same values, or errors that name a file; whatever is missing must lie below an error.
pub(crate) fn judge(good: &Reading, found: &Reading, damaged: &Path) -> Verdict {
    let explained = |part: &str| {
        let above = part.match_indices('/').map(|(at, _)| &part[..at]);
        above.chain([part]).any(|above| found.get(above).is_some_and(Result::is_err))
    };
    for (part, value) in good {
        match (value, found.get(part)) {
            (Ok(value), Some(Ok(other))) if value != other => {
                return Verdict::Wrong(format!("{part} is {other}, not {value}"));
            }
            (_, None) if !explained(part) => return Verdict::Wrong(format!("{part} is missing")),
            (Err(error), _) => return Verdict::Wrong(format!("{part} of the good root: {error}")),
            _ => {}
        }
    }
    if let Some(part) = found.keys().find(|part| !good.contains_key(*part)) {
        return Verdict::Wrong(format!("{part} was not there before"));
    }
    let mut errors = found.values().filter_map(|value| value.as_ref().err()).peekable();
    if errors.peek().is_none() {
        return Verdict::Same;
    }
    let mut exact = false;
    for error in errors {
        let shown = error.to_string();
        if !shown.contains("/simulated") {
            return Verdict::Wrong(format!("an error names no file: {error:?}"));
        }
        exact |= shown.contains(damaged.to_str().unwrap_or_default());
    }
    Verdict::Refused { exact }
}

/// Reads a root.
pub(crate) fn read(fs: &Arc<dyn FileSystem>, scope: &Scope) -> Reading {
    let mut reading = Reading::new();
    let opened = Root::open_in(fs.clone()).and_then(|root| {
        reading.insert("root".into(), Ok(format!("{} {:?}", root.config().time_zone, root.config().storages)));
        Catalog::open(Arc::new(root)).table(NAMESPACE, TABLE)
    });
    match opened {
        Err(error) => drop(reading.insert("root".into(), Err(error))),
        Ok(table) => {
            reading.insert("root/schema".into(), Ok(format!("{:?}", table.schema())));
            reading.extend(read_table(&table, scope));
        }
    }
    reading
}

/// Reads a table of a root that is open: for damage that leaves the root's and the schema's text alone.
pub(crate) fn read_table(table: &TableEntry, scope: &Scope) -> Reading {
    let mut reading = Reading::new();
    for kind in [TableKind::Intraday, TableKind::Historical] {
        match scope {
            Scope::Columns(only, column) if *only == kind => columns(table, kind, column.as_deref(), &mut reading),
            Scope::Columns(..) => {}
            Scope::All => {
                columns(table, kind, None, &mut reading);
                queries(table, kind, &mut reading);
            }
        }
    }
    reading
}

fn handles(table: &TableEntry, kind: TableKind) -> Result<Vec<Arc<dyn LocationHandle>>> {
    match kind {
        TableKind::Historical => table.historical(Arc::default())?.locations(),
        _ => table.intraday(Arc::default()).locations(),
    }
}

/// All values of all columns with what storage knows of them.
fn columns(table: &TableEntry, kind: TableKind, only: Option<&str>, reading: &mut Reading) {
    let place = format!("root/{}", kind.name());
    let handles = match handles(table, kind) {
        Ok(handles) => handles,
        Err(error) => return drop(reading.insert(place, Err(error))),
    };
    for handle in handles {
        let place = format!("{place}/{}", handle.key().to_string().replace('/', "-"));
        let location = match handle.open() {
            Ok(location) => location,
            Err(error) => {
                reading.insert(place, Err(error));
                continue;
            }
        };
        reading.insert(
            place.clone(),
            Ok(format!("{} rows sorted by {:?}", location.row_count(), location.sort_columns())),
        );
        for column in table.schema().definition.stored().filter(|column| only.is_none_or(|only| only == column.name)) {
            reading.insert(format!("{place}/{}", column.name), column_of(&*location, &column.name));
        }
    }
}

fn column_of(location: &dyn Location, name: &str) -> Result<String> {
    let Some(region) = location.column(name)? else { return Ok("nothing".into()) };
    let rows = location.row_count();
    let mut all = Chunk::new(region.column_type());
    region.fill(0..rows, &mut all)?;
    let mut picked = Chunk::new(region.column_type());
    let positions: Vec<u64> = (0..rows).rev().step_by(3).collect();
    region.gather(&positions, &mut picked)?;
    if let (Chunk::String(strings), Chunk::String(others)) = (&mut all, &mut picked) {
        // Rows that carry their text have set a table of their own.
        if let Some(symbols) = region.symbols()? {
            (strings.symbols, others.symbols) = (symbols.clone(), symbols);
        }
    }
    let values = |chunk: &Chunk| -> Vec<Value> { (0..chunk.len()).map(|at| chunk.value(at)).collect() };
    let (all, picked) = (values(&all), values(&picked));
    for (value, &position) in picked.iter().zip(&positions) {
        assert_eq!(format!("{value:?}"), format!("{:?}", all[position as usize]), "{name} row {position} in two ways");
    }
    let mut text = format!("{all:?} {:?}", region.zones()?);
    if let Some(index) = location.grouping(name)? {
        text += &format!(" {:?} {:?}", values(&index.values), index.starts);
    }
    Ok(text)
}

/// Queries that are answered from partition values, groupings, zone maps and symbol tables.
fn queries(table: &TableEntry, kind: TableKind, reading: &mut Reading) {
    let scope = QueryScope::default();
    let all = || -> Result<Table> {
        Ok(match kind {
            TableKind::Historical => Table::of_source(table.historical(Arc::default())?),
            _ => Table::of_source(table.intraday(Arc::default())),
        })
    };
    for filter in
        ["Sym=`SPY`", "Date>`2017-08-24`", "C6>300000", "C1 in `one`,`none`", "isNull(C9)", "Note.contains(`7`)"]
    {
        let found = all().and_then(|table| table.filter(&[filter], &scope)).and_then(|table| contents(&table));
        reading.insert(format!("root/{}/where {filter}", kind.name()), found);
    }
    let last = all().and_then(|table| table.last_by(&["Sym"])).and_then(|table| contents(&table));
    reading.insert(format!("root/{}/lastBy", kind.name()), last);
}

fn contents(table: &Table) -> Result<String, Error> {
    let mut text = String::new();
    for name in table.column_names() {
        let chunk = table.read_column(name)?;
        text += &format!("{name} {:?}\n", (0..chunk.len()).map(|at| chunk.value(at)).collect::<Vec<_>>());
    }
    Ok(text)
}
