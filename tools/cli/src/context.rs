//! What every command has: the global options, and the root they lead to.

use crate::args::{Format, GlobalOptions};
use crate::failure::{Failure, printable};
use crate::output::{Listing, Outcome};
use clap::CommandFactory;
use pilaster::base::Error;
use pilaster::storage::check::{self, Found};
use pilaster::storage::{Catalog, Root};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The global options, put to use.
#[derive(Debug)]
pub(crate) struct Context {
    options: GlobalOptions,
}

impl Context {
    pub(crate) fn new(options: GlobalOptions) -> Self {
        Context { options }
    }

    /// How listings and outcomes are printed.
    pub(crate) fn format(&self) -> Format {
        self.options.format.unwrap_or(Format::Table)
    }

    /// The format that the user asked for, if any.
    pub(crate) fn chosen_format(&self) -> Option<Format> {
        self.options.format
    }

    /// Ends the process with a usage error for formats that only tables are written in.
    pub(crate) fn check_format(&self) {
        if !matches!(self.format(), Format::Table | Format::Csv | Format::Json) {
            let message =
                "this verb prints table, csv or json; query writes tables in the other formats, and export files";
            crate::args::Arguments::command().error(clap::error::ErrorKind::ValueValidation, message).exit();
        }
    }

    /// True where the user wants nothing but results and errors.
    pub(crate) fn quiet(&self) -> bool {
        self.options.quiet
    }

    /// The root directory that the user named.
    pub(crate) fn named_root(&self) -> Option<&PathBuf> {
        self.options.root.as_ref()
    }

    /// Opens the root that the user named, or the current directory.
    pub(crate) fn root(&self) -> Result<Arc<Root>, Failure> {
        let root = match self.named_root() {
            Some(path) => Root::open(path)?,
            None => Root::open(&PathBuf::from(".")).map_err(|error| {
                if !error.is_not_found() {
                    return error;
                }
                Error::not_found("the current directory is no pilaster root, and none was named")
                    .hint("--root DIR or PILASTER_ROOT names one; `pilaster init DIR` makes one")
            })?,
        };
        Ok(Arc::new(root))
    }

    /// The catalog of the root.
    pub(crate) fn catalog(&self) -> Result<Catalog, Failure> {
        Ok(Catalog::open(self.root()?))
    }

    /// What a path leads to, from here or else below the root that the user named. It can be changed only if `writable`.
    pub(crate) fn find(&self, path: &Path, writable: bool) -> Result<Found, Failure> {
        match (check::find(path, writable), self.named_root()) {
            (Err(error), Some(root)) if error.is_not_found() && path.is_relative() => {
                // The first place is the one that the user looks at.
                Ok(check::find(&root.join(path), writable).map_err(|_| error)?)
            }
            (found, _) => Ok(found?),
        }
    }

    /// Prints a listing in the format asked for.
    pub(crate) fn print(&self, listing: &Listing) -> Result<(), Failure> {
        listing.print(self.format(), &mut std::io::stdout().lock())
    }

    /// Prints what a verb that works has done: one object or CSV line on standard output, or a sentence on standard error.
    pub(crate) fn print_outcome(&self, outcome: &Outcome, sentence: &str) -> Result<(), Failure> {
        match self.format() {
            Format::Table => {
                self.say(sentence);
                Ok(())
            }
            format => outcome.print(format, &mut std::io::stdout().lock()),
        }
    }

    /// Tells the user something, unless quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.options.quiet {
            eprintln!("{text}");
        }
    }

    /// Tells the user once where the root lies on a file system that other machines may share.
    pub(crate) fn warn_of_network(&self, root: &Root) {
        if let Some(kind) = root.fs().network() {
            self.say(&format!(
                "warning: {} is on a {kind} file system: locks may not keep writers of other machines away, and what is not durable may not be seen there",
                root.display().display()
            ));
        }
    }

    /// Tells the user what is wrong with the data, quiet or not.
    pub(crate) fn complain(&self, text: &str) {
        eprintln!("{}", printable(text));
    }

    /// Tells the user something that only the curious want to know.
    pub(crate) fn say_more(&self, text: &str) {
        if self.options.verbose {
            eprintln!("{text}");
        }
    }
}
