//! `pilaster inspect`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;
use clap::Args;
use pilaster::format::inspect::{Check, View};
use pilaster::storage::check;
use serde_json::{Value, json};
use std::ops::Range;
use std::path::PathBuf;

/// Show what a file or location consists of, damaged ones too
///
/// Prints every field of a file with its offset, its name in the specification, its value, and whether it holds; of a location its files, the
/// record that readers take and why others were passed over. Never writes. Exits with 1 if something does not hold.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster inspect root/intraday/LearnDeephaven/StockQuotes/feed/2017-08-25/commit\n  pilaster inspect root/historical/LearnDeephaven/StockQuotes/main/2017-08-25/v1-14dc/Bid.col --rows 0..10"
)]
pub(crate) struct Inspect {
    /// A file of a root, or the directory of a location; below the root if it is not found from here
    path: PathBuf,
    /// One block: its entry in the index and its first values
    #[arg(long, value_name = "N")]
    block: Option<u64>,
    /// The values of these rows; of a symbol table these strings
    #[arg(long, value_name = "A..B", value_parser = parse_rows)]
    rows: Option<Range<u64>>,
    /// All blocks, strings and groups instead of the first 16
    #[arg(long)]
    all: bool,
}

impl Inspect {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let found = context.find(&self.path, false)?;
        let view = View { block: self.block, rows: self.rows, all: self.all };
        let inspected = check::inspect(&found, &view)?;
        let mut listing = Listing::new(&["offset", "bytes", "structure", "field", "value", "check", "problem"]);
        for field in &inspected.fields {
            let (check, problem) = match &field.check {
                Check::None => (Value::Null, Value::Null),
                Check::Ok => (json!("OK"), Value::Null),
                Check::Bad(why) => (json!("BAD"), json!(why)),
            };
            let (offset, bytes) = (json!(field.offset), json!(field.bytes));
            listing.row([offset, bytes, json!(field.structure), json!(field.name), json!(field.value), check, problem]);
        }
        context.say(&format!("{}: {}", inspected.path.display(), inspected.kind));
        context.print(&listing)?;
        if inspected.is_damaged() { Err(Failure::Told) } else { Ok(()) }
    }
}

/// Rows of a text such as `5..10`, `5..` or `5`.
fn parse_rows(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| "rows are such as 0..10".to_string());
    let rows = match text.split_once("..") {
        Some((start, "")) => number(start)?..u64::MAX,
        Some((start, end)) => number(start)?..number(end)?,
        None => {
            let row = number(text)?;
            row..row.saturating_add(1)
        }
    };
    if rows.start < rows.end { Ok(rows) } else { Err("no rows: the first must be below the end".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_ranges() {
        for (text, rows) in [("5", 5..6), ("0..10", 0..10), ("7..", 7..u64::MAX)] {
            assert_eq!(parse_rows(text), Ok(rows), "{text}");
        }
        for text in ["", "..5", "9..3", "3..3", "a..b", "-1..2"] {
            assert!(parse_rows(text).is_err(), "{text}");
        }
    }
}
