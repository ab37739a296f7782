//! One trading day of quotes and trades, 04:00 to 20:00 in New York.

use super::random::Random;
use super::stocks::{STOCKS, Stock};
use super::{Csv, DemoOptions, put_instant, put_price, put_text};
use crate::base::Result;
use crate::base::date_time::parse_date_time;
use crate::base::text::write_integer;
use std::io::Write;

/// The day.
pub const QUOTES_DATE: &str = "2017-08-25";
/// Quotes of all stocks at scale 1.
const QUOTES: f64 = 3_000_000.0;
/// Trades for each quote.
const TRADES_PER_QUOTE: f64 = 0.17;
/// Nanoseconds of a bin of the day's activity.
const BIN_NS: i64 = 300_000_000_000;
/// Bins from 04:00 to 20:00.
const BINS: usize = 16 * 12;
/// The bin that begins at 09:30, and the one at 16:00.
const OPEN_BIN: usize = 66;
const CLOSE_BIN: usize = 144;

/// Exchanges by their share of quotes.
const QUOTING: &[(&str, f64)] = &[
    ("P", 20.0),
    ("Q", 24.0),
    ("Z", 16.0),
    ("K", 13.0),
    ("N", 9.0),
    ("Y", 7.0),
    ("B", 5.0),
    ("J", 3.0),
    ("X", 2.0),
    ("V", 1.0),
];
/// Exchanges by their share of trades; `D` reports what happens off the exchanges.
const TRADING: &[(&str, f64)] =
    &[("D", 36.0), ("Q", 18.0), ("P", 12.0), ("N", 11.0), ("Z", 8.0), ("K", 7.0), ("Y", 4.0), ("B", 2.0), ("V", 2.0)];
/// Conditions of regular trades in the regular session.
const CONDITIONS: &[(&str, f64)] = &[("@", 84.0), ("@F", 11.0), ("@4", 1.0), ("@X", 2.0), ("@Z", 2.0)];

/// One event of the tape.
#[derive(Clone, Copy, Debug)]
struct Event {
    nanos: i64,
    stock: u16,
    bid: u32,
    ask: u32,
    bid_lots: u16,
    ask_lots: u16,
    /// Index into [`QUOTING`], or [`TRADING`] for a trade.
    exchange: u8,
    /// 0 for a quote; for a trade 1 + index into [`CONDITIONS`], or one of the below.
    condition: u8,
    /// Shares of a trade.
    size: u32,
}

const ODD_LOT: u8 = 100;
const EXTENDED: u8 = 101;
const OPENING: u8 = 102;
const CLOSING: u8 = 103;

/// Writes the CSV of `StockQuotes` and of `StockTrades`, with headers, in the order of time. Gives the rows of both.
pub fn quotes_and_trades(options: &DemoOptions, quotes: Box<dyn Write>, trades: Box<dyn Write>) -> Result<(u64, u64)> {
    options.check()?;
    let start = parse_date_time(&format!("{QUOTES_DATE}T04:00:00 NY"), None)?;
    let activity: f64 = STOCKS.iter().map(|stock| stock.activity).sum();
    let mut events = Vec::new();
    for (at, stock) in STOCKS.iter().enumerate() {
        let count = (QUOTES * options.scale * stock.activity / activity).ceil() as usize;
        simulate(at as u16, stock, start, count, Random::new(options.seed, stock.symbol), &mut events);
        crate::io::interrupt::check()?;
    }
    events.sort_by_key(|event| (event.nanos, event.stock, event.condition));
    let mut quotes =
        Csv::new(quotes, "Sym,USym,ExchangeTimestamp,Bid,BidSize,Ask,AskSize,Exchange,SecurityType,Source")?;
    let mut trades =
        Csv::new(trades, "Sym,USym,ExchangeTimestamp,Last,Size,SaleCondition,Exchange,ExchangeId,SecurityType,Source")?;
    let mut trade_ids = [0i64; STOCKS.len()];
    let mut rows = (0, 0);
    for event in &events {
        let stock = &STOCKS[usize::from(event.stock)];
        if event.condition == 0 {
            rows.0 += 1;
            write_quote(event, stock, &mut quotes.line);
            quotes.end_line()?;
        } else {
            rows.1 += 1;
            let id = &mut trade_ids[usize::from(event.stock)];
            *id += 1;
            write_trade(event, stock, *id, &mut trades.line);
            trades.end_line()?;
        }
    }
    quotes.finish()?;
    trades.finish()?;
    Ok(rows)
}

