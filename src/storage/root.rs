//! The root: the directory that holds everything, made one by its `pilaster.toml`.
//!
//! Owns that file's structure. Invariant: a `Root` exists only for a directory whose format version this build knows.

use super::layout::ROOT_FILE;
use super::sealed_text;
use super::toml_reader::{self, Problems, TableReader};
use crate::base::date_time::Zone;
use crate::base::names::{self, NameKind};
use crate::base::{Error, ErrorKind, Result};
use crate::io::{self, DirEntry, FileSystem, RealFileSystem};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The version of the layout below a root that this build reads and writes.
pub const FORMAT_VERSION: u64 = 1;
/// The storage that a new root has.
pub const DEFAULT_STORAGE: &str = "main";
/// Bytes that a `pilaster.toml` may have; it names a few storages.
const ROOT_FILE_BYTES_MAX: usize = 1 << 20;

/// An open root.
#[derive(Clone, Debug)]
pub struct Root {
    fs: Arc<dyn FileSystem>,
    config: RootConfig,
}

/// What `pilaster.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootConfig {
    /// Tells this root from copies and others.
    pub uuid: Uuid,
    /// The zone of date-times in files that name none: an IANA name or a short one.
    pub time_zone: String,
    /// Where merges put sealed partitions; at least one, names unique.
    pub storages: Vec<Storage>,
}

/// A place for sealed partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The name: the internal partition of what lies there.
    pub name: String,
    /// Its directory, relative to the root.
    pub directory: PathBuf,
}

impl RootConfig {
    /// A new root's: a UUID of its own, the zone, one storage inside the root.
    pub fn new(time_zone: &str) -> Result<Self> {
        Zone::named(time_zone)?;
        let storage = Storage { name: DEFAULT_STORAGE.into(), directory: super::layout::HISTORICAL.into() };
        Ok(RootConfig { uuid: Uuid::new_v4(), time_zone: time_zone.into(), storages: vec![storage] })
    }

    fn to_toml(&self) -> String {
        let mut text = String::from("# Makes this directory a Pilaster root. Written by `pilaster init`.\n");
        let _ = writeln!(text, "format_version = {FORMAT_VERSION}");
        let _ = writeln!(text, "uuid = \"{}\"", self.uuid);
        let _ = writeln!(text, "time_zone = \"{}\"", self.time_zone);
        text += "\n# Where merges put sealed partitions: name = directory, relative to the root.\n[storages]\n";
        for storage in &self.storages {
            let directory = toml::Value::String(storage.directory.to_string_lossy().into_owned());
            let _ = writeln!(text, "\"{}\" = {directory}", storage.name);
        }
        text
    }

    /// What a text says; the first problem is the error.
    pub(super) fn from_toml(text: &str, path: &Path) -> Result<Self> {
        let mut problems = Problems::new(text);
        let table = toml_reader::parse(text, &mut problems);
        // The version first: what else a file of another version holds is not ours to judge.
        let version = TableReader::new(table.get_ref(), 0..0, "", &[], &mut Problems::new(text))
            .unsigned("format_version", &mut Problems::new(text));
        if let Some(found) = version.filter(|version| version.value != FORMAT_VERSION) {
            let message = format!("the root has format version {}, this build supports {FORMAT_VERSION}", found.value);
            return Err(Error::new(ErrorKind::UnknownVersion, message).at_path(path));
        }
        if !problems.is_empty() {
            return Err(toml_reader::first_error(problems.into_found(), path, ""));
        }
        let known = ["format_version", "uuid", "time_zone", "storages"];
        let reader = TableReader::new(table.get_ref(), 0..0, "the root's file", &known, &mut problems);
        if reader.unsigned("format_version", &mut problems).is_none() {
            reader.missing("format_version", &mut problems);
        }
        let uuid = reader.required_string("uuid", &mut problems).and_then(|text| match text.value.parse() {
            Ok(uuid) => Some(uuid),
            Err(_) => {
                problems.add(text.span, "uuid is not a UUID");
                None
            }
        });
        let zone = reader.required_string("time_zone", &mut problems);
        if let Some(zone) = &zone
            && let Err(error) = Zone::named(&zone.value)
        {
            problems.add_error(zone.span.clone(), &error);
        }
        let storages = storages(&reader, &mut problems);
        match (uuid, zone) {
            (Some(uuid), Some(zone)) if problems.is_empty() => Ok(RootConfig { uuid, time_zone: zone.value, storages }),
            _ => Err(toml_reader::first_error(problems.into_found(), path, "")),
        }
    }
}

