//! The demo's data: a seeded simulation of a trading day and of some days' closing prices, written as CSV.
//!
//! Everything follows from the seed and the scale: the same two give the same bytes. Prices walk on a penny grid, activity is high at
//! the open and the close, events come in bursts, spreads widen outside of the regular session, as on a real tape; the
//! numbers are invented.

mod end_of_day;
mod market;
mod random;
mod stocks;

pub use market::{QUOTES_DATE, quotes_and_trades};

use crate::base::date_time::write_iso;
use crate::base::text::write_integer;
use crate::base::{Error, Result};
use std::io::Write;
use std::path::Path;

/// What the simulation follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemoOptions {
    /// Everything random comes from it.
    pub seed: u64,
    /// Share of the full size, 1.0 is some three million quotes; more than 0, at most [`SCALE_MAX`].
    pub scale: f64,
}

/// The largest scale: the events of a day are sorted in memory.
pub const SCALE_MAX: f64 = 20.0;

impl Default for DemoOptions {
    fn default() -> Self {
        DemoOptions { seed: 20_170_825, scale: 1.0 }
    }
}

impl DemoOptions {
    /// Refuses a scale that is none.
    pub fn check(&self) -> Result<()> {
        if self.scale > 0.0 && self.scale <= SCALE_MAX {
            return Ok(());
        }
        Err(Error::invalid(format!("a scale of {}", self.scale))
            .hint(format!("it is more than 0 and at most {SCALE_MAX}")))
    }
}

/// A table of the demo: its schema ships with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoTable {
    /// Its name, in the namespace [`NAMESPACE`].
    pub table: &'static str,
    /// Its schema.
    pub schema: &'static str,
}

/// The namespace of the demo's tables.
pub const NAMESPACE: &str = "LearnDeephaven";

/// The tables of the demo.
pub const TABLES: [DemoTable; 4] = [
    DemoTable { table: "StockQuotes", schema: include_str!("../../../schemas/LearnDeephaven/StockQuotes.toml") },
    DemoTable { table: "StockTrades", schema: include_str!("../../../schemas/LearnDeephaven/StockTrades.toml") },
    DemoTable { table: "EODPrices", schema: include_str!("../../../schemas/LearnDeephaven/EODPrices.toml") },
    DemoTable { table: "EODTrades", schema: include_str!("../../../schemas/LearnDeephaven/EODTrades.toml") },
];

/// Days of closing prices: the last two weeks before 2017-11-01 and that day, which the tour asks for.
pub const IMPORT_DATES: [&str; 10] = [
    "2017-10-19",
    "2017-10-20",
    "2017-10-23",
    "2017-10-24",
    "2017-10-25",
    "2017-10-26",
    "2017-10-27",
    "2017-10-30",
    "2017-10-31",
    "2017-11-01",
];

/// Writes the closing prices of all days: for each, the CSV of `EODPrices` and of `EODTrades`, with headers. Gives the rows of each of
/// the two tables.
pub fn end_of_day(
    options: &DemoOptions,
    mut file: impl FnMut(&'static str, &'static str) -> Result<Box<dyn Write>>,
) -> Result<u64> {
    options.check()?;
    let mut simulation = end_of_day::Simulation::new(options.seed);
    let mut rows = 0;
    for date in IMPORT_DATES {
        let day = simulation.next_day(date)?;
        rows += day.len() as u64;
        let mut prices = Csv::new(file("EODPrices", date)?, end_of_day::PRICES_HEADER)?;
        let mut trades = Csv::new(file("EODTrades", date)?, end_of_day::TRADES_HEADER)?;
        for summary in &day {
            summary.write_prices(&mut prices.line);
            prices.end_line()?;
            summary.write_trades(&mut trades.line);
            trades.end_line()?;
        }
        prices.finish()?;
        trades.finish()?;
    }
    Ok(rows)
}

/// A CSV file being written through one buffer.
struct Csv {
    out: Box<dyn Write>,
    /// The line being built, and those before that have not been handed on.
    line: Vec<u8>,
}

/// Bytes handed on at once.
const BUFFER_BYTES: usize = 256 << 10;

impl Csv {
    fn new(out: Box<dyn Write>, header: &str) -> Result<Self> {
        let mut csv = Csv { out, line: Vec::with_capacity(BUFFER_BYTES + 1024) };
        csv.line.extend_from_slice(header.as_bytes());
        csv.end_line()?;
        Ok(csv)
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push(b'\n');
        if self.line.len() >= BUFFER_BYTES { self.hand_on() } else { Ok(()) }
    }

    fn hand_on(&mut self) -> Result<()> {
        let written = self.out.write_all(&self.line);
        self.line.clear();
        written.map_err(|error| Error::io("write", Path::new("the demo's CSV"), error))
    }

    fn finish(mut self) -> Result<()> {
        self.hand_on()?;
        self.out.flush().map_err(|error| Error::io("write", Path::new("the demo's CSV"), error))
    }
}

/// Appends cents as dollars: `159.27`.
fn put_price(cents: i64, out: &mut Vec<u8>) {
    write_integer(cents / 100, out);
    let cents = (cents % 100) as u8;
    out.extend_from_slice(&[b'.', b'0' + cents / 10, b'0' + cents % 10]);
}

/// Appends a field and the comma after it.
fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(b',');
}

/// Appends an instant.
fn put_instant(nanos: i64, out: &mut Vec<u8>) {
    write_iso(nanos, out);
}

#[cfg(test)]
mod tests;