/// How busy a bin of the day is: a little before the open, a U in between, less and less after the close.
fn busyness(bin: usize) -> f64 {
    match bin {
        ..OPEN_BIN => 0.02 + 0.10 * (bin as f64 / OPEN_BIN as f64).powi(3),
        OPEN_BIN..CLOSE_BIN => {
            let x = (bin - OPEN_BIN) as f64 / (CLOSE_BIN - 1 - OPEN_BIN) as f64 * 2.0 - 1.0;
            let opening = if x < 0.0 { 2.6 } else { 2.0 };
            0.75 + opening * x.powi(4)
        }
        _ => 0.18 * 0.93f64.powi((bin - CLOSE_BIN) as i32) + 0.01,
    }
}

/// Times of events: bursts whose beginnings follow the day's activity.
fn times(start: i64, count: usize, random: &mut Random) -> Vec<i64> {
    let bins: Vec<(usize, f64)> = (0..BINS).map(|bin| (bin, busyness(bin))).collect();
    let mut cumulated = Vec::with_capacity(BINS);
    let mut sum = 0.0;
    for (_, weight) in &bins {
        sum += weight;
        cumulated.push(sum);
    }
    let end = start + BINS as i64 * BIN_NS - 1;
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let at = random.unit() * sum;
        let bin = cumulated.partition_point(|cumulated| *cumulated <= at).min(BINS - 1);
        let mut time = start + bin as i64 * BIN_NS + random.below(BIN_NS as u64) as i64;
        times.push(time);
        while times.len() < count && random.chance(0.72) {
            time = (time + 1_000 + random.exponential(40e6) as i64).min(end);
            times.push(time);
        }
    }
    times.sort_unstable();
    times
}

fn simulate(index: u16, stock: &Stock, start: i64, count: usize, mut random: Random, events: &mut Vec<Event>) {
    let times = times(start, count, &mut random);
    // A day's variance is spent as activity goes, most of it in the regular session.
    let step = stock.volatility / (count as f64).sqrt();
    let typical = spread(stock);
    let mut middle = stock.cents as f64 * (1.0 + stock.volatility * 0.3 * random.normal());
    let mut drift = 0.0;
    let mut opened = false;
    for nanos in times {
        let bin = ((nanos - start) / BIN_NS) as usize;
        let regular = (OPEN_BIN..CLOSE_BIN).contains(&bin);
        drift = drift * 0.999 + step * 0.0006 * random.normal();
        middle = (middle * (1.0 + drift + step * random.normal())).max(50.0);
        let wide = if regular { typical } else { typical * 4.0 + 2.0 };
        let width = (1.0 + random.exponential(wide)).round().clamp(1.0, 400.0) as u32;
        let bid = (middle - f64::from(width) / 2.0).round().max(1.0) as u32;
        let event = Event {
            nanos,
            stock: index,
            bid,
            ask: bid + width,
            bid_lots: lots(&mut random),
            ask_lots: lots(&mut random),
            exchange: position(QUOTING, &mut random),
            condition: 0,
            size: 0,
        };
        events.push(event);
        if regular && !opened {
            opened = true;
            events.push(auction(event, OPENING, count, &mut random));
        }
        if random.chance(TRADES_PER_QUOTE) {
            events.push(trade(event, regular, &mut random));
        }
    }
    let closing = start + CLOSE_BIN as i64 * BIN_NS + random.below(400_000_000) as i64;
    let last = events.iter().rev().find(|event| event.stock == index && event.nanos <= closing).copied();
    if let Some(last) = last {
        events.push(auction(Event { nanos: closing, ..last }, CLOSING, count, &mut random));
    }
}

