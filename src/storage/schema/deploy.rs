//! The deployed schemas: `ROOT/schemas/<Namespace>/<Table>.toml`, each replaced as a whole or not at all, with a checksum in its first line.

use super::{TableSchema, compatibility};
use crate::base::limits::SCHEMA_BYTES_MAX;
use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::io::{self, FileSystem, LockKind, OpenMode};
use crate::storage::{layout, sealed_text};
use std::path::Path;

/// What a deployment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployOutcome {
    /// The table is new.
    Created,
    /// Another schema was replaced.
    Replaced,
    /// The same text was there already, and is durable now.
    Unchanged,
}

impl DeployOutcome {
    /// The word in output.
    pub const fn name(self) -> &'static str {
        match self {
            DeployOutcome::Created => "created",
            DeployOutcome::Replaced => "replaced",
            DeployOutcome::Unchanged => "unchanged",
        }
    }
}

/// The file below the schemas' directory that one deployment at a time holds the lock of; it stays there.
pub(in crate::storage) const LOCK_FILE: &str = ".lock";

/// Deploys a schema's text, durably; `path` is its own for messages. Where the table has data and the new schema contradicts it, it is
/// refused with every contradiction, unless `force`. Errs with `Locked` while another deployment runs.
pub fn deploy(fs: &dyn FileSystem, text: &str, path: &Path, force: bool) -> Result<DeployOutcome> {
    let schema = TableSchema::from_toml(text, path)?;
    let target = layout::schema_file(&schema.namespace, &schema.table)?;
    let directory = target.parent().unwrap_or(Path::new(""));
    io::create_dir_durable(fs, directory)?;
    let lock_path = Path::new(layout::SCHEMAS).join(LOCK_FILE);
    let Some(_lock) = fs.try_lock(&lock_path, LockKind::Exclusive)? else {
        return Err(Error::new(ErrorKind::Locked, "another process deploys a schema")
            .at_path(&fs.display(&lock_path))
            .hint("wait for it to end"));
    };
    // Left by deployments that were cut off: none runs but this one.
    for entry in fs.list(directory)?.iter().filter(|entry| io::is_temporary(&entry.name)) {
        fs.remove_file(&directory.join(&entry.name))?;
    }
    let mut outcome = DeployOutcome::Created;
    match read(fs, &target) {
        Ok(None) => {}
        Ok(Some(old)) if old == sealed_text::seal(text) => {
            // Whoever put it there may have died, or failed, before it was durable.
            fs.open(&target, OpenMode::Read)?.sync()?;
            fs.sync_dir(directory)?;
            return Ok(DeployOutcome::Unchanged);
        }
        Ok(Some(old)) => {
            outcome = DeployOutcome::Replaced;
            if !force && has_data(fs, &schema)? {
                let old = TableSchema::from_toml(&old, &fs.display(&target))
                    .map_err(|error| error.context("cannot compare with the deployed schema"))?;
                refuse_contradictions(&old, &schema)?;
            }
        }
        // A damaged schema is what a forced deployment repairs.
        Err(_) if force => outcome = DeployOutcome::Replaced,
        Err(error) => return Err(error),
    }
    io::publish(fs, &target, sealed_text::seal(text).as_bytes())?;
    Ok(outcome)
}

fn refuse_contradictions(old: &TableSchema, new: &TableSchema) -> Result<()> {
    let found = compatibility::contradictions(&old.definition, &new.definition);
    if found.is_empty() {
        return Ok(());
    }
    let message = format!("{} has data that the new schema contradicts: {}", new.full_name(), found.join("; "));
    Err(Error::invalid(message).hint("--force deploys it all the same; stored partitions may then not open"))
}

/// True if the table has a directory with something in it, intraday or historical.
fn has_data(fs: &dyn FileSystem, schema: &TableSchema) -> Result<bool> {
    for directory in [
        layout::intraday_table(&schema.namespace, &schema.table)?,
        layout::historical_table(&schema.namespace, &schema.table)?,
    ] {
        if !list(fs, &directory)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The deployed schema of a table; none if there is none.
pub fn load(fs: &dyn FileSystem, namespace: &str, table: &str) -> Result<Option<TableSchema>> {
    let path = layout::schema_file(namespace, table)?;
    let Some(text) = read(fs, &path)? else { return Ok(None) };
    let shown = fs.display(&path);
    let schema = TableSchema::from_toml(&text, &shown)?;
    if schema.namespace != namespace || schema.table != table {
        let message = format!("the schema is of {}, its place is that of {namespace}.{table}", schema.full_name());
        return Err(Error::invalid(message)
            .at_path(&shown)
            .hint("`pilaster schema deploy` puts schemas where they belong"));
    }
    Ok(Some(schema))
}

/// The deployed schema of a table, or an error that names the nearest.
pub fn require(fs: &dyn FileSystem, namespace: &str, table: &str) -> Result<TableSchema> {
    if let Some(schema) = load(fs, namespace, table)? {
        return Ok(schema);
    }
    let known = namespaces(fs)?;
    let hint = |wanted: &str, known: &[String], none: &str| {
        let hint = names::nearest_hint(wanted, known.iter().map(String::as_str));
        hint.unwrap_or_else(|| none.to_string())
    };
    let none = "no schema is deployed; `pilaster schema deploy FILE` deploys one";
    if !known.contains(&namespace.to_string()) {
        let error = Error::not_found(format!("no namespace {namespace} among the deployed schemas"));
        return Err(error.hint(hint(namespace, &known, none)));
    }
    let error = Error::not_found(format!("no schema of {namespace}.{table} is deployed"));
    Err(error.hint(hint(table, &tables(fs, namespace)?, none)))
}

/// The namespaces that have deployed schemas, sorted.
pub fn namespaces(fs: &dyn FileSystem) -> Result<Vec<String>> {
    let entries = list(fs, Path::new(layout::SCHEMAS))?;
    let valid = |name: &String| names::check(NameKind::Namespace, name).is_ok();
    Ok(entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name).filter(valid).collect())
}

/// The tables of a namespace that have deployed schemas, sorted.
pub fn tables(fs: &dyn FileSystem, namespace: &str) -> Result<Vec<String>> {
    names::check(NameKind::Namespace, namespace)?;
    let entries = list(fs, &Path::new(layout::SCHEMAS).join(namespace))?;
    let mut tables: Vec<String> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| entry.name.strip_suffix(".toml"))
        .filter(|name| names::check(NameKind::Table, name).is_ok())
        .map(str::to_string)
        .collect();
    tables.sort();
    Ok(tables)
}

