//! What a path of the user means: a root, a part of one, or a directory that stands alone.

use crate::base::{Error, Result};
use crate::io::{FileSystem, ReadOnlyFileSystem, RealFileSystem};
use crate::storage::layout::{self, ROOT_FILE};
use crate::storage::{Root, TableKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Which part of a root is meant; what is none is not restricted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One namespace.
    pub namespace: Option<String>,
    /// One table of it.
    pub table: Option<String>,
    /// Intraday or historical.
    pub kind: Option<TableKind>,
    /// One source or storage.
    pub internal_partition: Option<String>,
    /// One column partition.
    pub column_partition: Option<String>,
}

impl Scope {
    /// True for a whole root.
    pub fn is_everything(&self) -> bool {
        *self == Scope::default()
    }

    /// True where the scope has the table.
    pub fn has_table(&self, namespace: &str, table: &str) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
            && self.table.as_deref().is_none_or(|wanted| wanted == table)
    }

    /// True where the scope has partitions of a kind.
    pub fn has_kind(&self, kind: TableKind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// True where the scope has the source or storage.
    pub fn has_internal(&self, name: &str) -> bool {
        self.internal_partition.as_deref().is_none_or(|wanted| wanted == name)
    }

    /// True where the scope has the column partition.
    pub fn has_partition(&self, value: &str) -> bool {
        self.column_partition.as_deref().is_none_or(|wanted| wanted == value)
    }

    /// The scope that a path below a root leads to; whoever names a file means what it belongs to.
    fn of(root: &Root, path: &Path) -> Option<Self> {
        let kinds = [(Path::new(layout::INTRADAY), TableKind::Intraday)];
        let storages =
            root.config().storages.iter().map(|storage| (storage.directory.as_path(), TableKind::Historical));
        let history = [(Path::new(layout::HISTORICAL), TableKind::Historical)];
        let found = kinds
            .into_iter()
            .chain(storages)
            .chain(history)
            .find_map(|(top, kind)| Some((path.strip_prefix(top).ok()?, kind)));
        let Some((rest, kind)) = found else {
            return path.as_os_str().is_empty().then(Scope::default);
        };
        let mut names = rest.components().filter_map(|part| part.as_os_str().to_str().map(str::to_string));
        let (namespace, table, internal, partition) = (names.next(), names.next(), names.next(), names.next());
        // `.published` and the like stand for all sources or storages.
        let internal = internal.filter(|name| !name.starts_with('.'));
        Some(Scope { namespace, table, kind: Some(kind), internal_partition: internal, column_partition: partition })
    }
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// Something below a root.
    InRoot {
        /// The root.
        root: Arc<Root>,
        /// Where the path leads below it.
        path: PathBuf,
        /// The part of the root that this is; none for what holds no tables.
        scope: Option<Scope>,
    },
    /// A file or directory that is in no root.
    Alone {
        /// The directory that was given, or that the file is in.
        fs: Arc<dyn FileSystem>,
        /// The file's name; empty for a directory.
        path: PathBuf,
    },
}

/// Finds out what a path leads to. What comes back can be read and not changed, unless `writable`.
pub fn find(path: &Path, writable: bool) -> Result<Found> {
    let absolute = std::path::absolute(path).map_err(|error| Error::io("find", path, error))?;
    let absolute = without_dots(&absolute);
    let guarded = |fs: Arc<RealFileSystem>| -> Arc<dyn FileSystem> {
        if writable { fs } else { Arc::new(ReadOnlyFileSystem::new(fs)) }
    };
    for above in absolute.ancestors() {
        let Ok(fs) = RealFileSystem::open(above) else { continue };
        if !matches!(fs.metadata(Path::new(ROOT_FILE)), Ok(Some(found)) if !found.is_dir) {
            continue;
        }
        let rest = absolute.strip_prefix(above).unwrap_or(Path::new("")).to_path_buf();
        // Who asks for the root's own file, damaged perhaps, does not need it to be good.
        match Root::open_in(guarded(fs)) {
            Ok(root) => {
                let root = Arc::new(root);
                let there = root.fs().metadata(&rest)?;
                let Some(there) = there else {
                    return Err(Error::not_found("there is no such file or directory").at_path(path));
                };
                let part = if there.is_dir { rest.as_path() } else { rest.parent().unwrap_or(Path::new("")) };
                let part = match part.ends_with(".published") && !there.is_dir {
                    true => part.join(rest.file_name().unwrap_or_default()),
                    false => part.to_path_buf(),
                };
                let scope = Scope::of(&root, &part);
                return Ok(Found::InRoot { root, path: rest, scope });
            }
            Err(error) if writable || rest.as_os_str().is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    if let Ok(fs) = RealFileSystem::open(&absolute) {
        return Ok(Found::Alone { fs: guarded(fs), path: PathBuf::new() });
    }
    let missing = || Error::not_found("there is no such file or directory").at_path(path);
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else { return Err(missing()) };
    let fs = RealFileSystem::open(parent).map_err(|error| if error.is_not_found() { missing() } else { error })?;
    match fs.metadata(Path::new(name))? {
        Some(_) => Ok(Found::Alone { fs: guarded(fs), path: name.into() }),
        None => Err(missing()),
    }
}

/// The path with `..` taken back, by its text alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