fn storages(reader: &TableReader<'_, '_>, problems: &mut Problems<'_>) -> Vec<Storage> {
    let Some(table) = reader.table("storages", problems) else {
        reader.missing("[storages]", problems);
        return Vec::new();
    };
    let mut storages = Vec::new();
    for (key, value) in table.value.iter() {
        if let Err(error) = names::check(NameKind::InternalPartition, key.get_ref()) {
            problems.add_error(key.span(), &error);
        }
        let Some(directory) = value.get_ref().as_str() else {
            problems.add(value.span(), "a storage's directory must be a string");
            continue;
        };
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        if directory.is_empty() || !Path::new(directory).components().all(inside) {
            problems.add(value.span(), "a storage's directory must be a relative path inside the root");
        } else if Path::new(directory).starts_with(super::layout::QUARANTINE) {
            problems.add(value.span(), "a storage's directory must not be the quarantine");
        }
        storages.push(Storage { name: key.get_ref().to_string(), directory: directory.into() });
    }
    if storages.is_empty() {
        problems.add(table.span, "there is no storage");
    }
    storages.sort_by(|a, b| a.name.cmp(&b.name));
    storages
}

impl Root {
    /// Makes a directory a root: creates it if it is missing, refuses one that is a root already or holds anything else.
    pub fn create(path: &Path, config: RootConfig) -> Result<Self> {
        Self::create_in(RealFileSystem::create(path)?, config)
    }

    /// As [`Root::create`], in a file system whose top directory exists.
    pub fn create_in(fs: Arc<dyn FileSystem>, config: RootConfig) -> Result<Self> {
        let shown = fs.display(Path::new(""));
        let entries = fs.list(Path::new(""))?;
        if entries.iter().any(|entry| entry.name == ROOT_FILE) {
            let message = format!("{} is a pilaster root already", shown.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message).hint("use it, or choose another directory"));
        }
        // Left by somebody who was cut off while doing this.
        let unfinished =
            |entry: &DirEntry| !entry.is_dir && entry.name.starts_with(ROOT_FILE) && io::is_temporary(&entry.name);
        // Hidden entries, such as what a version control or the mount left, are no reason to refuse.
        if let Some(entry) = entries.iter().find(|entry| !entry.name.starts_with('.') && !unfinished(entry)) {
            let message = format!("{} is not empty: it holds {}", shown.display(), entry.name);
            return Err(Error::new(ErrorKind::AlreadyExists, message).hint("choose a new or empty directory"));
        }
        for entry in entries.iter().filter(|entry| unfinished(entry)) {
            fs.remove_file(Path::new(&entry.name))?;
        }
        io::publish(&*fs, Path::new(ROOT_FILE), sealed_text::seal(&config.to_toml()).as_bytes())?;
        Ok(Root { fs, config })
    }

    /// Opens a root; writes nothing.
    pub fn open(path: &Path) -> Result<Self> {
        let fs =
            RealFileSystem::open(path).map_err(|error| if error.is_not_found() { no_root(path) } else { error })?;
        Self::open_in(fs)
    }

    /// As [`Root::open`], in a file system.
    pub fn open_in(fs: Arc<dyn FileSystem>) -> Result<Self> {
        let shown = fs.display(Path::new(ROOT_FILE));
        let bytes = io::read_small(&*fs, Path::new(ROOT_FILE), ROOT_FILE_BYTES_MAX)
            .map_err(|error| if error.is_not_found() { no_root(&fs.display(Path::new(""))) } else { error })?;
        let text =
            String::from_utf8(bytes).map_err(|_| Error::corrupt("the root's file is not UTF-8").at_path(&shown))?;
        if text.bytes().all(|byte| byte == 0 || byte.is_ascii_whitespace()) {
            return Err(Error::corrupt("the root's file is empty").at_path(&shown));
        }
        sealed_text::check(&text, "the root's file").map_err(|error| error.at_path(&shown))?;
        let config = RootConfig::from_toml(&text, &shown)?;
        Ok(Root { fs, config })
    }

    /// Its directory tree.
    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// What its `pilaster.toml` says.
    pub fn config(&self) -> &RootConfig {
        &self.config
    }

    /// The zone of date-times in files that name none.
    pub fn time_zone(&self) -> Result<Zone> {
        Zone::named(&self.config.time_zone)
    }

    /// The directory as a person would type it.
    pub fn display(&self) -> PathBuf {
        self.fs.display(Path::new(""))
    }
}

