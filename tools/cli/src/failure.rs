//! What ends a command early, and how it is told.

use pilaster::base::Error;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The work failed.
    Work(Error),
    /// What had to be said was said already, as output.
    Told,
    /// Whoever reads our output has seen enough.
    ClosedPipe,
}

impl Failure {
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
            Failure::Told | Failure::ClosedPipe => {}
        }
    }
}

/// The text without control characters, which could play tricks on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Work(error)
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
