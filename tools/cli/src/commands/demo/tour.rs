//! Queries on the demo's tables, with what they give and what they cost.

use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{counted, human_bytes, human_count};
use pilaster::io::clock::Stopwatch;
use pilaster::session::Database;
use pilaster::session::output::{self, TextOptions};
use pilaster::storage::Root;
use pilaster_script::{Options, ScriptValue};
use std::io::Write;
use std::sync::Arc;

/// What a query shows, and its script.
const STOPS: &[(&str, &str)] = &[
    (
        "The ten most expensive stocks of a day: one partition of ten is opened.",
        r#"db.t("LearnDeephaven","EODPrices").where("ImportDate=`2017-11-01`").sortDescending("Close").head(10).select("Ticker","Close")"#,
    ),
    (
        "The last quote of three symbols, as the feed delivered them: intraday rows, not merged.",
        r#"db.i("LearnDeephaven","StockQuotes").where("Date=`2017-08-25`","Sym in `AAPL`,`SPY`,`VMW`").lastBy("Sym")"#,
    ),
    (
        "One symbol of history: its rows lie together, and no others are read.",
        r#"Quotes = db.t("LearnDeephaven","StockQuotes").where("Date=`2017-08-25`", "Sym=`AAPL`")
Quotes.select("ExchangeTimestamp","Bid","BidSize","Ask","AskSize").tail(5)"#,
    ),
    (
        "Average price and size of the regular trades by symbol, the largest trades first.",
        r#"db.t("LearnDeephaven","StockTrades") \
    .where("Date=`2017-08-25`", "SaleCondition=`@`") \
    .view("Sym", "Last", "Size") \
    .avgBy("Sym") \
    .sortDescending("Size") \
    .head(5)"#,
    ),
    (
        "Five-minute bars of one symbol, from 09:30 in New York on.",
        r#"from deephaven import *
Trades = db.t("LearnDeephaven","StockTrades") \
    .where("Date=`2017-08-25`", "Sym=`SPY`", "ExchangeTimestamp >= '2017-08-25T09:30:00 NY'")
bars = Trades \
    .update("TimeBin=lowerBin(ExchangeTimestamp, 5*MINUTE)") \
    .view("TimeBin", "Last") \
    .lastBy("TimeBin")
bars.head(5)"#,
    ),
    (
        "A function of the script in a formula.",
        r#"def basis_points(bid, ask):
    return (ask - bid) / (ask + bid) * 20000

db.t("LearnDeephaven","StockQuotes") \
    .where("Date=`2017-08-25`", "Sym=`VMW`").tail(5) \
    .update("Spread=(double)basis_points(Bid, Ask)") \
    .view("Sym", "Bid", "Ask", "Spread")"#,
    ),
    ("What the columns of a table are.", r#"db.t("LearnDeephaven","EODTrades").getMeta()"#),
];

/// Runs the tour and prints it; nothing for programs that want one object.
pub(super) fn run(root: &Arc<Root>, context: &Context) -> Result<(), Failure> {
    let mut text = String::new();
    for (title, script) in STOPS {
        let database = Arc::new(Database::of_root(root.clone())?);
        let stopwatch = Stopwatch::start();
        let options = Options { file_name: "tour", ..Options::default() };
        let outcome =
            pilaster_script::run(script, Some(database.clone()), options).map_err(|error| Failure::script(&error))?;
        let mut shown = Vec::new();
        if let ScriptValue::Table(table) = &outcome.value {
            output::write_table(table, output::Format::Table, &TextOptions::default(), &mut shown)?;
        }
        let milliseconds = stopwatch.elapsed_seconds() * 1e3;
        let counts = database.stats().counts();
        text.push_str(&format!("\n# {title}\n{script}\n\n{}", String::from_utf8_lossy(&shown)));
        text.push_str(&format!(
            "{milliseconds:.1} ms: opened {} and {}, read {} values ({})\n",
            counted(counts.locations_opened, "location"),
            counted(counts.files_opened, "file"),
            human_count(counts.values_read),
            human_bytes(counts.bytes_read)
        ));
        if context.format() == Format::Table && !context.quiet() {
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
        text.clear();
    }
    Ok(())
}
