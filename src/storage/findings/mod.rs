//! What looking after a root finds: problems, what they are about, and where they come together. Intraday and historical locations tell theirs here,
//! [`super::check`] reads them.
//!
//! **Invariant:** a problem that is about something newer or unreadable names nothing to repair.

mod collector;
mod symbols;

pub use collector::{Collector, Figures, Progress};
pub(in crate::storage) use symbols::{check_distinct, check_sorted};

use crate::base::{ColumnType, Error, ErrorKind};
use crate::storage::TableSchema;
use std::path::PathBuf;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Left over from something that did not end, or nobody's: nothing reads it.
    Stray,
    /// Values, structures or files that are not what they must be.
    Damage,
}

impl Severity {
    /// The word in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Stray => "stray",
            Severity::Damage => "damage",
        }
    }
}

/// Something that is not as the specification says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The file or directory, as a person would type it.
    pub path: PathBuf,
    /// The byte in the file, where one is known.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// A way out.
    pub hint: Option<String>,
    /// What it is about, for repairs.
    pub subject: Subject,
}

/// What a problem is about; paths are relative to the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Nothing that could be repaired by itself: schemas, names, what a newer version wrote, what nobody of us made.
    Other,
    /// A file or directory of ours that nothing refers to.
    Leftover {
        /// Where it is.
        path: PathBuf,
        /// Whose lock says that nobody works on it.
        guard: Guard,
    },
    /// A slot of the commit file of an intraday location; another record holds.
    Slot {
        /// The location.
        directory: PathBuf,
    },
    /// An intraday location in which no commit record holds.
    Commit {
        /// The location.
        directory: PathBuf,
    },
    /// A column of an intraday location whose record holds.
    Column {
        /// The location.
        directory: PathBuf,
    },
    /// A published column partition.
    Partition {
        /// The table's historical directory.
        table_directory: PathBuf,
        /// Its namespace.
        namespace: String,
        /// Its name.
        table: String,
        /// The partition.
        column_partition: String,
    },
}

/// How one makes sure that nobody is about to finish what looks left over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// No lock: it is left over when it has not changed for a while.
    Age,
    /// The exclusive lock on a file, which may be missing.
    Lock(PathBuf),
    /// The lock of a historical partition.
    Partition {
        /// The table's historical directory.
        table_directory: PathBuf,
        /// The partition.
        column_partition: String,
    },
}

impl Problem {
    /// Damage, from the error that showed it. What a newer version wrote, and what could not be read at all, is nothing to repair.
    pub fn damage(error: &Error, subject: Subject) -> Self {
        let repairable = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound);
        Problem {
            severity: Severity::Damage,
            path: error.path().map(PathBuf::from).unwrap_or_default(),
            offset: error.offset(),
            what: error.what(),
            hint: error.hint_text().map(str::to_string),
            subject: if repairable { subject } else { Subject::Other },
        }
    }

    /// The same with a way out, unless it has one.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Something left over or unknown.
    pub fn stray(path: PathBuf, what: impl Into<String>, subject: Subject) -> Self {
        Problem { severity: Severity::Stray, path, offset: None, what: what.into(), hint: None, subject }
    }
}

/// What a stored column and the deployed schema say against each other. A column that was dropped since, or has a wider type now, is in order.
pub(in crate::storage) fn against_schema(
    schema: Option<&TableSchema>,
    stored_name: &str,
    column_type: ColumnType,
    path: impl FnOnce() -> PathBuf,
) -> Option<Problem> {
    let schema = schema?;
    let Some(column) = schema.definition.stored_column(stored_name) else {
        if schema.dropped.contains_key(stored_name) {
            return None;
        }
        let what = format!("column {stored_name} is not in the schema of {}", schema.full_name());
        return Some(Problem::stray(path(), what, Subject::Other));
    };
    let wanted = column.column_type;
    if column_type == wanted || column_type.widens_to(wanted) {
        return None;
    }
    let name = &column.name;
    Some(Problem {
        severity: Severity::Damage,
        path: path(),
        offset: None,
        what: format!("column {name} is {column_type} here and {wanted} in the schema of {}", schema.full_name()),
        hint: Some("deploy a schema with the stored type, or import the partition anew".into()),
        subject: Subject::Other,
    })
}
