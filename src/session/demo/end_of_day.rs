//! Closing prices and trading summaries, a day at a time.

use super::random::Random;
use super::stocks::{FURTHER, STOCKS};
use super::{put_instant, put_price, put_text};
use crate::base::Result;
use crate::base::date_time::parse_date_time;
use crate::base::text::write_integer;

pub(super) const PRICES_HEADER: &str = "Ticker,Open,High,Low,Close,Volume,EODTimestamp";
pub(super) const TRADES_HEADER: &str = "Ticker,Open,High,Low,Close,Volume,TradeCount,VWAP,EODTimestamp";

/// A ticker between two days.
struct Ticker {
    symbol: &'static str,
    /// The last close.
    cents: f64,
    volatility: f64,
    /// Shares of an ordinary day.
    volume: f64,
}

/// Walks all tickers from day to day.
pub(super) struct Simulation {
    tickers: Vec<Ticker>,
    random: Random,
}

/// One ticker's day. Prices in cents.
pub(super) struct Summary {
    symbol: &'static str,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
    off_session_volume: i64,
    trade_count: i64,
    average: i64,
    close_nanos: i64,
    last_trade_nanos: i64,
}

impl Simulation {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "end of day");
        let mut tickers: Vec<Ticker> = STOCKS
            .iter()
            .map(|stock| Ticker {
                symbol: stock.symbol,
                cents: stock.cents as f64 * (1.0 + 0.06 * random.normal()),
                volatility: stock.volatility,
                volume: stock.activity * 3.5e6,
            })
            .collect();
        for symbol in FURTHER.split_ascii_whitespace() {
            tickers.push(Ticker {
                symbol,
                cents: (8.6 + 0.75 * random.normal()).exp().clamp(300.0, 180_000.0),
                volatility: 0.008 + 0.012 * random.unit(),
                volume: (14.2 + random.normal()).exp(),
            });
        }
        tickers.sort_by_key(|ticker| ticker.symbol);
        Simulation { tickers, random }
    }

    /// The next day of every ticker, in the order of symbols.
    pub(super) fn next_day(&mut self, date: &str) -> Result<Vec<Summary>> {
        let close_nanos = parse_date_time(&format!("{date}T16:00:00 NY"), None)?;
        let random = &mut self.random;
        let market = random.normal() * 0.004;
        Ok(self.tickers.iter_mut().map(|ticker| day(ticker, market, close_nanos, random)).collect())
    }
}

fn day(ticker: &mut Ticker, market: f64, close_nanos: i64, random: &mut Random) -> Summary {
    let open = (ticker.cents * (1.0 + 0.3 * ticker.volatility * random.normal())).max(100.0);
    let close = (open * (1.0 + market + ticker.volatility * random.normal())).max(100.0);
    let above = 0.5 * ticker.volatility * random.unit();
    let below = 0.5 * ticker.volatility * random.unit();
    ticker.cents = close;
    let (open, close) = (open.round() as i64, close.round() as i64);
    let high = ((open.max(close) as f64) * (1.0 + above)).round() as i64;
    let low = ((open.min(close) as f64) * (1.0 - below)).round() as i64;
    let volume = (ticker.volume * (0.25 * random.normal()).exp()) as i64;
    let average = low + ((high - low) as f64 * (0.3 + 0.4 * random.unit())).round() as i64;
    Summary {
        symbol: ticker.symbol,
        open,
        high,
        low,
        close,
        volume,
        off_session_volume: (volume as f64 * 0.04 * random.unit()) as i64,
        trade_count: (volume / (90 + random.below(90) as i64)).max(1),
        average,
        close_nanos,
        last_trade_nanos: close_nanos + random.below(4 * 3_600_000_000_000) as i64,
    }
}

impl Summary {
    /// Appends the record of `EODPrices`.
    pub(super) fn write_prices(&self, out: &mut Vec<u8>) {
        self.write_common(self.volume, out);
        put_instant(self.close_nanos, out);
    }

    /// Appends the record of `EODTrades`.
    pub(super) fn write_trades(&self, out: &mut Vec<u8>) {
        self.write_common(self.volume + self.off_session_volume, out);
        write_integer(self.trade_count, out);
        out.push(b',');
        put_price(self.average, out);
        out.push(b',');
        put_instant(self.last_trade_nanos, out);
    }

    fn write_common(&self, volume: i64, out: &mut Vec<u8>) {
        put_text(self.symbol, out);
        for price in [self.open, self.high, self.low, self.close] {
            put_price(price, out);
            out.push(b',');
        }
        write_integer(volume, out);
        out.push(b',');
    }
}
