//! The deployed schemas: `ROOT/schemas/<Namespace>/<Table>.toml`, each replaced as a whole or not at all, with a checksum in its first line.

use super::{TableSchema, compatibility, write};
use crate::base::limits::SCHEMA_BYTES_MAX;
use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::io::{self, FileSystem, LockGuard, LockKind, OpenMode};
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

/// How a schema is deployed.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeployOptions {
    /// Deploys also what stored data contradicts, and replaces a damaged schema.
    pub force: bool,
    /// Finds out what a deployment would do, and does not do it.
    pub dry_run: bool,
}

/// What a deployment did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Whether the schema is another one.
    pub outcome: DeployOutcome,
    /// What becomes of columns of which there are stored rows, a sentence each.
    pub changes: Vec<String>,
    /// The text that was deployed: the given one with what is noted of stored columns.
    pub text: String,
}

/// Deploys a schema's text, durably, without what stored data contradicts; see [`deploy_with`].
pub fn deploy(fs: &dyn FileSystem, text: &str, path: &Path, force: bool) -> Result<DeployOutcome> {
    deploy_with(fs, text, path, DeployOptions { force, dry_run: false }).map(|deployed| deployed.outcome)
}

/// Deploys a schema's text, durably; `path` is its own for messages. Where the table has data, columns are compared with those of the schema
/// before ([`compatibility::transition`]): what becomes of them is reported and noted in the deployed text; what contradicts stored data is
/// refused with every contradiction, unless forced. Errs with `Locked` while another deployment runs.
pub fn deploy_with(fs: &dyn FileSystem, text: &str, path: &Path, options: DeployOptions) -> Result<Deployment> {
    let schema = TableSchema::from_toml(text, path)?;
    let target = layout::schema_file(&schema.namespace, &schema.table)?;
    let _lock = if options.dry_run { None } else { Some(lock(fs, &target)?) };
    let found = match read(fs, &target) {
        // A damaged schema is what a forced deployment repairs.
        Err(_) if options.force => None,
        found => Some(found?),
    };
    let outcome = if found == Some(None) { DeployOutcome::Created } else { DeployOutcome::Replaced };
    let Some(Some(old)) = found else {
        return finish(fs, &target, outcome, Vec::new(), text.to_string(), options.dry_run);
    };
    let has_data = has_data(fs, &schema)?;
    let deployed = TableSchema::from_toml(&old, &fs.display(&target));
    let deployed = match deployed {
        Err(error) if has_data && !options.force => {
            return Err(error.context("cannot compare with the deployed schema"));
        }
        deployed => deployed.ok(),
    };
    let (mut changes, mut text) = (Vec::new(), text.to_string());
    if let (true, Some(deployed)) = (has_data, deployed) {
        let transition = compatibility::transition(&deployed, &schema)?;
        if !options.force {
            refuse_contradictions(&schema.full_name(), &transition.contradictions)?;
        }
        text = noted(&text, &schema, &transition.schema);
        changes = transition.changes;
    }
    let outcome = if old == sealed_text::seal(&text) { DeployOutcome::Unchanged } else { outcome };
    finish(fs, &target, outcome, changes, text, options.dry_run)
}

/// Takes the lock of deployments, and removes what those left that were cut off: none runs but this one.
pub(super) fn lock(fs: &dyn FileSystem, target: &Path) -> Result<Box<dyn LockGuard>> {
    let directory = target.parent().unwrap_or(Path::new(""));
    io::create_dir_durable(fs, directory)?;
    let lock_path = Path::new(layout::SCHEMAS).join(LOCK_FILE);
    let Some(lock) = fs.try_lock(&lock_path, LockKind::Exclusive)? else {
        return Err(Error::new(ErrorKind::Locked, "another process deploys a schema")
            .at_path(&fs.display(&lock_path))
            .hint("wait for it to end"));
    };
    for entry in fs.list(directory)?.iter().filter(|entry| io::is_temporary(&entry.name)) {
        fs.remove_file(&directory.join(&entry.name))?;
    }
    Ok(lock)
}

/// Puts a text where readers find it, at one instant and durably.
pub(super) fn finish(
    fs: &dyn FileSystem,
    target: &Path,
    outcome: DeployOutcome,
    changes: Vec<String>,
    text: String,
    dry_run: bool,
) -> Result<Deployment> {
    match outcome {
        _ if dry_run => {}
        DeployOutcome::Unchanged => {
            // Whoever put it there may have died, or failed, before it was durable.
            fs.open(target, OpenMode::Read)?.sync()?;
            fs.sync_dir(target.parent().unwrap_or(Path::new("")))?;
        }
        _ => io::publish(fs, target, sealed_text::seal(&text).as_bytes())?,
    }
    Ok(Deployment { outcome, changes, text })
}

