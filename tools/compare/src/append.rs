//! T14: batches appended to an intraday location, and when a reader that has it open sees them.

use crate::Arguments;
use crate::day::{NAMESPACE, QUOTES};
use crate::report::{self, emit, latencies};
use pilaster::base::{ColumnDefinition, ColumnType, Error, Result};
use pilaster::io::clock::Stopwatch;
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::session::Database;
use pilaster::storage::ReadStats;
use pilaster::storage::intraday::{Durability, IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::location::LocationKey;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Rows of a batch, and how many batches.
const BATCHES: [(usize, usize); 3] = [(1, 300), (100, 300), (10_000, 40)];

/// Appends in every mode and size.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let names = QUOTES.map(|(name, _)| name);
    let source = Database::open(&arguments.store)?.i(NAMESPACE, "StockQuotes")?.read(&names, 0..400_000)?;
    let columns = QUOTES
        .iter()
        .map(|(name, column_type)| Ok(ColumnDefinition::new(*name, column_type.parse::<ColumnType>()?)))
        .collect::<Result<Vec<_>>>()?;
    for (mode, durability) in [("durable", Durability::Commit), ("buffered", Durability::None)] {
        for (batch, count) in BATCHES {
            let directory = arguments.store.join("a");
            report::fresh(&directory)?;
            let fs: Arc<dyn FileSystem> = RealFileSystem::open(&directory)?;
            let location = Path::new("location");
            let mut writer = IntradayWriter::open(fs.clone(), location, &columns, WriterOptions { durability })?;
            let key = LocationKey { column_partition: "day".into(), internal_partition: "bench".into() };
            let handle = IntradayHandle::new(fs, location.into(), key, Arc::new(ReadStats::default()));
            let (mut appends, mut seen, mut rows) = (Vec::new(), Vec::new(), 0);
            let mut reader = None;
            for number in 0..count {
                let chunks = slice(&source, number * batch, batch)?;
                let stopwatch = Stopwatch::start();
                writer.append(&chunks)?;
                writer.commit()?;
                appends.push(stopwatch.elapsed_seconds());
                rows += chunks[0].len() as u64;
                let current = match reader.take() {
                    None => handle.open_intraday()?,
                    Some(version) => refreshed(version)?,
                };
                let visible = pilaster::storage::Location::row_count(&*current);
                if visible != rows {
                    return Err(Error::invalid(format!("a reader saw {visible} rows of {rows}")));
                }
                seen.push(stopwatch.elapsed_seconds());
                reader = Some(current);
            }
            writer.close()?;
            let rate = rows as f64 / appends.iter().sum::<f64>();
            emit(
                &json!({"task": "T14", "mode": mode, "batch": batch, "append": latencies(appends), "visible": latencies(seen),
                "rows_s": rate, "note": "append + commit of a writer; a reader that has the location open refreshes"}),
            );
        }
    }
    Ok(())
}

type Reader = Arc<pilaster::storage::intraday::IntradayLocation>;

fn refreshed(reader: Reader) -> Result<Reader> {
    Ok(reader.refresh()?.unwrap_or(reader))
}

fn slice(columns: &[Chunk], first: usize, count: usize) -> Result<Vec<Chunk>> {
    let cut = |column: &Chunk| {
        let mut chunk = Chunk::new(column.column_type());
        let end = (first + count).min(column.len());
        chunk.append(column, first.min(end)..end)?;
        Ok(chunk)
    };
    columns.iter().map(cut).collect()
}
