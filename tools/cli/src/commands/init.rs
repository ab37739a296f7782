//! `pilaster init`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Outcome;
use clap::Args;
use pilaster::storage::{Root, RootConfig};
use std::path::PathBuf;

/// Make a directory a root
///
/// The directory is made if it is missing and must be empty otherwise.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pilaster init ./market --time-zone NY")]
pub(crate) struct Init {
    /// The directory; --root, PILASTER_ROOT or the current directory if not given
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The zone of date-times in files that name none: an IANA name or a short one such as NY
    #[arg(long, value_name = "ZONE", default_value = "NY")]
    time_zone: String,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = self.directory.or_else(|| context.named_root().cloned()).unwrap_or_else(|| ".".into());
        let root = Root::create(&directory, RootConfig::new(&self.time_zone)?)?;
        let path = root.display().display().to_string();
        let outcome = Outcome::default()
            .with("root", path.as_str())
            .with("uuid", root.config().uuid.to_string())
            .with("time_zone", root.config().time_zone.as_str());
        context.print_outcome(&outcome, &format!("made the root {path}"))
    }
}