/// A schema's text with what is noted of stored columns: the text as people wrote it wherever that can be kept.
fn noted(text: &str, given: &TableSchema, wanted: &TableSchema) -> String {
    let (own, notes) = (write::evolution(given), write::evolution(wanted));
    if own == notes {
        return text.to_string();
    }
    let content = sealed_text::content(text).trim_end();
    let content = content.strip_suffix(own.trim_end()).unwrap_or(content).trim_end();
    let joined = if notes.is_empty() { format!("{content}\n") } else { format!("{content}\n\n{notes}") };
    match TableSchema::from_toml(&joined, Path::new("")) {
        Ok(read) if read == *wanted => joined,
        _ => wanted.to_toml(),
    }
}

pub(super) fn refuse_contradictions(full_name: &str, found: &[String]) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let message = format!("{full_name} has data that the new schema contradicts: {}", found.join("; "));
    Err(Error::invalid(message).hint(
        "a type may only become wider; `schema evolve --drop COL --add COL=TYPE` begins a column anew, null in stored rows; --force deploys it all the same; stored partitions may then not open",
    ))
}

/// True if the table has a directory with something in it, intraday or historical.
pub(super) fn has_data(fs: &dyn FileSystem, schema: &TableSchema) -> Result<bool> {
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
        assert!(
            error
                .contains("column Bid is double in stored data, float in the new schema; a type may only become wider"),
            "{error}"
        );
        assert_eq!(require(fs, "Ns", "T").unwrap(), TableSchema::from_toml(&double, file).unwrap());
        assert_eq!(deploy(fs, &float, file, true).unwrap(), DeployOutcome::Replaced);
    }

    #[test]
    fn what_is_stored_is_noted_behind_the_text_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let fs: &dyn FileSystem = &*fs;
        let file = Path::new("in.toml");
        let plan = DeployOptions { dry_run: true, ..DeployOptions::default() };
        let deployed = |text: &str, options| deploy_with(fs, text, file, options).unwrap();
        deploy(fs, &text("{ name = \"Bid\", type = \"int\" }"), file, false).unwrap();
        fs.create_dir_all(Path::new("intraday/Ns/T/feed")).unwrap();
        let written = text("# what buyers pay\n{ name = \"Price\", type = \"long\", renamed_from = [\"Bid\"] }");
        let planned = deployed(&written, plan);
        assert_eq!(
            planned.changes,
            ["column Bid is renamed to Price", "column Price is widened from int to long: stored partitions keep int"]
        );
        assert_eq!(require(fs, "Ns", "T").unwrap().columns[1].name, "Bid", "a plan changes nothing");
        assert_eq!(deployed(&written, DeployOptions::default()), planned);
        assert!(planned.text.starts_with(&written) && planned.text.ends_with("stored = { Price = \"Bid\" }\n"));
        // Once more; and as it is shown.
        for text in [&written, &planned.text, &require(fs, "Ns", "T").unwrap().to_toml()] {
            let again = deployed(text, DeployOptions::default());
            assert!(again.changes.is_empty() && again.text.contains("stored = { Price = \"Bid\" }"), "{}", again.text);
            let is_written = *text != require(fs, "Ns", "T").unwrap().to_toml();
            assert_eq!(again.outcome == DeployOutcome::Unchanged, is_written, "{text}");
        }
        // Dropped, and there again: other files.
        deployed(
            &text("{ name = \"Price\", type = \"long\" }, { name = \"Bid\", type = \"String\" }"),
            DeployOptions::default(),
        );
        let now = require(fs, "Ns", "T").unwrap();
        assert_eq!(now.columns.iter().map(|column| column.stored_name()).collect::<Vec<_>>(), ["Date", "Bid", "Bid$2"]);
        deployed(&text("{ name = \"Bid\", type = \"String\" }"), DeployOptions::default());
        let now = require(fs, "Ns", "T").unwrap();
        assert_eq!(
            (now.columns[1].stored_name(), now.dropped.get("Bid")),
            ("Bid$2", Some(&crate::base::ColumnType::Long))
        );
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