/// A directory's entries; none if it does not exist.
fn list(fs: &dyn FileSystem, path: &Path) -> Result<Vec<io::DirEntry>> {
    match fs.list(path) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// The text of a deployed schema; none if it does not exist.
fn read(fs: &dyn FileSystem, path: &Path) -> Result<Option<String>> {
    let bytes = match io::read_small(fs, path, SCHEMA_BYTES_MAX) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let corrupt = |message: &str| Error::corrupt(message).at_path(&fs.display(path));
    let text = String::from_utf8(bytes).map_err(|_| corrupt("the schema is not UTF-8"))?;
    if text.bytes().all(|byte| byte == 0 || byte.is_ascii_whitespace()) {
        return Err(corrupt("the schema is empty"));
    }
    sealed_text::check(&text, "the schema").map_err(|error| error.at_path(&fs.display(path)))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::RealFileSystem;

    fn text(columns: &str) -> String {
        format!(
            "namespace = \"Ns\"\ntable = \"T\"\ncolumns = [{{ name = \"Date\", type = \"String\", kind = \"partitioning\" }}, {columns}]\n"
        )
    }

    #[test]
    fn schemas_are_deployed_listed_and_found() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let fs: &dyn FileSystem = &*fs;
        let file = Path::new("in.toml");
        let nothing = require(fs, "Ns", "T").unwrap_err().to_string();
        assert!(nothing.ends_with("`pilaster schema deploy FILE` deploys one"), "{nothing}");

        let bid = text("{ name = \"Bid\", type = \"double\" }");
        assert_eq!(deploy(fs, &bid, file, false).unwrap(), DeployOutcome::Created);
        assert_eq!(deploy(fs, &bid, file, false).unwrap(), DeployOutcome::Unchanged);
        assert_eq!(
            (namespaces(fs).unwrap(), tables(fs, "Ns").unwrap()),
            (vec!["Ns".to_string()], vec!["T".to_string()])
        );
        assert_eq!(require(fs, "Ns", "T").unwrap().columns.len(), 2);
        for (namespace, table, expected) in [
            ("Nz", "T", "no namespace Nz among the deployed schemas; the nearest is Ns"),
            ("Ns", "t", "no schema of Ns.t is deployed; the nearest is T"),
            ("../x", "T", "\"../x\" cannot be a namespace"),
        ] {
            let error = require(fs, namespace, table).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn stored_data_is_not_contradicted_without_force() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let fs: &dyn FileSystem = &*fs;
        let file = Path::new("in.toml");
        let (double, float) =
            (text("{ name = \"Bid\", type = \"double\" }"), text("{ name = \"Bid\", type = \"float\" }"));
        deploy(fs, &double, file, false).unwrap();
        // Nothing is stored yet: every change is fine.
        assert_eq!(deploy(fs, &float, file, false).unwrap(), DeployOutcome::Replaced);
        deploy(fs, &double, file, false).unwrap();
        fs.create_dir_all(Path::new("intraday/Ns/T/feed")).unwrap();
        let error = deploy(fs, &float, file, false).unwrap_err().to_string();
        assert!(error.contains("column Bid is double in stored data, float in the new schema; --force"), "{error}");
        assert_eq!(require(fs, "Ns", "T").unwrap(), TableSchema::from_toml(&double, file).unwrap());
        assert_eq!(deploy(fs, &float, file, true).unwrap(), DeployOutcome::Replaced);
    }

    #[test]
    fn damaged_and_misplaced_schemas_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let fs: &dyn FileSystem = &*fs;
        let target = layout::schema_file("Ns", "Other").unwrap();
        fs.create_dir_all(target.parent().unwrap()).unwrap();
        let good = text("{ name = \"Bid\", type = \"double\" }");
        for (content, expected) in [
            (&b""[..], "the schema is empty"),
            (&[0; 64], "the schema is empty"),
            (&[0xff; 3], "the schema is not UTF-8"),
            (good.as_bytes(), "the schema is of Ns.T, its place is that of Ns.Other"),
            (b"x", "line 1, column"),
        ] {
            io::publish(fs, &target, content).unwrap();
            let error = load(fs, "Ns", "Other").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(tables(fs, "Ns").unwrap(), ["Other"]);
    }
}
