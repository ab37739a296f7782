//! `--durability`, shared by the verbs that write.

use clap::Args;
use pilaster::base::{Error, Result};
use pilaster::storage::intraday::Durability;

/// When rows become safe from a power cut.
#[derive(Args, Debug)]
pub(crate) struct DurabilityFlag {
    /// When rows become safe from a power cut: none (at the end), interval (200 ms after they are visible at the latest), interval:MS, or commit
    /// (before they are visible)
    #[arg(long, value_name = "LEVEL", default_value = "interval", value_parser = parse)]
    durability: Durability,
}

impl DurabilityFlag {
    pub(crate) fn level(&self) -> Durability {
        self.durability
    }
}

/// The level of `--durability`.
pub(crate) fn parse(text: &str) -> Result<Durability> {
    let unknown = || Error::invalid("the levels are none, interval, interval:MS (1 to 3600000) and commit");
    match text.split_once(':') {
        None if text == "none" => Ok(Durability::None),
        None if text == "interval" => Ok(Durability::Interval(200)),
        None if text == "commit" => Ok(Durability::Commit),
        Some(("interval", ms)) => {
            let ms = ms.parse().ok().filter(|ms| (1..=3_600_000).contains(ms)).ok_or_else(unknown)?;
            Ok(Durability::Interval(ms))
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        for (text, level) in [
            ("none", Durability::None),
            ("interval", Durability::Interval(200)),
            ("interval:7", Durability::Interval(7)),
            ("commit", Durability::Commit),
        ] {
            assert_eq!(parse(text).unwrap(), level);
        }
        for bad in ["", "interval:", "interval:0", "interval:x", "commit:1", "Commit", "interval:99999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
