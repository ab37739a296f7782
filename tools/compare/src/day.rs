//! The day that is worked on: what the generator wrote beside the files, and the schemas of the two tables.

use crate::Arguments;
use pilaster::base::{Error, Result};
use pilaster::io::external;
use serde_json::Value;
use std::path::Path;

/// The namespace of the tables.
pub(crate) const NAMESPACE: &str = "Bench";

/// What `meta.json` says.
pub(crate) struct Day {
    /// The partition.
    pub(crate) date: String,
    /// The busiest symbol.
    pub(crate) hot: String,
    /// A symbol of middling activity.
    pub(crate) mid: String,
    /// Start and end of five minutes, nanoseconds since the epoch.
    pub(crate) minutes: (i64, i64),
}

impl Day {
    /// Reads what lies beside the day's files.
    pub(crate) fn read(arguments: &Arguments) -> Result<Self> {
        let path = arguments.data.join("meta.json");
        let bytes = external::read_all(&path, 1 << 20)?;
        let meta: Value = serde_json::from_slice(&bytes).map_err(|e| Error::invalid(e.to_string()).at_path(&path))?;
        let text = |name: &str| meta[name].as_str().map(str::to_owned).ok_or_else(|| missing(&path, name));
        let number = |name: &str| meta[name].as_i64().ok_or_else(|| missing(&path, name));
        Ok(Day { date: text("date")?, hot: text("hot")?, mid: text("mid")?, minutes: (number("t0")?, number("t1")?) })
    }
}

/// Row positions, from a file of little-endian 64-bit integers after a header of text.
pub(crate) fn positions(path: &Path) -> Result<Vec<u64>> {
    let bytes = external::read_all(path, 64 << 20)?;
    let damaged = || Error::invalid("not an array of 64-bit integers").at_path(path);
    if bytes.len() < 10 || &bytes[..6] != b"\x93NUMPY" {
        return Err(damaged());
    }
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(bytes.get(10..start).ok_or_else(damaged)?).into_owned();
    if !header.contains("<i8") && !header.contains("<u8") {
        return Err(damaged());
    }
    Ok(bytes[start..].as_chunks::<8>().0.iter().map(|value| u64::from_le_bytes(*value)).collect())
}

fn missing(path: &Path, name: &str) -> Error {
    Error::invalid(format!("no {name}")).at_path(path)
}

/// The schema of one of the two tables, or of a further one with the columns of quotes.
pub(crate) fn schema(table: &str, columns: &[(&str, &str)]) -> String {
    let mut text = format!(
        "namespace = \"{NAMESPACE}\"\ntable = \"{table}\"\nsort = [\"Timestamp\"]\n\n[[columns]]\nname = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n"
    );
    for (name, column_type) in columns {
        text.push_str(&format!("\n[[columns]]\nname = \"{name}\"\ntype = \"{column_type}\"\n"));
        if *name == "Sym" {
            text.push_str("kind = \"grouping\"\n");
        }
    }
    text
}

/// Columns of quotes.
pub(crate) const QUOTES: [(&str, &str); 8] = [
    ("Timestamp", "DateTime"),
    ("Sym", "String"),
    ("Bid", "double"),
    ("BidSize", "int"),
    ("Ask", "double"),
    ("AskSize", "int"),
    ("Exchange", "String"),
    ("SeqNo", "long"),
];

/// Columns of trades.
pub(crate) const TRADES: [(&str, &str); 7] = [
    ("Timestamp", "DateTime"),
    ("Sym", "String"),
    ("Price", "double"),
    ("Size", "int"),
    ("Exchange", "String"),
    ("SaleCondition", "String"),
    ("SeqNo", "long"),
];
