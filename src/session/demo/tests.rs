//! The demo's data is what it claims to be.

use super::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn tape(options: &DemoOptions) -> (String, String) {
    let (quotes, trades) = (Memory::default(), Memory::default());
    let rows = quotes_and_trades(options, Box::new(quotes.clone()), Box::new(trades.clone())).unwrap();
    let (quotes, trades) = (quotes.text(), trades.text());
    assert_eq!((quotes.lines().count() as u64 - 1, trades.lines().count() as u64 - 1), rows);
    (quotes, trades)
}

#[test]
fn a_day_of_quotes_and_trades() {
    let options = DemoOptions { scale: 0.005, ..Default::default() };
    let (quotes, trades) = tape(&options);
    assert_eq!(tape(&options), (quotes.clone(), trades.clone()), "the seed decides");
    assert_ne!(tape(&DemoOptions { seed: 1, ..options }).0, quotes);
    let (start, end) = market::session(QUOTES_DATE).unwrap();
    let mut last = start;
    let mut regular = 0;
    let mut symbols = std::collections::BTreeSet::new();
    for line in quotes.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 10, "{line}");
        let nanos = crate::base::date_time::parse_date_time(fields[2], None).unwrap();
        assert!(nanos >= last && nanos < end, "in order and within the day: {line}");
        last = nanos;
        regular += u32::from((start + 19_800_000_000_000..start + 43_200_000_000_000).contains(&nanos));
        let (bid, ask): (f64, f64) = (fields[3].parse().unwrap(), fields[5].parse().unwrap());
        assert!(bid > 0.0 && ask > bid && ask < bid * 1.2 + 1.0, "{line}");
        assert!(fields[4].parse::<i64>().unwrap() % 100 == 0, "round lots: {line}");
        symbols.insert(fields[0]);
    }
    assert!(f64::from(regular) > 0.85 * (quotes.lines().count() as f64), "most happens in the regular session");
    assert_eq!(symbols.len(), 40);
    assert!(["AAPL", "SPY", "VMW"].iter().all(|symbol| symbols.contains(symbol)));
    let conditions =
        trades.lines().skip(1).map(|line| line.split(',').nth(5).unwrap()).fold(HashMap::new(), |mut counts, c| {
            *counts.entry(c).or_insert(0u32) += 1;
            counts
        });
    assert!(conditions["@"] > conditions.values().sum::<u32>() / 2, "{conditions:?}");
    assert_eq!((conditions["@O"], conditions["@6"]), (40, 40), "one auction a symbol at open and close");
}

#[test]
fn days_of_closing_prices() {
    let files: Arc<Mutex<Vec<(String, Memory)>>> = Arc::default();
    let rows = end_of_day(&DemoOptions::default(), |table, date| {
        let memory = Memory::default();
        files.lock().unwrap().push((format!("{table} {date}"), memory.clone()));
        Ok(Box::new(memory))
    });
    let files = files.lock().unwrap();
    assert_eq!(files.len(), 2 * IMPORT_DATES.len());
    let tickers = files[0].1.text().lines().count() - 1;
    assert!(tickers > 250 && rows.unwrap() == (tickers * IMPORT_DATES.len()) as u64);
    for (name, file) in files.iter() {
        let text = file.text();
        let mut seen = std::collections::BTreeSet::new();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), if name.starts_with("EODPrices") { 7 } else { 9 }, "{name}: {line}");
            let prices: Vec<f64> = fields[1..5].iter().map(|field| field.parse().unwrap()).collect();
            let [open, high, low, close] = prices[..] else { unreachable!() };
            assert!(low > 0.0 && low <= open.min(close) && high >= open.max(close), "{name}: {line}");
            assert!(seen.insert(fields[0]), "{name}: {} twice", fields[0]);
        }
    }
}

#[test]
fn wrong_scales_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 21.0] {
        assert!(DemoOptions { scale, ..Default::default() }.check().is_err(), "{scale}");
    }
}
