//! How far a consumer is, as text.
//!
//! ```text
//! 1;<start of the system>;<source>/<column partition>=<location>,<epoch>,<rollbacks>,<rows>,<durable rows>;…
//! ```
//! Identities are in hexadecimal, numbers in decimal. Names of partitions hold none of the separators.

use super::rolled_back;
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use crate::format::commit::CommitRecord;
use crate::storage::location::LocationKey;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

const VERSION: &str = "1";

/// Which rows of a table were handed over.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// The start of the system it was taken in.
    pub boot: [u8; 16],
    /// Each location with what was handed over of it.
    pub locations: BTreeMap<LocationKey, LocationPosition>,
}

/// Which rows of a location were handed over, and what tells whether they are still its first rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LocationPosition {
    /// Identity of the location.
    pub location: [u8; 16],
    /// The writer whose record was read.
    pub epoch: u64,
    /// How often writers had given up a newer record by then.
    pub rollbacks: u64,
    /// Rows handed over.
    pub rows: u64,
    /// Rows that were durable then.
    pub durable_rows: u64,
}

impl LocationPosition {
    pub(super) fn of(record: &CommitRecord, rows: u64) -> Self {
        let &CommitRecord { location, epoch, rollbacks, durable_row_count, .. } = record;
        LocationPosition { location, epoch, rollbacks, rows, durable_rows: durable_row_count }
    }

    /// Whether the rows handed over are still the first rows of what is committed now; `same_boot` if the system has run since.
    pub(super) fn check(&self, now: &CommitRecord, same_boot: bool) -> Result<()> {
        if now.location != self.location {
            return Err(rolled_back("the location was replaced by another one"));
        }
        let (had, has) = (self.rows, now.row_count);
        let lost = || {
            Err(rolled_back(&format!("the location lost rows that were never durable: {had} were read, it has {has}")))
        };
        let kept = match now.rollbacks.checked_sub(self.rollbacks) {
            Some(0) => true,
            Some(1) => self.rows <= now.rollback_rows,
            _ => false,
        };
        if self.rows > now.row_count || (!kept && self.rows > self.durable_rows) {
            return lost();
        }
        // A power cut may take a commit without a trace, and another writer may have filled its place.
        if !same_boot && self.rows > self.durable_rows && now.epoch != self.epoch {
            return Err(rolled_back(&format!(
                "{had} rows were read before the system started anew, {} of them durable; it cannot be told whether the others are the same",
                self.durable_rows
            )));
        }
        Ok(())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION};{}", uuid::Uuid::from_bytes(self.boot).simple())?;
        for (key, at) in &self.locations {
            let location = uuid::Uuid::from_bytes(at.location).simple();
            write!(f, ";{}/{}={location},", key.internal_partition, key.column_partition)?;
            write!(f, "{},{},{},{}", at.epoch, at.rollbacks, at.rows, at.durable_rows)?;
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |part: &str| {
            Error::parse(format!("{:?} is no position of a table", part.chars().take(80).collect::<String>()))
        };
        let mut parts = text.trim().split(';');
        let version = parts.next().unwrap_or_default();
        if version != VERSION {
            return Err(bad(text).hint("positions are printed when following ends"));
        }
        let identity = |text: &str| uuid::Uuid::try_parse(text).map(uuid::Uuid::into_bytes).map_err(|_| bad(text));
        let boot = identity(parts.next().ok_or_else(|| bad(text))?)?;
        let mut locations = BTreeMap::new();
        for part in parts {
            let (names, numbers) = part.split_once('=').ok_or_else(|| bad(part))?;
            let (source, partition) = names.split_once('/').ok_or_else(|| bad(part))?;
            names::check(NameKind::InternalPartition, source)?;
            names::check(NameKind::ColumnPartition, partition)?;
            let fields: Vec<&str> = numbers.split(',').collect();
            let [location, numbers @ ..] = &fields[..] else { return Err(bad(part)) };
            let numbers = numbers.iter().map(|n| n.parse().map_err(|_| bad(part))).collect::<Result<Vec<u64>>>()?;
            let [epoch, rollbacks, rows, durable_rows] = numbers[..] else { return Err(bad(part)) };
            let key = LocationKey { column_partition: partition.into(), internal_partition: source.into() };
            let at = LocationPosition { location: identity(location)?, epoch, rollbacks, rows, durable_rows };
            locations.insert(key, at);
        }
        Ok(Position { boot, locations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_round_trip_and_others_are_refused() {
        let key =
            |partition: &str| LocationKey { column_partition: partition.into(), internal_partition: "feed".into() };
        let at = LocationPosition { location: [7; 16], epoch: 3, rollbacks: 1, rows: 20, durable_rows: 12 };
        let mut position = Position { boot: [1; 16], locations: BTreeMap::new() };
        assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        position.locations = [(key("2017-08-25"), at), (key("a.b-c"), LocationPosition::default())].into();
        let text = position.to_string();
        assert_eq!(text.parse::<Position>().unwrap(), position);
        for bad in [
            "",
            "2;",
            "1",
            "1;x",
            &text.replace("feed", ".."),
            &text.replace("a.b-c", "../x"),
            &text.replace(",20,", ",-20,"),
            &text.replace(",20,", ","),
            &text.replace("=07", "="),
            &format!("{text};"),
        ] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }
}
