//! The one error type of the library: what could not be done, where, and a way out.
//!
//! Messages are lower case without a final stop. Context is added from the inside out: the place that fails knows
//! the offset, its caller the file, the next one the partition.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for callers that react rather than print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused: permission, a device error, a broken pipe.
    Io,
    /// The disk, a quota or the number of inodes is used up.
    NoSpace,
    /// Bytes that we wrote are not what they were: a checksum, an invariant, a missing or empty metadata file.
    Corrupt,
    /// A file of a format version that this build does not know.
    UnknownVersion,
    /// A namespace, table, partition, column or file that does not exist.
    NotFound,
    /// Something that must be new exists already.
    AlreadyExists,
    /// Another process holds the location or root.
    Locked,
    /// An argument, name, schema or file from outside that is not valid.
    Invalid,
    /// An expression whose types do not fit.
    Type,
    /// Text that could not be parsed: a value, formula, script, schema or CSV line.
    Parse,
    /// A stated limit would be passed.
    Limit,
    /// The user or a deadline stopped the work.
    Cancelled,
    /// A writer that failed to make data durable and refuses to go on.
    Poisoned,
    /// A location that a reader has open lost rows or was replaced in a way that a reader must not paper over.
    RolledBack,
    /// A run-time failure of a query, such as an integer remainder by zero.
    Evaluation,
}

/// An error with its context. One word wide, so that `Result` stays cheap on hot paths.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<String>,
    path: Option<PathBuf>,
    offset: Option<u64>,
    position: Option<(u64, u64)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind with a message (lower case, no final stop).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            path: None,
            offset: None,
            position: None,
            hint: None,
            source: None,
        }))
    }

    /// [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// [`ErrorKind::Type`].
    pub fn type_mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Type, message)
    }

    /// [`ErrorKind::Parse`].
    pub fn parse(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Parse, message)
    }

    /// [`ErrorKind::Limit`].
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// An error of the operating system while doing `what` to `path`. A full disk or quota becomes
    /// [`ErrorKind::NoSpace`], a missing file [`ErrorKind::NotFound`].
    pub fn io(what: &str, path: &Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                ErrorKind::NoSpace
            }
            std::io::ErrorKind::Interrupted => ErrorKind::Cancelled,
            _ => ErrorKind::Io,
        };
        let mut error = Self::new(kind, format!("could not {what}: {source}"));
        error.0.path = Some(path.to_path_buf());
        error.0.source = Some(Box::new(source));
        error
    }

    /// Names the file, unless an inner place named one already.
    #[must_use]
    pub fn at_path(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// Names the byte offset in the file, unless an inner place did.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Names line and column of the text, both from 1.
    #[must_use]
    pub fn at_position(mut self, line: u64, column: u64) -> Self {
        self.0.position.get_or_insert((line, column));
        self
    }

    /// Forgets line and column, for whoever shows them in a way of its own.
    #[must_use]
    pub fn without_position(mut self) -> Self {
        self.0.position = None;
        self
    }

    /// Adds what was being done, outermost last: `while importing quotes.csv`.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context.push(context.into());
        self
    }

    /// Adds a way out: the nearest names, the flag that helps. The first hint wins.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// True where bytes on disk are damaged or of an unknown version.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.kind(), ErrorKind::Corrupt | ErrorKind::UnknownVersion)
    }

    /// True where the thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// The message alone, without place, context and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was being done and what is wrong, without place and hint: for listings that have columns of their own for these.
    pub fn what(&self) -> String {
        let mut what: String = self.0.context.iter().rev().map(|context| format!("{context}: ")).collect();
        what.push_str(&self.0.message);
        what
    }

    /// The file concerned, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The byte offset concerned, if there is one.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// Line and column (from 1) concerned, if there are any.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.0.position
    }

    /// The way out, if one is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        for context in inner.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        if let Some(path) = &inner.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some((line, column)) = inner.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&inner.message)?;
        if let Some(offset) = inner.offset {
            write!(f, " (at byte {offset})")?;
        }
        if let Some(hint) = &inner.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_place_wins_and_everything_is_shown() {
        let error = Error::corrupt("block checksum is 1, not 2")
            .at_offset(64)
            .at_offset(0)
            .at_path(Path::new("Bid.dat"))
            .at_path(Path::new("elsewhere"))
            .context("partition 2017-08-25")
            .context("LearnDeephaven.StockQuotes")
            .hint("run `pilaster verify`");
        assert_eq!(
            error.to_string(),
            "LearnDeephaven.StockQuotes: partition 2017-08-25: Bid.dat: block checksum is 1, not 2 (at byte 64); run `pilaster verify`"
        );
        assert!(error.is_corrupt());
    }

    #[test]
    fn system_errors_keep_their_meaning() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io("write", Path::new("x"), full).kind(), ErrorKind::NoSpace);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(Error::io("open", Path::new("x"), missing).is_not_found());
    }
}
