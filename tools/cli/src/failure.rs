//! What ends a command early, and how it is told.

use pilaster::base::Error;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The work failed.
    Work(Error),
    /// A script failed: the message, the line of the script and the place in it.
    Script(String),
    /// What had to be said was said already, as output.
    Told,
    /// Whoever reads our output has seen enough.
    ClosedPipe,
}

impl Failure {
    /// A script's error, with its place.
    pub(crate) fn script(error: &pilaster_script::ScriptError) -> Self {
        Failure::Script(error.to_string())
    }

    /// Writes the error and its hint, a line each, to standard error.
    pub(crate) fn print(&self) {
        match self {
            Failure::Work(error) => {
                let whole = error.to_string();
                let hint = error.hint_text();
                let message = hint.and_then(|hint| whole.strip_suffix(hint)?.strip_suffix("; ")).unwrap_or(&whole);
                eprintln!("error: {}", printable(message));
                if let Some(hint) = hint {
                    eprintln!("hint: {}", printable(hint));
                }
            }
            Failure::Script(message) => eprintln!("error: {}", printable(message)),
            Failure::Told | Failure::ClosedPipe => {}
        }
    }
}

/// The text without control characters, which could play tricks on a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
        match source {
            // Nothing but output is written to pipes.
            Some(source) if source.kind() == std::io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Work(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// An error of writing to standard output.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Work(Error::io("write", std::path::Path::new("standard output"), error)),
        }
    }
}