/// Cents that the spread exceeds a penny by, on average.
fn spread(stock: &Stock) -> f64 {
    let dollars = stock.cents as f64 / 100.0;
    (dollars / 60.0).powf(1.3) / stock.activity.sqrt()
}

/// Round lots at a price.
fn lots(random: &mut Random) -> u16 {
    let mean = if random.chance(0.1) { 25.0 } else { 3.0 };
    1 + random.exponential(mean).min(900.0) as u16
}

fn position(exchanges: &[(&str, f64)], random: &mut Random) -> u8 {
    let picked = random.pick(exchanges);
    exchanges.iter().position(|(name, _)| name == picked).unwrap_or(0) as u8
}

/// A trade at the quote before it.
fn trade(quote: Event, regular: bool, random: &mut Random) -> Event {
    let odd = random.chance(0.22);
    let size = if odd { 1 + random.below(99) as u32 } else { 100 * (1 + random.exponential(1.6) as u32).min(400) };
    let price = match random.below(10) {
        0..4 => quote.bid,
        4..8 => quote.ask,
        _ => quote.bid.midpoint(quote.ask),
    };
    let condition = match (odd, regular) {
        (true, _) => ODD_LOT,
        (false, false) => EXTENDED,
        (false, true) => {
            let picked = random.pick(CONDITIONS);
            1 + CONDITIONS.iter().position(|(name, _)| name == picked).unwrap_or(0) as u8
        }
    };
    let nanos = quote.nanos + 1 + random.below(900_000) as i64;
    Event { nanos, bid: price, exchange: position(TRADING, random), condition, size, ..quote }
}

/// The trade of an opening or closing auction.
fn auction(quote: Event, condition: u8, count: usize, random: &mut Random) -> Event {
    let size = 100 * (count as u32 / 20 + 10 + random.below(500) as u32);
    Event { nanos: quote.nanos + 1, bid: quote.bid.midpoint(quote.ask), exchange: 3, condition, size, ..quote }
}

fn write_quote(event: &Event, stock: &Stock, out: &mut Vec<u8>) {
    put_text(stock.symbol, out);
    put_text(stock.symbol, out);
    put_instant(event.nanos, out);
    out.push(b',');
    put_price(i64::from(event.bid), out);
    out.push(b',');
    write_integer(i64::from(event.bid_lots) * 100, out);
    out.push(b',');
    put_price(i64::from(event.ask), out);
    out.push(b',');
    write_integer(i64::from(event.ask_lots) * 100, out);
    out.push(b',');
    put_text(QUOTING[usize::from(event.exchange)].0, out);
    put_text(stock.security_type, out);
    out.extend_from_slice(stock.source.as_bytes());
}

fn write_trade(event: &Event, stock: &Stock, id: i64, out: &mut Vec<u8>) {
    put_text(stock.symbol, out);
    put_text(stock.symbol, out);
    put_instant(event.nanos, out);
    out.push(b',');
    put_price(i64::from(event.bid), out);
    out.push(b',');
    write_integer(i64::from(event.size), out);
    out.push(b',');
    let condition = match event.condition {
        ODD_LOT => "@I",
        EXTENDED => "@T",
        OPENING => "@O",
        CLOSING => "@6",
        regular => CONDITIONS[usize::from(regular) - 1].0,
    };
    put_text(condition, out);
    put_text(TRADING[usize::from(event.exchange)].0, out);
    write_integer(id, out);
    out.push(b',');
    put_text(stock.security_type, out);
    out.extend_from_slice(stock.source.as_bytes());
}

/// The first instant of a day of the tape and the first after it.
#[cfg(test)]
pub(super) fn session(start_of: &str) -> Result<(i64, i64)> {
    let start = parse_date_time(&format!("{start_of}T04:00:00 NY"), None)?;
    Ok((start, start + BINS as i64 * BIN_NS))
}