fn no_root(path: &Path) -> Error {
    Error::not_found(format!("no pilaster root at {}", path.display())).hint("`pilaster init` makes one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_made_once_and_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        let error = Root::open(&path).unwrap_err();
        assert!(error.is_not_found() && error.to_string().ends_with("`pilaster init` makes one"), "{error}");
        let made = Root::create(&path, RootConfig::new("NY").unwrap()).unwrap();
        assert!(Root::open(&path).unwrap().config() == made.config());
        assert_eq!(Root::create(&path, RootConfig::new("NY").unwrap()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let above = Root::create(directory.path(), RootConfig::new("NY").unwrap()).unwrap_err();
        assert!(above.to_string().contains("is not empty: it holds a"), "{above}");
        let error = Root::open(directory.path()).unwrap_err();
        assert!(error.to_string().contains("no pilaster root at"), "{error}");
        assert!(RootConfig::new("Mars").is_err());
    }

    #[test]
    fn other_versions_and_damage_are_refused() {
        let good = RootConfig::new("UTC").unwrap().to_toml();
        assert!(RootConfig::from_toml(&good, Path::new("p")).is_ok(), "{good}");
        for (from, to, expected) in [
            (
                "format_version = 1",
                "format_version = 2\nnew = 1",
                "p: the root has format version 2, this build supports 1",
            ),
            ("format_version = 1", "", "p: line 1, column 1: the root's file has no format_version"),
            ("time_zone", "timezone", "p: line 1, column 1: the root's file has no time_zone"),
            ("\"UTC\"", "\"U\"", "p: line 4, column 13: unknown time zone"),
            ("uuid = \"", "uuid = \"x", "p: line 3, column 8: uuid is not a UUID"),
            ("\"historical\"", "\"../x\"", "p: line 8, column 10: a storage's directory must be a relative path"),
            ("\"historical\"", "\"/x\"", "p: line 8, column 10: a storage's directory must be a relative path"),
            ("\"main\"", "\".x\"", "p: line 8, column 1: \".x\" cannot be an internal partition"),
            (
                "\"historical\"",
                "\"quarantine/x\"",
                "p: line 8, column 10: a storage's directory must not be the quarantine",
            ),
            ("\"main\" = \"historical\"", "", "p: line 7, column 1: there is no storage"),
            ("[storages]", "[storages", "p: line 7, column"),
        ] {
            assert!(good.contains(from), "{from} in {good}");
            let error = RootConfig::from_toml(&good.replacen(from, to, 1), Path::new("p")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn an_empty_root_file_is_damage() {
        let directory = tempfile::tempdir().unwrap();
        for content in [&b""[..], &[0; 100], b" \n", b"\xff"] {
            let fs = RealFileSystem::open(directory.path()).unwrap();
            io::publish(&*fs, Path::new(ROOT_FILE), content).unwrap();
            assert!(Root::open_in(fs).unwrap_err().is_corrupt());
        }
    }
}
